//! From the states of a checkpoint to the states of the job as it is now.
//!
//! A step whose settings are the same reads what it wrote. One whose state can be carried over is bound a second time with
//! its former settings, to the columns that it has now, reads what it wrote as that, and hands it over. What turns out
//! not to fit is an effect of the change that is to blame.

use super::decision::Found;
use super::inputs::Inputs;
use super::plan::{Plan, Purpose};
use super::spills::entry_of;
use crate::checkpoint::{self, Manifest, OutputEntry, Phase, Section};
use crate::job::diff::{Change, ChangeClass, ChangeKind, Effect};
use crate::job::{Job, Wanted, former_steps};
use crate::sink::settings::Target;
use crate::transform::settings::TransformSettings;
use crate::transform::spills::Spill;
use crate::transform::{AnyStateful, Chain, Context, State, States};
use serde_json::{Value as Json, json};

/// What is needed to understand a checkpoint's states.
pub struct Carrying<'a> {
    /// The job as it is now.
    pub job: &'a Job,
    /// The same, bound.
    pub plan: &'a Plan,
    /// Its inputs.
    pub inputs: &'a Inputs,
    /// The checkpoint.
    pub manifest: &'a Manifest,
    /// Its states.
    pub saved: &'a [checkpoint::State],
}

impl Carrying<'_> {
    /// The states to go on with. What is wrong with them, and with columns that changed, goes into `found`.
    pub fn restore(&self, found: &mut Found) -> States {
        let mut states = self.plan.chain.new_states();
        let is_over = matches!(self.manifest.phase, Phase::Publishing | Phase::Done);
        if is_over && self.manifest.round.is_none() {
            return states;
        }
        let acts =
            |change: &Change| change.step.is_some() && change.class() != ChangeClass::Cosmetic;
        let former =
            found.changes.iter().any(acts).then(|| former_steps(self.job, &self.manifest.job));
        let former = former.flatten().unwrap_or_default();
        for (index, step) in self.plan.chain.steps.iter().enumerate() {
            let Some(code) = step.stateful() else { continue };
            // A step that is new starts empty.
            let Some(origin) = found.origins.get(index).copied().flatten() else { continue };
            let name = self.former_name(origin, &former);
            let blamed = carried(&found.changes, index);
            if !blamed.is_empty() && !found.fits() {
                continue;
            }
            let state = match blamed.is_empty() {
                true => self.state(code, &name, step.kind),
                false => self.adopted(code, index, &name, former.get(origin)),
            };
            match state {
                Ok(state) => states[index] = Some(state),
                Err(problem) if blamed.is_empty() => {
                    found.unreadable_states.push((step.name.clone(), problem));
                }
                Err(problem) => {
                    blamed.iter().for_each(|change| {
                        found.changes[*change].effect = Effect::Never(problem.clone());
                    });
                }
            }
        }
        if found.fits() && found.changes.iter().any(acts) {
            self.check_columns(&former, found);
        }
        states
    }

    /// What a step of the stored job is called.
    fn former_name(&self, origin: usize, former: &[TransformSettings]) -> String {
        let written = self.manifest.job["transform"][origin]["name"].as_str();
        match former.get(origin) {
            Some(settings) => settings.name.clone(),
            None => written.unwrap_or_default().to_owned(),
        }
    }

    /// The state that a step of a name and kind has left, or what is wrong with it.
    fn state(&self, code: &dyn AnyStateful, name: &str, kind: &str) -> Result<State, String> {
        let saved = self.saved.iter().find(|saved| saved.name == name);
        let entry = self.manifest.steps.iter().find(|entry| entry.name == name);
        let (Some(saved), Some(entry)) = (saved, entry) else {
            return Err("it is not there".to_owned());
        };
        if entry.kind != kind {
            return Err(format!("it is of a `{}`", entry.kind));
        }
        let context = Context { step: name, tools: self.plan };
        let state = read(code, context, &saved.parts)?;
        if !self.has_its_spills(code, &state) {
            return Err("it refers to files that the checkpoint does not name".to_owned());
        }
        Ok(state)
    }

    /// The state of a step that was set otherwise.
    fn adopted(
        &self,
        code: &dyn AnyStateful,
        index: usize,
        name: &str,
        former: Option<&TransformSettings>,
    ) -> Result<State, String> {
        let unknown =
            || format!("the former settings of `{name}` do not fit the columns that it has now");
        let chain = &self.plan.chain;
        let (layout, mut slots) = (chain.layouts[index].clone(), self.plan.slots.clone());
        let now = self.manifest.first_started_at_micros;
        let references = self.inputs.references();
        let settings = std::slice::from_ref(former.ok_or_else(unknown)?);
        let bound = Chain::bind(settings, layout, &mut slots, now, &references);
        let bound = bound.map_err(|_| unknown())?;
        let step = bound.steps.first().ok_or_else(unknown)?;
        let former = step.stateful().ok_or_else(unknown)?;
        let state = self.state(former, name, step.kind)?;
        if !former.spills(&state).is_empty() {
            return Err(format!(
                "only the former settings of `{name}` can read what it has spilled"
            ));
        }
        code.adopt(former, state).ok_or_else(|| match step.kind {
            "limit" => format!("more records than that have passed `{name}`"),
            _ => format!("what `{name}` remembers does not fit it"),
        })
    }

    /// Whether the checkpoint names all spills that a state refers to: only those were checked.
    fn has_its_spills(&self, code: &dyn AnyStateful, state: &State) -> bool {
        let known = |spill: Spill| self.manifest.spills.contains(&entry_of(spill));
        code.spills(state).into_iter().all(known)
    }

    /// An output in CSV that holds records keeps its columns; one that holds none gets another first line.
    fn check_columns(&self, former: &[TransformSettings], found: &mut Found) {
        let before = self.former_columns(former);
        for (index, now) in self.plan.routes.columns().iter().enumerate() {
            let (Some(now), Some(sink)) = (now, self.job.sinks.get(index)) else { continue };
            let was = before.as_ref().and_then(|before| before.get(index).cloned().flatten());
            if was.as_ref() == Some(now) {
                continue;
            }
            let prefix = format!("{}/", sink.name);
            let is_its =
                |entry: &&OutputEntry| entry.name == sink.name || entry.name.starts_with(&prefix);
            let entries: Vec<&OutputEntry> = self.manifest.outputs.iter().filter(is_its).collect();
            let records: u64 = entries.iter().map(|entry| entry.records).sum();
            let effect = match records {
                0 if self.manifest.round.is_none() => Effect::All,
                0 => Effect::Never("earlier runs wrote the columns of before".to_owned()),
                _ => Effect::Never(format!(
                    "{records} records are written with the columns of before, and CSV has one list of them"
                )),
            };
            if let (Effect::All, Target::File(_)) = (&effect, &sink.target) {
                found.restarts.extend(entries.iter().map(|entry| entry.name.clone()));
            }
            let path = match self.job.sinks.len() {
                1 => "sink.columns".to_owned(),
                _ => format!("sink.{index}.columns"),
            };
            found.changes.push(Change {
                path,
                step: None,
                kind: ChangeKind::Changed,
                stored: was.map_or(Json::Null, |was| json!(was)),
                current: json!(now),
                effect,
            });
        }
    }

    /// The columns that the job of the checkpoint gave its sinks.
    fn former_columns(&self, former: &[TransformSettings]) -> Option<Vec<Option<Vec<String>>>> {
        let mut job = self.job.clone();
        let steps = self.manifest.job["transform"].as_array().map_or(0, Vec::len);
        if former.len() != steps {
            return None;
        }
        job.transforms = former.to_vec();
        job.checkpoint.when = None;
        job.sinks.iter_mut().for_each(|sink| sink.wanted = Wanted::All);
        let now = self.manifest.first_started_at_micros;
        let plan = Plan::bind(&job, self.inputs, now, Purpose::Run).ok()?;
        Some(plan.routes.columns())
    }
}

