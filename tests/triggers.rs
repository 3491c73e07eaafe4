//! What makes a checkpoint, with the real binary: each trigger leaves its name in a checkpoint, `now()` stays what it
//! was, as many are kept as the job says, and the system calls of one come in the order of the protocol.

mod calls;

mod stops;

mod timeout;

use crate::support::folder;
use crate::support::program::{onward, onward_ends, spawn};
use rustix::process::Signal;
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// Enough for some thousand barriers in tiny chunks.
const RECORDS: u64 = 60_000;

/// Enough for some seconds in tiny chunks.
const RECORDS_OF_LONG_RUN: u64 = 1_000_000;

/// Stops before the end, where a job forgets all but its last checkpoint.
const STOPPED_RUN: [&str; 8] =
    ["run", "job.toml", "--threads", "1", "--chunk-bytes", "64", "--stop-after-barriers", "8000"];

const LONG_RUN: [&str; 6] = ["run", "job.toml", "--threads", "1", "--chunk-bytes", "64"];

fn csv(first: u64, records: u64) -> String {
    let mut text = "id,note\n".to_owned();
    for id in first..first + records {
        writeln!(text, "{id},n{}", id % 7).expect("a string takes everything");
    }
    text
}

/// A job over `in.csv` with these lines about checkpoints, all of which are kept.
fn job(checkpoint: &str, records: u64) -> TempDir {
    let scratch = folder::scratch_in_memory();
    let text = format!(
        "[source]\npath = \"in*.csv\"\ntypes = {{ id = \"bigint\" }}\n\n\
         [[transform]]\nfilter = \"id <> 3\"\n\n[sink]\npath = \"out.csv\"\n\n\
         [checkpoint]\nkeep = 1000\n{checkpoint}\n"
    );
    folder::write(&scratch.path().join("job.toml"), text.as_bytes());
    folder::write(&scratch.path().join("in.csv"), csv(1, records).as_bytes());
    scratch
}

/// Lets the other triggers rest.
const NEVER: &str = "every_bytes = \"1TiB\"\ninterval = \"1000h\"";

