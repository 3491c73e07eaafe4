//! Going back and moving on elsewhere, with the power failing at every operation: the job ends with the same bytes,
//! whether it was done or not.

use super::{FOLDER, WORKLOADS, Watcher, Workload, fresh, load, options, outputs, run, world};
use onward::checkpoint::{Folder, Phase, Savepoint, SavepointName, Selector, Trust};
use onward::engine::{self, Arrival, Cargo, Outcome, World};
use onward::error::Kind;
use onward::storage::Privacy;
use onward::storage::Storage;
use onward::storage::simulated::{Cut, Fault, SimulatedStorage};
use std::path::Path;
use std::sync::Arc;

/// Another place for the same job.
pub const ELSEWHERE: &str = "/else";

fn savepoint(name: &str) -> SavepointName {
    SavepointName::parse(name).expect("a name")
}

pub fn quiet(disk: &SimulatedStorage, seed: u64) -> World {
    world(disk, seed, Arc::new(Watcher::default()))
}

/// Runs a job for some barriers, or to its end.
fn go_on(workload: &Workload, disk: &SimulatedStorage, barriers: Option<u64>) {
    let job = load(workload, FOLDER);
    let outcome = engine::run(&job, "onward run job.toml", &options(barriers), &quiet(disk, 5));
    let outcome = outcome.unwrap_or_else(|error| panic!("{}: {error}", workload.name));
    assert_eq!(matches!(outcome, Outcome::Stopped(..)), barriers.is_some(), "{}", workload.name);
}

/// A disk with a job that has a savepoint, and went on from there.
fn went_on(workload: &Workload, barriers: Option<u64>) -> SimulatedStorage {
    let disk = fresh(workload);
    go_on(workload, &disk, Some(3));
    name_newest(workload, &disk, "early");
    go_on(workload, &disk, barriers);
    disk.power_cut(Cut::Prefix(usize::MAX))
}

/// Makes the newest checkpoint a savepoint.
fn name_newest(workload: &Workload, disk: &SimulatedStorage, name: &str) {
    let (job, world) = (load(workload, FOLDER), quiet(disk, 6));
    let folder = engine::folder(&job, &world, Trust::OwnOnly).expect("a folder").expect("made");
    let mut store = folder.lock(&world.holder, &mut |_| ()).expect("locked");
    let newest = store.load().expect("loaded").newest.expect("a checkpoint");
    let savepoint = Savepoint { sequence: newest.id.sequence, name: savepoint(name) };
    store.name_savepoint(&savepoint).expect("named");
}

/// The workloads that can be stopped more than once.
fn workloads() -> impl Iterator<Item = &'static Workload> {
    WORKLOADS.iter().filter(|workload| workload.name != "nothing to read")
}

fn undisturbed(workload: &Workload) -> Vec<Option<Vec<u8>>> {
    let disk = fresh(workload);
    run(workload, &disk, 1).2.expect("an undisturbed run");
    outputs(workload, &disk)
}

pub fn cuts(at: usize) -> [Cut; 3] {
    [Cut::Prefix(0), Cut::Prefix(usize::MAX), Cut::Seeded(at as u64)]
}

fn rollback(workload: &Workload, disk: &SimulatedStorage) -> onward::error::Result<()> {
    rollback_to(workload, disk, "early")
}

fn rollback_to(
    workload: &Workload,
    disk: &SimulatedStorage,
    name: &str,
) -> onward::error::Result<()> {
    let job = load(workload, FOLDER);
    let selector = Selector::Name(savepoint(name));
    let world = quiet(disk, 7);
    engine::rollback(&job, "onward run job.toml", Some(&selector), &options(None), &world).map(drop)
}

