//! All values of each group in the order of the records: what lists and joined texts are made of.
//!
//! A group holds so many values and bytes at most, and is a fault beyond that: a list of everything is nothing that
//! fits into a record. Whether it is one depends on the sum of all its values, not on how they were split.

use super::accumulator::AccumulatorKind;
use super::blocks::{Blocks, Place};
use super::chains::Chains;
use super::changes::Part;
use super::codec::{Reader, Unreadable, Writer};
use super::compare;
use super::key;
use super::pages::{Cells, Pages};
use crate::record::aggregation::SortKey;
use crate::record::{Column, DataType};
use std::sync::Arc;

/// The most values of a group.
pub const VALUES_MAX: u64 = 1_000_000;

/// The most bytes that the values of a group take, a few for each value included: as much as a record may have.
pub const VALUE_BYTES_MAX: u64 = 16 << 20;

/// Bytes of a number among the keys of an order.
const NUMBER_BYTES: usize = 9;

/// The values of all groups.
#[derive(Debug, Clone)]
pub struct Listed {
    data_type: DataType,
    /// The order of a group's values; records with equal keys stay in their order.
    keys: Vec<SortKey>,
    /// Whether NULLs are values, too.
    nulls: NullValues,
    /// So many bytes of each entry do not count.
    uncounted: usize,
    /// The keys and the value of each entry, one after the other.
    bytes: Blocks,
    places: Pages<Place>,
    chains: Chains,
    sizes: Pages<Size>,
    /// How many entries the last snapshot had.
    saved: usize,
}

/// What becomes of NULLs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NullValues {
    /// They are values.
    Kept,
    /// They do not count.
    Skipped,
}

/// How much a group holds. One that has too much holds nothing more of what comes.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    values: u64,
    bytes: u64,
    is_over: bool,
}

/// A group has too many values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany;

impl Listed {
    /// No groups yet.
    pub fn new(kind: &AccumulatorKind, nulls: NullValues) -> Listed {
        Listed {
            data_type: kind.arguments[0],
            keys: kind.order.clone(),
            nulls,
            uncounted: if kind.is_numbered { NUMBER_BYTES } else { 0 },
            bytes: Blocks::default(),
            places: Pages::default(),
            chains: Chains::default(),
            sizes: Pages::default(),
            saved: 0,
        }
    }

    /// Makes room for `groups` groups.
    pub fn grow(&mut self, groups: usize) {
        self.chains.grow(groups);
        self.sizes.grow(groups, Size::default());
    }

    /// Takes in rows, each into the group beside it. The first column is the value, the others are the keys.
    pub fn update(&mut self, groups: &[u32], rows: &[u32], columns: &[Arc<Column>]) {
        let (value, keys) = (&columns[0], &columns[1..]);
        let mut entry = Vec::new();
        for (group, row) in groups.iter().zip(rows) {
            let row = *row as usize;
            if self.nulls == NullValues::Kept || value.is_valid(row) {
                entry.clear();
                for column in keys {
                    key::write_canonical(&mut entry, column, row);
                }
                key::write_exact(&mut entry, [&**value], row);
                self.add(*group as usize, &entry);
            }
        }
    }

    fn add(&mut self, group: usize, entry: &[u8]) {
        let size = self.sizes.cell(group);
        size.values += 1;
        size.bytes += (entry.len() - self.uncounted) as u64;
        size.is_over |= size.values > VALUES_MAX || size.bytes > VALUE_BYTES_MAX;
        if !size.is_over {
            self.push(group, entry);
        }
    }

    fn push(&mut self, group: usize, entry: &[u8]) {
        self.places.push(self.bytes.push(entry));
        self.chains.push(group);
    }

