//! Going back to an older checkpoint.
//!
//! Nothing is cut here: a new checkpoint is saved that restates the old one, and the next run goes on from it, and cuts
//! the outputs, as it would after any stop. Steps, and what a crash after each leaves behind:
//! 1. look: the old checkpoint is whole, what it had written is still there, job and inputs fit. (Nothing was changed.)
//! 2. of outputs that were published already, staged files are made of what the checkpoint had written. (Files that the
//!    next rollback takes or replaces; what was published stays until the job publishes again.)
//! 3. the new checkpoint is saved. (From here on the job goes on from there.)
//! 4. the checkpoints in between are deleted: they are of a course that was given up. Savepoints stay.
//! 5. copies follow (`given_up.rs`).

use super::decision::{Decision, decide};
use super::given_up::Followers;
use super::look::folder;
use super::output::known;
use super::owner::check_owner;
use super::prefix::{Home, Prefix, prefixes, stage};
use super::survey::survey;
use super::world::{ChangeMode, RunOptions, World};
use crate::checkpoint::{
    EarlierOutput, Folder, Invalid, Loaded, Manifest, Needs, Phase, Removal, Selector, Sequence,
    Standing, Store, Trigger, Whole,
};
use crate::error::{Error, Result};
use crate::job::Job;
use crate::sink::{self, Mark};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// What going back came to.
#[derive(Debug, Clone)]
pub struct RolledBack {
    /// The checkpoint that was gone back to.
    pub target: Sequence,
    /// The one that restates it, from which the next run goes on; the target itself where that is the newest anyway.
    pub sequence: Sequence,
    /// Records of all inputs before it.
    pub records: u64,
    /// The checkpoints that were deleted.
    pub dropped: Vec<Sequence>,
}

/// Goes back to a checkpoint, or to the one before the newest.
///
/// # Errors
/// Where a run holds the lock, the checkpoint is not usable, or job, inputs or outputs do not fit it: then nothing was
/// changed.
pub fn rollback(
    job: &Job,
    command: &str,
    selector: Option<&Selector>,
    options: &RunOptions,
    world: &World,
) -> Result<RolledBack> {
    let missing =
        || Error::failed(format!("`{}` has no checkpoints: it was never started", job.name));
    let folder = folder(job, world, options.trust())?.ok_or_else(missing)?;
    let mut store = folder.lock(&world.holder, &mut |span| (world.pause)(span))?;
    let loaded = store.load()?;
    check_owner(job, store.folder(), loaded.newest.as_ref().map(|newest| &newest.manifest))?;
    let target = match selector {
        Some(selector) => store.folder().select(selector)?,
        None => before_newest(store.folder(), &loaded)?,
    };
    let whole = usable(store.folder(), target)?;
    let newest = loaded.newest.as_ref();
    let records = whole.restored.manifest.counters.records_read;
    if newest.is_some_and(|newest| newest.id.sequence == target) {
        return Ok(RolledBack { target, sequence: target, records, dropped: Vec::new() });
    }
    let mut followers = Followers::open(job, options.trust(), world, &loaded)?;
    followers.stay_below(&mut store);
    let newest = newest.map(|newest| &newest.manifest);
    let manifest = restated(job, world, &store, &whole, newest)?;
    let found = prefixes(job, world, &manifest, &whole.restored.states)?;
    let made = stage_published(world, &manifest, &found)?;
    if let Err(error) = check_fit(job, command, options, world, &whole, &manifest) {
        made.iter().for_each(|path| drop(world.storage.remove(path)));
        return Err(error);
    }
    let needs = Needs::of(&manifest);
    let saved = store.restate(&whole, manifest)?;
    let dropped = store.abandon(target, &saved, Removal::asked_for_by_user())?;
    followers.roll_back(&store, target, &saved, &needs);
    Ok(RolledBack { target, sequence: saved.id.sequence, records, dropped })
}

/// A checkpoint that is whole, with all that it needs.
pub fn readable(folder: &Folder, sequence: Sequence) -> Result<Whole> {
    folder.whole(sequence)?.map_err(|invalid: Invalid| {
        let message = format!("checkpoint {sequence} is not usable: {invalid}");
        Error::refused(message).with_hint("see `onward checkpoint list`")
    })
}

/// What an incremental job has published belongs to all its rounds, and cannot be taken apart.
pub fn check_mode(sequence: Sequence, manifest: &Manifest) -> Result<()> {
    if manifest.round.is_none() {
        return Ok(());
    }
    let message = format!(
        "checkpoint {sequence} is of a job with `mode = \"incremental\"`, whose rounds build on one another"
    );
    Err(Error::failed(message).with_hint("that is only for jobs whose inputs are fixed"))
}

