//! The real binary, killed at any moment and run again: it needs no help, loses nothing, and writes the same bytes.
//!
//! `ONWARD_SEED=n` repeats a failure, `ONWARD_KILL_JOBS=n` runs more jobs of each kind: 1,500 are more than 10,000 kills.

use crate::support::asked::number;
use crate::support::folder::{self, Files};
use crate::support::jobs::{Pace, Shape};
use crate::support::program::{Ended, Running, onward, spawn};
use crate::support::random::Random;
use crate::support::report::count;
use rustix::process::Signal;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Jobs of each test.
const JOBS: u64 = 80;

/// Jobs of each test with softer signals.
const SIGNALLED_JOBS: u64 = 50;

/// Kills of one job: some of them, and of each eighth job up to so many.
const KILLS_MAX: u64 = 20;
const KILLS_MANY: u64 = 6;

/// What the seed of a test is, unless the environment says otherwise.
const SEED: u64 = 20_240_517;

/// A job with what comes of it when nobody disturbs it.
struct Trial {
    random: Random,
    scratch: TempDir,
    expected: Files,
    code: Option<i32>,
    /// How long the undisturbed run took.
    time: Duration,
}

/// What happened to all jobs of a test.
#[derive(Debug, Default)]
struct Tally {
    /// Signals that reached a running process.
    hits: u64,
    /// Runs that went on from a checkpoint.
    resumes: u64,
}

impl Trial {
    /// Makes a job and runs it once undisturbed.
    fn new(seed: u64, make: fn() -> TempDir) -> Trial {
        let mut random = Random::new(seed);
        let shape = *random.pick(&Shape::ALL);
        let records = 8000 + random.below(16_000);
        let scratch = make();
        shape.make(scratch.path(), Pace::Often, records, &mut random);
        let undisturbed = folder::scratch_in_memory();
        folder::copy(scratch.path(), undisturbed.path());
        let started = Instant::now();
        let ended = onward(undisturbed.path(), &["run", "job.toml", "--chunk-bytes", "512"]);
        let time = started.elapsed();
        assert!(matches!(ended.code, Some(0 | 3)), "{shape:?}: {ended:?}");
        let expected = folder::files(undisturbed.path());
        Trial { random, scratch, expected, code: ended.code, time }
    }

    fn folder(&self) -> &Path {
        self.scratch.path()
    }

    /// Starts or goes on, each time with other threads and chunks.
    fn spawn(&mut self) -> Running {
        let threads = (1 + self.random.below(3)).to_string();
        let chunk = (300 + self.random.below(500)).to_string();
        let arguments = ["run", "job.toml", "--threads", &threads, "--chunk-bytes", &chunk];
        spawn(self.scratch.path(), &arguments)
    }

    /// How often it is disturbed.
    fn times(&mut self) -> u64 {
        let most = if self.random.below(8) == 0 { KILLS_MAX } else { KILLS_MANY };
        1 + self.random.below(most)
    }

    /// A moment of a run: any, or one near its start, so that many small steps add up.
    fn moment(&mut self) -> Duration {
        let part = *self.random.pick(&[1, 3, 8]);
        self.random.duration_below(self.time / part)
    }

    /// Runs to the end and compares.
    fn finish(&mut self, tally: &mut Tally) {
        let ended = self.spawn().end();
        tally.count(&ended);
        assert_eq!(ended.code, self.code, "{ended:?}");
        let difference = folder::difference(&self.expected, &folder::files(self.folder()));
        assert!(difference.is_empty(), "{difference}{ended:?}");
        let left = folder::names(&self.folder().join(".onward/job"));
        let is_known = |name: &String| name.starts_with("LOCK") || name.starts_with("ckpt-");
        assert!(left.iter().all(is_known), "{left:?}");
        // A run that was killed behind its end had no time to tidy up.
        let is_own_end = ended.stderr.contains("onward: finished ");
        assert!(left.len() == 3 || !is_own_end, "{left:?}");
    }
}

impl Tally {
    fn count(&mut self, ended: &Ended) {
        self.resumes += u64::from(ended.stderr.contains("onward: resuming from checkpoint"));
    }

    /// That the signals met running jobs, and that these had something to go on from.
    fn check(&self, jobs: u64) {
        let is_single = std::env::var_os("ONWARD_SEED").is_some();
        assert!(is_single || (self.hits > jobs && self.resumes > jobs), "{self:?}");
    }
}

/// Disturbs jobs one after the other, runs each to its end, and says which seed failed and what is left of it.
fn check(
    first: u64,
    jobs: u64,
    make: fn() -> TempDir,
    disturb: fn(&mut Trial, &mut Tally),
) -> Tally {
    let mut tally = Tally::default();
    let (first, jobs) = match std::env::var_os("ONWARD_SEED") {
        Some(_) => (number("ONWARD_SEED", 0), 1),
        None => (first, number("ONWARD_KILL_JOBS", jobs)),
    };
    for seed in first..first + jobs {
        let mut trial = Trial::new(seed, make);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            disturb(&mut trial, &mut tally);
            trial.finish(&mut tally);
        }));
        if outcome.is_err() {
            let left = trial.scratch.keep();
            panic!("ONWARD_SEED={seed} failed and left {}", left.display());
        }
    }
    let Tally { hits, resumes } = tally;
    count(&format!(
        "kill: {jobs} jobs, {hits} signals to running processes, {resumes} runs went on"
    ));
    tally
}

