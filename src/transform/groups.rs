//! Groups of records and what aggregate calls remember of them: what `aggregate`, `pivot` and `frequency` share.
//!
//! A worker makes the groups of its batch, the ordered stage merges them in input order, and at the end they are
//! given out some at a time, in the order in which they were first seen or in another one.

mod adopt;

mod apart;

mod behind;

mod blocks;

mod call;

mod large;

mod merged;

pub use large::LargeGroups;

use self::behind::{Accumulators, Rows};
use self::call::Call;
use super::shown::{self, Shown};
use super::{Frozen, Snapshot};
use crate::error::Result;
use crate::expr::{AggregateCall, Expression, KeyColumn};
use crate::record::aggregation::SortKey;
use crate::record::{Batch, Column, DataType, Faults, RawRecords, Slot};
use crate::state::{
    Accumulator, Changes, KeyTable, Keys, Pages, Part as Changed, Reader, Shared, Unreadable,
    Writer, compare, few_keys, key,
};
use std::cmp::Reverse;
use std::ops::Range;
use std::sync::Arc;

/// Groups are given out in batches of about so many bytes of lists and texts.
const BATCH_BYTES: usize = 64 << 20;

/// Fewer keys than this are all looked at to see whether they repeat.
const SAMPLE: usize = 1024;

/// Of more keys those are looked at whose hashes have none of these bits: with each of them all that are the same.
const HASH_ENDS: u32 = 31;

/// In which order groups are given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GroupOrder {
    /// As their first records came.
    #[default]
    FirstSeen,
    /// Sorted by their keys, NULLs last.
    Key,
    /// By what the first call counted, the greatest first; of equal ones the one that was seen first.
    Count,
}

/// Which groups are given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Giving {
    /// In which order.
    pub order: GroupOrder,
    /// How many at most.
    pub limit: Option<u64>,
}

/// How records are grouped, and what is computed of each group.
#[derive(Debug)]
pub struct Grouping {
    keys: Vec<KeyColumn>,
    calls: Arc<[Call]>,
    /// What people know the results of the calls by.
    names: Vec<String>,
    /// Which records count, for those calls that say so; no two alike.
    filters: Vec<Expression>,
    /// What is computed of each record that a filter (or none) lets through; no two alike.
    inputs: Vec<(Option<usize>, Expression)>,
    /// The same, of groups whose values are elsewhere; see `apart.rs`.
    without_values: Option<Box<Grouping>>,
}

/// All that is read of the records of a batch.
#[derive(Debug)]
pub struct Inputs {
    keys: Vec<Arc<Column>>,
    filters: Vec<Arc<Column>>,
    inputs: Vec<Arc<Column>>,
}

/// What is made of some records ahead of their turn; what becomes of the groups is the same.
#[derive(Debug)]
pub enum Part {
    /// Their groups, with what the calls remember of these records.
    Groups(Groups),
    /// The records as they are: nearly each has a key of its own, so that groups would be as many.
    Rows {
        /// The keys of the records.
        keys: Keys,
        /// What is computed of them.
        inputs: Inputs,
        /// Which of the rows they are.
        rows: Vec<u32>,
    },
}

/// Groups with what the calls remember of them.
#[derive(Debug)]
pub struct Groups {
    /// The groups' keys, in the order in which they were first seen.
    pub keys: KeyTable,
    /// What the calls remember; see `call.rs`.
    accumulators: Accumulators,
    /// Which groups changed since they were frozen.
    changes: Changes,
    /// How many groups were already given out.
    drained: usize,
    /// Those that are given out, in their order, once that has begun; none for all as they were first seen.
    order: Option<Vec<u32>>,
    /// What the first call counted in all groups, once they are given out and somebody asked.
    total: Option<u64>,
}

