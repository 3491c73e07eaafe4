//! Sums and means of numbers, and bits put together.
//!
//! All are exact, so that neither the order of the values nor how they were split matters.

use super::changes::Part;
use super::codec::{NUMBER_END, NumberColumn, Reader, Unreadable, Writer};
use super::exact_sum::ExactSum;
use super::near_sum::{self, NearSum};
use super::pages::{Cells, Pages};
use crate::record::aggregation::Bits;
use crate::record::{Column, DataType, Reason, Values};

/// `high` of a sum is at most that far from 0: fewer than 2^62 values can be counted, each less than 2^127.
const HIGH_MAX: i128 = 1 << 125;

/// Sums of integers and decimals: `high * 2^64 + units` of each group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IntegerSums {
    sums: Pages<Sum>,
    /// Empty until a sum leaves 64 bits.
    high: Pages<i128>,
    /// By how much the number of records is more than that of values, as far as somebody counts the records; modulo 2^64,
    /// and empty until it is not the same.
    others: Pages<u64>,
    scale: u8,
}

/// The last 64 bits of a sum, and how many values went into it: side by side, so that a group takes one read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sum {
    units: i64,
    count: u64,
}

/// Sums of doubles.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DoubleSums {
    sums: Pages<ExactSum>,
    /// What was added last, where it is worth it.
    near: Vec<NearSum>,
    /// How many values went into each.
    counts: Pages<u64>,
}

/// Integers whose bits are put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BitSets {
    bits: Bits,
    values: Pages<i64>,
    seen: Pages<bool>,
}

impl Sum {
    /// Adds a value, and answers by how much what is above 64 bits changes.
    #[inline]
    fn add(&mut self, value: i64) -> Option<i128> {
        let (units, overflowed) = self.units.overflowing_add(value);
        self.units = units;
        // Wrapping past 2^63 moves the units by 2^64.
        overflowed.then_some(if value < 0 { -1 } else { 1 })
    }
}

/// Adds valid rows, each to the group beside it; what goes beyond 64 bits is put aside.
fn add_all(
    sums: &mut (impl Cells<Sum> + ?Sized),
    rows: impl Iterator<Item = (usize, usize)>,
    column: &Column,
    carries: &mut Vec<(usize, i128)>,
) {
    let mut add = |group: usize, value: i64| {
        let sum = sums.cell(group);
        sum.count += 1;
        if let Some(by) = sum.add(value) {
            carries.push((group, by));
        }
    };
    match &column.values {
        Values::Bigint(values) => rows.for_each(|(group, row)| add(group, values[row])),
        Values::Decimal { units, .. } => {
            let mut wide = Vec::new();
            rows.for_each(|(group, row)| match i64::try_from(units[row]) {
                Ok(units) => add(group, units),
                Err(_) => {
                    let (high, low) = split(units[row]);
                    add(group, low);
                    wide.push((group, high));
                }
            });
            carries.extend(wide);
        }
        _ => unreachable!("sums of integers take bigint and decimal columns"),
    }
}

impl IntegerSums {
    /// No groups yet, for values with so many digits behind the point.
    pub fn new(scale: u8) -> IntegerSums {
        IntegerSums { scale, ..IntegerSums::default() }
    }

    /// Makes room for `groups` groups.
    pub fn grow(&mut self, groups: usize) {
        self.sums.grow(groups, Sum::default());
        if !self.high.is_empty() {
            self.high.grow(groups, 0);
        }
        if !self.others.is_empty() {
            self.others.grow(groups, 0);
        }
    }

    /// Asks for the memory of a group's sum.
    pub fn ask_for(&self, group: usize) {
        self.sums.ask_for(group);
    }

    /// Takes in valid rows, each into the group beside it.
    pub fn update(&mut self, rows: impl Iterator<Item = (usize, usize)>, column: &Column) {
        let mut carries = Vec::new();
        match self.sums.only_page() {
            Some(page) => add_all(page, rows, column, &mut carries),
            None => add_all(&mut self.sums, rows, column, &mut carries),
        }
        carries.into_iter().for_each(|(group, by)| self.carry(group, by));
    }

