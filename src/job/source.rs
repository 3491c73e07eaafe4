//! `[source]` as understood.

use super::Understood;
use super::format::{self, FormatName};
use super::section::Section;
use super::text::Text;
use super::types;
use super::written::Value;
use crate::error::Diagnostic;
use crate::record::CsvDialect;
use crate::source::settings::{CsvSource, Mode, Ragged, SourceFormat, SourceSettings, Verify};
use serde_json::{Map, Value as Json, json};
use std::ops::Range;

/// Keys that only csv and tsv have.
const CSV_KEYS: &[&str] =
    &["delimiter", "quote", "escape", "comment", "skip_lines", "columns", "null", "ragged"];

const RAGGED: &[(&str, Ragged)] = &[
    ("reject", Ragged::Reject),
    ("pad", Ragged::Pad),
    ("truncate", Ragged::Truncate),
    ("pad_and_truncate", Ragged::PadAndTruncate),
];

const VERIFY: &[(&str, Verify)] = &[("sampled", Verify::Sampled), ("full", Verify::Full)];

const MODES: &[(&str, Mode)] = &[("batch", Mode::Batch), ("incremental", Mode::Incremental)];

/// `[source]` with the places of what may still turn out wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceUnderstood {
    /// The settings and what the effective job says of them.
    pub understood: Understood<SourceSettings>,
    /// The bytes of each path.
    pub path_places: Vec<Range<usize>>,
    /// The bytes of the name of each declared type.
    pub type_places: Vec<Range<usize>>,
}

/// Reads `[source]`; `None` where a problem was found that leaves nothing to go on with.
pub fn understand(mut section: Section<'_, '_>) -> Option<SourceUnderstood> {
    let paths = paths(&mut section);
    let format = format::format(&mut section, paths.as_deref().unwrap_or_default());
    let declared = types::types(&mut section);
    let verify = section.choice("verify", VERIFY);
    let mode = section.choice("mode", MODES).map_or(Mode::Batch, |choice| choice.value);
    let mut effective = Map::new();
    let name = format.as_ref().map_or(FormatName::Csv, |format| format.value);
    let source_format = source_format(&mut section, "source", name, &mut effective);
    section.finish();
    let (paths, format) = (paths?, format?);
    effective.insert("path".into(), written(&paths));
    effective.insert("format".into(), json!(format.written));
    effective.insert("types".into(), Json::Object(declared.effective));
    let verify_written = verify.as_ref().map_or("sampled", |choice| &choice.written);
    effective.insert("verify".into(), json!(verify_written));
    if mode == Mode::Incremental {
        effective.insert("mode".into(), json!("incremental"));
    }
    let settings = SourceSettings {
        mode,
        paths: paths.iter().map(|text| text.text.clone()).collect(),
        format: source_format,
        types: declared.types,
        readings: declared.readings,
        verify: verify.map_or(Verify::Sampled, |choice| choice.value),
    };
    Some(SourceUnderstood {
        understood: Understood { settings, effective: Json::Object(effective) },
        path_places: paths.iter().map(|text| text.place.clone()).collect(),
        type_places: declared.places,
    })
}

/// `path`: a string or a list of them.
fn paths<'a>(section: &mut Section<'a, '_>) -> Option<Vec<&'a Text>> {
    let Some(entry) = section.entry("path") else {
        return section.missing("path", "name the input: `path = \"orders.csv\"`");
    };
    let paths = match &entry.node.value {
        Value::Text(_) => vec![section.text("path")?],
        Value::List(_) => section.texts("path", "name at least one input")?,
        _ => return section.wrong_kind("path", &entry.node, "a string or a list of strings"),
    };
    for path in &paths {
        if path.text == "-" {
            let message = "standard input cannot be read: a run could not go on from its middle";
            let problem = Diagnostic::at(path.place.clone(), message).with_hint(
                "write the data to a file first, and name that: `path = \"orders.csv\"`",
            );
            return section.refuse(problem);
        }
        if let Err(error) = glob::Pattern::new(&path.text) {
            let message = format!("`{}` is no valid pattern: {}", path.written, error.msg);
            let problem = Diagnostic::at(path.place.clone(), message)
                .with_hint("to mean `*`, `?` or `[` itself write `[*]`, `[?]` or `[[]`");
            return section.refuse(problem);
        }
    }
    Some(paths)
}

