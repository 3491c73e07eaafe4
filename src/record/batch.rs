//! Batches: the records of one chunk on their way through the chain.

use super::{Column, Faults, RawRecords, Reason, Slot, Span};
use std::sync::Arc;

/// The records of one chunk, or of one stretch of computed groups.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The records as they came.
    pub raw: RawRecords,
    /// The records as a step wrote them anew; JSON paths are looked up in them.
    pub rewritten: Option<RawRecords>,
    /// Number of records, selected or not; the rows of every column.
    pub rows: usize,
    /// The rows still on their way, rising.
    pub selection: Vec<u32>,
    /// The decoded and computed columns, by [`Slot`].
    pub slots: Vec<Option<Arc<Column>>>,
    /// The rows that left the chain because something was wrong, in the order in which they left.
    pub rejects: Vec<Reject>,
    /// The rows that left the chain because a step let them go.
    pub filtered: Filtered,
    /// Where its rows come from.
    pub lineage: Lineage,
}

/// Where the rows of a batch come from. The records of the chunk that a batch was read from are the chunk's rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Lineage {
    /// They are the chunk's rows.
    #[default]
    Read,
    /// They were made of rows of the chunk: of these ones, which do not fall.
    Derived(Vec<u32>),
    /// A step held or made them, and gave them when it saw these rows of the chunk, which do not fall.
    Released(Vec<u32>),
    /// A step gave them after the last record.
    Drained,
}

/// Rows that a step let go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filtered {
    /// How many.
    pub count: u64,
    /// The rows of the chunk that they come from, where somebody will ask.
    pub rows: Option<Vec<u32>>,
}

/// A record that something was wrong with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// The row of the chunk that it comes from; of a drained batch its own row.
    pub row: u32,
    /// The record as it came.
    pub record: RejectedRecord,
    /// What was wrong, without data values: `filter: division by zero`.
    pub reason: Reason,
    /// What it means for the run.
    pub gravity: Gravity,
}

/// What a bad record means for the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gravity {
    /// It is put aside.
    Reject,
    /// The run ends at it.
    Fail,
}

/// What there is of a bad record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RejectedRecord {
    /// Bytes of the chunk.
    Read(Span),
    /// Bytes that a step held.
    Held(Vec<u8>),
    /// Nothing: it was computed.
    Computed,
}

impl Batch {
    /// A batch of `rows` records, all selected, with empty slots.
    pub fn new(raw: RawRecords, rows: usize, slots: usize) -> Batch {
        let count = u32::try_from(rows).expect("a chunk holds less than 2^32 records");
        Batch {
            raw,
            rewritten: None,
            rows,
            selection: (0..count).collect(),
            slots: vec![None; slots],
            rejects: Vec::new(),
            filtered: Filtered::default(),
            lineage: Lineage::Read,
        }
    }

    /// A batch of records that a step gives after the last one.
    pub fn drained(raw: RawRecords, rows: usize, slots: usize) -> Batch {
        Batch { lineage: Lineage::Drained, ..Batch::new(raw, rows, slots) }
    }

    /// Makes a drained batch one that a step gives while it works on another: row i because of `rows[i]` (not falling)
    /// of `cause`.
    pub fn released_by(mut self, cause: &Batch, rows: &[u32]) -> Batch {
        assert_eq!(rows.len(), self.rows, "every released row has a cause");
        if cause.lineage != Lineage::Drained {
            self.lineage =
                Lineage::Released(rows.iter().map(|row| cause.input_row(*row)).collect());
            self.filtered = cause.filtered.like();
        }
        self
    }

    /// A batch whose row i is row `rows[i]` (not falling) of this one; takes over its rejects and what was let go.
    pub fn derive(self, rows: &[u32]) -> Batch {
        let slots = self
            .slots
            .iter()
            .map(|column| column.as_ref().map(|column| Arc::new(column.gather(rows))));
        let map = || rows.iter().map(|row| self.input_row(*row)).collect();
        let lineage = match &self.lineage {
            Lineage::Read | Lineage::Derived(_) => Lineage::Derived(map()),
            Lineage::Released(_) => Lineage::Released(map()),
            Lineage::Drained => Lineage::Drained,
        };
        let raw = self.raw.gather(rows);
        let rewritten = self.rewritten.as_ref().map(|records| records.gather(rows));
        let slots = slots.collect();
        let count = u32::try_from(rows.len()).expect("a batch holds less than 2^32 records");
        let selection = (0..count).collect();
        let (rejects, filtered) = (self.rejects, self.filtered);
        Batch { raw, rewritten, rows: rows.len(), selection, slots, rejects, filtered, lineage }
    }

