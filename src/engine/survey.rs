//! Looks at the job, its inputs, its checkpoints and its outputs, and changes nothing.

use super::carry::Carrying;
use super::decision::{Facts, Found, InputFinding, Past, changed_inputs, changed_references};
use super::inputs::Inputs;
use super::output::{OutputPlan, Permission, is_untouched, known, mark_of, planned};
use super::partitions::attach_tails;
use super::plan::{Plan, Purpose, SEMANTICS_VERSION};
use super::round_survey::survey_round;
use super::world::{RunOptions, StartMode, World};
use crate::checkpoint::{
    self, InputEntry, Loaded, Manifest, OutputEntry, Phase, ReferenceEntry, Refused, Round,
    Sequence, Standing, Trust,
};
use crate::error::{Error, Kind, Result};
use crate::job::Job;
use crate::job::diff::{Differences, Effect, Stage, diff};
use crate::record::Fingerprint;
use crate::sink::{Inspected, Mark, Mismatch};
use crate::source::fingerprint::compare;
use crate::storage::{Existing, OpenMode};
use crate::transform::States;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// All that can be known before anything is changed.
pub struct Survey {
    /// The job; of an incremental one with the outputs of the round that a run would work on.
    pub job: Job,
    /// That round.
    pub round: Option<Round>,
    /// Of a round, the fingerprints of what was read of its inputs.
    pub known: Option<Vec<Fingerprint>>,
    /// The inputs that a run reads.
    pub inputs: Inputs,
    /// The bound job.
    pub plan: Plan,
    /// What the decision rests on.
    pub facts: Facts,
    /// The newest usable checkpoint, unless the user starts over.
    pub newest: Option<Restored>,
    /// What the newest checkpoint says, even if the user starts over.
    pub past: Option<Manifest>,
}

/// A checkpoint, made usable.
pub struct Restored {
    /// What it says.
    pub manifest: Manifest,
    /// Its number.
    pub sequence: u64,
    /// The states of the steps.
    pub states: States,
    /// The outputs that can be rewound, by role; empty once they are being published.
    pub outputs: Vec<RestoredOutput>,
}

/// An output that can be rewound, or that is still to be made.
pub struct RestoredOutput {
    /// Where it goes.
    pub plan: OutputPlan,
    /// What an earlier run made of it.
    pub past: OutputPast,
}

/// What an earlier run made of an output.
pub enum OutputPast {
    /// It has a staged file, and this is the permission to rewind it.
    Written {
        /// The permission.
        inspected: Inspected,
        /// Records in it.
        records: u64,
        /// What publishing may do.
        permission: Permission,
        /// What it began with.
        extends: Option<Standing>,
    },
    /// The same for a partition. There may be more of them than files can be open: it was inspected, and will be again.
    Partition {
        /// What the checkpoint says of it.
        mark: Mark,
        /// Records in it.
        records: u64,
        /// What publishing may do.
        permission: Permission,
    },
    /// It holds no records, and gets another first line: from the start on, once a checkpoint says so.
    Restart {
        /// What publishing may do.
        permission: Permission,
    },
    /// Nothing was written yet. It has no staged file, or one with nothing in it that is needed.
    Blank {
        /// Records of what it begins with.
        records: u64,
        /// What publishing may do.
        permission: Permission,
        /// What it begins with.
        extends: Option<Standing>,
    },
    /// It has its final name.
    Published(OutputEntry),
    /// The job had no such output then.
    New,
}

impl OutputPast {
    fn permission(&self) -> Option<Permission> {
        match self {
            OutputPast::Written { permission, .. }
            | OutputPast::Partition { permission, .. }
            | OutputPast::Restart { permission }
            | OutputPast::Blank { permission, .. } => Some(*permission),
            OutputPast::Published(_) | OutputPast::New => None,
        }
    }
}