    /// Counts those rows, each in the group beside it, that have no value; the others were counted with it.
    pub fn count_others(&mut self, groups: &[u32], rows: &[u32], column: &Column) {
        if column.validity.all_valid() {
            return;
        }
        self.others.grow(self.sums.len(), 0);
        for (group, row) in groups.iter().zip(rows) {
            let others = self.others.cell(*group as usize);
            *others = others.wrapping_add(u64::from(!column.is_valid(*row as usize)));
        }
    }

    fn count_other(&mut self, group: usize, by: u64) {
        self.others.grow(self.sums.len(), 0);
        let others = self.others.cell(group);
        *others = others.wrapping_add(by);
    }

    /// How many groups there are.
    pub fn groups(&self) -> usize {
        self.sums.len()
    }

    /// How many records a group has, those without a value, too.
    pub fn records(&self, group: usize) -> u64 {
        self.count(group).wrapping_add(self.others(group))
    }

    /// By how much the number of records of a group is more than that of values, modulo 2^64.
    pub fn others(&self, group: usize) -> u64 {
        self.others.get(group).copied().unwrap_or(0)
    }

    /// Sets how many records a group has.
    pub fn set_records(&mut self, group: usize, records: u64) {
        let by = records.wrapping_sub(self.records(group));
        if by != 0 {
            self.count_other(group, by);
        }
    }

    fn add(&mut self, group: usize, value: i64) {
        if let Some(by) = self.sums.cell(group).add(value) {
            self.carry(group, by);
        }
    }

    fn add_wide(&mut self, group: usize, value: i128) {
        let (high, units) = split(value);
        self.add(group, units);
        self.carry(group, high);
    }

    #[cold]
    fn carry(&mut self, group: usize, by: i128) {
        self.high.grow(self.sums.len(), 0);
        *self.high.cell(group) += by;
    }

    /// Takes in one group of another.
    pub fn merge(&mut self, group: usize, other: &IntegerSums, other_group: usize) {
        let Sum { units, count } = other.sums[other_group];
        self.sums.cell(group).count += count;
        self.add(group, units);
        if let Some(high) = other.high.get(other_group)
            && *high != 0
        {
            self.carry(group, *high);
        }
        if other.others(other_group) != 0 {
            self.count_other(group, other.others(other_group));
        }
    }

    /// Takes the place of a group by one of another; how many records it has is to be set then, where it matters.
    pub fn put(&mut self, group: usize, other: &IntegerSums, other_group: usize) {
        *self.sums.cell(group) = other.sums[other_group];
        let high = other.high.get(other_group).copied().unwrap_or(0);
        if high != 0 || !self.high.is_empty() {
            self.high.grow(self.sums.len(), 0);
            *self.high.cell(group) = high;
        }
    }

    /// The groups of a part as they are now, for another thread.
    pub fn share(&mut self, part: &Part) -> IntegerSums {
        let (sums, high) = (self.sums.share(part), self.high.share(part));
        IntegerSums { sums, high, others: self.others.share(part), scale: self.scale }
    }

    /// The sum of a group as `high * 2^128 + low`, high first.
    fn wide(&self, group: usize) -> (i64, i128) {
        let units = self.sums[group].units;
        let high = self.high.get(group).copied().unwrap_or(0);
        if high == 0 {
            return (0, i128::from(units));
        }
        let upper = i64::try_from(high >> 64).expect("half of 128 bits");
        // What is lost above 128 bits is the upper half, but for the sign of the lower one.
        let (low, overflowed) = (high << 64).overflowing_add(i128::from(units));
        let lower_is_negative = high.cast_unsigned() & (1 << 63) != 0;
        let sign = i64::from(lower_is_negative);
        let carry = i64::from(overflowed) * if units < 0 { -1 } else { 1 };
        (upper + sign + carry, low)
    }

