//! Texts cut into lists of texts: at separators, at matches, or into the matches themselves.

use super::declare::declare;
use super::path::separators;
use super::prepared::routine;
use super::regexp::{Extent, GlobalOption, Pattern, check_group};
use super::{Body, Flaw, Function, Parameter, ResultType, Routine, bigint_of, str_of};
use crate::expr::evaluate::cell::{Answer, Cell, Failure};
use crate::record::list::ListWriter;
use crate::record::text::write_json_string;
use crate::record::{DataType, Element};

const TEXTS: ResultType = |_| DataType::List(Element::Text);

/// The functions.
pub const FUNCTIONS: &[Function] = &[
    Function {
        aliases: &["split", "str_split", "string_to_array"],
        ..declare(
            "text",
            [
                "string_split",
                "string_split(text, separator text) -> text[]",
                "the parts between separators; the characters where the separator is ''",
                "string_split('a-b-c', '-')",
                r#"["a","b","c"]"#,
            ],
            &[Parameter::Text, Parameter::Text],
            Body::Strict(TEXTS, |cells, out| {
                let (text, separator) = (str_of(cells[0]), str_of(cells[1]));
                match separator.is_empty() {
                    true => written(out, characters(text)),
                    false => written(out, text.split(separator)),
                }
            }),
        )
    },
    Function {
        aliases: &["string_split_regex", "str_split_regex"],
        required: 2,
        ..declare(
            "regular expression",
            [
                "regexp_split_to_array",
                "regexp_split_to_array(text, pattern text[, options text]) -> text[]",
                "the parts between matches; options as for regexp_matches",
                "regexp_split_to_array('a, b;c', '[,;] *')",
                r#"["a","b","c"]"#,
            ],
            &[Parameter::Text, Parameter::Text, Parameter::Text],
            Body::Prepared(TEXTS, &[1, 2], split),
        )
    },
    Function {
        required: 2,
        ..declare(
            "regular expression",
            [
                "regexp_extract_all",
                "regexp_extract_all(text, pattern text[, group bigint[, options text]]) -> text[]",
                "all matches, or a group (0 to 9) of each, NULL where a match is without it",
                "regexp_extract_all('a1 b22', '[a-z](\\d+)', 1)",
                r#"["1","22"]"#,
            ],
            &[Parameter::Text, Parameter::Text, Parameter::Bigint, Parameter::Text],
            Body::Prepared(TEXTS, &[1, 3], extract_all),
        )
    },
    Function {
        required: 1,
        ..declare(
            "path",
            [
                "parse_path",
                "parse_path(path text[, separator text]) -> text[]",
                "the parts of a path; one that starts at the root has the root as its first",
                "parse_path('/in/orders.csv')",
                r#"["/","in","orders.csv"]"#,
            ],
            &[Parameter::Text, Parameter::Text],
            Body::Strict(TEXTS, |cells, out| {
                let path = str_of(cells[0]);
                let separators = separators(cells.get(1))?;
                let root = path.starts_with(separators).then(|| &path[..1]);
                let parts = path.split(separators).filter(|part| !part.is_empty());
                written(out, root.into_iter().chain(parts))
            }),
        )
    },
];

/// Writes a list of texts.
fn written<'a, 't>(
    out: &mut Vec<u8>,
    texts: impl Iterator<Item = &'t str>,
) -> Result<Answer<'a>, Failure> {
    let mut list = ListWriter::new(out);
    for text in texts {
        write_json_string(list.element(), text);
    }
    list.finish();
    Ok(Answer::Written)
}

/// The characters of a text, each as a text; of the empty text one that is empty.
fn characters(text: &str) -> impl Iterator<Item = &str> {
    let whole = text.is_empty().then_some(text);
    whole.into_iter().chain(text.char_indices().map(|(at, c)| &text[at..at + c.len_utf8()]))
}

fn split(constants: &[Option<Cell>]) -> Result<Routine, Flaw> {
    let regex = Pattern::new(constants, Extent::Part, 2, GlobalOption::Unknown)?.regex;
    Ok(routine(move |cells, out| {
        let text = str_of(cells[0]);
        if text.is_empty() {
            return written(out, std::iter::once(text));
        }
        // An empty match cuts between two characters, never before the first or behind the last.
        let mut done = 0;
        let mut parts = Vec::new();
        for found in regex.find_iter(text) {
            let is_edge = found.start() == 0 || found.start() == text.len();
            if !(found.is_empty() && is_edge) {
                parts.push(&text[done..found.start()]);
                done = found.end();
            }
        }
        parts.push(&text[done..]);
        written(out, parts.into_iter())
    }))
}

fn extract_all(constants: &[Option<Cell>]) -> Result<Routine, Flaw> {
    let regex = Pattern::new(constants, Extent::Part, 3, GlobalOption::Unknown)?.regex;
    let groups = regex.captures_len();
    let known = move |group: i64| match check_group(group)? {
        group if group < groups => Ok(group),
        _ => Err(Flaw::new(2, "the pattern has no such group")),
    };
    if let Some(Some(group)) = constants.get(2) {
        known(bigint_of(*group))?;
    }
    Ok(routine(move |cells, out| {
        let text = str_of(cells[0]);
        match known(cells.get(2).map_or(0, |group| bigint_of(*group)))
            .map_err(|flaw| flaw.reason)?
        {
            0 => written(out, regex.find_iter(text).map(|found| found.as_str())),
            group => {
                let mut list = ListWriter::new(out);
                for found in regex.captures_iter(text) {
                    match found.get(group) {
                        Some(group) => write_json_string(list.element(), group.as_str()),
                        None => list.push(b"null"),
                    }
                }
                list.finish();
                Ok(Answer::Written)
            }
        }
    }))
}
