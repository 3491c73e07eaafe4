//! `DISTINCT`: each row of arguments counts once. They are gathered, and aggregated at the end.

use super::accumulator::{Accumulator, AccumulatorKind};
use super::changes::Part;
use super::tally::Tally;
use crate::record::Column;
use std::sync::Arc;

/// How many rows are aggregated at a time.
const ROWS_AT_A_TIME: usize = 8192;

/// The different arguments of a call.
#[derive(Debug, Clone)]
pub struct DistinctRows {
    rows: Tally,
    /// Which argument is which key of the order.
    order: Vec<usize>,
}

impl DistinctRows {
    /// No groups yet; `order` says which argument is which key of the order.
    pub fn new(kind: &AccumulatorKind, order: &[usize]) -> DistinctRows {
        DistinctRows { rows: Tally::new(&kind.arguments, 0), order: order.to_vec() }
    }

    /// Makes room for `groups` groups.
    pub fn grow(&mut self, groups: usize) {
        self.rows.grow(groups);
    }

    /// Takes in rows, each into the group beside it.
    pub fn update(&mut self, groups: &[u32], rows: &[u32], columns: &[Arc<Column>]) {
        self.rows.update(groups, rows, columns);
    }

    /// Takes in all groups of another, whose records come later: its group i into `groups[i]`.
    pub fn merge(&mut self, groups: &[u32], other: &DistinctRows) {
        self.rows.merge(groups, &other.rows);
    }

    /// Takes in one group of another.
    pub fn merge_group(&mut self, group: usize, other: &DistinctRows, other_group: usize) {
        self.rows.merge_group(group, &other.rows, other_group);
    }

    /// What the arguments take in memory.
    pub fn bytes(&self) -> usize {
        self.rows.bytes()
    }

    /// The results of some groups.
    pub fn finish(&self, kind: &AccumulatorKind, groups: &[u32]) -> Column {
        let kind = AccumulatorKind { distinct: None, ..kind.clone() };
        let mut accumulator = Accumulator::new(&kind);
        accumulator.grow(groups.len());
        let numbered = (0_u32..).zip(groups);
        let mut rows =
            numbered.flat_map(|(row, group)| self.rows.of(*group).map(move |(of, _)| (row, of)));
        loop {
            let some: Vec<(u32, &[u8])> = rows.by_ref().take(ROWS_AT_A_TIME).collect();
            if some.is_empty() {
                break;
            }
            let values: Vec<&[u8]> = some.iter().map(|(_, value)| *value).collect();
            let columns = self.rows.columns_of(values.into_iter());
            let mut columns: Vec<Arc<Column>> = columns.into_iter().map(Arc::new).collect();
            let keys: Vec<Arc<Column>> =
                self.order.iter().map(|column| columns[*column].clone()).collect();
            columns.extend(keys);
            let groups: Vec<u32> = some.iter().map(|(group, _)| *group).collect();
            let rows: Vec<u32> = (0_u32..).zip(&some).map(|(row, _)| row).collect();
            accumulator.update(&groups, &rows, &columns);
        }
        let all: Vec<u32> = (0_u32..).zip(groups).map(|(row, _)| row).collect();
        accumulator.finish(&kind, &all)
    }

    /// About how many bytes the result of a group takes, where it is a list.
    pub fn result_bytes(&self, group: u32) -> usize {
        self.rows.of(group).map(|(value, _)| value.len() + 16).sum()
    }

    /// What was gathered.
    pub fn rows(&self) -> &Tally {
        &self.rows
    }

    /// What was gathered, to be changed.
    pub fn rows_mut(&mut self) -> &mut Tally {
        &mut self.rows
    }

    /// The entries of a part as they are now, for another thread, which can only write them.
    pub fn share(&mut self, entries: &Part) -> DistinctRows {
        DistinctRows { rows: self.rows.share(entries), order: Vec::new() }
    }
}
