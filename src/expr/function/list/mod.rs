//! Lists: what is in them (here), lists made of others (`change`), values made of lists (`fold`), lists made of values
//! (`make`).
//!
//! Elements are counted from 1, and from the end with a minus. The binder gives lists and values that meet in a call one
//! type of element. Elements are compared as values of their type; JSON values by their source text.

mod change;

mod fold;

mod make;

pub use change::{CONCATENATION, FUNCTIONS as CHANGES};
pub use fold::FUNCTIONS as FOLDS;
pub use make::FUNCTIONS as MAKERS;

use super::declare::declare;
use super::{
    Body, Function, FunctionDoc, Kernel, Parameter, ResultType, bigint_answer, bigint_of,
    boolean_answer,
};
use crate::expr::evaluate::cell::{Answer, Cell, Failure};
use crate::expr::evaluate::list::{Item, write_element};
use crate::expr::node::Node;
use crate::record::list::{self, Elements, compare_elements};
use crate::record::{DataType, Element};

const FAMILY: &str = "list";
const BIGINT: ResultType = |_| DataType::Bigint;
const BOOLEAN: ResultType = |_| DataType::Boolean;

/// The functions that look into lists.
pub const FUNCTIONS: &[Function] = &[
    strict(
        [
            "array_length",
            "array_length(list) -> bigint",
            "the number of elements; also len(list), length(list)",
            "array_length([7, 8])",
            "2",
        ],
        &[Parameter::List],
        BIGINT,
        |cells, _| bigint_answer(list::length(list_of(cells[0]).0)),
    ),
    Function {
        aliases: &["array_contains", "list_has", "array_has"],
        ..strict(
            [
                "list_contains",
                "list_contains(list, value) -> boolean",
                "whether a value is among the elements",
                "list_contains(['a', 'b'], 'b')",
                "true",
            ],
            &[Parameter::List, Parameter::Member],
            BOOLEAN,
            |cells, _| boolean_answer(position(cells[0], cells[1]).is_some()),
        )
    },
    Function {
        aliases: &["array_position", "list_indexof", "array_indexof"],
        ..lenient(
            [
                "list_position",
                "list_position(list, value) -> bigint",
                "where a value first is among the elements, from 1; NULL where nowhere",
                "list_position(['a', 'b'], 'b')",
                "2",
            ],
            "NULL where the list is NULL; a value that is NULL is looked for like others",
            &[Parameter::List, Parameter::Member],
            BIGINT,
            |cells, _| match (cells[0], position(cells[0], cells[1])) {
                (Cell::Null, _) | (_, None) => Ok(Answer::Cell(Cell::Null)),
                (_, Some(at)) => bigint_answer(at + 1),
            },
        )
    },
    Function {
        aliases: &["array_extract", "list_element"],
        ..strict(
            [
                "list_extract",
                "list_extract(list, index bigint) -> value",
                "the element at an index from 1, or -1 from the end; also list[index]",
                "list_extract(['a', 'b'], -1)",
                "b",
            ],
            &[Parameter::List, Parameter::Bigint],
            element_type,
            |cells, out| {
                let (bytes, element) = list_of(cells[0]);
                match index_of(bytes, bigint_of(cells[1])) {
                    Some(at) => nth(bytes, at, element, out),
                    None => Ok(Answer::Cell(Cell::Null)),
                }
            },
        )
    },
    Function {
        aliases: &["array_has_any"],
        ..strict(
            [
                "list_has_any",
                "list_has_any(list, list) -> boolean",
                "whether any element of the second list is in the first one",
                "list_has_any([1, 2], [2, 3])",
                "true",
            ],
            &[Parameter::List, Parameter::List],
            BOOLEAN,
            |cells, _| {
                let (bytes, element) = list_of(cells[1]);
                let known = list_of(cells[0]).0;
                boolean_answer(values(bytes).any(|value| holds(known, value, element)))
            },
        )
    },
    Function {
        aliases: &["array_has_all"],
        ..strict(
            [
                "list_has_all",
                "list_has_all(list, list) -> boolean",
                "whether all elements of the second list are in the first one",
                "list_has_all([1, 2], [2, 3])",
                "false",
            ],
            &[Parameter::List, Parameter::List],
            BOOLEAN,
            |cells, _| {
                let (bytes, element) = list_of(cells[1]);
                let known = list_of(cells[0]).0;
                boolean_answer(values(bytes).all(|value| holds(known, value, element)))
            },
        )
    },
];

