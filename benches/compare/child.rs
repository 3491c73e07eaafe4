//! Runs a child process and measures it: time from start to end, processor time, peak memory.
//!
//! All of it is read from `/proc`, so this is for Linux. The peak is what the kernel noted as the process's highest
//! (`VmHWM`), asked for every few milliseconds: only growth in the last of them can be missed. Where the child has
//! children theirs are added.

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// Between two looks at the memory of a child: rare enough to take no measurable part of a processor.
const LOOK_INTERVAL: Duration = Duration::from_millis(8);

/// Clock ticks per second in `/proc`; the same on every Linux that Rust runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// What a child took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usage {
    /// Seconds from before its start until its end.
    pub seconds: f64,
    /// Seconds of processor time, in it and in the system for it.
    pub processor_seconds: f64,
    /// The most resident memory.
    pub peak_bytes: u64,
}

/// A child that ended well.
#[derive(Debug, Clone)]
pub struct Finished {
    /// What it took.
    pub usage: Usage,
    /// What it wrote to its standard error.
    pub said: String,
}

/// Where a child is stopped.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Seconds that it may take.
    pub seconds: f64,
    /// Memory that it may take, and its children with it.
    pub memory_bytes: u64,
}

/// Half of the machine's memory: the rest is for the files that everybody reads and writes.
pub fn memory_bytes_max() -> u64 {
    let info = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    kibibytes(&info, "MemTotal:").map_or(u64::MAX, |kibibytes| kibibytes * 1024 / 2)
}

/// Runs a command to its end. Its standard output goes to `output`; an exit code other than 0 is an error with the end
/// of what it said.
pub fn run(command: &mut Command, output: &Path, limits: Limits) -> Result<Finished, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let aside = output.with_extension("stderr");
    let create = |path: &Path| {
        File::create(path).map_err(|cause| format!("cannot make `{}`: {cause}", path.display()))
    };
    command.stdin(Stdio::null()).stdout(create(output)?).stderr(create(&aside)?);
    let start = Instant::now();
    let mut child = command.spawn().map_err(|cause| format!("cannot start `{name}`: {cause}"))?;
    let pid = Pid::from_child(&child);
    let (sender, ended) = mpsc::channel();
    let waiter = thread::spawn(move || {
        // The ended child stays until it is waited for below, so that its processor time can be read.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        let status = waitid(WaitId::Pid(pid), options);
        sender.send((start.elapsed(), status)).expect("somebody waits for it");
    });
    let (mut peak_bytes, mut stopped) = (0, None);
    let (elapsed, waited) = loop {
        match ended.recv_timeout(LOOK_INTERVAL) {
            Ok(end) => break end,
            Err(RecvTimeoutError::Timeout) => {
                peak_bytes = peak_bytes.max(memory_peak(child.id()));
                if stopped.is_none() {
                    stopped = limits.broken(start.elapsed(), peak_bytes);
                    if stopped.is_some() {
                        // It may have ended by itself just now.
                        child.kill().unwrap_or_default();
                    }
                }
            }
            Err(RecvTimeoutError::Disconnected) => unreachable!("it sends before it ends"),
        }
    };
    waiter.join().expect("it does not panic");
    waited.map_err(|cause| format!("cannot wait for `{name}`: {cause}"))?;
    let processor_seconds = processor_seconds(child.id()).unwrap_or(0.0);
    let status = child.wait().map_err(|cause| format!("cannot wait for `{name}`: {cause}"))?;
    let said = fs::read(&aside).unwrap_or_default();
    let said = String::from_utf8_lossy(&said).into_owned();
    if let Some(reason) = stopped {
        return Err(reason);
    }
    if !status.success() {
        return Err(format!("`{name}` failed ({status}): {}", last_lines(&said)));
    }
    let usage = Usage { seconds: elapsed.as_secs_f64(), processor_seconds, peak_bytes };
    Ok(Finished { usage, said })
}

impl Limits {
    /// Says which of them is broken.
    fn broken(&self, elapsed: Duration, memory_bytes: u64) -> Option<String> {
        if elapsed.as_secs_f64() > self.seconds {
            return Some(format!("stopped after {} s", self.seconds));
        }
        let is_greedy = memory_bytes > self.memory_bytes;
        is_greedy.then(|| format!("stopped at {:.1} GB of memory", memory_bytes as f64 / 1e9))
    }
}

/// The most resident memory that a living process and each of its living descendants had; 0 of one that just ended.
fn memory_peak(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let own = kibibytes(&status, "VmHWM:").map_or(0, |kibibytes| kibibytes * 1024);
    own + children(pid).into_iter().map(memory_peak).sum::<u64>()
}

/// The figure behind a word in a file of `/proc`.
fn kibibytes(text: &str, word: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(word))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// The children of all threads of a process.
fn children(pid: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists = threads
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| {
            list.split_whitespace().filter_map(|child| child.parse().ok()).collect::<Vec<u32>>()
        })
        .collect()
}

/// The processor time of a process that ended and was not waited for yet, with that of its children.
fn processor_seconds(pid: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may hold anything; behind it are the fields from the third on.
    let (_, fields) = stat.rsplit_once(") ")?;
    // In user mode and in the system, by itself and by children.
    let ticks = fields.split(' ').skip(11).take(4).map(str::parse::<f64>);
    Some(ticks.sum::<Result<f64, _>>().ok()? / TICKS_PER_SECOND)
}

/// The end of what a child wrote.
fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(3)..].join(" / ")
}
