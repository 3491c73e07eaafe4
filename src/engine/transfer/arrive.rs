//! A checkpoint arrives at a job that was not started yet, which goes on from it as if it had begun there.
//!
//! Steps, and what a crash after each leaves behind:
//! 1. look: the job is not started, it is the same but for its paths, its inputs hold the same, its outputs are free.
//!    (Nothing.)
//! 2. the folder is made and locked, and the id of the new start is marked there; spills are copied into it. (A folder
//!    without checkpoints; the next run, or the next attempt, removes spills that no checkpoint needs.)
//! 3. staged files are made of what the outputs held, under that id. (Files that no checkpoint knows; the next run, or the
//!    next attempt, removes what is of an id that is marked and has no checkpoint.)
//! 4. once more, with these: would a run go on? (The same.)
//! 5. the checkpoints are saved, all or none. (The job goes on from there. Half of them are not usable: a run refuses them,
//!    and the next attempt replaces them.)
//! 6. the mark is removed. (Nothing.)
//!
//! Nothing is published here. A finished round arrives as one that is only to be published: the next run does that, as
//! after a crash before it, and the one after that takes what is new.

use super::inputs::{name, recognised};
use super::outputs::{Placed, Published, place, place_like, stage_all};
use super::{Cargo, rounds};
use crate::checkpoint::{
    ArrivalMark, Checkpoint, Decoded, Folder, Manifest, Phase, RunId, Sequence, SpillEntry, Store,
    Trigger,
};
use crate::engine::arrivals::sweep_arrivals;
use crate::engine::inputs::Inputs;
use crate::engine::look::folder;
use crate::engine::prefix::Bytes;
use crate::engine::rollback::{check_fit, is_under_way};
use crate::engine::world::{RunOptions, World};
use crate::error::{Error, Kind, Result};
use crate::job::Job;
use crate::job::diff::{ChangeClass, Stage, diff};
use crate::job::relocate::relocated;
use crate::storage::{OpenMode, read_full};
use std::path::{Path, PathBuf};

/// So many bytes are copied at a time.
const PORTION_BYTES: usize = 1 << 20;

/// How a checkpoint came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// By an exported file.
    Import,
    /// From another job.
    Fork,
}

/// What arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrived {
    /// The checkpoint that the job goes on from.
    pub sequence: Sequence,
    /// Records of all inputs before it.
    pub records: u64,
    /// Of an incremental job, the round that it is of.
    pub round: Option<u64>,
    /// Whether the next run has only to publish what that round wrote.
    pub is_written: bool,
}

/// Begins a job with a checkpoint of another one.
///
/// # Errors
/// Where the job was started already, or is not the same but for its paths, or an input or output does not fit: then
/// nothing is left behind but perhaps an empty folder for its checkpoints.
pub fn arrive(
    job: &Job,
    command: &str,
    options: &RunOptions,
    world: &World,
    cargo: &Cargo,
    arrival: Arrival,
) -> Result<Arrived> {
    if job.is_to_stdout() {
        let message = "a job that writes to `-` has no checkpoints";
        return Err(Error::usage(message).with_hint("name a file as its output"));
    }
    if let Some(folder) = folder(job, world, options.trust())? {
        check_not_started(job, &folder)?;
    }
    let instance = RunId::random(&*world.clock);
    let (manifest, outputs) = prepare(job, world, cargo, arrival, instance)?;
    let (storage, clock) = (world.storage.clone(), world.clock.clone());
    let folder = Folder::open(storage, clock, &job.checkpoint.directory, options.trust())?;
    let mut store = folder.lock(&world.holder, &mut |span| (world.pause)(span))?;
    store.sweep()?;
    store.sweep_half_adopted()?;
    check_not_started(job, store.folder())?;
    sweep_arrivals(job, world, &store, None)?;
    let round = manifest.round.as_ref().map(|round| round.number);
    let mark = ArrivalMark { instance, round: round.unwrap_or(1) };
    store.mark_arrival(mark)?;
    let mut made = Vec::new();
    let copied = copy_spills(world, &store, cargo, &mut made)
        .and_then(|()| check_spills(&store, &manifest))
        .and_then(|()| stage_all(world, &manifest, cargo, &outputs))
        .and_then(|()| check_fit(job, command, options, world, &cargo.whole, &manifest));
    let adopted = copied.map_err(told_here).and_then(|()| {
        let (records, is_written) = (manifest.counters.records_read, !is_under_way(&manifest));
        let sequence = store.adopt(links(cargo, manifest)?)?;
        Ok(Arrived { sequence, records, round, is_written })
    });
    // What stays the next run removes: the mark, and what is left then of a start without a checkpoint.
    let _left_for_the_next_run = match &adopted {
        Ok(_) => store.remove_arrival(mark),
        Err(_) => take_back(job, world, &store, &made),
    };
    adopted
}

