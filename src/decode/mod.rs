//! From bytes to batches: cutting chunks, indexing records, decoding columns. Sans-IO.
//!
//! `prologue` reads what stands before the first record; [`Decoder::cut`] finds the records of a
//! chunk and where their fields or values are; [`Decoder::fill`] decodes the columns that somebody
//! reads. What reads files, and what decides whether a speculative cut was right, is the engine's.
//!
//! Invariants:
//! - the chunks of a file, each cut at the end of the one before, hold exactly the records of the
//!   file;
//! - whether a window was just long enough or longer makes no difference to a cut;
//! - memory is bounded: no cut asks for more than a few times [`RECORD_BYTES_MAX`].

mod columns;

mod csv;

mod cut;

mod jsonl;

mod usual;

pub mod prologue;

pub use cut::{Cut, CutOutcome, Skip, Start};

use crate::record::{Batch, Slot, SlotOrigin, Slots};
use crate::source::settings::SourceFormat;
use std::sync::Arc;

/// The longest record, in bytes without its line end: a longer one is skipped, not held.
pub const RECORD_BYTES_MAX: usize = 16 << 20;

/// The most columns of a CSV file.
pub const COLUMNS_MAX: usize = 65_536;

/// The deepest nesting of a JSON record.
pub const JSON_DEPTH_MAX: usize = 128;

/// Reads the inputs of one format.
#[derive(Debug, Clone)]
pub struct Decoder {
    cutter: Cutter,
    slots: Slots,
    null: Vec<Vec<u8>>,
}

#[derive(Debug, Clone)]
enum Cutter {
    Csv(csv::CsvCutter),
    Jsonl(jsonl::JsonlCutter),
}

impl Decoder {
    /// For inputs of a format: CSV with so many columns, or JSONL with the paths of `slots`.
    pub fn new(format: &SourceFormat, columns: usize, slots: &Slots) -> Decoder {
        let count = slots.infos.len();
        let (cutter, null) = match format {
            SourceFormat::Csv(settings) => {
                let null = settings.null.iter().map(|text| text.clone().into_bytes());
                let cutter = csv::CsvCutter::new(settings, columns, count);
                (Cutter::Csv(cutter), null.collect())
            }
            SourceFormat::Jsonl => {
                let cutter = jsonl::JsonlCutter::new(&slots.paths, count);
                (Cutter::Jsonl(cutter), Vec::new())
            }
        };
        Decoder { cutter, slots: slots.clone(), null }
    }

    /// The same decoder, which rejects JSON records that have another top-level key than these.
    pub fn with_known_keys(mut self, keys: &[String]) -> Decoder {
        if let Cutter::Jsonl(cutter) = &mut self.cutter {
            cutter.close(keys);
        }
        self
    }

    /// The same decoder, which does not give a record that the end of the file leaves open: a cut ends before it.
    pub fn leaving_open(mut self) -> Decoder {
        if let Cutter::Csv(cutter) = &mut self.cutter {
            cutter.leave_open();
        }
        self
    }

    /// Cuts the records that start in `start .. nominal_end` (offsets into the window). What stands
    /// between two records (line ends, blank lines, comments) belongs to the one before, so the
    /// chunk ends where the next record starts, or with the file.
    pub fn cut(
        &self,
        window: &Arc<Vec<u8>>,
        start: Start,
        nominal_end: usize,
        at_end_of_file: bool,
    ) -> CutOutcome {
        match &self.cutter {
            Cutter::Csv(cutter) => cutter.cut(window, start, nominal_end, at_end_of_file),
            Cutter::Jsonl(cutter) => cutter.cut(window, start, nominal_end, at_end_of_file),
        }
    }

    /// Number of line ends in some bytes of an input that do not end between CR and LF.
    pub fn count_lines(&self, bytes: &[u8]) -> u64 {
        match &self.cutter {
            Cutter::Csv(_) => cut::count_csv_lines(bytes),
            Cutter::Jsonl(_) => cut::count_jsonl_lines(bytes),
        }
    }

    /// Decodes those of the slots that are read from the raw records and are not filled yet, for
    /// the rows that are selected now.
    pub fn fill(&self, batch: &mut Batch, slots: &[Slot]) {
        for slot in slots {
            let info = self.slots.info(*slot);
            let (place, records) = match info.origin {
                SlotOrigin::CsvField(place) => (place, &batch.raw),
                SlotOrigin::JsonPath(path) => (path, batch.records()),
                SlotOrigin::Computed => continue,
            };
            if batch.slots[slot.0].is_none() {
                let column = columns::decode(batch, records, place, &self.null, info);
                batch.fill(*slot, Arc::new(column));
            }
        }
    }
}
