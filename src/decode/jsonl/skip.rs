//! The values that nobody looks up: checked, and nothing more. Most of most records is that.
//!
//! What is right and wrong, and where, is the same as in `scan`.

use super::marks::Marks;
use super::tokens::{self, Problem};
use crate::decode::JSON_DEPTH_MAX;

/// One past the object or array that starts at `at`, inside `depth` others.
pub(super) fn container(
    text: &[u8],
    mut at: usize,
    mut depth: usize,
    marks: &mut Marks,
) -> Result<usize, Problem> {
    let around = depth;
    // Bit 0 is the innermost, set where that is an object.
    let mut objects = 0_u128;
    loop {
        let end = match text.get(at) {
            Some(b'"') => tokens::string(text, at, marks)?.end,
            Some(b'-' | b'0'..=b'9') => tokens::number(text, at)?,
            Some(opening @ (b'{' | b'[')) => {
                if depth == JSON_DEPTH_MAX {
                    return Err(Problem { at, what: tokens::TOO_DEEP });
                }
                depth += 1;
                objects = objects << 1 | u128::from(*opening == b'{');
                at = tokens::skip_space(text, at + 1);
                if text.get(at) != Some(&closing(objects)) {
                    if objects & 1 == 1 {
                        at = key(text, at, marks)?;
                    }
                    continue;
                }
                at
            }
            _ => tokens::word(text, at)?,
        };
        at = tokens::skip_space(text, end);
        while text.get(at) == Some(&closing(objects)) {
            at += 1;
            depth -= 1;
            if depth == around {
                return Ok(at);
            }
            objects >>= 1;
            at = tokens::skip_space(text, at);
        }
        if text.get(at) != Some(&b',') {
            return Err(Problem { at, what: tokens::expected_behind_value(closing(objects)) });
        }
        at = tokens::skip_space(text, at + 1);
        if objects & 1 == 1 {
            at = key(text, at, marks)?;
        }
    }
}

/// What closes the innermost.
#[inline(always)]
fn closing(objects: u128) -> u8 {
    if objects & 1 == 1 { b'}' } else { b']' }
}

/// Where the value of the key at `at` starts.
#[inline(always)]
fn key(text: &[u8], at: usize, marks: &mut Marks) -> Result<usize, Problem> {
    let literal = tokens::key(text, at, marks)?;
    tokens::colon(text, literal.end)
}
