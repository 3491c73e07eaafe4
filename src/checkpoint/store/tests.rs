//! The store in undisturbed use: what it saves, finds and removes.

use super::*;
use crate::checkpoint::{Checkpoint, samples};
use crate::error::Kind;
use crate::storage::clock::{SimulatedClock, SystemClock};
use crate::storage::simulated::{Call, Cut, Effect, Errno, Fault, Lasting, SimulatedStorage};
use crate::storage::{LocalStorage, OpenMode, Storage};
use std::ffi::OsString;
use std::sync::Arc;

pub(super) const DIRECTORY: &str = "/job/.onward/daily";

pub(super) fn holder() -> Holder {
    Holder { pid: 4711, host: "somewhere".into(), since_micros: 5 }
}

pub(super) fn open(disk: &SimulatedStorage, seed: u64) -> Result<Folder> {
    let clock = Arc::new(SimulatedClock::new(seed));
    Folder::open(Arc::new(disk.clone()), clock, Path::new(DIRECTORY), Trust::OwnOnly)
}

/// A run's first steps: open, lock, sweep, load.
pub(super) fn start(disk: &SimulatedStorage, seed: u64) -> Result<(Store, Loaded)> {
    let mut store = open(disk, seed)?.lock(&holder(), &mut |_| {})?;
    store.sweep()?;
    let loaded = store.load()?;
    Ok((store, loaded))
}

pub(super) fn ready(disk: &SimulatedStorage) -> (Store, Loaded) {
    start(disk, 1).expect("a run starts")
}

fn save(store: &mut Store, checkpoint: &Checkpoint) -> Saved {
    store.save(checkpoint).map_err(SaveError::into_error).expect("saved")
}

/// A disk with so many bases, numbered from 1.
pub(super) fn disk_with(count: u64) -> SimulatedStorage {
    let disk = SimulatedStorage::new();
    let (mut store, _) = ready(&disk);
    for number in 1..=count {
        save(&mut store, &samples::base(number));
    }
    disk
}

pub(super) fn path(number: u64) -> PathBuf {
    Path::new(DIRECTORY).join(names::checkpoint(Sequence(number)))
}

fn sorted(mut names: Vec<OsString>) -> Vec<OsString> {
    names.sort();
    names
}

/// The number that the newest usable checkpoint tells.
pub(super) fn number(loaded: &Loaded) -> Option<u64> {
    loaded.newest.as_ref().map(|newest| newest.manifest.counters.checkpoints)
}

#[test]
fn a_store_can_be_given_to_another_thread() {
    fn is_send<T: Send>() {}
    is_send::<Store>();
}

#[test]
fn what_was_saved_is_loaded() {
    let disk = disk_with(2);
    let (mut store, loaded) = ready(&disk);
    assert_eq!(loaded.usable(), Usable::Newest);
    let newest = loaded.newest.expect("there are two");
    assert_eq!(newest.manifest, samples::manifest(2));
    assert_eq!(newest.states.len(), 2);
    assert_eq!(newest.states[0].parts, [samples::base(2).sections.remove(0)]);
    let saved = save(&mut store, &samples::base(3));
    assert_eq!((saved.id.sequence, saved.form), (Sequence(3), Form::Base));
    assert_eq!(disk.file(&saved.path).map(|bytes| bytes.len() as u64), Some(saved.bytes));
}

#[test]
fn a_chain_is_put_together_from_its_base_on() {
    let disk = disk_with(1);
    let (mut store, loaded) = ready(&disk);
    let mut parent = loaded.newest.expect("a base").id;
    assert_eq!(store.next_form(), Form::Delta);
    for number in 2..=4 {
        let saved = save(&mut store, &samples::delta(number, parent));
        parent = saved.id;
        assert_eq!(saved.form, Form::Delta);
    }
    drop(store);
    let newest = ready(&disk).1.newest.expect("a chain");
    assert_eq!((newest.id, newest.chain.deltas), (parent, 3));
    let parts: Vec<Section> = (1..=4)
        .map(|number| {
            let form = if number == 1 { Form::Base } else { Form::Delta };
            samples::section("unique", form, number)
        })
        .collect();
    assert_eq!(newest.states[0].parts, parts);
    assert_eq!(newest.states[1].parts, [samples::section("sums", Form::Base, 4)]);
}

#[test]
fn a_delta_on_anything_but_the_last_checkpoint_is_not_saved() {
    let disk = disk_with(0);
    let (mut store, _) = ready(&disk);
    let first = save(&mut store, &samples::base(1));
    save(&mut store, &samples::base(2));
    let stale = samples::delta(3, first.id);
    assert!(matches!(store.save(&stale), Err(SaveError::Failed(_))));
    assert_eq!(save(&mut store, &samples::base(3)).id.sequence, Sequence(3));
}