fn kill_some_times(trial: &mut Trial, tally: &mut Tally) {
    for _ in 0..trial.times() {
        let mut running = trial.spawn();
        if !running.ends_within(trial.moment()) {
            running.signal(Signal::KILL);
        }
        let ended = running.end();
        tally.count(&ended);
        match ended.signal {
            Some(_) => tally.hits += 1,
            None => assert_eq!(ended.code, trial.code, "{ended:?}"),
        }
    }
}

#[test]
fn killed_jobs_on_disk_end_as_if_nothing_had_happened() {
    let tally = check(SEED, JOBS, folder::scratch, kill_some_times);
    tally.check(JOBS);
}

#[test]
fn killed_jobs_in_memory_end_as_if_nothing_had_happened() {
    let tally = check(SEED + 1_000_000, JOBS, folder::scratch_in_memory, kill_some_times);
    tally.check(JOBS);
}

/// Sends INT, TERM or HUP, sometimes several.
fn signal_some_times(trial: &mut Trial, tally: &mut Tally) {
    for _ in 0..trial.times() {
        let mut running = trial.spawn();
        let mut sent = Vec::new();
        for _ in 0..1 + trial.random.below(3) {
            if running.ends_within(trial.moment()) {
                break;
            }
            let signal = *trial.random.pick(&[Signal::INT, Signal::TERM, Signal::HUP]);
            running.signal(signal);
            sent.push(signal);
        }
        let ended = running.end();
        tally.count(&ended);
        tally.hits += u64::from(!sent.is_empty());
        check_signalled(trial, &sent, &ended);
    }
}

/// A run either finishes, or ends with the code of a signal that was sent and with a checkpoint; before it has begun to
/// listen, the signal itself ends it.
fn check_signalled(trial: &Trial, sent: &[Signal], ended: &Ended) {
    let numbers: Vec<i32> = sent.iter().map(|signal| signal.as_raw()).collect();
    let is_sent = |number: i32| numbers.contains(&number);
    match (ended.code, ended.signal) {
        (_, Some(signal)) => assert!(is_sent(signal), "{sent:?}: {ended:?}"),
        (Some(code), None) if code > 128 => {
            assert!(is_sent(code - 128), "{sent:?}: {ended:?}");
            let is_told = ended.stderr.contains("run the same command to go on");
            assert!(is_told || sent.len() > 1, "{sent:?}: {ended:?}");
        }
        (code, None) => assert_eq!(code, trial.code, "{sent:?}: {ended:?}"),
    }
}

#[test]
fn interrupted_jobs_end_as_if_nothing_had_happened() {
    let tally =
        check(SEED + 2_000_000, SIGNALLED_JOBS, folder::scratch_in_memory, signal_some_times);
    tally.check(SIGNALLED_JOBS);
}

/// A job that runs for some seconds.
fn long_job() -> TempDir {
    let scratch = folder::scratch_in_memory();
    Shape::Plain.make(scratch.path(), Pace::Never, 200_000, &mut Random::new(SEED));
    scratch
}

const LONG_RUN: [&str; 6] = ["run", "job.toml", "--threads", "1", "--chunk-bytes", "64"];

/// The checkpoints of a job.
fn checkpoints(folder: &Path) -> Vec<String> {
    let folder = folder.join(".onward/job");
    let mut names = if folder.exists() { folder::names(&folder) } else { Vec::new() };
    names.retain(|name| name.starts_with("ckpt-"));
    names
}

#[test]
fn usr1_takes_a_checkpoint_and_usr2_tells_how_far_the_run_is() {
    let scratch = long_job();
    let mut running = spawn(scratch.path(), &LONG_RUN);
    assert!(running.until(|| checkpoints(scratch.path()).len() == 1));
    running.signal(Signal::USR2);
    running.signal(Signal::USR1);
    assert!(running.until(|| checkpoints(scratch.path()).len() == 2), "{:?}", running.end());
    // A kill could come before the line; a run that stops by itself has written it.
    running.signal(Signal::TERM);
    let ended = running.end();
    assert_eq!(ended.code, Some(143), "{ended:?}");
    assert!(ended.stderr.contains(" rec/s, "), "{ended:?}");
    let ended = onward(scratch.path(), &["run", "job.toml"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("resuming from checkpoint 3 at record "), "{ended:?}");
}

#[test]
fn two_stop_signals_in_one_breath_are_one_request() {
    let scratch = long_job();
    let mut running = spawn(scratch.path(), &LONG_RUN);
    assert!(running.until(|| checkpoints(scratch.path()).len() == 1));
    running.signal(Signal::INT);
    running.signal(Signal::TERM);
    let ended = running.end();
    assert!(matches!(ended.code, Some(130 | 143)), "{ended:?}");
    let ended = onward(scratch.path(), &["run", "job.toml"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("resuming from checkpoint "), "{ended:?}");
}
