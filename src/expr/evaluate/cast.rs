//! Conversions between types, with loops of their own for the common numeric ones.

use super::cell::{Answer, Builder, Cell, Failure, Operand};
use super::{json, list};
use crate::expr::node::{Conversion, Node};
use crate::expr::numbers;
use crate::record::text::{self, MICROS_PER_DAY};
use crate::record::{Batch, Column, DataType, Interval, Values};
use std::sync::Arc;

/// `CAST(operand AS target)` under a conversion's rules.
pub fn cast(
    conversion: Conversion,
    operand: &Node,
    target: DataType,
    batch: &Batch,
    rows: &[u32],
) -> Arc<Column> {
    let operand = Operand::new(operand, batch, rows);
    if let Operand::Column(column) = &operand
        && let Some(values) = widened(&column.values, target, rows)
    {
        let mut builder = Builder::from_values(values);
        builder.set_nulls_of(&operand, rows);
        builder.set_faults_of(&operand, rows);
        return builder.finish();
    }
    let mut builder = Builder::new(target, batch.rows);
    let mut scratch = Vec::new();
    for row in rows {
        scratch.clear();
        let answer = convert(operand.cell(*row as usize), target, conversion, &mut scratch);
        match answer {
            Err(_) if conversion == Conversion::Try => builder.set_null(*row),
            answer => builder.set_answer(*row, answer, &scratch),
        }
    }
    builder.set_faults_of(&operand, rows);
    builder.finish()
}

/// A text's value as another type; white space around it does not count.
pub fn read_text<'a>(bytes: &[u8], target: DataType) -> Result<Cell<'a>, Failure> {
    let bytes = bytes.trim_ascii();
    let cell = match target {
        DataType::Boolean => text::parse_boolean(bytes).map(Cell::Boolean),
        DataType::Bigint => text::parse_bigint(bytes).map(Cell::Bigint),
        DataType::Decimal { precision, scale } => {
            text::parse_decimal(bytes, precision, scale).map(|units| Cell::Decimal(units, scale))
        }
        DataType::Double => text::parse_double(bytes).map(Cell::Double),
        DataType::Date => text::parse_date(bytes).map(Cell::Date),
        DataType::Time => text::parse_time(bytes).map(Cell::Time),
        DataType::Timestamp => text::parse_timestamp(bytes).map(Cell::Timestamp),
        DataType::Timestamptz => text::parse_timestamptz(bytes).map(Cell::Timestamptz),
        DataType::Interval => Interval::parse(bytes).map(Cell::Interval),
        DataType::Text | DataType::Json | DataType::List(_) => None,
    };
    cell.ok_or_else(|| format!("text is not {}", target.phrase()).into())
}

/// Appends a value's text form.
pub fn write_cell(out: &mut Vec<u8>, cell: Cell) {
    match cell {
        Cell::Null => {}
        Cell::Boolean(value) => text::write_boolean(out, value),
        Cell::Bigint(value) => text::write_bigint(out, value),
        Cell::Decimal(units, scale) => text::write_decimal(out, units, scale),
        Cell::Double(value) => text::write_double(out, value),
        Cell::Text(bytes) | Cell::Json(bytes) | Cell::List(bytes, _) => {
            out.extend_from_slice(bytes);
        }
        Cell::Date(days) => text::write_date(out, days),
        Cell::Time(micros) => text::write_time(out, micros),
        Cell::Timestamp(micros) => text::write_timestamp(out, micros),
        Cell::Timestamptz(micros) => text::write_timestamptz(out, micros),
        Cell::Interval(interval) => interval.write(out),
    }
}

/// Conversions that cannot fail, for whole columns.
fn widened(values: &Values, target: DataType, rows: &[u32]) -> Option<Values> {
    match (values, target) {
        (Values::Bigint(from), DataType::Double) => {
            let mut to = vec![0.0; from.len()];
            for row in rows {
                to[*row as usize] = numbers::double_from_bigint(from[*row as usize]);
            }
            Some(Values::Double(to))
        }
        (Values::Decimal { units, scale, .. }, DataType::Double) => {
            let mut to = vec![0.0; units.len()];
            for row in rows {
                to[*row as usize] = numbers::double_from_decimal(units[*row as usize], *scale);
            }
            Some(Values::Double(to))
        }
        (
            Values::Decimal { units, precision: digits, scale: from },
            DataType::Decimal { precision, scale },
        ) if scale >= *from && precision - scale >= digits - from => {
            let power = numbers::power_of_ten(scale - from);
            // A row without a value may hold anything; the others cannot overflow.
            let mut to = vec![0; units.len()];
            for row in rows {
                to[*row as usize] = units[*row as usize].wrapping_mul(power);
            }
            Some(Values::Decimal { units: to, precision, scale })
        }
        _ => None,
    }
}