/// Looks at everything.
pub fn survey(
    job: &Job,
    command: &str,
    options: &RunOptions,
    world: &World,
    loaded: Loaded,
    checkpoints: usize,
) -> Result<Survey> {
    if options.start == StartMode::Resume
        && job.is_incremental()
        && loaded.newest.as_ref().is_some_and(|newest| newest.manifest.round.is_some())
        && let Some(newest) = loaded.newest
    {
        return survey_round(job, command, options, world, newest, checkpoints);
    }
    let storage = &*world.storage;
    let job = &job.of_round(1);
    let discovered = Inputs::discover(job, storage).map_err(|error| match &loaded.newest {
        Some(newest) if options.start == StartMode::Resume && error.kind == Kind::NoInput => {
            gone(command, error, newest.manifest.phase)
        }
        _ => error,
    })?;
    let Loaded { newest, refused, .. } = loaded;
    let had_newest = newest.is_some();
    let past = newest.as_ref().map(|newest| newest.manifest.clone());
    let newest = newest.filter(|_| options.start == StartMode::Resume);
    let known = newest.as_ref().map(|newest| &newest.manifest);
    let chosen = choose(job, discovered, known);
    let mut found = match &newest {
        Some(newest) => Some(compare_job(job, world, newest, checkpoints, &chosen)?),
        None => None,
    };
    let is_same_mode = known.is_none_or(|known| known.round.is_some() == job.is_incremental());
    // A changed input may have other columns, which would only hide what is wrong.
    let refusal = found.as_ref().and_then(|found| changed_inputs(command, found));
    if let Some(refusal) = refusal.filter(|_| is_same_mode) {
        return Err(refusal);
    }
    let inputs = Inputs::open(job, storage, &chosen.paths).map_err(|error| match known {
        Some(known) if error.kind == Kind::NoInput => gone(command, error, known.phase),
        _ => error,
    })?;
    if let Some((found, known)) = found.as_mut().zip(known) {
        found.references = compare_references(&inputs, known);
        if let Some(refusal) = changed_references(command, found) {
            return Err(refusal);
        }
    }
    let now = known.map_or(world.clock.wall_micros(), |known| known.first_started_at_micros);
    let plan = Plan::bind(job, &inputs, now, Purpose::Run).map_err(Error::job_file)?;

    let mut restored = None;
    let past_found = match newest.zip(found.take()) {
        Some((newest, mut found)) => {
            restored = Some(restore(job, world, options, &plan, &inputs, newest, &mut found)?);
            Past::Checkpoint(Box::new(found))
        }
        None if had_newest => Past::Nothing,
        None => without_checkpoint(&refused),
    };
    let blocked = match &restored {
        Some(restored) => blocked_resume(options, world, restored),
        None => blocked_start(job, options, world, &inputs, past.as_ref()),
    };
    let facts = Facts::new(options, command, past_found, blocked.err());
    let round = job.is_incremental().then(|| Round { number: 1, ..Round::default() });
    let (job, known) = (job.clone(), None);
    Ok(Survey { job, round, known, inputs, plan, facts, newest: restored, past })
}

/// What it means that none of the checkpoints is usable.
fn without_checkpoint(refused: &[Refused]) -> Past {
    if refused.is_empty() {
        return Past::Nothing;
    }
    let told = |one: &Refused| (one.file_name(), one.reason.to_string());
    Past::Unusable { refused: refused.iter().map(told).collect() }
}

/// Whether the outputs can be made.
fn blocked_start(
    job: &Job,
    options: &RunOptions,
    world: &World,
    inputs: &Inputs,
    past: Option<&Manifest>,
) -> Result<()> {
    let past = past.map_or(&[][..], |past| &past.outputs);
    let overwrite = options.overwrite || job.is_to_stdout();
    for plan in planned(job) {
        plan.check(world, "start", &inputs.known(), past, overwrite || plan.overwrite)?;
    }
    Ok(())
}

/// Whether publishing will be able to give the outputs their names: better known now than after the work.
pub(super) fn blocked_resume(
    options: &RunOptions,
    world: &World,
    restored: &Restored,
) -> Result<()> {
    for RestoredOutput { plan, past } in &restored.outputs {
        let overwrite = options.overwrite || plan.overwrite;
        if let Some(permission) = past.permission() {
            plan.check_vacant(world, permission.widened(overwrite).existing)?;
        }
    }
    Ok(())
}

/// An input that is not found is a difference to the checkpoint, not a mistake in the job file.
pub(super) fn gone(command: &str, error: Error, phase: Phase) -> Error {
    let since = match phase {
        Phase::Done => "the job has finished, and since then",
        Phase::Reading | Phase::Draining | Phase::Publishing => "cannot resume:",
    };
    let message = format!("{since} {}", error.message);
    let hint = format!("restore the file, or start over with `{command} --fresh`");
    Error { kind: Kind::Refused, message, ..error }.with_hint(hint)
}

