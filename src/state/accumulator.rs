//! Accumulators: what an aggregate call remembers of each group.
//!
//! One [`Accumulator`] serves one call and all groups, column-wise. A worker fills one per chunk, and the ordered stage
//! merges them, so everything here must not depend on the order of the values.

use super::codec::{Reader, Unreadable, Writer};
use super::exact_sum::ExactSum;
use super::extreme::{Direction, Extreme};
use crate::record::{Column, DataType, Reason, Values};
use std::ops::Range;

/// What is accumulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccumulatorKind {
    /// Number of records.
    CountAll,
    /// Number of values that are not NULL.
    Count,
    /// Sum of the values.
    Sum(DataType),
    /// Mean of the values.
    Average(DataType),
    /// Smallest value.
    Min(DataType),
    /// Largest value.
    Max(DataType),
}

/// What one aggregate call remembers of all groups.
#[derive(Debug, Clone, PartialEq)]
pub enum Accumulator {
    /// Numbers of records or values.
    Count(Vec<u64>),
    /// Sums of integers and decimals, exact.
    Integers(IntegerSums),
    /// Sums of doubles, exact.
    Doubles {
        /// The sums.
        sums: Vec<ExactSum>,
        /// How many values went into each.
        counts: Vec<u64>,
    },
    /// Smallest or largest values.
    Extreme(Extreme),
}

/// Sums of integers and decimals: `high * 2^128 + low` units.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IntegerSums {
    low: Vec<i128>,
    /// Empty until a sum leaves 128 bits.
    high: Vec<i64>,
    counts: Vec<u64>,
    scale: u8,
}

impl Accumulator {
    /// An accumulator without groups.
    pub fn new(kind: AccumulatorKind) -> Accumulator {
        match kind {
            AccumulatorKind::CountAll | AccumulatorKind::Count => Accumulator::Count(Vec::new()),
            AccumulatorKind::Min(data_type) => {
                Accumulator::Extreme(Extreme::new(Direction::Min, data_type))
            }
            AccumulatorKind::Max(data_type) => {
                Accumulator::Extreme(Extreme::new(Direction::Max, data_type))
            }
            AccumulatorKind::Sum(data_type) | AccumulatorKind::Average(data_type) => {
                match data_type {
                    DataType::Double => {
                        Accumulator::Doubles { sums: Vec::new(), counts: Vec::new() }
                    }
                    DataType::Decimal { scale, .. } => {
                        Accumulator::Integers(IntegerSums { scale, ..IntegerSums::default() })
                    }
                    _ => Accumulator::Integers(IntegerSums::default()),
                }
            }
        }
    }

    /// Makes room for `groups` groups.
    pub fn grow(&mut self, groups: usize) {
        match self {
            Accumulator::Count(counts) => counts.resize(groups, 0),
            Accumulator::Integers(sums) => {
                sums.low.resize(groups, 0);
                sums.counts.resize(groups, 0);
                if !sums.high.is_empty() {
                    sums.high.resize(groups, 0);
                }
            }
            Accumulator::Doubles { sums, counts } => {
                sums.resize(groups, ExactSum::default());
                counts.resize(groups, 0);
            }
            Accumulator::Extreme(extreme) => extreme.grow(groups),
        }
    }

    /// Takes in the rows, each into the group beside it. Without a column every row counts; with one, NULLs do not.
    pub fn update(&mut self, groups: &[u32], rows: &[u32], column: Option<&Column>) {
        let pairs = groups.iter().zip(rows).map(|(group, row)| (*group as usize, *row as usize));
        let Some(column) = column else {
            if let Accumulator::Count(counts) = self {
                pairs.for_each(|(group, _)| counts[group] += 1);
            }
            return;
        };
        let valid = pairs.filter(|(_, row)| column.is_valid(*row));
        match self {
            Accumulator::Count(counts) => valid.for_each(|(group, _)| counts[group] += 1),
            Accumulator::Integers(sums) => match &column.values {
                Values::Bigint(values) => {
                    valid.for_each(|(group, row)| sums.add(group, i128::from(values[row])));
                }
                Values::Decimal { units, .. } => {
                    valid.for_each(|(group, row)| sums.add(group, units[row]));
                }
                _ => unreachable!("sums of integers take bigint and decimal columns"),
            },
            Accumulator::Doubles { sums, counts } => {
                let Values::Double(values) = &column.values else {
                    unreachable!("sums of doubles take double columns")
                };
                valid.for_each(|(group, row)| {
                    sums[group].add(values[row]);
                    counts[group] += 1;
                });
            }
            Accumulator::Extreme(extreme) => {
                valid.for_each(|(group, row)| extreme.update(group, column, row));
            }
        }
    }

