//! Keys: the values of some columns of a record as bytes, such that equal keys have equal bytes.
//!
//! Each value is a tag and a payload: 0 for NULL, 1 for a value (fixed width, or a length and bytes), and for JSON
//! values 2 for a string (unescaped) and 1 for anything else (its source text). Doubles are made canonical: one NaN,
//! no negative zero; intervals are normalised. The bytes are read back when a group is written.

use crate::record::{Column, DataType, Element, Interval, Text, Values};
use std::ops::Range;
use std::sync::Arc;

/// The keys of some rows, with their hashes.
#[derive(Debug, Default)]
pub struct Keys {
    /// All keys one behind the other, and [`PADDING`] bytes.
    bytes: Vec<u8>,
    ends: Vec<u32>,
    hashes: Vec<u32>,
}

/// Behind the start of each key there are so many bytes at least, so that a short one is read at once.
const PADDING: usize = 16;

/// So many keys are written before they are hashed: what was written piece by piece just now is slow to be read as words.
const HASHED_AT_ONCE: usize = 64;

const NULL: u8 = 0;
const VALUE: u8 = 1;
const JSON_STRING: u8 = 2;

/// The hash of a key; the same on every machine and in every version.
pub fn hash(key: &[u8]) -> u32 {
    (wide_hash(key) >> 32) as u32
}

/// All 64 bits of the hash of a key.
pub fn wide_hash(key: &[u8]) -> u64 {
    rapidhash::v3::rapidhash_v3(key)
}

impl Keys {
    /// The keys of the given rows, each made of the values of all columns.
    pub fn of_columns(columns: &[Arc<Column>], rows: &[u32]) -> Keys {
        Keys::build(rows.iter(), |bytes, row| {
            for column in columns {
                write_value(bytes, column, *row as usize, Form::Canonical);
            }
        })
    }

    /// The keys of the given rows, each made of the values of all columns and a byte string of its own.
    pub fn of_records<'a>(
        columns: &[Arc<Column>],
        rows: &[u32],
        bytes_of: impl Fn(u32) -> &'a [u8],
    ) -> Keys {
        Keys::build(rows.iter(), |bytes, row| {
            for column in columns {
                write_value(bytes, column, *row as usize, Form::Canonical);
            }
            bytes.extend_from_slice(bytes_of(*row));
        })
    }

    /// Keys that are there as bytes.
    pub fn of_bytes<'a>(keys: impl Iterator<Item = &'a [u8]>) -> Keys {
        Keys::build(keys, Vec::extend_from_slice)
    }

    /// Of values, each with the group before it that it belongs to.
    pub fn of_values<'a>(values: impl Iterator<Item = (u32, &'a [u8])>) -> Keys {
        Keys::build(values, |bytes, (group, value)| {
            bytes.extend_from_slice(&group.to_le_bytes());
            bytes.extend_from_slice(value);
        })
    }

    fn build<T>(items: impl Iterator<Item = T>, mut write: impl FnMut(&mut Vec<u8>, T)) -> Keys {
        let count = items.size_hint().0;
        let mut keys = Keys {
            bytes: Vec::with_capacity(count * 16 + PADDING),
            ends: Vec::with_capacity(count),
            hashes: Vec::with_capacity(count),
        };
        let mut items = items.peekable();
        while items.peek().is_some() {
            let block = keys.len();
            for item in items.by_ref().take(HASHED_AT_ONCE) {
                write(&mut keys.bytes, item);
                let end = u32::try_from(keys.bytes.len());
                keys.ends.push(end.expect("the keys of a chunk are less than 4 GiB"));
            }
            for index in block..keys.len() {
                keys.hashes.push(hash(keys.key(index)));
            }
        }
        keys.bytes.extend_from_slice(&[0; PADDING]);
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

    /// The hash and bytes of each key, in the order of the rows.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &[u8])> {
        (0..self.len()).map(|index| (self.hashes[index], self.key(index)))
    }

    /// The bytes of a key, counted from 0.
    pub fn key(&self, index: usize) -> &[u8] {
        &self.bytes[self.start(index)..self.ends[index] as usize]
    }

    /// The first bytes of a key and what stands behind it.
    pub fn padded(&self, index: usize) -> [u8; PADDING] {
        *self.bytes[self.start(index)..].first_chunk().expect("every key is padded")
    }

    /// The hash of a key, counted from 0.
    pub fn hash(&self, index: usize) -> u32 {
        self.hashes[index]
    }

    /// The hashes of some keys, counted from 0.
    pub fn hashes(&self, keys: Range<usize>) -> &[u32] {
        &self.hashes[keys]
    }

    fn start(&self, index: usize) -> usize {
        if index == 0 { 0 } else { self.ends[index - 1] as usize }
    }
}

