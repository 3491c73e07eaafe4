//! Batches: the records of one chunk on their way through the chain.

use super::{Column, Faults, RawRecords, Reason, Slot};
use std::sync::Arc;

/// The records of one chunk, or of one stretch of computed groups.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The records as they came.
    pub raw: RawRecords,
    /// Number of records, selected or not; the rows of every column.
    pub rows: usize,
    /// The rows still on their way, rising.
    pub selection: Vec<u32>,
    /// The decoded and computed columns, by [`Slot`].
    pub slots: Vec<Option<Arc<Column>>>,
    /// The rows that left the chain because something was wrong, in the order in which they left.
    pub rejects: Vec<Reject>,
    /// How many rows left the chain because a step let them go.
    pub filtered: u64,
}

/// A record that something was wrong with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// Row of the batch.
    pub row: u32,
    /// What was wrong, without data values: `filter: division by zero`.
    pub reason: Reason,
}

impl Batch {
    /// A batch of `rows` records, all selected, with empty slots.
    pub fn new(raw: RawRecords, rows: usize, slots: usize) -> Batch {
        let count = u32::try_from(rows).expect("a chunk holds less than 2^32 records");
        Batch {
            raw,
            rows,
            selection: (0..count).collect(),
            slots: vec![None; slots],
            rejects: Vec::new(),
            filtered: 0,
        }
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
        self.selection.retain(|row| keep(*row));
        self.filtered += (before - self.selection.len()) as u64;
    }

    /// Takes the faulty ones of the selected rows out and lists them as rejects: `step: reason`.
    pub fn reject_faults(&mut self, step: &str, faults: &Faults) {
        if faults.is_empty() {
            return;
        }
        let rejects = &mut self.rejects;
        self.selection.retain(|row| match faults.get(*row) {
            None => true,
            Some(reason) => {
                rejects.push(Reject { row: *row, reason: format!("{step}: {reason}").into() });
                false
            }
        });
    }
}
