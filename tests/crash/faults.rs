//! Every operation of every story fails in every way, once and from then on; the same command then goes on, after a kill and
//! after a power cut, and ends with the same bytes.

use super::invariants::{From, check_growth, check_poison};
use super::power::{Recovered, for_each};
use super::rules::{Outputs, check_ended, check_operations};
use super::stories::{Ran, Story, is_quick, stories};
use onward::engine::Outcome;
use onward::error::Kind;
use onward::storage::simulated::{
    Call, Cut, Effect, Errno, Fault, Lasting, Operation, SimulatedStorage,
};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The story whose disk has no room anyway is about that alone.
const FULL: &str = "full disk";

const EFFECTS: [Effect; 13] = [
    Effect::Error(Errno::IO),
    Effect::Error(Errno::NOSPC),
    Effect::Error(Errno::DQUOT),
    Effect::Error(Errno::FBIG),
    Effect::Error(Errno::ROFS),
    Effect::Error(Errno::ACCESS),
    Effect::Error(Errno::STALE),
    Effect::ErrorThoughDone(Errno::IO),
    Effect::ErrorThoughDone(Errno::NOSPC),
    Effect::SyncLost,
    Effect::Short(1),
    Effect::Interrupted,
    Effect::OtherBytes,
];

/// Whether a call can fail like this.
fn can_strike(operation: &Operation, effect: Effect) -> bool {
    let call = operation.call;
    let is_checkpoint = operation.path.extension().is_some_and(|extension| extension == "onw");
    let takes_room = matches!(
        call,
        Call::Create
            | Call::MakeDirectory
            | Call::WriteAt
            | Call::SetLength
            | Call::Reserve
            | Call::Rename
            | Call::Lock
    );
    match effect {
        Effect::Error(Errno::NOSPC | Errno::DQUOT) => takes_room || call.is_sync(),
        Effect::Error(Errno::FBIG) => {
            matches!(call, Call::WriteAt | Call::SetLength | Call::Reserve)
        }
        Effect::Error(Errno::ROFS) => takes_room || call == Call::Remove,
        Effect::Error(Errno::ACCESS) => {
            let is_of_file = matches!(
                call,
                Call::ReadAt | Call::WriteAt | Call::SetLength | Call::Reserve | Call::FileMetadata
            );
            !is_of_file && !call.is_sync()
        }
        Effect::ErrorThoughDone(_) => !call.only_looks() || call.is_sync(),
        Effect::SyncLost => call.is_sync(),
        Effect::Short(_) => matches!(call, Call::ReadAt | Call::WriteAt),
        Effect::OtherBytes => call == Call::ReadAt && is_checkpoint,
        Effect::Error(_) | Effect::Interrupted => true,
        Effect::PowerLoss => false,
    }
}

/// What is known of a story before it is struck.
struct Struck {
    story: Story,
    outputs: Outputs,
    before: SimulatedStorage,
    operations: Vec<Operation>,
    recovered: Recovered,
}

/// What was done.
#[derive(Default)]
struct Counts {
    faults: AtomicUsize,
    finished: AtomicUsize,
    stopped_early: AtomicUsize,
    failed: AtomicUsize,
    /// Failures that leave unknown whether something is durable, after which nothing was changed.
    poisoned: AtomicUsize,
    /// How many pieces of outputs and spills were written after one of them, at most.
    appends_max: AtomicUsize,
    /// Steps from one whole checkpoint of a disk to the next, along which everything grew.
    steps: AtomicUsize,
}

const SEED: u64 = 3;

impl Struck {
    fn new(story: Story) -> Struck {
        let before = story.disk();
        let outputs = Outputs::of(&story, &before);
        let disk = before.after_kill();
        let operations = story.run(&disk, SEED).operations;
        Struck { story, outputs, before, operations, recovered: Recovered::default() }
    }

