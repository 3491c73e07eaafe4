//! Lists made of other lists.

use super::{FAMILY, element_of, holds, index_of, lenient, list_of, list_type, strict, values};
use crate::expr::evaluate::cell::{Answer, Cell, Failure};
use crate::expr::evaluate::list::write_element;
use crate::expr::function::declare::declare;
use crate::expr::function::prepared::{Flaw, Routine, routine};
use crate::expr::function::{Body, Function, Parameter, bigint_answer, bigint_of};
use crate::expr::node::Node;
use crate::record::list::{self, Elements, ListWriter, compare_elements};
use crate::record::{DataType, Element};
use std::cmp::Ordering;
use std::collections::BTreeSet;

const LIST: &[Parameter] = &[Parameter::List];

/// The functions.
pub const FUNCTIONS: &[Function] = &[
    Function {
        aliases: &["array_slice"],
        required: 3,
        ..strict(
            [
                "list_slice",
                "list_slice(list, first bigint, last bigint[, step bigint]) -> list",
                "the elements from one index to another, both included; also list[first:last]",
                "list_slice([1, 2, 3, 4], 2, -2)",
                "[2,3]",
            ],
            &[Parameter::List, Parameter::Bigint, Parameter::Bigint, Parameter::Bigint],
            list_type,
            slice,
        )
    },
    Function {
        aliases: &["list_cat", "array_concat", "array_cat"],
        repeats: true,
        ..lenient(
            [
                "list_concat",
                "list_concat(list, ...) -> list",
                "the elements of all lists; also list || list",
                "list_concat([1], [2, 3])",
                "[1,2,3]",
            ],
            "NULL arguments are left out; NULL where all are",
            LIST,
            list_type,
            concatenate,
        )
    },
    Function {
        aliases: &["array_append", "array_push_back"],
        ..lenient(
            [
                "list_append",
                "list_append(list, value) -> list",
                "the list with one more element at its end",
                "list_append([1], 2)",
                "[1,2]",
            ],
            "NULL is an empty list, or an element without value",
            &[Parameter::List, Parameter::Element],
            list_type,
            |cells, out| {
                let mut writer = copied(cells[0], out);
                write_element(writer.element(), cells[1]);
                writer.finish();
                Ok(Answer::Written)
            },
        )
    },
    Function {
        aliases: &["array_prepend"],
        ..lenient(
            [
                "list_prepend",
                "list_prepend(value, list) -> list",
                "the list with one more element at its start",
                "list_prepend(1, [2])",
                "[1,2]",
            ],
            "NULL is an empty list, or an element without value",
            &[Parameter::Element, Parameter::List],
            list_type,
            |cells, out| prepend(cells[0], cells[1], out),
        )
    },
    lenient(
        [
            "array_push_front",
            "array_push_front(list, value) -> list",
            "list_prepend with its arguments the other way round",
            "array_push_front([2], 1)",
            "[1,2]",
        ],
        "NULL is an empty list, or an element without value",
        &[Parameter::List, Parameter::Element],
        list_type,
        |cells, out| prepend(cells[1], cells[0], out),
    ),
    Function {
        aliases: &["array_distinct"],
        ..strict(
            [
                "list_distinct",
                "list_distinct(list) -> list",
                "each element once, in the order of first appearance; without NULL",
                "list_distinct([2, 1, 2, NULL])",
                "[2,1]",
            ],
            LIST,
            list_type,
            |cells, out| {
                let (bytes, element) = list_of(cells[0]);
                write(out, distinct(bytes, element).into_iter())
            },
        )
    },
    Function {
        aliases: &["array_unique"],
        ..strict(
            [
                "list_unique",
                "list_unique(list) -> bigint",
                "the number of different elements, NULL not counted",
                "list_unique([2, 1, 2, NULL])",
                "2",
            ],
            LIST,
            |_| DataType::Bigint,
            |cells, _| {
                let (bytes, element) = list_of(cells[0]);
                bigint_answer(distinct(bytes, element).len())
            },
        )
    },
    Function {
        aliases: &["array_sort"],
        required: 1,
        ..sorting(
            [
                "list_sort",
                "list_sort(list[, order text[, nulls text]]) -> list",
                "sorted: 'ASC' (default) or 'DESC', 'NULLS LAST' (default) or 'NULLS FIRST'",
                "list_sort([3, NULL, 1], 'DESC')",
                "[3,1,null]",
            ],
            |cells| prepare_sort(cells, Ordering::Less),
        )
    },
    Function {
        aliases: &["array_reverse_sort"],
        required: 1,
        parameters: &[Parameter::List, Parameter::Text],
        ..sorting(
            [
                "list_reverse_sort",
                "list_reverse_sort(list[, nulls text]) -> list",
                "sorted from the greatest to the least element",
                "list_reverse_sort([1, 3, 2])",
                "[3,2,1]",
            ],
            |cells| match cells {
                [list, nulls] => {
                    let sorted = prepare_sort(&[*list, None, *nulls], Ordering::Greater);
                    sorted.map_err(|flaw| Flaw { argument: 1, ..flaw })
                }
                _ => prepare_sort(cells, Ordering::Greater),
            },
        )
    },
    Function {
        aliases: &["array_reverse"],
        ..strict(
            [
                "list_reverse",
                "list_reverse(list) -> list",
                "the elements backwards",
                "list_reverse([1, 2, 3])",
                "[3,2,1]",
            ],
            LIST,
            list_type,
            |cells, out| {
                let mut elements: Vec<&[u8]> = Elements::of(list_of(cells[0]).0).collect();
                elements.reverse();
                write(out, elements.into_iter())
            },
        )
    },
    Function {
        aliases: &["array_intersect"],
        ..strict(
            [
                "list_intersect",
                "list_intersect(list, list) -> list",
                "each element of the first list that is in the second one, once",
                "list_intersect([1, 2, 3], [3, 2])",
                "[2,3]",
            ],
            &[Parameter::List, Parameter::List],
            list_type,
            |cells, out| {
                let (bytes, element) = list_of(cells[0]);
                let other = list_of(cells[1]).0;
                let both = distinct(bytes, element).into_iter();
                write(out, both.filter(|value| holds(other, value, element)))
            },
        )
    },
    strict(
        [
            "flatten",
            "flatten(list of lists) -> list",
            "the elements of all lists in a list",
            "flatten([[1], [2, 3]])",
            "[1,2,3]",
        ],
        LIST,
        |_| DataType::List(Element::Json),
        |cells, out| {
            let bytes = list_of(cells[0]).0;
            if values(bytes).any(|value| value.first() != Some(&b'[')) {
                return Err("flatten of a list with an element that is no list".into());
            }
            write(out, values(bytes).flat_map(Elements::of))
        },
    ),
];

