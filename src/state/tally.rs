//! How often each value occurs in each group: what medians, modes, histograms and `DISTINCT` are made of.
//!
//! Values are in the order in which they first came, so that what depends on the order of records can be said.

use super::chains::Chains;
use super::changes::{Changes, Part};
use super::codec::{Reader, Unreadable, Writer};
use super::compare;
use super::key::{self, Keys};
use super::pages::{Cells, Pages};
use super::table::{Entry, KeyTable};
use crate::record::aggregation::SortKey;
use crate::record::{Column, DataType};
use std::sync::Arc;

/// The values of all groups with the number of records of each.
#[derive(Debug, Clone)]
pub struct Tally {
    /// What a value is made of.
    types: Vec<DataType>,
    /// How many of the first columns must not be NULL for a row to count.
    needed: usize,
    /// Group (4 bytes) and value.
    entries: KeyTable,
    counts: Pages<u64>,
    chains: Chains,
    changes: Changes,
}

/// Bytes of the group before each value.
const GROUP_BYTES: usize = 4;

/// So many values are merged at a time.
const VALUES_AT_A_TIME: usize = 1 << 14;

impl Tally {
    /// No groups yet. Rows that are NULL in one of the first `needed` columns do not count.
    pub fn new(types: &[DataType], needed: usize) -> Tally {
        Tally {
            types: types.to_vec(),
            needed,
            entries: KeyTable::default(),
            counts: Pages::default(),
            chains: Chains::default(),
            changes: Changes::default(),
        }
    }

    /// Makes room for `groups` groups.
    pub fn grow(&mut self, groups: usize) {
        self.chains.grow(groups);
    }

    /// Takes in rows, each into the group beside it.
    pub fn update(&mut self, groups: &[u32], rows: &[u32], columns: &[Arc<Column>]) {
        let columns = &columns[..self.types.len()];
        let mut entry = Vec::new();
        for (group, row) in groups.iter().zip(rows) {
            let row = *row as usize;
            if columns[..self.needed].iter().all(|column| column.is_valid(row)) {
                entry.clear();
                entry.extend_from_slice(&group.to_le_bytes());
                for column in columns {
                    key::write_canonical(&mut entry, column, row);
                }
                self.add(*group as usize, &entry, 1);
            }
        }
    }

    fn add(&mut self, group: usize, entry: &[u8], count: u64) {
        match self.entries.insert(key::hash(entry), entry) {
            Entry::New(_) => {
                self.counts.push(count);
                self.chains.push(group);
            }
            Entry::Known(id) => {
                self.count(id, count);
            }
        }
    }

    /// Counts a value that is there. More than can be counted come only of bytes that somebody made up.
    fn count(&mut self, id: u32, more: u64) {
        let count = self.counts.cell(id as usize);
        *count = count.saturating_add(more);
        self.changes.mark(id as usize);
    }

    /// Takes in all groups of another: its group i into `groups[i]`.
    pub fn merge(&mut self, groups: &[u32], other: &Tally) {
        let mut start = 0;
        while start < other.value_count() {
            let end = other.value_count().min(start + VALUES_AT_A_TIME);
            let group_of = |index| groups[other.chains.group_of(index)];
            let of: Vec<u32> = (start..end).map(group_of).collect();
            let values =
                of.iter().zip(start..end).map(|(group, index)| (*group, other.value(index)));
            self.add_all(&Keys::of_values(values), &of, |place| other.counts[start + place]);
            start = end;
        }
    }

    /// Takes in values, each made with the group beside it by [`Keys::of_values`], and as often as is said; answers which
    /// entries they are.
    pub fn add_all(
        &mut self,
        values: &Keys,
        groups: &[u32],
        count_of: impl Fn(usize) -> u64,
    ) -> Vec<u32> {
        let ids = self.entries.insert_all(values);
        for (place, (id, group)) in ids.iter().zip(groups).enumerate() {
            if *id as usize == self.counts.len() {
                self.counts.push(count_of(place));
                self.chains.push(*group as usize);
            } else {
                self.count(*id, count_of(place));
            }
        }
        ids
    }

    /// How many values there are in all groups.
    pub fn value_count(&self) -> usize {
        self.entries.len()
    }

    /// The group of an entry.
    pub fn group_of(&self, entry: u32) -> u32 {
        u32::try_from(self.chains.group_of(entry as usize)).expect("ids have 32 bits")
    }

    /// The values of some entries.
    pub fn values_of(&self, entries: &[u32]) -> Vec<&[u8]> {
        let entries = self.entries.keys_of(entries).into_iter();
        entries.map(|entry| &entry[GROUP_BYTES..]).collect()
    }

    /// How often the values of some entries occur.
    pub fn counts_of(&self, entries: &[u32]) -> impl Iterator<Item = u64> {
        entries.iter().map(|entry| self.counts[*entry as usize])
    }

    /// The group of an entry, its value and how often that occurs.
    pub fn entry(&self, entry: usize) -> (u32, &[u8], u64) {
        let group = u32::try_from(self.chains.group_of(entry)).expect("ids have 32 bits");
        (group, self.value(entry), self.counts[entry])
    }

