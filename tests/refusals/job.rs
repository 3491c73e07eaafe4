//! Jobs that were changed between two runs.

use super::Stopped;
use crate::support::folder;
use crate::support::jobs::Shape;
use std::fs;

/// Replaces a part of the job file.
fn edit(job: &Stopped, from: &str, to: &str) {
    let path = job.file("job.toml");
    let text = fs::read_to_string(&path).expect("a job");
    assert!(text.contains(from), "{text}");
    folder::write(&path, text.replace(from, to).as_bytes());
}

#[test]
fn a_cosmetic_change_is_none() {
    let stopped = Stopped::new(Shape::Plain);
    let check = |from: &str, to: &str| {
        let job = stopped.copy();
        edit(&job, from, to);
        let ended = job.run(&[]);
        assert_eq!(ended.code, Some(0), "{to}: {ended:?}");
        let found = fs::read(job.file("out.csv")).expect("an output");
        assert!(found == job.expected["out.csv"], "{to}");
    };
    check("[sink]", "# where it goes\n\n[sink]");
    check("every_bytes = \"1TiB\"", "every_bytes = \"8KiB\"\nkeep = 5\ninterval = \"7s\"");
    check("path = \"in.csv\"", "path   =   \"in.csv\"");
}

#[test]
fn a_change_of_a_step_without_state_needs_consent() {
    let job = Stopped::new(Shape::Plain);
    edit(&job, "amount > 10", "amount > 90");
    job.refuses(
        5,
        &["the job has changed", "amount > 10", "amount > 90", "--accept-changes", "--fresh"],
    );
    let ended = job.run(&["--accept-changes"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended.stderr.contains("`transform.0.filter` has changed: acts behind the first "),
        "{ended:?}"
    );
    let found = fs::read(job.file("out.csv")).expect("an output");
    let old = &job.expected["out.csv"];
    assert!(found.len() < old.len() && found[..1000] == old[..1000], "the old rule, then the new");
}

#[test]
fn a_change_that_does_not_fit_the_checkpoint_is_refused() {
    let check = |shape: Shape, from: &str, to: &str, said: &str| {
        let job = Stopped::new(shape);
        edit(&job, from, to);
        for more in [&[][..], &["--accept-changes"]] {
            let ended = job.run(more);
            assert_eq!(ended.code, Some(5), "{ended:?}");
            assert!(ended.stderr.contains("does not fit"), "{ended:?}");
            assert!(ended.stderr.contains(said) && ended.stderr.contains("--fresh"), "{ended:?}");
        }
        edit(&job, to, from);
        job.goes_on(&["resuming from checkpoint 3 "]);
    };
    check(Shape::Dedup, r#"key = ["key", "day", "note"]"#, r#"key = ["key"]"#, "dedup");
    check(Shape::Aggregate, "by = [\"key\"", "by = [\"day\"", "aggregate");
    check(Shape::Dedup, "out.csv", "other.csv", "other.csv");
    check(Shape::Several, "[sink]", "[sink]\nformat = \"csv\"", "`sink.");
    check(Shape::Aggregate, "decimal(12,2)", "decimal(12,3)", "decimal(12,3)");
}

#[test]
fn a_job_that_was_stopped_by_bad_records_goes_on_with_a_higher_limit() {
    let job = Stopped::ended(Shape::Rejects);
    for name in ["out.jsonl", "rejects.jsonl"] {
        fs::remove_file(job.file(name)).expect("removed");
    }
    edit(&job, "50%", "1%");
    let ended = job.run(&["--fresh", "--chunk-bytes", "5000"]);
    assert_eq!(ended.code, Some(4), "{ended:?}");
    assert!(ended.stderr.contains("records are bad, and the limit is 1%"), "{ended:?}");
    assert!(ended.stderr.contains("raise `limit`"), "{ended:?}");
    assert!(!job.file("out.jsonl").exists() && !job.file("rejects.jsonl").exists());
    edit(&job, "1%", "50%");
    let ended = job.run(&[]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stderr.contains("resuming from checkpoint "), "{ended:?}");
    job.is_as_expected();
}

#[test]
fn a_broken_job_file_touches_nothing() {
    let job = Stopped::new(Shape::Plain);
    edit(&job, "[sink]", "[snik]");
    job.refuses(2, &["job.toml:", "snik"]);
    edit(&job, "[snik]", "[sink]");
    job.goes_on(&["resuming from checkpoint 3 "]);
}
