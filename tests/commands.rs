//! The commands as a user types them, with the real binary: what they answer, where they say it, and how they end.

mod checkpoints;

mod hostile;

mod lifetime;

mod outputs;

mod rollback;

mod running;

mod savepoints;

mod speaking;

mod steps;

mod transfer;

use crate::support::folder;
use crate::support::program::onward_ends;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A job that filters and rejects: of seven records three are kept, and each tenth is bad.
const JOB: &str = r#"
[source]
path = "in.csv"
types = { id = "bigint", amount = "decimal(12,2)" }

[[transform]]
filter = "amount > 2"

[sink]
path = "out.csv"

[rejects]
path = "rejects.jsonl"
limit = "90%"

[checkpoint]
every_bytes = "1TiB"
"#;

/// Stops `JOB` in the middle of a hundred records.
const STOPPED_RUN: [&str; 6] =
    ["run", "job.toml", "--chunk-bytes", "64", "--stop-after-barriers", "3"];

/// Input of so many records.
fn csv(records: u64) -> String {
    let mut text = "id,amount,note\n".to_owned();
    for id in 1..=records {
        let amount = if id % 10 == 0 { "x".to_owned() } else { (id % 7).to_string() };
        writeln!(text, "{id},{amount},n{id}").expect("a string takes everything");
    }
    text
}

/// A folder with a job and its input.
fn job_of(job: &str, records: u64) -> TempDir {
    let scratch = folder::scratch_in_memory();
    folder::write(&scratch.path().join("job.toml"), job.as_bytes());
    folder::write(&scratch.path().join("in.csv"), csv(records).as_bytes());
    scratch
}

/// A job that was stopped in the middle.
fn stopped() -> TempDir {
    let scratch = job_of(JOB, 100);
    onward_ends(scratch.path(), &STOPPED_RUN, 75);
    scratch
}

/// The answer of a command that must end like this and say nothing else.
fn answer(folder: &Path, arguments: &[&str], code: i32) -> String {
    let ended = onward_ends(folder, arguments, code);
    assert_eq!(ended.stderr, "", "{arguments:?}");
    String::from_utf8(ended.stdout).expect("an answer in UTF-8")
}

/// What a command says that must end like this and answer nothing.
fn said(folder: &Path, arguments: &[&str], code: i32) -> String {
    let ended = onward_ends(folder, arguments, code);
    assert_eq!(ended.stdout, b"", "{arguments:?}");
    // Tests work in memory where they can, which a run mentions.
    let lines = ended.stderr.lines().filter(|line| !line.contains("` is on tmpfs: "));
    lines.map(|line| format!("{line}\n")).collect()
}

/// The same answer in JSON.
fn json(folder: &Path, arguments: &[&str], code: i32) -> serde_json::Value {
    serde_json::from_str(&answer(folder, arguments, code)).expect("an answer in JSON")
}

/// That a text has all these in it.
fn check_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is not said:\n{text}");
    }
}

/// The checkpoint files of a job, oldest first.
fn checkpoint_files(folder: &Path) -> Vec<PathBuf> {
    let folder = folder.join(".onward/job");
    let names = folder::names(&folder).into_iter().filter(|name| name.starts_with("ckpt-"));
    names.map(|name| folder.join(name)).collect()
}

/// Whether a job has its first checkpoint.
fn has_begun(folder: &Path) -> bool {
    folder.join(".onward/job").exists() && !checkpoint_files(folder).is_empty()
}