    /// Takes in all groups of another accumulator of the same kind: its group i into `groups[i]`.
    pub fn merge(&mut self, groups: &[u32], other: &Accumulator) {
        let pairs = groups.iter().enumerate().map(|(other, group)| (*group as usize, other));
        match (self, other) {
            (Accumulator::Count(counts), Accumulator::Count(others)) => {
                pairs.for_each(|(group, other)| counts[group] += others[other]);
            }
            (Accumulator::Integers(sums), Accumulator::Integers(others)) => {
                pairs.for_each(|(group, other)| sums.merge(group, others, other));
            }
            (
                Accumulator::Doubles { sums, counts },
                Accumulator::Doubles { sums: others, counts: other_counts },
            ) => pairs.for_each(|(group, other)| {
                sums[group].merge(&others[other]);
                counts[group] += other_counts[other];
            }),
            (Accumulator::Extreme(extreme), Accumulator::Extreme(others)) => {
                pairs.for_each(|(group, other)| extreme.merge(group, others, other));
            }
            _ => unreachable!("accumulators of one call are of one kind"),
        }
    }

    /// The results of some groups as a column of the call's type; a result that does not fit is a fault.
    pub fn finish(
        &self,
        kind: AccumulatorKind,
        groups: Range<usize>,
        data_type: DataType,
    ) -> Column {
        match (self, kind) {
            (Accumulator::Extreme(extreme), _) => extreme.finish(groups, data_type),
            (Accumulator::Count(counts), _) => {
                let signed = |count: &u64| i64::try_from(*count).expect("fewer than 2^63 records");
                Column::new(Values::Bigint(counts[groups].iter().map(signed).collect()))
            }
            (Accumulator::Integers(sums), AccumulatorKind::Average(_)) => {
                average(groups, &sums.counts, |group| sums.mean(group))
            }
            (Accumulator::Integers(sums), _) => sums.finish(groups, data_type),
            (Accumulator::Doubles { sums, counts }, AccumulatorKind::Average(_)) => {
                average(groups, counts, |group| sums[group].value() / counts[group].max(1) as f64)
            }
            (Accumulator::Doubles { sums, counts }, _) => {
                let values = sums[groups.clone()].iter().map(ExactSum::value).collect();
                let mut column = Column::new(Values::Double(values));
                set_empty_null(&mut column, &counts[groups]);
                column
            }
        }
    }

    /// Appends all groups.
    pub fn write(&self, out: &mut Writer) {
        match self {
            Accumulator::Count(counts) => out.u64s(counts.iter().copied()),
            Accumulator::Integers(sums) => {
                out.u64s(sums.counts.iter().copied());
                out.i128s(sums.low.iter().copied());
                out.flags([!sums.high.is_empty()]);
                out.u64s(sums.high.iter().map(|high| high.cast_unsigned()));
            }
            Accumulator::Doubles { sums, counts } => {
                out.u64s(counts.iter().copied());
                ExactSum::write_all(sums, out);
            }
            Accumulator::Extreme(extreme) => extreme.write(out),
        }
    }

    /// Reads what [`Accumulator::write`] wrote for `groups` groups into a new accumulator of the same kind.
    pub fn read(&mut self, reader: &mut Reader<'_>, groups: usize) -> Result<(), Unreadable> {
        match self {
            Accumulator::Count(counts) => *counts = reader.u64s(groups, "counts")?,
            Accumulator::Integers(sums) => {
                sums.counts = reader.u64s(groups, "counts")?;
                sums.low = reader.i128s(groups, "sums")?;
                let is_wide = reader.flags(1, "sums")?[0];
                let high = reader.u64s(if is_wide { groups } else { 0 }, "sums")?;
                sums.high = high.into_iter().map(u64::cast_signed).collect();
            }
            Accumulator::Doubles { sums, counts } => {
                *counts = reader.u64s(groups, "counts")?;
                *sums = ExactSum::read_all(reader, groups)?;
            }
            Accumulator::Extreme(extreme) => extreme.read(reader, groups)?,
        }
        Ok(())
    }
}

impl IntegerSums {
    fn add(&mut self, group: usize, value: i128) {
        self.counts[group] += 1;
        self.add_units(group, value);
    }

    fn add_units(&mut self, group: usize, value: i128) {
        let (sum, overflowed) = self.low[group].overflowing_add(value);
        self.low[group] = sum;
        if overflowed {
            self.carry(group, if value < 0 { -1 } else { 1 });
        }
    }

    /// Wrapping past 2^127 moves the low part by 2^128.
    fn carry(&mut self, group: usize, by: i64) {
        self.high.resize(self.low.len(), 0);
        self.high[group] += by;
    }

    fn merge(&mut self, group: usize, other: &IntegerSums, other_group: usize) {
        self.counts[group] += other.counts[other_group];
        self.add_units(group, other.low[other_group]);
        if let Some(high) = other.high.get(other_group)
            && *high != 0
        {
            self.carry(group, *high);
        }
    }

    fn high_of(&self, group: usize) -> i64 {
        self.high.get(group).copied().unwrap_or(0)
    }

    /// The mean: one division of two numbers that were each rounded once.
    fn mean(&self, group: usize) -> f64 {
        const TWO_TO_128: f64 = f64::from_bits((1023 + 128) << 52);
        let units = self.high_of(group) as f64 * TWO_TO_128 + self.low[group] as f64;
        let power = 10_u128.pow(u32::from(self.scale));
        units / (power as f64 * self.counts[group].max(1) as f64)
    }

