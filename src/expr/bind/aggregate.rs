//! Expressions over groups: aggregate calls are cut out of them and numbered, what remains reads keys and results.

use super::binder::{Binder, Typed};
use super::{Item, bind_item, collect};
use crate::error::{Diagnostic, Sql};
use crate::expr::node::Node;
use crate::expr::{Expression, Scope};
use crate::record::{DataType, PathStep, Slot, SlotOrigin};
use sqlparser::ast::{self, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, SelectItem};
use std::ops::Range;

/// A bound aggregate step. Its records are the keys, then the outputs.
#[derive(Debug, Clone, PartialEq)]
pub struct BoundAggregate {
    /// What makes a group.
    pub keys: Vec<KeyColumn>,
    /// What is computed per group; no two alike.
    pub calls: Vec<AggregateCall>,
    /// Name and value of each output, over the slots of keys and calls.
    pub outputs: Vec<(String, Expression)>,
}

/// One part of a group's key.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyColumn {
    /// Its name in the output.
    pub name: String,
    /// Its value, over an input record.
    pub expression: Expression,
    /// Where the group's value will stand.
    pub slot: Slot,
}

/// One aggregate function over one argument.
#[derive(Debug, Clone, PartialEq)]
pub struct AggregateCall {
    /// What is computed.
    pub function: AggregateFunction,
    /// Of what, over an input record; `None` for `count(*)`.
    pub argument: Option<Expression>,
    /// Where the group's result will stand.
    pub slot: Slot,
    /// The type of the result.
    pub data_type: DataType,
}

/// What an aggregate call computes. NULLs do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AggregateFunction {
    /// `count(*)`: the number of records. Bigint.
    CountAll,
    /// `count(x)`: the number of values. Bigint.
    Count,
    /// `sum(x)`: of bigints and decimals a decimal of 38 digits, else a double. NULL of no values.
    Sum,
    /// `min(x)`: of the argument's type. NULL of no values.
    Min,
    /// `max(x)`: of the argument's type. NULL of no values.
    Max,
    /// `avg(x)`: a double. NULL of no values.
    Avg,
}

/// What a binder knows while it binds an expression over groups.
#[derive(Debug, Clone, Default)]
pub struct Groups {
    keys: Vec<GroupKey>,
    calls: Vec<AggregateCall>,
    /// Whether the binder is inside of an aggregate call, where names mean the input's columns.
    is_inside: bool,
}

#[derive(Debug, Clone)]
struct GroupKey {
    name: String,
    /// The expression as the parser writes it.
    text: String,
    node: Node,
    slot: Slot,
}

