//! The order of values that are already encoded as keys. Values of columns are put in order by [`super::order`].

use crate::record::aggregation::SortKey;
use crate::record::{DataType, Direction, Interval, Nulls, list};
use std::cmp::Ordering;

/// Compares what [`super::key`] wrote of the values of some columns; what stands behind them does not count.
///
/// Doubles are ordered with NaN as the greatest, texts by their bytes, JSON strings before all other JSON values.
pub fn compare(keys: &[SortKey], mut left: &[u8], mut right: &[u8]) -> Ordering {
    for key in keys {
        let (one, other) = (take(&mut left, key.data_type), take(&mut right, key.data_type));
        let ordering = match (one, other) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) if key.order.nulls == Nulls::First => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) if key.order.nulls == Nulls::First => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(one), Some(other)) => {
                let ordering = compare_values(key.data_type, one, other);
                match key.order.direction {
                    Direction::Ascending => ordering,
                    Direction::Descending => ordering.reverse(),
                }
            }
        };
        if ordering.is_ne() {
            return ordering;
        }
    }
    Ordering::Equal
}

/// The bytes of the next value with its tag; `None` for NULL. They were checked when they were read.
fn take<'a>(bytes: &mut &'a [u8], data_type: DataType) -> Option<&'a [u8]> {
    let whole = "values are written whole";
    let (tag, rest) = bytes.split_first().expect(whole);
    if *tag == 0 {
        *bytes = rest;
        return None;
    }
    let length = match data_type {
        DataType::Boolean => 1,
        DataType::Date => 4,
        DataType::Bigint
        | DataType::Time
        | DataType::Timestamp
        | DataType::Timestamptz
        | DataType::Double => 8,
        DataType::Decimal { .. } | DataType::Interval => 16,
        DataType::Text | DataType::Json | DataType::List(_) => {
            4 + u32::from_le_bytes(*rest.first_chunk().expect(whole)) as usize
        }
    };
    let (value, rest) = bytes.split_at_checked(1 + length).expect(whole);
    *bytes = rest;
    Some(value)
}

fn interval_of(bytes: &[u8]) -> Interval {
    let (months, rest) = bytes[1..].split_first_chunk().expect("an interval has 16 bytes");
    let (days, rest) = rest.split_first_chunk().expect("an interval has 16 bytes");
    let micros = rest.first_chunk().expect("an interval has 16 bytes");
    Interval {
        months: i32::from_le_bytes(*months),
        days: i32::from_le_bytes(*days),
        micros: i64::from_le_bytes(*micros),
    }
}

fn compare_values(data_type: DataType, left: &[u8], right: &[u8]) -> Ordering {
    fn pair<const N: usize>(left: &[u8], right: &[u8]) -> ([u8; N], [u8; N]) {
        let array = |bytes: &[u8]| *bytes[1..].first_chunk().expect("values are written whole");
        (array(left), array(right))
    }
    match data_type {
        DataType::Boolean => left.cmp(right),
        DataType::Date => {
            let (left, right) = pair(left, right);
            i32::from_le_bytes(left).cmp(&i32::from_le_bytes(right))
        }
        DataType::Bigint | DataType::Time | DataType::Timestamp | DataType::Timestamptz => {
            let (left, right) = pair(left, right);
            i64::from_le_bytes(left).cmp(&i64::from_le_bytes(right))
        }
        DataType::Decimal { .. } => {
            let (left, right) = pair(left, right);
            i128::from_le_bytes(left).cmp(&i128::from_le_bytes(right))
        }
        DataType::Double => {
            let (left, right) = pair(left, right);
            // The keys' doubles have one zero and one NaN, which `total_cmp` puts last.
            f64::from_le_bytes(left).total_cmp(&f64::from_le_bytes(right))
        }
        DataType::Interval => interval_of(left).length().cmp(&interval_of(right).length()),
        DataType::Text => left[5..].cmp(&right[5..]),
        DataType::List(element) => list::compare(&left[5..], &right[5..], element),
        DataType::Json => right[0].cmp(&left[0]).then_with(|| left[5..].cmp(&right[5..])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Column, Text, Validity, Values};
    use crate::state::key;
    use std::sync::Arc;

    /// Encodes the rows of a column and sorts them.
    fn sorted(column: &Column, key: SortKey) -> Vec<usize> {
        let encoded = |row: &usize| {
            let mut bytes = Vec::new();
            key::write_canonical(&mut bytes, column, *row);
            bytes.push(7);
            bytes
        };
        let mut rows: Vec<usize> = (0..column.rows()).collect();
        rows.sort_by(|left, right| compare(&[key], &encoded(left), &encoded(right)));
        rows
    }

    #[test]
    fn values_of_every_type_are_in_order_and_nulls_where_they_shall_be() {
        let mut text = Text::filled(Arc::default(), 4);
        [&b"b"[..], b"", b"", b"ab"].iter().enumerate().for_each(|(row, one)| text.set(row, one));
        let columns = [
            Values::Bigint(vec![7, 0, -9, i64::MIN]),
            Values::Decimal { units: vec![5, 0, -3, i128::MIN], precision: 38, scale: 2 },
            Values::Double(vec![f64::NAN, 0.0, 1.5, -0.0]),
            Values::Date(vec![3, 0, 2, 1]),
            Values::Text(text),
        ];
        let expected = [[3, 2, 0], [3, 2, 0], [3, 2, 0], [3, 2, 0], [2, 3, 0]];
        for (values, expected) in columns.into_iter().zip(expected) {
            let validity = Validity::from_flags(vec![true, false, true, true]);
            let column = Column { validity, ..Column::new(values) };
            let mut key = SortKey::ascending(column.data_type());
            let last: Vec<usize> = expected.into_iter().chain([1]).collect();
            assert_eq!(sorted(&column, key), last);
            key.order.direction = Direction::Descending;
            key.order.nulls = Nulls::First;
            let first: Vec<usize> = [1].into_iter().chain(expected.into_iter().rev()).collect();
            assert_eq!(sorted(&column, key), first);
        }
    }
}
