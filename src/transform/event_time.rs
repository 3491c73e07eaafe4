//! Event time: when the record says that it happened, as microseconds, whatever kind of moment it is.

use crate::record::text::MICROS_PER_DAY;
use crate::record::{Column, DataType, Validity, Values};

/// The moment of a row; `None` where it is NULL. The column is of a type that [`DataType::is_moment`].
pub fn micros_of(column: &Column, row: usize) -> Option<i64> {
    column.is_valid(row).then(|| match &column.values {
        Values::Date(days) => i64::from(days[row]) * MICROS_PER_DAY,
        Values::Timestamp(micros) | Values::Timestamptz(micros) => micros[row],
        other => unreachable!("{} is no moment", other.data_type()),
    })
}

/// Moments as a column of a type: the inverse of [`micros_of`].
pub fn column_of(data_type: DataType, moments: &[Option<i64>]) -> Column {
    let mut column = Column::new(Values::filled(data_type, moments.len()));
    for (row, moment) in moments.iter().enumerate() {
        let Some(moment) = *moment else { continue };
        match &mut column.values {
            Values::Date(days) => {
                let day = i32::try_from(moment.div_euclid(MICROS_PER_DAY));
                days[row] = day.expect("a day came out of a date");
            }
            Values::Timestamp(micros) | Values::Timestamptz(micros) => micros[row] = moment,
            other => unreachable!("{} is no moment", other.data_type()),
        }
    }
    column.validity = Validity::from_flags(moments.iter().map(Option::is_some).collect());
    column
}