#[test]
fn after_a_power_cut_while_it_is_rolled_back_a_job_ends_with_the_same_bytes() {
    let mut states = 0;
    for workload in workloads() {
        let expected = undisturbed(workload);
        // A job that was stopped once more, and one that has finished.
        for barriers in [Some(2), None] {
            let made = went_on(workload, barriers);
            let count = {
                let disk = made.power_cut(Cut::Prefix(usize::MAX));
                rollback(workload, &disk).expect("an undisturbed rollback");
                disk.operations().len()
            };
            for at in 0..count {
                let disk = made.power_cut(Cut::Prefix(usize::MAX));
                disk.plan(&[Fault::power_loss(at)]);
                assert!(rollback(workload, &disk).is_err(), "the power was cut");
                for cut in cuts(at) {
                    let disk = disk.power_cut(cut);
                    let place = format!("{}, {barriers:?}, at {at}, {cut:?}", workload.name);
                    check(workload, &disk, &expected, &place);
                    // Once it is done it can be done again.
                    if at % 4 == 0 {
                        rollback(workload, &disk).expect("a savepoint to go back to");
                        check(workload, &disk, &expected, &format!("{place}, again"));
                    }
                    states += 1;
                }
            }
        }
    }
    assert!(states > 500, "{states} states");
}

#[test]
fn after_a_power_cut_while_a_finished_job_is_rolled_back_again_it_ends_with_the_same_bytes() {
    let mut states = 0;
    for workload in workloads() {
        let expected = undisturbed(workload);
        let disk = fresh(workload);
        for (barriers, name) in [(3, "early"), (2, "late")] {
            go_on(workload, &disk, Some(barriers));
            name_newest(workload, &disk, name);
        }
        go_on(workload, &disk, None);
        // The staged files that the next run needs are there now.
        rollback(workload, &disk).expect("an undisturbed rollback");
        let made = disk.power_cut(Cut::Prefix(usize::MAX));
        let count = {
            let disk = made.power_cut(Cut::Prefix(usize::MAX));
            rollback_to(workload, &disk, "late").expect("an undisturbed rollback");
            let count = disk.operations().len();
            check(workload, &disk, &expected, workload.name);
            count
        };
        for at in 0..count {
            let disk = made.power_cut(Cut::Prefix(usize::MAX));
            disk.plan(&[Fault::power_loss(at)]);
            assert!(rollback_to(workload, &disk, "late").is_err(), "the power was cut");
            for cut in cuts(at) {
                let disk = disk.power_cut(cut);
                check(workload, &disk, &expected, &format!("{}, at {at}, {cut:?}", workload.name));
                states += 1;
            }
        }
    }
    assert!(states > 250, "{states} states");
}

/// How far the newest checkpoint of a job is.
fn phase(disk: &SimulatedStorage) -> Option<Phase> {
    let world = quiet(disk, 3);
    let folder = Path::new(FOLDER).join(".onward/job");
    let opened = Folder::open_existing(world.storage, world.clock, &folder, Trust::OwnOnly);
    let folder = opened.expect("a folder of ours").expect("made");
    folder.peek().expect("readable").newest.map(|newest| newest.manifest.phase)
}

/// Disks on which a job was stopped while it gave its outputs their names.
fn publishing(workload: &Workload) -> Vec<SimulatedStorage> {
    let made = went_on(workload, Some(2));
    let count = {
        let disk = made.power_cut(Cut::Prefix(usize::MAX));
        go_on(workload, &disk, None);
        disk.operations().len()
    };
    let mut publishing = Vec::new();
    for at in (0..count).rev() {
        let disk = made.power_cut(Cut::Prefix(usize::MAX));
        disk.plan(&[Fault::power_loss(at)]);
        drop(run(workload, &disk, 5));
        let disk = disk.power_cut(Cut::Prefix(usize::MAX));
        match phase(&disk) {
            Some(Phase::Done) => {}
            Some(Phase::Publishing) => publishing.push(disk),
            _ => break,
        }
    }
    publishing
}

#[test]
fn after_a_power_cut_while_a_job_that_publishes_is_rolled_back_it_ends_with_the_same_bytes() {
    let mut states = 0;
    for workload in workloads() {
        let expected = undisturbed(workload);
        for made in publishing(workload) {
            let count = {
                let disk = made.power_cut(Cut::Prefix(usize::MAX));
                rollback(workload, &disk).expect("an undisturbed rollback");
                let count = disk.operations().len();
                check(workload, &disk, &expected, workload.name);
                count
            };
            for at in (0..count).rev().step_by(2) {
                let disk = made.power_cut(Cut::Prefix(usize::MAX));
                disk.plan(&[Fault::power_loss(at)]);
                assert!(rollback(workload, &disk).is_err(), "the power was cut");
                let cut = cuts(at)[at / 2 % 3];
                let disk = disk.power_cut(cut);
                check(workload, &disk, &expected, &format!("{}, at {at}, {cut:?}", workload.name));
                states += 1;
            }
        }
    }
    assert!(states > 500, "{states} states");
}

