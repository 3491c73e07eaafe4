//! Whoever takes part: the onward that is measured, another onward, or a peer. Runs one of them once.

use crate::child::{self, Usage};
use crate::peers::{Installed, Invocation, Request};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// Whoever takes part.
#[derive(Debug, Clone)]
pub enum Contestant {
    /// An onward.
    Onward {
        /// The program.
        program: PathBuf,
        /// Its name in tables.
        label: String,
        /// More arguments of `onward run`.
        arguments: Vec<String>,
        /// The number of workers, where it is not that of the request.
        threads: Option<usize>,
    },
    /// A peer.
    Peer(Installed),
}

/// What one run took.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// Of the process.
    pub usage: Usage,
    /// The seconds that a script took without the start of its interpreter; else those of the process.
    pub working_seconds: f64,
    /// How long it took after that to have the output on disk.
    pub sync_seconds: f64,
    /// The number of checkpoints that an onward says it took.
    pub checkpoints: Option<f64>,
}

impl Contestant {
    /// An onward with its default settings.
    pub fn onward(program: &Path, label: &str) -> Contestant {
        let (program, label) = (program.to_owned(), label.to_owned());
        Contestant::Onward { program, label, arguments: Vec::new(), threads: None }
    }

    /// The same with more arguments of `onward run`.
    pub fn with(self, more: &[&str]) -> Contestant {
        match self {
            Contestant::Onward { program, label, mut arguments, threads } => {
                arguments.extend(more.iter().map(ToString::to_string));
                Contestant::Onward { program, label, arguments, threads }
            }
            Contestant::Peer(peer) => Contestant::Peer(peer),
        }
    }

    /// The same with so many workers, whatever is asked for.
    pub fn with_threads(self, count: usize) -> Contestant {
        match self {
            Contestant::Onward { program, label, arguments, .. } => {
                Contestant::Onward { program, label, arguments, threads: Some(count) }
            }
            Contestant::Peer(peer) => Contestant::Peer(peer),
        }
    }

    /// Its name in tables.
    pub fn label(&self) -> &str {
        match self {
            Contestant::Onward { label, .. } => label,
            Contestant::Peer(peer) => &peer.label,
        }
    }

    /// Empties the folder of the output; how the work is done. `None` where it cannot be.
    fn prepare(&self, request: &Request<'_>) -> Option<Result<Invocation, String>> {
        let folder = request.output.parent().expect("outputs are in a folder");
        if let Err(cause) = empty(folder) {
            return Some(Err(format!("cannot empty `{}`: {cause}", folder.display())));
        }
        match self {
            Contestant::Peer(peer) => Some(Ok(peer.invocation(request)?)),
            Contestant::Onward { program, arguments, threads, .. } => {
                let request = Request { threads: threads.unwrap_or(request.threads), ..*request };
                let invocation = onward(program, arguments, &request);
                Some(invocation.map_err(|cause| format!("cannot write a job file: {cause}")))
            }
        }
    }

    /// The command that does the work, in a folder of its own that is emptied now. `None` where it cannot do it.
    pub fn command(&self, request: &Request<'_>) -> Option<Result<Command, String>> {
        Some(self.prepare(request)?.map(|invocation| invocation.command))
    }

    /// Does the work once, in a folder of its own that is emptied before. `None` where it cannot do it.
    pub fn run(&self, request: &Request<'_>) -> Option<Result<Run, String>> {
        let mut invocation = match self.prepare(request)? {
            Ok(invocation) => invocation,
            Err(problem) => return Some(Err(problem)),
        };
        let aside = request.output.with_extension("stdout");
        let stdout = if invocation.writes_stdout { request.output } else { &aside };
        Some(child::run(&mut invocation.command, stdout, request.limits).and_then(|finished| {
            let sync_seconds = sync(request.output)?;
            let said = fs::read_to_string(&aside).ok().and_then(|text| text.trim().parse().ok());
            Ok(Run {
                usage: finished.usage,
                working_seconds: said.unwrap_or(finished.usage.seconds),
                sync_seconds,
                checkpoints: checkpoints(&finished.said),
            })
        }))
    }
}

/// How an onward does a workload: from a job file of its own beside the output.
fn onward(program: &Path, arguments: &[String], request: &Request<'_>) -> io::Result<Invocation> {
    let job = request.output.with_extension("toml");
    fs::write(&job, request.workload.job())?;
    let mut command = Command::new(program);
    command.arg("run").arg(job).args(["--progress", "never"]);
    command.args(["--threads", &request.threads.to_string()]);
    command.args(["--set", &format!("source.path={}", request.input.display())]);
    command.args(["--set", &format!("sink.path={}", request.output.display())]);
    command.args(arguments);
    Ok(Invocation { command, writes_stdout: false })
}

/// The number in `..., 3 checkpoints`.
fn checkpoints(said: &str) -> Option<f64> {
    let line = said.lines().find(|line| line.starts_with("onward: finished"))?;
    let (_, count) = line.strip_suffix(" checkpoints")?.rsplit_once(' ')?;
    count.replace(',', "").parse().ok()
}

/// Makes a folder, or empties it.
fn empty(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(cause),
        _ => fs::create_dir_all(folder),
    }
}

/// Has a file on disk; how long that takes. So nobody's output is written while the next one runs.
fn sync(output: &Path) -> Result<f64, String> {
    let start = Instant::now();
    let synced = File::open(output).and_then(|file| file.sync_all());
    synced.map_err(|cause| format!("no output: `{}`: {cause}", output.display()))?;
    Ok(start.elapsed().as_secs_f64())
}
