//! From a job to a run that can begin: lock, look, decide, and only then change anything.

use super::arrivals::sweep_arrivals;
use super::copies::{self, Opened};
use super::decision::{Decision, Past, decide, notes};
use super::inputs::Inputs;
use super::look::{folder, only_to_publish};
use super::mistakes;
use super::ordered::{Beginning, Identity};
use super::output::{Output, planned};
use super::outputs::{Outputs, publish_again};
use super::owner::check_owner;
use super::partitions::{Admission, earlier, earlier_of};
use super::plan::{Plan, Purpose};
use super::rewinding::{
    check_leftover_partitions, patterns, rewind_all, sweep_partitions, tell_leftovers,
};
use super::rounds::{next_output, nothing_new};
use super::spills::FolderSpills;
use super::survey::{Restored, Survey, survey};
use super::world::{RunOptions, StartMode, World};
use crate::checkpoint::{
    Checkpoint, Counters, Folder, FreshStart, Loaded, Manifest, Phase, Round, RunId, SaveError,
    Sequence, Store, Trigger,
};
use crate::error::{Error, Result};
use crate::job::Job;
use crate::observe::Event;
use crate::record::Fingerprint;
use crate::sink::{PathPattern, discard, refuse_other_writers};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What preparing came to.
pub enum Prepared {
    /// A run can begin.
    Ready(Box<Ready>),
    /// Nothing is left to do; the manifest of what was published.
    Finished(Box<Manifest>),
}

/// A run that can begin.
pub struct Ready {
    /// The job; of an incremental one with the outputs of the round.
    pub job: Job,
    /// The bound job.
    pub plan: Plan,
    /// Its inputs.
    pub inputs: Inputs,
    /// Where it begins.
    pub beginning: Beginning,
    /// The fingerprints of the inputs, where it goes on.
    pub known: Option<Vec<Fingerprint>>,
    /// The job's locked folder; `None` where the run cannot be resumed.
    pub store: Option<Store>,
    /// The folders of copies.
    pub copies: Vec<Opened>,
    /// Where the plan puts spills; `None` where that is in memory.
    pub spills: Option<FolderSpills>,
    /// What it goes on from.
    pub resumed: Option<Resumed>,
}

/// What a run goes on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resumed {
    /// The checkpoint.
    pub sequence: u64,
    /// Records of all inputs before it.
    pub records: u64,
    /// Whether the steps are not those that it was made with: then no later checkpoint can build on it.
    pub is_changed: bool,
}

/// Prepares a run. Until every check has passed nothing is changed but the job's folder, its lock, and our own
/// left-over temporary files.
pub fn prepare(job: &Job, command: &str, options: &RunOptions, world: &World) -> Result<Prepared> {
    if let Some(manifest) = nothing_new(job, options, world)? {
        return Ok(Prepared::Finished(Box::new(manifest)));
    }
    if job.is_to_stdout() {
        tell(world, "output to `-` cannot be resumed: this run takes no checkpoints");
        let survey = survey(job, command, options, world, nothing(), 0)?;
        tell_notes(world, &survey.inputs.notes);
        return start(options, world, survey, None, Vec::new());
    }
    let has_past = match folder(job, world, options.trust())? {
        Some(folder) => !folder.list()?.is_empty(),
        None => false,
    };
    if !has_past {
        // First without the folder: a broken job leaves nothing behind.
        survey(job, command, options, world, nothing(), 0)?;
    }
    let (storage, clock) = (world.storage.clone(), world.clock.clone());
    let folder = Folder::open(storage, clock, &job.checkpoint.directory, options.trust())?;
    let mut store = folder.lock(&world.holder, &mut |span| (world.pause)(span))?;
    store.sweep()?;
    tell_durability(job, world);
    let (mut loaded, copies) = load(job, options, world, &mut store)?;
    mistakes::make(job, world, &store, &mut loaded);
    sweep_arrivals(job, world, &store, Some(&loaded))?;
    if let Some(manifest) = only_to_publish(job, options, &loaded).cloned() {
        return publish(job, options, world, manifest, store);
    }
    let checkpoints = store.folder().list()?.len();
    let mut survey = survey(job, command, options, world, loaded, checkpoints)?;
    tell_notes(world, &survey.inputs.notes);
    let decision = decide(&mut survey.facts);
    if let (false, Past::Checkpoint(found)) =
        (matches!(decision, Decision::Start | Decision::Refuse(_)), &survey.facts.past)
    {
        notes(found).iter().for_each(|note| tell(world, note));
    }
    match decision {
        Decision::Refuse(error) => Err(error),
        Decision::Start => start(options, world, survey, Some(store), copies),
        Decision::Resume => resume(options, world, survey, store, copies),
        Decision::TakeNew => begin_round(options, world, survey, store, copies),
        Decision::Publish if survey.round.is_some() => {
            publish_round(options, world, survey, store, copies)
        }
        Decision::Publish => publish(job, options, world, newest(survey).manifest, store),
        Decision::Finished => {
            let manifest = newest(survey).manifest;
            if manifest.round.is_none() && !store.is_tidy(1)? {
                // An earlier run was stopped before it could delete what is no longer needed.
                save_done(&mut store, &manifest)?;
            }
            discard_unfinished(job, world, &manifest.instance.to_string())?;
            Ok(Prepared::Finished(Box::new(manifest)))
        }
    }
}

