//! Lists as values of other types and the other way round, element by element.

use super::cast::{convert, write_cell};
use super::cell::{Answer, Builder, Cell, Failure};
use super::json;
use crate::expr::node::Conversion;
use crate::record::list::{self, Elements, ListWriter};
use crate::record::{Column, Element, text};
use std::borrow::Cow;
use std::sync::Arc;

/// A value in a list, with what its bytes are borrowed from.
pub enum Item<'a> {
    /// No value, or one without bytes of its own.
    Plain(Cell<'a>),
    /// A text.
    Text(Cow<'a, [u8]>),
}

impl<'a> Item<'a> {
    /// The element that a list of a type holds as `source`.
    pub fn read(source: &'a [u8], element: Element) -> Item<'a> {
        if source == b"null" {
            return Item::Plain(Cell::Null);
        }
        let cell = match element {
            Element::Text => return Item::Text(list::content(source)),
            Element::Json => Some(Cell::Json(source)),
            Element::Double => Some(Cell::Double(list::double_of(source))),
            Element::Boolean => text::parse_boolean(source).map(Cell::Boolean),
            Element::Bigint => text::parse_bigint(source).map(Cell::Bigint),
            Element::Decimal { precision, scale } => {
                let units = text::parse_decimal(source, precision, scale);
                units.map(|units| Cell::Decimal(units, scale))
            }
            Element::Date => text::parse_date(&list::content(source)).map(Cell::Date),
            Element::Time => text::parse_time(&list::content(source)).map(Cell::Time),
            Element::Timestamp => {
                text::parse_timestamp(&list::content(source)).map(Cell::Timestamp)
            }
            Element::Timestamptz => {
                text::parse_timestamptz(&list::content(source)).map(Cell::Timestamptz)
            }
        };
        Item::Plain(cell.unwrap_or(Cell::Null))
    }

    /// The value.
    pub fn cell(&self) -> Cell<'_> {
        match self {
            Item::Plain(cell) => *cell,
            Item::Text(bytes) => Cell::Text(bytes),
        }
    }
}

/// Appends the value of a row as JSON.
pub fn write_json(out: &mut Vec<u8>, column: &Column, row: usize) {
    write_element(out, Cell::of(column, row));
}

/// Elements of lists of a type as the values of a column, one row each; `None` is NULL.
pub fn column_of_elements<'a>(
    element: Element,
    rows: usize,
    sources: impl Iterator<Item = Option<&'a [u8]>>,
) -> Arc<Column> {
    let mut builder = Builder::new(element.data_type(), rows);
    for (row, source) in (0..).zip(sources) {
        let item = source.map_or(Item::Plain(Cell::Null), |source| Item::read(source, element));
        builder.set(row, item.cell());
    }
    builder.finish()
}

/// Appends a value as an element of a list of its type.
pub fn write_element(out: &mut Vec<u8>, cell: Cell) {
    let is_plain = match cell {
        Cell::Null => {
            out.extend_from_slice(b"null");
            return;
        }
        Cell::Text(bytes) => {
            text::write_json_string(out, &String::from_utf8_lossy(bytes));
            return;
        }
        Cell::Double(value) => value.is_finite(),
        Cell::Boolean(_) | Cell::Bigint(_) | Cell::Decimal(..) | Cell::Json(_) | Cell::List(..) => {
            true
        }
        Cell::Date(_)
        | Cell::Time(_)
        | Cell::Timestamp(_)
        | Cell::Timestamptz(_)
        | Cell::Interval(_) => false,
    };
    if is_plain {
        write_cell(out, cell);
    } else {
        out.push(b'"');
        write_cell(out, cell);
        out.push(b'"');
    }
}

/// A list as a list of another type; with `TRY_CAST` an element that does not fit is NULL.
pub fn cast<'a>(
    bytes: &[u8],
    from: Element,
    to: Element,
    conversion: Conversion,
    scratch: &mut Vec<u8>,
) -> Result<Answer<'a>, Failure> {
    let mut list = ListWriter::new(scratch);
    let mut text = Vec::new();
    for source in Elements::of(bytes) {
        let item = Item::read(source, from);
        text.clear();
        let answer = convert(item.cell(), to.data_type(), Conversion::Explicit, &mut text);
        write_answer(list.element(), &or_null(answer, conversion)?, &text, to);
    }
    list.finish();
    Ok(Answer::Written)
}

/// A JSON array (valid JSON) as a list.
pub fn read_array<'a>(
    array: &[u8],
    element: Element,
    conversion: Conversion,
    scratch: &mut Vec<u8>,
) -> Result<Answer<'a>, Failure> {
    if conversion == Conversion::Implicit {
        return match list::read_json(array, element, scratch) {
            Ok(()) => Ok(Answer::Written),
            Err(what) => Err(format!("JSON array {what}").into()),
        };
    }
    let mut list = ListWriter::new(scratch);
    let mut text = Vec::new();
    for source in Elements::of(array) {
        text.clear();
        let answer = match (source, element) {
            (b"null", _) => Ok(Answer::Cell(Cell::Null)),
            (_, Element::Json) => Ok(Answer::Cell(Cell::Json(source))),
            _ => json::read(source, element.data_type(), conversion, &mut text),
        };
        write_answer(list.element(), &or_null(answer, conversion)?, &text, element);
    }
    list.finish();
    Ok(Answer::Written)
}

/// A text that holds a JSON array, as a list.
pub fn read_text<'a>(
    bytes: &[u8],
    element: Element,
    conversion: Conversion,
    scratch: &mut Vec<u8>,
) -> Result<Answer<'a>, Failure> {
    let bytes = bytes.trim_ascii();
    let is_array = bytes.first() == Some(&b'[') && list::is_json(bytes);
    let read = is_array.then(|| read_array(bytes, element, conversion, scratch));
    match read {
        Some(Ok(answer)) => Ok(answer),
        _ => Err(format!("text is not a {}[]", element.data_type()).into()),
    }
}

/// The element, or NULL for it where the conversion puts up with that.
fn or_null<'a>(
    answer: Result<Answer<'a>, Failure>,
    conversion: Conversion,
) -> Result<Answer<'a>, Failure> {
    match answer {
        Err(_) if conversion == Conversion::Try => Ok(Answer::Cell(Cell::Null)),
        answer => answer,
    }
}

fn write_answer(out: &mut Vec<u8>, answer: &Answer, written: &[u8], element: Element) {
    match (answer, element) {
        (Answer::Cell(cell), _) => write_element(out, *cell),
        (Answer::Written, Element::Json) => write_element(out, Cell::Json(written)),
        (Answer::Written, _) => write_element(out, Cell::Text(written)),
    }
}
