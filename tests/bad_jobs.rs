//! What is said about wrong job files: each `fixtures/jobs/bad/*.toml` has its message beside it.
//!
//! `ONWARD_BLESS=1` rewrites the messages; review them by diff. Lines `# --set key=value` of a job are given as
//! overrides. No environment variable is set.

use onward::cli::messages;
use onward::job::{self, Document};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/jobs/bad");

fn files(extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(FOLDER).expect("the folder of bad jobs");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|found| found == extension)).collect();
    paths.sort();
    paths
}

/// Everything that is said about a job.
fn message(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a readable job");
    let name = Path::new(path.file_name().expect("a file's name"));
    let overrides: Vec<(String, String)> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# --set ")?.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    match job::load(&text, name, &|_| None, &overrides) {
        Ok(_) => "nothing\n".to_owned(),
        Err(flawed) => {
            messages::problems(name, &Document::new(&text, &overrides), &flawed.problems)
        }
    }
}

#[test]
fn every_bad_job_is_refused_with_its_message() {
    let bless = std::env::var_os("ONWARD_BLESS").is_some();
    let mut differences = String::new();
    for path in files("toml") {
        let found = message(&path);
        let expected_path = path.with_extension("stderr");
        if bless {
            fs::write(&expected_path, &found).expect("a writable folder");
        }
        let expected = fs::read_to_string(&expected_path).unwrap_or_default();
        if found != expected || found == "nothing\n" {
            let name = path.display();
            writeln!(differences, "{name}\n--- expected\n{expected}--- found\n{found}")
                .expect("a string takes everything");
        }
    }
    assert!(differences.is_empty(), "\n{differences}");
}

#[test]
fn every_message_belongs_to_a_bad_job() {
    for path in files("stderr") {
        assert!(path.with_extension("toml").exists(), "{}", path.display());
    }
}
