//! Single values that a state remembers, whatever their type: taken out of a column, put into one, written and read.

use super::codec::{Reader, Unreadable, Writer};
use crate::record::{Column, DataType, Interval, Values, list};
use std::cmp::Ordering;

/// A value that was taken out of a column. Its type is not kept with it.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Stored {
    /// No value.
    #[default]
    Null,
    /// Everything that is an integer underneath.
    Integer(i128),
    /// A double.
    Double(f64),
    /// A stretch of time.
    Interval(Interval),
    /// A text, a JSON value or a list, as its bytes.
    Text(Box<[u8]>),
}

const NULL: u8 = 0;
const VALUE: u8 = 1;

impl Stored {
    /// The value of a row.
    pub fn of(column: &Column, row: usize) -> Stored {
        if !column.is_valid(row) {
            return Stored::Null;
        }
        match &column.values {
            Values::Boolean(values) => Stored::Integer(i128::from(values[row])),
            Values::Bigint(values)
            | Values::Time(values)
            | Values::Timestamp(values)
            | Values::Timestamptz(values) => Stored::Integer(i128::from(values[row])),
            Values::Date(values) => Stored::Integer(i128::from(values[row])),
            Values::Decimal { units, .. } => Stored::Integer(units[row]),
            Values::Double(values) => Stored::Double(values[row]),
            Values::Interval(values) => Stored::Interval(values[row]),
            Values::Text(text) | Values::Json(text) | Values::List(text, _) => {
                Stored::Text(text.get(row).into())
            }
        }
    }

    /// Lets a row of a column of the value's type have it.
    pub fn put(&self, column: &mut Column, row: usize) {
        let narrow = "a value comes out as it went in";
        let rows = column.rows();
        match (&mut column.values, self) {
            (_, Stored::Null) => column.validity.set_null(row, rows),
            (Values::Boolean(values), Stored::Integer(value)) => values[row] = *value != 0,
            (
                Values::Bigint(values)
                | Values::Time(values)
                | Values::Timestamp(values)
                | Values::Timestamptz(values),
                Stored::Integer(value),
            ) => values[row] = i64::try_from(*value).expect(narrow),
            (Values::Date(values), Stored::Integer(value)) => {
                values[row] = i32::try_from(*value).expect(narrow);
            }
            (Values::Decimal { units, .. }, Stored::Integer(value)) => units[row] = *value,
            (Values::Double(values), Stored::Double(value)) => values[row] = *value,
            (Values::Interval(values), Stored::Interval(value)) => values[row] = *value,
            (
                Values::Text(text) | Values::Json(text) | Values::List(text, _),
                Stored::Text(value),
            ) => text.set(row, value),
            (values, value) => unreachable!("{value:?} in a column of {}", values.data_type()),
        }
    }

    /// Whether there is no value.
    pub fn is_null(&self) -> bool {
        *self == Stored::Null
    }

