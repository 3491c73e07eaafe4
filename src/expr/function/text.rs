//! Texts as wholes: case, trimming, padding, joining. Lengths count characters (Unicode code points).

use super::{
    Body, Function, FunctionDoc, Kernel, Parameter, ResultType, bigint_answer, bigint_of, str_of,
    text_answer, within_bounds,
};
use crate::expr::evaluate::cell::{Answer, Cell, Failure};
use crate::record::DataType;

/// The longest text that `repeat`, `lpad` and `rpad` make: they can blow up a record without bound.
const BYTES_MAX: usize = 1 << 20;

const FAMILY: &str = "text";
const STRICT: &str = "NULL where an argument is NULL";
pub(super) const TEXT: ResultType = |_| DataType::Text;
const BIGINT: ResultType = |_| DataType::Bigint;

const ONE: &[Parameter] = &[Parameter::Text];
pub(super) const TWO: &[Parameter] = &[Parameter::Text, Parameter::Text];
pub(super) const COUNTED: &[Parameter] = &[Parameter::Text, Parameter::Bigint];
const PADDED: &[Parameter] = &[Parameter::Text, Parameter::Bigint, Parameter::Text];

/// The functions.
pub const FUNCTIONS: &[Function] = &[
    Function {
        aliases: &["lcase"],
        ..function(
            ["lower", "lower(text) -> text", "in lower case", "lower('ABC')", "abc"],
            ONE,
            TEXT,
            |cells, out| write(out, str_of(cells[0]).chars().flat_map(char::to_lowercase)),
        )
    },
    Function {
        aliases: &["ucase"],
        ..function(
            ["upper", "upper(text) -> text", "in upper case", "upper('abc')", "ABC"],
            ONE,
            TEXT,
            |cells, out| write(out, str_of(cells[0]).chars().flat_map(char::to_uppercase)),
        )
    },
    optional(
        [
            "trim",
            "trim(text[, characters text]) -> text",
            "without those characters (default: spaces) at both ends; also TRIM(a FROM b)",
            "trim('  a ')",
            "a",
        ],
        TWO,
        |cells, _| {
            let (text, set) = trimming(cells);
            text_answer(text.trim_matches(|c| set.contains(c)))
        },
    ),
    optional(
        [
            "ltrim",
            "ltrim(text[, characters text]) -> text",
            "without those characters (default: spaces) at the start",
            "ltrim('xxax', 'x')",
            "ax",
        ],
        TWO,
        |cells, _| {
            let (text, set) = trimming(cells);
            text_answer(text.trim_start_matches(|c| set.contains(c)))
        },
    ),
    optional(
        [
            "rtrim",
            "rtrim(text[, characters text]) -> text",
            "without those characters (default: spaces) at the end",
            "rtrim('a  ')",
            "a",
        ],
        TWO,
        |cells, _| {
            let (text, set) = trimming(cells);
            text_answer(text.trim_end_matches(|c| set.contains(c)))
        },
    ),
    Function {
        aliases: &["len", "char_length", "character_length"],
        ..function(
            ["length", "length(text) -> bigint", "the number of characters", "length('abc')", "3"],
            ONE,
            BIGINT,
            |cells, _| bigint_answer(str_of(cells[0]).chars().count()),
        )
    },
    function(
        [
            "replace",
            "replace(text, from text, to text) -> text",
            "with every occurrence of one text replaced by another",
            "replace('a-b-c', '-', '+')",
            "a+b+c",
        ],
        &[Parameter::Text, Parameter::Text, Parameter::Text],
        TEXT,
        |cells, out| {
            let [text, from, to] = [str_of(cells[0]), str_of(cells[1]), str_of(cells[2])];
            if from.is_empty() {
                return text_answer(text);
            }
            let mut pieces = text.split(from);
            out.extend_from_slice(pieces.next().unwrap_or_default().as_bytes());
            for piece in pieces {
                out.extend_from_slice(to.as_bytes());
                out.extend_from_slice(piece.as_bytes());
                within_bounds(out.len(), text.len())?;
            }
            Ok(Answer::Written)
        },
    ),
    lenient(
        [
            "concat",
            "concat(value, ...) -> text",
            "the text forms of all arguments, one after the other",
            "concat('a', 1, NULL)",
            "a1",
        ],
        "NULL arguments are left out; never NULL",
        &[Parameter::AsText],
        |cells, out| {
            for cell in cells {
                if let Cell::Text(bytes) = cell {
                    out.extend_from_slice(bytes);
                }
            }
            Ok(Answer::Written)
        },
    ),
    lenient(
        [
            "concat_ws",
            "concat_ws(separator text, value, ...) -> text",
            "the text forms of all values with a separator between two",
            "concat_ws('/', 'a', NULL, 'b')",
            "a/b",
        ],
        "NULL where the separator is NULL; NULL values are left out",
        &[Parameter::Text, Parameter::AsText],
        concat_ws,
    ),
    function(
        [
            "lpad",
            "lpad(text, length bigint, fill text) -> text",
            "filled up at the start, or cut off at the end, to so many characters",
            "lpad('7', 3, '0')",
            "007",
        ],
        PADDED,
        TEXT,
        |cells, out| pad(cells, out, End::Start),
    ),
    function(
        [
            "rpad",
            "rpad(text, length bigint, fill text) -> text",
            "filled up, or cut off, at the end to so many characters",
            "rpad('a', 3, '.')",
            "a..",
        ],
        PADDED,
        TEXT,
        |cells, out| pad(cells, out, End::End),
    ),
    function(
        ["reverse", "reverse(text) -> text", "the characters backwards", "reverse('abc')", "cba"],
        ONE,
        TEXT,
        |cells, out| write(out, str_of(cells[0]).chars().rev()),
    ),
    function(
        [
            "repeat",
            "repeat(text, count bigint) -> text",
            "the text so many times; more than 1 MiB is a fault",
            "repeat('ab', 3)",
            "ababab",
        ],
        COUNTED,
        TEXT,
        |cells, out| {
            let text = str_of(cells[0]);
            let count = usize::try_from(bigint_of(cells[1]).max(0)).unwrap_or(usize::MAX);
            if text.len().saturating_mul(count) > BYTES_MAX {
                return Err("repeat makes more than 1 MiB".into());
            }
            (0..if text.is_empty() { 0 } else { count })
                .for_each(|_| out.extend_from_slice(text.as_bytes()));
            Ok(Answer::Written)
        },
    ),
];

