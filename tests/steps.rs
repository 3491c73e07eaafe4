//! The guide to the steps is what the headers of their files say, and its examples are jobs.
//!
//! `ONWARD_BLESS=1` rewrites the guide.

use onward::job;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/transform");

const INTRODUCTION: &str = "# Steps\n\nEach `[[transform]]` of a job is one step, and records pass them in the order of \
the file. `name = \"...\"` beside it names the step; of two steps of one kind that remember something one needs a name. \
Conditions and expressions are SQL: `onward help language`.\n";

/// The file of a kind of step.
fn file_of(kind: &str) -> PathBuf {
    let stem = if matches!(kind, "select" | "compute") { "project" } else { kind };
    let folder = Path::new(FOLDER);
    let single = folder.join(format!("{stem}.rs"));
    if single.exists() { single } else { folder.join(stem).join("mod.rs") }
}

/// What the header of a file says to users: all before its invariants.
fn header(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{file:?}: {error}"));
    let lines = text.lines().map_while(|line| line.strip_prefix("//!"));
    let lines = lines.map(|line| line.strip_prefix(' ').unwrap_or(line));
    let lines: Vec<&str> = lines.take_while(|line| !line.starts_with("Invariant")).collect();
    lines.join("\n").trim_end().to_owned()
}

fn guide() -> String {
    let mut guide = INTRODUCTION.to_owned();
    let limits = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/job/state.rs");
    write!(guide, "\n## {}\n", header(&limits)).expect("a string takes everything");
    let mut files = BTreeSet::new();
    for kind in job::step_kinds() {
        let file = file_of(kind);
        if files.insert(file.clone()) {
            write!(guide, "\n## {}\n", header(&file)).expect("a string takes everything");
        }
    }
    guide
}

#[test]
fn the_guide_is_what_the_files_say() {
    let path = Path::new(FOLDER).join("STEPS.md");
    if std::env::var_os("ONWARD_BLESS").is_some() {
        fs::write(&path, guide()).expect("a writable guide");
    }
    let shown = fs::read_to_string(&path).expect("the guide");
    assert!(shown == guide(), "STEPS.md is not what the files say; rewrite it with ONWARD_BLESS=1");
}

#[test]
fn every_kind_of_step_has_an_example_that_is_a_job() {
    let guide = guide();
    let examples: Vec<&str> = guide
        .split("\n```toml\n")
        .skip(1)
        .map(|block| block.split("\n```").next().expect("the end of an example"))
        .collect();
    for example in &examples {
        let job = format!("{example}\n[source]\npath = \"a.csv\"\n[sink]\npath = \"b.csv\"\n");
        let loaded = job::load(&job, Path::new("example.toml"), &|_| None, &[]);
        let problems = loaded.err().map_or(Vec::new(), |flawed| flawed.problems);
        assert!(problems.is_empty(), "{example}\n{problems:#?}");
    }
    for kind in job::step_kinds() {
        let is_shown = |example: &&str| {
            example
                .lines()
                .any(|line| line.split_once('=').is_some_and(|(key, _)| key.trim() == *kind))
        };
        assert!(examples.iter().any(is_shown), "no example of `{kind}`");
    }
}
