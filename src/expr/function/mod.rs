//! The functions: signature, documentation and code of each in one place, one file per family.
//!
//! Every function is deterministic. Its example is run by a test. What needs lazy arguments or the job's clock is
//! listed here like the others but built by the binder ([`Body::Special`]).

mod character;

mod choice;

mod declare;

mod encoding;

mod format;

mod hash;

mod integer;

mod ip;

mod json;

mod list;

mod make;

mod moment;

mod number;

mod part;

mod parts;

mod path;

mod piece;

mod prepared;

mod real;

mod regexp;

mod rounding;

mod similarity;

mod span;

mod split;

mod strftime;

mod temporal;

mod text;

mod url;

pub use integer::{BIT_AND, BIT_NOT, BIT_OR, SHIFT_LEFT, SHIFT_RIGHT};
pub use json::OBJECT;
pub use list::CONCATENATION as LIST_CONCATENATION;
pub use part::Part;
pub use prepared::{Flaw, Prepare, PreparedCall, Routine, call_prepared};
pub use temporal::{
    ADD as ADD_TIME, DIVIDE as DIVIDE_TIME, MULTIPLY as MULTIPLY_TIME, NEGATE as NEGATE_TIME,
    SUBTRACT as SUBTRACT_TIME,
};
pub use text::CONCATENATION;

use super::evaluate::cell::{Answer, Builder, Cell, Failure, Operand};
use super::node::{Arithmetic, Node};
use crate::record::{Column, DataType, Faults};
use std::sync::{Arc, LazyLock};

/// What a user reads about a function.
#[derive(Debug)]
pub struct FunctionDoc {
    /// Its name in lower case.
    pub name: &'static str,
    /// The family it belongs to: `text`, `number`, `url and ip`.
    pub family: &'static str,
    /// How it is called: `left(text, count bigint) -> text`.
    pub signature: &'static str,
    /// What it does, in one line.
    pub doc: &'static str,
    /// What it makes of NULL.
    pub nulls: &'static str,
    /// A call.
    pub example: &'static str,
    /// What the call gives.
    pub result: &'static str,
}

/// A function: documentation, types, code.
#[derive(Debug)]
pub struct Function {
    /// What a user reads.
    pub doc: FunctionDoc,
    /// Other names of the same function.
    pub aliases: &'static [&'static str],
    /// What the arguments must be.
    pub parameters: &'static [Parameter],
    /// How many arguments there are at least.
    pub required: usize,
    /// Whether the last parameter may come again and again.
    pub repeats: bool,
    /// How it is computed.
    pub body: Body,
}

/// What an argument must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parameter {
    /// A text.
    Text,
    /// Anything, as its text form.
    AsText,
    /// An integer.
    Bigint,
    /// Any number, as a double.
    Double,
    /// Any number, as it is.
    Number,
    /// A date, timestamp or timestamptz, as it is.
    Moment,
    /// A date, timestamp, timestamptz, time or interval, as it is.
    Temporal,
    /// The same, and of it must exist what the function is named after.
    HasPart,
    /// The same, or an integer.
    TemporalOrBigint,
    /// A date, timestamp, timestamptz or time, as it is.
    MomentOrTime,
    /// A date, timestamp, timestamptz or interval, as it is.
    MomentOrInterval,
    /// An interval.
    Interval,
    /// The format of a date, as a constant text.
    Format,
    /// A date or timestamp, as a timestamp.
    Timestamp,
    /// The name of a part of a date, as a constant text.
    Part,
    /// Any type, the same for all of these.
    Alike,
    /// A boolean.
    Boolean,
    /// A bigint as it is, or a text.
    TextOrBigint,
    /// A boolean or number as it is, anything else as its text form.
    Printable,
    /// A constant text that is not to be seen, and not empty.
    Secret,
    /// Anything, as it is.
    Any,
    /// JSON, or a text that holds it.
    Document,
    /// A list.
    List,
    /// A list of numbers.
    Numbers,
    /// A list of booleans.
    Booleans,
    /// A value of the type of the elements beside it.
    Element,
    /// A value that is compared with the elements beside it.
    Member,
    /// A place in a document: a text, or the number of an element.
    Path,
}

