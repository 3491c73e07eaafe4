//! What the steps of a job remembered at a checkpoint: as data for people, and compared with another checkpoint.

use super::carry::restore_state;
use super::comparison::{Differences, KeyPair};
use super::inputs::Inputs;
use super::plan::{Plan, Purpose, SEMANTICS_VERSION};
use super::rollback::readable;
use super::spills::FolderSpills;
use super::world::World;
use crate::checkpoint::{Folder, Manifest, Phase, Restored, Sequence};
use crate::encode::Encoder;
use crate::encode::settings::{CsvSink, LineEnd, SinkFormat};
use crate::error::{Error, Result};
use crate::job::Job;
use crate::job::diff::{ChangeClass, Stage, diff};
use crate::record::{Batch, Column, CsvDialect, Field, Layout, RawRecords, SlotOrigin, Slots};
use crate::state::key::{wide_hash, write_canonical};
use crate::transform::{Seen, Shown, State};
use std::collections::HashMap;
use std::sync::Arc;

/// CSV as everybody reads it.
const CSV: SinkFormat = SinkFormat::Csv(CsvSink {
    dialect: CsvDialect { delimiter: b',', quote: Some(b'"'), escape: None, comment: None },
    header: true,
    line_end: LineEnd::Lf,
});

/// How a state is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notation {
    /// CSV with a header.
    Csv,
    /// A JSON object a line.
    Jsonl,
}

/// Gives what a step remembered at a checkpoint, a portion at a time.
///
/// # Errors
/// Where the checkpoint is not usable, the job is not what it was, or there is no such state, or none that is shown.
pub fn show_state(
    job: &Job,
    world: &World,
    folder: &Folder,
    sequence: Sequence,
    step: &str,
    notation: Notation,
    take: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let restored = readable(folder, sequence)?.restored;
    let manifest = &restored.manifest;
    if !manifest.steps.iter().any(|entry| entry.name == step) {
        return Err(no_state(manifest, sequence, step));
    }
    let plan = bind(job, world, folder, manifest)?;
    let mut owned = state_of(&plan, &restored, step)?;
    let mut is_first = true;
    let seen = plan.chain.show_state(owned.index, &mut owned.state, &plan, &mut |shown| {
        let bytes = written(&shown, notation, is_first);
        is_first = false;
        take(&bytes)
    })?;
    match seen {
        Seen::All => Ok(()),
        Seen::Not(why) => {
            let message =
                format!("what `{step}` remembers at checkpoint {sequence} is not shown: {why}");
            let hint = "`onward checkpoint show` without `--state` tells its size, `checkpoint list` other checkpoints";
            Err(Error::failed(message).with_hint(hint))
        }
    }
}

fn no_state(manifest: &Manifest, sequence: Sequence, step: &str) -> Error {
    let names: Vec<&str> = manifest.steps.iter().map(|step| step.name.as_str()).collect();
    let message = format!("checkpoint {sequence} has no state of a step `{step}`");
    Error::usage(message).with_hint(match names.as_slice() {
        [] if manifest.phase == Phase::Done => "the job had finished then".to_owned(),
        [] => "it has no state at all".to_owned(),
        names => format!("there are: {}", names.join(", ")),
    })
}

/// The job as it was bound when the checkpoint was taken.
fn bind(job: &Job, world: &World, folder: &Folder, manifest: &Manifest) -> Result<Plan> {
    let changes = diff(&manifest.job, &job.effective, Stage::Ended).changes;
    let changed = changes.iter().find(|change| change.class() == ChangeClass::Incompatible);
    if let Some(change) = changed {
        let message = format!("the job has changed since the checkpoint: `{}`", change.path);
        return Err(Error::refused(message).with_hint("undo the change"));
    }
    if manifest.semantics != SEMANTICS_VERSION {
        let message = "the checkpoint was made by a version with other rules";
        return Err(Error::refused(message));
    }
    let storage = &*world.storage;
    let inputs = Inputs::open(job, storage, &Inputs::discover(job, storage)?)?;
    let now = manifest.first_started_at_micros;
    let mut plan = Plan::bind(job, &inputs, now, Purpose::Run).map_err(Error::job_file)?;
    plan.spills = Arc::new(FolderSpills::new(world, folder.clone(), manifest.starts(), 0));
    Ok(plan)
}

/// The state of a step.
struct Owned {
    index: usize,
    state: State,
}

