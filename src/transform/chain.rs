//! The whole chain: binding it to the columns of the input, and running batches through it.

use super::aggregate::Aggregate;
use super::dedup::{Dedup, Key};
use super::filter::Filter;
use super::limit::Limit;
use super::project::Project;
use super::settings::{TransformKind, TransformSettings};
use super::{Action, Flow, Prepared, State, Step};
use crate::error::{Diagnostic, Sql};
use crate::expr::{self, Expression, Item, Scope};
use crate::record::{Batch, Field, JsonPath, Layout, Rest, Slot, SlotOrigin, Slots};

/// The bound steps in order.
#[derive(Debug)]
pub struct Chain {
    /// The steps.
    pub steps: Vec<Step>,
    /// What a record looks like behind the last step.
    pub layout: Layout,
}

/// A batch that waits for its turn at a stateful step.
#[derive(Debug)]
pub struct Staged {
    /// The batch as far as it came.
    pub batch: Batch,
    /// The step that it waits for.
    pub step: usize,
    /// What that step has prepared.
    pub prepared: Prepared,
}

/// Decodes slots of a batch; passed in, because decoding is not this module's business.
pub type Fill<'a> = &'a dyn Fn(&mut Batch, &[Slot]);

impl Chain {
    /// Binds all steps; all problems of all steps are returned together, as far as a step behind a broken one
    /// can be bound at all.
    pub fn bind(
        settings: &[TransformSettings],
        layout: Layout,
        slots: &mut Slots,
        now_micros: i64,
    ) -> Result<Chain, Vec<Diagnostic>> {
        let mut binder = Binder { layout, slots, now_micros };
        let mut steps = Vec::new();
        let mut problems = Vec::new();
        for one in settings {
            match binder.step(one) {
                Ok(step) => steps.push(step),
                Err(more) => {
                    problems.extend(more);
                    if one.kind.makes_columns() {
                        // What follows would be measured against the wrong columns.
                        break;
                    }
                }
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Chain { steps, layout: binder.layout })
    }

    /// New states, one per step; `None` for stateless ones.
    pub fn new_states(&self) -> Vec<Option<State>> {
        self.steps.iter().map(Step::new_state).collect()
    }

    /// Whether no further record can change anything, known from the states alone.
    pub fn is_full(&self, states: &[Option<State>]) -> bool {
        self.steps
            .iter()
            .zip(states)
            .any(|(step, state)| state.as_ref().is_some_and(|state| step.is_full(state)))
    }

    /// Runs a batch from step `from` up to the first stateful step, in any thread. A batch that waits there
    /// comes back as `Err`.
    pub fn run_stateless(
        &self,
        mut batch: Batch,
        from: usize,
        fill: Fill<'_>,
    ) -> Result<Batch, Box<Staged>> {
        for (index, step) in self.steps.iter().enumerate().skip(from) {
            // Behind an aggregate the columns of a later step are not there; nothing is left that would need them.
            if batch.selection.is_empty() {
                break;
            }
            fill(&mut batch, &step.reads);
            if step.is_stateful() {
                let prepared = step.prepare(&mut batch);
                return Err(Box::new(Staged { batch, step: index, prepared }));
            }
            step.apply(&mut batch);
        }
        Ok(batch)
    }

    /// Runs a staged batch through the rest of the chain, in input order.
    pub fn run_ordered(
        &self,
        mut staged: Staged,
        states: &mut [Option<State>],
        fill: Fill<'_>,
    ) -> (Batch, Flow) {
        let mut flow = Flow::Open;
        loop {
            let Staged { mut batch, step, prepared } = staged;
            let state = states[step].as_mut().expect("stateful steps have a state");
            if let full @ Flow::Full { .. } = self.steps[step].advance(state, &mut batch, prepared)
            {
                flow = full;
            }
            match self.run_stateless(batch, step + 1, fill) {
                Ok(batch) => return (batch, flow),
                Err(next) => staged = *next,
            }
        }
    }

    /// How much of its state each step has drained.
    pub fn drained(&self, states: &[Option<State>]) -> Vec<usize> {
        states.iter().map(|state| state.as_ref().map_or(0, State::drained)).collect()
    }

    /// Undoes the last [`Chain::drain`], if nothing behind the drained step remembers it; `before` is what
    /// [`Chain::drained`] said then.
    pub fn put_back(&self, states: &mut [Option<State>], before: &[usize]) -> bool {
        let has_moved =
            |index: &usize| states[*index].as_ref().map_or(0, State::drained) != before[*index];
        let Some(index) = (0..states.len()).find(has_moved) else { return true };
        if self.steps[index + 1..].iter().any(Step::is_stateful) {
            return false;
        }
        if let Some(state) = &mut states[index] {
            state.set_drained(before[index]);
        }
        true
    }

    /// After the last record: the next batch that some step made of its state, run through the steps behind it.
    pub fn drain(
        &self,
        states: &mut [Option<State>],
        slots: usize,
        rows_max: usize,
        fill: Fill<'_>,
    ) -> Option<(Batch, Flow)> {
        for index in 0..self.steps.len() {
            let Some(state) = states[index].as_mut() else {
                continue;
            };
            if let Some(batch) = self.steps[index].drain(state, slots, rows_max) {
                return Some(match self.run_stateless(batch, index + 1, fill) {
                    Ok(batch) => (batch, Flow::Open),
                    Err(staged) => self.run_ordered(*staged, states, fill),
                });
            }
        }
        None
    }
}

/// Binds one step after the other; `layout` is what the next one sees.
struct Binder<'a> {
    layout: Layout,
    slots: &'a mut Slots,
    now_micros: i64,
}

