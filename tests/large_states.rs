//! States that are larger than memory, or than the job allows.

use crate::support::folder;
use crate::support::program::{onward, onward_ends};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// A job with a step over records of so many different ids, in which each comes twice.
fn stage(folder: &Path, step: &str, state: &str) {
    let job = format!(
        "[source]\npath = \"in.csv\"\n\n[[transform]]\nname = \"the-step\"\n{step}\n\n\
         [sink]\npath = \"out.csv\"\n\n[state]\n{state}\n"
    );
    folder::write(&folder.join("job.toml"), job.as_bytes());
    let mut text = "id,n\n".to_owned();
    for number in 0..40_000_u32 {
        let id = number.wrapping_mul(7_919) % 20_000;
        writeln!(text, "id {id},{number}").expect("a string takes everything");
    }
    folder::write(&folder.join("in.csv"), text.as_bytes());
}

fn output(folder: &Path) -> Vec<u8> {
    fs::read(folder.join("out.csv")).expect("the output")
}

fn spills(folder: &Path) -> usize {
    let entries = fs::read_dir(folder.join(".onward/job")).expect("the job's folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    names.filter(|name| name.to_string_lossy().starts_with("spill-")).count()
}

/// A spill that is not what it was is never believed.
fn damage_a_spill(folder: &Path) {
    let entries = fs::read_dir(folder.join(".onward/job")).expect("the job's folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let spill = paths.filter(|path| path.to_string_lossy().contains("spill-")).min();
    let spill = spill.expect("there are some");
    let mut bytes = fs::read(&spill).expect("a spill");
    bytes[100] ^= 1;
    fs::write(&spill, &bytes).expect("a file");
}

/// Steps whose states can be large.
const STEPS: [&str; 6] = [
    r#"dedup = { key = ["id"] }"#,
    r#"dedup = { key = ["id"], keep = "last" }"#,
    r#"aggregate = { by = ["id"], select = ["count(*) AS n", "list(n) AS all"] }"#,
    r#"aggregate = { select = ["count(DISTINCT id) AS ids", "list(DISTINCT id) AS all", "mode(n) AS n"] }"#,
    r#"window = { by = ["id"], compute = ["sum(n::bigint) AS s"] }"#,
    r#"fill = { columns = ["n"], with = "down", by = ["id"] }"#,
];

/// A window that remembers several things of different length.
const WINDOW: &str = r#"window = { by = ["id"], compute = ["lag(n) AS before", "min(id || n) AS least", "moving_avg(n::double, 3) AS mean", "count(*) AS c"] }"#;

#[test]
fn a_state_that_may_not_grow_stops_the_run_where_it_can_go_on() {
    for step in STEPS {
        let whole = folder::scratch_in_memory();
        stage(whole.path(), step, "");
        onward_ends(whole.path(), &["run", "job.toml"], 0);

        let scratch = folder::scratch_in_memory();
        stage(scratch.path(), step, "max_state = \"200KiB\"");
        let run = ["run", "job.toml", "--chunk-bytes", "20000"];
        let mut ends = Vec::new();
        for _ in 0..2 {
            let ended = onward(scratch.path(), &run);
            assert_eq!(ended.code, Some(75), "{step}: {ended:?}");
            for part in ["`the-step`", "KiB", "`max_state` is 200.0 KiB", "raise `max_state`"] {
                assert!(ended.stderr.contains(part), "{step}: {part}: {}", ended.stderr);
            }
            let status = onward_ends(scratch.path(), &["status", "job.toml"], 0);
            ends.push(String::from_utf8_lossy(&status.stdout).into_owned());
        }
        assert!(!scratch.path().join("out.csv").exists(), "{step}");
        let records = |status: &str| {
            let line = status.lines().find(|line| line.contains("record")).map(str::to_owned);
            line.unwrap_or_else(|| panic!("no records in: {status}"))
        };
        assert_eq!(records(&ends[0]), records(&ends[1]), "{step}: the second run took nothing in");
        stage(scratch.path(), step, "max_state = \"1GiB\"");
        onward_ends(scratch.path(), &run, 0);
        assert!(output(scratch.path()) == output(whole.path()), "{step}: another output");
    }
}

#[test]
fn what_is_larger_than_memory_is_in_spills_until_it_is_not_needed_any_more() {
    let steps = [STEPS[0], STEPS[2], STEPS[3], STEPS[4], STEPS[5], WINDOW];
    for (step, is_damaged) in steps.into_iter().flat_map(|step| [(step, false), (step, true)]) {
        let whole = folder::scratch_in_memory();
        stage(whole.path(), step, "");
        onward_ends(whole.path(), &["run", "job.toml"], 0);

        let scratch = folder::scratch_in_memory();
        stage(scratch.path(), step, "memory = \"200KiB\"");
        let run = ["run", "job.toml", "--chunk-bytes", "20000"];
        let stopped = [&run[..], &["--stop-after-barriers", "25"]].concat();
        onward_ends(scratch.path(), &stopped, 75);
        assert!(spills(scratch.path()) > 1, "{step}");

        if is_damaged {
            // Nor is the checkpoint that needs it; the one before needed none.
            damage_a_spill(scratch.path());
            let ended = onward_ends(scratch.path(), &run, 0);
            assert!(ended.stderr.contains("spill-"), "{step}: {}", ended.stderr);
            assert!(ended.stderr.contains("is not usable"), "{step}: {}", ended.stderr);
        } else {
            onward_ends(scratch.path(), &run, 0);
        }
        assert!(output(scratch.path()) == output(whole.path()), "{step}: another output");
        assert_eq!(spills(scratch.path()), 0, "{step}");
    }
}
