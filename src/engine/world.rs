//! What a run is given from outside: storage, clock, requests, and somebody who watches.

use crate::checkpoint::{Holder, Trust};
use crate::observe::{Observer, Progress};
use crate::source::chunks::Chunks;
use crate::storage::Storage;
use crate::storage::clock::Clock;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Everything that a run touches besides its job.
#[derive(Clone)]
pub struct World {
    /// All files.
    pub storage: Arc<dyn Storage>,
    /// All times and random numbers.
    pub clock: Arc<dyn Clock>,
    /// What the user asks for while the run goes on.
    pub requests: Arc<Requests>,
    /// Counters for whoever shows them.
    pub progress: Arc<Progress>,
    /// Is told what happens.
    pub observer: Arc<dyn Observer>,
    /// Where a sink of `-` goes.
    pub stdout: Arc<Mutex<dyn Write + Send>>,
    /// Waits a while.
    pub pause: fn(Duration),
    /// Who we are, for the message that a second process prints.
    pub holder: Holder,
}

/// How a run is to be done; nothing of it reaches an output byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunOptions {
    /// Number of worker threads, at least 1.
    pub threads: usize,
    /// How inputs are divided into chunks.
    pub chunks: Chunks,
    /// What to do with an earlier run's checkpoints.
    pub start: StartMode,
    /// Whether changes of steps without state are taken over in the middle of a job.
    pub changes: ChangeMode,
    /// Whether a target that is not ours may be replaced.
    pub overwrite: bool,
    /// Whether a job folder that others may write is accepted.
    pub unsafe_directory: bool,
    /// Where this run stops, with a checkpoint, though there is more to do.
    pub stop: StopAfter,
}

/// Where a run stops, with a checkpoint, though there is more to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StopAfter {
    /// At the first barrier after so long.
    pub time: Option<Duration>,
    /// Behind exactly so many records of this run.
    pub records: Option<u64>,
    /// After so many barriers.
    pub barriers: Option<u64>,
}

impl RunOptions {
    /// Whose job folders are accepted.
    pub fn trust(&self) -> Trust {
        if self.unsafe_directory { Trust::Anyones } else { Trust::OwnOnly }
    }
}

/// What to do with an earlier run's checkpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartMode {
    /// Go on from the newest one.
    Resume,
    /// Give them up and start over.
    Fresh,
}

/// What to do when a step without state differs from the checkpoint's job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeMode {
    /// Refuse to go on.
    Refuse,
    /// Go on; the change acts from the position on.
    Accept,
}

/// What the user asks for while a run goes on; set by signal handlers.
#[derive(Debug, Default)]
pub struct Requests {
    stop: AtomicI32,
    checkpoint: AtomicBool,
}

impl Requests {
    /// Asks for a last checkpoint and the end; `signal` is remembered for the exit code.
    pub fn stop(&self, signal: i32) {
        self.stop.store(signal, Ordering::SeqCst);
    }

    /// The signal that asked for the end.
    pub fn stop_signal(&self) -> Option<i32> {
        match self.stop.load(Ordering::SeqCst) {
            0 => None,
            signal => Some(signal),
        }
    }

    /// Asks for a checkpoint at the next barrier.
    pub fn checkpoint(&self) {
        self.checkpoint.store(true, Ordering::SeqCst);
    }

    /// Takes a request for a checkpoint, if there is one.
    pub fn take_checkpoint(&self) -> bool {
        self.checkpoint.swap(false, Ordering::SeqCst)
    }
}
