//! Lists made of values.

use super::{lenient, strict};
use crate::expr::evaluate::cell::{Answer, Cell, Failure};
use crate::expr::evaluate::list::write_element;
use crate::expr::function::{Function, Parameter, ResultType, bigint_of};
use crate::expr::node::Node;
use crate::record::list::ListWriter;
use crate::record::{DataType, Element, text};

/// The most elements of a series: a short call could make a record of any length.
const SERIES_MAX: usize = 100_000;

const SERIES: &[Parameter] = &[Parameter::Bigint, Parameter::Bigint, Parameter::Bigint];
const BIGINTS: ResultType = |_| DataType::List(Element::Bigint);

/// The functions.
pub const FUNCTIONS: &[Function] = &[
    Function {
        aliases: &["list_pack"],
        required: 0,
        repeats: true,
        ..lenient(
            [
                "list_value",
                "list_value(value, ...) -> list",
                "a list of the values; also [value, ...]",
                "list_value(1, NULL, 2.5)",
                "[1.0,null,2.5]",
            ],
            "NULL is an element without value; never NULL",
            &[Parameter::Alike],
            value_type,
            |cells, out| {
                let mut list = ListWriter::new(out);
                for cell in cells {
                    write_element(list.element(), *cell);
                }
                list.finish();
                Ok(Answer::Written)
            },
        )
    },
    Function {
        required: 1,
        ..strict(
            [
                "range",
                "range([start bigint, ]end bigint[, step bigint]) -> bigint[]",
                "the integers from a start (default 0) to just before an end; at most 100,000",
                "range(1, 4)",
                "[1,2,3]",
            ],
            SERIES,
            BIGINTS,
            |cells, out| series(cells, out, End::Excluded),
        )
    },
    Function {
        required: 1,
        ..strict(
            [
                "generate_series",
                "generate_series([start bigint, ]end bigint[, step bigint]) -> bigint[]",
                "the integers from a start (default 0) to an end; at most 100,000",
                "generate_series(1, 4)",
                "[1,2,3,4]",
            ],
            SERIES,
            BIGINTS,
            |cells, out| series(cells, out, End::Included),
        )
    },
];

/// Whether a series reaches its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Included,
    Excluded,
}

/// Lists in a list are JSON values.
fn value_type(arguments: &[Node]) -> DataType {
    let element = arguments.first().and_then(|first| Element::of(first.data_type()));
    DataType::List(element.unwrap_or(Element::Json))
}

fn series<'a>(cells: &[Cell<'a>], out: &mut Vec<u8>, end: End) -> Result<Answer<'a>, Failure> {
    let numbers: Vec<i64> = cells.iter().map(|cell| bigint_of(*cell)).collect();
    let (start, last, step) = match *numbers {
        [last] => (0, last, 1),
        [start, last] => (start, last, 1),
        [start, last, step] => (start, last, step),
        _ => unreachable!("one to three arguments were bound"),
    };
    let mut list = ListWriter::new(out);
    let mut next = Some(start).filter(|_| step != 0);
    let mut count = 0;
    while let Some(number) = next {
        let is_before = if step > 0 { number < last } else { number > last };
        let is_last = number == last && end == End::Included;
        if !is_before && !is_last {
            break;
        }
        count += 1;
        if count > SERIES_MAX {
            return Err("a series of more than 100,000 numbers".into());
        }
        text::write_bigint(list.element(), number);
        next = number.checked_add(step);
    }
    list.finish();
    Ok(Answer::Written)
}
