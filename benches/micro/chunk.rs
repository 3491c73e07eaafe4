//! A chunk of records with a job that is bound to it.

use crate::bound;
use crate::data::Shape;
use onward::decode::{CutOutcome, Start};
use onward::engine::Bound;
use onward::job::Job;
use onward::record::Batch;
use std::fs;
use std::sync::Arc;

/// About as many as a chunk of a run has.
pub const BYTES: u64 = 1 << 20;

/// Some records, and a job that reads them.
pub struct Chunk {
    /// The job.
    pub job: Job,
    /// The job, bound.
    pub bound: Bound,
    /// The records, with the header.
    pub window: Arc<Vec<u8>>,
}

impl Chunk {
    /// A chunk of generated data. The job is given without its source's path and its sink.
    pub fn of(shape: Shape, job: &str) -> Chunk {
        let mut bytes = Vec::new();
        shape.write(BYTES, &mut bytes).expect("memory takes everything");
        let extension = if shape == Shape::Events { "jsonl" } else { "csv" };
        Chunk::new(job, extension, bytes)
    }

    /// A chunk of given data.
    pub fn new(job: &str, extension: &str, bytes: Vec<u8>) -> Chunk {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("input").with_extension(extension);
        fs::write(&path, &bytes).expect("room for a chunk");
        let (job, bound) = bound::bind(job, &path).unwrap_or_else(|problem| panic!("{problem}"));
        Chunk { job, bound, window: Arc::new(bytes) }
    }

    /// Where the records start.
    pub fn start(&self) -> usize {
        let start = self.bound.inputs.files[0].from.offset;
        usize::try_from(start).expect("it is in the window")
    }

    /// Finds all records from there on.
    pub fn batch(&self) -> Batch {
        cut(&self.bound, &self.window, self.start())
    }
}

/// Finds all records of a window from an offset on.
pub fn cut(bound: &Bound, window: &Arc<Vec<u8>>, start: usize) -> Batch {
    match bound.plan.decoder.cut(window, Start::Exact(start), window.len(), true) {
        CutOutcome::Cut(cut) => {
            let mut batch = cut.batch;
            batch.filtered = bound.plan.filtered();
            batch
        }
        other => panic!("the records are sound: {other:?}"),
    }
}
