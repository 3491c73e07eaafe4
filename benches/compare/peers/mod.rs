//! The tools that do the same work, each with the command for each workload.
//!
//! A script in Python gets the workload, the input, the output and the number of threads, and prints how many seconds
//! it took without the start of the interpreter. Miller, xan and qsv write to their standard output.

mod tables;

use crate::child::Limits;
use crate::workload::Workload;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// DuckDB, in Python.
    DuckDb,
    /// Polars, in Python.
    Polars,
    /// Apache DataFusion, in Python.
    DataFusion,
    /// ClickHouse as a library, in Python.
    Chdb,
    /// Miller.
    Miller,
    /// xan.
    Xan,
    /// qsv.
    Qsv,
}

/// A peer that is there.
#[derive(Debug, Clone)]
pub struct Installed {
    /// Which one.
    pub peer: Peer,
    /// Its name and version, as tables show it.
    pub label: String,
    python: PathBuf,
}

/// What is asked of a tool.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// What to do.
    pub workload: Workload,
    /// With which file.
    pub input: &'a Path,
    /// Into which file.
    pub output: &'a Path,
    /// With how many threads.
    pub threads: usize,
    /// Within which limits.
    pub limits: Limits,
}

/// How to do it.
#[derive(Debug)]
pub struct Invocation {
    /// The command.
    pub command: Command,
    /// Whether its standard output is the output; else it may be how many seconds it took by itself.
    pub writes_stdout: bool,
}

impl Peer {
    /// All of them.
    pub const ALL: [Peer; 7] = [
        Peer::DuckDb,
        Peer::Polars,
        Peer::DataFusion,
        Peer::Chdb,
        Peer::Xan,
        Peer::Miller,
        Peer::Qsv,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Peer::DuckDb => "duckdb",
            Peer::Polars => "polars",
            Peer::DataFusion => "datafusion",
            Peer::Chdb => "chdb",
            Peer::Miller => "mlr",
            Peer::Xan => "xan",
            Peer::Qsv => "qsv",
        }
    }

    /// The script that does the work; `None` for a program.
    fn script(self) -> Option<&'static str> {
        match self {
            Peer::DuckDb => Some("duckdb.py"),
            Peer::Polars => Some("polars.py"),
            Peer::DataFusion => Some("datafusion.py"),
            Peer::Chdb => Some("chdb.py"),
            Peer::Miller | Peer::Xan | Peer::Qsv => None,
        }
    }

    /// Asks for its version; `None` where it is not installed.
    pub fn find(self, python: &Path) -> Option<Installed> {
        let name = self.name();
        let mut command = match self.script() {
            Some(_) => {
                let mut command = Command::new(python);
                command.args(["-c", &format!("import {name}; print({name}.__version__)")]);
                command
            }
            None => {
                let mut command = Command::new(name);
                command.arg("--version");
                command
            }
        };
        let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let begins_with_digit = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
        let version = text.split_whitespace().find(begins_with_digit).unwrap_or("");
        let label = format!("{name} {version}").trim_end().to_owned();
        output.status.success().then(|| Installed { peer: self, label, python: python.to_owned() })
    }
}

impl Installed {
    /// How it does what is asked; `None` where it cannot.
    pub fn invocation(&self, request: &Request<'_>) -> Option<Invocation> {
        let Request { workload, input, output, threads, .. } = *request;
        let count = threads.to_string();
        let mut command = match self.peer.script() {
            Some(script) => {
                let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/compare/peers");
                let mut command = Command::new(&self.python);
                command.arg(Path::new(folder).join(script)).arg(workload.name());
                command.args([input, output]).arg(&count);
                command
            }
            None => {
                let arguments = match self.peer {
                    Peer::Miller => tables::miller(workload),
                    Peer::Xan => tables::xan(workload, &count)?,
                    _ => tables::qsv(workload)?,
                };
                let mut command = Command::new(self.peer.name());
                command.args(arguments).arg(input);
                command
            }
        };
        for variable in ["POLARS_MAX_THREADS", "GOMAXPROCS", "RAYON_NUM_THREADS", "QSV_MAX_JOBS"] {
            command.env(variable, &count);
        }
        Some(Invocation { command, writes_stdout: self.peer.script().is_none() })
    }
}
