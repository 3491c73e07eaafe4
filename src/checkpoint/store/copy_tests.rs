//! Checkpoints that are taken over from another folder, with faults and power cuts on the way.

use super::tests::{holder, number, path, start};
use super::*;
use crate::checkpoint::savepoint::{Savepoint, SavepointName, Selector};
use crate::checkpoint::spill::SpillEntry;
use crate::checkpoint::{Needs, samples};
use crate::storage::clock::SimulatedClock;
use crate::storage::simulated::{Call, Cut, Effect, Errno, Fault, Lasting, SimulatedStorage};
use std::sync::Arc;

const COPY: &str = "/copy";
const DAMAGED: &[u8] = b"no checkpoint at all";
const SPILL: &str = "spill-0000000000000001-00000000000000ab.onw";

/// The folder of copies, locked.
fn copy(disk: &SimulatedStorage) -> Store {
    let clock = Arc::new(SimulatedClock::new(77));
    let folder = Folder::open(Arc::new(disk.clone()), clock, Path::new(COPY), Trust::OwnOnly);
    let locked = folder.and_then(|folder| folder.lock(&holder(), &mut |_| {}));
    locked.expect("a folder of copies")
}

fn needs() -> Needs {
    Needs::of(&samples::manifest(1))
}

/// A disk with checkpoint 1 in both folders.
fn disk() -> SimulatedStorage {
    let disk = SimulatedStorage::new();
    let (mut own, _) = start(&disk, 1).expect("a run starts");
    own.save(&samples::base(1)).map_err(SaveError::into_error).expect("saved");
    let copied = copy(&disk).take_over(own.folder(), Sequence(1), &needs());
    assert!(copied.expect("no fault").is_some(), "it is there");
    drop(own);
    disk.power_cut(Cut::Prefix(usize::MAX))
}

/// Brings checkpoint 1 back.
fn bring_back(own: &mut Store, copied: &Store, needs: &Needs) -> Result<Option<Saved>> {
    own.bring_back(copied.folder(), Sequence(1), needs, &[Sequence(1)])
}

#[test]
fn what_a_copy_replaces_is_kept_aside_whole_whatever_stops_it() {
    let aside = path(1).with_extension("onw.refused");
    let damaged = || {
        let disk = disk();
        disk.put_file(path(1), DAMAGED);
        let (own, _) = start(&disk, 2).expect("a run starts");
        let copied = copy(&disk);
        let before = disk.operations_count();
        (disk, own, copied, before)
    };
    let (undisturbed, mut own, copied, before) = damaged();
    bring_back(&mut own, &copied, &needs()).expect("no fault");
    let count = undisturbed.operations_count() - before;
    let mut stopped = 0;
    for at in 0..count {
        for effect in [Effect::PowerLoss, Effect::Error(Errno::NOSPC)] {
            let (disk, mut own, copied, before) = damaged();
            disk.plan(&[Fault { at: before + at, lasting: Lasting::Sticky, effect }]);
            stopped += usize::from(bring_back(&mut own, &copied, &needs()).is_err());
            for cut in [Cut::Prefix(0), Cut::Prefix(usize::MAX), Cut::Seeded(at as u64)] {
                let disk = disk.power_cut(cut);
                let what = format!("{effect:?} at {at}, {cut:?}");
                let (mut own, loaded) = start(&disk, 3).expect("a run starts");
                if number(&loaded).is_none() {
                    let brought = bring_back(&mut own, &copy(&disk), &needs());
                    assert!(brought.expect("no fault any more").is_some(), "{what}");
                }
                assert_eq!(disk.file(&aside).as_deref(), Some(DAMAGED), "{what}");
                drop(own);
                let (_, loaded) = start(&disk, 4).expect("a run starts");
                assert_eq!(number(&loaded), Some(1), "{what}");
            }
        }
    }
    assert!(stopped > count, "{stopped} of {count} operations stop it");
}

