//! What is said about the steps of a job: their columns, and what they have to remark.

use super::{answer, job_of, said};
use crate::support::program::onward;
use std::fs;

/// A job with these steps over a hundred records of `id`, `amount` and `note`; each seventh amount is 0, each tenth is bad.
fn job(steps: &str) -> String {
    let source = "[source]\npath = \"in.csv\"\ntypes = { id = \"bigint\" }\n\n";
    format!("{source}{steps}\n\n[sink]\npath = \"out.jsonl\"\n")
}

fn check_explains(steps: &str, expected: &str) {
    let scratch = job_of(&job(steps), 3);
    let text = answer(scratch.path(), &["check", "--explain", "job.toml"], 0);
    assert_eq!(text, expected, "{text}");
}

#[test]
fn check_explains_the_columns_of_each_step() {
    check_explains(
        r#"
[[transform]]
filter = "id > 1"

[[transform]]
split = { column = "note", separator = "n", into = ["before", "behind"] }

[[transform]]
name = "by-half"
aggregate = { by = ["id // 2 AS half"], select = ["count(*) AS n"] }

[[transform]]
name = "gaps"
fill = { columns = ["half"], with = "down" }

[[transform]]
unpivot = { columns = ["half", "n"], name = "what", value = "number" }
"#,
        "job.toml: ok, 1 input, 5 steps
1. filter
   in:  id bigint, amount text, note text
   out: the same
2. split
   in:  id bigint, amount text, note text
   out: id bigint, amount text, note text, before text, behind text
3. aggregate `by-half`, keeps state
   in:  id bigint, amount text, note text, before text, behind text
   out: half bigint, n bigint
4. fill `gaps`, keeps state
   in:  half bigint, n bigint
   out: the same
5. unpivot
   in:  half bigint, n bigint
   out: what text, number bigint
output
   what: text
   number: bigint
",
    );
}

#[test]
fn check_explains_records_with_whatever_keys() {
    check_explains(
        r#"
[[transform]]
compute = ["CAST(note AS json) AS json"]

[[transform]]
flatten = { columns = ["json"] }
"#,
        "job.toml: ok, 1 input, 2 steps
1. compute
   in:  id bigint, amount text, note text
   out: id bigint, amount text, note text, json json
2. flatten
   in:  id bigint, amount text, note text, json json
   out: any key
output
",
    );
    check_explains(
        r#"
[[transform]]
flatten = {}

[[transform]]
select = ["* EXCLUDE (note, amount)", "id + 1 AS next"]
"#,
        "job.toml: ok, 1 input, 2 steps
1. flatten
   in:  id bigint, amount text, note text
   out: any key
2. select
   in:  any key
   out: next bigint, any other key but note, amount
output
   next: bigint
",
    );
}

/// The lines of a run that is stopped at each barrier, from the last run.
fn said_in_the_end(steps: &str, code: i32) -> String {
    let scratch = job_of(&job(steps), 100);
    let more = ["run", "job.toml", "--chunk-bytes", "64", "--stop-after-barriers", "2"];
    loop {
        let ended = onward(scratch.path(), &more);
        if ended.code != Some(75) {
            assert_eq!(ended.code, Some(code), "{ended:?}");
            return ended.stderr;
        }
    }
}

#[test]
fn warnings_are_counted_over_all_runs() {
    let steps = r#"
[[transform]]
assert = { that = "id % 7 <> 0", otherwise = "warn", message = "a seventh" }

[[transform]]
limit = 50
"#;
    let remark = "   warning: 7 records: a seventh (the first: `in.csv` line 8)\n";
    let scratch = job_of(&job(steps), 100);
    let whole = said(scratch.path(), &["run", "job.toml"], 0);
    let in_parts = said_in_the_end(steps, 0);
    for text in [whole, in_parts] {
        assert!(text.contains(remark), "{text}");
    }
}

#[test]
fn what_an_assert_stopped_goes_on_when_the_job_is_mended() {
    let steps = "[[transform]]\nassert = { that = \"id <> 60\", otherwise = \"fail\" }\n";
    let scratch = job_of(&job(steps), 100);
    let path = scratch.path();
    let run = ["run", "job.toml", "--chunk-bytes", "64"];
    let text = said(path, &run, 1);
    let message =
        "onward: error: stopped at a record: `in.csv` line 61: assert: `id <> 60` does not hold\n";
    assert!(text.starts_with(message), "{text}");
    assert!(!path.join("out.jsonl").exists());
    let mended = job(steps).replace("<> 60", "<> 0");
    fs::write(path.join("job.toml"), mended).expect("a writable folder");
    let text = said(path, &["run", "job.toml", "--accept-changes"], 0);
    assert!(text.contains("read 100 records, wrote 100,"), "{text}");
    assert!(text.contains("resumed from checkpoint"), "{text}");
}

#[test]
fn a_step_behind_one_with_state_may_make_more_text_than_fits_at_a_time() {
    let job = job(r#"
[[transform]]
dedup = { key = ["id"] }

[[transform]]
compute = ["length(repeat(note, 300000)) AS n"]
"#);
    let scratch = job_of(&job, 3);
    let mut input = String::from("id,note\n");
    for id in 0..310 {
        input.push_str(&format!("{id},abc\n"));
    }
    fs::write(scratch.path().join("in.csv"), input).expect("a writable folder");
    said(scratch.path(), &["run", "job.toml"], 0);
    let output = fs::read_to_string(scratch.path().join("out.jsonl")).expect("the output");
    assert_eq!(output.lines().count(), 310);
    assert!(output.lines().all(|line| line.ends_with(r#","n":900000}"#)), "{output}");
}

#[test]
fn what_is_wrong_in_form_hides_nothing_that_is_wrong_with_names() {
    let steps = "[[transform]]\nfilter = \"amuont > '1'\"\n\n[[transform]]\nlimt = 3";
    let scratch = job_of(&job(steps), 3);
    assert_eq!(
        said(scratch.path(), &["check", "job.toml"], 2),
        "onward: error: job.toml:6: unknown column `amuont` in filter\n    6 |  filter = \"amuont > '1'\"\n      \
         |            ^^^^^^ columns are: id, amount, note\n   hint: did you mean `amount`?\n\
         onward: error: job.toml:9: unknown key `limt` in [[transform]]\n    9 |  limt = 3\n      \
         |  ^^^^\n   hint: did you mean `limit`?\n"
    );
}
