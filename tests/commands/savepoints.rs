//! `checkpoint now --name`, `prune` and `rm`: what a user makes and removes, and that nothing else removes it.

use super::{JOB, answer, check_says, checkpoint_files, has_begun, job_of, json, said, stopped};
use crate::support::folder;
use crate::support::program::{onward_ends, spawn};
use rustix::process::Signal;
use serde_json::{Value as Json, json};
use std::fs;
use std::path::Path;

/// Goes on for a few barriers, so many times.
fn go_on(folder: &Path, times: usize) {
    for _ in 0..times {
        onward_ends(folder, &super::STOPPED_RUN, 75);
    }
}

/// The numbers of the checkpoints, and their names.
fn listed(folder: &Path) -> Vec<(u64, Vec<String>)> {
    let text = answer(folder, &["checkpoint", "list", "job.toml", "--json"], 0);
    let entry = |line: &str| {
        let line: Json = serde_json::from_str(line).expect("JSON");
        let names = line["savepoints"].as_array().expect("a list");
        let names = names.iter().map(|name| name.as_str().expect("a name").to_owned()).collect();
        (line["checkpoint"].as_u64().expect("a number"), names)
    };
    text.lines().map(entry).collect()
}

fn numbers(folder: &Path) -> Vec<u64> {
    listed(folder).into_iter().map(|(number, _)| number).collect()
}

#[test]
fn a_savepoint_stays_whatever_retention_and_the_end_of_the_job_delete() {
    let scratch = stopped();
    let named = answer(scratch.path(), &["checkpoint", "now", "job.toml", "--name", "early"], 0);
    assert_eq!(named, "checkpoint 2, savepoint early\n");
    go_on(scratch.path(), 4);
    assert_eq!(numbers(scratch.path()), [2, 4, 5, 6]);
    let list = answer(scratch.path(), &["checkpoint", "list", "job.toml"], 0);
    check_says(&list, &["  22  savepoint early\n"]);
    onward_ends(scratch.path(), &["run", "job.toml"], 3);
    assert_eq!(listed(scratch.path()), [(2, vec!["early".to_owned()]), (8, vec![])]);
    let verified = answer(scratch.path(), &["checkpoint", "verify", "job.toml", "early"], 0);
    assert_eq!(verified, "job: checkpoint 2 is whole\n");
    let before = folder::paths(scratch.path());
    onward_ends(scratch.path(), &["run", "job.toml"], 3);
    assert_eq!(folder::paths(scratch.path()), before, "a finished job is left alone");
}

