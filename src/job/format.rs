//! Formats by name and by extension, and the single bytes of a CSV dialect. Shared by `[source]` and `[sink]`.

use super::section::{Choice, Section};
use super::text::Text;
use super::written::Value;
use crate::error::Diagnostic;
use crate::record::CsvDialect;
use serde_json::{Value as Json, json};
use std::path::Path;

/// A format by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormatName {
    /// Fields between commas.
    Csv,
    /// Fields between tabs.
    Tsv,
    /// One JSON object a line.
    Jsonl,
}

/// The names that `format` takes.
const FORMATS: &[(&str, FormatName)] =
    &[("csv", FormatName::Csv), ("tsv", FormatName::Tsv), ("jsonl", FormatName::Jsonl)];

/// Extensions of compressed files.
const COMPRESSED: &[&str] = &["gz", "zst", "bz2", "xz", "zip"];

impl FormatName {
    /// The name that `format` takes.
    pub fn word(self) -> &'static str {
        match self {
            FormatName::Csv => "csv",
            FormatName::Tsv => "tsv",
            FormatName::Jsonl => "jsonl",
        }
    }

    /// The format that a path's extension stands for.
    pub fn of_path(path: &str) -> Option<FormatName> {
        let extension = Path::new(path).extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "csv" => Some(FormatName::Csv),
            "tsv" => Some(FormatName::Tsv),
            "jsonl" | "ndjson" => Some(FormatName::Jsonl),
            _ => None,
        }
    }
}

/// The format that `format` names, or else the paths' extension.
pub fn format(section: &mut Section<'_, '_>, paths: &[&Text]) -> Option<Choice<FormatName>> {
    if section.entry("format").is_some() {
        return section.choice("format", FORMATS);
    }
    let (first, rest) = paths.split_first()?;
    let Some(format) = FormatName::of_path(&first.text) else {
        let problem = unclear(first);
        return section.refuse(problem);
    };
    for path in rest {
        if FormatName::of_path(&path.text) != Some(format) {
            let message = format!(
                "the inputs' extensions stand for different formats: `{}`, `{}`",
                first.written, path.written
            );
            let problem = Diagnostic::at(path.place.clone(), message)
                .with_hint("all inputs of a job have one format; name it: `format = \"csv\"`");
            return section.refuse(problem);
        }
    }
    Some(Choice { value: format, written: format.word().to_owned() })
}

fn unclear(path: &Text) -> Diagnostic {
    let extension = Path::new(&path.text).extension();
    let is_compressed = COMPRESSED
        .iter()
        .any(|known| extension.is_some_and(|found| found.eq_ignore_ascii_case(known)));
    if is_compressed {
        let message = format!("`{}` is a compressed file", path.written);
        return Diagnostic::at(path.place.clone(), message)
            .with_hint("only plain csv, tsv and jsonl files are read and written");
    }
    let message = format!("the format of `{}` is not clear from its name", path.written);
    Diagnostic::at(path.place.clone(), message)
        .with_hint("add `format = \"csv\"` (or \"tsv\" or \"jsonl\")")
}

/// The delimiter and quote that both sides know, and what the effective job says of them.
///
/// The dialect's escape and comment are `None`.
pub fn dialect(section: &mut Section<'_, '_>, format: FormatName) -> (CsvDialect, Json) {
    let default = match format {
        FormatName::Tsv => b'\t',
        FormatName::Csv | FormatName::Jsonl => b',',
    };
    let delimiter = byte(section, "delimiter");
    if let (FormatName::Tsv, Some((found, text))) = (format, &delimiter)
        && *found != b'\t'
    {
        let problem = Diagnostic::at(text.place.clone(), "the delimiter of tsv is the tab")
            .with_hint("for another delimiter use `format = \"csv\"`");
        section.problems.push(problem);
    }
    let (quote, quote_written) = quote(section);
    let dialect = CsvDialect {
        delimiter: delimiter.map_or(default, |(byte, _)| byte),
        quote,
        escape: None,
        comment: None,
    };
    let default = char::from(default).to_string();
    let delimiter_written = delimiter.map_or(default, |(_, text)| text.written.clone());
    let effective = json!({ "delimiter": delimiter_written, "quote": quote_written });
    (dialect, effective)
}

/// The quote: a character, or `false` for none; `"` by default.
fn quote(section: &mut Section<'_, '_>) -> (Option<u8>, Json) {
    let default = (Some(b'"'), json!("\""));
    let Some(entry) = section.entry("quote") else {
        return default;
    };
    match &entry.node.value {
        Value::Boolean(false) => (None, json!(false)),
        Value::Text(_) => match byte(section, "quote") {
            Some((byte, text)) => (Some(byte), json!(text.written)),
            None => default,
        },
        _ => {
            let wanted = "one character, or false for none";
            section.wrong_kind::<()>("quote", &entry.node, wanted);
            default
        }
    }
}

/// A string of one character that is one byte and ends no line.
pub fn byte<'a>(section: &mut Section<'a, '_>, key: &'static str) -> Option<(u8, &'a Text)> {
    let text = section.any_text(key)?;
    match text.text.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'\n' | b'\r' | 0) => Some((*byte, text)),
        _ => {
            let message = format!("`{key}` must be one ASCII character");
            let problem = Diagnostic::at(text.place.clone(), message);
            section.refuse(match key {
                "quote" => problem.with_hint("for no quotes at all write `quote = false`"),
                "delimiter" => problem.with_hint("a tab is written \"\\t\""),
                _ => problem,
            })
        }
    }
}

/// Complains where two roles of a dialect are played by one character.
pub fn check_distinct(section: &mut Section<'_, '_>, dialect: &CsvDialect) {
    let roles = [
        ("delimiter", Some(dialect.delimiter)),
        ("quote", dialect.quote),
        ("escape", dialect.escape),
        ("comment", dialect.comment),
    ];
    for (index, (later, byte)) in roles.iter().enumerate().skip(1) {
        let twin = roles[..index].iter().find(|(_, other)| byte.is_some() && other == byte);
        let Some((earlier, _)) = twin else { continue };
        let written = section.entry(later).or_else(|| section.entry(earlier));
        let place = written.map(|entry| entry.node.place.clone());
        let message = format!("`{later}` and `{earlier}` are the same character");
        section.problems.push(Diagnostic { message, place, label: String::new(), hint: None });
    }
}

/// Complains about keys that only csv and tsv have.
pub fn refuse_csv_keys(section: &mut Section<'_, '_>, side: &str, keys: &[&'static str]) {
    for key in keys {
        if let Some(entry) = section.entry(key) {
            let message = format!("`{key}` is for csv and tsv, and the {side} is jsonl");
            let problem = Diagnostic::at(entry.key_place.clone(), message)
                .with_hint(format!("leave `{key}` out"));
            section.problems.push(problem);
        }
    }
}
