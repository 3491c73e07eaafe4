//! Whether everything that a checkpoint rests on is there as it was. Changes nothing, and is safe while a run goes on.
//!
//! A run goes on meanwhile: it saves checkpoints, deletes old ones, and renames its outputs at the end. What was deleted
//! meanwhile is no mistake; and where another checkpoint has become the newest, it is looked at instead.

use super::decision::Decision;
use super::look::{Outlook, outlook};
use super::output::{OutputPlan, is_untouched, known};
use super::recheck;
use super::world::{RunOptions, World};
use crate::checkpoint::{Folder, Invalid, Manifest, OutputEntry, Phase, Sequence};
use crate::error::{Error, Result};
use crate::job::Job;
use crate::sink::{Mark, Whereabouts, begins_with, find, is_published};
use crate::storage::Storage;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// How often the newest checkpoint is looked at anew because a run had saved another one meanwhile.
const ATTEMPTS: u32 = 50;

/// One checkpoint with all that it builds on.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// Its number.
    pub sequence: Sequence,
    /// The files that it consists of.
    pub files: usize,
    /// What is wrong with it, or the spills that it needs.
    pub problem: Option<Invalid>,
}

/// What the newest checkpoint says of job, inputs and outputs, compared with what is there.
#[derive(Debug)]
pub struct Fit {
    /// The checkpoint.
    pub sequence: Sequence,
    /// Its inputs, with the bytes that were read of them: all of these are compared where the job says `verify = "full"`,
    /// else both ends and samples.
    pub inputs: Vec<(PathBuf, u64)>,
    /// Its outputs, where they are now, with the bytes that it vouches for: all of them were read.
    pub outputs: Vec<(PathBuf, u64)>,
}

/// Verifies one checkpoint: its file and those it builds on in every part, its spills wholly. `None` where it is not there
/// any more.
pub fn verify_one(folder: &Folder, sequence: Sequence) -> Result<Option<Verified>> {
    let problem = match folder.verify(sequence)? {
        Ok(restored) => {
            let files = restored.chain.deltas + 1;
            return Ok(Some(Verified { sequence, files, problem: None }));
        }
        Err(invalid) => invalid,
    };
    // A chain is deleted from its head on: what lost its parent to retention has gone before it.
    let is_there = folder.checkpoints()?.contains(&sequence);
    Ok(is_there.then_some(Verified { sequence, files: 0, problem: Some(problem) }))
}

/// The folders of copies that are there, and those that are not.
pub fn copies_of(
    job: &Job,
    options: &RunOptions,
    world: &World,
) -> Result<(Vec<Folder>, Vec<PathBuf>)> {
    let (mut there, mut missing) = (Vec::new(), Vec::new());
    for path in &job.checkpoint.copies {
        let (storage, clock) = (world.storage.clone(), world.clock.clone());
        match Folder::open_existing(storage, clock, path, options.trust())? {
            Some(folder) => there.push(folder),
            None => missing.push(path.clone()),
        }
    }
    Ok((there, missing))
}

/// Compares job, inputs and outputs with the newest checkpoint; `None` where there is no checkpoint.
///
/// # Errors
/// Where something does not fit, or cannot be read.
pub fn verify_newest(
    job: &Job,
    command: &str,
    options: &RunOptions,
    world: &World,
    folder: &Folder,
) -> Result<Option<Fit>> {
    for _ in 0..ATTEMPTS {
        let newest = folder.checkpoints()?.pop_last();
        let Some(sequence) = newest else { return Ok(None) };
        let fit = fit(job, command, options, world, folder, sequence);
        if fit.is_ok() || folder.checkpoints()?.pop_last() == newest {
            return fit.map(Some);
        }
    }
    let message = format!("`{}` takes checkpoints faster than they can be looked at", job.name);
    Err(Error::failed(message).with_hint("try again when it has stopped"))
}

