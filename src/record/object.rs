//! JSON objects as their members.

use super::list::element_end;
use super::literal::unescape_json;
use std::borrow::Cow;

/// The members of a JSON object: the key as it stands, in quotes, and the source text of the value.
///
/// The object must be valid JSON; of anything else the pieces are arbitrary, though no byte is read twice.
#[derive(Debug, Clone)]
pub struct Members<'a> {
    rest: &'a [u8],
}

impl<'a> Members<'a> {
    /// Of the text of an object.
    pub fn of(object: &'a [u8]) -> Members<'a> {
        let object = object.trim_ascii();
        let inner = object.strip_prefix(b"{").and_then(|object| object.strip_suffix(b"}"));
        Members { rest: inner.unwrap_or_default().trim_ascii() }
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let (member, rest) = self.rest.split_at(element_end(self.rest));
        self.rest = rest.get(1..).unwrap_or_default().trim_ascii_start();
        let (key, value) = member.split_at(key_end(member));
        let value = value.trim_ascii_start();
        Some((key, value.strip_prefix(b":").unwrap_or(value).trim_ascii()))
    }
}

/// What a key says; the key as it stands where it holds half a surrogate pair.
pub fn key_text(key: &[u8]) -> Cow<'_, str> {
    let said = unescape_json(key).unwrap_or(Cow::Borrowed(key));
    match said {
        Cow::Borrowed(said) => String::from_utf8_lossy(said),
        Cow::Owned(said) => Cow::Owned(String::from_utf8_lossy(&said).into_owned()),
    }
}

/// Behind the closing quote of the string that a member begins with.
fn key_end(member: &[u8]) -> usize {
    let mut at = 1;
    while at < member.len() && member[at] != b'"' {
        at += if member[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(member.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(object: &str, members: &[(&str, &str)]) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let found: Vec<(String, String)> = Members::of(object.as_bytes())
            .map(|(key, value)| (key_text(key).into_owned(), text(value)))
            .collect();
        let found: Vec<(&str, &str)> =
            found.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(found, members, "{object}");
    }

    #[test]
    fn objects_fall_into_keys_and_values() {
        check("{}", &[]);
        check(" { } ", &[]);
        check(
            r#"{"a":1,"b":[1,{"c":2}],"d":{"e":","}}"#,
            &[("a", "1"), ("b", r#"[1,{"c":2}]"#), ("d", r#"{"e":","}"#)],
        );
        check(
            r#"{ "a\"}" : "x\\" , "\u00e4" : null }"#,
            &[("a\"}", r#""x\\""#), ("\u{e4}", "null")],
        );
    }

    #[test]
    fn what_is_no_object_does_no_harm() {
        for text in ["", "{", "{\"", "{\"a", "{a}", "{\"a\\", "{,}", "{\"a\"", "{:}"] {
            assert!(Members::of(text.as_bytes()).count() <= 2, "{text}");
        }
    }
}
