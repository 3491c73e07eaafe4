//! What becomes of the steps of a job that changed, came or went.

use super::align::align;
use super::nature::{
    Columns, Memory, alias, closes, columns, is_free_of_others, items, kind, memory, mentions_name,
    name, settings,
};
use super::{Change, ChangeKind, Effect, Stage};
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// The steps of two jobs.
pub struct Steps<'a> {
    stored: &'a [Json],
    current: &'a [Json],
    stage: Stage,
    origins: Vec<Option<usize>>,
    /// The steps behind these have not seen a record: (stored, current).
    waiting_behind: Option<(usize, usize)>,
}

/// One setting of a step that differs.
struct Setting<'a> {
    path: String,
    stored: &'a Json,
    current: &'a Json,
}

const TOO_LATE: &str = "what waits for the end of the input has been given";

impl<'a> Steps<'a> {
    /// Finds out which steps are which.
    pub fn new(stored: &'a Json, current: &'a Json, stage: Stage) -> Steps<'a> {
        let list = |job: &'a Json| job["transform"].as_array().map_or(&[][..], Vec::as_slice);
        let (stored, current) = (list(stored), list(current));
        let origins = align(stored, current);
        let pairs = origins.iter().enumerate().filter_map(|(new, old)| Some(((*old)?, new)));
        let waits = |(old, new): &(usize, usize)| {
            let is_draining = |step: &Json| memory(step) == Memory::Drains;
            is_draining(&stored[*old]) && is_draining(&current[*new])
        };
        let waiting_behind = pairs.filter(waits).min().filter(|_| stage == Stage::Reading);
        Steps { stored, current, stage, origins, waiting_behind }
    }

    /// For each current step the stored one whose state it goes on with.
    pub fn origins(&self) -> Vec<Option<usize>> {
        let carried = |(new, old): (usize, &Option<usize>)| {
            let old = (*old)?;
            // A step that has seen nothing starts as a new one, if it is another one now.
            let is_same = settings(&self.stored[old]) == settings(&self.current[new]);
            (is_same || !self.is_waiting(Some(old), Some(new))).then_some(old)
        };
        self.origins.iter().enumerate().map(carried).collect()
    }

    /// All changes of steps.
    pub fn changes(&self) -> Vec<Change> {
        let mut changes = Vec::new();
        for (new, origin) in self.origins.iter().enumerate() {
            match origin {
                Some(old) => self.changed(*old, new, &mut changes),
                None => {
                    let step = &self.current[new];
                    let effect = self.moved(step, self.stored).unwrap_or_else(|| self.added(new));
                    let (path, kind) = (format!("transform.{new}"), ChangeKind::Added);
                    changes.push(Change {
                        path,
                        step: Some(name(step).to_owned()),
                        kind,
                        stored: Json::Null,
                        current: step.clone(),
                        effect,
                    });
                }
            }
        }
        for old in (0..self.stored.len()).filter(|old| !self.origins.contains(&Some(*old))) {
            let step = &self.stored[old];
            let effect = self.moved(step, self.current).unwrap_or_else(|| self.removed(old));
            let (path, kind) = (format!("transform.{old}"), ChangeKind::Removed);
            changes.push(Change {
                path,
                step: Some(name(step).to_owned()),
                kind,
                stored: step.clone(),
                current: Json::Null,
                effect,
            });
        }
        changes
    }

    /// How another value of a variable acts that a setting of a current step uses.
    pub fn effect_of_value(&self, new: usize, setting: &str) -> Effect {
        let Some(step) = self.current.get(new) else { return Effect::None };
        let Some(old) = self.origins[new] else {
            // A step that is new is listed itself.
            return Effect::None;
        };
        match (kind(step), memory(step)) {
            _ if setting == "name" => never_fits(step),
            _ if self.is_waiting(Some(old), Some(new)) => Effect::All,
            (Some("filter" | "sample" | "assert"), Memory::None) => Effect::Later,
            (_, Memory::None) => self.reaching(self.scope(old + 1)),
            // What the step was made with is not known any more.
            _ => never_fits(step),
        }
    }

    /// Whether no record has come to a step, wherever it stands in the two jobs.
    fn is_waiting(&self, old: Option<usize>, new: Option<usize>) -> bool {
        self.waiting_behind.is_some_and(|(last_old, last_new)| {
            old.is_none_or(|old| old > last_old) && new.is_none_or(|new| new > last_new)
        })
    }

    fn changed(&self, old: usize, new: usize, changes: &mut Vec<Change>) {
        let (stored, current) = (&self.stored[old], &self.current[new]);
        let kind_of_step = kind(current).unwrap_or_default();
        if name(stored) != name(current) {
            changes.push(Change {
                path: format!("transform.{new}.name"),
                step: Some(name(current).to_owned()),
                kind: ChangeKind::Changed,
                stored: stored["name"].clone(),
                current: current["name"].clone(),
                effect: Effect::None,
            });
        }
        for setting in differing(kind_of_step, settings(stored), settings(current)) {
            let effect = self.effect_of_setting(old, new, kind_of_step, last_word(&setting.path));
            changes.push(Change {
                path: format!("transform.{new}.{}", setting.path),
                step: Some(name(current).to_owned()),
                kind: ChangeKind::Changed,
                stored: setting.stored.clone(),
                current: setting.current.clone(),
                effect,
            });
        }
    }

    /// How a change of a setting of a step acts; `inner` is the key below the step's kind.
    fn effect_of_setting(&self, old: usize, new: usize, kind: &str, inner: &str) -> Effect {
        if self.is_waiting(Some(old), Some(new)) {
            return Effect::All;
        }
        let (stored, current) = (&self.stored[old], &self.current[new]);
        let both = |memory_is: Memory| memory(stored) == memory_is && memory(current) == memory_is;
        match (kind, inner) {
            (_, "memory") => Effect::None,
            ("filter" | "sample" | "assert", _) if both(Memory::None) => Effect::Later,
            ("select" | "compute", _) => {
                let (same, names) = same_and_changed(stored, current);
                self.of_columns(names.as_deref(), &same, self.scope(old + 1))
            }
            ("lookup", _) => never_fits(current),
            ("limit" | "count", _)
            | ("aggregate", "select" | "having" | "order")
            | ("pivot", "columns" | "values" | "order")
            | ("frequency", "name" | "share" | "top" | "order") => match self.stage {
                Stage::Reading => Effect::Carried,
                Stage::Ended => Effect::Never(TOO_LATE.to_owned()),
            },
            _ if both(Memory::None) => self.reaching(self.scope(old + 1)),
            _ => never_fits(current),
        }
    }

    fn added(&self, new: usize) -> Effect {
        let step = &self.current[new];
        let next = self.origins[new..].iter().flatten().next();
        let scope = self.scope(next.map_or(self.stored.len(), |next| *next));
        if self.is_waiting(None, Some(new)) {
            return Effect::All;
        }
        match (memory(step), columns(step), self.stage) {
            (Memory::None, Columns::Same, _) => Effect::Later,
            (_, _, Stage::Ended) => Effect::Never(TOO_LATE.to_owned()),
            (Memory::None, Columns::Other, _) => self.of_new_columns(step, scope),
            (Memory::Passes, ..) => Effect::Empty,
            (Memory::Keeps | Memory::Drains, ..) if next.is_none() => Effect::Empty,
            (Memory::Keeps | Memory::Drains, ..) => {
                let what = name(step);
                Effect::Never(format!(
                    "`{what}` remembers records, and can only come as the last step"
                ))
            }
        }
    }

    fn removed(&self, old: usize) -> Effect {
        let step = &self.stored[old];
        if self.is_waiting(Some(old), None) {
            return Effect::All;
        }
        match (memory(step), columns(step), self.stage) {
            (Memory::None, Columns::Same, _) => Effect::Later,
            (_, _, Stage::Ended) => Effect::Never(TOO_LATE.to_owned()),
            (Memory::None, Columns::Other, _) => self.of_new_columns(step, self.scope(old + 1)),
            (Memory::Passes, ..) => Effect::Dropped,
            (Memory::Keeps | Memory::Drains, ..) => {
                Effect::Never(format!("what `{}` remembers would be lost", name(step)))
            }
        }
    }

    /// A step with state that is in both jobs and not where it was.
    fn moved(&self, step: &Json, others: &[Json]) -> Option<Effect> {
        let is_it = |other: &Json| name(other) == name(step) && kind(other) == kind(step);
        let is_moved = memory(step) != Memory::None && others.iter().any(is_it);
        is_moved.then(|| Effect::Never(format!("the step `{}` has been moved", name(step))))
    }

    /// The stored steps from one on that may see the columns before it.
    fn scope(&self, from: usize) -> &'a [Json] {
        let rest = self.stored.get(from..).unwrap_or_default();
        let end = rest.iter().position(closes).map_or(rest.len(), |last| last + 1);
        &rest[..end]
    }

    /// Of a step without state that came or went.
    fn of_new_columns(&self, step: &Json, scope: &[Json]) -> Effect {
        match (kind(step), items(step)) {
            (Some("lookup"), _) => never_fits(step),
            (Some("compute"), Some(items)) => {
                let names: Option<Vec<&str>> = items.into_iter().map(alias).collect();
                self.of_columns(names.as_deref(), &[], scope)
            }
            _ => self.reaching(scope),
        }
    }

    /// Of columns of these names that changed, came or went (`None` where the names are not plain), beside items that are
    /// the same.
    fn of_columns(&self, names: Option<&[&str]>, same: &[&str], scope: &[Json]) -> Effect {
        let Some(keeper) = scope.iter().find(|step| memory(step) != Memory::None) else {
            return Effect::Later;
        };
        let is_free = |step: &Json| memory(step) == Memory::None || is_free_of_others(step);
        let mut texts: Vec<String> = scope.iter().map(|step| settings(step).to_string()).collect();
        texts.extend(same.iter().map(|item| (*item).to_owned()));
        let is_used = |name: &&str| texts.iter().any(|text| mentions_name(text, name));
        match names {
            Some(names) if scope.iter().all(is_free) && !names.iter().any(is_used) => Effect::Later,
            _ => reaches(keeper),
        }
    }

    /// Of a step whose columns nobody can tell.
    fn reaching(&self, scope: &[Json]) -> Effect {
        match scope.iter().find(|step| memory(step) != Memory::None) {
            Some(keeper) => reaches(keeper),
            None => Effect::Later,
        }
    }
}

