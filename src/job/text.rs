//! Strings of the job file: what they say, and where each byte of that stands in the file.
//!
//! TOML escapes, line continuations and `${NAME}` make the text differ from what is written, so the TOML string is read
//! once more here with its offsets. Should that reading ever differ from the parser's, the parser's text counts, and all
//! of its bytes point at the whole string.

use crate::error::{Diagnostic, Sql};
use std::ops::Range;

/// A string of the job file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The bytes of the whole TOML string, quotes included.
    pub place: Range<usize>,
    /// What it says, with the values of environment variables.
    pub text: String,
    /// What it says, with `${NAME}` as it stands: safe to store.
    pub written: String,
    /// For every byte of `text`, and one past the end, its offset in the document.
    pub offsets: Vec<usize>,
}

/// The environment variables that a job uses, as `name`, checksum of the value, in order of their names.
pub type EnvironmentUse = std::collections::BTreeMap<String, u16>;

/// How variables are looked up.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Text {
    /// The same text as an expression.
    pub fn sql(&self) -> Sql {
        Sql { text: self.text.clone(), offsets: self.offsets.clone() }
    }

    /// Reads a TOML string: `raw` is its bytes in the document at `start`, `parsed` what the TOML parser made of them.
    pub fn from_toml(raw: &str, start: usize, parsed: &str) -> Text {
        let place = start..start + raw.len();
        let offsets = match unescape(raw, start) {
            Some((text, offsets)) if text == parsed => offsets,
            _ => (0..=parsed.len()).map(|_| start).collect(),
        };
        Text { place, text: parsed.to_owned(), written: parsed.to_owned(), offsets }
    }

    /// A string that stands in the document without quotes and escapes.
    pub fn plain(raw: &str, start: usize) -> Text {
        Text {
            place: start..start + raw.len(),
            text: raw.to_owned(),
            written: raw.to_owned(),
            offsets: (start..=start + raw.len()).collect(),
        }
    }

    /// Puts in the values of environment variables: `${NAME}`, and `$${` for the characters `${`.
    pub fn with_environment(
        self,
        environment: Environment<'_>,
        used: &mut EnvironmentUse,
        problems: &mut Vec<Diagnostic>,
    ) -> Text {
        if !self.written.contains("${") {
            return self;
        }
        let mut text = String::new();
        let mut offsets = Vec::new();
        let mut at = 0;
        while at < self.written.len() {
            let rest = &self.written[at..];
            let here = self.offsets[at];
            let taken = match piece(rest) {
                Piece::Plain(length) => {
                    text.push_str(&rest[..length]);
                    offsets.extend_from_slice(&self.offsets[at..at + length]);
                    length
                }
                Piece::Escaped => {
                    text.push_str("${");
                    offsets.extend([self.offsets[at + 1], self.offsets[at + 2]]);
                    3
                }
                Piece::Variable(name) => {
                    let length = name.len() + 3;
                    match environment(name) {
                        Some(value) => {
                            used.insert(name.to_owned(), checksum(&value));
                            offsets.resize(offsets.len() + value.len(), here);
                            text.push_str(&value);
                        }
                        None => problems.push(missing(name, here..self.offsets[at + length])),
                    }
                    length
                }
                Piece::Malformed => {
                    problems.push(malformed(here..self.offsets[at + 2]));
                    2
                }
            };
            at += taken;
        }
        offsets.push(self.offsets[self.written.len()]);
        Text { text, offsets, ..self }
    }
}

/// What a text begins with.
enum Piece<'a> {
    /// So many bytes without meaning for us.
    Plain(usize),
    /// `$${`
    Escaped,
    /// `${NAME}`
    Variable(&'a str),
    /// `${` with something else behind it.
    Malformed,
}

fn piece(rest: &str) -> Piece<'_> {
    if rest.starts_with("$${") {
        return Piece::Escaped;
    }
    let Some(inner) = rest.strip_prefix("${") else {
        let next = rest.char_indices().skip(1).find(|(_, c)| *c == '$');
        return Piece::Plain(next.map_or(rest.len(), |(index, _)| index));
    };
    match inner.split_once('}') {
        Some((name, _)) if is_variable_name(name) => Piece::Variable(name),
        _ => Piece::Malformed,
    }
}

