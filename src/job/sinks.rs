//! `[sink]`, or several `[[sink]]`: what they are together.
//!
//! Every sink has a name of its own in the end: `sink` where there is one, else the stem of its path.

use super::output::{OutputUnderstood, SinkSettings, Wanted, sink};
use super::section::Section;
use super::written::{Node, Value};
use super::{is_sound_name, missing};
use crate::error::Diagnostic;
use crate::sink::settings::Target;
use serde_json::{Value as Json, json};
use std::ops::Range;
use std::path::Path;

/// All sinks of a job, and where each stands.
pub type Sinks = Vec<Placed>;

/// A sink, understood, and the bytes of its header.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed {
    /// The sink.
    pub sink: OutputUnderstood<SinkSettings>,
    /// The bytes of its header.
    pub place: Range<usize>,
}

/// Reads all sinks; `None` where a problem was found that leaves nothing to go on with.
pub fn understand(
    node: Option<&Node>,
    folder: &Path,
    problems: &mut Vec<Diagnostic>,
) -> Option<Sinks> {
    let Some(node) = node else {
        let problem =
            missing("[sink] is missing").with_hint("add `[sink]` with `path = \"result.csv\"`");
        problems.push(problem);
        return None;
    };
    let items = match &node.value {
        Value::Table(table) => vec![(table, node.place.clone(), "[sink]")],
        Value::List(items) => {
            let mut tables = Vec::new();
            for item in items {
                match &item.value {
                    Value::Table(table) => tables.push((table, item.place.clone(), "[[sink]]")),
                    _ => problems.push(no_table(item)),
                }
            }
            if items.is_empty() {
                problems.push(no_table(node));
            }
            tables
        }
        _ => {
            problems.push(no_table(node));
            return None;
        }
    };
    let count = items.len();
    let mut sinks = Vec::new();
    for (table, place, name) in items {
        let section = Section::new(name, Some(place.clone()), table, problems);
        let sink = sink(section, folder);
        sinks.extend(sink.map(|sink| Placed { sink, place }));
    }
    if sinks.len() < count || count == 0 {
        return None;
    }
    name_all(&mut sinks, problems);
    check_together(&sinks, problems);
    Some(sinks)
}

fn no_table(node: &Node) -> Diagnostic {
    Diagnostic::at(node.place.clone(), "`sink` in the job file must be a table")
        .with_label(format!("this is {}", node.value.kind()))
        .with_hint("write it like `[sink]` on a line of its own, with its keys below")
}

/// What the effective job says of them: of one sink the same, whichever way it is written.
pub fn effective(sinks: &Sinks) -> Json {
    match sinks.as_slice() {
        [sink] => sink.sink.understood.effective.clone(),
        sinks => sinks.iter().map(|sink| sink.sink.understood.effective.clone()).collect(),
    }
}

fn name_all(sinks: &mut Sinks, problems: &mut Vec<Diagnostic>) {
    let is_only = sinks.len() == 1;
    for index in 0..sinks.len() {
        let understood = &mut sinks[index].sink.understood;
        if understood.settings.name.is_empty() {
            let path = understood.effective["path"].as_str().unwrap_or_default();
            let stem = Path::new(path).file_stem().and_then(|stem| stem.to_str());
            let stem = stem.unwrap_or_default().replace(['{', '}'], "");
            understood.settings.name = if is_only { "sink".to_owned() } else { stem };
            if !is_only {
                understood.effective["name"] = json!(understood.settings.name);
            }
        }
        let name = sinks[index].sink.understood.settings.name.clone();
        let is_taken =
            sinks[..index].iter().any(|other| other.sink.understood.settings.name == name);
        if is_taken || !is_sound_name(&name) || name == "rejects" {
            let message = match is_taken {
                true => format!("two sinks have the name `{name}`"),
                false => format!("`{name}` cannot be the name of a sink"),
            };
            let problem = Diagnostic::at(sinks[index].place.clone(), message)
                .with_hint("give it a name of its own: `name = \"totals\"`");
            problems.push(problem);
        }
    }
}

/// Complains about what is wrong with a sink only because of the others.
fn check_together(sinks: &Sinks, problems: &mut Vec<Diagnostic>) {
    let settings = |sink: &Placed| sink.sink.understood.settings.clone();
    let has_where = sinks.iter().any(|sink| matches!(settings(sink).wanted, Wanted::Where(_)));
    for sink in sinks {
        let SinkSettings { wanted, target, .. } = settings(sink);
        if wanted == Wanted::Otherwise && !has_where {
            let message = "`otherwise` says nothing: no other sink has a `where`";
            let problem = Diagnostic::at(sink.place.clone(), message)
                .with_hint("give the others a `where`, or leave `otherwise` out");
            problems.push(problem);
        }
        if target == Target::Stdout && sinks.len() > 1 {
            let place = sink.sink.path_place.clone().unwrap_or(sink.place.clone());
            let message = "standard output cannot be one of several sinks";
            let hint = "a run that writes there cannot be resumed; name a file";
            problems.push(Diagnostic::at(place, message).with_hint(hint));
        }
    }
}
