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

    /// Number of slots of a batch.
    fn slots(&self) -> usize;
}