/// Whether equal values shall have equal bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// They shall.
    Canonical,
    /// Every value is read back as it was, bit by bit.
    Exact,
}

/// Appends the values of a row, to be read back by [`columns_of`] exactly as they are.
pub fn write_exact<'a>(
    out: &mut Vec<u8>,
    columns: impl IntoIterator<Item = &'a Column>,
    row: usize,
) {
    for column in columns {
        write_value(out, column, row, Form::Exact);
    }
}

/// Appends one value as keys hold it.
pub fn write_canonical(out: &mut Vec<u8>, column: &Column, row: usize) {
    write_value(out, column, row, Form::Canonical);
}

fn write_value(out: &mut Vec<u8>, column: &Column, row: usize, form: Form) {
    if !column.is_valid(row) {
        out.push(NULL);
        return;
    }
    out.push(VALUE);
    match &column.values {
        Values::Boolean(values) => out.push(u8::from(values[row])),
        Values::Bigint(values)
        | Values::Time(values)
        | Values::Timestamp(values)
        | Values::Timestamptz(values) => out.extend_from_slice(&values[row].to_le_bytes()),
        Values::Interval(values) => {
            let Interval { months, days, micros } = match form {
                Form::Canonical => values[row].normalised(),
                Form::Exact => values[row],
            };
            out.extend_from_slice(&months.to_le_bytes());
            out.extend_from_slice(&days.to_le_bytes());
            out.extend_from_slice(&micros.to_le_bytes());
        }
        Values::Decimal { units, .. } => out.extend_from_slice(&units[row].to_le_bytes()),
        Values::Double(values) => {
            let value = match form {
                Form::Canonical => canonical(values[row]),
                Form::Exact => values[row],
            };
            out.extend_from_slice(&value.to_bits().to_le_bytes());
        }
        Values::Date(values) => out.extend_from_slice(&values[row].to_le_bytes()),
        Values::Text(text) => write_text(out, text.get(row)),
        Values::Json(text) if form == Form::Canonical => write_json(out, text.get(row)),
        Values::List(text, element) if form == Form::Canonical => {
            write_list(out, text.get(row), *element);
        }
        Values::Json(text) | Values::List(text, _) => write_text(out, text.get(row)),
    }
}

fn canonical(value: f64) -> f64 {
    if value.is_nan() {
        f64::NAN
    } else if value == 0.0 {
        0.0
    } else {
        value
    }
}

fn write_text(out: &mut Vec<u8>, text: &[u8]) {
    let length = u32::try_from(text.len()).expect("a field is shorter than 4 GiB");
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(text);
}

/// The length is known only when the list has its key form.
fn write_list(out: &mut Vec<u8>, list: &[u8], element: Element) {
    let start = out.len();
    write_text(out, b"");
    let content = out.len();
    crate::record::list::write_key(out, list, element);
    let length = u32::try_from(out.len() - content).expect("a list is shorter than 4 GiB");
    out[start..content].copy_from_slice(&length.to_le_bytes());
}

/// Two spellings of one JSON string are the same key.
fn write_json(out: &mut Vec<u8>, source: &[u8]) {
    if source.first() == Some(&b'"')
        && let Ok(text) = serde_json::from_slice::<String>(source)
    {
        out.pop();
        out.push(JSON_STRING);
        write_text(out, text.as_bytes());
    } else {
        write_text(out, source);
    }
}

/// Reads keys made of values of the given types back into columns, one row per key.
///
/// `None` where the bytes were not made of such values.
pub fn columns_of<'a>(
    types: &[DataType],
    keys: impl ExactSizeIterator<Item = &'a [u8]>,
) -> Option<Vec<Column>> {
    let rows = keys.len();
    let new = |data_type: &DataType| Column::new(Values::filled(*data_type, rows));
    let mut columns: Vec<Column> = types.iter().map(new).collect();
    for (row, mut key) in keys.enumerate() {
        for column in &mut columns {
            read_value(&mut key, column, row, rows)?;
        }
        if !key.is_empty() {
            return None;
        }
    }
    Some(columns)
}

