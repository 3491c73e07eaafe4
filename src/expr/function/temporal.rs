//! Arithmetic of dates, times and intervals, and time zones. The binder picks the operator and the type of the result.

use super::prepared::routine;
use super::{Body, Flaw, Function, FunctionDoc, Parameter, str_of};
use crate::expr::evaluate::cell::{Answer, Cell, Failure};
use crate::record::DataType;
use crate::record::calendar;
use crate::record::text::MICROS_PER_DAY;
use crate::record::zone::Zone;

const OUT_OF_RANGE: &str = "out of the range of years 1 to 9999";
const INTERVAL_OVERFLOW: &str = "interval overflow";

/// `+` of a moment, time or interval and an interval, or of a date and a time.
pub static ADD: Function = operator("+", |cells, _| match (cells[0], cells[1]) {
    (left @ Cell::Interval(_), right) if !matches!(right, Cell::Interval(_)) => add(right, left),
    (left @ Cell::Time(_), right @ Cell::Date(_)) => add(right, left),
    (left, right) => add(left, right),
});

/// `-` of a moment, time or interval and an interval, or of two moments.
pub static SUBTRACT: Function = operator("-", |cells, _| match (cells[0], cells[1]) {
    (left, Cell::Interval(right)) => {
        add(left, Cell::Interval(right.checked_neg().ok_or(INTERVAL_OVERFLOW)?))
    }
    (left, right) => {
        let between = calendar::between(moment_of(right), moment_of(left));
        Ok(Answer::Cell(Cell::Interval(between.ok_or(INTERVAL_OVERFLOW)?)))
    }
});

/// `*` of an interval and a number.
pub static MULTIPLY: Function = operator("*", |cells, _| {
    let product = match (cells[0], cells[1]) {
        (Cell::Interval(interval), Cell::Bigint(count))
        | (Cell::Bigint(count), Cell::Interval(interval)) => calendar::multiply(interval, count),
        (Cell::Interval(interval), Cell::Double(factor))
        | (Cell::Double(factor), Cell::Interval(interval)) => {
            calendar::scale(interval, |part| part * factor)
        }
        other => unreachable!("{other:?} are no interval and number"),
    };
    Ok(Answer::Cell(Cell::Interval(product.ok_or(INTERVAL_OVERFLOW)?)))
});

/// `/` of an interval and a double.
pub static DIVIDE: Function = operator("/", |cells, _| match (cells[0], cells[1]) {
    (Cell::Interval(_), Cell::Double(0.0)) => Err("division by zero".into()),
    (Cell::Interval(interval), Cell::Double(divisor)) => {
        let quotient = calendar::scale(interval, |part| part / divisor);
        Ok(Answer::Cell(Cell::Interval(quotient.ok_or(INTERVAL_OVERFLOW)?)))
    }
    other => unreachable!("{other:?} are no interval and double"),
});

/// Unary minus of an interval.
pub static NEGATE: Function = operator("-interval", |cells, _| match cells[0] {
    Cell::Interval(interval) => {
        Ok(Answer::Cell(Cell::Interval(interval.checked_neg().ok_or(INTERVAL_OVERFLOW)?)))
    }
    other => unreachable!("{other:?} is no interval"),
});

/// The functions.
pub const FUNCTIONS: &[Function] = &[TIMEZONE];

/// `AT TIME ZONE`
pub const TIMEZONE: Function = Function {
    doc: FunctionDoc {
        name: "timezone",
        family: super::moment::FAMILY,
        signature: "timezone(zone text, moment) -> timestamp (timestamptz for a date or timestamp)",
        doc: "the same as moment AT TIME ZONE zone: what clocks show there, or when they show it",
        nulls: super::moment::STRICT,
        example: "timezone('Europe/Berlin', TIMESTAMPTZ '2024-07-01 12:00:00+00')",
        result: "2024-07-01 14:00:00",
    },
    aliases: &[],
    parameters: &[Parameter::Text, Parameter::Moment],
    required: 2,
    repeats: false,
    body: Body::Prepared(
        |arguments| match arguments[1].data_type() {
            DataType::Timestamptz => DataType::Timestamp,
            _ => DataType::Timestamptz,
        },
        &[0],
        |constants| {
            let name = constants[0].map(str_of).unwrap_or_default();
            let zone = Zone::named(name).ok_or_else(|| Flaw {
                argument: 0,
                reason: "unknown time zone".into(),
                detail: "zones are those of the IANA database: 'Europe/Berlin', 'UTC'".to_string(),
            })?;
            Ok(routine(move |cells, _| at_time_zone(cells[1], &zone)))
        },
    ),
};

/// An operator: it is not called by a name.
const fn operator(name: &'static str, kernel: super::Kernel) -> Function {
    let doc = FunctionDoc {
        name,
        family: super::moment::FAMILY,
        signature: name,
        doc: "",
        nulls: super::moment::STRICT,
        example: "",
        result: "",
    };
    let body = Body::Strict(|_| DataType::Interval, kernel);
    Function { doc, aliases: &[], parameters: &[], required: 0, repeats: false, body }
}

fn add<'a>(left: Cell, right: Cell) -> Result<Answer<'a>, Failure> {
    let sum = match (left, right) {
        (Cell::Interval(left), Cell::Interval(right)) => {
            Cell::Interval(left.checked_add(right).ok_or(INTERVAL_OVERFLOW)?)
        }
        (Cell::Time(time), Cell::Interval(interval)) => {
            Cell::Time(calendar::add_to_time(time, interval))
        }
        (Cell::Date(days), Cell::Time(time)) => {
            let moment = moment_of(Cell::Date(days)).checked_add(time);
            Cell::Timestamp(moment.and_then(calendar::within).ok_or(OUT_OF_RANGE)?)
        }
        (Cell::Timestamptz(micros), Cell::Interval(interval)) => {
            Cell::Timestamptz(calendar::add_interval(micros, interval).ok_or(OUT_OF_RANGE)?)
        }
        (moment, Cell::Interval(interval)) => {
            let sum = calendar::add_interval(moment_of(moment), interval);
            Cell::Timestamp(sum.ok_or(OUT_OF_RANGE)?)
        }
        other => unreachable!("{other:?} are not added"),
    };
    Ok(Answer::Cell(sum))
}

fn at_time_zone<'a>(moment: Cell, zone: &Zone) -> Result<Answer<'a>, Failure> {
    let cell = match moment {
        Cell::Timestamptz(micros) => zone.local_from_utc(micros).map(Cell::Timestamp),
        local => zone.utc_from_local(moment_of(local)).map(Cell::Timestamptz),
    };
    Ok(Answer::Cell(cell.ok_or(OUT_OF_RANGE)?))
}

/// A date, timestamp or timestamptz as microseconds since 1970.
pub fn moment_of(cell: Cell) -> i64 {
    match cell {
        Cell::Timestamp(micros) | Cell::Timestamptz(micros) => micros,
        Cell::Date(days) => i64::from(days).saturating_mul(MICROS_PER_DAY),
        other => unreachable!("{other:?} where a moment was bound"),
    }
}