/// A function of a list that is NULL where an argument is.
const fn strict(
    doc: [&'static str; 5],
    parameters: &'static [Parameter],
    result: ResultType,
    kernel: Kernel,
) -> Function {
    declare(FAMILY, doc, parameters, Body::Strict(result, kernel))
}

/// A function of a list that sees its NULLs.
const fn lenient(
    [name, signature, doc, example, result]: [&'static str; 5],
    nulls: &'static str,
    parameters: &'static [Parameter],
    result_type: ResultType,
    kernel: Kernel,
) -> Function {
    Function {
        doc: FunctionDoc { name, family: FAMILY, signature, doc, nulls, example, result },
        aliases: &[],
        parameters,
        required: parameters.len(),
        repeats: false,
        body: Body::Lenient(result_type, kernel),
    }
}

/// The text of a list and the type of its elements; NULL is an empty list.
fn list_of<'a>(cell: Cell<'a>) -> (&'a [u8], Element) {
    match cell {
        Cell::List(bytes, element) => (bytes, element),
        Cell::Null => (b"[]", Element::Json),
        other => unreachable!("{other:?} where a list was bound"),
    }
}

/// The type of the elements of the first argument.
fn element_of(arguments: &[Node]) -> Element {
    let lists = arguments.iter().find_map(|argument| match argument.data_type() {
        DataType::List(element) => Some(element),
        _ => None,
    });
    lists.unwrap_or(Element::Json)
}

/// The type of one element.
fn element_type(arguments: &[Node]) -> DataType {
    element_of(arguments).data_type()
}

/// The type of the list.
fn list_type(arguments: &[Node]) -> DataType {
    DataType::List(element_of(arguments))
}

/// The elements that have a value.
fn values(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    Elements::of(list).filter(|element| *element != b"null")
}

fn holds(list: &[u8], value: &[u8], element: Element) -> bool {
    Elements::of(list).any(|other| compare_elements(other, value, element).is_eq())
}

/// Where a value is in a list, counted from 0.
fn position(list: Cell, value: Cell) -> Option<usize> {
    let (bytes, element) = list_of(list);
    let mut wanted = Vec::new();
    write_element(&mut wanted, value);
    Elements::of(bytes).position(|other| compare_elements(other, &wanted, element).is_eq())
}

/// An index from 1, or from -1 at the end, as one from 0.
fn index_of(list: &[u8], index: i64) -> Option<usize> {
    let distance = usize::try_from(index.unsigned_abs()).ok()?;
    match index {
        1.. => Some(distance - 1),
        0 => None,
        _ => list::length(list).checked_sub(distance),
    }
}

/// The element at an index from 0 as a value.
fn nth<'a>(
    list: &'a [u8],
    at: usize,
    element: Element,
    out: &mut Vec<u8>,
) -> Result<Answer<'a>, Failure> {
    match Elements::of(list).nth(at) {
        Some(source) => Ok(value_of(source, element, out)),
        None => Ok(Answer::Cell(Cell::Null)),
    }
}

/// An element as a value.
fn value_of<'a>(source: &'a [u8], element: Element, out: &mut Vec<u8>) -> Answer<'a> {
    match Item::read(source, element) {
        Item::Plain(cell) => Answer::Cell(cell),
        Item::Text(text) => {
            out.extend_from_slice(&text);
            Answer::Written
        }
    }
}
