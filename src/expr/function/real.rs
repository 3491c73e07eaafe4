//! Functions of doubles: powers, logarithms, angles.
//!
//! Results are the same on every machine: `libm` computes them in plain Rust, never the platform's library. An argument
//! for which a function is not defined is a fault; a result beyond the doubles is an infinity, as with `*`.

use super::{
    Body, Function, FunctionDoc, Kernel, Parameter, ResultType, boolean_answer, double_answer,
    double_of,
};
use crate::expr::evaluate::cell::{Answer, Cell, Failure};
use crate::record::DataType;

const DOUBLE: ResultType = |_| DataType::Double;
const BOOLEAN: ResultType = |_| DataType::Boolean;
const NONE: &[Parameter] = &[];
const ONE: &[Parameter] = &[Parameter::Double];
const TWO: &[Parameter] = &[Parameter::Double, Parameter::Double];

/// The functions.
pub const FUNCTIONS: &[Function] = &[
    real(
        [
            "sqrt",
            "sqrt(number double) -> double",
            "the square root; of a negative number: a fault",
            "sqrt(9)",
            "3.0",
        ],
        |cells, _| map(cells[0], f64::sqrt),
    ),
    real(
        ["cbrt", "cbrt(number double) -> double", "the cube root", "cbrt(-27)", "-3.0"],
        |cells, _| map(cells[0], libm::cbrt),
    ),
    Function {
        aliases: &["pow"],
        ..two(
            [
                "power",
                "power(base double, exponent double) -> double",
                "the base to the exponent's power; also base ^ exponent",
                "power(2, 10)",
                "1024.0",
            ],
            |cells, _| power(double_of(cells[0]), double_of(cells[1])),
        )
    },
    real(["exp", "exp(number double) -> double", "e to a power", "exp(0)", "1.0"], |cells, _| {
        map(cells[0], libm::exp)
    }),
    real(
        ["ln", "ln(number double) -> double", "the natural logarithm", "ln(1)", "0.0"],
        |cells, _| logarithm(cells[0], libm::log),
    ),
    Function {
        aliases: &["log10"],
        required: 1,
        ..two(
            [
                "log",
                "log([base double, ]number double) -> double",
                "the logarithm to a base (default 10)",
                "log(2, 8)",
                "3.0",
            ],
            |cells, _| match cells {
                [base, number] => logarithm_to(double_of(*base), *number),
                _ => logarithm(cells[0], libm::log10),
            },
        )
    },
    real(
        ["log2", "log2(number double) -> double", "the logarithm to base 2", "log2(8)", "3.0"],
        |cells, _| logarithm(cells[0], libm::log2),
    ),
    real(
        ["sin", "sin(angle double) -> double", "the sine of an angle in radians", "sin(0)", "0.0"],
        |cells, _| map(cells[0], libm::sin),
    ),
    real(
        [
            "cos",
            "cos(angle double) -> double",
            "the cosine of an angle in radians",
            "cos(0)",
            "1.0",
        ],
        |cells, _| map(cells[0], libm::cos),
    ),
    real(
        [
            "tan",
            "tan(angle double) -> double",
            "the tangent of an angle in radians",
            "tan(0)",
            "0.0",
        ],
        |cells, _| map(cells[0], libm::tan),
    ),
    real(
        [
            "cot",
            "cot(angle double) -> double",
            "the cotangent of an angle in radians",
            "cot(pi() / 4) > 0.99",
            "true",
        ],
        |cells, _| match double_of(cells[0]) {
            0.0 => undefined(),
            angle => map(Cell::Double(angle), |angle| 1.0 / libm::tan(angle)),
        },
    ),
    real(
        ["asin", "asin(number double) -> double", "the angle whose sine it is", "asin(0)", "0.0"],
        |cells, _| map(cells[0], libm::asin),
    ),
    real(
        ["acos", "acos(number double) -> double", "the angle whose cosine it is", "acos(1)", "0.0"],
        |cells, _| map(cells[0], libm::acos),
    ),
    real(
        [
            "atan",
            "atan(number double) -> double",
            "the angle whose tangent it is",
            "atan(0)",
            "0.0",
        ],
        |cells, _| map(cells[0], libm::atan),
    ),
    two(
        [
            "atan2",
            "atan2(y double, x double) -> double",
            "the angle of the point (x, y), from -pi to pi",
            "atan2(0, 1)",
            "0.0",
        ],
        |cells, _| double_answer(libm::atan2(double_of(cells[0]), double_of(cells[1]))),
    ),
    real(
        ["sinh", "sinh(number double) -> double", "the hyperbolic sine", "sinh(0)", "0.0"],
        |cells, _| map(cells[0], libm::sinh),
    ),
    real(
        ["cosh", "cosh(number double) -> double", "the hyperbolic cosine", "cosh(0)", "1.0"],
        |cells, _| map(cells[0], libm::cosh),
    ),
    real(
        ["tanh", "tanh(number double) -> double", "the hyperbolic tangent", "tanh(0)", "0.0"],
        |cells, _| map(cells[0], libm::tanh),
    ),
    real(
        ["asinh", "asinh(number double) -> double", "the inverse of sinh", "asinh(0)", "0.0"],
        |cells, _| map(cells[0], libm::asinh),
    ),
    real(
        ["acosh", "acosh(number double) -> double", "the inverse of cosh", "acosh(1)", "0.0"],
        |cells, _| map(cells[0], libm::acosh),
    ),
    real(
        ["atanh", "atanh(number double) -> double", "the inverse of tanh", "atanh(0)", "0.0"],
        |cells, _| match double_of(cells[0]).abs() {
            1.0 => undefined(),
            _ => map(cells[0], libm::atanh),
        },
    ),
    real(
        [
            "degrees",
            "degrees(angle double) -> double",
            "an angle in radians as degrees",
            "degrees(pi())",
            "180.0",
        ],
        |cells, _| map(cells[0], |angle| angle * (180.0 / std::f64::consts::PI)),
    ),
    real(
        [
            "radians",
            "radians(angle double) -> double",
            "an angle in degrees as radians",
            "radians(180) = pi()",
            "true",
        ],
        |cells, _| map(cells[0], |angle| angle * (std::f64::consts::PI / 180.0)),
    ),
    Function {
        doc: FunctionDoc {
            name: "pi",
            family: "number",
            signature: "pi() -> double",
            doc: "the ratio of a circle's circumference to its diameter",
            nulls: "never NULL",
            example: "pi()",
            result: "3.141592653589793",
        },
        aliases: &[],
        parameters: NONE,
        required: 0,
        repeats: false,
        body: Body::Strict(DOUBLE, |_, _| double_answer(std::f64::consts::PI)),
    },
    real(
        [
            "gamma",
            "gamma(number double) -> double",
            "(number - 1)!, between whole numbers too",
            "gamma(5)",
            "24.0",
        ],
        |cells, _| gamma(cells[0], libm::tgamma),
    ),
    real(
        [
            "lgamma",
            "lgamma(number double) -> double",
            "the logarithm of gamma's amount",
            "lgamma(1)",
            "0.0",
        ],
        |cells, _| gamma(cells[0], libm::lgamma),
    ),
    real(
        [
            "even",
            "even(number double) -> double",
            "rounded away from zero to an even number",
            "even(2.9)",
            "4.0",
        ],
        |cells, _| map(cells[0], |number| away_from_zero(number / 2.0) * 2.0),
    ),
    two(
        [
            "nextafter",
            "nextafter(number double, towards double) -> double",
            "the next double in some direction",
            "nextafter(1, 2)",
            "1.0000000000000002",
        ],
        |cells, _| double_answer(libm::nextafter(double_of(cells[0]), double_of(cells[1]))),
    ),
    two(
        [
            "fdiv",
            "fdiv(number double, divisor double) -> double",
            "the quotient rounded down",
            "fdiv(-7, 2)",
            "-4.0",
        ],
        |cells, _| Ok(Answer::Cell(Cell::Double(quotient(cells)?.floor()))),
    ),
    two(
        [
            "fmod",
            "fmod(number double, divisor double) -> double",
            "the remainder of fdiv, with the sign of the divisor",
            "fmod(-5, 3)",
            "1.0",
        ],
        |cells, _| {
            let whole = quotient(cells)?.floor();
            double_answer(double_of(cells[0]) - double_of(cells[1]) * whole)
        },
    ),
    test(
        [
            "isnan",
            "isnan(number double) -> boolean",
            "whether a number is NaN",
            "isnan(1.5)",
            "false",
        ],
        |cells, _| boolean_answer(double_of(cells[0]).is_nan()),
    ),
    test(
        [
            "isinf",
            "isinf(number double) -> boolean",
            "whether a number is an infinity",
            "isinf(1.5)",
            "false",
        ],
        |cells, _| boolean_answer(double_of(cells[0]).is_infinite()),
    ),
    test(
        [
            "isfinite",
            "isfinite(number double) -> boolean",
            "whether it is neither",
            "isfinite(1.5)",
            "true",
        ],
        |cells, _| boolean_answer(double_of(cells[0]).is_finite()),
    ),
    test(
        [
            "signbit",
            "signbit(number double) -> boolean",
            "whether it has a minus, -0 too",
            "signbit(-0e0)",
            "true",
        ],
        |cells, _| {
            let number = double_of(cells[0]);
            boolean_answer(number.is_sign_negative() && !number.is_nan())
        },
    ),
];

