//! `limit`: keeps the first so many records and ends the run after them.
//!
//! ```toml
//! [[transform]]
//! limit = 1000
//! ```
//!
//! Where inputs grow it can only stand behind a step that gives all again: `onward help growing`.

use super::binder::Bound;
use super::{Action, Advanced, Context, Flow, Shown, Stateful};
use crate::error::Result;
use crate::record::Batch;
use crate::state::{Reader, Unreadable, Writer};
use std::ops::Range;

#[derive(Debug)]
struct Limit {
    records: u64,
}

/// Binds a `limit`.
pub fn bind(records: u64) -> Bound {
    Bound { reads: Vec::new(), action: Action::stateful(Limit { records }) }
}

impl Stateful for Limit {
    /// Records that passed so far.
    type State = u64;
    type Prepared = ();
    const VERSION: u32 = 1;

    fn new_state(&self) -> u64 {
        0
    }

    fn prepare(&self, _context: Context<'_>, _batch: &mut Batch) {}

    fn advance(
        &self,
        _context: Context<'_>,
        passed: &mut u64,
        batch: &mut Batch,
        (): (),
    ) -> Result<Advanced> {
        let left = self.records.saturating_sub(*passed);
        let keep = usize::try_from(left).unwrap_or(usize::MAX).min(batch.selection.len());
        batch.truncate(keep);
        *passed += keep as u64;
        let flow = if *passed >= self.records {
            Flow::Full { last_row: batch.selection.last().map(|row| batch.input_row(*row)) }
        } else {
            Flow::Open
        };
        Ok(Advanced { flow, released: None })
    }

    fn is_full(&self, passed: &u64) -> bool {
        *passed >= self.records
    }

    fn write(&self, _context: Context<'_>, passed: &mut u64, out: &mut Writer) -> Result<()> {
        out.u64(*passed);
        Ok(())
    }

    fn read(&self, _context: Context<'_>, reader: &mut Reader<'_>) -> Result<u64, Unreadable> {
        reader.number("numbers")
    }

    /// Any other number will do that was not passed yet.
    fn adopt(&self, _other: &Limit, passed: u64) -> Option<u64> {
        (passed <= self.records).then_some(passed)
    }

    fn show(&self, passed: &u64, entries: Range<usize>) -> Option<Shown> {
        Some(Shown::number("records_passed", *passed, &entries))
    }
}
