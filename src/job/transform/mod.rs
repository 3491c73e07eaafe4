//! `[[transform]]` as understood. What is common to all steps is here; a step whose settings are a table has a file.

mod aggregate;

mod assert;

mod dedup;

mod fill;

mod flatten;

mod frequency;

mod lookup;

mod pivot;

mod sample;

mod sessionize;

mod sort;

mod split;

mod stretch;

mod top;

mod ttl;

mod tumble;

mod unnest;

mod unpivot;

mod window;

use super::section::{Placed, Section};
use super::text::Text;
use super::written::{Node, Table, Value};
use super::{Understood, is_sound_name};
use crate::error::{Diagnostic, Sql};
use crate::source::settings::ReferenceSettings;
use crate::transform::settings::{TransformKind, TransformSettings};
use serde_json::{Map, Value as Json, json};
use std::ops::Range;

/// The kinds of steps, as messages and guides list them.
pub const KINDS: &[&str] = &[
    "filter",
    "select",
    "compute",
    "limit",
    "dedup",
    "aggregate",
    "offset",
    "unnest",
    "split",
    "unpivot",
    "fill",
    "sample",
    "assert",
    "sessionize",
    "top",
    "tumble",
    "window",
    "count",
    "frequency",
    "pivot",
    "flatten",
    "unflatten",
    "sort",
    "lookup",
];

/// One `[[transform]]` and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The settings and what the effective job says of them.
    pub understood: Understood<TransformSettings>,
    /// The bytes of its header.
    pub place: Range<usize>,
    /// The bytes of its name, where it is given one.
    pub name_place: Option<Range<usize>>,
}

/// The steps of a job, without those with problems.
#[derive(Debug, Default)]
pub struct Steps {
    /// The steps.
    pub list: Vec<Step>,
    /// How many of them come before the first one with a problem.
    pub sound: usize,
}

/// Reads all `[[transform]]`.
///
/// The files that steps look things up in are added to `references`.
pub fn understand(
    node: Option<&Node>,
    references: &mut Vec<Placed<ReferenceSettings>>,
    problems: &mut Vec<Diagnostic>,
) -> Steps {
    let mut steps = Vec::new();
    let Some(node) = node else { return Steps::default() };
    let Value::List(items) = &node.value else {
        let message = "each step of the chain is a table of its own";
        let problem = Diagnostic::at(node.place.clone(), message)
            .with_label(format!("this is {}", node.value.kind()))
            .with_hint("write `[[transform]]` above each step");
        problems.push(problem);
        return Steps::default();
    };
    let mut sound = None;
    for item in items {
        let (before, found_before) = (steps.len(), problems.len());
        match &item.value {
            Value::Table(table) => {
                steps.extend(step(table, item.place.clone(), references, problems));
            }
            other => {
                let message = "a step of the chain must be a table";
                let problem = Diagnostic::at(item.place.clone(), message)
                    .with_label(format!("this is {}", other.kind()));
                problems.push(problem);
            }
        }
        if problems.len() > found_before {
            sound.get_or_insert(before);
        }
    }
    check_names(&steps, problems);
    Steps { sound: sound.unwrap_or(steps.len()), list: steps }
}

