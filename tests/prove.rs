//! `onward prove`: real processes are killed, gone on with and compared, nothing of the job is touched, and what is
//! different is told.

mod stops;

use crate::support::folder::{self, Files};
use crate::support::jobs::{Pace, Shape};
use crate::support::program::{Ended, Running, onward, spawn};
use crate::support::random::Random;
use crate::support::report::count;
use rustix::process::Signal;
use std::fs;
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn job(shape: Shape, records: u64) -> TempDir {
    let scratch = folder::scratch_in_memory();
    shape.make(scratch.path(), Pace::Never, records, &mut Random::new(11));
    scratch
}

fn prove(folder: &Path, more: &[&str]) -> Ended {
    onward(folder, &[&["prove", "job.toml"], more].concat())
}

/// All files, those of checkpoints too, but the note of who held the lock last.
fn everything(folder: &Path) -> Files {
    let paths = folder::paths(folder).into_iter().filter(|path| !path.contains("/LOCK"));
    paths.map(|path| (path.clone(), fs::read(folder.join(path)).expect("a file"))).collect()
}

#[test]
fn jobs_of_all_shapes_are_proven_and_stay_as_they_are() {
    let mut kills = 0;
    for shape in Shape::ALL {
        let scratch = job(shape, 6000);
        // One that is under way already, and whose outputs are partly there.
        let stopped = ["run", "job.toml", "--chunk-bytes", "5000", "--stop-after-barriers", "3"];
        assert_eq!(onward(scratch.path(), &stopped).code, Some(75), "{shape:?}");
        let before = everything(scratch.path());
        let ended = prove(scratch.path(), &["--kills", "3", "--seed", "5", "--json"]);
        assert_eq!(ended.code, Some(0), "{shape:?}: {ended:?}");
        let said: serde_json::Value = serde_json::from_slice(&ended.stdout).expect("JSON");
        assert_eq!(said["identical"], true, "{shape:?}: {said}");
        assert_eq!(said["seed"], 5);
        let lines = said["kills"].as_array().expect("a list");
        assert_eq!(lines.len(), 3, "{shape:?}: {said}");
        kills += lines.iter().filter(|line| line["killed"] == true).count();
        assert!(!said["outputs"].as_array().expect("a list").is_empty(), "{shape:?}: {said}");
        let difference = folder::difference(&before, &everything(scratch.path()));
        assert!(difference.is_empty(), "{shape:?}: {difference}");
    }
    count(&format!("prove: {kills} kills of {} jobs", Shape::ALL.len()));
    assert!(kills >= 2 * Shape::ALL.len(), "{kills} kills");
}

/// The scratch folders of proofs in a folder.
fn scratch_folders(folder: &Path) -> Vec<PathBuf> {
    let names = folder::names(folder).into_iter();
    names.filter(|name| name.starts_with(".onward-prove-")).map(|name| folder.join(name)).collect()
}

/// The staged output of the undisturbed run, as soon as it has so many bytes.
fn staged(folder: &Path, bytes: u64) -> Option<PathBuf> {
    let outputs = scratch_folders(folder).pop()?.join("undisturbed/outputs/0");
    let names = fs::read_dir(outputs).ok()?.filter_map(Result::ok).map(|entry| entry.path());
    let mut staged = names.filter(|path| path.to_string_lossy().ends_with(".partial"));
    staged.find(|path| fs::metadata(path).is_ok_and(|metadata| metadata.len() >= bytes))
}

/// Starts a proof, and comes back when its first run writes.
fn under_way(folder: &Path, more: &[&str]) -> Running {
    let mut running = spawn(folder, &[&["prove", "job.toml"], more].concat());
    assert!(running.until(|| staged(folder, 1000).is_some()), "{:?}", running.end());
    running
}

/// Changes a byte that the first run has written: every other one gives something else then.
fn spoil(folder: &Path) {
    let path = staged(folder, 1000).expect("a file");
    let file = fs::File::options().write(true).open(path).expect("opened");
    file.write_all_at(b"X", 7).expect("written");
}

#[test]
fn an_outcome_that_is_not_the_same_is_told_and_kept() {
    let scratch = job(Shape::Plain, 200_000);
    let running = under_way(scratch.path(), &["--kills", "2"]);
    spoil(scratch.path());
    let ended = running.end();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let said = "onward: error: 2 of 2 outcomes are not identical: after kill 1 `0/out.csv` has \
                other bytes";
    assert!(ended.stderr.contains(said), "{ended:?}");
    assert!(String::from_utf8_lossy(&ended.stdout).contains("  NO\n"), "{ended:?}");
    let kept = scratch_folders(scratch.path());
    assert!(ended.stderr.contains(&kept[0].display().to_string()), "{ended:?}");
    assert!(kept[0].join("kill-2/outputs/0/out.csv").exists());
}

#[test]
fn whoever_is_stopped_leaves_nothing_behind() {
    let scratch = job(Shape::Plain, 200_000);
    let before = everything(scratch.path());
    let mut running = spawn(scratch.path(), &["prove", "job.toml", "--kills", "50"]);
    assert!(running.until(|| staged(scratch.path(), 1000).is_some()));
    running.signal(Signal::TERM);
    let ended = running.end();
    assert_eq!(ended.code, Some(143), "{ended:?}");
    let difference = folder::difference(&before, &everything(scratch.path()));
    assert!(difference.is_empty(), "{difference}");
}

