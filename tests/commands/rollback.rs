//! `checkpoint rollback` and `diff`: back to an older checkpoint, and on to the same end.

use super::{JOB, answer, check_says, job_of, json, said, stopped};
use crate::support::folder::{self, Files};
use crate::support::jobs::{Pace, Shape};
use crate::support::program::{onward, onward_ends};
use crate::support::random::Random;
use serde_json::json;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const RECORDS: u64 = 3000;

/// A job of a shape, and its files after an undisturbed run.
fn made(shape: Shape) -> (TempDir, Files) {
    let scratch = folder::scratch_in_memory();
    shape.make(scratch.path(), Pace::Never, RECORDS, &mut Random::new(11));
    let undisturbed = folder::scratch_in_memory();
    folder::copy(scratch.path(), undisturbed.path());
    finish(undisturbed.path());
    let files = folder::files(undisturbed.path());
    (scratch, files)
}

fn finish(folder: &Path) {
    let ended = onward(folder, &["run", "job.toml"]);
    assert!(matches!(ended.code, Some(0 | 3)), "{ended:?}");
}

fn go_on(folder: &Path) {
    let stop = ["run", "job.toml", "--chunk-bytes", "1500", "--stop-after-barriers", "3"];
    onward_ends(folder, &stop, 75);
}

fn rollback(folder: &Path, more: &[&str]) -> serde_json::Value {
    json(folder, &[&["checkpoint", "rollback", "job.toml", "--json"], more].concat(), 0)
}

#[test]
fn a_job_goes_on_from_where_it_was_rolled_back_to_and_ends_the_same() {
    for shape in Shape::ALL {
        let (scratch, expected) = made(shape);
        go_on(scratch.path());
        answer(scratch.path(), &["checkpoint", "now", "job.toml", "--name", "early"], 0);
        go_on(scratch.path());
        go_on(scratch.path());
        let back = rollback(scratch.path(), &["early"]);
        assert_eq!((&back["target"], &back["checkpoint"]), (&json!(2), &json!(5)), "{shape:?}");
        assert_eq!(back["dropped"], json!([4, 3]), "{shape:?}");
        go_on(scratch.path());
        finish(scratch.path());
        let difference = folder::difference(&expected, &folder::files(scratch.path()));
        assert!(difference.is_empty(), "{shape:?}: {difference}");
    }
}

#[test]
fn a_finished_job_goes_back_to_a_savepoint_and_keeps_its_outputs_until_it_publishes_again() {
    for shape in Shape::ALL {
        let (scratch, expected) = made(shape);
        go_on(scratch.path());
        answer(scratch.path(), &["checkpoint", "now", "job.toml", "--name", "early"], 0);
        finish(scratch.path());
        rollback(scratch.path(), &["early"]);
        let files = folder::files(scratch.path());
        let published: Files =
            files.into_iter().filter(|(name, _)| !name.ends_with(".partial")).collect();
        let difference = folder::difference(&expected, &published);
        assert!(difference.is_empty(), "{shape:?}: {difference}");
        finish(scratch.path());
        let difference = folder::difference(&expected, &folder::files(scratch.path()));
        assert!(difference.is_empty(), "{shape:?}: {difference}");
    }
}

#[test]
fn a_finished_job_goes_back_as_often_as_one_likes() {
    const COURSES: [&[&str]; 4] = [
        // To a later one, and once more to that.
        &["second", "third", "third"],
        // To an older one, and on to the last.
        &["third", "first", "third"],
        // A run comes in between; a partition that it has not met is the job's own all the same.
        &["first", "run", "first", "run", "third", "run", "second"],
        &["third", "finish", "second", "run", "finish", "first"],
    ];
    for shape in Shape::ALL {
        let (made, expected) = made(shape);
        for name in ["first", "second", "third"] {
            go_on(made.path());
            answer(made.path(), &["checkpoint", "now", "job.toml", "--name", name], 0);
        }
        finish(made.path());
        for course in COURSES {
            let scratch = folder::scratch_in_memory();
            folder::copy(made.path(), scratch.path());
            for step in course {
                match *step {
                    "run" => go_on(scratch.path()),
                    "finish" => finish(scratch.path()),
                    name => drop(onward_ends(
                        scratch.path(),
                        &["checkpoint", "rollback", "job.toml", name],
                        0,
                    )),
                }
            }
            finish(scratch.path());
            let difference = folder::difference(&expected, &folder::files(scratch.path()));
            assert!(difference.is_empty(), "{shape:?}, {course:?}: {difference}");
        }
    }
}

