//! `checkpoint list`, `show` and `verify`.

use super::{JOB, STOPPED_RUN, answer, check_says, checkpoint_files, job_of, json, said, stopped};
use crate::support::folder;
use crate::support::program::onward_ends;
use serde_json::{Value as Json, json};
use std::fs;

#[test]
fn list_tells_when_and_why_each_was_taken() {
    let scratch = stopped();
    let text = answer(scratch.path(), &["checkpoint", "list", "job.toml"], 0);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert_eq!(lines[0], "number  taken (UTC)          why              bytes  records");
    check_says(lines[1], &["     1  20", "  start  ", "  0"]);
    check_says(lines[2], &["     2  20", "  stop-early  ", "  22"]);
    let text = answer(scratch.path(), &["checkpoint", "list", "job.toml", "--json"], 0);
    let lines: Vec<Json> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let is_like = |line: &Json, number: u64, trigger: &str, records: u64| {
        assert_eq!(line["checkpoint"], number);
        assert_eq!(line["trigger"], trigger);
        assert_eq!(line["records_read"], records);
        assert_eq!(line["phase"], "reading");
    };
    is_like(&lines[0], 1, "start", 0);
    is_like(&lines[1], 2, "stop-early", 22);
}

#[test]
fn show_tells_everything_that_a_checkpoint_holds() {
    let scratch = stopped();
    let newest = json(scratch.path(), &["checkpoint", "show", "job.toml", "--json"], 0);
    assert_eq!(newest["checkpoint"], 2);
    assert_eq!(newest["manifest"]["position"]["offset"], 195);
    assert_eq!(newest["manifest"]["job"]["transform"][0]["filter"], "amount > 2");
    assert_eq!(newest["manifest"]["outputs"][0]["target"], "out.csv");
    let first = answer(scratch.path(), &["checkpoint", "show", "job.toml", "1", "--json"], 0);
    assert_eq!(first.lines().count(), 1);
    check_says(&first, &["\"trigger\":\"start\""]);
}

#[test]
fn show_tells_people_where_a_checkpoint_stands() {
    let scratch = stopped();
    onward_ends(scratch.path(), &["checkpoint", "now", "job.toml", "--name", "kept"], 0);
    let shown = answer(scratch.path(), &["checkpoint", "show", "job.toml"], 0);
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines[0], "job: checkpoint 2 (stop-early)");
    assert!(lines[1].starts_with("   taken 20") && lines[1].contains(" UTC by onward "), "{shown}");
    assert_eq!(lines[2..4], ["   savepoint kept", "   reading"]);
    assert!(lines[4].starts_with("   read 22 records, 195 B of "), "{shown}");
    assert_eq!(lines[5], "   at byte 195 of in.csv, line 24");
    check_says(&shown, &["   written ", "   output sink: ", "`--json` shows all of it"]);
}

#[test]
fn verify_says_what_it_found_whole() {
    let scratch = stopped();
    let verify = |more: &[&str]| {
        answer(scratch.path(), &[&["checkpoint", "verify", "job.toml"], more].concat(), 0)
    };
    let newest = "job: checkpoint 2 is whole; job, inputs and outputs fit it\n";
    assert_eq!(verify(&["2"]), newest);
    assert_eq!(verify(&[]), format!("{newest}job: the other checkpoint is whole, too\n"));
    assert_eq!(verify(&["1"]), "job: checkpoint 1 is whole\n");
    let answer: Json = serde_json::from_str(&verify(&["--json"])).expect("JSON");
    assert_eq!(
        (&answer["job"], &answer["checkpoint"], &answer["valid"]),
        (&json!("job"), &json!(2), &json!(true))
    );
    let checkpoints = json!([{ "checkpoint": 2, "files": 1 }, { "checkpoint": 1, "files": 1 }]);
    assert_eq!(answer["checkpoints"], checkpoints);
    assert_eq!(answer["inputs"][0]["path"], "in.csv");
    let outputs = answer["outputs"].as_array().expect("a list");
    assert!(!outputs.is_empty() && outputs.iter().all(|output| output["bytes"].is_u64()));
}

