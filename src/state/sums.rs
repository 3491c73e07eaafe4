//! Sums and means of numbers, and bits put together.
//!
//! All are exact, so that neither the order of the values nor how they were split matters.

use super::codec::{Reader, Unreadable, Writer};
use super::exact_sum::ExactSum;
use crate::record::aggregation::Bits;
use crate::record::{Column, DataType, Reason, Values};

/// Sums of integers and decimals: `high * 2^128 + low` units.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IntegerSums {
    low: Vec<i128>,
    /// Empty until a sum leaves 128 bits.
    high: Vec<i64>,
    counts: Vec<u64>,
    scale: u8,
}

/// Sums of doubles.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DoubleSums {
    sums: Vec<ExactSum>,
    /// How many values went into each.
    counts: Vec<u64>,
}

/// Integers whose bits are put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BitSets {
    bits: Bits,
    values: Vec<i64>,
    seen: Vec<bool>,
}

impl IntegerSums {
    /// No groups yet, for values with so many digits behind the point.
    pub fn new(scale: u8) -> IntegerSums {
        IntegerSums { scale, ..IntegerSums::default() }
    }

    /// Makes room for `groups` groups.
    pub fn grow(&mut self, groups: usize) {
        self.low.resize(groups, 0);
        self.counts.resize(groups, 0);
        if !self.high.is_empty() {
            self.high.resize(groups, 0);
        }
    }

    /// Takes in valid rows, each into the group beside it.
    pub fn update(&mut self, rows: impl Iterator<Item = (usize, usize)>, column: &Column) {
        match &column.values {
            Values::Bigint(values) => {
                rows.for_each(|(group, row)| self.add(group, i128::from(values[row])));
            }
            Values::Decimal { units, .. } => {
                rows.for_each(|(group, row)| self.add(group, units[row]));
            }
            _ => unreachable!("sums of integers take bigint and decimal columns"),
        }
    }

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

