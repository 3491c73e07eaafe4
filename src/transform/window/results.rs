//! A column of results in the making.

use super::sum::Sum;
use crate::expr::TOO_MUCH_TEXT;
use crate::expr::window::{Moving, WindowCall, WindowFunction};
use crate::record::{Column, DataType, Reason, Values};
use crate::state::Stored;

/// The most bytes that the texts of one column may have, as of one that an expression computes.
const TEXT_BYTES_MAX: usize = 256 << 20;

/// The results of a call for some rows.
pub struct Results {
    column: Column,
    text_bytes: usize,
    overflow: Option<Reason>,
}

impl Results {
    /// None yet.
    pub fn new(data_type: DataType, rows: usize) -> Results {
        let column = Column::new(Values::filled(data_type, rows));
        Results { column, text_bytes: 0, overflow: None }
    }

    /// All of them.
    pub fn into_column(self) -> Column {
        self.column
    }

    /// The result of a row.
    pub fn put(&mut self, row: u32, value: &Stored) {
        self.text_bytes += value.heap_bytes();
        if self.text_bytes > TEXT_BYTES_MAX {
            self.column.set_fault(row, &TOO_MUCH_TEXT.into());
        } else {
            value.put(&mut self.column, row as usize);
        }
    }

    /// The same, a number.
    pub fn count(&mut self, row: u32, count: u64) {
        self.put(row, &Stored::Integer(i128::from(count)));
    }

    /// What a call that adds values up comes to.
    pub fn sum(&mut self, row: u32, call: &WindowCall, argument: DataType, sum: &Sum) {
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
