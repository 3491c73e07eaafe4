//! RE2's syntax, as DuckDB has it, in the syntax of the crate `regex`.
//!
//! The two differ in what `\d`, `\w`, `\s` and `\b` mean (ASCII in RE2), in what stands for itself (`{`, `]`, `&&` in a
//! class), and in what is an error (`a**`, `\y`, repetitions beyond 1000). Everything that has a meaning is translated,
//! and every literal that is no letter or digit is escaped, so that nothing is special by accident. Names of groups are
//! left out: nothing refers to them.

use std::fmt::Write as _;

/// The most times that something is repeated; RE2's limit.
const REPEATS_MAX: u32 = 1000;

const DIGITS: &str = "0-9";
const WORDS: &str = "0-9A-Za-z_";
const SPACES: &str = r"\t\n\f\r ";
const CLASSES: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
    "space", "upper", "word", "xdigit",
];

/// What is wrong with a pattern, and the piece of it that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What, without data.
    pub reason: &'static str,
    /// The piece.
    pub piece: String,
}

/// Translates a pattern.
///
/// # Errors
/// Where RE2 would refuse it, and for `\C`.
pub fn translate(pattern: &str) -> Result<String, Problem> {
    let mut translator =
        Translator { rest: pattern, out: String::new(), last: Last::Nothing, depth: 0 };
    while let Some(character) = translator.next() {
        translator.item(character)?;
    }
    match translator.depth {
        0 => Ok(translator.out),
        _ => problem("missing )", pattern),
    }
}

/// What a repetition would repeat.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Nothing,
    Item,
    Repetition,
}

struct Translator<'p> {
    rest: &'p str,
    out: String,
    last: Last,
    depth: usize,
}

fn problem<T>(reason: &'static str, piece: &str) -> Result<T, Problem> {
    Err(Problem { reason, piece: piece.to_string() })
}

impl<'p> Translator<'p> {
    fn next(&mut self) -> Option<char> {
        let character = self.rest.chars().next()?;
        self.rest = &self.rest[character.len_utf8()..];
        Some(character)
    }