impl Grouping {
    /// Of bound keys and calls.
    pub fn new(keys: Vec<KeyColumn>, calls: Vec<AggregateCall>) -> Grouping {
        let (mut filters, mut inputs) = (Vec::new(), Vec::new());
        let calls = calls.into_iter().map(|call| {
            let order = call.order.iter().map(|(key, _)| key);
            // Of distinct arguments the keys are made at the end.
            let order = order.take(if call.distinct.is_some() { 0 } else { usize::MAX });
            let filter = call.filter.as_ref().map(|filter| place_of(&mut filters, filter.clone()));
            let computed = call.arguments.iter().chain(order).cloned();
            let places = computed.map(|input| place_of(&mut inputs, (filter, input))).collect();
            Call::new(&call, filter, places)
        });
        let mut calls: Vec<Call> = calls.collect();
        call::place_all(&mut calls);
        let calls: Arc<[Call]> = calls.into();
        let names = (1..=calls.len()).map(|number| format!("call_{number}")).collect();
        let mut grouping = Grouping { keys, calls, names, filters, inputs, without_values: None };
        grouping.without_values = grouping.without_values().map(Box::new);
        grouping
    }

    /// The same, with the name of each output that is just what a call gives as the name of that call.
    pub fn named(mut self, outputs: &[(String, Expression)]) -> Grouping {
        for (call, name) in self.calls.iter().zip(&mut self.names) {
            let result = Expression::column(call.slot, call.kind.result);
            if let Some((output, _)) = outputs.iter().find(|(_, one)| *one == result) {
                name.clone_from(output);
            }
        }
        self
    }

    /// Some groups as a table, in the order in which they were first seen: their keys and what the calls give.
    pub fn show(&self, groups: &Groups, entries: Range<usize>) -> Shown {
        let names: Vec<String> = self.keys.iter().map(|key| key.name.clone()).collect();
        let ids: Vec<u32> = shown::ids(entries.clone(), groups.keys.len()).collect();
        let shown = Shown::of_keys(&names, &self.key_types(), &groups.keys, entries);
        let calls = self.calls.iter().zip(&self.names);
        calls.fold(shown, |shown, (call, name)| {
            shown.with(name, call.finish(&groups.accumulators, &ids))
        })
    }

    /// No groups; the one group of everything is there from the start.
    pub fn new_groups(&self) -> Groups {
        let mut groups = self.no_groups();
        if self.keys.is_empty() {
            groups.keys.insert(key::hash(b""), b"");
            groups.accumulators.iter_mut().for_each(|one| one.grow(1));
        }
        groups
    }

    /// What can be made of the selected rows of a batch in any order; faulty rows are rejected and count nowhere.
    pub fn part_of(&self, step: &str, batch: &mut Batch) -> Part {
        let inputs = self.inputs_of(step, batch);
        let rows = &batch.selection;
        if self.keys.is_empty() {
            return Part::Groups(self.groups_of_rows(&inputs, rows));
        }
        if let Some((keys, ids)) = few_keys::group(&inputs.keys, rows) {
            let mut groups = Groups { keys, ..self.new_groups() };
            self.add_rows(&mut groups, &ids, &inputs, rows);
            return Part::Groups(groups);
        }
        let keys = Keys::of_columns(&inputs.keys, rows);
        if has_few_repeats(&keys) {
            Part::Rows { keys, inputs, rows: rows.clone() }
        } else {
            Part::Groups(self.groups_of_keys(&keys, &inputs, rows))
        }
    }

    /// All that is read of the selected rows of a batch; faulty rows are rejected.
    pub fn inputs_of(&self, step: &str, batch: &mut Batch) -> Inputs {
        let keys = self.keys.iter().map(|key| &key.expression);
        let keys = evaluate_all(keys, step, batch);
        let filters = evaluate_all(&self.filters, step, batch);
        let mut inputs = Vec::new();
        for (filter, expression) in &self.inputs {
            // What a filter keeps out must not be looked at: it may be faulty.
            let Some(filter) = filter else {
                inputs.extend(evaluate_all([expression], step, batch));
                continue;
            };
            let is_true = |row: &u32| filters[*filter].is_true(*row as usize);
            let rows: Vec<u32> = batch.selection.iter().copied().filter(is_true).collect();
            let column = expression.evaluate(batch, &rows);
            let mut faults = Faults::default();
            faults.extend_selected(&column.faults, &rows);
            batch.reject_faults(step, &faults);
            inputs.push(column);
        }
        Inputs { keys, filters, inputs }
    }

