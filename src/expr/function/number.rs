//! Numbers: rounding, powers and the like. Decimals stay decimals.

use super::{
    Body, Function, FunctionDoc, Kernel, Parameter, ResultType, Special, bigint_answer, bigint_of,
    double_answer, double_of,
};
use crate::expr::evaluate::cell::{Answer, Cell, Failure};
use crate::expr::node::{Node, Value};
use crate::expr::numbers;
use crate::record::DataType;

const STRICT: &str = "NULL where an argument is NULL";

/// Rounds a double to an integral double.
type ToIntegral = fn(f64) -> f64;

/// Rounds decimal units to whole multiples of a power of ten.
type ToWhole = fn(i128, i128) -> i128;

/// The functions.
pub const FUNCTIONS: &[Function] = &[
    number(
        "abs",
        "abs(number) -> the same type",
        "the number without its sign",
        ("abs(-1.5)", "1.5"),
        same_type,
        |cells, _| match cells[0] {
            Cell::Bigint(value) => bigint_answer(value.checked_abs().ok_or("bigint overflow")?),
            Cell::Decimal(units, scale) => Ok(Answer::Cell(Cell::Decimal(units.abs(), scale))),
            cell => double_answer(double_of(cell).abs()),
        },
    ),
    Function {
        required: 1,
        ..two(
            FunctionDoc {
                name: "round",
                family: "number",
                signature: "round(number[, digits bigint]) -> the same type",
                doc: "rounds to so many digits after the point (default 0), halves away from zero",
                nulls: STRICT,
                example: "round(2.345, 2)",
                result: "2.35",
            },
            &[],
            &[Parameter::Number, Parameter::Bigint],
            rounded_type,
            |cells, _| round(cells[0], cells.get(1).map_or(0, |digits| bigint_of(*digits))),
        )
    },
    number(
        "floor",
        "floor(number) -> the same type",
        "the greatest whole number that is not greater",
        ("floor(-1.5)", "-2"),
        whole_type,
        |cells, _| whole(cells[0], f64::floor, |units, one| units.div_euclid(one)),
    ),
    Function {
        aliases: &["ceiling"],
        ..number(
            "ceil",
            "ceil(number) -> the same type",
            "the least whole number that is not less",
            ("ceil(1.2)", "2"),
            whole_type,
            |cells, _| whole(cells[0], f64::ceil, |units, one| -(-units).div_euclid(one)),
        )
    },
    number(
        "trunc",
        "trunc(number) -> the same type",
        "the number without what is behind its point",
        ("trunc(-1.9)", "-1"),
        whole_type,
        |cells, _| whole(cells[0], f64::trunc, |units, one| units / one),
    ),
    number(
        "sign",
        "sign(number) -> bigint",
        "-1, 0 or 1",
        ("sign(-3)", "-1"),
        |_| DataType::Bigint,
        |cells, _| match cells[0] {
            Cell::Bigint(value) => bigint_answer(value.signum()),
            Cell::Decimal(units, _) => bigint_answer(units.signum()),
            cell => {
                let value = double_of(cell);
                bigint_answer(i64::from(value > 0.0) - i64::from(value < 0.0))
            }
        },
    ),
    Function {
        doc: FunctionDoc {
            name: "mod",
            family: "number",
            signature: "mod(number, divisor) -> number",
            doc: "the remainder of a division, with the sign of the number; the same as `%`",
            nulls: STRICT,
            example: "mod(-7, 3)",
            result: "-1",
        },
        aliases: &[],
        parameters: &[Parameter::Number, Parameter::Number],
        required: 2,
        repeats: false,
        body: Body::Special(Special::Remainder),
    },
    two(
        FunctionDoc {
            name: "power",
            family: "number",
            signature: "power(base double, exponent double) -> double",
            doc: "the base to the exponent's power",
            nulls: STRICT,
            example: "power(2, 10)",
            result: "1024.0",
        },
        &["pow"],
        &[Parameter::Double, Parameter::Double],
        |_| DataType::Double,
        |cells, _| double_answer(double_of(cells[0]).powf(double_of(cells[1]))),
    ),
    two(
        FunctionDoc {
            name: "sqrt",
            family: "number",
            signature: "sqrt(number double) -> double",
            doc: "the square root; of a negative number: a fault",
            nulls: STRICT,
            example: "sqrt(9)",
            result: "3.0",
        },
        &[],
        &[Parameter::Double],
        |_| DataType::Double,
        |cells, _| match double_of(cells[0]) {
            value if value < 0.0 => Err("square root of a negative number".into()),
            value => double_answer(value.sqrt()),
        },
    ),
];

