//! Every case again in other circumstances: no output byte may depend on threads, on chunks, or on where a run was stopped.

use crate::support::cases::{self, Case, Result};
use crate::support::folder;
use std::cell::Cell;
use std::fmt::Write as _;

/// A job that was stopped more often than this does not get on.
const STOPS_MAX: usize = 2000;

/// All cases together are stopped more often than this.
const STOPS_MIN: usize = 500;

/// About so many stops of a case with little input...
const STOPS_SMALL: u64 = 50;

/// ...and of one with much.
const STOPS_BIG: u64 = 7;

/// Runs all cases and compares what comes out with what must.
fn check(run: impl Fn(&Case) -> Vec<(String, Result)>, reduce: impl Fn(Result) -> Result) {
    let mut differences = String::new();
    for case in cases::all() {
        for (how, found) in run(&case) {
            let expected = reduce(case.expected(&found.stderr));
            let difference = expected.difference(&reduce(found));
            if !difference.is_empty() {
                writeln!(differences, "== {} {how}\n{difference}", case.name).expect("a string");
            }
        }
    }
    assert!(differences.is_empty(), "\n{differences}");
}

/// Runs a case once with each of some lists of options.
fn with_each(case: &Case, options: &[&[&str]]) -> Vec<(String, Result)> {
    let run = |more: &&[&str]| (more.join(" "), case.result(&folder::scratch_in_memory(), more));
    options.iter().map(run).collect()
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let small: &[&[&str]] = &[
        &["--threads", "1"],
        &["--threads", "2", "--chunk-bytes", "16"],
        &["--threads", "8", "--chunk-bytes", "16"],
    ];
    let big: &[&[&str]] = &[
        &["--threads", "1"],
        &["--threads", "2", "--chunk-bytes", "65536"],
        &["--threads", "8", "--chunk-bytes", "65536"],
    ];
    let given: &[&[&str]] = &[&["--threads", "1"], &["--threads", "2"], &["--threads", "8"]];
    let fixed = |case: &Case| case.arguments.iter().any(|argument| argument == "--chunk-bytes");
    let options = |case: &Case| match case.is_big() {
        _ if fixed(case) => given,
        true => big,
        false => small,
    };
    check(|case| with_each(case, options(case)), Result::without_counts);
}

#[test]
fn any_size_of_chunks_gives_the_same_bytes() {
    let small: &[&[&str]] = &[
        &["--chunk-bytes", "1"],
        &["--chunk-bytes", "7", "--threads", "3"],
        &["--chunk-bytes", "64"],
    ];
    let big: &[&[&str]] =
        &[&["--chunk-bytes", "4096"], &["--chunk-bytes", "99991", "--threads", "3"]];
    let fixed = |case: &Case| case.arguments.iter().any(|argument| argument == "--chunk-bytes");
    check(
        |case| match case.is_big() {
            _ if fixed(case) => Vec::new(),
            true => with_each(case, big),
            false => with_each(case, small),
        },
        Result::without_counts,
    );
}

/// The least memory for states that a job can have: nearly every piece makes spills.
const LITTLE_MEMORY: [&str; 2] = ["--set", "state.memory=1KiB"];

#[test]
fn little_memory_for_states_gives_the_same_bytes() {
    let small: &[&[&str]] =
        &[&["--chunk-bytes", "16", "--threads", "2"], &["--chunk-bytes", "256"]];
    let big: &[&[&str]] = &[&["--chunk-bytes", "65536"]];
    let fixed = |case: &Case| case.arguments.iter().any(|argument| argument == "--chunk-bytes");
    check(
        |case| {
            let options: &[&[&str]] = match case.is_big() {
                _ if fixed(case) => &[&[]],
                true => big,
                false => small,
            };
            let with_memory = options.iter().map(|more| [&LITTLE_MEMORY, *more].concat());
            let with_memory: Vec<Vec<&str>> = with_memory.collect();
            let options: Vec<&[&str]> = with_memory.iter().map(|more| &**more).collect();
            with_each(case, &options)
        },
        Result::without_counts,
    );
}

/// Stops a case at one barrier after the other until it is finished.
fn stopped_at_every_barrier(case: &Case, options: &[&str]) -> (usize, Result) {
    let bytes = case.input_bytes();
    let chunk = bytes / if case.is_big() { STOPS_BIG } else { STOPS_SMALL };
    let chunk = chunk.max(1).to_string();
    let scratch = folder::scratch_in_memory();
    case.stage(scratch.path());
    for stops in 0..STOPS_MAX {
        // Neither threads nor chunks need to stay the same from run to run.
        let threads = if stops % 2 == 0 { "2" } else { "1" };
        let mut more = vec!["--stop-after-barriers", "1", "--threads", threads];
        more.extend(options);
        if !case.arguments.iter().any(|argument| argument == "--chunk-bytes") {
            more.extend(["--chunk-bytes", &chunk]);
        }
        let ended = case.run(scratch.path(), &more);
        if ended.code != Some(75) {
            return (stops, case.collect(scratch.path(), &ended));
        }
    }
    panic!("{} does not get on", case.name);
}

#[test]
fn stopping_at_every_barrier_with_little_memory_gives_the_same_bytes() {
    let stops_all = Cell::new(0);
    let spills = |case: &Case| {
        let job = std::fs::read_to_string(case.folder.join("job.toml")).expect("a job");
        ["dedup", "top", "window", "sessionize", "fill", "aggregate", "pivot", "frequency"]
            .iter()
            .any(|step| job.contains(step))
    };
    let run = |case: &Case| {
        if !case.is_resumable() || !spills(case) {
            return Vec::new();
        }
        let (stops, found) = stopped_at_every_barrier(case, &LITTLE_MEMORY);
        stops_all.set(stops_all.get() + stops);
        vec![(format!("stopped {stops} times"), found)]
    };
    check(run, Result::without_messages);
    assert!(stops_all.get() > STOPS_MIN, "only {} stops", stops_all.get());
}

#[test]
fn stopping_at_every_barrier_gives_the_same_bytes() {
    let stops_all = Cell::new(0);
    let run = |case: &Case| match case.is_resumable() {
        true => {
            let (stops, found) = stopped_at_every_barrier(case, &[]);
            stops_all.set(stops_all.get() + stops);
            vec![(format!("stopped {stops} times"), found)]
        }
        false => Vec::new(),
    };
    check(run, Result::without_messages);
    assert!(stops_all.get() > STOPS_MIN, "only {} stops", stops_all.get());
}