    /// The row of the chunk that a row comes from; of a drained batch the row itself.
    pub fn input_row(&self, row: u32) -> u32 {
        match &self.lineage {
            Lineage::Read | Lineage::Drained => row,
            Lineage::Derived(rows) | Lineage::Released(rows) => rows[row as usize],
        }
    }

    /// The records as they are now.
    pub fn records(&self) -> &RawRecords {
        self.rewritten.as_ref().unwrap_or(&self.raw)
    }

    /// The column of a slot. The engine decodes what a step reads before it runs the step.
    pub fn column(&self, slot: Slot) -> &Arc<Column> {
        self.slots[slot.0].as_ref().expect("the slot was filled before it is read")
    }

    /// Fills a slot.
    pub fn fill(&mut self, slot: Slot, column: Arc<Column>) {
        self.slots[slot.0] = Some(column);
    }

    /// Keeps those selected rows for which `keep` holds.
    pub fn retain(&mut self, mut keep: impl FnMut(u32) -> bool) {
        let before = self.selection.len();
        if self.filtered.rows.is_none() {
            self.selection.retain(|row| keep(*row));
        } else {
            let mut selection = std::mem::take(&mut self.selection);
            selection.retain(|row| {
                let stays = keep(*row);
                if !stays {
                    let input_row = self.input_row(*row);
                    self.filtered.rows.get_or_insert_default().push(input_row);
                }
                stays
            });
            self.selection = selection;
        }
        self.filtered.count += (before - self.selection.len()) as u64;
    }

    /// Keeps the first so many of the selected rows.
    pub fn truncate(&mut self, rows: usize) {
        let mut left = rows;
        self.retain(|_| {
            let stays = left > 0;
            left = left.saturating_sub(1);
            stays
        });
    }

    /// Takes the faulty ones of the selected rows out and lists them as rejects: `step: reason`.
    pub fn reject_faults(&mut self, step: &str, faults: &Faults) {
        if faults.is_empty() {
            return;
        }
        let mut selection = std::mem::take(&mut self.selection);
        selection.retain(|row| match faults.get(*row) {
            None => true,
            Some(reason) => {
                self.reject(*row, format!("{step}: {reason}").into(), Gravity::Reject);
                false
            }
        });
        self.selection = selection;
    }

    /// Takes rows (rising) out of the selection and lists them as rejects, whether they were selected or not.
    pub fn reject_rows(&mut self, rejects: Vec<(u32, Reason)>) {
        if rejects.is_empty() {
            return;
        }
        let is_rejected = |row: u32| rejects.binary_search_by_key(&row, |(row, _)| *row).is_ok();
        self.selection.retain(|row| !is_rejected(*row));
        for (row, reason) in rejects {
            self.reject(row, reason, Gravity::Reject);
        }
    }

    /// Takes those of the selected rows out for which `is_bad` holds, and lists them as rejects.
    pub fn reject_where(
        &mut self,
        reason: &Reason,
        gravity: Gravity,
        mut is_bad: impl FnMut(u32) -> bool,
    ) {
        let mut selection = std::mem::take(&mut self.selection);
        selection.retain(|row| {
            let stays = !is_bad(*row);
            if !stays {
                self.reject(*row, reason.clone(), gravity);
            }
            stays
        });
        self.selection = selection;
    }

    /// Lists a row as a reject; who calls it takes the row out of the selection.
    fn reject(&mut self, row: u32, reason: Reason, gravity: Gravity) {
        let record = match (&self.lineage, &self.raw) {
            (_, RawRecords::None) => RejectedRecord::Computed,
            (Lineage::Read | Lineage::Derived(_), raw) => {
                RejectedRecord::Read(raw.record_span(row as usize))
            }
            (Lineage::Released(_) | Lineage::Drained, raw) => {
                RejectedRecord::Held(raw.record(row as usize).to_vec())
            }
        };
        self.rejects.push(Reject { row: self.input_row(row), record, reason, gravity });
    }
}

impl Filtered {
    /// Nothing let go yet, remembered in the same way.
    pub fn like(&self) -> Filtered {
        Filtered { count: 0, rows: self.rows.as_ref().map(|_| Vec::new()) }
    }

    /// Nothing let go yet, with rows to be remembered.
    pub fn by_row() -> Filtered {
        Filtered { count: 0, rows: Some(Vec::new()) }
    }

    /// Takes in what another batch of the same chunk let go.
    pub fn absorb(&mut self, other: Filtered) {
        self.count += other.count;
        if let (Some(rows), Some(more)) = (&mut self.rows, other.rows) {
            rows.extend(more);
        }
    }

    /// Forgets the rows behind the last one that mattered.
    pub fn forget_behind(&mut self, last_row: Option<u32>) {
        if let Some(rows) = &mut self.rows {
            rows.retain(|row| last_row.is_some_and(|last| *row <= last));
            self.count = rows.len() as u64;
        }
    }
}
