//! Regular expressions with RE2's syntax and meaning: linear time, no back references, no looking around.
//!
//! Patterns and options are prepared: a constant one is compiled once, when the expression is bound.

mod pattern;

mod syntax;

use super::declare::declare;
use super::prepared::routine;
use super::{
    Body, Flaw, Function, Parameter, Prepare, ResultType, Routine, bigint_of, boolean_answer,
    str_of, text_answer,
};
use crate::expr::evaluate::cell::{Answer, Cell};
use crate::record::DataType;
use pattern::check_replacement;
pub use pattern::{Extent, GlobalOption, Pattern};

const FAMILY: &str = "regular expression";
const BOOLEAN: ResultType = |_| DataType::Boolean;
const TEXT: ResultType = |_| DataType::Text;

/// The highest group that `regexp_extract` gives; RE2's limit of references.
const GROUP_MAX: i64 = 9;

const PATTERN_AND_OPTIONS: &[Parameter] = &[Parameter::Text, Parameter::Text, Parameter::Text];

/// The functions.
pub const FUNCTIONS: &[Function] = &[
    matching(
        [
            "regexp_matches",
            "regexp_matches(text, pattern text[, options text]) -> boolean",
            "whether a text holds a match; options: i ignores case, s lets . match line ends, l is literal",
            "regexp_matches('order 66', '[0-9]+')",
            "true",
        ],
        |constants| matches(constants, Extent::Part),
    ),
    matching(
        [
            "regexp_full_match",
            "regexp_full_match(text, pattern text[, options text]) -> boolean",
            "whether a text matches as a whole; options as for regexp_matches",
            "regexp_full_match('A-66', '[a-z]-\\d+', 'i')",
            "true",
        ],
        |constants| matches(constants, Extent::Whole),
    ),
    Function {
        required: 2,
        ..declare(
            FAMILY,
            [
                "regexp_extract",
                "regexp_extract(text, pattern text[, group bigint[, options text]]) -> text",
                "the first match, or a group of it (0 to 9); '' where there is none",
                "regexp_extract('2024-05-17', '(\\d+)-(\\d+)', 2)",
                "05",
            ],
            &[Parameter::Text, Parameter::Text, Parameter::Bigint, Parameter::Text],
            Body::Prepared(TEXT, &[1, 3], extract),
        )
    },
    Function {
        required: 3,
        ..declare(
            FAMILY,
            [
                "regexp_replace",
                "regexp_replace(text, pattern text, replacement text[, options text]) -> text",
                "with the first match replaced, with option g all; \\1 stands for a group, \\0 for the match",
                "regexp_replace('a1b22', '(\\d+)', '<\\1>', 'g')",
                "a<1>b<22>",
            ],
            &[Parameter::Text, Parameter::Text, Parameter::Text, Parameter::Text],
            Body::Prepared(TEXT, &[1, 3], replace),
        )
    },
    declare(
        FAMILY,
        [
            "regexp_escape",
            "regexp_escape(text) -> text",
            "the pattern that matches just this text",
            "regexp_escape('1.5*')",
            "1\\.5\\*",
        ],
        &[Parameter::Text],
        Body::Strict(TEXT, |cells, out| {
            for character in str_of(cells[0]).chars() {
                match character {
                    '\0' => out.extend_from_slice(b"\\x00"),
                    _ => {
                        if character.is_ascii()
                            && !character.is_ascii_alphanumeric()
                            && character != '_'
                        {
                            out.push(b'\\');
                        }
                        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                    }
                }
            }
            Ok(Answer::Written)
        }),
    ),
];

/// A test with optional options.
const fn matching(doc: [&'static str; 5], prepare: Prepare) -> Function {
    let body = Body::Prepared(BOOLEAN, &[1, 2], prepare);
    Function { required: 2, ..declare(FAMILY, doc, PATTERN_AND_OPTIONS, body) }
}

fn matches(constants: &[Option<Cell>], extent: Extent) -> Result<Routine, Flaw> {
    let pattern = Pattern::new(constants, extent, 2, GlobalOption::Unknown)?;
    Ok(routine(move |cells, _| boolean_answer(pattern.regex.is_match(str_of(cells[0])))))
}

fn extract(constants: &[Option<Cell>]) -> Result<Routine, Flaw> {
    if let Some(Some(group)) = constants.get(2) {
        check_group(bigint_of(*group))?;
    }
    let regex = Pattern::new(constants, Extent::Part, 3, GlobalOption::Unknown)?.regex;
    Ok(routine(move |cells, _| {
        let text = str_of(cells[0]);
        let group = check_group(cells.get(2).map_or(0, |group| bigint_of(*group)));
        let found = match group.map_err(|flaw| flaw.reason)? {
            0 => regex.find(text),
            group if group < regex.captures_len() => {
                regex.captures(text).and_then(|groups| groups.get(group))
            }
            _ => None,
        };
        text_answer(found.map_or("", |found| found.as_str()))
    }))
}

/// A group that may be asked for.
pub fn check_group(group: i64) -> Result<usize, Flaw> {
    let number = usize::try_from(group).ok().filter(|_| group <= GROUP_MAX);
    number.ok_or_else(|| Flaw::new(2, "groups are 0 to 9"))
}

fn replace(constants: &[Option<Cell>]) -> Result<Routine, Flaw> {
    let pattern = Pattern::new(constants, Extent::Part, 3, GlobalOption::Known)?;
    if let Some(Some(replacement)) = constants.get(2) {
        check_replacement(str_of(*replacement), pattern.regex.captures_len())
            .map_err(|reason| Flaw::new(2, reason))?;
    }
    Ok(routine(move |cells, out| {
        pattern.replace(str_of(cells[0]), str_of(cells[2]), out)?;
        Ok(Answer::Written)
    }))
}
