//! `[[transform]]` as understood. What is common to all steps is here; a step whose settings are a table has a file.

mod aggregate;

mod dedup;

mod lookup;

mod sort;

use super::section::{Placed, Section};
use super::text::Text;
use super::written::{Node, Table, Value};
use super::{Understood, is_sound_name};
use crate::error::{Diagnostic, Sql};
use crate::source::settings::ReferenceSettings;
use crate::transform::settings::{TransformKind, TransformSettings};
use serde_json::{Map, Value as Json, json};
use std::ops::Range;

/// The kinds of steps, as messages list them.
const KINDS: &[&str] = &["filter", "select", "compute", "limit", "dedup", "aggregate", "sort", "lookup"];

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

/// Reads all `[[transform]]`; those with problems are left out.
///
/// The files that steps look things up in are added to `references`.
pub fn understand(
    node: Option<&Node>,
    references: &mut Vec<Placed<ReferenceSettings>>,
    problems: &mut Vec<Diagnostic>,
) -> Vec<Step> {
    let mut steps = Vec::new();
    let Some(node) = node else { return steps };
    let Value::List(items) = &node.value else {
        let message = "each step of the chain is a table of its own";
        let problem = Diagnostic::at(node.place.clone(), message)
            .with_label(format!("this is {}", node.value.kind()))
            .with_hint("write `[[transform]]` above each step");
        problems.push(problem);
        return steps;
    };
    for item in items {
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
    }
    check_names(&steps, problems);
    steps
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
