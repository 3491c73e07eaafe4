//! A checkpoint arrives at a job that was not started yet, which goes on from it as if it had begun there.
//!
//! Steps, and what a crash after each leaves behind:
//! 1. look: the job is not started, it is the same but for its paths, its inputs hold the same, its outputs are free.
//!    (Nothing.)
//! 2. the folder is made and locked; spills are copied into it. (A folder without checkpoints; the next run, or the next
//!    attempt, removes spills that no checkpoint needs.)
//! 3. staged files are made of what the outputs held, under the id of a new start. (Files that no checkpoint knows; the
//!    next run names them.)
//! 4. once more, with these: would a run go on? (The same.)
//! 5. the checkpoints are saved, all or none. (The job goes on from there. Half of them are not usable: a run refuses them,
//!    and the next attempt replaces them.)

use super::Cargo;
use super::inputs::{name, recognised};
use crate::checkpoint::{
    Checkpoint, Decoded, Folder, Manifest, OutputEntry, RunId, Sequence, SpillEntry, Store,
    Trigger, Whole,
};
use crate::engine::inputs::Inputs;
use crate::engine::look::folder;
use crate::engine::output::{OutputPlan, known};
use crate::engine::prefix::{Bytes, stage};
use crate::engine::rollback::check_fit;
use crate::engine::world::{RunOptions, World};
use crate::error::{Error, Kind, Result};
use crate::job::Job;
use crate::job::diff::{ChangeClass, Stage, diff};
use crate::job::relocate::relocated;
use crate::storage::{Existing, OpenMode, Privacy, read_full};
use std::collections::BTreeSet;
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
    let mut made = Vec::new();
    let copied = copy_spills(world, &store, cargo, &mut made)
        .and_then(|()| check_spills(&store, &manifest))
        .and_then(|()| stage_outputs(world, &manifest, cargo, &outputs, &mut made))
        .and_then(|()| check_fit(job, command, options, world, &cargo.whole, &manifest));
    let adopted = copied.map_err(told_here).and_then(|()| {
        let records = manifest.counters.records_read;
        let sequence = store.adopt(links(&cargo.whole, manifest))?;
        Ok(Arrived { sequence, records })
    });
    if adopted.is_err() {
        // Ours and new: no checkpoint needs them.
        made.iter().for_each(|path| drop(world.storage.remove(path)));
    }
    adopted
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
    match (error.kind, error.message.strip_prefix("cannot resume: ")) {
        (Kind::Refused, Some(why)) => Error {
            message: format!("the checkpoint does not fit here: {why}"),
            hint: None,
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
) -> Result<(Manifest, Vec<OutputPlan>)> {
    let old = &cargo.whole.restored.manifest;
    let stored = relocated(&old.job, &job.effective);
    let changes = diff(&stored, &job.effective, Stage::Ended).changes;
    if let Some(change) = changes.iter().find(|one| one.class() == ChangeClass::Incompatible) {
        let (path, now, was) = (&change.path, &change.current, &change.stored);
        let message =
            format!("the checkpoint does not fit this job: `{path}` is `{now}` and was `{was}`");
        return Err(Error::refused(message).with_hint("paths may differ, and nothing else"));
    }
    let paths = recognised(job, world, old)?;
    let inputs = Inputs::open(job, &*world.storage, &paths)?;
    let mut manifest = old.clone();
    for (input, path) in manifest.inputs.iter_mut().zip(&paths) {
        input.path = name(job, path);
    }
    let references = manifest.references.iter_mut().zip(&inputs.references);
    references.for_each(|(reference, now)| reference.path = now.entry().path);
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
    let outputs = place_outputs(job, world, &inputs, &mut manifest)?;
    Ok((manifest, outputs))
}

/// Says where the outputs are here, and that nothing there may be replaced but what the job file lets be.
fn place_outputs(
    job: &Job,
    world: &World,
    inputs: &Inputs,
    manifest: &mut Manifest,
) -> Result<Vec<OutputPlan>> {
    let (entries, instance) = (manifest.outputs.clone(), manifest.instance.to_string());
    let mut outputs = Vec::new();
    for (plan, entry) in known(job, &entries)? {
        if entry.is_none() {
            continue;
        }
        let permission = match plan.is_partition() {
            true => plan.check_partition(world, &inputs.known(), &[], plan.overwrite)?,
            false => plan.check(world, &instance, &inputs.known(), &[], plan.overwrite)?,
        };
        for entry in manifest.outputs.iter_mut().filter(|entry| entry.name == plan.role) {
            entry.target = plan.target.to_string_lossy().into_owned();
            entry.replaces = permission.existing == Existing::Replace;
            entry.ours = None;
        }
        outputs.push(plan);
    }
    let is_placed = |entry: &&OutputEntry| outputs.iter().any(|plan| plan.role == entry.name);
    match entries.iter().find(|entry| !is_placed(entry)) {
        None => Ok(outputs),
        Some(OutputEntry { name, .. }) => {
            let message = format!("the job has no output `{name}`, which the checkpoint knows");
            Err(Error::refused(message))
        }
    }
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
            return Err(Error::failed(format!("`{path}` has become shorter")));
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
        })?;
    }
    Ok(())
}

/// Step 3.
fn stage_outputs(
    world: &World,
    manifest: &Manifest,
    cargo: &Cargo,
    outputs: &[OutputPlan],
    made: &mut Vec<PathBuf>,
) -> Result<()> {
    let mut folders = BTreeSet::new();
    for held in &cargo.outputs {
        let plan = outputs.iter().find(|plan| plan.role == held.name);
        let plan = plan.ok_or_else(|| Error::internal("bytes without an output"))?;
        let name = plan.name(&manifest.instance.to_string());
        if plan.is_partition() {
            let making = |cause| Error::io("make the folder", &name.folder, cause);
            world.storage.create_directory(&name.folder, Privacy::Shared).map_err(making)?;
        }
        stage(world, &held.bytes, &held.mark, &name.staged)?;
        made.push(name.staged);
        folders.insert(name.folder);
    }
    folders.iter().try_for_each(|folder| {
        let syncing = |cause| Error::io("sync the folder", folder, cause);
        world.storage.sync_directory(folder).map_err(syncing)
    })
}

/// The chain as it is saved here: all of it of the new start, the last one with what it says at this place.
fn links(whole: &Whole, manifest: Manifest) -> Vec<Checkpoint> {
    let (instance, trigger) = (manifest.instance, manifest.trigger);
    let of_here = |link: &Decoded| {
        let mut checkpoint = link.checkpoint.clone();
        checkpoint.manifest.instance = instance;
        // None of them was taken here.
        checkpoint.manifest.trigger = trigger;
        checkpoint
    };
    let mut links: Vec<Checkpoint> = whole.links.iter().map(of_here).collect();
    if let Some(head) = links.last_mut() {
        head.manifest = manifest;
    }
    links
}
