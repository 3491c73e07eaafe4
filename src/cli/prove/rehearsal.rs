//! Runs of a job that write into a scratch folder: processes of this very program, watched by what they say.

use crate::cli::args::ProveArguments;
use crate::cli::exit::Signal;
use crate::cli::signals::Noted;
use crate::error::{Error, Result};
use crate::storage::HeldFolder;
use crate::storage::clock::Clock;
use serde_json::Value as Json;
use signal_hook::consts::SIGKILL;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a run is left alone before it is looked at again whether somebody stopped us.
const LOOK: Duration = Duration::from_millis(50);

/// What all runs of a proof have in common.
pub struct Rehearsal {
    program: PathBuf,
    arguments: Vec<OsString>,
    job: PathBuf,
    clock: Arc<dyn Clock>,
    /// Holds the folder that they write into: each of them is given it.
    holder: OwnedFd,
}

/// How far a run is let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// To its end.
    End,
    /// For so long.
    Time(Duration),
    /// Until it says that so many bytes of input are done.
    Bytes(u64),
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By itself, with this code; `None` after a signal that was not ours.
    Code(Option<i32>),
    /// Somebody else asked it to stop, or killed it: the system for want of memory, say. That says nothing of the job.
    Disturbed,
    /// It was killed at its point.
    Killed,
    /// Somebody stopped us, so we stopped it.
    Stopped,
}

/// What a run said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// Records read, those of the runs before it too.
    pub records_read: u64,
    /// Bytes of input done.
    pub bytes_done: u64,
    /// Bytes of input in all.
    pub bytes_total: u64,
    /// Checkpoints that it saved.
    pub checkpoints: u64,
    /// The checkpoint that it went on from and the records before it.
    pub resumed: Option<(u64, u64)>,
    /// The last message.
    pub message: Option<String>,
}

/// A run that is over.
#[derive(Debug)]
pub struct Ended {
    /// How it ended.
    pub ending: Ending,
    /// How long it took.
    pub elapsed: Duration,
    /// What it said until then.
    pub said: Said,
}

impl Rehearsal {
    /// Runs of the job that a command line names; `wall_micros` is the time of day for all of them.
    ///
    /// # Errors
    /// Where nobody can tell which program this is.
    pub fn new(
        arguments: &ProveArguments,
        wall_micros: i64,
        clock: Arc<dyn Clock>,
        scratch: &HeldFolder,
    ) -> Result<Self> {
        let program = std::env::current_exe().map_err(|cause| {
            Error::failed("cannot tell where this program is").with_cause(cause)
        })?;
        let path = scratch.folder().path();
        let holder = scratch.holder().map_err(|cause| Error::io("hold", path, cause))?;
        let job = arguments.job.job.clone();
        let mut rehearsal = Rehearsal { program, arguments: Vec::new(), job, clock, holder };
        rehearsal.add("run");
        // A run that nobody watches any more must not go on.
        rehearsal.add(&format!("--parent={}", std::process::id()));
        for (key, value) in &arguments.job.overrides {
            rehearsal.set(key, value);
        }
        if let Some(threads) = arguments.threads {
            rehearsal.add(&format!("--threads={threads}"));
        }
        rehearsal.add(&format!("--wall-micros={wall_micros}"));
        rehearsal.add("--progress=json");
        Ok(rehearsal)
    }

    /// Gives all runs from now on another argument.
    pub fn add(&mut self, argument: &str) {
        self.arguments.push(argument.into());
    }

    /// Overrides a value of the job file in all runs from now on.
    pub fn set(&mut self, key: &str, value: &str) {
        self.add(&format!("--set={key}={value}"));
    }

    /// Runs the job into a folder, or goes on with it there, as far as a point.
    ///
    /// # Errors
    /// Where the process cannot be started or waited for.
    pub fn run(&self, folder: &Path, point: Point, noted: &Noted) -> Result<Ended> {
        let started = self.clock.monotonic();
        let failed = |cause| Error::io("run", &self.program, cause);
        let holder = self.holder.try_clone().map_err(failed)?;
        let mut redirect = OsString::from("--redirect=");
        redirect.push(folder);
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .arg(redirect)
            .arg("--")
            .arg(&self.job)
            // What is typed at a terminal reaches us alone.
            .process_group(0)
            // Nothing is read from it: the folder is in use as long as a run has it.
            .stdin(holder)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let (lines, reader) = lines_of(child.stderr.take().expect("a pipe was asked for"));
        let mut running = Running { child, reader: Some(reader), said: Said::default() };
        let stopped = running.watch(&lines, point, noted, &*self.clock, started);
        if stopped.is_some() {
            running.child.kill().map_err(failed)?;
        }
        let status = running.child.wait().map_err(failed)?;
        let elapsed = self.clock.monotonic().saturating_sub(started);
        lines.iter().for_each(|line| running.said.take(&line));
        let is_killed = status.signal() == Some(SIGKILL);
        let ending = match stopped {
            // It may have been stopped together with us, and be over before we looked.
            _ if noted.stop().is_some() => Ending::Stopped,
            Some(ending) if ending != Ending::Killed || is_killed => ending,
            // It was over before.
            _ => by_itself(status),
        };
        Ok(Ended { ending, elapsed, said: std::mem::take(&mut running.said) })
    }
}

