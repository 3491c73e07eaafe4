//! Writing JSONL.
//!
//! Three shapes: the line as it came, the line with some values replaced and some members added,
//! and a new object. Numbers that came as text keep it where it is a JSON number; NaN and infinity,
//! which JSON lacks, become strings.

use super::{Cell, Content, write_plain, write_rows};
use crate::record::{
    Batch, CsvDialect, JsonPath, JsonRecords, Layout, RawRecords, Reason, Rest, SlotOrigin, Slots,
    Values, text,
};

/// Writes records as JSON objects.
#[derive(Debug, Clone)]
pub(super) struct JsonlWriter {
    shape: Shape,
    members: Vec<Member>,
}

/// How an object comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// A new one, of the members alone.
    New,
    /// The record's own, in which the members replace or join those of the record.
    Spliced,
}

/// One member of the object.
#[derive(Debug, Clone)]
struct Member {
    /// The key as a JSON string, and the colon.
    key: Vec<u8>,
    cell: Cell,
    /// The path of that key in the record.
    place: Option<usize>,
}

impl JsonlWriter {
    pub(super) fn new(layout: &Layout, slots: &Slots, cells: Vec<Cell>) -> JsonlWriter {
        let shape = match layout.rest {
            Rest::Closed => Shape::New,
            Rest::Json => Shape::Spliced,
        };
        let members = layout.fields.iter().zip(cells).filter_map(|(field, cell)| {
            let path = JsonPath::key(&field.name);
            let origin = slots.info(field.slot).origin;
            let is_own = |path_index: usize| slots.paths[path_index] == path;
            let is_untouched = matches!(origin, SlotOrigin::JsonPath(index) if is_own(index));
            if shape == Shape::Spliced && is_untouched {
                return None;
            }
            let mut key = Vec::new();
            text::write_json_string(&mut key, &field.name);
            key.push(b':');
            let place = slots.paths.iter().position(|known| *known == path);
            Some(Member { key, cell, place })
        });
        JsonlWriter { shape, members: members.collect() }
    }

    pub(super) fn cells(&self) -> Vec<Cell> {
        self.members.iter().map(|member| member.cell).collect()
    }

    /// Appends the selected records; answers which could not be written.
    pub(super) fn write(&self, batch: &Batch, out: &mut Vec<u8>) -> Vec<(u32, Reason)> {
        write_rows(&batch.selection, out, |out, row| {
            match (&batch.raw, self.shape) {
                (RawRecords::Json(records), Shape::Spliced) => {
                    self.splice(out, batch, records, row)?;
                }
                _ => self.write_new(out, batch, row)?,
            }
            out.push(b'\n');
            Ok(())
        })
    }

    fn write_new(&self, out: &mut Vec<u8>, batch: &Batch, row: usize) -> Result<(), Reason> {
        out.push(b'{');
        for (index, member) in self.members.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            out.extend_from_slice(&member.key);
            write_content(out, &member.cell.content(batch, row), row)?;
        }
        out.push(b'}');
        Ok(())
    }

    fn splice(
        &self,
        out: &mut Vec<u8>,
        batch: &Batch,
        records: &JsonRecords,
        row: usize,
    ) -> Result<(), Reason> {
        let record_end = records.ends[row] as usize;
        let mut copied = records.starts[row] as usize;
        let mut replaced = Vec::with_capacity(self.members.len());
        let mut added = Vec::new();
        for member in &self.members {
            let span = member.place.map(|place| records.values[place][row]);
            match span.filter(|span| span.length > 0) {
                Some(span) => replaced.push((span, member)),
                None => added.push(member),
            }
        }
        replaced.sort_by_key(|(span, _)| span.start);
        for (span, member) in replaced {
            out.extend_from_slice(&records.chunk[copied..span.start as usize]);
            write_content(out, &member.cell.content(batch, row), row)?;
            copied = (span.start + span.length) as usize;
        }
        if added.is_empty() {
            out.extend_from_slice(&records.chunk[copied..record_end]);
            return Ok(());
        }
        out.extend_from_slice(records.chunk[copied..record_end - 1].trim_ascii_end());
        let mut is_empty = records.record(row)[1..].trim_ascii_start() == b"}";
        for member in added {
            if !is_empty {
                out.push(b',');
            }
            is_empty = false;
            out.extend_from_slice(&member.key);
            write_content(out, &member.cell.content(batch, row), row)?;
        }
        out.push(b'}');
        Ok(())
    }
}

fn write_content(out: &mut Vec<u8>, content: &Content<'_>, row: usize) -> Result<(), Reason> {
    match content {
        Content::Null => out.extend_from_slice(b"null"),
        Content::Json(value) => out.extend_from_slice(value),
        Content::Csv(raw, dialect) => return write_string(out, &dialect.unquote(raw)),
        Content::Value(column, raw) => return write_value(out, &column.values, row, *raw),
    }
    Ok(())
}

fn write_value(
    out: &mut Vec<u8>,
    values: &Values,
    row: usize,
    raw: Option<(&[u8], CsvDialect)>,
) -> Result<(), Reason> {
    let said = raw.map(|(raw, dialect)| dialect.unquote(raw));
    let said = said.as_deref().map(<[u8]>::trim_ascii);
    match values {
        Values::Text(texts) => return write_string(out, texts.get(row)),
        Values::Double(values) if !values[row].is_finite() => {
            out.push(b'"');
            text::write_double(out, values[row]);
            out.push(b'"');
        }
        Values::Bigint(_) | Values::Decimal { .. } | Values::Double(_) => {
            match said.filter(|said| is_json_number(said)) {
                Some(said) => out.extend_from_slice(said),
                None => write_plain(out, values, row),
            }
        }
        Values::Boolean(_) | Values::Json(_) | Values::List(..) => write_plain(out, values, row),
        Values::Date(_)
        | Values::Time(_)
        | Values::Timestamp(_)
        | Values::Timestamptz(_)
        | Values::Interval(_) => match said {
            Some(said) => return write_string(out, said),
            None => {
                out.push(b'"');
                write_plain(out, values, row);
                out.push(b'"');
            }
        },
    }
    Ok(())
}

fn write_string(out: &mut Vec<u8>, said: &[u8]) -> Result<(), Reason> {
    let said = std::str::from_utf8(said).map_err(|_| "a text is not valid UTF-8")?;
    text::write_json_string(out, said);
    Ok(())
}

/// Whether a text is a number by JSON's grammar.
pub(super) fn is_json_number(text: &[u8]) -> bool {
    let digits_end = |at: usize| {
        let digits = text[at..].iter().take_while(|byte| byte.is_ascii_digit());
        at + digits.count()
    };
    let start = usize::from(text.first() == Some(&b'-'));
    let mut at = digits_end(start);
    let mut is_number = at == start + 1 || at > start && text[start] != b'0';
    if text.get(at) == Some(&b'.') {
        let end = digits_end(at + 1);
        is_number &= end > at + 1;
        at = end;
    }
    if let Some(b'e' | b'E') = text.get(at) {
        let sign = usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        let end = digits_end(at + 1 + sign);
        is_number &= end > at + 1 + sign;
        at = end;
    }
    is_number && at == text.len()
}
