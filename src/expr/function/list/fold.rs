//! Values made of all elements of a list. NULLs among them are left out.

use super::{FAMILY, element_of, element_type, list_of, strict, value_of, values};
use crate::expr::evaluate::cell::{Answer, Cell, Failure};
use crate::expr::evaluate::list::Item;
use crate::expr::evaluate::write_cell;
use crate::expr::function::declare::declare;
use crate::expr::function::{
    Body, Function, Parameter, Special, bigint_answer, boolean_answer, double_answer, str_of,
};
use crate::expr::node::Node;
use crate::expr::numbers;
use crate::record::list::{Elements, compare_elements};
use crate::record::{DataType, Element};
use std::cmp::Ordering;

const LIST: &[Parameter] = &[Parameter::List];
const SEPARATED: &[Parameter] = &[Parameter::List, Parameter::Text];
const NUMBERS: &[Parameter] = &[Parameter::Numbers];

/// The functions.
pub const FUNCTIONS: &[Function] = &[
    strict(
        ["list_sum", "list_sum(list) -> number", "the sum", "list_sum([1, 2, NULL])", "3"],
        NUMBERS,
        sum_type,
        |cells, _| sum(cells[0]).map(Answer::Cell),
    ),
    strict(
        ["list_avg", "list_avg(list) -> double", "the mean", "list_avg([1, 2])", "1.5"],
        NUMBERS,
        |_| DataType::Double,
        |cells, _| {
            let count = i64::try_from(values(list_of(cells[0]).0).count()).unwrap_or(i64::MAX);
            let sum = match sum(cells[0])? {
                Cell::Decimal(units, scale) => numbers::double_from_decimal(units, scale),
                Cell::Double(sum) => sum,
                _ => return Ok(Answer::Cell(Cell::Null)),
            };
            double_answer(sum / numbers::double_from_bigint(count))
        },
    ),
    strict(
        ["list_min", "list_min(list) -> value", "the least element", "list_min([2, 1])", "1"],
        LIST,
        element_type,
        |cells, out| extreme(cells[0], Ordering::Less, out),
    ),
    strict(
        ["list_max", "list_max(list) -> value", "the greatest element", "list_max([2, 1])", "2"],
        LIST,
        element_type,
        |cells, out| extreme(cells[0], Ordering::Greater, out),
    ),
    strict(
        [
            "list_count",
            "list_count(list) -> bigint",
            "the number of elements that are not NULL",
            "list_count([1, NULL])",
            "1",
        ],
        LIST,
        |_| DataType::Bigint,
        |cells, _| bigint_answer(values(list_of(cells[0]).0).count()),
    ),
    strict(
        ["list_first", "list_first(list) -> value", "the first element", "list_first([2, 1])", "2"],
        LIST,
        element_type,
        |cells, out| {
            let (bytes, element) = list_of(cells[0]);
            Ok(picked(Elements::of(bytes).next(), element, out))
        },
    ),
    strict(
        ["list_last", "list_last(list) -> value", "the last element", "list_last([2, 1])", "1"],
        LIST,
        element_type,
        |cells, out| {
            let (bytes, element) = list_of(cells[0]);
            Ok(picked(Elements::of(bytes).last(), element, out))
        },
    ),
    strict(
        [
            "list_any_value",
            "list_any_value(list) -> value",
            "the first element that is not NULL",
            "list_any_value([NULL, 1])",
            "1",
        ],
        LIST,
        element_type,
        |cells, out| {
            let (bytes, element) = list_of(cells[0]);
            Ok(picked(values(bytes).next(), element, out))
        },
    ),
    strict(
        [
            "list_bool_and",
            "list_bool_and(list of booleans) -> boolean",
            "whether all elements are true",
            "list_bool_and([true, false])",
            "false",
        ],
        &[Parameter::Booleans],
        |_| DataType::Boolean,
        |cells, _| truth(cells[0], false),
    ),
    strict(
        [
            "list_bool_or",
            "list_bool_or(list of booleans) -> boolean",
            "whether any element is true",
            "list_bool_or([true, false])",
            "true",
        ],
        &[Parameter::Booleans],
        |_| DataType::Boolean,
        |cells, _| truth(cells[0], true),
    ),
    Function {
        required: 1,
        ..strict(
            [
                "array_to_string",
                "array_to_string(list[, separator text]) -> text",
                "the text forms of the elements with a separator (default ',') between two",
                "array_to_string([1, 2, NULL], '-')",
                "1-2",
            ],
            SEPARATED,
            |_| DataType::Text,
            joined,
        )
    },
    Function {
        required: 1,
        ..strict(
            [
                "list_string_agg",
                "list_string_agg(list[, separator text]) -> text",
                "as array_to_string, but NULL where no element has a value",
                "list_string_agg([NULL])",
                "NULL",
            ],
            SEPARATED,
            |_| DataType::Text,
            |cells, out| match values(list_of(cells[0]).0).next() {
                Some(_) => joined(cells, out),
                None => Ok(Answer::Cell(Cell::Null)),
            },
        )
    },
    Function {
        aliases: &["list_aggr", "array_aggregate", "array_aggr"],
        required: 2,
        repeats: true,
        ..declare(
            FAMILY,
            [
                "list_aggregate",
                "list_aggregate(list, name text, ...) -> value",
                "list_sum, list_min, list_string_agg ... by the second half of their names",
                "list_aggregate([1, 2], 'sum')",
                "3",
            ],
            &[Parameter::List, Parameter::Any],
            Body::Special(Special::ListAggregate),
        )
    },
];

