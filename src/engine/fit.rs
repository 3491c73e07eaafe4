//! Whether job, inputs and outputs are what a checkpoint says: everything that is not, and not only the first of it.
//!
//! What a run would refuse is told in the same words: every change of the job, every input, every file that steps look
//! things up in. Besides, every byte of the outputs is compared, and with `verify = "full"` every byte that was read of the
//! inputs. Only what a run finds once it has read the inputs is not told where these cannot be read, or are others: states
//! that do not fit their steps, changes that cannot act any more because of what was written or remembered, and outputs
//! that hold the right bytes and still cannot be gone on with or get their names.

use super::decision::{Decision, Found, InputFinding, refusals};
use super::inputs::Inputs;
use super::look::{Outlook, only_to_publish, outlook_of, peek};
use super::output::{OutputPlan, is_untouched, known};
use super::recheck;
use super::rounds::{current, next};
use super::survey::{choose, compare_input, compare_references, found_of, gone};
use super::world::{RunOptions, World};
use crate::checkpoint::{InputEntry, Manifest, OutputEntry, Phase, Sequence};
use crate::error::{Error, Kind, Result};
use crate::job::Job;
use crate::sink::{Mark, Mismatch, Whereabouts, begins_with, find, is_published};
use crate::source::discover::discover_present;
use crate::source::fingerprint::Comparison;
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
    /// else both ends and samples. `None` where nobody needs them any more, and they were not compared.
    pub inputs: Option<Vec<(PathBuf, u64)>>,
    /// Its outputs, where they are now, with the bytes that it vouches for: all of them were read.
    pub outputs: Vec<(PathBuf, u64)>,
    /// All that does not fit, or cannot be read.
    pub problems: Vec<Error>,
}

/// Compares everything with the checkpoint that a run would go on from, be it in the job's own folder or in one of copies;
/// `None` where there is none.
///
/// # Errors
/// Where there are checkpoints, and none is usable, or they cannot be read.
pub fn fit(job: &Job, command: &str, options: &RunOptions, world: &World) -> Result<Option<Fit>> {
    let peeked = peek(job, options, world)?;
    let newest = peeked.loaded.newest.as_ref();
    let newest = newest.map(|newest| (newest.id.sequence, newest.manifest.clone()));
    let checkpoints = peeked.checkpoints;
    let needs_inputs = only_to_publish(job, options, &peeked.loaded).is_none();
    let is_there = newest.is_some() || !peeked.loaded.refused.is_empty();
    let outlook = outlook_of(job, command, options, world, peeked);
    let Some((sequence, manifest)) = newest else {
        return match outlook.map(|outlook| outlook.decision) {
            _ if !is_there => Ok(None),
            Ok(Decision::Refuse(error)) | Err(error) => Err(error),
            Ok(_) => Err(Error::refused("no checkpoint is usable")),
        };
    };
    let compared = Compared { job, command, options, world, sequence, manifest: &manifest };
    Ok(Some(compared.with(outlook, needs_inputs, checkpoints)))
}

/// What is compared with what.
struct Compared<'a> {
    job: &'a Job,
    command: &'a str,
    options: &'a RunOptions,
    world: &'a World,
    sequence: Sequence,
    manifest: &'a Manifest,
}

