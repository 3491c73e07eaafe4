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
//! Both fill slots; which slots make up a record afterwards is written in the layout, so that choosing, ordering and
//! renaming plain columns cost nothing at run time. Of the items of a `compute`, each sees the ones before it.

use super::binder::{Binder, Bound, Projection, named_twice, read_by};
use super::{Action, Context, Stateless};
use crate::error::{Diagnostic, Sql};
use crate::expr::{self, Expression, Item};
use crate::record::{Batch, Layout, Rest, Slot};

#[derive(Debug)]
struct Project {
    /// What to compute, and the slot for each result.
    columns: Vec<(Slot, Expression)>,
}

/// Binds a `select`.
pub fn bind_select(items: &[Sql], binder: &mut Binder<'_>) -> Result<Bound, Vec<Diagnostic>> {
    let bound = expr::bind_items(items, &mut binder.scope("select"))?;
    let mut layout = Layout { fields: Vec::new(), rest: Rest::Closed };
    let mut project = Projection::default();
    let mut explicit: Vec<String> = Vec::new();
    for (item, sql) in bound.into_iter().zip(items) {
        match item {
            Item::Expression { name, expression } => {
                if explicit.contains(&name) {
                    return Err(vec![named_twice(sql, &name)]);
                }
                explicit.push(name.clone());
                project.add(&mut layout, name, expression, binder.slots);
            }
            Item::Star { exclude, replace } => {
                layout.rest = binder.layout.rest;
                if binder.layout.rest == Rest::Json && !exclude.is_empty() {
                    return Err(vec![excluded_from_json(sql)]);
                }
                for field in &binder.layout.fields {
                    if !exclude.iter().any(|name| name.eq_ignore_ascii_case(&field.name)) {
                        layout.fields.push(field.clone());
                    }
                }
                for (name, expression) in replace {
                    project.add(&mut layout, name, expression, binder.slots);
                }
            }
        }
    }
    binder.layout = layout;
    binder.keep_json_keys();
    Ok(finish(project))
}

/// Binds a `compute`.
pub fn bind_compute(items: &[Sql], binder: &mut Binder<'_>) -> Result<Bound, Vec<Diagnostic>> {
    let mut project = Projection::default();
    let mut problems = Vec::new();
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

fn excluded_from_json(sql: &Sql) -> Diagnostic {
    let problem = "`* EXCLUDE` needs to know the columns, and JSON records may have any";
    Diagnostic::at(sql.whole(), problem).with_hint("list the fields that shall be there")
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