    /// Bytes of what only some sums have: more than 64 bits, or records without a value.
    pub fn rare_bytes(&self) -> usize {
        self.high.bytes() + self.others.bytes()
    }

    /// How many values a group has.
    pub fn count(&self, group: usize) -> u64 {
        self.sums[group].count
    }

    /// Whether a group has no more records than can be counted, and a sum that so many can have: then two groups can
    /// always be merged.
    pub fn is_countable(&self, group: usize) -> bool {
        let high = self.high.get(group).copied().unwrap_or(0);
        self.count(group).max(self.records(group)) < NUMBER_END && high.abs() <= HIGH_MAX
    }

    /// The mean: one division of two numbers that were each rounded once.
    fn mean(&self, group: usize) -> f64 {
        const TWO_TO_128: f64 = f64::from_bits((1023 + 128) << 52);
        let (high, low) = self.wide(group);
        let units = high as f64 * TWO_TO_128 + low as f64;
        let power = 10_u128.pow(u32::from(self.scale));
        units / (power as f64 * self.count(group).max(1) as f64)
    }

    /// The means of some groups.
    pub fn means(&self, groups: &[u32]) -> Column {
        doubles(groups, |group| self.count(group), |group| self.mean(group))
    }

    /// The sums of some groups as a column of a type; what does not fit is a fault.
    pub fn finish(&self, groups: &[u32], data_type: DataType) -> Column {
        let overflow: Reason = format!("the sum does not fit {data_type}").into();
        let mut column = Column::new(Values::filled(data_type, groups.len()));
        let limit = match data_type {
            DataType::Decimal { precision, .. } => 10_u128.pow(u32::from(precision)),
            _ => 0,
        };
        for (row, group) in (0_u32..).zip(groups) {
            let (high, low) = self.wide(*group as usize);
            let units = (high == 0).then_some(low);
            let fits = match &mut column.values {
                Values::Bigint(values) => units
                    .and_then(|units| i64::try_from(units).ok())
                    .map(|value| values[row as usize] = value),
                Values::Decimal { units: values, .. } => units
                    .filter(|units| units.unsigned_abs() < limit)
                    .map(|value| values[row as usize] = value),
                _ => unreachable!("sums of integers are bigint or decimal"),
            };
            if fits.is_none() {
                column.set_fault(row, &overflow);
            }
        }
        set_empty_null(&mut column, groups, |group| self.count(group));
        column
    }

    /// Appends the groups of a part.
    pub fn write(&self, part: &Part, out: &mut Writer) {
        out.numbers(part.entries().map(|group| self.sums[group].count));
        // Whether others are large, or these were once, makes no difference.
        let are_small = self.high.is_empty()
            || part.entries().all(|group| self.high.get(group).is_none_or(|high| *high == 0));
        if out.is_narrow() {
            out.flags([are_small]);
        }
        if are_small {
            if out.is_narrow() {
                return out.signed_numbers(part.entries().map(|group| self.sums[group].units));
            }
            out.i128s(part.entries().map(|group| i128::from(self.sums[group].units)));
            out.flags([false]);
            return;
        }
        let wide: Vec<(i64, i128)> = part.entries().map(|group| self.wide(group)).collect();
        out.i128s(wide.iter().map(|(_, low)| *low));
        let is_wide = wide.iter().any(|(high, _)| *high != 0);
        out.flags([is_wide]);
        out.u64s(wide.iter().filter(|_| is_wide).map(|(high, _)| high.cast_unsigned()));
    }

