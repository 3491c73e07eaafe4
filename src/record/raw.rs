//! The records of a chunk as they came: where they and their fields are, undecoded.

use super::Span;
use std::sync::Arc;

/// The undecoded records behind a batch.
#[derive(Debug, Clone)]
pub enum RawRecords {
    /// None: the batch was computed (the groups of an aggregate).
    None,
    /// Records of a CSV or TSV chunk.
    Csv(CsvRecords),
    /// Records of a JSONL chunk.
    Json(JsonRecords),
}

/// How CSV text is to be read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CsvDialect {
    /// Between two fields.
    pub delimiter: u8,
    /// Around a field; `None` where quotes mean nothing.
    pub quote: Option<u8>,
    /// Before a quote inside a quoted field; `None` where a quote is doubled instead.
    pub escape: Option<u8>,
    /// At the start of a line to skip.
    pub comment: Option<u8>,
}

/// The records of a CSV chunk.
///
/// Field j of record r ends at `ends[r * columns + j]` and starts one byte after the end of the field before it, or at
/// `starts[r]`. Quotes are part of a field. A field whose start lies behind its end is missing (a padded record).
#[derive(Debug, Clone)]
pub struct CsvRecords {
    /// The bytes that all offsets count into.
    pub chunk: Arc<Vec<u8>>,
    /// How the bytes are to be read.
    pub dialect: CsvDialect,
    /// Fields per record.
    pub columns: usize,
    /// Where each record starts.
    pub starts: Vec<u32>,
    /// Where each record ends, without its line end.
    pub record_ends: Vec<u32>,
    /// Where each field ends, `columns` entries per record.
    pub ends: Vec<u32>,
    /// Whether every record that can be selected has exactly `columns` fields of its own.
    pub is_uniform: bool,
}

/// The records of a JSONL chunk.
#[derive(Debug, Clone)]
pub struct JsonRecords {
    /// The bytes that all offsets count into.
    pub chunk: Arc<Vec<u8>>,
    /// Where each record starts.
    pub starts: Vec<u32>,
    /// Where each record ends, without its line end and surrounding white space.
    pub ends: Vec<u32>,
    /// For each looked-up path the value's source text in each record; length 0 where the path leads nowhere.
    pub values: Vec<Vec<Span>>,
}

impl CsvRecords {
    /// The bytes of a field, quotes included; empty for a missing one.
    #[inline]
    pub fn field(&self, row: usize, column: usize) -> &[u8] {
        let span = self.field_span(row, column);
        &self.chunk[span.start as usize..(span.start + span.length) as usize]
    }

    /// The bytes from a field to another one of a record that has all its fields, with what stands between them.
    #[inline]
    pub fn fields(&self, row: usize, first: usize, last: usize) -> &[u8] {
        let at = row * self.columns;
        let start = if first == 0 { self.starts[row] } else { self.ends[at + first - 1] + 1 };
        &self.chunk[start as usize..self.ends[at + last] as usize]
    }

    /// Where a field is; length 0 for a missing one.
    #[inline]
    pub fn field_span(&self, row: usize, column: usize) -> Span {
        let at = row * self.columns + column;
        let start = if column == 0 { self.starts[row] } else { self.ends[at - 1] + 1 };
        let end = self.ends[at];
        Span { start: start.min(end), length: end.saturating_sub(start) }
    }

    /// Whether the record ended before this field.
    pub fn is_missing(&self, row: usize, column: usize) -> bool {
        let at = row * self.columns + column;
        column > 0 && self.ends[at - 1] >= self.ends[at]
    }

    /// The bytes of a record without its line end.
    pub fn record(&self, row: usize) -> &[u8] {
        &self.chunk[self.starts[row] as usize..self.record_ends[row] as usize]
    }
}

impl JsonRecords {
    /// The bytes of a record without its line end and surrounding white space.
    pub fn record(&self, row: usize) -> &[u8] {
        &self.chunk[self.starts[row] as usize..self.ends[row] as usize]
    }

    /// The source text of a looked-up path; `None` where the path leads nowhere.
    pub fn value(&self, path: usize, row: usize) -> Option<&[u8]> {
        let Span { start, length } = self.values[path][row];
        (length > 0).then(|| &self.chunk[start as usize..(start + length) as usize])
    }
}

impl RawRecords {
    /// The bytes of a record without its line end; empty where there are no raw records.
    pub fn record(&self, row: usize) -> &[u8] {
        match self {
            RawRecords::None => &[],
            RawRecords::Csv(records) => records.record(row),
            RawRecords::Json(records) => records.record(row),
        }
    }

    /// Where a record is in the chunk.
    pub fn record_span(&self, row: usize) -> Span {
        let (start, end) = match self {
            RawRecords::None => (0, 0),
            RawRecords::Csv(records) => (records.starts[row], records.record_ends[row]),
            RawRecords::Json(records) => (records.starts[row], records.ends[row]),
        };
        Span { start, length: end - start }
    }
}
