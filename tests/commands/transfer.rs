//! `checkpoint export`, `import` and `fork`: a job goes on elsewhere, to the same end.

use super::{JOB, answer, check_says, csv, job_of, json, said, stopped};
use crate::support::folder::{self, Files};
use crate::support::jobs::{Pace, Shape};
use crate::support::program::{onward, onward_ends};
use crate::support::random::Random;
use crate::support::report::count;
use std::fs;
use std::path::Path;

const EXPORT: [&str; 5] = ["checkpoint", "export", "job.toml", "--to", "../it.export"];

/// A folder with a job of a shape.
fn made(shape: Shape, folder: &Path) {
    shape.make(folder, Pace::Never, 3000, &mut Random::new(13));
}

fn finish(folder: &Path, job: &str) {
    let ended = onward(folder, &["run", job]);
    assert!(matches!(ended.code, Some(0 | 3)), "{ended:?}");
}

fn go_on(folder: &Path) {
    let stop = ["run", "job.toml", "--chunk-bytes", "9000", "--stop-after-barriers", "4"];
    onward_ends(folder, &stop, 75);
}

fn check_same(expected: &Files, folder: &Path, what: &str) {
    let difference = folder::difference(expected, &folder::files(folder));
    assert!(difference.is_empty(), "{what}: {difference}");
}

#[test]
fn an_exported_job_ends_elsewhere_as_it_would_have_ended_here() {
    for shape in Shape::ALL {
        let scratch = folder::scratch_in_memory();
        let [here, there, undisturbed] =
            ["here", "there", "undisturbed"].map(|name| scratch.path().join(name));
        for folder in [&here, &there, &undisturbed] {
            made(shape, folder);
        }
        finish(&undisturbed, "job.toml");
        go_on(&here);
        answer(&here, &EXPORT, 0);
        let import = ["checkpoint", "import", "job.toml", "../it.export", "--json"];
        let imported = json(&there, &import, 0);
        let records = imported["records_read"].as_u64().expect("a count");
        assert!(records > 0, "{shape:?}: {imported}");
        let ended = onward(&there, &["run", "job.toml"]);
        check_says(&ended.stderr, &["resuming from checkpoint "]);
        check_same(&folder::files(&undisturbed), &there, &format!("{shape:?} there"));
        finish(&here, "job.toml");
        check_same(&folder::files(&undisturbed), &here, &format!("{shape:?} here"));
    }
}

#[test]
fn an_import_that_was_stopped_is_repeated_and_never_taken_for_a_new_job() {
    let scratch = folder::scratch_in_memory();
    let (here, there) = (scratch.path().join("here"), scratch.path().join("there"));
    for folder in [&here, &there] {
        made(Shape::Dedup, folder);
    }
    let stop = ["run", "job.toml", "--chunk-bytes", "1500", "--stop-after-barriers", "3"];
    for _ in 0..3 {
        onward_ends(&here, &stop, 75);
    }
    answer(&here, &EXPORT, 0);
    let import = ["checkpoint", "import", "job.toml", "../it.export"];
    answer(&there, &import, 0);
    let own = there.join(".onward/job");
    let checkpoints: Vec<String> =
        folder::names(&own).into_iter().filter(|name| name.starts_with("ckpt-")).collect();
    let [base, .., last] = checkpoints.as_slice() else { panic!("no chain: {checkpoints:?}") };
    // As a stop leaves it before the base has its name.
    fs::remove_file(own.join(base)).expect("removed");
    let number = |name: &str| name["ckpt-".len()..name.len() - ".onw".len()].to_owned();
    let mark = format!(".chain-{}.{}.tmp", number(base), number(last));
    folder::write(&own.join(&mark), b"");
    check_says(&said(&there, &["run", "job.toml"], 5), &["no checkpoint is usable"]);
    assert!(own.join(last).exists(), "nothing is removed by a run");
    answer(&there, &import, 0);
    assert!(!own.join(&mark).exists(), "the mark is gone");
    finish(&there, "job.toml");
    finish(&here, "job.toml");
    let [expected, found] =
        [&here, &there].map(|folder| fs::read(folder.join("out.csv")).expect("an output"));
    assert!(expected == found, "{}", folder::bytes_differ(&expected, &found));
    // Without the mark it is a chain that lost its base.
    let damaged = scratch.path().join("damaged");
    made(Shape::Dedup, &damaged);
    answer(&damaged, &import, 0);
    fs::remove_file(damaged.join(".onward/job").join(base)).expect("removed");
    said(&damaged, &["run", "job.toml"], 5);
    check_says(&said(&damaged, &import, 1), &["was started already"]);
    assert!(damaged.join(".onward/job").join(last).exists(), "it stays");
}

/// The unfinished outputs of a folder.
fn unfinished(folder: &Path) -> Vec<String> {
    folder::paths(folder).into_iter().filter(|path| path.ends_with(".partial")).collect()
}

