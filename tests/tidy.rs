//! The rules of the house that a machine can check, each with what to do instead.
//!
//! That every command and flag is documented is checked beside the flags, in `cli/args.rs`.

mod source_text;

use source_text::{SourceFile, read_all};
use std::path::Path;

/// Which modules a module may use: whole ones, or only their settings. `error` is free to all.
const IMPORTS: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("vector", &[]),
    ("record", &[]),
    ("expr", &["record"]),
    ("threads", &[]),
    ("storage", &["threads"]),
    ("source", &["record", "storage"]),
    ("decode", &["vector", "record", "source::settings"]),
    ("transform", &["record", "expr", "state"]),
    ("state", &["vector", "record"]),
    // Which records may be copied as they came depends on how the input was written.
    ("encode", &["record", "source::settings"]),
    ("sink", &["record", "storage"]),
    ("checkpoint", &["record", "storage"]),
    (
        "job",
        &[
            "record",
            "expr",
            "source::settings",
            "decode::settings",
            "transform::settings",
            "encode::settings",
            "sink::settings",
            "checkpoint::settings",
        ],
    ),
    (
        "engine",
        &[
            "record",
            "expr",
            "threads",
            "storage",
            "source",
            "decode",
            "transform",
            "state",
            "encode",
            "sink",
            "checkpoint",
            "job",
            "observe",
        ],
    ),
    ("observe", &["record"]),
    // Storage and clock are only handed on to the engine; of expressions only the documentation is shown; of records only
    // the types (which columns are numbers) and the text of a moment; of sinks only where they go.
    (
        "cli",
        &[
            "job",
            "engine",
            "checkpoint",
            "observe",
            "storage",
            "expr::catalogue",
            "expr::LANGUAGE",
            "record::DataType",
            "record::text",
            "sink::settings",
        ],
    ),
];

/// The most lines of a file: more is a second concept.
const FILE_LINES_MAX: usize = 600;

/// The most lines of a function: more does not fit a screen.
const FUNCTION_LINES_MAX: usize = 70;

/// Code that is at home in some places only.
struct Banned {
    /// What is looked for, as whole words.
    words: &'static [&'static str],
    /// Files and folders that may.
    homes: &'static [&'static str],
    /// What everybody else does instead.
    instead: &'static str,
}

/// Banned outside tests.
const BANNED: &[Banned] = &[
    Banned {
        words: &["std::fs", "rustix::fs", "fs2"],
        homes: &["src/storage/", "src/cli/signals.rs"],
        instead: "go through `storage::Storage`, so that faults and power cuts can be simulated",
    },
    Banned {
        words: &["println!", "eprintln!", "print!", "eprint!"],
        homes: &[],
        instead: "return what happened; in cli/ use `messages::show` or `messages::answer`",
    },
    Banned {
        words: &["stdout()", "stderr()", "stdin()"],
        homes: &["src/cli/"],
        instead: "return what happened and let cli/ say it",
    },
    Banned {
        words: &["process::exit", "process::abort", "low_level::exit"],
        homes: &["src/cli/"],
        instead: "return an `error::Error`; its kind decides the exit code",
    },
    Banned {
        words: &["std::env", "env::var"],
        homes: &["src/cli/", "src/main.rs"],
        instead: "take the value as an argument from cli/",
    },
    Banned {
        words: &["Instant", "SystemTime"],
        homes: &["src/cli/", "src/storage/clock.rs", "src/observe/"],
        instead: "take a `storage::clock::Clock`, so that tests can set the time",
    },
    Banned { words: &["unsafe"], homes: &["src/vector/"], instead: "find a safe way" },
    Banned {
        words: &["unwrap()", "unwrap_unchecked()"],
        homes: &[],
        instead: "return an error, or `expect(\"why it cannot happen\")`",
    },
    Banned { words: &["todo!", "unimplemented!", "dbg!"], homes: &[], instead: "finish it" },
];

/// Banned in tests too.
const BANNED_EVERYWHERE: &[Banned] = &[
    Banned { words: &["allow("], homes: &[], instead: "write `#[expect(lint, reason = \"...\")]`" },
    Banned {
        words: &["thread::sleep"],
        homes: &["src/cli/world.rs"],
        instead: "wait for the event itself: a channel, a lock, a child's end",
    },
    Banned {
        words: &["#[ignore", "#[should_panic"],
        homes: &[],
        instead: "write a test that always runs and checks a result",
    },
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn check(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

/// Checks a rule on every source file.
fn check_files(folders: &[&str], rule: impl Fn(&SourceFile, &mut Vec<String>)) {
    let mut problems = Vec::new();
    let files = read_all(root(), folders);
    assert!(files.len() > 10, "the sources are found");
    for file in &files {
        rule(file, &mut problems);
    }
    check(&problems);
}

#[test]
fn a_module_uses_only_what_stands_above_it() {
    check_files(&["src"], |file, problems| {
        let module = file.module();
        if module.is_empty() {
            return;
        }
        let Some((_, allowed)) = IMPORTS.iter().find(|(name, _)| *name == module) else {
            problems.push(format!("{}: give `{module}` its line in IMPORTS", file.path));
            return;
        };
        for (number, line) in file.code_lines() {
            for used in line.split("crate::").skip(1) {
                let end = used.find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | ':'));
                let used = &used[..end.unwrap_or(used.len())];
                let is_allowed =
                    |name: &str| used == name || used.starts_with(&format!("{name}::"));
                if ![module, "error"].iter().chain(*allowed).any(|name| is_allowed(name)) {
                    problems.push(format!(
                        "{}:{number}: `{module}` must not know `{used}`; it may use: {}",
                        file.path,
                        allowed.join(", ")
                    ));
                }
            }
        }
    });
}