/// The changes of a step that its state is carried over because of.
fn carried(changes: &[Change], step: usize) -> Vec<usize> {
    let prefix = format!("transform.{step}.");
    let is_it =
        |change: &Change| change.effect == Effect::Carried && change.path.starts_with(&prefix);
    let places = changes.iter().enumerate().filter(|(_, change)| is_it(change));
    places.map(|(place, _)| place).collect()
}

/// The state of a step of the plan, or what is wrong with it.
pub fn restore_state(
    plan: &Plan,
    step: usize,
    code: &dyn AnyStateful,
    parts: &[Section],
) -> Result<State, String> {
    read(code, Context { step: &plan.chain.steps[step].name, tools: plan }, parts)
}

/// A state: everything, and then what changed, part after part; or what is wrong with it.
fn read(code: &dyn AnyStateful, context: Context<'_>, parts: &[Section]) -> Result<State, String> {
    let [base, changes @ ..] = parts else { return Err("it is not there".to_owned()) };
    if let Some(other) = parts.iter().find(|part| !code.can_read(part.version)) {
        return Err(format!("it has version {}, not {}", other.version, code.version()));
    }
    let state = code.read(context, &base.bytes, base.version);
    let mut state = state.map_err(|error| error.to_string())?;
    for part in changes {
        let extended = code.extend(context, &mut state, &part.bytes, part.version);
        extended.map_err(|error| error.to_string())?;
    }
    Ok(state)
}
