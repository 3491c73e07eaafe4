//! Values at the edge of what their notations can say: each is passed on as it came, converted exactly, or a reject with its
//! reason; never something near to it. With a stop behind each record it is the same.

use crate::support::folder;
use crate::support::program::{onward, onward_ends};
use std::fs;
use std::path::Path;

/// What becomes of a value: it is written so, or rejected for this.
type Becomes = Result<&'static str, &'static str>;

/// A value in JSON, and what becomes of it as each of [`TYPES`].
type Value = (&'static str, [Becomes; 4]);

const TYPES: [&str; 4] = ["double", "bigint", "decimal(20,4)", "text"];

const RANGE: Becomes = Err("is out of range for");
const NUMBER: Becomes = Err("is not a number");
const BIGINT: Becomes = Err("is not a bigint");
const DECIMAL: Becomes = Err("is not a decimal");
const STRING: Becomes = Err("is not a string");
const HALF: Becomes = Err("half a surrogate pair");
const INVALID: Becomes = Err("not valid JSON");

const VALUES: [Value; 10] = [
    (r#""\ud800""#, [NUMBER, NUMBER, NUMBER, HALF]),
    (r#""\ude00\ud83d""#, [NUMBER, NUMBER, NUMBER, HALF]),
    (r#""\ud83d\ude00""#, [NUMBER, NUMBER, NUMBER, Ok("\u{1f600}")]),
    ("1e400", [RANGE, BIGINT, DECIMAL, STRING]),
    (
        "9007199254740993",
        [Ok("9007199254740992.0"), Ok("9007199254740993"), Ok("9007199254740993.0000"), STRING],
    ),
    ("9223372036854775808", [Ok("9.223372036854776e+18"), RANGE, RANGE, STRING]),
    ("-0", [Ok("-0.0"), Ok("0"), Ok("0.0000"), STRING]),
    ("NaN", [INVALID; 4]),
    (r#""NaN""#, [NUMBER, NUMBER, NUMBER, Ok("NaN")]),
    // A key twice.
    (r#"1,"v":2"#, [INVALID; 4]),
];

fn job(folder: &Path, name: &str, text: &str) {
    let rest = "[rejects]\npath = \"rejects.jsonl\"\nlimit = \"100%\"\n";
    folder::write(&folder.join(name), format!("{text}{rest}").as_bytes());
}

/// The lines of a file but the first, or no lines where it is not there.
fn lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn values_at_the_edge_are_exact_or_rejects() {
    let objects: String = VALUES.iter().map(|(json, _)| format!("{{\"v\":{json}}}\n")).collect();
    for (place, data_type) in TYPES.iter().enumerate() {
        for stops in [false, true] {
            let scratch = folder::scratch_in_memory();
            folder::write(&scratch.path().join("in.jsonl"), objects.as_bytes());
            let source =
                format!("[source]\npath = \"in.jsonl\"\ntypes = {{ v = \"{data_type}\" }}\n");
            let sink = "[[transform]]\ncompute = [\"CASE WHEN v IS NULL THEN v ELSE v END AS w\"]\n[sink]\npath = \"out.csv\"\n";
            job(scratch.path(), "job.toml", &(source + sink));
            let run = match stops {
                true => &["run", "job.toml", "--stop-after", "1"][..],
                false => &["run", "job.toml"],
            };
            let mut ended = onward(scratch.path(), run);
            while ended.code == Some(75) {
                ended = onward(scratch.path(), run);
            }
            assert_eq!(ended.code, Some(3), "{data_type}: {ended:?}");
            let mut written = lines(&scratch.path().join("out.csv")).into_iter().skip(1);
            let mut rejects = lines(&scratch.path().join("rejects.jsonl")).into_iter();
            for (json, becomes) in VALUES {
                let what = format!("{json} as {data_type}");
                match becomes[place] {
                    Ok(text) => {
                        let line = written.next().unwrap_or_default();
                        assert_eq!(line.rsplit(',').next(), Some(text), "{what}");
                    }
                    Err(reason) => {
                        let reject = rejects.next().unwrap_or_default();
                        assert!(reject.contains(reason), "{what}: {reject}");
                    }
                }
            }
            assert_eq!((written.next(), rejects.next()), (None, None), "{data_type}");
        }
    }
}

#[test]
fn what_nobody_asked_for_is_passed_on_as_it_came() {
    let scratch = folder::scratch_in_memory();
    let is_json = |value: &&Value| value.1[3] != INVALID;
    let objects: String =
        VALUES.iter().filter(is_json).map(|(json, _)| format!("{{\"v\":{json}}}\n")).collect();
    folder::write(&scratch.path().join("in.jsonl"), objects.as_bytes());
    job(
        scratch.path(),
        "job.toml",
        "[source]\npath = \"in.jsonl\"\n[sink]\npath = \"out.jsonl\"\n",
    );
    onward_ends(scratch.path(), &["run", "job.toml"], 0);
    assert_eq!(fs::read_to_string(scratch.path().join("out.jsonl")).expect("an output"), objects);
}
