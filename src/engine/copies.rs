//! Copies of checkpoints in further folders: on another disk, on a network mount.
//!
//! A checkpoint is copied after it was saved, by a thread of its own for each folder: a slow copy holds up neither the
//! barrier nor the next checkpoint. The latest one wins: those that come while a copy is under way are passed over but for
//! the last. A thread that hangs on a dead mount cannot be waited for, so these are the only ones that nobody joins unless
//! they have ended; they change nothing but their own folder.
//!
//! A copy belongs to a job like the job's own folder: it is locked while the job runs, and one that holds another job's
//! checkpoints is refused. A run takes the newest checkpoint that is valid in any of them, as long as it continues what
//! the job's own folder holds, or that holds nothing usable. Savepoints are copied with their names, which only
//! `onward checkpoint rm` takes away; a run whose own folder was lost takes them back.

use super::ordered::Beginning;
use super::world::{RunOptions, StartMode, World};
use crate::checkpoint::settings::RequireCopies;
use crate::checkpoint::{Folder, FreshStart, Loaded, Needs, RunId, Sequence, Store, Trust};
use crate::error::{Error, Kind, Result};
use crate::job::Job;
use crate::observe::Event;
use crate::storage::{FileKind, Storage};
use crate::threads::{self, Free};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long the end of a run waits for copies that it does not require.
/// Less than a signal gives the run for all.
const PATIENCE: Duration = Duration::from_secs(2);

/// The copies of a job's checkpoints.
pub struct Copies {
    copies: Vec<Copy>,
    require: RequireCopies,
}

/// One folder.
struct Copy {
    path: PathBuf,
    shared: Arc<Shared>,
    thread: Mutex<Option<Free>>,
}

struct Shared {
    slot: Mutex<Slot>,
    moved: Condvar,
}

/// What is to be copied next, and what came of the last one.
#[derive(Default)]
struct Slot {
    wanted: Option<Wanted>,
    is_busy: bool,
    is_over: bool,
    failed: Option<Error>,
    condition: Condition,
}

/// Told only when it changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Condition {
    #[default]
    Fine,
    Behind,
    Failing,
}

/// A checkpoint to be copied.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Its number.
    pub sequence: Sequence,
    /// What it needs.
    pub needs: Needs,
    /// How many checkpoints are kept.
    pub keep: usize,
    /// The job's own folder.
    pub own: Folder,
}

/// A folder of copies before the run begins.
pub struct Opened {
    path: PathBuf,
    /// `None` where it cannot be used now.
    store: Option<Store>,
}

/// Opens and locks the folders of copies. One that cannot be used is told, or an error where the job requires it; one that
/// another job uses is an error.
pub fn open(
    job: &Job,
    options: &RunOptions,
    world: &World,
    known: Option<RunId>,
) -> Result<Vec<Opened>> {
    let mut opened = Vec::new();
    for path in &job.checkpoint.copies {
        let store = match open_one(path, &job.name, options.trust(), world, known) {
            Ok(store) => Some(store),
            Err(error) => {
                let is_others = matches!(error.kind, Kind::Locked | Kind::Refused);
                if is_others || job.checkpoint.require_copies == RequireCopies::Yes {
                    return Err(error);
                }
                tell(world, format!("checkpoints are not copied to `{}`: {error}", path.display()));
                None
            }
        };
        opened.push(Opened { path: path.clone(), store });
    }
    Ok(opened)
}

/// Whether the folder that a folder of copies is in, or is to be made in, is there.
pub(super) fn check_above(storage: &dyn Storage, path: &Path) -> Result<()> {
    let above = path.parent().filter(|above| *above != Path::new(""));
    let Some(above) = above else { return Ok(()) };
    let shown = above.display();
    match storage.metadata(above).map(|found| found.kind) {
        Ok(FileKind::Directory) => Ok(()),
        // A mount may be reached by a link.
        Ok(FileKind::Link) if storage.list(above).is_ok() => Ok(()),
        Ok(FileKind::Link) => {
            Err(Error::failed(format!("`{shown}` is a link that leads to no folder")))
        }
        Ok(FileKind::File | FileKind::Other) => {
            Err(Error::failed(format!("`{shown}` is not a folder")))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(Error::failed(format!("the folder `{shown}` is not there")))
        }
        Err(cause) => Err(Error::io("look at", above, cause)),
    }
}