/// The newest checkpoint of the job's own folder and the copies, and the folders of these.
fn load(
    job: &Job,
    options: &RunOptions,
    world: &World,
    store: &mut Store,
) -> Result<(Loaded, Vec<Opened>)> {
    let mut loaded = store.load()?;
    if options.start == StartMode::Fresh {
        let newest = loaded.newest.as_ref().map(|newest| &newest.manifest);
        check_owner(job, store.folder(), newest)?;
    }
    let known = loaded.newest.as_ref().map(|newest| newest.manifest.instance);
    let copies = copies::open(job, options, world, known)?;
    if copies::bring_newest(&copies, store, &loaded, options.start, world)? {
        loaded = store.load()?;
    }
    if options.start == StartMode::Resume && copies::bring_savepoints(&copies, store, world)? {
        loaded = store.load()?;
    }
    store.sweep_spills(&loaded)?;
    if options.start == StartMode::Fresh {
        store.check_no_savepoints()?;
    }
    for refused in &loaded.refused {
        let (file, reason) = (refused.file_name().into(), refused.reason.to_string());
        world.observer.event(Event::Refused { file, reason });
    }
    Ok((loaded, copies))
}

fn nothing() -> Loaded {
    Loaded { newest: None, refused: Vec::new(), sequence_max: Sequence(0) }
}

/// Where files live in memory only, a checkpoint survives the process and not the machine.
fn tell_durability(job: &Job, world: &World) {
    let roots = patterns(job).map(PathPattern::root);
    let folders = planned(job).into_iter().map(|plan| plan.name("").folder).chain(roots);
    let mut folders: Vec<PathBuf> =
        std::iter::once(job.checkpoint.directory.clone()).chain(folders).collect();
    folders.dedup();
    let kinds = folders.iter().map(|folder| (folder, world.storage.volatile_kind(folder)));
    if let Some((folder, Some(kind))) = kinds.into_iter().find(|(_, kind)| kind.is_some()) {
        let folder = folder.display();
        let note = "the job survives a crash of the process, not of the machine";
        tell(world, &format!("`{folder}` is on {kind}: {note}"));
    }
}

/// The first notes about the inputs; a file with a hundred nameless columns has a hundred.
fn tell_notes(world: &World, notes: &[String]) {
    const NOTES_SHOWN: usize = 3;
    notes.iter().take(NOTES_SHOWN).for_each(|note| tell(world, note));
    if notes.len() > NOTES_SHOWN {
        let more = notes.len() - NOTES_SHOWN;
        tell(world, &format!("and {more} more such columns; `onward check` lists them all"));
    }
}

pub(super) fn tell(world: &World, note: &str) {
    world.observer.event(Event::Note(note.to_owned()));
}

fn newest(survey: Survey) -> Restored {
    survey.newest.expect("a decision to go on rests on a checkpoint")
}

fn newest_of(survey: &Survey) -> &Restored {
    survey.newest.as_ref().expect("a decision to go on rests on a checkpoint")
}