/// Removes what was made for a checkpoint that is not there, unless it is there after all, or half of it.
fn take_back(job: &Job, world: &World, store: &Store, spills: &[PathBuf]) -> Result<()> {
    if !store.folder().checkpoints()?.is_empty() {
        return Ok(());
    }
    spills.iter().for_each(|path| drop(world.storage.remove(path)));
    sweep_arrivals(job, world, store, None)
}

fn check_not_started(job: &Job, folder: &Folder) -> Result<()> {
    // What an attempt left that was stopped is no start.
    if folder.checkpoints()? == folder.half_adopted()? {
        return Ok(());
    }
    let directory = folder.directory().display();
    let message = format!("`{}` was started already: `{directory}` has checkpoints", job.name);
    Err(Error::failed(message)
        .with_hint("give the job another name, or another `directory` in `[checkpoint]`"))
}

/// A refusal to go on, said of what arrives.
fn told_here(error: Error) -> Error {
    let message = &error.message;
    let why = message.strip_prefix("cannot resume: ");
    match (error.kind, why.or_else(|| message.strip_prefix("cannot go on: "))) {
        (Kind::Refused, Some(why)) => Error {
            message: format!("the checkpoint does not fit here: {why}"),
            hint: Some("inputs and lookup files must be here as they were, and the job the same but for its paths".to_owned()),
            ..error
        },
        _ => error,
    }
}

/// Step 1: what the checkpoint says at its new place, and where the outputs are.
fn prepare(
    job: &Job,
    world: &World,
    cargo: &Cargo,
    arrival: Arrival,
    instance: RunId,
) -> Result<(Manifest, Vec<Placed>)> {
    let old = &cargo.whole.restored.manifest;
    check_mode(job, old)?;
    let stored = relocated(&old.job, &job.effective);
    let changes = diff(&stored, &job.effective, Stage::Ended).changes;
    if let Some(change) = changes.iter().find(|one| one.class() == ChangeClass::Incompatible) {
        let (path, now, was) = (&change.path, &change.current, &change.stored);
        let message =
            format!("the checkpoint does not fit this job: `{path}` is `{now}` and was `{was}`");
        return Err(Error::refused(message).with_hint("paths may differ, and nothing else"));
    }
    let mut manifest = old.clone();
    let storage = &*world.storage;
    let (present, references) = match &old.round {
        Some(_) => {
            let sequence = cargo.whole.head().id.sequence;
            let mut present = rounds::relocate(job, storage, sequence, &mut manifest)?;
            let others = Inputs::none(job, storage)?;
            present.extend(others.known());
            (present, others.references)
        }
        None => {
            let paths = recognised(job, world, old)?;
            let inputs = Inputs::open(job, storage, &paths)?;
            for (input, path) in manifest.inputs.iter_mut().zip(&paths) {
                input.path = name(job, path);
            }
            (inputs.known(), inputs.references)
        }
    };
    let named = manifest.references.iter_mut().zip(&references);
    named.for_each(|(reference, now)| reference.path = now.entry().path);
    manifest.origins = old.starts();
    manifest.job_name.clone_from(&job.name);
    manifest.job = stored;
    manifest.instance = instance;
    manifest.earlier.clear();
    manifest.taken_at_micros = world.clock.wall_micros();
    manifest.trigger = match arrival {
        Arrival::Import => Trigger::Import,
        Arrival::Fork => Trigger::Fork,
    };
    if manifest.phase == Phase::Done {
        manifest.phase = Phase::Publishing;
    }
    let job = job.of_round(manifest.round.as_ref().map_or(1, |round| round.number));
    let published = match arrival {
        Arrival::Import => Published::IsOurs,
        Arrival::Fork => Published::IsOfAnother,
    };
    let outputs = place(&job, world, &present, cargo, published, &mut manifest)?;
    Ok((manifest, outputs))
}