/// Opens and locks one of them.
pub fn open_one(
    path: &Path,
    job: &str,
    trust: Trust,
    world: &World,
    known: Option<RunId>,
) -> Result<Store> {
    let (storage, clock) = (world.storage.clone(), world.clock.clone());
    // Where a disk is not mounted the folder above is missing: it is not to be made on the wrong disk.
    check_above(&*storage, path)?;
    let as_failure = |error: Error| match error.kind {
        // It need not be a mistake of the job file: a disk may be gone.
        Kind::Usage => Error { kind: Kind::Failed, ..error },
        _ => error,
    };
    let folder = Folder::open(storage, clock, path, trust).map_err(as_failure)?;
    refuse_others(&folder, job, known)?;
    let locking = |error: Error| match error.kind {
        Kind::Locked => {
            let message = format!("`{}` is in use: {}", path.display(), error.message);
            Error { message, ..error }
        }
        _ => error,
    };
    let mut store = folder.lock(&world.holder, &mut |span| (world.pause)(span)).map_err(locking)?;
    store.sweep()?;
    store.trust_ends()?;
    Ok(store)
}

/// A folder is ours when its newest checkpoint is of a start of this job.
pub(super) fn refuse_others(folder: &Folder, job: &str, known: Option<RunId>) -> Result<()> {
    for (sequence, instance) in folder.intact()? {
        if known == Some(instance) {
            return Ok(());
        }
        let Ok(decoded) = folder.read(sequence)? else { continue };
        let owner = decoded.checkpoint.manifest.job_name;
        if owner == job {
            return Ok(());
        }
        let owner: String = owner.chars().filter(|c| !c.is_control()).take(100).collect();
        let path = folder.directory().display();
        let message = format!("`{path}` holds the checkpoints of another job, `{owner}`");
        return Err(Error::refused(message).with_hint("name another folder in `checkpoint.copies`"));
    }
    Ok(())
}

/// Brings the newest checkpoint of the copies into the job's own folder, where that has none as new; tells whether it did.
/// Numbers stay above those of all copies.
pub fn bring_newest(
    opened: &[Opened],
    own: &mut Store,
    loaded: &Loaded,
    start: StartMode,
    world: &World,
) -> Result<bool> {
    let mut candidates = Vec::new();
    for (index, copy) in opened.iter().enumerate() {
        let Some(store) = &copy.store else { continue };
        own.stay_above(store.sequence_max());
        if start == StartMode::Fresh {
            continue;
        }
        for (sequence, instance) in store.folder().intact()? {
            if continues(loaded, sequence, instance) {
                candidates.push((sequence, index));
            }
        }
    }
    candidates.sort_unstable_by(|left, right| right.cmp(left));
    let is_lost = loaded.newest.is_none() && loaded.refused.is_empty();
    for (sequence, index) in candidates {
        let Some(store) = &opened[index].store else { continue };
        let place = opened[index].path.display();
        let Ok(found) = store.folder().verify(sequence)? else {
            tell(world, format!("checkpoint {} in `{place}` is not usable", sequence.0));
            continue;
        };
        let refused: Vec<Sequence> = loaded.refused.iter().map(|one| one.sequence).collect();
        if is_lost {
            // Before anything else is there: a stop in between leaves names whose checkpoints are still to be taken back.
            expect_savepoints(opened, index, own, found.manifest.instance)?;
        }
        let needs = Needs::of(&found.manifest);
        if own.bring_back(store.folder(), sequence, &needs, &refused)?.is_some() {
            tell(world, format!("checkpoint {} is taken from its copy in `{place}`", sequence.0));
            return Ok(true);
        }
    }
    if is_lost && start == StartMode::Resume {
        refuse_to_forget(opened)?;
    }
    Ok(false)
}

