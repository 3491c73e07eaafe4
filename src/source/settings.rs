//! What the job file says about its inputs.

use crate::record::{CsvDialect, DataType, Reading};

/// `[source]`, validated.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceSettings {
    /// Paths and globs as written, in order; relative ones count from the job file's folder.
    pub paths: Vec<String>,
    /// How the bytes are to be read.
    pub format: SourceFormat,
    /// Declared types in the order of the job file: CSV columns by name, JSON paths by text.
    pub types: Vec<(String, DataType)>,
    /// How values of some of them are read, where a format is declared, by the same names.
    pub readings: Vec<(String, Reading)>,
    /// How thoroughly consumed bytes are checked on resume.
    pub verify: Verify,
    /// Whether the inputs may grow.
    pub mode: Mode,
}

/// Whether the inputs of a job may grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// They are fixed when the job first starts.
    Batch,
    /// A finished job that is run again takes what is new of them.
    Incremental,
}

/// A file that a step looks things up in, validated.
#[derive(Debug, Clone, PartialEq)]
pub struct ReferenceSettings {
    /// As written; a relative path counts from the job file's folder.
    pub path: String,
    /// How the bytes are to be read.
    pub format: SourceFormat,
    /// Declared types: CSV columns by name, JSON paths by text.
    pub types: Vec<(String, DataType)>,
    /// How the texts of some of them are read.
    pub readings: Vec<(String, Reading)>,
    /// The most bytes that it may have: it is held in memory.
    pub memory: u64,
}

/// The format of all inputs of a job.
#[derive(Debug, Clone, PartialEq)]
pub enum SourceFormat {
    /// CSV, or TSV with a tab as delimiter.
    Csv(CsvSource),
    /// One JSON object a line.
    Jsonl,
}

/// How CSV inputs are to be read.
#[derive(Debug, Clone, PartialEq)]
pub struct CsvSource {
    /// Delimiter, quote, escape, comment.
    pub dialect: CsvDialect,
    /// Column names where the files have no header line.
    pub columns: Option<Vec<String>>,
    /// Lines to skip before the header (or the first record).
    pub skip_lines: u64,
    /// Unquoted fields that mean NULL.
    pub null: Vec<String>,
    /// What to do with a record that has too few or too many fields.
    pub ragged: Ragged,
}

/// What to do with a record that has too few or too many fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ragged {
    /// Reject it.
    Reject,
    /// Fill missing fields with NULL; reject a record with too many.
    Pad,
    /// Drop surplus fields; reject a record with too few.
    Truncate,
    /// Fill missing fields and drop surplus ones.
    PadAndTruncate,
}

/// How thoroughly consumed bytes are checked on resume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verify {
    /// The ends, and one 4 KiB block of each MiB.
    Sampled,
    /// Every byte.
    Full,
}
