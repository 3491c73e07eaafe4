//! Whether everything that a checkpoint rests on is there as it was. Changes nothing, and is safe while a run goes on.
//!
//! A run goes on meanwhile: it saves checkpoints, deletes old ones, and renames its outputs at the end. What was deleted
//! meanwhile is no mistake; and where another checkpoint has become the newest, it is looked at instead.

use super::decision::Decision;
use super::look::outlook;
use super::output::{OutputPlan, is_untouched, known};
use super::world::{RunOptions, World};
use crate::checkpoint::{Folder, Invalid, Manifest, OutputEntry, Phase, Sequence};
use crate::error::{Error, Result};
use crate::job::Job;
use crate::sink::{Mark, begins_with, is_published};
use std::path::PathBuf;

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
    /// Its inputs, with the bytes that were read of them.
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
    let read = folder.read(sequence)?;
    let unusable = |invalid: Invalid| {
        Error::refused(format!("checkpoint {sequence} is not usable: {invalid}"))
    };
    let manifest = read.map_err(unusable)?.checkpoint.manifest;
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
        Phase::Publishing if begins_with(storage, &name.staged, &mark)? => {
            Standing::At(name.staged)
        }
        // Parts may be taken away by whoever reads them.
        Phase::Done if is_of_round && !is_published(storage, &name, &mark)? => Standing::Nowhere,
        Phase::Publishing | Phase::Done if is_published(storage, &name, &mark)? => {
            Standing::At(name.target)
        }
        Phase::Publishing | Phase::Done => Standing::Differs(name.target),
    })
}

fn not_as_written(sequence: Sequence, path: &std::path::Path) -> Error {
    let path = path.display();
    Error::refused(format!("`{path}` does not hold what checkpoint {sequence} had written"))
        .with_hint("restore it; what is written is not written again unless you start over")
}