    fn strike(&self, fault: Fault, counts: &Counts) {
        let Fault { at, lasting, effect } = fault;
        let disk = self.before.after_kill();
        disk.plan(&[fault]);
        let ran = self.story.run(&disk, SEED);
        let struck = &self.operations[at];
        let place =
            format!("{effect:?} {lasting:?} at {at}, {:?} {}", struck.call, struck.path.display());
        counts.faults.fetch_add(1, Ordering::Relaxed);
        check_operations(&self.story, &ran, &place);
        if let Some(appends) = check_poison(&self.story, &ran, &place) {
            counts.poisoned.fetch_add(1, Ordering::Relaxed);
            counts.appends_max.fetch_max(appends, Ordering::Relaxed);
        }
        let counter = match &ran.outcome {
            Ok(_) => &counts.finished,
            Err((Kind::StoppedEarly, _)) => &counts.stopped_early,
            Err(_) => &counts.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        self.check_kind(effect, &ran, &place);
        let announced = ran.announced.last().map_or(0, |(_, sequence)| *sequence);
        let cuts = [Cut::Prefix(0), Cut::Seeded(at as u64), Cut::Prefix(usize::MAX)];
        let found = cuts.map(|cut| (disk.power_cut(cut), format!("{place}, {cut:?}")));
        let killed = (disk.after_kill(), format!("{place}, killed"));
        let from = if effect == Effect::OtherBytes { From::Older } else { From::Newest };
        for (disk, place) in found.into_iter().chain([killed]) {
            let resumed = self.recovered.or_recover(&disk, || {
                let steps = check_growth(&self.story, &disk, from, &|| place.clone());
                counts.steps.fetch_add(steps, Ordering::Relaxed);
                self.outputs.check_names(&self.story, &disk, &place);
                let again = self.story.run_again(&disk, 98);
                check_ended(&self.story, &self.outputs, &disk, &again, &place)
            });
            // Who could not read the newest checkpoint of a finished round may have gone on with the one before, and only
            // have finished that round again: the next run begins a round, and goes on from nothing.
            let begins_a_round = effect == Effect::OtherBytes
                && resumed == 0
                && self.story.workload.job.contains("incremental");
            assert!(
                resumed >= announced || begins_a_round,
                "{}, {place}: {announced} announced, {resumed} found",
                self.story.name
            );
        }
    }

    /// How a run ends when something fails.
    fn check_kind(&self, effect: Effect, ran: &Ran, place: &str) {
        let name = self.story.name;
        let is_finished =
            matches!(ran.outcome, Ok(Outcome::Finished(_) | Outcome::AlreadyFinished(_)));
        match (effect, &ran.outcome) {
            (Effect::Short(_) | Effect::Interrupted, outcome) => {
                assert!(is_finished, "{name}, {place}: {outcome:?}");
            }
            (_, Ok(_)) => assert!(is_finished, "{name}, {place}"),
            (_, Err((Kind::Internal, message))) => panic!("{name}, {place}: internal: {message}"),
            (Effect::Error(Errno::NOSPC | Errno::DQUOT | Errno::FBIG), Err((kind, message))) => {
                assert_eq!(*kind, Kind::StoppedEarly, "{name}, {place}: {message}");
            }
            (Effect::ErrorThoughDone(Errno::NOSPC), Err(_)) => {}
            (_, Err((kind, message))) => {
                assert_ne!(*kind, Kind::StoppedEarly, "{name}, {place}: {message}");
            }
        }
    }
}

#[test]
fn after_any_fault_of_any_operation_the_same_command_ends_with_the_same_bytes() {
    let all = stories().into_iter().filter(|story| story.name != FULL);
    let struck: Vec<Struck> = all.map(Struck::new).collect();
    let mut faults = Vec::new();
    for (place, one) in struck.iter().enumerate() {
        for (at, operation) in one.operations.iter().enumerate() {
            for effect in EFFECTS.into_iter().filter(|effect| can_strike(operation, *effect)) {
                // Other bytes from then on would be other inputs, too.
                let lastings = match effect {
                    Effect::OtherBytes => &[Lasting::Once][..],
                    _ => &[Lasting::Once, Lasting::Sticky],
                };
                for lasting in lastings.iter().copied() {
                    faults.push((place, Fault { at, lasting, effect }));
                }
            }
        }
    }
    let step = if is_quick() { 3 } else { 1 };
    let faults: Vec<(usize, Fault)> = faults.into_iter().step_by(step).collect();
    let counts = Counts::default();
    for_each(faults.len(), |index| {
        let (place, fault) = faults[index];
        struck[place].strike(fault, &counts);
    });
    let read = |count: &AtomicUsize| count.load(Ordering::Relaxed);
    crate::support::report::count(&format!(
        "faults: {} in {} stories: {} runs finished, {} stopped early, {} failed; all went on; after {} that leave \
         unknown what is durable nothing was changed, and at most {} pieces were appended",
        read(&counts.faults),
        struck.len(),
        read(&counts.finished),
        read(&counts.stopped_early),
        read(&counts.failed),
        read(&counts.poisoned),
        read(&counts.appends_max),
    ));
    if !is_quick() {
        assert!(read(&counts.faults) >= 40_000);
        assert!(read(&counts.poisoned) >= 5000 && read(&counts.steps) >= 1000);
        assert!(read(&counts.stopped_early) >= 1000 && read(&counts.failed) >= 5000);
    }
}

/// What does not fit is told as such, and with room the job goes on.
#[test]
fn a_disk_of_any_size_stops_the_run_early_and_with_room_it_goes_on() {
    let all: Vec<Struck> = stories().into_iter().map(Struck::new).collect();
    let (sizes, stops) = (AtomicUsize::new(0), AtomicUsize::new(0));
    for_each(all.len(), |index| {
        let one = &all[index];
        for extra in (0..).step_by(if is_quick() { 400 } else { 100 }) {
            let disk = one.before.after_kill();
            disk.set_capacity(disk.bytes() + extra);
            let ran = one.story.run(&disk, SEED);
            sizes.fetch_add(1, Ordering::Relaxed);
            let place = format!("{extra} bytes of room");
            if ran.outcome.is_ok() {
                break;
            }
            one.check_kind(Effect::Error(Errno::NOSPC), &ran, &place);
            stops.fetch_add(1, Ordering::Relaxed);
            disk.set_capacity(u64::MAX);
            let disk = disk.after_kill();
            let again = one.story.run_again(&disk, 98);
            check_ended(&one.story, &one.outputs, &disk, &again, &place);
        }
    });
    let (sizes, stops) = (sizes.into_inner(), stops.into_inner());
    crate::support::report::count(&format!("full disks: {sizes} sizes, {stops} of them too small"));
    assert!(is_quick() || stops > 1000);
}