fn fit(
    job: &Job,
    command: &str,
    options: &RunOptions,
    world: &World,
    folder: &Folder,
    sequence: Sequence,
) -> Result<Fit> {
    let outlook = outlook(job, command, options, world)?;
    if let Decision::Refuse(error) = outlook.decision {
        return Err(error);
    }
    check_inputs(job, world, &outlook)?;
    // A run takes it from a copy where the job's own folder has none as new.
    let Some((sequence, manifest)) = outlook.newest else {
        let path = folder.path(sequence);
        return Err(Error::refused(format!("`{}` is not usable", path.display())));
    };
    let mut outputs = Vec::new();
    let job = job.of_round(manifest.round.as_ref().map_or(1, |round| round.number));
    for (plan, entry) in known(&job, &manifest.outputs)? {
        let Some(entry) = entry else { continue };
        match standing(&job, world, &manifest, &plan, entry)? {
            Standing::At(path) => outputs.push((path, entry.length)),
            Standing::Nowhere => {}
            Standing::Differs(path) => return Err(not_as_written(sequence, &path)),
        }
    }
    let inputs = manifest.inputs.iter();
    let inputs = inputs.map(|input| (PathBuf::from(&input.path), input.fingerprint.consumed));
    Ok(Fit { sequence, inputs: inputs.collect(), outputs })
}

/// Where an output is.
enum Standing {
    /// Here, with every byte that the checkpoint vouches for.
    At(PathBuf),
    /// It needs not be anywhere.
    Nowhere,
    /// It should be here, and is not, or is another.
    Differs(PathBuf),
}

fn standing(
    job: &Job,
    world: &World,
    manifest: &Manifest,
    plan: &OutputPlan,
    entry: &OutputEntry,
) -> Result<Standing> {
    let storage = &*world.storage;
    let name = plan.name(&manifest.instance.to_string());
    let mark = Mark { length: entry.length, crc: entry.crc, tail: Vec::new() };
    let is_of_round = job.is_incremental() && plan.is_of_round(job);
    Ok(match manifest.phase {
        _ if is_untouched(plan, entry) => Standing::Nowhere,
        Phase::Reading | Phase::Draining => {
            if begins_with(storage, &name.staged, &mark)? {
                Standing::At(name.staged)
            } else if entry.length == 0 {
                Standing::Nowhere
            } else {
                Standing::Differs(name.staged)
            }
        }
        Phase::Publishing => match find(storage, &name, &mark)? {
            Some(Whereabouts::Staged) => Standing::At(name.staged),
            Some(Whereabouts::Published | Whereabouts::PublishedBesideAnother) => {
                Standing::At(name.target)
            }
            None if is_gone(storage, &name.staged)? => Standing::Differs(name.target),
            None => Standing::Differs(name.staged),
        },
        Phase::Done if is_published(storage, &name, &mark)? => Standing::At(name.target),
        // Parts may be taken away by whoever reads them.
        Phase::Done if is_of_round && is_gone(storage, &name.target)? => Standing::Nowhere,
        Phase::Done => Standing::Differs(name.target),
    })
}

fn is_gone(storage: &dyn Storage, path: &Path) -> Result<bool> {
    match storage.metadata(path) {
        Ok(_) => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(cause) => Err(Error::io("look at", path, cause)),
    }
}

/// Where the job says `verify = "full"`, compares every byte that was read; samples are compared already. Who only gives
/// outputs their names needs no inputs.
fn check_inputs(job: &Job, world: &World, outlook: &Outlook) -> Result<()> {
    let (Some((_, manifest)), Some(found)) = (&outlook.newest, &outlook.found) else {
        return Ok(());
    };
    if manifest.phase == Phase::Publishing {
        return Ok(());
    }
    let mut consumed = Vec::new();
    for input in &manifest.inputs {
        let (known, was) = (&input.fingerprint, Path::new(&input.path));
        let moved = found.moved.iter().find(|(before, _)| before == was);
        let path = job.folder.join(moved.map_or(was, |(_, now)| now));
        if known.is_full && known.consumed > 0 && !is_gone(&*world.storage, &path)? {
            consumed.push((path, known.clone()));
        }
    }
    recheck::check(world, &consumed, &AtomicBool::new(false))
}

fn not_as_written(sequence: Sequence, path: &Path) -> Error {
    let path = path.display();
    Error::refused(format!("`{path}` does not hold what checkpoint {sequence} had written"))
        .with_hint("restore it; what is written is not written again unless you start over")
}
