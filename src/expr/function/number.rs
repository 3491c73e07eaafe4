//! Numbers of every type: amounts, signs, and the operators by name. Decimals stay decimals.

use super::{
    Body, Function, FunctionDoc, Kernel, Parameter, ResultType, Special, bigint_answer,
    double_answer, double_of,
};
use crate::expr::evaluate::cell::{Answer, Cell};
use crate::expr::node::{Arithmetic, Node};
use crate::record::DataType;

const FAMILY: &str = "number";
const STRICT: &str = "NULL where an argument is NULL";

const NUMBERS: &[Parameter] = &[Parameter::Number, Parameter::Number];

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
    operator(
        [
            "mod",
            "mod(number, divisor) -> number",
            "the remainder of a division, with the sign of the number; the same as `%`",
            "mod(-7, 3)",
            "-1",
        ],
        NUMBERS,
        Arithmetic::Remainder,
    ),
    operator(
        ["add", "add(left, right) -> the sum", "the same as `+`", "add(1, 2)", "3"],
        NUMBERS,
        Arithmetic::Add,
    ),
    operator(
        [
            "subtract",
            "subtract(left, right) -> the difference",
            "the same as `-`",
            "subtract(5, 3)",
            "2",
        ],
        NUMBERS,
        Arithmetic::Subtract,
    ),
    operator(
        [
            "multiply",
            "multiply(left, right) -> the product",
            "the same as `*`",
            "multiply(2, 1.5)",
            "3.0",
        ],
        NUMBERS,
        Arithmetic::Multiply,
    ),
    operator(
        [
            "divide",
            "divide(number bigint, divisor bigint) -> bigint",
            "the quotient without what is behind its point; the same as `//`",
            "divide(7, 2)",
            "3",
        ],
        &[Parameter::Bigint, Parameter::Bigint],
        Arithmetic::IntegerDivide,
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
    let doc = FunctionDoc { name, family: FAMILY, signature, doc, nulls: STRICT, example, result };
    function(doc, &[Parameter::Number], Body::Strict(result_type, kernel))
}

/// An operator that can be written as a call.
const fn operator(
    [name, signature, doc, example, result]: [&'static str; 5],
    parameters: &'static [Parameter],
    operator: Arithmetic,
) -> Function {
    let doc = FunctionDoc { name, family: FAMILY, signature, doc, nulls: STRICT, example, result };
    function(doc, parameters, Body::Special(Special::Arithmetic(operator)))
}

const fn function(doc: FunctionDoc, parameters: &'static [Parameter], body: Body) -> Function {
    Function { doc, aliases: &[], parameters, required: parameters.len(), repeats: false, body }
}

/// The type of the first argument.
pub(super) fn same_type(arguments: &[Node]) -> DataType {
    arguments.first().map_or(DataType::Double, Node::data_type)
}
