//! A compiled regular expression with its options, and the text that takes a match's place.

use super::syntax::{Problem, translate};
use crate::expr::evaluate::cell::{Cell, Failure};
use crate::expr::function::{Flaw, within_bounds};
use regex::{Captures, Regex, RegexBuilder};

/// The longest pattern in bytes: the length of an expression.
const PATTERN_BYTES_MAX: usize = 64 << 10;

/// The most memory in bytes that a compiled pattern takes, and that matching may use for its automaton.
const COMPILED_BYTES_MAX: usize = 4 << 20;

/// How deep groups may be nested.
const NESTING_MAX: u32 = 100;

/// What a function looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// A match anywhere.
    Part,
    /// A match of the whole text.
    Whole,
}

/// Whether the option `g` has a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GlobalOption {
    /// It has.
    Known,
    /// It is an error.
    Unknown,
}

/// What the letters of the options say.
#[derive(Debug, Clone, Copy, Default)]
struct Options {
    ignores_case: bool,
    is_literal: bool,
    dot_matches_line_end: bool,
    is_global: bool,
}

/// A compiled pattern.
#[derive(Debug)]
pub struct Pattern {
    /// The automaton.
    pub regex: Regex,
    /// Whether all matches are meant, not only the first.
    pub is_global: bool,
}

impl Pattern {
    /// Compiles a pattern from an argument and, where there are some, options from another.
    ///
    /// # Errors
    /// What is wrong with which argument.
    pub fn new(
        constants: &[Option<Cell>],
        extent: Extent,
        options_at: usize,
        global: GlobalOption,
    ) -> Result<Pattern, Flaw> {
        let options = match constants.get(options_at).copied().flatten() {
            Some(options) => Options::parse(text_of(options), options_at, global)?,
            None => Options::default(),
        };
        let flaw = |reason: &str, detail: String| {
            let reason = Failure::from(format!("invalid regular expression: {reason}"));
            Flaw { argument: 1, reason, detail }
        };
        let pattern = constants.get(1).copied().flatten().map_or("", text_of);
        if pattern.len() > PATTERN_BYTES_MAX {
            return Err(flaw("it is longer than 64 KiB", String::new()));
        }
        let translated = match options.is_literal {
            true => regex::escape(pattern),
            false => translate(pattern)
                .map_err(|Problem { reason, piece }| flaw(reason, format!("here: {piece}")))?,
        };
        let translated = match extent {
            Extent::Part => translated,
            Extent::Whole => format!(r"\A(?:{translated})\z"),
        };
        let built = RegexBuilder::new(&translated)
            .case_insensitive(options.ignores_case)
            .dot_matches_new_line(options.dot_matches_line_end)
            .size_limit(COMPILED_BYTES_MAX)
            .dfa_size_limit(COMPILED_BYTES_MAX)
            .nest_limit(NESTING_MAX)
            .build();
        match built {
            Ok(regex) => Ok(Pattern { regex, is_global: options.is_global }),
            Err(regex::Error::CompiledTooBig(_)) => {
                Err(flaw("it takes more than 4 MiB", "repetitions multiply each other".into()))
            }
            Err(error) => {
                let lines = error.to_string();
                let last = lines.lines().last().unwrap_or_default();
                Err(flaw("it cannot be understood", last.trim_start_matches("error: ").into()))
            }
        }
    }

    /// Writes a text with its first match replaced, or all of them where that is meant.
    ///
    /// # Errors
    /// Where the replacement is wrong or the result too long.
    pub fn replace(&self, text: &str, with: &str, out: &mut Vec<u8>) -> Result<(), Failure> {
        let groups = check_replacement(with, self.regex.captures_len())?;
        let mut done = 0;
        let limit = if self.is_global { usize::MAX } else { 1 };
        if groups == 0 && !with.contains('\\') {
            for found in self.regex.find_iter(text).take(limit) {
                out.extend_from_slice(&text.as_bytes()[done..found.start()]);
                out.extend_from_slice(with.as_bytes());
                within_bounds(out.len(), text.len())?;
                done = found.end();
            }
        } else {
            for found in self.regex.captures_iter(text).take(limit) {
                let whole = found.get(0).expect("group 0 is the whole match");
                out.extend_from_slice(&text.as_bytes()[done..whole.start()]);
                write_replacement(out, with, &found);
                within_bounds(out.len(), text.len())?;
                done = whole.end();
            }
        }
        out.extend_from_slice(&text.as_bytes()[done..]);
        Ok(())
    }
}

impl Options {
    fn parse(letters: &str, argument: usize, global: GlobalOption) -> Result<Options, Flaw> {
        let mut options = Options::default();
        for letter in letters.chars() {
            match letter {
                'c' => options.ignores_case = false,
                'i' => options.ignores_case = true,
                'l' => options.is_literal = true,
                'm' | 'n' | 'p' => options.dot_matches_line_end = false,
                's' => options.dot_matches_line_end = true,
                'g' if global == GlobalOption::Known => options.is_global = true,
                'g' => return Err(Flaw::new(argument, "option g is for regexp_replace only")),
                _ => {
                    let detail = "options are: c, i, l, m, n, p, s; for regexp_replace also g";
                    let reason = Failure::from("unknown option");
                    return Err(Flaw { argument, reason, detail: detail.into() });
                }
            }
        }
        Ok(options)
    }
}

fn text_of(cell: Cell<'_>) -> &str {
    crate::expr::function::str_of(cell)
}

/// The highest group that a replacement asks for, of so many that there are (with group 0).
///
/// # Errors
/// Where a backslash stands before something else, or a group does not exist.
pub fn check_replacement(with: &str, groups: usize) -> Result<usize, Failure> {
    let mut highest = 0;
    let mut bytes = with.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            continue;
        }
        match bytes.next() {
            Some(b'\\') => {}
            Some(digit @ b'0'..=b'9') => highest = highest.max(usize::from(digit - b'0')),
            _ => return Err("in the replacement \\ must be followed by a digit or \\".into()),
        }
    }
    match highest < groups {
        true => Ok(highest),
        false => Err("the replacement asks for a group that the pattern does not have".into()),
    }
}

fn write_replacement(out: &mut Vec<u8>, with: &str, found: &Captures) {
    let mut bytes = with.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => match bytes.next() {
                Some(digit @ b'0'..=b'9') => {
                    let group = found.get(usize::from(digit - b'0'));
                    out.extend_from_slice(group.map_or("", |group| group.as_str()).as_bytes());
                }
                _ => out.push(b'\\'),
            },
            _ => out.push(byte),
        }
    }
}
