//! Accumulators: what an aggregate call remembers of each group.
//!
//! One [`Accumulator`] serves one call and all groups, column-wise. A worker fills one per chunk, and the ordered stage
//! merges them in the order of the chunks. So what is accumulated depends on the values and, where the call says so
//! (first, list, ties), on the order of the records, but never on how they were split.

mod durable;

pub use durable::Shared;

use super::approximate::{Buckets, Distinct};
use super::codec::NUMBER_END;
use super::distinct::DistinctRows;
use super::extreme::Extreme;
use super::finish;
use super::key;
use super::listed::{Listed, NullValues};
use super::moments::Moments;
use super::pages::{Cells, Pages};
use super::ranked::{End, Ranked, Rules};
use super::sums::{BitSets, DoubleSums, IntegerSums};
use super::tally::Tally;
use crate::record::aggregation::{Aggregation, Extremum, SortKey};
use crate::record::{Column, DataType, Direction, Nulls, Order, Values};
use std::sync::Arc;

/// Memory is asked for so many rows ahead: more than the processor reads at a time, and few enough that what was read is
/// still in its first cache when it is needed.
const BLOCK: usize = 64;

/// What is known of so many groups stays near the processor.
const FEW_GROUPS: u32 = 1 << 12;

/// What is accumulated, of what, and what comes of it.
#[derive(Debug, Clone, PartialEq)]
pub struct AccumulatorKind {
    /// What is computed.
    pub aggregation: Aggregation,
    /// The types of its arguments.
    pub arguments: Vec<DataType>,
    /// In which order the records of a group are taken; the columns of the keys stand behind the arguments.
    pub order: Vec<SortKey>,
    /// Whether equal arguments count once: then each key of the order is an argument, and these are their places.
    pub distinct: Option<Vec<usize>>,
    /// Whether the last key of the order is the number of a value and nothing that the job knows of: its bytes count
    /// nowhere.
    pub is_numbered: bool,
    /// The type of the result.
    pub result: DataType,
}

/// What one aggregate call remembers of all groups.
#[derive(Debug, Clone)]
pub enum Accumulator {
    /// Numbers of records or values.
    Count(Pages<u64>),
    /// Sums of integers and decimals, exact.
    Integers(IntegerSums),
    /// Sums of doubles, exact.
    Doubles(DoubleSums),
    /// Bits of integers.
    Bits(BitSets),
    /// Smallest or largest values.
    Extreme(Extreme),
    /// Variance and the like.
    Moments(Moments),
    /// The first few values in some order.
    Ranked(Ranked),
    /// All values in the order of the records.
    Listed(Listed),
    /// The values with their frequencies.
    Tally(Tally),
    /// Numbers of different values.
    Approximate(Pages<Distinct>),
    /// Doubles in buckets.
    Buckets(Pages<Buckets>),
    /// The different arguments, of which the rest is made at the end.
    Distinct(Box<DistinctRows>),
}

impl Accumulator {
    /// An accumulator without groups.
    pub fn new(kind: &AccumulatorKind) -> Accumulator {
        if let Some(order) = &kind.distinct {
            return Accumulator::Distinct(Box::new(DistinctRows::new(kind, order)));
        }
        let first = kind.arguments.first().copied().unwrap_or(DataType::Bigint);
        match &kind.aggregation {
            Aggregation::CountAll | Aggregation::Count => Accumulator::Count(Pages::default()),
            Aggregation::Sum | Aggregation::Average => match first {
                DataType::Double => Accumulator::Doubles(DoubleSums::default()),
                DataType::Decimal { scale, .. } => Accumulator::Integers(IntegerSums::new(scale)),
                _ => Accumulator::Integers(IntegerSums::new(0)),
            },
            Aggregation::Min => Accumulator::Extreme(Extreme::new(Extremum::Min, first)),
            Aggregation::Max => Accumulator::Extreme(Extreme::new(Extremum::Max, first)),
            Aggregation::Bits(bits) => Accumulator::Bits(BitSets::new(*bits)),
            Aggregation::Statistic(statistic) => Accumulator::Moments(Moments::new(*statistic)),
            Aggregation::First
            | Aggregation::Last
            | Aggregation::AnyValue
            | Aggregation::Arg(_)
            | Aggregation::Several(..)
            | Aggregation::SeveralArgs(..) => Accumulator::Ranked(Ranked::new(rules_of(kind))),
            Aggregation::List => Accumulator::Listed(Listed::new(kind, NullValues::Kept)),
            Aggregation::Joined { .. } => {
                Accumulator::Listed(Listed::new(kind, NullValues::Skipped))
            }
            Aggregation::Mode
            | Aggregation::Histogram
            | Aggregation::TopK(_)
            | Aggregation::Entropy
            | Aggregation::Quantile(_) => Accumulator::Tally(Tally::new(&kind.arguments, 1)),
            Aggregation::ApproximateCount => Accumulator::Approximate(Pages::default()),
            Aggregation::ApproximateQuantile(_) => Accumulator::Buckets(Pages::default()),
        }
    }

