//! What the job file says about checkpoints.

use crate::error::Sql;
use std::path::PathBuf;
use std::time::Duration;

/// What a copy that fails means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RequireCopies {
    /// It is told, and the run goes on.
    #[default]
    No,
    /// The run ends.
    Yes,
}

/// `[checkpoint]`, validated.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckpointSettings {
    /// The folder of the job's checkpoints.
    pub directory: PathBuf,
    /// How many complete checkpoints are kept, at least 1.
    pub keep: usize,
    /// Time trigger; `None` for the default, 30 s stretched while checkpoints cost more than 2 % of the run.
    pub interval: Option<Duration>,
    /// Records trigger.
    pub every_records: Option<u64>,
    /// Bytes trigger, counted in input bytes.
    pub every_bytes: Option<u64>,
    /// At the end of each input file.
    pub at_file_end: bool,
    /// Right after each input record for which the predicate holds.
    pub when: Option<Sql>,
    /// How long the run is left alone after a checkpoint, unless somebody asks for one; `None` for as long as it took.
    pub min_pause: Option<Duration>,
    /// A checkpoint in the background that is not saved after so long is given up.
    pub timeout: Option<Duration>,
    /// Folders that get each checkpoint too, after it was saved.
    pub copies: Vec<PathBuf>,
    /// Whether the run ends where a copy fails.
    pub require_copies: RequireCopies,
    /// So many failures in a row are tolerated while the run can go on.
    pub tolerated_failures: u32,
}
