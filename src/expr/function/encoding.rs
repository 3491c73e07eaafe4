//! Texts as other texts: base64, hexadecimal, binary, and percent signs in urls.
//!
//! There are no byte strings: what decodes to bytes that are no text is a fault.

use super::declare::declare;
use super::{Body, Function, Kernel, Parameter, ResultType, str_of};
use crate::expr::evaluate::cell::{Answer, Cell, Failure};
use crate::record::DataType;

const FAMILY: &str = "encoding";
const TEXT: ResultType = |_| DataType::Text;
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const UPPER_DIGITS: &[u8; 16] = b"0123456789ABCDEF";

/// The functions.
pub const FUNCTIONS: &[Function] = &[
    Function {
        aliases: &["base64"],
        ..of_text(
            [
                "to_base64",
                "to_base64(text) -> text",
                "the bytes of a text in base64",
                "to_base64('onward')",
                "b253YXJk",
            ],
            |cells, out| {
                write_base64(out, str_of(cells[0]).as_bytes());
                Ok(Answer::Written)
            },
        )
    },
    of_text(
        [
            "from_base64",
            "from_base64(text) -> text",
            "the text whose bytes are written in base64; a fault where they are no text",
            "from_base64('b253YXJk')",
            "onward",
        ],
        |cells, out| written(out, |out| read_base64(out, str_of(cells[0]).as_bytes())),
    ),
    Function {
        aliases: &["to_hex"],
        ..declare(
            FAMILY,
            [
                "hex",
                "hex(text or bigint) -> text",
                "the bytes of a text, or an integer (negative ones in 64 bits), in hexadecimal digits",
                "hex('AZ')",
                "415A",
            ],
            &[Parameter::TextOrBigint],
            Body::Strict(TEXT, |cells, out| in_digits(cells[0], out, 4)),
        )
    },
    Function {
        aliases: &["from_hex"],
        ..of_text(
            [
                "unhex",
                "unhex(text) -> text",
                "the text whose bytes are written in hexadecimal; a fault where they are no text",
                "unhex('415A')",
                "AZ",
            ],
            |cells, out| written(out, |out| read_digits(out, str_of(cells[0]).as_bytes(), 4)),
        )
    },
    Function {
        aliases: &["to_binary"],
        ..declare(
            FAMILY,
            [
                "bin",
                "bin(text or bigint) -> text",
                "the bytes of a text, or an integer (negative ones in 64 bits), in binary digits",
                "bin(10)",
                "1010",
            ],
            &[Parameter::TextOrBigint],
            Body::Strict(TEXT, |cells, out| in_digits(cells[0], out, 1)),
        )
    },
    Function {
        aliases: &["from_binary"],
        ..of_text(
            [
                "unbin",
                "unbin(text) -> text",
                "the text whose bytes are written in binary; a fault where they are no text",
                "unbin('01000001')",
                "A",
            ],
            |cells, out| written(out, |out| read_digits(out, str_of(cells[0]).as_bytes(), 1)),
        )
    },
    of_text(
        [
            "url_encode",
            "url_encode(text) -> text",
            "for use inside of a url: all but letters, digits and -_.~ as %XX",
            "url_encode('a b&c')",
            "a%20b%26c",
        ],
        |cells, out| {
            for byte in str_of(cells[0]).bytes() {
                match byte {
                    b'-' | b'_' | b'.' | b'~' => out.push(byte),
                    _ if byte.is_ascii_alphanumeric() => out.push(byte),
                    _ => {
                        out.push(b'%');
                        out.extend_from_slice(&digits_of(byte));
                    }
                }
            }
            Ok(Answer::Written)
        },
    ),
    of_text(
        [
            "url_decode",
            "url_decode(text) -> text",
            "with %XX as the byte that it stands for; a fault where that is no text",
            "url_decode('a%20b%26c')",
            "a b&c",
        ],
        |cells, out| {
            written(out, |out| {
                decode_percent(out, str_of(cells[0]).as_bytes(), Plus::IsItself);
                Ok(())
            })
        },
    ),
];

const fn of_text(doc: [&'static str; 5], kernel: Kernel) -> Function {
    declare(FAMILY, doc, &[Parameter::Text], Body::Strict(TEXT, kernel))
}

/// What `write` writes, where it is a text.
fn written<'a>(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), Failure>,
) -> Result<Answer<'a>, Failure> {
    write(out)?;
    match std::str::from_utf8(out) {
        Ok(_) => Ok(Answer::Written),
        Err(_) => Err("the decoded bytes are not UTF-8 text".into()),
    }
}