    /// Takes in one group of another.
    pub fn merge_group(&mut self, group: usize, other: &Tally, other_group: usize) {
        let mut entry = Vec::new();
        for index in other.chains.of(other_group) {
            entry.clear();
            let group_bytes = u32::try_from(group).expect("ids have 32 bits").to_le_bytes();
            entry.extend_from_slice(&group_bytes);
            entry.extend_from_slice(other.value(index));
            self.add(group, &entry, other.counts[index]);
        }
    }

    /// What the values take in memory.
    pub fn bytes(&self) -> usize {
        self.entries.bytes() + self.counts.len() * 16
    }

    /// The bytes of a value.
    fn value(&self, entry: usize) -> &[u8] {
        &self.entries.key(u32::try_from(entry).expect("ids have 32 bits"))[GROUP_BYTES..]
    }

    /// The values of a group with their counts, in the order in which they first came.
    pub fn of(&self, group: u32) -> impl Iterator<Item = (&[u8], u64)> {
        self.chains.of(group as usize).map(|entry| (self.value(entry), self.counts[entry]))
    }

    /// The values of a group, sorted.
    pub fn sorted(&self, group: u32) -> Vec<(&[u8], u64)> {
        let keys: Vec<SortKey> = self.types.iter().copied().map(SortKey::ascending).collect();
        let mut values: Vec<(&[u8], u64)> = self.of(group).collect();
        values.sort_unstable_by(|(left, _), (right, _)| compare::compare(&keys, left, right));
        values
    }

    /// The values of a group, the most frequent first; of equally frequent ones the one that came first.
    pub fn most_frequent(&self, group: u32, count: usize) -> Vec<(&[u8], u64)> {
        let mut values: Vec<(&[u8], u64)> = self.of(group).collect();
        values.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        values.truncate(count);
        values
    }

    /// Values as columns.
    pub fn columns_of<'a>(&self, values: impl ExactSizeIterator<Item = &'a [u8]>) -> Vec<Column> {
        key::columns_of(&self.types, values).expect("values were made of these types")
    }

    /// What changed since the last snapshot, or everything; the entries are numbered through all groups.
    pub fn part(&mut self, is_all: bool) -> Part {
        let len = self.entries.len();
        if is_all { self.changes.take_all(len) } else { self.changes.take(len) }
    }

    /// The entries of a part as they are now, for another thread, which can only write them.
    pub fn share(&mut self, entries: &Part) -> Tally {
        Tally {
            types: Vec::new(),
            needed: self.needed,
            entries: self.entries.share(entries),
            counts: self.counts.share(entries),
            chains: Chains::default(),
            changes: Changes::default(),
        }
    }

    /// Appends all groups.
    pub fn write(&self, out: &mut Writer) {
        self.entries.write(out);
        out.u64s(self.counts.iter().copied());
    }

    /// Appends the entries of a part.
    pub fn write_changes(&self, entries: &Part, out: &mut Writer) {
        entries.write(out);
        self.entries.write_new(entries, out);
        out.u64s(entries.entries().map(|entry| self.counts[entry]));
    }

    /// Reads what [`Tally::write`] wrote for so many groups.
    pub fn read(&mut self, reader: &mut Reader<'_>, groups: usize) -> Result<(), Unreadable> {
        let what = "values";
        *self = Tally::new(&self.types, self.needed);
        self.grow(groups);
        self.entries = KeyTable::read(reader)?;
        self.counts = reader.u64s(self.entries.len(), what)?.into();
        self.chain(0, groups)?;
        self.changes = Changes::since(self.entries.len());
        Ok(())
    }

    /// Reads what [`Tally::write_changes`] wrote, of so many groups.
    pub fn extend(&mut self, reader: &mut Reader<'_>, groups: usize) -> Result<(), Unreadable> {
        let what = "values";
        let known = self.entries.len();
        self.grow(groups);
        let part = Part::read(reader, known)?;
        self.entries.extend(reader)?;
        if self.entries.len() != part.new_ones().end {
            return Err(Unreadable { what });
        }
        self.counts.grow(self.entries.len(), 0);
        for (entry, count) in part.entries().zip(reader.u64s(part.count(), what)?) {
            *self.counts.cell(entry) = count;
        }
        self.chain(known, groups)?;
        self.changes = Changes::since(self.entries.len());
        Ok(())
    }

    /// Puts the entries from one on to their groups.
    fn chain(&mut self, first: usize, groups: usize) -> Result<(), Unreadable> {
        let what = "values";
        for entry in self.entries.keys().skip(first) {
            let (group, value) = entry.split_first_chunk().ok_or(Unreadable { what })?;
            let group = u32::from_le_bytes(*group) as usize;
            if group >= groups || !key::is_made_of(&self.types, value) {
                return Err(Unreadable { what });
            }
            self.chains.push(group);
        }
        Ok(())
    }
}
