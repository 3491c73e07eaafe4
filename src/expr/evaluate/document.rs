//! The source text of a JSON value as a tree: members, elements, and paths into it.
//!
//! Parts are slices of the source, so that what is taken out of a document is written as it was written there. The
//! source must be valid JSON. Of members with the same key the first one counts.

use crate::record::list::{Elements, content};

/// A place in a document, or several.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Path(Vec<Step>);

/// One step into a value.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// The member of an object.
    Key(String),
    /// The element of an array, counted from 0, or with a minus from the end.
    Index(i64),
    /// The member of that name, or the element of that number.
    Either(String),
    /// Every member.
    AnyKey,
    /// Every element.
    AnyIndex,
}

/// Where a path is wrong.
#[derive(Debug, PartialEq, Eq)]
pub struct PathError<'p> {
    /// The rest of the text from there on.
    pub rest: &'p str,
}

/// The members of an object: the literal of the key, and the value.
pub fn members(object: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    Elements::of_object(object).map(|member| {
        let end = key_end(member);
        let value = member[end..].trim_ascii_start();
        (&member[..end], value.strip_prefix(b":").unwrap_or(value).trim_ascii_start())
    })
}

/// Behind the closing quote of the string that a member starts with.
fn key_end(member: &[u8]) -> usize {
    let mut at = 1;
    while at < member.len() && member[at] != b'"' {
        at += if member[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(member.len())
}

/// The member of an object.
pub fn member<'a>(object: &'a [u8], key: &str) -> Option<&'a [u8]> {
    let is_wanted = |literal: &[u8]| *content(literal) == *key.as_bytes();
    members(object).find(|(literal, _)| is_wanted(literal)).map(|(_, value)| value)
}

/// The element of an array, counted from 0, or with a minus from the end.
fn element(array: &[u8], index: i64) -> Option<&[u8]> {
    let index = match usize::try_from(index) {
        Ok(index) => index,
        Err(_) => {
            let back = usize::try_from(index.unsigned_abs()).ok()?;
            Elements::of(array).count().checked_sub(back)?
        }
    };
    Elements::of(array).nth(index)
}

impl Path {
    /// The path to an element of an array.
    pub fn of_index(index: i64) -> Path {
        Path(vec![Step::Index(index)])
    }

    /// Reads `$.a[0]."odd key"`, `/a/0`, or the plain name of a key.
    pub fn parse(text: &str) -> Result<Path, PathError<'_>> {
        if let Some(rest) = text.strip_prefix('$') {
            return Path::parse_steps(rest);
        }
        let steps = match text.strip_prefix('/') {
            Some(pointer) => {
                let unescaped = |key: &str| key.replace("~1", "/").replace("~0", "~");
                pointer.split('/').map(|key| Step::Either(unescaped(key))).collect()
            }
            None if text.is_empty() => Vec::new(),
            None => vec![Step::Key(text.to_string())],
        };
        Ok(Path(steps))
    }

    fn parse_steps(mut rest: &str) -> Result<Path, PathError<'_>> {
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let error = PathError { rest };
            let (step, after) = if let Some(inner) = rest.strip_prefix('[') {
                let (index, after) = inner.split_once(']').ok_or(error)?;
                (parse_index(index).ok_or(PathError { rest })?, after)
            } else if let Some(quoted) = rest.strip_prefix(".\"") {
                let (key, after) = quoted.split_once('"').ok_or(error)?;
                (Step::Key(key.to_string()), after)
            } else if let Some(named) = rest.strip_prefix('.') {
                let end = named.find(['.', '[']).unwrap_or(named.len());
                match &named[..end] {
                    "" => return Err(error),
                    "*" => (Step::AnyKey, &named[end..]),
                    key => (Step::Key(key.to_string()), &named[end..]),
                }
            } else {
                return Err(error);
            };
            steps.push(step);
            rest = after;
        }
        Ok(Path(steps))
    }

    /// Whether it may lead to several places.
    pub fn is_wild(&self) -> bool {
        self.0.iter().any(|step| matches!(step, Step::AnyKey | Step::AnyIndex))
    }

    /// Where it leads to in a document; the first place where there are several.
    pub fn find<'a>(&self, document: &'a [u8]) -> Option<&'a [u8]> {
        self.all(document).into_iter().next()
    }

    /// All places that it leads to, in the order of the document.
    pub fn all<'a>(&self, document: &'a [u8]) -> Vec<&'a [u8]> {
        let mut places = vec![document];
        for step in &self.0 {
            places = places.into_iter().flat_map(|place| step.parts_of(place)).collect();
        }
        places
    }
}