/// The operator `||` between lists.
pub static CONCATENATION: Function = strict(
    ["list || list", "list || list -> list", "both lists", "[1] || [2]", "[1,2]"],
    &[Parameter::List, Parameter::List],
    list_type,
    concatenate,
);

fn concatenate<'a>(cells: &[Cell<'a>], out: &mut Vec<u8>) -> Result<Answer<'a>, Failure> {
    let mut lists = cells.iter().filter(|cell| **cell != Cell::Null).peekable();
    if lists.peek().is_none() {
        return Ok(Answer::Cell(Cell::Null));
    }
    write(out, lists.flat_map(|cell| Elements::of(list_of(*cell).0)))
}

const fn sorting(doc: [&'static str; 5], prepare: crate::expr::function::Prepare) -> Function {
    const PARAMETERS: &[Parameter] = &[Parameter::List, Parameter::Text, Parameter::Text];
    declare(FAMILY, doc, PARAMETERS, Body::Prepared(sorted_type, &[1, 2], prepare))
}

fn sorted_type(arguments: &[Node]) -> DataType {
    DataType::List(element_of(arguments))
}

/// Writes a list of elements of its type.
fn write<'a, 'e>(
    out: &mut Vec<u8>,
    elements: impl Iterator<Item = &'e [u8]>,
) -> Result<Answer<'a>, Failure> {
    let mut writer = ListWriter::new(out);
    for element in elements {
        writer.push(element);
    }
    writer.finish();
    Ok(Answer::Written)
}

