//! Saves checkpoints in the background: one thread, at most one checkpoint in flight.
//!
//! The states come as they were at the barrier, shared with the run; making bytes of them is the first thing here.
//!
//! Order of a checkpoint, and what a crash after each step leaves:
//! 1. sync every output with new bytes, and the folder of a new output: the previous checkpoint counts, its output
//!    prefixes are untouched;
//! 2. [`Store::save`]: temporary file, sync, rename, sync of the folder: the previous checkpoint counts until the last of
//!    these returned, then the new one does;
//! 3. announce;
//! 4. make it a savepoint, where somebody asked for that;
//! 5. retention deletes older ones.
//!
//! So a durable checkpoint refers only to durable output bytes.

use super::copies::{Copies, Wanted};
use super::outputs::Syncs;
use super::world::World;
use crate::checkpoint::{
    CheckpointId, Content, Draft, DraftSection, Folder, Form, Needs, Phase, SaveError, Saved,
    Savepoint, SavepointName, Store, Trigger,
};
use crate::error::{Error, Result};
use crate::observe::Event;
use crate::state::Writer;
use crate::storage::OpenMode;
use crate::storage::mutants::{Mutant, is_on};
use crate::threads::{self, Scoped};
use crate::transform::{self, Snapshot};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{
    Receiver, RecvTimeoutError, Sender, SyncSender, TryRecvError, channel, sync_channel,
};
use std::thread::Scope;
use std::time::Duration;

/// Hands checkpoints to the thread that saves them.
pub struct Saver<'scope> {
    requests: SyncSender<Request>,
    results: Receiver<Completed>,
    thread: Scoped<'scope, Store>,
    folder: Folder,
    is_busy: bool,
    /// Of the checkpoint in flight: whether nobody wants it any more.
    given_up: Arc<AtomicBool>,
    copies: Arc<Copies>,
}

/// A state of a step as the content of a section.
#[derive(Debug)]
struct Frozen(Box<dyn transform::Frozen>);

impl Content for Frozen {
    fn write(self: Box<Self>, take: &mut dyn FnMut(&[u8])) {
        let mut out = Writer::into_sink(take);
        self.0.write(&mut out);
        out.finish();
    }
}

/// The section of a step's state.
pub fn section_of(name: String, version: u32, snapshot: Snapshot) -> DraftSection {
    let (form, frozen) = match snapshot {
        Snapshot::Whole(frozen) => (Form::Base, frozen),
        Snapshot::Changes(frozen) => (Form::Delta, frozen),
    };
    DraftSection { name, form, version, content: Box::new(Frozen(frozen)) }
}

/// A checkpoint to save and what must be durable before.
struct Request {
    checkpoint: Draft,
    syncs: Syncs,
    /// What it shall be called.
    names: Vec<SavepointName>,
    given_up: Arc<AtomicBool>,
}

/// What became of a checkpoint.
#[derive(Debug)]
pub struct Completed {
    /// Why it was taken.
    pub trigger: Trigger,
    /// How long the work took.
    pub busy: Duration,
    /// What was saved, or why nothing was.
    pub outcome: std::result::Result<SavedAs, SaveFailure>,
}

/// A saved checkpoint.
#[derive(Debug)]
pub struct SavedAs {
    /// Its number.
    pub sequence: u64,
    /// What the next one may build on: this one, or `None` where it should hold everything.
    pub parent_of_next: Option<CheckpointId>,
}

/// A checkpoint that was not saved.
#[derive(Debug)]
pub struct SaveFailure {
    /// What failed.
    pub error: Error,
    /// Whether a later checkpoint may still be saved.
    pub may_go_on: bool,
}

