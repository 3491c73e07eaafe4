//! What is said about a job with many outputs.

use super::{answer, check_says, json};
use crate::support::folder;
use crate::support::jobs::{Pace, Shape};
use crate::support::program::onward;
use crate::support::random::Random;

#[test]
fn many_outputs_are_counted_and_a_few_of_them_named() {
    let scratch = folder::scratch_in_memory();
    Shape::Partitions.make(scratch.path(), Pace::Never, 2000, &mut Random::new(5));
    let stop = ["run", "job.toml", "--chunk-bytes", "20000", "--stop-after-barriers", "2"];
    let ended = onward(scratch.path(), &stop);
    assert_eq!(ended.code, Some(75), "{ended:?}");

    let status = answer(scratch.path(), &["status", "job.toml"], 0);
    check_says(&status, &["   output days/2024-01-0", " records, ", " more outputs\n"]);
    assert!(!status.contains("tails"), "{status}");
    let status = json(scratch.path(), &["status", "job.toml", "--json"], 0);
    let outputs = status["newest"]["outputs"].as_array().expect("a list");
    assert!(outputs.len() > 100, "{} outputs", outputs.len());
    let records = outputs.iter().map(|output| output["records"].as_u64().expect("a count"));
    let taken: u64 = records.sum();
    let written = status["newest"]["counters"]["records_written"].as_u64().expect("a count");
    assert!(taken >= written && written > 0, "{taken} in outputs, {written} written");

    let shown = answer(scratch.path(), &["checkpoint", "show", "job.toml"], 0);
    check_says(&shown, &["   output days/2024-01-0", " more outputs\n"]);
    assert!(shown.lines().count() < 20, "{shown}");
    let shown = json(scratch.path(), &["checkpoint", "show", "job.toml", "--json"], 0);
    assert_eq!(shown["manifest"]["outputs"].as_array().expect("a list").len(), outputs.len());

    let plan = answer(scratch.path(), &["plan", "job.toml"], 0);
    check_says(&plan, &["would resume from checkpoint"]);
    let verified = answer(scratch.path(), &["checkpoint", "verify", "job.toml"], 0);
    check_says(&verified, &["job, inputs and outputs fit it"]);
    let ended = onward(scratch.path(), &["run", "job.toml"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    check_says(&ended.stderr, &["   output: days/2024-01-0", " more outputs\n"]);
    assert!(ended.stderr.lines().count() < 12, "{}", ended.stderr);
}
