//! What can be measured besides the comparison with peers.

mod checkpoints;
mod limit;
mod sizes;
mod small;
mod threads;

use crate::options::Options;
use crate::workload::Workload;

/// A measurement of onward by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// What checkpoints cost.
    Checkpoints,
    /// What a second worker brings.
    Threads,
    /// Whether speed depends on the size of the input.
    Sizes,
    /// How long the least job takes.
    Small,
    /// How much of the time reading and cutting alone would take.
    Limit,
}

/// Measures some workloads and prints a table.
type Measure = fn(&Options, &[Workload]) -> Result<(), String>;

impl Mode {
    /// All of them.
    pub const ALL: [Mode; 5] =
        [Mode::Checkpoints, Mode::Threads, Mode::Sizes, Mode::Small, Mode::Limit];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Checkpoints => "checkpoints",
            Mode::Threads => "threads",
            Mode::Sizes => "sizes",
            Mode::Small => "small",
            Mode::Limit => "limit",
        }
    }

    /// Measures it on some workloads; none stands for those that the mode is about.
    pub fn run(self, options: &Options, workloads: &[Workload]) -> Result<(), String> {
        let (measure, usual): (Measure, &[Workload]) = match self {
            Mode::Checkpoints => (checkpoints::run, &[Workload::W1, Workload::W4]),
            Mode::Threads => (threads::run, &[Workload::W1, Workload::W2, Workload::W3]),
            Mode::Sizes => (sizes::run, &[Workload::W1]),
            Mode::Small => (small::run, &[Workload::W1]),
            Mode::Limit => (limit::run, &[Workload::W1, Workload::W3]),
        };
        println!("{}", self.name());
        measure(options, if workloads.is_empty() { usual } else { workloads })
    }
}
