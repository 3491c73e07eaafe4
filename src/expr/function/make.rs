//! Dates, times and moments from numbers, and the numbers that they are.

use super::declare::declare;
use super::moment::{FAMILY, OUT_OF_RANGE, answer};
use super::{
    Body, Function, Kernel, Parameter, Part, ResultType, bigint_answer, bigint_of, double_of,
};
use crate::expr::evaluate::cell::{Answer, Cell, Failure};
use crate::expr::numbers;
use crate::record::text::{self, MICROS_PER_DAY};
use crate::record::{DataType, calendar};

const BIGINT: ResultType = |_| DataType::Bigint;
const DOUBLE: ResultType = |_| DataType::Double;
const TIMESTAMP: ResultType = |_| DataType::Timestamp;
const TIMESTAMPTZ: ResultType = |_| DataType::Timestamptz;

/// Year, month, day, hour, minute, second.
const CIVIL: &[Parameter] = &[
    Parameter::Bigint,
    Parameter::Bigint,
    Parameter::Bigint,
    Parameter::Bigint,
    Parameter::Bigint,
    Parameter::Double,
];

/// The functions.
pub const FUNCTIONS: &[Function] = &[
    declare(
        FAMILY,
        [
            "make_date",
            "make_date(year bigint, month bigint, day bigint) -> date",
            "the day of these numbers",
            "make_date(2024, 5, 17)",
            "2024-05-17",
        ],
        &[Parameter::Bigint, Parameter::Bigint, Parameter::Bigint],
        Body::Strict(
            |_| DataType::Date,
            |cells, _| {
                let days = days_from(cells).ok_or("no day of the calendar")?;
                Ok(Answer::Cell(Cell::Date(days)))
            },
        ),
    ),
    declare(
        FAMILY,
        [
            "make_time",
            "make_time(hour bigint, minute bigint, second double) -> time",
            "the time of day of these numbers",
            "make_time(10, 11, 12.5)",
            "10:11:12.5",
        ],
        &[Parameter::Bigint, Parameter::Bigint, Parameter::Double],
        Body::Strict(
            |_| DataType::Time,
            |cells, _| {
                let time = time_from(cells).ok_or("no time of day")?;
                Ok(Answer::Cell(Cell::Time(time)))
            },
        ),
    ),
    declare(
        FAMILY,
        [
            "make_timestamp",
            "make_timestamp(year bigint, month bigint, day bigint, hour bigint, minute bigint, second double) -> timestamp",
            "the moment of these numbers",
            "make_timestamp(2024, 5, 17, 10, 11, 12.5)",
            "2024-05-17 10:11:12.5",
        ],
        CIVIL,
        Body::Strict(TIMESTAMP, |cells, _| Ok(Answer::Cell(Cell::Timestamp(moment_from(cells)?)))),
    ),
    declare(
        FAMILY,
        [
            "make_timestamptz",
            "make_timestamptz(year bigint, month bigint, day bigint, hour bigint, minute bigint, second double) -> timestamptz",
            "the moment of these numbers in UTC; AT TIME ZONE is for other zones",
            "make_timestamptz(2024, 5, 17, 10, 11, 12.5)",
            "2024-05-17 10:11:12.5+00",
        ],
        CIVIL,
        Body::Strict(TIMESTAMPTZ, |cells, _| {
            Ok(Answer::Cell(Cell::Timestamptz(moment_from(cells)?)))
        }),
    ),
    from_number(
        [
            "make_timestamp_ms",
            "make_timestamp_ms(milliseconds bigint) -> timestamp",
            "the moment so many milliseconds after 1970-01-01 00:00:00",
            "make_timestamp_ms(1715940672500)",
            "2024-05-17 10:11:12.5",
        ],
        |cells, _| since_epoch(bigint_of(cells[0]), 1_000).map(Cell::Timestamp).map(Answer::Cell),
    ),
    from_number(
        [
            "make_timestamp_us",
            "make_timestamp_us(microseconds bigint) -> timestamp",
            "the moment so many microseconds after 1970-01-01 00:00:00",
            "make_timestamp_us(1715940672500000)",
            "2024-05-17 10:11:12.5",
        ],
        |cells, _| since_epoch(bigint_of(cells[0]), 1).map(Cell::Timestamp).map(Answer::Cell),
    ),
    declare(
        FAMILY,
        [
            "to_timestamp",
            "to_timestamp(seconds double) -> timestamptz",
            "the moment so many seconds after 1970-01-01 00:00:00 UTC",
            "to_timestamp(1715940672.5)",
            "2024-05-17 10:11:12.5+00",
        ],
        &[Parameter::Double],
        Body::Strict(TIMESTAMPTZ, |cells, _| {
            let micros = numbers::bigint_from_double(double_of(cells[0]) * 1e6);
            let micros = micros.and_then(calendar::within).ok_or(OUT_OF_RANGE)?;
            Ok(Answer::Cell(Cell::Timestamptz(micros)))
        }),
    ),
    declare(
        FAMILY,
        [
            "epoch",
            "epoch(moment, time or interval) -> double",
            "seconds since 1970-01-01 00:00:00, since midnight, or of an interval",
            "epoch(TIMESTAMP '2024-05-17 10:11:12.5')",
            "1715940672.5",
        ],
        &[Parameter::Temporal],
        Body::Strict(DOUBLE, |cells, _| answer(Part::Epoch, cells[0])),
    ),
    declare(
        FAMILY,
        [
            "epoch_ms",
            "epoch_ms(moment, time or interval) -> bigint; epoch_ms(milliseconds bigint) -> timestamp",
            "milliseconds since 1970-01-01 00:00:00; of a number, the moment",
            "epoch_ms(TIMESTAMP '2024-05-17 10:11:12.5')",
            "1715940672500",
        ],
        &[Parameter::TemporalOrBigint],
        Body::Strict(
            |arguments| match arguments[0].data_type() {
                DataType::Bigint => DataType::Timestamp,
                _ => DataType::Bigint,
            },
            |cells, _| match cells[0] {
                Cell::Bigint(millis) => {
                    since_epoch(millis, 1_000).map(Cell::Timestamp).map(Answer::Cell)
                }
                moment => answer(Part::EpochMillis, moment),
            },
        ),
    ),
    declare(
        FAMILY,
        [
            "epoch_us",
            "epoch_us(moment, time or interval) -> bigint",
            "microseconds since 1970-01-01 00:00:00, since midnight, or of an interval",
            "epoch_us(TIMESTAMP '2024-05-17 10:11:12.5')",
            "1715940672500000",
        ],
        &[Parameter::Temporal],
        Body::Strict(BIGINT, |cells, _| answer(Part::EpochMicros, cells[0])),
    ),
    declare(
        FAMILY,
        [
            "epoch_ns",
            "epoch_ns(moment, time or interval) -> bigint",
            "nanoseconds since 1970-01-01 00:00:00, since midnight, or of an interval",
            "epoch_ns(TIMESTAMP '2024-05-17 10:11:12.5')",
            "1715940672500000000",
        ],
        &[Parameter::Temporal],
        Body::Strict(BIGINT, |cells, _| {
            bigint_answer(Part::EpochMicros.of(cells[0]).saturating_mul(1_000))
        }),
    ),
];