    /// All values of all groups, of a call that remembers them.
    pub fn values(&self) -> Option<&Tally> {
        match self {
            Accumulator::Tally(tally) => Some(tally),
            Accumulator::Distinct(distinct) => Some(distinct.rows()),
            _ => None,
        }
    }

    /// Makes room for `groups` groups.
    pub fn grow(&mut self, groups: usize) {
        match self {
            Accumulator::Count(counts) => counts.grow(groups, 0),
            Accumulator::Integers(sums) => sums.grow(groups),
            Accumulator::Doubles(sums) => sums.grow(groups),
            Accumulator::Bits(bits) => bits.grow(groups),
            Accumulator::Extreme(extreme) => extreme.grow(groups),
            Accumulator::Moments(moments) => moments.grow(groups),
            Accumulator::Ranked(ranked) => ranked.grow(groups),
            Accumulator::Listed(listed) => listed.grow(groups),
            Accumulator::Tally(tally) => tally.grow(groups),
            Accumulator::Approximate(all) => all.grow(groups, Distinct::default()),
            Accumulator::Buckets(all) => all.grow(groups, Buckets::default()),
            Accumulator::Distinct(distinct) => distinct.grow(groups),
        }
    }

    /// Takes in the rows, each into the group beside it. The columns are the arguments, then the keys of the order.
    pub fn update(&mut self, groups: &[u32], rows: &[u32], columns: &[Arc<Column>]) {
        match self {
            Accumulator::Ranked(ranked) => return ranked.update(groups, rows, columns),
            Accumulator::Listed(listed) => return listed.update(groups, rows, columns),
            Accumulator::Tally(tally) => return tally.update(groups, rows, columns),
            Accumulator::Distinct(distinct) => return distinct.update(groups, rows, columns),
            _ => {}
        }
        if let Accumulator::Doubles(sums) = self {
            sums.begin(rows.len());
        }
        // What is known of a few groups is in the processor's caches.
        let are_few = groups.iter().max().is_none_or(|most| *most < FEW_GROUPS);
        let mut ahead = if are_few { &[][..] } else { groups }.chunks(BLOCK);
        ahead.next().into_iter().for_each(|groups| self.ask_for(groups));
        for (groups, rows) in groups.chunks(BLOCK).zip(rows.chunks(BLOCK)) {
            ahead.next().into_iter().for_each(|groups| self.ask_for(groups));
            self.update_block(groups, rows, columns);
        }
        if let Accumulator::Doubles(sums) = self {
            sums.settle();
        }
    }

    /// Asks for the memory of what is known of some groups, so that many reads wait side by side.
    fn ask_for(&self, groups: &[u32]) {
        let groups = groups.iter().map(|group| *group as usize);
        match self {
            Accumulator::Count(counts) => groups.for_each(|group| counts.ask_for(group)),
            Accumulator::Integers(sums) => groups.for_each(|group| sums.ask_for(group)),
            Accumulator::Doubles(sums) => groups.for_each(|group| sums.ask_for(group)),
            Accumulator::Extreme(extreme) => groups.for_each(|group| extreme.ask_for(group)),
            _ => {}
        }
    }

