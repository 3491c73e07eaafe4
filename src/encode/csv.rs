//! Writing CSV and TSV.
//!
//! A text is quoted where it holds the delimiter, a quote or a line end, and where it is empty
//! (NULL is written as nothing, the empty text as two quotes). Raw fields of the same dialect are
//! not looked into.

use super::settings::{CsvSink, LineEnd};
use super::{Cell, Content, write_plain, write_rows};
use crate::record::literal::unescape_json;
use crate::record::text;
use crate::record::{Batch, Column, CsvDialect, CsvRecords, Layout, RawRecords, Reason, Values};
use std::borrow::Cow;

/// Writes records as CSV.
#[derive(Debug, Clone)]
pub(super) struct CsvWriter {
    dialect: CsvDialect,
    line_end: &'static [u8],
    header: Option<Vec<String>>,
    cells: Vec<Cell>,
    /// The cells of records that have all their fields: neighbours that are copied are one.
    parts: Vec<Part>,
    /// Which bytes a text is quoted for.
    is_special: [bool; 256],
    /// Whether no number, date or time holds such a byte.
    is_plain_safe: bool,
}

/// A part of an output record.
#[derive(Debug, Clone, Copy)]
enum Part {
    /// The fields from the first to the last, with the delimiters between them, as they came.
    Fields(usize, usize),
    /// Any other cell.
    Cell(Cell),
}

impl CsvWriter {
    pub(super) fn new(sink: CsvSink, layout: &Layout, cells: Vec<Cell>) -> CsvWriter {
        let names = layout.fields.iter().map(|field| field.name.clone());
        let mut is_special = [false; 256];
        for byte in [Some(sink.dialect.delimiter), sink.dialect.quote, Some(b'\n'), Some(b'\r')] {
            is_special[usize::from(byte.unwrap_or(b'\n'))] = true;
        }
        CsvWriter {
            parts: parts_of(&cells),
            is_special,
            is_plain_safe: !(0..=u8::MAX)
                .any(|byte| is_special[usize::from(byte)] && text::may_stand_in_value(byte)),
            dialect: sink.dialect,
            line_end: match sink.line_end {
                LineEnd::Lf => b"\n",
                LineEnd::CrLf => b"\r\n",
            },
            header: sink.header.then(|| names.collect()),
            cells,
        }
    }

    pub(super) fn cells(&self) -> Vec<Cell> {
        self.cells.clone()
    }

    /// The names of the columns as a line; nothing where there are no columns.
    pub(super) fn header(&self) -> Vec<u8> {
        // Without columns (of an empty file) there is no line either: an empty one would be a column without name.
        let Some(names) = self.header.as_ref().filter(|names| !names.is_empty()) else {
            return Vec::new();
        };
        let style = match self.dialect.quote {
            Some(_) => csv::QuoteStyle::Necessary,
            None => csv::QuoteStyle::Never,
        };
        let terminator = match self.line_end {
            b"\r\n" => csv::Terminator::CRLF,
            _ => csv::Terminator::Any(b'\n'),
        };
        let mut writer = csv::WriterBuilder::new()
            .delimiter(self.dialect.delimiter)
            .quote(self.dialect.quote.unwrap_or(b'"'))
            .quote_style(style)
            .terminator(terminator)
            .from_writer(Vec::new());
        writer.write_record(names).expect("memory takes everything");
        writer.into_inner().expect("memory takes everything")
    }

    /// Appends the selected records; answers which could not be written.
    pub(super) fn write(&self, batch: &Batch, out: &mut Vec<u8>) -> Vec<(u32, Reason)> {
        if let RawRecords::Csv(records) = &batch.raw
            && self.is_whole(records)
        {
            self.copy(records, &batch.selection, out);
            return Vec::new();
        }
        if let RawRecords::Csv(records) = &batch.raw
            && records.is_uniform
        {
            return self.write_parts(records, batch, out);
        }
        write_rows(&batch.selection, out, |out, row| {
            let start = out.len();
            for (index, cell) in self.cells.iter().enumerate() {
                if index > 0 {
                    out.push(self.dialect.delimiter);
                }
                self.write_cell(out, *cell, cell.content(batch, row), row)?;
            }
            if out.len() == start {
                self.write_text(out, b"")?;
            }
            out.extend_from_slice(self.line_end);
            Ok(())
        })
    }

    /// The same for records that have all their fields.
    fn write_parts(
        &self,
        records: &CsvRecords,
        batch: &Batch,
        out: &mut Vec<u8>,
    ) -> Vec<(u32, Reason)> {
        write_rows(&batch.selection, out, |out, row| {
            let start = out.len();
            for (index, part) in self.parts.iter().enumerate() {
                if index > 0 {
                    out.push(self.dialect.delimiter);
                }
                match *part {
                    Part::Fields(first, last) => {
                        out.extend_from_slice(records.fields(row, first, last));
                    }
                    Part::Cell(cell) => {
                        self.write_cell(out, cell, cell.content(batch, row), row)?;
                    }
                }
            }
            if out.len() == start {
                self.write_text(out, b"")?;
            }
            out.extend_from_slice(self.line_end);
            Ok(())
        })
    }

