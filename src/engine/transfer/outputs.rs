//! What the outputs held at a checkpoint that travels, and making staged files of it where it arrives.
//!
//! A round that appends begins with what is published, and has a staged file only once something came: where it has none
//! the published bytes travel. Those of a finished round are whole. Where they arrive each of them is an ordinary staged
//! file, which holds everything from its first byte on.

use super::Cargo;
use crate::checkpoint::{Manifest, OutputEntry, Standing, Whole};
use crate::engine::output::{OutputPlan, mark_of, standings};
use crate::engine::partitions::attach_tails;
use crate::engine::prefix::{Bytes, find, gone, stage, written};
use crate::engine::rollback::is_under_way;
use crate::engine::world::World;
use crate::error::{Error, Result};
use crate::job::Job;
use crate::sink::{Mark, tail_length};
use crate::storage::{Existing, Metadata, OpenMode, Privacy, read_full};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What an output held.
#[derive(Debug)]
pub struct Held {
    /// What checkpoints call it.
    pub name: String,
    /// The bytes.
    pub bytes: Bytes,
    /// How far.
    pub mark: Mark,
}

/// What the outputs of a job held; those that held something.
pub fn of_job(job: &Job, world: &World, whole: &Whole) -> Result<Vec<Held>> {
    let manifest = &whole.restored.manifest;
    let job = job.of_round(manifest.round.as_ref().map_or(1, |round| round.number));
    let (entries, instance) = (entries_of(whole)?, manifest.instance.to_string());
    let mut outputs = Vec::new();
    for (plan, entry) in written(&job, &entries)? {
        let mark = mark_in(manifest, entry)?;
        match find(world, &plan, &instance, &mark)? {
            Some(home) => {
                let Some(bytes) = home.bytes().cloned() else { continue };
                outputs.push(Held::new(plan.role, bytes, mark, manifest)?);
            }
            // Others may take parts away, once they are published.
            None if !is_under_way(manifest) && plan.is_of_round(&job) => {}
            None => return Err(gone(&plan, &mark)),
        }
    }
    Ok(outputs)
}

/// The same of an export, in which `find` looks for them by name and length; `None` where one is missing that cannot be.
pub fn of_export(
    whole: &Whole,
    find: &dyn Fn(&str, u64) -> Option<Bytes>,
) -> Result<Option<Vec<Held>>> {
    let manifest = &whole.restored.manifest;
    let mut outputs = Vec::new();
    for entry in entries_of(whole)?.iter().filter(|entry| entry.length > 0) {
        match find(&entry.name, entry.length) {
            Some(bytes) => {
                let mark = mark_in(manifest, entry)?;
                outputs.push(Held::new(entry.name.clone(), bytes, mark, manifest)?);
            }
            // Whether it is a part of a round is known where it arrives.
            None if !is_under_way(manifest) => {}
            None => return Ok(None),
        }
    }
    Ok(Some(outputs))
}

/// What the checkpoint says of the outputs. The tails of finished ones are not kept.
fn entries_of(whole: &Whole) -> Result<Vec<OutputEntry>> {
    let mut entries = whole.restored.manifest.outputs.clone();
    if is_under_way(&whole.restored.manifest) {
        attach_tails(&mut entries, &whole.restored.states)?;
    }
    Ok(entries)
}

/// How far an output had come; without its last bytes where the checkpoint does not hold them.
fn mark_in(manifest: &Manifest, entry: &OutputEntry) -> Result<Mark> {
    match is_under_way(manifest) && !only_begins(entry) {
        true => mark_of(entry),
        false => Ok(Mark { length: entry.length, crc: entry.crc, tail: Vec::new() }),
    }
}

/// Whether an output holds nothing yet but what the round before published.
fn only_begins(entry: &OutputEntry) -> bool {
    entry.extends.is_some_and(|base| base.length == entry.length)
}

impl Held {
    /// Of an output that is gone on with, a checkpoint must hold the last bytes: where it does not, they are read.
    fn new(name: String, bytes: Bytes, mut mark: Mark, manifest: &Manifest) -> Result<Held> {
        if is_under_way(manifest) && mark.tail.len() as u64 != tail_length(mark.length) {
            mark.tail = tail_of(&bytes, mark.length)?;
        }
        Ok(Held { name, bytes, mark })
    }
}

/// The last, partly filled block of the first bytes of an output.
fn tail_of(bytes: &Bytes, length: u64) -> Result<Vec<u8>> {
    let tail = tail_length(length);
    let mut read = vec![0; usize::try_from(tail).expect("less than a block")];
    let count = read_full(&*bytes.file, &mut read, bytes.start + length - tail);
    read.truncate(count.map_err(|cause| Error::io("read", &bytes.path, cause))?);
    Ok(read)
}

/// An output at its new place.
pub struct Placed {
    plan: OutputPlan,
    /// Whether it needs a staged file though it holds nothing: it is only to be published.
    is_made_empty: bool,
}

/// Whose a file is that stands where an output goes and holds just what the job has published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// The job's that arrives: it was brought here, too.
    IsOurs,
    /// That of a job which goes on by itself.
    IsOfAnother,
}