/// The type of the sum: as with the aggregate, integers and decimals have room for 38 digits.
fn sum_type(arguments: &[Node]) -> DataType {
    match element_of(arguments) {
        Element::Bigint => DataType::Decimal { precision: DataType::PRECISION_MAX, scale: 0 },
        Element::Decimal { scale, .. } => {
            DataType::Decimal { precision: DataType::PRECISION_MAX, scale }
        }
        _ => DataType::Double,
    }
}

/// The sum of numbers in their order; NULL where there are none.
fn sum<'a>(list: Cell) -> Result<Cell<'a>, Failure> {
    let (bytes, element) = list_of(list);
    let mut sum = Cell::Null;
    for value in values(bytes) {
        sum = match (sum, Item::read(value, element).cell()) {
            (Cell::Null, Cell::Bigint(value)) => Cell::Decimal(i128::from(value), 0),
            (Cell::Null, Cell::Decimal(units, scale)) => Cell::Decimal(units, scale),
            (Cell::Null, Cell::Double(value)) => Cell::Double(value),
            (Cell::Decimal(sum, scale), Cell::Bigint(value)) => add(sum, i128::from(value), scale)?,
            (Cell::Decimal(sum, scale), Cell::Decimal(units, _)) => add(sum, units, scale)?,
            (Cell::Double(sum), Cell::Double(value)) => Cell::Double(sum + value),
            (_, other) => unreachable!("{other:?} where a number was bound"),
        };
    }
    Ok(sum)
}

fn add<'a>(left: i128, right: i128, scale: u8) -> Result<Cell<'a>, Failure> {
    let sum = left.checked_add(right);
    let sum = sum.and_then(|sum| numbers::within(sum, DataType::PRECISION_MAX));
    Ok(Cell::Decimal(sum.ok_or("decimal overflow")?, scale))
}

fn joined<'a>(cells: &[Cell<'a>], out: &mut Vec<u8>) -> Result<Answer<'a>, Failure> {
    let (bytes, element) = list_of(cells[0]);
    let separator = cells.get(1).map_or(",", |separator| str_of(*separator));
    for (index, value) in values(bytes).enumerate() {
        if index > 0 {
            out.extend_from_slice(separator.as_bytes());
        }
        write_cell(out, Item::read(value, element).cell());
    }
    Ok(Answer::Written)
}

fn extreme<'a>(list: Cell<'a>, wanted: Ordering, out: &mut Vec<u8>) -> Result<Answer<'a>, Failure> {
    let (bytes, element) = list_of(list);
    let best = values(bytes).reduce(|best, value| {
        if compare_elements(value, best, element) == wanted { value } else { best }
    });
    Ok(picked(best, element, out))
}

fn picked<'a>(source: Option<&'a [u8]>, element: Element, out: &mut Vec<u8>) -> Answer<'a> {
    source.map_or(Answer::Cell(Cell::Null), |source| value_of(source, element, out))
}

/// The truth value that decides, where it is among the elements, else the other one; NULL of no values.
fn truth<'a>(list: Cell, deciding: bool) -> Result<Answer<'a>, Failure> {
    let bytes = list_of(list).0;
    let word: &[u8] = if deciding { b"true" } else { b"false" };
    match values(bytes).next() {
        None => Ok(Answer::Cell(Cell::Null)),
        Some(_) => boolean_answer(values(bytes).any(|value| value == word) == deciding),
    }
}
