//! Jobs that are changed in the middle: what goes on, what starts empty, what is refused, and what `plan` says of it.

use crate::support::folder;
use crate::support::program::{Ended, onward, onward_ends};
use serde_json::Value as Json;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// How many records are read before the job is changed.
const BEFORE: u64 = 40;

const RECORDS: u64 = 100;

/// The key of a record: one of three, and one that comes only once.
fn key(id: u64) -> String {
    if id == 7 { "once".to_owned() } else { format!("k{}", id % 3) }
}

/// A job with these steps and this output, over the numbers 1 to 100.
fn text(steps: &[&str], output: &str) -> String {
    let mut text = "[source]\npath = \"in.csv\"\ntypes = { id = \"bigint\", x = \"bigint\" }\n\n\
                    [checkpoint]\ninterval = \"1000h\"\n\n"
        .to_owned();
    for step in steps {
        write!(text, "[[transform]]\n{step}\n\n").expect("a string takes everything");
    }
    write!(text, "[sink]\npath = \"{output}\"\n").expect("a string takes everything");
    text
}

fn write_job(folder: &Path, text: &str) {
    folder::write(&folder.join("job.toml"), text.as_bytes());
}

/// A job that was stopped behind some records.
fn stopped(steps: &[&str], output: &str, records: u64) -> TempDir {
    let scratch = made(steps, output);
    let records = records.to_string();
    let run = ["run", "job.toml", "--stop-after", &records, "--chunk-bytes", "100"];
    onward_ends(scratch.path(), &run, 75);
    scratch
}

fn made(steps: &[&str], output: &str) -> TempDir {
    let scratch = folder::scratch_in_memory();
    write_job(scratch.path(), &text(steps, output));
    let mut input = "id,key,x\n".to_owned();
    for id in 1..=RECORDS {
        writeln!(input, "{id},{},{}", key(id), id * 2).expect("a string takes everything");
    }
    folder::write(&scratch.path().join("in.csv"), input.as_bytes());
    scratch
}

fn output(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).expect("an output")
}

/// A verification tells what a run has refused, with its hint.
fn check_verified(folder: &Path, ran: &Ended) {
    let verified = onward_ends(folder, &["checkpoint", "verify", "job.toml"], 5);
    let told = |line: &str| line.starts_with("onward: error: ") || line.starts_with("   hint: ");
    for line in ran.stderr.lines().filter(|line| told(line)) {
        assert!(verified.stderr.lines().any(|one| one == line), "{line}: {verified:?}");
    }
}

/// Goes on with changed steps: refused without consent, then as expected, however often it is stopped again.
fn check_accepted(before: &[&str], now: &[&str], name: &str, expected: &str) {
    for again in [None, Some("1"), Some("25")] {
        let scratch = stopped(before, name, BEFORE);
        write_job(scratch.path(), &text(now, name));
        let refused = onward_ends(scratch.path(), &["run", "job.toml"], 5);
        assert!(refused.stderr.contains("--accept-changes"), "{now:?}: {refused:?}");
        check_verified(scratch.path(), &refused);
        let accept = ["run", "job.toml", "--accept-changes"];
        match again {
            None => onward_ends(scratch.path(), &accept, 0),
            Some(records) => {
                let stop = [&accept[..], &["--stop-after", records]].concat();
                let ended = onward(scratch.path(), &stop);
                assert!(matches!(ended.code, Some(75 | 0)), "{now:?}: {ended:?}");
                onward_ends(scratch.path(), &["run", "job.toml"], 0)
            }
        };
        let found = output(scratch.path(), name);
        assert_eq!(found, expected, "{before:?} -> {now:?}, stopped again: {again:?}");
    }
}

/// Goes on with changed steps without being asked.
fn check_cosmetic(before: &[&str], now: &[&str]) {
    let scratch = stopped(before, "out.csv", BEFORE);
    write_job(scratch.path(), &text(now, "out.csv"));
    onward_ends(scratch.path(), &["run", "job.toml"], 0);
    assert_eq!(output(scratch.path(), "out.csv"), whole(now, "out.csv"), "{now:?}");
}

