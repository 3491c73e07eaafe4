//! Going back to an older checkpoint.
//!
//! Nothing is cut here: a new checkpoint is saved that restates the old one, and the next run goes on from it, and cuts
//! the outputs, as it would after any stop. Steps, and what a crash after each leaves behind:
//! 1. look: the old checkpoint is whole, and what it had written is still there. (Nothing was changed.)
//! 2. what it had written is brought into the staged files, where only what was published holds it ([`super::staging`]).
//!    (The job goes on from the newest checkpoint, as if nothing had been done: its bytes are not touched, what stands
//!    behind them is cut by the next run. What was published stays until the job publishes again.)
//! 3. look: job and inputs fit, a run would go on from there. (The same; a refusal removes the files that were made.)
//! 4. the new checkpoint is saved. (From here on the job goes on from there.)
//! 5. the checkpoints in between are deleted: they are of a course that was given up. Savepoints stay.
//! 6. copies follow (`given_up.rs`).
//!
//! An incremental job can go back within a round that is under way: until it publishes, what earlier rounds published is
//! as they left it.

use super::decision::{Decision, decide};
use super::given_up::Followers;
use super::look::folder;
use super::output::known;
use super::owner::check_owner;
use super::partitions::earlier_of;
use super::prefix::prefixes;
use super::staging::{needed, stage_published};
use super::survey::survey;
use super::world::{ChangeMode, RunOptions, World};
use crate::checkpoint::{
    EarlierOutput, Folder, Invalid, Loaded, Manifest, Needs, Phase, Removal, Selector, Sequence,
    Standing, Store, Trigger, Whole,
};
use crate::error::{Error, Result};
use crate::job::Job;
use crate::sink::{self, Mark};
use std::collections::BTreeMap;

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
    let newest = loaded.newest.as_ref();
    if let Some(newest) = newest {
        check_round(newest.id.sequence, &newest.manifest, Some(&newest.manifest))?;
    }
    let target = match selector {
        Some(selector) => store.folder().select(selector)?,
        None => before_newest(store.folder(), &loaded)?,
    };
    let whole = unfinished(store.folder(), target)?;
    check_round(target, &whole.restored.manifest, newest.map(|newest| &newest.manifest))?;
    let round = whole.restored.manifest.round.as_ref().map(|round| round.number);
    // Where its outputs are.
    let placed = round.map_or_else(|| job.clone(), |round| job.of_round(round));
    let records = whole.restored.manifest.counters.records_read;
    if newest.is_some_and(|newest| newest.id.sequence == target) {
        return Ok(RolledBack { target, sequence: target, records, dropped: Vec::new() });
    }
    let mut followers = Followers::open(job, options.trust(), world, &loaded)?;
    followers.stay_below(&mut store);
    let manifest = restated(&placed, world, &store, &whole, newest.map(|newest| &newest.manifest))?;
    let found = prefixes(&placed, world, &manifest, &whole.restored.states)?;
    let needed = needed(&placed, world, newest)?;
    let made = stage_published(world, &manifest, &found, &needed)?;
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

/// What an incremental job has published belongs to all its rounds, and cannot be taken apart: one can go back only within
/// a round that has not published yet.
fn check_round(sequence: Sequence, manifest: &Manifest, newest: Option<&Manifest>) -> Result<()> {
    let Some(round) = manifest.round.as_ref().map(|round| round.number) else { return Ok(()) };
    let under_way = newest.filter(|newest| is_under_way(newest));
    let current = newest.and_then(|newest| newest.round.as_ref()).map(|round| round.number);
    let why = match current {
        Some(current) if current == round && under_way.is_some() => return Ok(()),
        Some(current) if current == round => {
            format!("round {round} publishes its outputs, or has published them")
        }
        Some(current) => {
            format!("checkpoint {sequence} is of round {round}, and round {current} has begun")
        }
        None => "no checkpoint is usable that would say which round the job is in".to_owned(),
    };
    let message = format!(
        "cannot go back to checkpoint {sequence}: {why}, and rounds build on what those before them published"
    );
    Err(Error::failed(message).with_hint(
        "go back while a round is under way; to do all rounds again, start over with `onward run JOB --fresh`",
    ))
}

