//! Incremental jobs that are taken elsewhere, with the power failing at every operation: both go on to the same bytes, and
//! nothing is left of what was stopped.

use super::handling::{ELSEWHERE, cuts, fork, is_started, quiet};
use super::rounds::{GROWING, Growing};
use super::{FOLDER, load, options, outputs, run, staged};
use crate::support::report::count;
use onward::engine::{self, Outcome};
use onward::storage::simulated::{Cut, Fault, SimulatedStorage};
use onward::storage::{Privacy, Storage};
use std::path::{Path, PathBuf};

/// A disk with a job in its second round, or behind it, and its inputs at another place, too.
fn made(growing: &Growing, barriers: Option<u64>) -> SimulatedStorage {
    let disk = growing.grown();
    disk.create_directory(Path::new(ELSEWHERE), Privacy::Private).expect("made");
    for (name, text) in growing.later {
        disk.put_file(Path::new(ELSEWHERE).join(name), text().as_bytes());
    }
    let job = load(&growing.workload, FOLDER);
    let world = quiet(&disk, 5);
    let outcome = engine::run(&job, "onward run job.toml", &options(barriers), &world);
    let is_stopped = matches!(outcome, Ok(Outcome::Stopped(..)));
    assert_eq!(is_stopped, barriers.is_some(), "{}: {outcome:?}", growing.workload.name);
    disk.power_cut(Cut::Prefix(usize::MAX))
}

/// What comes of it at the other place: the same but for the files of the first round.
fn elsewhere(growing: &Growing, disk: &SimulatedStorage) -> Vec<Option<Vec<u8>>> {
    let names = growing.workload.outputs.iter();
    names.map(|name| disk.file(Path::new(ELSEWHERE).join(name))).collect()
}

fn expected(growing: &Growing, here: Vec<Option<Vec<u8>>>) -> Vec<Option<Vec<u8>>> {
    let pairs = growing.workload.outputs.iter().zip(here);
    pairs.map(|(name, bytes)| bytes.filter(|_| !name.contains("000001"))).collect()
}

fn go_on(growing: &Growing, disk: &SimulatedStorage, place: &str) {
    let (job, world) = (load(&growing.workload, ELSEWHERE), quiet(disk, 9));
    let go_on = || engine::run(&job, "onward run job.toml", &options(None), &world);
    let outcome = go_on();
    assert!(matches!(outcome, Ok(Outcome::Finished(_))), "{place}: {outcome:?}");
    let outcome = go_on();
    assert!(matches!(outcome, Ok(Outcome::AlreadyFinished(_))), "{place}: {outcome:?}");
}

fn check_nothing_is_left(disk: &SimulatedStorage, place: &str) {
    assert_eq!(staged(disk, Path::new(ELSEWHERE)), Vec::<PathBuf>::new(), "{place}");
    let own = disk.list(&Path::new(ELSEWHERE).join(".onward/job")).expect("a folder");
    let marks = own.iter().filter(|name| name.to_string_lossy().starts_with(".arrival"));
    assert_eq!(marks.count(), 0, "{place}: {own:?}");
}

#[test]
fn after_a_power_cut_while_a_round_is_forked_both_jobs_end_with_the_same_bytes() {
    let (mut states, mut forked) = (0, 0);
    for growing in &GROWING {
        for barriers in [Some(2), None] {
            let workload = &growing.workload;
            let made = made(growing, barriers);
            let copy = || made.power_cut(Cut::Prefix(usize::MAX));
            let (here, operations) = {
                let disk = copy();
                fork(workload, &disk, 8).expect("an undisturbed fork");
                let operations = disk.operations().len();
                run(workload, &disk, 1).2.expect("an undisturbed round");
                (outputs(workload, &disk), operations)
            };
            let expected = expected(growing, here.clone());
            for at in 0..operations {
                let disk = copy();
                disk.plan(&[Fault::power_loss(at)]);
                let is_done = fork(workload, &disk, 8).is_ok();
                let cut = cuts(at)[at % 3];
                let disk = disk.power_cut(cut);
                let place = format!("{}, {barriers:?}, at {at}, {cut:?}", workload.name);
                let own = Path::new(ELSEWHERE).join(".onward/job");
                let is_whole = is_started(&disk, &own);
                assert!(is_whole || !is_done, "{place}: it was said to be done");
                if !is_whole {
                    let again = fork(workload, &disk, 7);
                    again.unwrap_or_else(|error| panic!("{place}: {error}"));
                }
                forked += u64::from(is_whole);
                go_on(growing, &disk, &place);
                assert_eq!(elsewhere(growing, &disk), expected, "{place}");
                check_nothing_is_left(&disk, &place);
                run(workload, &disk, 1).2.expect("the origin goes on");
                assert_eq!(outputs(workload, &disk), here, "{place}");
                states += 1;
            }
        }
    }
    count(&format!("moving: {states} states, {forked} of them forked"));
    assert!(states > 500 && forked > 5, "{states} states, {forked} forked");
}

#[test]
fn a_run_instead_of_a_fork_that_was_stopped_begins_anew_and_removes_what_it_left() {
    let mut swept = 0;
    for growing in &GROWING {
        let workload = &growing.workload;
        let made = made(growing, None);
        let count = {
            let disk = made.power_cut(Cut::Prefix(usize::MAX));
            fork(workload, &disk, 8).expect("an undisturbed fork");
            disk.operations().len()
        };
        for at in 0..count {
            let disk = made.power_cut(Cut::Prefix(usize::MAX));
            disk.plan(&[Fault::power_loss(at)]);
            _ = fork(workload, &disk, 8);
            let disk = disk.after_kill();
            let own = Path::new(ELSEWHERE).join(".onward/job");
            let is_left = !staged(&disk, Path::new(ELSEWHERE)).is_empty();
            if is_started(&disk, &own) || !is_left {
                continue;
            }
            let (job, world) = (load(workload, ELSEWHERE), quiet(&disk, 9));
            match engine::run(&job, "onward run job.toml", &options(None), &world) {
                Ok(_) => check_nothing_is_left(&disk, &format!("{}, at {at}", workload.name)),
                // Half a chain: only another fork, or `--fresh`, may replace it.
                Err(error) => assert_eq!(error.kind, onward::error::Kind::Refused, "{error}"),
            }
            swept += 1;
        }
    }
    assert!(swept > 20, "{swept} starts were swept");
}
