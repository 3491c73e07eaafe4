//! Single characters: their codes, their accents, and texts changed one character at a time.

use super::declare::declare;
use super::prepared::routine;
use super::{
    Body, Flaw, Function, Kernel, Parameter, ResultType, Routine, bigint_answer, bigint_of, str_of,
    within_bounds,
};
use crate::expr::evaluate::cell::{Answer, Cell, Failure};
use crate::record::DataType;
use unicode_normalization::char::is_combining_mark;
use unicode_normalization::{UnicodeNormalization, is_nfc};

const FAMILY: &str = "text";
const TEXT: ResultType = |_| DataType::Text;
const BIGINT: ResultType = |_| DataType::Bigint;
const ONE: &[Parameter] = &[Parameter::Text];

/// The functions.
pub const FUNCTIONS: &[Function] = &[
    to_bigint(
        [
            "ascii",
            "ascii(text) -> bigint",
            "the code point of the first character; 0 where there is none",
            "ascii('Az')",
            "65",
        ],
        |cells, _| bigint_answer(str_of(cells[0]).chars().next().map_or(0, u32::from)),
    ),
    Function {
        aliases: &["ord"],
        ..to_bigint(
            [
                "unicode",
                "unicode(text) -> bigint",
                "the code point of the first character; -1 where there is none",
                "unicode('Az')",
                "65",
            ],
            |cells, _| {
                bigint_answer(
                    str_of(cells[0]).chars().next().map_or(-1, |first| i64::from(u32::from(first))),
                )
            },
        )
    },
    declare(
        FAMILY,
        ["chr", "chr(code bigint) -> text", "the character of a code point", "chr(65)", "A"],
        &[Parameter::Bigint],
        Body::Strict(TEXT, |cells, out| {
            let code = u32::try_from(bigint_of(cells[0])).ok().and_then(char::from_u32);
            let character = code.ok_or("number is not the code point of a character")?;
            push(out, character);
            Ok(Answer::Written)
        }),
    ),
    to_bigint(
        [
            "bit_length",
            "bit_length(text) -> bigint",
            "the number of bits",
            "bit_length('abc')",
            "24",
        ],
        |cells, _| bigint_answer(str_of(cells[0]).len().saturating_mul(8)),
    ),
    Function {
        aliases: &["octet_length"],
        ..to_bigint(
            ["strlen", "strlen(text) -> bigint", "the number of bytes", "strlen('abc')", "3"],
            |cells, _| bigint_answer(str_of(cells[0]).len()),
        )
    },
    to_text(
        [
            "initcap",
            "initcap(text) -> text",
            "with every word's first letter in upper case and the others in lower case",
            "initcap('new YORK-city')",
            "New York-City",
        ],
        ONE,
        |cells, out| {
            let mut is_inside = false;
            for character in str_of(cells[0]).chars() {
                match is_inside {
                    true => character.to_lowercase().for_each(|character| push(out, character)),
                    false => character.to_uppercase().for_each(|character| push(out, character)),
                }
                is_inside = character.is_alphanumeric();
            }
            Ok(Answer::Written)
        },
    ),
    declare(
        FAMILY,
        [
            "translate",
            "translate(text, from text, to text) -> text",
            "with each character of one set replaced by its counterpart in another, or left out",
            "translate('12345', '143', 'ax')",
            "a2x5",
        ],
        &[Parameter::Text, Parameter::Text, Parameter::Text],
        Body::Prepared(TEXT, &[1, 2], translate),
    ),
    Function {
        required: 3,
        ..to_text(
            [
                "overlay",
                "overlay(text, other text, start bigint[, length bigint]) -> text",
                "with a part replaced by another text, as long as that one where no length is said",
                "overlay('Txxxxas', 'hom', 2, 4)",
                "Thomas",
            ],
            &[Parameter::Text, Parameter::Text, Parameter::Bigint, Parameter::Bigint],
            overlay,
        )
    },
    to_text(
        [
            "strip_accents",
            "strip_accents(text) -> text",
            "without the accents of its letters",
            "strip_accents('Cr\u{e8}me br\u{fb}l\u{e9}e')",
            "Creme brulee",
        ],
        ONE,
        |cells, out| {
            let text = str_of(cells[0]);
            if text.is_ascii() {
                return super::text_answer(text);
            }
            let letters = text.nfd().filter(|character| !is_combining_mark(*character));
            letters.nfc().for_each(|character| push(out, character));
            Ok(Answer::Written)
        },
    ),
    to_text(
        [
            "nfc_normalize",
            "nfc_normalize(text) -> text",
            "in Unicode's composed form NFC, so that equal texts have equal characters",
            "length(nfc_normalize(concat('e', chr(769))))",
            "1",
        ],
        ONE,
        |cells, out| {
            let text = str_of(cells[0]);
            if is_nfc(text) {
                return super::text_answer(text);
            }
            text.nfc().for_each(|character| push(out, character));
            Ok(Answer::Written)
        },
    ),
];

const fn to_bigint(doc: [&'static str; 5], kernel: Kernel) -> Function {
    declare(FAMILY, doc, ONE, Body::Strict(BIGINT, kernel))
}

const fn to_text(
    doc: [&'static str; 5],
    parameters: &'static [Parameter],
    kernel: Kernel,
) -> Function {
    declare(FAMILY, doc, parameters, Body::Strict(TEXT, kernel))
}

fn push(out: &mut Vec<u8>, character: char) {
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

/// Where a character is listed twice the first counts.
fn translate(constants: &[Option<Cell>]) -> Result<Routine, Flaw> {
    let set = |index: usize| constants.get(index).copied().flatten().map_or("", str_of).chars();
    let mut others = set(2);
    let mut pairs: Vec<(char, Option<char>)> = set(1).map(|from| (from, others.next())).collect();
    pairs.sort_by_key(|(from, _)| *from);
    pairs.dedup_by_key(|(from, _)| *from);
    Ok(routine(move |cells, out| {
        for character in str_of(cells[0]).chars() {
            match pairs.binary_search_by_key(&character, |(from, _)| *from) {
                Err(_) => push(out, character),
                Ok(at) => pairs[at].1.into_iter().for_each(|other| push(out, other)),
            }
        }
        Ok(Answer::Written)
    }))
}

/// As in PostgreSQL: what stands before `start`, the other text, what stands from `start + length` on. A negative length is
/// as good as none.
fn overlay<'a>(cells: &[Cell<'a>], out: &mut Vec<u8>) -> Result<Answer<'a>, Failure> {
    let (text, other, start) = (str_of(cells[0]), str_of(cells[1]), bigint_of(cells[2]));
    let length = cells.get(3).map(|length| bigint_of(*length)).filter(|length| *length >= 0);
    let length = match length {
        Some(length) => length,
        None => i64::try_from(other.chars().count()).unwrap_or(i64::MAX),
    };
    let characters = |position: i64| usize::try_from(position.saturating_sub(1)).unwrap_or(0);
    let (head, _) = super::text::split_at(text, characters(start));
    let (_, tail) = super::text::split_at(text, characters(start.saturating_add(length)));
    within_bounds(head.len() + other.len() + tail.len(), text.len() + other.len())?;
    for piece in [head, other, tail] {
        out.extend_from_slice(piece.as_bytes());
    }
    Ok(Answer::Written)
}
