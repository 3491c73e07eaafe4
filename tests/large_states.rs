//! States that are larger than memory, or than the job allows.

use crate::support::folder;
use crate::support::program::{onward, onward_ends};
use serde_json::Value as Json;
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
const STEPS: [&str; 7] = [
    r#"dedup = { key = ["id"] }"#,
    r#"dedup = { key = ["id"], keep = "last" }"#,
    r#"aggregate = { by = ["id"], select = ["count(*) AS n", "list(n) AS all"] }"#,
    r#"aggregate = { select = ["count(DISTINCT id) AS ids", "list(DISTINCT id) AS all", "mode(n) AS n"] }"#,
    r#"window = { by = ["id"], compute = ["sum(n::bigint) AS s"] }"#,
    r#"fill = { columns = ["n"], with = "down", by = ["id"] }"#,
    r#"top = { by = ["id"], order = ["n::bigint DESC"], n = 2 }"#,
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
    let steps = STEPS.into_iter().chain([WINDOW]);
    for (step, is_damaged) in steps.flat_map(|step| [(step, false), (step, true)]) {
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

/// Steps whose states are shown, beside those that are tested otherwise.
const SHOWN: [&str; 4] = [
    WINDOW,
    r#"sessionize = { by = ["id"], time = "epoch_ms(n::bigint)", gap = "1s", start = "began" }"#,
    r#"dedup = { key = ["id"], ttl = "30s", time = "epoch_ms(n::bigint)" }"#,
    r#"sort = { by = ["n DESC"] }"#,
];

/// Stops a run twice, and answers what is shown of the state then: its rows in the order of their text, and how its keys
/// changed in between.
fn shown_when_stopped(step: &str, state: &str) -> (Vec<String>, String, usize) {
    let scratch = folder::scratch_in_memory();
    stage(scratch.path(), step, &format!("{state}\n[checkpoint]\nkeep = 9"));
    let mut numbers = Vec::new();
    for barriers in ["12", "13"] {
        let run = ["run", "job.toml", "--chunk-bytes", "20000", "--stop-after-barriers", barriers];
        onward_ends(scratch.path(), &run, 75);
        let list = onward_ends(scratch.path(), &["checkpoint", "list", "job.toml", "--json"], 0);
        let list = String::from_utf8(list.stdout).expect("text");
        let all = list.lines().map(|line| serde_json::from_str::<Json>(line).expect("JSON"));
        numbers.push(all.filter_map(|one| one["checkpoint"].as_u64()).max().expect("some"));
    }
    let answer = |more: &[&str]| {
        let ended = onward_ends(scratch.path(), &[&["checkpoint"], more].concat(), 0);
        String::from_utf8(ended.stdout).expect("text")
    };
    let rows = answer(&["show", "job.toml", "--state", "the-step"]);
    let lines = answer(&["show", "job.toml", "--state", "the-step", "--json"]);
    assert_eq!(lines.lines().count() + 1, rows.lines().count(), "{step}");
    let mut rows: Vec<String> = rows.lines().map(str::to_owned).collect();
    rows[1..].sort_unstable();
    let [from, to] = [numbers[0], numbers[1]].map(|number| number.to_string());
    let differences = answer(&["diff", "job.toml", &from, &to, "--json"]);
    let differences: Json = serde_json::from_str(&differences).expect("JSON");
    (rows, differences["steps"][0]["keys"].to_string(), spills(scratch.path()))
}

#[test]
fn what_is_in_spills_is_shown_and_compared_like_what_is_in_memory() {
    for step in STEPS.into_iter().filter(|step| !step.contains("DISTINCT")).chain(SHOWN) {
        let (rows, keys, none) = shown_when_stopped(step, "");
        let (found_rows, found_keys, some) = shown_when_stopped(step, "memory = \"60KiB\"");
        assert!(rows.len() > 10_000 && none == 0 && some > 1, "{step}: {} rows", rows.len());
        assert!(found_rows == rows, "{step}: other rows");
        assert_eq!(found_keys, keys, "{step}");
        assert_eq!(keys == "null", step.starts_with("sort"), "{step}: {keys}");
    }
}

#[test]
fn a_state_without_rows_says_why_it_is_not_shown() {
    let scratch = folder::scratch_in_memory();
    stage(scratch.path(), STEPS[3], "memory = \"60KiB\"");
    let run = ["run", "job.toml", "--chunk-bytes", "20000", "--stop-after-barriers", "12"];
    onward_ends(scratch.path(), &run, 75);
    let ended = onward(scratch.path(), &["checkpoint", "show", "job.toml", "--state", "the-step"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    for part in ["`the-step`", "is not shown", "in spills of their own", "hint: "] {
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
}

/// Lines of JSON with an id and a number, some of them with another field.
fn stage_lines(folder: &Path, steps: &str) -> Vec<String> {
    let job = format!(
        "[source]\npath = \"in.jsonl\"\n\n{steps}\n\n[sink]\npath = \"out.jsonl\"\n\n\
         [state]\nmemory = \"60KiB\"\n"
    );
    folder::write(&folder.join("job.toml"), job.as_bytes());
    let line = |number: u32| match number % 3 {
        0 => format!(r#"{{"id":"id {number}","n":{number},"more":[{number}]}}"#),
        _ => format!(r#"{{"id":"id {number}","n":{number}}}"#),
    };
    let lines: Vec<String> = (0..9_000).map(line).collect();
    folder::write(&folder.join("in.jsonl"), (lines.join("\n") + "\n").as_bytes());
    lines
}

#[test]
fn a_sort_of_json_lines_shows_its_records() {
    let sort = "[[transform]]\nname = \"the-step\"\nsort = { by = [\"n::bigint DESC\"] }";
    let double = "[[transform]]\ncompute = [\"n::bigint * 2 AS twice\"]\n\n";
    for (before, has_twice) in [("", false), (double, true)] {
        let scratch = folder::scratch_in_memory();
        let lines = stage_lines(scratch.path(), &format!("{before}{sort}"));
        let run = ["run", "job.toml", "--chunk-bytes", "20000", "--stop-after-barriers", "8"];
        onward_ends(scratch.path(), &run, 75);
        let show = ["checkpoint", "show", "job.toml", "--state", "the-step", "--json"];
        let shown = onward_ends(scratch.path(), &show, 0);
        let shown = String::from_utf8(shown.stdout).expect("text");
        let shown: Vec<Json> =
            shown.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert!(shown.len() > 1_000, "{} rows", shown.len());
        // Those that came last come first.
        for (row, line) in shown.iter().zip(lines[..shown.len()].iter().rev()) {
            assert_eq!(row["record"].as_str(), Some(line.as_str()));
            let record: Json = serde_json::from_str(line).expect("JSON");
            let twice = record["n"].as_i64().map(|n| n * 2);
            assert_eq!(row["twice"].as_i64(), twice.filter(|_| has_twice), "{row}");
        }
    }
}

#[test]
fn what_is_shown_beside_fields_has_a_name_that_none_of_them_has() {
    let cases = [
        (
            "compute = [\"record::text AS record\"]\n[[transform]]\nsort = { by = [\"record DESC\"] }",
            "record_2,record",
        ),
        ("dedup = { key = [\"last_record\"], keep = \"last\" }", "last_record,last_record_2"),
        (
            "top = { by = [\"record\", \"place\"], order = [\"record::text\"], n = 1 }",
            "record,place,place_2,record_2",
        ),
    ];
    for (step, header) in cases {
        let scratch = folder::scratch_in_memory();
        let job = format!(
            "[source]\npath = \"in.jsonl\"\n[[transform]]\n{step}\nname = \"the-step\"\n[sink]\npath = \"out.jsonl\"\n"
        );
        folder::write(&scratch.path().join("job.toml"), job.as_bytes());
        let line = |n: u32| format!("{{\"record\":\"r{n}\",\"last_record\":{n},\"place\":{n}}}\n");
        let text: String = (0..200).map(line).collect();
        folder::write(&scratch.path().join("in.jsonl"), text.as_bytes());
        let run = ["run", "job.toml", "--stop-after", "100"];
        onward_ends(scratch.path(), &run, 75);
        let show = ["checkpoint", "show", "job.toml", "--state", "the-step"];
        let shown = onward_ends(scratch.path(), &show, 0);
        let shown = String::from_utf8(shown.stdout).expect("text");
        assert_eq!(shown.lines().next(), Some(header), "{step}");
        assert_eq!(shown.lines().count(), 101, "{step}");
        let shown = onward_ends(scratch.path(), &[&show[..], &["--json"]].concat(), 0);
        let shown = String::from_utf8(shown.stdout).expect("text");
        let first: Json = serde_json::from_str(shown.lines().next().expect("a row")).expect("JSON");
        let names = header.split(',').count();
        assert_eq!(
            first.as_object().map(serde_json::Map::len),
            Some(names),
            "{step}: {shown:.200}"
        );
    }
}
