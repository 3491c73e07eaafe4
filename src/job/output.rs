//! One `[sink]` and `[rejects]` as understood. Which sinks there are together is read in `sinks`.

use super::format::{self, FormatName};
use super::section::Section;
use super::text::Text;
use super::written::Value;
use super::{Understood, is_sound_name, paths, units};
use crate::encode::settings::{CsvSink, LineEnd, SinkFormat};
use crate::error::{Diagnostic, Sql};
use crate::sink::settings::{
    Partitions, PathPattern, PatternProblem, RUN, RejectLimit, RejectSettings, Target,
};
use serde_json::{Map, Value as Json, json};
use std::ops::Range;
use std::path::Path;

/// Keys that only csv and tsv have.
const CSV_KEYS: &[&str] = &["delimiter", "quote", "header", "line_end"];

/// How many files a partitioned sink makes, unless the job says otherwise.
const PARTITIONS_MAX: usize = 10_000;

/// How many it can be allowed: every checkpoint names all of them.
const PARTITIONS_LIMIT: usize = 100_000;

/// The name of the output that takes the rejects.
const REJECTS: &str = "rejects";

const LINE_ENDS: &[(&str, LineEnd)] = &[("lf", LineEnd::Lf), ("crlf", LineEnd::CrLf)];

/// A `[sink]`, validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkSettings {
    /// Its stable name: what its outputs are called in checkpoints and messages.
    pub name: String,
    /// Which records it takes.
    pub wanted: Wanted,
    /// The columns that it writes, with the bytes of each name in the job file; `None` for all.
    pub columns: Option<Vec<(String, Range<usize>)>>,
    /// Where the output goes.
    pub target: Target,
    /// How it is written.
    pub format: SinkFormat,
    /// Whether a file of that name that is not our own earlier output is replaced.
    pub overwrite: bool,
    /// Whether each round of an incremental job makes files of its own: the path has `{run}`.
    pub per_run: bool,
}

/// Which records a sink takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// All.
    All,
    /// Those for which a predicate is true.
    Where(Sql),
    /// Those that no sink with a predicate takes.
    Otherwise,
}

/// `[sink]` or `[rejects]`, and where its path stands.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputUnderstood<T> {
    /// The settings and what the effective job says of them.
    pub understood: Understood<T>,
    /// The bytes of the path, where there is one.
    pub path_place: Option<Range<usize>>,
}

/// Reads a `[sink]`, whose name may be empty yet; `None` where a problem was found that leaves nothing to go on with.
pub fn sink(mut section: Section<'_, '_>, folder: &Path) -> Option<OutputUnderstood<SinkSettings>> {
    let name = section.text("name");
    let name_is_sound = name.is_none_or(|name| check_name(&mut section, name));
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
    let by = list(&mut section, "partition_by", &mut effective);
    let max = partitions_max(&mut section, by.is_some(), &mut effective);
    let target = path.and_then(|path| match (path.text.as_str(), by) {
        ("-", Some(_)) => section.refuse(
            Diagnostic::at(path.place.clone(), "standard output cannot be partitioned")
                .with_hint("name the files, such as `path = \"out/{country}.csv\"`"),
        ),
        ("-", None) => Some(Target::Stdout),
        (_, Some(by)) => partitions(&mut section, path, folder, by, max),
        (_, None) => paths::file(&mut section, path, folder).map(Target::File),
    });
    let columns = list(&mut section, "select", &mut effective);
    let wanted = wanted(&mut section, &mut effective);
    section.finish();
    let (path, format) = (path?, format?);
    effective.insert("path".into(), json!(path.written));
    effective.insert("format".into(), json!(format.written));
    effective.insert("overwrite".into(), json!(overwrite));
    if !name_is_sound {
        return None;
    }
    if let Some(name) = name {
        effective.insert("name".into(), json!(name.written));
    }
    let name = name.map_or_else(String::new, |name| name.text.clone());
    let target = target?;
    let per_run = match &target {
        Target::File(_) => path.text.contains(RUN),
        Target::Partitions(partitions) => partitions.path.is_per_run(),
        Target::Stdout => false,
    };
    let (wanted, format) = (wanted?, sink_format);
    let settings = SinkSettings { name, wanted, columns, target, format, overwrite, per_run };
    Some(OutputUnderstood {
        understood: Understood { settings, effective: Json::Object(effective) },
        path_place: Some(path.place.clone()),
    })
}