impl Binder<'_> {
    fn step(&mut self, settings: &TransformSettings) -> Result<Step, Vec<Diagnostic>> {
        let (reads, action) = match &settings.kind {
            TransformKind::Filter(sql) => {
                let predicate = expr::bind_predicate(sql, &mut self.scope("filter"))?;
                (predicate.reads(), Action::Filter(Filter { predicate }))
            }
            TransformKind::Select(items) => self.select(items)?,
            TransformKind::Compute(items) => self.compute(items)?,
            TransformKind::Limit(records) => {
                (Vec::new(), Action::Limit(Limit { records: *records }))
            }
            TransformKind::Dedup { key } => self.dedup(key)?,
            TransformKind::Aggregate { by, select } => self.aggregate(by, select)?,
        };
        Ok(Step { name: settings.name.clone(), reads, action })
    }

    fn scope<'s>(&'s mut self, context: &'s str) -> Scope<'s> {
        Scope { layout: &self.layout, slots: self.slots, now_micros: self.now_micros, context }
    }

    fn select(&mut self, items: &[Sql]) -> Result<(Vec<Slot>, Action), Vec<Diagnostic>> {
        let bound = expr::bind_items(items, &mut self.scope("select"))?;
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
                    project.add(&mut layout, name, expression, self.slots);
                }
                Item::Star { exclude, replace } => {
                    layout.rest = self.layout.rest;
                    if self.layout.rest == Rest::Json && !exclude.is_empty() {
                        return Err(vec![excluded_from_json(sql)]);
                    }
                    for field in &self.layout.fields {
                        if !exclude.iter().any(|name| name.eq_ignore_ascii_case(&field.name)) {
                            layout.fields.push(field.clone());
                        }
                    }
                    for (name, expression) in replace {
                        project.add(&mut layout, name, expression, self.slots);
                    }
                }
            }
        }
        self.layout = layout;
        self.keep_json_keys();
        Ok(project.finish())
    }

    fn compute(&mut self, items: &[Sql]) -> Result<(Vec<Slot>, Action), Vec<Diagnostic>> {
        let mut project = Projection::default();
        let mut problems = Vec::new();
        for sql in items {
            let one = std::slice::from_ref(sql);
            match expr::bind_items(one, &mut self.scope("compute")) {
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
                        project.add(&mut self.layout, name, expression, self.slots);
                    }
                }
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        self.keep_json_keys();
        Ok(project.finish())
    }

    /// A field beside the rest of a JSON record takes the place of the key of its name: the key is looked up.
    fn keep_json_keys(&mut self) {
        if self.layout.rest == Rest::Json {
            for field in &self.layout.fields {
                self.slots.json_path(&JsonPath::key(field.name.clone()));
            }
        }
    }

    fn dedup(&mut self, key: &[Sql]) -> Result<(Vec<Slot>, Action), Vec<Diagnostic>> {
        if key.is_empty() && self.layout.rest == Rest::Json && self.layout.fields.is_empty() {
            return Ok((Vec::new(), Action::Dedup(Dedup { key: Key::RawRecord })));
        }
        let expressions = if key.is_empty() {
            let column = |field: &Field| Expression::column(field.slot, field.data_type);
            self.layout.fields.iter().map(column).collect()
        } else {
            let mut expressions = Vec::new();
            let mut problems = Vec::new();
            for sql in key {
                match expr::bind_scalar(sql, &mut self.scope("dedup")) {
                    Ok(expression) => expressions.push(expression),
                    Err(more) => problems.extend(more),
                }
            }
            if !problems.is_empty() {
                return Err(problems);
            }
            expressions
        };
        let reads = read_by(&expressions);
        Ok((reads, Action::Dedup(Dedup { key: Key::Columns(expressions) })))
    }

    fn aggregate(
        &mut self,
        by: &[Sql],
        select: &[Sql],
    ) -> Result<(Vec<Slot>, Action), Vec<Diagnostic>> {
        let bound = expr::bind_aggregate(by, select, &mut self.scope("aggregate"))?;
        let read = bound.keys.iter().map(|key| &key.expression);
        let reads =
            read_by(read.chain(bound.calls.iter().filter_map(|call| call.argument.as_ref())));
        let mut layout = Layout { fields: Vec::new(), rest: Rest::Closed };
        for key in &bound.keys {
            let data_type = key.expression.data_type();
            layout.fields.push(Field { name: key.name.clone(), data_type, slot: key.slot });
        }
        let mut project = Projection::default();
        for ((name, expression), sql) in bound.outputs.into_iter().zip(select) {
            if layout.fields.iter().any(|field| field.name == name) {
                return Err(vec![named_twice(sql, &name)]);
            }
            project.add(&mut layout, name, expression, self.slots);
        }
        self.layout = layout;
        let (keys, calls, outputs) = (bound.keys, bound.calls, project.columns);
        Ok((reads, Action::Aggregate(Aggregate { keys, calls, outputs })))
    }
}

