//! `types` of `[source]`: the declared type of each column or path, and the format of its texts.

use super::section::Section;
use super::text::Text;
use super::written::{Entry, Table, Value};
use crate::error::Diagnostic;
use crate::expr::closest;
use crate::record::moment::Format;
use crate::record::{DataType, NumberFormat, Reading};
use serde_json::{Map, Value as Json, json};
use std::ops::Range;
use std::sync::Arc;

/// The type names that a hint lists.
const TYPE_NAMES: &[&str] = &[
    "boolean",
    "bigint",
    "decimal(12,2)",
    "double",
    "text",
    "date",
    "time",
    "timestamp",
    "timestamptz",
    "interval",
    "json",
    "text[]",
];

/// Other names that are easily mistyped.
const ALIASES: &[&str] = &["integer", "varchar", "string", "datetime"];

/// Declared types.
#[derive(Default)]
pub struct Declared {
    /// The types by name, in the order of the file.
    pub types: Vec<(String, DataType)>,
    /// The formats of those that have one.
    pub readings: Vec<(String, Reading)>,
    /// Where the names stand.
    pub places: Vec<Range<usize>>,
    /// As the effective job says it.
    pub effective: Map<String, Json>,
}

/// Reads `types`.
pub fn types(section: &mut Section<'_, '_>) -> Declared {
    let mut declared = Declared::default();
    let Some(table) = section.table("types", "`types = { amount = \"bigint\" }`") else {
        return declared;
    };
    for entry in &table.value.entries {
        match &entry.node.value {
            Value::Text(text) => {
                if let Some(data_type) = named(text, section.problems) {
                    declared.add(entry, data_type, json!(text.written));
                }
            }
            Value::Table(inner) if inner.get("type").is_some() => {
                declared.with_format(entry, inner, section.problems);
            }
            Value::Table(inner) => {
                let problem = unquoted_path(&entry.key, inner, entry.key_place.clone());
                section.problems.push(problem);
            }
            _ => {
                section.wrong_kind::<()>(&entry.key, &entry.node, "the name of a type");
            }
        }
    }
    declared
}

impl Declared {
    fn add(&mut self, entry: &Entry, data_type: DataType, effective: Json) {
        self.types.push((entry.key.clone(), data_type));
        self.places.push(entry.key_place.clone());
        self.effective.insert(entry.key.clone(), effective);
    }

    /// `{ type = "date", format = "%d/%m/%Y" }`
    fn with_format(&mut self, entry: &Entry, inner: &Table, problems: &mut Vec<Diagnostic>) {
        let place = Some(entry.node.place.clone());
        let mut section = Section::new("the declared type", place, inner, problems);
        let name = section.text("type");
        let format = section.any_text("format");
        let decimal = section.any_text("decimal");
        let thousands = section.any_text("thousands");
        let Some(name) = name else {
            return section.finish();
        };
        let Some(data_type) = named(name, section.problems) else {
            return section.finish();
        };
        let mut effective = Map::from_iter([("type".to_string(), json!(name.written))]);
        let written = [("format", format), ("decimal", decimal), ("thousands", thousands)];
        for (key, text) in written {
            if let Some(text) = text {
                effective.insert(key.to_string(), json!(text.written));
            }
        }
        let moment = format.and_then(|format| moment(format, data_type, &mut section));
        let number = match (decimal, thousands) {
            (None, None) => None,
            _ => number(decimal, thousands, data_type, &mut section),
        };
        if let Some(reading) = moment.or(number) {
            self.readings.push((entry.key.clone(), reading));
        }
        section.finish();
        self.add(entry, data_type, Json::Object(effective));
    }
}

fn named(text: &Text, problems: &mut Vec<Diagnostic>) -> Option<DataType> {
    let data_type = DataType::parse(&text.text);
    if data_type.is_none() {
        problems.push(unknown_type(text));
    }
    data_type
}

