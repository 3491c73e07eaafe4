//! Bytes that nobody meant well, by the ten thousand, with fixed seeds: nothing panics, memory stays bounded, no file is
//! touched that the job does not name, and what can be read in two ways is read alike.
//!
//! A target takes bytes and does what they say. Here they are random; `fuzz/` has the same targets for `cargo fuzz`,
//! which looks for bytes that lead to new places. `ONWARD_FUZZ=100` makes all of it a hundred times as long,
//! `ONWARD_FUZZ_SEED` runs one seed.

pub mod forged;

pub mod parcels;

pub mod raw;

pub mod spilled;

pub mod texts;

pub mod written;

use crate::support::memory::alone;
use crate::support::random::Random;
use crate::support::report;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Bytes that a target is given at most, where they are made of nothing.
const BYTES_MAX: u64 = 120;

/// After so many failures nobody wants to see more.
const FAILURES_MAX: usize = 50;

/// How many times as long as in a usual test run.
fn times() -> u64 {
    let asked = std::env::var("ONWARD_FUZZ").ok();
    asked.map_or(1, |times| times.parse().expect("ONWARD_FUZZ is a number"))
}

/// Runs a target with `executions` inputs, and fails where one of them panicked. One in fifty must be taken for good,
/// or else nothing but the first checks is tested.
fn check(
    name: &str,
    executions: u64,
    make: impl Fn(&mut Random) -> Vec<u8>,
    target: impl Fn(&[u8]) -> bool,
) {
    let seeds = match std::env::var("ONWARD_FUZZ_SEED") {
        Ok(seed) => seed.parse().map(|seed: u64| seed..seed + 1).expect("a number"),
        Err(_) => 0..executions * times(),
    };
    let (mut taken, mut failures, executions) = (0, 0, seeds.end - seeds.start);
    for seed in seeds {
        let bytes = make(&mut Random::new(seed));
        match catch_unwind(AssertUnwindSafe(|| target(&bytes))) {
            Ok(is_taken) => taken += u64::from(is_taken),
            Err(_) => {
                report::failure(&format!("{name}: seed {seed}, bytes {bytes:?}"));
                failures += 1;
            }
        }
        assert!(failures < FAILURES_MAX, "too many failures");
    }
    assert_eq!(failures, 0, "{name}: see above");
    assert!(taken >= executions / 50, "{name}: only {taken} of {executions} were taken for good");
    report::count(&format!("{executions} executions of {name}, {taken} of them taken for good"));
}

/// Random bytes.
fn noise(random: &mut Random) -> Vec<u8> {
    let count = 1 + random.below(BYTES_MAX);
    (0..count).map(|_| random.next().to_le_bytes()[0]).collect()
}

#[test]
fn forged_checkpoints_never_get_a_job_to_panic_or_to_touch_what_is_not_its_own() {
    alone("forged_checkpoints_never_get_a_job_to_panic_or_to_touch_what_is_not_its_own", || {
        let jobs = forged::all();
        check("forged checkpoints", 12_000, noise, |bytes| forged::target(&jobs, bytes));
    });
}

#[test]
fn forged_spills_never_get_a_job_to_panic_or_to_touch_what_is_not_its_own() {
    alone("forged_spills_never_get_a_job_to_panic_or_to_touch_what_is_not_its_own", || {
        let jobs = forged::with_spills();
        assert!(jobs.len() > 3, "some jobs left spills");
        check("forged spills", 4000, noise, |bytes| spilled::target(&jobs, bytes));
    });
}

#[test]
fn bytes_of_checkpoints_are_read_or_refused_in_bounded_memory() {
    alone("bytes_of_checkpoints_are_read_or_refused_in_bounded_memory", || {
        let files = raw::files();
        check("bytes of checkpoints", 60_000, noise, |bytes| raw::target(&files, bytes));
    });
}

#[test]
fn forged_exports_are_taken_over_or_refused() {
    alone("forged_exports_are_taken_over_or_refused", || {
        let jobs = parcels::all();
        assert!(jobs.len() > 20, "many jobs can be exported");
        check("forged exports", 4000, noise, |bytes| parcels::target(&jobs, bytes));
    });
}

#[test]
fn mistyped_job_files_have_problems_with_a_place_or_run() {
    let corpus = written::corpus();
    assert!(corpus.len() > 100, "there are many jobs");
    check("job files", 20_000, noise, |bytes| written::target(&corpus, bytes));
}

#[test]
fn any_text_gives_the_same_in_chunks_threads_and_stops() {
    check("texts", 2000, noise, texts::target);
}