    fn finish(&self, groups: Range<usize>, data_type: DataType) -> Column {
        let overflow: Reason = format!("the sum does not fit {data_type}").into();
        let mut column = Column::new(Values::filled(data_type, groups.len()));
        for (row, group) in (0_u32..).zip(groups.clone()) {
            let units = (self.high_of(group) == 0).then_some(self.low[group]);
            let fits = match &mut column.values {
                Values::Bigint(values) => units
                    .and_then(|units| i64::try_from(units).ok())
                    .map(|value| values[row as usize] = value),
                Values::Decimal { units: values, precision, .. } => {
                    let limit = 10_u128.pow(u32::from(*precision));
                    units
                        .filter(|units| units.unsigned_abs() < limit)
                        .map(|value| values[row as usize] = value)
                }
                _ => unreachable!("sums of integers are bigint or decimal"),
            };
            if fits.is_none() {
                column.set_fault(row, &overflow);
            }
        }
        set_empty_null(&mut column, &self.counts[groups]);
        column
    }
}

fn average(groups: Range<usize>, counts: &[u64], mean: impl Fn(usize) -> f64) -> Column {
    let mut column = Column::new(Values::Double(groups.clone().map(mean).collect()));
    set_empty_null(&mut column, &counts[groups]);
    column
}

/// A group without a value has no sum and no mean.
fn set_empty_null(column: &mut Column, counts: &[u64]) {
    for (row, count) in counts.iter().enumerate() {
        if *count == 0 {
            column.validity.set_null(row, counts.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bigints(values: &[i64]) -> Column {
        Column::new(Values::Bigint(values.to_vec()))
    }

    fn filled(kind: AccumulatorKind, column: &Column) -> Accumulator {
        let rows: Vec<u32> =
            (0..column.rows()).map(|row| u32::try_from(row).expect("few")).collect();
        let mut accumulator = Accumulator::new(kind);
        accumulator.grow(2);
        let groups: Vec<u32> = rows.iter().map(|row| row % 2).collect();
        accumulator.update(&groups, &rows, Some(column));
        accumulator
    }

    fn check(kind: AccumulatorKind, column: &Column, data_type: DataType, expected: &Values) {
        let whole = filled(kind, column);
        let mut merged = Accumulator::new(kind);
        merged.grow(2);
        merged.merge(&[0, 1], &whole);
        let mut out = Writer::default();
        merged.write(&mut out);
        let mut read = Accumulator::new(kind);
        read.read(&mut Reader::new(&out.bytes), 2).expect("what was written");
        for accumulator in [whole, merged, read] {
            assert_eq!(&accumulator.finish(kind, 0..2, data_type).values, expected);
        }
    }

    #[test]
    fn results_are_the_same_direct_merged_and_read_back() {
        let column = bigints(&[5, 1, 7, 2]);
        let bigint = DataType::Bigint;
        check(AccumulatorKind::Count, &column, bigint, &Values::Bigint(vec![2, 2]));
        check(AccumulatorKind::Sum(bigint), &column, bigint, &Values::Bigint(vec![12, 3]));
        let means = Values::Double(vec![6.0, 1.5]);
        check(AccumulatorKind::Average(bigint), &column, DataType::Double, &means);
        check(AccumulatorKind::Min(bigint), &column, bigint, &Values::Bigint(vec![5, 1]));
        check(AccumulatorKind::Max(bigint), &column, bigint, &Values::Bigint(vec![7, 2]));
    }

    #[test]
    fn a_sum_that_does_not_fit_is_a_fault_and_one_that_comes_back_is_not() {
        let kind = AccumulatorKind::Sum(DataType::Bigint);
        let over = filled(kind, &bigints(&[i64::MAX, 0, 1, 0]));
        assert!(over.finish(kind, 0..2, DataType::Bigint).faults.get(0).is_some());
        let back = filled(kind, &bigints(&[i64::MAX, 0, 1, 0, -2, 0]));
        assert!(back.finish(kind, 0..2, DataType::Bigint).faults.is_empty());

        let data_type = DataType::Decimal { precision: 38, scale: 0 };
        let most = 10_i128.pow(38) - 1;
        let units = vec![most, 0, most, 0, most, 0, -most, 0, -most, 0];
        let column = Column::new(Values::Decimal { units, precision: 38, scale: 0 });
        let kind = AccumulatorKind::Sum(data_type);
        let Values::Decimal { units, .. } =
            filled(kind, &column).finish(kind, 0..2, data_type).values
        else {
            panic!("a decimal")
        };
        assert_eq!(units, [most, 0]);
    }

    #[test]
    fn groups_without_values_are_null() {
        let kind = AccumulatorKind::Sum(DataType::Bigint);
        let empty = filled(kind, &Column::null(DataType::Bigint, 2));
        assert!(!empty.finish(kind, 0..2, DataType::Bigint).is_valid(1));
        let kind = AccumulatorKind::Max(DataType::Text);
        let empty = filled(kind, &Column::null(DataType::Text, 2));
        assert!(!empty.finish(kind, 0..2, DataType::Text).is_valid(0));
    }
}