/// Refuses, whatever is asked for, and spoils nothing.
fn check_refused(before: &[&str], now: &[&str], said: &str) {
    let scratch = stopped(before, "out.csv", BEFORE);
    write_job(scratch.path(), &text(now, "out.csv"));
    for more in [&[][..], &["--accept-changes"]] {
        let ended = onward(scratch.path(), &[&["run", "job.toml"], more].concat());
        assert_eq!(ended.code, Some(5), "{now:?}: {ended:?}");
        assert!(ended.stderr.contains(said), "{now:?}: {ended:?}");
        check_verified(scratch.path(), &ended);
    }
    write_job(scratch.path(), &text(before, "out.csv"));
    onward_ends(scratch.path(), &["run", "job.toml"], 0);
    assert_eq!(output(scratch.path(), "out.csv"), whole(before, "out.csv"));
}

/// What a run makes that is not stopped.
fn whole(steps: &[&str], name: &str) -> String {
    let scratch = made(steps, name);
    onward_ends(scratch.path(), &["run", "job.toml"], 0);
    output(scratch.path(), name)
}

const SUMS: &str = r#"aggregate = { by = ["key"], select = ["count(*) AS n", "sum(x) AS s"] }"#;

/// Of the records of a key behind some: how many, the sum, the greatest.
fn of_key(wanted: &str, behind: u64) -> (usize, u64, Option<u64>) {
    let ids = (behind + 1..=RECORDS).filter(|id| key(*id) == wanted);
    let values: Vec<u64> = ids.map(|id| id * 2).collect();
    (values.len(), values.iter().sum(), values.iter().max().copied())
}

const KEYS: [&str; 4] = ["k1", "k2", "k0", "once"];

#[test]
fn calls_of_an_aggregate_go_on_and_new_ones_start_empty() {
    let now = r#"aggregate = { by = ["key"], select = ["sum(x) + 0 AS s", "max(x) AS m", "count(*) AS n", "count(x) AS later"] }"#;
    let mut expected = "key,s,m,n,later\n".to_owned();
    for name in KEYS {
        let ((n, s, _), (later, _, m)) = (of_key(name, 0), of_key(name, BEFORE));
        let m = m.map(|m| m.to_string()).unwrap_or_default();
        writeln!(expected, "{name},{s},{m},{n},{later}").expect("a string takes everything");
    }
    check_accepted(&[SUMS], &[now], "out.csv", &expected);
    let fewer = r#"aggregate = { by = ["key"], select = ["COUNT( * ) AS n"], having = "n > 1", order = "key" }"#;
    check_accepted(&[SUMS], &[fewer], "out.csv", "key,n\nk0,33\nk1,33\nk2,33\n");
}

