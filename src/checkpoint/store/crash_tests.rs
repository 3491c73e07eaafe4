//! Power cuts and faults at every operation of a run that saves and retires checkpoints.

use super::tests::{DIRECTORY, open, start};
use super::*;
use crate::checkpoint::samples;
use crate::error::Kind;
use crate::storage::Storage;
use crate::storage::simulated::{
    Call, Cut, Effect, Errno, Fault, Lasting, Operation, SimulatedStorage,
};

/// What a run could promise before it ended.
#[derive(Debug, Default)]
struct Promised {
    /// The newest checkpoint that was reported as saved.
    sequence: Sequence,
    /// Whether the store said that it knows no more.
    is_poisoned: bool,
}

/// A run: resumes, saves `count` checkpoints, and retires after each. Ends at the first failure.
fn run(disk: &SimulatedStorage, seed: u64, count: u64, promised: &mut Promised) -> Result<()> {
    let (mut store, loaded) = start(disk, seed)?;
    let newest = loaded.newest.as_ref().map(|newest| newest.id);
    assert!(newest.map_or(Sequence(0), |id| id.sequence) >= promised.sequence, "{loaded:?}");
    assert_ne!(loaded.usable(), Usable::Nothing);
    let mut parent = newest;
    for _ in 0..count {
        let number = store.sequence_max.0 + 1;
        let checkpoint = match parent {
            // Deltas of deltas, and a base now and then, so that retention has chains to delete.
            Some(parent) if number % 3 != 1 => samples::delta(number, parent),
            _ => samples::base(number),
        };
        let saved = store.save(&checkpoint).map_err(|error| {
            promised.is_poisoned = matches!(error, SaveError::Poisoned(_));
            error.into_error()
        })?;
        assert!(saved.id.sequence > promised.sequence);
        promised.sequence = saved.id.sequence;
        parent = Some(saved.id);
        store.retire(&saved, 1)?;
    }
    Ok(())
}

/// Everything that the next run needs is there, twice in a row.
fn check_recovery(disk: &SimulatedStorage, promised: &Promised, place: &str) {
    let mut again = Promised { sequence: promised.sequence, is_poisoned: false };
    let resumed = run(disk, 77, 2, &mut again);
    assert!(resumed.is_ok(), "{place}: {resumed:?}");
    let (_, loaded) = start(disk, 78).expect("a run starts");
    let newest = loaded.newest.expect("two were saved");
    assert_eq!(newest.id.sequence, again.sequence, "{place}");
    assert_eq!(newest.manifest, samples::manifest(again.sequence.0), "{place}");
    let last = newest.states[0].parts.last().expect("a part");
    assert_eq!(last.bytes, samples::section("unique", Form::Base, again.sequence.0).bytes);
}

/// A disk on which an earlier run saved three checkpoints, all of it durable.
fn prepared() -> (SimulatedStorage, Promised) {
    let disk = SimulatedStorage::new();
    let mut promised = Promised::default();
    run(&disk, 1, 3, &mut promised).expect("an undisturbed run");
    (disk.power_cut(Cut::Prefix(usize::MAX)), promised)
}

/// The operations of an undisturbed run on that disk.
fn trace_of(disk: &SimulatedStorage, promised: &Promised) -> Vec<Operation> {
    let disk = disk.power_cut(Cut::Prefix(usize::MAX));
    let mut promised = Promised { ..*promised };
    run(&disk, 2, 4, &mut promised).expect("an undisturbed run");
    disk.operations()
}

fn cuts_of(disk: &SimulatedStorage, seed: u64) -> Vec<Cut> {
    let pending = disk.pending();
    let mut cuts: Vec<Cut> = (0..=pending).map(Cut::Prefix).collect();
    if pending <= 6 {
        cuts.extend((0..1 << pending).map(Cut::Chosen));
    }
    cuts.extend((0..12).map(|draw| Cut::Seeded(seed * 100 + draw)));
    cuts
}

