//! The values of a column as they stand in a chunk, in either format: where they are, and what they say.

use super::{NOT_A_VALUE, Target};
use crate::record::literal::unescape_json;
use crate::record::reading::NumberFormat;
use crate::record::{CsvRecords, DataType, JsonRecords, Reading, Span, text};
use std::borrow::Cow;

/// One value on its way into a column.
pub(super) enum Raw<'a> {
    Null,
    /// The text of a value; where it lies in the chunk as it is, its span.
    Text(Cow<'a, [u8]>, Option<Span>),
    Fault(&'static str),
}

/// The values of a column as they stand in a chunk.
pub(super) trait Source<'a> {
    /// Where the bytes are that stand there, those of a value without quotes alone.
    fn span(&self, row: usize) -> Span;

    /// Whether what can be parsed as it stands is that value, so that nothing else need be looked at.
    fn is_plain(&self, can_parse: impl Fn(&[u8]) -> bool) -> bool;

    /// Where a text stands that says what it is, if that is seen at once.
    fn plain_text(&self, row: usize) -> Option<Span>;

    /// What a value says.
    fn read(&self, row: usize) -> Raw<'a>;
}

/// A field of CSV records.
pub(super) struct CsvField<'a> {
    pub records: &'a CsvRecords,
    pub field: usize,
    pub null: &'a [Vec<u8>],
    /// Kept apart, because the C library compares two empty slices that point nowhere very slowly.
    pub empty_is_null: bool,
    pub is_text: bool,
    /// Whether no text but the empty one means NULL, and texts are not read in a way of their own.
    pub has_plain_texts: bool,
    pub reading: &'a Reading,
}

/// A looked-up path of JSON records.
pub(super) struct JsonValue<'a> {
    pub records: &'a JsonRecords,
    pub path: usize,
    pub target: &'a Target<'a>,
}

impl<'a> Source<'a> for CsvField<'a> {
    #[inline]
    fn span(&self, row: usize) -> Span {
        self.records.field_span(row, self.field)
    }

    fn is_plain(&self, can_parse: impl Fn(&[u8]) -> bool) -> bool {
        // Nor must a quoted value be taken for one without quotes.
        let may_be_quoted = self.records.dialect.quote.is_some_and(text::may_stand_in_value);
        !may_be_quoted && !self.null.iter().any(|text| can_parse(text))
    }

    #[inline]
    fn plain_text(&self, row: usize) -> Option<Span> {
        let span = self.records.field_span(row, self.field);
        let raw = &self.records.chunk[span.start as usize..(span.start + span.length) as usize];
        let is_plain = self.has_plain_texts
            && !raw.is_empty()
            && !self.records.dialect.is_quoted(raw)
            && raw.is_ascii();
        is_plain.then_some(span)
    }

    #[inline]
    fn read(&self, row: usize) -> Raw<'a> {
        let records = self.records;
        let span = records.field_span(row, self.field);
        let raw = &records.chunk[span.start as usize..(span.start + span.length) as usize];
        if records.dialect.is_quoted(raw) {
            let said = records.dialect.unquote(raw);
            let inner = matches!(said, Cow::Borrowed(_))
                .then(|| Span { start: span.start + 1, length: span.length - 2 });
            return plain(said, inner, self.reading);
        }
        let value = if self.is_text { raw } else { raw.trim_ascii() };
        let is_null = if value.is_empty() {
            self.empty_is_null
        } else {
            self.null.iter().any(|null| null == value)
        };
        let is_missing =
            || span.length == 0 && !records.is_uniform && records.is_missing(row, self.field);
        if is_null || is_missing() {
            return Raw::Null;
        }
        plain(Cow::Borrowed(value), self.is_text.then_some(span), self.reading)
    }
}

impl<'a> Source<'a> for JsonValue<'a> {
    #[inline]
    fn span(&self, row: usize) -> Span {
        self.records.values[self.path][row]
    }

    fn is_plain(&self, _can_parse: impl Fn(&[u8]) -> bool) -> bool {
        // A number is written as itself; a boolean might be written as a number.
        matches!(
            self.target.data_type,
            DataType::Bigint | DataType::Decimal { .. } | DataType::Double
        )
    }

    #[inline]
    fn plain_text(&self, _row: usize) -> Option<Span> {
        None
    }

    #[inline]
    fn read(&self, row: usize) -> Raw<'a> {
        let (records, target) = (self.records, self.target);
        let span = records.values[self.path][row];
        let raw = match records.value(self.path, row) {
            None | Some(b"null") => return Raw::Null,
            Some(raw) => raw,
        };
        let verbatim = Raw::Text(Cow::Borrowed(raw), Some(span));
        let is_string = raw[0] == b'"';
        match target.data_type {
            DataType::Json => verbatim,
            DataType::Bigint | DataType::Decimal { .. } | DataType::Double
                if is_string && matches!(target.reading, Reading::Number(_)) =>
            {
                match unescape_json(raw) {
                    None => Raw::Fault("holds half a surrogate pair"),
                    Some(said) => plain(said, None, target.reading),
                }
            }
            DataType::Bigint | DataType::Decimal { .. } | DataType::Double => match raw[0] {
                b'-' | b'0'..=b'9' => verbatim,
                _ => Raw::Fault("is not a number"),
            },
            DataType::Boolean if matches!(raw, b"true" | b"false") => verbatim,
            DataType::Boolean => Raw::Fault("is not true or false"),
            DataType::List(_) if raw[0] == b'[' => verbatim,
            DataType::List(_) => Raw::Fault("is not an array"),
            DataType::Text
            | DataType::Date
            | DataType::Time
            | DataType::Timestamp
            | DataType::Timestamptz
            | DataType::Interval
                if is_string =>
            {
                match unescape_json(raw) {
                    None => Raw::Fault("holds half a surrogate pair"),
                    Some(said) => {
                        let inner = matches!(said, Cow::Borrowed(_))
                            .then(|| Span { start: span.start + 1, length: span.length - 2 });
                        Raw::Text(said, inner)
                    }
                }
            }
            DataType::Text
            | DataType::Date
            | DataType::Time
            | DataType::Timestamp
            | DataType::Timestamptz
            | DataType::Interval => Raw::Fault("is not a string"),
        }
    }
}

/// The text of a value, of a number with a point and without separators.
#[inline]
fn plain<'a>(said: Cow<'a, [u8]>, span: Option<Span>, reading: &Reading) -> Raw<'a> {
    match reading {
        Reading::Number(format) => plain_number(said, format),
        Reading::Usual | Reading::Moment(_) => Raw::Text(said, span),
    }
}

fn plain_number<'a>(said: Cow<'a, [u8]>, format: &NumberFormat) -> Raw<'a> {
    match said {
        Cow::Borrowed(said) => match format.plain(said.trim_ascii()) {
            Some(plain) => Raw::Text(plain, None),
            None => Raw::Fault(NOT_A_VALUE),
        },
        Cow::Owned(said) => match format.plain(said.trim_ascii()) {
            Some(plain) => Raw::Text(Cow::Owned(plain.into_owned()), None),
            None => Raw::Fault(NOT_A_VALUE),
        },
    }
}
