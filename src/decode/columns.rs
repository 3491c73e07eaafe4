//! From raw fields and values to typed columns.
//!
//! A row that cannot be read becomes a fault of its column, never an error: whether it matters is
//! decided by who reads it.

mod source;

use super::usual::{self, Doubles, Units, Usual};
use crate::record::moment::Format;
use crate::record::{
    Batch, Column, CsvRecords, DataType, Element, Interval, JsonRecords, RawRecords, Reading,
    Reason, SlotInfo, Span, Text, Values, list, reading, text,
};
use source::{CsvField, JsonValue, Raw, Source};
use std::sync::Arc;

/// What a column is decoded into.
pub(super) struct Target<'a> {
    /// What messages call it: column `amount`.
    pub label: String,
    /// The type asked for.
    pub data_type: DataType,
    /// How texts that stand for it are read.
    pub reading: &'a Reading,
    /// The rows that are needed.
    pub selection: &'a [u32],
}

/// Decodes a field of all selected records. `null`: the unquoted texts that mean NULL.
pub(super) fn csv_column(
    records: &CsvRecords,
    field: usize,
    null: &[Vec<u8>],
    target: &Target<'_>,
) -> Column {
    let source = CsvField {
        records,
        field,
        null,
        empty_is_null: null.iter().any(Vec::is_empty),
        is_text: matches!(target.data_type, DataType::Text | DataType::Json),
        has_plain_texts: null.iter().all(Vec::is_empty) && *target.reading == Reading::Usual,
        reading: target.reading,
    };
    build(&records.chunk, records.starts.len(), target, &source)
}

/// Decodes a looked-up path of all selected records.
pub(super) fn json_column(records: &JsonRecords, path: usize, target: &Target<'_>) -> Column {
    let source = JsonValue { records, path, target };
    build(&records.chunk, records.starts.len(), target, &source)
}

/// Reads the value of every selected row and parses it.
fn build<'a>(
    chunk: &Arc<Vec<u8>>,
    rows: usize,
    target: &Target<'_>,
    source: &impl Source<'a>,
) -> Column {
    let mut builder = Builder::new(chunk, rows, target);
    let mut column = match (target.data_type, target.reading) {
        (moment, Reading::Moment(format)) => builder.formatted(source, moment, format),
        (DataType::Boolean, _) => builder.typed(source, text::parse_boolean, Values::Boolean),
        (DataType::Bigint, _) => {
            let usual = Units::new(u8::MAX, 0);
            builder.numbers(source, &usual, text::parse_bigint, Values::Bigint)
        }
        (DataType::Decimal { precision, scale }, _) => builder.numbers(
            source,
            &Units::new(precision, scale),
            |bytes| text::parse_decimal(bytes, precision, scale),
            |units| Values::Decimal { units, precision, scale },
        ),
        (DataType::Double, _) => builder.numbers(source, &Doubles, parse_finite, Values::Double),
        (DataType::Date, _) => builder.typed(source, text::parse_date, Values::Date),
        (DataType::Time, _) => builder.typed(source, text::parse_time, Values::Time),
        (DataType::Timestamp, _) => builder.typed(source, text::parse_timestamp, Values::Timestamp),
        (DataType::Timestamptz, _) => {
            builder.typed(source, text::parse_timestamptz, Values::Timestamptz)
        }
        (DataType::Interval, _) => builder.typed(source, Interval::parse, Values::Interval),
        (DataType::Text, _) => Column::new(Values::Text(builder.text(source))),
        (DataType::Json, _) => Column::new(Values::Json(builder.text(source))),
        (DataType::List(element), _) => {
            Column::new(Values::List(builder.list(source, element), element))
        }
    };
    for row in builder.nulls {
        column.validity.set_null(row, rows);
    }
    for (row, reason) in builder.faults {
        column.set_fault(row, &reason);
    }
    column
}

/// Most texts are short and ASCII, which is seen at once.
#[inline]
fn is_utf8(bytes: &[u8]) -> bool {
    bytes.is_ascii() || std::str::from_utf8(bytes).is_ok()
}

/// A double; digits never mean infinity.
fn parse_finite(bytes: &[u8]) -> Option<f64> {
    let value = text::parse_double(bytes)?;
    let is_word = || !bytes.iter().any(u8::is_ascii_digit);
    (!value.is_infinite() || is_word()).then_some(value)
}

