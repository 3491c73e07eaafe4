//! What users do to a folder, with power cuts at every operation: either it was done, or the folder is as it was.

use super::tests::{DIRECTORY, number, start};
use super::*;
use crate::checkpoint::samples;
use crate::checkpoint::savepoint::{Savepoint, SavepointName, Selector};
use crate::checkpoint::{Checkpoint, Newest, Removal, Trigger};
use crate::storage::Storage;
use crate::storage::simulated::{Cut, Fault, SimulatedStorage};
use std::collections::BTreeSet;

fn name(text: &str) -> SavepointName {
    SavepointName::parse(text).expect("a name")
}

/// A disk with two chains (1 with 2 and 3, 4 with 5), and 2 is the savepoint `old`.
fn disk() -> SimulatedStorage {
    let disk = SimulatedStorage::new();
    let (mut store, _) = start(&disk, 1).expect("a run starts");
    let mut parent = None;
    for number in 1..=5 {
        let checkpoint = match parent {
            Some(parent) if number != 4 => samples::delta(number, parent),
            _ => samples::base(number),
        };
        let saved = store.save(&checkpoint).map_err(SaveError::into_error).expect("saved");
        parent = Some(saved.id);
    }
    let savepoint = Savepoint { sequence: Sequence(2), name: name("old") };
    store.name_savepoint(&savepoint).expect("named");
    drop(store);
    disk.power_cut(Cut::Prefix(usize::MAX))
}

/// What is done to a folder that was just loaded.
type Deed = fn(&mut Store, &Loaded) -> Result<()>;

/// The numbers that the newest usable checkpoint and the savepoint tell, and the names of files that are there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    newest: Option<u64>,
    savepoint: Option<u64>,
    numbers: Vec<u64>,
}

fn found(disk: &SimulatedStorage) -> Found {
    let (store, loaded) = start(disk, 9).expect("a run starts");
    let folder = store.folder();
    let savepoint = folder.select(&Selector::Name(name("old"))).ok().map(|sequence| {
        let whole = folder.whole(sequence).expect("no fault").expect("a savepoint stays whole");
        whole.restored.manifest.counters.checkpoints
    });
    let numbers = folder.checkpoints().expect("names").into_iter().map(|one| one.0).collect();
    Found { newest: number(&loaded), savepoint, numbers }
}

/// Cuts the power at every operation of a deed; answers what was found then.
fn check(deed: Deed, is_fine: impl Fn(&Found) -> bool) -> BTreeSet<Found> {
    let undisturbed = disk();
    let (mut store, loaded) = start(&undisturbed, 3).expect("a run starts");
    let before = undisturbed.operations().len();
    deed(&mut store, &loaded).expect("an undisturbed deed");
    drop(store);
    let count = undisturbed.operations().len() - before;
    let after = found(&undisturbed);
    let mut all = BTreeSet::new();
    for at in 0..count {
        let disk = disk();
        let (mut store, loaded) = start(&disk, 3).expect("a run starts");
        disk.plan(&[Fault::power_loss(disk.operations().len() + at)]);
        assert!(deed(&mut store, &loaded).is_err(), "the power was cut");
        drop(store);
        for cut in [Cut::Prefix(0), Cut::Prefix(usize::MAX), Cut::Seeded(at as u64)] {
            let found = found(&disk.power_cut(cut));
            assert!(is_fine(&found), "power lost at {at}, {cut:?}: {found:?}");
            all.insert(found);
        }
    }
    // What was reported as done survives.
    assert_eq!(found(&undisturbed.power_cut(Cut::Prefix(0))), after);
    all.insert(after);
    all
}

#[test]
fn a_restated_checkpoint_is_there_or_the_newest_is_what_it_was() {
    let all = check(
        |store, _| {
            let whole = store.folder().whole(Sequence(3))?.expect("a whole chain");
            let manifest = whole.head().checkpoint.manifest.clone();
            let saved = store.restate(&whole, manifest)?;
            store.abandon(Sequence(3), &saved, Removal::asked_for_by_user())?;
            Ok(())
        },
        |found| matches!(found.newest, Some(3 | 5)) && found.savepoint == Some(2),
    );
    // It restates 3 under a new number, and builds on what that builds on; 4 and 5 were given up.
    let last = all.iter().find(|found| found.numbers == [1, 2, 3, 6]);
    assert_eq!(last.expect("an end").newest, Some(3), "{all:?}");
}

