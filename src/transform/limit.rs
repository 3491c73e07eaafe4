//! `limit`: keeps the first so many records and ends the run after them.
//!
//! ```toml
//! [[transform]]
//! limit = 1000
//! ```

use super::Flow;
use crate::record::Batch;

/// A bound `limit`.
#[derive(Debug)]
pub struct Limit {
    /// How many records pass.
    pub records: u64,
}

impl Limit {
    /// Whether so many have passed.
    pub fn is_reached(&self, passed: u64) -> bool {
        passed >= self.records
    }

    /// Lets the first rows pass as far as the limit allows.
    pub fn advance(&self, passed: &mut u64, batch: &mut Batch) -> Flow {
        let left = self.records.saturating_sub(*passed);
        let keep = usize::try_from(left).unwrap_or(usize::MAX).min(batch.selection.len());
        batch.filtered += (batch.selection.len() - keep) as u64;
        batch.selection.truncate(keep);
        *passed += keep as u64;
        if self.is_reached(*passed) {
            Flow::Full { last_row: batch.selection.last().copied() }
        } else {
            Flow::Open
        }
    }
}