    fn update_block(&mut self, groups: &[u32], rows: &[u32], columns: &[Arc<Column>]) {
        let pairs = groups.iter().zip(rows).map(|(group, row)| (*group as usize, *row as usize));
        match columns {
            [] => {
                if let Accumulator::Count(counts) = self {
                    count(counts, pairs);
                }
            }
            [column] => {
                self.update_with(pairs.filter(|(_, row)| column.is_valid(*row)), columns);
            }
            _ => {
                let is_valid =
                    |(_, row): &(usize, usize)| columns.iter().all(|column| column.is_valid(*row));
                self.update_with(pairs.filter(is_valid), columns);
            }
        }
    }

    /// Takes in rows that are valid in all columns.
    fn update_with(
        &mut self,
        valid: impl Iterator<Item = (usize, usize)>,
        columns: &[Arc<Column>],
    ) {
        let column = &columns[0];
        match self {
            Accumulator::Count(counts) => count(counts, valid),
            Accumulator::Integers(sums) => sums.update(valid, column),
            Accumulator::Doubles(sums) => sums.update(valid, column),
            Accumulator::Bits(bits) => bits.update(valid, column),
            Accumulator::Extreme(extreme) => {
                valid.for_each(|(group, row)| extreme.update(group, column, row));
            }
            Accumulator::Moments(moments) => moments.update(valid, columns),
            Accumulator::Approximate(all) => {
                let mut bytes = Vec::new();
                for (group, row) in valid {
                    bytes.clear();
                    key::write_canonical(&mut bytes, column, row);
                    all.cell(group).add(key::wide_hash(&bytes));
                }
            }
            Accumulator::Buckets(all) => {
                if let Values::Double(values) = &column.values {
                    valid.for_each(|(group, row)| all.cell(group).add(values[row]));
                }
            }
            Accumulator::Ranked(_)
            | Accumulator::Listed(_)
            | Accumulator::Tally(_)
            | Accumulator::Distinct(_) => unreachable!("they look at NULLs themselves"),
        }
    }

    /// Takes in all groups of another accumulator of the same kind, whose records come later: its group i into
    /// `groups[i]`.
    pub fn merge(&mut self, groups: &[u32], other: &Accumulator) {
        let pairs = groups.iter().enumerate().map(|(other, group)| (*group as usize, other));
        match (self, other) {
            (Accumulator::Count(counts), Accumulator::Count(others)) => {
                pairs.for_each(|(group, other)| *counts.cell(group) += others[other]);
            }
            (Accumulator::Integers(sums), Accumulator::Integers(others)) => {
                pairs.for_each(|(group, other)| sums.merge(group, others, other));
            }
            (Accumulator::Doubles(sums), Accumulator::Doubles(others)) => {
                pairs.for_each(|(group, other)| sums.merge(group, others, other));
            }
            (Accumulator::Bits(bits), Accumulator::Bits(others)) => {
                pairs.for_each(|(group, other)| bits.merge(group, others, other));
            }
            (Accumulator::Extreme(extreme), Accumulator::Extreme(others)) => {
                pairs.for_each(|(group, other)| extreme.merge(group, others, other));
            }
            (Accumulator::Moments(moments), Accumulator::Moments(others)) => {
                pairs.for_each(|(group, other)| moments.merge(group, others, other));
            }
            (Accumulator::Ranked(ranked), Accumulator::Ranked(others)) => {
                pairs.for_each(|(group, other)| ranked.merge(group, others, other));
            }
            (Accumulator::Listed(listed), Accumulator::Listed(others)) => {
                listed.merge(groups, others);
            }
            (Accumulator::Tally(tally), Accumulator::Tally(others)) => tally.merge(groups, others),
            (Accumulator::Approximate(all), Accumulator::Approximate(others)) => {
                pairs.for_each(|(group, other)| all.cell(group).merge(&others[other]));
            }
            (Accumulator::Buckets(all), Accumulator::Buckets(others)) => {
                pairs.for_each(|(group, other)| all.cell(group).merge(&others[other]));
            }
            (Accumulator::Distinct(distinct), Accumulator::Distinct(others)) => {
                distinct.merge(groups, others);
            }
            _ => unreachable!("accumulators of one call are of one kind"),
        }
    }