fn excluded_from_json(sql: &Sql) -> Diagnostic {
    let problem = "`* EXCLUDE` needs to know the columns, and JSON records may have any";
    Diagnostic::at(sql.whole(), problem).with_hint("list the fields that shall be there")
}

fn named_twice(sql: &Sql, name: &str) -> Diagnostic {
    Diagnostic::at(sql.whole(), format!("two columns are named `{name}`"))
        .with_hint(format!("give one of them another name: `... AS {name}_2`"))
}

/// Collects what a step computes while its layout is being made.
#[derive(Default)]
struct Projection {
    columns: Vec<(Slot, Expression)>,
}

impl Projection {
    /// Adds a field to a layout, in the place of one of the same name; a plain column keeps its slot.
    fn add(
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

    fn finish(self) -> (Vec<Slot>, Action) {
        let computed: Vec<Slot> = self.columns.iter().map(|(slot, _)| *slot).collect();
        let mut reads = read_by(self.columns.iter().map(|(_, expression)| expression));
        reads.retain(|slot| !computed.contains(slot));
        (reads, Action::Project(Project { columns: self.columns }))
    }
}

fn read_by<'a>(expressions: impl IntoIterator<Item = &'a Expression>) -> Vec<Slot> {
    let mut reads: Vec<Slot> = expressions.into_iter().flat_map(Expression::reads).collect();
    reads.sort_unstable();
    reads.dedup();
    reads
}
