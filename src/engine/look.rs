//! Looking at a job without running it: binding it, and saying what a run would do.

use super::copies;
use super::decision::{Decision, Found, News, Past, decide, notes};
use super::inputs::Inputs;
use super::plan::{Plan, Purpose};
use super::rounds::next;
use super::survey::{Survey, survey};
use super::world::{RunOptions, World};
use crate::checkpoint::{Folder, Holder, Loaded, Manifest, Phase, Sequence, Trust};
use crate::error::{Error, Kind, Result};
use crate::job::Job;
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

/// Says what a run would do. Changes nothing, and is safe while a run goes on.
pub fn outlook(job: &Job, command: &str, options: &RunOptions, world: &World) -> Result<Outlook> {
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
    let newest = loaded.newest.as_ref().map(|newest| (newest.id.sequence, newest.manifest.clone()));
    let refused =
        loaded.refused.iter().map(|one| (one.file_name(), one.reason.to_string())).collect();
    let Survey { inputs, mut facts, .. } =
        match survey(job, command, options, world, loaded, checkpoints) {
            Ok(survey) => survey,
            Err(error) if error.kind == Kind::Refused => {
                let decision = Decision::Refuse(error);
                let (notes, inputs) = (Vec::new(), Vec::new());
                return Ok(Outlook {
                    decision,
                    newest,
                    refused,
                    running,
                    notes,
                    found: None,
                    inputs,
                });
            }
            Err(error) => return Err(error),
        };
    let decision = decide(&mut facts);
    let mut all_notes = inputs.notes.clone();
    if let (Some(path), Some((sequence, _))) = (from, &newest) {
        let place = path.display();
        all_notes.push(format!("checkpoint {} is taken from its copy in `{place}`", sequence.0));
    }
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