/// A checkpoint that can be taken to another place: something can go on from it, or it is of a round, behind which others
/// come.
pub fn usable(folder: &Folder, sequence: Sequence) -> Result<Whole> {
    let whole = readable(folder, sequence)?;
    match whole.restored.manifest.round {
        Some(_) => Ok(whole),
        None => not_over(sequence, whole),
    }
}

/// Whether there is something left to write.
pub fn is_under_way(manifest: &Manifest) -> bool {
    matches!(manifest.phase, Phase::Reading | Phase::Draining)
}

/// A checkpoint that something can go on from.
fn unfinished(folder: &Folder, sequence: Sequence) -> Result<Whole> {
    not_over(sequence, readable(folder, sequence)?)
}

fn not_over(sequence: Sequence, whole: Whole) -> Result<Whole> {
    if is_under_way(&whole.restored.manifest) {
        return Ok(whole);
    }
    let message = format!(
        "checkpoint {sequence} was taken when all was written: there is nothing to go on from"
    );
    Err(Error::failed(message)
        .with_hint("name an older one, or a savepoint; see `onward checkpoint list`"))
}

/// The newest usable checkpoint that is older than the one that a run would go on from.
fn before_newest(folder: &Folder, loaded: &Loaded) -> Result<Sequence> {
    let newest = loaded.newest.as_ref().map(|newest| newest.id.sequence);
    let manifest = loaded.newest.as_ref().map(|newest| &newest.manifest);
    for sequence in folder.checkpoints()?.into_iter().rev() {
        let is_older = newest.is_none_or(|newest| sequence < newest);
        let fits = |whole: Whole| check_round(sequence, &whole.restored.manifest, manifest);
        if is_older && unfinished(folder, sequence).and_then(fits).is_ok() {
            return Ok(sequence);
        }
    }
    let message = "there is no older checkpoint that one could go back to";
    Err(Error::failed(message).with_hint("see `onward checkpoint list`"))
}

/// What the new checkpoint says: the same as the old one, but that what the job has published since is its own, and may
/// be replaced. The newest one knows what that is: it published it, or is itself of a job that was rolled back.
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
    // Within a round nothing was published since.
    let Some(newest) = newest.filter(|_| manifest.round.is_none()) else { return Ok(manifest) };
    let mut published = earlier_of(&newest.earlier);
    let is_written = matches!(newest.phase, Phase::Publishing | Phase::Done);
    for entry in &newest.outputs {
        let written = Standing { length: entry.length, crc: entry.crc };
        let standings = is_written.then_some(written).into_iter().chain(entry.ours);
        published.entry(entry.name.clone()).or_default().extend(standings);
    }
    let mut replaced: BTreeMap<String, Standing> = BTreeMap::new();
    for (plan, entry) in known(job, &manifest.outputs)? {
        let Some(entry) = entry else { continue };
        for standing in published.remove(&entry.name).unwrap_or_default() {
            let Standing { length, crc } = standing;
            let mark = Mark { length, crc, tail: Vec::new() };
            if sink::is_published(&*world.storage, &plan.name(""), &mark)? {
                replaced.insert(entry.name.clone(), standing);
            }
        }
    }
    for entry in &mut manifest.outputs {
        if let Some(standing) = replaced.get(&entry.name) {
            entry.replaces = true;
            entry.ours = Some(*standing);
        }
    }
    for (name, standings) in published {
        for Standing { length, crc } in standings {
            let output = EarlierOutput { name: name.clone(), length, crc };
            if !manifest.earlier.contains(&output) {
                manifest.earlier.push(output);
            }
        }
    }
    Ok(manifest)
}

/// Whether a run would go on from what is going to be saved, or publish what a round has written. Changes of steps without
/// state are no matter here: the run will ask.
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
        Decision::Publish if manifest.round.is_some() => Ok(()),
        Decision::Refuse(error) => Err(error),
        Decision::Start | Decision::TakeNew | Decision::Publish | Decision::Finished => {
            Err(Error::internal("a checkpoint to go on from is none"))
        }
    }
}
