//! Texts. Positions and lengths count characters (Unicode code points), from 1.

use super::{
    Body, Function, FunctionDoc, Kernel, Parameter, ResultType, bigint_answer, bigint_of,
    boolean_answer, str_of, text_answer,
};
use crate::expr::evaluate::cell::{Answer, Cell, Failure};
use crate::record::DataType;

/// The longest text that `repeat`, `lpad` and `rpad` make: they can blow up a record without bound.
const BYTES_MAX: usize = 1 << 20;

const FAMILY: &str = "text";
const STRICT: &str = "NULL where an argument is NULL";
const TEXT: ResultType = |_| DataType::Text;
const BIGINT: ResultType = |_| DataType::Bigint;
const BOOLEAN: ResultType = |_| DataType::Boolean;

const ONE: &[Parameter] = &[Parameter::Text];
const TWO: &[Parameter] = &[Parameter::Text, Parameter::Text];
const COUNTED: &[Parameter] = &[Parameter::Text, Parameter::Bigint];
const PADDED: &[Parameter] = &[Parameter::Text, Parameter::Bigint, Parameter::Text];

pub const FUNCTIONS: &[Function] = &[
    function(
        [
            "lower",
            "lower(text) -> text",
            "in lower case",
            "lower('ABC')",
            "abc",
        ],
        ONE,
        TEXT,
        |cells, out| write(out, str_of(cells[0]).chars().flat_map(char::to_lowercase)),
    ),
    function(
        [
            "upper",
            "upper(text) -> text",
            "in upper case",
            "upper('abc')",
            "ABC",
        ],
        ONE,
        TEXT,
        |cells, out| write(out, str_of(cells[0]).chars().flat_map(char::to_uppercase)),
    ),
    optional(
        [
            "trim",
            "trim(text[, characters text]) -> text",
            "without those characters (default: spaces) at both ends; also TRIM(characters FROM text)",
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
            [
                "length",
                "length(text) -> bigint",
                "the number of characters",
                "length('abc')",
                "3",
            ],
            ONE,
            BIGINT,
            |cells, _| bigint_answer(str_of(cells[0]).chars().count()),
        )
    },
    Function {
        aliases: &["substr"],
        required: 2,
        ..function(
            [
                "substring",
                "substring(text, start bigint[, length bigint]) -> text",
                "the part from a position on; a negative start counts from the end; also SUBSTRING(x FROM a FOR b)",
                "substring('hello', 2, 3)",
                "ell",
            ],
            &[Parameter::Text, Parameter::Bigint, Parameter::Bigint],
            TEXT,
            |cells, _| {
                let length = cells.get(2).map(|length| bigint_of(*length));
                text_answer(substring(str_of(cells[0]), bigint_of(cells[1]), length))
            },
        )
    },
    function(
        [
            "left",
            "left(text, count bigint) -> text",
            "the first characters; a negative count: all but so many at the end",
            "left('hello', 2)",
            "he",
        ],
        COUNTED,
        TEXT,
        |cells, _| {
            let (text, count) = (str_of(cells[0]), bigint_of(cells[1]));
            text_answer(split_at(text, count_from_start(text, count)).0)
        },
    ),
    function(
        [
            "right",
            "right(text, count bigint) -> text",
            "the last characters; a negative count: all but so many at the start",
            "right('hello', 2)",
            "lo",
        ],
        COUNTED,
        TEXT,
        |cells, _| {
            let (text, count) = (str_of(cells[0]), bigint_of(cells[1]));
            let skipped = match usize::try_from(count) {
                Ok(count) => text.chars().count().saturating_sub(count),
                Err(_) => usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX),
            };
            text_answer(split_at(text, skipped).1)
        },
    ),
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
            "split_part",
            "split_part(text, separator text, index bigint) -> text",
            "one of the parts between separators, counted from 1 (from the end where negative); '' where there is none",
            "split_part('a/b/c', '/', 2)",
            "b",
        ],
        &[Parameter::Text, Parameter::Text, Parameter::Bigint],
        TEXT,
        |cells, _| {
            let [text, separator] = [str_of(cells[0]), str_of(cells[1])];
            text_answer(split_part(text, separator, bigint_of(cells[2])))
        },
    ),
    Function {
        aliases: &["prefix"],
        ..function(
            [
                "starts_with",
                "starts_with(text, prefix text) -> boolean",
                "whether a text begins with another",
                "starts_with('hello', 'he')",
                "true",
            ],
            TWO,
            BOOLEAN,
            |cells, _| boolean_answer(str_of(cells[0]).starts_with(str_of(cells[1]))),
        )
    },
    Function {
        aliases: &["suffix"],
        ..function(
            [
                "ends_with",
                "ends_with(text, suffix text) -> boolean",
                "whether a text ends with another",
                "ends_with('hello', 'lo')",
                "true",
            ],
            TWO,
            BOOLEAN,
            |cells, _| boolean_answer(str_of(cells[0]).ends_with(str_of(cells[1]))),
        )
    },
    function(
        [
            "contains",
            "contains(text, part text) -> boolean",
            "whether a text holds another",
            "contains('hello', 'ell')",
            "true",
        ],
        TWO,
        BOOLEAN,
        |cells, _| {
            let [text, part] = [str_of(cells[0]), str_of(cells[1])];
            boolean_answer(memchr::memmem::find(text.as_bytes(), part.as_bytes()).is_some())
        },
    ),
    Function {
        aliases: &["strpos", "instr"],
        ..function(
            [
                "position",
                "position(text, part text) -> bigint",
                "where a text first holds another, from 1; 0 where it does not; also POSITION(part IN text)",
                "position('hello', 'l')",
                "3",
            ],
            TWO,
            BIGINT,
            |cells, _| {
                let text = str_of(cells[0]);
                let at = text.find(str_of(cells[1]));
                bigint_answer(at.map_or(0, |at| text[..at].chars().count() + 1))
            },
        )
    },
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
        [
            "reverse",
            "reverse(text) -> text",
            "the characters backwards",
            "reverse('abc')",
            "cba",
        ],
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
    [
        "||",
        "text || text -> text",
        "both texts, one after the other",
        "'a' || 'b'",
        "ab",
    ],
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
const fn function(
    [name, signature, doc, example, result]: [&'static str; 5],
    parameters: &'static [Parameter],
    result_type: ResultType,
    kernel: Kernel,
) -> Function {
    Function {
        doc: FunctionDoc {
            name,
            family: FAMILY,
            signature,
            doc,
            nulls: STRICT,
            example,
            result,
        },
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
    Function {
        required: parameters.len() - 1,
        ..function(doc, parameters, TEXT, kernel)
    }
}

/// A text function of any number of arguments that sees its NULLs.
const fn lenient(
    [name, signature, doc, example, result]: [&'static str; 5],
    nulls: &'static str,
    parameters: &'static [Parameter],
    kernel: Kernel,
) -> Function {
    Function {
        doc: FunctionDoc {
            name,
            family: FAMILY,
            signature,
            doc,
            nulls,
            example,
            result,
        },
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
    (
        str_of(cells[0]),
        cells.get(1).map_or(" ", |set| str_of(*set)),
    )
}

/// Splits before the character of that index, counted from 0.
fn split_at(text: &str, index: usize) -> (&str, &str) {
    let at = text
        .char_indices()
        .nth(index)
        .map_or(text.len(), |(at, _)| at);
    text.split_at(at)
}

/// So many characters, or all but so many.
fn count_from_start(text: &str, count: i64) -> usize {
    usize::try_from(count).unwrap_or_else(|_| {
        let dropped = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
        text.chars().count().saturating_sub(dropped)
    })
}

/// As DuckDB: positions before the first count into the length; a negative length goes to the left.
fn substring(text: &str, start: i64, length: Option<i64>) -> &str {
    let count = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    let first = if start < 0 {
        count.saturating_add(start)
    } else {
        start - 1
    };
    let (from, to) = match length {
        None => (first, i64::MAX),
        Some(length) if length < 0 => (first.saturating_add(length), first),
        Some(length) => (first, first.saturating_add(length)),
    };
    let index = |position: i64| usize::try_from(position.clamp(0, count)).unwrap_or(0);
    let (head, _) = split_at(text, index(to));
    split_at(head, index(from)).1
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

fn split_part<'a>(text: &'a str, separator: &str, index: i64) -> &'a str {
    let place = usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX);
    let Some(skipped) = place.checked_sub(1) else {
        return "";
    };
    if separator.is_empty() {
        let characters = text
            .char_indices()
            .map(|(at, c)| &text[at..at + c.len_utf8()]);
        let mut characters: Vec<&str> = characters.collect();
        if index < 0 {
            characters.reverse();
        }
        return characters.get(skipped).copied().unwrap_or("");
    }
    let part = match index > 0 {
        true => text.split(separator).nth(skipped),
        false => text.rsplit(separator).nth(skipped),
    };
    part.unwrap_or("")
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
