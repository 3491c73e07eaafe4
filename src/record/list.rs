//! Lists: the text of a JSON array, in one form, so that equal lists have equal texts.
//!
//! Elements stand one after the other with a comma between and no white space; `null` is an element without value.
//! Numbers are in the text form of their type, texts, dates and times are strings with JSON's needed escapes only.
//! Elements of type json keep their source text.

use super::literal::unescape_json;
use super::{Element, text};
use std::borrow::Cow;
use std::cmp::Ordering;

/// The elements of a JSON array as source texts, without the white space around them.
///
/// The array must be valid JSON; of anything else the pieces are arbitrary, though no byte is read twice.
#[derive(Debug, Clone)]
pub struct Elements<'a> {
    rest: &'a [u8],
}

/// A list in the making.
#[derive(Debug)]
pub struct ListWriter<'o> {
    out: &'o mut Vec<u8>,
    is_empty: bool,
}

impl<'a> Elements<'a> {
    /// Of the text of an array.
    pub fn of(array: &'a [u8]) -> Elements<'a> {
        let array = array.trim_ascii();
        let inner = array.strip_prefix(b"[").and_then(|array| array.strip_suffix(b"]"));
        Elements { rest: inner.unwrap_or_default().trim_ascii() }
    }

    /// Of the text of an object: each is a key, a colon and a value.
    pub fn of_object(object: &'a [u8]) -> Elements<'a> {
        let object = object.trim_ascii();
        let inner = object.strip_prefix(b"{").and_then(|object| object.strip_suffix(b"}"));
        Elements { rest: inner.unwrap_or_default().trim_ascii() }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let end = element_end(self.rest);
        let element = self.rest[..end].trim_ascii();
        self.rest = self.rest.get(end + 1..).unwrap_or_default();
        Some(element)
    }
}

/// Where the first element ends: at the first comma that is outside of strings and brackets.
pub(super) fn element_end(text: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        match text[at] {
            b'"' => {
                at += string_length(&text[at..]);
                continue;
            }
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => return at,
            _ => {}
        }
        at += 1;
    }
    text.len()
}

/// How deep a JSON value may be, as in a record: whoever walks it recurses.
const DEPTH_MAX: usize = 128;

/// Whether a text is one JSON value that is not too deep.
pub fn is_json(text: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok() && depth(text) <= DEPTH_MAX
}

/// How many arrays and objects of a JSON value are open at most.
fn depth(text: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut at = 0;
    while let Some(found) = memchr::memchr3(b'"', b'[', b'{', &text[at..]) {
        let closed = text[at..at + found].iter().filter(|byte| matches!(byte, b']' | b'}'));
        depth = depth.saturating_sub(closed.count());
        at += found;
        if text[at] == b'"' {
            at += string_length(&text[at..]);
        } else {
            depth += 1;
            deepest = deepest.max(depth);
            at += 1;
        }
    }
    deepest
}

/// The length of the string literal that a text starts with.
fn string_length(text: &[u8]) -> usize {
    let mut at = 1;
    while at < text.len() && text[at] != b'"' {
        at += if text[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(text.len())
}

/// How many elements a list has.
pub fn length(list: &[u8]) -> usize {
    Elements::of(list).count()
}

impl<'o> ListWriter<'o> {
    /// Opens a list at the end of a buffer.
    pub fn new(out: &'o mut Vec<u8>) -> ListWriter<'o> {
        out.push(b'[');
        ListWriter { out, is_empty: true }
    }

    /// Appends an element that is already in its form: one of another list of the same type, or `null`.
    pub fn push(&mut self, element: &[u8]) {
        self.element().extend_from_slice(element);
    }

    /// Starts another element; its text is to be appended to the buffer.
    pub fn element(&mut self) -> &mut Vec<u8> {
        if !std::mem::take(&mut self.is_empty) {
            self.out.push(b',');
        }
        self.out
    }

    /// Closes the list.
    pub fn finish(self) {
        self.out.push(b']');
    }
}

/// Appends a JSON array (valid JSON) as a list: every element must be of the matching kind, none may lose a digit.
///
/// Otherwise the answer is what is wrong, for a message behind the name of a column; the buffer is then useless.
pub fn read_json(array: &[u8], element: Element, out: &mut Vec<u8>) -> Result<(), &'static str> {
    if array.first() != Some(&b'[') {
        return Err("is not an array");
    }
    let mut list = ListWriter::new(out);
    for source in Elements::of(array) {
        if source == b"null" {
            list.push(source);
        } else {
            read_element(source, element, list.element())?;
        }
    }
    list.finish();
    Ok(())
}

/// Appends a JSON value that is not `null` as an element.
fn read_element(source: &[u8], element: Element, out: &mut Vec<u8>) -> Result<(), &'static str> {
    const WRONG: &str = "holds an element of another type";
    let is_number = matches!(source.first(), Some(b'-' | b'0'..=b'9'));
    match element {
        Element::Json => out.extend_from_slice(source),
        Element::Boolean if matches!(source, b"true" | b"false") => out.extend_from_slice(source),
        Element::Bigint if is_number => {
            text::write_bigint(out, text::parse_bigint(source).ok_or(WRONG)?);
        }
        Element::Decimal { precision, scale } if is_number => {
            let units = text::parse_decimal(source, precision, scale).ok_or(WRONG)?;
            text::write_decimal(out, units, scale);
        }
        Element::Double if is_number => {
            let value = text::parse_double(source).filter(|value| value.is_finite());
            text::write_double(out, value.ok_or(WRONG)?);
        }
        Element::Text
        | Element::Date
        | Element::Time
        | Element::Timestamp
        | Element::Timestamptz
            if source.first() == Some(&b'"') =>
        {
            let said = unescape_json(source).ok_or("holds half a surrogate pair")?;
            write_string_element(&said, element, out).ok_or(WRONG)?;
        }
        Element::Double if is_word(source) => out.extend_from_slice(source),
        _ => return Err(WRONG),
    }
    Ok(())
}

/// Whether a string stands for a double that JSON has no number for.
fn is_word(source: &[u8]) -> bool {
    matches!(source, b"\"nan\"" | b"\"inf\"" | b"\"-inf\"")
}

fn write_string_element(said: &[u8], element: Element, out: &mut Vec<u8>) -> Option<()> {
    if element == Element::Text {
        text::write_json_string(out, std::str::from_utf8(said).ok()?);
        return Some(());
    }
    out.push(b'"');
    match element {
        Element::Date => text::write_date(out, text::parse_date(said)?),
        Element::Time => text::write_time(out, text::parse_time(said)?),
        Element::Timestamp => text::write_timestamp(out, text::parse_timestamp(said)?),
        Element::Timestamptz => text::write_timestamptz(out, text::parse_timestamptz(said)?),
        Element::Boolean
        | Element::Bigint
        | Element::Decimal { .. }
        | Element::Double
        | Element::Text
        | Element::Json => return None,
    }
    out.push(b'"');
    Some(())
}

/// The order of two lists of one type: that of the first elements that differ, else the shorter one first. An element
/// without value equals another one and comes behind all others.
pub fn compare(left: &[u8], right: &[u8], element: Element) -> Ordering {
    let (mut left, mut right) = (Elements::of(left), Elements::of(right));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(left), Some(right)) => compare_elements(left, right, element),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// The order of two elements; one without value comes behind all others.
pub fn compare_elements(left: &[u8], right: &[u8], element: Element) -> Ordering {
    match (left, right) {
        (b"null", b"null") => return Ordering::Equal,
        (b"null", _) => return Ordering::Greater,
        (_, b"null") => return Ordering::Less,
        _ => {}
    }
    match element {
        Element::Bigint => text::parse_bigint(left).cmp(&text::parse_bigint(right)),
        Element::Decimal { precision, scale } => {
            let read = |bytes| text::parse_decimal(bytes, precision, scale);
            read(left).cmp(&read(right))
        }
        Element::Double => compare_doubles(double_of(left), double_of(right)),
        Element::Text => content(left).cmp(&content(right)),
        // Years have four digits, so the texts are in the order of the moments.
        Element::Boolean
        | Element::Date
        | Element::Time
        | Element::Timestamp
        | Element::Timestamptz
        | Element::Json => left.cmp(right),
    }
}

/// NaN equals itself and is the greatest, -0 equals 0.
fn compare_doubles(left: f64, right: f64) -> Ordering {
    left.partial_cmp(&right).unwrap_or_else(|| left.is_nan().cmp(&right.is_nan()))
}

/// The double of an element that has a value.
pub fn double_of(source: &[u8]) -> f64 {
    text::parse_double(&content(source)).unwrap_or(f64::NAN)
}

/// What a string element says; any other element as it is.
pub fn content(source: &[u8]) -> Cow<'_, [u8]> {
    match source.first() {
        Some(b'"') => unescape_json(source).unwrap_or(Cow::Borrowed(source)),
        _ => Cow::Borrowed(source),
    }
}

/// Appends a list such that equal lists give equal bytes: of doubles, -0 is written as 0.
pub fn write_key(out: &mut Vec<u8>, list: &[u8], element: Element) {
    if element != Element::Double || memchr::memmem::find(list, b"-0.0").is_none() {
        out.extend_from_slice(list);
        return;
    }
    let mut writer = ListWriter::new(out);
    for source in Elements::of(list) {
        writer.push(if source == b"-0.0" { b"0.0" } else { source });
    }
    writer.finish();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::DataType;

    fn read(array: &str, name: &str) -> Result<String, &'static str> {
        let Some(DataType::List(element)) = DataType::parse(name) else {
            unreachable!("{name} is a list");
        };
        let mut out = Vec::new();
        read_json(array.as_bytes(), element, &mut out)?;
        Ok(String::from_utf8(out).expect("lists are UTF-8"))
    }