/// How a function is computed.
pub enum Body {
    /// Row by row; NULL where an argument is NULL.
    Strict(ResultType, Kernel),
    /// Row by row, NULLs included.
    Lenient(ResultType, Kernel),
    /// Row by row with something prepared from the arguments at these places; NULL where an argument is NULL.
    Prepared(ResultType, &'static [usize], Prepare),
    /// The binder builds it.
    Special(Special),
}

/// What the binder builds instead of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Special {
    /// The first argument that is not NULL.
    Coalesce,
    /// The first argument unless it equals the second.
    Nullif,
    /// The first result whose condition is true.
    If,
    /// A fault becomes NULL.
    Try,
    /// An operator on numbers.
    Arithmetic(Arithmetic),
    /// The job's first start.
    Now,
    /// The day of the job's first start.
    CurrentDate,
    /// The job's first start by clocks of UTC.
    LocalNow,
    /// The time of day of the job's first start (UTC).
    CurrentTime,
    /// An object of keys and values in turn.
    JsonObject,
    /// The function of lists that an argument names.
    ListAggregate,
}

/// The type of the result, from the coerced arguments.
pub type ResultType = fn(&[Node]) -> DataType;

/// Computes one row; a text may be written to the scratch buffer.
pub type Kernel = for<'a> fn(&[Cell<'a>], &mut Vec<u8>) -> Result<Answer<'a>, Failure>;

/// The documentation of all functions, sorted by name.
pub fn all() -> impl Iterator<Item = &'static FunctionDoc> {
    REGISTRY.iter().map(|function| &function.doc)
}

/// All functions, sorted by name.
pub fn functions() -> impl Iterator<Item = &'static Function> {
    REGISTRY.iter().copied()
}

/// The function of that name, without regard to case.
pub fn find(name: &str) -> Option<&'static Function> {
    REGISTRY.iter().copied().find(|function| {
        let mut names = function.aliases.iter().chain([&function.doc.name]);
        names.any(|known| known.eq_ignore_ascii_case(name))
    })
}

/// All names, aliases included.
pub fn names() -> impl Iterator<Item = &'static str> {
    let names = |function: &&'static Function| {
        let aliases = function.aliases.iter().copied();
        aliases.chain([function.doc.name])
    };
    REGISTRY.iter().flat_map(names)
}

/// Calls a function for each of `rows`.
pub fn call(
    function: &Function,
    arguments: &[Operand],
    builder: Builder,
    rows: &[u32],
) -> Arc<Column> {
    match function.body {
        Body::Strict(_, kernel) => by_row(arguments, builder, rows, true, kernel),
        Body::Lenient(_, kernel) => by_row(arguments, builder, rows, false, kernel),
        Body::Prepared(..) => unreachable!("prepared calls have a node of their own"),
        Body::Special(special) => unreachable!("{special:?} is built by the binder"),
    }
}

/// Runs a kernel for each of `rows`; where it is strict, not for those with a NULL.
fn by_row(
    arguments: &[Operand],
    mut builder: Builder,
    rows: &[u32],
    is_strict: bool,
    mut kernel: impl for<'a> FnMut(&[Cell<'a>], &mut Vec<u8>) -> Result<Answer<'a>, Failure>,
) -> Arc<Column> {
    let mut faults = Faults::default();
    for argument in arguments {
        argument.add_faults(&mut faults, rows);
    }
    let mut cells = vec![Cell::Null; arguments.len()];
    let mut scratch = Vec::new();
    for row in rows {
        for (cell, argument) in cells.iter_mut().zip(arguments) {
            *cell = argument.cell(*row as usize);
        }
        if is_strict && cells.contains(&Cell::Null) {
            builder.set_null(*row);
            continue;
        }
        scratch.clear();
        if faults.get(*row).is_none() {
            builder.set_answer(*row, kernel(&cells, &mut scratch), &scratch);
        }
    }
    builder.set_faults(&faults);
    builder.finish()
}

