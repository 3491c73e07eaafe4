//! What one window call remembers of one key, and what it comes to for the key's next record.

use super::extremes::{Extremes, Wanted};
use super::results::Results;
use super::ring::Ring;
use super::sum::Sum;
use crate::expr::window::{Moving, Nulls, WindowCall, WindowFunction};
use crate::record::{Column, DataType};
use crate::state::{Reader, Stored, Unreadable, Writer};
use std::cmp::Ordering;
use std::fmt::Debug;

/// The columns that a call works on.
pub struct Input<'a> {
    /// Its argument; `None` where the records are counted.
    pub argument: Option<&'a Column>,
    /// What stands for a record that is not there.
    pub default: Option<&'a Column>,
}

impl Input<'_> {
    fn value(&self, row: u32) -> Stored {
        self.argument.map_or(Stored::Null, |column| Stored::of(column, row as usize))
    }

    fn data_type(&self) -> DataType {
        self.argument.map_or(DataType::Bigint, Column::data_type)
    }
}

/// What a call remembers of a key; the default is what it is before the first record.
pub trait OfKey: Clone + Default + Debug + Send + Sync + 'static {
    /// Takes in the next record of the key, a row of the input, and puts the result.
    fn advance(&mut self, call: &WindowCall, input: &Input<'_>, row: u32, results: &mut Results);

    /// About how many bytes it takes besides itself; depends on what is remembered alone.
    fn owned(&self, _call: &WindowCall) -> usize {
        0
    }

    /// Appends what is remembered of some keys.
    fn write_all<'a>(all: impl Iterator<Item = &'a Self> + Clone, out: &mut Writer);

    /// Reads what [`OfKey::write_all`] wrote of so many keys.
    fn read_all(
        call: &WindowCall,
        reader: &mut Reader<'_>,
        count: usize,
    ) -> Result<Vec<Self>, Unreadable>;
}

/// A number of records or values.
impl OfKey for u64 {
    fn advance(&mut self, _call: &WindowCall, input: &Input<'_>, row: u32, results: &mut Results) {
        *self += input.argument.map_or(1, |column| u64::from(column.is_valid(row as usize)));
        results.count(row, *self);
    }

    fn write_all<'a>(all: impl Iterator<Item = &'a u64> + Clone, out: &mut Writer) {
        out.u64s(all.copied());
    }

    fn read_all(
        _call: &WindowCall,
        reader: &mut Reader<'_>,
        count: usize,
    ) -> Result<Vec<u64>, Unreadable> {
        let counts = reader.u64s(count, "counts")?;
        match counts.iter().all(|count| i64::try_from(*count).is_ok()) {
            true => Ok(counts),
            false => Err(Unreadable { what: "counts" }),
        }
    }
}

/// The sum of the values.
impl OfKey for Sum {
    fn advance(&mut self, call: &WindowCall, input: &Input<'_>, row: u32, results: &mut Results) {
        self.add(&input.value(row));
        results.sum(row, call, input.data_type(), self);
    }

    fn owned(&self, _call: &WindowCall) -> usize {
        self.doubles.owned()
    }

    fn write_all<'a>(all: impl Iterator<Item = &'a Sum> + Clone, out: &mut Writer) {
        all.for_each(|sum| sum.write(out));
    }

    fn read_all(
        _call: &WindowCall,
        reader: &mut Reader<'_>,
        count: usize,
    ) -> Result<Vec<Sum>, Unreadable> {
        (0..count).map(|_| Sum::read(reader)).collect()
    }
}

/// The smallest, largest, first or last value; `None` before the first record.
impl OfKey for Option<Stored> {
    fn advance(&mut self, call: &WindowCall, input: &Input<'_>, row: u32, results: &mut Results) {
        let value = input.value(row);
        let is_better = |wanted: Ordering| match &*self {
            Some(best) if !value.is_null() => value.order(best, call.data_type) == wanted,
            _ => !value.is_null(),
        };
        let is_taken = match call.function {
            WindowFunction::Min => is_better(Ordering::Less),
            WindowFunction::Max => is_better(Ordering::Greater),
            WindowFunction::First(Nulls::Respected) => self.is_none(),
            WindowFunction::First(Nulls::Ignored) => self.is_none() && !value.is_null(),
            WindowFunction::Last(Nulls::Ignored) => !value.is_null(),
            _ => true,
        };
        if is_taken {
            *self = Some(value);
        }
        results.put(row, self.as_ref().unwrap_or(&Stored::Null));
    }

    fn owned(&self, _call: &WindowCall) -> usize {
        self.as_ref().map_or(0, Stored::heap_bytes)
    }

    fn write_all<'a>(all: impl Iterator<Item = &'a Option<Stored>> + Clone, out: &mut Writer) {
        out.flags(all.clone().map(Option::is_some));
        all.flatten().for_each(|value| value.write(out));
    }

    fn read_all(
        call: &WindowCall,
        reader: &mut Reader<'_>,
        count: usize,
    ) -> Result<Vec<Option<Stored>>, Unreadable> {
        let seen = reader.flags(count, "values")?.into_iter();
        seen.map(|seen| seen.then(|| Stored::read(reader, argument_of(call))).transpose()).collect()
    }
}

