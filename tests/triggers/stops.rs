//! Runs that were told where to stop: after some time, or behind some records. The same command goes on, and the output is
//! that of a run that was not stopped.

use super::{NEVER, RECORDS, csv, job, listed, number};
use crate::support::folder;
use crate::support::program::{onward, onward_ends};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A job with a second input, rejects, and a step that remembers something.
fn made() -> TempDir {
    let scratch = job(NEVER, 3000);
    folder::write(&scratch.path().join("in-2.csv"), csv(5000, 2000).as_bytes());
    let path = scratch.path().join("job.toml");
    let text = fs::read_to_string(&path).expect("the job");
    let text = text.replace(
        "[sink]",
        "[[transform]]\ncompute = [\"100 / (id % 50) AS part\"]\n\n[[transform]]\n\
         window = { by = [\"note\"], compute = [\"count(*) AS n\"] }\n\n\
         [rejects]\npath = \"rejects.jsonl\"\nlimit = \"10%\"\n\n[sink]",
    );
    folder::write(&path, text.as_bytes());
    scratch
}

fn outputs(folder: &Path) -> [Vec<u8>; 2] {
    ["out.csv", "rejects.jsonl"].map(|name| fs::read(folder.join(name)).expect("an output"))
}

/// Runs the same command until it does not stop early any more; answers how many records were read at each stop.
fn stops(folder: &Path, arguments: &[&str]) -> Vec<u64> {
    let run = [&["run", "job.toml"], arguments].concat();
    let mut stops = Vec::new();
    loop {
        match onward(folder, &run) {
            ended if ended.code == Some(75) => {
                assert!(ended.stderr.contains("run the same command to go on"), "{ended:?}");
                let newest = listed(folder).pop().expect("a checkpoint");
                assert_eq!(newest["trigger"], "stop-early");
                stops.push(number(&newest["records_read"]));
            }
            ended if ended.code == Some(3) => return stops,
            ended => panic!("{arguments:?}: {ended:?}"),
        }
        assert!(stops.len() < 1000, "{stops:?}");
    }
}

fn check(arguments: &[&str]) -> Vec<u64> {
    let whole = made();
    onward_ends(whole.path(), &["run", "job.toml"], 3);
    let scratch = made();
    let stops = stops(scratch.path(), arguments);
    assert!(outputs(scratch.path()) == outputs(whole.path()), "{arguments:?}: {stops:?}");
    stops
}

#[test]
fn a_run_stops_behind_exactly_so_many_records_of_its_own() {
    for (records, threads, chunk) in
        [(777, "1", "1MiB"), (777, "2", "1KiB"), (1000, "2", "100"), (5000, "1", "4KiB")]
    {
        let records_text = records.to_string();
        let arguments =
            ["--stop-after", &records_text, "--threads", threads, "--chunk-bytes", chunk];
        let expected: Vec<u64> =
            (1..).map(|run| run * records).take_while(|at| *at <= 5000).collect();
        assert_eq!(check(&arguments), expected, "{arguments:?}");
    }
    assert_eq!(check(&["--stop-after", "5001"]), [0_u64; 0]);
}

#[test]
fn records_and_a_predicate_may_end_a_piece_at_the_same_place() {
    for when in ["id % 500 = 0", "id % 500 = 1", "id % 100 = 0"] {
        let set = format!("checkpoint.when={when}");
        assert_eq!(check(&["--stop-after", "2000", "--set", &set]), [2000, 4000], "{when}");
    }
}

#[test]
fn a_run_stops_when_its_time_is_over_and_never_without_having_done_something() {
    let stops = check(&["--max-runtime", "0s", "--threads", "2", "--chunk-bytes", "1KiB"]);
    assert!(stops.len() > 20, "{stops:?}");
    assert!(stops[..15].windows(2).all(|pair| pair[0] < pair[1]), "{stops:?}");
    assert_eq!(check(&["--max-runtime", "1h"]), [0_u64; 0]);
}

#[test]
fn what_steps_hold_is_given_within_the_time_too() {
    let scratch = job(NEVER, RECORDS);
    let path = scratch.path().join("job.toml");
    let text = fs::read_to_string(&path).expect("the job");
    folder::write(
        &path,
        text.replace("filter = \"id <> 3\"", "sort = { by = [\"note\"] }").as_bytes(),
    );
    let run = ["run", "job.toml", "--max-runtime", "0s"];
    let mut ended = onward(scratch.path(), &run);
    let mut runs = 1;
    while ended.code == Some(75) {
        ended = onward(scratch.path(), &run);
        runs += 1;
    }
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(runs > 5, "only {runs} runs");
}

#[test]
fn behind_no_records_no_run_stops() {
    let scratch = made();
    let ended = onward_ends(scratch.path(), &["run", "job.toml", "--stop-after", "0"], 2);
    assert!(ended.stderr.contains("--stop-after"), "{ended:?}");
    assert!(!scratch.path().join(".onward").exists());
}

#[test]
fn a_run_that_started_over_is_not_gone_on_with_by_starting_over() {
    let scratch = made();
    let ended =
        onward_ends(scratch.path(), &["run", "job.toml", "--fresh", "--stop-after", "9"], 75);
    assert_eq!(
        ended.stderr.lines().last().map(str::trim),
        Some("run the same command without `--fresh` to go on")
    );
    let said = "onward: stopped after 9 records; checkpoint 2 saved at record 9 (0 %)";
    assert!(ended.stderr.contains(said), "{ended:?}");
}
