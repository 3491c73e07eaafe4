//! A job that lost its own folder takes its savepoints back from a copy, however often that is stopped.

use super::FOLDER;
use crate::support::machine::{self, How};
use onward::checkpoint::{Folder, Savepoint, SavepointName, Sequence, Trust};
use onward::engine::Outcome;
use onward::error::Error;
use onward::job::Job;
use onward::storage::Storage;
use onward::storage::simulated::{Cut, Effect, Errno, Fault, Lasting, SimulatedStorage};
use onward::threads::seeded;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const SEED: u64 = 11;

const JOB: &str = r#"
    [source]
    path = "in.csv"
    [[transform]]
    dedup = { key = ["key"] }
    [sink]
    path = "out.csv"
    [checkpoint]
    every_records = 30
    keep = 1
    copies = ["copy"]
    require_copies = true
    [state]
    memory = "1KiB"
"#;

fn own() -> PathBuf {
    Path::new(FOLDER).join(".onward/job")
}

fn run(job: &Job, disk: &SimulatedStorage, barriers: Option<u64>) -> Result<Outcome, Error> {
    let how = How { threads: 1, chunk_bytes: 300, barriers };
    seeded(SEED, || machine::run(job, disk, SEED, how))
}

fn opened(disk: &SimulatedStorage) -> Folder {
    let world = machine::world(disk, SEED);
    let folder = Folder::open(world.storage, world.clock, &own(), Trust::OwnOnly);
    folder.expect("the job's own folder")
}

/// A savepoint in a copy, and newer checkpoints there; the job's own folder is lost.
fn lost(job: &Job) -> (SimulatedStorage, Savepoint) {
    let disk = SimulatedStorage::new();
    disk.put_directory(FOLDER, 0o755);
    let mut text = "key,value\n".to_owned();
    for row in 0..600 {
        writeln!(text, "key number {},{row}", row % 370).expect("a string");
    }
    disk.put_file(Path::new(FOLDER).join("in.csv"), text.as_bytes());
    run(job, &disk, Some(12)).expect("a run that is stopped");
    let folder = opened(&disk);
    let sequence: Sequence = *folder.checkpoints().expect("names").last().expect("a checkpoint");
    let name = SavepointName::parse("early").expect("a name");
    let savepoint = Savepoint { sequence, name };
    let mut store = folder.lock(&machine::world(&disk, 1).holder, &mut |_| {}).expect("a lock");
    store.name_savepoint(&savepoint).expect("named");
    drop(store);
    run(job, &disk, Some(12)).expect("a run that is stopped");
    for name in disk.list(&own()).expect("names") {
        disk.remove(&own().join(name)).expect("a file");
    }
    (disk.power_cut(Cut::Prefix(usize::MAX)), savepoint)
}

fn failure(at: usize) -> Fault {
    Fault { at, lasting: Lasting::Once, effect: Effect::Error(Errno::IO) }
}

/// What is there when a run, which was stopped somehow, was followed by another one.
fn check(job: &Job, disk: &SimulatedStorage, savepoint: &Savepoint, place: &str) {
    let ended = run(job, disk, Some(1));
    assert!(ended.is_ok(), "{place}: {ended:?}");
    let folder = opened(disk);
    let found = folder.savepoints().expect("names");
    assert_eq!(found, std::slice::from_ref(savepoint), "{place}");
    let restored = folder.verify(savepoint.sequence).expect("no fault");
    assert!(restored.is_ok(), "{place}: {restored:?}");
}

#[test]
fn savepoints_are_taken_back_although_that_was_stopped_at_any_operation() {
    let job = machine::load(JOB);
    let (lost, savepoint) = lost(&job);
    let undisturbed = lost.after_kill();
    run(&job, &undisturbed, Some(1)).expect("a run that is stopped");
    let operations = undisturbed.operations();
    check(&job, &undisturbed, &savepoint, "undisturbed");
    let mut stopped = 0;
    for (at, operation) in operations.iter().enumerate() {
        let place = format!("{at}: {operation:?}");
        if !operation.call.only_looks() {
            let disk = lost.after_kill();
            disk.plan(&[Fault::power_loss(at)]);
            stopped += usize::from(run(&job, &disk, Some(1)).is_err());
            for cut in [Cut::Prefix(0), Cut::Prefix(usize::MAX)] {
                check(&job, &disk.power_cut(cut), &savepoint, &format!("{place}, {cut:?}"));
            }
        }
        if operation.path.starts_with(own()) {
            let disk = lost.after_kill();
            disk.plan(&[failure(at)]);
            let _whatever_it_came_to = run(&job, &disk, Some(1));
            check(&job, &disk.after_kill(), &savepoint, &format!("{place} fails"));
        }
    }
    crate::support::report::count(&format!("savepoints taken back: {stopped} power cuts"));
    assert!(stopped > 50, "{stopped}");
}