#[test]
fn after_a_power_cut_at_any_operation_the_reported_checkpoint_is_there() {
    let (disk, promised) = prepared();
    let mut states = 0;
    for at in 0..trace_of(&disk, &promised).len() {
        let disk = disk.power_cut(Cut::Prefix(usize::MAX));
        disk.plan(&[Fault::power_loss(at)]);
        let mut promised = Promised { ..promised };
        assert!(run(&disk, 2, 4, &mut promised).is_err());
        for cut in cuts_of(&disk, at as u64) {
            let place = format!("power lost at {at}, {cut:?}");
            check_recovery(&disk.power_cut(cut), &promised, &place);
            states += 1;
        }
    }
    assert!(states > 1500, "{states} states");
}

#[test]
fn a_second_power_cut_during_recovery_does_no_harm() {
    let (disk, promised) = prepared();
    for at in (0..trace_of(&disk, &promised).len()).step_by(5) {
        let disk = disk.power_cut(Cut::Prefix(usize::MAX));
        disk.plan(&[Fault::power_loss(at)]);
        let mut promised = Promised { ..promised };
        assert!(run(&disk, 2, 4, &mut promised).is_err());
        for second in 0..24 {
            let disk = disk.power_cut(Cut::Seeded((at * 31 + second) as u64));
            disk.plan(&[Fault::power_loss(second)]);
            let mut promised = Promised { ..promised };
            assert!(run(&disk, 3, 4, &mut promised).is_err());
            let found = disk.power_cut(Cut::Seeded(second as u64));
            check_recovery(&found, &promised, &format!("power lost at {at} and again at {second}"));
        }
    }
}

#[test]
fn the_first_folder_of_a_job_survives_a_power_cut_at_any_operation() {
    let fresh = SimulatedStorage::new();
    run(&fresh, 1, 2, &mut Promised::default()).expect("an undisturbed run");
    for at in 0..fresh.operations().len() {
        let disk = SimulatedStorage::new();
        disk.plan(&[Fault::power_loss(at)]);
        let mut promised = Promised::default();
        assert!(run(&disk, 1, 2, &mut promised).is_err());
        for cut in cuts_of(&disk, at as u64) {
            check_recovery(&disk.power_cut(cut), &promised, &format!("at {at}, {cut:?}"));
        }
        let killed = disk.after_kill();
        run(&killed, 2, 1, &mut promised).expect("an undisturbed run");
        check_recovery(&killed.power_cut(Cut::Prefix(0)), &promised, &format!("killed at {at}"));
    }
}

#[test]
fn what_was_loaded_after_a_kill_is_still_there_after_a_power_cut() {
    let (disk, promised) = prepared();
    for at in 0..trace_of(&disk, &promised).len() {
        let disk = disk.power_cut(Cut::Prefix(usize::MAX));
        disk.plan(&[Fault::power_loss(at)]);
        assert!(run(&disk, 2, 4, &mut Promised { ..promised }).is_err());
        let disk = disk.after_kill();
        let (_, loaded) = start(&disk, 3).expect("a run starts");
        let sequence = loaded.newest.expect("there were three").id.sequence;
        let believed = Promised { sequence, is_poisoned: false };
        for cut in [Cut::Prefix(0), Cut::Seeded(at as u64)] {
            check_recovery(&disk.power_cut(cut), &believed, &format!("killed at {at}, {cut:?}"));
        }
    }
}

#[test]
fn after_any_fault_at_any_operation_the_next_run_goes_on() {
    let (disk, promised) = prepared();
    let effects = [
        Effect::Error(Errno::IO),
        Effect::Error(Errno::NOSPC),
        Effect::Error(Errno::DQUOT),
        Effect::Error(Errno::ROFS),
        Effect::Error(Errno::ACCESS),
        Effect::ErrorThoughDone(Errno::IO),
        Effect::ErrorThoughDone(Errno::NOSPC),
        Effect::SyncLost,
        Effect::Short(1),
        Effect::Interrupted,
    ];
    for at in 0..trace_of(&disk, &promised).len() {
        for (effect, lasting) in
            effects.iter().flat_map(|effect| [(*effect, Lasting::Once), (*effect, Lasting::Sticky)])
        {
            let disk = disk.power_cut(Cut::Prefix(usize::MAX));
            disk.plan(&[Fault { at, lasting, effect }]);
            let mut promised = Promised { ..promised };
            let ended = run(&disk, 2, 4, &mut promised);
            let place = format!("{effect:?} {lasting:?} at {at}");
            if matches!(effect, Effect::Short(_) | Effect::Interrupted) {
                assert!(ended.is_ok(), "{place}: {ended:?}");
            }
            for cut in [Cut::Prefix(0), Cut::Prefix(usize::MAX), Cut::Seeded(at as u64)] {
                check_recovery(&disk.power_cut(cut), &promised, &format!("{place}, {cut:?}"));
            }
        }
    }
}

