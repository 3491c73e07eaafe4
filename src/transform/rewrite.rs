//! Writing records anew as JSON objects: what `flatten` and `unflatten` have in common.
//!
//! Behind such a step a record is the JSON object that it wrote, with whatever keys come. All columns of before are
//! members of it, so that they need no slots any more; a column that had a type keeps it.
//!
//! Invariants:
//! - the keys stand in the order in which the record had them, columns that it did not have behind them;
//! - a record that cannot be written is a fault of its own, and so is one that would come to too much;
//! - what is said of a bad record later is said of the record as it was read.

use super::binder::Binder;
use super::{Context, Stateless};
use crate::expr::{self, TOO_MUCH_TEXT};
use crate::record::object::{Members, key_text};
use crate::record::{Batch, Column, DataType, Layout, RawRecords, Slot, SlotOrigin, list, text};
use std::collections::HashSet;
use std::fmt;

/// The most bytes of a record, as of one that is read.
const RECORD_BYTES_MAX: usize = 16 << 20;

/// The most bytes of the records of a batch.
const BATCH_BYTES_MAX: usize = 256 << 20;

/// What a step makes of the members of a record.
pub trait Reshape: fmt::Debug + Send + Sync {
    /// Appends a JSON object, or says why it cannot be.
    fn write(&self, members: &[Member<'_>], out: &mut Vec<u8>) -> Result<(), &'static str>;
}

/// A member of a record: what the key says, and the source text of the value.
#[derive(Debug)]
pub struct Member<'a> {
    /// The key.
    pub key: String,
    /// The value.
    pub value: &'a [u8],
}

/// Writes records anew.
#[derive(Debug)]
pub struct Rewrite<R> {
    reshape: R,
    layout: Layout,
    /// Of each field, whether it may be anything, since it stood in a CSV field.
    unread: Vec<bool>,
    /// Of each field, whether it is not there where it has no value.
    optional: Vec<bool>,
    slots: Vec<Slot>,
}

impl<R: Reshape> Rewrite<R> {
    /// Takes over the columns of the binder's layout, which is then open.
    pub fn bind(reshape: R, binder: &mut Binder<'_>) -> Rewrite<R> {
        let layout = std::mem::replace(&mut binder.layout, Layout::json());
        let origin = |slot: Slot| binder.slots.info(slot).origin;
        let fields = layout.fields.iter();
        let is_unread = |slot, data_type| {
            matches!(origin(slot), SlotOrigin::CsvField(_)) && data_type == DataType::Json
        };
        let unread = fields.clone().map(|field| is_unread(field.slot, field.data_type)).collect();
        let is_path = |slot| matches!(origin(slot), SlotOrigin::JsonPath(_));
        let optional =
            fields.clone().map(|field| layout.is_open() && is_path(field.slot)).collect();
        let slots = fields.map(|field| field.slot).collect();
        binder.slots.rewrite();
        for field in &layout.fields {
            binder.slots.declare(&field.name, field.data_type);
        }
        Rewrite { reshape, layout, unread, optional, slots }
    }

    /// The slots that must be decoded before.
    pub fn reads(&self) -> Vec<Slot> {
        let mut reads = self.slots.clone();
        reads.sort_unstable();
        reads.dedup();
        reads
    }

    /// The columns of a row, as JSON.
    fn values(
        &self,
        columns: &[&Column],
        row: usize,
    ) -> Result<Vec<Option<Vec<u8>>>, &'static str> {
        let mut values = Vec::with_capacity(columns.len());
        for (index, column) in columns.iter().enumerate() {
            if !column.is_valid(row) {
                values.push((!self.optional[index]).then(|| b"null".to_vec()));
                continue;
            }
            let mut value = Vec::new();
            expr::write_json(&mut value, column, row);
            if self.unread[index] && !list::is_json(&value) {
                return Err("a column is not valid JSON");
            }
            // Between the values of JSON text there may be line ends, and a record is one line.
            value
                .iter_mut()
                .filter(|byte| matches!(byte, b'\n' | b'\r'))
                .for_each(|byte| *byte = b' ');
            values.push(Some(value));
        }
        Ok(values)
    }

