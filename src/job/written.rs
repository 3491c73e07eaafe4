//! The job file as written: a tree of values that know where they stand.
//!
//! Made from the TOML parser's tables, with `--set` and environment variables already put in. Nothing is known here of
//! which keys there are; that is `section` and the files above it.

use super::document::{Document, OverridePlace};
use super::text::{Environment, EnvironmentUse, Text};
use crate::error::Diagnostic;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The bytes of the value; of a table, its header or braces.
    pub place: Range<usize>,
    /// What it is.
    pub value: Value,
}

/// What a [`Node`] is.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A string.
    Text(Text),
    /// A whole number.
    Integer(i64),
    /// A number with a point or an exponent, as it is written.
    Float(String),
    /// `true` or `false`.
    Boolean(bool),
    /// A date or time.
    Datetime,
    /// A list.
    List(Vec<Node>),
    /// A table.
    Table(Table),
}

/// Keys and values in the order of the file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// No key twice.
    pub entries: Vec<Entry>,
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key without quotes.
    pub key: String,
    /// The bytes of the key.
    pub key_place: Range<usize>,
    /// Its value.
    pub node: Node,
}

impl Value {
    /// What messages call this kind of value.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Text(_) => "a string",
            Value::Integer(_) => "a whole number",
            Value::Float(_) => "a decimal number",
            Value::Boolean(_) => "a boolean",
            Value::Datetime => "a date or time",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }
}

impl Table {
    /// The entry of a key.
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }
}

/// Reads the document: the job file, then the overrides on top of it.
///
/// Returns `None` where the file is no TOML: nothing else can be said of it then.
pub fn read(
    document: &Document,
    file_length: usize,
    environment: Environment<'_>,
    used: &mut EnvironmentUse,
    problems: &mut Vec<Diagnostic>,
) -> Option<Table> {
    let file = document.slice(0..file_length);
    let (parsed, errors) = DeTable::parse_recoverable(file);
    if !errors.is_empty() {
        problems.extend(errors.iter().map(|error| syntax(error, file_length)));
        return None;
    }
    let mut builder = Builder { document, shift: 0, problems: &mut *problems };
    let mut table = builder.table(parsed.get_ref());
    for place in document.overrides() {
        if let Err(problem) = apply(document, place, &mut table, problems) {
            problems.push(problem);
        }
    }
    for entry in &mut table.entries {
        substitute(&mut entry.node, environment, used, problems);
    }
    Some(table)
}

/// A complaint of the TOML parser, as ours.
fn syntax(error: &toml::de::Error, file_length: usize) -> Diagnostic {
    let place = error.span().unwrap_or(file_length..file_length);
    let message = error.message();
    let (what, wanted) = message.split_once(", expected ").unwrap_or((message, ""));
    let problem = Diagnostic::at(place, format!("this is not TOML: {what}"));
    match wanted {
        "literal string" => problem.with_hint("put it in quotes"),
        "" | "nothing" => problem,
        wanted => problem.with_label(format!("expected {wanted}")),
    }
}

/// Turns the parser's tables into ours.
struct Builder<'a> {
    document: &'a Document,
    /// Where in the document the parsed text starts.
    shift: usize,
    problems: &'a mut Vec<Diagnostic>,
}

impl Builder<'_> {
    fn table(&mut self, parsed: &DeTable<'_>) -> Table {
        let entries = parsed.iter().map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            key_place: self.place(key.span()),
            node: self.node(value),
        });
        Table { entries: entries.collect() }
    }

    fn node(&mut self, parsed: &Spanned<DeValue<'_>>) -> Node {
        let place = self.place(parsed.span());
        let value = match parsed.get_ref() {
            DeValue::String(text) => {
                let raw = self.document.slice(place.clone());
                Value::Text(Text::from_toml(raw, place.start, text))
            }
            DeValue::Integer(number) => {
                match i64::from_str_radix(number.as_str(), number.radix()) {
                    Ok(number) => Value::Integer(number),
                    Err(_) => {
                        let problem = Diagnostic::at(place.clone(), "this number is too large");
                        self.problems.push(problem);
                        Value::Integer(1)
                    }
                }
            }
            DeValue::Float(number) => Value::Float(number.as_str().replace('_', "")),
            DeValue::Boolean(value) => Value::Boolean(*value),
            DeValue::Datetime(_) => Value::Datetime,
            DeValue::Array(items) => {
                Value::List(items.iter().map(|item| self.node(item)).collect())
            }
            DeValue::Table(table) => Value::Table(self.table(table)),
        };
        Node { place, value }
    }

    fn place(&self, span: Range<usize>) -> Range<usize> {
        span.start + self.shift..span.end + self.shift
    }
}

