//! All that is wrong is told, not only the first of it: each thing in a line of its own, with the file, and with what to do.

use super::{VERIFY, change, check, checkpoint, flip, staged, stopped};
use crate::support::folder;
use crate::support::jobs::{Pace, Shape};
use crate::support::program::{Ended, onward, onward_ends};
use crate::support::random::Random;
use crate::support::report::skip;
use serde_json::Value as Json;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The errors that were told, each with its hint.
pub(super) fn told(ended: &Ended) -> Vec<(String, String)> {
    let mut told: Vec<(String, String)> = Vec::new();
    for line in ended.stderr.lines() {
        if let Some(message) = line.strip_prefix("onward: error: ") {
            told.push((message.to_owned(), String::new()));
        } else if let (Some(hint), Some(last)) = (line.strip_prefix("   hint: "), told.last_mut()) {
            hint.clone_into(&mut last.1);
        }
    }
    told
}

/// Damages a copy of a job, and verifies that exactly this is told, in text and in JSON, each with a hint.
pub(super) fn check_all(job: &TempDir, damage: impl FnOnce(&Path), code: i32, expected: &[&str]) {
    let scratch = folder::scratch_in_memory();
    folder::copy(job.path(), scratch.path());
    damage(scratch.path());
    let ended = onward_ends(scratch.path(), &VERIFY, code);
    let told = told(&ended);
    assert_eq!(told.len(), expected.len(), "{expected:?}: {ended:?}");
    for expected in expected {
        let found = told.iter().filter(|(message, _)| message.contains(expected));
        assert_eq!(found.count(), 1, "`{expected}` is to be said once: {ended:?}");
    }
    assert!(told.iter().all(|(_, hint)| !hint.is_empty()), "{ended:?}");
    let ended = onward_ends(scratch.path(), &[&VERIFY[..], &["--json"]].concat(), code);
    let json: Json = serde_json::from_slice(&ended.stdout).expect("JSON");
    assert_eq!(json["valid"], false, "{json}");
    let problems = json["problems"].as_array().expect("a list");
    let in_json: Vec<(String, String)> = problems
        .iter()
        .map(|one| {
            let text = |key: &str| one[key].as_str().expect("a text").to_owned();
            (text("problem"), text("hint"))
        })
        .collect();
    assert_eq!(in_json, told, "{json}");
}

pub(super) fn remove(path: &Path) {
    fs::remove_file(path).expect("removed");
}

#[test]
fn all_damaged_inputs_outputs_and_checkpoints_are_told_at_once() {
    let job = stopped(Shape::Several);
    check_all(
        &job,
        |folder| {
            flip(&folder.join("in-1.csv"), 100);
            remove(&folder.join("in-2.csv"));
            change(&folder.join("in-3.csv"), |bytes| bytes.truncate(50));
            flip(&staged(folder), 9);
            flip(&checkpoint(folder, 1), 100);
        },
        5,
        &[
            "`in-1.csv` begins with other bytes",
            "`in-2.csv` is gone",
            "`in-3.csv` is shorter",
            ".partial` does not hold what checkpoint 3 had written: its bytes are others",
            "checkpoint 1 is not usable",
        ],
    );
    let job = stopped(Shape::Sort);
    check_all(
        &job,
        |folder| {
            flip(&folder.join("in.csv"), 100);
            change(&folder.join("days.csv"), |bytes| bytes.extend(b"x,y\n"));
        },
        5,
        &["`in.csv` begins with other bytes", "`days.csv`, which a lookup reads, has changed"],
    );
    let job = stopped(Shape::Partitions);
    onward_ends(job.path(), &["run", "job.toml"], 0);
    check_all(
        &job,
        |folder| {
            flip(&folder.join("large.csv"), 20);
            remove(&folder.join("days/2024-01-00/k1.csv"));
            change(&folder.join("rest-k21.jsonl"), |bytes| bytes.push(b'\n'));
        },
        5,
        &["large.csv`", "k1.csv` does not hold", "rest-k21.jsonl` does not hold"],
    );
}

/// A job of the committed ones that was killed when its output had got its name, and before a checkpoint said so.
pub(super) fn publishing() -> TempDir {
    let set = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/checkpoints/0.1.0");
    let scratch = folder::scratch_in_memory();
    for (path, bytes) in folder::files(&set.join("publishing/left")) {
        folder::write(&scratch.path().join(path), &bytes);
    }
    for (name, from) in [("in.csv", "in.csv"), ("job.toml", "publishing/job.toml")] {
        folder::write(&scratch.path().join(name), &fs::read(set.join(from)).expect("a file"));
    }
    set_mode(&scratch.path().join("checkpoints"), 0o700);
    for name in folder::names(&scratch.path().join("checkpoints")) {
        set_mode(&scratch.path().join("checkpoints").join(name), 0o600);
    }
    scratch
}

