//! Whether job, inputs and outputs are what a checkpoint says: everything that is not, and not only the first of it.
//!
//! What a run would refuse is told in the same words; besides, every byte of the outputs is compared, and with
//! `verify = "full"` every byte that was read of the inputs.

use super::decision::{
    Decision, Found, InputFinding, broken_output, changed_input, changed_reference,
};
use super::inputs::Inputs;
use super::look::{Outlook, outlook};
use super::output::{OutputPlan, is_untouched, known};
use super::recheck;
use super::rounds::{current, next};
use super::survey::{choose, compare_input, compare_references, found_of, gone};
use super::world::{RunOptions, World};
use crate::checkpoint::{Folder, InputEntry, Manifest, OutputEntry, Phase, Sequence};
use crate::error::{Error, Kind, Result};
use crate::job::Job;
use crate::sink::{Mark, Mismatch, Whereabouts, begins_with, find, is_published};
use crate::source::discover::discover_present;
use crate::storage::{FileKind, Storage};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

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
    /// All that does not fit, or cannot be read.
    pub problems: Vec<Error>,
}

/// Compares everything with the checkpoint that a run would go on from.
pub fn fit(
    job: &Job,
    command: &str,
    options: &RunOptions,
    world: &World,
    folder: &Folder,
    sequence: Sequence,
) -> Result<Fit> {
    let outlook = outlook(job, command, options, world)?;
    let Outlook { decision, newest, found, .. } = outlook;
    // A run takes it from a copy where the job's own folder has none as new.
    let Some((sequence, manifest)) = newest else {
        return Err(match decision {
            Decision::Refuse(error) => error,
            _ => {
                let path = folder.path(sequence);
                Error::refused(format!("`{}` is not usable", path.display()))
            }
        });
    };
    let (mut problems, mut outputs) = (Vec::new(), Vec::new());
    let compared = Compared { job, command, world, sequence, manifest: &manifest };
    compared.inputs(&mut problems)?;
    let told_of_inputs = problems.len();
    compared.outputs(&mut problems, &mut outputs);
    if let Decision::Refuse(refusal) = decision {
        let same = |error: &Error| error.message == refusal.message;
        let is_of_output = |found: &Found| broken_output(command, found).is_some_and(|e| same(&e));
        let is_told = match &found {
            // What was refused before the outputs were looked at is an input.
            None => told_of_inputs > 0,
            Some(found) => {
                problems.iter().any(same)
                    || (problems.len() > told_of_inputs && is_of_output(found))
            }
        };
        if !is_told {
            problems.insert(0, refusal);
        }
    }
    let inputs = manifest.inputs.iter();
    let inputs = inputs.map(|input| (PathBuf::from(&input.path), input.fingerprint.consumed));
    Ok(Fit { sequence, inputs: inputs.collect(), outputs, problems })
}

/// What is compared with what.
struct Compared<'a> {
    job: &'a Job,
    command: &'a str,
    world: &'a World,
    sequence: Sequence,
    manifest: &'a Manifest,
}