    fn take(&mut self, prefix: &str) -> bool {
        let rest = self.rest.strip_prefix(prefix);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// From `start`, a tail of the pattern, up to here.
    fn since(&self, start: &'p str) -> &'p str {
        &start[..start.len() - self.rest.len()]
    }

    fn item(&mut self, character: char) -> Result<(), Problem> {
        let mut last = Last::Item;
        match character {
            '(' => {
                self.open()?;
                last = Last::Nothing;
            }
            ')' => {
                if self.depth == 0 {
                    return problem("unexpected )", ")");
                }
                self.depth -= 1;
                self.out.push(')');
            }
            '|' => {
                self.out.push('|');
                last = Last::Nothing;
            }
            '^' | '$' | '.' => self.out.push(character),
            '*' | '+' | '?' => {
                let mut buffer = [0; 4];
                self.repetition(character.encode_utf8(&mut buffer))?;
                last = Last::Repetition;
            }
            '{' => match self.counts() {
                Some((counts, length)) => {
                    self.rest = &self.rest[length..];
                    self.counted(counts)?;
                    last = Last::Repetition;
                }
                None => literal(&mut self.out, '{'),
            },
            '[' => self.class()?,
            '\\' => self.escape()?,
            _ => literal(&mut self.out, character),
        }
        self.last = last;
        Ok(())
    }

    /// What stands behind `(`: a group, or flags.
    fn open(&mut self) -> Result<(), Problem> {
        let start = self.rest;
        if !self.take("?") {
            self.out.push('(');
            self.depth += 1;
            return Ok(());
        }
        if self.take("P<") || self.take("<") {
            let name = self.rest.split_once('>').map(|(name, _)| name);
            let is_word = |name: &str| {
                !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            };
            let Some(name) = name.filter(|name| is_word(name)) else {
                return problem("this kind of group is not supported", &format!("({start}"));
            };
            self.rest = &self.rest[name.len() + 1..];
            self.out.push('(');
            self.depth += 1;
            return Ok(());
        }
        let flags = &self.rest[..self.rest.find([')', ':']).unwrap_or(self.rest.len())];
        self.rest = &self.rest[flags.len()..];
        let end = self.next();
        let (on, off) = flags.split_once('-').map_or((flags, "i"), |(on, off)| (on, off));
        let are_known = [on, off].iter().all(|flags| flags.chars().all(|c| "imsU".contains(c)));
        if end.is_none() || !are_known || off.is_empty() {
            let piece: String = start.chars().take(3).collect();
            return problem("this kind of group is not supported", &format!("({piece}"));
        }
        if end == Some(':') {
            self.depth += 1;
            let _ = write!(self.out, "(?{flags}:");
        } else if !flags.is_empty() {
            let _ = write!(self.out, "(?{flags})");
        }
        Ok(())
    }

    /// The counts behind `{` and the length of what is read, where it is a repetition at all.
    fn counts(&self) -> Option<((&'p str, &'p str), usize)> {
        let inner = &self.rest[..self.rest.find('}')?];
        let (least, most) = inner.split_once(',').unwrap_or((inner, inner));
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let is_counted = !least.is_empty() && is_number(least) && is_number(most);
        is_counted.then_some(((least, most), inner.len() + 1))
    }

    fn counted(&mut self, (least, most): (&str, &str)) -> Result<(), Problem> {
        let written =
            if least == most { format!("{{{least}}}") } else { format!("{{{least},{most}}}") };
        let number = |text: &str| text.parse::<u32>().ok().filter(|count| *count <= REPEATS_MAX);
        let is_sound = match (number(least), number(most)) {
            (Some(_), None) => most.is_empty(),
            (Some(least), Some(most)) => least <= most,
            (None, _) => false,
        };
        if !is_sound {
            return problem("invalid repetition size", &written);
        }
        self.repetition(&written)
    }

    fn repetition(&mut self, written: &str) -> Result<(), Problem> {
        match self.last {
            Last::Nothing => return problem("nothing to repeat", written),
            Last::Repetition => return problem("a repetition of a repetition", written),
            Last::Item => self.out.push_str(written),
        }
        if self.take("?") {
            self.out.push('?');
        }
        Ok(())
    }

    /// What stands behind a backslash, outside of a class.
    fn escape(&mut self) -> Result<(), Problem> {
        if self.take("Q") {
            let (literals, rest) = self.rest.split_once("\\E").unwrap_or((self.rest, ""));
            self.rest = rest;
            literals.chars().for_each(|character| literal(&mut self.out, character));
            return Ok(());
        }
        let set = match self.rest.chars().next() {
            Some('A') => r"\A",
            Some('z') => r"\z",
            Some('b') => r"(?-u:\b)",
            Some('B') => r"(?-u:\B)",
            Some('C') => return problem(r"\C is not supported: it would cut characters", r"\C"),
            _ => {
                if !self.set()? {
                    let character = self.escaped()?;
                    literal(&mut self.out, character);
                }
                return Ok(());
            }
        };
        self.next();
        self.out.push_str(set);
        Ok(())
    }

    /// `\d`, `\pL` and the like, as a class; false where there is something else.
    fn set(&mut self) -> Result<bool, Problem> {
        let start = self.rest;
        let Some(letter) = self.next() else {
            return problem("trailing \\", "\\");
        };
        let (negation, set) = match letter {
            'd' => ("", DIGITS),
            'D' => ("^", DIGITS),
            'w' => ("", WORDS),
            'W' => ("^", WORDS),
            's' => ("", SPACES),
            'S' => ("^", SPACES),
            'p' | 'P' => {
                let name = match self.next() {
                    Some('{') => self.rest.split_once('}').map(|(name, rest)| {
                        self.rest = rest;
                        name
                    }),
                    Some(_) => Some(&self.since(start)[1..]),
                    None => None,
                };
                let Some(name) = name else {
                    return problem("invalid character class", &format!("\\{start}"));
                };
                let (name, is_negated) = match name.strip_prefix('^') {
                    Some(name) => (name, letter == 'p'),
                    None => (name, letter == 'P'),
                };
                let letter = if is_negated { 'P' } else { 'p' };
                let _ = write!(self.out, "\\{letter}{{{name}}}");
                return Ok(true);
            }
            _ => {
                self.rest = start;
                return Ok(false);
            }
        };
        let _ = write!(self.out, "[{negation}{set}]");
        Ok(true)
    }

    /// The one character that stands behind a backslash.
    fn escaped(&mut self) -> Result<char, Problem> {
        let start = self.rest;
        let found = match self.next() {
            None => return problem("trailing \\", "\\"),
            Some('a') => Some('\x07'),
            Some('f') => Some('\x0c'),
            Some('n') => Some('\n'),
            Some('r') => Some('\r'),
            Some('t') => Some('\t'),
            Some('v') => Some('\x0b'),
            Some('x') => self.hexadecimal(),
            Some(first @ '0'..='7') => {
                let digits: String =
                    self.rest.chars().take_while(|c| ('0'..='7').contains(c)).take(2).collect();
                self.rest = &self.rest[digits.len()..];
                let is_back_reference = first != '0' && digits.is_empty();
                let number = u32::from_str_radix(&format!("{first}{digits}"), 8).ok();
                number.filter(|_| !is_back_reference).and_then(char::from_u32)
            }
            Some(character) => {
                let is_literal = character.is_ascii() && !character.is_ascii_alphanumeric();
                is_literal.then_some(character)
            }
        };
        match found {
            Some(character) => Ok(character),
            None => problem("invalid escape", &format!("\\{}", self.since(start))),
        }
    }

    /// `\x41` and `\x{1F600}`.
    fn hexadecimal(&mut self) -> Option<char> {
        let digits = match self.take("{") {
            true => {
                let (digits, rest) = self.rest.split_once('}')?;
                self.rest = rest;
                digits
            }
            false => {
                let digits = self.rest.get(..2)?;
                self.rest = &self.rest[2..];
                digits
            }
        };
        let is_number = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_number.then(|| u32::from_str_radix(digits, 16).ok().and_then(char::from_u32))?
    }

    /// A class, behind its `[`.
    fn class(&mut self) -> Result<(), Problem> {
        let start = self.rest;
        self.out.push('[');
        if self.take("^") {
            self.out.push('^');
        }
        let mut is_first = true;
        loop {
            if self.take("]") && !is_first {
                self.out.push(']');
                return Ok(());
            }
            if is_first && self.since(start).ends_with(']') {
                self.rest = &start[self.since(start).len() - 1..];
            }
            is_first = false;
            if self.rest.is_empty() {
                return problem("missing ]", &format!("[{start}"));
            }
            if !self.named_class()? {
                self.class_item()?;
            }
        }
    }

    /// `[:alpha:]` and `[:^alpha:]`, and sets such as `\d`.
    fn named_class(&mut self) -> Result<bool, Problem> {
        if let Some((name, rest)) =
            self.rest.strip_prefix("[:").and_then(|rest| rest.split_once(":]"))
        {
            if !CLASSES.contains(&name.trim_start_matches('^')) {
                return problem("invalid character class", &format!("[:{name}:]"));
            }
            let _ = write!(self.out, "[:{name}:]");
            self.rest = rest;
            return Ok(true);
        }
        match self.rest.strip_prefix('\\') {
            Some(rest) => {
                let start = std::mem::replace(&mut self.rest, rest);
                let is_set = self.set()?;
                self.rest = if is_set { self.rest } else { start };
                Ok(is_set)
            }
            None => Ok(false),
        }
    }

    /// A character or a range of characters.
    fn class_item(&mut self) -> Result<(), Problem> {
        let start = self.rest;
        let low = self.class_character()?;
        literal(&mut self.out, low);
        if self.rest.starts_with('-') && !self.rest.starts_with("-]") {
            self.take("-");
            let high = self.class_character()?;
            if high < low {
                return problem("invalid range of characters", self.since(start));
            }
            self.out.push('-');
            literal(&mut self.out, high);
        }
        Ok(())
    }

    fn class_character(&mut self) -> Result<char, Problem> {
        match self.next() {
            Some('\\') => self.escaped(),
            Some(character) => Ok(character),
            None => problem("missing ]", "["),
        }
    }
}

/// A character that stands for itself.
fn literal(out: &mut String, character: char) {
    if character.is_ascii_alphanumeric() || !character.is_ascii() {
        out.push(character);
    } else {
        let _ = write!(out, "\\x{{{:x}}}", u32::from(character));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, expected: &str) {
        assert_eq!(translate(pattern).as_deref(), Ok(expected), "{pattern}");
    }

    fn check_problem(pattern: &str, reason: &str, piece: &str) {
        let problem = translate(pattern).expect_err(pattern);
        assert_eq!((problem.reason, &*problem.piece), (reason, piece), "{pattern}");
    }

    #[test]
    fn classes_mean_ascii() {
        check(r"\d\W", "[0-9][^0-9A-Za-z_]");
        check(r"[\d\S]", "[[0-9][^\\t\\n\\f\\r ]]");
        check(r"\ba\B", r"(?-u:\b)a(?-u:\B)");
        check(r"\pL\p{^Greek}\PN", r"\p{L}\P{Greek}\P{N}");
    }

    #[test]
    fn what_is_not_special_in_re2_stands_for_itself() {
        check("a{", r"a\x{7b}");
        check("a{,2}", r"a\x{7b}\x{2c}2\x{7d}");
        check("[]&&[]", r"[\x{5d}\x{26}\x{26}\x{5b}]");
        check("[^]a-c-]", r"[^\x{5d}a-c\x{2d}]");
        check(r"\Qa.b\E*", r"a\x{2e}b*");
        check(r"\x41\x{1F600}\101", "A\u{1f600}A");
    }

    #[test]
    fn groups_lose_their_names() {
        check("(?P<year>a)(?:b)(?i)c(?s-m:d)", "(a)(?:b)(?i)c(?s-m:d)");
        check("(?)a", "a");
    }

    #[test]
    fn what_re2_refuses_is_refused() {
        check_problem("(a", "missing )", "(a");
        check_problem("a)", "unexpected )", ")");
        check_problem("[a", "missing ]", "[a");
        check_problem("*", "nothing to repeat", "*");
        check_problem("a|*", "nothing to repeat", "*");
        check_problem("a**", "a repetition of a repetition", "*");
        check_problem("a{1}??", "a repetition of a repetition", "?");
        check_problem("a{1001}", "invalid repetition size", "{1001}");
        check_problem("a{2,1}", "invalid repetition size", "{2,1}");
        check_problem(r"(a)\1", "invalid escape", r"\1");
        check_problem(r"\y", "invalid escape", r"\y");
        check_problem("\\", "trailing \\", "\\");
        check_problem("[z-a]", "invalid range of characters", "z-a");
        check_problem("[[:foo:]]", "invalid character class", "[:foo:]");
        check_problem("(?=a)", "this kind of group is not supported", "(?=a");
    }
}