/// Which of the discovered inputs a run reads.
pub(super) struct Chosen {
    paths: Vec<PathBuf>,
    /// Those that the checkpoint knows and the job does not find.
    pub(super) gone: Vec<PathBuf>,
    /// Those that the checkpoint does not know.
    pub(super) new: Vec<PathBuf>,
}

/// A started job keeps the inputs it began with, as far as it still names them: a path that the job does not name is
/// never opened, whatever a checkpoint says.
pub(super) fn choose(job: &Job, discovered: Vec<PathBuf>, known: Option<&Manifest>) -> Chosen {
    let Some(known) = known else {
        return Chosen { paths: discovered, gone: Vec::new(), new: Vec::new() };
    };
    let name =
        |path: &Path| path.strip_prefix(&job.folder).unwrap_or(path).to_string_lossy().into_owned();
    let mut chosen = Chosen { paths: Vec::new(), gone: Vec::new(), new: Vec::new() };
    for input in &known.inputs {
        match discovered.iter().find(|path| name(path) == input.path) {
            Some(path) => chosen.paths.push(path.clone()),
            None => chosen.gone.push(PathBuf::from(&input.path)),
        }
    }
    let is_known = |path: &Path| known.inputs.iter().any(|input| input.path == name(path));
    let new = discovered.iter().filter(|path| !is_known(path));
    chosen.new = new.map(|path| PathBuf::from(name(path))).collect();
    chosen
}

/// Compares job and inputs with a checkpoint.
fn compare_job(
    job: &Job,
    world: &World,
    newest: &checkpoint::Restored,
    checkpoints: usize,
    chosen: &Chosen,
) -> Result<Found> {
    let inputs = compare_inputs(job, world, &newest.manifest, chosen)?;
    let new_inputs = chosen.new.clone();
    let (sequence, manifest) = (newest.id.sequence, &newest.manifest);
    Ok(Found { inputs, new_inputs, ..found_of(job, sequence, manifest, checkpoints) })
}

/// What is found of a checkpoint without looking at inputs and outputs.
pub(super) fn found_of(
    job: &Job,
    sequence: Sequence,
    manifest: &Manifest,
    checkpoints: usize,
) -> Found {
    let Differences { changes, origins } = changes(job, manifest);
    Found {
        sequence: sequence.0,
        checkpoints,
        phase: manifest.phase,
        semantics: (manifest.semantics, SEMANTICS_VERSION),
        records: manifest.counters.records_read,
        changes,
        origins,
        restarts: BTreeSet::new(),
        unreadable_states: Vec::new(),
        inputs: Vec::new(),
        references: Vec::new(),
        new_inputs: Vec::new(),
        is_incremental: job.is_incremental() && manifest.round.is_some(),
        news: Vec::new(),
        moved: Vec::new(),
        broken_outputs: Vec::new(),
        lost_outputs: Vec::new(),
    }
}

/// Reads states and outputs of a checkpoint; what is wrong with them goes into `found`.
pub(super) fn restore(
    job: &Job,
    world: &World,
    options: &RunOptions,
    plan: &Plan,
    inputs: &Inputs,
    newest: checkpoint::Restored,
    found: &mut Found,
) -> Result<Restored> {
    let checkpoint::Restored { id, mut manifest, states, .. } = newest;
    let sequence = id.sequence.0;
    if matches!(manifest.phase, Phase::Reading | Phase::Draining) {
        attach_tails(&mut manifest.outputs, &states)?;
    }
    let saved = states.as_slice();
    let states = Carrying { job, plan, inputs, manifest: &manifest, saved }.restore(found);
    let mut outputs = Vec::new();
    let entries = std::mem::take(&mut manifest.outputs);
    // Only a job that fits its checkpoint has the same outputs.
    let known_outputs = if found.fits() { known(job, &entries)? } else { Vec::new() };
    for (output, entry) in known_outputs {
        let Some(entry) = entry else {
            outputs.push(RestoredOutput { plan: output, past: OutputPast::New });
            continue;
        };
        match manifest.phase {
            Phase::Reading | Phase::Draining => {
                let instance = manifest.instance.to_string();
                match written(world, options.trust(), &output, entry, &instance, found)? {
                    Ok(past) => outputs.push(RestoredOutput { plan: output, past }),
                    Err(mismatch) => found.broken_outputs.push((output.target, mismatch)),
                }
            }
            Phase::Publishing => {
                let past = OutputPast::Published(entry.clone());
                outputs.push(RestoredOutput { plan: output, past });
            }
            // Parts may be taken away by whoever reads them.
            Phase::Done if job.is_incremental() && output.is_of_round(job) => {}
            Phase::Done => {
                let metadata = world.storage.metadata(&output.target);
                if metadata.map_or(true, |metadata| metadata.length != entry.length) {
                    found.lost_outputs.push(output.target);
                }
            }
        }
    }
    manifest.outputs = entries;
    Ok(Restored { manifest, sequence, states, outputs })
}