/// `format`
fn moment(text: &Text, data_type: DataType, section: &mut Section<'_, '_>) -> Option<Reading> {
    let place = text.place.clone();
    if !data_type.is_moment() && data_type != DataType::Time {
        let message = format!("`format` is for dates and times, not for {}", data_type.phrase());
        let problem = Diagnostic::at(place, message);
        return section.refuse(match data_type.is_numeric() {
            true => problem.with_hint("numbers have `decimal = \",\"` and `thousands = \".\"`"),
            false => problem,
        });
    }
    let format = match Format::parse(&text.text) {
        Ok(format) => format,
        Err(error) => {
            let end =
                text.text[error.position..].chars().take(2).map(char::len_utf8).sum::<usize>();
            let place = text.sql().place(error.position..error.position + end);
            let message = format!("not a format of dates: {}", error.message);
            let hint = "write it like \"%d/%m/%Y %H:%M:%S\"";
            return section.refuse(Diagnostic::at(place, message).with_hint(hint));
        }
    };
    if let Some(reason) = format.unreadable() {
        let message = format!("the format cannot be read: {reason}");
        return section.refuse(Diagnostic::at(place, message));
    }
    let (is_complete, missing) = match data_type {
        DataType::Time => (format.has_hour(), "hour: `%H`"),
        _ => (format.has_year(), "year: `%Y`"),
    };
    if !is_complete {
        let message = format!("a format for {} needs the {missing}", data_type.phrase());
        return section.refuse(Diagnostic::at(place, message));
    }
    Some(Reading::Moment(Arc::new(format)))
}

/// `decimal` and `thousands`
fn number(
    decimal: Option<&Text>,
    thousands: Option<&Text>,
    data_type: DataType,
    section: &mut Section<'_, '_>,
) -> Option<Reading> {
    let text = decimal.or(thousands)?;
    if !data_type.is_numeric() {
        let key = if decimal.is_some() { "decimal" } else { "thousands" };
        let message = format!("`{key}` is for numbers, not for {}", data_type.phrase());
        return section.refuse(Diagnostic::at(text.place.clone(), message));
    }
    let mut sign = |text: &Text| match *text.text.as_bytes() {
        [byte] if is_sign(byte) => Some(byte),
        _ => {
            let message =
                "the sign in a number must be one character such as `,` `.` `'` or a space";
            section.refuse(Diagnostic::at(text.place.clone(), message))
        }
    };
    let decimal_sign = decimal.map_or(Some(b'.'), &mut sign);
    let thousands_sign = thousands.map(&mut sign);
    let (decimal_sign, thousands_sign) =
        (decimal_sign?, thousands_sign.map_or(Some(None), |sign| Some(Some(sign?)))?);
    if Some(decimal_sign) == thousands_sign {
        let message = "`decimal` and `thousands` are the same sign";
        let problem = Diagnostic::at(text.place.clone(), message);
        return section.refuse(problem.with_hint("write both: decimal = \",\", thousands = \".\""));
    }
    Some(Reading::Number(NumberFormat { decimal: decimal_sign, thousands: thousands_sign }))
}

/// Whether a byte can stand in a number without being taken for something else.
fn is_sign(byte: u8) -> bool {
    byte == b' ' || byte.is_ascii_punctuation() && !matches!(byte, b'-' | b'+' | b'"')
}

fn unknown_type(text: &Text) -> Diagnostic {
    let message = format!("unknown type `{}`", text.text);
    let problem = Diagnostic::at(text.place.clone(), message)
        .with_label(format!("types are: {}", TYPE_NAMES.join(", ")));
    let name = text.text.trim().to_ascii_lowercase();
    if name.starts_with("decimal") || name.starts_with("numeric") {
        return problem.with_hint(format!(
            "write `decimal(precision,scale)` with at most {} digits, `scale` of them after the point",
            DataType::PRECISION_MAX
        ));
    }
    match closest(&name, TYPE_NAMES.iter().chain(ALIASES).copied()) {
        Some(meant) => problem.with_hint(format!("did you mean `{meant}`?")),
        None => problem,
    }
}

/// `user.age = "bigint"` is a table in a table for TOML.
fn unquoted_path(key: &str, inner: &Table, place: Range<usize>) -> Diagnostic {
    let below = inner.entries.first().map_or("name", |entry| &entry.key);
    Diagnostic::at(place, "the path of a declared type must be in quotes")
        .with_hint(format!("write `\"{key}.{below}\" = \"bigint\"`"))
}
