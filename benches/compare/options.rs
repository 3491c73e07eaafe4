//! The command line of the comparison.

use crate::child::{self, Limits};
use crate::compare;
use crate::inputs::Size;
use crate::modes::Mode;
use crate::race::Course;
use crate::workload::Workload;
use clap::Parser;
use std::fs;
use std::path::{Path, PathBuf};

/// Compares onward with other tools on the same work, and with itself.
#[derive(Debug, Parser)]
#[command(name = "cargo bench --bench compare --")]
pub struct Options {
    /// What to measure: workloads W1 to W6, or checkpoints, threads, sizes, small, limit [default: all workloads]
    pub what: Vec<String>,

    /// How much data
    #[arg(long, value_enum, default_value = "small")]
    pub size: Size,

    /// How often everything is run
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub runs: usize,

    /// Where the data is, and is made if it is not there
    #[arg(long, value_name = "FOLDER", default_value = "target/compare")]
    pub data: PathBuf,

    /// Where outputs go [default: a folder in that of the data]
    #[arg(long, value_name = "FOLDER")]
    pub scratch: Option<PathBuf>,

    /// Worker threads of onward and of the others
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub threads: usize,

    /// A run that takes longer than so many seconds, or half of the memory, is stopped
    #[arg(long, value_name = "SECONDS", default_value_t = 300.0)]
    pub patience: f64,

    /// The Python that has duckdb, polars, datafusion, chdb [default: the variable PYTHON, or python3]
    #[arg(long, value_name = "PATH")]
    pub python: Option<PathBuf>,

    /// Only these peers, such as `duckdb,xan`; `onward` for none
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub only: Vec<String>,

    /// Another onward to compare with, instead of the peers
    #[arg(long, value_name = "PATH")]
    pub baseline: Option<PathBuf>,

    /// The onward to measure [default: the one built with this]
    #[arg(long, value_name = "PATH", default_value = env!("CARGO_BIN_EXE_onward"), hide_default_value = true)]
    pub onward: PathBuf,

    /// What `cargo bench` adds
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    /// Measures what is asked for.
    pub fn run(&self) -> Result<(), String> {
        let (mut workloads, mut modes) = (Vec::new(), Vec::new());
        for word in &self.what {
            let mode = Mode::ALL.into_iter().find(|mode| mode.name() == word);
            match (Workload::named(word), mode) {
                (Some(workload), _) => workloads.push(workload),
                (None, Some(mode)) => modes.push(mode),
                (None, None) => return Err(unknown(word)),
            }
        }
        if modes.is_empty() {
            let all = &Workload::ALL[..];
            return compare::run(self, if workloads.is_empty() { all } else { &workloads });
        }
        modes.into_iter().try_for_each(|mode| mode.run(self, &workloads))
    }

    /// The Python to ask for modules.
    pub fn python(&self) -> PathBuf {
        let given = self.python.clone().or_else(|| std::env::var_os("PYTHON").map(PathBuf::from));
        given.unwrap_or_else(|| PathBuf::from("python3"))
    }

    /// Whether a peer is wanted.
    pub fn wants(&self, peer: &str) -> bool {
        self.baseline.is_none()
            && (self.only.is_empty()
                || self.only.iter().any(|name| name.eq_ignore_ascii_case(peer)))
    }

    /// Where a workload on an input runs.
    pub fn course(&self, workload: Workload, input: &Path) -> Result<Course, String> {
        let absolute = |path: &Path| {
            path.canonicalize()
                .map_err(|cause| format!("cannot find `{}`: {cause}", path.display()))
        };
        let scratch = self.scratch.clone().unwrap_or_else(|| self.data.join("outputs"));
        fs::create_dir_all(&scratch)
            .map_err(|cause| format!("cannot make `{}`: {cause}", scratch.display()))?;
        let (input, scratch) = (absolute(input)?, absolute(&scratch)?);
        let limits = Limits { seconds: self.patience, memory_bytes: child::memory_bytes_max() };
        let (threads, runs) = (self.threads, self.runs);
        Ok(Course { workload, input, scratch, threads, runs, limits })
    }
}

/// The message for a word that means nothing.
fn unknown(word: &str) -> String {
    let modes = Mode::ALL.map(Mode::name);
    let names = [&Workload::ALL.map(Workload::name)[..], &modes[..]].concat();
    format!("there is no `{word}`, only {}", names.join(", "))
}