#[test]
fn what_an_import_that_was_killed_left_is_removed_and_nothing_of_others() {
    let mut removed = 0;
    for shape in [Shape::Plain, Shape::Partitions, Shape::Rejects] {
        for next in ["import", "run", "damaged"] {
            let scratch = folder::scratch_in_memory();
            let (here, there) = (scratch.path().join("here"), scratch.path().join("there"));
            for folder in [&here, &there] {
                made(shape, folder);
            }
            go_on(&here);
            answer(&here, &EXPORT, 0);
            let import = ["checkpoint", "import", "job.toml", "../it.export"];
            answer(&there, &import, 0);
            // As a kill leaves it before there is a checkpoint.
            let own = there.join(".onward/job");
            let left = unfinished(&there);
            let instance = left[0].split(".onward-").nth(1).expect("an id").replace(".partial", "");
            let mark = own.join(format!(".arrival-{instance}.0000000000000001.tmp"));
            folder::write(&mark, b"");
            let is_checkpoint = |name: &String| name.starts_with("ckpt-");
            for name in folder::names(&own).into_iter().filter(is_checkpoint) {
                match next {
                    "damaged" => folder::write(&own.join(name), b"damaged"),
                    _ => fs::remove_file(own.join(name)).expect("removed"),
                }
            }
            let other = there.join(format!(".out.csv.onward-{}.partial", "0".repeat(32)));
            folder::write(&other, b"of another job");
            match next {
                "import" => drop(answer(&there, &import, 0)),
                "run" => finish(&there, "job.toml"),
                _ => {
                    said(&there, &["run", "job.toml"], 5);
                    let kept = unfinished(&there);
                    assert!(left.iter().all(|path| kept.contains(path)), "{shape:?}: {kept:?}");
                    assert!(mark.exists(), "{shape:?}: it may be of that start");
                    continue;
                }
            }
            let kept = unfinished(&there);
            assert!(!left.iter().any(|path| kept.contains(path)), "{shape:?} {next}: {kept:?}");
            assert!(!mark.exists(), "{shape:?} {next}");
            finish(&there, "job.toml");
            assert_eq!(unfinished(&there).len(), 1, "{shape:?} {next}");
            assert_eq!(fs::read(&other).expect("of another"), b"of another job");
            fs::remove_file(&other).expect("removed");
            finish(&here, "job.toml");
            check_same(&folder::files(&here), &there, &format!("{shape:?} {next}"));
            removed += left.len();
        }
    }
    count(&format!("transfer: {removed} unfinished outputs were removed"));
    assert!(removed >= 8, "{removed}");
}

#[test]
fn inputs_are_known_by_what_is_in_them() {
    let scratch = folder::scratch_in_memory();
    let (here, there) = (scratch.path().join("here"), scratch.path().join("there"));
    made(Shape::Several, &here);
    go_on(&here);
    answer(&here, &EXPORT, 0);
    finish(&here, "job.toml");
    let job = fs::read_to_string(here.join("job.toml")).expect("a job");
    let job = job.replace("in-*.csv", "data/*.csv").replace("out.jsonl", "result.jsonl");
    folder::write(&there.join("job.toml"), job.as_bytes());
    for (from, to) in [("in-1.csv", "z.csv"), ("in-2.csv", "a.csv"), ("in-3.csv", "m.csv")] {
        let bytes = fs::read(here.join(from)).expect("an input");
        folder::write(&there.join("data").join(to), &bytes);
    }
    let import = ["checkpoint", "import", "job.toml", "../it.export"];
    let text = answer(&there, &import, 0);
    check_says(&text, &["job: `onward run job.toml` goes on from checkpoint 1 at record "]);
    finish(&there, "job.toml");
    let [expected, found] = [here.join("out.jsonl"), there.join("result.jsonl")]
        .map(|path| fs::read(path).expect("an output"));
    assert!(expected == found, "{}", folder::bytes_differ(&expected, &found));
}

#[test]
fn a_fork_ends_like_its_origin_which_stays_as_it_is() {
    for shape in [Shape::Plain, Shape::Aggregate, Shape::Sort] {
        let scratch = folder::scratch_in_memory();
        made(shape, scratch.path());
        go_on(scratch.path());
        let job = fs::read_to_string(scratch.path().join("job.toml")).expect("a job");
        let fork = job.replace("out.csv", "fork.csv");
        folder::write(&scratch.path().join("fork.toml"), fork.as_bytes());
        let before = folder::files(scratch.path());
        answer(scratch.path(), &["checkpoint", "fork", "job.toml", "fork.toml"], 0);
        let after = folder::files(scratch.path());
        let is_kept = |(name, bytes): (&String, &Vec<u8>)| after.get(name) == Some(bytes);
        assert!(before.iter().all(is_kept), "{shape:?}");
        finish(scratch.path(), "fork.toml");
        finish(scratch.path(), "job.toml");
        let [origin, fork] = ["out.csv", "fork.csv"]
            .map(|name| fs::read(scratch.path().join(name)).expect("an output"));
        assert!(origin == fork, "{shape:?}: {}", folder::bytes_differ(&origin, &fork));
        let again = ["checkpoint", "fork", "fork.toml", "fork.toml"];
        said(scratch.path(), &again, 1);
    }
}

