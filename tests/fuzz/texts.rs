//! Inputs of any bytes: what comes out, what is rejected and how it ends do not depend on chunks, threads and stops.

use crate::support::choices::Choices;
use crate::support::machine::{self, FOLDER, How};
use onward::checkpoint::Counters;
use onward::engine::Outcome;
use onward::storage::simulated::SimulatedStorage;
use std::path::Path;

/// Pieces that CSV goes wrong with.
const CSV: [&[u8]; 24] = [
    b"a",
    b"12",
    b"x y",
    b",",
    b",",
    b",",
    b";",
    b"\n",
    b"\n",
    b"\r\n",
    b"\r",
    b"\"",
    b"\"",
    b"\"\"",
    b"\\",
    b"#",
    b"'",
    b"\xef\xbb\xbf",
    b"\0",
    b"\xff",
    b"1.5",
    b"NA",
    b"\"a\nb\"",
    b"\xe2\x82\xac",
];

/// Pieces that JSON lines go wrong with.
const JSON: [&[u8]; 30] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"\"",
    b"\"a\"",
    b"\"b\":",
    b"\"id\":",
    b"1",
    b"-0",
    b"1e400",
    b"9007199254740993",
    b"0.1",
    b"true",
    b"null",
    b"\n",
    b"\n",
    b"\r\n",
    b" ",
    b"\\",
    b"\\u",
    b"\\ud800",
    b"\"\\ud83d\\ude00\"",
    b"{\"id\": 7, \"a\": \"x\"}\n",
    b"{\"a\": {\"b\": [1]}}\n",
    b"\xef\xbb\xbf",
    b"\xff",
    b"{}\n",
];

/// What is set beside the path of a CSV source.
const DIALECTS: [&str; 8] = [
    "",
    "delimiter = \";\"\nragged = \"pad_and_truncate\"",
    "quote = \"'\"\nescape = \"\\\\\"",
    "comment = \"#\"\nragged = \"pad\"",
    "columns = [\"id\", \"a\", \"b\"]\nragged = \"truncate\"",
    "skip_lines = 2\nnull = [\"\", \"NA\"]",
    "escape = \"\\\\\"\ncomment = \"#\"\nragged = \"pad\"",
    "types = { id = \"bigint\" }\nragged = \"pad_and_truncate\"",
];

/// What is done with the records; no column is named that may be missing.
const STEPS: [&str; 4] = [
    "",
    "[[transform]]\noffset = 2\n[[transform]]\nlimit = 20",
    "[[transform]]\nsample = { every = 2 }",
    "[[transform]]\nlimit = 5\n[[transform]]\nsample = { every = 2, offset = 1 }",
];

/// How runs are done that must all end alike: chunks, threads, and whether each stops at every barrier.
const WAYS: [(u64, usize, bool); 4] = [(1, 2, false), (7, 1, true), (64, 3, false), (17, 2, true)];

/// No run of so few bytes is stopped more often.
const STOPS_MAX: usize = 3000;

/// How a job ended, and what it left.
#[derive(Debug, PartialEq, Eq)]
struct End {
    outcome: Result<(u64, u64), String>,
    output: Option<Vec<u8>>,
    rejects: Option<Vec<u8>>,
}

/// Runs a job over the text that the bytes make in several ways. Whether it came to its end.
pub fn target(bytes: &[u8]) -> bool {
    let mut choices = Choices::new(bytes);
    let is_json = choices.byte().is_multiple_of(3);
    let name = if is_json { "in.jsonl" } else { "in.csv" };
    let dialect = if is_json { "" } else { *choices.pick(&DIALECTS) };
    let (steps, way) = (*choices.pick(&STEPS), *choices.pick(&WAYS));
    let output = *choices.pick(&["out.csv", "out.jsonl"]);
    // Lines of JSON may have different keys, which a CSV file cannot.
    let output = if is_json { "out.jsonl" } else { output };
    let text = format!(
        "[source]\npath = \"{name}\"\n{dialect}\n{steps}\n[sink]\npath = \"{output}\"\n\
         [rejects]\npath = \"bad.jsonl\"\nlimit = 1000\n"
    );
    let mut input = if is_json { Vec::new() } else { b"id,a,b\n".to_vec() };
    while !choices.is_empty() {
        let pieces: &[&[u8]] = if is_json { &JSON } else { &CSV };
        input.extend(*choices.pick(pieces));
    }
    let run = |way| run(&text, &input, name, output, way);
    let whole = run((1 << 20, 1, false));
    assert_eq!(run(way), whole, "{way:?}\n{text}\n{:?}", String::from_utf8_lossy(&input));
    whole.outcome.is_ok()
}

/// Records that were read, and that were rejected.
fn counted(counters: &Counters) -> Result<(u64, u64), String> {
    Ok((counters.records_read, counters.records_rejected))
}

fn run(
    text: &str,
    input: &[u8],
    name: &str,
    output: &str,
    (chunk_bytes, threads, stops): (u64, usize, bool),
) -> End {
    let disk = SimulatedStorage::new();
    disk.put_directory(FOLDER, 0o755);
    disk.put_file(Path::new(FOLDER).join(name), input);
    let job = machine::load(text);
    let how = How { threads, chunk_bytes, barriers: stops.then_some(1) };
    for _ in 0..STOPS_MAX {
        let outcome = match machine::run(&job, &disk, 5, how) {
            Ok(Outcome::Finished(summary)) => counted(&summary.counters),
            Ok(Outcome::AlreadyFinished(manifest)) => counted(&manifest.counters),
            Ok(Outcome::Stopped(..)) => continue,
            Err(error) => Err(error.to_string()),
        };
        let file = |name: &str| disk.file(Path::new(FOLDER).join(name));
        return End { outcome, output: file(output), rejects: file("bad.jsonl") };
    }
    panic!("it does not get on: {text}");
}