#[test]
fn a_running_job_makes_a_savepoint_that_was_asked_for() {
    let scratch = job_of(JOB, 1_000_000);
    let mut run = spawn(
        scratch.path(),
        &["run", "job.toml", "--threads", "1", "--chunk-bytes", "64", "--set", "checkpoint.keep=1"],
    );
    assert!(run.until(|| has_begun(scratch.path())), "{:?}", run.end());
    let now = |more: &[&'static str]| [&["checkpoint", "now", "job.toml"], more].concat();
    let first = json(scratch.path(), &now(&["--name", "one", "--json"]), 0);
    let taken = said(scratch.path(), &now(&["--name", "ONE"]), 2);
    answer(scratch.path(), &now(&[]), 0);
    answer(scratch.path(), &now(&[]), 0);
    run.signal(Signal::KILL);
    run.end();
    assert_eq!(first, json!({ "job": "job", "checkpoint": 2, "savepoint": "one" }));
    check_says(&taken, &["there is a savepoint `one` already, checkpoint 2"]);
    assert_eq!(listed(scratch.path())[0], (2, vec!["one".to_owned()]));
    let names = folder::names(&scratch.path().join(".onward/job"));
    assert!(!names.iter().any(|name| name.ends_with(".request")), "{names:?}");
    assert!(numbers(scratch.path()).len() <= 3, "retention goes on");
}

#[test]
fn who_was_stopped_while_asking_asks_once_more() {
    let scratch = job_of(JOB, 1_000_000);
    let mut run =
        spawn(scratch.path(), &["run", "job.toml", "--threads", "1", "--chunk-bytes", "64"]);
    assert!(run.until(|| has_begun(scratch.path())), "{:?}", run.end());
    let request = scratch.path().join(".onward/job/.savepoint-two.request");
    fs::write(&request, b"").expect("a writable folder");
    let now = ["checkpoint", "now", "job.toml", "--name", "two", "--json"];
    let named = json(scratch.path(), &now, 0);
    run.signal(Signal::KILL);
    run.end();
    assert_eq!(named, json!({ "job": "job", "checkpoint": 2, "savepoint": "two" }));
    assert!(!request.exists());
}

#[test]
fn a_name_must_be_one() {
    let scratch = stopped();
    for name in ["7", "a/b", "../x", ".x", "", "a b"] {
        let text = said(scratch.path(), &["checkpoint", "now", "job.toml", "--name", name], 2);
        check_says(&text, &["cannot be the name of a savepoint", "begin with a letter"]);
    }
    let text = said(scratch.path(), &["checkpoint", "show", "job.toml", "nobody"], 2);
    check_says(&text, &["there is no savepoint `nobody`"]);
}

#[test]
fn a_finished_job_has_nothing_to_name() {
    let scratch = job_of(JOB, 30);
    onward_ends(scratch.path(), &["run", "job.toml"], 3);
    let text = said(scratch.path(), &["checkpoint", "now", "job.toml", "--name", "late"], 1);
    check_says(&text, &["`job` has finished: there is nothing to go on from"]);
}

#[test]
fn starting_over_does_not_cost_a_savepoint_what_was_written() {
    let scratch = stopped();
    answer(scratch.path(), &["checkpoint", "now", "job.toml", "--name", "early"], 0);
    let before = folder::files(scratch.path());
    let text = said(scratch.path(), &["run", "job.toml", "--fresh"], 5);
    check_says(&text, &["cannot start over", "the savepoint `early`, checkpoint 2"]);
    assert_eq!(folder::difference(&before, &folder::files(scratch.path())), "");
    answer(scratch.path(), &["checkpoint", "rm", "job.toml", "early"], 0);
    onward_ends(scratch.path(), &["run", "job.toml", "--fresh"], 3);
}

#[test]
fn prune_keeps_the_newest_and_savepoints() {
    let scratch = stopped();
    answer(scratch.path(), &["checkpoint", "now", "job.toml", "--name", "early"], 0);
    go_on(scratch.path(), 3);
    assert_eq!(numbers(scratch.path()), [2, 3, 4, 5]);
    let prune = ["checkpoint", "prune", "job.toml", "--keep", "1"];
    assert_eq!(answer(scratch.path(), &prune, 0), "job: removed 2 checkpoints: 3, 4; 2 left\n");
    assert_eq!(answer(scratch.path(), &prune, 0), "job: removed 0 checkpoints; 2 left\n");
    let in_json = json(scratch.path(), &["checkpoint", "prune", "job.toml", "--json"], 0);
    assert_eq!(in_json, json!({ "job": "job", "removed": [], "left": [2, 5] }));
    onward_ends(scratch.path(), &["run", "job.toml"], 3);
}

#[test]
fn rm_removes_what_nothing_needs() {
    let scratch = stopped();
    go_on(scratch.path(), 1);
    let rm = |more: &[&'static str]| [&["checkpoint", "rm", "job.toml"], more].concat();
    assert_eq!(answer(scratch.path(), &rm(&["1"]), 0), "job: removed checkpoint 1\n");
    assert_eq!(
        json(scratch.path(), &rm(&["2", "--json"]), 0),
        json!({ "job": "job", "checkpoint": 2, "savepoints": [], "removed": true })
    );
    let text = said(scratch.path(), &rm(&["3"]), 1);
    check_says(&text, &["cannot remove checkpoint 3: the job would go on from it", "--force"]);
    let text = said(scratch.path(), &rm(&["2"]), 2);
    check_says(&text, &["there is no checkpoint 2", "there are: 3"]);
    assert_eq!(numbers(scratch.path()), [3]);
}

#[test]
fn rm_takes_a_name_and_keeps_what_the_job_goes_on_from() {
    let scratch = stopped();
    for name in ["a", "b"] {
        answer(scratch.path(), &["checkpoint", "now", "job.toml", "--name", name], 0);
    }
    let rm = |name: &str| answer(scratch.path(), &["checkpoint", "rm", "job.toml", name], 0);
    assert_eq!(rm("a"), "job: removed the name a; checkpoint 2 stays, since it is also b\n");
    assert_eq!(
        rm("b"),
        "job: removed the name b; checkpoint 2 stays, since the job would go on from it\n"
    );
    assert_eq!(listed(scratch.path()), [(1, vec![]), (2, vec![])]);
}

#[test]
fn a_number_is_not_used_again_after_the_newest_was_removed() {
    let scratch = stopped();
    let removed = answer(scratch.path(), &["checkpoint", "rm", "job.toml", "2", "--force"], 0);
    assert_eq!(removed, "job: removed checkpoint 2\n");
    onward_ends(scratch.path(), &super::STOPPED_RUN, 75);
    assert_eq!(numbers(scratch.path()), [1, 3]);
    onward_ends(scratch.path(), &["run", "job.toml"], 3);
    assert_eq!(checkpoint_files(scratch.path()).len(), 1);
}
