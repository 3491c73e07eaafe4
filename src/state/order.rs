//! Order keys: the values of some columns of a record as bytes whose order is that of the records.
//!
//! Each value is a tag that puts NULL first or last, and a payload; for a descending order all bits of the payload are
//! turned round. No payload is the beginning of another, so that the next column counts only where two are equal. They
//! are written to be compared and are never read back: a record's values are held beside them.
//!
//! | type | payload |
//! |---|---|
//! | boolean | 0 or 1 |
//! | bigint, decimal, date, time, timestamp | as an integer: 128 + n and n bytes, of a negative one 127 - n and n bytes |
//! | interval | its length, in the same way |
//! | double | its bits, big-endian, turned round so that they rise; one zero, and NaN behind infinity |
//! | text, JSON | its bytes with 0 as 1 1 and 1 as 1 2, and a 0 at the end |
//! | list | 1 and the payload of each element, 2 for one without value, and a 0 at the end |

use crate::record::{Column, Direction, Element, Nulls, Order, Values, list, text};
use std::sync::Arc;

/// The order keys of some rows.
#[derive(Debug, Default)]
pub struct OrderKeys {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl OrderKeys {
    /// The keys of the given rows, each made of the values of all columns; one order for each column.
    pub fn of_columns(columns: &[Arc<Column>], orders: &[Order], rows: &[u32]) -> OrderKeys {
        let mut keys = OrderKeys {
            bytes: Vec::with_capacity(rows.len() * 16),
            ends: Vec::with_capacity(rows.len()),
        };
        for row in rows {
            for (column, order) in columns.iter().zip(orders) {
                write(&mut keys.bytes, column, *row as usize, *order);
            }
            keys.ends.push(keys.bytes.len());
        }
        keys
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The key of the row at an index of the given rows.
    pub fn get(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[index]]
    }
}

/// Appends the value of a row; the keys of two rows are ordered as their values are.
pub fn write(out: &mut Vec<u8>, column: &Column, row: usize, order: Order) {
    const NULL_FIRST: u8 = 0;
    const VALUE: u8 = 1;
    const NULL_LAST: u8 = 2;
    if !column.is_valid(row) {
        out.push(match order.nulls {
            Nulls::First => NULL_FIRST,
            Nulls::Last => NULL_LAST,
        });
        return;
    }
    out.push(VALUE);
    let start = out.len();
    write_value(out, &column.values, row);
    if order.direction == Direction::Descending {
        out[start..].iter_mut().for_each(|byte| *byte = !*byte);
    }
}

fn write_value(out: &mut Vec<u8>, values: &Values, row: usize) {
    match values {
        Values::Boolean(values) => out.push(u8::from(values[row])),
        Values::Bigint(values)
        | Values::Time(values)
        | Values::Timestamp(values)
        | Values::Timestamptz(values) => write_integer(out, i128::from(values[row])),
        Values::Interval(values) => write_integer(out, values[row].length()),
        Values::Decimal { units, .. } => write_integer(out, units[row]),
        Values::Date(values) => write_integer(out, i128::from(values[row])),
        Values::Double(values) => write_double(out, values[row]),
        Values::Text(text) | Values::Json(text) => write_bytes(out, text.get(row)),
        Values::List(text, element) => write_list(out, text.get(row), *element),
    }
}

/// As many bytes as the number needs, in front of them how many these are: more for a greater one.
fn write_integer(out: &mut Vec<u8>, value: i128) {
    const ZERO_BYTES: u8 = 128;
    let magnitude = if value < 0 { !value } else { value };
    let spare = (magnitude.leading_zeros() / 8) as usize;
    let bytes = value.to_be_bytes();
    let count = u8::try_from(bytes.len() - spare).expect("a number has 16 bytes");
    out.push(if value < 0 { ZERO_BYTES - 1 - count } else { ZERO_BYTES + count });
    out.extend_from_slice(&bytes[spare..]);
}

fn write_double(out: &mut Vec<u8>, value: f64) {
    let canonical = match value {
        _ if value.is_nan() => f64::NAN.abs(),
        0.0 => 0.0,
        _ => value,
    };
    let bits = canonical.to_bits();
    let sign = 1 << 63;
    let rising = if bits & sign == 0 { bits | sign } else { !bits };
    out.extend_from_slice(&rising.to_be_bytes());
}

const END: u8 = 0;
const ESCAPE: u8 = 1;

fn write_bytes(out: &mut Vec<u8>, mut text: &[u8]) {
    while let Some(at) = memchr::memchr2(END, ESCAPE, text) {
        out.extend_from_slice(&text[..at]);
        out.extend_from_slice(&[ESCAPE, text[at] + 1]);
        text = &text[at + 1..];
    }
    out.extend_from_slice(text);
    out.push(END);
}

fn write_list(out: &mut Vec<u8>, source: &[u8], element: Element) {
    const VALUE: u8 = 1;
    const NULL: u8 = 2;
    for source in list::Elements::of(source) {
        if source == b"null" {
            out.push(NULL);
        } else {
            out.push(VALUE);
            write_element(out, source, element);
        }
    }
    out.push(END);
}

/// An element in the form that [`list`] gives it.
fn write_element(out: &mut Vec<u8>, source: &[u8], element: Element) {
    match element {
        Element::Bigint => {
            write_integer(out, text::parse_bigint(source).unwrap_or_default().into());
        }
        Element::Decimal { precision, scale } => {
            let units = text::parse_decimal(source, precision, scale);
            write_integer(out, units.unwrap_or_default());
        }
        Element::Double => write_double(out, list::double_of(source)),
        Element::Text => write_bytes(out, &list::content(source)),
        // Years have four digits, so the texts are in the order of the moments.
        Element::Boolean
        | Element::Date
        | Element::Time
        | Element::Timestamp
        | Element::Timestamptz
        | Element::Json => write_bytes(out, source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{DataType, Interval, Text};
    use proptest::prelude::*;
    use std::cmp::Ordering;

    /// The order of two values as expressions compare them, said once more and plainly.
    fn plainly(values: &Values, left: usize, right: usize) -> Ordering {
        match values {
            Values::Boolean(values) => values[left].cmp(&values[right]),
            Values::Bigint(values)
            | Values::Time(values)
            | Values::Timestamp(values)
            | Values::Timestamptz(values) => values[left].cmp(&values[right]),
            Values::Interval(values) => values[left].length().cmp(&values[right].length()),
            Values::Decimal { units, .. } => units[left].cmp(&units[right]),
            Values::Date(values) => values[left].cmp(&values[right]),
            Values::Double(values) => {
                let (left, right) = (values[left], values[right]);
                left.partial_cmp(&right).unwrap_or_else(|| left.is_nan().cmp(&right.is_nan()))
            }
            Values::Text(text) | Values::Json(text) => text.get(left).cmp(text.get(right)),
            Values::List(text, element) => list::compare(text.get(left), text.get(right), *element),
        }
    }

    fn with_nulls(column: &Column, left: usize, right: usize, order: Order) -> Ordering {
        let rank = |row| match (column.is_valid(row), order.nulls) {
            (true, _) => 1,
            (false, Nulls::First) => 0,
            (false, Nulls::Last) => 2,
        };
        rank(left).cmp(&rank(right)).then_with(|| match (column.is_valid(left), order.direction) {
            (false, _) => Ordering::Equal,
            (true, Direction::Ascending) => plainly(&column.values, left, right),
            (true, Direction::Descending) => plainly(&column.values, right, left),
        })
    }

    const ORDERS: [Order; 4] = [
        Order { direction: Direction::Ascending, nulls: Nulls::Last },
        Order { direction: Direction::Ascending, nulls: Nulls::First },
        Order { direction: Direction::Descending, nulls: Nulls::Last },
        Order { direction: Direction::Descending, nulls: Nulls::First },
    ];

    /// Every pair of rows, by both columns in every order.
    fn check(columns: [Column; 2]) {
        let rows: Vec<u32> = (0..).take(columns[0].rows()).collect();
        let columns = columns.map(Arc::new);
        for first in ORDERS {
            for second in ORDERS {
                let keys = OrderKeys::of_columns(&columns, &[first, second], &rows);
                for left in 0..rows.len() {
                    for right in 0..rows.len() {
                        let expected = with_nulls(&columns[0], left, right, first)
                            .then_with(|| with_nulls(&columns[1], left, right, second));
                        let found = keys.get(left).cmp(keys.get(right));
                        assert_eq!(found, expected, "rows {left} and {right} of {columns:?}");
                    }
                }
            }
        }
    }

    fn column(values: Values, nulls: &[bool]) -> Column {
        let mut column = Column::new(values);
        let rows = column.rows();
        for row in (0..rows).filter(|row| nulls.get(*row) == Some(&true)) {
            column.validity.set_null(row, rows);
        }
        column
    }

    fn texts(values: &[String]) -> Text {
        let mut text = Text::filled(Arc::default(), values.len());
        for (row, value) in values.iter().enumerate() {
            text.set(row, value.as_bytes());
        }
        text
    }

    fn decimals(units: Vec<i128>) -> Values {
        Values::Decimal { units, precision: 38, scale: 2 }
    }

    /// Numbers of every length, and those at the borders.
    fn integers() -> impl Strategy<Value = i128> {
        prop_oneof![
            Just(0),
            Just(i128::MAX),
            Just(i128::MIN),
            (any::<i128>(), 0_u32..128).prop_map(|(value, shift)| value >> shift),
            (0_u32..127, -1_i128..2).prop_map(|(shift, by)| (1_i128 << shift) + by),
            (0_u32..127, -1_i128..2).prop_map(|(shift, by)| by - (1_i128 << shift)),
        ]
    }

    fn narrow(value: i128) -> i64 {
        i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
    }

    fn narrower(value: i64) -> i32 {
        i32::try_from(value).unwrap_or(if value < 0 { i32::MIN } else { i32::MAX })
    }

    proptest! {
        #[test]
        fn keys_are_ordered_as_numbers_are(
            numbers in prop::collection::vec(integers(), 6),
            nulls in prop::collection::vec(prop::bool::weighted(0.2), 12),
        ) {
            let narrow: Vec<i64> = numbers.iter().map(|number| narrow(*number)).collect();
            let days: Vec<i32> = narrow.iter().map(|number| narrower(*number)).collect();
            let flags = numbers.iter().map(|number| number % 2 == 0).collect();
            check([
                column(decimals(numbers), &nulls[..6]),
                column(Values::Bigint(narrow.clone()), &nulls[6..]),
            ]);
            check([
                column(Values::Boolean(flags), &nulls[..6]),
                column(Values::Date(days), &nulls[6..]),
            ]);
            check([
                column(Values::Time(narrow.clone()), &nulls[..6]),
                column(Values::Timestamptz(narrow), &nulls[6..]),
            ]);
        }

        #[test]
        fn keys_are_ordered_as_texts_are(
            words in prop::collection::vec("[\u{0}\u{1}\u{2}ab\u{e9}\u{1f600}]{0,4}", 6),
            others in prop::collection::vec("[\u{0}\u{1}a]{0,2}", 6),
            nulls in prop::collection::vec(prop::bool::weighted(0.2), 12),
        ) {
            check([
                column(Values::Text(texts(&words)), &nulls[..6]),
                column(Values::Json(texts(&others)), &nulls[6..]),
            ]);
        }

        #[test]
        fn keys_are_ordered_as_doubles_and_intervals_are(
            doubles in prop::collection::vec(any::<f64>(), 6),
            parts in prop::collection::vec((-3..3_i32, -90..90_i32, -9_i64..9), 6),
        ) {
            let hours = 3_600_000_000_i64 * 24 * 10;
            let interval = |(months, days, micros): &(i32, i32, i64)| {
                Interval { months: *months, days: *days, micros: *micros * hours }
            };
            check([
                column(Values::Double(doubles), &[]),
                column(Values::Interval(parts.iter().map(interval).collect()), &[]),
            ]);
        }

        #[test]
        fn keys_are_ordered_as_lists_are(
            lists in prop::collection::vec(prop::collection::vec(prop::option::of(-300_i64..300), 0..4), 6),
        ) {
            let said = |element: &Option<i64>| element.map_or("null".to_owned(), |n| n.to_string());
            let list = |of: &Vec<Option<i64>>| {
                format!("[{}]", of.iter().map(said).collect::<Vec<_>>().join(","))
            };
            let word = |of: &Vec<Option<i64>>| {
                let said = |element: &Option<i64>| match element {
                    None => "null".to_owned(),
                    Some(number) => format!("\"{}\"", ["", "a", "ab"][usize::try_from(number.rem_euclid(3)).expect("small")]),
                };
                format!("[{}]", of.iter().map(said).collect::<Vec<_>>().join(","))
            };
            let numbers: Vec<String> = lists.iter().map(list).collect();
            let words: Vec<String> = lists.iter().map(word).collect();
            check([
                column(Values::List(texts(&words), Element::Text), &[]),
                column(Values::List(texts(&numbers), Element::Bigint), &[]),
            ]);
        }
    }

    #[test]
    fn zeros_are_one_and_nan_is_the_greatest() {
        let doubles = vec![f64::NAN, -f64::NAN, f64::INFINITY, 0.0, -0.0, -1.0, f64::NEG_INFINITY];
        let rows = doubles.len();
        check([
            column(Values::Double(doubles), &[]),
            column(Values::filled(DataType::Bigint, rows), &[]),
        ]);
    }

    #[test]
    fn lists_of_every_type_are_ordered_as_expressions_order_them() {
        for (element, lists) in [
            (Element::Double, ["[-0.0]", "[0.0,\"nan\"]", "[\"inf\"]", "[null]", "[]", "[-1.5]"]),
            (
                Element::Decimal { precision: 5, scale: 2 },
                ["[10.00]", "[9.00]", "[-1.00]", "[]", "[null]", "[9.00,1.00]"],
            ),
            (
                Element::Date,
                ["[\"2024-01-02\"]", "[\"1999-12-31\"]", "[]", "[null]", "[null,null]", "[]"],
            ),
            (
                Element::Boolean,
                ["[true]", "[false]", "[]", "[null]", "[false,true]", "[true,true]"],
            ),
        ] {
            let lists = lists.map(str::to_owned);
            let rows = lists.len();
            check([
                column(Values::List(texts(&lists), element), &[]),
                column(Values::filled(DataType::Bigint, rows), &[]),
            ]);
        }
    }
}
