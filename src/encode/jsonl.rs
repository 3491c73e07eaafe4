//! Writing JSONL.
//!
//! Three shapes: the line as it came, the line with some values replaced and some members added,
//! and a new object. Numbers that came as text keep it where it is a JSON number; NaN and infinity,
//! which JSON lacks, become strings.

use super::{Cell, Content, write_plain, write_rows};
use crate::record::{
    Batch, CsvDialect, JsonPath, JsonRecords, Layout, RawRecords, Reason, Rest, SlotOrigin, Slots,
    Span, Values, text,
};

/// Writes records as JSON objects.
#[derive(Debug, Clone)]
pub(super) struct JsonlWriter {
    shape: Shape,
    members: Vec<Member>,
    /// The paths of the keys that are left out.
    left_out: Vec<usize>,
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
    /// Where in the record it stands, if that has it.
    place: Place,
}

/// Where a member stands in the record that it came in: behind the others, where it has neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    /// The path of the value that it takes the place of.
    own: Option<usize>,
    /// The path of the value that it is, under another key: it stays where it was, and is not there where that is not.
    renamed: Option<usize>,
}

/// What becomes of a stretch of a record.
struct Edit<'a> {
    /// The value there.
    value: Span,
    /// What takes its place; nothing where the whole member goes.
    member: Option<&'a Member>,
    key: Key,
}

/// Whether an edit concerns a member's value, or its key, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Stays,
    Changes,
}

impl JsonlWriter {
    pub(super) fn new(layout: &Layout, slots: &Slots, cells: Vec<Cell>) -> JsonlWriter {
        let shape = match layout.rest {
            Rest::Closed => Shape::New,
            Rest::Json => Shape::Spliced,
        };
        let path_of = |key: &str| {
            let path = JsonPath::key(key);
            slots.paths.iter().position(|known| *known == path)
        };
        let owned: Vec<usize> =
            layout.fields.iter().filter_map(|field| path_of(&field.name)).collect();
        let left_out = layout.left_out.iter().filter_map(|key| path_of(key));
        let mut left_out: Vec<usize> = left_out.filter(|path| !owned.contains(path)).collect();
        let mut members = Vec::new();
        for (field, cell) in layout.fields.iter().zip(cells) {
            let own = path_of(&field.name);
            let origin = match slots.info(field.slot).origin {
                SlotOrigin::JsonPath(index) => path_of_equal(slots, index),
                SlotOrigin::CsvField(_) | SlotOrigin::Computed => None,
            };
            if shape == Shape::Spliced && origin.is_some() && origin == own {
                continue;
            }
            let renamed = origin.filter(|origin| left_out.contains(origin));
            left_out.retain(|path| Some(*path) != renamed);
            let mut key = Vec::new();
            text::write_json_string(&mut key, &field.name);
            key.push(b':');
            members.push(Member { key, cell, place: Place { own, renamed } });
        }
        JsonlWriter { shape, members, left_out }
    }

    pub(super) fn cells(&self) -> Vec<Cell> {
        self.members.iter().map(|member| member.cell).collect()
    }

    /// Appends the selected records; answers which could not be written.
    pub(super) fn write(&self, batch: &Batch, out: &mut Vec<u8>) -> Vec<(u32, Reason)> {
        write_rows(&batch.selection, out, |out, row| {
            match (batch.records(), self.shape) {
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
        let start = out.len();
        let mut copied = records.starts[row] as usize;
        let (edits, added) = self.edits(records, row);
        for Edit { value, member, key } in edits {
            let value_start = value.start as usize;
            let value_end = value_start + value.length as usize;
            let Some(member) = member else {
                let key_start = member_start(&records.chunk, value_start);
                out.extend_from_slice(&records.chunk[copied..key_start]);
                copied = leave_out(out, &records.chunk, value_end);
                continue;
            };
            if key == Key::Changes {
                let key_start = member_start(&records.chunk, value_start);
                out.extend_from_slice(&records.chunk[copied..key_start]);
                out.extend_from_slice(&member.key);
            } else {
                out.extend_from_slice(&records.chunk[copied..value_start]);
            }
            write_content(out, &member.cell.content(batch, row), row)?;
            copied = value_end;
        }
        let record_end = records.ends[row] as usize;
        if added.is_empty() {
            out.extend_from_slice(&records.chunk[copied..record_end]);
            return Ok(());
        }
        out.extend_from_slice(records.chunk[copied..record_end - 1].trim_ascii_end());
        let mut is_empty = out[start..].trim_ascii_end() == b"{";
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

    /// What changes in a record, in the order of its bytes, and the members to add.
    fn edits(&self, records: &JsonRecords, row: usize) -> (Vec<Edit<'_>>, Vec<&Member>) {
        let found = |path: usize| Some(records.values[path][row]).filter(|span| span.length > 0);
        let mut edits = Vec::with_capacity(self.members.len() + self.left_out.len());
        let mut added = Vec::new();
        for member in &self.members {
            let Place { own, renamed } = member.place;
            let from = renamed.and_then(found);
            let edit = |value, key| Edit { value, member: Some(member), key };
            match (own.and_then(found), from) {
                (Some(value), from) => {
                    edits.push(edit(value, Key::Stays));
                    let gone = from.map(|value| Edit { value, member: None, key: Key::Changes });
                    edits.extend(gone);
                }
                (None, Some(value)) => edits.push(edit(value, Key::Changes)),
                (None, None) if renamed.is_some() => {}
                (None, None) => added.push(member),
            }
        }
        let gone = self.left_out.iter().filter_map(|path| found(*path));
        edits.extend(gone.map(|value| Edit { value, member: None, key: Key::Changes }));
        edits.sort_by_key(|edit| edit.value.start);
        (edits, added)
    }
}

/// The first of the looked-up paths that equal one of them: their values are the same.
fn path_of_equal(slots: &Slots, index: usize) -> Option<usize> {
    slots.paths.iter().position(|known| *known == slots.paths[index])
}

/// Where the key of a value begins: before its colon, a string that ends there. The record is valid JSON.
fn member_start(chunk: &[u8], value_start: usize) -> usize {
    let before = chunk[..value_start].trim_ascii_end();
    let before = before.strip_suffix(b":").unwrap_or(before).trim_ascii_end();
    let mut at = before.len().saturating_sub(1);
    while at > 0 {
        at -= 1;
        let escapes = before[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
        if before[at] == b'"' && escapes % 2 == 0 {
            break;
        }
    }
    at
}

/// Takes away the comma that a member which is left out had behind it, or else before it; answers where to copy on.
fn leave_out(out: &mut Vec<u8>, chunk: &[u8], value_end: usize) -> usize {
    let skip = |at: usize| chunk[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let behind = value_end + skip(value_end);
    if chunk.get(behind) == Some(&b',') {
        return behind + 1 + skip(behind + 1);
    }
    let kept = out.trim_ascii_end();
    let kept = kept.strip_suffix(b",").unwrap_or(kept).len();
    out.truncate(kept);
    value_end
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
