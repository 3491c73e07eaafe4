//! What the chain lends to its steps in input order: as the plan does, and where records stand.

use super::plan::Plan;
use super::worker::{Extent, chunk_bytes};
use crate::record::{Batch, Lineage, RawRecords, Slot};
use crate::transform::Tools;
use crate::transform::spills::Spills;
use std::path::Path;

/// The tools of one piece.
pub struct Located<'a> {
    /// The bound job.
    pub plan: &'a Plan,
    /// What messages call the input.
    pub source: Option<&'a Path>,
    /// Its line ends before the piece.
    pub lines: u64,
    /// Where the piece stands in its chunk.
    pub extent: Extent,
}

impl Tools for Located<'_> {
    fn fill(&self, batch: &mut Batch, slots: &[Slot]) {
        self.plan.fill(batch, slots);
    }

    fn recut(&self, records: Vec<u8>) -> RawRecords {
        self.plan.recut(records)
    }

    fn rewritten(&self, records: Vec<u8>) -> RawRecords {
        self.plan.rewritten(records)
    }

    fn place(&self, batch: &Batch, row: u32) -> Option<String> {
        let source = self.source?;
        let is_read = matches!(batch.lineage, Lineage::Read | Lineage::Derived(_));
        if !is_read || matches!(batch.raw, RawRecords::None) {
            return None;
        }
        let start = batch.raw.record_span(row as usize).start as usize;
        let before = &chunk_bytes(&batch.raw)[self.extent.start as usize..start];
        let line = self.lines + self.plan.decoder.count_lines(before) + 1;
        Some(format!("`{}` line {line}", source.display()))
    }

    fn spills(&self) -> &dyn Spills {
        self.plan.spills()
    }

    fn gives_again(&self) -> bool {
        self.plan.gives_again()
    }

    fn memory(&self) -> Option<u64> {
        self.plan.memory()
    }

    fn slots(&self) -> usize {
        self.plan.slots()
    }
}