impl Compared<'_> {
    /// Compares the inputs, and the files that steps look things up in. Who only gives outputs their names needs none.
    fn inputs(&self, problems: &mut Vec<Error>) -> Result<()> {
        if self.manifest.phase == Phase::Publishing {
            return Ok(());
        }
        let found = self.found(problems)?;
        let mut is_changed = Vec::new();
        for input in &found.inputs {
            if let Some(error) = changed_input(self.command, &found, input) {
                problems.push(error);
                is_changed.push(input.name.clone());
            }
        }
        for (stored, now) in &found.references {
            problems.push(changed_reference(self.command, &found, stored, now));
        }
        for input in &self.manifest.inputs {
            if !is_changed.iter().any(|name| *name == Path::new(&input.path))
                && let Err(error) = self.every_byte(input, &found.moved)
            {
                problems.push(error);
            }
        }
        Ok(())
    }

    /// What the inputs are; what cannot be read goes into `problems`.
    fn found(&self, problems: &mut Vec<Error>) -> Result<Found> {
        let Compared { job, command, world, sequence, manifest } = *self;
        let storage = &*world.storage;
        let mut found = found_of(job, sequence, manifest, 0);
        let looked = |error: Error| match error.kind {
            Kind::NoInput => gone(command, error, manifest.phase),
            _ => error,
        };
        match &manifest.round {
            Some(round) if job.is_incremental() => {
                let looked = match manifest.phase {
                    Phase::Done => next(job, storage, manifest, round),
                    _ => current(job, storage, manifest, round),
                };
                match looked {
                    Ok(looked) => (found.inputs, found.moved) = (looked.findings, looked.moved),
                    Err(error) => problems.push(error),
                }
            }
            _ => {
                let job = &job.of_round(1);
                let present = discover_present(storage, &job.folder, &job.source.paths)?;
                let chosen = choose(job, present, Some(manifest));
                for input in &manifest.inputs {
                    let (name, consumed) = (PathBuf::from(&input.path), input.fingerprint.consumed);
                    if chosen.gone.contains(&name) {
                        found.inputs.push(InputFinding { name, consumed, comparison: None });
                        continue;
                    }
                    match compare_input(job, world, input) {
                        Ok(finding) => found.inputs.push(finding),
                        Err(error) => problems.push(error),
                    }
                }
            }
        }
        let is_looked_up = manifest.round.is_none() || manifest.phase != Phase::Done;
        match Inputs::none(job, storage) {
            Ok(inputs) if is_looked_up => found.references = compare_references(&inputs, manifest),
            Ok(_) => {}
            Err(error) => problems.push(looked(error)),
        }
        Ok(found)
    }

    /// Where the job says `verify = "full"`, compares every byte that was read of an input; samples are compared already.
    fn every_byte(&self, input: &InputEntry, moved: &[(PathBuf, PathBuf)]) -> Result<()> {
        let (known, was) = (&input.fingerprint, Path::new(&input.path));
        let now = moved.iter().find(|(before, _)| before == was).map_or(was, |(_, now)| now);
        let path = self.job.folder.join(now);
        if !known.is_full || known.consumed == 0 || is_gone(&*self.world.storage, &path)? {
            return Ok(());
        }
        recheck::check(self.world, &[(path, known.clone())], &AtomicBool::new(false))
    }

    /// Compares the outputs; those that are as they were go into `outputs`.
    fn outputs(&self, problems: &mut Vec<Error>, outputs: &mut Vec<(PathBuf, u64)>) {
        let job = self.job.of_round(self.manifest.round.as_ref().map_or(1, |round| round.number));
        // A job with other outputs than its checkpoint is told as such.
        let Ok(known) = known(&job, &self.manifest.outputs) else { return };
        for (plan, entry) in known {
            let Some(entry) = entry else { continue };
            match self.standing(&job, &plan, entry) {
                Ok(Standing::At(path)) => outputs.push((path, entry.length)),
                Ok(Standing::Nowhere) => {}
                Ok(Standing::Differs(path)) => {
                    problems.push(match self.difference(&path, entry.length) {
                        Ok(why) => not_as_written(self.sequence, &path, &why),
                        Err(error) => error,
                    });
                }
                Err(error) => problems.push(error),
            }
        }
    }

    fn standing(&self, job: &Job, plan: &OutputPlan, entry: &OutputEntry) -> Result<Standing> {
        let storage = &*self.world.storage;
        let name = plan.name(&self.manifest.instance.to_string());
        let mark = Mark { length: entry.length, crc: entry.crc, tail: Vec::new() };
        let is_of_round = job.is_incremental() && plan.is_of_round(job);
        Ok(match self.manifest.phase {
            _ if is_untouched(plan, entry) => Standing::Nowhere,
            Phase::Reading | Phase::Draining => {
                if begins_with(storage, &name.staged, &mark)? {
                    Standing::At(name.staged)
                } else if entry.length == 0 && is_gone(storage, &name.staged)? {
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

    /// Why a file is not what the checkpoint vouches for so many bytes of.
    fn difference(&self, path: &Path, length: u64) -> Result<String> {
        let found = match self.world.storage.metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Mismatch::Missing.to_string());
            }
            other => other.map_err(|cause| Error::io("look at", path, cause))?,
        };
        let is_whole = matches!(self.manifest.phase, Phase::Publishing | Phase::Done);
        Ok(match found.kind {
            FileKind::File if found.length < length => {
                Mismatch::Shorter { expected: length, found: found.length }.to_string()
            }
            FileKind::File if is_whole && found.length > length => {
                format!("it has {} bytes; the checkpoint had written {length}", found.length)
            }
            FileKind::File => "its bytes are others".to_owned(),
            FileKind::Directory | FileKind::Link | FileKind::Other => {
                Mismatch::NotRegular.to_string()
            }
        })
    }
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

fn is_gone(storage: &dyn Storage, path: &Path) -> Result<bool> {
    match storage.metadata(path) {
        Ok(_) => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(cause) => Err(Error::io("look at", path, cause)),
    }
}

fn not_as_written(sequence: Sequence, path: &Path, why: &str) -> Error {
    let path = path.display();
    let message = format!("`{path}` does not hold what checkpoint {sequence} had written: {why}");
    Error::refused(message)
        .with_hint("restore it; what is written is not written again unless you start over")
}
