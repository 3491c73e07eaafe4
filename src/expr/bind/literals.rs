//! Literals and casts.

use super::binder::Binder;
use crate::expr::evaluate;
use crate::expr::node::{Conversion, Node, Value};
use crate::record::{DataType, text};
use sqlparser::ast::{self, CastKind, Expr, TypedString};
use std::ops::Range;

/// What a message lists where a type is not known.
const TYPES: &str = "types are: boolean, bigint, decimal(p,s), double, text, date, time, timestamp, timestamptz, \
                     interval, json, and lists such as text[]";

impl Binder<'_, '_> {
    /// A number, text, boolean or NULL.
    pub fn literal(&mut self, value: &ast::Value, place: &Range<usize>) -> Option<Node> {
        match value {
            ast::Value::Number(digits, _) => match number(digits) {
                Some(node) => Some(node),
                None => self.fail(place, &format!("`{digits}` is not a number"), ""),
            },
            ast::Value::SingleQuotedString(content) => {
                let bytes = content.as_bytes().into();
                Some(Node::Constant(Value::Text(bytes), DataType::Text))
            }
            ast::Value::Boolean(value) => {
                Some(Node::Constant(Value::Boolean(*value), DataType::Boolean))
            }
            ast::Value::Null => Some(Node::Null),
            other => {
                let message = format!("literal `{other}` is not supported");
                self.fail_with_hint(place, &message, "", "write texts in single quotes: 'text'")
            }
        }
    }

    /// `DATE '2024-05-17'`
    pub fn typed_literal(&mut self, typed: &TypedString, place: &Range<usize>) -> Option<Node> {
        let target = self.type_named(&typed.data_type, place)?;
        let content = typed.value.clone().into_string().unwrap_or_default();
        match evaluate::read_text(content.as_bytes(), target) {
            Ok(cell) => Some(Node::Constant(cell.to_value(), target)),
            Err(_) => self.not_a_moment(place, &format!("`{content}`"), target),
        }
    }

    /// `-9223372036854775808`: its digits alone would be too many for a bigint.
    pub fn negative_literal(&self, inner: &Expr) -> Option<Node> {
        let Expr::Value(value) = inner else {
            return None;
        };
        let ast::Value::Number(digits, _) = &value.value else {
            return None;
        };
        let value = text::parse_bigint(format!("-{digits}").as_bytes())?;
        Some(Node::Constant(Value::Bigint(value), DataType::Bigint))
    }

    /// `CAST`, `TRY_CAST`, `::`
    pub fn cast(&mut self, ast: &Expr, place: &Range<usize>) -> Option<Node> {
        let Expr::Cast { kind, expr, data_type, format: None } = ast else {
            return self.fail(place, "CAST with a format is not supported", "");
        };
        let conversion = match kind {
            CastKind::Cast | CastKind::DoubleColon => Conversion::Explicit,
            CastKind::TryCast | CastKind::SafeCast => Conversion::Try,
        };
        let operand = self.expression(expr);
        let target = self.type_named(data_type, &self.type_place(place))?;
        let operand = operand?;
        let from = operand.node.data_type();
        match operand.node {
            Node::Null => Some(Node::Constant(Value::Null, target)),
            node if from == target => Some(node),
            node if has_cast(from, target) => Some(Node::Cast(conversion, Box::new(node), target)),
            _ => {
                let message = format!("{from} cannot be cast to {target}");
                self.fail(&operand.place, &message, &format!("this is {from}"))
            }
        }
    }

    /// Where the type of a cast stands; the tree knows the place of what is cast only.
    fn type_place(&self, operand: &Range<usize>) -> Range<usize> {
        let text = &self.source.sql.text;
        let rest = text[operand.end..].trim_start_matches([' ', '\t', '\r', '\n', ')', ':']);
        let rest = match rest.get(..2) {
            Some(word) if word.eq_ignore_ascii_case("as") => rest[2..].trim_start(),
            _ => rest,
        };
        let is_part = |sign: char| sign.is_alphanumeric() || sign == '_';
        let length = rest.find(|sign: char| !is_part(sign)).unwrap_or(rest.len());
        let start = text.len() - rest.len();
        if length == 0 { operand.clone() } else { start..start + length }
    }

    fn type_named(&mut self, data_type: &ast::DataType, place: &Range<usize>) -> Option<DataType> {
        let name = data_type.to_string();
        let known = match data_type {
            ast::DataType::Varchar(None)
            | ast::DataType::String(None)
            | ast::DataType::CharVarying(None) => Some(DataType::Text),
            _ => DataType::parse(&name.to_ascii_lowercase().replace(" without time zone", "")),
        };
        match known {
            Some(known) => Some(known),
            None => match data_type {
                ast::DataType::Decimal(_) | ast::DataType::Numeric(_) => {
                    let hint = "digits in all, then those behind the point: decimal(12,2)";
                    let label = "at most 38 digits";
                    let message = format!("`{}` is no type", name.to_ascii_lowercase());
                    self.fail_with_hint(place, &message, label, hint)
                }
                _ => self.fail(place, &format!("unknown type `{name}`"), TYPES),
            },
        }
    }
}

/// Whether `CAST` goes from one type to another.
pub fn has_cast(from: DataType, to: DataType) -> bool {
    let is_open = |data_type| matches!(data_type, DataType::Text | DataType::Json);
    let is_number = |data_type: DataType| data_type.is_numeric() || data_type == DataType::Boolean;
    is_open(from)
        || is_open(to)
        || (is_number(from) && is_number(to))
        || (from.is_moment() && to.is_moment())
        || (from, to) == (DataType::Timestamp, DataType::Time)
        || matches!((from, to), (DataType::List(_), DataType::List(_)))
}

/// A number as written: bigint, else decimal, else double.
fn number(digits: &str) -> Option<Node> {
    let digits = digits.replace('_', "");
    let bytes = digits.as_bytes();
    let is_double = bytes.iter().any(|byte| matches!(byte, b'e' | b'E'));
    if !is_double && let Some(value) = text::parse_bigint(bytes) {
        return Some(Node::Constant(Value::Bigint(value), DataType::Bigint));
    }
    let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
    let whole = whole.trim_start_matches('0');
    let scale = u8::try_from(fraction.len()).ok();
    let precision = u8::try_from((whole.len() + fraction.len()).max(1)).ok();
    if !is_double
        && let (Some(precision), Some(scale)) = (precision, scale)
        && let Some(data_type) = DataType::decimal(precision, scale)
        && let Some(units) = text::parse_decimal(bytes, precision, scale)
    {
        return Some(Node::Constant(Value::Decimal(units, scale), data_type));
    }
    let value = text::parse_double(bytes).filter(|value| value.is_finite())?;
    Some(Node::Constant(Value::Double(value), DataType::Double))
}
