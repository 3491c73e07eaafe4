//! Checkpoints that are not saved in time, on a disk that `strace` makes slow. Where `strace` is not there, or may not trace,
//! the tests say so and pass.

use super::{NEVER, job};
use crate::support::program::onward_ends;
use crate::support::report;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// A run whose outputs take a quarter of a second to sync: its exit code and messages.
fn slow_run(folder: &Path) -> Option<(i32, String)> {
    let traced = Command::new("strace")
        .args(["-f", "--seccomp-bpf", "-o", "trace", "-e", "trace=fdatasync"])
        .args(["-e", "inject=fdatasync:delay_exit=250000"])
        .arg(env!("CARGO_BIN_EXE_onward"))
        .args(["run", "job.toml", "--threads", "1", "--chunk-bytes", "16"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output();
    let trace = fs::read_to_string(folder.join("trace")).unwrap_or_default();
    if !trace.contains("DELAYED") {
        report::skip("strace is not there, or may not trace");
        return None;
    }
    let ended = traced.expect("strace has traced");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    Some((ended.status.code().expect("an exit code"), said))
}

const LATE: &str = "saving a checkpoint takes longer than its `timeout`";
const FAILED: &str = "it took longer than its `timeout`";

#[test]
fn a_checkpoint_that_takes_too_long_is_given_up_and_the_run_goes_on() {
    let scratch = job(
        &format!("every_records = 100\ntimeout = \"20ms\"\ntolerated_failures = 1000\n{NEVER}"),
        30_000,
    );
    let Some((code, said)) = slow_run(scratch.path()) else { return };
    assert_eq!(code, 0, "{said}");
    assert_eq!(said.matches(LATE).count(), 1, "{said}");
    assert!(said.contains(FAILED), "{said}");
    let out = fs::read_to_string(scratch.path().join("out.csv")).expect("the output");
    assert_eq!(out.lines().count(), 30_000);
}

#[test]
fn too_many_failures_in_a_row_end_the_run_at_the_checkpoint_before() {
    let scratch = job(
        &format!("every_records = 100\ntimeout = \"20ms\"\ntolerated_failures = 0\n{NEVER}"),
        30_000,
    );
    let Some((code, said)) = slow_run(scratch.path()) else { return };
    assert_eq!(code, 1, "{said}");
    assert!(said.contains(FAILED), "{said}");
    onward_ends(scratch.path(), &["run", "job.toml", "--set", "checkpoint.timeout=1h"], 0);
    let out = fs::read_to_string(scratch.path().join("out.csv")).expect("the output");
    assert_eq!(out.lines().count(), 30_000);
}
