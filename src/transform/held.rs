//! Records that a step holds in its state and gives later, as if they had just been read.
//!
//! A held record is its bytes as it came, followed by its computed values. So what no expression changed still leaves
//! as the very bytes it came in as, and columns are decoded only when they are read.
//!
//! Invariants:
//! - the bytes of a held record depend on the record and on the layout at the step alone;
//! - every field of that layout has the value, and where it was read the bytes, that it had before.

use super::Tools;
use crate::error::{Error, Result};
use crate::record::{
    Batch, Column, CsvRecords, DataType, Layout, RawRecords, Rest, Slot, SlotOrigin, Slots,
};
use crate::state::key;
use std::sync::Arc;

/// Turns rows into held records and back.
#[derive(Debug, Clone)]
pub struct Keeper {
    raw: Raw,
    computed: Vec<(Slot, DataType)>,
}

/// What is kept of the bytes that a record came as.
#[derive(Debug, Clone)]
enum Raw {
    /// Nothing: no field is read from them.
    Nothing,
    /// All of them.
    Whole,
    /// What a step wrote anew.
    Rewritten,
    /// These fields of a CSV record; the others are left empty.
    CsvFields(Vec<usize>),
}

impl Keeper {
    /// Held records are given on in batches of about so many bytes.
    pub const BATCH_BYTES: usize = 4 << 20;

    /// For records of a layout.
    pub fn new(layout: &Layout, slots: &Slots) -> Keeper {
        let mut computed = Vec::new();
        let mut csv_fields = Vec::new();
        let mut reads_json = layout.rest == Rest::Json;
        for field in &layout.fields {
            match slots.info(field.slot).origin {
                SlotOrigin::Computed => computed.push((field.slot, field.data_type)),
                SlotOrigin::CsvField(place) => csv_fields.push(place),
                SlotOrigin::JsonPath(_) => reads_json = true,
            }
        }
        computed.sort_unstable_by_key(|(slot, _)| *slot);
        computed.dedup();
        csv_fields.sort_unstable();
        csv_fields.dedup();
        let raw = match (reads_json, csv_fields.is_empty()) {
            (true, _) if slots.is_rewritten => Raw::Rewritten,
            (true, _) => Raw::Whole,
            (false, true) => Raw::Nothing,
            (false, false) => Raw::CsvFields(csv_fields),
        };
        Keeper { raw, computed }
    }

    /// Appends a row as a held record.
    pub fn write(&self, batch: &Batch, row: u32, out: &mut Vec<u8>) {
        let row = row as usize;
        let length_at = out.len();
        out.extend_from_slice(&[0; 4]);
        match (&self.raw, &batch.raw) {
            (Raw::Nothing, _) => {}
            (Raw::CsvFields(fields), RawRecords::Csv(records)) => {
                write_fields(records, row, fields, out);
            }
            (Raw::Rewritten, _) => out.extend_from_slice(batch.records().record(row)),
            (Raw::Whole | Raw::CsvFields(_), raw) => out.extend_from_slice(raw.record(row)),
        }
        let length = u32::try_from(out.len() - length_at - 4).expect("a record is below 4 GiB");
        out[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
        let columns = self.computed.iter().map(|(slot, _)| &**batch.column(*slot));
        key::write_exact(out, columns, row);
    }

    /// Whether bytes are a held record.
    pub fn is_held(&self, record: &[u8]) -> bool {
        split(record).is_some_and(|(_, values)| {
            let types: Vec<DataType> = self.computed.iter().map(|(_, one)| *one).collect();
            key::columns_of(&types, std::iter::once(values)).is_some()
        })
    }

    /// Of held records, those that make up the next batch.
    pub fn first_batch<'r>(
        records: impl Iterator<Item = &'r [u8]>,
        rows_max: usize,
    ) -> Vec<&'r [u8]> {
        let mut bytes = 0;
        let fits = |record: &&[u8]| {
            let has_room = bytes < Keeper::BATCH_BYTES;
            bytes += record.len();
            has_room
        };
        records.take(rows_max).take_while(fits).collect()
    }

    /// Held records as a drained batch, all of them selected.
    ///
    /// # Errors
    /// Bytes that [`Keeper::write`] did not write.
    pub fn batch(&self, records: &[&[u8]], tools: &dyn Tools) -> Result<Batch> {
        let mut bytes = Vec::new();
        let mut computed = Vec::with_capacity(records.len());
        for record in records {
            let (raw, values) = split(record).ok_or_else(unreadable)?;
            bytes.extend_from_slice(raw);
            bytes.push(b'\n');
            computed.push(values);
        }
        let raw = match self.raw {
            Raw::Nothing => RawRecords::None,
            Raw::Rewritten => tools.rewritten(bytes),
            Raw::Whole | Raw::CsvFields(_) => tools.recut(bytes),
        };
        let found = match &raw {
            RawRecords::None => records.len(),
            RawRecords::Csv(raw) => raw.starts.len(),
            RawRecords::Json(raw) => raw.starts.len(),
        };
        if found != records.len() {
            return Err(unreadable());
        }
        let types: Vec<DataType> = self.computed.iter().map(|(_, data_type)| *data_type).collect();
        let columns: Vec<Column> =
            key::columns_of(&types, computed.into_iter()).ok_or_else(unreadable)?;
        let mut batch = Batch::drained(raw, records.len(), tools.slots());
        if let Raw::Rewritten = self.raw {
            batch.rewritten = Some(batch.raw.clone());
        }
        for ((slot, _), column) in self.computed.iter().zip(columns) {
            batch.fill(*slot, Arc::new(column));
        }
        Ok(batch)
    }
}

fn unreadable() -> Error {
    Error::internal("a held record is not what was held")
}

fn split(record: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = record.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

/// A record with some of its fields, as a CSV record of the same number of fields. One that has not just as many fields
/// as the others is taken whole: it is read again by the same rules.
fn write_fields(records: &CsvRecords, row: usize, fields: &[usize], out: &mut Vec<u8>) {
    let last = records.columns - 1;
    let is_regular = !records.is_missing(row, last)
        && records.ends[row * records.columns + last] == records.record_ends[row];
    if fields.len() == records.columns || !is_regular {
        out.extend_from_slice(records.record(row));
        return;
    }
    let mut fields = fields.iter().peekable();
    for column in 0..records.columns {
        if column > 0 {
            out.push(records.dialect.delimiter);
        }
        if fields.next_if(|field| **field == column).is_some() {
            out.extend_from_slice(records.field(row, column));
        }
    }
}
