//! The tests beside this one find what they are for: each mistake in the protocol, made on purpose, is found by one of them.
//!
//! Each mistake is made by a process of its own, which runs those tests in a short form until one fails. Without a mistake
//! they pass.

use onward::storage::mutants::{Mutant, obey};
use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// The tests that look for mistakes, the quickest first.
const FINDERS: [&str; 3] = ["crash::bad_disk::", "crash::faults::", "crash::power::"];

/// In a process that was begun by this test: makes the mistake that is asked for. To be called before anything else.
pub fn make_mistake() {
    let name = std::env::var("ONWARD_MUTANT").ok();
    name.and_then(|name| obey(&name));
}

/// The test that fails, and with which message; `None` where all pass.
fn found_by(mistake: &str) -> Option<String> {
    let program = std::env::current_exe().expect("this test");
    for finder in FINDERS {
        let mut command = Command::new(&program);
        command.args([finder, "--test-threads", "1"]).env("ONWARD_MUTANT", mistake);
        command.env("RUST_BACKTRACE", "0").stdin(Stdio::null());
        let ended = command.output().expect("it runs");
        if !ended.status.success() {
            let told = String::from_utf8_lossy(&ended.stdout);
            let is_panic = |line: &&str| line.contains("panicked at");
            let lines: Vec<&str> = told.lines().collect();
            let place = lines.iter().position(is_panic);
            let message = place.and_then(|place| lines.get(place + 1)).unwrap_or(&"no message");
            let message: String = message.chars().take(160).collect();
            return Some(format!("{finder} {message}"));
        }
    }
    None
}

#[test]
fn every_mistake_in_the_protocol_is_found() {
    let mistakes: Vec<String> = Mutant::ALL.map(Mutant::name).into();
    let found: Mutex<BTreeMap<String, Option<String>>> = Mutex::default();
    let all: Vec<&str> = ["none"].into_iter().chain(mistakes.iter().map(String::as_str)).collect();
    super::power::for_each(all.len(), |index| {
        let by = found_by(all[index]);
        crate::support::report::count(&format!(
            "  {}: {}",
            all[index],
            by.as_deref().unwrap_or("not found")
        ));
        found.lock().unwrap_or_else(PoisonError::into_inner).insert(all[index].to_owned(), by);
    });
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    let control = found.remove("none").expect("it was tried");
    assert_eq!(control, None, "without a mistake");
    let survivors: Vec<&String> =
        found.iter().filter(|(_, by)| by.is_none()).map(|(name, _)| name).collect();
    crate::support::report::count(&format!(
        "mistakes: {} of {} found",
        found.len() - survivors.len(),
        found.len()
    ));
    assert!(survivors.is_empty(), "{survivors:?}");
}