/// The job ends with these outputs and leaves no staged file.
fn check(workload: &Workload, disk: &SimulatedStorage, expected: &[Option<Vec<u8>>], place: &str) {
    let (_, _, outcome) = run(workload, disk, 99);
    assert!(outcome.is_ok(), "{place}: {outcome:?}");
    assert_eq!(outputs(workload, disk), expected, "{place}");
    assert_eq!(super::staged(disk, Path::new(FOLDER)), Vec::<std::path::PathBuf>::new(), "{place}");
}

/// The inputs of a job at another place, too.
fn with_elsewhere(workload: &Workload) -> SimulatedStorage {
    let disk = fresh(workload);
    disk.create_directory(Path::new(ELSEWHERE), Privacy::Private).expect("made");
    for (name, text) in workload.inputs {
        disk.put_file(Path::new(ELSEWHERE).join(name), text().as_bytes());
    }
    go_on(workload, &disk, Some(4));
    disk.power_cut(Cut::Prefix(usize::MAX))
}

pub fn fork(workload: &Workload, disk: &SimulatedStorage, seed: u64) -> onward::error::Result<()> {
    let (from, to) = (load(workload, FOLDER), load(workload, ELSEWHERE));
    let world = quiet(disk, seed);
    let cargo = Cargo::of_job(&from, None, &options(None), &world)?;
    let command = "onward run job.toml";
    engine::arrive(&to, command, &options(None), &world, &cargo, Arrival::Fork).map(drop)
}

#[test]
fn after_a_power_cut_while_it_is_forked_both_jobs_end_with_the_same_bytes() {
    let mut forked = 0;
    for workload in workloads() {
        let expected = undisturbed(workload);
        let made = with_elsewhere(workload);
        let count = {
            let disk = made.power_cut(Cut::Prefix(usize::MAX));
            fork(workload, &disk, 8).expect("an undisturbed fork");
            disk.operations().len()
        };
        for at in 0..count {
            let disk = made.power_cut(Cut::Prefix(usize::MAX));
            disk.plan(&[Fault::power_loss(at)]);
            // A cut while its mark is removed is not noticed: then all that matters is durable.
            let is_done = fork(workload, &disk, 8).is_ok();
            for cut in cuts(at) {
                let disk = disk.power_cut(cut);
                let place = format!("{}, at {at}, {cut:?}", workload.name);
                let folder = Path::new(ELSEWHERE).join(".onward/job");
                let is_whole = is_started(&disk, &folder);
                assert!(is_whole || !is_done, "{place}: it was said to be done");
                forked += u64::from(is_whole);
                let job = load(workload, ELSEWHERE);
                let world = quiet(&disk, 9);
                let go_on = || engine::run(&job, "onward run job.toml", &options(None), &world);
                let mut outcome = go_on();
                if matches!(&outcome, Err(error) if error.kind == Kind::Refused) && !is_whole {
                    // Half of a chain is never taken for a new job: it is brought again.
                    fork(workload, &disk, 7).unwrap_or_else(|error| panic!("{place}: {error}"));
                    outcome = go_on();
                }
                assert!(matches!(outcome, Ok(Outcome::Finished(_))), "{place}: {outcome:?}");
                let found: Vec<Option<Vec<u8>>> = workload
                    .outputs
                    .iter()
                    .map(|name| disk.file(Path::new(ELSEWHERE).join(name)))
                    .collect();
                assert_eq!(found, expected, "{place}");
                let left = super::staged(&disk, Path::new(ELSEWHERE));
                assert_eq!(left, Vec::<std::path::PathBuf>::new(), "{place}");
                check(workload, &disk, &expected, &format!("{place}, the origin"));
            }
        }
    }
    assert!(forked > 5, "{forked} forks were done before the power was cut");
}

pub fn is_started(disk: &SimulatedStorage, folder: &Path) -> bool {
    let world = quiet(disk, 3);
    let opened = Folder::open_existing(world.storage, world.clock, folder, Trust::OwnOnly);
    let opened = opened.expect("a folder of ours");
    opened.is_some_and(|folder| folder.peek().expect("readable").newest.is_some())
}
