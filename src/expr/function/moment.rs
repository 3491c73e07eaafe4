//! Dates and times.

use super::{
    Body, Function, FunctionDoc, Kernel, Parameter, Part, ResultType, Special, bigint_answer,
    double_answer, str_of,
};
use crate::expr::evaluate::cell::{Answer, Cell, Failure};
use crate::expr::node::{Node, Value};
use crate::expr::numbers;
use crate::record::DataType;
use crate::record::text::{self, MICROS_PER_DAY};

pub const FAMILY: &str = "date and time";
pub const STRICT: &str = "NULL where an argument is NULL";
const NEVER: &str = "never NULL";

/// The functions.
pub const FUNCTIONS: &[Function] = &[
    clock(
        FunctionDoc {
            name: "now",
            family: FAMILY,
            signature: "now() -> timestamp",
            doc: "when the job was first started (UTC); the same after every resume",
            nulls: NEVER,
            example: "now() IS NULL",
            result: "false",
        },
        &["current_timestamp", "get_current_timestamp", "transaction_timestamp"],
        Special::Now,
    ),
    clock(
        FunctionDoc {
            name: "current_date",
            family: FAMILY,
            signature: "current_date -> date",
            doc: "the day on which the job was first started (UTC)",
            nulls: NEVER,
            example: "current_date = CAST(now() AS date)",
            result: "true",
        },
        &["today"],
        Special::CurrentDate,
    ),
    strict(
        FunctionDoc {
            name: "date_trunc",
            family: FAMILY,
            signature: "date_trunc(part text, moment) -> timestamp",
            doc: "the start of the year, month, week, day, hour ... that a moment lies in",
            nulls: STRICT,
            example: "date_trunc('month', DATE '2024-05-17')",
            result: "2024-05-01 00:00:00",
        },
        &["datetrunc"],
        &[Parameter::Part, Parameter::Timestamp],
        |_| DataType::Timestamp,
        |cells, _| {
            let micros = micros_of(cells[1]);
            let start = part_of(cells[0])?.truncate(micros);
            let start = start.ok_or("date_trunc to a part that has no start")?;
            Ok(Answer::Cell(Cell::Timestamp(start)))
        },
    ),
    strict(
        FunctionDoc {
            name: "date_part",
            family: FAMILY,
            signature: "date_part(part text, moment) -> bigint (double for epoch)",
            doc: "one part of a moment; the same as EXTRACT(part FROM moment)",
            nulls: STRICT,
            example: "date_part('week', DATE '2021-01-01')",
            result: "53",
        },
        &["datepart"],
        &[Parameter::Part, Parameter::Moment],
        part_type,
        |cells, _| {
            let micros = micros_of(cells[1]);
            match part_of(cells[0])? {
                Part::Epoch => double_answer(numbers::double_from_decimal(i128::from(micros), 6)),
                part => bigint_answer(part.of(micros)),
            }
        },
    ),
    part("year", "year(moment) -> bigint", "year(DATE '2024-05-17')", "2024", |cells, _| {
        bigint_answer(Part::Year.of(micros_of(cells[0])))
    }),
    part("quarter", "quarter(moment) -> bigint", "quarter(DATE '2024-05-17')", "2", |cells, _| {
        bigint_answer(Part::Quarter.of(micros_of(cells[0])))
    }),
    part("month", "month(moment) -> bigint", "month(DATE '2024-05-17')", "5", |cells, _| {
        bigint_answer(Part::Month.of(micros_of(cells[0])))
    }),
    part("week", "week(moment) -> bigint", "week(DATE '2024-05-17')", "20", |cells, _| {
        bigint_answer(Part::Week.of(micros_of(cells[0])))
    }),
    part("day", "day(moment) -> bigint", "day(DATE '2024-05-17')", "17", |cells, _| {
        bigint_answer(Part::Day.of(micros_of(cells[0])))
    }),
    part(
        "hour",
        "hour(moment) -> bigint",
        "hour(TIMESTAMP '2024-05-17 10:11:12')",
        "10",
        |cells, _| bigint_answer(Part::Hour.of(micros_of(cells[0]))),
    ),
    part(
        "minute",
        "minute(moment) -> bigint",
        "minute(TIMESTAMP '2024-05-17 10:11:12')",
        "11",
        |cells, _| bigint_answer(Part::Minute.of(micros_of(cells[0]))),
    ),
    part(
        "second",
        "second(moment) -> bigint",
        "second(TIMESTAMP '2024-05-17 10:11:12.5')",
        "12",
        |cells, _| bigint_answer(Part::Second.of(micros_of(cells[0]))),
    ),
    strict(
        FunctionDoc {
            name: "last_day",
            family: FAMILY,
            signature: "last_day(moment) -> date",
            doc: "the last day of the month",
            nulls: STRICT,
            example: "last_day(DATE '2024-02-01')",
            result: "2024-02-29",
        },
        &[],
        &[Parameter::Moment],
        |_| DataType::Date,
        |cells, _| {
            let days = micros_of(cells[0]).div_euclid(MICROS_PER_DAY);
            let (year, month, day) = text::civil_from_days(days);
            let last = days + i64::from(text::days_in_month(year, month) - day);
            let last = i32::try_from(last).map_err(|_| "out of the range of date")?;
            Ok(Answer::Cell(Cell::Date(last)))
        },
    ),
];

const fn strict(
    doc: FunctionDoc,
    aliases: &'static [&'static str],
    parameters: &'static [Parameter],
    result: ResultType,
    kernel: Kernel,
) -> Function {
    Function {
        doc,
        aliases,
        parameters,
        required: parameters.len(),
        repeats: false,
        body: Body::Strict(result, kernel),
    }
}

const fn clock(doc: FunctionDoc, aliases: &'static [&'static str], special: Special) -> Function {
    Function {
        doc,
        aliases,
        parameters: &[],
        required: 0,
        repeats: false,
        body: Body::Special(special),
    }
}

const fn part(
    name: &'static str,
    signature: &'static str,
    example: &'static str,
    result: &'static str,
    kernel: Kernel,
) -> Function {
    let doc = FunctionDoc {
        name,
        family: FAMILY,
        signature,
        doc: "that part of a date or timestamp",
        nulls: STRICT,
        example,
        result,
    };
    strict(doc, &[], &[Parameter::Moment], |_| DataType::Bigint, kernel)
}

/// Seconds since 1970 have a fraction, all other parts are whole.
fn part_type(arguments: &[Node]) -> DataType {
    match arguments.first().and_then(Node::constant) {
        Some(Value::Text(name)) if name.trim_ascii().eq_ignore_ascii_case(b"epoch") => {
            DataType::Double
        }
        _ => DataType::Bigint,
    }
}

fn part_of(cell: Cell) -> Result<Part, Failure> {
    Part::parse(str_of(cell)).ok_or_else(|| "unknown part of a date".into())
}

fn micros_of(cell: Cell) -> i64 {
    match cell {
        Cell::Timestamp(micros) => micros,
        Cell::Date(days) => i64::from(days).saturating_mul(MICROS_PER_DAY),
        other => unreachable!("{other:?} where a date or timestamp was bound"),
    }
}
