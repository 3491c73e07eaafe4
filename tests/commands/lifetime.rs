//! `check`, `preview`, `plan` and `status` from before the first start to after the end.

use super::{JOB, answer, check_says, csv, job_of, json, stopped};
use crate::support::folder;
use crate::support::program::onward_ends;
use serde_json::json;
use std::fs;

#[test]
fn check_shows_the_columns_that_come_out_and_leaves_no_files() {
    let scratch = job_of(JOB, 5);
    let text = answer(scratch.path(), &["check", "job.toml"], 0);
    assert_eq!(
        text,
        "job.toml: ok, 1 input, 1 step\n   id: bigint\n   amount: decimal(12,2)\n   note: text\n"
    );
    assert_eq!(folder::names(scratch.path()), ["in.csv", "job.toml"]);
}

#[test]
fn plan_tells_what_a_run_would_do() {
    let scratch = job_of(JOB, 100);
    let plan =
        |more: &[&str], code| answer(scratch.path(), &[&["plan", "job.toml"], more].concat(), code);
    let fresh = "job: would start with the first record\n   input: in.csv (899 B)\n";
    assert_eq!(plan(&[], 0), fresh);
    assert_eq!(folder::names(scratch.path()), ["in.csv", "job.toml"]);
    onward_ends(scratch.path(), &super::STOPPED_RUN, 75);
    assert_eq!(
        plan(&[], 0),
        "job: would resume from checkpoint 2 at record 22 (21 %)\n   input: in.csv (899 B)\n"
    );
    assert_eq!(
        plan(&["--set", "transform.0.filter=amount > 3"], 5),
        "job: would refuse: cannot resume: the job has changed: `transform.0.filter` is \
         `\"amount > 3\"` and was `\"amount > 2\"`; it acts behind the first 22 records, which were \
         made otherwise\n   input: in.csv (899 B)\n   \
         change: transform.0.filter (stateless; needs --accept-changes): \"amount > 2\" -> \
         \"amount > 3\"\n      acts behind the first 22 records, which were made otherwise\n   \
         hint: undo the change; or let it act from here on with `onward run job.toml \
         --accept-changes`; or start over with `onward run job.toml --fresh` (drops 2 checkpoints)\n"
    );
    check_says(
        &plan(&["--set", "source.types.amount=double"], 5),
        &[
            "does not fit: `source.types.amount` is `\"double\"` and was `\"decimal(12,2)\"` (what was read before was read otherwise)\n",
            "   change: source.types.amount (incompatible; needs --fresh): \"decimal(12,2)\" -> \"double\"\n",
        ],
    );
    onward_ends(scratch.path(), &["run", "job.toml"], 3);
    assert_eq!(plan(&[], 0), "job: finished; a run would do nothing\n   input: in.csv (899 B)\n");
}

#[test]
fn plan_answers_in_json_too() {
    let scratch = job_of(JOB, 100);
    let plan = |more: &[&str], code| {
        json(scratch.path(), &[&["plan", "job.toml", "--json"], more].concat(), code)
    };
    let fresh = plan(&[], 0);
    assert_eq!(
        fresh,
        json!({
            "job": "job", "decision": "start", "running": false, "reason": null, "hint": null,
            "newest": null, "inputs": [{ "path": "in.csv", "bytes": 899 }], "changes": [],
            "refused": [], "notes": [],
        })
    );
    onward_ends(scratch.path(), &super::STOPPED_RUN, 75);
    let resume = plan(&[], 0);
    assert_eq!(resume["decision"], "resume");
    assert_eq!(
        resume["newest"],
        json!({
            "checkpoint": 2, "records_read": 22,
            "position": { "source": 0, "offset": 195, "records": 22, "lines": 23 },
        })
    );
    let refuse = plan(&["--set", "source.types.amount=double"], 5);
    assert_eq!(refuse["decision"], "refuse");
    assert_eq!(
        refuse["changes"],
        json!([{
            "path": "source.types.amount", "step": null, "kind": "changed",
            "class": "incompatible", "needs": "--fresh", "records_past": 22,
            "how": "what was read before was read otherwise",
            "stored": "decimal(12,2)", "current": "double",
        }])
    );
    let shorter = &csv(5);
    fs::write(scratch.path().join("in.csv"), shorter).expect("a writable file");
    let refuse = plan(&[], 5);
    assert_eq!(refuse["decision"], "refuse");
    check_says(refuse["reason"].as_str().expect("a reason"), &["`in.csv`", "shorter"]);
    fs::write(scratch.path().join("in.csv"), csv(100)).expect("a writable file");
    onward_ends(scratch.path(), &["run", "job.toml"], 3);
    assert_eq!(plan(&[], 0)["decision"], "finished");
}