/// The operator `||`.
pub static CONCATENATION: Function = function(
    ["||", "text || text -> text", "both texts, one after the other", "'a' || 'b'", "ab"],
    TWO,
    TEXT,
    |cells, out| {
        out.extend_from_slice(str_of(cells[0]).as_bytes());
        out.extend_from_slice(str_of(cells[1]).as_bytes());
        Ok(Answer::Written)
    },
);

/// Where a text is filled up.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Start,
    End,
}

/// A strict function from its name, signature, doc, example and result.
pub(super) const fn function(
    [name, signature, doc, example, result]: [&'static str; 5],
    parameters: &'static [Parameter],
    result_type: ResultType,
    kernel: Kernel,
) -> Function {
    Function {
        doc: FunctionDoc { name, family: FAMILY, signature, doc, nulls: STRICT, example, result },
        aliases: &[],
        parameters,
        required: parameters.len(),
        repeats: false,
        body: Body::Strict(result_type, kernel),
    }
}

/// A text function whose last argument may be missing.
const fn optional(
    doc: [&'static str; 5],
    parameters: &'static [Parameter],
    kernel: Kernel,
) -> Function {
    Function { required: parameters.len() - 1, ..function(doc, parameters, TEXT, kernel) }
}

/// A text function of any number of arguments that sees its NULLs.
const fn lenient(
    [name, signature, doc, example, result]: [&'static str; 5],
    nulls: &'static str,
    parameters: &'static [Parameter],
    kernel: Kernel,
) -> Function {
    Function {
        doc: FunctionDoc { name, family: FAMILY, signature, doc, nulls, example, result },
        aliases: &[],
        parameters,
        required: parameters.len(),
        repeats: true,
        body: Body::Lenient(TEXT, kernel),
    }
}

fn write<'a>(
    out: &mut Vec<u8>,
    characters: impl Iterator<Item = char>,
) -> Result<Answer<'a>, Failure> {
    for character in characters {
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
    Ok(Answer::Written)
}

fn trimming<'a>(cells: &[Cell<'a>]) -> (&'a str, &'a str) {
    (str_of(cells[0]), cells.get(1).map_or(" ", |set| str_of(*set)))
}

/// Splits before the character of that index, counted from 0.
pub(super) fn split_at(text: &str, index: usize) -> (&str, &str) {
    let at = text.char_indices().nth(index).map_or(text.len(), |(at, _)| at);
    text.split_at(at)
}

fn concat_ws<'a>(cells: &[Cell<'a>], out: &mut Vec<u8>) -> Result<Answer<'a>, Failure> {
    let [Cell::Text(separator), values @ ..] = cells else {
        return Ok(Answer::Cell(Cell::Null));
    };
    let mut is_first = true;
    for value in values {
        if let Cell::Text(bytes) = value {
            if !is_first {
                out.extend_from_slice(separator);
            }
            out.extend_from_slice(bytes);
            is_first = false;
        }
    }
    Ok(Answer::Written)
}

fn pad<'a>(cells: &[Cell<'a>], out: &mut Vec<u8>, end: End) -> Result<Answer<'a>, Failure> {
    let (text, fill) = (str_of(cells[0]), str_of(cells[2]));
    let length = usize::try_from(bigint_of(cells[1]).max(0)).unwrap_or(usize::MAX);
    let count = text.chars().count();
    if count >= length {
        return text_answer(split_at(text, length).0);
    }
    if fill.is_empty() {
        return Err("nothing to fill up with".into());
    }
    let missing = length - count;
    if text.len().saturating_add(missing) > BYTES_MAX {
        return Err("padding makes more than 1 MiB".into());
    }
    if end == End::End {
        out.extend_from_slice(text.as_bytes());
    }
    write(out, fill.chars().cycle().take(missing))?;
    if end == End::Start {
        out.extend_from_slice(text.as_bytes());
    }
    Ok(Answer::Written)
}