    /// Takes in one group of another.
    pub fn merge(&mut self, group: usize, other: &IntegerSums, other_group: usize) {
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

    /// The means of some groups.
    pub fn means(&self, groups: &[u32]) -> Column {
        doubles(groups, &self.counts, |group| self.mean(group))
    }

    /// The sums of some groups as a column of a type; what does not fit is a fault.
    pub fn finish(&self, groups: &[u32], data_type: DataType) -> Column {
        let overflow: Reason = format!("the sum does not fit {data_type}").into();
        let mut column = Column::new(Values::filled(data_type, groups.len()));
        for (row, group) in (0_u32..).zip(groups) {
            let group = *group as usize;
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
        set_empty_null(&mut column, groups, &self.counts);
        column
    }

    /// Appends all groups.
    pub fn write(&self, out: &mut Writer) {
        out.u64s(self.counts.iter().copied());
        out.i128s(self.low.iter().copied());
        out.flags([!self.high.is_empty()]);
        out.u64s(self.high.iter().map(|high| high.cast_unsigned()));
    }

    /// Reads what [`IntegerSums::write`] wrote.
    pub fn read(&mut self, reader: &mut Reader<'_>, groups: usize) -> Result<(), Unreadable> {
        self.counts = reader.u64s(groups, "counts")?;
        self.low = reader.i128s(groups, "sums")?;
        let is_wide = reader.flags(1, "sums")?[0];
        let high = reader.u64s(if is_wide { groups } else { 0 }, "sums")?;
        self.high = high.into_iter().map(u64::cast_signed).collect();
        Ok(())
    }
}

impl DoubleSums {
    /// Makes room for `groups` groups.
    pub fn grow(&mut self, groups: usize) {
        self.sums.resize(groups, ExactSum::default());
        self.counts.resize(groups, 0);
    }

    /// Takes in valid rows, each into the group beside it.
    pub fn update(&mut self, rows: impl Iterator<Item = (usize, usize)>, column: &Column) {
        let Values::Double(values) = &column.values else {
            unreachable!("sums of doubles take double columns")
        };
        rows.for_each(|(group, row)| {
            self.sums[group].add(values[row]);
            self.counts[group] += 1;
        });
    }

    /// Takes in one group of another.
    pub fn merge(&mut self, group: usize, other: &DoubleSums, other_group: usize) {
        self.sums[group].merge(&other.sums[other_group]);
        self.counts[group] += other.counts[other_group];
    }

    /// The sums of some groups.
    pub fn finish(&self, groups: &[u32]) -> Column {
        doubles(groups, &self.counts, |group| self.sums[group].value())
    }

    /// The means of some groups.
    pub fn means(&self, groups: &[u32]) -> Column {
        doubles(groups, &self.counts, |group| {
            self.sums[group].value() / self.counts[group].max(1) as f64
        })
    }

    /// Appends all groups.
    pub fn write(&self, out: &mut Writer) {
        out.u64s(self.counts.iter().copied());
        ExactSum::write_all(&self.sums, out);
    }

    /// Reads what [`DoubleSums::write`] wrote.
    pub fn read(&mut self, reader: &mut Reader<'_>, groups: usize) -> Result<(), Unreadable> {
        self.counts = reader.u64s(groups, "counts")?;
        self.sums = ExactSum::read_all(reader, groups)?;
        Ok(())
    }
}

impl BitSets {
    /// No groups yet.
    pub fn new(bits: Bits) -> BitSets {
        BitSets { bits, values: Vec::new(), seen: Vec::new() }
    }

    /// Makes room for `groups` groups.
    pub fn grow(&mut self, groups: usize) {
        let neutral = if self.bits == Bits::And { -1 } else { 0 };
        self.values.resize(groups, neutral);
        self.seen.resize(groups, false);
    }

    /// Takes in valid rows, each into the group beside it.
    pub fn update(&mut self, rows: impl Iterator<Item = (usize, usize)>, column: &Column) {
        let Values::Bigint(values) = &column.values else {
            unreachable!("bits are those of bigints")
        };
        rows.for_each(|(group, row)| self.add(group, values[row]));
    }

    fn add(&mut self, group: usize, value: i64) {
        self.seen[group] = true;
        let known = &mut self.values[group];
        match self.bits {
            Bits::And => *known &= value,
            Bits::Or => *known |= value,
            Bits::Xor => *known ^= value,
        }
    }

    /// Takes in one group of another.
    pub fn merge(&mut self, group: usize, other: &BitSets, other_group: usize) {
        if other.seen[other_group] {
            self.add(group, other.values[other_group]);
        }
    }

    /// The bits of some groups.
    pub fn finish(&self, groups: &[u32]) -> Column {
        let values = groups.iter().map(|group| self.values[*group as usize]).collect();
        let mut column = Column::new(Values::Bigint(values));
        for (row, group) in groups.iter().enumerate() {
            if !self.seen[*group as usize] {
                column.validity.set_null(row, groups.len());
            }
        }
        column
    }

    /// Appends all groups.
    pub fn write(&self, out: &mut Writer) {
        out.flags(self.seen.iter().copied());
        out.u64s(self.values.iter().map(|value| value.cast_unsigned()));
    }

    /// Reads what [`BitSets::write`] wrote.
    pub fn read(&mut self, reader: &mut Reader<'_>, groups: usize) -> Result<(), Unreadable> {
        self.seen = reader.flags(groups, "bits")?;
        self.values = reader.u64s(groups, "bits")?.into_iter().map(u64::cast_signed).collect();
        Ok(())
    }
}

fn doubles(groups: &[u32], counts: &[u64], value: impl Fn(usize) -> f64) -> Column {
    let values = groups.iter().map(|group| value(*group as usize)).collect();
    let mut column = Column::new(Values::Double(values));
    set_empty_null(&mut column, groups, counts);
    column
}

/// A group without a value has no sum and no mean.
fn set_empty_null(column: &mut Column, groups: &[u32], counts: &[u64]) {
    for (row, group) in groups.iter().enumerate() {
        if counts[*group as usize] == 0 {
            column.validity.set_null(row, groups.len());
        }
    }
}