#[test]
fn a_checkpoint_that_nobody_wants_any_more_leaves_nothing_and_the_next_one_is_saved() {
    let disk = disk_with(1);
    let (mut store, _) = ready(&disk);
    let names = || sorted(disk.list(Path::new(DIRECTORY)).expect("a folder"));
    let before = names();
    let given_up =
        store.save_while(samples::base(2).into(), &|| false).expect_err("it is given up");
    assert!(matches!(&given_up, SaveError::Failed(_)), "{given_up:?}");
    assert_eq!(names(), before);
    let saved = save(&mut store, &samples::base(3));
    // Its number is used up.
    assert_eq!(saved.id.sequence, Sequence(3));
}

#[test]
fn a_file_that_somebody_put_back_is_durable_once_it_is_loaded() {
    let disk = disk_with(2);
    let bytes = disk.file(path(2)).expect("there");
    disk.remove(&path(2)).expect("removed");
    let restored = disk.open(&path(2), OpenMode::CreatePrivate).expect("made");
    restored.write_at(&bytes, 0).expect("written");
    assert_eq!(number(&ready(&disk).1), Some(2));
    let survived = disk.power_cut(Cut::Prefix(0));
    assert_eq!(number(&ready(&survived).1), Some(2));
}

#[test]
fn a_failing_disk_is_no_reason_to_go_back() {
    let disk = disk_with(2);
    let before = disk.operations().len();
    drop(ready(&disk));
    let trace = disk.operations();
    let reads = trace.iter().skip(before).filter(|op| op.call == Call::ReadAt).count();
    assert!(reads > 4);
    for (index, operation) in trace[before..].iter().enumerate() {
        if !matches!(operation.call, Call::ReadAt | Call::SyncAll | Call::FileMetadata) {
            continue;
        }
        let disk = disk.power_cut(Cut::Prefix(usize::MAX));
        disk.plan(&[fault(index, Effect::Error(Errno::IO))]);
        match start(&disk, 3) {
            Err(error) => assert_eq!(error.kind, Kind::Failed),
            Ok((_, loaded)) => assert_eq!(number(&loaded), Some(2), "{operation:?}"),
        }
    }
}

fn fault(at: usize, effect: Effect) -> Fault {
    Fault { at, lasting: Lasting::Once, effect }
}

#[test]
fn numbers_go_on_after_a_fallback_and_after_starting_over() {
    let disk = disk_with(2);
    disk.put_file(path(9), b"damaged");
    let (mut store, loaded) = ready(&disk);
    assert_eq!((number(&loaded), loaded.sequence_max), (Some(2), Sequence(9)));
    assert_eq!(save(&mut store, &samples::base(3)).id.sequence, Sequence(10));
    assert_eq!(store.remove_all(FreshStart::asked_for_by_user()).expect("removed"), 4);
    assert_eq!(store.folder().list().expect("listed"), Listed::new());
    assert_eq!(save(&mut store, &samples::base(4)).id.sequence, Sequence(11));
    let survived = disk.power_cut(Cut::Prefix(0));
    let names = [names::checkpoint(Sequence(11)), "LOCK".into(), "LOCK.info".into()];
    assert_eq!(
        sorted(survived.list(Path::new(DIRECTORY)).expect("listed")),
        sorted(names.map(OsString::from).into())
    );
}

#[test]
fn only_what_is_ours_and_old_is_removed() {
    let disk = disk_with(4);
    let strange = ["notes.txt", "ckpt-1.onw", ".ckpt-x.tmp", "ckpt-0000000000000001.onw.bak"];
    for name in strange {
        disk.put_file(Path::new(DIRECTORY).join(name), b"mine");
    }
    let damaged = path(3);
    disk.put_file(&damaged, b"damaged");
    disk.put_file(Path::new(DIRECTORY).join(names::temporary(Sequence(5), 1)), b"half");
    disk.put_link(Path::new(DIRECTORY).join(names::temporary(Sequence(5), 2)), "/job");
    let (mut store, _) = start(&disk, 2).expect("a run starts");
    let saved = save(&mut store, &samples::base(6));
    let deleted = store.retire(&saved, 2).expect("retired");
    assert_eq!(deleted, [Sequence(2), Sequence(1)]);
    let left = disk.list(Path::new(DIRECTORY)).expect("listed");
    let mut expected: Vec<OsString> = strange.map(OsString::from).into();
    expected.extend(["LOCK", "LOCK.info"].map(OsString::from));
    expected.push(names::temporary(Sequence(5), 2).into());
    expected.extend([3, 4, 6].map(|number| names::checkpoint(Sequence(number)).into()));
    expected.sort();
    assert_eq!(left, expected);
    let later = save(&mut store, &samples::base(7));
    assert!(store.retire(&saved, 1).is_err());
    assert_eq!(store.retire(&later, 1).expect("retired"), [Sequence(6), Sequence(4)]);
    assert_eq!(disk.file(damaged).as_deref(), Some(&b"damaged"[..]));
}

