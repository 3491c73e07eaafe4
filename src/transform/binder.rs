//! Binding steps one after the other: what a step may name, and what the next one sees.

use super::Action;
use super::reference::Reference;
use super::settings::{TransformKind, TransformSettings};
use super::{Step, aggregate, dedup, filter, limit, lookup, project, sort};
use crate::error::{Diagnostic, Sql};
use crate::expr::{self, Expression, Scope};
use crate::record::{Field, JsonPath, Layout, Rest, Slot, SlotOrigin, Slots};
use std::sync::Arc;

/// What a step is given to bind its expressions, and what it changes for the next one.
pub struct Binder<'a> {
    /// What a record looks like.
    pub layout: Layout,
    /// All slots of the plan.
    pub slots: &'a mut Slots,
    /// What `now()` is.
    pub now_micros: i64,
    /// The files that steps look things up in, by their number.
    pub references: &'a [Arc<dyn Reference>],
}

/// A bound step, as far as its kind knows it.
#[derive(Debug)]
pub struct Bound {
    /// The slots that must be decoded before it runs.
    pub reads: Vec<Slot>,
    /// What it does.
    pub action: Action,
}

impl Binder<'_> {
    /// Binds a step; the layout is then what the next one sees.
    pub fn step(&mut self, settings: &TransformSettings) -> Result<Step, Vec<Diagnostic>> {
        let bound = match &settings.kind {
            TransformKind::Filter(sql) => filter::bind(sql, self)?,
            TransformKind::Select(items) => project::bind_select(items, self)?,
            TransformKind::Compute(items) => project::bind_compute(items, self)?,
            TransformKind::Limit(records) => limit::bind(*records),
            TransformKind::Dedup(settings) => dedup::bind(settings, self)?,
            TransformKind::Aggregate(settings) => aggregate::bind(settings, self)?,
            TransformKind::Sort(settings) => sort::bind(settings, self)?,
            TransformKind::Lookup(settings) => lookup::bind(settings, self)?,
        };
        let (name, kind) = (settings.name.clone(), settings.kind.word());
        Ok(Step { name, kind, reads: bound.reads, action: bound.action })
    }

    /// What the names of an expression can mean here; `context` is the step for messages.
    pub fn scope<'s>(&'s mut self, context: &'s str) -> Scope<'s> {
        Scope { layout: &self.layout, slots: self.slots, now_micros: self.now_micros, context }
    }

    /// Binds expressions; the problems of all of them are told.
    pub fn scalars(
        &mut self,
        sqls: &[Sql],
        context: &str,
    ) -> Result<Vec<Expression>, Vec<Diagnostic>> {
        let mut expressions = Vec::new();
        let mut problems = Vec::new();
        for sql in sqls {
            match expr::bind_scalar(sql, &mut self.scope(context)) {
                Ok(expression) => expressions.push(expression),
                Err(more) => problems.extend(more),
            }
        }
        if problems.is_empty() { Ok(expressions) } else { Err(problems) }
    }

    /// A field beside the rest of a JSON record takes the place of the key of its name: the key is looked up.
    pub fn keep_json_keys(&mut self) {
        if self.layout.rest == Rest::Json {
            for field in &self.layout.fields {
                self.slots.json_path(&JsonPath::key(field.name.clone()));
            }
        }
    }
}

/// Two columns of one name.
pub fn named_twice(sql: &Sql, name: &str) -> Diagnostic {
    Diagnostic::at(sql.whole(), format!("two columns are named `{name}`"))
        .with_hint(format!("give one of them another name: `... AS {name}_2`"))
}

/// Collects what a step computes while its layout is being made.
#[derive(Default)]
pub struct Projection {
    /// What to compute, and the slot for each result.
    pub columns: Vec<(Slot, Expression)>,
}

impl Projection {
    /// Adds a field to a layout, in the place of one of the same name; a plain column keeps its slot.
    pub fn add(
        &mut self,
        layout: &mut Layout,
        name: String,
        expression: Expression,
        slots: &mut Slots,
    ) {
        let data_type = expression.data_type();
        let slot = expression.as_slot().unwrap_or_else(|| {
            let slot = slots.add(&name, data_type, SlotOrigin::Computed);
            self.columns.push((slot, expression));
            slot
        });
        let known = layout.find(&name).map(|field| field.name.clone());
        match layout.fields.iter_mut().find(|field| Some(&field.name) == known.as_ref()) {
            Some(field) => (field.data_type, field.slot) = (data_type, slot),
            None => layout.fields.push(Field { name, data_type, slot }),
        }
    }
}

/// The slots that some expressions read, sorted, each once.
pub fn read_by<'a>(expressions: impl IntoIterator<Item = &'a Expression>) -> Vec<Slot> {
    let mut reads: Vec<Slot> = expressions.into_iter().flat_map(Expression::reads).collect();
    reads.sort_unstable();
    reads.dedup();
    reads
}