/// What `checkpoint list` says of each, oldest first.
fn listed(folder: &Path) -> Vec<Json> {
    let ended = onward_ends(folder, &["checkpoint", "list", "job.toml", "--json"], 0);
    let text = String::from_utf8(ended.stdout).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Why the checkpoints were taken, oldest first.
fn triggers(folder: &Path) -> Vec<String> {
    let trigger = |one: &Json| one["trigger"].as_str().expect("a trigger").to_owned();
    listed(folder).iter().map(trigger).collect()
}

/// The manifest of a checkpoint.
fn manifest(folder: &Path, number: &Json) -> Json {
    let number = number.to_string();
    let ended = onward_ends(folder, &["checkpoint", "show", "job.toml", &number, "--json"], 0);
    let mut shown: Json = serde_json::from_slice(&ended.stdout).expect("JSON");
    shown["manifest"].take()
}

fn number(value: &Json) -> u64 {
    value.as_u64().expect("a number")
}

/// That a stopped run has a first checkpoint, some for this reason, and one for the stop.
fn check(checkpoint: &str, trigger: &str) -> TempDir {
    let scratch = job(checkpoint, RECORDS);
    onward_ends(scratch.path(), &STOPPED_RUN, 75);
    let triggers = triggers(scratch.path());
    let (first, last) = (&triggers[0], &triggers[triggers.len() - 1]);
    assert_eq!((first.as_str(), last.as_str()), ("start", "stop-early"));
    let between = &triggers[1..triggers.len() - 1];
    assert!(!between.is_empty(), "{checkpoint}: {triggers:?}");
    assert!(between.iter().all(|one| one == trigger), "{checkpoint}: {triggers:?}");
    scratch
}

#[test]
fn the_interval_makes_checkpoints() {
    check("interval = \"10ms\"", "time");
}

#[test]
fn every_so_many_records_make_checkpoints() {
    let scratch = check("every_records = 500\ninterval = \"1000h\"", "records");
    let records: Vec<u64> =
        listed(scratch.path()).iter().map(|one| number(&one["records_read"])).collect();
    let steps: Vec<u64> = records.windows(2).map(|pair| pair[1] - pair[0]).collect();
    // The stop may come sooner.
    assert!(steps[..steps.len() - 1].iter().all(|step| *step >= 500), "{records:?}");
}

#[test]
fn every_so_many_bytes_make_checkpoints() {
    let scratch = check("every_bytes = \"8KiB\"\ninterval = \"1000h\"", "bytes");
    let bytes: Vec<u64> =
        listed(scratch.path()).iter().map(|one| number(&one["bytes_read"])).collect();
    let steps: Vec<u64> = bytes.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(steps[..steps.len() - 1].iter().all(|step| *step >= 8192), "{bytes:?}");
}

#[test]
fn the_end_of_a_file_makes_a_checkpoint() {
    let scratch = job(&format!("at_file_end = true\n{NEVER}"), RECORDS);
    for (name, first) in [("in-1.csv", 1), ("in-2.csv", 5000)] {
        folder::write(&scratch.path().join(name), csv(first, 4000).as_bytes());
    }
    onward_ends(scratch.path(), &STOPPED_RUN, 75);
    assert_eq!(triggers(scratch.path()), ["start", "file-end", "file-end", "stop-early"]);
    for (index, records) in [(1, 4000), (2, 8000)] {
        let one = &listed(scratch.path())[index];
        assert_eq!(one["records_read"], records);
        let position = &manifest(scratch.path(), &one["checkpoint"])["position"];
        let expected = serde_json::json!({
            "source": index, "offset": 8, "records": 0, "lines": 1
        });
        assert_eq!(*position, expected);
    }
}

#[test]
fn the_predicate_makes_a_checkpoint_exactly_behind_each_record_for_which_it_holds() {
    let scratch = check(&format!("when = \"id % 1000 = 0\"\n{NEVER}"), "predicate");
    let input = csv(1, RECORDS);
    let listed = listed(scratch.path());
    let taken = &listed[1..listed.len() - 1];
    assert!(taken.len() > 5, "{listed:?}");
    for (index, one) in taken.iter().enumerate() {
        let id = 1000 * (index + 1);
        assert_eq!(one["records_read"], id);
        let offset = number(&manifest(scratch.path(), &one["checkpoint"])["position"]["offset"]);
        let before = &input[..usize::try_from(offset).expect("a short file")];
        let last = before.lines().last().expect("a line");
        assert!(before.ends_with('\n') && last.starts_with(&format!("{id},")), "{last}");
    }
}

/// A run that has begun, is signalled, and has one checkpoint more then.
fn signalled(signal: Signal) -> (TempDir, Option<i32>) {
    let scratch = job(NEVER, RECORDS_OF_LONG_RUN);
    let checkpoints = || {
        let folder = scratch.path().join(".onward/job");
        let names = if folder.exists() { folder::names(&folder) } else { Vec::new() };
        names.iter().filter(|name| name.starts_with("ckpt-")).count()
    };
    let mut running = spawn(scratch.path(), &LONG_RUN);
    assert!(running.until(|| checkpoints() == 1), "{:?}", running.end());
    running.signal(signal);
    assert!(running.until(|| checkpoints() == 2), "{:?}", running.end());
    if signal == Signal::USR1 {
        running.signal(Signal::KILL);
    }
    let code = running.end().code;
    (scratch, code)
}

#[test]
fn a_signal_asks_for_a_checkpoint() {
    let (scratch, code) = signalled(Signal::USR1);
    assert_eq!(code, None, "it was killed");
    assert_eq!(triggers(scratch.path()), ["start", "manual"]);
}

#[test]
fn an_interrupted_run_saves_a_checkpoint() {
    let (scratch, code) = signalled(Signal::INT);
    assert_eq!(code, Some(130));
    assert_eq!(triggers(scratch.path()), ["start", "interrupt"]);
}

#[test]
fn the_end_makes_a_last_checkpoint_and_forgets_the_others() {
    let scratch = job(NEVER, 100);
    onward_ends(scratch.path(), &LONG_RUN, 0);
    assert_eq!(triggers(scratch.path()), ["final"]);
    assert_eq!(listed(scratch.path())[0]["phase"], "done");
}

#[test]
fn as_many_are_kept_as_the_job_says() {
    for keep in [1, 2, 5] {
        let scratch = job(&format!("when = \"id % 500 = 0\"\n{NEVER}"), RECORDS);
        let set = format!("checkpoint.keep={keep}");
        let run = [&STOPPED_RUN[..], &["--set", &set]].concat();
        onward_ends(scratch.path(), &run, 75);
        let listed = listed(scratch.path());
        assert_eq!(listed.len(), keep, "{listed:?}");
        assert!(number(&listed[keep - 1]["checkpoint"]) > 8, "{listed:?}");
    }
}

#[test]
fn now_is_one_moment_in_the_whole_output_however_often_the_job_is_stopped() {
    let scratch = job("", 40);
    let text = fs::read_to_string(scratch.path().join("job.toml")).expect("the job");
    let text = text.replace("filter = \"id <> 3\"", "compute = [\"now() AS at\"]");
    assert!(text.contains("now()"), "{text}");
    fs::write(scratch.path().join("job.toml"), text).expect("a writable file");
    let run =
        ["run", "job.toml", "--threads", "1", "--chunk-bytes", "32", "--stop-after-barriers", "1"];
    let mut runs = 1;
    let mut ended = onward(scratch.path(), &run);
    while ended.code == Some(75) {
        ended = onward(scratch.path(), &run);
        runs += 1;
        assert!(runs < 100, "{ended:?}");
    }
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(runs > 5, "only {runs} runs");
    let out = fs::read_to_string(scratch.path().join("out.csv")).expect("the output");
    let moments = out.lines().skip(1).map(|line| line.rsplit(',').next().expect("a field"));
    let moments: Vec<&str> = moments.collect();
    assert_eq!(moments.len(), 40);
    let different: BTreeSet<&str> = moments.into_iter().collect();
    assert_eq!(different.len(), 1, "{different:?}");
}
