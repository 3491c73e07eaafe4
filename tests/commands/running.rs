//! Commands beside a run that goes on.

use super::{JOB, answer, check_says, has_begun, job_of, json};
use crate::support::program::{Running, onward, spawn};
use rustix::process::Signal;
use tempfile::TempDir;

/// Enough for some seconds in tiny chunks.
const RECORDS: u64 = 1_000_000;

const LONG_RUN: [&str; 6] = ["run", "job.toml", "--threads", "1", "--chunk-bytes", "64"];

/// A run that has begun and will take a while.
fn running() -> (TempDir, Running) {
    let scratch = job_of(JOB, RECORDS);
    let mut running = spawn(scratch.path(), &LONG_RUN);
    assert!(running.until(|| has_begun(scratch.path())), "{:?}", running.end());
    (scratch, running)
}

/// Ends a run that is not needed any more.
fn kill(mut running: Running) {
    running.signal(Signal::KILL);
    let ended = running.end();
    assert_eq!(ended.signal, Some(Signal::KILL.as_raw()), "it ended too soon: {ended:?}");
}

#[test]
fn now_prints_the_checkpoint_that_it_asked_for_while_the_job_goes_on() {
    let (scratch, running) = running();
    let text = answer(scratch.path(), &["checkpoint", "now", "job.toml"], 0);
    let asked = json(scratch.path(), &["checkpoint", "now", "job.toml", "--json"], 0);
    kill(running);
    assert_eq!(text, "checkpoint 2\n");
    assert_eq!(asked, serde_json::json!({ "job": "job", "checkpoint": 3 }));
    for number in ["2", "3"] {
        let shown = json(scratch.path(), &["checkpoint", "show", "job.toml", number, "--json"], 0);
        assert_eq!(shown["manifest"]["trigger"], "manual");
        assert_eq!(shown["manifest"]["phase"], "reading");
    }
}

#[test]
fn status_and_plan_tell_that_it_runs() {
    let (scratch, mut running) = running();
    running.signal(Signal::STOP);
    let id = running.id();
    let status = answer(scratch.path(), &["status", "job.toml"], 0);
    let in_json = json(scratch.path(), &["status", "job.toml", "--json"], 0);
    let plan = answer(scratch.path(), &["plan", "job.toml"], 0);
    let second = onward(scratch.path(), &["run", "job.toml"]);
    kill(running);
    check_says(&status, &["job: running", &id.to_string()]);
    assert_eq!(in_json["status"], "running");
    assert_eq!(in_json["process"]["pid"], id);
    check_says(&plan, &[&format!("   it is running now (process {id} on ")]);
    assert_eq!(second.code, Some(6), "{second:?}");
}
