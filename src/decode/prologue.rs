//! What stands before the first record: byte order mark, skipped lines, comments, the header.
//!
//! Sans-IO: takes the first bytes of a file and asks for more where they do not reach.

use super::csv::{Machine, State};
use super::cut::count_csv_lines;
use super::{COLUMNS_MAX, RECORD_BYTES_MAX};
use crate::error::{Error, Result};
use crate::record::CsvDialect;
use crate::source::settings::{CsvSource, SourceFormat};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::ops::Range;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What stands before the first record of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prologue {
    /// The names of the columns; none for JSONL, and for a CSV file that is empty where a header
    /// was expected.
    pub names: Vec<String>,
    /// The header line as it came, without its line end; `None` where there is none.
    pub header_raw: Option<Vec<u8>>,
    /// The offset at which the records (or blank lines and comments before them) start.
    pub data_start: u64,
    /// How many line ends lie before `data_start`.
    pub lines: u64,
    /// What is odd about the header, for the user.
    pub notes: Vec<String>,
}

/// Reads what stands before the first record. `bytes` are the first bytes of the file; `None` asks
/// for more of them.
pub fn read(format: &SourceFormat, bytes: &[u8], at_end_of_file: bool) -> Result<Option<Prologue>> {
    if bytes.len() < BYTE_ORDER_MARK.len() && !at_end_of_file {
        return Ok(None);
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(utf16());
    }
    let start = if bytes.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    match format {
        SourceFormat::Jsonl => Ok(Some(Prologue::without_header(Vec::new(), bytes, start))),
        SourceFormat::Csv(settings) => read_csv(settings, bytes, start, at_end_of_file),
    }
}

fn read_csv(
    settings: &CsvSource,
    bytes: &[u8],
    start: usize,
    at_end_of_file: bool,
) -> Result<Option<Prologue>> {
    let Some(start) = skip_lines(bytes, start, settings.skip_lines, at_end_of_file) else {
        return need_more(bytes);
    };
    if let Some(names) = &settings.columns {
        check_count(names.len())?;
        return Ok(Some(Prologue::without_header(names.clone(), bytes, start)));
    }
    let machine = Machine::new(settings.dialect);
    let (header, data_start) = match find_header(&machine, bytes, start, at_end_of_file) {
        Some(found) => found,
        None if !at_end_of_file => return need_more(bytes),
        None => {
            return Ok(Some(Prologue::without_header(Vec::new(), bytes, bytes.len())));
        }
    };
    let header = &bytes[header];
    let (names, notes) = name_columns(&split_header(settings.dialect, header)?);
    check_count(names.len())?;
    Ok(Some(Prologue {
        names,
        header_raw: Some(header.to_vec()),
        data_start: data_start as u64,
        lines: count_csv_lines(&bytes[..data_start]),
        notes,
    }))
}

impl Prologue {
    fn without_header(names: Vec<String>, bytes: &[u8], data_start: usize) -> Prologue {
        Prologue {
            names,
            header_raw: None,
            data_start: data_start as u64,
            lines: count_csv_lines(&bytes[..data_start]),
            notes: Vec::new(),
        }
    }
}

/// Where the line behind `count` lines starts, at most the end of the file.
fn skip_lines(bytes: &[u8], start: usize, count: u64, at_end_of_file: bool) -> Option<usize> {
    let mut at = start;
    for _ in 0..count {
        match memchr::memchr2(b'\n', b'\r', &bytes[at..]) {
            Some(end) => at = line_end(bytes, at + end, at_end_of_file)?,
            None => return at_end_of_file.then_some(bytes.len()),
        }
    }
    Some(at)
}

/// One past the line end that starts at `at`; `None` where its second half may still come.
fn line_end(bytes: &[u8], at: usize, at_end_of_file: bool) -> Option<usize> {
    match (bytes[at], bytes.get(at + 1)) {
        (b'\r', Some(b'\n')) => Some(at + 2),
        (b'\r', None) if !at_end_of_file => None,
        _ => Some(at + 1),
    }
}

