//! All values of each group in the order of the records: what lists and joined texts are made of.
//!
//! A group holds so many values and bytes at most, and is a fault beyond that: a list of everything is nothing that
//! fits into a record. Whether it is one depends on the sum of all its values, not on how they were split.

use super::chains::Chains;
use super::codec::{Reader, Unreadable, Writer};
use super::compare;
use super::key;
use crate::record::aggregation::SortKey;
use crate::record::{Column, DataType};
use std::sync::Arc;

/// The most values of a group.
pub const VALUES_MAX: u64 = 1_000_000;

/// The most bytes that the values of a group take, a few for each value included: as much as a record may have.
pub const VALUE_BYTES_MAX: u64 = 16 << 20;

/// The values of all groups.
#[derive(Debug, Clone)]
pub struct Listed {
    data_type: DataType,
    /// The order of a group's values; records with equal keys stay in their order.
    keys: Vec<SortKey>,
    /// Whether NULLs are values, too.
    nulls: NullValues,
    /// The keys and the value of each entry, one after the other.
    bytes: Vec<u8>,
    /// Where each entry ends.
    ends: Vec<u64>,
    chains: Chains,
    sizes: Vec<Size>,
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
    pub fn new(data_type: DataType, keys: &[SortKey], nulls: NullValues) -> Listed {
        Listed {
            data_type,
            keys: keys.to_vec(),
            nulls,
            bytes: Vec::new(),
            ends: Vec::new(),
            chains: Chains::default(),
            sizes: Vec::new(),
        }
    }

    /// Makes room for `groups` groups.
    pub fn grow(&mut self, groups: usize) {
        self.chains.grow(groups);
        self.sizes.resize(groups, Size::default());
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
        let size = &mut self.sizes[group];
        size.values += 1;
        size.bytes += entry.len() as u64;
        size.is_over |= size.values > VALUES_MAX || size.bytes > VALUE_BYTES_MAX;
        if !size.is_over {
            self.push(group, entry);
        }
    }

    fn push(&mut self, group: usize, entry: &[u8]) {
        self.bytes.extend_from_slice(entry);
        self.ends.push(self.bytes.len() as u64);
        self.chains.push(group);
    }

    /// Takes in all groups of another, whose records come later: its group i into `groups[i]`.
    pub fn merge(&mut self, groups: &[u32], other: &Listed) {
        for (group, size) in groups.iter().zip(&other.sizes) {
            self.sizes[*group as usize].is_over |= size.is_over;
        }
        for entry in 0..other.ends.len() {
            let group = groups[other.chains.group_of(entry)] as usize;
            if !self.sizes[group].is_over {
                self.add(group, other.entry(entry));
            }
        }
    }

    /// Takes in one group of another.
    pub fn merge_group(&mut self, group: usize, other: &Listed, other_group: usize) {
        self.sizes[group].is_over |= other.sizes[other_group].is_over;
        for entry in other.chains.of(other_group) {
            if !self.sizes[group].is_over {
                self.add(group, other.entry(entry));
            }
        }
    }

    /// What the values take in memory.
    pub fn bytes(&self) -> usize {
        self.bytes.len() + self.ends.len() * 16
    }

    fn entry(&self, entry: usize) -> &[u8] {
        let start = if entry == 0 { 0 } else { self.ends[entry - 1] };
        let bounds = usize::try_from(start).ok().zip(usize::try_from(self.ends[entry]).ok());
        let (start, end) = bounds.expect("values lie in memory");
        &self.bytes[start..end]
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

    /// Appends all groups.
    pub fn write(&self, out: &mut Writer) {
        out.flags(self.sizes.iter().map(|size| size.is_over));
        self.chains.write(out);
        out.strings((0..self.ends.len()).map(|entry| self.entry(entry)));
    }

    /// Reads what [`Listed::write`] wrote for so many groups.
    pub fn read(&mut self, reader: &mut Reader<'_>, groups: usize) -> Result<(), Unreadable> {
        let what = "values";
        let over = reader.flags(groups, what)?;
        let chains = Chains::read(reader, groups)?;
        let entries = reader.strings(chains.len(), what)?;
        let types = self.types();
        *self = Listed::new(self.data_type, &self.keys, self.nulls);
        self.grow(groups);
        for (index, entry) in entries.into_iter().enumerate() {
            if !key::is_made_of(&types, entry) {
                return Err(Unreadable { what });
            }
            self.add(chains.group_of(index), entry);
        }
        for (size, is_over) in self.sizes.iter_mut().zip(over) {
            size.is_over |= is_over;
        }
        Ok(())
    }
}
