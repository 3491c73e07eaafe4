//! Counters of a run, written by the engine and read by whoever shows them.

use std::sync::atomic::{AtomicU64, Ordering};

/// How far a run is. Each counter is right by itself; together they may be a moment apart.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes of all inputs.
    pub bytes_total: AtomicU64,
    /// Input bytes done, those of earlier runs too.
    pub bytes_done: AtomicU64,
    /// Input bytes that earlier runs had done.
    pub bytes_resumed: AtomicU64,
    /// Records read, those of earlier runs too.
    pub records_read: AtomicU64,
    /// Records that earlier runs had read.
    pub records_resumed: AtomicU64,
    /// Records written.
    pub records_written: AtomicU64,
    /// Records that a step left out.
    pub records_filtered: AtomicU64,
    /// Records rejected.
    pub records_rejected: AtomicU64,
    /// Checkpoints saved by this run.
    pub checkpoints: AtomicU64,
    /// When the last one was saved: microseconds of the run's monotonic clock, meaningless while `checkpoints` is 0.
    pub last_checkpoint_micros: AtomicU64,
}

/// The counters at one moment, named as in [`Progress`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProgressReading {
    /// Bytes of all inputs.
    pub bytes_total: u64,
    /// Input bytes done, those of earlier runs too.
    pub bytes_done: u64,
    /// Input bytes that earlier runs had done.
    pub bytes_resumed: u64,
    /// Records read, those of earlier runs too.
    pub records_read: u64,
    /// Records that earlier runs had read.
    pub records_resumed: u64,
    /// Records written.
    pub records_written: u64,
    /// Records that a step left out.
    pub records_filtered: u64,
    /// Records rejected.
    pub records_rejected: u64,
    /// Checkpoints saved by this run.
    pub checkpoints: u64,
    /// When the last one was saved.
    pub last_checkpoint_micros: u64,
}

impl Progress {
    /// Reads all counters.
    pub fn read(&self) -> ProgressReading {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ProgressReading {
            bytes_total: get(&self.bytes_total),
            bytes_done: get(&self.bytes_done),
            bytes_resumed: get(&self.bytes_resumed),
            records_read: get(&self.records_read),
            records_resumed: get(&self.records_resumed),
            records_written: get(&self.records_written),
            records_filtered: get(&self.records_filtered),
            records_rejected: get(&self.records_rejected),
            checkpoints: get(&self.checkpoints),
            last_checkpoint_micros: get(&self.last_checkpoint_micros),
        }
    }
}