/// A list that is not closed yet.
fn copied<'o>(list: Cell, out: &'o mut Vec<u8>) -> ListWriter<'o> {
    let mut writer = ListWriter::new(out);
    for element in Elements::of(list_of(list).0) {
        writer.push(element);
    }
    writer
}

fn prepend<'a>(value: Cell, list: Cell, out: &mut Vec<u8>) -> Result<Answer<'a>, Failure> {
    let mut writer = ListWriter::new(out);
    write_element(writer.element(), value);
    for element in Elements::of(list_of(list).0) {
        writer.push(element);
    }
    writer.finish();
    Ok(Answer::Written)
}

/// An element by the order of its type.
struct Ordered<'a>(&'a [u8], Element);

impl Ord for Ordered<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        compare_elements(self.0, other.0, self.1)
    }
}

impl PartialOrd for Ordered<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ordered<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ordered<'_> {}

/// The different elements with a value in the order of first appearance.
fn distinct(list: &[u8], element: Element) -> Vec<&[u8]> {
    let mut known = BTreeSet::new();
    values(list).filter(|value| known.insert(Ordered(value, element))).collect()
}

/// As DuckDB: an index before the first element is cut off there, one behind the last one there.
fn slice<'a>(cells: &[Cell<'a>], out: &mut Vec<u8>) -> Result<Answer<'a>, Failure> {
    let bytes = list_of(cells[0]).0;
    let count = list::length(bytes);
    let [first, last] = [bigint_of(cells[1]), bigint_of(cells[2])];
    let step = match cells.get(3).map_or(1, |step| bigint_of(*step)) {
        step @ 1.. => usize::try_from(step).unwrap_or(usize::MAX),
        _ => return Err("the step of a slice is not positive".into()),
    };
    let first = match first {
        0 => 0,
        1.. => index_of(bytes, first).unwrap_or(usize::MAX),
        _ => index_of(bytes, first).unwrap_or(0),
    };
    let end = match last {
        0 => 0,
        1.. => usize::try_from(last).unwrap_or(usize::MAX).min(count),
        _ => index_of(bytes, last).map_or(0, |at| at + 1),
    };
    let length = end.saturating_sub(first);
    write(out, Elements::of(bytes).skip(first).take(length).step_by(step))
}

/// How a list is sorted, from the words for it.
fn prepare_sort(cells: &[Option<Cell>], default: Ordering) -> Result<Routine, Flaw> {
    let word = |index: usize| match cells.get(index).copied().flatten() {
        Some(Cell::Text(word)) => Some(String::from_utf8_lossy(word).to_ascii_uppercase()),
        _ => None,
    };
    let order = match word(1).as_deref() {
        None | Some("DEFAULT") => default,
        Some("ASC" | "ASCENDING") => Ordering::Less,
        Some("DESC" | "DESCENDING") => Ordering::Greater,
        Some(_) => return Err(Flaw::new(1, "the order is 'ASC' or 'DESC'")),
    };
    let nulls_first = match word(2).as_deref() {
        None | Some("DEFAULT" | "NULLS LAST") => false,
        Some("NULLS FIRST") => true,
        Some(_) => return Err(Flaw::new(2, "it is 'NULLS FIRST' or 'NULLS LAST'")),
    };
    Ok(routine(move |cells, out| {
        let (bytes, element) = list_of(cells[0]);
        let nulls: Vec<&[u8]> = Elements::of(bytes).filter(|value| *value == b"null").collect();
        let mut sorted: Vec<&[u8]> = values(bytes).collect();
        sorted.sort_by(|left, right| {
            let found = compare_elements(left, right, element);
            if order == Ordering::Less { found } else { found.reverse() }
        });
        match nulls_first {
            true => write(out, nulls.into_iter().chain(sorted)),
            false => write(out, sorted.into_iter().chain(nulls)),
        }
    }))
}