#[test]
fn a_savepoint_of_a_finished_job_is_exported_with_what_it_had_published_until_then() {
    let scratch = stopped();
    answer(scratch.path(), &["checkpoint", "now", "job.toml", "--name", "early"], 0);
    onward_ends(scratch.path(), &["run", "job.toml"], 3);
    let export = ["checkpoint", "export", "job.toml", "early", "--to", "early.export"];
    let text = answer(scratch.path(), &export, 0);
    check_says(&text, &["job: exported checkpoint 2, at record 22, to early.export ("]);
    check_says(&said(scratch.path(), &export, 2), &["`early.export` is there already"]);
    let there = job_of(JOB, 100);
    fs::copy(scratch.path().join("early.export"), there.path().join("e")).expect("copied");
    answer(there.path(), &["checkpoint", "import", "job.toml", "e"], 0);
    onward_ends(there.path(), &["run", "job.toml"], 3);
    for output in ["out.csv", "rejects.jsonl"] {
        let [here, there] = [&scratch, &there].map(|scratch| fs::read(scratch.path().join(output)));
        assert_eq!(here.expect("an output"), there.expect("an output"));
    }
    let done = ["checkpoint", "export", "job.toml", "--to", "done.export"];
    check_says(&said(scratch.path(), &done, 1), &["there is nothing to go on from"]);
}

#[test]
fn what_does_not_fit_is_not_imported_and_leaves_nothing() {
    let from = stopped();
    answer(from.path(), &["checkpoint", "export", "job.toml", "--to", "it.export"], 0);
    let other = |job: &str, input: &str| {
        let there = job_of(job, 5);
        folder::write(&there.path().join("in.csv"), input.as_bytes());
        fs::copy(from.path().join("it.export"), there.path().join("e")).expect("copied");
        there
    };
    let import = ["checkpoint", "import", "job.toml", "e"];
    let check = |job: &str, input: &str, code: i32, says: &[&str]| {
        let there = other(job, input);
        let before = folder::files(there.path());
        check_says(&said(there.path(), &import, code), says);
        assert_eq!(folder::difference(&before, &folder::files(there.path())), "");
        let started = there.path().join(".onward/job");
        assert!(!started.exists() || super::checkpoint_files(there.path()).is_empty());
    };
    check(JOB, &csv(99), 5, &["none of the job's inputs holds what `in.csv` held"]);
    check(
        &JOB.replace("decimal(12,2)", "double"),
        &csv(100),
        5,
        &["does not fit this job: `source.types.amount` is", "paths may differ"],
    );
    check(
        &JOB.replace("\"out.csv\"", "\"-\"\nformat = \"csv\""),
        &csv(100),
        2,
        &["a job that writes to `-`"],
    );

    let there = other(JOB, &csv(100));
    folder::write(&there.path().join("out.csv"), b"mine\n");
    check_says(
        &said(there.path(), &import, 2),
        &["`out.csv` exists, and this job did not make it"],
    );
    fs::remove_file(there.path().join("out.csv")).expect("removed");
    answer(there.path(), &import, 0);
    check_says(&said(there.path(), &import, 1), &["`job` was started already"]);
    onward_ends(there.path(), &["run", "job.toml"], 3);
}

#[test]
fn a_damaged_export_is_refused() {
    let from = stopped();
    answer(from.path(), &["checkpoint", "export", "job.toml", "--to", "whole"], 0);
    let whole = fs::read(from.path().join("whole")).expect("an export");
    let there = job_of(JOB, 100);
    let files = folder::paths(there.path());
    let middle = whole.len() / 2;
    let flipped: Vec<u8> =
        whole.iter().enumerate().map(|(at, byte)| byte ^ u8::from(at == middle)).collect();
    let newer: Vec<u8> =
        whole.iter().enumerate().map(|(at, byte)| if at == 8 { 9 } else { *byte }).collect();
    let cases: [(&[u8], &str); 5] = [
        (b"", "it does not begin like one"),
        (b"id,amount,note\n1,2,3\n", "it does not begin like one"),
        (&whole[..middle], "it is cut off"),
        (&flipped, "it is damaged"),
        (&newer, "a newer version of onward wrote it (version 9)"),
    ];
    for (bytes, why) in cases {
        folder::write(&there.path().join("e"), bytes);
        let text = said(there.path(), &["checkpoint", "import", "job.toml", "e"], 5);
        check_says(&text, &["`e` is no usable export: ", why]);
        fs::remove_file(there.path().join("e")).expect("removed");
        assert_eq!(folder::paths(there.path()), files);
    }
    let text = said(there.path(), &["checkpoint", "import", "job.toml", "nothing"], 2);
    check_says(&text, &["cannot open `nothing`"]);
}