    /// The groups of some rows, none of them faulty.
    pub fn groups_of_rows(&self, inputs: &Inputs, rows: &[u32]) -> Groups {
        if self.keys.is_empty() {
            let mut groups = self.new_groups();
            self.add_rows(&mut groups, &vec![0; rows.len()], inputs, rows);
            return groups;
        }
        self.groups_of_keys(&Keys::of_columns(&inputs.keys, rows), inputs, rows)
    }

    fn groups_of_keys(&self, keys: &Keys, inputs: &Inputs, rows: &[u32]) -> Groups {
        let mut groups = self.new_groups();
        let ids = groups.keys.insert_all(keys);
        self.add_rows(&mut groups, &ids, inputs, rows);
        groups
    }

    /// Takes in the next batch.
    pub fn add(&self, groups: &mut Groups, part: Part) {
        match part {
            Part::Groups(others) => groups.merge(&others),
            Part::Rows { keys, inputs, rows } => {
                let ids = groups.keys.insert_all(&keys);
                groups.changes.mark_all(&ids);
                let (calls, groups_now) = (Arc::clone(&self.calls), groups.keys.len());
                // Who holds on to the keys holds on to the bytes that were read.
                let inputs = Inputs { keys: Vec::new(), ..inputs };
                let rows = Rows { calls, inputs, ids, rows, groups: groups_now };
                groups.accumulators.update(rows);
            }
        }
    }

    /// Takes in rows, each into the group beside it.
    fn add_rows(&self, groups: &mut Groups, ids: &[u32], inputs: &Inputs, rows: &[u32]) {
        let count = groups.keys.len();
        add_rows(&self.calls, &mut groups.accumulators, count, ids, inputs, rows);
    }

    /// The next groups as records with their keys and the results of the calls; at most `rows_max`, and `None` when
    /// there are no more.
    pub fn next_groups(
        &self,
        groups: &mut Groups,
        giving: Giving,
        rows_max: usize,
        slots: usize,
    ) -> Option<Batch> {
        if giving != Giving::default() && groups.order.is_none() {
            groups.order = Some(self.chosen(groups, giving));
        }
        let count = groups.order.as_ref().map_or(groups.keys.len(), Vec::len);
        let rows = rows_max.min(count.saturating_sub(groups.drained));
        if rows == 0 {
            return None;
        }
        let ids = groups.ids(groups.drained..groups.drained + rows);
        let ids = groups.fitting(&ids);
        groups.drained += ids.len();
        Some(self.batch_of(groups, ids, slots))
    }

    /// Some groups as records.
    pub fn batch_of(&self, groups: &Groups, ids: &[u32], slots: usize) -> Batch {
        let mut batch = Batch::drained(RawRecords::None, ids.len(), slots);
        let keys = ids.iter().map(|id| groups.keys.key(*id));
        let columns = key::columns_of(&self.key_types(), keys);
        let columns = columns.expect("keys were made of these types");
        for (key, column) in self.keys.iter().zip(columns) {
            batch.fill(key.slot, Arc::new(column));
        }
        for call in self.calls.iter() {
            batch.fill(call.slot, Arc::new(call.finish(&groups.accumulators, ids)));
        }
        batch
    }

    /// Where the results of the first call are.
    pub fn first_call(&self) -> Slot {
        self.calls[0].slot
    }

    fn key_types(&self) -> Vec<DataType> {
        self.keys.iter().map(|key| key.expression.data_type()).collect()
    }

