//! The operators that look for a regular expression: `~`, `!~`, `~*`, `!~*` and `SIMILAR TO`, as DuckDB understands them.

use super::binder::{Binder, Polarity, Typed};
use crate::expr::node::{Node, Value};
use crate::record::DataType;
use sqlparser::ast::{BinaryOperator, Expr};
use std::ops::Range;

impl Binder<'_, '_> {
    /// An operator that is no comparison and no arithmetic.
    pub fn matching(
        &mut self,
        operator: &BinaryOperator,
        left: Typed,
        right: Typed,
        place: &Range<usize>,
    ) -> Option<Node> {
        let (name, options, polarity) = match operator {
            BinaryOperator::PGRegexMatch => ("regexp_matches", "", Polarity::Plain),
            BinaryOperator::PGRegexNotMatch => ("regexp_matches", "", Polarity::Negated),
            BinaryOperator::PGRegexIMatch => ("regexp_matches", "i", Polarity::Plain),
            BinaryOperator::PGRegexNotIMatch => ("regexp_matches", "i", Polarity::Negated),
            other => {
                let message = format!("operator `{other}` is not supported");
                return self.fail(place, &message, "");
            }
        };
        let mut arguments = vec![left, right];
        if !options.is_empty() {
            let options = Value::Text(options.as_bytes().into());
            let node = Node::Constant(options, DataType::Text);
            arguments.push(Typed { node, place: place.clone() });
        }
        self.call(name, arguments, place).map(|node| polarity.apply(node))
    }

    /// `x [NOT] SIMILAR TO pattern`: whether all of a text matches.
    pub fn similar(&mut self, ast: &Expr, place: &Range<usize>) -> Option<Node> {
        let Expr::SimilarTo { negated, expr, pattern, escape_char } = ast else {
            return None;
        };
        if escape_char.is_some() {
            let hint = "write a backslash before the character";
            return self.fail_with_hint(place, "SIMILAR TO takes no ESCAPE", "", hint);
        }
        let (text, pattern) = (self.expression(expr), self.expression(pattern));
        let node = self.call("regexp_full_match", vec![text?, pattern?], place)?;
        Some(Polarity::of(*negated).apply(node))
    }
}
