//! Reading one table of the job file: which keys it has, and what kind of value each wants.
//!
//! Every method that asks for a key remembers it; [`Section::finish`] complains about the keys nobody asked for. A
//! method returns `None` where the key is missing or wrong; wrong ones are already among the problems then.

use super::text::Text;
use super::units;
use super::written::{Entry, Node, Table, Value};
use crate::error::Diagnostic;
use crate::expr::closest;
use serde_json::{Value as Json, json};
use std::ops::Range;

/// One table of the job file, being read.
pub struct Section<'a, 'p> {
    /// What messages call it, such as "[source]".
    name: &'static str,
    /// The bytes of its header or braces; `None` where the table is not there.
    place: Option<Range<usize>>,
    table: &'a Table,
    asked: Vec<&'static str>,
    /// What was found wrong, here and before.
    pub problems: &'p mut Vec<Diagnostic>,
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed<T> {
    /// The value.
    pub value: T,
    /// The bytes of the value.
    pub place: Range<usize>,
}

/// A word that stands for one of several values.
#[derive(Debug, Clone)]
pub struct Choice<T> {
    /// What it stands for.
    pub value: T,
    /// As written, variables unread.
    pub written: String,
}

impl<'a, 'p> Section<'a, 'p> {
    /// Starts to read a table.
    pub fn new(
        name: &'static str,
        place: Option<Range<usize>>,
        table: &'a Table,
        problems: &'p mut Vec<Diagnostic>,
    ) -> Section<'a, 'p> {
        Section { name, place, table, asked: Vec::new(), problems }
    }

    /// The entry of a key, whatever its kind.
    pub fn entry(&mut self, key: &'static str) -> Option<&'a Entry> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
        }
        self.table.get(key)
    }

