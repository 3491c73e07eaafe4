//! Calls of aggregate functions: `sum(DISTINCT x)`, `list(x ORDER BY y DESC) FILTER (WHERE z)`,
//! `percentile_cont(0.5) WITHIN GROUP (ORDER BY x)`.

use super::aggregate::AggregateCall;
use super::binder::{Binder, Typed};
use super::types::as_text;
use crate::expr::Expression;
use crate::expr::aggregate::{self, Aggregate, Constants, Parameter};
use crate::expr::node::{Conversion, Node, Value};
use crate::expr::numbers;
use crate::record::aggregation::{Aggregation, Point, Points, SortKey};
use crate::record::{DataType, Direction, Element, SlotOrigin};
use sqlparser::ast::{
    self, DuplicateTreatment, Expr, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArguments, OrderByExpr, OrderBySort,
};
use std::ops::Range;

/// The most values of `min(x, n)`, `top_k(x, k)` and the like.
const COUNT_MAX: usize = 100_000;

/// The most points of a list of quantiles.
const POINTS_MAX: usize = 1_000;

/// What is written between the parentheses of a call.
struct Written<'a> {
    arguments: Vec<&'a Expr>,
    order: &'a [OrderByExpr],
    is_distinct: bool,
}

impl Binder<'_, '_> {
    /// A call of an aggregate function. `None` where the name is none.
    pub fn aggregate(
        &mut self,
        name: &str,
        call: &ast::Function,
        place: &Range<usize>,
    ) -> Option<Option<Node>> {
        let function = aggregate::find(name)?;
        let is_inside = match &self.groups {
            None => {
                let (place_name, hint) = match self.scope.context {
                    "aggregate" => ("a group key", "write it in `select`, not in `by`"),
                    context => (
                        context,
                        "write it in an aggregate step: aggregate = { by = [...], select = [...] }",
                    ),
                };
                let message =
                    format!("`{name}` is an aggregate: it has no meaning in {place_name}");
                return Some(self.fail_with_hint(place, &message, "", hint));
            }
            Some(groups) => groups.is_inside,
        };
        if is_inside {
            return Some(self.fail(place, "an aggregate inside of another", ""));
        }
        Some(self.aggregate_call(name, function, call, place))
    }

    fn aggregate_call(
        &mut self,
        name: &str,
        function: &Aggregate,
        call: &ast::Function,
        place: &Range<usize>,
    ) -> Option<Node> {
        if call.over.is_some() {
            let message = format!("`{name}` takes no OVER: it works on whole groups");
            return self.fail(place, &message, "");
        }
        let mut written = self.written(name, call, place)?;
        let mut constants = Constants::default();
        if !call.within_group.is_empty() {
            self.within_group(function, call, &mut written, &mut constants, place)?;
        }
        let is_star = function.doc.name == "count" && written.arguments.is_empty();
        if is_star && written.is_distinct {
            let message = "`count(DISTINCT ...)` needs to know of what";
            let hint = "name the column: count(DISTINCT id)";
            return self.fail_with_hint(place, message, "", hint);
        }
        let arguments = match is_star {
            true => Some(Vec::new()),
            false => self.aggregate_arguments(name, function, &written, &mut constants, place),
        };
        let filter = self.filter(call);
        let order: Vec<Option<(Expression, SortKey)>> =
            written.order.iter().map(|key| self.sort_key(key)).collect();
        let (arguments, filter) = (arguments?, filter?);
        let order: Vec<(Expression, SortKey)> = order.into_iter().collect::<Option<_>>()?;
        let types: Vec<DataType> = arguments.iter().map(Expression::data_type).collect();
        let aggregation = match is_star {
            true => Aggregation::CountAll,
            false => (function.build)(&constants, &types),
        };
        if !order.is_empty() && !aggregation.is_ordered() {
            let message = format!("the order of the records means nothing to `{name}`");
            return self.fail_with_hint(place, &message, "", "leave out ORDER BY");
        }
        let is_distinct = written.is_distinct && !aggregation.ignores_repeats();
        let distinct = match is_distinct {
            true => Some(self.places_of_keys(&order, &arguments, place)?),
            false => None,
        };
        let data_type = result_type(&aggregation, &types);
        let slot = crate::record::Slot(usize::MAX);
        let call =
            AggregateCall { aggregation, arguments, filter, distinct, order, slot, data_type };
        Some(self.numbered(call, place))
    }