#[test]
fn what_another_course_wrote_is_not_overwritten() {
    let scratch = job_of(JOB, 9000);
    let stop = ["run", "job.toml", "--chunk-bytes", "30000", "--stop-after-barriers", "2"];
    for name in ["early", "late"] {
        onward_ends(scratch.path(), &stop, 75);
        answer(scratch.path(), &["checkpoint", "now", "job.toml", "--name", name], 0);
    }
    onward_ends(scratch.path(), &["run", "job.toml"], 3);
    answer(scratch.path(), &["checkpoint", "rollback", "job.toml", "early"], 0);
    let job = JOB.replace("amount > 2", "amount > 3");
    folder::write(&scratch.path().join("job.toml"), job.as_bytes());
    onward_ends(scratch.path(), &[&stop[..], &["--accept-changes"]].concat(), 75);
    folder::write(&scratch.path().join("job.toml"), JOB.as_bytes());
    let before = folder::files(scratch.path());
    let text = said(scratch.path(), &["checkpoint", "rollback", "job.toml", "late"], 5);
    check_says(&text, &["out.csv` does not agree with", "older than both courses"]);
    assert_eq!(folder::difference(&before, &folder::files(scratch.path())), "");
    let whole = fs::read(scratch.path().join("out.csv")).expect("an output");
    for name in ["early", "late"] {
        answer(scratch.path(), &["checkpoint", "rollback", "job.toml", name], 0);
    }
    onward_ends(scratch.path(), &["run", "job.toml"], 3);
    assert_eq!(fs::read(scratch.path().join("out.csv")).expect("an output"), whole);
}

#[test]
fn partitions_that_the_other_course_does_not_come_to_stay_as_they_were_published() {
    const JOB: &str = "[source]\npath = \"in.csv\"\ntypes = { id = \"bigint\" }\n[[transform]]\nfilter = \"id >= 0\"\n[sink]\npath = \"out/{tens}.csv\"\npartition_by = [\"tens\"]\n";
    let scratch = folder::scratch_in_memory();
    let rows: String = (0..100).map(|id| format!("{id},{}\n", id / 10)).collect();
    folder::write(&scratch.path().join("in.csv"), format!("id,tens\n{rows}").as_bytes());
    folder::write(&scratch.path().join("job.toml"), JOB.as_bytes());
    let stop = ["run", "job.toml", "--chunk-bytes", "40", "--stop-after-barriers", "2"];
    onward_ends(scratch.path(), &stop, 75);
    answer(scratch.path(), &["checkpoint", "now", "job.toml", "--name", "early"], 0);
    onward_ends(scratch.path(), &["run", "job.toml"], 0);
    answer(scratch.path(), &["checkpoint", "rollback", "job.toml", "early"], 0);
    let read = |name: &str| fs::read(scratch.path().join(name)).expect("a partition");
    let [seven, eight] = ["out/7.csv", "out/8.csv"].map(read);
    let job = JOB.replace("id >= 0", "id % 2 = 0 AND tens <> '8'");
    folder::write(&scratch.path().join("job.toml"), job.as_bytes());
    onward_ends(scratch.path(), &["run", "job.toml", "--accept-changes"], 0);
    assert!(read("out/7.csv").len() < seven.len(), "half of the records");
    assert_eq!(read("out/8.csv"), eight);
}

#[test]
fn without_a_name_it_is_the_one_before_the_newest() {
    let scratch = stopped();
    let text = answer(scratch.path(), &["checkpoint", "rollback", "job.toml"], 0);
    assert_eq!(
        text,
        "job: checkpoint 3 restates checkpoint 1; the next run goes on from record 0; \
         gave up 1 checkpoint: 2\n"
    );
    let text = answer(scratch.path(), &["checkpoint", "rollback", "job.toml", "3"], 0);
    assert_eq!(
        text,
        "job: checkpoint 3 is the newest: the next run goes on from record 0 anyway\n"
    );
    onward_ends(scratch.path(), &["run", "job.toml"], 3);
}

