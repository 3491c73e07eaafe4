//! Outputs: staged ones that are not what a checkpoint says, and targets that are not ours.

use super::{Stopped, change};
use crate::support::folder;
use crate::support::jobs::{Pace, Shape};
use crate::support::program::{onward, onward_ends};
use crate::support::random::Random;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A change of the staged output must be refused; once it is undone, the job goes on.
fn check(job: &Stopped, what: impl FnOnce(&Path), said: &[&str]) {
    let job = job.copy();
    let staged = job.staged();
    let before = fs::read(&staged).expect("a staged output");
    what(&staged);
    job.refuses(5, said);
    fs::remove_file(&staged).ok();
    fs::write(&staged, before).expect("restored");
    job.goes_on(&["resuming from checkpoint 3 "]);
}

#[test]
fn a_staged_output_that_lost_bytes_is_refused() {
    let job = Stopped::new(Shape::Dedup);
    let remove = |path: &Path| fs::remove_file(path).expect("removed");
    check(&job, remove, &["the unfinished output", "--fresh"]);
    let cut = |path: &Path| change(path, |bytes| bytes.truncate(bytes.len() - 1));
    check(&job, cut, &["the unfinished output", "--fresh"]);
    check(&job, |path| change(path, Vec::clear), &["the unfinished output", "--fresh"]);
    let link = |path: &Path| {
        let aside = path.with_extension("aside");
        fs::rename(path, &aside).expect("moved");
        std::os::unix::fs::symlink(&aside, path).expect("linked");
    };
    let job = job.copy();
    link(&job.staged());
    let ended = job.run(&[]);
    assert_eq!(ended.code, Some(5), "{ended:?}");
}

#[test]
fn what_a_killed_run_wrote_behind_the_checkpoint_is_cut_off() {
    let job = Stopped::new(Shape::Dedup);
    change(&job.staged(), |bytes| bytes.resize(bytes.len() + (1 << 20), b'x'));
    job.goes_on(&["resuming from checkpoint 3 "]);
}

/// A new job, and what stands at its target.
fn new_job() -> TempDir {
    let scratch = folder::scratch_in_memory();
    Shape::Plain.make(scratch.path(), Pace::Never, 100, &mut Random::new(3));
    scratch
}

#[test]
fn a_file_that_is_not_ours_is_only_replaced_with_overwrite() {
    let scratch = new_job();
    let target = scratch.path().join("out.csv");
    folder::write(&target, b"precious\n");
    let ended = onward_ends(scratch.path(), &["run", "job.toml"], 2);
    assert!(ended.stderr.contains("`out.csv` exists, and this job did not make it"), "{ended:?}");
    assert!(ended.stderr.contains("--overwrite"), "{ended:?}");
    assert_eq!(fs::read(&target).expect("the file"), b"precious\n");
    onward_ends(scratch.path(), &["run", "job.toml", "--overwrite"], 0);
    assert!(fs::read(&target).expect("the output").starts_with(b"id,key,"));
}

#[test]
fn a_file_that_appears_during_the_job_is_not_replaced() {
    let job = Stopped::new(Shape::Plain);
    folder::write(&job.file("out.csv"), b"precious\n");
    let ended = job.run(&[]);
    assert!(ended.code != Some(0), "{ended:?}");
    let found = fs::read(job.file("out.csv")).expect("the file");
    assert_eq!(found, b"precious\n", "{ended:?}");
    fs::remove_file(job.file("out.csv")).expect("removed");
    job.goes_on(&[]);
}

#[test]
fn a_target_that_is_no_plain_file_is_refused() {
    let check = |make: fn(&Path), said: &str| {
        let scratch = new_job();
        make(&scratch.path().join("out.csv"));
        let ended = onward(scratch.path(), &["run", "job.toml", "--overwrite"]);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains(said), "{ended:?}");
        let left = folder::names(scratch.path());
        assert!(!left.iter().any(|name| name.ends_with(".partial")), "{left:?}");
    };
    check(
        |path| std::os::unix::fs::symlink("elsewhere.csv", path).expect("linked"),
        "cannot write `out.csv`: it is a symbolic link",
    );
    check(|path| fs::create_dir(path).expect("a folder"), "it is a directory");
    check(
        |path| fs::hard_link(path.with_file_name("in.csv"), path).expect("linked"),
        "the output `out.csv` is the input `",
    );
}

#[test]
fn a_finished_job_is_finished_until_it_is_started_over() {
    let job = Stopped::ended(Shape::Dedup);
    job.goes_on(&["`job` is finished already", "--fresh"]);
    let ended = job.run(&["--fresh"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("onward: finished `job`"), "{ended:?}");
    job.is_as_expected();
}

#[test]
fn a_finished_job_notices_that_its_output_is_gone_or_cut() {
    let job = Stopped::ended(Shape::Dedup);
    let output = job.file("out.csv");
    change(&output, |bytes| bytes.truncate(100));
    job.refuses(5, &["the job has finished, but `out.csv` is not as it left it", "--fresh"]);
    let ended = job.run(&["--fresh"]);
    assert_eq!(ended.code, Some(2), "it may be somebody else's file: {ended:?}");
    fs::remove_file(&output).expect("removed");
    job.refuses(5, &["the job has finished, but `out.csv` is not as it left it"]);
    assert_eq!(job.run(&["--fresh"]).code, Some(0));
    job.is_as_expected();
}

#[test]
fn starting_over_leaves_nothing_of_the_run_before() {
    let job = Stopped::new(Shape::Aggregate);
    let staged = job.staged();
    let ended = job.run(&["--fresh"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(!ended.stderr.contains("resum"), "{ended:?}");
    assert!(!staged.exists(), "the staged output of the run before");
    job.is_as_expected();
}
