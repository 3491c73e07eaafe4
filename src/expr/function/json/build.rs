//! Documents made of values and of other documents.

use super::document_of;
use crate::expr::evaluate::cell::{Answer, Cell, Failure};
use crate::expr::evaluate::document::members;
use crate::expr::evaluate::list::write_element;
use crate::expr::function::declare::declare;
use crate::expr::function::{Body, Function, FunctionDoc, Parameter, ResultType, Special};
use crate::record::DataType;
use crate::record::list::{ListWriter, content};
use std::collections::{BTreeMap, BTreeSet};

const FAMILY: &str = "json";
const JSON: ResultType = |_| DataType::Json;

/// The functions that make documents.
pub const FUNCTIONS: &[Function] = &[
    Function {
        aliases: &["json_quote", "array_to_json"],
        ..declare(
            FAMILY,
            [
                "to_json",
                "to_json(value) -> json",
                "a value as JSON: a text becomes a string",
                "to_json('a \"b\"')",
                r#""a \"b\"""#,
            ],
            &[Parameter::Any],
            Body::Strict(JSON, |cells, out| {
                write_value(out, cells[0])?;
                Ok(Answer::Written)
            }),
        )
    },
    Function {
        required: 0,
        repeats: true,
        ..lenient(
            [
                "json_array",
                "json_array(value, ...) -> json",
                "an array of the values",
                "json_array(1, 'x', NULL)",
                r#"[1,"x",null]"#,
            ],
            "NULL becomes null; never NULL",
            &[Parameter::Any],
            |cells, out| {
                let mut array = ListWriter::new(out);
                for cell in cells {
                    write_value(array.element(), *cell)?;
                }
                array.finish();
                Ok(Answer::Written)
            },
        )
    },
    Function {
        required: 0,
        repeats: true,
        body: Body::Special(Special::JsonObject),
        ..OBJECT_CALL
    },
    Function {
        required: 2,
        repeats: true,
        ..lenient(
            [
                "json_merge_patch",
                "json_merge_patch(document, patch, ...) -> json",
                "a document changed by patches (RFC 7396): members are replaced, those with null \
                 taken away",
                r#"json_merge_patch('{"a": 1, "b": 2}', '{"a": null, "c": 3}')"#,
                r#"{"b":2,"c":3}"#,
            ],
            "NULL where the last patch is NULL",
            &[Parameter::Document],
            |cells, out| {
                let mut merged = None;
                for cell in cells {
                    merged = match cell {
                        Cell::Null => None,
                        patch => Some(merged_with(merged.as_deref(), document_of(*patch))),
                    };
                }
                match merged {
                    None => Ok(Answer::Cell(Cell::Null)),
                    Some(merged) => {
                        out.extend_from_slice(&merged);
                        Ok(Answer::Written)
                    }
                }
            },
        )
    },
];

/// `json_object` of keys and values in turn, once the keys are known to be texts.
pub static OBJECT: Function = OBJECT_CALL;

const OBJECT_CALL: Function = lenient(
    [
        "json_object",
        "json_object(key text, value, ...) -> json",
        "an object of keys and values in turn",
        "json_object('a', 1, 'b', NULL)",
        r#"{"a":1,"b":null}"#,
    ],
    "a value that is NULL becomes null, a key that is NULL is a fault",
    &[Parameter::Any],
    |cells, out| {
        out.push(b'{');
        for (index, pair) in cells.chunks_exact(2).enumerate() {
            if index > 0 {
                out.push(b',');
            }
            if pair[0] == Cell::Null {
                return Err("a key of an object is NULL".into());
            }
            write_element(out, pair[0]);
            out.push(b':');
            write_value(out, pair[1])?;
        }
        out.push(b'}');
        Ok(Answer::Written)
    },
);

const fn lenient(
    [name, signature, doc, example, result]: [&'static str; 5],
    nulls: &'static str,
    parameters: &'static [Parameter],
    kernel: crate::expr::function::Kernel,
) -> Function {
    Function {
        doc: FunctionDoc { name, family: FAMILY, signature, doc, nulls, example, result },
        ..declare(
            FAMILY,
            [name, signature, doc, example, result],
            parameters,
            Body::Lenient(JSON, kernel),
        )
    }
}

/// Appends a value as JSON.
fn write_value(out: &mut Vec<u8>, cell: Cell) -> Result<(), Failure> {
    match cell {
        Cell::Double(value) if !value.is_finite() => Err("JSON has no nan and no infinity".into()),
        _ => {
            write_element(out, cell);
            Ok(())
        }
    }
}

/// The document that a patch makes of another one.
fn merged_with(document: Option<&[u8]>, patch: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    merge(document.unwrap_or_default(), patch, &mut out);
    out
}

/// Members that stay come first, then those of the patch, as in DuckDB.
fn merge(document: &[u8], patch: &[u8], out: &mut Vec<u8>) {
    if patch.first() != Some(&b'{') {
        out.extend_from_slice(patch);
        return;
    }
    let mut changed = BTreeSet::new();
    let changes: Vec<(&[u8], &[u8])> =
        members(patch).filter(|(key, _)| changed.insert(content(key))).collect();
    let mut old = BTreeMap::new();
    let mut object = ObjectWriter::new(out);
    for (key, value) in members(document).filter(|_| document.first() == Some(&b'{')) {
        if changed.contains(&content(key)) {
            old.entry(content(key)).or_insert(value);
        } else {
            object.member(key).extend_from_slice(value);
        }
    }
    for (key, change) in changes.into_iter().filter(|(_, change)| *change != b"null") {
        let value = old.get(&content(key)).copied().unwrap_or_default();
        merge(value, change, object.member(key));
    }
    object.finish();
}

/// An object in the making.
struct ObjectWriter<'o> {
    out: &'o mut Vec<u8>,
    is_empty: bool,
}

impl<'o> ObjectWriter<'o> {
    fn new(out: &'o mut Vec<u8>) -> ObjectWriter<'o> {
        out.push(b'{');
        ObjectWriter { out, is_empty: true }
    }

    /// Starts a member; its value is to be appended to the buffer.
    fn member(&mut self, key: &[u8]) -> &mut Vec<u8> {
        if !std::mem::take(&mut self.is_empty) {
            self.out.push(b',');
        }
        self.out.extend_from_slice(key);
        self.out.push(b':');
        self.out
    }

    fn finish(self) {
        self.out.push(b'}');
    }
}