#[test]
fn a_changed_job_acts_from_the_savepoint_on() {
    let scratch = stopped();
    answer(scratch.path(), &["checkpoint", "now", "job.toml", "--name", "before"], 0);
    onward_ends(scratch.path(), &["run", "job.toml"], 3);
    let whole = fs::read(scratch.path().join("out.csv")).expect("an output");
    answer(scratch.path(), &["checkpoint", "rollback", "job.toml", "before"], 0);
    let job = JOB.replace("amount > 2", "amount > 3");
    folder::write(&scratch.path().join("job.toml"), job.as_bytes());
    onward_ends(scratch.path(), &["run", "job.toml"], 5);
    onward_ends(scratch.path(), &["run", "job.toml", "--accept-changes"], 3);
    let changed = fs::read(scratch.path().join("out.csv")).expect("an output");
    assert!(changed.len() < whole.len(), "fewer records are let through from there on");
    // What was written by another job than the one that took a checkpoint is never joined with it.
    let same = whole.iter().zip(&changed).take_while(|(left, right)| left == right).count();
    assert!(same > 90, "{same} bytes are the same");
}

#[test]
fn there_must_be_something_to_go_back_to() {
    let scratch = job_of(JOB, 30);
    onward_ends(scratch.path(), &["run", "job.toml"], 3);
    let text = said(scratch.path(), &["checkpoint", "rollback", "job.toml"], 1);
    check_says(&text, &["there is no older checkpoint that one could go back to"]);
    let stop = stopped();
    onward_ends(stop.path(), &["run", "job.toml"], 3);
    let text = said(stop.path(), &["checkpoint", "rollback", "job.toml", "2"], 2);
    check_says(&text, &["there is no checkpoint 2"]);
}

#[test]
fn what_was_written_must_still_be_there() {
    for published in [false, true] {
        let scratch = job_of(JOB, 9000);
        let stop = ["run", "job.toml", "--chunk-bytes", "30000", "--stop-after-barriers", "2"];
        onward_ends(scratch.path(), &stop, 75);
        answer(scratch.path(), &["checkpoint", "now", "job.toml", "--name", "early"], 0);
        let output = if published {
            onward_ends(scratch.path(), &["run", "job.toml"], 3);
            scratch.path().join("out.csv")
        } else {
            onward_ends(scratch.path(), &stop, 75);
            folder::only(scratch.path(), |name| name.starts_with(".out.csv."))
        };
        let mut bytes = fs::read(&output).expect("an output");
        bytes[12] ^= 1;
        fs::write(&output, bytes).expect("a writable file");
        let before = folder::files(scratch.path());
        let text = said(scratch.path(), &["checkpoint", "rollback", "job.toml", "early"], 5);
        check_says(&text, &["out.csv` are not there any more"]);
        assert_eq!(folder::difference(&before, &folder::files(scratch.path())), "");
    }
}

#[test]
fn inputs_must_fit_the_older_checkpoint_too() {
    let scratch = stopped();
    let input = scratch.path().join("in.csv");
    let whole = fs::read(&input).expect("an input");
    fs::write(&input, &whole[..whole.len() / 2]).expect("a writable file");
    let text = said(scratch.path(), &["checkpoint", "rollback", "job.toml"], 5);
    check_says(&text, &["`in.csv` is shorter than it was"]);
    fs::write(&input, whole).expect("a writable file");
    assert_eq!(super::checkpoint_files(scratch.path()).len(), 2, "nothing was saved");
    onward_ends(scratch.path(), &["run", "job.toml"], 3);
}

#[test]
fn diff_says_what_changed_between_two() {
    let scratch = stopped();
    onward_ends(scratch.path(), &super::STOPPED_RUN, 75);
    let text = answer(scratch.path(), &["checkpoint", "diff", "job.toml", "2"], 0);
    check_says(
        &text,
        &[
            "job: from checkpoint 2 to checkpoint 3\n",
            "   position: byte 195 of in.csv to byte ",
            "   records read: 22 to ",
            "   output sink: ",
        ],
    );
    let in_json = json(scratch.path(), &["checkpoint", "diff", "job.toml", "1", "3", "--json"], 0);
    assert_eq!(in_json["checkpoints"], json!([1, 3]));
    assert_eq!(in_json["counters"][0]["records_read"], 0);
    assert_eq!(in_json["outputs"][0]["bytes"][0], 0);
    let text = said(scratch.path(), &["checkpoint", "diff", "job.toml", "9"], 2);
    check_says(&text, &["there is no checkpoint 9"]);
}
