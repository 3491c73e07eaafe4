//! The tokens of JSON (RFC 8259): where each ends, and what is wrong with it.

use super::marks::Marks;

/// What is wrong, and at which byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    /// Offset of the offending byte.
    pub at: usize,
    /// What was expected there, or what must not be.
    pub what: &'static str,
}

/// A string literal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Literal {
    /// One past its closing quote.
    pub end: usize,
    /// Whether it holds a backslash.
    pub is_escaped: bool,
}

/// What is wrong where one bracket too many opens.
pub(super) const TOO_DEEP: &str = "nested more than 128 deep";

/// What is wrong where neither the closing bracket stands nor a comma.
pub(super) fn expected_behind_value(closing: u8) -> &'static str {
    if closing == b'}' { "expected `,` or `}`" } else { "expected `,` or `]`" }
}

fn problem<T>(at: usize, what: &'static str) -> Result<T, Problem> {
    Err(Problem { at, what })
}

/// The first byte at or after `at` that is not white space, or the end.
#[inline]
pub(super) fn skip_space(text: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\n' | b'\r') = text.get(at) {
        at += 1;
    }
    at
}

/// The string literal whose opening quote is at `at`, in the record with these marks.
#[inline(always)]
pub(super) fn string(text: &[u8], at: usize, marks: &mut Marks) -> Result<Literal, Problem> {
    let end = marks.next_special(text, at + 1);
    match text.get(end) {
        Some(b'"') => Ok(Literal { end: end + 1, is_escaped: false }),
        _ => rest_of_string(text, end, marks),
    }
}

/// The string literal of a key, which has to be at `at`.
#[inline(always)]
pub(super) fn key(text: &[u8], at: usize, marks: &mut Marks) -> Result<Literal, Problem> {
    if text.get(at) != Some(&b'"') {
        return problem(at, "expected a key");
    }
    string(text, at, marks)
}

/// Where the value starts behind a key that ends at `at`.
#[inline(always)]
pub(super) fn colon(text: &[u8], at: usize) -> Result<usize, Problem> {
    let colon = skip_space(text, at);
    if text.get(colon) != Some(&b':') {
        return problem(colon, "expected `:`");
    }
    Ok(skip_space(text, colon + 1))
}

/// The string literal whose first quote, backslash or control character, behind the opening quote, is at `at`.
#[inline(never)]
fn rest_of_string(text: &[u8], mut at: usize, marks: &mut Marks) -> Result<Literal, Problem> {
    loop {
        match text.get(at) {
            Some(b'"') => {
                return Ok(Literal { end: at + 1, is_escaped: true });
            }
            Some(b'\\') => at = marks.next_special(text, escape(text, at)?),
            Some(_) => return problem(at, "unescaped control character in a string"),
            None => return problem(text.len(), "unclosed string"),
        }
    }
}

/// One past the escape whose backslash is at `at`.
fn escape(text: &[u8], at: usize) -> Result<usize, Problem> {
    match text.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
        Some(b'u') => {
            let digits = text.get(at + 2..at + 6).unwrap_or_default();
            if digits.len() == 4 && digits.iter().all(u8::is_ascii_hexdigit) {
                Ok(at + 6)
            } else {
                problem(at, "bad escape in a string")
            }
        }
        _ => problem(at, "bad escape in a string"),
    }
}

/// One past the number that starts at `at`.
#[inline]
pub(super) fn number(text: &[u8], at: usize) -> Result<usize, Problem> {
    let start = at + usize::from(text.get(at) == Some(&b'-'));
    let mut at = digits(text, start)?;
    if text[start] == b'0' && at > start + 1 {
        return problem(start + 1, "number with a leading zero");
    }
    if text.get(at) == Some(&b'.') {
        at = digits(text, at + 1)?;
    }
    if let Some(b'e' | b'E') = text.get(at) {
        at += 1;
        at += usize::from(matches!(text.get(at), Some(b'+' | b'-')));
        at = digits(text, at)?;
    }
    Ok(at)
}

/// One past the digits, at least one, that start at `at`.
#[inline]
fn digits(text: &[u8], at: usize) -> Result<usize, Problem> {
    let rest = text.get(at..).unwrap_or_default();
    match rest.iter().take_while(|byte| byte.is_ascii_digit()).count() {
        0 => problem(at, "expected a digit"),
        count => Ok(at + count),
    }
}

/// One past `true`, `false` or `null`.
pub(super) fn word(text: &[u8], at: usize) -> Result<usize, Problem> {
    let rest = text.get(at..).unwrap_or_default();
    let words: [&[u8]; 3] = [b"true", b"false", b"null"];
    match words.iter().find(|word| rest.starts_with(word)) {
        Some(word) => Ok(at + word.len()),
        None => problem(at, "expected a value"),
    }
}