/// A job goes on in rounds, or it does not.
fn check_mode(job: &Job, manifest: &Manifest) -> Result<()> {
    let (message, hint) = match (manifest.round.is_some(), job.is_incremental()) {
        (true, false) => (
            "the checkpoint is of a job with `mode = \"incremental\"`, and this job reads its inputs once",
            "put `mode = \"incremental\"` into its [source]",
        ),
        (false, true) => (
            "the checkpoint is of a job that reads its inputs once, and this one has `mode = \"incremental\"`",
            "take `mode` out of its [source]; to have a job take what is new, it must begin with that mode",
        ),
        (true, true) | (false, false) => return Ok(()),
    };
    Err(Error::refused(message).with_hint(hint))
}

/// Step 2.
fn copy_spills(world: &World, store: &Store, cargo: &Cargo, made: &mut Vec<PathBuf>) -> Result<()> {
    let directory = store.folder().directory();
    for (entry, bytes) in &cargo.spills {
        let path = directory.join(&entry.name);
        match world.storage.remove(&path) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io("remove", &path, cause));
            }
            _ => {}
        }
        made.push(path.clone());
        copy_file(world, bytes, entry, &path)?;
    }
    let syncing = |cause| Error::io("sync the folder", directory, cause);
    world.storage.sync_directory(directory).map_err(syncing)
}

fn copy_file(world: &World, from: &Bytes, entry: &SpillEntry, to: &Path) -> Result<()> {
    let file = world.storage.open(to, OpenMode::CreatePrivate);
    let file = file.map_err(|cause| Error::io("create", to, cause))?;
    let mut portion = vec![0; PORTION_BYTES];
    let mut place = 0;
    while place < entry.length {
        let wanted = usize::try_from(entry.length - place).unwrap_or(usize::MAX);
        let wanted = wanted.min(PORTION_BYTES);
        let count = read_full(&*from.file, &mut portion[..wanted], from.start + place);
        let count = count.map_err(|cause| Error::io("read", &from.path, cause))?;
        if count == 0 {
            let path = from.path.display();
            return Err(Error::failed(format!("`{path}` has become shorter"))
                .with_hint("export the checkpoint again, and import that"));
        }
        let written = file.write_at(&portion[..count], place);
        written.map_err(|cause| Error::io("write", to, cause))?;
        place += count as u64;
    }
    file.sync_all().map_err(|cause| Error::io("sync", to, cause))
}

fn check_spills(store: &Store, manifest: &Manifest) -> Result<()> {
    for entry in &manifest.spills {
        let opened = store.folder().open_spill(entry, &manifest.starts());
        let checked = opened.and_then(|opened| match opened {
            Ok(reader) => reader.check_all(),
            Err(invalid) => Ok(Err(invalid)),
        });
        let path = store.folder().directory().join(&entry.name);
        let checked = checked.map_err(|cause| Error::io("read", &path, cause))?;
        checked.map_err(|invalid| {
            Error::refused(format!("the checkpoint is not usable: {invalid}"))
                .with_hint("export it again where it is whole, or another one")
        })?;
    }
    Ok(())
}

/// The chain as it is saved here: all of it of the new start, the last one with what it says at this place. Of a round the
/// others say that, too, since one can go back to them.
fn links(cargo: &Cargo, manifest: Manifest) -> Result<Vec<Checkpoint>> {
    let of_here = |link: &Decoded| {
        let mut checkpoint = link.checkpoint.clone();
        let older = &mut checkpoint.manifest;
        older.instance = manifest.instance;
        // None of them was taken here.
        older.trigger = manifest.trigger;
        if manifest.round.is_some() {
            older.job_name.clone_from(&manifest.job_name);
            older.job.clone_from(&manifest.job);
            older.references.clone_from(&manifest.references);
            older.origins.clone_from(&manifest.origins);
            rounds::relocate_like(older, &manifest);
            place_like(older, &manifest, cargo)?;
        }
        Ok(checkpoint)
    };
    let links: Result<Vec<Checkpoint>> = cargo.whole.links.iter().map(of_here).collect();
    let mut links = links?;
    if let Some(head) = links.last_mut() {
        head.manifest = manifest;
    }
    Ok(links)
}
