//! What a change of the job means for its checkpoints.
//!
//! Pure: two effective jobs in, typed changes out. It is careful: a change is only called harmless where no byte of
//! state, and no byte that was already written, can depend on it. Steps are matched by their names, kinds and settings
//! (`align`); what becomes of one that changed, came or went is said in `steps`.

mod align;

mod nature;

mod steps;

use serde_json::Value as Json;
use std::collections::BTreeSet;
use steps::Steps;

/// What is different between two jobs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Differences {
    /// The changes, in the order of their paths.
    pub changes: Vec<Change>,
    /// For each step of the current job, which step of the stored one it goes on with; `None` where it starts empty.
    pub origins: Vec<Option<usize>>,
}

/// One setting or step that is not what the checkpoint was made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The setting, such as `transform.0.filter`, or the whole step: steps are counted as they are now, and those that
    /// are gone as they were.
    pub path: String,
    /// The step's name, where it is about one.
    pub step: Option<String>,
    /// What happened to it.
    pub kind: ChangeKind,
    /// Its value in the checkpoint; null where it was not there.
    pub stored: Json,
    /// Its value now; null where it is not there. For `environment.*` both are checksums.
    pub current: Json,
    /// How it acts.
    pub effect: Effect,
}

/// What happened to a setting or step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It has another value.
    Changed,
    /// It was not there.
    Added,
    /// It is gone.
    Removed,
}

/// How a change acts when the job goes on with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// No output byte depends on it.
    ///
    /// `name`, `checkpoint.*`, `state.*`, `rejects.limit`, `sink.overwrite`, `sink.partitions_max`, `source.verify`, the
    /// `memory` of a step, and a step's name.
    None,
    /// It acts on the records from here on; those before it were made otherwise.
    ///
    /// A `filter`, an `assert` that counts nothing, a `sample` by key, and the `where` of a sink; other steps without
    /// state, and those that came or went, where no state behind them depends on the columns that they make.
    Later,
    /// It acts on all records: none has come to it yet.
    ///
    /// Every change behind a step that gives its records only when the input has ended, as long as it has not.
    All,
    /// What the step remembers goes on; what is new in it starts empty here.
    ///
    /// The items, `having` and order of an `aggregate`, `pivot`, `frequency` or `count`; the number of a `limit`.
    Carried,
    /// The step is new and starts empty here.
    ///
    /// `limit`, `offset`, `sample`, `assert` and the `dedup` that drops repeats anywhere, all others as the last step.
    Empty,
    /// What the step remembers is given up, and it acts no more from here on: those of the first list above.
    Dropped,
    /// It does not fit; why.
    Never(String),
}

/// What a change means for going on; the later variant is the graver one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeClass {
    /// No output byte depends on it: go on.
    Cosmetic,
    /// It concerns no state: go on only if told to.
    Stateless,
    /// State is carried over, starts empty or is given up: go on only if told to.
    Compatible,
    /// State, or what was already written, does not fit it: refuse.
    Incompatible,
}

/// How far a job has come with its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// There is input left, and steps that wait for its end have given nothing.
    Reading,
    /// The input has ended, now or once before.
    Ended,
}

impl Change {
    /// What it means for going on.
    pub fn class(&self) -> ChangeClass {
        match self.effect {
            Effect::None => ChangeClass::Cosmetic,
            Effect::Later => ChangeClass::Stateless,
            Effect::All | Effect::Carried | Effect::Empty | Effect::Dropped => {
                ChangeClass::Compatible
            }
            Effect::Never(_) => ChangeClass::Incompatible,
        }
    }
}

impl ChangeClass {
    /// Its name in answers.
    pub fn word(self) -> &'static str {
        match self {
            ChangeClass::Cosmetic => "cosmetic",
            ChangeClass::Stateless => "stateless",
            ChangeClass::Compatible => "state-compatible",
            ChangeClass::Incompatible => "incompatible",
        }
    }
}

impl ChangeKind {
    /// Its name in answers.
    pub fn word(self) -> &'static str {
        match self {
            ChangeKind::Changed => "changed",
            ChangeKind::Added => "added",
            ChangeKind::Removed => "removed",
        }
    }
}

/// What is different between two effective jobs, of which the stored one has come so far.
///
/// A variable of the environment whose value changed is a change of what uses it. One that came or went is not listed:
/// the settings that use it changed themselves.
pub fn diff(stored: &Json, current: &Json, stage: Stage) -> Differences {
    let steps = Steps::new(stored, current, stage);
    let mut leaves = Vec::new();
    compare(&mut Vec::new(), stored, current, &mut leaves);
    let mut changes = steps.changes();
    for leaf in leaves {
        let effect = match leaf.path.as_slice() {
            [first, variable] if first == "environment" => {
                if leaf.stored.is_null() || leaf.current.is_null() {
                    continue;
                }
                effect_of_variable(current, variable, &steps)
            }
            path => effect(path),
        };
        changes.push(Change {
            path: leaf.path.join("."),
            step: None,
            kind: ChangeKind::Changed,
            stored: leaf.stored.clone(),
            current: leaf.current.clone(),
            effect,
        });
    }
    changes.sort_by(|left, right| left.path.cmp(&right.path));
    Differences { changes, origins: steps.origins() }
}

