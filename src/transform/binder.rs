//! Binding steps one after the other: what a step may name, and what the next one sees.

use super::Action;
use super::reference::Reference;
use super::settings::{TransformKind, TransformSettings};
use super::{
    Step, aggregate, assert, count, dedup, fill, filter, flatten, frequency, limit, lookup, offset,
    pivot, project, sample, sessionize, sort, split, top, tumble, unflatten, unnest, unpivot,
    window,
};
use crate::error::{Diagnostic, Sql};
use crate::expr::{self, Expression, Item, Scope};
use crate::record::{DataType, Field, JsonPath, Layout, Rest, Slot, SlotOrigin, Slots};
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
            TransformKind::Count(name) => count::bind(name, self)?,
            TransformKind::Frequency(settings) => frequency::bind(settings, self)?,
            TransformKind::Pivot(settings) => pivot::bind(settings, self)?,
            TransformKind::Offset(records) => offset::bind(*records),
            TransformKind::Unnest(settings) => unnest::bind(settings, self)?,
            TransformKind::Split(settings) => split::bind(settings, self)?,
            TransformKind::Unpivot(settings) => unpivot::bind(settings, self)?,
            TransformKind::Flatten(settings) => flatten::bind(settings, self)?,
            TransformKind::Unflatten(settings) => unflatten::bind(settings, self)?,
            TransformKind::Fill(settings) => fill::bind(settings, self)?,
            TransformKind::Sample(settings) => sample::bind(settings, self)?,
            TransformKind::Assert(settings) => assert::bind(settings, self)?,
            TransformKind::Sessionize(settings) => sessionize::bind(settings, self)?,
            TransformKind::Top(settings) => top::bind(settings, self)?,
            TransformKind::Tumble(settings) => tumble::bind(settings, self)?,
            TransformKind::Window(settings) => window::bind(settings, self)?,
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

    /// Takes a field or key out of a layout of this plan.
    pub fn take_out(&mut self, layout: &mut Layout, name: &str) {
        if layout.is_open() {
            self.slots.json_path(&JsonPath::key(name));
        }
        let is_meant = |field: &Field| field.name.eq_ignore_ascii_case(name);
        let exact = layout.fields.iter().any(|field| field.name == name);
        let known = layout.fields.iter().find(|field| !exact && is_meant(field));
        let name = known.map_or(name.to_owned(), |field| field.name.clone());
        layout.leave_out(&name);
    }

    /// Gives fields or keys of a layout of this plan other names, all at once: from, to.
    pub fn rename(&mut self, layout: &mut Layout, renames: &[(String, String)]) {
        let is_open = layout.is_open();
        let place_of = |(from, _): &(String, String)| {
            layout.fields.iter().position(|field| field.name == *from)
        };
        let places: Vec<Option<usize>> = renames.iter().map(place_of).collect();
        for ((from, to), place) in renames.iter().zip(places) {
            let slot = is_open.then(|| self.slots.json_path(&JsonPath::key(from)));
            match (place, slot) {
                (Some(place), _) => to.clone_into(&mut layout.fields[place].name),
                (None, Some(slot)) => {
                    let data_type = self.slots.info(slot).data_type;
                    layout.fields.push(Field { name: to.clone(), data_type, slot });
                }
                (None, None) => {}
            }
            if is_open {
                layout.left_out.push(from.clone());
            }
        }
    }

    /// Binds the name of a column that a step is to work on.
    pub fn column(&mut self, sql: &Sql, step: &str) -> Result<Target, Vec<Diagnostic>> {
        let item = expr::bind_items(std::slice::from_ref(sql), &mut self.scope(step))?.pop();
        let Some(Item::Expression { name, expression }) = item else {
            let problem = Diagnostic::at(sql.whole(), format!("{step} needs the name of a column"));
            return Err(vec![problem]);
        };
        let is_field = self.layout.fields.iter().any(|field| field.name == name);
        let is_column = match expression.as_slot().map(|slot| self.slots.info(slot).origin) {
            None => false,
            Some(SlotOrigin::JsonPath(path)) => is_field || self.slots.paths[path].0.len() == 1,
            Some(SlotOrigin::CsvField(_) | SlotOrigin::Computed) => is_field,
        };
        if is_column {
            return Ok(Target { name, expression });
        }
        let text = sql.text.trim();
        let message = format!("{step} needs the name of a column, and `{text}` is none");
        let problem = Diagnostic::at(sql.whole(), message)
            .with_hint(format!("make it one before: `compute = [\"{text} AS name\"]`"));
        Err(vec![problem])
    }

    /// Adds a column that the step fills, in the place of one of the same name.
    pub fn put(&mut self, name: &str, data_type: DataType) -> Slot {
        let slot = self.slots.add(name, data_type, SlotOrigin::Computed);
        match self.layout.fields.iter_mut().find(|field| field.name == name) {
            Some(field) => (field.data_type, field.slot) = (data_type, slot),
            None => self.layout.fields.push(Field { name: name.to_owned(), data_type, slot }),
        }
        self.keep_json_keys();
        slot
    }

    /// Adds a column that a step makes by itself, under the name that the job gives it.
    pub fn new_column(&mut self, name: &Sql, data_type: DataType) -> Result<Slot, Vec<Diagnostic>> {
        if self.layout.fields.iter().any(|field| field.name == name.text) {
            let problem = format!("there is already a column `{}`", name.text);
            return Err(vec![
                Diagnostic::at(name.whole(), problem).with_hint("choose another name"),
            ]);
        }
        let slot = self.slots.add(&name.text, data_type, SlotOrigin::Computed);
        self.layout.fields.push(Field { name: name.text.clone(), data_type, slot });
        self.keep_json_keys();
        Ok(slot)
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

/// A column that a step works on.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its name, as it is in the records.
    pub name: String,
    /// Its values.
    pub expression: Expression,
}

/// Complains about every name that another one of the list has, too.
pub fn check_names(names: &[&Sql]) -> Result<(), Vec<Diagnostic>> {
    let twin = |(index, name): (usize, &&Sql)| {
        let is_twin = names[..index].iter().any(|other| other.text == name.text);
        let message = format!("two columns are named `{}`", name.text);
        is_twin.then(|| Diagnostic::at(name.whole(), message).with_hint("give each its own name"))
    };
    let problems: Vec<Diagnostic> = names.iter().enumerate().filter_map(twin).collect();
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// All values, or else the problems of all of them.
pub fn all<T>(
    results: impl IntoIterator<Item = Result<T, Vec<Diagnostic>>>,
) -> Result<Vec<T>, Vec<Diagnostic>> {
    let (mut values, mut problems) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(value) => values.push(value),
            Err(more) => problems.extend(more),
        }
    }
    if problems.is_empty() { Ok(values) } else { Err(problems) }
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
