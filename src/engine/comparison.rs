//! What is different between two checkpoints of a job.

use super::rollback::readable;
use crate::checkpoint::{Counters, Folder, Manifest, Phase, Restored, RunId, Sequence, State};
use crate::error::Result;
use crate::job::diff::{Change, Stage, diff};
use crate::record::Position;
use std::collections::BTreeMap;

/// A value then and later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair<T> {
    /// In the first checkpoint.
    pub from: T,
    /// In the second one.
    pub to: T,
}

/// Two checkpoints, compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Differences {
    /// Their numbers.
    pub sequence: Pair<Sequence>,
    /// The starts that they are of: what is of two starts has nothing in common but the job.
    pub instance: Pair<RunId>,
    /// How far the job was.
    pub phase: Pair<Phase>,
    /// Where it was.
    pub position: Pair<Position>,
    /// The input at that position; `None` behind the last one.
    pub input: Pair<Option<String>>,
    /// What was counted.
    pub counters: Pair<Counters>,
    /// The outputs that either knows.
    pub outputs: Vec<OutputPair>,
    /// The steps of which either has a state.
    pub steps: Vec<StepPair>,
    /// Settings of the job.
    pub job: Vec<Change>,
}

/// An output; lengths and records are 0 where it was not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputPair {
    /// What checkpoints call it.
    pub name: String,
    /// Bytes.
    pub bytes: Pair<u64>,
    /// Records.
    pub records: Pair<u64>,
}

/// The state of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepPair {
    /// Its name.
    pub name: String,
    /// Bytes of its sections, before they are compressed.
    pub bytes: Pair<u64>,
    /// Its keys, where it has such and they can be read.
    pub keys: Option<KeyPair>,
}

/// The keys of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyPair {
    /// In the first checkpoint.
    pub from: u64,
    /// In the second one.
    pub to: u64,
    /// Only in the second one.
    pub new: u64,
    /// Only in the first one.
    pub gone: u64,
    /// In both, with other values.
    pub changed: u64,
}

/// Compares two checkpoints; both must be whole.
pub fn compare(folder: &Folder, from: Sequence, to: Sequence) -> Result<Differences> {
    let (from, to) = (readable(folder, from)?.restored, readable(folder, to)?.restored);
    let (old, new) = (&from.manifest, &to.manifest);
    Ok(Differences {
        sequence: Pair { from: from.id.sequence, to: to.id.sequence },
        instance: Pair { from: old.instance, to: new.instance },
        phase: Pair { from: old.phase, to: new.phase },
        position: Pair { from: old.position, to: new.position },
        input: Pair { from: input(old), to: input(new) },
        counters: Pair { from: old.counters, to: new.counters },
        outputs: outputs(old, new),
        steps: steps(&from, &to),
        job: diff(&old.job, &new.job, Stage::Ended).changes,
    })
}

fn input(manifest: &Manifest) -> Option<String> {
    let place = usize::try_from(manifest.position.source.0).ok()?;
    manifest.inputs.get(place).map(|input| input.path.clone())
}

fn outputs(old: &Manifest, new: &Manifest) -> Vec<OutputPair> {
    let mut pairs: Vec<OutputPair> = Vec::new();
    let by_name: BTreeMap<&str, usize> =
        old.outputs.iter().enumerate().map(|(place, entry)| (entry.name.as_str(), place)).collect();
    for entry in &old.outputs {
        pairs.push(OutputPair {
            name: entry.name.clone(),
            bytes: Pair { from: entry.length, to: 0 },
            records: Pair { from: entry.records, to: 0 },
        });
    }
    for entry in &new.outputs {
        match by_name.get(entry.name.as_str()) {
            Some(place) => {
                pairs[*place].bytes.to = entry.length;
                pairs[*place].records.to = entry.records;
            }
            None => pairs.push(OutputPair {
                name: entry.name.clone(),
                bytes: Pair { from: 0, to: entry.length },
                records: Pair { from: 0, to: entry.records },
            }),
        }
    }
    pairs
}

fn steps(from: &Restored, to: &Restored) -> Vec<StepPair> {
    let mut names: Vec<&str> = Vec::new();
    for step in from.manifest.steps.iter().chain(&to.manifest.steps) {
        if !names.contains(&step.name.as_str()) {
            names.push(&step.name);
        }
    }
    let bytes = |restored: &Restored, name: &str| {
        let size = |state: &State| state.parts.iter().map(|part| part.bytes.len() as u64).sum();
        restored.states.iter().find(|state| state.name == name).map_or(0, size)
    };
    let pair = |name: &str| StepPair {
        name: name.to_owned(),
        bytes: Pair { from: bytes(from, name), to: bytes(to, name) },
        keys: None,
    };
    names.into_iter().map(pair).collect()
}