    /// Which records count: those that the step says, and the call.
    fn filter(&mut self, call: &ast::Function) -> Option<Option<Expression>> {
        let of_step = self.groups.as_ref().and_then(|groups| groups.filter.clone());
        let of_call = match &call.filter {
            None => None,
            Some(ast) => {
                let typed = self.inside(ast)?;
                Some(self.condition(typed)?.node)
            }
        };
        let both = match (of_step, of_call) {
            (Some(step), Some(call)) => Some(Node::And(vec![step, call])),
            (step, call) => step.or(call),
        };
        Some(both.map(Expression::new))
    }

    /// What stands between the parentheses.
    fn written<'a>(
        &mut self,
        name: &str,
        call: &'a ast::Function,
        place: &Range<usize>,
    ) -> Option<Written<'a>> {
        let mut written = Written { arguments: Vec::new(), order: &[], is_distinct: false };
        let list = match &call.args {
            FunctionArguments::None => return Some(written),
            FunctionArguments::List(list) => list,
            FunctionArguments::Subquery(_) => {
                return self.fail(place, "subqueries are not supported", "");
            }
        };
        written.is_distinct = list.duplicate_treatment == Some(DuplicateTreatment::Distinct);
        for argument in &list.args {
            match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(ast)) => written.arguments.push(ast),
                FunctionArg::Unnamed(FunctionArgExpr::Wildcard)
                    if name == "count" && list.args.len() == 1 => {}
                _ => return self.fail(place, &format!("`{name}` takes plain arguments only"), ""),
            }
        }
        for clause in &list.clauses {
            match clause {
                FunctionArgumentClause::OrderBy(keys) => written.order = keys,
                _ => {
                    let message = format!("`{name}` takes DISTINCT, ORDER BY and FILTER only");
                    return self.fail(place, &message, "");
                }
            }
        }
        Some(written)
    }

    /// `WITHIN GROUP (ORDER BY x)`: x is the first argument of a quantile, and the order of a list.
    fn within_group<'a>(
        &mut self,
        function: &Aggregate,
        call: &'a ast::Function,
        written: &mut Written<'a>,
        constants: &mut Constants,
        place: &Range<usize>,
    ) -> Option<()> {
        match (function.doc.name, &*call.within_group) {
            ("string_agg", keys) => written.order = keys,
            ("quantile_cont" | "quantile_disc" | "mode", [key]) => {
                let is_descending = is_descending(key);
                constants.direction = is_descending.then_some(Direction::Descending);
                written.arguments.insert(0, &key.expr);
            }
            (name, _) => {
                let message = format!("`{name}` takes no WITHIN GROUP of this kind");
                let signature = function.doc.signature;
                return self.fail_with_hint(place, &message, "", &format!("it is {signature}"));
            }
        }
        Some(())
    }

    /// The arguments that are computed for each record; the others are constants of the call.
    fn aggregate_arguments(
        &mut self,
        name: &str,
        function: &Aggregate,
        written: &Written<'_>,
        constants: &mut Constants,
        place: &Range<usize>,
    ) -> Option<Vec<Expression>> {
        let count = written.arguments.len();
        if count < function.required || count > function.parameters.len() {
            let plural = if count == 1 { "" } else { "s" };
            let message = format!("`{name}` does not take {count} argument{plural}");
            let signature = function.doc.signature;
            return self.fail_with_hint(place, &message, "", &format!("it is {signature}"));
        }
        let mut arguments = Vec::new();
        for (ast, parameter) in written.arguments.iter().zip(function.parameters) {
            let argument = match parameter {
                Parameter::Points => {
                    constants.points = self.points(ast);
                    constants.points.as_ref().map(|_| None)
                }
                _ => self.inside(ast).and_then(|typed| match parameter {
                    Parameter::Count => {
                        constants.count = self.count(&typed);
                        constants.count.map(|_| None)
                    }
                    Parameter::Separator => {
                        constants.separator = self.separator(&typed);
                        constants.separator.as_ref().map(|_| None)
                    }
                    _ => self.aggregate_argument(*parameter, typed).map(Some),
                }),
            };
            arguments.push(argument);
        }
        let arguments: Vec<Option<Typed>> = arguments.into_iter().collect::<Option<_>>()?;
        let computed = arguments.into_iter().flatten();
        Some(computed.map(|typed| Expression::new(typed.node)).collect())
    }

    /// A part of an aggregate call.
    fn inside(&mut self, ast: &Expr) -> Option<Typed> {
        let typed = self.with_columns(|binder| binder.expression(ast));
        typed.map(|typed| self.settled(typed))
    }

    /// Binds what stands in an aggregate call: names mean the input's columns.
    fn with_columns<T>(&mut self, bind: impl FnOnce(&mut Self) -> T) -> T {
        if let Some(groups) = &mut self.groups {
            groups.is_inside = true;
        }
        let bound = bind(self);
        if let Some(groups) = &mut self.groups {
            groups.is_inside = false;
        }
        bound
    }

    fn aggregate_argument(&mut self, parameter: Parameter, typed: Typed) -> Option<Typed> {
        let data_type = typed.node.data_type();
        match parameter {
            Parameter::Any => Some(typed),
            Parameter::Ordered if data_type == DataType::Json => self.json_without_order(&typed),
            Parameter::Ordered => Some(typed),
            Parameter::Steady => match data_type {
                data_type if data_type.is_moment() => Some(typed),
                _ => self.number(typed),
            },
            Parameter::Summand if data_type == DataType::Boolean => {
                let node = Node::Cast(Conversion::Explicit, Box::new(typed.node), DataType::Bigint);
                Some(Typed { node, ..typed })
            }
            Parameter::Number | Parameter::Summand => self.number(typed),
            Parameter::Double => self.coerce(typed, DataType::Double),
            Parameter::Bigint => self.coerce(typed, DataType::Bigint),
            Parameter::Boolean => self.condition(typed),
            Parameter::Condition => {
                let typed = self.condition(typed)?;
                let value = |value| Node::Constant(value, DataType::Boolean);
                let branches = vec![(typed.node, value(Value::Boolean(true)))];
                let node = Node::Case(branches, Box::new(value(Value::Null)));
                Some(Typed { node, place: typed.place })
            }
            Parameter::AsText => Some(as_text(typed)),
            Parameter::Count | Parameter::Separator | Parameter::Points => {
                unreachable!("constants are no arguments")
            }
        }
    }

    /// A constant number of values.
    fn count(&mut self, typed: &Typed) -> Option<usize> {
        if let Some(Value::Bigint(count)) = typed.node.constant()
            && let Ok(count) = usize::try_from(*count)
            && (1..=COUNT_MAX).contains(&count)
        {
            return Some(count);
        }
        let message = format!("a constant number from 1 to {COUNT_MAX} is needed here");
        self.fail(&typed.place, &message, "")
    }

    /// A constant text.
    fn separator(&mut self, typed: &Typed) -> Option<Box<[u8]>> {
        if let Some(Value::Text(separator)) = typed.node.constant() {
            return Some(separator.clone());
        }
        let hint = "write it in quotes: string_agg(name, ', ')";
        self.fail_with_hint(&typed.place, "the separator must be a constant text", "", hint)
    }

    /// A constant between 0 and 1, or a list of such.
    fn points(&mut self, ast: &Expr) -> Option<Points> {
        let Expr::Array(array) = ast else {
            return self.point(ast).map(Points::One);
        };
        if array.elem.is_empty() || array.elem.len() > POINTS_MAX {
            let place = self.source.expression_range(ast);
            let message = format!("from 1 to {POINTS_MAX} numbers between 0 and 1 are needed here");
            return self.fail(&place, &message, "");
        }
        let points: Vec<Option<Point>> = array.elem.iter().map(|one| self.point(one)).collect();
        points.into_iter().collect::<Option<_>>().map(Points::List)
    }

    fn point(&mut self, ast: &Expr) -> Option<Point> {
        let typed = self.inside(ast)?;
        let point = match typed.node.constant() {
            Some(Value::Bigint(value)) => u128::try_from(*value)
                .ok()
                .map(|units| Point { value: *value as f64, exact: Some((units, 0)) }),
            Some(Value::Decimal(units, scale)) => u128::try_from(*units).ok().map(|exact| {
                let value = numbers::double_from_decimal(*units, *scale);
                Point { value, exact: Some((exact, *scale)) }
            }),
            Some(Value::Double(value)) => Some(Point { value: *value, exact: None }),
            _ => None,
        };
        match point.filter(|point| (0.0..=1.0).contains(&point.value)) {
            Some(point) => Some(point),
            None => {
                let message = "a constant between 0 and 1 is needed here, or a list of such";
                self.fail_with_hint(&typed.place, message, "", "the median is at 0.5")
            }
        }
    }

    /// One key of `ORDER BY`.
    fn sort_key(&mut self, item: &OrderByExpr) -> Option<(Expression, SortKey)> {
        let key = self.with_columns(|binder| binder.order_key(item))?;
        let data_type = key.expression.data_type();
        Some((key.expression, SortKey { data_type, order: key.order }))
    }

    /// Which argument each key is: of equal arguments only one is left, so no other key has one value.
    fn places_of_keys(
        &mut self,
        order: &[(Expression, SortKey)],
        arguments: &[Expression],
        place: &Range<usize>,
    ) -> Option<Vec<usize>> {
        let place_of = |(key, _): &(Expression, SortKey)| {
            arguments.iter().position(|argument| argument == key)
        };
        match order.iter().map(place_of).collect() {
            Some(places) => Some(places),
            None => {
                let message = "with DISTINCT, only the arguments themselves can be ordered by";
                let hint = "order by the argument as it is written, or leave out DISTINCT";
                self.fail_with_hint(place, message, "", hint)
            }
        }
    }

    /// The node that reads a call's result; identical calls share one slot.
    fn numbered(&mut self, call: AggregateCall, place: &Range<usize>) -> Node {
        let calls = self.groups.as_ref().map_or(&[][..], |groups| &groups.calls);
        let is_same =
            |known: &&AggregateCall| AggregateCall { slot: known.slot, ..call.clone() } == **known;
        if let Some(known) = calls.iter().find(is_same) {
            return Node::Column(known.slot, known.data_type);
        }
        let data_type = call.data_type;
        let name = self.text(place).to_string();
        let slot = self.scope.slots.add(name, data_type, SlotOrigin::Computed);
        if let Some(groups) = &mut self.groups {
            groups.calls.push(AggregateCall { slot, ..call });
        }
        Node::Column(slot, data_type)
    }
}

