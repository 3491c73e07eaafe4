//! From batches to bytes; mirrors `decode`. Sans-IO.
//!
//! What no expression changed is copied as it came: whole records where the layout is the input's,
//! else raw fields and JSON values. Only computed values are written anew, in the text form that
//! `record::text` gives every type.
//!
//! Invariants:
//! - the bytes of a record depend on the record, the layout and the formats alone;
//! - a record that cannot be written leaves no bytes behind and becomes a reject.

mod csv;

mod jsonl;

pub mod settings;

use crate::record::literal::unescape_json;
use crate::record::{
    Batch, Column, CsvDialect, Field, Layout, RawRecords, Reading, Reason, Slot, SlotOrigin, Slots,
    Values, text,
};
use crate::source::settings::SourceFormat;
use settings::SinkFormat;
use std::borrow::Cow;
use std::sync::Arc;

/// Writes the records of one layout in one format.
#[derive(Debug, Clone)]
pub struct Encoder {
    /// What messages call the sink.
    name: String,
    writer: Writer,
    reads: Vec<Slot>,
    writes: Vec<Slot>,
}

#[derive(Debug, Clone)]
enum Writer {
    Csv(Box<csv::CsvWriter>),
    Jsonl(jsonl::JsonlWriter),
}

/// Where the text of an output field comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    /// The raw field of the CSV record, as it is.
    CsvVerbatim(usize),
    /// The raw field of the CSV record, in another dialect.
    CsvRequoted(usize),
    /// The raw value of the JSON record, by path.
    Json(usize),
    /// The value of a column that was read from this CSV field.
    ValueOfField(Slot, usize),
    /// The value of a column that was read from a CSV field in a format of its own.
    Decoded(Slot),
    /// The value of a column.
    Value(Slot),
}

/// A cell that is not written by value, or the row's value.
#[derive(Clone, Copy)]
enum Content<'a> {
    /// A raw CSV field, and how it is to be read.
    Csv(&'a [u8], CsvDialect),
    /// A raw JSON value.
    Json(&'a [u8]),
    /// A value, and the raw CSV field that it was read from.
    Value(&'a Column, Option<(&'a [u8], CsvDialect)>),
    /// NULL, or nothing.
    Null,
}

impl Encoder {
    /// For records of a layout. `source` is the format of the raw records behind the batches,
    /// `None` where there are none (computed groups).
    pub fn new(
        format: SinkFormat,
        layout: &Layout,
        slots: &Slots,
        source: Option<&SourceFormat>,
    ) -> Encoder {
        let from = match source {
            Some(SourceFormat::Csv(settings)) => Some(settings.dialect),
            Some(SourceFormat::Jsonl) | None => None,
        };
        let cell = |field: &Field| Cell::new(field.slot, slots, from, &format);
        let cells: Vec<Cell> = layout.fields.iter().map(cell).collect();
        let writer = match format {
            SinkFormat::Csv(sink) => {
                Writer::Csv(Box::new(csv::CsvWriter::new(sink, layout, cells)))
            }
            SinkFormat::Jsonl => Writer::Jsonl(jsonl::JsonlWriter::new(layout, slots, cells)),
        };
        let cells = match &writer {
            Writer::Csv(writer) => writer.cells(),
            Writer::Jsonl(writer) => writer.cells(),
        };
        let mut reads = Vec::new();
        let mut writes = Vec::new();
        for cell in cells {
            match cell {
                Cell::ValueOfField(slot, _) | Cell::Decoded(slot) => {
                    reads.push(slot);
                    writes.push(slot);
                }
                Cell::Value(slot) => writes.push(slot),
                Cell::CsvVerbatim(_) | Cell::CsvRequoted(_) | Cell::Json(_) => {}
            }
        }
        for list in [&mut reads, &mut writes] {
            list.sort_unstable();
            list.dedup();
        }
        Encoder { name: "sink".to_owned(), writer, reads, writes }
    }

    /// The same for a sink that messages call by this name.
    pub fn named(self, name: &str) -> Encoder {
        Encoder { name: name.to_owned(), ..self }
    }

    /// The slots that must be decoded before [`Encoder::encode`], besides those that steps fill.
    pub fn reads(&self) -> Vec<Slot> {
        self.reads.clone()
    }

    /// What stands before the first record; empty where nothing does.
    pub fn header(&self) -> Vec<u8> {
        match &self.writer {
            Writer::Csv(writer) => writer.header(),
            Writer::Jsonl(_) => Vec::new(),
        }
    }

    /// Appends the selected records to `out`. Those that cannot be written become rejects; the
    /// selection that is left is what was written.
    pub fn encode(&self, batch: &mut Batch, out: &mut Vec<u8>) {
        for slot in &self.writes {
            let column = Arc::clone(batch.column(*slot));
            batch.reject_faults(&self.name, &column.faults);
        }
        let rejects = match &self.writer {
            Writer::Csv(writer) => writer.write(batch, out),
            Writer::Jsonl(writer) => writer.write(batch, out),
        };
        let named = |(row, reason)| (row, format!("{}: {reason}", self.name).into());
        batch.reject_rows(rejects.into_iter().map(named).collect());
    }
}

