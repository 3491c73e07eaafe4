//! Whether one JSON value is in another.

use crate::expr::evaluate::document::{member, members};
use crate::record::list::{Elements, content};
use crate::record::text;

/// Whether a part is the document, or a member or element at any depth.
pub fn contains(document: &[u8], part: &[u8]) -> bool {
    if matches(document, part) {
        return true;
    }
    match document.first() {
        Some(b'{') => members(document).any(|(_, value)| contains(value, part)),
        Some(b'[') => Elements::of(document).any(|value| contains(value, part)),
        _ => false,
    }
}

/// Whether a value is as the pattern says: objects may have more members, arrays more elements in any order.
fn matches(value: &[u8], pattern: &[u8]) -> bool {
    match (value.first(), pattern.first()) {
        (Some(b'{'), Some(b'{')) => members(pattern).all(|(key, pattern)| {
            let key = content(key);
            let value = std::str::from_utf8(&key).ok().and_then(|key| member(value, key));
            value.is_some_and(|value| matches(value, pattern))
        }),
        (Some(b'['), Some(b'[')) => Elements::of(pattern)
            .all(|pattern| Elements::of(value).any(|element| matches(element, pattern))),
        (Some(b'"'), Some(b'"')) => content(value) == content(pattern),
        (Some(b'-' | b'0'..=b'9'), Some(b'-' | b'0'..=b'9')) => is_same_number(value, pattern),
        _ => value == pattern,
    }
}

/// Integers are equal digit by digit, other numbers as doubles; an integer never equals another number.
fn is_same_number(left: &[u8], right: &[u8]) -> bool {
    let is_real = |number: &[u8]| number.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E'));
    match (is_real(left), is_real(right)) {
        (true, true) => text::parse_double(left) == text::parse_double(right),
        (false, false) => left == right,
        _ => false,
    }
}
