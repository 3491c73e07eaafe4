//! Values apart from their groups: how calls that remember each different value do with less memory.
//!
//! All values are split into parts, such that whatever is said of one value of one group is in one part. The parts are
//! worked off one by one: of the different values of a part that is accumulated which the call comes to, and what was
//! accumulated of the parts is merged. Where the order of the records matters, the last key of the order is the number
//! that the value got when it was first seen; so it does not matter in which order the parts come.

use super::accumulator::{Accumulator, AccumulatorKind};
use super::codec::Unreadable;
use super::key::{self, Keys};
use super::tally::Tally;
use crate::record::aggregation::{Aggregation, Extremum, SortKey};
use crate::record::{Column, DataType, Values};
use std::ops::Range;
use std::sync::Arc;

/// How many values are accumulated at a time.
const ROWS_AT_A_TIME: usize = 8192;

/// What becomes of the values of a call that are apart from their groups.
#[derive(Debug, Clone, PartialEq)]
pub struct Apart {
    /// What is accumulated of them.
    pub kind: AccumulatorKind,
    /// What a value is made of.
    types: Vec<DataType>,
    /// How many of the first columns must not be NULL for a value to count.
    needed: usize,
    /// What is accumulated, column by column.
    inputs: Vec<Input>,
}

/// A column of what is accumulated of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    /// One of those that the value is made of.
    Value(usize),
    /// How many records have the value.
    Count,
    /// When the value was first seen: an earlier one has a smaller number.
    Number,
}

/// The different values of a part.
#[derive(Debug)]
pub struct DifferentValues {
    tally: Tally,
    /// The number of each value.
    numbers: Vec<u64>,
}

/// Values as they were written: of one group after the other.
#[derive(Debug)]
pub struct WrittenValues<'a> {
    /// The bytes of each value.
    pub values: Vec<&'a [u8]>,
    /// The group of each value.
    pub groups: Vec<u32>,
    /// How many records have each value, where that is said.
    pub counts: Option<Vec<u64>>,
    /// The number of each value, where that is said.
    pub numbers: Option<Vec<u64>>,
}

impl Apart {
    /// What becomes of the values of a call; `None` for one that does not remember all values, or needs all values of a
    /// group at one time.
    pub fn of(kind: &AccumulatorKind) -> Option<Apart> {
        let types = kind.arguments.clone();
        if let Some(order) = &kind.distinct {
            // Of values that all count once, the usual one is the first: that is seen only where all are together.
            if matches!(kind.aggregation, Aggregation::Mode | Aggregation::TopK(_)) {
                return None;
            }
            let mut inputs: Vec<Input> = (0..types.len()).map(Input::Value).collect();
            inputs.extend(order.iter().copied().map(Input::Value));
            let mut kind = AccumulatorKind { distinct: None, ..kind.clone() };
            if depends_on_order(&kind) {
                inputs.push(Input::Number);
                kind.order.push(SortKey::ascending(DataType::Bigint));
                kind.is_numbered = true;
            }
            return Some(Apart { kind, types, needed: 0, inputs });
        }
        // The most frequent values are those with the greatest counts; of several the one that came first.
        let aggregation = match kind.aggregation {
            Aggregation::Mode => Aggregation::Arg(Extremum::Max),
            Aggregation::TopK(count) => Aggregation::SeveralArgs(Extremum::Max, count),
            _ => return None,
        };
        let arguments = vec![types[0], DataType::Bigint];
        let order = vec![SortKey::ascending(DataType::Bigint)];
        let kind =
            AccumulatorKind { aggregation, arguments, order, is_numbered: true, ..kind.clone() };
        let inputs = vec![Input::Value(0), Input::Count, Input::Number];
        Some(Apart { kind, types, needed: 1, inputs })
    }

    /// Whether it matters how many records have a value.
    pub fn has_counts(&self) -> bool {
        self.inputs.contains(&Input::Count)
    }

    /// Whether it matters when a value was first seen.
    pub fn has_numbers(&self) -> bool {
        self.inputs.contains(&Input::Number)
    }

    /// No values.
    pub fn no_values(&self) -> DifferentValues {
        DifferentValues { tally: Tally::new(&self.types, self.needed), numbers: Vec::new() }
    }
}

/// Whether it matters in which order the records come.
fn depends_on_order(kind: &AccumulatorKind) -> bool {
    matches!(Accumulator::new(kind), Accumulator::Ranked(_) | Accumulator::Listed(_))
}

impl DifferentValues {
    /// The values with their groups and counts.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The number of a value.
    pub fn number(&self, value: usize) -> u64 {
        self.numbers[value]
    }

    /// Takes in values that came later than all those that are there, of so many groups.
    pub fn take(
        &mut self,
        apart: &Apart,
        written: &WrittenValues<'_>,
        groups: usize,
    ) -> Result<(), Unreadable> {
        let WrittenValues { values, groups: of, counts, numbers } = written;
        if !values.iter().all(|value| key::is_made_of(&apart.types, value)) {
            return Err(Unreadable { what: "values" });
        }
        self.tally.grow(groups);
        let pairs = of.iter().zip(values).map(|(group, value)| (*group, *value));
        let count_of = |place: usize| counts.as_ref().map_or(1, |counts| counts[place]);
        let ids = self.tally.add_all(&Keys::of_values(pairs), of, count_of);
        for (place, id) in ids.into_iter().enumerate() {
            if id as usize == self.numbers.len() {
                self.numbers.push(numbers.as_ref().map_or(0, |numbers| numbers[place]));
            }
        }
        Ok(())
    }

    /// Accumulates the values.
    pub fn accumulate(&self, apart: &Apart, accumulator: &mut Accumulator) {
        let mut start = 0;
        while start < self.tally.value_count() {
            let end = self.tally.value_count().min(start + ROWS_AT_A_TIME);
            let groups: Vec<u32> = (start..end).map(|value| self.tally.entry(value).0).collect();
            let rows: Vec<u32> = (0..).take(end - start).collect();
            accumulator.update(&groups, &rows, &self.columns(apart, start..end));
            start = end;
        }
    }

    /// What is accumulated of some values.
    fn columns(&self, apart: &Apart, some: Range<usize>) -> Vec<Arc<Column>> {
        let values = some.clone().map(|value| self.tally.entry(value).1);
        let values = self.tally.columns_of(values).into_iter().map(Arc::new);
        let values: Vec<Arc<Column>> = values.collect();
        let numbers = |number: &dyn Fn(usize) -> u64| {
            let number = |value| i64::try_from(number(value)).unwrap_or(i64::MAX);
            Arc::new(Column::new(Values::Bigint(some.clone().map(number).collect())))
        };
        let column = |input: &Input| match input {
            Input::Value(place) => values[*place].clone(),
            Input::Count => numbers(&|value| self.tally.entry(value).2),
            Input::Number => numbers(&|value| self.numbers[value]),
        };
        apart.inputs.iter().map(column).collect()
    }
}