/// How a change of a setting acts that is not one of a step.
fn effect(path: &[String]) -> Effect {
    let words: Vec<&str> = path.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["name"]
        | ["checkpoint" | "state", ..]
        | ["rejects", "limit"]
        | ["sink", "overwrite" | "partitions_max"]
        | ["sink", _, "overwrite" | "partitions_max"]
        | ["source", "verify"] => Effect::None,
        ["sink", "where"] | ["sink", _, "where"] => Effect::Later,
        ["source", ..] => Effect::Never("what was read before was read otherwise".to_owned()),
        ["sink" | "rejects", ..] => {
            Effect::Never("what was written before was written otherwise".to_owned())
        }
        _ => Effect::Never("this version does not know what it means".to_owned()),
    }
}

/// The gravest effect of the settings that use a variable; the settings themselves may be unchanged.
fn effect_of_variable(current: &Json, name: &str, steps: &Steps<'_>) -> Effect {
    let mut users = Vec::new();
    find_users(&mut Vec::new(), current, &format!("${{{name}}}"), &mut users);
    let effects = users.iter().map(|path| match path.as_slice() {
        [first, index, setting, ..] if first == "transform" => match index.parse() {
            Ok(index) => steps.effect_of_value(index, setting),
            Err(_) => effect(path),
        },
        path => effect(path),
    });
    let gravest = effects.max_by_key(|effect| Change::of(effect.clone()).class());
    gravest.unwrap_or_else(|| effect(&[]))
}

impl Change {
    fn of(effect: Effect) -> Change {
        let (path, kind) = (String::new(), ChangeKind::Changed);
        Change { path, step: None, kind, stored: Json::Null, current: Json::Null, effect }
    }
}

/// A value that differs, and where.
struct Leaf<'a> {
    path: Vec<String>,
    stored: &'a Json,
    current: &'a Json,
}

/// How deep two jobs are compared: below it, and below a list that is no list of steps, a value is one value.
const DEPTH_MAX: usize = 4;

/// Collects the smallest settings that differ, but those of steps.
fn compare<'a>(
    path: &mut Vec<String>,
    stored: &'a Json,
    current: &'a Json,
    leaves: &mut Vec<Leaf<'a>>,
) {
    if stored == current {
        return;
    }
    match (stored, current) {
        (Json::Object(left), Json::Object(right)) if path.len() < DEPTH_MAX => {
            let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            for key in keys {
                if path.is_empty() && key == "transform" {
                    continue;
                }
                path.push(key.clone());
                let (left, right) = (left.get(key), right.get(key));
                compare(path, left.unwrap_or(&Json::Null), right.unwrap_or(&Json::Null), leaves);
                path.pop();
            }
        }
        (Json::Array(left), Json::Array(right)) if is_list_of_tables(path) => {
            for index in 0..left.len().max(right.len()) {
                path.push(index.to_string());
                let (left, right) = (left.get(index), right.get(index));
                compare(path, left.unwrap_or(&Json::Null), right.unwrap_or(&Json::Null), leaves);
                path.pop();
            }
        }
        _ => leaves.push(Leaf { path: path.clone(), stored, current }),
    }
}

/// The lists whose entries are compared one by one.
fn is_list_of_tables(path: &[String]) -> bool {
    matches!(path, [key] if key == "transform" || key == "sink")
}

/// Collects the paths, as far as [`compare`] goes down, of the settings that contain a text.
fn find_users(path: &mut Vec<String>, value: &Json, text: &str, users: &mut Vec<Vec<String>>) {
    match value {
        Json::Object(map) if path.len() < DEPTH_MAX => {
            for (key, value) in map {
                path.push(key.clone());
                find_users(path, value, text, users);
                path.pop();
            }
        }
        Json::Array(items) if is_list_of_tables(path) => {
            for (index, item) in items.iter().enumerate() {
                path.push(index.to_string());
                find_users(path, item, text, users);
                path.pop();
            }
        }
        value if mentions(value, text) => users.push(path.clone()),
        _ => {}
    }
}

fn mentions(value: &Json, text: &str) -> bool {
    match value {
        Json::String(string) => string.contains(text),
        Json::Array(items) => items.iter().any(|item| mentions(item, text)),
        Json::Object(map) => map.values().any(|item| mentions(item, text)),
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}

#[cfg(test)]
mod tests;
