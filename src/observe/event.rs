//! What happened, as it happens.

use std::path::PathBuf;

/// Something a user may want to know while a run goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Something about the inputs, the job or the folder that changes nothing but may surprise.
    Note(String),
    /// The run goes on from a checkpoint.
    Resumed {
        /// The checkpoint.
        sequence: u64,
        /// Records of all inputs before it.
        records: u64,
        /// Input bytes before it.
        bytes: u64,
        /// Input bytes in all.
        bytes_total: u64,
    },
    /// A checkpoint is durable.
    Saved {
        /// Its number.
        sequence: u64,
        /// Why it was taken.
        trigger: &'static str,
        /// Bytes of its file.
        bytes: u64,
    },
    /// A checkpoint file was refused and an older one is used.
    Refused {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// A checkpoint could not be saved; the run goes on and tries again.
    SaveFailed {
        /// Why.
        reason: String,
    },
}

/// Takes note of events; called from any thread.
pub trait Observer: Send + Sync {
    /// Something happened.
    fn event(&self, event: Event);
}
