//! What a run refuses `plan` tells in the same words, and `checkpoint verify` finds: in the same words, too, but for what it
//! looks at more closely. What a run goes on with both let pass. Only who owns the lock is seen by nobody but a run.

use super::everything::{check_all, copied, publishing, remove, told};
use super::{VERIFY, change, flip, staged, stopped};
use crate::support::folder;
use crate::support::jobs::{Pace, Shape};
use crate::support::program::{mistakes, onward, onward_ends, path};
use crate::support::random::Random;
use crate::support::report::skip;
use serde_json::Value as Json;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Damages a copy of a job; run, verify and plan end with this code, and what the run says verify says, too, with its hint.
fn check(job: &TempDir, damage: impl FnOnce(&Path), code: i32) {
    check_words(job, damage, code, Words::Same);
}

/// Whether `verify` says it as a run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Words {
    Same,
    Own,
}

fn check_words(job: &TempDir, damage: impl FnOnce(&Path), code: i32, words: Words) {
    let scratch = folder::scratch_in_memory();
    folder::copy(job.path(), scratch.path());
    damage(scratch.path());
    let plan = onward_ends(scratch.path(), &["plan", "job.toml"], code);
    let verified = onward_ends(scratch.path(), &VERIFY, code);
    let ran = onward_ends(scratch.path(), &["run", "job.toml"], code);
    let refused = told(&ran);
    assert_eq!(refused.len(), usize::from(code != 0), "{ran:?}");
    for (message, hint) in &refused {
        assert!(!hint.is_empty(), "{ran:?}");
        let is_told =
            words == Words::Own || told(&verified).contains(&(message.clone(), hint.clone()));
        assert!(is_told, "`{message}` ({hint}) is to be told: {verified:?}");
        let plan = String::from_utf8_lossy(&plan.stdout);
        assert!(plan.contains(message) && plan.contains(hint), "{message}: {plan}");
    }
}

/// What the newest checkpoint says of how far the job is.
fn phase(folder: &Path) -> String {
    let ended = onward(folder, &["checkpoint", "show", "job.toml", "--json"]);
    let shown: Json = serde_json::from_slice(&ended.stdout).unwrap_or_default();
    shown["manifest"]["phase"].as_str().unwrap_or_default().to_owned()
}

/// A job with a lookup that was killed when all was written, before a checkpoint said that its output had its name; `None`
/// where nothing can be traced.
fn publishing_with_lookup() -> Option<TempDir> {
    for when in 2..20 {
        let scratch = folder::scratch_in_memory();
        Shape::Sort.make(scratch.path(), Pace::Never, 100, &mut Random::new(7));
        let inject = format!("inject=renameat2:error=EIO:signal=KILL:when={when}");
        let ended = Command::new("strace")
            .args(["-f", "-o", "/dev/null", "-e", "trace=renameat2", "-e", &inject])
            .arg(path())
            .args(["run", "job.toml"])
            .current_dir(scratch.path())
            .env_clear()
            .envs(mistakes())
            .stdin(Stdio::null())
            .output();
        if ended.is_err() {
            break;
        }
        if phase(scratch.path()) == "publishing" {
            return Some(scratch);
        }
    }
    skip("no run can be killed between two names here");
    None
}

#[test]
fn of_what_only_waits_for_its_name_nobody_misses_inputs() {
    let job = publishing();
    check(&job, |_| {}, 0);
    check(&job, |folder| flip(&folder.join("in.csv"), 100), 0);
    check(&job, |folder| remove(&folder.join("in.csv")), 0);
    // Another job needs them again.
    let other = |folder: &Path| {
        change(&folder.join("job.toml"), |text| text.extend(b"\n[[transform]]\nlimit = 9\n"));
    };
    check(&job, other, 5);
    let Some(job) = publishing_with_lookup() else { return };
    let days = |folder: &Path| folder.join("days.csv");
    check(&job, |folder| remove(&days(folder)), 0);
    check(&job, |folder| change(&days(folder), |text| text.extend(b"x,y\n")), 0);
    check(&job, |folder| remove(&folder.join("in.csv")), 0);
}

#[test]
fn a_refusal_has_the_hint_that_a_run_gives() {
    let job = stopped(Shape::Plain);
    check(&job, |_| {}, 0);
    check(&job, |folder| flip(&folder.join("in.csv"), 100), 5);
    check_words(&job, |folder| remove(&folder.join("in.csv")), 5, Words::Own);
    let shorter = |folder: &Path| change(&staged(folder), |bytes| bytes.truncate(900));
    check_words(&job, shorter, 5, Words::Own);
    check(&job, limited, 5);
    let ended = check_hint(&job);
    assert!(ended.contains("(drops 3 checkpoints)"), "{ended}");
    let job = stopped(Shape::Sort);
    check(&job, |folder| remove(&folder.join("days.csv")), 5);
    check(&job, |folder| change(&folder.join("days.csv"), |text| text.extend(b"x,y\n")), 5);
    onward_ends(job.path(), &["run", "job.toml"], 0);
    check(&job, |folder| flip(&folder.join("in.csv"), 100), 5);
    let shorter = |folder: &Path| change(&folder.join("out.csv"), |bytes| bytes.truncate(9));
    check_words(&job, shorter, 5, Words::Own);
}

