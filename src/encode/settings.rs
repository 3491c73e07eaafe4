//! What the job file says about the format of its output.

use crate::record::CsvDialect;

/// The format of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SinkFormat {
    /// CSV, or TSV with a tab as delimiter.
    Csv(CsvSink),
    /// One JSON object a line.
    Jsonl,
}

/// How CSV output is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CsvSink {
    /// Delimiter and quote; escape and comment are unused.
    pub dialect: CsvDialect,
    /// Whether the first line names the columns.
    pub header: bool,
    /// What ends a line.
    pub line_end: LineEnd,
}

/// What ends a line of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineEnd {
    /// `\n`
    Lf,
    /// `\r\n`
    CrLf,
}