/// The last values, for a call that gives the one at the far end.
impl OfKey for Ring {
    fn advance(&mut self, call: &WindowCall, input: &Input<'_>, row: u32, results: &mut Results) {
        let default = || input.default.map(|column| Stored::of(column, row as usize));
        let before = self.push(input.value(row), reach_of(call));
        results.put(row, &before.or_else(default).unwrap_or_default());
    }

    fn owned(&self, call: &WindowCall) -> usize {
        Ring::owned(self, reach_of(call))
    }

    fn write_all<'a>(all: impl Iterator<Item = &'a Ring> + Clone, out: &mut Writer) {
        all.for_each(|ring| ring.write(out));
    }

    fn read_all(
        call: &WindowCall,
        reader: &mut Reader<'_>,
        count: usize,
    ) -> Result<Vec<Ring>, Unreadable> {
        (0..count).map(|_| Ring::read(reader, argument_of(call), reach_of(call))).collect()
    }
}

/// The last values, with the smallest or largest at hand.
impl OfKey for Extremes {
    fn advance(&mut self, call: &WindowCall, input: &Input<'_>, row: u32, results: &mut Results) {
        self.push(input.value(row), reach_of(call), wanted_by(call), call.data_type);
        results.put(row, self.best());
    }

    fn owned(&self, call: &WindowCall) -> usize {
        Extremes::owned(self, reach_of(call))
    }

    fn write_all<'a>(all: impl Iterator<Item = &'a Extremes> + Clone, out: &mut Writer) {
        all.for_each(|extremes| extremes.ring().write(out));
    }

    fn read_all(
        call: &WindowCall,
        reader: &mut Reader<'_>,
        count: usize,
    ) -> Result<Vec<Extremes>, Unreadable> {
        let read = |ring: Ring| {
            let mut extremes = Extremes::default();
            for value in ring.values() {
                extremes.push(value.clone(), reach_of(call), wanted_by(call), call.data_type);
            }
            extremes
        };
        Ok(Ring::read_all(call, reader, count)?.into_iter().map(read).collect())
    }
}

/// The last values and their sum.
impl OfKey for (Ring, Sum) {
    fn advance(&mut self, call: &WindowCall, input: &Input<'_>, row: u32, results: &mut Results) {
        let ((ring, sum), value) = (self, input.value(row));
        sum.add(&value);
        if let Some(old) = ring.push(value, reach_of(call)) {
            sum.subtract(&old, ring.values());
        }
        results.sum(row, call, input.data_type(), sum);
    }

    fn owned(&self, call: &WindowCall) -> usize {
        Ring::owned(&self.0, reach_of(call)) + self.1.doubles.owned()
    }

    fn write_all<'a>(all: impl Iterator<Item = &'a (Ring, Sum)> + Clone, out: &mut Writer) {
        all.for_each(|(ring, _)| ring.write(out));
    }

    fn read_all(
        call: &WindowCall,
        reader: &mut Reader<'_>,
        count: usize,
    ) -> Result<Vec<(Ring, Sum)>, Unreadable> {
        let with_sum = |ring: Ring| {
            let sum = Sum::of(ring.values());
            (ring, sum)
        };
        Ok(Ring::read_all(call, reader, count)?.into_iter().map(with_sum).collect())
    }
}

/// A weighted mean: plain arithmetic in the order of the records.
impl OfKey for Option<f64> {
    fn advance(&mut self, call: &WindowCall, input: &Input<'_>, row: u32, results: &mut Results) {
        let WindowFunction::Ewma(alpha) = call.function else { return };
        if let Stored::Double(value) = input.value(row) {
            *self = Some(self.map_or(value, |mean| alpha * value + (1.0 - alpha) * mean));
        }
        results.put(row, &self.map_or(Stored::Null, Stored::Double));
    }

    fn write_all<'a>(all: impl Iterator<Item = &'a Option<f64>> + Clone, out: &mut Writer) {
        out.flags(all.clone().map(Option::is_some));
        out.u64s(all.flatten().map(|mean| mean.to_bits()));
    }

    fn read_all(
        _call: &WindowCall,
        reader: &mut Reader<'_>,
        count: usize,
    ) -> Result<Vec<Option<f64>>, Unreadable> {
        let seen = reader.flags(count, "means")?.into_iter();
        seen.map(|seen| seen.then(|| reader.u64("means").map(f64::from_bits)).transpose()).collect()
    }
}

/// Nothing: the call looks ahead.
impl OfKey for () {
    fn advance(&mut self, _: &WindowCall, _: &Input<'_>, _: u32, _: &mut Results) {}

    fn write_all<'a>(_all: impl Iterator<Item = &'a ()> + Clone, _out: &mut Writer) {}

    fn read_all(
        _call: &WindowCall,
        _reader: &mut Reader<'_>,
        count: usize,
    ) -> Result<Vec<()>, Unreadable> {
        Ok(vec![(); count])
    }
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

fn argument_of(call: &WindowCall) -> DataType {
    call.argument.as_ref().map_or(DataType::Bigint, crate::expr::Expression::data_type)
}
