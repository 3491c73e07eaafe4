//! What one window call remembers of each key, and what it comes to for the next records.

use super::extremes::{Extremes, Wanted};
use crate::error::Result;
use crate::expr::window::{Moving, Nulls, WindowCall, WindowFunction};
use crate::expr::{Expression, TOO_MUCH_TEXT};
use crate::record::{Column, DataType, Reason, Values};
use crate::state::{Cells, ExactSum, Pages, Part, Reader, Stored, Unreadable, WideSum, Writer};
use std::cmp::Ordering;
use std::collections::VecDeque;
use std::sync::Arc;

/// The most bytes that the texts of one column may have, as of one that an expression computes.
const TEXT_BYTES_MAX: usize = 256 << 20;

/// What a call remembers, one of it for each key.
#[derive(Debug)]
pub enum Memory {
    /// Numbers of records or values.
    Counts(Pages<u64>),
    /// Sums of values.
    Sums(Pages<Sum>),
    /// The smallest, largest, first or last value; `None` before the first record.
    Values(Pages<Option<Stored>>),
    /// The last values, for a call that gives the one at the far end.
    Last(Pages<VecDeque<Stored>>),
    /// The last values, with the smallest or largest at hand.
    Extremes(Pages<Extremes>),
    /// The last values and their sum.
    LastSums(Pages<(VecDeque<Stored>, Sum)>),
    /// Weighted means.
    Weighted(Pages<Option<f64>>),
    /// Nothing: the call looks ahead.
    Nothing,
}

/// An exact sum of some values.
#[derive(Debug, Clone, Default)]
pub struct Sum {
    integers: WideSum,
    doubles: ExactSum,
    count: u64,
}

impl Memory {
    /// What a call remembers before the first record.
    pub fn new(call: &WindowCall) -> Memory {
        match call.function {
            WindowFunction::Records | WindowFunction::Count => Memory::Counts(Pages::default()),
            WindowFunction::Sum | WindowFunction::Average => Memory::Sums(Pages::default()),
            WindowFunction::Min
            | WindowFunction::Max
            | WindowFunction::First(_)
            | WindowFunction::Last(_) => Memory::Values(Pages::default()),
            WindowFunction::Moving(Moving::Sum | Moving::Average | Moving::Count, _) => {
                Memory::LastSums(Pages::default())
            }
            WindowFunction::Moving(Moving::Min | Moving::Max, _) => {
                Memory::Extremes(Pages::default())
            }
            WindowFunction::Lag(_) => Memory::Last(Pages::default()),
            WindowFunction::Ewma(_) => Memory::Weighted(Pages::default()),
            WindowFunction::Lead(_) => Memory::Nothing,
        }
    }

    fn grow(&mut self, keys: usize) {
        match self {
            Memory::Counts(counts) => counts.grow(keys, 0),
            Memory::Sums(sums) => sums.grow(keys, Sum::default()),
            Memory::Values(values) => values.grow(keys, None),
            Memory::Last(rings) => rings.grow(keys, VecDeque::new()),
            Memory::Extremes(rings) => rings.grow(keys, Extremes::default()),
            Memory::LastSums(rings) => rings.grow(keys, Default::default()),
            Memory::Weighted(means) => means.grow(keys, None),
            Memory::Nothing => {}
        }
    }

    /// The results for records in input order, each with its key and its row of a batch of `rows`. `columns` are the
    /// call's argument and its default.
    pub fn advance(
        &mut self,
        call: &WindowCall,
        keys: usize,
        pairs: &[(u32, u32)],
        [argument, default]: &[Option<Arc<Column>>; 2],
        rows: usize,
    ) -> Column {
        self.grow(keys);
        let mut results = Results::new(call.data_type, rows);
        let Some(column) = argument else {
            self.count_records(pairs, &mut results);
            return results.column;
        };
        let pairs = pairs.iter().map(|(key, row)| (*key as usize, *row));
        let value = |row: u32| Stored::of(column, row as usize);
        match self {
            Memory::Counts(counts) => {
                for (key, row) in pairs {
                    let count = counts.cell(key);
                    *count += u64::from(column.is_valid(row as usize));
                    results.count(row, *count);
                }
            }
            Memory::Sums(sums) => {
                for (key, row) in pairs {
                    let sum = sums.cell(key);
                    sum.add(&value(row));
                    results.sum(row, call, column.data_type(), sum);
                }
            }
            Memory::Values(values) => {
                for (key, row) in pairs {
                    let kept = values.cell(key);
                    take(kept, value(row), call.function, call.data_type);
                    results.put(row, kept.as_ref().unwrap_or(&Stored::Null));
                }
            }
            Memory::Last(rings) => {
                let default =
                    |row: u32| default.as_ref().map(|column| Stored::of(column, row as usize));
                for (key, row) in pairs {
                    let before = lag(rings.cell(key), value(row), reach_of(call));
                    results.put(row, &before.or_else(|| default(row)).unwrap_or_default());
                }
            }
            Memory::Extremes(rings) => {
                for (key, row) in pairs {
                    let ring = rings.cell(key);
                    ring.push(value(row), reach_of(call), wanted_by(call), call.data_type);
                    results.put(row, ring.best());
                }
            }
            Memory::LastSums(rings) => {
                for (key, row) in pairs {
                    let sum = moving_sum(rings.cell(key), value(row), reach_of(call));
                    results.sum(row, call, column.data_type(), sum);
                }
            }
            Memory::Weighted(means) => {
                let WindowFunction::Ewma(alpha) = call.function else { return results.column };
                for (key, row) in pairs {
                    let mean = weigh(means.cell(key), &value(row), alpha);
                    results.put(row, &mean.map_or(Stored::Null, Stored::Double));
                }
            }
            Memory::Nothing => {}
        }
        results.column
    }

