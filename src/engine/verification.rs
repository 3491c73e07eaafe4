//! Whether everything that a checkpoint rests on is there as it was. Changes nothing, and is safe while a run goes on.
//!
//! A run goes on meanwhile: it saves checkpoints, deletes old ones, and renames its outputs at the end. What was deleted
//! meanwhile is no mistake; and where another checkpoint has become the newest, it is looked at instead.

use super::copies;
use super::fit::{Fit, fit};
use super::world::{RunOptions, World};
use crate::checkpoint::settings::RequireCopies;
use crate::checkpoint::{Folder, Invalid, RunId, Sequence};
use crate::error::{Error, Kind, Result};
use crate::job::Job;
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

/// The folders of copies, as a run would find them.
#[derive(Debug, Default)]
pub struct CopiesFound {
    /// Those that hold copies of the job, or nothing.
    pub there: Vec<Folder>,
    /// Those that are not there; a run makes them.
    pub missing: Vec<PathBuf>,
    /// Those that a run would do without, and why.
    pub unusable: Vec<(PathBuf, Error)>,
    /// Why a run would refuse.
    pub problems: Vec<Error>,
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

/// Looks at the folders of copies. `known` is the start of the job that its newest checkpoint is of.
pub fn copies_of(
    job: &Job,
    options: &RunOptions,
    world: &World,
    known: Option<RunId>,
) -> CopiesFound {
    let mut found = CopiesFound::default();
    for path in &job.checkpoint.copies {
        let (storage, clock) = (world.storage.clone(), world.clock.clone());
        let opened = copies::check_above(&*storage, path)
            .and_then(|()| Folder::open_existing(storage, clock, path, options.trust()));
        let opened = opened.and_then(|folder| {
            folder
                .as_ref()
                .map_or(Ok(()), |folder| copies::refuse_others(folder, &job.name, known))?;
            Ok(folder)
        });
        match opened {
            Ok(Some(folder)) => found.there.push(folder),
            Ok(None) => found.missing.push(path.clone()),
            Err(error) if error.kind == Kind::Refused => found.problems.push(error),
            Err(error) if job.checkpoint.require_copies == RequireCopies::Yes => {
                let path = path.display();
                let message = format!("the copies in `{path}`, which the job requires: {error}");
                let hint = error.hint.unwrap_or_else(|| "see to it that it can be used".to_owned());
                found.problems.push(Error::failed(message).with_hint(hint));
            }
            Err(error) => found.unusable.push((path.clone(), error)),
        }
    }
    found
}

/// Compares job, inputs and outputs with the newest checkpoint, of the job's own folder or of copies; `None` where there is
/// no checkpoint.
///
/// # Errors
/// Where nothing can be compared.
pub fn verify_newest(
    job: &Job,
    command: &str,
    options: &RunOptions,
    world: &World,
    folder: &Folder,
) -> Result<Option<Fit>> {
    for _ in 0..ATTEMPTS {
        let newest = folder.checkpoints()?.pop_last();
        let fit = fit(job, command, options, world);
        let fits = matches!(&fit, Ok(Some(fit)) if fit.problems.is_empty());
        if fits || folder.checkpoints()?.pop_last() == newest {
            return fit;
        }
    }
    let message = format!("`{}` takes checkpoints faster than they can be looked at", job.name);
    Err(Error::failed(message).with_hint("try again when it has stopped"))
}