fn is_variable_name(name: &str) -> bool {
    let begins_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    begins_well && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Sixteen bits of a CRC-32: enough to notice that a variable changed, too little to tell what it was.
fn checksum(value: &str) -> u16 {
    let crc = crc32fast::hash(value.as_bytes());
    u16::try_from(crc >> 16).expect("the upper half of 32 bits has 16")
}

fn missing(name: &str, place: Range<usize>) -> Diagnostic {
    Diagnostic::at(place, format!("the environment variable `{name}` is not set")).with_hint(
        format!("set it: `export {name}=...`; for the two characters themselves write `$${{`"),
    )
}

fn malformed(place: Range<usize>) -> Diagnostic {
    Diagnostic::at(place, "`${` must be followed by the name of an environment variable and `}`")
        .with_hint("for the two characters themselves write `$${`")
}

/// The text of a raw TOML string with the offset of each byte and of the end; `None` where it is no such string.
fn unescape(raw: &str, start: usize) -> Option<(String, Vec<usize>)> {
    let (quotes, is_basic) = match raw {
        _ if raw.starts_with("\"\"\"") => (3, true),
        _ if raw.starts_with("'''") => (3, false),
        _ if raw.starts_with('"') => (1, true),
        _ if raw.starts_with('\'') => (1, false),
        _ => return None,
    };
    let mut at = quotes;
    let end = raw.len().checked_sub(quotes).filter(|end| *end >= at)?;
    if quotes == 3 {
        at += line_end_length(&raw[at..end]);
    }
    let mut text = String::new();
    let mut offsets = Vec::new();
    while at < end {
        let rest = &raw[at..end];
        let first = rest.chars().next()?;
        if is_basic && first == '\\' {
            let (escaped, length) = escape(&rest[1..])?;
            if let Some(character) = escaped {
                text.push(character);
                offsets.resize(text.len(), start + at);
            }
            at += 1 + length;
        } else {
            text.push(first);
            offsets.extend(start + at..start + at + first.len_utf8());
            at += first.len_utf8();
        }
    }
    offsets.push(start + end);
    Some((text, offsets))
}

fn line_end_length(text: &str) -> usize {
    match text {
        _ if text.starts_with("\r\n") => 2,
        _ if text.starts_with('\n') => 1,
        _ => 0,
    }
}

/// What stands behind a backslash: the character meant (none for a line continuation) and the bytes it takes.
fn escape(rest: &str) -> Option<(Option<char>, usize)> {
    let first = rest.chars().next()?;
    let hexadecimal = |digits: usize| {
        let code = u32::from_str_radix(rest.get(1..=digits)?, 16).ok()?;
        Some((Some(char::from_u32(code)?), 1 + digits))
    };
    match first {
        'b' => Some((Some('\u{8}'), 1)),
        't' => Some((Some('\t'), 1)),
        'n' => Some((Some('\n'), 1)),
        'f' => Some((Some('\u{c}'), 1)),
        'r' => Some((Some('\r'), 1)),
        'e' => Some((Some('\u{1b}'), 1)),
        '"' | '\\' => Some((Some(first), 1)),
        'x' => hexadecimal(2),
        'u' => hexadecimal(4),
        'U' => hexadecimal(8),
        ' ' | '\t' | '\r' | '\n' => {
            let kept = rest.trim_start_matches([' ', '\t', '\r', '\n']);
            Some((None, rest.len() - kept.len()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use toml::de::DeTable;

    /// The text of `document`'s first value, and what stands in the document where each character of it comes from.
    fn check(document: &str, text: &str, origins: &[&str]) {
        let table = DeTable::parse(document).expect("valid TOML");
        let (_, value) = table.get_ref().iter().next().expect("one key");
        let place = value.span();
        let parsed = value.get_ref().as_str().expect("a string");
        let read = Text::from_toml(&document[place.clone()], place.start, parsed);
        let lookup = |name: &str| (name == "DAY").then(|| "mon".to_owned());
        let read = read.with_environment(&lookup, &mut EnvironmentUse::new(), &mut Vec::new());
        assert_eq!(read.text, text, "{document}");
        assert_eq!(read.offsets.len(), text.len() + 1, "{document}");
        let found: Vec<&str> = text
            .char_indices()
            .map(|(index, character)| {
                let from = read.offsets[index];
                &document[from..read.offsets[index + character.len_utf8()].max(from)]
            })
            .collect();
        assert_eq!(found, origins, "{document}");
    }

    #[test]
    fn every_byte_knows_where_it_stands() {
        check("x = 'ab'", "ab", &["a", "b"]);
        check("x = \"a\u{e4}b\"", "a\u{e4}b", &["a", "\u{e4}", "b"]);
        check(r#"x = "a\t\u00e4\"b""#, "a\t\u{e4}\"b", &["a", r"\t", r"\u00e4", "\\\"", "b"]);
        check("x = '''\r\na\nb'''", "a\nb", &["a", "\n", "b"]);
        check("x = \"\"\"a\\\n   b\\x41\"\"\"", "abA", &["a\\\n   ", "b", r"\x41"]);
        check("x = \"\"\"a\"\"\"\"", "a\"", &["a", "\""]);
        check("x = ''", "", &[]);
    }

    #[test]
    fn variables_point_at_their_name() {
        check("x = 'a ${DAY}'", "a mon", &["a", " ", "", "", "${DAY}"]);
        check("x = '$${DAY} $'", "${DAY} $", &["$", "{", "D", "A", "Y", "}", " ", "$"]);
    }

    #[test]
    fn only_names_are_kept_of_variables() {
        let mut used = EnvironmentUse::new();
        let mut problems = Vec::new();
        let read = Text::plain("${A}-${B}-${-", 10).with_environment(
            &|name| (name == "A").then(|| "secret".to_owned()),
            &mut used,
            &mut problems,
        );
        assert_eq!(read.written, "${A}-${B}-${-");
        assert_eq!(read.text, "secret---");
        assert_eq!(used.keys().collect::<Vec<_>>(), ["A"]);
        let places: Vec<_> = problems.into_iter().map(|problem| problem.place).collect();
        assert_eq!(places, [Some(15..19), Some(20..22)]);
    }
}
