//! The clock of the job, and the parts of dates, times and intervals.

use super::declare::declare;
use super::prepared::routine;
use super::{
    Body, Flaw, Function, FunctionDoc, Parameter, Part, Special, bigint_answer, double_answer,
    str_of, text_answer,
};
use crate::expr::evaluate::cell::{Answer, Cell, Failure};
use crate::expr::node::{Node, Value};
use crate::expr::numbers;
use crate::record::text::{self, MICROS_PER_DAY};
use crate::record::{DataType, calendar, moment};

pub use super::declare::STRICT;

/// The family of all functions of dates and times.
pub const FAMILY: &str = "date and time";

/// Why a moment that a function comes to is none.
pub const OUT_OF_RANGE: &str = "out of the range of years 1 to 9999";

const NEVER: &str = "never NULL";

/// The functions.
pub const FUNCTIONS: &[Function] = &[
    clock(
        [
            "now",
            "now() -> timestamptz",
            "when the job was first started; the same after every resume",
            "now() IS NULL",
            "false",
        ],
        &["current_timestamp", "get_current_timestamp", "transaction_timestamp"],
        Special::Now,
    ),
    clock(
        [
            "localtimestamp",
            "localtimestamp -> timestamp",
            "when the job was first started, by clocks of UTC",
            "CAST(localtimestamp AS date) = current_date",
            "true",
        ],
        &["current_localtimestamp"],
        Special::LocalNow,
    ),
    clock(
        [
            "current_date",
            "current_date -> date",
            "the day on which the job was first started (UTC)",
            "current_date = CAST(now() AS date)",
            "true",
        ],
        &["today"],
        Special::CurrentDate,
    ),
    clock(
        [
            "current_time",
            "current_time -> time",
            "the time of day at which the job was first started (UTC)",
            "current_time = CAST(localtimestamp AS time)",
            "true",
        ],
        &["get_current_time", "localtime", "current_localtime"],
        Special::CurrentTime,
    ),
    Function {
        aliases: &["datetrunc"],
        ..declare(
            FAMILY,
            [
                "date_trunc",
                "date_trunc(part text, moment or interval) -> timestamp (or timestamptz, interval)",
                "the start of the year, month, week, day, hour ... that a moment lies in",
                "date_trunc('month', DATE '2024-05-17')",
                "2024-05-01 00:00:00",
            ],
            &[Parameter::Part, Parameter::MomentOrInterval],
            Body::Prepared(truncated_type, &[0], |constants| {
                let part = part_of(constants)?;
                Ok(routine(move |cells, _| truncate(part, cells[1])))
            }),
        )
    },
    Function {
        aliases: &["datepart"],
        ..declare(
            FAMILY,
            [
                "date_part",
                "date_part(part text, moment, time or interval) -> bigint (double for epoch, julian)",
                "one part of a moment; the same as EXTRACT(part FROM moment)",
                "date_part('week', DATE '2021-01-01')",
                "53",
            ],
            &[Parameter::Part, Parameter::Temporal],
            Body::Prepared(part_type, &[0], |constants| {
                let part = part_of(constants)?;
                Ok(routine(move |cells, _| answer(part, cells[1])))
            }),
        )
    },
    Function {
        aliases: &[],
        ..declare(
            FAMILY,
            [
                "last_day",
                "last_day(moment) -> date",
                "the last day of the month",
                "last_day(DATE '2024-02-01')",
                "2024-02-29",
            ],
            &[Parameter::Moment],
            Body::Strict(
                |_| DataType::Date,
                |cells, _| {
                    let (year, month, _) = text::civil_from_days(days_of(cells[0]));
                    let last = text::days_in_month(year, month);
                    let last = text::days_from_civil(year, month, last).ok_or(OUT_OF_RANGE)?;
                    Ok(Answer::Cell(Cell::Date(last)))
                },
            ),
        )
    },
    declare(
        FAMILY,
        [
            "dayname",
            "dayname(moment) -> text",
            "the English name of the day of the week",
            "dayname(DATE '2024-05-17')",
            "Friday",
        ],
        &[Parameter::Moment],
        Body::Strict(
            |_| DataType::Text,
            |cells, _| text_answer(moment::day_name(calendar::iso_weekday(days_of(cells[0])))),
        ),
    ),
    declare(
        FAMILY,
        [
            "monthname",
            "monthname(moment) -> text",
            "the English name of the month",
            "monthname(DATE '2024-05-17')",
            "May",
        ],
        &[Parameter::Moment],
        Body::Strict(
            |_| DataType::Text,
            |cells, _| text_answer(moment::month_name(text::civil_from_days(days_of(cells[0])).1)),
        ),
    ),
];

/// A function of the clock, from name, signature, doc, example and result.
const fn clock(
    [name, signature, doc, example, result]: [&'static str; 5],
    aliases: &'static [&'static str],
    special: Special,
) -> Function {
    Function {
        doc: FunctionDoc { name, family: FAMILY, signature, doc, nulls: NEVER, example, result },
        aliases,
        parameters: &[],
        required: 0,
        repeats: false,
        body: Body::Special(special),
    }
}

/// The part that the first argument names; the binder made sure that it is one.
pub fn part_of(constants: &[Option<Cell>]) -> Result<Part, Flaw> {
    let name = constants.first().copied().flatten().map(str_of);
    name.and_then(Part::parse).ok_or_else(|| Flaw::new(0, "unknown part of a date"))
}

/// A part of a moment, time or interval as the result of a function.
pub fn answer<'a>(part: Part, cell: Cell) -> Result<Answer<'a>, Failure> {
    match part {
        Part::Julian => double_answer(Part::julian_day(super::temporal::moment_of(cell))),
        Part::Epoch => double_answer(numbers::double_from_decimal(part.of(cell), 6)),
        _ => bigint_answer(part.of(cell)),
    }
}

/// A date or timestamp as days since 1970.
pub fn days_of(cell: Cell) -> i64 {
    super::temporal::moment_of(cell).div_euclid(MICROS_PER_DAY)
}

fn truncate<'a>(part: Part, cell: Cell) -> Result<Answer<'a>, Failure> {
    let start = |micros| part.truncate(micros).ok_or(OUT_OF_RANGE);
    Ok(Answer::Cell(match cell {
        Cell::Interval(interval) => Cell::Interval(part.truncate_interval(interval)),
        Cell::Timestamptz(micros) => Cell::Timestamptz(start(micros)?),
        moment => Cell::Timestamp(start(super::temporal::moment_of(moment))?),
    }))
}

fn truncated_type(arguments: &[Node]) -> DataType {
    match arguments.get(1).map(Node::data_type) {
        Some(kept @ (DataType::Interval | DataType::Timestamptz)) => kept,
        _ => DataType::Timestamp,
    }
}

fn part_type(arguments: &[Node]) -> DataType {
    let name = match arguments.first().and_then(Node::constant) {
        Some(Value::Text(name)) => std::str::from_utf8(name).ok(),
        _ => None,
    };
    match name.and_then(Part::parse).is_some_and(Part::has_fraction) {
        true => DataType::Double,
        false => DataType::Bigint,
    }
}
