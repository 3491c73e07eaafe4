//! Moments as texts of any format, and back.

use super::declare::declare;
use super::moment::FAMILY;
use super::prepared::routine;
use super::temporal::moment_of;
use super::{Body, Flaw, Function, Parameter, Routine, str_of};
use crate::expr::evaluate::cell::{Answer, Cell, Failure};
use crate::expr::node::{Node, Value};
use crate::record::DataType;
use crate::record::moment::Format;

/// The functions.
pub const FUNCTIONS: &[Function] = &[
    declare(
        FAMILY,
        [
            "strftime",
            "strftime(moment, format text) -> text",
            "a moment in a format such as '%d/%m/%Y %H:%M'",
            "strftime(DATE '2024-05-17', '%d/%m/%Y')",
            "17/05/2024",
        ],
        &[Parameter::Moment, Parameter::Text],
        Body::Prepared(
            |_| DataType::Text,
            &[1],
            |constants| {
                let format = format_of(constants)?;
                Ok(routine(move |cells, out| {
                    let zone = if matches!(cells[0], Cell::Timestamptz(_)) { "UTC" } else { "" };
                    format.write(out, moment_of(cells[0]), zone);
                    Ok(Answer::Written)
                }))
            },
        ),
    ),
    declare(
        FAMILY,
        [
            "strptime",
            "strptime(text, format text) -> timestamp (timestamptz where the format has %z or %Z)",
            "the moment that a text of a format says; a fault where it is not of the format",
            "strptime('17/05/2024 10:11', '%d/%m/%Y %H:%M')",
            "2024-05-17 10:11:00",
        ],
        &[Parameter::Text, Parameter::Format],
        Body::Prepared(read_type, &[1], |constants| {
            reader(constants, || Err("text is not of its format".into()))
        }),
    ),
    declare(
        FAMILY,
        [
            "try_strptime",
            "try_strptime(text, format text) -> timestamp (timestamptz where the format has %z or %Z)",
            "the moment that a text of a format says; NULL where it is not of the format",
            "try_strptime('soon', '%d/%m/%Y')",
            "NULL",
        ],
        &[Parameter::Text, Parameter::Format],
        Body::Prepared(read_type, &[1], |constants| {
            reader(constants, || Ok(Answer::Cell(Cell::Null)))
        }),
    ),
];

fn format_of(constants: &[Option<Cell>]) -> Result<Format, Flaw> {
    let text = constants.get(1).copied().flatten().map(str_of).unwrap_or_default();
    Format::parse(text).map_err(|error| Flaw {
        argument: 1,
        reason: "not a format of dates and times".into(),
        detail: error.message,
    })
}

/// What is computed where a text is not of the format is up to `otherwise`.
fn reader(
    constants: &[Option<Cell>],
    otherwise: fn() -> Result<Answer<'static>, Failure>,
) -> Result<Routine, Flaw> {
    let format = format_of(constants)?;
    if let Some(reason) = format.unreadable() {
        return Err(Flaw::new(1, reason));
    }
    Ok(routine(move |cells, _| match format.read(str_of(cells[0]).as_bytes()) {
        Some(micros) if format.has_zone() => Ok(Answer::Cell(Cell::Timestamptz(micros))),
        Some(micros) => Ok(Answer::Cell(Cell::Timestamp(micros))),
        None => otherwise(),
    }))
}

/// The format is a constant: the type must be known before the first record.
fn read_type(arguments: &[Node]) -> DataType {
    let format = match arguments.get(1).and_then(Node::constant) {
        Some(Value::Text(format)) => std::str::from_utf8(format).ok(),
        _ => None,
    };
    let has_zone =
        format.and_then(|format| Format::parse(format).ok()).is_some_and(|f| f.has_zone());
    if has_zone { DataType::Timestamptz } else { DataType::Timestamp }
}