/// The index of the nth operation of a kind in the trace.
fn nth(trace: &[Operation], call: Call, n: usize) -> usize {
    let indices = trace.iter().enumerate().filter(|(_, operation)| operation.call == call);
    indices.map(|(index, _)| index).nth(n).expect("the run has that many")
}

/// A run of one checkpoint with a fault at the nth operation of a kind counted from the save on.
fn save_with_fault(call: Call, n: usize, effect: Effect) -> (SimulatedStorage, Store, SaveError) {
    let traced = SimulatedStorage::new();
    let (mut store, _) = start(&traced, 5).expect("a run starts");
    let before = traced.operations().len();
    store.save(&samples::base(1)).map_err(SaveError::into_error).expect("saved");
    let at = before + nth(&traced.operations()[before..], call, n);

    let disk = SimulatedStorage::new();
    let (mut store, _) = start(&disk, 5).expect("a run starts");
    disk.plan(&[Fault { at, lasting: Lasting::Once, effect }]);
    let error = store.save(&samples::base(1)).expect_err("the fault strikes");
    (disk, store, error)
}

#[test]
fn a_checkpoint_costs_two_syncs_in_the_right_order() {
    let disk = SimulatedStorage::new();
    let (mut store, _) = start(&disk, 5).expect("a run starts");
    let before = disk.operations().len();
    let saved = store.save(&samples::base(1)).map_err(SaveError::into_error).expect("saved");
    store.retire(&saved, 1).expect("retired");
    let trace = &disk.operations()[before..];
    assert_eq!(trace.iter().filter(|operation| operation.call.is_sync()).count(), 2);
    let order = [Call::WriteAt, Call::SyncAll, Call::Rename, Call::SyncDirectory, Call::ReadAt];
    let indices = order.map(|call| nth(trace, call, 0));
    assert!(indices.is_sorted(), "{trace:?}");
    assert_eq!(trace[nth(trace, Call::SyncDirectory, 0)].path, Path::new(DIRECTORY));
}

#[test]
fn a_full_disk_leaves_the_folder_as_it_was_and_stops_the_run_early() {
    for (call, errno) in [
        (Call::Create, Errno::NOSPC),
        (Call::Reserve, Errno::NOSPC),
        (Call::WriteAt, Errno::DQUOT),
        (Call::WriteAt, Errno::FBIG),
    ] {
        let (disk, mut store, error) = save_with_fault(call, 0, Effect::Error(errno));
        assert!(matches!(error, SaveError::OutOfRoom(_)), "{error:?}");
        assert_eq!(error.into_error().kind, Kind::StoppedEarly);
        assert_eq!(disk.list(Path::new(DIRECTORY)).expect("names"), ["LOCK", "LOCK.info"]);
        assert!(store.save(&samples::base(2)).is_ok(), "there may be room later");
    }
}

/// A save whose syncs of temporary files fail as `effects` say, one after the other.
fn save_with_failing_syncs(effects: &[Effect]) -> (SimulatedStorage, Result<Saved, SaveError>) {
    let disk = SimulatedStorage::new();
    let (mut store, _) = start(&disk, 5).expect("a run starts");
    // The folder is looked at, the file made, reserved, written, synced; then it is removed, and
    // from making it on the same again.
    let first = disk.operations().len() + 4;
    let faults: Vec<Fault> = effects
        .iter()
        .enumerate()
        .map(|(attempt, effect)| Fault {
            at: first + 5 * attempt,
            lasting: Lasting::Once,
            effect: *effect,
        })
        .collect();
    disk.plan(&faults);
    let result = store.save(&samples::base(1));
    for fault in faults {
        assert_eq!(disk.operations()[fault.at].call, Call::SyncAll);
    }
    (disk, result)
}

