//! Whoever takes part: the onward that is measured, another onward, or a peer. Runs one of them once.

use crate::child::{self, Usage};
use crate::peers::{Installed, Request};
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
}

impl Contestant {
    /// An onward with its default settings.
    pub fn onward(program: &Path, label: &str) -> Contestant {
        let (program, label) = (program.to_owned(), label.to_owned());
        Contestant::Onward { program, label, arguments: Vec::new() }
    }

    /// The same with more arguments of `onward run`.
    pub fn with(self, more: &[&str]) -> Contestant {
        match self {
            Contestant::Onward { program, label, mut arguments } => {
                arguments.extend(more.iter().map(ToString::to_string));
                Contestant::Onward { program, label, arguments }
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

    /// Does the work once, in a folder of its own that is emptied before. `None` where it cannot do it.
    pub fn run(&self, request: &Request<'_>) -> Option<Result<Run, String>> {
        let folder = request.output.parent().expect("outputs are in a folder");
        if let Err(cause) = empty(folder) {
            return Some(Err(format!("cannot empty `{}`: {cause}", folder.display())));
        }
        let stdout = folder.join("stdout");
        let (mut command, stdout) = match self {
            Contestant::Onward { program, arguments, .. } => {
                match onward(program, arguments, request) {
                    Ok(command) => (command, stdout),
                    Err(cause) => return Some(Err(format!("cannot write a job file: {cause}"))),
                }
            }
            Contestant::Peer(peer) => {
                let invocation = peer.invocation(request)?;
                let stdout = if invocation.writes_stdout { request.output } else { &stdout };
                (invocation.command, stdout.to_owned())
            }
        };
        Some(child::run(&mut command, &stdout).and_then(|usage| {
            let sync_seconds = sync(request.output)?;
            let said =
                (stdout != request.output).then(|| fs::read_to_string(&stdout).ok()).flatten();
            let said = said.and_then(|text| text.trim().parse().ok());
            let working_seconds = said.unwrap_or(usage.seconds);
            Ok(Run { usage, working_seconds, sync_seconds })
        }))
    }
}

/// The command that has onward do a workload, from a job file of its own beside the output.
fn onward(program: &Path, arguments: &[String], request: &Request<'_>) -> io::Result<Command> {
    let folder = request.output.parent().expect("outputs are in a folder");
    let job = folder.join(request.workload.name()).with_extension("toml");
    fs::write(&job, request.workload.job())?;
    let mut command = Command::new(program);
    command.arg("run").arg(job).args(["--progress", "never"]);
    command.args(["--threads", &request.threads.to_string()]);
    command.args(["--set", &format!("source.path={}", request.input.display())]);
    command.args(["--set", &format!("sink.path={}", request.output.display())]);
    command.args(arguments);
    Ok(command)
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