    /// Bytes that the value takes besides itself.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Stored::Text(text) => text.len(),
            _ => 0,
        }
    }

    /// The order of two values of one type, neither of them NULL, in which only identical ones are equal: NaN is the
    /// greatest double, -0 comes before 0, texts go by their bytes.
    pub fn order(&self, other: &Stored, data_type: DataType) -> Ordering {
        match (self, other) {
            (Stored::Integer(left), Stored::Integer(right)) => left.cmp(right),
            (Stored::Double(left), Stored::Double(right)) => {
                // One NaN, so that `total_cmp` puts it last.
                let one = |value: f64| if value.is_nan() { f64::NAN } else { value };
                one(*left).total_cmp(&one(*right))
            }
            (Stored::Interval(left), Stored::Interval(right)) => {
                let rank = |value: &Interval| (value.length(), value.months, value.days);
                rank(left).cmp(&rank(right))
            }
            (Stored::Text(left), Stored::Text(right)) => match data_type {
                DataType::List(element) => {
                    list::compare(left, right, element).then_with(|| left.cmp(right))
                }
                _ => left.cmp(right),
            },
            _ => unreachable!("values of one type that are not NULL"),
        }
    }

    /// Appends the value.
    pub fn write(&self, out: &mut Writer) {
        let bytes = &mut out.bytes;
        if self.is_null() {
            return bytes.push(NULL);
        }
        bytes.push(VALUE);
        match self {
            Stored::Null => {}
            Stored::Integer(value) => bytes.extend_from_slice(&value.to_le_bytes()),
            Stored::Double(value) => bytes.extend_from_slice(&value.to_bits().to_le_bytes()),
            Stored::Interval(Interval { months, days, micros }) => {
                bytes.extend_from_slice(&months.to_le_bytes());
                bytes.extend_from_slice(&days.to_le_bytes());
                bytes.extend_from_slice(&micros.to_le_bytes());
            }
            Stored::Text(text) => {
                out.count(text.len());
                out.bytes.extend_from_slice(text);
            }
        }
        out.settle();
    }

    /// Reads what [`Stored::write`] wrote of a value of that type.
    pub fn read(reader: &mut Reader<'_>, data_type: DataType) -> Result<Stored, Unreadable> {
        const WHAT: &str = "values";
        fn array<const N: usize>(reader: &mut Reader<'_>) -> Result<[u8; N], Unreadable> {
            Ok(*reader.take(N, WHAT)?.first_chunk().expect("exactly N bytes were taken"))
        }
        let unreadable = Unreadable { what: WHAT };
        match array(reader)? {
            [NULL] => return Ok(Stored::Null),
            [VALUE] => {}
            _ => return Err(unreadable),
        }
        Ok(match data_type {
            DataType::Double => Stored::Double(f64::from_le_bytes(array(reader)?)),
            DataType::Interval => Stored::Interval(Interval {
                months: i32::from_le_bytes(array(reader)?),
                days: i32::from_le_bytes(array(reader)?),
                micros: i64::from_le_bytes(array(reader)?),
            }),
            DataType::Text | DataType::Json | DataType::List(_) => {
                let length = reader.count(1, WHAT)?;
                let text = reader.take(length, WHAT)?;
                std::str::from_utf8(text).map_err(|_| unreadable)?;
                Stored::Text(text.into())
            }
            DataType::Boolean
            | DataType::Bigint
            | DataType::Decimal { .. }
            | DataType::Date
            | DataType::Time
            | DataType::Timestamp
            | DataType::Timestamptz => {
                let value = i128::from_le_bytes(array(reader)?);
                let fits = match data_type {
                    DataType::Decimal { .. } => true,
                    DataType::Date => i32::try_from(value).is_ok(),
                    _ => i64::try_from(value).is_ok(),
                };
                if !fits {
                    return Err(unreadable);
                }
                Stored::Integer(value)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Element, Text};
    use std::sync::Arc;

    fn columns() -> Vec<Column> {
        let mut text = Text::filled(Arc::default(), 2);
        text.set(1, "h\u{e4}user".as_bytes());
        let interval = Interval { months: -1, days: 2, micros: i64::MAX };
        let values = [
            Values::Boolean(vec![false, true]),
            Values::Bigint(vec![0, i64::MIN]),
            Values::Decimal { units: vec![0, -(10_i128.pow(38) - 1)], precision: 38, scale: 2 },
            Values::Double(vec![0.0, -0.0]),
            Values::Date(vec![0, -1]),
            Values::Time(vec![0, 5]),
            Values::Timestamp(vec![0, -5]),
            Values::Timestamptz(vec![0, 7]),
            Values::Interval(vec![Interval::default(), interval]),
            Values::Text(text.clone()),
            Values::Json(text.clone()),
            Values::List(text, Element::Json),
        ];
        values.into_iter().map(Column::new).collect()
    }

    #[test]
    fn values_of_every_type_come_out_as_they_went_in_and_are_read_back() {
        for mut column in columns() {
            column.validity.set_null(0, 2);
            let data_type = column.data_type();
            let mut found = Column::new(Values::filled(data_type, 2));
            for row in 0..2 {
                let mut out = Writer::default();
                Stored::of(&column, row).write(&mut out);
                let mut reader = Reader::new(&out.bytes);
                let read = Stored::read(&mut reader, data_type).expect("what was written");
                reader.finish("last bytes").expect("all was read");
                read.put(&mut found, row);
            }
            assert_eq!(found, column, "{data_type}");
        }
    }

    #[test]
    fn damaged_bytes_are_refused() {
        for column in columns() {
            let mut out = Writer::default();
            Stored::of(&column, 1).write(&mut out);
            for length in 0..out.bytes.len() {
                let read = Stored::read(&mut Reader::new(&out.bytes[..length]), column.data_type());
                assert!(read.is_err(), "{}", column.data_type());
            }
        }
        let check = |bytes: &[u8], data_type: DataType| {
            assert!(Stored::read(&mut Reader::new(bytes), data_type).is_err(), "{data_type}");
        };
        check(&[2], DataType::Bigint);
        check(&[&[VALUE][..], &[0x7f; 16]].concat(), DataType::Bigint);
        check(&[&[VALUE][..], &(1_i128 << 40).to_le_bytes()].concat(), DataType::Date);
        check(&[VALUE, 1, 0, 0, 0, 0, 0, 0, 0, 0xff], DataType::Text);
        check(&[&[VALUE][..], &u64::MAX.to_le_bytes()].concat(), DataType::Text);
    }
}