/// Puts environment variables into every string below a node.
pub fn substitute(
    node: &mut Node,
    environment: Environment<'_>,
    used: &mut EnvironmentUse,
    problems: &mut Vec<Diagnostic>,
) {
    match &mut node.value {
        Value::Text(text) => {
            let taken = std::mem::replace(text, Text::plain("", 0));
            *text = taken.with_environment(environment, used, problems);
        }
        Value::List(items) => {
            for item in items {
                substitute(item, environment, used, problems);
            }
        }
        Value::Table(table) => {
            for entry in &mut table.entries {
                substitute(&mut entry.node, environment, used, problems);
            }
        }
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime => {}
    }
}

/// Sets one value: `transform.0.limit=5`. What is no TOML value is a string.
fn apply(
    document: &Document,
    place: &OverridePlace,
    table: &mut Table,
    problems: &mut Vec<Diagnostic>,
) -> Result<(), Diagnostic> {
    let path = override_path(document, place)?;
    let raw = document.slice(place.value.clone());
    let node = match DeValue::parse(raw) {
        Ok(parsed) => Builder { document, shift: place.value.start, problems }.node(&parsed),
        Err(_) => Node {
            place: place.value.clone(),
            value: Value::Text(Text::plain(raw, place.value.start)),
        },
    };
    set_in_table(table, &path, node)
}

/// The keys of an override's path with their places.
fn override_path(
    document: &Document,
    place: &OverridePlace,
) -> Result<Vec<Spanned<String>>, Diagnostic> {
    let text = format!("{}=0", document.slice(place.key.clone()));
    let wrong = || {
        Diagnostic::at(place.key.clone(), "this is not the path of a key")
            .with_hint("write it like `--set sink.path=out.csv` or `--set transform.0.limit=5`")
    };
    let parsed = DeTable::parse(&text).map_err(|_| wrong())?;
    let mut table = parsed.get_ref();
    let mut path = Vec::new();
    loop {
        let mut entries = table.iter();
        let (Some((key, value)), None) = (entries.next(), entries.next()) else {
            return Err(wrong());
        };
        let span = key.span();
        let key_place = place.key.start + span.start..place.key.start + span.end;
        path.push(Spanned::new(key_place, key.get_ref().to_string()));
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            _ => return Ok(path),
        }
    }
}

fn set_in_table(table: &mut Table, path: &[Spanned<String>], node: Node) -> Result<(), Diagnostic> {
    let (key, rest) = path.split_first().expect("a parsed path has a key");
    let known = table.entries.iter().position(|entry| entry.key == *key.get_ref());
    let index = known.unwrap_or_else(|| {
        table.entries.push(Entry {
            key: key.get_ref().clone(),
            key_place: key.span(),
            node: Node { place: key.span(), value: Value::Table(Table::default()) },
        });
        table.entries.len() - 1
    });
    let below = &mut table.entries[index].node;
    set_in_node(below, key, rest, node)
}

fn set_in_node(
    below: &mut Node,
    key: &Spanned<String>,
    rest: &[Spanned<String>],
    node: Node,
) -> Result<(), Diagnostic> {
    let Some(next) = rest.first() else {
        *below = node;
        return Ok(());
    };
    match &mut below.value {
        Value::Table(table) => set_in_table(table, rest, node),
        Value::List(items) => {
            let count = items.len();
            let index = next.get_ref().parse().ok();
            match index.and_then(|index: usize| items.get_mut(index)) {
                Some(item) => set_in_node(item, next, &rest[1..], node),
                None => Err(no_such_item(key.get_ref(), next, count)),
            }
        }
        other => {
            let message =
                format!("`{}` is {} and has no `{}`", key.get_ref(), other.kind(), next.get_ref());
            Err(Diagnostic::at(next.span(), message))
        }
    }
}

fn no_such_item(list: &str, index: &Spanned<String>, count: usize) -> Diagnostic {
    let message = format!("`{list}` has no entry `{}`", index.get_ref());
    let label = match count {
        0 => "it is empty".to_owned(),
        1 => "it has one entry, number 0".to_owned(),
        _ => format!("its entries are numbered 0 to {}", count - 1),
    };
    Diagnostic::at(index.span(), message).with_label(label)
}
