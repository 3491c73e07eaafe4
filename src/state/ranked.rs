//! The first few values of each group in some order: first and last, the value beside the smallest or largest, the
//! smallest and largest ones.

use super::changes::Part;
use super::codec::{Reader, Unreadable, Writer};
use super::compare;
use super::key;
use super::pages::{Cells, Pages};
use crate::record::aggregation::SortKey;
use crate::record::{Column, DataType};
use std::sync::Arc;

/// The best values of all groups.
#[derive(Debug, Clone)]
pub struct Ranked {
    rules: Rules,
    /// The best entries of each group, best first: keys, then the value.
    groups: Pages<Vec<Vec<u8>>>,
}

/// Which values are kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// The type of the values.
    pub data_type: DataType,
    /// What they are ordered by.
    pub keys: Vec<SortKey>,
    /// Which end of the order is kept.
    pub end: End,
    /// How many values a group keeps.
    pub limit: usize,
    /// How many of the first columns must not be NULL for a row to count.
    pub needed: usize,
    /// Which columns are the keys; the value is the first column.
    pub key_columns: Vec<usize>,
}

/// Which end of an order is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// What comes first; of equal ones what came first.
    First,
    /// What comes last; of equal ones what came last.
    Last,
}

impl Ranked {
    /// No groups yet.
    pub fn new(rules: Rules) -> Ranked {
        Ranked { rules, groups: Pages::default() }
    }

    /// Makes room for `groups` groups.
    pub fn grow(&mut self, groups: usize) {
        self.groups.grow(groups, Vec::new());
    }

    /// Takes in rows, each into the group beside it.
    pub fn update(&mut self, groups: &[u32], rows: &[u32], columns: &[Arc<Column>]) {
        let Ranked { rules, groups: kept } = self;
        let value = &columns[0];
        let mut entry = Vec::new();
        for (group, row) in groups.iter().zip(rows) {
            let row = *row as usize;
            if !columns[..rules.needed].iter().all(|column| column.is_valid(row)) {
                continue;
            }
            entry.clear();
            for column in &rules.key_columns {
                key::write_canonical(&mut entry, &columns[*column], row);
            }
            let kept = kept.cell(*group as usize);
            // The value is looked at only where the keys are good enough.
            if rules.is_good_enough(kept, &entry) {
                match rules.key_columns.contains(&0) {
                    // Equal values must not differ: which of them is kept would depend on their order.
                    true => key::write_canonical(&mut entry, value, row),
                    false => key::write_exact(&mut entry, [&**value], row),
                }
                rules.insert(kept, &entry);
            }
        }
    }

    /// Takes in one group of another, whose records come later.
    pub fn merge(&mut self, group: usize, other: &Ranked, other_group: usize) {
        for entry in &other.groups[other_group] {
            let kept = self.groups.cell(group);
            if self.rules.is_good_enough(kept, entry) {
                self.rules.insert(kept, entry);
            }
        }
    }

    /// The best values of a group, best first.
    pub fn of(&self, group: u32) -> Column {
        let entries = self.groups[group as usize].iter().map(|entry| &**entry);
        self.rules.values_of(entries)
    }

    /// The best value of each of some groups; NULL where there is none.
    pub fn bests(&self, groups: &[u32]) -> Column {
        let null = self.rules.null_entry();
        let best = |group: &u32| self.groups[*group as usize].first().map_or(&*null, |one| &**one);
        self.rules.values_of(groups.iter().map(best))
    }

    /// Whether a group has a value.
    pub fn has_values(&self, group: u32) -> bool {
        !self.groups[group as usize].is_empty()
    }

    /// Bytes of a group's values.
    pub fn result_bytes(&self, group: u32) -> usize {
        self.groups[group as usize].iter().map(Vec::len).sum()
    }

    /// Takes the place of a group by one of another.
    pub fn put(&mut self, group: usize, other: &Ranked, other_group: usize) {
        self.groups.cell(group).clone_from(&other.groups[other_group]);
    }

    /// The groups of a part as they are now, for another thread.
    pub fn share(&mut self, part: &Part) -> Ranked {
        Ranked { rules: self.rules.clone(), groups: self.groups.share(part) }
    }

    /// Appends the groups of a part.
    pub fn write(&self, part: &Part, out: &mut Writer) {
        let groups = part.entries().map(|group| &self.groups[group]);
        out.u64s(groups.clone().map(|kept| kept.len() as u64));
        out.count(groups.clone().map(Vec::len).sum());
        out.strings(groups.flatten().map(|entry| &**entry));
    }

    /// Reads what [`Ranked::write`] wrote for so many groups.
    pub fn read(&mut self, reader: &mut Reader<'_>, groups: usize) -> Result<(), Unreadable> {
        let what = "first values";
        let counts = reader.u64s(groups, what)?;
        let total = reader.count(4, what)?;
        let mut entries = reader.strings(total, what)?.into_iter();
        let types = self.rules.types();
        self.groups = Pages::default();
        for count in counts {
            let mut kept: Vec<Vec<u8>> = Vec::new();
            if count > self.rules.limit as u64 {
                return Err(Unreadable { what });
            }
            for _ in 0..count {
                let entry = entries.next().ok_or(Unreadable { what })?;
                if !key::is_made_of(&types, entry) {
                    return Err(Unreadable { what });
                }
                kept.push(entry.to_vec());
            }
            self.groups.push(kept);
        }
        if entries.next().is_some() { Err(Unreadable { what }) } else { Ok(()) }
    }
}

impl Rules {
    fn types(&self) -> Vec<DataType> {
        self.keys.iter().map(|key| key.data_type).chain([self.data_type]).collect()
    }

    /// Whether an entry, of which only the keys count, comes before another that was there earlier.
    fn is_before(&self, entry: &[u8], known: &[u8]) -> bool {
        let ordering = compare::compare(&self.keys, entry, known);
        match self.end {
            End::First => ordering.is_lt(),
            End::Last => ordering.is_ge(),
        }
    }

    fn is_good_enough(&self, kept: &[Vec<u8>], entry: &[u8]) -> bool {
        kept.len() < self.limit || kept.last().is_some_and(|worst| self.is_before(entry, worst))
    }

    fn insert(&self, kept: &mut Vec<Vec<u8>>, entry: &[u8]) {
        let mut owned = if kept.len() == self.limit {
            kept.pop().unwrap_or_default()
        } else {
            kept.reserve_exact(usize::from(self.limit == 1));
            Vec::new()
        };
        owned.clear();
        owned.extend_from_slice(entry);
        let at = kept.partition_point(|known| !self.is_before(entry, known));
        kept.insert(at, owned);
    }

    /// An entry whose keys and value are all NULL.
    fn null_entry(&self) -> Vec<u8> {
        vec![0; self.keys.len() + 1]
    }

    fn values_of<'a>(&self, entries: impl ExactSizeIterator<Item = &'a [u8]>) -> Column {
        let columns = key::columns_of(&self.types(), entries);
        columns.and_then(|mut columns| columns.pop()).expect("values were made of this type")
    }
}