struct Builder<'a> {
    chunk: &'a Arc<Vec<u8>>,
    rows: usize,
    target: &'a Target<'a>,
    nulls: Vec<usize>,
    faults: Vec<(u32, Reason)>,
    /// The last reason, to share it among the rows that have the same.
    last: Option<(&'static str, Reason)>,
}

impl<'a> Builder<'a> {
    fn new(chunk: &'a Arc<Vec<u8>>, rows: usize, target: &'a Target<'a>) -> Builder<'a> {
        Builder { chunk, rows, target, nulls: Vec::new(), faults: Vec::new(), last: None }
    }

    fn typed<'r, T: Clone + Default>(
        &mut self,
        source: &impl Source<'r>,
        parse: impl Fn(&[u8]) -> Option<T>,
        wrap: impl Fn(Vec<T>) -> Values,
    ) -> Column {
        let mut values = vec![T::default(); self.rows];
        let is_plain = self.is_plain(source, &parse);
        for row in self.target.selection {
            if let Some(value) = self.value(source, *row, is_plain, &parse) {
                values[*row as usize] = value;
            }
        }
        Column::new(wrap(values))
    }

    /// Numbers, as most of a column are usual or few.
    fn numbers<'r, U: Usual, T: Clone + Default + From<U::Value>>(
        &mut self,
        source: &impl Source<'r>,
        usual: &U,
        parse: impl Fn(&[u8]) -> Option<T>,
        wrap: impl Fn(Vec<T>) -> Values,
    ) -> Column {
        if !self.is_plain(source, &parse) {
            return self.typed(source, parse, wrap);
        }
        let (chunk, selection) = (self.chunk.as_slice(), self.target.selection);
        let mut values = vec![T::default(); self.rows];
        let (mut block, mut read) = (usual::Block::default(), usual::Read::default());
        let (mut rows_read, mut rows_unusual) = (0, 0);
        for rows in selection.as_chunks::<{ usual::ROWS }>().0 {
            for (index, row) in rows.iter().enumerate() {
                block.set(index, chunk, source.span(*row as usize));
            }
            usual::read(usual, &block, &mut read);
            rows_read += rows.len();
            for (row, (usual, unknown)) in rows.iter().zip(read.values.iter().zip(read.unknown)) {
                if unknown == 0 {
                    values[*row as usize] = T::from(*usual);
                    continue;
                }
                rows_unusual += 1;
                if let Some(value) = self.value(source, *row, true, &parse) {
                    values[*row as usize] = value;
                }
            }
            if rows_unusual > rows_read / 2 {
                break;
            }
        }
        for row in &selection[rows_read..] {
            if let Some(value) = self.value(source, *row, true, &parse) {
                values[*row as usize] = value;
            }
        }
        Column::new(wrap(values))
    }

    /// Whether what can be parsed as it stands in the chunk is that value.
    fn is_plain<'r, T>(
        &self,
        source: &impl Source<'r>,
        parse: impl Fn(&[u8]) -> Option<T>,
    ) -> bool {
        let is_usual = matches!(self.target.reading, Reading::Usual);
        is_usual && source.is_plain(|text| parse(text).is_some())
    }

    /// The value of a row; without one, what the row has instead is noted.
    #[inline]
    fn value<'r, T>(
        &mut self,
        source: &impl Source<'r>,
        row: u32,
        is_plain: bool,
        parse: impl Fn(&[u8]) -> Option<T>,
    ) -> Option<T> {
        if is_plain {
            let Span { start, length } = source.span(row as usize);
            let raw = &self.chunk[start as usize..(start + length) as usize];
            if let Some(value) = parse(raw) {
                return Some(value);
            }
        }
        match source.read(row as usize) {
            Raw::Null => self.nulls.push(row as usize),
            Raw::Fault(what) => self.fault(row, what),
            Raw::Text(bytes, _) => {
                let value = parse(bytes.trim_ascii());
                if value.is_none() {
                    self.fault(row, why_not(self.target.data_type, &bytes));
                }
                return value;
            }
        }
        None
    }

    /// Dates and times of a declared format.
    fn formatted<'r>(
        &mut self,
        source: &impl Source<'r>,
        data_type: DataType,
        format: &Format,
    ) -> Column {
        let moment = |bytes: &[u8]| format.read(bytes);
        match data_type {
            DataType::Date => {
                self.typed(source, |bytes| moment(bytes).and_then(reading::day_of), Values::Date)
            }
            DataType::Time => {
                self.typed(source, |bytes| moment(bytes).map(reading::time_of), Values::Time)
            }
            DataType::Timestamptz => self.typed(source, moment, Values::Timestamptz),
            DataType::Timestamp => self.typed(source, moment, Values::Timestamp),
            other => unreachable!("a format of dates for {other}"),
        }
    }

    fn text<'r>(&mut self, source: &impl Source<'r>) -> Text {
        let mut texts = Text::filled(self.chunk.clone(), self.rows);
        for row in self.target.selection {
            if let Some(span) = source.plain_text(*row as usize) {
                texts.set_span(*row as usize, span);
                continue;
            }
            match source.read(*row as usize) {
                Raw::Null => self.nulls.push(*row as usize),
                Raw::Fault(what) => self.fault(*row, what),
                Raw::Text(bytes, _) if !is_utf8(&bytes) => self.fault(*row, "is not valid UTF-8"),
                Raw::Text(_, Some(span)) => texts.set_span(*row as usize, span),
                Raw::Text(bytes, None) => texts.set(*row as usize, &bytes),
            }
        }
        texts
    }

    /// JSON arrays, each in the one form of a list.
    fn list<'r>(&mut self, source: &impl Source<'r>, element: Element) -> Text {
        let mut texts = Text::filled(self.chunk.clone(), self.rows);
        let mut scratch = Vec::new();
        for row in self.target.selection {
            scratch.clear();
            match source.read(*row as usize) {
                Raw::Null => self.nulls.push(*row as usize),
                Raw::Fault(what) => self.fault(*row, what),
                Raw::Text(bytes, _) if !list::is_json(&bytes) => self.fault(*row, NOT_A_VALUE),
                Raw::Text(bytes, _) => {
                    match list::read_json(bytes.trim_ascii(), element, &mut scratch) {
                        Ok(()) => texts.set(*row as usize, &scratch),
                        Err(what) => self.fault(*row, what),
                    }
                }
            }
        }
        texts
    }

    #[cold]
    fn fault(&mut self, row: u32, what: &'static str) {
        let is_formatted = !matches!(self.target.reading, Reading::Usual);
        let reason = match &self.last {
            Some((last, reason)) if *last == what => reason.clone(),
            _ => {
                let (label, data_type) = (&self.target.label, self.target.data_type);
                let text = match what {
                    NOT_A_VALUE if is_formatted => {
                        format!("{label} is not {} of its declared format", data_type.phrase())
                    }
                    NOT_A_VALUE => format!("{label} is not {}", data_type.phrase()),
                    OUT_OF_RANGE => format!("{label} is out of range for {data_type}"),
                    what => format!("{label} {what}"),
                };
                Reason::from(text)
            }
        };
        self.last = Some((what, reason.clone()));
        self.faults.push((row, reason));
    }
}