fn check_name(section: &mut Section<'_, '_>, name: &Text) -> bool {
    let is_sound = is_sound_name(&name.text) && name.text != REJECTS;
    if !is_sound {
        let problem = match is_sound_name(&name.text) {
            true => Diagnostic::at(name.place.clone(), "`rejects` is the name of another output"),
            false => super::unsound_name(name),
        };
        section.problems.push(problem);
    }
    is_sound
}

/// A list of column names, each with its place; `None` where there is none.
fn list(
    section: &mut Section<'_, '_>,
    key: &'static str,
    effective: &mut Map<String, Json>,
) -> Option<Vec<(String, Range<usize>)>> {
    section.entry(key)?;
    let texts = section.texts(key, "name at least one column")?;
    let written: Vec<&String> = texts.iter().map(|text| &text.written).collect();
    effective.insert(key.into(), json!(written));
    for (index, text) in texts.iter().enumerate() {
        if texts[..index].iter().any(|other| other.text == text.text) {
            let message = format!("`{key}` names `{}` twice", text.text);
            section.problems.push(Diagnostic::at(text.place.clone(), message));
        }
    }
    Some(texts.iter().map(|text| (text.text.clone(), text.place.clone())).collect())
}

/// `where` or `otherwise`.
fn wanted(section: &mut Section<'_, '_>, effective: &mut Map<String, Json>) -> Option<Wanted> {
    let entry = section.entry("where");
    let otherwise = match section.entry("otherwise") {
        Some(_) => section.boolean("otherwise")?,
        None => false,
    };
    let Some(entry) = entry else {
        if otherwise {
            effective.insert("otherwise".into(), json!(true));
        }
        return Some(if otherwise { Wanted::Otherwise } else { Wanted::All });
    };
    let predicate = section.text("where")?;
    if otherwise {
        let message = "a sink cannot have both `where` and `otherwise`";
        return section.refuse(Diagnostic::at(entry.key_place.clone(), message));
    }
    effective.insert("where".into(), json!(predicate.written));
    Some(Wanted::Where(predicate.sql()))
}

fn partitions_max(
    section: &mut Section<'_, '_>,
    is_partitioned: bool,
    effective: &mut Map<String, Json>,
) -> usize {
    let Some(entry) = section.entry("partitions_max") else { return PARTITIONS_MAX };
    if !is_partitioned {
        let message = "`partitions_max` says nothing without `partition_by`";
        section.problems.push(Diagnostic::at(entry.key_place.clone(), message));
    }
    let Some(count) = section.count("partitions_max", 1) else { return PARTITIONS_MAX };
    effective.insert("partitions_max".into(), json!(count));
    match usize::try_from(count) {
        Ok(count) if count <= PARTITIONS_LIMIT => count,
        _ => {
            let message = format!("`partitions_max` can be at most {PARTITIONS_LIMIT}");
            section.problems.push(Diagnostic::at(entry.node.place.clone(), message));
            PARTITIONS_MAX
        }
    }
}

fn partitions(
    section: &mut Section<'_, '_>,
    path: &Text,
    folder: &Path,
    by: Vec<(String, Range<usize>)>,
    max: usize,
) -> Option<Target> {
    paths::file(section, path, folder)?;
    let columns: Vec<String> = by.iter().map(|(name, _)| name.clone()).collect();
    let (message, hint) = match PathPattern::parse(folder, &path.text, &columns) {
        Ok(path) => return Some(Target::Partitions(Partitions { by, path, max })),
        Err(PatternProblem::Unknown(name)) => {
            (format!("`{{{name}}}` is no column of `partition_by`"), columns)
        }
        Err(PatternProblem::Missing(name)) => {
            (format!("the path does not say where the values of `{name}` go"), vec![name])
        }
        Err(PatternProblem::Open) => ("a `{` of the path is not closed".to_owned(), columns),
        Err(PatternProblem::Long) => {
            let message =
                "a name of the path can become longer than the 255 bytes that file systems take";
            let problem = Diagnostic::at(path.place.clone(), message);
            let hint =
                "a value takes up to 64 of them: put some into the names of folders, `{a}/{b}.csv`";
            return section.refuse(problem.with_hint(hint));
        }
    };
    let shown: Vec<String> = hint.iter().map(|name| format!("`{{{name}}}`")).collect();
    let hint = format!("the path must hold {} and no other braces", shown.join(", "));
    section.refuse(Diagnostic::at(path.place.clone(), message).with_hint(hint))
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
            settings: RejectSettings {
                path: file,
                limit,
                per_run: path.is_some_and(|path| path.text.contains(RUN)),
            },
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