fn step(
    table: &Table,
    place: Range<usize>,
    references: &mut Vec<Placed<ReferenceSettings>>,
    problems: &mut Vec<Diagnostic>,
) -> Option<Step> {
    let mut section = Section::new("[[transform]]", Some(place.clone()), table, problems);
    let name = section.text("name");
    let name_is_sound = name.is_none_or(|name| check_name(&mut section, name));
    let given: Vec<&'static str> =
        KINDS.iter().copied().filter(|kind| section.entry(kind).is_some()).collect();
    let understood = match given.as_slice() {
        [kind] => kind_of(&mut section, kind, references),
        [] => {
            let is_mistyped = table.entries.iter().any(|entry| entry.key != "name");
            if !is_mistyped {
                let message = "this [[transform]] does nothing";
                let problem = Diagnostic::at(place.clone(), message)
                    .with_hint(format!("give it one of: {}", KINDS.join(", ")));
                section.problems.push(problem);
            }
            None
        }
        [first, second, ..] => {
            let entry = section.entry(second)?;
            let message = format!("one [[transform]] cannot both `{first}` and `{second}`");
            let problem = Diagnostic::at(entry.key_place.clone(), message)
                .with_hint(format!("put `[[transform]]` above `{second}`"));
            section.refuse(problem)
        }
    };
    section.finish();
    let (kind, effective) = understood?;
    if !name_is_sound {
        return None;
    }
    let written = name.map_or(kind.word(), |name| &name.written);
    let mut map = Map::new();
    map.insert("name".into(), json!(written));
    map.insert(kind.word().into(), effective);
    let name_text = name.map_or(kind.word(), |name| &name.text).to_owned();
    Some(Step {
        understood: Understood {
            settings: TransformSettings { name: name_text, kind },
            effective: Json::Object(map),
        },
        place,
        name_place: name.map(|name| name.place.clone()),
    })
}

fn check_name(section: &mut Section<'_, '_>, name: &Text) -> bool {
    let is_sound = is_sound_name(&name.text);
    if !is_sound {
        section.problems.push(super::unsound_name(name));
    }
    is_sound
}

/// What one kind of step does, and what the effective job says of it.
fn kind_of(
    section: &mut Section<'_, '_>,
    kind: &'static str,
    references: &mut Vec<Placed<ReferenceSettings>>,
) -> Option<(TransformKind, Json)> {
    match kind {
        "filter" => {
            let text = section.text(kind)?;
            Some((TransformKind::Filter(text.sql()), json!(text.written)))
        }
        "select" => {
            let items = section.texts(kind, "name at least one column")?;
            Some((TransformKind::Select(sqls(&items)), written(&items)))
        }
        "compute" => {
            let items = section.texts(kind, "add at least one `expression AS name`")?;
            Some((TransformKind::Compute(sqls(&items)), written(&items)))
        }
        "limit" => {
            let count = section.count(kind, 0)?;
            Some((TransformKind::Limit(count), json!(count)))
        }
        "dedup" => dedup::understand(section),
        "aggregate" => aggregate::understand(section),
        "sort" => sort::understand(section),
        "lookup" => lookup::understand(section, references),
        "count" => frequency::understand_count(section),
        "frequency" => frequency::understand(section),
        "pivot" => pivot::understand(section),
        "offset" => {
            let count = section.count(kind, 0)?;
            Some((TransformKind::Offset(count), json!(count)))
        }
        "unnest" => unnest::understand(section),
        "split" => split::understand(section),
        "unpivot" => unpivot::understand(section),
        "fill" => fill::understand(section),
        "sample" => sample::understand(section),
        "assert" => assert::understand(section),
        "sessionize" => sessionize::understand(section),
        "top" => top::understand(section),
        "tumble" => tumble::understand(section),
        "window" => window::understand(section),
        "flatten" => flatten::flatten(section),
        "unflatten" => flatten::unflatten(section),
        _ => unreachable!("`{kind}` is one of the kinds"),
    }
}

/// A list that may be left out but not be empty.
fn optional<'a>(
    section: &mut Section<'a, '_>,
    key: &'static str,
    instead_of_empty: &str,
) -> Option<Vec<&'a Text>> {
    match section.entry(key) {
        Some(_) => section.texts(key, instead_of_empty),
        None => Some(Vec::new()),
    }
}

/// A setting that may be left out, but not be wrong.
fn maybe<T>(
    section: &mut Section<'_, '_>,
    key: &'static str,
    read: impl FnOnce(&mut Section<'_, '_>) -> Option<T>,
) -> Option<Option<T>> {
    match section.entry(key) {
        Some(_) => read(section).map(Some),
        None => Some(None),
    }
}

