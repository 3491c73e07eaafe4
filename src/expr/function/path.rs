//! Paths of files, as texts: nothing looks at a file system. Both slashes separate, unless one is asked for.

use super::declare::declare;
use super::{Body, Function, Parameter, ResultType, str_of, text_answer};
use crate::expr::evaluate::cell::{Cell, Failure};
use crate::record::DataType;

const FAMILY: &str = "path";
const TEXT: ResultType = |_| DataType::Text;
const PATH_AND_SEPARATOR: &[Parameter] = &[Parameter::Text, Parameter::Text];

/// The functions.
pub const FUNCTIONS: &[Function] = &[
    Function {
        required: 1,
        ..declare(
            FAMILY,
            [
                "parse_filename",
                "parse_filename(path text[, trim_extension boolean[, separator text]]) -> text",
                "the last part of a path, if wanted without its extension; \
                 separators: both_slash, forward_slash, backslash",
                "parse_filename('in/2024/orders.csv', true)",
                "orders",
            ],
            &[Parameter::Text, Parameter::Boolean, Parameter::Text],
            Body::Strict(TEXT, |cells, _| {
                let path = str_of(cells[0]);
                let separators = separators(cells.get(2))?;
                let name = path.rsplit(separators).next().unwrap_or(path);
                text_answer(match cells.get(1) {
                    Some(Cell::Boolean(true)) => name.rsplit_once('.').map_or(name, |cut| cut.0),
                    _ => name,
                })
            }),
        )
    },
    Function {
        required: 1,
        ..declare(
            FAMILY,
            [
                "parse_dirname",
                "parse_dirname(path text[, separator text]) -> text",
                "the first folder of a path; '' where it has none",
                "parse_dirname('in/2024/orders.csv')",
                "in",
            ],
            PATH_AND_SEPARATOR,
            Body::Strict(TEXT, |cells, _| {
                let path = str_of(cells[0]);
                let end = path.find(separators(cells.get(1))?).unwrap_or(0);
                let is_absolute = end == 0 && !path.is_empty();
                text_answer(match is_absolute && path.starts_with(separators(cells.get(1))?) {
                    true => &path[..1],
                    false => &path[..end],
                })
            }),
        )
    },
    Function {
        required: 1,
        ..declare(
            FAMILY,
            [
                "parse_dirpath",
                "parse_dirpath(path text[, separator text]) -> text",
                "all of a path before its last part; '' where there is nothing",
                "parse_dirpath('in/2024/orders.csv')",
                "in/2024",
            ],
            PATH_AND_SEPARATOR,
            Body::Strict(TEXT, |cells, _| {
                let path = str_of(cells[0]);
                let separators = separators(cells.get(1))?;
                // The root is its own folder.
                let is_root = !path.is_empty() && path.chars().all(|c| separators.contains(&c));
                text_answer(match is_root {
                    true => &path[..1],
                    false => &path[..path.rfind(separators).unwrap_or(0)],
                })
            }),
        )
    },
];

/// The characters that separate the parts of a path.
pub fn separators(name: Option<&Cell>) -> Result<&'static [char], Failure> {
    match name.map(|name| str_of(*name)) {
        None | Some("both_slash") => Ok(&['/', '\\']),
        Some("forward_slash" | "system") => Ok(&['/']),
        Some("backslash") => Ok(&['\\']),
        Some(_) => Err("separators are both_slash, forward_slash or backslash".into()),
    }
}