#[test]
fn no_path_climbs_out_of_its_module() {
    check_files(&["src"], |file, problems| {
        let inner = file.path.trim_start_matches("src/").trim_end_matches(".rs");
        let depth = inner.trim_end_matches("/mod").split('/').count();
        let climb = "super::".repeat(depth);
        for (number, line) in file.code_lines() {
            if !file.module().is_empty() && line.contains(&climb) {
                let path = &file.path;
                problems.push(format!("{path}:{number}: write `crate::` instead of `{climb}`"));
            }
        }
    });
}

fn find_banned(file: &SourceFile, lines: &[(usize, &str)], rules: &[Banned]) -> Vec<String> {
    let mut problems = Vec::new();
    let path = &file.path;
    for rule in rules {
        if rule.homes.iter().any(|home| path.starts_with(home)) {
            continue;
        }
        for (number, line) in lines {
            for word in rule.words.iter().filter(|word| has_word(line, word)) {
                problems.push(format!("{path}:{number}: `{word}`: {}", rule.instead));
            }
        }
    }
    problems
}

/// Whether a line holds a word that is no part of a longer one.
fn has_word(line: &str, word: &str) -> bool {
    let is_inner = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let begins = word.starts_with(|c: char| c.is_alphanumeric());
        let ends = word.ends_with(|c: char| c.is_alphanumeric());
        let is_part = (begins && is_inner(before)) || (ends && is_inner(after));
        !is_part
    })
}

#[test]
fn banned_code_stays_in_its_home() {
    check_files(&["src"], |file, problems| {
        let lines: Vec<(usize, &str)> = file.code_lines().collect();
        problems.extend(find_banned(file, &lines, BANNED));
    });
    check_files(&["src", "tests", "benches"], |file, problems| {
        let lines: Vec<(usize, &str)> = (1..).zip(file.code.lines()).collect();
        problems.extend(find_banned(file, &lines, BANNED_EVERYWHERE));
    });
}

#[test]
fn files_are_short_and_begin_with_what_they_hold() {
    check_files(&["src", "tests", "benches"], |file, problems| {
        let lines = file.text.lines().count();
        let path = &file.path;
        if lines > FILE_LINES_MAX {
            problems.push(format!(
                "{path}: {lines} lines, at most {FILE_LINES_MAX}: move the second concept out"
            ));
        }
        if !file.text.starts_with("//!") {
            problems.push(format!("{path}: begin with `//!` and say what is here"));
        }
        if let Some(index) = file.text.lines().position(|line| !line.is_ascii()) {
            let number = index + 1;
            problems.push(format!("{path}:{number}: only ASCII; write `\\u{{...}}` in strings"));
        }
        for mark in ["TODO", "FIXME", "XXX"].iter().filter(|_| path != "tests/tidy.rs") {
            if file.text.contains(mark) {
                problems.push(format!("{path}: do what `{mark}` says, or let it be"));
            }
        }
    });
}

#[test]
fn functions_fit_a_screen() {
    check_files(&["src"], |file, problems| {
        let lines: Vec<&str> = file.code_lines().map(|(_, line)| line).collect();
        for (index, line) in lines.iter().enumerate() {
            if !has_word(line, "fn") {
                continue;
            }
            let length = function_length(&lines[index..]);
            if length > FUNCTION_LINES_MAX {
                problems.push(format!(
                    "{}:{}: a function of {length} lines, at most {FUNCTION_LINES_MAX}: keep the \
                     branching here and move the straight work out",
                    file.path,
                    index + 1
                ));
            }
        }
    });
}

/// The lines from `fn` to the brace that closes its body, or to the semicolon where there is none.
fn function_length(lines: &[&str]) -> usize {
    let mut depth = 0_usize;
    let mut braces = 0_usize;
    for (index, line) in lines.iter().enumerate() {
        for character in line.chars() {
            match character {
                '{' => braces += 1,
                '}' if braces <= 1 => return index + 1,
                '}' => braces -= 1,
                '(' | '[' => depth += 1,
                ')' | ']' => depth = depth.saturating_sub(1),
                ';' if depth == 0 && braces == 0 => return index + 1,
                _ => {}
            }
        }
    }
    lines.len()
}

#[test]
fn every_dependency_is_argued() {
    let path = root().join("Cargo.toml");
    let text = std::fs::read_to_string(path).expect("the package's manifest");
    let mut problems = Vec::new();
    let mut is_dependency = false;
    let mut before = "";
    for line in text.lines() {
        if line.starts_with('[') {
            is_dependency = line.ends_with("dependencies]");
        } else if is_dependency && line.contains('=') {
            let is_argued = before.starts_with("# ") || line.contains(" # ");
            if !is_argued {
                problems.push(format!("Cargo.toml: say in a comment why: {line}"));
            }
        }
        before = line;
    }
    check(&problems);
}

#[test]
fn every_file_of_expected_results_is_tested() {
    let families = root().join("src/expr/tests/expectations.rs");
    let families = std::fs::read_to_string(families).expect("the test of expectations");
    let folder = root().join("fixtures/expressions/expected");
    let mut problems = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the expected results") {
        let name = entry.expect("a file").file_name().into_string().expect("a name in ASCII");
        let family = name.trim_end_matches(".tsv");
        if !families.contains(&format!("\n    \"{family}\"\n")) {
            problems.push(format!("{name}: name it in FAMILIES of src/expr/tests/expectations.rs"));
        }
    }
    check(&problems);
}