#[test]
fn preview_shows_the_first_records_and_the_bad_ones() {
    let scratch = job_of(JOB, 25);
    assert_eq!(
        answer(scratch.path(), &["preview", "job.toml", "-n", "3"], 0),
        "id  amount  note\n--  ------  ----\n 3       3  n3\n 4       4  n4\n 5       5  n5\n\
         bad record: `in.csv` line 11: filter: column `amount` is not a decimal(12,2)\n\
         bad record: `in.csv` line 21: filter: column `amount` is not a decimal(12,2)\n"
    );
    assert_eq!(folder::names(scratch.path()), ["in.csv", "job.toml"]);
}

#[test]
fn preview_shows_json_records_by_the_keys_of_the_first() {
    let scratch = folder::scratch_in_memory();
    let write = |name: &str, text: &str| {
        folder::write(&scratch.path().join(name), text.as_bytes());
    };
    write("job.toml", "[source]\npath = \"in.jsonl\"\n\n[sink]\npath = \"out.jsonl\"\n");
    write("in.jsonl", "{\"id\":1,\"user\":{\"age\":31},\"tags\":[]}\n{\"id\":2,\"more\":true}\n");
    assert_eq!(
        answer(scratch.path(), &["preview", "job.toml"], 0),
        "id  user        tags\n--  ----------  ----\n1   {\"age\":31}  []\n2   NULL        NULL\n"
    );
}

#[test]
fn preview_aggregates_what_it_looks_at() {
    let job = JOB.replace(
        "filter = \"amount > 2\"",
        "aggregate = { by = [\"amount > 2 AS large\"], select = [\"count(*) AS n\"] }",
    );
    let scratch = job_of(&job, 9);
    assert_eq!(
        answer(scratch.path(), &["preview", "job.toml"], 0),
        "large  n\n-----  -\nfalse  5\ntrue   4\n"
    );
}

#[test]
fn status_of_a_job_that_was_never_started() {
    let scratch = job_of(JOB, 5);
    assert_eq!(answer(scratch.path(), &["status", "job.toml"], 0), "job: not started\n");
    assert_eq!(
        json(scratch.path(), &["status", "job.toml", "--json"], 0),
        json!({ "job": "job", "status": "not started", "newest": null, "process": null, "refused": [] })
    );
}

#[test]
fn status_of_a_stopped_and_of_a_finished_job() {
    let scratch = stopped();
    let status = || answer(scratch.path(), &["status", "job.toml"], 0);
    let in_json = || json(scratch.path(), &["status", "job.toml", "--json"], 0);
    check_says(
        &status(),
        &[
            "job: stopped\n   checkpoint 2 (stop-early), ",
            "\n   read 22 records, 195 B of 899 B (21 %)\n   at byte 195 of in.csv, line 24\n   \
             written 10, filtered 10, rejected 2\n",
        ],
    );
    let stopped = in_json();
    assert_eq!(stopped["status"], "stopped");
    assert_eq!(stopped["newest"]["trigger"], "stop-early");
    assert_eq!(stopped["newest"]["counters"]["records_read"], 22);
    onward_ends(scratch.path(), &["run", "job.toml"], 3);
    check_says(
        &status(),
        &[
            "job: finished\n   checkpoint 4 (final), ",
            "\n   read 100 records, 899 B of 899 B (100 %)\n   written 50, filtered 40, rejected 10\n",
        ],
    );
    let finished = in_json();
    assert_eq!(finished["status"], "finished");
    assert_eq!(finished["newest"]["phase"], "done");
    assert_eq!(finished["newest"]["counters"]["resumes"], 1);
}
