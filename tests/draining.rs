//! What steps hold is given in many batches when the input has ended: whole, and once, however often the run is stopped
//! in between and a checkpoint is taken while later batches are already worked out.

use crate::support::folder;
use crate::support::program::{onward, onward_ends};
use std::fmt::Write as _;
use std::fs;
use tempfile::TempDir;

/// Enough for five batches.
const RECORDS: u64 = 40_000;

/// Of each step that gives something after the input, one that gives something for every record.
const STEPS: [&str; 7] = [
    r#"aggregate = { by = ["id"], select = ["count(*) AS n", "max(note) AS note"], order = "key" }"#,
    r#"sort = { by = ["note", "id DESC"] }"#,
    r#"sort = { by = ["note", "id DESC"], memory = "1MiB" }"#,
    r#"dedup = { key = ["id"], keep = "last" }"#,
    r#"top = { by = ["id"], order = ["note"], n = 1 }"#,
    r#"tumble = { by = ["id"], time = "at", size = "1h", select = ["count(*) AS n"] }"#,
    r#"window = { by = ["note"], compute = ["lead(id, 6000) AS later"] }"#,
];

/// Steps that spill what they hold when the job's memory for states is little.
const SPILLING_STEPS: [&str; 2] = [
    r#"aggregate = { by = ["id"], select = ["count(*) AS n", "list(note) AS notes"] }"#,
    r#"frequency = { by = ["id"], top = 39_000, share = "share" }"#,
];

/// A job with these steps, all of whose checkpoints are kept, over records that come in no order.
fn job(steps: &[&str], checkpoint: &str) -> TempDir {
    let scratch = folder::scratch_in_memory();
    let mut job =
        "[source]\npath = \"in.csv\"\ntypes = { id = \"bigint\", at = \"timestamp\" }\n\n"
            .to_owned();
    for step in steps {
        write!(job, "[[transform]]\n{step}\n\n").expect("a string takes everything");
    }
    write!(job, "[sink]\npath = \"out.csv\"\n\n[checkpoint]\nkeep = 1000\n{checkpoint}\n")
        .expect("a string takes everything");
    folder::write(&scratch.path().join("job.toml"), job.as_bytes());
    let mut text = "id,at,note\n".to_owned();
    for number in 0..RECORDS {
        let id = number * 7_919 % RECORDS;
        writeln!(text, "{id},2024-01-01T00:{:02}:00,n{}", number % 60, id % 7)
            .expect("a string takes everything");
    }
    folder::write(&scratch.path().join("in.csv"), text.as_bytes());
    scratch
}

fn output(scratch: &TempDir) -> String {
    fs::read_to_string(scratch.path().join("out.csv")).expect("the output")
}

/// The output when the run is stopped at each so many barriers, and how often it was.
fn stopped(steps: &[&str], checkpoint: &str, barriers: &str) -> (String, usize) {
    let scratch = job(steps, checkpoint);
    let run = ["run", "job.toml", "--threads", "2", "--stop-after-barriers", barriers];
    let mut stops = 0;
    loop {
        match onward(scratch.path(), &run) {
            ended if ended.code == Some(75) => stops += 1,
            ended if ended.code == Some(0) => return (output(&scratch), stops),
            ended => panic!("{steps:?}: {ended:?}"),
        }
    }
}

fn check(steps: &[&str]) {
    check_with(steps, "");
}

/// With `more` in the job of the runs that are stopped.
fn check_with(steps: &[&str], more: &str) {
    const SELDOM: &str = "interval = \"1000h\"";
    let scratch = job(steps, SELDOM);
    onward_ends(scratch.path(), &["run", "job.toml"], 0);
    let whole = output(&scratch);
    assert!(whole.lines().count() > 30_000, "{steps:?}: {} lines", whole.lines().count());
    for (checkpoint, barriers, stops_min) in [
        (SELDOM, "1", 5),
        (SELDOM, "3", 2),
        ("interval = \"1ms\"", "4", 1),
        ("interval = \"1ms\"", "1000", 0),
    ] {
        let checkpoint = format!("{checkpoint}{more}");
        let (output, stops) = stopped(steps, &checkpoint, barriers);
        assert!(output == whole, "{steps:?}, stopped {stops} times: another output");
        assert!(stops >= stops_min, "{steps:?}: stopped {stops} times");
    }
}

#[test]
fn what_a_step_holds_is_given_once_however_often_the_run_is_stopped() {
    STEPS.iter().for_each(|step| check(&[step]));
}

#[test]
fn what_was_spilled_is_given_once_however_often_the_run_is_stopped() {
    let little = "\n\n[state]\nmemory = \"4MiB\"\n";
    SPILLING_STEPS.iter().for_each(|step| check_with(&[step], little));
}

#[test]
fn what_two_steps_hold_is_given_once_however_often_the_run_is_stopped() {
    check(&[STEPS[3], STEPS[1]]);
    check(&[STEPS[0], "limit = 35000"]);
}
