//! `aggregate`: one record per group, in the order in which the groups were first seen.
//!
//! ```toml
//! [[transform]]
//! aggregate = { by = ["day", "country"], select = ["count(*) AS orders", "sum(total) AS revenue"] }
//! ```
//!
//! Without `by` everything is one group, and there is one record even for an empty input. The records come when the
//! input has ended. A worker makes the groups of its chunk, the ordered stage merges them.

use super::binder::{Binder, Bound, Projection, named_twice, read_by};
use super::{Action, Advanced, Context, Drained, Stateful};
use crate::error::{Diagnostic, Result, Sql};
use crate::expr::{self, AggregateCall, AggregateFunction, Expression, KeyColumn};
use crate::record::{Batch, Column, DataType, Field, Layout, RawRecords, Slot};
use crate::state::{Accumulator, AccumulatorKind, KeyTable, Keys, Reader, Unreadable, Writer, key};
use std::sync::Arc;

/// An `aggregate` as the job file describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Group expressions; none for one group of everything.
    pub by: Vec<Sql>,
    /// Select-list items made of aggregate calls.
    pub select: Vec<Sql>,
}

#[derive(Debug)]
struct Aggregate {
    /// The group keys.
    keys: Vec<KeyColumn>,
    /// The aggregate calls.
    calls: Vec<AggregateCall>,
    /// What is computed of keys and results for each group, and the slot for it.
    outputs: Vec<(Slot, Expression)>,
}

/// Groups with what the calls remember of them.
#[derive(Debug)]
pub struct Groups {
    /// The groups' keys, in the order in which they were first seen.
    pub keys: KeyTable,
    /// One for each call.
    pub accumulators: Vec<Accumulator>,
    /// How many groups were already passed on.
    pub drained: usize,
}

/// Binds an `aggregate`.
pub fn bind(settings: &Settings, binder: &mut Binder<'_>) -> Result<Bound, Vec<Diagnostic>> {
    let Settings { by, select } = settings;
    let bound = expr::bind_aggregate(by, select, &mut binder.scope("aggregate"))?;
    let read = bound.keys.iter().map(|key| &key.expression);
    let reads = read_by(read.chain(bound.calls.iter().filter_map(|call| call.argument.as_ref())));
    let mut layout = Layout::closed(Vec::new());
    for key in &bound.keys {
        let data_type = key.expression.data_type();
        layout.fields.push(Field { name: key.name.clone(), data_type, slot: key.slot });
    }
    let mut project = Projection::default();
    for ((name, expression), sql) in bound.outputs.into_iter().zip(select) {
        if layout.fields.iter().any(|field| field.name == name) {
            return Err(vec![named_twice(sql, &name)]);
        }
        project.add(&mut layout, name, expression, binder.slots);
    }
    binder.layout = layout;
    let (keys, calls, outputs) = (bound.keys, bound.calls, project.columns);
    Ok(Bound { reads, action: Action::stateful(Aggregate { keys, calls, outputs }) })
}

impl Stateful for Aggregate {
    type State = Groups;
    /// The batch's own groups.
    type Prepared = Groups;
    const VERSION: u32 = 1;

    /// No groups; the one group of everything is there from the start.
    fn new_state(&self) -> Groups {
        self.new_groups()
    }

    fn prepare(&self, context: Context<'_>, batch: &mut Batch) -> Groups {
        self.groups_of(context.step, batch)
    }

    fn advance(
        &self,
        _context: Context<'_>,
        groups: &mut Groups,
        batch: &mut Batch,
        of_batch: Groups,
    ) -> Result<Advanced> {
        groups.merge(&of_batch);
        batch.selection.clear();
        Ok(Advanced::default())
    }

    fn drain(
        &self,
        context: Context<'_>,
        groups: &mut Groups,
        rows_max: usize,
    ) -> Result<Option<Batch>> {
        Ok(self.next_groups(context, groups, rows_max))
    }

    fn drained(&self, groups: &Groups) -> Drained {
        Drained(vec![groups.drained as u64])
    }

    fn set_drained(&self, groups: &mut Groups, drained: &Drained) {
        if let [count] = *drained.0 {
            groups.drained = usize::try_from(count).unwrap_or(usize::MAX).min(groups.keys.len());
        }
    }

    fn write(&self, _context: Context<'_>, groups: &mut Groups, out: &mut Writer) -> Result<()> {
        groups.keys.write(out);
        out.count(groups.drained);
        groups.accumulators.iter().for_each(|one| one.write(out));
        Ok(())
    }

    fn read(&self, _context: Context<'_>, reader: &mut Reader<'_>) -> Result<Groups, Unreadable> {
        let mut groups = self.new_groups();
        groups.keys = KeyTable::read(reader)?;
        let count = groups.keys.len();
        groups.drained = usize::try_from(reader.u64("numbers")?)
            .ok()
            .filter(|drained| *drained <= count)
            .ok_or(Unreadable { what: "numbers" })?;
        for accumulator in &mut groups.accumulators {
            Accumulator::read(accumulator, reader, count)?;
        }
        Ok(groups)
    }
}