    #[test]
    fn arrays_are_read_into_one_form() {
        for (array, name, expected) in [
            ("[ ]", "bigint[]", "[]"),
            ("[1 , null, 3]", "bigint[]", "[1,null,3]"),
            ("[1, 2.5]", "decimal(5,2)[]", "[1.00,2.50]"),
            ("[1, 2.50, \"nan\"]", "double[]", "[1.0,2.5,\"nan\"]"),
            (r#"["\u0041", "a,\"]b"]"#, "text[]", r#"["A","a,\"]b"]"#),
            (r#"["2024-05-17"]"#, "date[]", r#"["2024-05-17"]"#),
            (r#"["10:11"]"#, "time[]", r#"["10:11:00"]"#),
            (r#"["2024-05-17T10:00+02"]"#, "timestamptz[]", r#"["2024-05-17 08:00:00+00"]"#),
            (r#"[ {"a": [1, 2]} , [3] ]"#, "json[]", r#"[{"a": [1, 2]},[3]]"#),
            ("[true]", "boolean[]", "[true]"),
        ] {
            assert_eq!(read(array, name).as_deref(), Ok(expected), "{array}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(is_json(nested(128).as_bytes()));
        assert!(!is_json(nested(129).as_bytes()));
        let wide = format!("[{}1]", "[[]],{\"a\":\"[[[\\\"[[\"},".repeat(500));
        assert!(is_json(wide.as_bytes()));
        assert_eq!(depth(wide.as_bytes()), 3);
    }

    #[test]
    fn elements_of_another_kind_are_refused() {
        for (array, name) in [
            ("[1.5]", "bigint[]"),
            ("[\"1\"]", "bigint[]"),
            ("[1]", "text[]"),
            ("[\"x\"]", "date[]"),
            ("[1]", "boolean[]"),
            ("[1e999]", "double[]"),
        ] {
            assert_eq!(read(array, name), Err("holds an element of another type"), "{array}");
        }
        assert_eq!(read("{}", "json[]"), Err("is not an array"));
        assert_eq!(read(r#"["\ud83d"]"#, "text[]"), Err("holds half a surrogate pair"));
    }

    #[test]
    fn lists_are_ordered_by_their_elements() {
        let order =
            |left: &str, right: &str, element| compare(left.as_bytes(), right.as_bytes(), element);
        assert_eq!(order("[1,10]", "[1,9]", Element::Bigint), Ordering::Greater);
        assert_eq!(order("[1]", "[1,2]", Element::Bigint), Ordering::Less);
        assert_eq!(order("[1,null]", "[1,2]", Element::Bigint), Ordering::Greater);
        assert_eq!(order("[null]", "[null]", Element::Bigint), Ordering::Equal);
        assert_eq!(order("[-0.0]", "[0.0]", Element::Double), Ordering::Equal);
        assert_eq!(order(r#"["nan"]"#, r#"["inf"]"#, Element::Double), Ordering::Greater);
        assert_eq!(order(r#"["b"]"#, r#"["\"a"]"#, Element::Text), Ordering::Greater);
    }

    #[test]
    fn equal_lists_are_one_key() {
        let key = |list: &str| {
            let mut out = Vec::new();
            write_key(&mut out, list.as_bytes(), Element::Double);
            out
        };
        assert_eq!(key("[-0.0,1.0]"), key("[0.0,1.0]"));
        assert_ne!(key("[-0.5]"), key("[0.5]"));
    }
}