/// Begins with the first record.
fn start(
    options: &RunOptions,
    world: &World,
    survey: Survey,
    mut store: Option<Store>,
    mut copies: Vec<Opened>,
) -> Result<Prepared> {
    let Survey { job, round, inputs, past, .. } = survey;
    // Of a run that cannot be resumed nobody knows the id later: what a killed one left must be found by its name.
    let instance = match store {
        Some(_) => RunId::random(&*world.clock),
        None => RunId::default(),
    };
    let now = world.clock.wall_micros();
    let known = inputs.known();
    let ours = past.as_ref().map_or_else(Vec::new, |manifest| manifest.outputs.clone());
    let overwrite = options.overwrite || store.is_none();
    let mut outputs = Vec::new();
    let name = instance.to_string();
    for plan in planned(&job) {
        refuse_other_writers(&*world.storage, &plan.name(&name))?;
        tell_leftovers(world, &plan.name(&name), past.as_ref())?;
        let permission = plan.check(world, &name, &known, &ours, overwrite || plan.overwrite)?;
        if store.is_none() {
            discard(&*world.storage, &plan.name(&name))?;
        }
        let output = Output::planned(&plan, &name, permission);
        outputs.push((plan, output));
    }
    check_leftover_partitions(&job, world, past.as_ref())?;
    let earlier = past.as_ref().map(earlier).unwrap_or_default();
    let admission = Admission::new(name, known, overwrite, earlier);
    if let Some(store) = &mut store
        && options.start == StartMode::Fresh
    {
        copies::check_no_savepoints(&copies)?;
        give_up(&job, world, store, past.as_ref())?;
        copies::give_up(&mut copies)?;
    }
    // `now()` was bound to another moment when the job was looked at.
    let mut plan = Plan::bind(&job, &inputs, now, Purpose::Run).map_err(Error::job_file)?;
    let spills = store.as_ref().map(|store| lend_spills(world, &mut plan, store, vec![instance]));
    let beginning = Beginning {
        identity: Identity {
            instance,
            run: instance,
            run_started_at_micros: now,
            first_started_at_micros: now,
            origins: Vec::new(),
        },
        position: inputs.start_of(0),
        counters: Counters::default(),
        phase: Phase::Reading,
        states: plan.chain.new_states(),
        outputs: Outputs::new(&job, outputs, admission)?,
        is_new: true,
        round: round.map(|round| Round { started_at_micros: now, ..round }),
    };
    show_totals(world, &inputs, 0);
    let ready =
        Ready { job, plan, inputs, beginning, known: None, store, copies, spills, resumed: None };
    Ok(Prepared::Ready(Box::new(ready)))
}

/// Gives up what earlier starts left: their checkpoints and their unfinished outputs.
fn give_up(job: &Job, world: &World, store: &mut Store, past: Option<&Manifest>) -> Result<()> {
    if let Some(manifest) = past {
        discard_unfinished(job, world, &manifest.instance.to_string())?;
    }
    store.remove_all(FreshStart::asked_for_by_user()).map(drop)
}

/// Removes the staged files of a start that needs them no more. Of a finished one there are some where a rollback was
/// stopped before it had its checkpoint.
fn discard_unfinished(job: &Job, world: &World, instance: &str) -> Result<()> {
    for plan in planned(job) {
        discard(&*world.storage, &plan.name(instance))?;
    }
    sweep_partitions(job, world, instance, &BTreeSet::new())
}

/// Goes on from a checkpoint: now, with every check passed, the outputs are cut.
fn resume(
    options: &RunOptions,
    world: &World,
    survey: Survey,
    store: Store,
    copies: Vec<Opened>,
) -> Result<Prepared> {
    let restored = survey.newest.expect("a decision to resume rests on a checkpoint");
    let Survey { job, inputs, mut plan, facts, .. } = Survey { newest: None, ..survey };
    let (is_changed, restarts) = match &facts.past {
        Past::Checkpoint(found) => (found.is_other_job(), !found.restarts.is_empty()),
        Past::Nothing | Past::Unusable { .. } => (false, false),
    };
    let Restored { manifest, sequence, states, outputs } = restored;
    let (instance, starts) = (manifest.instance.to_string(), manifest.starts());
    let opened = rewind_all(world, options, &inputs, &instance, outputs)?;
    let staged = opened.iter().map(|(_, output)| output.name().staged.clone()).collect();
    sweep_partitions(&job, world, &instance, &staged)?;
    let (earlier, known) = (earlier_of(&manifest.earlier), inputs.known());
    let admission = Admission::new(instance, known, options.overwrite, earlier);
    let now = world.clock.wall_micros();
    let mut counters = manifest.counters;
    counters.resumes += 1;
    let before = manifest.round.as_ref().map_or(0, |round| round.before.records_read);
    let records = counters.records_read - before.min(counters.records_read);
    let bytes = inputs.bytes_before(manifest.position);
    let bytes_total = inputs.bytes_total();
    world.progress.records_resumed.store(records, Ordering::Relaxed);
    world.observer.event(Event::Resumed { sequence, records, bytes, bytes_total });
    show_totals(world, &inputs, bytes);
    let beginning = Beginning {
        identity: Identity {
            instance: manifest.instance,
            run: RunId::random(&*world.clock),
            run_started_at_micros: now,
            first_started_at_micros: manifest.first_started_at_micros,
            origins: manifest.origins,
        },
        position: manifest.position,
        counters,
        phase: manifest.phase,
        states,
        outputs: Outputs::new(&job, opened, admission)?,
        // Where a first line is to be another one, a checkpoint comes first that knows of none.
        is_new: restarts,
        round: manifest.round,
    };
    let known = manifest.inputs.into_iter().map(|input| input.fingerprint).collect();
    let resumed = Some(Resumed { sequence, records, is_changed });
    let spills = Some(lend_spills(world, &mut plan, &store, starts));
    let (known, store) = (Some(known), Some(store));
    let ready = Ready { job, plan, inputs, beginning, known, store, copies, spills, resumed };
    Ok(Prepared::Ready(Box::new(ready)))
}

