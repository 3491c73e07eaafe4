//! A function for each part of dates, times and intervals.

use super::declare::declare;
use super::moment::{FAMILY, STRICT, answer};
use super::{Body, Function, FunctionDoc, Kernel, Parameter, Part, ResultType};
use crate::record::DataType;

const BIGINT: ResultType = |_| DataType::Bigint;
const DOUBLE: ResultType = |_| DataType::Double;

/// The functions.
pub const FUNCTIONS: &[Function] = &[
    part(["era", "era(moment) -> bigint", "era(DATE '2024-05-17')", "1"], |cells, _| {
        answer(Part::Era, cells[0])
    }),
    part(
        ["millennium", "millennium(moment) -> bigint", "millennium(DATE '2001-01-01')", "3"],
        |cells, _| answer(Part::Millennium, cells[0]),
    ),
    part(
        ["century", "century(moment) -> bigint", "century(DATE '2000-12-31')", "20"],
        |cells, _| answer(Part::Century, cells[0]),
    ),
    part(["decade", "decade(moment) -> bigint", "decade(DATE '1999-01-01')", "199"], |cells, _| {
        answer(Part::Decade, cells[0])
    }),
    part(["year", "year(moment) -> bigint", "year(DATE '2024-05-17')", "2024"], |cells, _| {
        answer(Part::Year, cells[0])
    }),
    part(
        ["quarter", "quarter(moment) -> bigint", "quarter(DATE '2024-05-17')", "2"],
        |cells, _| answer(Part::Quarter, cells[0]),
    ),
    part(["month", "month(moment) -> bigint", "month(DATE '2024-05-17')", "5"], |cells, _| {
        answer(Part::Month, cells[0])
    }),
    Function {
        aliases: &["weekofyear"],
        ..part(["week", "week(moment) -> bigint", "week(DATE '2024-05-17')", "20"], |cells, _| {
            answer(Part::Week, cells[0])
        })
    },
    part(
        ["yearweek", "yearweek(moment) -> bigint", "yearweek(DATE '2021-01-01')", "202053"],
        |cells, _| answer(Part::YearWeek, cells[0]),
    ),
    part(
        ["isoyear", "isoyear(moment) -> bigint", "isoyear(DATE '2021-01-01')", "2020"],
        |cells, _| answer(Part::IsoYear, cells[0]),
    ),
    Function {
        aliases: &["dayofmonth"],
        ..part(["day", "day(moment) -> bigint", "day(DATE '2024-05-17')", "17"], |cells, _| {
            answer(Part::Day, cells[0])
        })
    },
    Function {
        aliases: &["weekday"],
        ..part(
            ["dayofweek", "dayofweek(moment) -> bigint", "dayofweek(DATE '2024-05-19')", "0"],
            |cells, _| answer(Part::DayOfWeek, cells[0]),
        )
    },
    part(["isodow", "isodow(moment) -> bigint", "isodow(DATE '2024-05-19')", "7"], |cells, _| {
        answer(Part::IsoDayOfWeek, cells[0])
    }),
    part(
        ["dayofyear", "dayofyear(moment) -> bigint", "dayofyear(DATE '2024-12-31')", "366"],
        |cells, _| answer(Part::DayOfYear, cells[0]),
    ),
    part(["hour", "hour(moment or time) -> bigint", "hour(TIME '10:11:12')", "10"], |cells, _| {
        answer(Part::Hour, cells[0])
    }),
    part(
        ["minute", "minute(moment or time) -> bigint", "minute(TIME '10:11:12')", "11"],
        |cells, _| answer(Part::Minute, cells[0]),
    ),
    part(
        ["second", "second(moment or time) -> bigint", "second(TIME '10:11:12.5')", "12"],
        |cells, _| answer(Part::Second, cells[0]),
    ),
    part(
        [
            "millisecond",
            "millisecond(moment or time) -> bigint",
            "millisecond(TIME '10:11:12.5')",
            "12500",
        ],
        |cells, _| answer(Part::Millisecond, cells[0]),
    ),
    part(
        [
            "microsecond",
            "microsecond(moment or time) -> bigint",
            "microsecond(TIME '10:11:12.5')",
            "12500000",
        ],
        |cells, _| answer(Part::Microsecond, cells[0]),
    ),
    declare(
        FAMILY,
        [
            "julian",
            "julian(moment) -> double",
            "days of the Julian calendar since noon of its first one, counted from midnight",
            "julian(TIMESTAMP '2024-05-19 18:00:00')",
            "2460450.75",
        ],
        &[Parameter::Moment],
        Body::Strict(DOUBLE, |cells, _| answer(Part::Julian, cells[0])),
    ),
];

/// A part, from name, signature, example and result; an interval may have it, too.
const fn part([name, signature, example, result]: [&'static str; 4], kernel: Kernel) -> Function {
    Function {
        doc: FunctionDoc {
            name,
            family: FAMILY,
            signature,
            doc: "that part, the same as EXTRACT",
            nulls: STRICT,
            example,
            result,
        },
        aliases: &[],
        parameters: &[Parameter::HasPart],
        required: 1,
        repeats: false,
        body: Body::Strict(BIGINT, kernel),
    }
}