/// A checkpoint that something can go on from.
pub fn usable(folder: &Folder, sequence: Sequence) -> Result<Whole> {
    let whole = readable(folder, sequence)?;
    check_mode(sequence, &whole.restored.manifest)?;
    match whole.restored.manifest.phase {
        Phase::Reading | Phase::Draining => Ok(whole),
        Phase::Publishing | Phase::Done => {
            let message = format!(
                "checkpoint {sequence} was taken when all was written: there is nothing to go on from"
            );
            Err(Error::failed(message)
                .with_hint("name an older one, or a savepoint; see `onward checkpoint list`"))
        }
    }
}

/// The newest usable checkpoint that is older than the one that a run would go on from.
fn before_newest(folder: &Folder, loaded: &Loaded) -> Result<Sequence> {
    let newest = loaded.newest.as_ref().map(|newest| newest.id.sequence);
    for sequence in folder.checkpoints()?.into_iter().rev() {
        if newest.is_none_or(|newest| sequence < newest) && usable(folder, sequence).is_ok() {
            return Ok(sequence);
        }
    }
    let message = "there is no older checkpoint that one could go back to";
    Err(Error::failed(message).with_hint("see `onward checkpoint list`"))
}

/// What the new checkpoint says: the same as the old one, but that what the job has published since is its own, and may
/// be replaced.
fn restated(
    job: &Job,
    world: &World,
    store: &Store,
    whole: &Whole,
    newest: Option<&Manifest>,
) -> Result<Manifest> {
    let mut manifest = whole.head().checkpoint.manifest.clone();
    manifest.trigger = Trigger::Rollback;
    manifest.taken_at_micros = world.clock.wall_micros();
    manifest.spills_made = manifest.spills_made.max(store.spill_number_max());
    let Some(newest) = newest else { return Ok(manifest) };
    if !matches!(newest.phase, Phase::Publishing | Phase::Done) {
        return Ok(manifest);
    }
    for (plan, published) in known(job, &newest.outputs)? {
        let Some(published) = published else { continue };
        let (length, crc) = (published.length, published.crc);
        let mark = Mark { length, crc, tail: Vec::new() };
        if !sink::is_published(&*world.storage, &plan.name(""), &mark)? {
            continue;
        }
        match manifest.outputs.iter_mut().find(|entry| entry.name == plan.role) {
            Some(entry) => {
                entry.replaces = true;
                entry.ours = Some(Standing { length, crc });
            }
            None => manifest.earlier.push(EarlierOutput { name: plan.role, length, crc }),
        }
    }
    Ok(manifest)
}

/// Makes staged files of what was published; returns them.
fn stage_published(world: &World, manifest: &Manifest, found: &[Prefix]) -> Result<Vec<PathBuf>> {
    let mut made: Vec<PathBuf> = Vec::new();
    let mut folders: BTreeSet<PathBuf> = BTreeSet::new();
    let staged = found.iter().try_for_each(|prefix| {
        let Home::Published(bytes) = &prefix.home else { return Ok(()) };
        let name = prefix.plan.name(&manifest.instance.to_string());
        // What an earlier attempt left; the checkpoint's bytes are not in it.
        sink::discard(&*world.storage, &name)?;
        stage(world, bytes, &prefix.mark, &name.staged)?;
        made.push(name.staged);
        folders.insert(name.folder);
        Ok(())
    });
    let synced = staged.and_then(|()| {
        folders.iter().try_for_each(|folder| {
            let syncing = |cause| Error::io("sync the folder", folder, cause);
            world.storage.sync_directory(folder).map_err(syncing)
        })
    });
    match synced {
        Ok(()) => Ok(made),
        Err(error) => {
            made.iter().for_each(|path| drop(world.storage.remove(path)));
            Err(error)
        }
    }
}

/// Whether a run would go on from what is going to be saved. Changes of steps without state are no matter here: the run
/// will ask.
pub fn check_fit(
    job: &Job,
    command: &str,
    options: &RunOptions,
    world: &World,
    whole: &Whole,
    manifest: &Manifest,
) -> Result<()> {
    let restored =
        crate::checkpoint::Restored { manifest: manifest.clone(), ..whole.restored.clone() };
    let sequence_max = restored.id.sequence;
    let loaded = Loaded { newest: Some(restored), refused: Vec::new(), sequence_max };
    let options = RunOptions { changes: ChangeMode::Accept, ..*options };
    let mut survey = survey(job, command, &options, world, loaded, 1)?;
    match decide(&mut survey.facts) {
        Decision::Resume => Ok(()),
        Decision::Refuse(error) => Err(error),
        Decision::Start | Decision::TakeNew | Decision::Publish | Decision::Finished => {
            Err(Error::internal("a checkpoint to go on from is none"))
        }
    }
}
