//! Intervals, `AT TIME ZONE`, and which arithmetic there is of dates, times and intervals.

use super::binder::{Binder, Typed, folded};
use super::types::coerced;
use crate::expr::function::{self, Function};
use crate::expr::node::{Arithmetic, Conversion, Node, Value};
use crate::record::{DataType, IntervalUnit};
use sqlparser::ast::{self, Expr};
use std::ops::Range;

/// What arithmetic comes to, and as what its operands are taken.
type Rule = (&'static Function, DataType, DataType, DataType);

impl Binder<'_, '_> {
    /// Arithmetic in which an operand is a date, time or interval; `None` where none is.
    ///
    /// The inner answer is `None` where there is no such arithmetic: that is then noted.
    pub fn temporal(
        &mut self,
        operator: Arithmetic,
        left: &Typed,
        right: &Typed,
    ) -> Option<Option<Node>> {
        let types = [left, right].map(|side| side.node.data_type());
        if !types.iter().any(|data_type| data_type.is_temporal()) {
            return None;
        }
        if let Some(data_type) = days_arithmetic(operator, types) {
            return Some(self.days(operator, left.clone(), right.clone(), data_type));
        }
        // A NULL has whatever type is needed: that of the other side where this has a meaning, else an interval.
        let [left_type, right_type] = types;
        let is_null = |side: &Typed| side.node == Node::Null;
        let guesses = match (is_null(left), is_null(right)) {
            (true, _) => [
                [right_type, right_type],
                [DataType::Interval, right_type],
                [DataType::Bigint, right_type],
            ],
            (_, true) => [
                [left_type, DataType::Interval],
                [left_type, left_type],
                [left_type, DataType::Bigint],
            ],
            _ => [types; 3],
        };
        let rule = guesses.into_iter().find_map(|[left, right]| rule(operator, left, right));
        let Some((function, left_type, right_type, result)) = rule else {
            return Some(self.no_arithmetic(operator, left, right));
        };
        let left = coerced(left.clone(), left_type).node;
        let right = coerced(right.clone(), right_type).node;
        Some(Some(folded(Node::Call(function, vec![left, right], result))))
    }

    /// A date and days, or two dates.
    fn days(
        &mut self,
        operator: Arithmetic,
        left: Typed,
        right: Typed,
        data_type: DataType,
    ) -> Option<Node> {
        let pair = match (left.node.data_type(), data_type) {
            (DataType::Date, DataType::Bigint) => [left, right],
            (DataType::Date, _) => [left, self.coerce(right, DataType::Bigint)?],
            _ => [right, self.coerce(left, DataType::Bigint)?],
        };
        Some(Node::Arithmetic(operator, Box::new(pair.map(|side| side.node)), data_type))
    }

    fn no_arithmetic<T>(&mut self, operator: Arithmetic, left: &Typed, right: &Typed) -> Option<T> {
        let (left_type, right_type) = (left.node.data_type(), right.node.data_type());
        let symbol = operator.symbol();
        let message = format!("there is no {left_type} {symbol} {right_type}");
        let place = left.place.start..right.place.end;
        let (moment, other) = if left_type.is_temporal() { (left, right) } else { (right, left) };
        let written = self.text(&other.place);
        let is_additive = matches!(operator, Arithmetic::Add | Arithmetic::Subtract);
        let hint = match (moment.node.data_type(), other.node.data_type()) {
            (DataType::Timestamp | DataType::Timestamptz | DataType::Time, number)
                if number.is_numeric() && is_additive =>
            {
                format!("say which unit: INTERVAL ({written}) DAY")
            }
            (DataType::Interval, DataType::Text) if is_additive => {
                let declared = self.declaration(other, DataType::Timestamp);
                declared.unwrap_or_else(|| format!("write CAST({written} AS timestamp)"))
            }
            (_, DataType::Text) if is_additive => {
                format!("write an interval as INTERVAL '3 days', or CAST({written} AS interval)")
            }
            (DataType::Time, DataType::Time) => {
                "the time between two moments: subtract timestamps".to_string()
            }
            _ => String::new(),
        };
        match hint.is_empty() {
            true => self.fail(&place, &message, ""),
            false => self.fail_with_hint(&place, &message, "", &hint),
        }
    }

    /// `-x` of an interval.
    pub fn negated_interval(&mut self, typed: Typed) -> Node {
        folded(Node::Call(&function::NEGATE_TIME, vec![typed.node], DataType::Interval))
    }

    /// `INTERVAL '3 days'`, `INTERVAL 3 DAY`, `INTERVAL (x + 1) DAY`.
    pub fn interval(&mut self, interval: &ast::Interval, place: &Range<usize>) -> Option<Node> {
        if interval.last_field.is_some() || interval.leading_precision.is_some() {
            let hint = "write INTERVAL '1 year 2 months'";
            return self.fail_with_hint(place, "an interval has one unit", "", hint);
        }
        let value = self.expression(&interval.value)?;
        let Some(field) = &interval.leading_field else {
            return match value.node.data_type() {
                DataType::Text if value.node.constant().is_some() => {
                    self.coerce(value, DataType::Interval).map(|typed| typed.node)
                }
                _ => {
                    let hint = "write INTERVAL '3 days' or INTERVAL 3 DAY";
                    self.fail_with_hint(place, "an interval without a unit", "", hint)
                }
            };
        };
        let name = field.to_string().to_lowercase();
        let Some(unit) = IntervalUnit::parse(&name) else {
            let label = "units are: year, quarter, month, week, day, hour, minute, second";
            return self.fail(place, &format!("`{name}` is no unit of intervals"), label);
        };
        let takes_fractions = matches!(
            unit,
            IntervalUnit::Second | IntervalUnit::Millisecond | IntervalUnit::Microsecond
        );
        let function = format!("to_{}", unit.plural());
        let value = self.unit_count(value)?;
        let value = match value.node.data_type() {
            DataType::Bigint => value,
            _ if takes_fractions => self.coerce(value, DataType::Double)?,
            _ => {
                let whole = self.call("trunc", vec![value.clone()], &value.place)?;
                let cast = Node::Cast(Conversion::Explicit, Box::new(whole), DataType::Bigint);
                Typed { node: folded(cast), place: value.place }
            }
        };
        self.call(&function, vec![value], place)
    }

    /// How many units: a number, which may stand in quotes.
    fn unit_count(&mut self, value: Typed) -> Option<Typed> {
        match value.node.constant() {
            Some(Value::Text(_)) => {
                let cast = Node::Cast(Conversion::Explicit, Box::new(value.node), DataType::Double);
                let node = folded(cast);
                if node.constant().is_none() {
                    let hint = "write INTERVAL '3 days' or INTERVAL 3 DAY";
                    return self.fail_with_hint(&value.place, "this is no number", "", hint);
                }
                Some(Typed { node, place: value.place })
            }
            _ => self.number(value),
        }
    }

    /// `moment AT TIME ZONE zone`
    pub fn at_time_zone(
        &mut self,
        moment: &Expr,
        zone: &Expr,
        place: &Range<usize>,
    ) -> Option<Node> {
        let (moment, zone) = (self.expression(moment), self.expression(zone));
        self.call("timezone", vec![zone?, moment?], place)
    }
}

/// The type of arithmetic with days: date +- days, days + date, date - date.
fn days_arithmetic(operator: Arithmetic, types: [DataType; 2]) -> Option<DataType> {
    match (types, operator) {
        (
            [DataType::Date, DataType::Bigint | DataType::Json],
            Arithmetic::Add | Arithmetic::Subtract,
        )
        | ([DataType::Bigint, DataType::Date], Arithmetic::Add) => Some(DataType::Date),
        ([DataType::Date, DataType::Date], Arithmetic::Subtract) => Some(DataType::Bigint),
        _ => None,
    }
}

/// What there is of arithmetic with dates, times and intervals.
fn rule(operator: Arithmetic, left: DataType, right: DataType) -> Option<Rule> {
    use DataType::{Date, Double, Interval, Json, Time, Timestamp, Timestamptz};
    let sum = |left, right, result| Some((&function::ADD_TIME, left, right, result));
    let difference = |left, right, result| Some((&function::SUBTRACT_TIME, left, right, result));
    match (operator, left, right) {
        (Arithmetic::Add, Date | Timestamp, Interval) => sum(left, right, Timestamp),
        (Arithmetic::Add, Interval, Date | Timestamp) => sum(left, right, Timestamp),
        (Arithmetic::Add, Timestamptz | Time | Interval, Interval) => sum(left, right, left),
        (Arithmetic::Add, Interval, Timestamptz | Time) => sum(left, right, right),
        (Arithmetic::Add, Date, Time) | (Arithmetic::Add, Time, Date) => {
            sum(left, right, Timestamp)
        }
        (Arithmetic::Add, Json, Interval) => sum(Timestamp, right, Timestamp),
        (Arithmetic::Add, Interval, Json) => sum(left, Timestamp, Timestamp),
        (Arithmetic::Subtract, Date | Timestamp, Interval) => difference(left, right, Timestamp),
        (Arithmetic::Subtract, Timestamptz | Time | Interval, Interval) => {
            difference(left, right, left)
        }
        (Arithmetic::Subtract, Json, Interval) => difference(Timestamp, right, Timestamp),
        (Arithmetic::Subtract, Timestamp | Json, Date | Timestamp)
        | (Arithmetic::Subtract, Date, Timestamp)
        | (Arithmetic::Subtract, Timestamp, Json) => difference(Timestamp, Timestamp, Interval),
        (Arithmetic::Subtract, Timestamptz, Date | Timestamp | Timestamptz | Json)
        | (Arithmetic::Subtract, Date | Timestamp | Json, Timestamptz) => {
            difference(Timestamptz, Timestamptz, Interval)
        }
        (Arithmetic::Multiply, Interval, number) if is_factor(number) => {
            Some((&function::MULTIPLY_TIME, Interval, factor_type(number), Interval))
        }
        (Arithmetic::Multiply, number, Interval) if is_factor(number) => {
            Some((&function::MULTIPLY_TIME, factor_type(number), Interval, Interval))
        }
        (Arithmetic::Divide, Interval, number) if is_factor(number) => {
            Some((&function::DIVIDE_TIME, Interval, Double, Interval))
        }
        _ => None,
    }
}

fn is_factor(data_type: DataType) -> bool {
    data_type.is_numeric() || data_type == DataType::Json
}

/// Whole numbers multiply exactly.
fn factor_type(data_type: DataType) -> DataType {
    match data_type {
        DataType::Bigint => DataType::Bigint,
        _ => DataType::Double,
    }
}