impl Aggregate {
    fn new_groups(&self) -> Groups {
        let kinds = self.calls.iter().map(kind_of);
        let accumulators = kinds.map(Accumulator::new).collect();
        let mut groups = Groups { keys: KeyTable::default(), accumulators, drained: 0 };
        if self.keys.is_empty() {
            groups.keys.insert(key::hash(b""), b"");
            groups.accumulators.iter_mut().for_each(|one| one.grow(1));
        }
        groups
    }

    /// The groups of the selected rows of a batch; faulty rows are rejected and count nowhere.
    fn groups_of(&self, step: &str, batch: &mut Batch) -> Groups {
        let keys = self.keys.iter().map(|key| &key.expression);
        let keys = evaluate_all(keys, step, batch);
        let arguments = self.calls.iter().filter_map(|call| call.argument.as_ref());
        let mut arguments = evaluate_all(arguments, step, batch).into_iter();

        let rows = &batch.selection;
        let mut groups = self.new_groups();
        let group_of_row: Vec<u32> = if keys.is_empty() {
            vec![0; rows.len()]
        } else {
            let keys = Keys::of_columns(&keys, rows);
            keys.iter().map(|(hash, key)| groups.keys.insert(hash, key).id()).collect()
        };
        for (call, accumulator) in self.calls.iter().zip(&mut groups.accumulators) {
            let column = call.argument.as_ref().and_then(|_| arguments.next());
            accumulator.grow(groups.keys.len());
            accumulator.update(&group_of_row, rows, column.as_deref());
        }
        groups
    }

    /// The next groups as records.
    fn next_groups(
        &self,
        context: Context<'_>,
        groups: &mut Groups,
        rows_max: usize,
    ) -> Option<Batch> {
        let rows = rows_max.min(groups.keys.len() - groups.drained);
        if rows == 0 {
            return None;
        }
        let range = groups.drained..groups.drained + rows;
        groups.drained = range.end;
        let mut batch = Batch::drained(RawRecords::None, rows, context.tools.slots());
        for (key, column) in self.keys.iter().zip(self.key_columns(groups, range.clone())) {
            batch.fill(key.slot, Arc::new(column));
        }
        for (call, accumulator) in self.calls.iter().zip(&groups.accumulators) {
            let column = accumulator.finish(kind_of(call), range.clone(), call.data_type);
            batch.fill(call.slot, Arc::new(column));
        }
        for (slot, expression) in &self.outputs {
            let column = expression.evaluate(&batch, &batch.selection);
            batch.reject_faults(context.step, &column.faults);
            batch.fill(*slot, column);
        }
        Some(batch)
    }

    fn key_columns(&self, groups: &Groups, range: std::ops::Range<usize>) -> Vec<Column> {
        let types: Vec<DataType> = self.keys.iter().map(|key| key.expression.data_type()).collect();
        let id = |group: usize| u32::try_from(group).expect("ids have 32 bits");
        let keys: Vec<&[u8]> = range.map(|group| groups.keys.key(id(group))).collect();
        key::columns_of(&types, keys.into_iter()).expect("keys were made of these types")
    }
}

impl Groups {
    /// Takes in the groups of the next batch.
    pub fn merge(&mut self, other: &Groups) {
        let ids: Vec<u32> = (0..other.keys.len())
            .map(|id| {
                let (hash, key) = other.keys.entry(id);
                self.keys.insert(hash, key).id()
            })
            .collect();
        for (mine, others) in self.accumulators.iter_mut().zip(&other.accumulators) {
            mine.grow(self.keys.len());
            mine.merge(&ids, others);
        }
    }
}

/// Evaluates expressions over a batch; rows that are faulty in one are rejected before the next is evaluated.
pub fn evaluate_all<'a>(
    expressions: impl IntoIterator<Item = &'a Expression>,
    step: &str,
    batch: &mut Batch,
) -> Vec<Arc<Column>> {
    let mut columns = Vec::new();
    for expression in expressions {
        let column = expression.evaluate(batch, &batch.selection);
        batch.reject_faults(step, &column.faults);
        columns.push(column);
    }
    columns
}

fn kind_of(call: &AggregateCall) -> AccumulatorKind {
    let argument = call.argument.as_ref().map_or(DataType::Bigint, Expression::data_type);
    match call.function {
        AggregateFunction::CountAll => AccumulatorKind::CountAll,
        AggregateFunction::Count => AccumulatorKind::Count,
        AggregateFunction::Sum => AccumulatorKind::Sum(argument),
        AggregateFunction::Avg => AccumulatorKind::Average(argument),
        AggregateFunction::Min => AccumulatorKind::Min(argument),
        AggregateFunction::Max => AccumulatorKind::Max(argument),
    }
}
