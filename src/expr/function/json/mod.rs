//! JSON: what is in a document, and documents made of values.
//!
//! A document is a JSON value, or a text that holds one. What is taken out of it keeps its source text. JSON `null` is
//! NULL wherever it stands by itself. What is looked at is here, what is made in `build`.

mod build;

mod contains;

pub use build::{FUNCTIONS as BUILDERS, OBJECT};

use super::declare::declare;
use super::prepared::{Flaw, Routine, routine};
use super::{
    Body, Function, Parameter, ResultType, bigint_answer, boolean_answer, str_of, text_answer,
};
use crate::expr::evaluate::cell::{Answer, Cell, Failure};
use crate::expr::evaluate::document::{Path, members};
use crate::expr::evaluate::{json, list::write_element};
use crate::expr::node::{Conversion, Node, Value};
use crate::record::list::{self, Elements, ListWriter};
use crate::record::literal::unescape_json;
use crate::record::{DataType, Element, text};
use contains::contains;

const FAMILY: &str = "json";
const BIGINT: ResultType = |_| DataType::Bigint;
const BOOLEAN: ResultType = |_| DataType::Boolean;
const TEXT: ResultType = |_| DataType::Text;
const AT: &[Parameter] = &[Parameter::Document, Parameter::Path];

/// What a function makes of the value that a path leads to.
type Inspect = for<'a> fn(&'a [u8], &mut Vec<u8>) -> Result<Answer<'a>, Failure>;

/// The functions that look at documents.
pub const FUNCTIONS: &[Function] = &[
    Function {
        aliases: &["json_extract_path"],
        ..inspecting(
            [
                "json_extract",
                "json_extract(document, path) -> json",
                "the value at a path: '$.a[0]', '/a/0', a key, or a number; with * all of them as \
                 a list; also document -> path",
                r#"json_extract('{"a": [1.0, 2]}', '$.a[0]')"#,
                "1.0",
            ],
            |arguments| extracted(arguments, Element::Json),
            |cells| prepare_places(cells, as_json),
        )
    },
    Function {
        aliases: &["json_extract_path_text"],
        ..inspecting(
            [
                "json_extract_string",
                "json_extract_string(document, path) -> text",
                "the value at a path as a text, strings without quotes and escapes; also \
                 document ->> path",
                r#"json_extract_string('{"a": "x"}', '$.a')"#,
                "x",
            ],
            |arguments| extracted(arguments, Element::Text),
            |cells| prepare_places(cells, as_text),
        )
    },
    inspecting(
        [
            "json_value",
            "json_value(document, path) -> json",
            "the value at a path unless it is an object or array",
            r#"json_value('{"a": {"b": 1}}', '$.a')"#,
            "NULL",
        ],
        |_| DataType::Json,
        |cells| {
            prepare(cells, |value, out| match value.first() {
                Some(b'{' | b'[') => Ok(Answer::Cell(Cell::Null)),
                _ => as_json(value, out),
            })
        },
    ),
    inspecting(
        [
            "json_exists",
            "json_exists(document, path) -> boolean",
            "whether there is something at a path, be it null",
            r#"json_exists('{"a": null}', '$.a')"#,
            "true",
        ],
        BOOLEAN,
        |cells| {
            let path = single(cells)?;
            Ok(routine(move |cells, _| boolean_answer(path.find(document_of(cells[0])).is_some())))
        },
    ),
    optional(
        [
            "json_keys",
            "json_keys(document[, path]) -> text[]",
            "the keys of an object; none of anything else",
            r#"json_keys('{"b": 1, "a": 2}')"#,
            r#"["b","a"]"#,
        ],
        |_| DataType::List(Element::Text),
        |cells| {
            prepare(cells, |value, out| {
                let mut keys = ListWriter::new(out);
                for (key, _) in members(value) {
                    let key = unescape_json(key).ok_or("JSON string with a wrong escape")?;
                    write_element(keys.element(), Cell::Text(&key));
                }
                keys.finish();
                Ok(Answer::Written)
            })
        },
    ),
    optional(
        [
            "json_array_length",
            "json_array_length(document[, path]) -> bigint",
            "the number of elements of an array; 0 of anything else",
            "json_array_length('[1, 2]')",
            "2",
        ],
        BIGINT,
        |cells| prepare(cells, |value, _| bigint_answer(Elements::of(value).count())),
    ),
    optional(
        [
            "json_type",
            "json_type(document[, path]) -> text",
            "OBJECT, ARRAY, VARCHAR, BOOLEAN, NULL; of numbers UBIGINT, BIGINT or DOUBLE",
            r#"json_type('{"a": [1]}', '$.a')"#,
            "ARRAY",
        ],
        TEXT,
        |cells| prepare(cells, |value, _| text_answer(type_name(value))),
    ),
    declare(
        FAMILY,
        [
            "json_valid",
            "json_valid(text) -> boolean",
            "whether a text is a JSON value",
            "json_valid('{a: 1}')",
            "false",
        ],
        &[Parameter::Text],
        Body::Strict(BOOLEAN, |cells, _| {
            boolean_answer(list::is_json(str_of(cells[0]).as_bytes()))
        }),
    ),
    declare(
        FAMILY,
        [
            "json_contains",
            "json_contains(document, part) -> boolean",
            "whether a value is anywhere in a document; objects and arrays may hold more",
            r#"json_contains('{"a": {"b": 1, "c": 2}}', '{"b": 1}')"#,
            "true",
        ],
        &[Parameter::Document, Parameter::Document],
        Body::Strict(BOOLEAN, |cells, _| {
            boolean_answer(contains(document_of(cells[0]), document_of(cells[1])))
        }),
    ),
];

