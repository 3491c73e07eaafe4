//! `offset`: skips the first so many records.
//!
//! ```toml
//! [[transform]]
//! offset = 100
//!
//! [[transform]]
//! limit = 10
//! ```

use super::binder::Bound;
use super::{Action, Advanced, Context, Shown, Stateful};
use crate::error::Result;
use crate::record::Batch;
use crate::state::{Reader, Unreadable, Writer};
use std::ops::Range;

#[derive(Debug)]
struct Offset {
    records: u64,
}

/// Binds an `offset`.
pub fn bind(records: u64) -> Bound {
    Bound { reads: Vec::new(), action: Action::stateful(Offset { records }) }
}

impl Stateful for Offset {
    /// Records skipped so far.
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
        skipped: &mut u64,
        batch: &mut Batch,
        (): (),
    ) -> Result<Advanced> {
        batch.retain(|_| {
            let is_skipped = *skipped < self.records;
            *skipped += u64::from(is_skipped);
            !is_skipped
        });
        Ok(Advanced::default())
    }

    fn write(&self, _context: Context<'_>, skipped: &mut u64, out: &mut Writer) -> Result<()> {
        out.u64(*skipped);
        Ok(())
    }

    fn read(&self, _context: Context<'_>, reader: &mut Reader<'_>) -> Result<u64, Unreadable> {
        reader.number("numbers")
    }

    fn show(&self, skipped: &u64, entries: Range<usize>) -> Option<Shown> {
        Some(Shown::number("records_skipped", *skipped, &entries))
    }
}
