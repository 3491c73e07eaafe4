//! What coerces into what without a `CAST`.
//!
//! bigint -> decimal -> double, date -> timestamp -> timestamptz, NULL to anything, a constant text to the date, time or
//! interval beside it, JSON to whatever its place asks for. Everything else is an error that names both types.

use super::binder::{Binder, Typed, folded};
use super::literals::has_cast;
use crate::expr::evaluate;
use crate::expr::node::{Conversion, Node, Value};
use crate::expr::numbers;
use crate::record::{DataType, SlotOrigin};
use std::ops::Range;

/// Digits of any bigint.
const BIGINT_DIGITS: u8 = 19;

/// Digits behind the point that a JSON number keeps beside a decimal.
const JSON_SCALE: u8 = 18;

/// What values of several types come together for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meeting {
    /// They are compared: JSON beside JSON has no type, and numbers must not be rounded.
    Comparison,
    /// One of them becomes the result.
    Choice,
}

impl Binder<'_, '_> {
    /// A part as a condition.
    pub fn condition(&mut self, typed: Typed) -> Option<Typed> {
        if fits(&typed.node, DataType::Boolean) {
            return Some(coerced(typed, DataType::Boolean));
        }
        let data_type = typed.node.data_type();
        let message =
            format!("{} needs a condition, not {}", self.scope.context, data_type.phrase());
        let hint = self.declaration(&typed, DataType::Boolean);
        let hint = hint.unwrap_or_else(|| "compare it with something: x <> 0, x = 'y'".to_string());
        self.fail_with_hint(&typed.place, &message, &format!("this is {data_type}"), &hint)
    }

    /// A part as a number of whatever type.
    pub fn number(&mut self, typed: Typed) -> Option<Typed> {
        match typed.node.data_type() {
            _ if typed.node == Node::Null => Some(coerced(typed, DataType::Bigint)),
            DataType::Json => Some(coerced(typed, DataType::Double)),
            data_type if data_type.is_numeric() => Some(typed),
            _ => self.wrong_type(&typed, "a number", DataType::Double),
        }
    }

    /// A part as a certain type.
    pub fn coerce(&mut self, typed: Typed, target: DataType) -> Option<Typed> {
        if let Some(content) = moment_text(&typed.node, target) {
            return match evaluate::read_text(content, target) {
                Ok(cell) => Some(Typed { node: Node::Constant(cell.to_value(), target), ..typed }),
                Err(_) => {
                    let content = self.text(&typed.place);
                    self.not_a_moment(&typed.place, content, target)
                }
            };
        }
        if fits(&typed.node, target) {
            return Some(coerced(typed, target));
        }
        self.wrong_type(&typed, &target.phrase(), target)
    }

    /// A text that is no date or timestamp.
    pub fn not_a_moment<T>(
        &mut self,
        place: &Range<usize>,
        content: &str,
        target: DataType,
    ) -> Option<T> {
        let message = format!("{content} is not {}", target.phrase());
        match target {
            DataType::Date => {
                self.fail_with_hint(place, &message, "", "write a date as '2024-05-17'")
            }
            DataType::Timestamp => {
                let hint = "write a timestamp as '2024-05-17 10:30:00'";
                self.fail_with_hint(place, &message, "", hint)
            }
            DataType::Timestamptz => {
                let hint = "write it with its offset: '2024-05-17 10:30:00+02'";
                self.fail_with_hint(place, &message, "", hint)
            }
            DataType::Time => {
                self.fail_with_hint(place, &message, "", "write a time as '10:30:00'")
            }
            DataType::Interval => {
                let hint = "write an interval as '3 days' or '1 month 12 hours'";
                self.fail_with_hint(place, &message, "", hint)
            }
            _ => self.fail(place, &message, ""),
        }
    }

    /// An operand of `||`: a text as it is, JSON as the text it must be, anything else as its text form.
    pub fn joined(&mut self, typed: Typed) -> Option<Typed> {
        match typed.node.data_type() {
            DataType::Json => self.coerce(typed, DataType::Text),
            _ => Some(as_text(typed)),
        }
    }

    /// Parts as values of one type.
    pub fn unify(&mut self, parts: Vec<Typed>, meeting: Meeting) -> Option<Vec<Typed>> {
        let target = self.common_type(&parts, meeting)?;
        let parts: Vec<Option<Typed>> = parts
            .into_iter()
            .map(|part| match (target, meeting) {
                (DataType::Double, Meeting::Comparison) => self.comparable_double(part),
                _ => self.coerce(part, target),
            })
            .collect();
        parts.into_iter().collect()
    }

