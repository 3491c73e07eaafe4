//! Looking at a job without running it: binding it, and saying what a run would do.

use super::copies;
use super::decision::{Decision, Found, News, Past, decide, notes};
use super::inputs::Inputs;
use super::plan::{Plan, Purpose, SEMANTICS_VERSION};
use super::rounds::next;
use super::survey::{Survey, survey};
use super::world::{RunOptions, StartMode, World};
use crate::checkpoint::{Folder, Holder, Loaded, Manifest, Phase, Sequence, Trust};
use crate::error::{Error, Kind, Result};
use crate::job::Job;
use crate::job::diff::{Change, ChangeClass, Stage, diff};
use std::path::PathBuf;

/// A job bound to its inputs.
#[derive(Debug)]
pub struct Bound {
    /// Its inputs.
    pub inputs: Inputs,
    /// Its steps.
    pub plan: Plan,
}

/// What a run would do.
pub struct Outlook {
    /// Start, resume, publish, nothing, or refuse.
    pub decision: Decision,
    /// What it would go on from.
    pub newest: Option<(Sequence, Manifest)>,
    /// Checkpoint files that it would pass over, with the reasons.
    pub refused: Vec<(String, String)>,
    /// The process that runs the job now; `None` inside where it is not known.
    pub running: Option<Option<Holder>>,
    /// What a user may want to know.
    pub notes: Vec<String>,
    /// How the checkpoint compares with job, inputs and outputs.
    pub found: Option<Box<Found>>,
    /// The inputs, with their sizes.
    pub inputs: Vec<(PathBuf, u64)>,
}

/// Reads the inputs' headers and binds the job to them.
pub fn bind(job: &Job, world: &World) -> Result<Bound> {
    let paths = Inputs::discover(job, &*world.storage)?;
    let inputs = Inputs::open(job, &*world.storage, &paths)?;
    let now = world.clock.wall_micros();
    let plan = Plan::bind(job, &inputs, now, Purpose::Run).map_err(Error::job_file)?;
    Ok(Bound { inputs, plan })
}

/// What a run would go on from.
pub(super) struct Peeked {
    pub(super) loaded: Loaded,
    /// How many checkpoints are in the job's own folder.
    pub(super) checkpoints: usize,
    running: Option<Option<Holder>>,
    /// The folder of copies that the newest one is in, where that is not the job's own.
    from: Option<PathBuf>,
}

/// Looks what a run would go on from.
pub(super) fn peek(job: &Job, options: &RunOptions, world: &World) -> Result<Peeked> {
    let mut running = None;
    let (loaded, checkpoints) = match folder(job, world, options.trust())? {
        Some(folder) => {
            if folder.is_locked()? {
                running = Some(folder.holder());
            }
            (folder.peek()?, folder.list()?.len())
        }
        None => (Loaded { newest: None, refused: Vec::new(), sequence_max: Sequence(0) }, 0),
    };
    let copy = copies::newest_copy(job, world, options.trust(), &loaded);
    let (loaded, from) = match copy {
        Some((copied, path)) => (copied, Some(path)),
        None => (loaded, None),
    };
    Ok(Peeked { loaded, checkpoints, running, from })
}

/// What is left of a job of which all is written and only names are missing. Nobody needs its inputs any more, so neither
/// they nor what it reads besides are looked at.
pub(super) fn only_to_publish<'a>(
    job: &Job,
    options: &RunOptions,
    loaded: &'a Loaded,
) -> Option<&'a Manifest> {
    let manifest = &loaded.newest.as_ref()?.manifest;
    let is_cosmetic = |change: &Change| change.class() == ChangeClass::Cosmetic;
    let is_so = manifest.phase == Phase::Publishing
        && manifest.round.is_none()
        && options.start == StartMode::Resume
        && manifest.semantics == SEMANTICS_VERSION
        && diff(&manifest.job, &job.effective, Stage::Ended).changes.iter().all(is_cosmetic);
    is_so.then_some(manifest)
}

/// Says what a run would do. Changes nothing, and is safe while a run goes on.
pub fn outlook(job: &Job, command: &str, options: &RunOptions, world: &World) -> Result<Outlook> {
    outlook_of(job, command, options, world, peek(job, options, world)?)
}

/// Says what a run would do that goes on from what was found.
pub(super) fn outlook_of(
    job: &Job,
    command: &str,
    options: &RunOptions,
    world: &World,
    peeked: Peeked,
) -> Result<Outlook> {
    let Peeked { loaded, checkpoints, running, from } = peeked;
    let newest = loaded.newest.as_ref().map(|newest| (newest.id.sequence, newest.manifest.clone()));
    let refused =
        loaded.refused.iter().map(|one| (one.file_name(), one.reason.to_string())).collect();
    let of_copy = from.as_ref().zip(newest.as_ref()).map(|(path, (sequence, _))| {
        let place = path.display();
        format!("checkpoint {} is taken from its copy in `{place}`", sequence.0)
    });
    let plain = |decision, newest, refused, running| Outlook {
        decision,
        newest,
        refused,
        running,
        notes: Vec::new(),
        found: None,
        inputs: Vec::new(),
    };
    if only_to_publish(job, options, &loaded).is_some() {
        let outlook = plain(Decision::Publish, newest, refused, running);
        return Ok(Outlook { notes: of_copy.into_iter().collect(), ..outlook });
    }
    let surveyed = survey(job, command, options, world, loaded, checkpoints);
    let Survey { inputs, mut facts, .. } = match surveyed {
        Ok(survey) => survey,
        Err(error) if error.kind == Kind::Refused => {
            return Ok(plain(Decision::Refuse(error), newest, refused, running));
        }
        Err(error) => return Err(error),
    };
    let decision = decide(&mut facts);
    let mut all_notes = inputs.notes.clone();
    all_notes.extend(of_copy);
    let found = match facts.past {
        Past::Checkpoint(found) => {
            // They say what is going to be, which is nothing.
            if !matches!(decision, Decision::Refuse(_)) {
                all_notes.extend(notes(&found));
            }
            Some(found)
        }
        Past::Nothing | Past::Unusable { .. } => None,
    };
    let inputs = inputs.files.iter().map(|file| (file.name.clone(), file.bytes())).collect();
    Ok(Outlook { decision, newest, refused, running, notes: all_notes, found, inputs })
}

/// What is new of the inputs of an incremental job since the round that a checkpoint says is done.
pub fn news(job: &Job, manifest: &Manifest, world: &World) -> Result<Vec<News>> {
    match &manifest.round {
        Some(round) if job.is_incremental() && manifest.phase == Phase::Done => {
            Ok(next(job, &*world.storage, manifest, round)?.news)
        }
        _ => Ok(Vec::new()),
    }
}

/// The job's folder, where it is there.
pub fn folder(job: &Job, world: &World, trust: Trust) -> Result<Option<Folder>> {
    if job.is_to_stdout() {
        return Ok(None);
    }
    let (storage, clock) = (world.storage.clone(), world.clock.clone());
    Folder::open_existing(storage, clock, &job.checkpoint.directory, trust)
}