    fn count_records(&mut self, pairs: &[(u32, u32)], results: &mut Results) {
        let Memory::Counts(counts) = self else { return };
        for (key, row) in pairs {
            let count = counts.cell(*key as usize);
            *count += 1;
            results.count(*row, *count);
        }
    }

    /// About how many bytes it takes, but for what texts take.
    pub fn bytes(&self) -> usize {
        match self {
            Memory::Counts(counts) => counts.bytes(),
            Memory::Sums(sums) => sums.bytes(),
            Memory::Values(values) => values.bytes(),
            Memory::Last(rings) => rings.bytes(),
            Memory::Extremes(rings) => rings.bytes(),
            Memory::LastSums(rings) => rings.bytes(),
            Memory::Weighted(means) => means.bytes(),
            Memory::Nothing => 0,
        }
    }

    /// What is remembered of some keys as it is now, for another thread.
    pub fn share(&mut self, keys: &Part) -> Memory {
        match self {
            Memory::Counts(counts) => Memory::Counts(counts.share(keys)),
            Memory::Sums(sums) => Memory::Sums(sums.share(keys)),
            Memory::Values(values) => Memory::Values(values.share(keys)),
            Memory::Last(rings) => Memory::Last(rings.share(keys)),
            Memory::Extremes(rings) => Memory::Extremes(rings.share(keys)),
            Memory::LastSums(rings) => Memory::LastSums(rings.share(keys)),
            Memory::Weighted(means) => Memory::Weighted(means.share(keys)),
            Memory::Nothing => Memory::Nothing,
        }
    }

    /// Appends what is remembered of some keys.
    pub fn write(&self, part: &Part, out: &mut Writer) {
        let keys = part.entries();
        match self {
            Memory::Counts(counts) => out.u64s(keys.map(|key| counts[key])),
            Memory::Sums(sums) => keys.for_each(|key| sums[key].write(out)),
            Memory::Values(values) => {
                out.flags(keys.clone().map(|key| values[key].is_some()));
                keys.filter_map(|key| values[key].as_ref()).for_each(|value| value.write(out));
            }
            Memory::Last(rings) => keys.for_each(|key| write_ring(&rings[key], out)),
            Memory::Extremes(rings) => keys.for_each(|key| write_ring(rings[key].values(), out)),
            Memory::LastSums(rings) => keys.for_each(|key| write_ring(&rings[key].0, out)),
            Memory::Weighted(means) => {
                out.flags(keys.clone().map(|key| means[key].is_some()));
                out.u64s(keys.filter_map(|key| means[key]).map(f64::to_bits));
            }
            Memory::Nothing => {}
        }
    }

    /// Takes in what [`Memory::write`] wrote of some keys.
    pub fn take_in(
        &mut self,
        call: &WindowCall,
        reader: &mut Reader<'_>,
        keys: &Part,
    ) -> Result<(), Unreadable> {
        let mut read = Memory::new(call);
        read.read(call, reader, keys.count())?;
        self.grow(keys.new_ones().end);
        match (self, read) {
            (Memory::Counts(all), Memory::Counts(read)) => all.put(keys, read),
            (Memory::Sums(all), Memory::Sums(read)) => all.put(keys, read),
            (Memory::Values(all), Memory::Values(read)) => all.put(keys, read),
            (Memory::Last(all), Memory::Last(read)) => all.put(keys, read),
            (Memory::Extremes(all), Memory::Extremes(read)) => all.put(keys, read),
            (Memory::LastSums(all), Memory::LastSums(read)) => all.put(keys, read),
            (Memory::Weighted(all), Memory::Weighted(read)) => all.put(keys, read),
            (Memory::Nothing, Memory::Nothing) => {}
            _ => unreachable!("a call remembers one kind of thing"),
        }
        Ok(())
    }

