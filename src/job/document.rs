//! The text that all places of a job count into.

use std::ops::Range;

/// The job file's text, followed by one line `key=value` for each `--set`.
///
/// So a byte range is enough to say where something stands, in the file or on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    text: String,
    overrides: Vec<OverridePlace>,
}

/// Where one `--set key=value` stands in the [`Document`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverridePlace {
    /// The bytes of the key.
    pub key: Range<usize>,
    /// The bytes of the value.
    pub value: Range<usize>,
}

/// One line of a [`Document`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// Where it stands.
    pub origin: LineOrigin,
    /// The offset of its first byte.
    pub start: usize,
    /// Its text, without the line end.
    pub text: &'a str,
}

/// Where a [`Line`] stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineOrigin {
    /// In the job file, counted from 1.
    File(usize),
    /// Behind a `--set`.
    Override,
}

impl Document {
    /// The document of a job file and the overrides given with it.
    pub fn new(file: &str, overrides: &[(String, String)]) -> Document {
        let mut text = file.to_owned();
        let mut places = Vec::with_capacity(overrides.len());
        for (key, value) in overrides {
            text.push('\n');
            let key_start = text.len();
            text.push_str(key);
            let key_end = text.len();
            text.push('=');
            let value_start = text.len();
            text.push_str(value);
            places.push(OverridePlace { key: key_start..key_end, value: value_start..text.len() });
        }
        Document { text, overrides: places }
    }

    /// Where each override stands, in the order given.
    pub fn overrides(&self) -> &[OverridePlace] {
        &self.overrides
    }

    /// The text at some bytes; empty where they are no part of the document.
    pub fn slice(&self, place: Range<usize>) -> &str {
        self.text.get(place).unwrap_or("")
    }

    /// The line that holds a byte; offsets behind the end count as the end.
    pub fn line(&self, offset: usize) -> Line<'_> {
        let owner = self
            .overrides
            .iter()
            .find(|place| (place.key.start..=place.value.end).contains(&offset));
        if let Some(place) = owner {
            return Line {
                origin: LineOrigin::Override,
                start: place.key.start,
                text: self.slice(place.key.start..place.value.end),
            };
        }
        let end_of_file = match self.overrides.first() {
            Some(place) => place.key.start - 1,
            None => self.text.len(),
        };
        let file = self.slice(0..end_of_file);
        let offset = offset.min(file.len());
        let before = &file.as_bytes()[..offset];
        let start = match before.iter().rposition(|byte| *byte == b'\n') {
            Some(line_end) => line_end + 1,
            None => 0,
        };
        let rest = self.slice(start..file.len());
        let text = rest.split('\n').next().unwrap_or(rest);
        Line {
            origin: LineOrigin::File(1 + before.iter().filter(|byte| **byte == b'\n').count()),
            start,
            text: text.strip_suffix('\r').unwrap_or(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(file: &str, offset: usize, origin: LineOrigin, start: usize, text: &str) {
        let overrides = [("a.b".to_owned(), "c=d".to_owned())];
        let document = Document::new(file, &overrides);
        let expected = Line { origin, start, text };
        assert_eq!(document.line(offset), expected, "{file:?} at {offset}");
    }

    #[test]
    fn a_line_is_found_by_any_of_its_bytes() {
        check("x\nyz\r\n\nw", 0, LineOrigin::File(1), 0, "x");
        check("x\nyz\r\n\nw", 1, LineOrigin::File(1), 0, "x");
        check("x\nyz\r\n\nw", 2, LineOrigin::File(2), 2, "yz");
        check("x\nyz\r\n\nw", 6, LineOrigin::File(3), 6, "");
        check("x\nyz\r\n\nw", 7, LineOrigin::File(4), 7, "w");
        check("x\nyz\r\n\nw", 8, LineOrigin::File(4), 7, "w");
    }

    #[test]
    fn an_override_is_a_line_of_its_own() {
        check("x", 2, LineOrigin::Override, 2, "a.b=c=d");
        check("x\n", 9, LineOrigin::Override, 3, "a.b=c=d");
        check("x\n", 2, LineOrigin::File(2), 2, "");
    }

    #[test]
    fn offsets_behind_the_end_are_the_last_line() {
        assert_eq!(Document::new("x\ny", &[]).line(99).text, "y");
        assert_eq!(Document::new("", &[]).line(0).text, "");
    }
}