#[test]
fn a_damaged_checkpoint_is_named_with_its_damage() {
    let scratch = stopped();
    let newest = checkpoint_files(scratch.path()).pop().expect("a checkpoint");
    let mut bytes = fs::read(&newest).expect("a readable file");
    let last = bytes.len() - 40;
    bytes[last] ^= 1;
    fs::write(&newest, bytes).expect("a writable file");
    let damaged = "onward: error: checkpoint 2 is not usable: ";
    for command in ["verify", "show"] {
        let text = said(scratch.path(), &["checkpoint", command, "job.toml"], 5);
        assert!(text.starts_with(damaged), "{command}: {text}");
    }
    let list = answer(scratch.path(), &["checkpoint", "list", "job.toml"], 0);
    check_says(&list, &["\n     2  not usable: "]);
    let list = answer(scratch.path(), &["checkpoint", "list", "job.toml", "--json"], 0);
    check_says(&list, &["{\"checkpoint\":2,\"invalid\":\""]);
    let plan = answer(scratch.path(), &["plan", "job.toml"], 0);
    check_says(&plan, &["would resume from checkpoint 1 ", "passes over: ckpt-"]);
    let status = answer(scratch.path(), &["status", "job.toml"], 0);
    check_says(&status, &["checkpoint file `ckpt-0000000000000002.onw` is not usable: "]);
}

#[test]
fn a_number_that_is_not_there_is_missing() {
    let scratch = stopped();
    for command in ["verify", "show"] {
        assert_eq!(
            said(scratch.path(), &["checkpoint", command, "job.toml", "77"], 2),
            "onward: error: there is no checkpoint 77\n   hint: there are: 1, 2\n"
        );
    }
}

#[test]
fn a_job_that_was_never_started_has_none() {
    let scratch = job_of(JOB, 5);
    for command in ["list", "show", "verify", "now"] {
        assert_eq!(
            said(scratch.path(), &["checkpoint", command, "job.toml"], 1),
            "onward: error: `job` has no checkpoints: it was never started\n"
        );
    }
}

#[test]
fn now_needs_a_job_that_runs() {
    let scratch = stopped();
    assert_eq!(
        said(scratch.path(), &["checkpoint", "now", "job.toml"], 1),
        "onward: error: `job` is not running\n   \
         hint: a stopped job has saved its last checkpoint; see `onward checkpoint list`\n"
    );
}

/// A job with several steps that remember something.
const REMEMBERING: &str = r#"
[source]
path = "in.csv"
types = { id = "bigint", amount = "bigint" }

[[transform]]
name = "once"
dedup = { key = ["note", "amount"] }

[[transform]]
limit = 60

[[transform]]
name = "sums"
aggregate = { by = ["id % 3 AS third"], select = ["count(*) AS n", "sum(amount) AS total", "max(note) || '!' AS loud"] }

[sink]
path = "out.csv"

[rejects]
path = "rejects.jsonl"
limit = "90%"

[checkpoint]
every_bytes = "1TiB"
"#;

