//! Choosing among values: `coalesce`, `greatest`, `nullif` and their like.

use super::{Body, Function, FunctionDoc, Kernel, Parameter, Special};
use crate::expr::evaluate::cell::{Answer, Cell};
use crate::expr::evaluate::order;
use crate::expr::node::Node;
use crate::record::DataType;
use std::cmp::Ordering;

const NO_NULL_ARGUMENTS: &str = "NULL arguments do not count; NULL where all are";

/// The functions.
pub const FUNCTIONS: &[Function] = &[
    special(
        FunctionDoc {
            name: "coalesce",
            family: "choice",
            signature: "coalesce(value, ...) -> value",
            doc: "the first argument that is not NULL; later ones are not computed",
            nulls: NO_NULL_ARGUMENTS,
            example: "coalesce(NULL, 2, 3)",
            result: "2",
        },
        &[Parameter::Alike],
        1,
        Special::Coalesce,
    ),
    special(
        FunctionDoc {
            name: "ifnull",
            family: "choice",
            signature: "ifnull(value, replacement) -> value",
            doc: "the value, or the replacement where it is NULL",
            nulls: NO_NULL_ARGUMENTS,
            example: "ifnull(NULL, 'none')",
            result: "none",
        },
        &[Parameter::Alike, Parameter::Alike],
        2,
        Special::Coalesce,
    ),
    special(
        FunctionDoc {
            name: "nullif",
            family: "choice",
            signature: "nullif(value, other) -> value",
            doc: "NULL where both are equal, else the value",
            nulls: "NULL where the value is NULL",
            example: "nullif('n/a', 'n/a')",
            result: "NULL",
        },
        &[Parameter::Alike, Parameter::Alike],
        2,
        Special::Nullif,
    ),
    special(
        FunctionDoc {
            name: "if",
            family: "choice",
            signature: "if(condition boolean, then, otherwise) -> value",
            doc: "one of two values; the other one is not computed",
            nulls: "a condition that is NULL counts as false",
            example: "if(2 > 1, 'yes', 'no')",
            result: "yes",
        },
        &[Parameter::Boolean, Parameter::Alike, Parameter::Alike],
        3,
        Special::If,
    ),
    special(
        FunctionDoc {
            name: "try",
            family: "choice",
            signature: "try(expression) -> value",
            doc: "the expression, or NULL where computing it fails",
            nulls: "NULL where the expression is NULL",
            example: "try(CAST('x' AS bigint))",
            result: "NULL",
        },
        &[Parameter::Alike],
        1,
        Special::Try,
    ),
    extreme(
        FunctionDoc {
            name: "greatest",
            family: "choice",
            signature: "greatest(value, ...) -> value",
            doc: "the greatest argument",
            nulls: NO_NULL_ARGUMENTS,
            example: "greatest(3, 5, NULL)",
            result: "5",
        },
        |cells, _| Ok(Answer::Cell(pick(cells, Ordering::Greater))),
    ),
    extreme(
        FunctionDoc {
            name: "least",
            family: "choice",
            signature: "least(value, ...) -> value",
            doc: "the least argument",
            nulls: NO_NULL_ARGUMENTS,
            example: "least('b', 'a')",
            result: "a",
        },
        |cells, _| Ok(Answer::Cell(pick(cells, Ordering::Less))),
    ),
];

const fn special(
    doc: FunctionDoc,
    parameters: &'static [Parameter],
    required: usize,
    special: Special,
) -> Function {
    Function {
        doc,
        aliases: &[],
        parameters,
        required,
        repeats: matches!(special, Special::Coalesce) && required == 1,
        body: Body::Special(special),
    }
}

const fn extreme(doc: FunctionDoc, kernel: Kernel) -> Function {
    Function {
        doc,
        aliases: &[],
        parameters: &[Parameter::Alike],
        required: 1,
        repeats: true,
        body: Body::Lenient(first_type, kernel),
    }
}

fn first_type(arguments: &[Node]) -> DataType {
    arguments.first().map_or(DataType::Text, Node::data_type)
}

/// The first of the arguments that none surpasses.
fn pick<'a>(cells: &[Cell<'a>], wanted: Ordering) -> Cell<'a> {
    let present = cells.iter().copied().filter(|cell| *cell != Cell::Null);
    let better = |best, cell| {
        if order(cell, best) == wanted { cell } else { best }
    };
    present.reduce(better).unwrap_or(Cell::Null)
}