    /// Whether groups have no more records than can be counted, nor larger sums than these have; asked of those that others
    /// were merged into.
    pub fn is_countable(&self, groups: &[u32]) -> bool {
        let all = |count: &dyn Fn(usize) -> u64| {
            groups.iter().all(|group| count(*group as usize) < NUMBER_END)
        };
        match self {
            Accumulator::Count(counts) => all(&|group| counts[group]),
            Accumulator::Integers(sums) => {
                groups.iter().all(|group| sums.is_countable(*group as usize))
            }
            Accumulator::Doubles(sums) => all(&|group| sums.count(group)),
            Accumulator::Moments(moments) => all(&|group| moments.count(group)),
            Accumulator::Buckets(buckets) => all(&|group| buckets[group].count()),
            _ => true,
        }
    }

    /// The results of some groups as a column of the call's type; a result that does not fit is a fault.
    pub fn finish(&self, kind: &AccumulatorKind, groups: &[u32]) -> Column {
        finish::finish(self, kind, groups)
    }

    /// Whether the result of a group may be large.
    pub fn may_be_large(&self) -> bool {
        matches!(
            self,
            Accumulator::Listed(_)
                | Accumulator::Ranked(_)
                | Accumulator::Tally(_)
                | Accumulator::Distinct(_)
        )
    }

    /// About how many bytes of text the result of a group takes, where it may be large.
    pub fn result_bytes(&self, group: u32) -> usize {
        match self {
            Accumulator::Listed(listed) => listed.result_bytes(group),
            Accumulator::Ranked(ranked) => ranked.result_bytes(group),
            Accumulator::Tally(tally) => tally.of(group).map(|(value, _)| value.len() + 24).sum(),
            Accumulator::Distinct(distinct) => distinct.result_bytes(group),
            _ => 0,
        }
    }
}

/// Counts rows, each in the group beside it.
fn count(counts: &mut Pages<u64>, rows: impl Iterator<Item = (usize, usize)>) {
    match counts.only_page() {
        Some(page) => rows.for_each(|(group, _)| page[group] += 1),
        None => rows.for_each(|(group, _)| *counts.cell(group) += 1),
    }
}

/// What a call keeps that keeps the first few values in some order.
fn rules_of(kind: &AccumulatorKind) -> Rules {
    let arguments = kind.arguments.len();
    let direction = |extremum| match extremum {
        Extremum::Min => Direction::Ascending,
        Extremum::Max => Direction::Descending,
    };
    let (end, limit, needed, by) = match kind.aggregation {
        Aggregation::Last => (End::Last, 1, 0, None),
        Aggregation::AnyValue => (End::First, 1, 1, None),
        Aggregation::Arg(extremum) => (End::First, 1, 2, Some((1, extremum))),
        Aggregation::SeveralArgs(extremum, limit) => (End::First, limit, 2, Some((1, extremum))),
        Aggregation::Several(extremum, limit) => (End::First, limit, 1, Some((0, extremum))),
        _ => (End::First, 1, 0, None),
    };
    let mut keys = Vec::new();
    let mut key_columns = Vec::new();
    if let Some((column, extremum)) = by {
        let key = SortKey::ascending(kind.arguments[column]);
        let order = Order { direction: direction(extremum), nulls: Nulls::Last };
        keys.push(SortKey { order, ..key });
        key_columns.push(column);
    }
    keys.extend(&kind.order);
    key_columns.extend(arguments..arguments + kind.order.len());
    Rules { data_type: kind.arguments[0], keys, end, limit, needed, key_columns }
}

mod records;

mod select;

#[cfg(test)]
mod tests;
