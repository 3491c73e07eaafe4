//! The words of the dialect, and what is said about one that stands in the wrong place.
//!
//! Where a word stands is found out in `parse.rs`.

use crate::error::Diagnostic;
use sqlparser::keywords::Keyword;

/// Words that cannot be columns without quotes.
pub const RESERVED: [Keyword; 30] = [
    Keyword::ALL,
    Keyword::AND,
    Keyword::ANY,
    Keyword::AS,
    Keyword::BETWEEN,
    Keyword::BY,
    Keyword::DISTINCT,
    Keyword::ELSE,
    Keyword::END,
    Keyword::FROM,
    Keyword::GROUP,
    Keyword::HAVING,
    Keyword::ILIKE,
    Keyword::IN,
    Keyword::INTO,
    Keyword::IS,
    Keyword::JOIN,
    Keyword::LIKE,
    Keyword::LIMIT,
    Keyword::ON,
    Keyword::OR,
    Keyword::ORDER,
    Keyword::SELECT,
    Keyword::THEN,
    Keyword::UNION,
    Keyword::USING,
    Keyword::WHEN,
    Keyword::WHERE,
    Keyword::WITH,
    Keyword::XOR,
];

/// Those of them that stand between or behind operands.
const INFIX: [Keyword; 17] = [
    Keyword::AND,
    Keyword::AS,
    Keyword::BETWEEN,
    Keyword::ELSE,
    Keyword::END,
    Keyword::FROM,
    Keyword::ILIKE,
    Keyword::IN,
    Keyword::IS,
    Keyword::LIKE,
    Keyword::OR,
    Keyword::SELECT,
    Keyword::THEN,
    Keyword::WHEN,
    Keyword::WHERE,
    Keyword::WITH,
    Keyword::XOR,
];

/// Words that are whole expressions by themselves, or begin one in front of any word.
pub const CONSTANTS: [Keyword; 9] = [
    Keyword::TRUE,
    Keyword::FALSE,
    Keyword::NULL,
    Keyword::NOT,
    Keyword::CASE,
    Keyword::CURRENT_DATE,
    Keyword::CURRENT_TIMESTAMP,
    Keyword::CURRENT_TIME,
    Keyword::LOCALTIMESTAMP,
];

/// What to write instead of a word or sign that has no place in an expression.
pub fn with_hint(problem: Diagnostic, unexpected: &str) -> Diagnostic {
    let is_reserved = RESERVED.iter().any(|word| {
        // The words of the dialect itself are more often misplaced than meant as names.
        !INFIX.contains(word) && format!("{word:?}").eq_ignore_ascii_case(unexpected)
    });
    match unexpected {
        "&&" => problem.with_hint("write AND"),
        "," => problem.with_hint("write each expression as a string of its own"),
        ";" => problem.with_hint("leave it out"),
        "`" => problem.with_hint("a name that needs quotes stands in double quotes: \"name\""),
        "\u{2018}" | "\u{2019}" | "\u{201c}" | "\u{201d}" => {
            problem.with_hint("write a text in straight quotes: 'text'")
        }
        _ if is_reserved => {
            problem.with_hint(format!("a column of that name stands in quotes: \"{unexpected}\""))
        }
        _ => problem,
    }
}

/// What the tokenizer says of something that is opened and not closed.
pub fn unclosed(message: &str) -> Option<&'static str> {
    let known = [
        ("Unterminated string literal", "a text without its closing `'`"),
        ("Expected close delimiter '\"'", "a name without its closing `\"`"),
        ("Unexpected EOF while in a multi-line comment", "a comment without its closing `*/`"),
    ];
    known.iter().find(|(start, _)| message.starts_with(start)).map(|(_, said)| *said)
}