fn is_descending(key: &OrderByExpr) -> bool {
    matches!(key.options.sort, Some(OrderBySort::Desc))
}

/// The type of a list of values of a type.
fn list_of(element: DataType) -> DataType {
    DataType::List(Element::of(element).unwrap_or(Element::Json))
}

/// The type of the result of an aggregation over arguments of some types.
fn result_type(aggregation: &Aggregation, arguments: &[DataType]) -> DataType {
    let argument = arguments.first().copied().unwrap_or(DataType::Bigint);
    let widest = |scale| DataType::Decimal { precision: DataType::PRECISION_MAX, scale };
    match aggregation {
        Aggregation::CountAll
        | Aggregation::Count
        | Aggregation::ApproximateCount
        | Aggregation::Bits(_) => DataType::Bigint,
        Aggregation::Sum => match argument {
            DataType::Bigint => widest(0),
            DataType::Decimal { scale, .. } => widest(scale),
            other => other,
        },
        Aggregation::Average | Aggregation::Statistic(_) | Aggregation::Entropy => DataType::Double,
        Aggregation::Min
        | Aggregation::Max
        | Aggregation::First
        | Aggregation::Last
        | Aggregation::AnyValue
        | Aggregation::Arg(_)
        | Aggregation::Mode => argument,
        Aggregation::Several(..)
        | Aggregation::SeveralArgs(..)
        | Aggregation::List
        | Aggregation::TopK(_) => list_of(argument),
        Aggregation::Joined { .. } => DataType::Text,
        Aggregation::Histogram => DataType::Json,
        Aggregation::Quantile(quantile) => {
            of_points(&quantile.points, quantile.data_type(argument))
        }
        Aggregation::ApproximateQuantile(points) => of_points(points, DataType::Double),
    }
}

fn of_points(points: &Points, data_type: DataType) -> DataType {
    match points {
        Points::One(_) => data_type,
        Points::List(_) => list_of(data_type),
    }
}
