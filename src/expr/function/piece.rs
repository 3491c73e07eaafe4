//! Pieces of texts and where they stand. Positions and lengths count characters (Unicode code points), from 1.

use super::text::{COUNTED, TEXT, TWO, function, split_at};
use super::{
    Function, Parameter, ResultType, bigint_answer, bigint_of, boolean_answer, str_of, text_answer,
};
use crate::record::DataType;

const BOOLEAN: ResultType = |_| DataType::Boolean;

/// The functions.
pub const FUNCTIONS: &[Function] = &[
    Function {
        aliases: &["substr"],
        required: 2,
        ..function(
            [
                "substring",
                "substring(text, start bigint[, length bigint]) -> text",
                "the part from a position on; a negative one counts from the end",
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
            "split_part",
            "split_part(text, separator text, index bigint) -> text",
            "one of the parts between separators, from 1 (or -1 from the end); '' where none",
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
                "where a text first holds another, from 1; 0 where nowhere",
                "position('hello', 'l')",
                "3",
            ],
            TWO,
            |_| DataType::Bigint,
            |cells, _| {
                let text = str_of(cells[0]);
                let at = text.find(str_of(cells[1]));
                bigint_answer(at.map_or(0, |at| text[..at].chars().count() + 1))
            },
        )
    },
];

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
    let first = if start < 0 { count.saturating_add(start) } else { start - 1 };
    let (from, to) = match length {
        None => (first, i64::MAX),
        Some(length) if length < 0 => (first.saturating_add(length), first),
        Some(length) => (first, first.saturating_add(length)),
    };
    let index = |position: i64| usize::try_from(position.clamp(0, count)).unwrap_or(0);
    let (head, _) = split_at(text, index(to));
    split_at(head, index(from)).1
}

fn split_part<'a>(text: &'a str, separator: &str, index: i64) -> &'a str {
    let place = usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX);
    let Some(skipped) = place.checked_sub(1) else {
        return "";
    };
    if separator.is_empty() {
        let characters = text.char_indices().map(|(at, c)| &text[at..at + c.len_utf8()]);
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
