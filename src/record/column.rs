//! Typed columns: values, validity, and the rows that have no value because something was wrong.

use super::{DataType, Element, Interval};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Why a row has no value, or why a record is rejected. Without data values: they may be secret.
pub type Reason = Arc<str>;

/// One value per row of a batch.
///
/// A row is valid (has a value), NULL, or faulty (reading or computing it failed; it counts as NULL until
/// an expression that needs the row turns the fault into a reject). Rows that were not selected when the
/// column was made hold a default value and are neither.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// The values; what stands at an invalid row is meaningless.
    pub values: Values,
    /// Which rows are not NULL.
    pub validity: Validity,
    /// The faulty rows.
    pub faults: Faults,
}

/// The values of a column, by type.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Booleans.
    Boolean(Vec<bool>),
    /// Integers.
    Bigint(Vec<i64>),
    /// Decimals as integers in units of `10^-scale`.
    Decimal {
        /// The values times `10^scale`.
        units: Vec<i128>,
        /// Digits in all.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
    /// Doubles.
    Double(Vec<f64>),
    /// Texts, valid UTF-8 at every valid row.
    Text(Text),
    /// Days since 1970-01-01.
    Date(Vec<i32>),
    /// Microseconds since midnight.
    Time(Vec<i64>),
    /// Microseconds since 1970-01-01 00:00:00.
    Timestamp(Vec<i64>),
    /// Microseconds since 1970-01-01 00:00:00 UTC.
    Timestamptz(Vec<i64>),
    /// Stretches of time.
    Interval(Vec<Interval>),
    /// JSON values as their source text, without surrounding white space. JSON `null` is an invalid row.
    Json(Text),
    /// Lists as the text of a JSON array in the one form that [`super::list`] gives it.
    List(Text, Element),
}

/// Byte strings that lie partly in the chunk they were read from and partly in a heap of their own.
///
/// A span counts into the chunk's bytes followed by the heap's.
#[derive(Debug, Clone, Default)]
pub struct Text {
    pub(super) chunk: Arc<Vec<u8>>,
    pub(super) heap: Vec<u8>,
    pub(super) spans: Vec<Span>,
}

/// `length` bytes from `start`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// Number of bytes.
    pub length: u32,
}

/// Which rows are not NULL.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Validity(Option<Vec<bool>>);

/// The faulty rows of a column with their reasons, at most one per row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Faults(BTreeMap<u32, Reason>);

impl Column {
    /// A column without NULLs and faults.
    pub fn new(values: Values) -> Column {
        Column { values, validity: Validity::default(), faults: Faults::default() }
    }

    /// A column of `rows` NULLs.
    pub fn null(data_type: DataType, rows: usize) -> Column {
        Column {
            values: Values::filled(data_type, rows),
            validity: Validity(Some(vec![false; rows])),
            faults: Faults::default(),
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.values.rows()
    }

    /// The type of the values.
    pub fn data_type(&self) -> DataType {
        self.values.data_type()
    }

    /// Whether a row has a value.
    pub fn is_valid(&self, row: usize) -> bool {
        self.validity.is_valid(row)
    }

    /// Whether a row is true, neither false nor NULL; of a column of booleans.
    pub fn is_true(&self, row: usize) -> bool {
        matches!(&self.values, Values::Boolean(values) if values[row] && self.is_valid(row))
    }

    /// Makes a row faulty (and NULL), unless it is already.
    pub fn set_fault(&mut self, row: u32, reason: &Reason) {
        let rows = self.rows();
        self.validity.set_null(row as usize, rows);
        self.faults.add(row, reason);
    }
}

impl Values {
    /// `rows` default values (false, 0, the empty text, 1970-01-01); for lists and JSON they are no values at all.
    pub fn filled(data_type: DataType, rows: usize) -> Values {
        match data_type {
            DataType::Boolean => Values::Boolean(vec![false; rows]),
            DataType::Bigint => Values::Bigint(vec![0; rows]),
            DataType::Decimal { precision, scale } => {
                Values::Decimal { units: vec![0; rows], precision, scale }
            }
            DataType::Double => Values::Double(vec![0.0; rows]),
            DataType::Text => Values::Text(Text::filled(Arc::default(), rows)),
            DataType::Date => Values::Date(vec![0; rows]),
            DataType::Time => Values::Time(vec![0; rows]),
            DataType::Timestamp => Values::Timestamp(vec![0; rows]),
            DataType::Timestamptz => Values::Timestamptz(vec![0; rows]),
            DataType::Interval => Values::Interval(vec![Interval::default(); rows]),
            DataType::Json => Values::Json(Text::filled(Arc::default(), rows)),
            DataType::List(element) => Values::List(Text::filled(Arc::default(), rows), element),
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        match self {
            Values::Boolean(values) => values.len(),
            Values::Bigint(values)
            | Values::Time(values)
            | Values::Timestamp(values)
            | Values::Timestamptz(values) => values.len(),
            Values::Interval(values) => values.len(),
            Values::Decimal { units, .. } => units.len(),
            Values::Double(values) => values.len(),
            Values::Text(text) | Values::Json(text) | Values::List(text, _) => text.rows(),
            Values::Date(values) => values.len(),
        }
    }

    /// The type of the values.
    pub fn data_type(&self) -> DataType {
        match self {
            Values::Boolean(_) => DataType::Boolean,
            Values::Bigint(_) => DataType::Bigint,
            Values::Decimal { precision, scale, .. } => {
                DataType::Decimal { precision: *precision, scale: *scale }
            }
            Values::Double(_) => DataType::Double,
            Values::Text(_) => DataType::Text,
            Values::Date(_) => DataType::Date,
            Values::Time(_) => DataType::Time,
            Values::Timestamp(_) => DataType::Timestamp,
            Values::Timestamptz(_) => DataType::Timestamptz,
            Values::Interval(_) => DataType::Interval,
            Values::Json(_) => DataType::Json,
            Values::List(_, element) => DataType::List(*element),
        }
    }
}

impl Text {
    /// `rows` empty texts over a chunk.
    pub fn filled(chunk: Arc<Vec<u8>>, rows: usize) -> Text {
        Text { chunk, heap: Vec::new(), spans: vec![Span::default(); rows] }
    }

