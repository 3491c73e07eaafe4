//! What a run did.

use super::prepare::Resumed;
use super::schedule::StopCause;
use crate::checkpoint::{Counters, Manifest};
use std::path::PathBuf;

/// How a run ended.
#[derive(Debug)]
pub enum Outcome {
    /// All is published.
    Finished(Summary),
    /// A checkpoint was taken and the run stopped.
    Stopped(StopCause, Summary),
    /// An earlier run had published all; nothing was done.
    AlreadyFinished(Box<Manifest>),
}

/// An output and what it holds.
#[derive(Debug, Clone)]
pub struct Written {
    /// Its final name.
    pub target: PathBuf,
    /// Records in it.
    pub records: u64,
}

/// What a run did.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// What was counted over all runs of the job, or of this round of it.
    pub counters: Counters,
    /// Of an incremental job, the number of the round.
    pub round: Option<u64>,
    /// The newest checkpoint that this run saved.
    pub sequence: Option<u64>,
    /// Checkpoints that this run saved.
    pub checkpoints: u64,
    /// What it went on from.
    pub resumed: Option<Resumed>,
    /// The outputs of the sinks, in their order.
    pub outputs: Vec<Written>,
    /// Input bytes before the position that was reached.
    pub bytes_done: u64,
    /// Input bytes in all.
    pub bytes_total: u64,
    /// What the steps have to say of the records.
    pub remarks: Vec<String>,
}
