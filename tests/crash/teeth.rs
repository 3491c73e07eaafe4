//! The tests beside this one find what they are for: each mistake in the protocol, made on purpose, is found by one of them.
//!
//! Each mistake is made by a process of its own, which runs those tests in a short form until one fails. Without a mistake
//! they pass.

use onward::storage::mutants::{Mutant, obey};
use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// The tests that are to find mistakes: every operation fails, and the power fails before every operation.
const FINDERS: [&str; 2] = ["crash::faults::", "crash::power::"];

/// The test that finds what these cannot: durable bytes turn bad, which neither a failure nor a power cut does.
const FINDER_OF_DAMAGE: &str = "crash::bad_disk::";

/// The mistakes that only this one finds, each with the reason.
const OF_DAMAGE: [(Mutant, &str); 9] = [
    (
        Mutant::ShorterOutputAccepted,
        "no failure and no power cut takes synced bytes away from an output",
    ),
    (
        Mutant::StartsOverOnCorruption,
        "a checkpoint that was durable is always usable until its bytes turn bad",
    ),
    (
        Mutant::ChecksumNotMasked,
        "checksums are looked at only where bytes are not what was written",
    ),
    (
        Mutant::TrailerNotChecked,
        "a file is written as a whole and named when it is durable, so its end is right",
    ),
    (
        Mutant::TrailingBytesAccepted,
        "a file gets its name when it has its length, and nobody appends to it",
    ),
    (
        Mutant::ParentDigestNotChecked,
        "a number is never given twice, so that no other parent stands there",
    ),
    (Mutant::NumberReused, "falling back takes a newest checkpoint that is damaged"),
    (Mutant::FailedRecheckIgnored, "the input itself must be another one"),
    (Mutant::OutputPathFromCheckpoint, "a checkpoint that says another path was forged"),
];

/// In a process that was begun by this test: makes the mistake that is asked for. To be called before anything else.
pub fn make_mistake() {
    let name = std::env::var("ONWARD_MUTANT").ok();
    name.and_then(|name| obey(&name));
}

/// No mistake: nothing must be found then.
const NONE: &str = "none";

/// The test that fails, and with which message; `None` where all pass.
fn found_by(mistake: &str) -> Option<String> {
    let program = std::env::current_exe().expect("this test");
    let is_meant = |(of_damage, _): &&(Mutant, &str)| of_damage.name() == mistake;
    let finders = match OF_DAMAGE.iter().find(is_meant) {
        Some(_) => &[FINDER_OF_DAMAGE][..],
        None if mistake == NONE => &[FINDERS[0], FINDERS[1], FINDER_OF_DAMAGE],
        None => &FINDERS,
    };
    for finder in finders {
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
    let all: Vec<&str> = [NONE].into_iter().chain(mistakes.iter().map(String::as_str)).collect();
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
    let control = found.remove(NONE).expect("it was tried");
    assert_eq!(control, None, "without a mistake");
    let survivors: Vec<&String> =
        found.iter().filter(|(_, by)| by.is_none()).map(|(name, _)| name).collect();
    let by = |finder: &str| {
        found.values().flatten().filter(|message| message.starts_with(finder)).count()
    };
    crate::support::report::count(&format!(
        "mistakes: {} of {} found: {} by failures, {} by power cuts, {} by damage",
        found.len() - survivors.len(),
        found.len(),
        by(FINDERS[0]),
        by(FINDERS[1]),
        by(FINDER_OF_DAMAGE)
    ));
    for (mistake, why) in OF_DAMAGE {
        crate::support::report::count(&format!("  {} takes damage: {why}", mistake.name()));
    }
    assert!(survivors.is_empty(), "{survivors:?}");
}