    /// Takes in all groups of another, whose records come later: its group i into `groups[i]`.
    pub fn merge(&mut self, groups: &[u32], other: &Listed) {
        for (group, size) in groups.iter().zip(other.sizes.iter()) {
            self.sizes.cell(*group as usize).is_over |= size.is_over;
        }
        for entry in 0..other.places.len() {
            let group = groups[other.chains.group_of(entry)] as usize;
            if !self.sizes[group].is_over {
                self.add(group, other.entry(entry));
            }
        }
    }

    /// Takes in one group of another.
    pub fn merge_group(&mut self, group: usize, other: &Listed, other_group: usize) {
        self.sizes.cell(group).is_over |= other.sizes[other_group].is_over;
        for entry in other.chains.of(other_group) {
            if !self.sizes[group].is_over {
                self.add(group, other.entry(entry));
            }
        }
    }

    /// What the values take in memory.
    pub fn bytes(&self) -> usize {
        self.bytes.bytes() + self.places.bytes() + self.chains.len() * 12
    }

    fn entry(&self, entry: usize) -> &[u8] {
        self.bytes.get(self.places[entry])
    }

    /// About how many bytes a group's result takes.
    pub fn result_bytes(&self, group: u32) -> usize {
        let size = self.sizes[group as usize];
        usize::try_from(size.bytes.saturating_add(size.values * 16)).unwrap_or(usize::MAX)
    }

    /// The values of a group in their order.
    pub fn of(&self, group: u32) -> Result<Column, TooMany> {
        if self.sizes[group as usize].is_over {
            return Err(TooMany);
        }
        let mut entries: Vec<&[u8]> =
            self.chains.of(group as usize).map(|entry| self.entry(entry)).collect();
        if !self.keys.is_empty() {
            entries.sort_by(|left, right| compare::compare(&self.keys, left, right));
        }
        let columns = key::columns_of(&self.types(), entries.into_iter());
        Ok(columns.and_then(|mut columns| columns.pop()).expect("values were made of this type"))
    }

    fn types(&self) -> Vec<DataType> {
        self.keys.iter().map(|key| key.data_type).chain([self.data_type]).collect()
    }

    /// The entries that are new since the last snapshot, or all; they are numbered through all groups.
    pub fn part(&mut self, is_all: bool) -> Part {
        let saved = std::mem::replace(&mut self.saved, self.places.len());
        Part::new_from(if is_all { 0 } else { saved }, self.places.len())
    }

    /// Groups and entries of parts as they are now, for another thread, which can only write them.
    pub fn share(&mut self, groups: &Part, entries: &Part) -> Listed {
        Listed {
            data_type: self.data_type,
            keys: Vec::new(),
            nulls: self.nulls,
            uncounted: self.uncounted,
            bytes: self.bytes.share(),
            places: self.places.share(entries),
            chains: self.chains.share(entries),
            sizes: self.sizes.share(groups),
            saved: 0,
        }
    }

    /// Appends groups, and the entries that are new in a part.
    pub fn write(&self, groups: &Part, entries: &Part, out: &mut Writer) {
        out.flags(groups.entries().map(|group| self.sizes[group].is_over));
        self.chains.write(entries, out);
        out.strings(entries.new_ones().map(|entry| self.entry(entry)));
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Adds what [`Listed::write`] wrote; `groups` says of which groups.
    pub fn extend(&mut self, reader: &mut Reader<'_>, groups: &Part) -> Result<(), Unreadable> {
        let what = "values";
        let over = reader.flags(groups.count(), what)?;
        let len = groups.new_ones().end;
        let of = Chains::read(reader, len)?;
        let entries = reader.strings(of.len(), what)?;
        let types = self.types();
        self.grow(len);
        for (group, entry) in of.into_iter().zip(entries) {
            if !key::is_made_of(&types, entry) {
                return Err(Unreadable { what });
            }
            self.add(group as usize, entry);
        }
        for (group, is_over) in groups.entries().zip(over) {
            self.sizes.cell(group).is_over |= is_over;
        }
        self.saved = self.places.len();
        Ok(())
    }
}