impl<'scope> Saver<'scope> {
    /// Starts the thread; it owns the job's folder until [`Saver::finish`].
    pub fn start<'env>(
        scope: &'scope Scope<'scope, 'env>,
        world: World,
        store: Store,
        keep: usize,
        copies: Arc<Copies>,
    ) -> Self {
        let (requests, received) = sync_channel(1);
        let (sender, results) = channel();
        let (folder, wanted) = (store.folder().clone(), Arc::clone(&copies));
        let thread =
            threads::spawn(scope, move || serve(&world, store, keep, &wanted, &received, &sender));
        let given_up = Arc::default();
        Saver { requests, results, thread, folder, is_busy: false, given_up, copies }
    }

    /// Whether a checkpoint is in flight.
    pub fn is_busy(&self) -> bool {
        self.is_busy
    }

    /// What somebody wants the next checkpoint to be called. Of a job that is over there is nothing to go on from.
    pub fn requested_savepoints(&self, phase: Phase) -> Result<Vec<SavepointName>> {
        match phase {
            Phase::Reading | Phase::Draining => self.folder.requested_savepoints(),
            Phase::Publishing | Phase::Done => Ok(Vec::new()),
        }
    }

    /// Hands over a checkpoint with its names. None may be in flight.
    pub fn save(
        &mut self,
        checkpoint: Draft,
        syncs: Syncs,
        names: Vec<SavepointName>,
    ) -> Result<()> {
        debug_assert!(!self.is_busy, "one checkpoint at a time");
        self.given_up = Arc::default();
        let given_up = Arc::clone(&self.given_up);
        let request = Request { checkpoint, syncs, names, given_up };
        threads::send(&self.requests, request).map_err(|_| gone())?;
        self.is_busy = true;
        Ok(())
    }

    /// The checkpoint in flight is not wanted any more: it fails, unless it has its name already. A sync that the thread is
    /// in the middle of is not cut short.
    pub fn give_up(&self) {
        self.given_up.store(true, Ordering::SeqCst);
    }

    /// What failed of copies that the job requires.
    pub fn copy_failure(&self) -> Option<Error> {
        self.copies.failure()
    }

    /// The result of a checkpoint that has been completed since it was last asked for.
    pub fn completed(&mut self) -> Result<Option<Completed>> {
        match self.results.try_recv() {
            Ok(completed) => {
                self.is_busy = false;
                Ok(Some(completed))
            }
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(gone()),
        }
    }

    /// Waits for the checkpoint in flight, but no longer than a time.
    pub fn wait_for(&mut self, time: Duration) -> Result<Option<Completed>> {
        if !self.is_busy {
            return Ok(None);
        }
        match threads::receive_within(&self.results, time) {
            Ok(completed) => {
                self.is_busy = false;
                Ok(Some(completed))
            }
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(gone()),
        }
    }

    /// Waits for the checkpoint in flight.
    pub fn wait(&mut self) -> Result<Option<Completed>> {
        if !self.is_busy {
            return Ok(None);
        }
        self.is_busy = false;
        threads::receive(&self.results).map(Some).map_err(|_| gone())
    }

    /// Ends the thread and gives the folder back.
    pub fn finish(self) -> Result<Store> {
        drop(self.requests);
        self.thread.join().map_err(|_| gone())
    }
}

/// A thread that ended without an answer has panicked: nothing is known about the checkpoint that it had.
fn gone() -> Error {
    Error::internal("saving checkpoints panicked")
}

fn serve(
    world: &World,
    mut store: Store,
    keep: usize,
    copies: &Copies,
    requests: &Receiver<Request>,
    results: &Sender<Completed>,
) -> Store {
    while let Ok(Request { checkpoint, syncs, names, given_up }) = threads::receive(requests) {
        let started = world.clock.monotonic();
        let trigger = checkpoint.manifest.trigger;
        // A finished job keeps its last word only.
        let keep_now = if checkpoint.manifest.phase == Phase::Done { 1 } else { keep };
        let needs = Needs::of(&checkpoint.manifest);
        let outcome = save(world, &mut store, checkpoint, &syncs, &given_up).map(|saved| {
            name(world, &mut store, &saved, &names);
            let (sequence, own) = (saved.id.sequence, store.folder().clone());
            copies.want(&Wanted { sequence, needs, keep: keep_now, own });
            retire(world, &mut store, &saved, keep_now);
            let parent_of_next = store.parent_of_next();
            SavedAs { sequence: saved.id.sequence.0, parent_of_next }
        });
        let busy = world.clock.monotonic().saturating_sub(started);
        if results.send(Completed { trigger, busy, outcome }).is_err() {
            break;
        }
    }
    store
}