impl Cell {
    /// Raw wherever the output format can hold what came.
    fn new(slot: Slot, slots: &Slots, from: Option<CsvDialect>, format: &SinkFormat) -> Cell {
        match (slots.info(slot).origin, format) {
            (SlotOrigin::Computed, _) => Cell::Value(slot),
            (SlotOrigin::JsonPath(path), _) => Cell::Json(path),
            (SlotOrigin::CsvField(_), SinkFormat::Jsonl)
                if slots.info(slot).reading != Reading::Usual =>
            {
                Cell::Decoded(slot)
            }
            (SlotOrigin::CsvField(place), SinkFormat::Jsonl) => Cell::ValueOfField(slot, place),
            (SlotOrigin::CsvField(place), SinkFormat::Csv(sink)) => {
                let to = sink.dialect;
                let is_same = |from: CsvDialect| {
                    (from.delimiter, from.quote) == (to.delimiter, to.quote)
                        && from.escape.is_none()
                };
                if from.is_some_and(is_same) {
                    Cell::CsvVerbatim(place)
                } else {
                    Cell::CsvRequoted(place)
                }
            }
        }
    }

    /// The records that it is read from: a JSON value from those that a step may have written anew.
    fn records<'a>(&self, batch: &'a Batch) -> &'a RawRecords {
        match self {
            Cell::Json(_) => batch.records(),
            _ => &batch.raw,
        }
    }

    /// What the cell of a row holds.
    fn content<'a>(&self, batch: &'a Batch, row: usize) -> Content<'a> {
        match (self, self.records(batch)) {
            (Cell::CsvVerbatim(place) | Cell::CsvRequoted(place), RawRecords::Csv(records)) => {
                Content::Csv(records.field(row, *place), records.dialect)
            }
            (Cell::Json(path), RawRecords::Json(records)) => match records.value(*path, row) {
                None | Some(b"null") => Content::Null,
                Some(value) => Content::Json(value),
            },
            (Cell::ValueOfField(slot, place), RawRecords::Csv(records)) => {
                let raw = (records.field(row, *place), records.dialect);
                Content::value(batch, *slot, row, Some(raw))
            }
            (Cell::Value(slot) | Cell::Decoded(slot) | Cell::ValueOfField(slot, _), _) => {
                Content::value(batch, *slot, row, None)
            }
            (Cell::CsvVerbatim(_) | Cell::CsvRequoted(_) | Cell::Json(_), _) => Content::Null,
        }
    }
}

impl<'a> Content<'a> {
    fn value(
        batch: &'a Batch,
        slot: Slot,
        row: usize,
        raw: Option<(&'a [u8], CsvDialect)>,
    ) -> Content<'a> {
        let column = batch.column(slot);
        if column.is_valid(row) { Content::Value(column, raw) } else { Content::Null }
    }
}

/// Writes row after row with `write_row`, takes back the rows that fail, and lists them.
fn write_rows(
    selection: &[u32],
    out: &mut Vec<u8>,
    mut write_row: impl FnMut(&mut Vec<u8>, usize) -> Result<(), Reason>,
) -> Vec<(u32, Reason)> {
    let mut rejects = Vec::new();
    for row in selection {
        let before = out.len();
        if let Err(reason) = write_row(out, *row as usize) {
            out.truncate(before);
            rejects.push((*row, reason));
        }
    }
    rejects
}

/// Appends the text of a value that is not NULL, as CSV has it between its quotes.
pub fn write_bare(out: &mut Vec<u8>, column: &Column, row: usize) {
    match &column.values {
        Values::Json(texts) => {
            let source = texts.get(row);
            let said = source.starts_with(b"\"").then(|| unescape_json(source)).flatten();
            out.extend_from_slice(&said.unwrap_or(Cow::Borrowed(source)));
        }
        values => write_plain(out, values, row),
    }
}

/// Appends the plain text of a value that is neither text nor JSON.
fn write_plain(out: &mut Vec<u8>, values: &Values, row: usize) {
    match values {
        Values::Boolean(values) => text::write_boolean(out, values[row]),
        Values::Bigint(values) => text::write_bigint(out, values[row]),
        Values::Decimal { units, scale, .. } => text::write_decimal(out, units[row], *scale),
        Values::Double(values) => text::write_double(out, values[row]),
        Values::Date(values) => text::write_date(out, values[row]),
        Values::Timestamp(values) => text::write_timestamp(out, values[row]),
        Values::Time(values) => text::write_time(out, values[row]),
        Values::Timestamptz(values) => text::write_timestamptz(out, values[row]),
        Values::Interval(values) => values[row].write(out),
        Values::Text(texts) | Values::Json(texts) | Values::List(texts, _) => {
            out.extend_from_slice(texts.get(row));
        }
    }
}

#[cfg(test)]
mod tests;