    /// Reads what [`Memory::write`] wrote of so many keys.
    fn read(
        &mut self,
        call: &WindowCall,
        reader: &mut Reader<'_>,
        keys: usize,
    ) -> Result<(), Unreadable> {
        let data_type = call.argument.as_ref().map_or(DataType::Bigint, Expression::data_type);
        match self {
            Memory::Counts(counts) => {
                *counts = reader.u64s(keys, "counts")?.into();
                if counts.iter().any(|count| i64::try_from(*count).is_err()) {
                    return Err(Unreadable { what: "counts" });
                }
            }
            Memory::Sums(sums) => {
                *sums = (0..keys).map(|_| Sum::read(reader)).collect::<Result<_, _>>()?;
            }
            Memory::Values(values) => {
                let seen = reader.flags(keys, "values")?;
                let read = |seen| match seen {
                    true => Stored::read(reader, data_type).map(Some),
                    false => Ok(None),
                };
                *values = seen.into_iter().map(read).collect::<Result<_, _>>()?;
            }
            Memory::Last(rings) => {
                let ring = |_| read_ring(reader, data_type, reach_of(call));
                *rings = (0..keys).map(ring).collect::<Result<_, _>>()?;
            }
            Memory::Extremes(rings) => {
                let ring = |_| {
                    let mut ring = Extremes::default();
                    for value in read_ring(reader, data_type, reach_of(call))? {
                        ring.push(value, reach_of(call), wanted_by(call), call.data_type);
                    }
                    Ok(ring)
                };
                *rings = (0..keys).map(ring).collect::<Result<_, Unreadable>>()?;
            }
            Memory::LastSums(rings) => {
                let ring = |_| {
                    let ring = read_ring(reader, data_type, reach_of(call))?;
                    let sum = Sum::of(&ring);
                    Ok((ring, sum))
                };
                *rings = (0..keys).map(ring).collect::<Result<_, Unreadable>>()?;
            }
            Memory::Weighted(means) => {
                let seen = reader.flags(keys, "means")?;
                let read = |seen| match seen {
                    true => reader.u64("means").map(|mean| Some(f64::from_bits(mean))),
                    false => Ok(None),
                };
                *means = seen.into_iter().map(read).collect::<Result<_, _>>()?;
            }
            Memory::Nothing => {}
        }
        Ok(())
    }
}

impl Sum {
    fn of(values: &VecDeque<Stored>) -> Sum {
        let mut sum = Sum::default();
        values.iter().for_each(|value| sum.add(value));
        sum
    }

    fn add(&mut self, value: &Stored) {
        match value {
            Stored::Null => return,
            Stored::Integer(value) => self.integers.add(*value),
            Stored::Double(value) => self.doubles.add(*value),
            // Only counted.
            Stored::Interval(_) | Stored::Text(_) => {}
        }
        self.count += 1;
    }

    /// Takes a value off again; `left` are the others. The sum is exact, so it is what it would be without it.
    fn subtract(&mut self, value: &Stored, left: &VecDeque<Stored>) {
        match value {
            Stored::Null => return,
            Stored::Integer(value) => self.integers.subtract(*value),
            Stored::Double(value) if value.is_finite() => self.doubles.add(-value),
            Stored::Double(_) => return *self = Sum::of(left),
            Stored::Interval(_) | Stored::Text(_) => {}
        }
        self.count -= 1;
    }

    fn write(&self, out: &mut Writer) {
        out.u64(self.count);
        self.integers.write(out);
        ExactSum::write_all(std::slice::from_ref(&self.doubles), out);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Sum, Unreadable> {
        let count = reader.u64("sums")?;
        if i64::try_from(count).is_err() {
            return Err(Unreadable { what: "sums" });
        }
        let integers = WideSum::read(reader)?;
        let doubles = ExactSum::read_all(reader, 1)?.pop().unwrap_or_default();
        Ok(Sum { integers, doubles, count })
    }
}

/// A column of results in the making.
struct Results {
    column: Column,
    text_bytes: usize,
    overflow: Option<Reason>,
}

impl Results {
    fn new(data_type: DataType, rows: usize) -> Results {
        let column = Column::new(Values::filled(data_type, rows));
        Results { column, text_bytes: 0, overflow: None }
    }

    fn put(&mut self, row: u32, value: &Stored) {
        self.text_bytes += value.heap_bytes();
        if self.text_bytes > TEXT_BYTES_MAX {
            self.column.set_fault(row, &TOO_MUCH_TEXT.into());
        } else {
            value.put(&mut self.column, row as usize);
        }
    }