/// A value as one of another type; a text or list may be written to the scratch buffer, which must be empty.
pub fn convert<'a>(
    cell: Cell<'a>,
    target: DataType,
    conversion: Conversion,
    scratch: &mut Vec<u8>,
) -> Result<Answer<'a>, Failure> {
    match (cell, target) {
        (Cell::Null, _) | (Cell::Text(_), DataType::Text) | (Cell::Json(_), DataType::Json) => {
            Ok(Answer::Cell(cell))
        }
        (Cell::Json(bytes), _) => json::read(bytes, target, conversion, scratch),
        (_, DataType::Json) => json::write(cell, scratch),
        (_, DataType::Text) => {
            write_cell(scratch, cell);
            Ok(Answer::Written)
        }
        (Cell::Text(bytes), DataType::List(element)) => {
            list::read_text(bytes, element, conversion, scratch)
        }
        (Cell::List(_, from), DataType::List(to)) if from == to => Ok(Answer::Cell(cell)),
        (Cell::List(bytes, from), DataType::List(to)) => {
            list::cast(bytes, from, to, conversion, scratch)
        }
        (Cell::Text(bytes), _) => read_text(bytes, target).map(Answer::Cell),
        _ => match plain(cell, target) {
            Some(cell) => Ok(Answer::Cell(cell)),
            None => Err(format!("out of the range of {target}").into()),
        },
    }
}

/// Conversions among types other than text and JSON; `None` where the value does not fit.
fn plain<'a>(cell: Cell, target: DataType) -> Option<Cell<'a>> {
    match target {
        DataType::Boolean => match cell {
            Cell::Boolean(value) => Some(Cell::Boolean(value)),
            Cell::Bigint(value) => Some(Cell::Boolean(value != 0)),
            Cell::Decimal(units, _) => Some(Cell::Boolean(units != 0)),
            Cell::Double(value) => Some(Cell::Boolean(value != 0.0)),
            _ => None,
        },
        DataType::Bigint => match cell {
            Cell::Boolean(value) => Some(i64::from(value)),
            Cell::Bigint(value) => Some(value),
            Cell::Decimal(units, scale) => i64::try_from(numbers::rescale(units, scale, 0)?).ok(),
            Cell::Double(value) => numbers::bigint_from_double(value),
            _ => None,
        }
        .map(Cell::Bigint),
        DataType::Decimal { precision, scale } => match cell {
            Cell::Boolean(value) => numbers::rescale(i128::from(value), 0, scale),
            Cell::Bigint(value) => numbers::rescale(i128::from(value), 0, scale),
            Cell::Decimal(units, from) => numbers::rescale(units, from, scale),
            Cell::Double(value) => numbers::decimal_from_double(value, precision, scale),
            _ => None,
        }
        .and_then(|units| numbers::within(units, precision))
        .map(|units| Cell::Decimal(units, scale)),
        DataType::Double => match cell {
            Cell::Boolean(value) => Some(f64::from(u8::from(value))),
            Cell::Bigint(value) => Some(numbers::double_from_bigint(value)),
            Cell::Decimal(units, scale) => Some(numbers::double_from_decimal(units, scale)),
            Cell::Double(value) => Some(value),
            _ => None,
        }
        .map(Cell::Double),
        DataType::Date => match cell {
            Cell::Date(days) => Some(days),
            Cell::Timestamp(micros) | Cell::Timestamptz(micros) => {
                i32::try_from(micros.div_euclid(MICROS_PER_DAY)).ok()
            }
            _ => None,
        }
        .map(Cell::Date),
        DataType::Timestamp => micros(cell).map(Cell::Timestamp),
        DataType::Timestamptz => micros(cell).map(Cell::Timestamptz),
        DataType::Time => match cell {
            Cell::Time(micros) => Some(micros),
            Cell::Timestamp(micros) => Some(micros.rem_euclid(MICROS_PER_DAY)),
            _ => None,
        }
        .map(Cell::Time),
        DataType::Interval => match cell {
            Cell::Interval(interval) => Some(Cell::Interval(interval)),
            _ => None,
        },
        DataType::Text | DataType::Json | DataType::List(_) => None,
    }
}

/// A moment as microseconds since 1970; between those with and without zone the zone is UTC.
fn micros(cell: Cell) -> Option<i64> {
    match cell {
        Cell::Date(days) => i64::from(days).checked_mul(MICROS_PER_DAY),
        Cell::Timestamp(micros) | Cell::Timestamptz(micros) => Some(micros),
        _ => None,
    }
}