#[test]
fn what_cannot_be_proven_is_refused_with_a_sentence() {
    let check = |change: &[&str], code: i32, said: &str| {
        let scratch = job(Shape::Plain, 50);
        let before = everything(scratch.path());
        let ended = prove(scratch.path(), change);
        assert_eq!(ended.code, Some(code), "{change:?}: {ended:?}");
        assert!(ended.stderr.contains(said), "{change:?}: {ended:?}");
        let difference = folder::difference(&before, &everything(scratch.path()));
        assert!(difference.is_empty(), "{change:?}: {difference}");
    };
    check(&["--set", "sink.path=-", "--set", "sink.format=csv"], 2, "goes to `-` cannot be");
    check(&["--set", "source.path=none.csv"], 2, "none.csv");
    check(&["--set", "source.pth=in.csv"], 2, "pth");
    check(&["--scratch", "not/there"], 2, "cannot make the folder");
    check(&["--kills", "0"], 2, "--kills");
    check(&["--set", "transform.0.filter=amount > 'x'"], 2, "--set");
    // What only a run finds: too many rejects.
    let faulty = ["--set", "source.types.key=bigint", "--set", "transform.0.filter=key > 1"];
    check(&faulty, 1, "the undisturbed run ended with exit code 4");
}

#[test]
fn patterns_must_not_find_what_is_written() {
    let scratch = job(Shape::Plain, 50);
    let elsewhere = folder::scratch_in_memory();
    let other = scratch.path().join(".a/b/outputs/c/inner.csv");
    folder::write(&other, &fs::read(scratch.path().join("in.csv")).expect("an input"));
    let source = "source.path=[\"in.csv\", \".*/*/outputs/*/in*.csv\"]";
    let pattern = ["--set", source, "--set", "sink.path=inner.csv"];
    let ended = prove(scratch.path(), &pattern);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("the inputs changed while the job ran"), "{ended:?}");
    let path = elsewhere.path().to_str().expect("a path");
    let ended =
        prove(scratch.path(), &[&pattern[..], &["--kills", "2", "--scratch", path]].concat());
    assert!(!ended.stderr.contains("the inputs changed"), "{ended:?}");
    assert_eq!(folder::names(elsewhere.path()), Vec::<String>::new());
}

#[test]
fn jobs_with_now_copies_rounds_and_links_are_proven_without_touching_them() {
    let scratch = job(Shape::Plain, 20_000);
    let target = scratch.path().join("elsewhere.csv");
    folder::write(&target, b"not yours\n");
    symlink(&target, scratch.path().join("out.csv")).expect("linked");
    fs::create_dir(scratch.path().join("copies")).expect("a folder");
    let job = r#"
[source]
path = "in.csv"
mode = "incremental"
[[transform]]
compute = ["now() AS made"]
[sink]
path = "parts/part-{run}.csv"
[rejects]
path = "/not/there/rejects.jsonl"
limit = 10
[checkpoint]
copies = ["copies"]
require_copies = true
"#;
    // Its name looks like an option.
    folder::write(&scratch.path().join("-x.toml"), job.as_bytes());
    let before = everything(scratch.path());
    let ended = onward(scratch.path(), &["prove", "--kills", "4", "--seed", "1", "--", "-x.toml"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let difference = folder::difference(&before, &everything(scratch.path()));
    assert!(difference.is_empty(), "{difference}");
    assert!(!scratch.path().join("parts").exists());
}

#[test]
fn a_proof_that_goes_wrong_midway_says_why_and_what_it_found() {
    // Somebody changes the input of a proof that is under way.
    let scratch = job(Shape::Plain, 200_000);
    let mut running = spawn(scratch.path(), &["prove", "job.toml", "--kills", "50"]);
    assert!(running.until(|| staged(scratch.path(), 1000).is_some()));
    let input = fs::OpenOptions::new().append(true).open(scratch.path().join("in.csv"));
    input.expect("opened").set_modified(std::time::UNIX_EPOCH).expect("changed");
    let ended = running.end();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("a file is not what it was"), "{ended:?}");
    assert!(!ended.stderr.contains("not identical"), "{ended:?}");
    assert_eq!(scratch_folders(scratch.path()), Vec::<PathBuf>::new());
    // A difference that was found is kept though the proof is stopped.
    let scratch = job(Shape::Plain, 200_000);
    let mut running = under_way(scratch.path(), &["--kills", "1000"]);
    spoil(scratch.path());
    let is_there = |name: &str| {
        scratch_folders(scratch.path()).iter().any(|folder| folder.join(name).exists())
    };
    assert!(running.until(|| is_there("kill-2")));
    running.signal(Signal::TERM);
    let ended = running.end();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("not identical: after kill 1"), "{ended:?}");
    assert!(ended.stderr.contains("it was stopped before all kills were done"), "{ended:?}");
    assert!(is_there("kill-1/outputs/0/out.csv"), "{ended:?}");
}

#[test]
fn what_a_rehearsal_is_told_changes_no_real_run() {
    let scratch = job(Shape::Plain, 50);
    let before = everything(scratch.path());
    let arguments = [
        ("--wall-micros=0", 2),
        ("--progress-period=1ms", 2),
        ("--parent=1", 2),
        ("--redirect=nope", 1),
    ];
    for (argument, code) in arguments {
        let ended = onward(scratch.path(), &["run", "job.toml", argument]);
        assert_eq!(ended.code, Some(code), "{argument}: {ended:?}");
        let difference = folder::difference(&before, &everything(scratch.path()));
        assert!(difference.is_empty(), "{argument}: {difference}");
    }
}