impl Compared<'_> {
    /// Compares everything; `outlook` is what a run would do, `checkpoints` how many there are.
    fn with(&self, outlook: Result<Outlook>, needs_inputs: bool, checkpoints: usize) -> Fit {
        let Compared { job, command, options, sequence, manifest, .. } = *self;
        let mut found = found_of(job, sequence, manifest, checkpoints);
        let (mut unreadable, mut outputs, mut differing) = (Vec::new(), Vec::new(), Vec::new());
        if needs_inputs {
            self.inputs(&mut found, &mut unreadable);
        }
        let mut problems = Vec::new();
        self.outputs(&mut problems, &mut outputs, &mut differing);
        let same =
            |refusal: &Error, told: &[Error]| told.iter().any(|one| one.message == refusal.message);
        let refusal = match outlook {
            Err(error) => Some(error),
            Ok(Outlook { decision, found: looked, .. }) => {
                // What was refused before the outputs were looked at is an input, which is told already.
                let mut is_told = looked.is_none() && are_others(&found, &unreadable);
                if let Some(looked) = looked {
                    let all = refusals(command, options.changes, &looked);
                    is_told = matches!(&decision, Decision::Refuse(error) if same(error, &all));
                    (found.changes, found.unreadable_states) =
                        (looked.changes, looked.unreadable_states);
                    let is_new = |path: &PathBuf| !differing.contains(path);
                    let (broken, lost) = (looked.broken_outputs, looked.lost_outputs);
                    found.broken_outputs =
                        broken.into_iter().filter(|(path, _)| is_new(path)).collect();
                    found.lost_outputs = lost.into_iter().filter(is_new).collect();
                }
                match decision {
                    Decision::Refuse(error) if !is_told => Some(error),
                    _ => None,
                }
            }
        };
        let mut told = refusals(command, options.changes, &found);
        told.append(&mut unreadable);
        told.append(&mut problems);
        if let Some(refusal) = refusal.filter(|refusal| !same(refusal, &told)) {
            told.insert(0, refusal);
        }
        let consumed =
            |input: &InputEntry| (PathBuf::from(&input.path), input.fingerprint.consumed);
        let inputs = needs_inputs.then(|| manifest.inputs.iter().map(consumed).collect());
        Fit { sequence, inputs, outputs, problems: told }
    }

    /// Compares the inputs, and the files that steps look things up in: what differs goes into `found`, what cannot be read
    /// into `problems`.
    fn inputs(&self, found: &mut Found, problems: &mut Vec<Error>) {
        let unread = self.look_at_inputs(found, problems);
        self.look_at_references(found, problems);
        if self.manifest.phase == Phase::Publishing {
            return;
        }
        for input in &self.manifest.inputs {
            let name = Path::new(&input.path);
            let is_other = found.inputs.iter().any(|one| one.name == name && is_other(one));
            if !is_other
                && !unread.iter().any(|one| one == name)
                && let Err(error) = self.every_byte(input, &found.moved)
            {
                problems.push(error);
            }
        }
    }

    /// Compares the inputs as a run does; answers which of them could not be compared.
    fn look_at_inputs(&self, found: &mut Found, problems: &mut Vec<Error>) -> Vec<PathBuf> {
        let Compared { job, world, manifest, .. } = *self;
        let storage = &*world.storage;
        if let Some(round) = manifest.round.as_ref().filter(|_| job.is_incremental()) {
            let looked = match manifest.phase {
                Phase::Done => next(job, storage, manifest, round),
                _ => current(job, storage, manifest, round),
            };
            return match looked {
                Ok(looked) => {
                    (found.inputs, found.moved) = (looked.findings, looked.moved);
                    Vec::new()
                }
                Err(error) => {
                    problems.push(error);
                    manifest.inputs.iter().map(|input| PathBuf::from(&input.path)).collect()
                }
            };
        }
        let job = &job.of_round(1);
        let (mut present, mut unread) = (Vec::new(), Vec::new());
        for pattern in &job.source.paths {
            match discover_present(storage, &job.folder, std::slice::from_ref(pattern)) {
                Ok(paths) => present.extend(paths),
                Err(error) => problems.push(error),
            }
        }
        let chosen = choose(job, present, Some(manifest));
        for input in &manifest.inputs {
            let (name, consumed) = (PathBuf::from(&input.path), input.fingerprint.consumed);
            if chosen.gone.contains(&name) {
                // It may be what could not be looked at.
                match problems.is_empty()
                    || is_gone(storage, &job.folder.join(&name)).is_ok_and(|is| is)
                {
                    true => found.inputs.push(InputFinding { name, consumed, comparison: None }),
                    false => unread.push(name),
                }
                continue;
            }
            match compare_input(job, world, input) {
                Ok(finding) => found.inputs.push(finding),
                Err(error) => {
                    problems.push(error);
                    unread.push(name);
                }
            }
        }
        found.new_inputs = chosen.new;
        unread
    }

    fn look_at_references(&self, found: &mut Found, problems: &mut Vec<Error>) {
        let Compared { job, command, world, manifest, .. } = *self;
        let is_over = matches!(manifest.phase, Phase::Publishing | Phase::Done);
        if manifest.round.is_some() && is_over {
            return;
        }
        match Inputs::none(job, &*world.storage) {
            Ok(inputs) => found.references = compare_references(&inputs, manifest),
            Err(error) if error.kind == Kind::NoInput => {
                problems.push(gone(command, error, manifest.phase));
            }
            Err(error) => problems.push(error),
        }
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

    /// Compares the outputs; those that are as they were go into `outputs`, the paths of the others into `differing`.
    fn outputs(
        &self,
        problems: &mut Vec<Error>,
        outputs: &mut Vec<(PathBuf, u64)>,
        differing: &mut Vec<PathBuf>,
    ) {
        let job = self.job.of_round(self.manifest.round.as_ref().map_or(1, |round| round.number));
        // A job with other outputs than its checkpoint is told as such.
        let Ok(known) = known(&job, &self.manifest.outputs) else { return };
        for (plan, entry) in known {
            let Some(entry) = entry else { continue };
            let problem = match self.standing(&job, &plan, entry) {
                Ok(Standing::At(path)) => {
                    outputs.push((path, entry.length));
                    continue;
                }
                Ok(Standing::Nowhere) => continue,
                Ok(Standing::Differs(path)) => match self.difference(&path, entry.length) {
                    Ok(why) => not_as_written(self.sequence, &path, &why),
                    Err(error) => error,
                },
                Err(error) => error,
            };
            problems.push(problem);
            differing.push(plan.target);
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

/// Whether something is wrong with the inputs, or with the files that steps look things up in.
fn are_others(found: &Found, unreadable: &[Error]) -> bool {
    let is_reference = !found.references.is_empty();
    is_reference || !unreadable.is_empty() || found.inputs.iter().any(is_other)
}

fn is_other(input: &InputFinding) -> bool {
    !matches!(input.comparison, Some(Comparison::Same | Comparison::SameButTouched))
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