/// Takes the output its name again: the job was killed a moment earlier.
fn unnamed(folder: &Path) -> PathBuf {
    let ended = onward_ends(folder, &["checkpoint", "show", "job.toml", "--json"], 0);
    let shown: Json = serde_json::from_slice(&ended.stdout).expect("JSON");
    assert_eq!(shown["manifest"]["phase"], "publishing");
    let instance = shown["manifest"]["instance"].as_str().expect("a text");
    let staged = folder.join(format!(".out.csv.onward-{instance}.partial"));
    fs::rename(folder.join("out.csv"), &staged).expect("renamed");
    staged
}

#[test]
fn an_output_that_is_to_get_its_name_is_compared_wholly() {
    let named = publishing();
    onward_ends(named.path(), &VERIFY, 0);
    let job = publishing();
    let length = fs::metadata(unnamed(job.path())).expect("there").len();
    onward_ends(job.path(), &VERIFY, 0);
    let said = "does not hold what checkpoint 2 had written";
    let too_long = |path: &Path| change(path, |bytes| bytes.push(b'x'));
    let too_short = |path: &Path| change(path, |bytes| bytes.truncate(bytes.len() - 1));
    let has =
        |found: u64| format!("{said}: it has {found} bytes; the checkpoint had written {length}");
    let other = format!("{said}: its bytes are others");
    let out = |folder: &Path| folder.join("out.csv");
    for (job, file) in [(&job, &staged as &dyn Fn(&Path) -> PathBuf), (&named, &out)] {
        check_all(job, |folder| too_long(&file(folder)), 5, &[&has(length + 1)]);
        check_all(job, |folder| too_short(&file(folder)), 5, &[&has(length - 1)]);
        check_all(job, |folder| flip(&file(folder), 3), 5, &[&other]);
        check_all(job, |folder| remove(&file(folder)), 5, &["it is gone"]);
    }
    // A run refuses the same, and leaves everything as it is; with the right bytes it finishes.
    let whole = fs::read(staged(job.path())).expect("readable");
    too_long(&staged(job.path()));
    let before = without_lock(folder::files(job.path()));
    onward_ends(job.path(), &["run", "job.toml"], 5);
    let difference = folder::difference(&before, &without_lock(folder::files(job.path())));
    assert!(difference.is_empty(), "{difference}");
    fs::write(staged(job.path()), &whole).expect("written");
    onward_ends(job.path(), &["run", "job.toml"], 0);
    assert_eq!(fs::read(out(job.path())).expect("readable"), whole);
}

fn without_lock(files: folder::Files) -> folder::Files {
    files
        .into_iter()
        .filter(|(path, _)| !path.contains("/LOCK") && !path.ends_with(".tmp"))
        .collect()
}

/// A job with two checkpoints and copies of them.
pub(super) fn copied() -> TempDir {
    // A copy passes over a checkpoint that the next one follows too quickly: again, until it has both.
    let has_both = |job: &TempDir| {
        let names = folder::names(&job.path().join("mount/copies"));
        names.iter().filter(|name| name.starts_with("ckpt-")).count() == 2
    };
    let mut jobs = std::iter::repeat_with(copied_once).take(100);
    let job = jobs.find(has_both).expect("a copy of both checkpoints");
    onward_ends(job.path(), &VERIFY, 0);
    job
}

fn copied_once() -> TempDir {
    let job = folder::scratch_in_memory();
    Shape::Plain.make(job.path(), Pace::Never, 10_000, &mut Random::new(7));
    let path = job.path().join("job.toml");
    change(&path, |bytes| bytes.extend(b"copies = [\"mount/copies\"]\n"));
    fs::create_dir(job.path().join("mount")).expect("a folder");
    let run = ["run", "job.toml", "--chunk-bytes", "5000", "--stop-after-barriers", "2"];
    onward_ends(job.path(), &run, 75);
    job
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("ours");
}

/// What is done to the files of a job.
type Damage<'a> = &'a dyn Fn(&Path);

