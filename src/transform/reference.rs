//! Files that a step looks things up in, as the step sees them. How they are found and read is not known here.

use crate::record::{Batch, Layout, Slot, Slots};
use std::fmt;

/// A file of records that do not change while the job is under way.
pub trait Reference: fmt::Debug + Send + Sync {
    /// What messages call it.
    fn name(&self) -> &str;

    /// What its records look like, and the slots to bind expressions over them with.
    fn shape(&self) -> (Layout, Slots);

    /// Whether its records may have more fields than their layout says.
    fn is_open(&self) -> bool;

    /// All its records, with some of the slots decoded: those that [`Reference::shape`] gave and that binding added. A bad
    /// record is an error, told with its line.
    fn records(&self, slots: &Slots, reads: &[Slot]) -> Result<Batch, String>;

    /// The line of the file, from 1 on, that a record stands in.
    fn line(&self, records: &Batch, row: u32) -> u64;
}