/// A name or expression that may be left out.
fn maybe_text<'a>(section: &mut Section<'a, '_>, key: &'static str) -> Option<Option<&'a Text>> {
    match section.entry(key) {
        Some(_) => section.text(key).map(Some),
        None => Some(None),
    }
}

/// A name or expression that must be there.
fn needed<'a>(section: &mut Section<'a, '_>, key: &'static str, hint: &str) -> Option<&'a Text> {
    match section.entry(key) {
        Some(_) => section.text(key),
        None => section.missing(key, hint),
    }
}

/// A list that must be there.
fn needed_list<'a>(
    section: &mut Section<'a, '_>,
    key: &'static str,
    hint: &str,
) -> Option<Vec<&'a Text>> {
    match section.entry(key) {
        Some(_) => section.texts(key, hint),
        None => section.missing(key, hint),
    }
}

/// `true` or `false`, or what holds where it is left out.
fn flag(section: &mut Section<'_, '_>, key: &'static str, default: bool) -> Option<bool> {
    match section.entry(key) {
        Some(_) => section.boolean(key),
        None => Some(default),
    }
}

/// One of some words, or what holds where it is left out.
fn word<T: Copy>(
    section: &mut Section<'_, '_>,
    key: &'static str,
    options: &[(&str, T)],
    default: T,
) -> Option<T> {
    match section.entry(key) {
        Some(_) => section.choice(key, options).map(|choice| choice.value),
        None => Some(default),
    }
}

/// Complains about keys that have no meaning beside another one.
fn refuse_keys(section: &mut Section<'_, '_>, keys: &[&'static str], beside: &str) -> Option<()> {
    let mut is_sound = Some(());
    for key in keys {
        if let Some(entry) = section.entry(key) {
            let message = format!("`{key}` has no meaning beside `{beside}`");
            let problem = Diagnostic::at(entry.key_place.clone(), message);
            is_sound = section.refuse(problem.with_hint("leave one of them out"));
        }
    }
    is_sound
}

/// A name that the job gives to a column, or else a usual one, which then stands for the whole table.
fn column_name(
    section: &mut Section<'_, '_>,
    key: &'static str,
    usual: &str,
    place: &Range<usize>,
) -> Option<(Sql, Json)> {
    if section.entry(key).is_some() {
        let text = section.text(key)?;
        return Some((text.sql(), json!(text.written)));
    }
    let mut offsets = vec![place.start; usual.len()];
    offsets.push(place.end);
    Some((Sql { text: usual.to_owned(), offsets }, json!(usual)))
}

fn sqls(texts: &[&Text]) -> Vec<Sql> {
    texts.iter().map(|text| text.sql()).collect()
}

fn written(texts: &[&Text]) -> Json {
    texts.iter().map(|text| json!(text.written)).collect()
}

/// Names of steps with state, and names that were given, must differ.
fn check_names(steps: &[Step], problems: &mut Vec<Diagnostic>) {
    let counts =
        |step: &Step| step.name_place.is_some() || step.understood.settings.kind.has_state();
    for (index, step) in steps.iter().enumerate().filter(|(_, step)| counts(step)) {
        let settings = &step.understood.settings;
        let twin = steps[..index]
            .iter()
            .filter(|other| counts(other))
            .any(|other| other.understood.settings.name == settings.name);
        if !twin {
            continue;
        }
        problems.push(match &step.name_place {
            Some(place) => {
                let message = format!("two steps have the name `{}`", settings.name);
                Diagnostic::at(place.clone(), message)
                    .with_hint("the state of a step is found by its name: give each its own")
            }
            None => {
                let word = settings.kind.word();
                let message = format!("another step already has the name `{word}`");
                Diagnostic::at(step.place.clone(), message)
                    .with_hint(format!("name this one: `name = \"second-{word}\"`"))
            }
        });
    }
}
