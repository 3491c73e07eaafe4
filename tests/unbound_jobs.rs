//! What `onward check` says about jobs whose form is right, but whose names, types or expressions are wrong: each
//! `fixtures/jobs/unbound/*.toml` has its message beside it.
//!
//! `ONWARD_BLESS=1` rewrites the messages; review them by diff.

use crate::support::folder;
use crate::support::program::onward;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/jobs/unbound");

#[test]
fn every_unbound_job_is_refused_with_its_message() {
    let bless = std::env::var_os("ONWARD_BLESS").is_some();
    let before = folder::names(Path::new(FOLDER));
    let mut differences = String::new();
    for name in before.iter().filter(|name| name.ends_with(".toml")) {
        let ended = onward(Path::new(FOLDER), &["check", name]);
        let expected_path = Path::new(FOLDER).join(name).with_extension("stderr");
        if bless {
            fs::write(&expected_path, &ended.stderr).expect("a writable folder");
        }
        let expected = fs::read_to_string(&expected_path).unwrap_or_default();
        let is_quiet = ended.stdout.is_empty();
        if ended.code != Some(2) || ended.stderr != expected || !is_quiet {
            let (code, found) = (ended.code, ended.stderr);
            writeln!(
                differences,
                "{name}: exit code {code:?}\n--- expected\n{expected}--- found\n{found}"
            )
            .expect("a string takes everything");
        }
    }
    assert!(differences.is_empty(), "\n{differences}");
    let is_blessed = |name: &String| bless && name.ends_with(".stderr");
    let mut after = folder::names(Path::new(FOLDER));
    after.retain(|name| !is_blessed(name) || before.contains(name));
    assert_eq!(after, before, "a check leaves no files");
}

#[test]
fn every_message_belongs_to_an_unbound_job() {
    for name in folder::names(Path::new(FOLDER)).iter().filter(|name| name.ends_with(".stderr")) {
        let job = Path::new(FOLDER).join(name).with_extension("toml");
        assert!(job.exists(), "{name}");
    }
}