fn save(
    world: &World,
    store: &mut Store,
    checkpoint: Draft,
    syncs: &Syncs,
    given_up: &AtomicBool,
) -> std::result::Result<Saved, SaveFailure> {
    let trigger = checkpoint.manifest.trigger.word();
    let sync_outputs =
        || sync(world, syncs).map_err(|error| SaveFailure { error, may_go_on: false });
    if !is_on(Mutant::OutputSyncedAfterCheckpoint) {
        sync_outputs()?;
    }
    let next = store.sequence_next();
    let is_wanted = || {
        if is_on(Mutant::AnnouncedEarly) {
            world.observer.event(Event::Saved { sequence: next.0, trigger, bytes: 0 });
        }
        !given_up.load(Ordering::SeqCst)
    };
    let saved = store.save_while(checkpoint, &is_wanted).map_err(|failure| {
        let may_go_on = matches!(failure, SaveError::Failed(_));
        SaveFailure { error: failure.into_error(), may_go_on }
    })?;
    if is_on(Mutant::OutputSyncedAfterCheckpoint) {
        sync_outputs()?;
    }
    let progress = &world.progress;
    progress.checkpoints.fetch_add(1, Ordering::Relaxed);
    let now = u64::try_from(world.clock.monotonic().as_micros()).unwrap_or(u64::MAX);
    progress.last_checkpoint_micros.store(now, Ordering::Relaxed);
    let (sequence, bytes) = (saved.id.sequence.0, saved.bytes);
    world.observer.event(Event::Saved { sequence, trigger, bytes });
    Ok(saved)
}

/// Makes a checkpoint the savepoints that were asked for. Who asked waits for the name, and is told where it does not
/// come: the run goes on without it.
fn name(world: &World, store: &mut Store, saved: &Saved, names: &[SavepointName]) {
    for name in names {
        let savepoint = Savepoint { sequence: saved.id.sequence, name: name.clone() };
        let named = store.name_savepoint(&savepoint);
        if let Err(problem) = named.and_then(|()| store.folder().withdraw_savepoint(name)) {
            let note =
                format!("checkpoint {} was not named `{name}`: {problem}", saved.id.sequence);
            world.observer.event(Event::Note(note));
        }
    }
}

/// What could not be deleted stays: it does no harm.
fn retire(world: &World, store: &mut Store, saved: &Saved, keep: usize) {
    if let Err(problem) = store.retire(saved, keep) {
        world.observer.event(Event::Note(problem.to_string()));
    }
}

/// A failed sync is never repeated: what the file holds is unknown from then on.
pub fn sync(world: &World, syncs: &Syncs) -> Result<()> {
    if is_on(Mutant::OutputNotSynced) {
        return Ok(());
    }
    for (path, file) in &syncs.files {
        let mut synced = file.sync_data();
        if is_on(Mutant::SyncRetried) {
            synced = synced.or_else(|_| file.sync_data());
        }
        synced.map_err(|cause| Error::io("sync", path, cause))?;
    }
    for path in &syncs.closed {
        let file = world.storage.open(path, OpenMode::Modify);
        let file = file.map_err(|cause| Error::io("open", path, cause))?;
        file.sync_data().map_err(|cause| Error::io("sync", path, cause))?;
    }
    for folder in &syncs.folders {
        if is_on(Mutant::OutputFolderNotSynced) {
            break;
        }
        let syncing = |cause| Error::io("sync the folder", folder, cause);
        world.storage.sync_directory(folder).map_err(syncing)?;
    }
    Ok(())
}
