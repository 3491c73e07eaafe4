//! What lies between two moments, intervals made of numbers, and stretches of time of one length.

use super::declare::declare;
use super::moment::{FAMILY, OUT_OF_RANGE, part_of};
use super::prepared::routine;
use super::temporal::moment_of;
use super::{Body, Function, Kernel, Parameter, ResultType, bigint_answer, bigint_of, double_of};
use crate::expr::evaluate::cell::{Answer, Cell, Failure};
use crate::expr::node::Node;
use crate::expr::numbers;
use crate::record::text::MICROS_PER_DAY;
use crate::record::{DataType, Interval, IntervalUnit, calendar};

const INTERVAL_OVERFLOW: &str = "interval overflow";
const BIGINT: ResultType = |_| DataType::Bigint;
const INTERVAL: ResultType = |_| DataType::Interval;
const BETWEEN: &[Parameter] = &[Parameter::Part, Parameter::MomentOrTime, Parameter::MomentOrTime];

/// 2000-01-03, a Monday: where buckets of days, hours and so on start.
const MONDAY: i64 = 10_959 * MICROS_PER_DAY;

/// 2000-01-01: where buckets of months start.
const NEW_YEAR: i64 = 10_957 * MICROS_PER_DAY;

/// The functions.
pub const FUNCTIONS: &[Function] = &[
    Function {
        aliases: &["datediff"],
        ..declare(
            FAMILY,
            [
                "date_diff",
                "date_diff(part text, from moment or time, to moment or time) -> bigint",
                "how many starts of years, months, days ... lie between two moments; of weeks, how many whole ones",
                "date_diff('month', DATE '2024-01-31', DATE '2024-02-01')",
                "1",
            ],
            BETWEEN,
            Body::Prepared(BIGINT, &[0], |constants| {
                let part = part_of(constants)?;
                Ok(routine(move |cells, _| {
                    bigint_answer(part.boundaries(micros_of(cells[1]), micros_of(cells[2])))
                }))
            }),
        )
    },
    Function {
        aliases: &["datesub"],
        ..declare(
            FAMILY,
            [
                "date_sub",
                "date_sub(part text, from moment or time, to moment or time) -> bigint",
                "how many whole years, months, days ... lie between two moments",
                "date_sub('month', DATE '2024-01-31', DATE '2024-02-01')",
                "0",
            ],
            BETWEEN,
            Body::Prepared(BIGINT, &[0], |constants| {
                let part = part_of(constants)?;
                Ok(routine(move |cells, _| {
                    bigint_answer(part.complete(micros_of(cells[1]), micros_of(cells[2])))
                }))
            }),
        )
    },
    declare(
        FAMILY,
        [
            "date_add",
            "date_add(moment, interval) -> timestamp (or timestamptz)",
            "the same as moment + interval",
            "date_add(DATE '2024-01-31', INTERVAL 1 MONTH)",
            "2024-02-29 00:00:00",
        ],
        &[Parameter::Moment, Parameter::Interval],
        Body::Strict(moment_type, |cells, _| {
            let Cell::Interval(interval) = cells[1] else {
                unreachable!("{:?} where an interval was bound", cells[1]);
            };
            let sum = calendar::add_interval(moment_of(cells[0]), interval).ok_or(OUT_OF_RANGE)?;
            Ok(Answer::Cell(like(cells[0], sum)))
        }),
    ),
    declare(
        FAMILY,
        [
            "age",
            "age(to moment, from moment) -> interval",
            "the years, months and days between, as a calendar counts them",
            "age(DATE '2001-04-10', DATE '1992-09-20')",
            "8 years 6 months 20 days",
        ],
        &[Parameter::Moment, Parameter::Moment],
        Body::Strict(INTERVAL, |cells, _| {
            interval(calendar::age(moment_of(cells[1]), moment_of(cells[0])))
        }),
    ),
    Function {
        required: 2,
        ..declare(
            FAMILY,
            [
                "time_bucket",
                "time_bucket(length interval, moment[, origin moment]) -> date (or timestamp, timestamptz)",
                "the start of the stretch of that length that a moment lies in; one starts at the origin, 2000-01-03 or, of months, 2000-01-01",
                "time_bucket(INTERVAL '15 minutes', TIMESTAMP '2024-05-17 10:11:12')",
                "2024-05-17 10:00:00",
            ],
            &[Parameter::Interval, Parameter::Moment, Parameter::Moment],
            Body::Strict(bucket_type, bucket),
        )
    },
    months(
        ["to_millennia", "to_millennia(count bigint) -> interval", "to_millennia(2)", "2000 years"],
        |cells, _| units(IntervalUnit::Months(12_000), cells[0]),
    ),
    months(
        ["to_centuries", "to_centuries(count bigint) -> interval", "to_centuries(2)", "200 years"],
        |cells, _| units(IntervalUnit::Months(1_200), cells[0]),
    ),
    months(
        ["to_decades", "to_decades(count bigint) -> interval", "to_decades(2)", "20 years"],
        |cells, _| units(IntervalUnit::Months(120), cells[0]),
    ),
    months(
        ["to_years", "to_years(count bigint) -> interval", "to_years(2)", "2 years"],
        |cells, _| units(IntervalUnit::Months(12), cells[0]),
    ),
    months(
        ["to_quarters", "to_quarters(count bigint) -> interval", "to_quarters(2)", "6 months"],
        |cells, _| units(IntervalUnit::Months(3), cells[0]),
    ),
    months(
        ["to_months", "to_months(count bigint) -> interval", "to_months(14)", "1 year 2 months"],
        |cells, _| units(IntervalUnit::Months(1), cells[0]),
    ),
    months(
        ["to_weeks", "to_weeks(count bigint) -> interval", "to_weeks(2)", "14 days"],
        |cells, _| units(IntervalUnit::Days(7), cells[0]),
    ),
    months(["to_days", "to_days(count bigint) -> interval", "to_days(2)", "2 days"], |cells, _| {
        units(IntervalUnit::Days(1), cells[0])
    }),
    months(
        ["to_hours", "to_hours(count bigint) -> interval", "to_hours(26)", "26:00:00"],
        |cells, _| units(IntervalUnit::Hour, cells[0]),
    ),
    months(
        ["to_minutes", "to_minutes(count bigint) -> interval", "to_minutes(90)", "01:30:00"],
        |cells, _| units(IntervalUnit::Minute, cells[0]),
    ),
    seconds(
        ["to_seconds", "to_seconds(count double) -> interval", "to_seconds(1.5)", "00:00:01.5"],
        |cells, _| micros(double_of(cells[0]) * 1e6),
    ),
    seconds(
        [
            "to_milliseconds",
            "to_milliseconds(count double) -> interval",
            "to_milliseconds(1.5)",
            "00:00:00.0015",
        ],
        |cells, _| micros(double_of(cells[0]) * 1e3),
    ),
    seconds(
        [
            "to_microseconds",
            "to_microseconds(count double) -> interval",
            "to_microseconds(15)",
            "00:00:00.000015",
        ],
        |cells, _| micros(double_of(cells[0]).trunc()),
    ),
];