const fn from_number(doc: [&'static str; 5], kernel: Kernel) -> Function {
    declare(FAMILY, doc, &[Parameter::Bigint], Body::Strict(TIMESTAMP, kernel))
}

fn days_from(cells: &[Cell]) -> Option<i32> {
    let small = |cell: Cell| u32::try_from(bigint_of(cell)).ok();
    text::days_from_civil(bigint_of(cells[0]), small(cells[1])?, small(cells[2])?)
}

/// Hour, minute and second as a time of day.
fn time_from(cells: &[Cell]) -> Option<i64> {
    let (hour, minute) = (bigint_of(cells[0]), bigint_of(cells[1]));
    let seconds = double_of(cells[2]);
    let is_sound =
        (0..=24).contains(&hour) && (0..60).contains(&minute) && (0.0..=60.0).contains(&seconds);
    let micros = numbers::bigint_from_double(seconds * 1e6).filter(|_| is_sound)?;
    let time = (hour * 60 + minute) * 60_000_000 + micros;
    (time <= MICROS_PER_DAY).then_some(time)
}

fn moment_from(cells: &[Cell]) -> Result<i64, Failure> {
    let days = days_from(cells).ok_or("no day of the calendar")?;
    let time = time_from(&cells[3..]).ok_or("no time of day")?;
    let moment = i64::from(days) * MICROS_PER_DAY + time;
    Ok(calendar::within(moment).ok_or(OUT_OF_RANGE)?)
}

fn since_epoch(count: i64, micros: i64) -> Result<i64, Failure> {
    let moment = count.checked_mul(micros).and_then(calendar::within);
    Ok(moment.ok_or(OUT_OF_RANGE)?)
}
