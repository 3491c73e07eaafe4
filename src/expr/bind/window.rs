//! Expressions over the records of a key: window calls are cut out of them and numbered, what remains reads the record's
//! own columns and the results.

use super::Item;
use super::binder::{Binder, Typed};
use super::types::Meeting;
use crate::error::{Diagnostic, Sql};
use crate::expr::node::{Arithmetic, Node, Value};
use crate::expr::window::{self, Moving, Nulls, REACH_MAX, WindowCall, WindowFunction};
use crate::expr::{Expression, Scope};
use crate::record::{DataType, SlotOrigin};
use sqlparser::ast::{
    self, Expr, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments,
    NullTreatment, SelectItem,
};
use std::ops::Range;

/// Bound items of a window step.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BoundWindow {
    /// What is computed per record; no two alike.
    pub calls: Vec<WindowCall>,
    /// Name and value of each item, over the slots of the record and of the calls.
    pub outputs: Vec<(String, Expression)>,
}

/// What a binder knows while it binds an expression over the records of a key.
#[derive(Debug, Clone, Default)]
pub struct Window {
    calls: Vec<WindowCall>,
    /// Whether the binder is inside of a window call.
    is_inside: bool,
}

/// The arguments of a call as written.
struct Written<'c> {
    name: String,
    arguments: &'c [FunctionArg],
    nulls: Nulls,
    place: Range<usize>,
}

/// Binds the items of a window step; the errors of all of them are told.
pub fn bind_window(items: &[Sql], scope: &mut Scope) -> Result<BoundWindow, Vec<Diagnostic>> {
    let mut bound = BoundWindow::default();
    let mut problems = Vec::new();
    for sql in items {
        let mut binder = Binder::new(sql, scope);
        binder.window = Some(Window { calls: std::mem::take(&mut bound.calls), is_inside: false });
        let item = match binder.source.item() {
            Ok(SelectItem::Wildcard(_)) => {
                let message = "`window` keeps all columns by itself; `*` belongs to `select`";
                binder.fail_with_hint(&(0..sql.text.len()), message, "", "leave it out")
            }
            Ok(item) => binder.named(&item).map(|(name, typed)| Item::Expression {
                name,
                expression: Expression::new(typed.node),
            }),
            Err(error) => binder.report(error),
        };
        bound.calls = binder.window.take().map(|window| window.calls).unwrap_or_default();
        match binder.finish(item) {
            Ok(Item::Expression { name, expression }) => bound.outputs.push((name, expression)),
            Ok(Item::Star { .. }) => {}
            Err(more) => problems.extend(more),
        }
    }
    if problems.is_empty() { Ok(bound) } else { Err(problems) }
}

impl Binder<'_, '_> {
    /// A call of a window function. `None` where the name is none, or stands in another kind of step.
    pub fn window_call(
        &mut self,
        name: &str,
        call: &ast::Function,
        place: &Range<usize>,
    ) -> Option<Option<Node>> {
        let doc = window::find(name)?;
        let Some(window) = &self.window else {
            // `sum` and the like are aggregates elsewhere.
            if matches!(doc.name, "avg" | "count" | "max" | "min" | "sum") {
                return None;
            }
            let context = self.scope.context;
            let message = format!("`{name}` is a window function: it has no meaning in {context}");
            let hint = "write it in a window step: window = { by = [...], compute = [...] }";
            return Some(self.fail_with_hint(place, &message, "", hint));
        };
        if window.is_inside {
            let hint = "compute the inner one in a window step before";
            let message = "a window function inside of another";
            return Some(self.fail_with_hint(place, message, "", hint));
        }
        let written = self.window_written(doc.name, call, place);
        Some(written.and_then(|written| self.window_node(&written)))
    }