/// A function that makes an interval of whole numbers, from name, signature, example and result.
const fn months([name, signature, example, result]: [&'static str; 4], kernel: Kernel) -> Function {
    let doc = [name, signature, "an interval of so many", example, result];
    declare(FAMILY, doc, &[Parameter::Bigint], Body::Strict(INTERVAL, kernel))
}

/// A function that makes an interval of any numbers.
const fn seconds(
    [name, signature, example, result]: [&'static str; 4],
    kernel: Kernel,
) -> Function {
    let doc = [name, signature, "an interval of so many", example, result];
    declare(FAMILY, doc, &[Parameter::Double], Body::Strict(INTERVAL, kernel))
}

fn interval<'a>(interval: Option<Interval>) -> Result<Answer<'a>, Failure> {
    Ok(Answer::Cell(Cell::Interval(interval.ok_or(INTERVAL_OVERFLOW)?)))
}

fn units<'a>(unit: IntervalUnit, count: Cell) -> Result<Answer<'a>, Failure> {
    interval(unit.times(bigint_of(count), 0))
}

fn micros<'a>(micros: f64) -> Result<Answer<'a>, Failure> {
    interval(numbers::bigint_from_double(micros).map(Interval::of_micros))
}

/// A moment, or a time as microseconds since midnight.
fn micros_of(cell: Cell) -> i64 {
    match cell {
        Cell::Time(micros) => micros,
        moment => moment_of(moment),
    }
}

/// A moment with or without zone as another one is.
fn like<'a>(pattern: Cell, micros: i64) -> Cell<'a> {
    match pattern {
        Cell::Timestamptz(_) => Cell::Timestamptz(micros),
        _ => Cell::Timestamp(micros),
    }
}

fn moment_type(arguments: &[Node]) -> DataType {
    match arguments.first().map(Node::data_type) {
        Some(DataType::Timestamptz) => DataType::Timestamptz,
        _ => DataType::Timestamp,
    }
}

fn bucket_type(arguments: &[Node]) -> DataType {
    arguments.get(1).map_or(DataType::Timestamp, Node::data_type)
}

fn bucket<'a>(cells: &[Cell<'a>], _: &mut Vec<u8>) -> Result<Answer<'a>, Failure> {
    let Cell::Interval(length) = cells[0] else {
        unreachable!("{:?} where an interval was bound", cells[0]);
    };
    if length.months != 0 && (length.days != 0 || length.micros != 0) {
        return Err("a length of months has no days or hours".into());
    }
    if length.length() <= 0 {
        return Err("the length is not positive".into());
    }
    let usual = if length.months == 0 { MONDAY } else { NEW_YEAR };
    let origin = cells.get(2).map_or(usual, |origin| moment_of(*origin));
    let start = calendar::bucket(length, moment_of(cells[1]), origin).ok_or(OUT_OF_RANGE)?;
    Ok(Answer::Cell(match cells[1] {
        Cell::Date(_) => {
            let days = i32::try_from(start.div_euclid(MICROS_PER_DAY));
            Cell::Date(days.map_err(|_| OUT_OF_RANGE)?)
        }
        moment => like(moment, start),
    }))
}