fn read_value(key: &mut &[u8], column: &mut Column, row: usize, rows: usize) -> Option<()> {
    let tag = *key.split_off_first()?;
    if tag == NULL {
        column.validity.set_null(row, rows);
        return Some(());
    }
    match &mut column.values {
        Values::Boolean(values) => values[row] = *key.split_off_first()? != 0,
        Values::Bigint(values)
        | Values::Time(values)
        | Values::Timestamp(values)
        | Values::Timestamptz(values) => values[row] = i64::from_le_bytes(read_array(key)?),
        Values::Interval(values) => {
            values[row] = Interval {
                months: i32::from_le_bytes(read_array(key)?),
                days: i32::from_le_bytes(read_array(key)?),
                micros: i64::from_le_bytes(read_array(key)?),
            };
        }
        Values::Decimal { units, .. } => units[row] = i128::from_le_bytes(read_array(key)?),
        Values::Double(values) => values[row] = f64::from_le_bytes(read_array(key)?),
        Values::Date(values) => values[row] = i32::from_le_bytes(read_array(key)?),
        Values::Text(text) | Values::List(text, _) => text.set(row, read_text(key)?),
        Values::Json(text) => read_json(text, row, tag, read_text(key)?)?,
    }
    Some(())
}

fn read_json(text: &mut Text, row: usize, tag: u8, value: &[u8]) -> Option<()> {
    if tag == JSON_STRING {
        let value = std::str::from_utf8(value).ok()?;
        text.set_with(row, |heap| crate::record::text::write_json_string(heap, value));
    } else {
        text.set(row, value);
    }
    Some(())
}

/// Whether bytes are values of these types, and nothing more: so that a damaged state is found when it is read.
pub fn is_made_of(types: &[DataType], mut bytes: &[u8]) -> bool {
    types.iter().all(|data_type| skip_value(&mut bytes, *data_type).is_some()) && bytes.is_empty()
}

/// What [`read_value`] reads, where all texts are texts.
fn skip_value(key: &mut &[u8], data_type: DataType) -> Option<()> {
    if *key.split_off_first()? == NULL {
        return Some(());
    }
    let length = match data_type {
        DataType::Boolean => 1,
        DataType::Date => 4,
        DataType::Bigint
        | DataType::Double
        | DataType::Time
        | DataType::Timestamp
        | DataType::Timestamptz => 8,
        DataType::Decimal { .. } | DataType::Interval => 16,
        DataType::Text | DataType::Json | DataType::List(_) => {
            return std::str::from_utf8(read_text(key)?).ok().map(drop);
        }
    };
    *key = key.split_at_checked(length)?.1;
    Some(())
}

fn read_array<const N: usize>(key: &mut &[u8]) -> Option<[u8; N]> {
    let (array, rest) = key.split_first_chunk()?;
    *key = rest;
    Some(*array)
}