    /// The type in which parts meet.
    pub fn common_type(&mut self, parts: &[Typed], meeting: Meeting) -> Option<DataType> {
        let is_typed = |part: &&Typed| part.node != Node::Null;
        let has_json = parts.iter().filter(is_typed).any(|part| is_json(&part.node));
        let is_open = |part: &&Typed| is_json(&part.node) || is_text_constant(&part.node);
        let typed: Vec<&Typed> = parts.iter().filter(is_typed).collect();
        let mut settled = typed.iter().copied().filter(|part| !is_open(part));
        let texts = typed.iter().copied().find(|part| is_text_constant(&part.node));
        let Some(first) = settled.next().or(texts) else {
            if has_json && meeting == Meeting::Comparison {
                return self.json_beside_json(parts);
            }
            return Some(if has_json { DataType::Json } else { DataType::Text });
        };
        let mut common = own_type(&first.node);
        for part in typed.iter().copied().filter(|part| !is_json(&part.node)) {
            if is_text_constant(&part.node) && common.is_temporal() {
                continue;
            }
            match wider(common, own_type(&part.node)) {
                Some(wider) => common = wider,
                None => return self.no_common_type(first, part),
            }
        }
        if has_json {
            common = beside_json(common, &typed, meeting);
        }
        // Constants count with just the digits they have, but a lone bigint stays one.
        let is_bigint = |part: &&&Typed| part.node.data_type() == DataType::Bigint;
        let all_bigint = typed.iter().all(|part| is_bigint(&part) || is_json(&part.node));
        let is_decimal = matches!(common, DataType::Decimal { .. });
        Some(if is_decimal && all_bigint && !has_json { DataType::Bigint } else { common })
    }

    fn json_beside_json<T>(&mut self, parts: &[Typed]) -> Option<T> {
        let place = parts.first().map_or(0..0, |part| part.place.clone());
        let path = self.text(&place);
        let message = "a JSON value beside another has no type to be compared as";
        let hint = format!(
            "say how to compare: CAST({path} AS decimal(18,2)) or CAST({path} AS text), \
             or declare it: types = {{ \"{path}\" = \"decimal(18,2)\" }}"
        );
        self.fail_with_hint(&place, message, "this is json", &hint)
    }

    /// Beside JSON, an integer that a double cannot hold would be compared with the wrong value.
    fn comparable_double(&mut self, part: Typed) -> Option<Typed> {
        match part.node.constant() {
            Some(Value::Bigint(value)) if !numbers::is_exact_double(i128::from(*value)) => {
                let message = format!("{value} cannot be compared exactly as a double");
                let hint = "declare the type of the JSON path beside it: \
                            types = { \"path\" = \"bigint\" }";
                self.fail_with_hint(&part.place, &message, "", hint)
            }
            _ => self.coerce(part, DataType::Double),
        }
    }

    fn no_common_type<T>(&mut self, left: &Typed, right: &Typed) -> Option<T> {
        let (first, second) = (left.node.data_type(), right.node.data_type());
        let (odd, other) = match first {
            DataType::Text => (left, right),
            _ => (right, left),
        };
        let message = format!("{first} and {second} do not go together");
        let declared = [(odd, other), (other, odd)]
            .iter()
            .find_map(|(part, beside)| self.declaration(part, beside.node.data_type()));
        let hint = declared.or_else(|| self.cast_hint(odd, other.node.data_type()));
        let hint = hint.or_else(|| self.cast_hint(other, odd.node.data_type()));
        let hint = hint.or_else(|| moment_hint(left, right));
        self.mismatch(odd, message, hint)
    }

    fn wrong_type<T>(&mut self, typed: &Typed, wanted: &str, target: DataType) -> Option<T> {
        let message = format!("{wanted} is needed here, not {}", typed.node.data_type().phrase());
        let hint = self.declaration(typed, target);
        let hint = hint.or_else(|| self.cast_hint(typed, target));
        self.mismatch(typed, message, hint)
    }

    fn mismatch<T>(&mut self, odd: &Typed, message: String, hint: Option<String>) -> Option<T> {
        let label = format!("this is {}", odd.node.data_type());
        let mut problem = self.source.diagnostic(&odd.place, message).with_label(label);
        problem.hint = hint;
        self.report(problem)
    }

    /// The cast to write; none where it does not exist or could only fail.
    fn cast_hint(&self, typed: &Typed, target: DataType) -> Option<String> {
        let text = self.text(&typed.place);
        match typed.node.constant() {
            Some(Value::Text(content)) if target.is_numeric() => {
                let content = std::str::from_utf8(content).ok()?;
                evaluate::read_text(content.as_bytes(), DataType::Double).ok()?;
                Some(format!("write the number without quotes: {content}"))
            }
            _ if has_cast(typed.node.data_type(), target) => {
                Some(format!("write CAST({text} AS {target})"))
            }
            _ => None,
        }
    }

    /// The line of the job file that gives an undeclared CSV column the type that it is used as.
    pub fn declaration(&self, typed: &Typed, target: DataType) -> Option<String> {
        let Node::Column(slot, DataType::Text) = typed.node else {
            return None;
        };
        let info = self.scope.slots.info(slot);
        if !matches!(info.origin, SlotOrigin::CsvField(_)) || target == DataType::Text {
            return None;
        }
        let target = match target {
            DataType::Decimal { .. } | DataType::Double => "decimal(18,2)".to_string(),
            other => other.to_string(),
        };
        let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let name = match info.name.bytes().all(is_bare) && !info.name.is_empty() {
            true => info.name.clone(),
            false => format!("{:?}", info.name),
        };
        Some(format!("declare it: types = {{ {name} = \"{target}\" }}"))
    }
}

