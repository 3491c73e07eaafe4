//! Partitions: staged files that are not what a checkpoint says, and names that are taken.

use super::{Stopped, change};
use crate::support::folder;
use crate::support::jobs::Shape;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A staged file of a partition that a checkpoint knows.
fn staged(job: &Stopped) -> PathBuf {
    let staged = |path: &String| path.starts_with("days/") && path.ends_with(".partial");
    let path = folder::paths(job.path()).into_iter().find(staged);
    job.file(&path.expect("a staged partition"))
}

/// A change of a staged partition must be refused by its name; once it is undone, the job goes on.
fn check(job: &Stopped, what: impl FnOnce(&Path), said: &str) {
    let job = job.copy();
    let staged = staged(&job);
    let name = staged.file_name().expect("a name").to_str().expect("UTF-8");
    let (name, _) = name[1..].split_once(".onward-").expect("the name of a staged file");
    let name = format!("/{name}`");
    let before = fs::read(&staged).expect("a staged partition");
    what(&staged);
    job.refuses(5, &["the unfinished output", &name, said, "--fresh"]);
    fs::remove_file(&staged).ok();
    fs::write(&staged, before).expect("restored");
    job.goes_on(&["resuming from checkpoint 3 "]);
}

#[test]
fn a_staged_partition_that_lost_bytes_is_refused_by_name() {
    let job = Stopped::new(Shape::Partitions);
    check(&job, |path| fs::remove_file(path).expect("removed"), "it is gone");
    let cut = |path: &Path| change(path, |bytes| bytes.truncate(bytes.len() - 1));
    check(&job, cut, "the checkpoint had written");
    check(&job, |path| change(path, Vec::clear), "it has 0 bytes");
}

#[test]
fn what_a_killed_run_wrote_into_partitions_is_cut_off_and_its_new_ones_are_swept() {
    let job = Stopped::new(Shape::Partitions);
    let staged = staged(&job);
    change(&staged, |bytes| bytes.extend_from_slice(b"half a rec"));
    let name = staged.file_name().expect("a name").to_str().expect("UTF-8");
    let (_, id) = name.split_once(".onward-").expect("the name of a staged file");
    let orphan = job.file(&format!("days/%null/.new.csv.onward-{id}"));
    folder::write(&orphan, b"a partition that no checkpoint knows\n");
    let foreign = job.file("days/%null/.new.csv.onward-0123.partial");
    folder::write(&foreign, b"another job's\n");
    let ended = job.run(&[]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(!orphan.exists() && foreign.exists());
    fs::remove_file(&foreign).expect("removed");
    fs::remove_dir(job.file("days/%null")).expect("empty");
    job.is_as_expected();
}

#[test]
fn a_partition_whose_name_is_taken_stops_the_job_until_it_is_free() {
    let job = Stopped::unbegun(Shape::Partitions);
    let taken = job.file("days/2024-01-03/k12.csv");
    // The folder of another one must not be in the way.
    folder::write(&taken, b"precious\n");
    let ended = job.run(&["--chunk-bytes", "50000"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("k12.csv` exists, and this job did not make it"), "{ended:?}");
    assert_eq!(fs::read(&taken).expect("the file"), b"precious\n");
    fs::remove_file(&taken).expect("removed");
    job.goes_on(&["resuming from checkpoint"]);
    let ended = job.run(&["--fresh"]);
    assert_eq!(ended.code, Some(0), "what this job published it may replace: {ended:?}");
    job.is_as_expected();
}

#[test]
fn starting_over_leaves_no_staged_partition() {
    let job = Stopped::new(Shape::Partitions);
    let staged = staged(&job);
    let ended = job.run(&["--fresh"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(!staged.exists());
    job.is_as_expected();
}

#[test]
fn a_partition_that_was_cut_after_the_end_is_noticed() {
    let job = Stopped::ended(Shape::Partitions);
    change(&job.file("days/2024-01-03/k12.csv"), Vec::clear);
    job.refuses(5, &["the job has finished, but", "k12.csv` is not as it left it", "--fresh"]);
}

#[test]
fn few_open_files_are_enough_for_many_partitions() {
    let job = Stopped::unbegun(Shape::Partitions);
    let script = "ulimit -n 48 && exec \"$0\" run job.toml --threads 2 --chunk-bytes 50000";
    let output = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_onward")])
        .current_dir(job.path())
        .output()
        .expect("a shell");
    assert!(output.status.success(), "{output:?}");
    job.is_as_expected();
}