/// A function of a document and a path.
const fn inspecting(
    doc: [&'static str; 5],
    result_type: ResultType,
    prepare: super::Prepare,
) -> Function {
    declare(FAMILY, doc, AT, Body::Prepared(result_type, &[1], prepare))
}

/// A function whose path may be missing.
const fn optional(
    doc: [&'static str; 5],
    result_type: ResultType,
    prepare: super::Prepare,
) -> Function {
    Function { required: 1, ..inspecting(doc, result_type, prepare) }
}

/// The source text of a document.
pub(super) fn document_of<'a>(cell: Cell<'a>) -> &'a [u8] {
    match cell {
        Cell::Json(bytes) => bytes,
        other => unreachable!("{other:?} where a document was bound"),
    }
}

/// The path among the arguments; that to the whole document where there is none.
fn path_of(cells: &[Option<Cell>]) -> Result<Path, Flaw> {
    match cells.get(1).copied().flatten() {
        None => Ok(Path::default()),
        Some(Cell::Bigint(index)) => Ok(Path::of_index(index)),
        Some(Cell::Text(bytes)) => {
            Path::parse(&String::from_utf8_lossy(bytes)).map_err(|error| Flaw {
                detail: format!("wrong from `{}` on", error.rest),
                ..Flaw::new(1, "not a JSON path")
            })
        }
        Some(other) => unreachable!("{other:?} where a path was bound"),
    }
}

/// A path that leads to one place.
fn single(cells: &[Option<Cell>]) -> Result<Path, Flaw> {
    let path = path_of(cells)?;
    if path.is_wild() {
        return Err(Flaw::new(1, "only json_extract and json_extract_string take a path with *"));
    }
    Ok(path)
}

/// A function of the one value that a path leads to; NULL where there is none.
fn prepare(cells: &[Option<Cell>], inspect: Inspect) -> Result<Routine, Flaw> {
    let path = single(cells)?;
    Ok(routine(move |cells, out| match path.find(document_of(cells[0])) {
        Some(value) => inspect(value, out),
        None => Ok(Answer::Cell(Cell::Null)),
    }))
}

/// A list where a constant path leads to several places.
fn extracted(arguments: &[Node], element: Element) -> DataType {
    let path = match arguments.get(1).and_then(Node::constant) {
        Some(Value::Text(path)) => Path::parse(&String::from_utf8_lossy(path)).ok(),
        _ => None,
    };
    match path.is_some_and(|path| path.is_wild()) {
        true => DataType::List(element),
        false => element.data_type(),
    }
}