const NOT_A_VALUE: &str = "is not a value of the type";

const OUT_OF_RANGE: &str = "is out of range";

/// Why a text is no value of a type: it is a number, but too large a one, or something else.
fn why_not(data_type: DataType, bytes: &[u8]) -> &'static str {
    let bytes = bytes.trim_ascii();
    let is_number = match data_type {
        DataType::Bigint => {
            let digits = bytes.strip_prefix(b"-").or(bytes.strip_prefix(b"+")).unwrap_or(bytes);
            !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
        }
        DataType::Decimal { .. } => text::parse_double(bytes).is_some_and(f64::is_finite),
        DataType::Double => text::parse_double(bytes).is_some(),
        _ => false,
    };
    if is_number { OUT_OF_RANGE } else { NOT_A_VALUE }
}

/// The column of a slot that the raw records hold.
pub(super) fn decode(
    batch: &Batch,
    records: &RawRecords,
    place: usize,
    null: &[Vec<u8>],
    info: &SlotInfo,
) -> Column {
    let data_type = info.data_type;
    let target = |kind: &str| Target {
        label: format!("{kind} `{}`", info.name),
        data_type,
        reading: &info.reading,
        selection: &batch.selection,
    };
    match records {
        RawRecords::Csv(records) => csv_column(records, place, null, &target("column")),
        RawRecords::Json(records) => json_column(records, place, &target("key")),
        RawRecords::None => Column::null(data_type, batch.rows),
    }
}

#[cfg(test)]
mod tests;