impl Step {
    fn parts_of<'a>(&self, value: &'a [u8]) -> Vec<&'a [u8]> {
        let is_object = value.first() == Some(&b'{');
        let is_array = value.first() == Some(&b'[');
        let one = match self {
            Step::Key(key) if is_object => member(value, key),
            Step::Index(index) if is_array => element(value, *index),
            Step::Either(key) if is_object => member(value, key),
            Step::Either(index) if is_array => {
                index.parse().ok().and_then(|index| element(value, index))
            }
            Step::AnyKey if is_object => {
                return members(value).map(|(_, value)| value).collect();
            }
            Step::AnyIndex if is_array => return Elements::of(value).collect(),
            _ => None,
        };
        one.into_iter().collect()
    }
}

/// `0`, `-1`, `#-1` or `*`; `#` is behind the last element.
fn parse_index(text: &str) -> Option<Step> {
    if text == "*" {
        return Some(Step::AnyIndex);
    }
    let digits = text.strip_prefix('#').unwrap_or(text);
    let is_from_end = digits.len() < text.len();
    match digits.parse() {
        _ if is_from_end && digits.is_empty() => Some(Step::Index(i64::MAX)),
        Ok(0..) if is_from_end => None,
        Ok(index) => Some(Step::Index(index)),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str =
        r#"{ "a": [1, {"b": 1.0}, null], "a": 2, "odd \"key": {"0": "x, y"}, "": 1e400 }"#;

    fn check(path: &str, expected: &[&str]) {
        let path = Path::parse(path).expect("a path");
        let found: Vec<&str> = path
            .all(DOCUMENT.as_bytes())
            .into_iter()
            .map(|value| std::str::from_utf8(value).expect("UTF-8"))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn paths_lead_to_the_source_text_of_parts() {
        check("$.a[1].b", &["1.0"]);
        check("$.a", &[r#"[1, {"b": 1.0}, null]"#]);
        check("a", &[r#"[1, {"b": 1.0}, null]"#]);
        check("$.a[-1]", &["null"]);
        check("$.a[#-3]", &["1"]);
        check("$.a[3]", &[]);
        check("$.a[-4]", &[]);
        check("$.a[#]", &[]);
        check("/a/1/b", &["1.0"]);
        check("/odd \"key/0", &["\"x, y\""]);
        check("/", &["1e400"]);
        check("$.a[*]", &["1", r#"{"b": 1.0}"#, "null"]);
        check("$.a[*].b", &["1.0"]);
        check("$.a[1].*", &["1.0"]);
        check("$.a.b", &[]);
        check("$", &[DOCUMENT]);
        check("", &[DOCUMENT]);
    }

    #[test]
    fn a_wrong_path_is_told_from_where_it_is_wrong() {
        let wrong = |path: &'static str| Path::parse(path).map_err(|error| error.rest);
        assert_eq!(wrong("$."), Err("."));
        assert_eq!(wrong("$a"), Err("a"));
        assert_eq!(wrong("$.a[1"), Err("[1"));
        assert_eq!(wrong("$.a[x].b"), Err("[x].b"));
        assert_eq!(wrong("$.\"a"), Err(".\"a"));
        assert_eq!(wrong("$..a"), Err("..a"));
        assert_eq!(wrong("$[#1]"), Err("[#1]"));
    }
}