/// A function of all values that a path leads to: of the one, or a list of them.
fn prepare_places(cells: &[Option<Cell>], inspect: Inspect) -> Result<Routine, Flaw> {
    let path = path_of(cells)?;
    if !path.is_wild() {
        return prepare(cells, inspect);
    }
    Ok(routine(move |cells, out| {
        let mut places = ListWriter::new(out);
        let mut text = Vec::new();
        for value in path.all(document_of(cells[0])) {
            text.clear();
            match inspect(value, &mut text)? {
                Answer::Cell(cell) => write_element(places.element(), cell),
                Answer::Written => write_element(places.element(), Cell::Text(&text)),
            }
        }
        places.finish();
        Ok(Answer::Written)
    }))
}

fn as_json<'a>(value: &'a [u8], _: &mut Vec<u8>) -> Result<Answer<'a>, Failure> {
    Ok(Answer::Cell(if value == b"null" { Cell::Null } else { Cell::Json(value) }))
}

fn as_text<'a>(value: &'a [u8], out: &mut Vec<u8>) -> Result<Answer<'a>, Failure> {
    json::read(value, DataType::Text, Conversion::Explicit, out)
}

/// The name of a value's type, as DuckDB gives it.
fn type_name(value: &[u8]) -> &'static str {
    let is_real = value.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E'));
    match value.first() {
        Some(b'{') => "OBJECT",
        Some(b'[') => "ARRAY",
        Some(b'"') => "VARCHAR",
        Some(b't' | b'f') => "BOOLEAN",
        Some(b'n') | None => "NULL",
        Some(b'-') if !is_real && text::parse_bigint(value).is_some() => "BIGINT",
        Some(b'0'..=b'9') if !is_real && parse_u64(value).is_some() => "UBIGINT",
        Some(_) => "DOUBLE",
    }
}

fn parse_u64(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use crate::expr::tests::text_of;

    fn check(sql: &str, expected: &str) {
        assert_eq!(text_of(sql).as_deref(), Ok(expected), "{sql}");
    }

    #[test]
    fn untouched_parts_keep_their_source_text() {
        let document =
            r#"{ "a" : [1.0, 1e400 , 12345678901234567890123], "b" : "\u00e9" , "c": 1 }"#;
        check(
            &format!("json_extract('{document}', '$.a')"),
            "[1.0, 1e400 , 12345678901234567890123]",
        );
        check(&format!("json_extract('{document}', '$.a[1]')"), "1e400");
        check(
            &format!(r#"json_merge_patch('{document}', '{{"c": 2.50}}')"#),
            r#"{"a":[1.0, 1e400 , 12345678901234567890123],"b":"\u00e9","c":2.50}"#,
        );
        check(
            &format!("json_array('{document}' -> 'a')"),
            "[[1.0, 1e400 , 12345678901234567890123]]",
        );
    }

    #[test]
    fn a_wrong_path_is_an_error_before_the_first_record() {
        let message = "`json_extract`: not a JSON path";
        assert_eq!(text_of("json_extract('{}', '$.a[')"), Err(message.to_string()));
        let computed = "json_extract('{}', '$.a' || '[')";
        assert_eq!(text_of(computed), Err(message.to_string()));
        let wild = "`json_type`: only json_extract and json_extract_string take a path with *";
        assert_eq!(text_of("json_type('{}', '$.*')"), Err(wild.to_string()));
    }

    #[test]
    fn documents_may_be_as_deep_as_records() {
        let deep = format!("{}1{}", "[".repeat(127), "]".repeat(127));
        check(&format!("json_contains('{deep}', '1')"), "true");
        check(&format!("json_extract('{deep}', '${}')", "[0]".repeat(127)), "1");
        let deep = format!(r#"{}1{}"#, r#"{"a":"#.repeat(127), "}".repeat(127));
        check(&format!("json_merge_patch('{deep}', '{deep}')"), &deep);
        let deeper = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
        check(&format!("json_valid('{deeper}')"), "false");
    }
}
