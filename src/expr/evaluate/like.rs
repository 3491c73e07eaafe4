//! `LIKE` and `ILIKE`: `%` is any text, `_` any one character.
//!
//! A pattern is cut at its `%` into segments. The first must stand at the start, the last at the end, the others are
//! looked for from left to right; the leftmost place is always good enough, so nothing is ever tried twice.

use super::cell::{Builder, Cell, Operand};
use crate::expr::node::Node;
use crate::record::{Batch, Column, Reason, Values};
use memchr::memmem;
use std::sync::Arc;

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern {
    /// The pieces between two `%`; at least one segment.
    segments: Vec<Vec<Piece>>,
    ignores_case: bool,
}

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Bytes(Vec<u8>),
    AnyCharacter,
}

impl Pattern {
    /// Compiles a pattern; `None` where the escape character is the last one.
    pub fn new(pattern: &str, escape: Option<char>, ignores_case: bool) -> Option<Pattern> {
        let pattern = if ignores_case { pattern.to_lowercase() } else { pattern.to_string() };
        let mut segments = vec![Vec::new()];
        let mut characters = pattern.chars();
        while let Some(character) = characters.next() {
            let literal = match character {
                _ if Some(character) == escape => characters.next()?,
                '%' => {
                    segments.push(Vec::new());
                    continue;
                }
                '_' => {
                    segments.last_mut()?.push(Piece::AnyCharacter);
                    continue;
                }
                _ => character,
            };
            let segment = segments.last_mut()?;
            if !matches!(segment.last(), Some(Piece::Bytes(_))) {
                segment.push(Piece::Bytes(Vec::new()));
            }
            if let Some(Piece::Bytes(bytes)) = segment.last_mut() {
                bytes.extend_from_slice(literal.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        Some(Pattern { segments, ignores_case })
    }

    /// Whether a text matches as a whole.
    pub fn matches(&self, text: &[u8]) -> bool {
        if self.ignores_case {
            return self.matches_folded(String::from_utf8_lossy(text).to_lowercase().as_bytes());
        }
        self.matches_folded(text)
    }

    fn matches_folded(&self, text: &[u8]) -> bool {
        let [first, others @ ..] = &*self.segments else {
            return false;
        };
        let Some(text) = strip_front(text, first) else {
            return false;
        };
        let [middle @ .., last] = others else {
            return text.is_empty();
        };
        let Some(mut text) = strip_back(text, last) else {
            return false;
        };
        for segment in middle {
            match strip_through(text, segment) {
                Some(rest) => text = rest,
                None => return false,
            }
        }
        true
    }
}

/// `LIKE` with a constant pattern; NULL of NULL.
pub fn like(pattern: &Pattern, operand: &Node, batch: &Batch, rows: &[u32]) -> Arc<Column> {
    let operand = Operand::new(operand, batch, rows);
    let mut values = vec![false; batch.rows];
    for row in rows {
        if let Cell::Text(text) = operand.cell(*row as usize) {
            values[*row as usize] = pattern.matches(text);
        }
    }
    let mut builder = Builder::from_values(Values::Boolean(values));
    builder.set_nulls_of(&operand, rows);
    builder.set_faults_of(&operand, rows);
    builder.finish()
}

/// `LIKE` with a pattern per row; NULL where either is NULL.
pub fn like_computed(
    [text, pattern]: &[Node; 2],
    escape: Option<char>,
    ignores_case: bool,
    batch: &Batch,
    rows: &[u32],
) -> Arc<Column> {
    let text = Operand::new(text, batch, rows);
    let pattern = Operand::new(pattern, batch, rows);
    let mut builder = Builder::new(crate::record::DataType::Boolean, batch.rows);
    let bad_pattern: Reason = "LIKE pattern ends with its escape character".into();
    for row in rows {
        match (text.cell(*row as usize), pattern.cell(*row as usize)) {
            (Cell::Text(text), Cell::Text(pattern)) => {
                let pattern = String::from_utf8_lossy(pattern);
                match Pattern::new(&pattern, escape, ignores_case) {
                    Some(pattern) => builder.set(*row, Cell::Boolean(pattern.matches(text))),
                    None => builder.set_fault(*row, &bad_pattern),
                }
            }
            _ => builder.set_null(*row),
        }
    }
    builder.set_faults_of(&text, rows);
    builder.set_faults_of(&pattern, rows);
    builder.finish()
}

fn strip_front<'a>(mut text: &'a [u8], segment: &[Piece]) -> Option<&'a [u8]> {
    for piece in segment {
        text = match piece {
            Piece::Bytes(bytes) => text.strip_prefix(&**bytes)?,
            Piece::AnyCharacter => {
                let rest = text.get(1..)?;
                let next = rest.iter().position(|byte| !is_continuation(*byte));
                &rest[next.unwrap_or(rest.len())..]
            }
        };
    }
    Some(text)
}

fn strip_back<'a>(mut text: &'a [u8], segment: &[Piece]) -> Option<&'a [u8]> {
    for piece in segment.iter().rev() {
        text = match piece {
            Piece::Bytes(bytes) => text.strip_suffix(&**bytes)?,
            Piece::AnyCharacter => {
                &text[..text.iter().rposition(|byte| !is_continuation(*byte))?]
            }
        };
    }
    Some(text)
}

/// What follows the leftmost place of a segment.
fn strip_through<'a>(text: &'a [u8], segment: &[Piece]) -> Option<&'a [u8]> {
    match segment {
        [] => Some(text),
        [Piece::Bytes(bytes)] => memmem::find(text, bytes).map(|at| &text[at + bytes.len()..]),
        _ => (0..=text.len())
            .filter(|at| text.get(*at).is_none_or(|byte| !is_continuation(*byte)))
            .find_map(|at| strip_front(&text[at..], segment)),
    }
}

fn is_continuation(byte: u8) -> bool {
    byte & 0b1100_0000 == 0b1000_0000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, pattern: &str, expected: bool) {
        let compiled = Pattern::new(pattern, Some('!'), false).expect(pattern);
        assert_eq!(compiled.matches(text.as_bytes()), expected, "{text} LIKE {pattern}");
    }

    #[test]
    fn patterns_match_whole_texts() {
        check("", "", true);
        check("", "%", true);
        check("a", "", false);
        check("abc", "abc", true);
        check("abc", "a_c", true);
        check("a\u{e4}c", "a_c", true);
        check("a\u{e4}\u{e4}c", "a_c", false);
        check("abcabc", "%abc", true);
        check("abcab", "%abc", false);
        check("abc", "ab%bc", false);
        check("abbc", "ab%bc", true);
        check("xaybzc", "%a%b%c%", true);
        check("xaybz", "%a%b%c%", false);
        check("mississippi", "%iss%ip%i", true);
        check("\u{e4}\u{f6}x", "%_x", true);
        check("aXbYc", "%_b_%", true);
        check("10%", "10!%", true);
        check("100", "10!%", false);
        check("a!b", "a!!b", true);
    }

    #[test]
    fn a_pattern_cannot_end_with_its_escape_character() {
        assert_eq!(Pattern::new("a!", Some('!'), false), None);
        assert!(Pattern::new("a!", None, false).is_some());
    }

    #[test]
    fn ilike_ignores_case_beyond_ascii() {
        let pattern = Pattern::new("\u{c4}%b", None, true).expect("a pattern");
        assert!(pattern.matches("\u{e4}xB".as_bytes()));
    }
}