    /// Whether the raw records are the output records.
    fn is_whole(&self, records: &CsvRecords) -> bool {
        let all = (0..records.columns).map(Cell::CsvVerbatim);
        records.is_uniform && self.cells.iter().copied().eq(all)
    }

    /// Copies whole records; neighbours that end as the output's lines do at once.
    fn copy(&self, records: &CsvRecords, selection: &[u32], out: &mut Vec<u8>) {
        let mut rows = selection.iter().map(|row| *row as usize).peekable();
        while let Some(first) = rows.next() {
            let mut last = first;
            while let Some(next) = rows.next_if(|row| self.are_joined(records, last, *row)) {
                last = next;
            }
            let (start, end) = (records.starts[first], records.record_ends[last]);
            out.extend_from_slice(&records.chunk[start as usize..end as usize]);
            out.extend_from_slice(self.line_end);
        }
    }

    /// Whether nothing but an output's line end lies between two records.
    fn are_joined(&self, records: &CsvRecords, row: usize, next: usize) -> bool {
        let (end, start) = (records.record_ends[row], records.starts[next]);
        // A record that stands here twice begins before the end of the one before.
        let between = records.chunk.get(end as usize..start as usize);
        next == row + 1 && between == Some(self.line_end)
    }

    fn write_cell(
        &self,
        out: &mut Vec<u8>,
        cell: Cell,
        content: Content<'_>,
        row: usize,
    ) -> Result<(), Reason> {
        match content {
            Content::Null => Ok(()),
            Content::Csv(raw, _) if matches!(cell, Cell::CsvVerbatim(_)) => {
                out.extend_from_slice(raw);
                Ok(())
            }
            Content::Csv([], _) => Ok(()),
            Content::Csv(raw, dialect) => self.write_text(out, &dialect.unquote(raw)),
            Content::Json(value) => self.write_json(out, value),
            Content::Value(column, _) => self.write_value(out, column, row),
        }
    }

    fn write_value(&self, out: &mut Vec<u8>, column: &Column, row: usize) -> Result<(), Reason> {
        match &column.values {
            Values::Text(texts) => self.write_text(out, texts.get(row)),
            Values::Json(texts) => self.write_json(out, texts.get(row)),
            plain => {
                let start = out.len();
                write_plain(out, plain, row);
                if !self.is_safe(plain) && self.has_special(&out[start..]) {
                    let text = out.split_off(start);
                    return self.write_text(out, &text);
                }
                Ok(())
            }
        }
    }

    /// A string as what it says, any other value as its source text.
    fn write_json(&self, out: &mut Vec<u8>, value: &[u8]) -> Result<(), Reason> {
        let said = match value {
            [b'"', ..] => unescape_json(value).ok_or("a text holds half a surrogate pair")?,
            _ => Cow::Borrowed(value),
        };
        self.write_text(out, &said)
    }

    /// A text, quoted where it has to be.
    fn write_text(&self, out: &mut Vec<u8>, text: &[u8]) -> Result<(), Reason> {
        if !text.is_empty() && !self.has_special(text) {
            out.extend_from_slice(text);
            return Ok(());
        }
        let Some(quote) = self.dialect.quote else {
            if text.is_empty() {
                return Ok(());
            }
            return Err("a text cannot be written without quotes".into());
        };
        out.push(quote);
        let mut rest = text;
        while let Some(at) = memchr::memchr(quote, rest) {
            out.extend_from_slice(&rest[..=at]);
            out.push(quote);
            rest = &rest[at + 1..];
        }
        out.extend_from_slice(rest);
        out.push(quote);
        Ok(())
    }

    fn has_special(&self, text: &[u8]) -> bool {
        text.iter().any(|byte| self.is_special[usize::from(*byte)])
    }

    /// Whether no text of these values has to be quoted.
    fn is_safe(&self, values: &Values) -> bool {
        self.is_plain_safe
            && !matches!(values, Values::Text(_) | Values::Json(_) | Values::List(..))
    }
}

/// Cells of records that have all their fields, with neighbours that are copied as one.
fn parts_of(cells: &[Cell]) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for cell in cells {
        match (parts.last_mut(), cell) {
            (Some(Part::Fields(_, last)), Cell::CsvVerbatim(place)) if *last + 1 == *place => {
                *last = *place;
            }
            (_, Cell::CsvVerbatim(place)) => parts.push(Part::Fields(*place, *place)),
            (_, cell) => parts.push(Part::Cell(*cell)),
        }
    }
    parts
}