    /// The groups that are given out, in their order.
    fn chosen(&self, groups: &Groups, giving: Giving) -> Vec<u32> {
        let keys = &groups.keys;
        let mut ids: Vec<u32> = (0..u32::try_from(keys.len()).expect("ids have 32 bits")).collect();
        match giving.order {
            GroupOrder::FirstSeen => {}
            GroupOrder::Key => {
                let types = self.key_types().into_iter();
                let order: Vec<SortKey> = types.map(SortKey::ascending).collect();
                ids.sort_by(|left, right| {
                    compare::compare(&order, keys.key(*left), keys.key(*right))
                });
            }
            GroupOrder::Count => ids.sort_by_key(|id| Reverse(groups.counts()[*id as usize])),
        }
        ids.truncate(giving.limit.and_then(|limit| limit.try_into().ok()).unwrap_or(usize::MAX));
        ids
    }

    /// What is to be saved of the groups as they are now.
    pub fn freeze(&self, groups: &mut Groups, is_all_asked: bool) -> Snapshot {
        let Groups { keys, accumulators, changes, drained, .. } = groups;
        let count = keys.len();
        let part = if is_all_asked { changes.take_all(count) } else { changes.take(count) };
        let is_all = part.is_all();
        let accumulators = accumulators.iter_mut().map(|one| one.share(&part)).collect();
        let (keys, drained) = (keys.share(&part), *drained);
        let calls = Arc::clone(&self.calls);
        let frozen = Box::new(FrozenGroups { calls, part, keys, drained, accumulators });
        if is_all { Snapshot::Whole(frozen) } else { Snapshot::Changes(frozen) }
    }

    /// Reads groups that were frozen whole.
    pub fn read(&self, reader: &mut Reader<'_>) -> Result<Groups, Unreadable> {
        let mut groups = self.new_groups();
        groups.keys = KeyTable::read(reader)?;
        let count = groups.keys.len();
        self.read_head(&mut groups, 0, reader)?;
        call::read(&self.calls, &mut groups.accumulators, &Changed::all(count), reader)?;
        groups.changes = Changes::since(count);
        Ok(groups)
    }

    /// Takes in what changed.
    pub fn extend(&self, groups: &mut Groups, reader: &mut Reader<'_>) -> Result<(), Unreadable> {
        let known = groups.keys.len();
        let part = Changed::read(reader, known)?;
        groups.keys.extend(reader)?;
        let count = groups.keys.len();
        if count != part.new_ones().end {
            return Err(Unreadable { what: "changes" });
        }
        self.read_head(groups, known, reader)?;
        call::read(&self.calls, &mut groups.accumulators, &part, reader)?;
        groups.changes = Changes::since(count);
        Ok(())
    }

    /// Checks the keys from one on, and reads what stands before the accumulators.
    fn read_head(
        &self,
        groups: &mut Groups,
        first: usize,
        reader: &mut Reader<'_>,
    ) -> Result<(), Unreadable> {
        let types = self.key_types();
        if !groups.keys.keys().skip(first).all(|key| key::is_made_of(&types, key)) {
            return Err(Unreadable { what: "keys" });
        }
        let drained = usize::try_from(reader.u64("numbers")?).ok();
        let drained = drained.filter(|drained| *drained <= groups.keys.len());
        groups.drained = drained.ok_or(Unreadable { what: "numbers" })?;
        Ok(())
    }
}

/// Groups as they were at a barrier.
#[derive(Debug)]
struct FrozenGroups {
    calls: Arc<[Call]>,
    part: Changed,
    keys: KeyTable,
    drained: usize,
    accumulators: Vec<Shared>,
}

impl Frozen for FrozenGroups {
    fn write(&self, out: &mut Writer) {
        if !self.part.is_all() {
            self.part.write(out);
        }
        self.keys.write_new(&self.part, out);
        out.count(self.drained);
        call::write(&self.calls, &self.accumulators, &self.part, out);
    }
}

impl Groups {
    /// Takes in the groups of the next batch.
    pub fn merge(&mut self, other: &Groups) {
        let ids = self.keys.insert_all(&Keys::of_bytes(other.keys.keys()));
        self.changes.mark_all(&ids);
        for (mine, others) in self.accumulators.iter_mut().zip(other.accumulators.iter()) {
            mine.grow(self.keys.len());
            mine.merge(&ids, others);
        }
    }