    /// Texts that are pieces of a chunk.
    pub fn from_spans(chunk: Arc<Vec<u8>>, spans: Vec<Span>) -> Text {
        Text { chunk, heap: Vec::new(), spans }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.spans.len()
    }

    /// The bytes of a row.
    pub fn get(&self, row: usize) -> &[u8] {
        let Span { start, length } = self.spans[row];
        let (start, length) = (start as usize, length as usize);
        match start.checked_sub(self.chunk.len()) {
            Some(start) => &self.heap[start..start + length],
            None => &self.chunk[start..start + length],
        }
    }

    /// Lets a row be a piece of the chunk.
    pub fn set_span(&mut self, row: usize, span: Span) {
        self.spans[row] = span;
    }

    /// Lets a row be a copy of `bytes`.
    pub fn set(&mut self, row: usize, bytes: &[u8]) {
        self.set_with(row, |heap| heap.extend_from_slice(bytes));
    }

    /// Lets a row be what `write` appends to the heap.
    pub fn set_with(&mut self, row: usize, write: impl FnOnce(&mut Vec<u8>)) {
        let before = self.heap.len();
        write(&mut self.heap);
        let span =
            |value: usize| u32::try_from(value).expect("a batch holds less than 4 GiB of text");
        self.spans[row] =
            Span { start: span(self.chunk.len() + before), length: span(self.heap.len() - before) };
    }
}

/// Equal texts row by row, wherever their bytes lie.
impl PartialEq for Text {
    fn eq(&self, other: &Text) -> bool {
        self.rows() == other.rows() && (0..self.rows()).all(|row| self.get(row) == other.get(row))
    }
}

impl Validity {
    /// Whether a row has a value.
    pub fn is_valid(&self, row: usize) -> bool {
        self.0.as_ref().is_none_or(|valid| valid[row])
    }

    /// Whether no row is NULL.
    pub fn all_valid(&self) -> bool {
        self.0.is_none()
    }

    /// Makes a row of `rows` NULL.
    pub fn set_null(&mut self, row: usize, rows: usize) {
        self.0.get_or_insert_with(|| vec![true; rows])[row] = false;
    }

    /// From one flag per row.
    pub fn from_flags(valid: Vec<bool>) -> Validity {
        Validity(if valid.iter().all(|valid| *valid) { None } else { Some(valid) })
    }
}

impl Faults {
    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Notes a fault; the first of a row counts.
    pub fn add(&mut self, row: u32, reason: &Reason) {
        self.0.entry(row).or_insert_with(|| reason.clone());
    }

    /// Notes those faults of `others` whose row is in `rows` (sorted).
    pub fn extend_selected(&mut self, others: &Faults, rows: &[u32]) {
        for (row, reason) in &others.0 {
            if rows.binary_search(row).is_ok() {
                self.add(*row, reason);
            }
        }
    }

    /// Why a row is faulty; `None` when it is not.
    pub fn get(&self, row: u32) -> Option<&Reason> {
        self.0.get(&row)
    }

    /// All faults by row.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Reason)> {
        self.0.iter().map(|(row, reason)| (*row, reason))
    }
}