/// Says in a manifest where the outputs are here, and that nothing there may be replaced but what the job file lets be, or
/// what is ours. `job` is that of the round.
pub fn place(
    job: &Job,
    world: &World,
    inputs: &[(PathBuf, Metadata)],
    cargo: &Cargo,
    published: Published,
    manifest: &mut Manifest,
) -> Result<Vec<Placed>> {
    let (entries, instance) = (manifest.outputs.clone(), manifest.instance.to_string());
    let is_over = !is_under_way(manifest);
    let may_be_ours = manifest.round.is_some() && published == Published::IsOurs;
    let mut placed = Vec::new();
    let mut taken_away = BTreeMap::new();
    for (plan, entry) in written(job, &entries)? {
        let held = cargo.outputs.iter().find(|held| held.name == plan.role);
        if is_over && plan.is_of_round(job) && held.is_none() {
            taken_away.insert(plan.role, plan.target);
            continue;
        }
        if entry.length > 0 && held.is_none() {
            return Err(gone(&plan, &mark_in(manifest, entry)?));
        }
        let past = if may_be_ours { std::slice::from_ref(entry) } else { &[] };
        let standings: Vec<Standing> = past.iter().flat_map(standings).collect();
        let permission = match plan.is_partition() {
            true => plan.check_partition(world, inputs, &standings, plan.overwrite),
            false => plan.check(world, &instance, inputs, past, plan.overwrite),
        };
        let permission = permission.map_err(without_flag)?;
        for entry in manifest.outputs.iter_mut().filter(|entry| entry.name == plan.role) {
            entry.target = plan.target.to_string_lossy().into_owned();
            entry.replaces = permission.existing == Existing::Replace;
            entry.ours = permission.ours;
            if let Some(held) = held.filter(|_| only_begins(entry)) {
                entry.tail.clone_from(&held.mark.tail);
            }
            entry.extends = None;
        }
        let is_made_empty = is_over && entry.length == 0;
        placed.push(Placed { plan, is_made_empty });
    }
    manifest.outputs.retain(|entry| !(is_partition(entry) && taken_away.contains_key(&entry.name)));
    for entry in &mut manifest.outputs {
        if let Some(target) = taken_away.get(&entry.name) {
            *entry = nothing_of(&entry.name, target);
        }
    }
    Ok(placed)
}

/// Says the same of the outputs in a checkpoint of the round that this one builds on: it may be gone back to.
pub fn place_like(older: &mut Manifest, manifest: &Manifest, cargo: &Cargo) -> Result<()> {
    let is_under_way = is_under_way(older);
    for entry in &mut older.outputs {
        let placed = manifest.outputs.iter().find(|placed| placed.name == entry.name);
        let Some(placed) = placed else { continue };
        let held = cargo.outputs.iter().find(|held| held.name == entry.name);
        if let Some(held) = held.filter(|_| is_under_way && only_begins(entry)) {
            entry.tail = tail_of(&held.bytes, entry.length)?;
        }
        entry.target.clone_from(&placed.target);
        (entry.replaces, entry.ours, entry.extends) = (placed.replaces, placed.ours, None);
    }
    Ok(())
}

/// Only a run can be told by a flag to replace a file.
fn without_flag(error: Error) -> Error {
    match &error.hint {
        Some(hint) if hint.contains("--overwrite") => error
            .with_hint("move it away, or have the job replace it: `overwrite = true` in its sink"),
        _ => error,
    }
}

fn is_partition(entry: &OutputEntry) -> bool {
    entry.name.contains('/')
}

/// What a checkpoint says of a part to which nothing came.
fn nothing_of(name: &str, target: &Path) -> OutputEntry {
    OutputEntry {
        name: name.to_owned(),
        target: target.to_string_lossy().into_owned(),
        length: 0,
        crc: 0,
        tail: Vec::new(),
        records: 0,
        replaces: false,
        ours: None,
        extends: None,
    }
}

/// Makes the staged files, durably.
pub fn stage_all(
    world: &World,
    manifest: &Manifest,
    cargo: &Cargo,
    placed: &[Placed],
) -> Result<()> {
    let instance = manifest.instance.to_string();
    let mut folders = BTreeSet::new();
    for Placed { plan, is_made_empty } in placed {
        let name = plan.name(&instance);
        match cargo.outputs.iter().find(|held| held.name == plan.role) {
            Some(held) => {
                if plan.is_partition() {
                    let making = |cause| Error::io("make the folder", &name.folder, cause);
                    let made = world.storage.create_directory(&name.folder, Privacy::Shared);
                    made.map_err(making)?;
                }
                stage(world, &held.bytes, &held.mark, &name.staged)?;
            }
            None if *is_made_empty => stage_empty(world, &name.staged)?,
            None => continue,
        }
        folders.insert(name.folder);
    }
    folders.iter().try_for_each(|folder| {
        let syncing = |cause| Error::io("sync the folder", folder, cause);
        world.storage.sync_directory(folder).map_err(syncing)
    })
}

fn stage_empty(world: &World, staged: &Path) -> Result<()> {
    let making = |cause| Error::io("create", staged, cause);
    let file = world.storage.open(staged, OpenMode::CreateShared).map_err(making)?;
    file.sync_all().map_err(|cause| Error::io("sync", staged, cause))
}
