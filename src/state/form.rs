//! Values as JSON and as texts: what lists and histograms are made of.

use crate::record::list::ListWriter;
use crate::record::{Column, Values, text};

/// Appends a row's text form; nothing for NULL.
pub fn write_text(out: &mut Vec<u8>, column: &Column, row: usize) {
    if !column.is_valid(row) {
        return;
    }
    match &column.values {
        Values::Boolean(values) => text::write_boolean(out, values[row]),
        Values::Bigint(values) => text::write_bigint(out, values[row]),
        Values::Decimal { units, scale, .. } => text::write_decimal(out, units[row], *scale),
        Values::Double(values) => text::write_double(out, values[row]),
        Values::Date(values) => text::write_date(out, values[row]),
        Values::Time(values) => text::write_time(out, values[row]),
        Values::Timestamp(values) => text::write_timestamp(out, values[row]),
        Values::Timestamptz(values) => text::write_timestamptz(out, values[row]),
        Values::Interval(values) => values[row].write(out),
        Values::Text(texts) | Values::Json(texts) | Values::List(texts, _) => {
            out.extend_from_slice(texts.get(row));
        }
    }
}

/// Appends a row as a JSON value. What JSON has no form for (dates, NaN) is a string of its text form.
pub fn write_json(out: &mut Vec<u8>, column: &Column, row: usize) {
    let is_plain = match &column.values {
        _ if !column.is_valid(row) => {
            out.extend_from_slice(b"null");
            return;
        }
        Values::Boolean(_)
        | Values::Bigint(_)
        | Values::Decimal { .. }
        | Values::Json(_)
        | Values::List(..) => true,
        Values::Double(values) => values[row].is_finite(),
        Values::Text(_)
        | Values::Date(_)
        | Values::Time(_)
        | Values::Timestamp(_)
        | Values::Timestamptz(_)
        | Values::Interval(_) => false,
    };
    if is_plain { write_text(out, column, row) } else { write_string(out, column, row) }
}

/// Appends a row's text form as a JSON string.
pub fn write_string(out: &mut Vec<u8>, column: &Column, row: usize) {
    let mut form = Vec::new();
    write_text(&mut form, column, row);
    text::write_json_string(out, &String::from_utf8_lossy(&form));
}

/// Appends the rows of a column as a list, in the one form that lists have.
pub fn write_list(out: &mut Vec<u8>, column: &Column) {
    let mut list = ListWriter::new(out);
    for row in 0..column.rows() {
        write_json(list.element(), column, row);
    }
    list.finish();
}
