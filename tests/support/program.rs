//! The real binary: runs to the end, and runs that are watched and signalled.

use super::report::skip;
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// A run that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often a condition is looked at while a run goes on.
const LOOK: Duration = Duration::from_millis(1);

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The exit code; `None` after a signal.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: String,
}

/// A run that goes on.
#[derive(Debug)]
pub struct Running {
    child: Child,
    /// Sends standard error when the process has closed it: when it has ended, but has not been waited for, so that its
    /// number is still its own.
    stderr: Receiver<Vec<u8>>,
    stdout: Receiver<Vec<u8>>,
    said: Option<Vec<u8>>,
}

/// Runs the program in a folder to its end.
pub fn onward(folder: &Path, arguments: &[impl AsRef<OsStr>]) -> Ended {
    spawn(folder, arguments).end()
}

/// Runs the program in a folder and checks its exit code.
pub fn onward_ends(folder: &Path, arguments: &[&str], code: i32) -> Ended {
    let ended = onward(folder, arguments);
    assert_eq!(ended.code, Some(code), "{arguments:?}: {ended:?}");
    ended
}

/// Starts the program in a folder. Nothing of the environment reaches it.
pub fn spawn(folder: &Path, arguments: &[impl AsRef<OsStr>]) -> Running {
    start(program().args(arguments).current_dir(folder))
}

/// Starts a command that runs the program.
pub fn start(command: &mut Command) -> Running {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let stdout = collect(child.stdout.take().expect("a pipe"));
    let stderr = collect(child.stderr.take().expect("a pipe"));
    Running { child, stderr, stdout, said: None }
}

/// The program that is tested: the one that was built with the tests, or another one that `ONWARD_PROGRAM` names, such as
/// one with a mistake in it that the tests should find.
pub fn path() -> OsString {
    std::env::var_os("ONWARD_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_onward").into())
}

/// Which mistakes a program is to make, where it was built to make them: all that reaches it of the environment.
pub fn mistakes() -> impl Iterator<Item = (OsString, OsString)> {
    std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ONWARD_MUTANT"))
}

/// The program, with all signals as a terminal would leave them.
pub fn program() -> Command {
    let mut command = by_default(path());
    command.env_clear().envs(mistakes());
    command
}

/// A program, with all signals as a terminal would leave them. Where the tests themselves were started with INT or HUP
/// ignored (`nohup`, a background job of a script), it would rightly go on ignoring them.
pub fn by_default(program: impl AsRef<OsStr>) -> Command {
    if !are_signals_ignored() {
        return Command::new(program);
    }
    let mut command = Command::new("/usr/bin/env");
    command.arg("--default-signal=HUP,INT,TERM").arg(program);
    command
}

/// Whether `strace` is there and may trace; says so where not.
pub fn can_trace() -> bool {
    let probe = Command::new("strace").args(["-f", "-o", "/dev/null", "true"]).output();
    match probe {
        Ok(ended) if ended.status.success() => return true,
        Ok(_) => skip("strace may not trace here"),
        Err(_) => skip("strace is not there"),
    }
    false
}

/// Waits until something is so that nobody tells us; answers whether it is so.
pub fn eventually(mut is_so: impl FnMut() -> bool) -> bool {
    let (_sender, never) = channel::<()>();
    let looks = PATIENCE.as_millis() / LOOK.as_millis();
    (0..looks).any(|_| is_so() || never.recv_timeout(LOOK).is_ok())
}

/// Whether HUP, INT or TERM is ignored in this process.
fn are_signals_ignored() -> bool {
    const HUP_INT_TERM: u64 = 1 | 1 << 1 | 1 << 14;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.unwrap_or(0) & HUP_INT_TERM != 0
}

/// Reads a pipe to its end on a thread of its own.
fn collect(mut pipe: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).expect("a readable pipe");
        // The test may have failed meanwhile.
        let _gone = sender.send(bytes);
    });
    receiver
}

impl Running {
    /// Its process number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end, no longer than a time; answers whether it has ended.
    pub fn ends_within(&mut self, time: Duration) -> bool {
        if self.said.is_some() {
            return true;
        }
        match self.stderr.recv_timeout(time) {
            Ok(said) => {
                self.said = Some(said);
                true
            }
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => panic!("the reader of standard error is gone"),
        }
    }

    /// Waits until something is so, or the run has ended; answers whether it is so.
    pub fn until(&mut self, mut is_so: impl FnMut() -> bool) -> bool {
        let looks = PATIENCE.as_millis() / LOOK.as_millis();
        for _ in 0..looks {
            if is_so() {
                return true;
            }
            if self.ends_within(LOOK) {
                return is_so();
            }
        }
        panic!("nothing happens");
    }

    /// Sends a signal; one that comes after the end is lost.
    pub fn signal(&mut self, signal: Signal) {
        let id = i32::try_from(self.child.id()).expect("a process number");
        let pid = Pid::from_raw(id).expect("a process number");
        kill_process(pid, signal).expect("a signal to a child that was not waited for");
    }

    /// Waits for the end.
    pub fn end(mut self) -> Ended {
        if !self.ends_within(PATIENCE) {
            self.signal(Signal::KILL);
            panic!("the program hangs");
        }
        let status: ExitStatus = self.child.wait().expect("a child that ended");
        let stdout = self.stdout.recv().expect("the reader of standard output");
        let said = self.said.take().expect("the end was waited for");
        Ended {
            code: status.code(),
            signal: status.signal(),
            stdout,
            stderr: String::from_utf8_lossy(&said).into_owned(),
        }
    }
}
