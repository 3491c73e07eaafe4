//! What a run says: progress, the summary, standard output as sink; and what reaches it from outside.

use super::{JOB, STOPPED_RUN, answer, check_says, job_of, json, said, stopped};
use crate::support::folder;
use crate::support::program::onward_ends;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

#[test]
fn functions_are_listed_and_explained() {
    let folder = folder::scratch_in_memory();
    let list = answer(folder.path(), &["functions"], 0);
    check_says(&list, &["text\n  ", "  lower(text) -> text\n      in lower case\n"]);
    assert_eq!(
        answer(folder.path(), &["functions", "lower"], 0),
        "lower(text) -> text\n  in lower case\n  NULL where an argument is NULL\n  \
         also called: lcase\n  example: lower('ABC')\n  result:  abc\n"
    );
    assert_eq!(
        said(folder.path(), &["functions", "lowr"], 2),
        "onward: error: there is no function `lowr`\n   hint: did you mean `lower`?\n"
    );
    assert_eq!(
        said(folder.path(), &["functions", "frobnicate"], 2),
        "onward: error: there is no function `frobnicate`\n   \
         hint: list all of them: `onward functions`\n"
    );
}

#[test]
fn functions_are_found_by_a_word() {
    let folder = folder::scratch_in_memory();
    assert_eq!(
        answer(folder.path(), &["functions", "--search", "CIDR"], 0),
        "url and ip\n  ip_in(ip text, network text) -> boolean\n      \
         whether an address is in a network in CIDR notation\n"
    );
    assert_eq!(
        said(folder.path(), &["functions", "--search", "frobnicate"], 2),
        "onward: error: no function has to do with `frobnicate`\n   \
         hint: list all of them: `onward functions`\n"
    );
    assert_eq!(
        said(folder.path(), &["functions", "accents"], 2),
        "onward: error: there is no function `accents`\n   \
         hint: some have to do with it: `onward functions --search accents`\n"
    );
}

#[test]
fn functions_are_listed_for_tools() {
    let folder = folder::scratch_in_memory();
    let all = json(folder.path(), &["functions", "--json"], 0);
    let names = |is_meant: &dyn Fn(&str) -> bool| -> Vec<&str> {
        let functions = all.as_array().expect("an array").iter();
        let meant = functions.filter(|one| one["family"].as_str().is_some_and(is_meant));
        meant.filter_map(|one| one["name"].as_str()).collect()
    };
    for is_meant in [
        &(|family: &str| family == "aggregate") as &dyn Fn(&str) -> bool,
        &|family: &str| family == "window",
        &|family: &str| !matches!(family, "aggregate" | "window"),
    ] {
        let names = names(is_meant);
        assert!(names.is_sorted() && names.len() > 10, "{names:?}");
    }
    assert_eq!(
        json(folder.path(), &["functions", "--json", "base64"], 0),
        serde_json::json!([{
            "name": "to_base64",
            "aliases": ["base64"],
            "family": "encoding",
            "signature": "to_base64(text) -> text",
            "doc": "the bytes of a text in base64",
            "nulls": "NULL where an argument is NULL",
            "example": "to_base64('onward')",
            "result": "b253YXJk",
        }])
    );
}

#[test]
fn progress_in_json_is_one_object_a_line() {
    let scratch = job_of(JOB, 100);
    let text = said(scratch.path(), &["run", "job.toml", "--progress", "json"], 3);
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with('{')).collect();
    assert!(!lines.is_empty(), "{text}");
    for line in &lines {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(line["bytes_total"], 899);
    }
    let last: serde_json::Value = serde_json::from_str(lines[lines.len() - 1]).expect("JSON");
    assert_eq!(last["bytes_done"], 899);
    assert_eq!(last["records_read"], 100);
    assert_eq!(last["records_written"], 50);
    assert_eq!(last["records_filtered"], 40);
    assert_eq!(last["records_rejected"], 10);
}

#[test]
fn without_progress_only_the_summary_is_said() {
    let scratch = job_of(JOB, 100);
    for choice in ["never", "always", "auto"] {
        let run = ["run", "job.toml", "--fresh", "--overwrite", "--progress", choice];
        let text = said(scratch.path(), &run, 3);
        let start = "onward: finished `job` in ";
        let end = ": read 100 records, wrote 50, filtered 40, rejected 10, 3 checkpoints\n   \
                   output: out.csv\n   rejects: rejects.jsonl\n";
        // A slow machine may come to a progress line.
        let lines = text.lines().filter(|line| !(choice != "never" && line.contains(" records/s")));
        let text: String = lines.map(|line| format!("{line}\n")).collect();
        assert!(text.starts_with(start) && text.ends_with(end), "{choice}: {text}");
        assert_eq!(text.lines().count(), 3, "{choice}: {text}");
    }
}