    /// Reads what [`IntegerSums::write`] wrote.
    pub fn read(&mut self, reader: &mut Reader<'_>, groups: usize) -> Result<(), Unreadable> {
        let what = "sums";
        let counts = count_column(reader, groups)?;
        self.high = Pages::default();
        if reader.is_narrow() && reader.flags(1, what)? == [true] {
            let units = reader.signed_column(groups, what)?;
            self.sums = counts.zip(units).map(|(count, units)| Sum { units, count }).collect();
            return Ok(());
        }
        let low = reader.i128_column(groups, what)?;
        let is_wide = reader.flags(1, what)?[0];
        let high = reader.u64s(if is_wide { groups } else { 0 }, what)?;
        let mut wide = Vec::new();
        let sum = |(group, (count, low)): (usize, (u64, i128))| match i64::try_from(low) {
            Ok(units) => Sum { units, count },
            Err(_) => {
                wide.push((group, low));
                Sum { units: 0, count }
            }
        };
        self.sums = counts.zip(low).enumerate().map(sum).collect();
        wide.into_iter().for_each(|(group, low)| self.add_wide(group, low));
        for (group, high) in high.into_iter().enumerate().filter(|(_, high)| *high != 0) {
            let high = high.cast_signed();
            if i128::from(high).abs() > HIGH_MAX >> 64 {
                return Err(Unreadable { what });
            }
            self.carry(group, i128::from(high) << 64);
        }
        Ok(())
    }
}

/// So many rows of each group are quicker summed as integers.
const ROWS_FOR_NEAR: usize = 4;

impl DoubleSums {
    /// Makes room for `groups` groups.
    pub fn grow(&mut self, groups: usize) {
        self.sums.grow(groups, ExactSum::default());
        self.counts.grow(groups, 0);
    }

    /// Asks for the memory of a group's sum.
    pub fn ask_for(&self, group: usize) {
        self.sums.ask_for(group);
        self.counts.ask_for(group);
    }

    /// Takes in valid rows, each into the group beside it.
    pub fn update(&mut self, rows: impl Iterator<Item = (usize, usize)>, column: &Column) {
        let Values::Double(values) = &column.values else {
            unreachable!("sums of doubles take double columns")
        };
        rows.for_each(|(group, row)| {
            *self.counts.cell(group) += 1;
            let is_near = match self.near.get_mut(group) {
                Some(near) => near.add(values[row]),
                None => false,
            };
            if !is_near {
                self.sums.cell(group).add(values[row]);
            }
        });
    }

    /// Before many rows at once, which [`DoubleSums::settle`] must follow: where there are many for each group, a quicker
    /// sum of them is begun.
    pub fn begin(&mut self, rows: usize) {
        let is_worth_it = rows / ROWS_FOR_NEAR >= self.sums.len();
        let fits = rows <= near_sum::VALUES_MAX as usize;
        self.near.resize(if is_worth_it && fits { self.sums.len() } else { 0 }, NearSum::default());
    }

    /// Behind them: the quicker sums end in the others.
    pub fn settle(&mut self) {
        for (group, mut near) in self.near.drain(..).enumerate() {
            near.drain_into(self.sums.cell(group));
        }
    }

    /// How many values a group has.
    pub fn count(&self, group: usize) -> u64 {
        self.counts[group]
    }

    /// Takes in one group of another.
    pub fn merge(&mut self, group: usize, other: &DoubleSums, other_group: usize) {
        self.sums.cell(group).merge(&other.sums[other_group]);
        *self.counts.cell(group) += other.counts[other_group];
    }

    /// Takes the place of a group by one of another.
    pub fn put(&mut self, group: usize, other: &DoubleSums, other_group: usize) {
        *self.sums.cell(group) = other.sums[other_group].clone();
        *self.counts.cell(group) = other.counts[other_group];
    }

    /// The groups of a part as they are now, for another thread.
    pub fn share(&mut self, part: &Part) -> DoubleSums {
        let (sums, counts) = (self.sums.share(part), self.counts.share(part));
        DoubleSums { sums, near: Vec::new(), counts }
    }

    /// The sums of some groups.
    pub fn finish(&self, groups: &[u32]) -> Column {
        doubles(groups, |group| self.counts[group], |group| self.sums[group].value())
    }

    /// The means of some groups.
    pub fn means(&self, groups: &[u32]) -> Column {
        doubles(
            groups,
            |group| self.counts[group],
            |group| self.sums[group].value() / self.counts[group].max(1) as f64,
        )
    }