/// Begins the next round with what is new of the inputs, and all that the steps remember. Nothing is changed before its
/// first checkpoint but what no checkpoint knows of.
fn begin_round(
    options: &RunOptions,
    world: &World,
    survey: Survey,
    store: Store,
    copies: Vec<Opened>,
) -> Result<Prepared> {
    let restored = survey.newest.expect("a decision to go on rests on a checkpoint");
    let Survey { job, round, known, inputs, mut plan, .. } = Survey { newest: None, ..survey };
    let Restored { manifest, states, .. } = restored;
    let instance = manifest.instance.to_string();
    let mut outputs = Vec::new();
    for plan in planned(&job) {
        let (inputs, past) = (inputs.known(), &manifest.outputs);
        let next = next_output(&plan, world, &inputs, past, options.overwrite)?;
        let (permission, extends, records) = next;
        refuse_other_writers(&*world.storage, &plan.name(&instance))?;
        discard(&*world.storage, &plan.name(&instance))?;
        let output = Output::planned(&plan, &instance, permission);
        outputs.push((plan, output.extending(extends, records)));
    }
    sweep_partitions(&job, world, &instance, &BTreeSet::new())?;
    let admission = Admission::new(instance, inputs.known(), options.overwrite, BTreeMap::new());
    show_totals(world, &inputs, 0);
    let beginning = Beginning {
        identity: Identity {
            instance: manifest.instance,
            run: RunId::random(&*world.clock),
            run_started_at_micros: world.clock.wall_micros(),
            first_started_at_micros: manifest.first_started_at_micros,
            origins: manifest.origins.clone(),
        },
        position: inputs.start_of(0),
        counters: manifest.counters,
        phase: Phase::Reading,
        states,
        outputs: Outputs::new(&job, outputs, admission)?,
        is_new: true,
        round,
    };
    let spills = Some(lend_spills(world, &mut plan, &store, manifest.starts()));
    let store = Some(store);
    let ready = Ready { job, plan, inputs, beginning, known, store, copies, spills, resumed: None };
    Ok(Prepared::Ready(Box::new(ready)))
}

/// Finishes publishing a round, which an earlier run began; what the steps remember is kept for the next one.
fn publish_round(
    options: &RunOptions,
    world: &World,
    survey: Survey,
    store: Store,
    copies: Vec<Opened>,
) -> Result<Prepared> {
    let manifest = &newest_of(&survey).manifest;
    let (instance, outputs) = (manifest.instance.to_string(), &manifest.outputs);
    publish_again(&survey.job, world, &instance, outputs, options.overwrite)?;
    resume(options, world, survey, store, copies)
}

/// From now on the states of a plan put their spills into the job's folder.
fn lend_spills(world: &World, plan: &mut Plan, store: &Store, starts: Vec<RunId>) -> FolderSpills {
    let number_max = store.spill_number_max();
    let spills = FolderSpills::new(world, store.folder().clone(), starts, number_max);
    plan.spills = Arc::new(spills.clone());
    spills
}

/// Finishes publishing, which an earlier run began.
fn publish(
    job: &Job,
    options: &RunOptions,
    world: &World,
    mut manifest: Manifest,
    mut store: Store,
) -> Result<Prepared> {
    let instance = manifest.instance.to_string();
    publish_again(job, world, &instance, &manifest.outputs, options.overwrite)?;
    manifest.phase = Phase::Done;
    manifest.trigger = Trigger::Final;
    manifest.taken_at_micros = world.clock.wall_micros();
    manifest.steps.clear();
    manifest.spills.clear();
    save_done(&mut store, &manifest)?;
    Ok(Prepared::Finished(Box::new(manifest)))
}

/// Saves that a job is finished, and deletes all older checkpoints.
fn save_done(store: &mut Store, manifest: &Manifest) -> Result<()> {
    let done = Checkpoint { manifest: manifest.clone(), sections: Vec::new(), parent: None };
    let saved = store.save(&done).map_err(SaveError::into_error)?;
    store.retire(&saved, 1).map(drop)
}

fn show_totals(world: &World, inputs: &Inputs, done: u64) {
    world.progress.bytes_total.store(inputs.bytes_total(), Ordering::Relaxed);
    world.progress.bytes_done.store(done, Ordering::Relaxed);
    world.progress.bytes_resumed.store(done, Ordering::Relaxed);
}