    fn count(&mut self, row: u32, count: u64) {
        self.put(row, &Stored::Integer(i128::from(count)));
    }

    /// What a call that adds values up comes to.
    fn sum(&mut self, row: u32, call: &WindowCall, argument: DataType, sum: &Sum) {
        let is_mean = match call.function {
            WindowFunction::Average | WindowFunction::Moving(Moving::Average, _) => true,
            WindowFunction::Moving(Moving::Count, _) => return self.count(row, sum.count),
            _ => false,
        };
        let value = match (sum.count, argument, is_mean) {
            (0, ..) => Stored::Null,
            (count, DataType::Double, true) => Stored::Double(sum.doubles.value() / count as f64),
            (_, DataType::Double, false) => Stored::Double(sum.doubles.value()),
            (count, DataType::Decimal { scale, .. }, true) => {
                Stored::Double(sum.integers.mean(scale, count))
            }
            (count, _, true) => Stored::Double(sum.integers.mean(0, count)),
            (_, _, false) => {
                let limit = 10_u128.pow(u32::from(DataType::PRECISION_MAX));
                match sum.integers.value().filter(|units| units.unsigned_abs() < limit) {
                    Some(units) => Stored::Integer(units),
                    None => return self.overflow(row, call.data_type),
                }
            }
        };
        self.put(row, &value);
    }

    fn overflow(&mut self, row: u32, data_type: DataType) {
        let reason =
            self.overflow.get_or_insert_with(|| format!("the sum does not fit {data_type}").into());
        self.column.set_fault(row, reason);
    }
}

/// The next value of a call that remembers one.
fn take(kept: &mut Option<Stored>, value: Stored, function: WindowFunction, data_type: DataType) {
    let is_better = |wanted: Ordering| match &kept {
        Some(best) if !value.is_null() => value.order(best, data_type) == wanted,
        _ => !value.is_null(),
    };
    let is_taken = match function {
        WindowFunction::Min => is_better(Ordering::Less),
        WindowFunction::Max => is_better(Ordering::Greater),
        WindowFunction::First(Nulls::Respected) => kept.is_none(),
        WindowFunction::First(Nulls::Ignored) => kept.is_none() && !value.is_null(),
        WindowFunction::Last(Nulls::Ignored) => !value.is_null(),
        _ => true,
    };
    if is_taken {
        *kept = Some(value);
    }
}

/// The sum of the last values with this one, the oldest of them taken out.
fn moving_sum((ring, sum): &mut (VecDeque<Stored>, Sum), value: Stored, reach: usize) -> &Sum {
    sum.add(&value);
    if let Some(old) = push(ring, value, reach) {
        sum.subtract(&old, ring);
    }
    sum
}

/// Appends a value to a ring; the one that is so many records before it, where there is one.
fn lag(ring: &mut VecDeque<Stored>, value: Stored, reach: usize) -> Option<Stored> {
    let before = if ring.len() == reach { ring.pop_front() } else { None };
    ring.push_back(value);
    before
}

/// Takes a value into a weighted mean: plain arithmetic in the order of the records.
fn weigh(mean: &mut Option<f64>, value: &Stored, alpha: f64) -> Option<f64> {
    if let Stored::Double(value) = value {
        *mean = Some(mean.map_or(*value, |mean| alpha * value + (1.0 - alpha) * mean));
    }
    *mean
}

/// Which of the last values a call wants.
fn wanted_by(call: &WindowCall) -> Wanted {
    match call.function {
        WindowFunction::Moving(Moving::Min, _) => Wanted::Smallest,
        _ => Wanted::Largest,
    }
}

/// How many values a ring holds.
fn reach_of(call: &WindowCall) -> usize {
    match call.function {
        WindowFunction::Lag(reach) | WindowFunction::Moving(_, reach) => reach,
        _ => 0,
    }
}

/// Appends a value to a ring; returns the one that it does not hold any more.
fn push(ring: &mut VecDeque<Stored>, value: Stored, reach: usize) -> Option<Stored> {
    ring.push_back(value);
    if ring.len() > reach { ring.pop_front() } else { None }
}

fn write_ring(ring: &VecDeque<Stored>, out: &mut Writer) {
    out.count(ring.len());
    ring.iter().for_each(|value| value.write(out));
}

fn read_ring(
    reader: &mut Reader<'_>,
    data_type: DataType,
    reach: usize,
) -> Result<VecDeque<Stored>, Unreadable> {
    let count = reader.count(1, "values")?;
    if count > reach {
        return Err(Unreadable { what: "values" });
    }
    (0..count).map(|_| Stored::read(reader, data_type)).collect()
}