    /// Appends the groups of a part.
    pub fn write(&self, part: &Part, out: &mut Writer) {
        out.numbers(part.entries().map(|group| self.counts[group]));
        ExactSum::write_all(part.entries().map(|group| &self.sums[group]), out);
    }

    /// Reads what [`DoubleSums::write`] wrote.
    pub fn read(&mut self, reader: &mut Reader<'_>, groups: usize) -> Result<(), Unreadable> {
        self.counts = count_column(reader, groups)?.collect();
        self.sums = ExactSum::read_all(reader, groups)?.into();
        Ok(())
    }
}

impl BitSets {
    /// No groups yet.
    pub fn new(bits: Bits) -> BitSets {
        BitSets { bits, values: Pages::default(), seen: Pages::default() }
    }

    /// Makes room for `groups` groups.
    pub fn grow(&mut self, groups: usize) {
        let neutral = if self.bits == Bits::And { -1 } else { 0 };
        self.values.grow(groups, neutral);
        self.seen.grow(groups, false);
    }

    /// Takes in valid rows, each into the group beside it.
    pub fn update(&mut self, rows: impl Iterator<Item = (usize, usize)>, column: &Column) {
        let Values::Bigint(values) = &column.values else {
            unreachable!("bits are those of bigints")
        };
        rows.for_each(|(group, row)| self.add(group, values[row]));
    }

    fn add(&mut self, group: usize, value: i64) {
        *self.seen.cell(group) = true;
        let known = self.values.cell(group);
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

    /// Takes the place of a group by one of another.
    pub fn put(&mut self, group: usize, other: &BitSets, other_group: usize) {
        *self.values.cell(group) = other.values[other_group];
        *self.seen.cell(group) = other.seen[other_group];
    }

    /// The groups of a part as they are now, for another thread.
    pub fn share(&mut self, part: &Part) -> BitSets {
        let (values, seen) = (self.values.share(part), self.seen.share(part));
        BitSets { bits: self.bits, values, seen }
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

    /// Appends the groups of a part.
    pub fn write(&self, part: &Part, out: &mut Writer) {
        out.flags(part.entries().map(|group| self.seen[group]));
        out.u64s(part.entries().map(|group| self.values[group].cast_unsigned()));
    }

    /// Reads what [`BitSets::write`] wrote.
    pub fn read(&mut self, reader: &mut Reader<'_>, groups: usize) -> Result<(), Unreadable> {
        self.seen = reader.flags(groups, "bits")?.into();
        self.values = reader.u64s(groups, "bits")?.into_iter().map(u64::cast_signed).collect();
        Ok(())
    }
}

/// How many values went into each group; more than can be counted are refused.
fn count_column<'a>(
    reader: &mut Reader<'a>,
    groups: usize,
) -> Result<NumberColumn<'a>, Unreadable> {
    let counts = reader.number_column(groups, "counts")?;
    match counts.clone().all(|count| count < NUMBER_END) {
        true => Ok(counts),
        false => Err(Unreadable { what: "counts" }),
    }
}

fn doubles(groups: &[u32], count: impl Fn(usize) -> u64, value: impl Fn(usize) -> f64) -> Column {
    let values = groups.iter().map(|group| value(*group as usize)).collect();
    let mut column = Column::new(Values::Double(values));
    set_empty_null(&mut column, groups, count);
    column
}

/// A group without a value has no sum and no mean.
fn set_empty_null(column: &mut Column, groups: &[u32], count: impl Fn(usize) -> u64) {
    for (row, group) in groups.iter().enumerate() {
        if count(*group as usize) == 0 {
            column.validity.set_null(row, groups.len());
        }
    }
}

/// `high * 2^64 + units`, high first.
fn split(value: i128) -> (i128, i64) {
    let half = u64::try_from(value.cast_unsigned() & u128::from(u64::MAX));
    let units = half.expect("half of 128 bits").cast_signed();
    // Where the units are negative, the upper half is one more.
    ((value >> 64) + i128::from(units < 0), units)
}