static REGISTRY: LazyLock<Vec<&'static Function>> = LazyLock::new(|| {
    let families = [
        character::FUNCTIONS,
        choice::FUNCTIONS,
        encoding::FUNCTIONS,
        format::FUNCTIONS,
        hash::FUNCTIONS,
        integer::FUNCTIONS,
        ip::FUNCTIONS,
        json::FUNCTIONS,
        json::BUILDERS,
        list::CHANGES,
        list::FOLDS,
        list::FUNCTIONS,
        list::MAKERS,
        make::FUNCTIONS,
        moment::FUNCTIONS,
        number::FUNCTIONS,
        parts::FUNCTIONS,
        path::FUNCTIONS,
        piece::FUNCTIONS,
        real::FUNCTIONS,
        regexp::FUNCTIONS,
        rounding::FUNCTIONS,
        similarity::FUNCTIONS,
        span::FUNCTIONS,
        split::FUNCTIONS,
        strftime::FUNCTIONS,
        temporal::FUNCTIONS,
        text::FUNCTIONS,
        url::FUNCTIONS,
    ];
    let mut functions: Vec<&'static Function> = families.into_iter().flatten().collect();
    functions.sort_by_key(|function| function.doc.name);
    functions
});

impl PartialEq for Function {
    /// Names are unique.
    fn eq(&self, other: &Function) -> bool {
        self.doc.name == other.doc.name
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Body::Strict(..) => "Strict",
            Body::Lenient(..) => "Lenient",
            Body::Prepared(..) => "Prepared",
            Body::Special(_) => "Special",
        })
    }
}

/// A text argument; texts are valid UTF-8 at every valid row.
fn str_of<'a>(cell: Cell<'a>) -> &'a str {
    match cell {
        Cell::Text(bytes) => std::str::from_utf8(bytes).expect("texts are valid UTF-8"),
        other => unreachable!("{other:?} where a text was bound"),
    }
}

/// An integer argument.
fn bigint_of(cell: Cell) -> i64 {
    match cell {
        Cell::Bigint(value) => value,
        other => unreachable!("{other:?} where a bigint was bound"),
    }
}

/// A double argument.
fn double_of(cell: Cell) -> f64 {
    match cell {
        Cell::Double(value) => value,
        other => unreachable!("{other:?} where a double was bound"),
    }
}

/// A text that a function makes may be as long as this, whatever its arguments.
const MADE_BYTES_MAX: usize = 1 << 20;

/// A text that a function makes may be so many times as long as the one it is made of.
const GROWTH_MAX: usize = 8;

/// Keeps a function whose arguments multiply each other from making too much of a short text.
fn within_bounds(made_bytes: usize, source_bytes: usize) -> Result<(), Failure> {
    match made_bytes <= MADE_BYTES_MAX.max(source_bytes.saturating_mul(GROWTH_MAX)) {
        true => Ok(()),
        false => Err("the result has more than 1 MiB, and more than 8 times its source".into()),
    }
}

fn text_answer(text: &str) -> Result<Answer<'_>, Failure> {
    Ok(Answer::Cell(Cell::Text(text.as_bytes())))
}

fn bigint_answer<'a>(value: impl TryInto<i64>) -> Result<Answer<'a>, Failure> {
    let value = value.try_into().map_err(|_| "bigint overflow")?;
    Ok(Answer::Cell(Cell::Bigint(value)))
}

fn boolean_answer<'a>(value: bool) -> Result<Answer<'a>, Failure> {
    Ok(Answer::Cell(Cell::Boolean(value)))
}

fn double_answer<'a>(value: f64) -> Result<Answer<'a>, Failure> {
    Ok(Answer::Cell(Cell::Double(value)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::tests::text_of;

    #[test]
    fn every_example_gives_its_result() {
        for doc in all() {
            assert_eq!(text_of(doc.example), Ok(doc.result.to_string()), "{}", doc.example);
        }
    }

    #[test]
    fn names_are_unique_and_docs_are_sorted() {
        let mut all_names: Vec<&str> = names().collect();
        let count = all_names.len();
        all_names.sort_unstable();
        all_names.dedup();
        assert_eq!(all_names.len(), count);
        assert!(all().map(|doc| doc.name).is_sorted());
    }

    #[test]
    fn every_signature_starts_with_its_name() {
        for doc in all() {
            assert!(doc.signature.starts_with(doc.name), "{}", doc.signature);
        }
    }

    #[test]
    fn the_language_names_only_functions_that_exist() {
        let language = include_str!("../LANGUAGE.md");
        let (_, section) = language.split_once("## Functions\n").expect("a section");
        let (_, listed) = section.split_once("Beyond those:").expect("a list");
        let (listed, _) = listed.split_once('.').expect("its end");
        let listed: Vec<&str> = listed.split('`').skip(1).step_by(2).collect();
        assert!(listed.len() > 10);
        for name in listed {
            assert!(find(name).is_some(), "{name}");
        }
    }
}