#[test]
fn copies_are_told_as_a_run_would_find_them() {
    let job = copied();
    let with = |damage: Damage, more: &[&str], code: i32| {
        let scratch = folder::scratch_in_memory();
        folder::copy(job.path(), scratch.path());
        damage(scratch.path());
        let verified = onward_ends(scratch.path(), &[&VERIFY[..], more].concat(), code);
        // What it can do without is told, and it finishes; what it cannot is refused with the same sentence.
        let ran = onward(scratch.path(), &[&["run", "job.toml"], more].concat());
        assert_eq!(ran.code == Some(0), code == 0, "{verified:?} {ran:?}");
        let text = String::from_utf8_lossy(&verified.stdout).into_owned() + &verified.stderr;
        (text, ran.stderr)
    };
    let require = ["--set", "checkpoint.require_copies=true"];
    let open = |folder: &Path| set_mode(&folder.join("mount/copies"), 0o777);
    let file = |folder: &Path| {
        fs::remove_dir_all(folder.join("mount")).expect("removed");
        folder::write(&folder.join("mount"), b"mine");
    };
    let unmounted = |folder: &Path| fs::remove_dir_all(folder.join("mount")).expect("removed");
    let damages: [(Damage, &str); 3] = [
        (&open, "others may write in it"),
        (&file, "mount` is not a folder"),
        (&unmounted, "mount` is not there"),
    ];
    for (damage, said) in damages {
        for (more, code) in [(&[][..], 0), (&require[..], 1)] {
            let (verified, ran) = with(damage, more, code);
            assert!(verified.contains(said) && ran.contains(said), "{said}: {verified} {ran}");
        }
    }
    // The folder itself is made again.
    let none = |folder: &Path| fs::remove_dir_all(folder.join("mount/copies")).expect("removed");
    let (verified, _) = with(&none, &require, 0);
    assert!(verified.contains("mount/copies` are not there"), "{verified}");
    // Somebody else's copies stand there.
    let others = |folder: &Path| {
        let other = copied();
        let renamed = other.path().join("other.toml");
        fs::rename(other.path().join("job.toml"), &renamed).expect("renamed");
        fs::remove_dir_all(other.path().join("mount/copies")).expect("removed");
        onward_ends(other.path(), &["run", "other.toml"], 0);
        fs::remove_dir_all(folder.join("mount")).expect("removed");
        folder::copy(&other.path().join("mount"), &folder.join("mount"));
        set_mode(&folder.join("mount/copies"), 0o700);
    };
    let (verified, ran) = with(&others, &[], 5);
    let said = "holds the checkpoints of another job, `other`";
    assert!(verified.contains(said) && ran.contains(said), "{verified} {ran}");
}

#[test]
fn who_may_write_and_whose_files_are_is_told_as_a_run_would() {
    let job = stopped(Shape::Plain);
    let own = |folder: &Path| folder.join(".onward/job");
    let mode = |path: PathBuf, mode| set_mode(&path, mode);
    let others = "others may write it (mode 0666)";
    check_all(&job, |folder| mode(checkpoint(folder, 2), 0o666), 5, &[others]);
    check_all(&job, |folder| mode(checkpoint(folder, 3), 0o777), 5, &["(mode 0777)"]);
    // What all can read, and only we can write, is ours.
    let scratch = folder::scratch_in_memory();
    folder::copy(job.path(), scratch.path());
    set_mode(&checkpoint(scratch.path(), 3), 0o644);
    onward_ends(scratch.path(), &VERIFY, 0);
    check_all(&job, |folder| mode(own(folder), 0o777), 2, &["others may write in it"]);
    if !rustix::process::geteuid().is_root() {
        return skip("only root can give files away");
    }
    let give = |path: PathBuf| chown(path, Some(12_345), None).expect("given away");
    check_all(&job, |folder| give(checkpoint(folder, 3)), 5, &["it belongs to another user"]);
    check_all(&job, |folder| give(own(folder)), 2, &["it belongs to another user"]);
    let said = "belongs to another user";
    let ended = check(&job, |folder| give(checkpoint(folder, 1)), said);
    assert!(ended.stderr.contains("--unsafe-dir"), "{ended:?}");
}

#[test]
fn what_cannot_be_looked_at_is_told_in_json_too() {
    let json = |folder: &Path, code: i32, said: &str| {
        let ended = onward_ends(folder, &[&VERIFY[..], &["--json"]].concat(), code);
        let json: Json = serde_json::from_slice(&ended.stdout).expect("JSON");
        assert_eq!((&json["valid"], &json["job"]), (&Json::from(false), &Json::from("job")));
        assert!(json["problem"].as_str().expect("a text").contains(said), "{json}");
        assert!(ended.stderr.contains(said), "{ended:?}");
    };
    let job = stopped(Shape::Plain);
    let own = job.path().join(".onward/job");
    set_mode(&own, 0o777);
    json(job.path(), 2, "others may write in it");
    set_mode(&own, 0o700);
    json(stopped_without_checkpoints().path(), 1, "has no checkpoints");
    // A folder in its place cannot be read as a file, whoever asks.
    remove(&checkpoint(job.path(), 3));
    fs::create_dir(checkpoint(job.path(), 3)).expect("made");
    json(job.path(), 5, "it is not a regular file");
}

fn stopped_without_checkpoints() -> TempDir {
    let scratch = folder::scratch_in_memory();
    Shape::Plain.make(scratch.path(), Pace::Never, 10, &mut Random::new(7));
    scratch
}
