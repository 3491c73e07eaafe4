//! An exact sum of some values, from which values can be taken off again.

use crate::state::{ExactSum, Reader, Stored, Unreadable, WideSum, Writer};
use std::collections::VecDeque;

/// An exact sum of some values.
#[derive(Debug, Clone, Default)]
pub struct Sum {
    /// Of integers, the units of decimals among them.
    pub integers: WideSum,
    /// Of doubles.
    pub doubles: ExactSum,
    /// How many values it is of.
    pub count: u64,
}

impl Sum {
    /// The sum of values.
    pub fn of(values: &VecDeque<Stored>) -> Sum {
        let mut sum = Sum::default();
        values.iter().for_each(|value| sum.add(value));
        sum
    }

    /// Adds a value; NULL is none.
    pub fn add(&mut self, value: &Stored) {
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
    pub fn subtract(&mut self, value: &Stored, left: &VecDeque<Stored>) {
        match value {
            Stored::Null => return,
            Stored::Integer(value) => self.integers.subtract(*value),
            Stored::Double(value) if value.is_finite() => self.doubles.add(-value),
            Stored::Double(_) => return *self = Sum::of(left),
            Stored::Interval(_) | Stored::Text(_) => {}
        }
        self.count -= 1;
    }

    /// Appends the sum.
    pub fn write(&self, out: &mut Writer) {
        out.u64(self.count);
        self.integers.write(out);
        ExactSum::write_all(std::slice::from_ref(&self.doubles), out);
    }

    /// Reads what [`Sum::write`] wrote.
    pub fn read(reader: &mut Reader<'_>) -> Result<Sum, Unreadable> {
        let count = reader.u64("sums")?;
        if i64::try_from(count).is_err() {
            return Err(Unreadable { what: "sums" });
        }
        let integers = WideSum::read(reader)?;
        let doubles = ExactSum::read_all(reader, 1)?.pop().unwrap_or_default();
        Ok(Sum { integers, doubles, count })
    }
}