    /// What the first call counted, for each group.
    pub fn counts(&self) -> &Pages<u64> {
        match self.accumulators.first() {
            Some(Accumulator::Count(counts)) => counts,
            _ => unreachable!("what is ordered by counts begins with a count"),
        }
    }

    /// What the first call counted in all groups; asked only when no more records come.
    pub fn total(&mut self) -> u64 {
        let total = self.total.unwrap_or_else(|| self.counted());
        *self.total.insert(total)
    }

    /// What the first call counted in all groups; nothing where it does not count.
    fn counted(&self) -> u64 {
        match self.accumulators.first() {
            // Only made-up bytes count more than there can be.
            Some(Accumulator::Count(counts)) => {
                counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
            }
            _ => 0,
        }
    }

    /// The first of some groups whose results fit into a batch; at least one.
    fn fitting<'a>(&self, ids: &'a [u32]) -> &'a [u32] {
        let large = self.accumulators.iter().filter(|one| one.may_be_large());
        let large: Vec<&Accumulator> = large.collect();
        if large.is_empty() {
            return ids;
        }
        let mut bytes = 0;
        let mut fits = |id: u32| {
            let before = bytes;
            bytes += large.iter().map(|one| one.result_bytes(id)).sum::<usize>();
            before == 0 || bytes <= BATCH_BYTES
        };
        let count = ids.iter().take_while(|id| fits(**id)).count();
        &ids[..count.max(1).min(ids.len())]
    }

    /// How many groups were already given out.
    pub fn drained(&self) -> usize {
        self.drained
    }

    /// Sets how many groups count as given out.
    pub fn set_drained(&mut self, drained: usize) {
        self.drained = drained.min(self.keys.len());
    }

    /// The groups at some places of the order in which they are given out.
    fn ids(&self, places: Range<usize>) -> Vec<u32> {
        match &self.order {
            Some(order) => order[places].to_vec(),
            None => {
                let id = |place| u32::try_from(place).expect("ids have 32 bits");
                places.map(id).collect()
            }
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

/// Takes in rows, each into the group beside it, of so many.
fn add_rows(
    calls: &[Call],
    accumulators: &mut [Accumulator],
    count: usize,
    ids: &[u32],
    Inputs { filters, inputs, .. }: &Inputs,
    rows: &[u32],
) {
    for (call, accumulator) in call::owners(calls).zip(accumulators) {
        accumulator.grow(count);
        let columns: Vec<Arc<Column>> =
            call.inputs.iter().map(|input| inputs[*input].clone()).collect();
        match call.filter {
            None => call.update(accumulator, ids, rows, &columns),
            Some(filter) => {
                let pairs = ids.iter().zip(rows);
                let (some_ids, some_rows): (Vec<u32>, Vec<u32>) =
                    pairs.filter(|(_, row)| filters[filter].is_true(**row as usize)).unzip();
                call.update(accumulator, &some_ids, &some_rows, &columns);
            }
        }
    }
}

/// Whether most keys are different, judged by those whose hashes end alike. A wrong answer costs time, and nothing else.
fn has_few_repeats(keys: &Keys) -> bool {
    let ends = if keys.len() < SAMPLE { 0 } else { HASH_ENDS };
    let hashes = keys.hashes(0..keys.len()).iter().copied();
    let mut hashes: Vec<u32> = hashes.filter(|hash| hash & ends == 0).collect();
    let count = hashes.len();
    hashes.sort_unstable();
    hashes.dedup();
    hashes.len() > count - count / 8
}

/// Where something stands in a list; it is put there where it is not yet.
fn place_of<T: PartialEq>(list: &mut Vec<T>, value: T) -> usize {
    match list.iter().position(|known| *known == value) {
        Some(place) => place,
        None => {
            list.push(value);
            list.len() - 1
        }
    }
}

#[cfg(test)]
mod tests;