const fn number(
    name: &'static str,
    signature: &'static str,
    doc: &'static str,
    (example, result): (&'static str, &'static str),
    result_type: ResultType,
    kernel: Kernel,
) -> Function {
    let doc =
        FunctionDoc { name, family: "number", signature, doc, nulls: STRICT, example, result };
    two(doc, &[], &[Parameter::Number], result_type, kernel)
}

const fn two(
    doc: FunctionDoc,
    aliases: &'static [&'static str],
    parameters: &'static [Parameter],
    result_type: ResultType,
    kernel: Kernel,
) -> Function {
    Function {
        doc,
        aliases,
        parameters,
        required: parameters.len(),
        repeats: false,
        body: Body::Strict(result_type, kernel),
    }
}

fn same_type(arguments: &[Node]) -> DataType {
    arguments.first().map_or(DataType::Double, Node::data_type)
}

fn whole_type(arguments: &[Node]) -> DataType {
    match same_type(arguments) {
        DataType::Decimal { precision, scale } => widened(precision, scale, 0),
        other => other,
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
    widened(precision, scale, kept)
}

/// The type of fewer digits behind the point; rounding up may need one more before it.
fn widened(precision: u8, scale: u8, kept: u8) -> DataType {
    let precision = (precision - scale + kept + 1).min(DataType::PRECISION_MAX);
    DataType::Decimal { precision, scale: kept }
}

fn whole<'a>(cell: Cell, double: ToIntegral, units: ToWhole) -> Result<Answer<'a>, Failure> {
    match cell {
        Cell::Bigint(value) => bigint_answer(value),
        Cell::Decimal(value, scale) => {
            let whole = units(value, numbers::power_of_ten(scale));
            Ok(Answer::Cell(Cell::Decimal(whole, 0)))
        }
        cell => double_answer(double(double_of(cell))),
    }
}

fn round<'a>(cell: Cell, digits: i64) -> Result<Answer<'a>, Failure> {
    match cell {
        Cell::Bigint(value) if digits >= 0 => bigint_answer(value),
        Cell::Bigint(value) => bigint_answer(round_units(i128::from(value), digits)),
        Cell::Decimal(units, scale) => {
            let surplus = digits.saturating_sub(i64::from(scale)).min(0);
            Ok(Answer::Cell(Cell::Decimal(round_units(units, surplus), scale)))
        }
        cell => double_answer(round_double(double_of(cell), digits)),
    }
}

/// Rounds to a multiple of `10^-digits`; digits are not positive.
fn round_units(units: i128, digits: i64) -> i128 {
    match u8::try_from(digits.unsigned_abs()) {
        Ok(zeros) if zeros <= DataType::PRECISION_MAX => {
            let power = numbers::power_of_ten(zeros);
            numbers::divide_rounding(units, power) * power
        }
        _ => 0,
    }
}

fn round_double(value: f64, digits: i64) -> f64 {
    let digits = i32::try_from(digits.clamp(-400, 400)).expect("400 is small");
    if digits == 0 {
        return value.round();
    }
    let power = 10_f64.powi(digits.abs());
    let rounded =
        if digits > 0 { (value * power).round() / power } else { (value / power).round() * power };
    match (rounded.is_finite(), digits > 0) {
        (true, _) => rounded,
        (false, true) => value,
        (false, false) => 0.0,
    }
}