/// How the bytes of a file are to be read; its keys that only csv and tsv have go into the effective job.
pub(super) fn source_format(
    section: &mut Section<'_, '_>,
    side: &str,
    name: FormatName,
    effective: &mut Map<String, Json>,
) -> SourceFormat {
    match name {
        FormatName::Jsonl => {
            format::refuse_csv_keys(section, side, CSV_KEYS);
            SourceFormat::Jsonl
        }
        FormatName::Csv | FormatName::Tsv => SourceFormat::Csv(csv(section, name, effective)),
    }
}

/// The keys that csv and tsv have.
fn csv(
    section: &mut Section<'_, '_>,
    name: FormatName,
    effective: &mut Map<String, Json>,
) -> CsvSource {
    let (dialect, shared) = format::dialect(section, name);
    if let Json::Object(shared) = shared {
        effective.extend(shared);
    }
    let dialect = escape_and_comment(section, dialect, effective);
    format::check_distinct(section, &dialect);
    let skip_lines = section.count("skip_lines", 0).unwrap_or(0);
    let columns = columns(section);
    let null = section.any_texts("null", "a list of strings");
    let ragged = section.choice("ragged", RAGGED);
    effective.insert("skip_lines".into(), json!(skip_lines));
    let columns_written = columns.as_deref().map_or(Json::Null, written);
    effective.insert("columns".into(), columns_written);
    let null_written = null.as_ref().map_or(json!([""]), |null| written(&null.value));
    effective.insert("null".into(), null_written);
    let ragged_written = ragged.as_ref().map_or("reject", |choice| &choice.written);
    effective.insert("ragged".into(), json!(ragged_written));
    CsvSource {
        dialect,
        columns: columns.map(|columns| columns.iter().map(|text| text.text.clone()).collect()),
        skip_lines,
        null: null.map_or_else(
            || vec![String::new()],
            |null| null.value.iter().map(|text| text.text.clone()).collect(),
        ),
        ragged: ragged.map_or(Ragged::Reject, |choice| choice.value),
    }
}

fn escape_and_comment(
    section: &mut Section<'_, '_>,
    dialect: CsvDialect,
    effective: &mut Map<String, Json>,
) -> CsvDialect {
    let escape = format::byte(section, "escape");
    let comment = format::byte(section, "comment");
    if let (None, Some((_, text))) = (dialect.quote, &escape) {
        let message = "`escape` is for quoted fields, and there are no quotes";
        let problem = Diagnostic::at(text.place.clone(), message).with_hint("leave `escape` out");
        section.problems.push(problem);
    }
    let as_written = |byte: Option<(u8, &Text)>| byte.map_or(Json::Null, |(_, t)| json!(t.written));
    effective.insert("escape".into(), as_written(escape));
    effective.insert("comment".into(), as_written(comment));
    CsvDialect {
        // A quote that escapes itself is a doubled quote.
        escape: escape.map(|(byte, _)| byte).filter(|byte| Some(*byte) != dialect.quote),
        comment: comment.map(|(byte, _)| byte),
        ..dialect
    }
}

/// `columns`: names, none of them twice.
fn columns<'a>(section: &mut Section<'a, '_>) -> Option<Vec<&'a Text>> {
    let columns = section.texts(
        "columns",
        "name every column, or leave `columns` out where the files have a header line",
    )?;
    for (index, column) in columns.iter().enumerate() {
        if columns[..index].iter().any(|other| other.text == column.text) {
            let message = format!("the column `{}` is named twice", column.text);
            let problem = Diagnostic::at(column.place.clone(), message);
            section.problems.push(problem);
        }
    }
    Some(columns)
}

fn written(texts: &[&Text]) -> Json {
    texts.iter().map(|text| json!(text.written)).collect()
}