#[test]
fn what_a_step_remembers_is_printed_as_data() {
    let scratch = job_of(REMEMBERING, 100);
    onward_ends(scratch.path(), &STOPPED_RUN, 75);
    let show = |more: &[&str]| {
        answer(scratch.path(), &[&["checkpoint", "show", "job.toml"], more].concat(), 0)
    };
    assert_eq!(
        show(&["--state", "sums"]),
        "third,n,total,call_3\n1,7,19,n7\n2,6,15,n8\n0,7,21,n9\n"
    );
    assert_eq!(
        show(&["--state", "sums", "--format", "jsonl"]).lines().next(),
        Some(r#"{"third":1,"n":7,"total":19,"call_3":"n7"}"#)
    );
    let keys = show(&["--state", "once"]);
    assert!(keys.starts_with("note,amount\nn1,1\nn2,2\n"), "{keys}");
    assert_eq!(keys.lines().count(), 21);
    assert_eq!(show(&["--state", "limit"]), "records_passed\n20\n");
    assert_eq!(show(&["1", "--state", "limit"]), "records_passed\n0\n");
    assert_eq!(show(&["1", "--state", "once"]), "note,amount\n");
}

#[test]
fn only_a_state_that_is_there_is_printed() {
    let scratch = job_of(REMEMBERING, 100);
    onward_ends(scratch.path(), &STOPPED_RUN, 75);
    let shown = ["checkpoint", "show", "job.toml", "--state", "sum"];
    let text = said(scratch.path(), &shown, 2);
    check_says(&text, &["has no state of a step `sum`", "there are: once, limit, sums"]);
    let changed = [&shown[..], &["--set", "transform.0.dedup.key=[\"note\"]"]].concat();
    check_says(&said(scratch.path(), &changed, 2), &["has no state of a step `sum`"]);
    let changed =
        ["checkpoint", "show", "job.toml", "--state", "sums", "--set", "transform.1.limit=61"];
    let text = said(scratch.path(), &changed, 5);
    check_says(&text, &["the job has changed since the checkpoint: `transform.1.limit`"]);
    onward_ends(scratch.path(), &["run", "job.toml"], 3);
    let text = said(scratch.path(), &["checkpoint", "show", "job.toml", "--state", "sums"], 2);
    check_says(&text, &["the job had finished then"]);
}

#[test]
fn diff_counts_the_keys_that_came_and_changed() {
    let scratch = job_of(REMEMBERING, 100);
    onward_ends(scratch.path(), &STOPPED_RUN, 75);
    onward_ends(scratch.path(), &STOPPED_RUN, 75);
    let text = answer(scratch.path(), &["checkpoint", "diff", "job.toml", "2"], 0);
    check_says(
        &text,
        &[
            "   state of once: ",
            "; 20 to 39 keys: 19 new, 0 gone, 0 changed\n",
            "; 3 to 3 keys: 0 new, 0 gone, 3 changed\n",
        ],
    );
    let in_json = json(scratch.path(), &["checkpoint", "diff", "job.toml", "3", "2", "--json"], 0);
    assert_eq!(
        in_json["steps"][0]["keys"],
        json!({ "from": 39, "to": 20, "new": 0, "gone": 19, "changed": 0 })
    );
    assert_eq!(in_json["steps"][1]["keys"], Json::Null);
}

#[test]
fn another_job_s_checkpoints_are_shown_and_not_changed() {
    let scratch = stopped();
    let path = |name: &str| scratch.path().join(name);
    let job = fs::read_to_string(path("job.toml")).expect("a job");
    let job = format!("name = \"other\"\n{job}");
    let job = job.replace("[checkpoint]\n", "[checkpoint]\ndirectory = \".onward/job\"\n");
    folder::write(&path("other.toml"), job.as_bytes());
    let kept = || {
        let mut files = folder::files(&path(".onward/job"));
        files.retain(|name, _| !name.starts_with("LOCK"));
        files
    };
    let before = kept();
    let commands: [&[&str]; 5] = [
        &["checkpoint", "prune", "other.toml", "--keep", "1"],
        &["checkpoint", "rm", "other.toml", "1", "--force"],
        &["checkpoint", "now", "other.toml", "--name", "mine"],
        &["checkpoint", "rollback", "other.toml"],
        &["run", "other.toml", "--fresh"],
    ];
    for command in commands {
        let text = said(scratch.path(), command, 5);
        let whose = "holds the checkpoints of another job, `job`, and this one is `other`";
        check_says(&text, &[whose, "add `--set name=job`"]);
        assert!(kept() == before, "{command:?}");
    }
    let text = answer(scratch.path(), &["checkpoint", "list", "other.toml"], 0);
    check_says(&text, &["the newest is of job `job`, and this one is `other`"]);
    let shown = answer(scratch.path(), &["checkpoint", "show", "other.toml"], 0);
    check_says(&shown, &["job: checkpoint "]);
    let renamed = ["checkpoint", "prune", "other.toml", "--keep", "1", "--set", "name=job"];
    check_says(&answer(scratch.path(), &renamed, 0), &["removed 1 checkpoint"]);
}