/// The names of all savepoints that are to be taken back with a checkpoint: those beside it, then those of further copies
/// of the same start.
fn expect_savepoints(
    opened: &[Opened],
    beside: usize,
    own: &mut Store,
    instance: RunId,
) -> Result<()> {
    let first = opened.iter().skip(beside).take(1);
    let others = opened.iter().enumerate().filter(|(index, _)| *index != beside);
    for store in first.chain(others.map(|(_, copy)| copy)).filter_map(|copy| copy.store.as_ref()) {
        if store.folder().intact()?.iter().any(|(_, other)| *other == instance) {
            own.expect_savepoints(store.folder())?;
        }
    }
    Ok(())
}

/// Brings those savepoints back into the job's own folder of which it has no more than the name; tells whether files came,
/// even if not all of one. One that cannot be had now is told, and stays wanted.
pub fn bring_savepoints(opened: &[Opened], own: &mut Store, world: &World) -> Result<bool> {
    let mut has_brought = false;
    if opened.is_empty() {
        return Ok(has_brought);
    }
    for lost in own.folder().lost_savepoints()? {
        let mut is_told = false;
        for Opened { path, store } in opened {
            let (Some(store), place) = (store, path.display()) else { continue };
            let brought = own.bring_back_savepoint(store.folder(), &lost);
            has_brought |= !matches!(brought, Ok(false));
            is_told |= !matches!(brought, Ok(false));
            match brought {
                Ok(true) => {
                    tell(
                        world,
                        format!("savepoint `{}` is taken from its copy in `{place}`", lost.name),
                    );
                    break;
                }
                Ok(false) => {}
                Err(error) => tell(world, format!("not taken from its copy in `{place}`: {error}")),
            }
        }
        if !is_told {
            let (name, sequence) = (&lost.name, lost.sequence);
            let way_out = format!(
                "bring its copy back, or give it up with `onward checkpoint rm JOB {name}`"
            );
            tell(
                world,
                format!(
                    "savepoint `{name}`, checkpoint {sequence}, is lost, and no copy at hand has it: {way_out}"
                ),
            );
        }
    }
    Ok(has_brought)
}

/// Where the job's own folder is gone and there are copies, but none of use, the job does not start over by itself.
fn refuse_to_forget(opened: &[Opened]) -> Result<()> {
    for Opened { path, store } in opened {
        let Some(store) = store else { continue };
        if store.folder().list()?.is_empty() {
            continue;
        }
        let path = path.display();
        let message = format!(
            "cannot resume: the job's own folder holds no checkpoint, and none of the copies in `{path}` is usable"
        );
        let hint = "restore one of the files, or start over with `--fresh`";
        return Err(Error::refused(message).with_hint(hint));
    }
    Ok(())
}

/// Refuses to give up copies that hold a savepoint; to be asked before anything is given up.
pub fn check_no_savepoints(opened: &[Opened]) -> Result<()> {
    for Opened { path, store } in opened {
        let Some(store) = store else { continue };
        store.check_no_savepoints().map_err(|error| {
            let message = format!("{} in its copy in `{}`", error.message, path.display());
            let hint = "run the job without `--fresh`, which takes it back where the job's own folder was lost; or move the copy away";
            Error { message, ..error }.with_hint(hint)
        })?;
    }
    Ok(())
}

/// Gives up the copies of earlier starts.
pub fn give_up(opened: &mut [Opened]) -> Result<()> {
    for store in opened.iter_mut().filter_map(|copy| copy.store.as_mut()) {
        store.remove_all(FreshStart::asked_for_by_user())?;
    }
    Ok(())
}

/// Whether a copy is newer than what the job's own folder holds, and of the same start of the job.
fn continues(loaded: &Loaded, sequence: Sequence, instance: RunId) -> bool {
    loaded
        .newest
        .as_ref()
        .is_none_or(|newest| newest.id.sequence < sequence && newest.manifest.instance == instance)
}