fn check_hint(job: &TempDir) -> String {
    let scratch = folder::scratch_in_memory();
    folder::copy(job.path(), scratch.path());
    flip(&scratch.path().join("in.csv"), 100);
    onward_ends(scratch.path(), &VERIFY, 5).stderr
}

/// Another filter, and another step.
fn limited(folder: &Path) {
    change(&folder.join("job.toml"), |bytes| {
        let text = String::from_utf8_lossy(bytes).replace("amount > 10", "amount > 20");
        *bytes = text.replace("upper(note)", "lower(note)").into_bytes();
    });
}

/// A job with two outputs, stopped in the middle.
fn two_outputs() -> TempDir {
    let job = folder::scratch_in_memory();
    Shape::Plain.make(job.path(), Pace::Never, 10_000, &mut Random::new(7));
    let sink =
        "[[sink]]\nname = \"a\"\npath = \"a.csv\"\n\n[[sink]]\nname = \"b\"\npath = \"b.csv\"\n";
    change(&job.path().join("job.toml"), |bytes| {
        let text = String::from_utf8_lossy(bytes);
        *bytes = text.replace("[sink]\npath = \"out.csv\"\n", sink).into_bytes();
    });
    let run = ["run", "job.toml", "--chunk-bytes", "5000", "--stop-after-barriers", "3"];
    onward_ends(job.path(), &run, 75);
    job
}

fn staged_of(folder: &Path, name: &str) -> std::path::PathBuf {
    folder::only(folder, |file| file.starts_with(&format!(".{name}.onward-")))
}

#[test]
fn of_two_outputs_each_is_told_with_what_is_wrong_with_it() {
    let job = two_outputs();
    let linked = |folder: &Path| {
        fs::hard_link(staged_of(folder, "a.csv"), folder.join("another")).expect("linked");
    };
    check(&job, linked, 5);
    let both = |folder: &Path| {
        linked(folder);
        flip(&staged_of(folder, "b.csv"), 9);
    };
    let of_b = "b.csv.onward-";
    check_all(&job, both, 5, &["the unfinished output `a.csv`", of_b]);
    // One that is shorter is told once, not once as compared and once as a run refuses it.
    let shorter = |folder: &Path| {
        linked(folder);
        change(&staged_of(folder, "b.csv"), |bytes| bytes.truncate(9));
    };
    check_all(&job, shorter, 5, &["the unfinished output `a.csv`", of_b]);
}

#[test]
fn what_is_wrong_with_one_thing_hides_nothing_of_another() {
    let job = stopped(Shape::Plain);
    let changed = |folder: &Path| {
        limited(folder);
        flip(&folder.join("in.csv"), 100);
        flip(&staged(folder), 9);
    };
    let filter = "`transform.0.filter` is";
    let compute = "`transform.1.compute` is";
    let output = "its bytes are others";
    check_all(&job, changed, 5, &[filter, compute, "`in.csv` begins with other bytes", output]);
    let replaced = |folder: &Path| {
        remove(&folder.join("in.csv"));
        fs::create_dir(folder.join("in.csv")).expect("made");
        flip(&staged(folder), 9);
    };
    check_all(&job, replaced, 5, &["`in.csv` is a folder", output]);
    let job = stopped(Shape::Several);
    let several = |folder: &Path| {
        remove(&folder.join("in-1.csv"));
        fs::create_dir(folder.join("in-1.csv")).expect("made");
        flip(&folder.join("in-2.csv"), 100);
        remove(&folder.join("in-3.csv"));
        flip(&staged(folder), 9);
    };
    // A pattern finds files alone.
    let first = "`in-1.csv` is gone";
    check_all(&job, several, 5, &[first, "`in-2.csv` begins", "`in-3.csv` is gone", output]);
}

#[test]
fn what_a_run_takes_from_a_copy_is_verified_there() {
    let job = copied();
    let emptied = |folder: &Path| {
        let own = folder.join(".onward/job");
        for name in folder::names(&own).iter().filter(|name| name.starts_with("ckpt-")) {
            remove(&own.join(name));
        }
    };
    check(&job, emptied, 0);
    let scratch = folder::scratch_in_memory();
    folder::copy(job.path(), scratch.path());
    emptied(scratch.path());
    let ended = onward_ends(scratch.path(), &VERIFY, 0);
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(said.starts_with("job: checkpoint 2 is whole; job, inputs and outputs fit"), "{said}");
    let both = |folder: &Path| {
        emptied(folder);
        flip(&folder.join("in.csv"), 100);
        flip(&staged(folder), 9);
        let copies = folder.join("mount/copies");
        let first = folder::names(&copies).into_iter().find(|name| name.starts_with("ckpt-"));
        flip(&copies.join(first.expect("a copy")), 100);
    };
    check_all(
        &job,
        both,
        5,
        &["checkpoint 1 is not usable", "`in.csv` begins", "its bytes are others"],
    );
}
