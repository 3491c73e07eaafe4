//! What the chain lends to its steps at run time, since they know neither formats nor files.

use super::spills::Spills;
use crate::record::{Batch, RawRecords, Slot};

/// What a step may ask for.
pub trait Tools: Sync {
    /// Decodes slots of a batch for its selection.
    fn fill(&self, batch: &mut Batch, slots: &[Slot]);

    /// Finds the records in bytes that a [`super::Keeper`] put together: each as it came, with a line feed behind it.
    fn recut(&self, records: Vec<u8>) -> RawRecords;

    /// Where a state puts what it has no room for.
    fn spills(&self) -> &dyn Spills;

    /// How many bytes a state that can put them elsewhere may hold in memory; `None` for as many as come.
    fn memory(&self) -> Option<u64> {
        None
    }

    /// Whether what is given at the end will be given again, with what further records bring.
    fn gives_again(&self) -> bool {
        false
    }

    /// Finds the records in JSON lines that a step wrote, one for each line.
    fn rewritten(&self, records: Vec<u8>) -> RawRecords {
        self.recut(records)
    }

    /// What messages call the place of the record that a row was made of: `in.csv` line 7. Known only in input order, and
    /// not for what a step held or made.
    fn place(&self, _batch: &Batch, _row: u32) -> Option<String> {
        None
    }

    /// Number of slots of a batch.
    fn slots(&self) -> usize;
}
