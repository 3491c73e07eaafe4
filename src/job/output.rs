//! `[sink]` and `[rejects]` as understood.

use super::format::{self, FormatName};
use super::section::Section;
use super::written::Value;
use super::{Understood, paths, units};
use crate::encode::settings::{CsvSink, LineEnd, SinkFormat};
use crate::error::Diagnostic;
use crate::sink::settings::{RejectLimit, RejectSettings, Target};
use serde_json::{Map, Value as Json, json};
use std::ops::Range;
use std::path::Path;

/// Keys that only csv and tsv have.
const CSV_KEYS: &[&str] = &["delimiter", "quote", "header", "line_end"];

const LINE_ENDS: &[(&str, LineEnd)] = &[("lf", LineEnd::Lf), ("crlf", LineEnd::CrLf)];

/// `[sink]`, validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkSettings {
    /// Where the output goes.
    pub target: Target,
    /// How it is written.
    pub format: SinkFormat,
    /// Whether a file of that name that is not our own earlier output is replaced.
    pub overwrite: bool,
}

/// `[sink]` or `[rejects]`, and where its path stands.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputUnderstood<T> {
    /// The settings and what the effective job says of them.
    pub understood: Understood<T>,
    /// The bytes of the path, where there is one.
    pub path_place: Option<Range<usize>>,
}

/// Reads `[sink]`; `None` where a problem was found that leaves nothing to go on with.
pub fn sink(mut section: Section<'_, '_>, folder: &Path) -> Option<OutputUnderstood<SinkSettings>> {
    let path = match section.entry("path") {
        Some(_) => section.text("path"),
        None => section.missing("path", "name the output: `path = \"result.csv\"`"),
    };
    let format = match path {
        Some(path) if path.text == "-" && section.entry("format").is_none() => section.refuse(
            Diagnostic::at(path.place.clone(), "standard output needs a `format`")
                .with_hint("add `format = \"csv\"` (or \"tsv\" or \"jsonl\")"),
        ),
        Some(path) => format::format(&mut section, &[path]),
        None if section.entry("format").is_some() => format::format(&mut section, &[]),
        None => None,
    };
    let overwrite = section.boolean("overwrite").unwrap_or(false);
    let is_jsonl = matches!(&format, Some(format) if format.value == FormatName::Jsonl);
    let mut effective = Map::new();
    let sink_format = if is_jsonl {
        format::refuse_csv_keys(&mut section, "sink", CSV_KEYS);
        SinkFormat::Jsonl
    } else {
        let name = format.as_ref().map_or(FormatName::Csv, |format| format.value);
        SinkFormat::Csv(csv(&mut section, name, &mut effective))
    };
    let target = path.and_then(|path| match path.text.as_str() {
        "-" => Some(Target::Stdout),
        _ => paths::file(&mut section, path, folder).map(Target::File),
    });
    section.finish();
    let (path, format) = (path?, format?);
    effective.insert("path".into(), json!(path.written));
    effective.insert("format".into(), json!(format.written));
    effective.insert("overwrite".into(), json!(overwrite));
    let settings = SinkSettings { target: target?, format: sink_format, overwrite };
    Some(OutputUnderstood {
        understood: Understood { settings, effective: Json::Object(effective) },
        path_place: Some(path.place.clone()),
    })
}

fn csv(
    section: &mut Section<'_, '_>,
    name: FormatName,
    effective: &mut Map<String, Json>,
) -> CsvSink {
    let (dialect, shared) = format::dialect(section, name);
    if let Json::Object(shared) = shared {
        effective.extend(shared);
    }
    format::check_distinct(section, &dialect);
    let header = section.boolean("header").unwrap_or(true);
    let line_end = section.choice("line_end", LINE_ENDS);
    effective.insert("header".into(), json!(header));
    let line_end_written = line_end.as_ref().map_or("lf", |choice| &choice.written);
    effective.insert("line_end".into(), json!(line_end_written));
    CsvSink { dialect, header, line_end: line_end.map_or(LineEnd::Lf, |choice| choice.value) }
}

/// Reads `[rejects]`.
pub fn rejects(mut section: Section<'_, '_>, folder: &Path) -> OutputUnderstood<RejectSettings> {
    let path = section.text("path");
    let file = path.and_then(|path| {
        if path.text == "-" {
            let message = "standard output cannot take the rejects";
            let problem = Diagnostic::at(path.place.clone(), message)
                .with_hint("name a file: `path = \"rejects.jsonl\"`");
            return section.refuse(problem);
        }
        paths::file(&mut section, path, folder)
    });
    let (limit, limit_written) = limit(&mut section);
    section.finish();
    let path_written = path.map_or(Json::Null, |path| json!(path.written));
    OutputUnderstood {
        understood: Understood {
            settings: RejectSettings { path: file, limit },
            effective: json!({ "path": path_written, "limit": limit_written }),
        },
        path_place: path.map(|path| path.place.clone()),
    }
}

/// `limit`: a count, or a percentage as a string.
fn limit(section: &mut Section<'_, '_>) -> (RejectLimit, Json) {
    let none = (RejectLimit::Count(0), json!(0));
    let Some(entry) = section.entry("limit") else {
        return none;
    };
    match &entry.node.value {
        Value::Integer(_) => match section.count("limit", 0) {
            Some(count) => (RejectLimit::Count(count), json!(count)),
            None => none,
        },
        Value::Text(text) => match units::percentage(&text.text) {
            Some(share) => (RejectLimit::Percent(share), json!(text.written)),
            None => {
                let message = format!("`limit` in [rejects] cannot be `{}`", text.text);
                let problem = Diagnostic::at(text.place.clone(), message).with_hint(
                    "write a count, `limit = 100`, or a share of the records, `limit = \"0.1%\"`",
                );
                section.problems.push(problem);
                none
            }
        },
        _ => {
            let wanted = "a whole number or a percentage such as \"0.1%\"";
            section.wrong_kind::<()>("limit", &entry.node, wanted);
            none
        }
    }
}