fn state_of(plan: &Plan, restored: &Restored, step: &str) -> Result<Owned> {
    let unreadable = |why: &str| Error::refused(format!("the state of `{step}`: {why}"));
    let index = plan.chain.steps.iter().position(|one| one.name == step);
    let code = index.and_then(|index| Some((index, plan.chain.steps[index].stateful()?)));
    let (index, code) = code.ok_or_else(|| unreadable("the job has no such step"))?;
    let saved = restored.states.iter().find(|saved| saved.name == step);
    let saved = saved.ok_or_else(|| unreadable("it is not there"))?;
    let state = restore_state(plan, index, code, &saved.parts);
    Ok(Owned { index, state: state.map_err(|why| unreadable(&why))? })
}

/// Some entries as text.
fn written(shown: &Shown, notation: Notation, is_first: bool) -> Vec<u8> {
    let mut slots = Slots::default();
    let mut layout = Layout::closed(Vec::new());
    for (name, column) in &shown.columns {
        let data_type = column.data_type();
        let slot = slots.add(name, data_type, SlotOrigin::Computed);
        layout.fields.push(Field { name: name.clone(), data_type, slot });
    }
    let mut batch = Batch::drained(RawRecords::None, shown.rows, shown.columns.len());
    for (field, (_, column)) in layout.fields.iter().zip(&shown.columns) {
        batch.fill(field.slot, Arc::new(column.clone()));
    }
    let format = match notation {
        Notation::Csv => CSV,
        Notation::Jsonl => SinkFormat::Jsonl,
    };
    let encoder = Encoder::new(format, &layout, &slots, None);
    let mut bytes = if is_first { encoder.header() } else { Vec::new() };
    encoder.encode(&mut batch, &mut bytes);
    bytes
}

/// Adds to a comparison what became of the keys of each state, where both have it and it is shown.
pub fn compare_keys(
    job: &Job,
    world: &World,
    folder: &Folder,
    differences: &mut Differences,
) -> Result<()> {
    let from = readable(folder, differences.sequence.from)?.restored;
    let to = readable(folder, differences.sequence.to)?.restored;
    for step in &mut differences.steps {
        let has_it =
            |one: &Restored| one.manifest.steps.iter().any(|entry| entry.name == step.name);
        if !has_it(&from) || !has_it(&to) {
            continue;
        }
        let (old, new) =
            (bind(job, world, folder, &from.manifest), bind(job, world, folder, &to.manifest));
        // A job that has changed does not understand its old states: their sizes are still told.
        let (Ok(old), Ok(new)) = (old, new) else { continue };
        step.keys = keys_between((&old, &from), (&new, &to), &step.name)?;
    }
    Ok(())
}

/// So many keys are compared at a time; where there are more, the states are gone through more often.
const KEYS_AT_ONCE: u64 = 4 << 20;

/// Counts keys; they and their values are known by hashes of 64 bits.
fn keys_between(
    old: (&Plan, &Restored),
    new: (&Plan, &Restored),
    step: &str,
) -> Result<Option<KeyPair>> {
    let mut keys = KeyPair::default();
    let Some(()) = for_each_key(old, step, &mut |_, _| keys.from += 1)? else { return Ok(None) };
    let rounds = keys.from.div_ceil(KEYS_AT_ONCE).max(1);
    for round in 0..rounds {
        let is_meant = |key: u64| key % rounds == round;
        let mut known: HashMap<u64, u64> = HashMap::new();
        for_each_key(old, step, &mut |key, value| {
            if is_meant(key) {
                known.insert(key, value);
            }
        })?;
        let all = for_each_key(new, step, &mut |key, value| {
            if !is_meant(key) {
                return;
            }
            keys.to += 1;
            match known.remove(&key) {
                None => keys.new += 1,
                Some(before) => keys.changed += u64::from(before != value),
            }
        })?;
        if all.is_none() {
            return Ok(None);
        }
        keys.gone += known.len() as u64;
    }
    Ok(Some(keys))
}

/// Gives the hash of each key and of its values; `None` where there are no keys.
fn for_each_key(
    (plan, restored): (&Plan, &Restored),
    step: &str,
    take: &mut dyn FnMut(u64, u64),
) -> Result<Option<()>> {
    let mut owned = state_of(plan, restored, step)?;
    let mut has_keys = true;
    let seen = plan.chain.show_state(owned.index, &mut owned.state, plan, &mut |shown| {
        has_keys &= shown.keys > 0;
        let (keys, values) = shown.columns.split_at(shown.keys);
        for row in 0..shown.rows {
            let hash = |columns: &[(String, Column)]| {
                let mut bytes = Vec::new();
                columns.iter().for_each(|(_, column)| write_canonical(&mut bytes, column, row));
                wide_hash(&bytes)
            };
            take(hash(keys), hash(values));
        }
        Ok(())
    })?;
    Ok((seen == Seen::All && has_keys).then_some(()))
}