#[test]
fn the_summary_of_a_resumed_run_counts_everything_and_says_where_it_went_on() {
    let scratch = stopped();
    let text = said(scratch.path(), &["run", "job.toml"], 3);
    check_says(
        &text,
        &[
            "onward: resuming from checkpoint 2 at record 22 (21 %)\n",
            ": read 100 records, wrote 50, filtered 40, rejected 10, 2 checkpoints\n   \
             resumed from checkpoint 2 at record 22\n   output: out.csv\n",
        ],
    );
    assert_eq!(
        said(scratch.path(), &["run", "job.toml"], 3),
        "onward: `job` is finished already: 50 records are written; `--fresh` runs it again\n"
    );
}

#[test]
fn a_stopped_run_says_how_to_go_on() {
    let scratch = job_of(JOB, 100);
    assert_eq!(
        said(scratch.path(), &STOPPED_RUN, 75),
        "onward: stopped early; checkpoint 2 saved at record 22 (21 %)\n   \
         run the same command to go on\n"
    );
}

/// The job with another sink and no file of rejects.
fn to_stdout() -> String {
    JOB.replace("path = \"out.csv\"", "path = \"-\"\nformat = \"csv\"")
        .replace("path = \"rejects.jsonl\"\n", "")
}

#[test]
fn standard_output_takes_records_and_is_said_once_to_be_without_resume() {
    let scratch = job_of(&to_stdout(), 20);
    let ended = onward_ends(scratch.path(), &["run", "job.toml"], 3);
    let stdout = String::from_utf8(ended.stdout).expect("UTF-8");
    assert!(stdout.starts_with("id,amount,note\n3,3,n3\n4,4,n4\n"), "{stdout}");
    let once = "onward: output to `-` cannot be resumed: this run takes no checkpoints\n";
    assert!(ended.stderr.starts_with(once), "{}", ended.stderr);
    assert_eq!(ended.stderr.matches("resume").count(), 1, "{}", ended.stderr);
    assert_eq!(folder::names(scratch.path()), ["in.csv", "job.toml"]);
}

/// The program with more than the usual.
fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_onward"));
    command.args(arguments).current_dir(folder).env_clear().stdin(Stdio::null());
    command
}

#[test]
fn a_reader_that_has_read_enough_ends_the_run_quietly() {
    let scratch = job_of(&to_stdout(), 50_000);
    let mut child = command(scratch.path(), &["run", "job.toml"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdout = child.stdout.take().expect("a pipe");
    let mut first = [0; 10];
    stdout.read_exact(&mut first).expect("some records");
    drop(stdout);
    let ended = child.wait_with_output().expect("an end");
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert_eq!(
        String::from_utf8_lossy(&ended.stderr),
        "onward: output to `-` cannot be resumed: this run takes no checkpoints\n"
    );
}

#[test]
fn overrides_and_the_environment_reach_the_job() {
    let job = JOB.replace("amount > 2", "amount > ${LEAST} AND note <> '${NOTE}'");
    let scratch = job_of(&job, 9);
    let run = |arguments: &[&str], least: Option<&str>| {
        let mut command = command(scratch.path(), arguments);
        command.env("NOTE", "n6").envs(least.map(|least| ("LEAST", least)));
        let ended = command.output().expect("the program runs");
        (ended.status.code(), String::from_utf8_lossy(&ended.stderr).into_owned())
    };
    let (code, said) = run(&["run", "job.toml"], None);
    assert_eq!(code, Some(2), "{said}");
    check_says(&said, &["job.toml:", "LEAST"]);
    let (code, said) = run(&["run", "job.toml", "--set", "sink.path=other.csv"], Some("4"));
    assert_eq!(code, Some(0), "{said}");
    let other = fs::read_to_string(scratch.path().join("other.csv")).expect("the output");
    assert_eq!(other, "id,amount,note\n5,5,n5\n");
    let set = ["run", "job.toml", "--set", "transform.0.filter=amount = 1", "--fresh"];
    let (code, said) = run(&set, Some("4"));
    assert_eq!(code, Some(0), "{said}");
    let out = fs::read_to_string(scratch.path().join("out.csv")).expect("the output");
    assert_eq!(out, "id,amount,note\n1,1,n1\n8,1,n8\n");
    let (code, said) = run(&["run", "job.toml", "--set", "sink.pth=x"], Some("4"));
    assert_eq!(code, Some(2), "{said}");
    check_says(&said, &["--set |  sink.pth=x", "did you mean `path`?"]);
}