/// A byte as two hexadecimal digits.
fn digits_of(byte: u8) -> [u8; 2] {
    [UPPER_DIGITS[usize::from(byte >> 4)], UPPER_DIGITS[usize::from(byte & 15)]]
}

/// Writes bytes as hexadecimal digits in lower case.
pub(super) fn write_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    for byte in bytes {
        out.extend_from_slice(&digits_of(*byte).map(|digit| digit.to_ascii_lowercase()));
    }
}

/// What `+` stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plus {
    /// Itself.
    IsItself,
    /// A space, as forms write it in queries.
    IsSpace,
}

/// `%XX` becomes a byte; what is no such triple stays.
pub(super) fn decode_percent(out: &mut Vec<u8>, mut text: &[u8], plus: Plus) {
    while let [first, rest @ ..] = text {
        text = rest;
        match (*first, rest) {
            (b'+', _) if plus == Plus::IsSpace => out.push(b' '),
            (b'%', [high, low, rest @ ..]) => match (digit(*high, 4), digit(*low, 4)) {
                (Some(high), Some(low)) => {
                    out.push(high << 4 | low);
                    text = rest;
                }
                _ => out.push(b'%'),
            },
            (byte, _) => out.push(byte),
        }
    }
}

fn write_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    for group in bytes.chunks(3) {
        let byte = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let index = usize::try_from(bits >> (18 - 6 * place) & 63).expect("six bits");
            out.push(if place > group.len() { b'=' } else { BASE64[index] });
        }
    }
}

fn read_base64(out: &mut Vec<u8>, text: &[u8]) -> Result<(), Failure> {
    if !text.len().is_multiple_of(4) {
        return Err("the length of base64 must be a multiple of 4".into());
    }
    let padding = text.iter().rev().take(2).take_while(|byte| **byte == b'=').count();
    let digits = &text[..text.len() - padding];
    for group in digits.chunks(4) {
        let mut bits = 0;
        for place in 0..4 {
            let value = match group.get(place) {
                Some(byte) => base64_digit(*byte).ok_or("text is not base64")?,
                None => 0,
            };
            bits = bits << 6 | u32::from(value);
        }
        let [_, bytes @ ..] = bits.to_be_bytes();
        out.extend_from_slice(&bytes[..group.len() - 1]);
    }
    Ok(())
}

fn base64_digit(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

/// A text byte by byte, or an integer, in digits of so many bits.
fn in_digits<'a>(cell: Cell, out: &mut Vec<u8>, bits: u32) -> Result<Answer<'a>, Failure> {
    let text = match cell {
        Cell::Text(bytes) if bits == 4 => {
            bytes.iter().for_each(|byte| out.extend_from_slice(&digits_of(*byte)));
            return Ok(Answer::Written);
        }
        Cell::Text(bytes) => {
            for byte in bytes {
                out.extend((0..8).rev().map(|bit| b'0' + (byte >> bit & 1)));
            }
            return Ok(Answer::Written);
        }
        Cell::Bigint(value) if bits == 4 => format!("{value:X}"),
        Cell::Bigint(value) => format!("{value:b}"),
        other => unreachable!("{other:?} where a text or bigint was bound"),
    };
    out.extend_from_slice(text.as_bytes());
    Ok(Answer::Written)
}

/// Digits of so many bits each to bytes; the first byte may have fewer digits.
fn read_digits(out: &mut Vec<u8>, text: &[u8], bits: u32) -> Result<(), Failure> {
    let digits_per_byte = if bits == 4 { 2 } else { 8 };
    let value_of = |digits: &[u8]| {
        digits.iter().try_fold(0_u8, |value, byte| Some(value << bits | digit(*byte, bits)?))
    };
    let (head, tail) = text.split_at(text.len() % digits_per_byte);
    let groups = std::iter::once(head).filter(|head| !head.is_empty());
    for group in groups.chain(tail.chunks(digits_per_byte)) {
        let reason = if bits == 4 { "a digit is not hexadecimal" } else { "a digit is not binary" };
        out.push(value_of(group).ok_or(reason)?);
    }
    Ok(())
}

/// The value of a digit of so many bits.
fn digit(byte: u8, bits: u32) -> Option<u8> {
    let value = char::from(byte).to_digit(1 << bits)?;
    u8::try_from(value).ok()
}