fn reaches(keeper: &Json) -> Effect {
    Effect::Never(format!("what `{}` remembers depends on it", name(keeper)))
}

fn never_fits(step: &Json) -> Effect {
    match memory(step) {
        Memory::None => Effect::Never("what comes behind it depends on it".to_owned()),
        _ => Effect::Never(format!("what `{}` remembers does not fit it", name(step))),
    }
}

/// The items that two lists share, and the names of the others, where all of these are plain.
fn same_and_changed<'a>(
    stored: &'a Json,
    current: &'a Json,
) -> (Vec<&'a str>, Option<Vec<&'a str>>) {
    let set = |step: &'a Json| -> BTreeSet<&str> {
        items(step).unwrap_or_default().into_iter().collect()
    };
    let (stored, current) = (set(stored), set(current));
    let same = stored.intersection(&current).copied().collect();
    let names = stored.symmetric_difference(&current).map(|item| alias(item)).collect();
    (same, names)
}

/// The smallest settings of a step that differ.
fn differing<'a>(path: &str, stored: &'a Json, current: &'a Json) -> Vec<Setting<'a>> {
    if stored == current {
        return Vec::new();
    }
    let (Json::Object(left), Json::Object(right)) = (stored, current) else {
        return vec![Setting { path: path.to_owned(), stored, current }];
    };
    let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    let pairs = keys.into_iter().map(|key| {
        let (left, right) = (left.get(key), right.get(key));
        let (stored, current) = (left.unwrap_or(&Json::Null), right.unwrap_or(&Json::Null));
        Setting { path: format!("{path}.{key}"), stored, current }
    });
    pairs.filter(|setting| setting.stored != setting.current).collect()
}

/// What stands behind the last point of a path; nothing where there is none.
fn last_word(path: &str) -> &str {
    path.split_once('.').map_or("", |(_, last)| last)
}
