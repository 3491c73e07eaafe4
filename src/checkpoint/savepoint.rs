//! The names of savepoints, and how a user says which checkpoint is meant.

use crate::checkpoint::id::Sequence;
use crate::error::{Error, Result};
use std::fmt;

/// The longest name of a savepoint.
const NAME_BYTES_MAX: usize = 64;

/// The name of a savepoint: letters, digits, `-`, `_` and `.`, beginning with a letter. So it is safe in the name of a
/// file and in a message, and is never taken for a number or an option.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SavepointName(String);

/// A checkpoint with a name: it stays, with all that it needs, until the user removes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Savepoint {
    /// The checkpoint.
    pub sequence: Sequence,
    /// Its name.
    pub name: SavepointName,
}

/// Which checkpoint is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// The one with this number.
    Number(Sequence),
    /// The savepoint of this name.
    Name(SavepointName),
}

impl SavepointName {
    /// Reads a name; `None` for what is none.
    pub fn parse(text: &str) -> Option<SavepointName> {
        let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let is_name = text.len() <= NAME_BYTES_MAX
            && text.starts_with(|first: char| first.is_ascii_alphabetic())
            && text.bytes().all(is_inner);
        is_name.then(|| SavepointName(text.to_owned()))
    }

    /// Reads a name that a user gave.
    pub fn of_user(text: &str) -> Result<SavepointName> {
        SavepointName::parse(text).ok_or_else(|| {
            let message = format!("`{text}` cannot be the name of a savepoint");
            Error::usage(message).with_hint(format!(
                "begin with a letter; then letters, digits, `-`, `_` and `.`, at most {NAME_BYTES_MAX} in all"
            ))
        })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether two names are one where upper and lower case are not told apart.
    pub fn is_like(&self, other: &SavepointName) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl fmt::Display for SavepointName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Selector {
    /// Reads what a user gave: a number, or else a name.
    pub fn of_user(text: &str) -> Result<Selector> {
        match text.parse() {
            Ok(number) => Ok(Selector::Number(Sequence(number))),
            Err(_) => Ok(Selector::Name(SavepointName::of_user(text)?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_safe_in_a_path_and_never_a_number() {
        for name in ["a", "before-change", "v1.2_rc", &"x".repeat(64)] {
            let parsed = SavepointName::parse(name).expect("a name");
            assert_eq!(Selector::of_user(name).expect("a name"), Selector::Name(parsed));
        }
        let wrong =
            ["", "1a", "-a", ".a", "_a", "a/b", "..", "a b", "a\n", "\u{e4}", &"x".repeat(65)];
        for name in wrong {
            assert_eq!(SavepointName::parse(name), None, "{name:?}");
            assert!(Selector::of_user(name).is_err(), "{name:?}");
        }
        assert_eq!(Selector::of_user("17").expect("a number"), Selector::Number(Sequence(17)));
        let name = |text| SavepointName::parse(text).expect("a name");
        assert!(name("Before").is_like(&name("before")));
        assert!(!name("before").is_like(&name("before1")));
    }
}