    /// What is common to all calls: no clauses but `IGNORE NULLS`.
    fn window_written<'c>(
        &mut self,
        name: &str,
        call: &'c ast::Function,
        place: &Range<usize>,
    ) -> Option<Written<'c>> {
        if call.over.is_some() {
            let hint = "leave OVER out: `by` says which records go together, and their order is that of the input";
            let message = format!("`{name}` takes no OVER here");
            return self.fail_with_hint(place, &message, "", hint);
        }
        if call.filter.is_some() || !call.within_group.is_empty() {
            let hint = format!("write {name}(CASE WHEN condition THEN value END)");
            let message = format!("`{name}` takes no FILTER and no WITHIN GROUP here");
            return self.fail_with_hint(place, &message, "", &hint);
        }
        let (arguments, clauses): (&[FunctionArg], &[FunctionArgumentClause]) = match &call.args {
            FunctionArguments::None => (&[], &[]),
            FunctionArguments::List(list) if list.duplicate_treatment.is_none() => {
                (&list.args, &list.clauses)
            }
            _ => return self.fail(place, &format!("`{name}` takes no DISTINCT here"), ""),
        };
        let mut treatment = call.null_treatment.as_ref();
        for clause in clauses {
            match clause {
                FunctionArgumentClause::IgnoreOrRespectNulls(given) => treatment = Some(given),
                _ => {
                    let message = format!("`{name}` takes no {clause} here");
                    let hint = "the order of the records is that of the input";
                    return self.fail_with_hint(place, &message, "", hint);
                }
            }
        }
        let nulls = match treatment {
            Some(NullTreatment::IgnoreNulls) => Nulls::Ignored,
            Some(NullTreatment::RespectNulls) | None => Nulls::Respected,
        };
        if nulls == Nulls::Ignored && !matches!(name, "first_value" | "last_value") {
            let message = format!("`{name}` takes no IGNORE NULLS");
            return self.fail_with_hint(place, &message, "", "filter them out in a step before");
        }
        Some(Written { name: name.to_owned(), arguments, nulls, place: place.clone() })
    }

    fn window_node(&mut self, written: &Written<'_>) -> Option<Node> {
        let name = written.name.as_str();
        let is_star = |argument: &FunctionArg| {
            matches!(argument, FunctionArg::Unnamed(FunctionArgExpr::Wildcard))
        };
        if name == "row_number" || (name == "count" && written.arguments.iter().all(is_star)) {
            let most = usize::from(name == "count");
            if written.arguments.len() > most {
                return self.wrong_count(written);
            }
            return Some(self.remembered(WindowFunction::Records, None, None, &written.place));
        }
        let mut arguments = Vec::new();
        for argument in written.arguments {
            arguments.push(match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(ast)) => self.inside_window(ast),
                _ => self.fail(&written.place, &format!("`{name}` takes plain arguments only"), ""),
            });
        }
        let mut arguments = arguments.into_iter().collect::<Option<Vec<Typed>>>()?.into_iter();
        let argument = arguments.next();
        let rest: Vec<Typed> = arguments.collect();
        let (least, most) = match name {
            "lag" | "lead" => (0, 2),
            "delta" => (0, 1),
            "ewma" | "moving_avg" | "moving_count" | "moving_max" | "moving_min" | "moving_sum" => {
                (1, 1)
            }
            _ => (0, 0),
        };
        match argument {
            Some(argument) if (least..=most).contains(&rest.len()) => {
                self.call_of_window(written, argument, rest)
            }
            _ => self.wrong_count(written),
        }
    }

    /// A call with the right number of arguments.
    fn call_of_window(
        &mut self,
        written: &Written<'_>,
        argument: Typed,
        mut rest: Vec<Typed>,
    ) -> Option<Node> {
        let name = written.name.as_str();
        let function = match name {
            "count" => WindowFunction::Count,
            "sum" => WindowFunction::Sum,
            "avg" => WindowFunction::Average,
            "min" => WindowFunction::Min,
            "max" => WindowFunction::Max,
            "first_value" => WindowFunction::First(written.nulls),
            "last_value" => WindowFunction::Last(written.nulls),
            "ewma" => WindowFunction::Ewma(self.weight(rest.pop()?)?),
            "delta" => return self.delta(argument, rest.pop(), &written.place),
            "lag" | "lead" => {
                let default = if rest.len() == 2 { rest.pop() } else { None };
                let reach = self.reach(rest.pop())?;
                let function = match name {
                    "lag" => WindowFunction::Lag(reach),
                    _ => WindowFunction::Lead(reach),
                };
                return self.with_default(function, argument, default, &written.place);
            }
            _ => {
                let moving = match name {
                    "moving_avg" => Moving::Average,
                    "moving_count" => Moving::Count,
                    "moving_max" => Moving::Max,
                    "moving_min" => Moving::Min,
                    _ => Moving::Sum,
                };
                WindowFunction::Moving(moving, self.reach(rest.pop())?)
            }
        };
        let argument = match function {
            WindowFunction::Sum
            | WindowFunction::Average
            | WindowFunction::Moving(Moving::Sum | Moving::Average, _) => self.number(argument)?,
            WindowFunction::Ewma(_) => self.coerce(argument, DataType::Double)?,
            WindowFunction::Min
            | WindowFunction::Max
            | WindowFunction::Moving(Moving::Min | Moving::Max, _) => self.in_order(argument)?,
            _ => argument,
        };
        Some(self.remembered(function, Some(argument.node), None, &written.place))
    }

    /// The number of arguments is wrong.
    fn wrong_count<T>(&mut self, written: &Written<'_>) -> Option<T> {
        let count = written.arguments.len();
        let plural = if count == 1 { "" } else { "s" };
        let message = format!("`{}` does not take {count} argument{plural}", written.name);
        let signature = window::find(&written.name).map_or("", |doc| doc.signature);
        self.fail_with_hint(&written.place, &message, "", &format!("it is {signature}"))
    }

    /// An argument of a window call: no other window call may stand in it.
    fn inside_window(&mut self, ast: &Expr) -> Option<Typed> {
        if let Some(window) = &mut self.window {
            window.is_inside = true;
        }
        let typed = self.expression(ast);
        if let Some(window) = &mut self.window {
            window.is_inside = false;
        }
        typed.map(|typed| self.settled(typed))
    }

    fn in_order(&mut self, typed: Typed) -> Option<Typed> {
        if typed.node.data_type() != DataType::Json {
            return Some(typed);
        }
        self.json_without_order(&typed)
    }

    /// How many records a call looks back or ahead; one, unless given.
    fn reach(&mut self, typed: Option<Typed>) -> Option<usize> {
        let Some(typed) = typed else { return Some(1) };
        match typed.node.constant() {
            Some(Value::Bigint(count)) => {
                let reach = usize::try_from(*count).ok();
                match reach.filter(|reach| (1..=REACH_MAX).contains(reach)) {
                    Some(reach) => Some(reach),
                    None => {
                        let message = format!("{count} records are not between 1 and {REACH_MAX}");
                        self.fail(&typed.place, &message, "")
                    }
                }
            }
            _ => {
                let message = "the number of records must be a constant integer";
                self.fail(&typed.place, message, "")
            }
        }
    }

    /// The weight of the newest value.
    fn weight(&mut self, typed: Typed) -> Option<f64> {
        let typed = self.coerce(typed, DataType::Double)?;
        match typed.node.constant() {
            Some(Value::Double(weight)) if *weight > 0.0 && *weight <= 1.0 => Some(*weight),
            _ => {
                let message = "alpha must be a constant above 0, and 1 at most";
                self.fail_with_hint(&typed.place, message, "", "for example: ewma(x, 0.2)")
            }
        }
    }

    fn with_default(
        &mut self,
        function: WindowFunction,
        argument: Typed,
        default: Option<Typed>,
        place: &Range<usize>,
    ) -> Option<Node> {
        let Some(default) = default else {
            return Some(self.remembered(function, Some(argument.node), None, place));
        };
        let alike = self.unify(vec![argument, default], Meeting::Choice)?;
        let [argument, default] = <[Typed; 2]>::try_from(alike).ok()?;
        Some(self.remembered(function, Some(argument.node), Some(default.node), place))
    }

    /// `x - lag(x, n)`
    fn delta(
        &mut self,
        argument: Typed,
        reach: Option<Typed>,
        place: &Range<usize>,
    ) -> Option<Node> {
        let reach = self.reach(reach)?;
        let argument = match argument.node.data_type() {
            data_type if data_type.is_temporal() => argument,
            _ => self.number(argument)?,
        };
        let function = WindowFunction::Lag(reach);
        let before = self.remembered(function, Some(argument.node.clone()), None, place);
        let before = Typed { node: before, place: argument.place.clone() };
        self.arithmetic(Arithmetic::Subtract, argument, before)
    }

    /// The node that reads a call's result; identical calls share one slot.
    fn remembered(
        &mut self,
        function: WindowFunction,
        argument: Option<Node>,
        default: Option<Node>,
        place: &Range<usize>,
    ) -> Node {
        let (argument, default) = (argument.map(Expression::new), default.map(Expression::new));
        let calls = self.window.as_ref().map_or(&[][..], |window| &window.calls);
        let known = calls.iter().find(|call| {
            call.function == function && call.argument == argument && call.default == default
        });
        if let Some(known) = known {
            return Node::Column(known.slot, known.data_type);
        }
        let data_type = result_type(function, argument.as_ref().map(Expression::data_type));
        let name = self.text(place).to_owned();
        let slot = self.scope.slots.add(name, data_type, SlotOrigin::Computed);
        if let Some(window) = &mut self.window {
            window.calls.push(WindowCall { function, argument, default, slot, data_type });
        }
        Node::Column(slot, data_type)
    }
}

fn result_type(function: WindowFunction, argument: Option<DataType>) -> DataType {
    let widest = |scale| DataType::Decimal { precision: DataType::PRECISION_MAX, scale };
    let argument = argument.unwrap_or(DataType::Bigint);
    match function {
        WindowFunction::Records
        | WindowFunction::Count
        | WindowFunction::Moving(Moving::Count, _) => DataType::Bigint,
        WindowFunction::Average
        | WindowFunction::Ewma(_)
        | WindowFunction::Moving(Moving::Average, _) => DataType::Double,
        WindowFunction::Sum | WindowFunction::Moving(Moving::Sum, _) => match argument {
            DataType::Bigint => widest(0),
            DataType::Decimal { scale, .. } => widest(scale),
            other => other,
        },
        WindowFunction::Min
        | WindowFunction::Max
        | WindowFunction::First(_)
        | WindowFunction::Last(_)
        | WindowFunction::Lag(_)
        | WindowFunction::Lead(_)
        | WindowFunction::Moving(Moving::Min | Moving::Max, _) => argument,
    }
}