/// What a run would find in the copies, for who only looks: the number of the newest checkpoint, and where it is.
pub fn newest_copy(
    job: &Job,
    world: &World,
    trust: Trust,
    loaded: &Loaded,
) -> Option<(Loaded, PathBuf)> {
    let mut best: Option<(Loaded, PathBuf)> = None;
    for path in &job.checkpoint.copies {
        let (storage, clock) = (world.storage.clone(), world.clock.clone());
        let Ok(Some(folder)) = Folder::open_existing(storage, clock, path, trust) else { continue };
        let newest = |loaded: &Loaded| loaded.newest.as_ref().map(|newest| newest.id.sequence);
        let known = loaded.newest.as_ref().map(|newest| newest.manifest.instance);
        if refuse_others(&folder, &job.name, known).is_err() {
            continue;
        }
        let Ok(found) = folder.peek() else { continue };
        let Some(one) = &found.newest else { continue };
        let is_better = best.as_ref().is_none_or(|(best, _)| newest(best) < newest(&found));
        if is_better && continues(loaded, one.id.sequence, one.manifest.instance) {
            best = Some((found, path.clone()));
        }
    }
    best
}

impl Copies {
    /// Starts the threads.
    pub fn start(
        opened: Vec<Opened>,
        job: &Job,
        options: &RunOptions,
        world: &World,
        beginning: &Beginning,
    ) -> Copies {
        let known = Some(beginning.identity.instance);
        let start = |Opened { path, store }| {
            let condition = if store.is_some() { Condition::Fine } else { Condition::Failing };
            let slot = Mutex::new(Slot { condition, ..Slot::default() });
            let shared = Arc::new(Shared { slot, moved: Condvar::new() });
            let worker = Worker {
                path: PathBuf::clone(&path),
                job: job.name.clone(),
                trust: options.trust(),
                known,
                world: world.clone(),
                store,
                savepoints_failed: None,
            };
            let theirs = Arc::clone(&shared);
            let thread = threads::spawn_free(move || worker.serve(&theirs));
            Copy { path, shared, thread: Mutex::new(Some(thread)) }
        };
        let require = job.checkpoint.require_copies;
        Copies { copies: opened.into_iter().map(start).collect(), require }
    }

    /// A checkpoint was saved.
    pub fn want(&self, wanted: &Wanted) {
        for copy in &self.copies {
            let mut slot = copy.shared.lock();
            slot.wanted = Some(wanted.clone());
            copy.shared.moved.notify_all();
        }
    }

    /// What failed of copies that the job requires.
    pub fn failure(&self) -> Option<Error> {
        if self.require == RequireCopies::No {
            return None;
        }
        self.copies.iter().find_map(|copy| copy.shared.lock().failed.take())
    }

    /// Waits until the last checkpoint is copied: as long as it takes where the job requires it, else for a while.
    pub fn finish(&self, world: &World) -> Result<()> {
        for Copy { path, shared, thread } in &self.copies {
            let mut slot = shared.lock();
            slot.is_over = true;
            shared.moved.notify_all();
            let is_under_way = |slot: &mut Slot| slot.is_busy || slot.wanted.is_some();
            drop(slot);
            let (slot, moved) = (&shared.slot, &shared.moved);
            let mut slot = match self.require {
                RequireCopies::Yes => threads::lock_when_not(slot, moved, is_under_way),
                RequireCopies::No => {
                    threads::lock_when_not_within(slot, moved, PATIENCE, is_under_way)
                }
            };
            if is_under_way(&mut slot) {
                tell(world, format!("the copy in `{}` stays behind", path.display()));
                continue;
            }
            let failed = slot.failed.take();
            drop(slot);
            let thread = thread.lock().unwrap_or_else(PoisonError::into_inner).take();
            let joined = thread.map_or(Ok(()), Free::join);
            joined.map_err(|_| Error::internal("copying checkpoints panicked"))?;
            if let (RequireCopies::Yes, Some(error)) = (self.require, failed) {
                return Err(error);
            }
        }
        Ok(())
    }
}