#[test]
fn a_failed_sync_is_tried_once_more_with_another_file() {
    let (disk, result) = save_with_failing_syncs(&[Effect::SyncLost]);
    assert!(result.is_ok());
    let trace = disk.operations();
    let synced: Vec<_> = trace.iter().filter(|op| op.call == Call::SyncAll).collect();
    assert_eq!(synced.len(), 2);
    assert_ne!(synced[0].path, synced[1].path);
    let survived = disk.power_cut(Cut::Prefix(0));
    assert!(start(&survived, 6).expect("a run starts").1.newest.is_some());
}

#[test]
fn a_sync_that_fails_twice_ends_the_run() {
    let (_, result) = save_with_failing_syncs(&[Effect::SyncLost, Effect::SyncLost]);
    assert!(matches!(result, Err(SaveError::Poisoned(_))), "{result:?}");
    let full = Effect::Error(Errno::NOSPC);
    let (disk, result) = save_with_failing_syncs(&[full, full]);
    assert!(matches!(result, Err(SaveError::OutOfRoom(_))), "{result:?}");
    assert_eq!(disk.list(Path::new(DIRECTORY)).expect("names"), ["LOCK", "LOCK.info"]);
}

#[test]
fn a_name_that_is_taken_is_never_overwritten() {
    let disk = SimulatedStorage::new();
    let (mut store, _) = start(&disk, 5).expect("a run starts");
    let path = store.folder().path(Sequence(1));
    disk.put_file(&path, b"from nowhere");
    assert!(matches!(store.save(&samples::base(1)), Err(SaveError::Poisoned(_))));
    assert_eq!(disk.file(&path).as_deref(), Some(&b"from nowhere"[..]));
}

#[test]
fn nothing_is_changed_after_a_failure_that_leaves_things_uncertain() {
    for (call, effect) in [
        (Call::WriteAt, Effect::Error(Errno::IO)),
        (Call::Create, Effect::Error(Errno::ROFS)),
        (Call::Rename, Effect::Error(Errno::NOSPC)),
        (Call::Rename, Effect::ErrorThoughDone(Errno::IO)),
        (Call::SyncDirectory, Effect::SyncLost),
        (Call::SyncDirectory, Effect::ErrorThoughDone(Errno::IO)),
        (Call::ReadAt, Effect::Error(Errno::IO)),
    ] {
        let (disk, mut store, error) = save_with_fault(call, 0, effect);
        assert!(matches!(error, SaveError::Poisoned(_)), "{call:?} {effect:?}: {error:?}");
        let before = disk.operations().len();
        assert!(matches!(store.save(&samples::base(2)), Err(SaveError::Poisoned(_))));
        assert!(store.sweep().is_err());
        assert!(store.remove_all(FreshStart::asked_for_by_user()).is_err());
        assert_eq!(disk.operations().len(), before, "{call:?} {effect:?}");
    }
}

#[test]
fn a_failure_that_left_everything_as_it_was_may_be_tried_again() {
    let (_, mut store, error) = save_with_fault(Call::Create, 0, Effect::Error(Errno::MFILE));
    assert!(matches!(error, SaveError::Failed(_)));
    let saved = store.save(&samples::base(2)).map_err(SaveError::into_error).expect("saved");
    assert_eq!(saved.id.sequence, Sequence(2), "a number is used up by an attempt");
}

#[test]
fn the_folder_is_looked_at_before_each_save() {
    let disk = SimulatedStorage::new();
    let (mut store, _) = start(&disk, 5).expect("a run starts");
    disk.set_access(DIRECTORY, 0o777, true);
    let error = store.save(&samples::base(1)).expect_err("refused").into_error();
    assert_eq!(error.kind, Kind::Failed);
    assert!(open(&disk, 1).is_err());
}