    /// Appends a row as a line.
    fn write_row(
        &self,
        raw: &RawRecords,
        columns: &[&Column],
        row: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), &'static str> {
        let mut values = self.values(columns, row)?;
        let values: Vec<(&str, Option<Vec<u8>>)> = self
            .layout
            .fields
            .iter()
            .zip(&mut values)
            .map(|(field, value)| (&*field.name, value.take()))
            .collect();
        let mut members = Vec::new();
        let mut is_done = vec![false; values.len()];
        let record = if self.layout.is_open() { raw.record(row) } else { b"{}" };
        for (key, value) in Members::of(record) {
            let key = key_text(key).into_owned();
            match values.iter().position(|(name, _)| *name == key) {
                Some(index) => {
                    is_done[index] = true;
                    let value = values[index].1.as_deref().unwrap_or(b"null");
                    members.push(Member { key, value });
                }
                None if self.layout.is_left_out(&key) => {}
                None => members.push(Member { key, value }),
            }
        }
        for ((name, value), is_done) in values.iter().zip(is_done) {
            if let (Some(value), false) = (value, is_done) {
                members.push(Member { key: (*name).to_owned(), value });
            }
        }
        let start = out.len();
        self.reshape.write(&members, out)?;
        match out.len() - start > RECORD_BYTES_MAX {
            true => Err("the record comes to more than 16 MiB"),
            false => Ok(()),
        }
    }
}

impl<R: Reshape> Stateless for Rewrite<R> {
    fn apply(&self, context: Context<'_>, mut batch: Batch) -> Batch {
        for slot in &self.slots {
            let column = batch.column(*slot).clone();
            batch.reject_faults(context.step, &column.faults);
        }
        let columns: Vec<&Column> = self.slots.iter().map(|slot| &**batch.column(*slot)).collect();
        let is_alone = batch.selection.len() == 1;
        let mut out = Vec::new();
        let mut rejects = Vec::new();
        let mut rows = 0;
        for row in &batch.selection {
            // A record that went away before stays as a line, so that rows keep their numbers.
            out.extend(b"{}\n".repeat(*row as usize - rows));
            rows = *row as usize + 1;
            let start = out.len();
            let written = match self.write_row(batch.records(), &columns, *row as usize, &mut out) {
                Ok(()) if out.len() > BATCH_BYTES_MAX && !is_alone => Err(TOO_MUCH_TEXT),
                written => written,
            };
            if let Err(what) = written {
                out.truncate(start);
                out.extend_from_slice(b"{}");
                rejects.push((*row, format!("{}: {what}", context.step).into()));
            }
            out.push(b'\n');
        }
        out.extend(b"{}\n".repeat(batch.rows - rows));
        batch.reject_rows(rejects);
        batch.rewritten = Some(context.tools.rewritten(out));
        batch
    }
}

/// Appends members to an object that was opened, with no key twice.
#[derive(Debug)]
pub struct ObjectWriter<'o> {
    out: &'o mut Vec<u8>,
    known: HashSet<String>,
}

impl<'o> ObjectWriter<'o> {
    /// Opens an object.
    pub fn new(out: &'o mut Vec<u8>) -> ObjectWriter<'o> {
        out.push(b'{');
        ObjectWriter { out, known: HashSet::new() }
    }

    /// Appends a member.
    pub fn push(&mut self, key: &str, value: &[u8]) -> Result<(), &'static str> {
        if !self.known.is_empty() {
            self.out.push(b',');
        }
        text::write_json_string(self.out, key);
        self.out.push(b':');
        self.out.extend_from_slice(value);
        if self.out.len() > BATCH_BYTES_MAX + RECORD_BYTES_MAX {
            return Err("the record comes to more than 16 MiB");
        }
        match self.known.insert(key.to_owned()) {
            true => Ok(()),
            false => Err("two values of the record get the same key"),
        }
    }

    /// Closes the object.
    pub fn finish(self) {
        self.out.push(b'}');
    }
}

/// Whether a value is an object with members.
pub fn is_object(value: &[u8]) -> bool {
    value.first() == Some(&b'{') && Members::of(value).next().is_some()
}
