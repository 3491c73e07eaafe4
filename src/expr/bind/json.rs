//! Documents and paths into them: `json -> path`, `json ->> path`, and the arguments of the functions of JSON.

use super::binder::{Binder, Typed, folded};
use super::types::coerced;
use crate::expr::function::OBJECT;
use crate::expr::node::{Conversion, Node};
use crate::record::DataType;
use std::ops::Range;

impl Binder<'_, '_> {
    /// A part as a document: JSON as it is, a text as the JSON that it holds.
    pub fn document(&mut self, typed: Typed) -> Option<Typed> {
        match typed.node.data_type() {
            _ if typed.node == Node::Null => Some(coerced(typed, DataType::Json)),
            DataType::Json => Some(typed),
            DataType::Text | DataType::List(_) => {
                let cast = Node::Cast(Conversion::Explicit, Box::new(typed.node), DataType::Json);
                Some(Typed { node: folded(cast), place: typed.place })
            }
            other => {
                let message = format!("JSON is needed here, not a {other}");
                let hint = format!("write to_json({})", self.text(&typed.place));
                let label = format!("this is {other}");
                self.fail_with_hint(&typed.place, &message, &label, &hint)
            }
        }
    }

    /// Keys and values in turn.
    pub fn json_object(&mut self, parts: Vec<Typed>, place: &Range<usize>) -> Option<Node> {
        if parts.len() % 2 == 1 {
            let hint = "it is json_object(key, value, key, value, ...)";
            return self.fail_with_hint(place, "a key without a value", "", hint);
        }
        let mut nodes = Vec::new();
        for (index, part) in parts.into_iter().enumerate() {
            nodes.push(match index % 2 {
                0 => self.coerce(part, DataType::Text)?.node,
                _ => part.node,
            });
        }
        Some(Node::Call(&OBJECT, nodes, DataType::Json))
    }
}