#[test]
fn the_same_holds_for_a_pivot_a_frequency_and_a_count() {
    let pivot = |columns: &str| {
        format!(r#"pivot = {{ on = "key", columns = [{columns}], values = ["count(*)"] }}"#)
    };
    let (old, new) = (pivot(r#""k1""#), pivot(r#""k2", "k1""#));
    let later = of_key("k2", BEFORE).0;
    check_accepted(&[&old], &[&new], "out.csv", &format!("k2,k1\n{later},33\n"));
    let frequency = r#"frequency = { by = ["key"] }"#;
    let now = r#"frequency = { by = ["key"], top = 2, share = "share", name = "n" }"#;
    check_accepted(&[frequency], &[now], "out.csv", &whole(&[now], "out.csv"));
    let now = r#"count = { name = "n" }"#;
    check_accepted(&["count = true"], &[now], "out.csv", "n\n100\n");
}

#[test]
fn a_column_may_come_before_an_aggregate_that_did_not_know_it() {
    let compute = r#"compute = ["x * 10 AS y"]"#;
    let now =
        r#"aggregate = { by = ["key"], select = ["count(*) AS n", "sum(x) AS s", "max(y) AS m"] }"#;
    let mut expected = "key,n,s,m\n".to_owned();
    for name in KEYS {
        let ((n, s, _), (_, _, m)) = (of_key(name, 0), of_key(name, BEFORE));
        let m = m.map(|m| (m * 10).to_string()).unwrap_or_default();
        writeln!(expected, "{name},{n},{s},{m}").expect("a string takes everything");
    }
    check_accepted(&[SUMS], &[compute, now], "out.csv", &expected);
    check_refused(&[SUMS], &[r#"compute = ["x * 10 AS x"]"#, SUMS], "what `aggregate` remembers");
    check_refused(&[SUMS], &[&SUMS.replace("[\"key\"]", "[\"x\"]")], "does not fit");
}

#[test]
fn a_limit_may_be_raised_and_lowered_to_what_has_passed() {
    for limit in ["limit = 60", "limit = 41", "limit = 40"] {
        check_accepted(&["limit = 50"], &[limit], "out.csv", &whole(&[limit], "out.csv"));
    }
    check_accepted(&["limit = 50"], &[], "out.csv", &whole(&[], "out.csv"));
    check_refused(&["limit = 50"], &["limit = 39"], "more records than that have passed");
}

#[test]
fn new_steps_start_empty_and_those_that_only_let_records_pass_may_go() {
    let ids = |ids: &mut dyn Iterator<Item = u64>| {
        ids.fold("id,key,x\n".to_owned(), |text, id| format!("{text}{id},{},{}\n", key(id), id * 2))
    };
    check_accepted(&[], &["limit = 10"], "out.csv", &ids(&mut (1..=50)));
    check_accepted(
        &[],
        &["filter = \"id % 2 = 0\""],
        "out.csv",
        &ids(&mut (1..=40).chain((42..=100).step_by(2))),
    );
    let dedup = r#"dedup = { key = ["key"] }"#;
    check_accepted(&[], &[dedup], "out.csv", &ids(&mut (1..=43)));
    check_accepted(&[dedup], &[], "out.csv", &ids(&mut [1, 2, 3, 7].into_iter().chain(41..=100)));
    let sort = r#"sort = { by = ["id DESC"] }"#;
    check_accepted(&[], &[sort], "out.csv", &ids(&mut (1..=40).chain((41..=100).rev())));
    check_refused(&[sort], &[], "what `sort` remembers would be lost");
    check_refused(&["limit = 90"], &[sort, "limit = 90"], "can only come as the last step");
    check_refused(&[dedup, "limit = 90"], &["limit = 90", dedup], "has been moved");
}

#[test]
fn steps_are_known_again_by_their_names_and_settings() {
    let dedup = |name: &str| format!("name = \"{name}\"\ndedup = {{ key = [\"key\", \"id\"] }}");
    check_cosmetic(&[&dedup("one")], &[&dedup("other")]);
    let [first, second] = ["a", "b"].map(|name| format!("name = \"{name}\"\nlimit = 90"));
    check_cosmetic(&[&first, &second], &[&second.replace("\"b\"", "\"c\""), &second]);
    let filter = "filter = \"id <> 50\"";
    let expected = whole(&[filter, &dedup("one"), SUMS], "out.csv");
    check_accepted(&[&dedup("one"), SUMS], &[filter, &dedup("two"), SUMS], "out.csv", &expected);
}

#[test]
fn behind_a_step_that_waits_for_the_end_everything_may_change() {
    for now in [
        &[SUMS, "filter = \"n > 1\""][..],
        &[SUMS, r#"select = ["n * 2 AS twice", "key"]"#, "limit = 2"],
        &[SUMS, r#"window = { compute = ["row_number() AS place"] }"#],
    ] {
        let before = [SUMS, "limit = 3", "filter = \"n > 0\""];
        check_accepted(&before, now, "out.csv", &whole(now, "out.csv"));
    }
}

#[test]
fn columns_may_change_where_no_records_are_written_with_others() {
    let compute = r#"compute = ["x + 1 AS y"]"#;
    check_refused(&[], &[compute], "40 records are written with the columns of before");
    check_refused(&[compute], &[r#"select = ["id"]"#], "40 records are written");
    let line = |id: u64| match id {
        1..=40 => format!("{{\"id\":{id},\"key\":\"{}\",\"x\":{}}}\n", key(id), id * 2),
        _ => format!(
            "{{\"id\":{id},\"key\":\"{}\",\"x\":{},\"y\":{}}}\n",
            key(id),
            id * 2,
            id * 2 + 1
        ),
    };
    let expected: String = (1..=RECORDS).map(line).collect();
    check_accepted(&[], &[compute], "out.jsonl", &expected);
}

#[test]
fn a_finished_job_stays_finished() {
    let scratch = stopped(&[SUMS], "out.csv", BEFORE);
    onward_ends(scratch.path(), &["run", "job.toml"], 0);
    let before = output(scratch.path(), "out.csv");
    write_job(scratch.path(), &text(&["filter = \"id > 3\"", SUMS], "out.csv"));
    let ended = onward_ends(scratch.path(), &["run", "job.toml"], 5);
    assert!(ended.stderr.contains("the job has finished and stays so"), "{ended:?}");
    let ended = onward_ends(scratch.path(), &["run", "job.toml", "--accept-changes"], 0);
    assert!(ended.stderr.contains("finished already"), "{ended:?}");
    assert!(ended.stderr.contains("`transform.0` has changed and acts no more"), "{ended:?}");
    assert_eq!(output(scratch.path(), "out.csv"), before);
}

#[test]
fn when_the_input_has_ended_what_was_remembered_stays_as_it_is() {
    let sort = r#"sort = { by = ["key"] }"#;
    let steps = [SUMS, sort];
    let scratch = stopped(&steps, "out.csv", RECORDS);
    // All is read; the next run stops in the middle of giving.
    let run = ["run", "job.toml", "--max-runtime", "0s"];
    while onward_ends(scratch.path(), &run, 75).stderr.contains("checkpoint 2 ") {}
    write_job(scratch.path(), &text(&[&SUMS.replace("sum(x)", "max(x)"), sort], "out.csv"));
    let ended = onward_ends(scratch.path(), &["run", "job.toml", "--accept-changes"], 5);
    assert!(
        ended.stderr.contains("what waits for the end of the input has been given"),
        "{ended:?}"
    );
    write_job(scratch.path(), &text(&steps, "out.csv"));
    onward_ends(scratch.path(), &["run", "job.toml"], 0);
    assert_eq!(output(scratch.path(), "out.csv"), whole(&steps, "out.csv"));
}

/// What `plan` says of changed steps.
fn planned(before: &[&str], now: &[&str], more: &[&str]) -> Ended {
    let scratch = stopped(before, "out.csv", BEFORE);
    write_job(scratch.path(), &text(now, "out.csv"));
    onward_ends(scratch.path(), &[&["plan", "job.toml"], more].concat(), 5)
}

#[test]
fn plan_says_of_each_change_what_it_is_how_it_acts_and_what_to_type() {
    let now = [
        "filter = \"id > 3\"",
        r#"aggregate = { by = ["key"], select = ["count(*) AS n", "max(x) AS m"] }"#,
        "limit = 2",
    ];
    let said = String::from_utf8(planned(&[SUMS], &now, &[]).stdout).expect("UTF-8");
    let expected = "\
   change: transform.0, the step `filter`, is new (stateless; needs --accept-changes): {\"filter\":\"id > 3\",\"name\":\"filter\"}
      acts behind the first 40 records, which were made otherwise
   change: transform.1.aggregate.select (state-compatible; needs --accept-changes): [\"count(*) AS n\",\"sum(x) AS s\"] -> [\"count(*) AS n\",\"max(x) AS m\"]
      goes on with what it remembers; what is new in it starts empty behind the first 40 records
   change: transform.2, the step `limit`, is new (state-compatible; needs --accept-changes): {\"limit\":2,\"name\":\"limit\"}
      acts on all records, since none has come to it yet
   change: sink.columns (state-compatible; needs --accept-changes): [\"key\",\"n\",\"s\"] -> [\"key\",\"n\",\"m\"]
      acts on all records, since none has come to it yet
";
    assert!(said.contains(expected), "{said}");
}

#[test]
fn plan_says_the_same_in_json() {
    let now = [r#"aggregate = { by = ["x"], select = ["count(*) AS n"] }"#];
    let shown: Json =
        serde_json::from_slice(&planned(&[SUMS], &now, &["--json"]).stdout).expect("JSON");
    let changes = shown["changes"].as_array().expect("a list");
    let of = |path: &str| changes.iter().find(|one| one["path"] == path).expect("the change");
    let by = of("transform.0.aggregate.by");
    assert_eq!((&by["class"], &by["needs"]), (&"incompatible".into(), &"--fresh".into()));
    assert_eq!(by["step"], "aggregate");
    let select = of("transform.0.aggregate.select");
    assert_eq!(
        (&select["kind"], &select["class"]),
        (&"changed".into(), &"state-compatible".into())
    );
    assert_eq!(
        (&select["records_past"], &select["needs"]),
        (&40.into(), &"--accept-changes".into())
    );
    assert_eq!(shown["decision"], "refuse");
}