#[test]
fn a_file_that_we_may_not_read_is_replaced_by_its_copy() {
    let spill = path(1).with_file_name(SPILL);
    let entry = SpillEntry { name: SPILL.into(), length: 7, digest: 0 };
    let needs = Needs { spills: vec![entry], spills_made: 1, ..needs() };
    for (unreadable, lies_there) in [(&spill, &b"another"[..]), (&path(1), DAMAGED)] {
        let begin = || {
            let disk = disk();
            disk.put_file(Path::new(COPY).join(SPILL), b"a spill");
            disk.put_file(unreadable, lies_there);
            let (own, _) = start(&disk, 2).expect("a run starts");
            let copied = copy(&disk);
            (disk, own, copied)
        };
        let (undisturbed, mut own, copied) = begin();
        let before = undisturbed.operations_count();
        bring_back(&mut own, &copied, &needs).expect("no fault");
        let is_meant = |call, path: &Path| call == Call::Open && path == unreadable;
        let opened = undisturbed.operations().into_iter().skip(before);
        let at = opened.enumerate().find(|(_, one)| is_meant(one.call, &one.path));
        let at = before + at.expect("it is looked at").0;
        let (disk, mut own, copied) = begin();
        let effect = Effect::Error(Errno::ACCESS);
        disk.plan(&[Fault { at, lasting: Lasting::Once, effect }]);
        let brought = bring_back(&mut own, &copied, &needs);
        assert!(brought.expect("it is no obstacle").is_some(), "{unreadable:?}");
        let name = unreadable.file_name().expect("a name");
        assert_eq!(disk.file(unreadable), disk.file(Path::new(COPY).join(name)));
        let aside = unreadable.with_extension("onw.refused");
        assert_eq!(disk.file(&aside).as_deref(), Some(lies_there), "{unreadable:?}");
    }
}

#[test]
fn a_copy_that_lost_the_file_of_a_savepoint_gets_it_again() {
    let disk = disk();
    let (mut own, _) = start(&disk, 2).expect("a run starts");
    let name = SavepointName::parse("early").expect("a name");
    let savepoint = Savepoint { sequence: Sequence(1), name };
    own.name_savepoint(&savepoint).expect("named");
    let mut copied = copy(&disk);
    copied.follow_savepoints(own.folder()).expect("followed");
    copied.remove(&copied.folder().path(Sequence(1))).expect("removed");
    assert_eq!(copied.folder().savepoints().expect("names"), []);
    copied.follow_savepoints(own.folder()).expect("followed again");
    assert_eq!(copied.folder().savepoints().expect("names"), [savepoint]);
}

#[test]
fn the_name_of_a_lost_savepoint_is_taken_until_it_is_given_up() {
    let disk = disk();
    let (mut own, _) = start(&disk, 2).expect("a run starts");
    own.save(&samples::base(2)).map_err(SaveError::into_error).expect("saved");
    let name = SavepointName::parse("early").expect("a name");
    let early = |number| Savepoint { sequence: Sequence(number), name: name.clone() };
    own.name_savepoint(&early(1)).expect("named");
    own.remove(&own.folder().path(Sequence(1))).expect("removed");
    let refused = own.name_savepoint(&early(2)).expect_err("it is taken");
    assert!(refused.to_string().contains("whose checkpoint 1 is lost"), "{refused}");
    own.check_no_savepoints().expect_err("starting over would cost it its outputs");
    let loaded = own.load().expect("no fault");
    let selector = Selector::Name(name.clone());
    let mut remove = || {
        let permission = Removal::asked_for_by_user();
        own.remove_selected(&selector, Newest::Keep, &loaded, permission)
    };
    let removed = remove().expect("given up");
    assert_eq!(removed, Removed { sequence: Sequence(1), names: vec![name.clone()], stays: None });
    remove().expect_err("it is gone");
    own.check_no_savepoints().expect("there is none");
    own.name_savepoint(&early(2)).expect("free again");
}

#[test]
fn of_two_names_of_a_lost_savepoint_the_other_stays_wanted() {
    let disk = disk();
    let (mut own, _) = start(&disk, 2).expect("a run starts");
    own.save(&samples::base(2)).map_err(SaveError::into_error).expect("saved");
    let [early, good] = ["early", "good"].map(|name| SavepointName::parse(name).expect("a name"));
    for name in [&early, &good] {
        let savepoint = Savepoint { sequence: Sequence(1), name: name.clone() };
        own.name_savepoint(&savepoint).expect("named");
    }
    own.remove(&own.folder().path(Sequence(1))).expect("removed");
    let loaded = own.load().expect("no fault");
    let mut remove = |name: &SavepointName| {
        let selector = Selector::Name(name.clone());
        let permission = Removal::asked_for_by_user();
        own.remove_selected(&selector, Newest::Keep, &loaded, permission).expect("given up").stays
    };
    assert_eq!(remove(&early), Some(Stays::Named(vec![good.clone()])));
    assert_eq!(remove(&good), None);
}
