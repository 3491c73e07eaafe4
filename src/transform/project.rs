//! `select` and `compute`: make columns.
//!
//! ```toml
//! [[transform]]
//! compute = ["amount * quantity AS total", "date_trunc('day', ordered_at) AS day"]
//!
//! [[transform]]
//! select = ["id", "total AS revenue", "upper(country) AS country"]
//! ```
//!
//! `select` makes records of exactly its items, `compute` adds them, or takes the place of columns of the same name. Of
//! the items of a `compute`, each sees the ones before it. An item without `AS` is named after its column, or else
//! by its own text. What is only chosen, ordered or renamed is copied byte by byte, and costs nothing.
//!
//! `*` stands for all columns: `* EXCLUDE (a, b)`, `* REPLACE (upper(a) AS a)`, `* RENAME (a AS b)`, in this order where
//! there are several. Of JSON records with whatever keys it stands for all of them.

use super::binder::{Binder, Bound, Projection, named_twice, read_by};
use super::{Action, Context, Stateless};
use crate::error::{Diagnostic, Sql};
use crate::expr::{self, Expression, Item};
use crate::record::{Batch, Layout, Slot};

#[derive(Debug)]
struct Project {
    /// What to compute, and the slot for each result.
    columns: Vec<(Slot, Expression)>,
}

/// Binds a `select`.
pub fn bind_select(items: &[Sql], binder: &mut Binder<'_>) -> Result<Bound, Vec<Diagnostic>> {
    let bound = expr::bind_items(items, &mut binder.scope("select"))?;
    let mut layout = Layout::closed(Vec::new());
    let mut project = Projection::default();
    let mut explicit: Vec<String> = Vec::new();
    let mut problems = Vec::new();
    for (item, sql) in bound.into_iter().zip(items) {
        match item {
            Item::Expression { name, expression } => {
                if explicit.contains(&name) {
                    problems.push(named_twice(sql, &name));
                }
                explicit.push(name.clone());
                project.add(&mut layout, name, expression, binder.slots);
            }
            Item::Star { exclude, replace, rename } => {
                let mut star = binder.layout.clone();
                for (name, expression) in replace {
                    project.add(&mut star, name, expression, binder.slots);
                }
                for name in &exclude {
                    binder.take_out(&mut star, name);
                }
                binder.rename(&mut star, &rename);
                for (index, field) in star.fields.iter().enumerate() {
                    if star.fields[..index].iter().any(|other| other.name == field.name) {
                        problems.push(named_twice(sql, &field.name));
                    }
                }
                layout.rest = star.rest;
                layout.left_out = star.left_out;
                layout.fields.extend(star.fields);
            }
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    binder.layout = layout;
    binder.keep_json_keys();
    Ok(finish(project))
}

/// Binds a `compute`.
pub fn bind_compute(items: &[Sql], binder: &mut Binder<'_>) -> Result<Bound, Vec<Diagnostic>> {
    let mut project = Projection::default();
    let mut problems = Vec::new();
    let mut names: Vec<String> = Vec::new();
    for sql in items {
        let one = std::slice::from_ref(sql);
        match expr::bind_items(one, &mut binder.scope("compute")) {
            Err(more) => problems.extend(more),
            Ok(bound) => {
                for item in bound {
                    let Item::Expression { name, expression } = item else {
                        let problem =
                            "`compute` keeps all columns by itself; `*` belongs to `select`";
                        let problem = Diagnostic::at(sql.whole(), problem);
                        problems.push(problem.with_hint("leave it out"));
                        continue;
                    };
                    if names.contains(&name) {
                        problems.push(named_twice(sql, &name));
                    }
                    names.push(name.clone());
                    project.add(&mut binder.layout, name, expression, binder.slots);
                }
            }
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    binder.keep_json_keys();
    Ok(finish(project))
}

fn finish(project: Projection) -> Bound {
    let computed: Vec<Slot> = project.columns.iter().map(|(slot, _)| *slot).collect();
    let mut reads = read_by(project.columns.iter().map(|(_, expression)| expression));
    reads.retain(|slot| !computed.contains(slot));
    Bound { reads, action: Action::stateless(Project { columns: project.columns }) }
}

impl Stateless for Project {
    /// Fills the slots; rows that are faulty in one column are rejected before the next is computed.
    fn apply(&self, context: Context<'_>, mut batch: Batch) -> Batch {
        for (slot, expression) in &self.columns {
            let column = expression.evaluate(&batch, &batch.selection);
            batch.reject_faults(context.step, &column.faults);
            batch.fill(*slot, column);
        }
        batch
    }
}