/// What an earlier run made of an output that was not finished.
fn written(
    world: &World,
    trust: Trust,
    output: &OutputPlan,
    entry: &OutputEntry,
    instance: &str,
    found: &Found,
) -> Result<std::result::Result<OutputPast, Mismatch>> {
    let existing = if entry.replaces { Existing::Replace } else { Existing::Keep };
    let permission = Permission { existing, ours: entry.ours };
    let (extends, records) = (entry.extends, entry.records);
    if is_untouched(output, entry) {
        return Ok(Ok(OutputPast::Blank { records, permission, extends }));
    }
    let mark = mark_of(entry)?;
    Ok(match output.inspect(world, instance, &mark)? {
        Ok(inspected) if trust == Trust::OwnOnly && !inspected.is_ours() => Err(Mismatch::NotOurs),
        Ok(_) if output.is_partition() => Ok(OutputPast::Partition { mark, records, permission }),
        Ok(_) if found.restarts.contains(&entry.name) => Ok(OutputPast::Restart { permission }),
        Ok(inspected) => Ok(OutputPast::Written { inspected, records, permission, extends }),
        Err(Mismatch::Missing) if entry.length == 0 => {
            Ok(OutputPast::Blank { records: 0, permission, extends })
        }
        Err(mismatch) => Err(mismatch),
    })
}

/// What changed in the job. A file for rejects may come in the middle as long as there were none: it is then the same
/// as if it had been there from the start.
fn changes(job: &Job, manifest: &Manifest) -> Differences {
    let mut found = diff(&manifest.job, &job.effective, stage(manifest));
    let is_under_way = matches!(manifest.phase, Phase::Reading | Phase::Draining);
    if is_under_way && manifest.counters.records_rejected == 0 {
        for change in &mut found.changes {
            if change.path == "rejects.path" && change.stored.is_null() {
                change.effect = Effect::None;
            }
        }
    }
    found
}

/// How far a job has come with its input. One that has finished before has given what waits for the end.
pub(super) fn stage(manifest: &Manifest) -> Stage {
    match manifest.phase {
        Phase::Reading if manifest.round.is_none() => Stage::Reading,
        Phase::Reading | Phase::Draining | Phase::Publishing | Phase::Done => Stage::Ended,
    }
}

fn compare_inputs(
    job: &Job,
    world: &World,
    manifest: &Manifest,
    chosen: &Chosen,
) -> Result<Vec<InputFinding>> {
    let mut findings = Vec::new();
    for input in &manifest.inputs {
        let name = PathBuf::from(&input.path);
        let consumed = input.fingerprint.consumed;
        if chosen.gone.contains(&name) {
            findings.push(InputFinding { name, consumed, comparison: None });
            continue;
        }
        findings.push(compare_input(job, world, input)?);
    }
    Ok(findings)
}

/// Compares an input that is there with what a checkpoint says of it.
pub(super) fn compare_input(job: &Job, world: &World, input: &InputEntry) -> Result<InputFinding> {
    let name = PathBuf::from(&input.path);
    let consumed = input.fingerprint.consumed;
    let path = job.folder.join(&name);
    let reading = |cause| Error::io("read", &path, cause);
    let file = world.storage.open(&path, OpenMode::ReadInput).map_err(reading)?;
    let comparison = compare(&*file, &input.fingerprint).map_err(reading)?;
    Ok(InputFinding { name, consumed, comparison: Some(comparison) })
}

/// The files that steps look things up in and that are not what they were. A job that names others has changed, which is
/// told as such.
pub(super) fn compare_references(
    inputs: &Inputs,
    manifest: &Manifest,
) -> Vec<(ReferenceEntry, ReferenceEntry)> {
    let now = inputs.references.iter().map(|file| file.entry());
    let pairs = manifest.references.iter().cloned().zip(now);
    pairs.filter(|(stored, now)| stored.path == now.path && stored != now).collect()
}
