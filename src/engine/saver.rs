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

use super::outputs::Syncs;
use super::world::World;
use crate::checkpoint::{
    Checkpoint, CheckpointId, Folder, Form, Manifest, Phase, SaveError, Saved, Savepoint,
    SavepointName, Section, Store, Trigger,
};
use crate::error::{Error, Result};
use crate::observe::Event;
use crate::state::Writer;
use crate::storage::OpenMode;
use crate::transform::{Frozen, Written};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, SyncSender, TryRecvError, channel, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};
use std::time::Duration;

/// Hands checkpoints to the thread that saves them.
pub struct Saver<'scope> {
    requests: SyncSender<Request>,
    results: Receiver<Completed>,
    thread: ScopedJoinHandle<'scope, Store>,
    folder: Folder,
    is_busy: bool,
}

/// What a barrier was, with states that are not yet bytes.
#[derive(Debug)]
pub struct FrozenCheckpoint {
    /// The job, its inputs, its outputs.
    pub manifest: Manifest,
    /// The states of the steps, and whatever else a checkpoint holds.
    pub sections: Vec<FrozenSection>,
    /// The checkpoint that sections of changes build on; `None` where there are none.
    pub parent: Option<CheckpointId>,
}

/// A section that is not yet bytes.
#[derive(Debug)]
pub struct FrozenSection {
    /// See [`Section::name`].
    pub name: String,
    /// Whether it is everything or what changed since the parent.
    pub form: Form,
    /// See [`Section::version`].
    pub version: u32,
    /// What becomes its bytes.
    pub content: Box<dyn Frozen>,
}

/// A checkpoint to save and what must be durable before.
struct Request {
    checkpoint: FrozenCheckpoint,
    syncs: Syncs,
    /// What it shall be called.
    names: Vec<SavepointName>,
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

impl FrozenSection {
    /// A section whose bytes are known.
    pub fn of(section: Section) -> FrozenSection {
        let Section { name, form, version, bytes } = section;
        FrozenSection { name, form, version, content: Box::new(Written(bytes)) }
    }

    fn into_bytes(self) -> Section {
        let FrozenSection { name, form, version, content } = self;
        let mut out = Writer::default();
        content.write(&mut out);
        Section { name, form, version, bytes: out.bytes }
    }
}

impl FrozenCheckpoint {
    /// Makes bytes of the states; what it shared with them is free again.
    fn into_bytes(self) -> Checkpoint {
        let FrozenCheckpoint { manifest, sections, parent } = self;
        let sections = sections.into_iter().map(FrozenSection::into_bytes).collect();
        Checkpoint { manifest, sections, parent }
    }
}

impl<'scope> Saver<'scope> {
    /// Starts the thread; it owns the job's folder until [`Saver::finish`].
    pub fn start<'env>(
        scope: &'scope Scope<'scope, 'env>,
        world: World,
        store: Store,
        keep: usize,
    ) -> Self {
        let (requests, received) = sync_channel(1);
        let (sender, results) = channel();
        let folder = store.folder().clone();
        let thread = scope.spawn(move || serve(&world, store, keep, &received, &sender));
        Saver { requests, results, thread, folder, is_busy: false }
    }

    /// Whether a checkpoint is in flight.
    pub fn is_busy(&self) -> bool {
        self.is_busy
    }

    /// Hands over a checkpoint. None may be in flight.
    pub fn save(&mut self, checkpoint: FrozenCheckpoint, syncs: Syncs) -> Result<()> {
        debug_assert!(!self.is_busy, "one checkpoint at a time");
        // Whoever asked did so before this barrier. Of a job that is over there is nothing to go on from.
        let names = match checkpoint.manifest.phase {
            Phase::Reading | Phase::Draining => self.folder.requested_savepoints()?,
            Phase::Publishing | Phase::Done => Vec::new(),
        };
        self.requests.send(Request { checkpoint, syncs, names }).map_err(|_| gone())?;
        self.is_busy = true;
        Ok(())
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

    /// Waits for the checkpoint in flight.
    pub fn wait(&mut self) -> Result<Option<Completed>> {
        if !self.is_busy {
            return Ok(None);
        }
        self.is_busy = false;
        self.results.recv().map(Some).map_err(|_| gone())
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
    requests: &Receiver<Request>,
    results: &Sender<Completed>,
) -> Store {
    while let Ok(Request { checkpoint, syncs, names }) = requests.recv() {
        let started = world.clock.monotonic();
        let trigger = checkpoint.manifest.trigger;
        // A finished job keeps its last word only.
        let keep_now = if checkpoint.manifest.phase == Phase::Done { 1 } else { keep };
        let outcome = save(world, &mut store, checkpoint, &syncs).map(|saved| {
            name(world, &mut store, &saved, &names);
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
    checkpoint: FrozenCheckpoint,
    syncs: &Syncs,
) -> std::result::Result<Saved, SaveFailure> {
    let checkpoint = checkpoint.into_bytes();
    sync(world, syncs).map_err(|error| SaveFailure { error, may_go_on: false })?;
    let saved = store.save(&checkpoint).map_err(|failure| {
        let may_go_on = matches!(failure, SaveError::Failed(_));
        SaveFailure { error: failure.into_error(), may_go_on }
    })?;
    let progress = &world.progress;
    progress.checkpoints.fetch_add(1, Ordering::Relaxed);
    let now = u64::try_from(world.clock.monotonic().as_micros()).unwrap_or(u64::MAX);
    progress.last_checkpoint_micros.store(now, Ordering::Relaxed);
    let (sequence, bytes) = (saved.id.sequence.0, saved.bytes);
    let trigger = checkpoint.manifest.trigger.word();
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
    for (path, file) in &syncs.files {
        file.sync_data().map_err(|cause| Error::io("sync", path, cause))?;
    }
    for path in &syncs.closed {
        let file = world.storage.open(path, OpenMode::Modify);
        let file = file.map_err(|cause| Error::io("open", path, cause))?;
        file.sync_data().map_err(|cause| Error::io("sync", path, cause))?;
    }
    for folder in &syncs.folders {
        let syncing = |cause| Error::io("sync the folder", folder, cause);
        world.storage.sync_directory(folder).map_err(syncing)?;
    }
    Ok(())
}
