//! Rounding, in every direction. Bigints and decimals are rounded exactly; whole numbers stay of their type.

use super::number::same_type;
use super::{
    Body, Function, FunctionDoc, Kernel, Parameter, ResultType, bigint_answer, bigint_of,
    double_answer, double_of,
};
use crate::expr::evaluate::cell::{Answer, Cell, Failure};
use crate::expr::node::{Node, Value};
use crate::expr::numbers;
use crate::record::{DataType, text};

/// One way to round.
#[derive(Clone, Copy)]
struct Mode {
    /// A double to an integral one.
    double: fn(f64) -> f64,
    /// Units divided by a power of ten, as a whole number.
    units: fn(i128, i128) -> i128,
}

const HALF_AWAY: Mode = Mode { double: f64::round, units: numbers::divide_rounding };
const HALF_EVEN: Mode = Mode { double: f64::round_ties_even, units: divide_to_even };
const FLOOR: Mode = Mode { double: f64::floor, units: i128::div_euclid };
const CEILING: Mode = Mode { double: f64::ceil, units: |units, one| -(-units).div_euclid(one) };
const TRUNCATE: Mode = Mode { double: f64::trunc, units: |units, one| units / one };

const DIGITS: &[Parameter] = &[Parameter::Number, Parameter::Bigint];
const NUMBER: &[Parameter] = &[Parameter::Number];

/// The functions.
pub const FUNCTIONS: &[Function] = &[
    Function {
        required: 1,
        ..function(
            [
                "round",
                "round(number[, digits bigint]) -> the same type",
                "rounds to so many digits after the point (default 0), halves away from zero",
                "round(2.345, 2)",
                "2.35",
            ],
            DIGITS,
            rounded_type,
            |cells, _| round(cells, HALF_AWAY),
        )
    },
    Function {
        aliases: &["roundbankers"],
        ..function(
            [
                "round_even",
                "round_even(number, digits bigint) -> the same type",
                "rounds to so many digits after the point, halves to the even neighbour",
                "round_even(2.345, 2)",
                "2.34",
            ],
            DIGITS,
            rounded_type,
            |cells, _| round(cells, HALF_EVEN),
        )
    },
    function(
        [
            "floor",
            "floor(number) -> the same type",
            "the greatest whole number that is not greater",
            "floor(-1.5)",
            "-2",
        ],
        NUMBER,
        rounded_type,
        |cells, _| round(cells, FLOOR),
    ),
    Function {
        aliases: &["ceiling"],
        ..function(
            [
                "ceil",
                "ceil(number) -> the same type",
                "the least whole number that is not less",
                "ceil(1.2)",
                "2",
            ],
            NUMBER,
            rounded_type,
            |cells, _| round(cells, CEILING),
        )
    },
    Function {
        required: 1,
        ..function(
            [
                "trunc",
                "trunc(number[, digits bigint]) -> the same type",
                "the number without what is behind so many digits after the point (default 0)",
                "trunc(-1.99, 1)",
                "-1.9",
            ],
            DIGITS,
            rounded_type,
            |cells, _| round(cells, TRUNCATE),
        )
    },
];

const fn function(
    [name, signature, doc, example, result]: [&'static str; 5],
    parameters: &'static [Parameter],
    result_type: ResultType,
    kernel: Kernel,
) -> Function {
    let nulls = "NULL where an argument is NULL";
    Function {
        doc: FunctionDoc { name, family: "number", signature, doc, nulls, example, result },
        aliases: &[],
        parameters,
        required: parameters.len(),
        repeats: false,
        body: Body::Strict(result_type, kernel),
    }
}

/// A decimal rounded to a constant number of digits keeps just those; otherwise all of them.
fn rounded_type(arguments: &[Node]) -> DataType {
    let DataType::Decimal { precision, scale } = same_type(arguments) else {
        return same_type(arguments);
    };
    let digits = match arguments.get(1).map(Node::constant) {
        None => 0,
        Some(Some(Value::Bigint(digits))) => *digits,
        Some(_) => i64::from(scale),
    };
    let kept = u8::try_from(digits.clamp(0, i64::from(scale))).expect("a scale is at most 38");
    // Rounding up may need one more digit before the point.
    let precision = (precision - scale + kept + 1).min(DataType::PRECISION_MAX);
    DataType::Decimal { precision, scale: kept }
}

fn round<'a>(cells: &[Cell], mode: Mode) -> Result<Answer<'a>, Failure> {
    let digits = cells.get(1).map_or(0, |digits| bigint_of(*digits));
    match cells[0] {
        Cell::Bigint(value) if digits >= 0 => bigint_answer(value),
        Cell::Bigint(value) => bigint_answer(round_units(i128::from(value), digits, mode)),
        Cell::Decimal(units, scale) => {
            let surplus = digits.saturating_sub(i64::from(scale)).min(0);
            Ok(Answer::Cell(Cell::Decimal(round_units(units, surplus, mode), scale)))
        }
        cell => double_answer(round_double(double_of(cell), digits, mode)),
    }
}

/// Rounds to a multiple of `10^-digits`; digits are not positive.
fn round_units(units: i128, digits: i64, mode: Mode) -> i128 {
    match u8::try_from(digits.unsigned_abs()) {
        Ok(zeros) if zeros <= DataType::PRECISION_MAX => {
            let power = numbers::power_of_ten(zeros);
            (mode.units)(units, power) * power
        }
        _ => 0,
    }
}

fn round_double(value: f64, digits: i64, mode: Mode) -> f64 {
    if digits == 0 || !value.is_finite() {
        return (mode.double)(value);
    }
    let power = power_of_ten(digits.unsigned_abs());
    let rounded = match digits > 0 {
        true => (mode.double)(value * power) / power,
        false => (mode.double)(value / power) * power,
    };
    match (rounded.is_finite(), digits > 0) {
        (true, _) => rounded,
        (false, true) => value,
        (false, false) => 0.0,
    }
}

/// The double nearest to `10^exponent`; an infinity beyond the doubles.
fn power_of_ten(exponent: u64) -> f64 {
    const EXACT: [f64; 9] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8];
    let index = usize::try_from(exponent).unwrap_or(usize::MAX);
    match EXACT.get(index) {
        Some(power) => *power,
        None if exponent > 308 => f64::INFINITY,
        None => text::parse_double(format!("1e{exponent}").as_bytes()).expect("this is a number"),
    }
}

/// A quotient rounded half to even; the divisor is positive.
fn divide_to_even(value: i128, divisor: i128) -> i128 {
    let (quotient, remainder) = (value / divisor, value % divisor);
    // At most 10^38 / 2, so nothing overflows.
    let half = divisor / 2;
    let is_tie = divisor % 2 == 0 && remainder.abs() == half;
    match is_tie {
        true => quotient + remainder.signum() * (quotient % 2).abs(),
        false => numbers::divide_rounding(value, divisor),
    }
}