fn read_text<'a>(key: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = u32::from_le_bytes(read_array(key)?);
    let (text, rest) = key.split_at_checked(length as usize)?;
    *key = rest;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_column(values: &[Option<&str>], json: bool) -> Column {
        let mut text = Text::filled(Arc::default(), values.len());
        for (row, value) in values.iter().enumerate() {
            text.set(row, value.unwrap_or("").as_bytes());
        }
        let mut column = Column::new(if json { Values::Json(text) } else { Values::Text(text) });
        for (row, value) in values.iter().enumerate() {
            if value.is_none() {
                column.validity.set_null(row, values.len());
            }
        }
        column
    }

    #[test]
    fn keys_are_read_back_as_they_were() {
        let numbers = Column::new(Values::Double(vec![1.5, -0.0, f64::NAN]));
        let names = text_column(&[Some("a"), None, Some("")], false);
        let columns = [Arc::new(numbers), Arc::new(names)];
        let keys = Keys::of_columns(&columns, &[0, 1, 2]);
        let bytes: Vec<&[u8]> = keys.iter().map(|(_, key)| key).collect();
        let types = [DataType::Double, DataType::Text];
        let read = columns_of(&types, bytes.into_iter()).expect("keys of these types");
        let Values::Double(values) = &read[0].values else { panic!("doubles") };
        assert_eq!(values[0], 1.5);
        assert!(values[1].is_sign_positive() && values[2].is_nan());
        assert_eq!(read[1], *columns[1]);
    }

    #[test]
    fn only_what_is_read_back_is_made_of_its_types() {
        let columns = [
            Column::new(Values::Boolean(vec![true])),
            Column::new(Values::Bigint(vec![1])),
            Column::new(Values::Decimal { units: vec![1], precision: 5, scale: 1 }),
            Column::new(Values::Double(vec![1.0])),
            text_column(&[Some("a")], false),
            Column::new(Values::Date(vec![1])),
            Column::new(Values::Time(vec![1])),
            Column::new(Values::Timestamp(vec![1])),
            Column::new(Values::Timestamptz(vec![1])),
            Column::new(Values::Interval(vec![Interval::of_days(1)])),
            text_column(&[Some("\"a\"")], true),
            text_column(&[None], true),
        ];
        let types: Vec<DataType> = columns.iter().map(Column::data_type).collect();
        let columns: Vec<Arc<Column>> = columns.into_iter().map(Arc::new).collect();
        let keys = Keys::of_columns(&columns, &[0]);
        let key = keys.key(0);
        assert!(is_made_of(&types, key));
        for length in 0..key.len() {
            assert!(!is_made_of(&types, &key[..length]), "{length} bytes");
            assert!(columns_of(&types, [&key[..length]].into_iter()).is_none(), "{length} bytes");
        }
        assert!(!is_made_of(&types, &[key, b"x"].concat()), "a byte more");
        assert!(!is_made_of(&[DataType::Text], b"\x01\x01\0\0\0\xff"), "no text");
    }

    #[test]
    fn lists_and_intervals_are_keys_by_their_values() {
        let mut text = Text::filled(Arc::default(), 2);
        text.set(0, b"[-0.0,1.0]");
        text.set(1, b"[0.0,1.0]");
        let lists = Arc::new(Column::new(Values::List(text, Element::Double)));
        let month = Interval { months: 1, days: 0, micros: 0 };
        let intervals = Values::Interval(vec![month, Interval::of_days(30)]);
        let columns = [lists, Arc::new(Column::new(intervals))];
        let keys = Keys::of_columns(&columns, &[0, 1]);
        let bytes: Vec<&[u8]> = keys.iter().map(|(_, key)| key).collect();
        assert_eq!(bytes[0], bytes[1]);
        let types = [DataType::List(Element::Double), DataType::Interval];
        let read = columns_of(&types, bytes.into_iter()).expect("keys of these types");
        assert!(matches!(&read[0].values, Values::List(text, _) if text.get(0) == b"[0.0,1.0]"));
        assert!(matches!(&read[1].values, Values::Interval(values) if values[1] == month));
    }

    #[test]
    fn null_the_empty_text_and_neighbours_differ() {
        let left = Arc::new(text_column(&[Some("ab"), Some("a"), None, Some("")], false));
        let right = Arc::new(text_column(&[Some("c"), Some("bc"), Some(""), None], false));
        let keys = Keys::of_columns(&[left, right], &[0, 1, 2, 3]);
        let mut bytes: Vec<&[u8]> = keys.iter().map(|(_, key)| key).collect();
        bytes.sort_unstable();
        bytes.dedup();
        assert_eq!(bytes.len(), 4);
    }

    #[test]
    fn spellings_of_a_json_string_are_one_key() {
        let values = [Some(r#""A""#), Some(r#""\u0041""#), Some("1"), Some(r#""1""#)];
        let keys = Keys::of_columns(&[Arc::new(text_column(&values, true))], &[0, 1, 2, 3]);
        let bytes: Vec<&[u8]> = keys.iter().map(|(_, key)| key).collect();
        assert_eq!(bytes[0], bytes[1]);
        assert_ne!(bytes[2], bytes[3]);
    }

    #[test]
    fn exact_values_are_read_back_bit_by_bit() {
        let numbers = Column::new(Values::Double(vec![-0.0]));
        let json = text_column(&[Some(r#""\u0041""#)], true);
        let interval = Column::new(Values::Interval(vec![Interval::of_days(40)]));
        let mut bytes = Vec::new();
        write_exact(&mut bytes, [&numbers, &json, &interval], 0);
        let types = [DataType::Double, DataType::Json, DataType::Interval];
        let read = columns_of(&types, [&bytes[..]].into_iter()).expect("values of these types");
        assert!(matches!(&read[0].values, Values::Double(values) if values[0].is_sign_negative()));
        assert_eq!((&read[1], &read[2]), (&json, &interval));
    }
}