impl Drop for Copies {
    /// A run that failed waits for nobody; the threads end when they have nothing to do.
    fn drop(&mut self) {
        for copy in &self.copies {
            copy.shared.lock().is_over = true;
            copy.shared.moved.notify_all();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What copies into one folder.
struct Worker {
    path: PathBuf,
    job: String,
    trust: Trust,
    known: Option<RunId>,
    world: World,
    store: Option<Store>,
    /// What was told last of savepoints that cannot be copied.
    savepoints_failed: Option<String>,
}

impl Worker {
    fn serve(mut self, shared: &Shared) {
        loop {
            let has_nothing_to_do = |slot: &mut Slot| slot.wanted.is_none() && !slot.is_over;
            let mut slot = threads::lock_when_not(&shared.slot, &shared.moved, has_nothing_to_do);
            let Some(wanted) = slot.wanted.take() else { return };
            slot.is_busy = true;
            drop(slot);
            let copied = self.copy(&wanted);
            let mut slot = shared.lock();
            slot.is_busy = false;
            let condition = match &copied {
                Err(_) => Condition::Failing,
                Ok(()) if slot.wanted.is_some() => Condition::Behind,
                Ok(()) => Condition::Fine,
            };
            if condition != slot.condition {
                self.tell(condition, &wanted, copied.as_ref().err());
                slot.condition = condition;
            }
            slot.failed = copied.err();
            shared.moved.notify_all();
        }
    }

    fn copy(&mut self, wanted: &Wanted) -> Result<()> {
        let store = match self.store.take() {
            Some(store) => self.store.insert(store),
            None => {
                let store = open_one(&self.path, &self.job, self.trust, &self.world, self.known)?;
                self.store.insert(store)
            }
        };
        let copied = store.take_over(&wanted.own, wanted.sequence, &wanted.needs);
        // Nothing is known of savepoints where no checkpoint was copied.
        let mut followed = None;
        let retired = match copied {
            Ok(Some(saved)) => {
                let savepoints = store.follow_savepoints(&wanted.own);
                // Whatever became of savepoints: the checkpoint is copied, and those before it need not pile up. Files that
                // came before something failed are known then, so that the spills that they need stay.
                let known = if savepoints.is_err() { store.trust_ends() } else { Ok(()) };
                followed = Some(savepoints);
                known.and_then(|()| store.retire(&saved, wanted.keep)).map(drop)
            }
            // A newer one is there already, and comes next.
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        if retired.is_err() {
            // What is there is looked at again; the mount may be another one then.
            self.store = None;
        }
        if let Some(followed) = followed {
            self.tell_savepoints(followed.err());
        }
        retired
    }

    /// Told only when it changes.
    fn tell_savepoints(&mut self, failed: Option<Error>) {
        let failed = failed.map(|error| error.to_string());
        if failed == self.savepoints_failed {
            return;
        }
        if let Some(why) = &failed {
            tell(&self.world, format!("not copied to `{}`: {why}", self.path.display()));
        }
        self.savepoints_failed = failed;
    }

    fn tell(&self, condition: Condition, wanted: &Wanted, error: Option<&Error>) {
        let (place, sequence) = (self.path.display(), wanted.sequence.0);
        tell(
            &self.world,
            match (condition, error) {
                (Condition::Fine, _) => {
                    format!("checkpoint {sequence} is copied to `{place}` again")
                }
                (Condition::Behind, _) => {
                    format!(
                        "copies to `{place}` are slower than checkpoints: after {sequence} some are passed over"
                    )
                }
                (Condition::Failing, error) => {
                    let why = error.map_or_else(String::new, |error| format!(": {error}"));
                    format!("checkpoint {sequence} is not copied to `{place}`{why}")
                }
            },
        );
    }
}

fn tell(world: &World, note: String) {
    world.observer.event(Event::Note(note));
}
