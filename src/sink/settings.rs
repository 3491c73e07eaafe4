//! What the job file says about where outputs go.

pub use super::partition::{PathPattern, PatternProblem, RUN, run_number};
use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

/// Where an output goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A file, staged beside its final name and published at the end.
    File(PathBuf),
    /// A file for each distinct value of some columns.
    Partitions(Partitions),
    /// Standard output; such a run cannot be resumed.
    Stdout,
}

/// `partition_by` of a sink, validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partitions {
    /// The columns, with the bytes of each name in the job file.
    pub by: Vec<(String, Range<usize>)>,
    /// Where the files go.
    pub path: PathPattern,
    /// At most so many files.
    pub max: usize,
}

/// `[rejects]`, validated.
#[derive(Debug, Clone, PartialEq)]
pub struct RejectSettings {
    /// The JSONL file that takes the rejects; `None` to only count them.
    pub path: Option<PathBuf>,
    /// How many rejects end the run.
    pub limit: RejectLimit,
    /// Whether each round of an incremental job makes a file of its own: the path has `{run}`.
    pub per_run: bool,
}

impl fmt::Display for RejectLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RejectLimit::Count(count) => write!(f, "{count}"),
            RejectLimit::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

/// How many rejects are put up with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RejectLimit {
    /// At most so many.
    Count(u64),
    /// At most so many in a hundred of the records read so far, from the 1,000th record on and at the end.
    Percent(f64),
}
