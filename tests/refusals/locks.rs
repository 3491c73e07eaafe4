//! Two runs at once: one works, the other one says so and leaves.

use crate::support::folder;
use crate::support::jobs::{Pace, Shape};
use crate::support::program::{Running, onward, onward_ends, spawn};
use crate::support::random::Random;
use rustix::process::Signal;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A run that finds the job locked must leave within this time.
const LEAVES_WITHIN: Duration = Duration::from_secs(2);

/// A job that runs for a while.
fn long_job() -> TempDir {
    let scratch = folder::scratch_in_memory();
    Shape::Dedup.make(scratch.path(), Pace::Often, 100_000, &mut Random::new(5));
    scratch
}

/// Slowed down by tiny chunks.
const SLOW: [&str; 4] = ["run", "job.toml", "--chunk-bytes", "64"];

/// Starts a run and waits until it has written something and taken a checkpoint.
fn start(folder: &Path) -> Running {
    let mut running = spawn(folder, &SLOW);
    assert!(running.until(|| has_begun(folder)), "it begins");
    running
}

/// Whether there is a checkpoint besides the first, which comes before any output.
fn has_begun(folder: &Path) -> bool {
    let folder = folder.join(".onward/job");
    let is_later = |name: &String| name.starts_with("ckpt-") && !name.ends_with("01.onw");
    folder.exists() && folder::names(&folder).iter().any(is_later)
}

#[test]
fn the_second_of_two_runs_names_the_first_and_leaves() {
    let scratch = long_job();
    let mut first = start(scratch.path());
    first.signal(Signal::STOP);
    let started = Instant::now();
    let ended = onward_ends(scratch.path(), &["run", "job.toml"], 6);
    assert!(started.elapsed() < LEAVES_WITHIN, "{:?}", started.elapsed());
    assert!(ended.stderr.contains(&first.id().to_string()), "{ended:?}");
    first.signal(Signal::CONT);
    let ended = first.end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[test]
fn a_killed_run_leaves_no_lock() {
    let scratch = long_job();
    let mut first = start(scratch.path());
    first.signal(Signal::KILL);
    // Not even waited for.
    let ended = onward_ends(scratch.path(), &["run", "job.toml"], 0);
    assert!(ended.stderr.contains("resuming from checkpoint "), "{ended:?}");
    assert_eq!(first.end().signal, Some(Signal::KILL.as_raw()));
}

#[test]
fn of_runs_that_start_together_exactly_one_works() {
    for _ in 0..3 {
        let scratch = long_job();
        let mut running: Vec<Running> = (0..3).map(|_| spawn(scratch.path(), &SLOW)).collect();
        let first = running.first_mut().expect("three runs");
        assert!(first.until(|| has_begun(scratch.path())), "one of them begins");
        let note = fs::read_to_string(scratch.path().join(".onward/job/LOCK.info"));
        let note = note.expect("who holds the lock");
        let holds = |run: &&mut Running| note.contains(&format!("\"pid\":{},", run.id()));
        let holder = running.iter_mut().find(holds).expect("one of them");
        holder.signal(Signal::STOP);
        let id = holder.id();
        let (holder, others): (Vec<_>, Vec<_>) =
            running.into_iter().partition(|run| run.id() == id);
        for other in others {
            let ended = other.end();
            assert_eq!(ended.code, Some(6), "{ended:?}");
        }
        for mut holder in holder {
            holder.signal(Signal::CONT);
            let ended = holder.end();
            assert_eq!(ended.code, Some(0), "{ended:?}");
        }
    }
}

#[test]
fn another_job_with_the_same_output_is_refused() {
    let scratch = long_job();
    let text = fs::read(scratch.path().join("job.toml")).expect("a job");
    folder::write(&scratch.path().join("other.toml"), &text);
    let mut first = start(scratch.path());
    first.signal(Signal::STOP);
    let ended = onward(scratch.path(), &["run", "other.toml"]);
    assert_eq!(ended.code, Some(6), "{ended:?}");
    assert!(ended.stderr.contains("another run is writing"), "{ended:?}");
    first.signal(Signal::CONT);
    let ended = first.end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
}