    /// A string that is not empty.
    pub fn text(&mut self, key: &'static str) -> Option<&'a Text> {
        let text = self.any_text(key)?;
        self.filled(key, text)
    }

    /// A string, maybe an empty one.
    pub fn any_text(&mut self, key: &'static str) -> Option<&'a Text> {
        let entry = self.entry(key)?;
        match &entry.node.value {
            Value::Text(text) => Some(text),
            _ => self.wrong_kind(key, &entry.node, "a string"),
        }
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, key: &'static str) -> Option<bool> {
        let entry = self.entry(key)?;
        match &entry.node.value {
            Value::Boolean(value) => Some(*value),
            _ => self.wrong_kind(key, &entry.node, "true or false"),
        }
    }

    /// A whole number of at least `least`.
    pub fn count(&mut self, key: &'static str, least: u64) -> Option<u64> {
        let entry = self.entry(key)?;
        let wanted = format!("a whole number, {least} or more");
        match &entry.node.value {
            Value::Integer(number) => match u64::try_from(*number) {
                Ok(number) if number >= least => Some(number),
                _ => {
                    let message = format!("`{key}` in {} must be {wanted}", self.name);
                    self.refuse(Diagnostic::at(entry.node.place.clone(), message))
                }
            },
            _ => self.wrong_kind(key, &entry.node, &wanted),
        }
    }

    /// A number of bytes of at least `least`, with or without unit, and as it is written.
    pub fn size(&mut self, key: &'static str, least: u64) -> Option<(u64, Json)> {
        let entry = self.entry(key)?;
        match &entry.node.value {
            Value::Integer(_) => self.count(key, least).map(|bytes| (bytes, json!(bytes))),
            Value::Text(text) => match units::size(&text.text) {
                Some(bytes) if bytes >= least => Some((bytes, json!(text.written))),
                Some(bytes) if bytes > 0 => {
                    let message = format!("`{key}` in {} must be {least} bytes or more", self.name);
                    self.refuse(Diagnostic::at(text.place.clone(), message))
                }
                _ => {
                    let message = format!("`{}` is no number of bytes", text.text);
                    let problem = Diagnostic::at(text.place.clone(), message)
                        .with_hint("write it like \"4GiB\", \"64KiB\" or \"10MB\"");
                    self.refuse(problem)
                }
            },
            _ => self.wrong_kind(key, &entry.node, "a number of bytes such as \"4GiB\""),
        }
    }

    /// One of some words.
    pub fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        options: &[(&str, T)],
    ) -> Option<Choice<T>> {
        let text = self.any_text(key)?;
        let known = options.iter().find(|(word, _)| *word == text.text);
        if let Some((_, value)) = known {
            return Some(Choice { value: *value, written: text.written.clone() });
        }
        let words: Vec<&str> = options.iter().map(|(word, _)| *word).collect();
        let message = format!("`{key}` in {} cannot be `{}`", self.name, text.text);
        let problem = Diagnostic::at(text.place.clone(), message)
            .with_label(format!("one of: {}", words.join(", ")));
        self.refuse(match closest(&text.text, words.iter().copied()) {
            Some(word) => problem.with_hint(format!("did you mean `{key} = \"{word}\"`?")),
            None => problem,
        })
    }

    /// A list of strings that are not empty, with at least one of them; `instead_of_empty` says what to do otherwise.
    pub fn texts(&mut self, key: &'static str, instead_of_empty: &str) -> Option<Vec<&'a Text>> {
        let texts = self.any_texts(key, "a list of strings")?;
        if texts.value.is_empty() {
            let message = format!("the list `{key}` in {} is empty", self.name);
            let problem = Diagnostic::at(texts.place, message).with_hint(instead_of_empty);
            return self.refuse(problem);
        }
        let filled = texts.value.into_iter().map(|text| self.filled(key, text));
        let filled: Vec<Option<&Text>> = filled.collect();
        filled.into_iter().collect()
    }

    /// A list of strings, of which there may be none and which may be empty; `wanted` describes it in messages.
    pub fn any_texts(&mut self, key: &'static str, wanted: &str) -> Option<Placed<Vec<&'a Text>>> {
        let entry = self.entry(key)?;
        let Value::List(items) = &entry.node.value else {
            return self.wrong_list(key, &entry.node, wanted);
        };
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            match &item.value {
                Value::Text(text) => texts.push(text),
                other => {
                    let message = format!("`{key}` in {} must be {wanted}", self.name);
                    let problem = Diagnostic::at(item.place.clone(), message)
                        .with_label(format!("this is {}", other.kind()));
                    self.problems.push(problem);
                }
            }
        }
        (texts.len() == items.len())
            .then_some(Placed { value: texts, place: entry.node.place.clone() })
    }

    /// A table; `example` shows how to write it.
    pub fn table(&mut self, key: &'static str, example: &str) -> Option<Placed<&'a Table>> {
        let entry = self.entry(key)?;
        match &entry.node.value {
            Value::Table(table) => Some(Placed { value: table, place: entry.node.place.clone() }),
            other => {
                let message = format!("`{key}` in {} must be a table", self.name);
                let problem = Diagnostic::at(entry.node.place.clone(), message)
                    .with_label(format!("this is {}", other.kind()))
                    .with_hint(format!("write it like {example}"));
                self.refuse(problem)
            }
        }
    }

    /// Complains that a key is missing.
    pub fn missing<T>(&mut self, key: &str, hint: &str) -> Option<T> {
        let message = format!("`{key}` in {} is missing", self.name);
        let place = self.place.clone();
        self.refuse(Diagnostic { place, ..super::missing(message).with_hint(hint) })
    }

    /// Complains that a value is of the wrong kind.
    pub fn wrong_kind<T>(&mut self, key: &str, node: &Node, wanted: &str) -> Option<T> {
        let message = format!("`{key}` in {} must be {wanted}", self.name);
        let label = format!("this is {}", node.value.kind());
        self.refuse(Diagnostic::at(node.place.clone(), message).with_label(label))
    }

    /// Complains, and returns nothing.
    pub fn refuse<T>(&mut self, problem: Diagnostic) -> Option<T> {
        self.problems.push(problem);
        None
    }

    /// Complains about the keys that nobody asked for.
    pub fn finish(self) {
        for entry in &self.table.entries {
            if self.asked.contains(&entry.key.as_str()) {
                continue;
            }
            let place = entry.key_place.clone();
            let message = format!("unknown key `{}` in {}", entry.key, self.name);
            let problem = Diagnostic::at(place, message);
            let meant = closest(&entry.key, self.asked.iter().copied());
            let home = KEY_HOMES.iter().find(|(key, _)| *key == entry.key);
            let keys = format!("keys are: {}", self.asked.join(", "));
            self.problems.push(match (meant, home) {
                (Some(meant), _) => problem.with_hint(format!("did you mean `{meant}`?")),
                (None, Some((_, home))) => {
                    problem.with_label(keys).with_hint(format!("it belongs in {home}"))
                }
                (None, None) => problem.with_label(keys),
            });
        }
    }

    fn filled(&mut self, key: &str, text: &'a Text) -> Option<&'a Text> {
        if text.text.trim().is_empty() {
            let message = format!("`{key}` in {} is empty", self.name);
            return self.refuse(Diagnostic::at(text.place.clone(), message));
        }
        Some(text)
    }

    fn wrong_list<T>(&mut self, key: &str, node: &Node, wanted: &str) -> Option<T> {
        let message = format!("`{key}` in {} must be {wanted}", self.name);
        let problem = Diagnostic::at(node.place.clone(), message)
            .with_label(format!("this is {}", node.value.kind()));
        self.refuse(match &node.value {
            Value::Text(text) => {
                let quoted = super::quoted(&text.written);
                problem.with_hint(format!("put it in brackets: `{key} = [{quoted}]`"))
            }
            _ => problem,
        })
    }
}

/// Where keys belong that are easily put into the wrong table.
const KEY_HOMES: &[(&str, &str)] = &[
    ("types", "[source]"),
    ("columns", "[source]"),
    ("null", "[source]"),
    ("ragged", "[source]"),
    ("skip_lines", "[source]"),
    ("verify", "[source]"),
    ("comment", "[source]"),
    ("escape", "[source]"),
    ("where", "[[sink]]"),
    ("otherwise", "[[sink]]"),
    ("partition_by", "[sink]"),
    ("partitions_max", "[sink]"),
    ("path", "[source], [sink] or [rejects]"),
    ("format", "[source] or [sink]"),
    ("delimiter", "[source] or [sink]"),
    ("quote", "[source] or [sink]"),
    ("header", "[sink]"),
    ("line_end", "[sink]"),
    ("overwrite", "[sink]"),
    ("filter", "[[transform]]"),
    ("select", "[[transform]] or [sink]"),
    ("compute", "[[transform]]"),
    ("dedup", "[[transform]]"),
    ("aggregate", "[[transform]]"),
    ("window", "[[transform]]"),
    ("sessionize", "[[transform]]"),
    ("tumble", "[[transform]]"),
    ("top", "[[transform]]"),
    ("limit", "[[transform]] or [rejects]"),
    ("offset", "[[transform]]"),
    ("unnest", "[[transform]]"),
    ("split", "[[transform]]"),
    ("unpivot", "[[transform]]"),
    ("fill", "[[transform]]"),
    ("sample", "[[transform]]"),
    ("assert", "[[transform]]"),
    ("flatten", "[[transform]]"),
    ("unflatten", "[[transform]]"),
    ("interval", "[checkpoint]"),
    ("every_records", "[checkpoint]"),
    ("every_bytes", "[checkpoint]"),
    ("at_file_end", "[checkpoint]"),
    ("when", "[checkpoint]"),
    ("directory", "[checkpoint]"),
    ("keep", "[checkpoint]"),
    ("min_pause", "[checkpoint]"),
    ("timeout", "[checkpoint]"),
    ("tolerated_failures", "[checkpoint]"),
    ("copies", "[checkpoint]"),
    ("require_copies", "[checkpoint]"),
    ("ttl", "`dedup`, `window` or `fill`"),
    ("memory", "[state]"),
    ("max_state", "[state]"),
    ("name", "the top of the file, [[transform]] or [sink]"),
];