#[test]
fn looking_at_a_folder_changes_nothing() {
    let disk = disk_with(2);
    let (before, pending) = (disk.operations().len(), disk.pending());
    let clock = Arc::new(SimulatedClock::new(1));
    let directory = Path::new(DIRECTORY);
    let opened = Folder::open_existing(Arc::new(disk.clone()), clock, directory, Trust::OwnOnly);
    let folder = opened.expect("looked at").expect("there");
    assert_eq!(number(&folder.peek().expect("peeked")), Some(2));
    assert!(folder.verify(Sequence(1)).expect("read").is_ok());
    assert_eq!(folder.verify(Sequence(7)).expect("read"), Err(Invalid::Missing));
    assert_eq!(folder.read(Sequence(7)).expect("read"), Err(Invalid::Missing));
    assert_eq!(folder.list().expect("listed").len(), 2);
    assert!(!folder.is_locked().expect("looked at"));
    assert_eq!(folder.holder(), Some(holder()));
    let reading =
        [Call::Open, Call::Metadata, Call::List, Call::ReadAt, Call::FileMetadata, Call::Lock];
    for operation in &disk.operations()[before..] {
        assert!(reading.contains(&operation.call), "{operation:?}");
    }
    assert_eq!(disk.pending(), pending);
}

#[test]
fn a_second_run_waits_a_second_and_names_the_first() {
    let disk = SimulatedStorage::new();
    let (store, _) = ready(&disk);
    assert!(store.folder().is_locked().expect("looked at"));
    let mut waited = Duration::ZERO;
    let second = open(&disk, 2).expect("opened").lock(&holder(), &mut |span| waited += span);
    let error = second.expect_err("locked");
    assert_eq!(error.kind, Kind::Locked);
    assert!(error.message.contains("process 4711 on somewhere"), "{error}");
    assert!((900..=1100).contains(&waited.as_millis()));
    let mut store = Some(store);
    let mut release = |_| drop(store.take());
    assert!(open(&disk, 2).expect("opened").lock(&holder(), &mut release).is_ok());
}

#[test]
fn a_lock_is_taken_although_its_note_cannot_be_written() {
    let disk = disk_with(1);
    disk.set_capacity(0);
    let (_, loaded) = start(&disk, 9).expect("a run starts on a full disk");
    assert_eq!(number(&loaded), Some(1));
    let file = disk.open(&path(1), OpenMode::ReadOwn).expect("opened");
    assert!(file.metadata().expect("metadata").length > 0);
}

/// Files that a released version wrote. They are never written again: a change of this test's
/// expectations, or of the samples that it shares with other tests, is a change of what old
/// checkpoints mean.
#[test]
fn golden_checkpoints_of_format_1_are_restored_for_ever() {
    let disk = disk_with(0);
    disk.put_file(path(7), include_bytes!("../../../fixtures/checkpoints/format-1-base.onw"));
    disk.put_file(path(8), include_bytes!("../../../fixtures/checkpoints/format-1-delta.onw"));
    let (_, loaded) = ready(&disk);
    let newest = loaded.newest.expect("both are valid");
    let base = samples::base(7);
    assert_eq!(newest.manifest, samples::manifest(8));
    assert_eq!(
        newest.states[0].parts,
        [base.sections[0].clone(), samples::section("unique", Form::Delta, 8)]
    );
    assert_eq!(newest.states[1].parts, [samples::section("sums", Form::Base, 8)]);
    disk.remove(&path(8)).expect("removed");
    assert_eq!(ready(&disk).1.newest.expect("valid").manifest, base.manifest);
}

#[test]
fn a_real_folder_works_like_the_simulated_one() {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let directory = temporary.path().join("a/b");
    let start = || -> Result<(Store, Loaded)> {
        let (storage, clock) = (Arc::new(LocalStorage), Arc::new(SystemClock::new()));
        let folder = Folder::open(storage, clock, &directory, Trust::OwnOnly)?;
        let mut store = folder.lock(&holder(), &mut |_| {})?;
        store.sweep()?;
        let loaded = store.load()?;
        Ok((store, loaded))
    };
    let (mut store, loaded) = start().expect("a run starts");
    assert_eq!(loaded.usable(), Usable::Empty);
    assert_eq!(start().expect_err("locked").kind, Kind::Locked);
    let base = save(&mut store, &samples::base(1));
    let delta = save(&mut store, &samples::delta(2, base.id));
    assert_eq!(store.retire(&delta, 1).expect("retired"), []);
    let latest = save(&mut store, &samples::base(3));
    assert_eq!(store.retire(&latest, 1).expect("retired"), [Sequence(2), Sequence(1)]);
    let link = store.folder().path(Sequence(9));
    std::os::unix::fs::symlink(&latest.path, link).expect("a link");
    drop(store);
    let (store, loaded) = start().expect("a run starts");
    assert_eq!((number(&loaded), loaded.refused.len()), (Some(3), 1));
    assert_eq!(loaded.refused[0].reason, Invalid::NotAFile);
    let metadata = LocalStorage.metadata(&latest.path).expect("metadata");
    assert_eq!((metadata.mode, store.folder().holder()), (0o600, Some(holder())));
}