/// Binds the keys and outputs of an aggregate step.
pub fn bind_aggregate(
    by: &[Sql],
    select: &[Sql],
    scope: &mut Scope,
) -> Result<BoundAggregate, Vec<Diagnostic>> {
    let keys = collect(by.iter().map(|sql| bind_key(sql, scope)));
    let (keys, mut errors) = match keys {
        Ok(keys) => (keys, Vec::new()),
        Err(errors) => (Vec::new(), errors),
    };
    if !errors.is_empty() {
        return Err(errors);
    }
    let mut groups = Groups { keys, ..Groups::default() };
    let mut outputs = Vec::new();
    for sql in select {
        match bind_output(sql, scope, &mut groups) {
            Ok(output) => outputs.push(output),
            Err(more) => errors.extend(more),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let keys = groups.keys.into_iter().map(|key| KeyColumn {
        name: key.name,
        expression: Expression::new(key.node),
        slot: key.slot,
    });
    Ok(BoundAggregate { keys: keys.collect(), calls: groups.calls, outputs })
}

fn bind_key(sql: &Sql, scope: &mut Scope) -> Result<GroupKey, Vec<Diagnostic>> {
    let Item::Expression { name, expression } = bind_item(sql, scope)? else {
        let message = "`*` cannot be a group key";
        return Err(vec![Diagnostic::at(sql.whole(), message)]);
    };
    let text = match (crate::expr::parse::Source { sql }).item() {
        Ok(SelectItem::UnnamedExpr(ast) | SelectItem::ExprWithAlias { expr: ast, .. }) => {
            ast.to_string()
        }
        _ => String::new(),
    };
    let data_type = expression.data_type();
    Ok(GroupKey {
        slot: scope.slots.add(name.clone(), data_type, SlotOrigin::Computed),
        node: (*expression.node).clone(),
        name,
        text,
    })
}

fn bind_output(
    sql: &Sql,
    scope: &mut Scope,
    groups: &mut Groups,
) -> Result<(String, Expression), Vec<Diagnostic>> {
    let mut binder = Binder::new(sql, scope);
    binder.groups = Some(std::mem::take(groups));
    let output = match binder.source.item() {
        Ok(SelectItem::Wildcard(_)) => {
            let hint = "name the aggregates: count(*) AS records";
            binder.fail_with_hint(&(0..sql.text.len()), "`*` is not an aggregate", "", hint)
        }
        Ok(item) => binder.named(&item),
        Err(error) => binder.report(error),
    };
    *groups = binder.groups.take().unwrap_or_default();
    let output = output.and_then(|(name, typed)| {
        if groups.keys.iter().any(|key| key.name == name) {
            let message = format!("`{name}` is already there: the keys come first");
            return binder.fail_with_hint(&typed.place, &message, "", "leave it out of select");
        }
        Some((name, Expression::new(typed.node)))
    });
    binder.finish(output)
}

impl Binder<'_, '_> {
    /// A part that is a group key as a whole: `date_trunc('day', t)`.
    pub fn group_key(&self, ast: &Expr) -> Option<Node> {
        let groups = self.groups.as_ref().filter(|groups| !groups.is_inside)?;
        if groups.keys.is_empty() {
            return None;
        }
        let text = ast.to_string();
        let key = groups.keys.iter().find(|key| key.text == text)?;
        Some(Node::Column(key.slot, key.node.data_type()))
    }

    /// A name over groups: a key, or an error. `None` where names mean the input's columns.
    pub fn group_column(
        &mut self,
        name: &str,
        rest: &[PathStep],
        place: &Range<usize>,
    ) -> Option<Option<Node>> {
        let groups = self.groups.as_ref().filter(|groups| !groups.is_inside)?;
        let is_named = |key: &&GroupKey| rest.is_empty() && key.name.eq_ignore_ascii_case(name);
        let field = self.scope.layout.find(name).map(|field| field.slot);
        let is_field = |key: &&GroupKey| match key.node {
            Node::Column(slot, _) => rest.is_empty() && Some(slot) == field,
            _ => false,
        };
        let key = groups.keys.iter().find(is_named);
        if let Some(key) = key.or_else(|| groups.keys.iter().find(is_field)) {
            return Some(Some(Node::Column(key.slot, key.node.data_type())));
        }
        let text = self.text(place);
        let message = format!("`{text}` differs within a group");
        let hint = format!("group by it, or aggregate it: min({text}), max({text}), count({text})");
        Some(self.fail_with_hint(place, &message, "not a group key", &hint))
    }

    /// A call of an aggregate function. `None` where the name is none.
    pub fn aggregate(
        &mut self,
        name: &str,
        call: &ast::Function,
        place: &Range<usize>,
    ) -> Option<Option<Node>> {
        if !matches!(name, "count" | "sum" | "min" | "max" | "avg") {
            return None;
        }
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
        Some(self.aggregate_call(name, call, place))
    }

    fn aggregate_call(
        &mut self,
        name: &str,
        call: &ast::Function,
        place: &Range<usize>,
    ) -> Option<Node> {
        let list: &[FunctionArg] = match &call.args {
            FunctionArguments::List(list)
                if list.duplicate_treatment.is_none() && list.clauses.is_empty() =>
            {
                &list.args
            }
            _ => {
                let message = format!("`{name}` takes no DISTINCT and no ORDER BY");
                let hint = "drop repeated values in a step before: dedup = { key = [...] }";
                return self.fail_with_hint(place, &message, "", hint);
            }
        };
        if call.over.is_some() {
            return self.fail(
                place,
                &format!("`{name}` takes no OVER: it works on whole groups"),
                "",
            );
        }
        if call.filter.is_some() || !call.within_group.is_empty() {
            let hint = format!("write {name}(CASE WHEN condition THEN value END)");
            let message = format!("`{name}` takes no FILTER and no WITHIN GROUP");
            return self.fail_with_hint(place, &message, "", &hint);
        }
        let (function, argument) = match (name, list) {
            ("count", [] | [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)]) => {
                (AggregateFunction::CountAll, None)
            }
            (_, [FunctionArg::Unnamed(FunctionArgExpr::Expr(ast))]) => {
                let typed = self.inside(ast)?;
                let function = match name {
                    "count" => AggregateFunction::Count,
                    "sum" => AggregateFunction::Sum,
                    "min" => AggregateFunction::Min,
                    "max" => AggregateFunction::Max,
                    _ => AggregateFunction::Avg,
                };
                (function, Some(self.aggregate_argument(function, typed)?.node))
            }
            _ => return self.fail(place, &format!("`{name}` takes one argument"), ""),
        };
        let argument = argument.map(Expression::new);
        Some(self.numbered(function, argument, place))
    }

    /// The argument of an aggregate call: names mean the input's columns.
    fn inside(&mut self, ast: &Expr) -> Option<Typed> {
        if let Some(groups) = &mut self.groups {
            groups.is_inside = true;
        }
        let typed = self.expression(ast);
        if let Some(groups) = &mut self.groups {
            groups.is_inside = false;
        }
        typed.map(|typed| self.settled(typed))
    }

    fn aggregate_argument(&mut self, function: AggregateFunction, typed: Typed) -> Option<Typed> {
        match function {
            AggregateFunction::CountAll | AggregateFunction::Count => Some(typed),
            AggregateFunction::Sum | AggregateFunction::Avg => self.number(typed),
            AggregateFunction::Min | AggregateFunction::Max => {
                if typed.node.data_type() != DataType::Json {
                    return Some(typed);
                }
                self.json_without_order(&typed)
            }
        }
    }

    /// The node that reads a call's result; identical calls share one slot.
    fn numbered(
        &mut self,
        function: AggregateFunction,
        argument: Option<Expression>,
        place: &Range<usize>,
    ) -> Node {
        let calls = self.groups.as_ref().map_or(&[][..], |groups| &groups.calls);
        let is_same =
            |call: &&AggregateCall| call.function == function && call.argument == argument;
        if let Some(known) = calls.iter().find(is_same) {
            return Node::Column(known.slot, known.data_type);
        }
        let data_type = result_type(function, argument.as_ref().map(Expression::data_type));
        let name = self.text(place).to_string();
        let slot = self.scope.slots.add(name, data_type, SlotOrigin::Computed);
        if let Some(groups) = &mut self.groups {
            groups.calls.push(AggregateCall { function, argument, slot, data_type });
        }
        Node::Column(slot, data_type)
    }
}

fn result_type(function: AggregateFunction, argument: Option<DataType>) -> DataType {
    let widest = |scale| DataType::Decimal { precision: DataType::PRECISION_MAX, scale };
    match (function, argument) {
        (AggregateFunction::Count | AggregateFunction::CountAll, _) | (_, None) => DataType::Bigint,
        (AggregateFunction::Avg, _) => DataType::Double,
        (AggregateFunction::Sum, Some(DataType::Bigint)) => widest(0),
        (AggregateFunction::Sum, Some(DataType::Decimal { scale, .. })) => widest(scale),
        (_, Some(data_type)) => data_type,
    }
}