#[test]
fn a_delta_can_be_saved_on_one_that_was_restated() {
    let disk = disk();
    let (mut store, _) = start(&disk, 3).expect("a run starts");
    let whole = store.folder().whole(Sequence(3)).expect("no fault").expect("a whole chain");
    let manifest = whole.head().checkpoint.manifest.clone();
    let saved = store.restate(&whole, manifest).expect("saved");
    assert_eq!(saved.form, Form::Delta);
    let next = samples::delta(7, saved.id);
    store.save(&next).map_err(SaveError::into_error).expect("saved");
    drop(store);
    let (_, loaded) = start(&disk, 4).expect("a run starts");
    let newest = loaded.newest.expect("a checkpoint");
    assert_eq!((newest.id.sequence, newest.chain.deltas), (Sequence(7), 3));
    let numbers: Vec<Vec<u8>> =
        newest.states[0].parts.iter().map(|part| part.bytes.clone()).collect();
    let of = |number, form| samples::section("unique", form, number).bytes;
    let expected = [of(1, Form::Base), of(2, Form::Delta), of(3, Form::Delta), of(7, Form::Delta)];
    assert_eq!(numbers, expected);
}

#[test]
fn a_checkpoint_is_removed_or_not_and_its_number_is_used_up() {
    let remove = |store: &mut Store, loaded: &Loaded| {
        let five = Selector::Number(Sequence(5));
        let permission = Removal::asked_for_by_user();
        store.remove_selected(&five, Newest::Remove, loaded, permission).map(drop)
    };
    let all =
        check(remove, |found| matches!(found.newest, Some(4 | 5)) && found.savepoint == Some(2));
    assert!(all.iter().any(|found| found.numbers == [1, 2, 3, 4]), "{all:?}");
    let disk = disk();
    let (mut store, loaded) = start(&disk, 3).expect("a run starts");
    remove(&mut store, &loaded).expect("removed");
    drop(store);
    let (mut store, _) = start(&disk, 4).expect("a run starts");
    let saved = store.save(&samples::base(6)).map_err(SaveError::into_error).expect("saved");
    assert_eq!(saved.id.sequence, Sequence(6));
}

#[test]
fn a_savepoint_stays_whole_until_its_name_goes() {
    let all = check(
        |store, loaded| {
            let old = Selector::Name(name("old"));
            let permission = Removal::asked_for_by_user();
            let removed = store.remove_selected(&old, Newest::Keep, loaded, permission)?;
            assert_eq!(removed.stays, Some(Stays::BuiltOn(vec![Sequence(3)])));
            store.prune(1, loaded, Removal::asked_for_by_user()).map(drop)
        },
        |found| found.newest == Some(5),
    );
    assert!(all.iter().any(|found| found.numbers == [4, 5]), "{all:?}");
    assert!(all.iter().any(|found| found.savepoint == Some(2)), "{all:?}");
}

#[test]
fn pruning_leaves_what_loads() {
    let all = check(
        |store, loaded| store.prune(1, loaded, Removal::asked_for_by_user()).map(drop),
        |found| found.newest == Some(5) && found.savepoint == Some(2),
    );
    assert!(all.iter().any(|found| found.numbers == [1, 2, 4, 5]), "{all:?}");
}

/// A chain as it comes from another folder.
fn links() -> Vec<Checkpoint> {
    let digest = crate::checkpoint::Digest(0);
    let parent = |number| CheckpointId { sequence: Sequence(number), digest };
    let mut links =
        vec![samples::base(1), samples::delta(2, parent(1)), samples::delta(3, parent(2))];
    links.iter_mut().for_each(|link| link.manifest.trigger = Trigger::Fork);
    links
}