/// A function of one double from its name, signature, doc, example and result.
const fn real(doc: [&'static str; 5], kernel: Kernel) -> Function {
    function(doc, ONE, DOUBLE, kernel)
}

/// A function of two doubles.
const fn two(doc: [&'static str; 5], kernel: Kernel) -> Function {
    function(doc, TWO, DOUBLE, kernel)
}

/// A test of one double.
const fn test(doc: [&'static str; 5], kernel: Kernel) -> Function {
    function(doc, ONE, BOOLEAN, kernel)
}

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

fn undefined<'a>() -> Result<Answer<'a>, Failure> {
    Err("outside of where the function is defined".into())
}

/// A function of a double; what is not a number though its argument is one is a fault.
fn map<'a>(cell: Cell, function: impl Fn(f64) -> f64) -> Result<Answer<'a>, Failure> {
    let argument = double_of(cell);
    let value = function(argument);
    if value.is_nan() && !argument.is_nan() { undefined() } else { double_answer(value) }
}

fn logarithm<'a>(cell: Cell, function: impl Fn(f64) -> f64) -> Result<Answer<'a>, Failure> {
    if double_of(cell) <= 0.0 {
        return Err("logarithm of a number that is not positive".into());
    }
    map(cell, function)
}

fn logarithm_to<'a>(base: f64, cell: Cell) -> Result<Answer<'a>, Failure> {
    if base <= 0.0 || base == 1.0 {
        return Err("logarithm to a base that is not positive, or 1".into());
    }
    logarithm(cell, |number| libm::log10(number) / libm::log10(base))
}

fn power<'a>(base: f64, exponent: f64) -> Result<Answer<'a>, Failure> {
    if base == 0.0 && exponent < 0.0 {
        return Err("division by zero".into());
    }
    let value = libm::pow(base, exponent);
    let is_lost = value.is_nan() && !base.is_nan() && !exponent.is_nan();
    if is_lost { undefined() } else { double_answer(value) }
}

fn gamma<'a>(cell: Cell, function: impl Fn(f64) -> f64) -> Result<Answer<'a>, Failure> {
    let argument = double_of(cell);
    let is_pole = argument <= 0.0 && argument.fract() == 0.0;
    if is_pole { undefined() } else { map(cell, function) }
}

fn away_from_zero(value: f64) -> f64 {
    if value < 0.0 { value.floor() } else { value.ceil() }
}

fn quotient(cells: &[Cell]) -> Result<f64, Failure> {
    match double_of(cells[1]) {
        0.0 => Err("division by zero".into()),
        divisor => Ok(double_of(cells[0]) / divisor),
    }
}