/// Where the first record is, and what stands behind its line end.
fn find_header(
    machine: &Machine,
    bytes: &[u8],
    start: usize,
    at_end_of_file: bool,
) -> Option<(Range<usize>, usize)> {
    let header_start = machine.record_start(bytes, start, State::RecordStart)?;
    let mut state = State::RecordStart;
    for (at, byte) in bytes.iter().enumerate().skip(header_start) {
        state = machine.next(state, *byte);
        if state == State::RecordStart {
            return Some((header_start..at, line_end(bytes, at, at_end_of_file)?));
        }
    }
    at_end_of_file.then_some((header_start..bytes.len(), bytes.len()))
}

fn split_header(dialect: CsvDialect, header: &[u8]) -> Result<csv::ByteRecord> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(dialect.delimiter)
        .quote(dialect.quote.unwrap_or(b'"'))
        .quoting(dialect.quote.is_some())
        .escape(dialect.escape)
        .from_reader(header);
    let mut record = csv::ByteRecord::new();
    reader
        .read_byte_record(&mut record)
        .map_err(|error| Error::failed("cannot read the header line").with_cause(error))?;
    Ok(record)
}

/// Names for all columns: empty cells are called `column_N`, a repeated name gets `_2`, `_3`.
fn name_columns(header: &csv::ByteRecord) -> (Vec<String>, Vec<String>) {
    let mut names: Vec<String> = Vec::with_capacity(header.len());
    let mut taken = HashSet::new();
    let mut next_number: HashMap<String, u64> = HashMap::new();
    let mut notes = Vec::new();
    let given: HashSet<&[u8]> = header.iter().collect();
    for (number, cell) in (1..).zip(header) {
        let mut name = String::from_utf8_lossy(cell).into_owned();
        if std::str::from_utf8(cell).is_err() {
            notes.push(format!("column {number} is called `{name}`: its name is not UTF-8"));
        }
        if name.is_empty() {
            name = format!("column_{number}");
            notes.push(format!("column {number} is called `{name}`: its name is empty"));
        }
        if taken.contains(&name) {
            let number_next = next_number.entry(name.clone()).or_insert(1);
            let free = loop {
                *number_next += 1;
                let free = format!("{name}_{number_next}");
                if !taken.contains(&free) && !given.contains(free.as_bytes()) {
                    break free;
                }
            };
            notes.push(format!("column {number} is called `{free}`: `{name}` is taken"));
            name = free;
        }
        taken.insert(name.clone());
        names.push(name);
    }
    (names, notes)
}

fn need_more(bytes: &[u8]) -> Result<Option<Prologue>> {
    if bytes.len() > RECORD_BYTES_MAX {
        return Err(Error::failed("no end of the header line in the first 16 MiB")
            .with_hint("check `delimiter` and `quote` in [source]"));
    }
    Ok(None)
}

fn check_count(columns: usize) -> Result<()> {
    if columns > COLUMNS_MAX {
        return Err(Error::failed(format!(
            "{columns} columns; at most {COLUMNS_MAX} are supported"
        )));
    }
    Ok(())
}

fn utf16() -> Error {
    Error::failed("the file is UTF-16, not UTF-8")
        .with_hint("convert it first, for example with `iconv -f UTF-16 -t UTF-8`")
}

/// The top-level keys, in order, of the first of some JSONL records that is an object.
pub fn first_keys(bytes: &[u8]) -> Option<Vec<String>> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let lines = bytes.split(|byte| *byte == b'\n');
    let mut records = lines.filter_map(|line| serde_json::from_slice::<Keys>(line).ok());
    records.next().map(|keys| keys.0)
}

/// The keys of an object, each once.
struct Keys(Vec<String>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Keys, D::Error> {
        deserializer.deserialize_map(KeysVisitor)
    }
}

struct KeysVisitor;

impl<'de> Visitor<'de> for KeysVisitor {
    type Value = Keys;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
        let mut keys: Vec<String> = Vec::new();
        while let Some((key, IgnoredAny)) = map.next_entry::<String, IgnoredAny>()? {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        Ok(Keys(keys))
    }
}

#[cfg(test)]
mod tests;