#[test]
fn a_chain_is_taken_over_as_a_whole_or_nothing_of_it_is_usable() {
    let undisturbed = SimulatedStorage::new();
    let (mut store, _) = start(&undisturbed, 5).expect("a run starts");
    let before = undisturbed.operations().len();
    assert_eq!(store.adopt(links()).expect("adopted"), Sequence(3));
    drop(store);
    let count = undisturbed.operations().len() - before;
    let survived = undisturbed.power_cut(Cut::Prefix(0));
    let (_, loaded) = start(&survived, 6).expect("a run starts");
    let newest = loaded.newest.expect("all of it is durable");
    assert_eq!((newest.id.sequence, newest.chain.deltas), (Sequence(3), 2));
    let mut halves = 0;
    for at in 0..count {
        let disk = SimulatedStorage::new();
        let (mut store, _) = start(&disk, 5).expect("a run starts");
        disk.plan(&[Fault::power_loss(disk.operations().len() + at)]);
        let is_done = store.adopt(links()).is_ok();
        drop(store);
        for cut in [Cut::Prefix(0), Cut::Prefix(usize::MAX), Cut::Seeded(at as u64)] {
            let disk = disk.power_cut(cut);
            let (mut store, loaded) = start(&disk, 6).expect("a run starts");
            let newest = number(&loaded);
            let what = format!("at {at}, {cut:?}: {newest:?}");
            match newest {
                Some(3) => assert_eq!(loaded.refused, [], "{what}"),
                None => assert!(!is_done, "{what}"),
                Some(_) => panic!("half a chain is usable: {what}"),
            }
            if newest.is_some() {
                continue;
            }
            let left = store.folder().checkpoints().expect("numbers");
            assert_eq!(left, store.folder().half_adopted().expect("numbers"), "{what}");
            assert_eq!(loaded.usable() == Usable::Empty, left.is_empty(), "{what}");
            halves += usize::from(!left.is_empty());
            store.sweep_half_adopted().expect("swept");
            store.adopt(links()).expect("adopted at last");
            drop(store);
            let (_, loaded) = start(&disk, 7).expect("a run starts");
            assert_eq!((number(&loaded), loaded.refused), (Some(3), Vec::new()), "{what}");
        }
    }
    assert!(halves > 0, "some left half a chain");
}

#[test]
fn a_chain_that_was_taken_over_and_lost_its_base_stays() {
    let disk = SimulatedStorage::new();
    let (mut store, _) = start(&disk, 5).expect("a run starts");
    store.adopt(links()).expect("adopted");
    let savepoint = Savepoint { sequence: Sequence(2), name: name("old") };
    store.name_savepoint(&savepoint).expect("named");
    store.remove(&super::tests::path(1)).expect("removed");
    drop(store);
    let (mut store, loaded) = start(&disk, 6).expect("a run starts");
    store.sweep_half_adopted().expect("nothing to sweep");
    let left = store.folder().checkpoints().expect("numbers").len();
    assert_eq!((loaded.usable(), left), (Usable::Nothing, 2));
}

#[test]
fn a_chain_that_lost_its_base_later_is_not_swept() {
    let disk = disk();
    let (store, _) = start(&disk, 3).expect("a run starts");
    store.remove(&super::tests::path(1)).expect("removed");
    store.remove(&super::tests::path(4)).expect("removed");
    drop(store);
    let (store, loaded) = start(&disk, 4).expect("a run starts");
    assert_eq!(
        (loaded.usable(), store.folder().list().expect("a list").len()),
        (Usable::Nothing, 3)
    );
}

#[test]
fn a_chain_that_does_not_find_room_leaves_nothing() {
    let disk = SimulatedStorage::new();
    let (mut store, _) = start(&disk, 5).expect("a run starts");
    let names = disk.list(Path::new(DIRECTORY)).expect("names");
    let at = disk.operations().len() + 6;
    let effect = crate::storage::simulated::Effect::Error(crate::storage::simulated::Errno::NOSPC);
    disk.plan(&[Fault { at, lasting: crate::storage::simulated::Lasting::Once, effect }]);
    store.adopt(links()).expect_err("no room");
    assert_eq!(disk.list(Path::new(DIRECTORY)).expect("names"), names);
}