/// How a run ended that we did not end.
fn by_itself(status: ExitStatus) -> Ending {
    let by_code = |code| Signal::ALL.iter().any(|signal| i32::from(signal.exit_code()) == code);
    let by_signal = |number| number == SIGKILL || Signal::from_number(number).is_some();
    match (status.code(), status.signal()) {
        (Some(code), _) if by_code(code) => Ending::Disturbed,
        (_, Some(number)) if by_signal(number) => Ending::Disturbed,
        (code, _) => Ending::Code(code),
    }
}

/// A process that does not outlive us: it sees to that itself where we are killed.
struct Running {
    child: Child,
    reader: Option<JoinHandle<()>>,
    said: Said,
}

impl Running {
    /// Listens until the point is reached, the run is over (`None`), or somebody stops us.
    fn watch(
        &mut self,
        lines: &Receiver<String>,
        point: Point,
        noted: &Noted,
        clock: &dyn Clock,
        started: Duration,
    ) -> Option<Ending> {
        loop {
            let left = match point {
                Point::Time(time) => time.saturating_sub(clock.monotonic().saturating_sub(started)),
                Point::Bytes(bytes) if self.said.bytes_done >= bytes && self.has_begun() => {
                    Duration::ZERO
                }
                Point::Bytes(_) | Point::End => Duration::MAX,
            };
            if left.is_zero() {
                return Some(Ending::Killed);
            }
            if noted.stop().is_some() {
                return Some(Ending::Stopped);
            }
            match lines.recv_timeout(left.min(LOOK)) {
                Ok(line) => self.said.take(&line),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    fn has_begun(&self) -> bool {
        self.said.bytes_total > 0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Fails where it is over and waited for, as it should be.
        let _is_over = self.child.kill();
        let _waited = self.child.wait();
        if let Some(reader) = self.reader.take() {
            // A panic there has been reported by its thread.
            let _panicked = reader.join();
        }
    }
}

/// The lines of a pipe, as they come; its end is the end of the channel.
fn lines_of(pipe: ChildStderr) -> (Receiver<String>, JoinHandle<()>) {
    let (sender, receiver) = channel();
    let reader = std::thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(std::result::Result::ok) {
            if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
        }
    });
    (receiver, reader)
}

impl Said {
    fn take(&mut self, line: &str) {
        let parsed: Option<Json> =
            line.starts_with('{').then(|| serde_json::from_str(line).ok()).flatten();
        let Some(json) = parsed else {
            if let Some(message) = line.strip_prefix("onward: error: ") {
                self.message = Some(message.to_owned());
            }
            return;
        };
        let number = |json: &Json, key: &str| json.get(key).and_then(Json::as_u64).unwrap_or(0);
        self.records_read = self.records_read.max(number(&json, "records_read"));
        self.bytes_done = self.bytes_done.max(number(&json, "bytes_done"));
        self.bytes_total = self.bytes_total.max(number(&json, "bytes_total"));
        self.checkpoints = self.checkpoints.max(number(&json, "checkpoints"));
        if let Some(resumed) = json.get("resumed") {
            self.resumed = Some((number(resumed, "checkpoint"), number(resumed, "records")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_run_says_is_understood_as_far_as_it_matters() {
        let mut said = Said::default();
        for line in [
            "onward: resuming from checkpoint 3 at record 90 (30 %)",
            r#"{"bytes_done":10,"bytes_total":0,"records_read":90,"resumed":{"checkpoint":3,"records":90}}"#,
            r#"{"bytes_done":50,"bytes_total":300,"records_read":95,"checkpoints":1}"#,
            r#"{"bytes_done":60,"bytes_to"#,
            "onward: error: the disk is gone",
            "   hint: look for it",
        ] {
            said.take(line);
        }
        let expected = Said {
            records_read: 95,
            bytes_done: 50,
            bytes_total: 300,
            checkpoints: 1,
            resumed: Some((3, 90)),
            message: Some("the disk is gone".to_owned()),
        };
        assert_eq!(said, expected);
    }
}