/// How to write what is compared with a date.
fn moment_hint(left: &Typed, right: &Typed) -> Option<String> {
    let is_moment = |part: &Typed| part.node.data_type().is_moment();
    let is_number =
        |part: &Typed| part.node.constant().is_some() && part.node.data_type().is_numeric();
    let is_beside_number =
        (is_moment(left) && is_number(right)) || (is_number(left) && is_moment(right));
    is_beside_number.then(|| "write a date in quotes: '2024-05-17'".to_string())
}

/// Whether a part becomes a type without a `CAST`.
fn fits(node: &Node, target: DataType) -> bool {
    let from = node.data_type();
    *node == Node::Null
        || from == target
        || from == DataType::Json
        || matches!(
            (from, target),
            (
                DataType::Bigint | DataType::Decimal { .. },
                DataType::Decimal { .. } | DataType::Double
            ) | (DataType::Date, DataType::Timestamp)
                | (DataType::Date | DataType::Timestamp, DataType::Timestamptz)
        )
}

/// A part that fits, as that type.
pub fn coerced(typed: Typed, target: DataType) -> Typed {
    let node = match typed.node {
        Node::Null => Node::Constant(Value::Null, target),
        node if node.data_type() == target => node,
        node => folded(Node::Cast(Conversion::Implicit, Box::new(node), target)),
    };
    Typed { node, ..typed }
}

/// A part as its text form.
pub fn as_text(typed: Typed) -> Typed {
    if typed.node == Node::Null || typed.node.data_type() == DataType::Text {
        return coerced(typed, DataType::Text);
    }
    let node = Node::Cast(Conversion::Explicit, Box::new(typed.node), DataType::Text);
    let node = folded(node);
    Typed { node, ..typed }
}

/// Digits before and behind the point of a bigint or decimal; a constant counts with the digits it has.
pub fn digits(node: &Node) -> Option<(u8, u8)> {
    match (node.constant(), node.data_type()) {
        (Some(Value::Bigint(value)), _) => {
            let length = value.unsigned_abs().checked_ilog10().map_or(1, |log| log + 1);
            Some((u8::try_from(length).unwrap_or(BIGINT_DIGITS), 0))
        }
        (_, DataType::Bigint) => Some((BIGINT_DIGITS, 0)),
        (_, DataType::Decimal { precision, scale }) => Some((precision - scale, scale)),
        _ => None,
    }
}

/// The decimal type of so many digits, at most 38 in all.
pub fn decimal_of(whole: u8, scale: u8) -> DataType {
    DataType::Decimal { precision: (whole + scale).clamp(1, DataType::PRECISION_MAX), scale }
}

fn is_json(node: &Node) -> bool {
    node.data_type() == DataType::Json
}

fn is_text_constant(node: &Node) -> bool {
    matches!(node.constant(), Some(Value::Text(_)))
}

/// The text of a constant that stands where a date, time or interval is needed.
fn moment_text(node: &Node, target: DataType) -> Option<&[u8]> {
    match (node.constant(), target) {
        (Some(Value::Text(content)), target) if target.is_temporal() => Some(content),
        _ => None,
    }
}

/// The type for finding a common one: integers as decimals of their digits.
fn own_type(node: &Node) -> DataType {
    match (node.data_type(), digits(node)) {
        (DataType::Bigint, Some((whole, scale))) => decimal_of(whole, scale),
        (data_type, _) => data_type,
    }
}

/// The type that holds all values of two types; `None` where none does.
pub fn wider(left: DataType, right: DataType) -> Option<DataType> {
    match (left, right) {
        _ if left == right => Some(left),
        (DataType::Double, other) | (other, DataType::Double) if other.is_numeric() => {
            Some(DataType::Double)
        }
        (
            DataType::Decimal { precision, scale },
            DataType::Decimal { precision: other_precision, scale: other_scale },
        ) => {
            let whole = (precision - scale).max(other_precision - other_scale);
            Some(decimal_of(whole, scale.max(other_scale)))
        }
        (DataType::Date, DataType::Timestamp) | (DataType::Timestamp, DataType::Date) => {
            Some(DataType::Timestamp)
        }
        (DataType::Date | DataType::Timestamp, DataType::Timestamptz)
        | (DataType::Timestamptz, DataType::Date | DataType::Timestamp) => {
            Some(DataType::Timestamptz)
        }
        _ => None,
    }
}

/// What JSON becomes beside other values of a common type.
fn beside_json(common: DataType, parts: &[&Typed], meeting: Meeting) -> DataType {
    let DataType::Decimal { scale, .. } = common else {
        return common;
    };
    let mut decimals =
        parts.iter().filter(|part| matches!(part.node.data_type(), DataType::Decimal { .. }));
    match meeting {
        Meeting::Comparison if decimals.next().is_some() => {
            DataType::Decimal { precision: DataType::PRECISION_MAX, scale: scale.max(JSON_SCALE) }
        }
        Meeting::Choice if decimals.any(|part| part.node.constant().is_none()) => common,
        _ => DataType::Double,
    }
}
