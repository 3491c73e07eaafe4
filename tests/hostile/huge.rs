//! Inputs larger or deeper than anybody means them: memory stays bounded, and what is too much is told or rejected.

use crate::support::folder;
use crate::support::program::{Ended, Running, onward, spawn};
use crate::support::report::count;
use rustix::process::Signal;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use tempfile::TempDir;

/// More than any of these jobs needs at a time.
const MEMORY_BYTES: u64 = 400 << 20;

/// A job that reads one file.
fn job(input: &str, format: &str) -> TempDir {
    let scratch = folder::scratch();
    let job = format!(
        "[source]\npath = \"{input}\"\n[sink]\npath = \"out.{format}\"\n[rejects]\n\
         path = \"rejects.jsonl\"\nlimit = \"100%\"\n"
    );
    folder::write(&scratch.path().join("job.toml"), job.as_bytes());
    scratch
}

/// The most memory that a process that still runs has had.
fn memory(running: &Running) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", running.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// Runs a job and watches how much memory it takes.
fn watched(folder: &Path, arguments: &[&str]) -> (Ended, u64) {
    let mut running = spawn(folder, arguments);
    let mut most = 0;
    while !running.ends_within(std::time::Duration::from_millis(5)) {
        most = memory(&running).max(most);
    }
    (running.end(), most)
}

#[test]
fn a_line_of_a_gibibyte_is_a_reject_and_those_around_it_are_not() {
    for (input, first, last) in [
        ("in.csv", "id,note\n1,first\n", "\n2,last\n"),
        ("in.jsonl", "{\"id\":1}\n", "\n{\"id\":2}\n"),
    ] {
        let format = input.trim_start_matches("in.");
        let scratch = job(input, format);
        let file = fs::File::create(scratch.path().join(input)).expect("a file");
        file.write_all_at(first.as_bytes(), 0).expect("written");
        // The zeros in between take no room.
        file.write_all_at(last.as_bytes(), (1 << 30) + first.len() as u64).expect("written");
        let (ended, memory) = watched(scratch.path(), &["run", "job.toml", "--threads", "2"]);
        assert_eq!(ended.code, Some(3), "{input}: {ended:?}");
        let out = fs::read(scratch.path().join(format!("out.{format}"))).expect("an output");
        let expected = first.to_owned() + last.trim_start();
        assert!(out == expected.as_bytes(), "{input}: {}", out.escape_ascii());
        let rejects = fs::metadata(scratch.path().join("rejects.jsonl")).expect("rejects").len();
        assert!((1..1 << 20).contains(&rejects), "{input}: {rejects}");
        assert!(memory < MEMORY_BYTES, "{input}: {memory} bytes of memory");
        count(&format!(
            "hostile: a line of 1 GiB in {format} takes {} MiB of memory",
            memory >> 20
        ));
    }
}

#[test]
fn a_tebibyte_of_nothing_can_be_stopped_and_gone_on_with() {
    let scratch = job("in.csv", "csv");
    let file = fs::File::create(scratch.path().join("in.csv")).expect("a file");
    file.write_all_at(b"id,note\n1,first\n2,second\n", 0).expect("written");
    if file.set_len(1 << 40).is_err() {
        return crate::support::report::skip("files cannot be so long here");
    }
    for _ in 0..2 {
        let mut running = spawn(scratch.path(), &["run", "job.toml"]);
        let has_started = || scratch.path().join(".onward/job/LOCK.info").exists();
        assert!(running.until(has_started), "{:?}", running.end());
        assert!(!running.ends_within(std::time::Duration::from_millis(300)));
        let memory = memory(&running);
        running.signal(Signal::TERM);
        let ended = running.end();
        assert_eq!(ended.code, Some(143), "{ended:?}");
        assert!(ended.stderr.contains("run the same command to go on"), "{ended:?}");
        assert!(memory < MEMORY_BYTES, "{memory} bytes of memory");
    }
    let verified = onward(scratch.path(), &["checkpoint", "verify", "job.toml"]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
}

#[test]
fn a_million_columns_are_refused_in_the_header_and_rejected_in_a_record() {
    let wide = |columns: usize| {
        let mut text = String::new();
        for column in 0..columns {
            write!(text, "{}c{column}", if column > 0 { "," } else { "" }).expect("a string");
        }
        text + "\n"
    };
    let scratch = job("in.csv", "csv");
    folder::write(&scratch.path().join("in.csv"), wide(1_000_000).as_bytes());
    let (ended, memory) = watched(scratch.path(), &["run", "job.toml"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("columns"), "{ended:?}");
    assert!(memory < MEMORY_BYTES, "{memory}");
    let text = wide(3) + &wide(1_000_000) + &wide(3);
    folder::write(&scratch.path().join("in.csv"), text.as_bytes());
    let (ended, memory) = watched(scratch.path(), &["run", "job.toml"]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(memory < MEMORY_BYTES, "{memory}");
    let out = fs::read_to_string(scratch.path().join("out.csv")).expect("an output");
    assert_eq!(out, wide(3) + &wide(3));
}

#[test]
fn json_of_a_depth_of_a_hundred_thousand_is_a_reject() {
    let scratch = job("in.jsonl", "jsonl");
    let deep = "{\"a\":".repeat(100_000) + "1" + &"}".repeat(100_000);
    let list = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let text = format!("{{\"a\":1}}\n{deep}\n{list}\n{}\n{{\"a\":2}}\n", "[".repeat(100_000));
    folder::write(&scratch.path().join("in.jsonl"), text.as_bytes());
    let (ended, memory) = watched(scratch.path(), &["run", "job.toml"]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(memory < MEMORY_BYTES, "{memory}");
    let out = fs::read_to_string(scratch.path().join("out.jsonl")).expect("an output");
    assert_eq!(out, "{\"a\":1}\n{\"a\":2}\n");
}

#[test]
fn quotes_and_line_ends_may_be_split_at_every_boundary_of_chunks() {
    let scratch = job("in.csv", "csv");
    let mut text = "id,note\r\n".to_owned();
    for id in 0..12 {
        let note =
            ["\"a \"\"b\"\"\"", "\"two\r\nlines\"", "\"\"", "\",\"", "plain", "\"\"\"\""][id % 6];
        write!(text, "{id},{note}{}", ["\r\n", "\n"][id % 2]).expect("a string");
    }
    folder::write(&scratch.path().join("in.csv"), text.as_bytes());
    let arguments = ["run", "job.toml", "--set", "sink.path=out.jsonl", "--chunk-bytes"];
    let mut expected = None;
    for size in (1..=text.len() + 1).rev() {
        let size = size.to_string();
        let ended =
            onward(scratch.path(), &[&arguments[..], &[&size, "--fresh", "--overwrite"]].concat());
        assert_eq!(ended.code, Some(0), "{size}: {ended:?}");
        let out = fs::read_to_string(scratch.path().join("out.jsonl")).expect("an output");
        let first = expected.get_or_insert_with(|| out.clone());
        assert_eq!(*first, out, "{size}");
    }
    assert_eq!(expected.expect("an output").lines().count(), 12);
}
