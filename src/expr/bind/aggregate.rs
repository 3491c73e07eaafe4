//! Expressions over groups: aggregate calls are cut out of them and numbered, what remains reads keys and results.
//!
//! What may stand in a call is in `aggregate_call`.

use super::binder::Binder;
use super::{Item, bind_item, collect};
use crate::error::{Diagnostic, Sql};
use crate::expr::node::Node;
use crate::expr::{Expression, Scope};
use crate::record::aggregation::{Aggregation, SortKey};
use crate::record::{DataType, PathStep, Slot, SlotOrigin};
use sqlparser::ast::{Expr, SelectItem};
use std::ops::Range;

/// A bound aggregate step. Its records are the keys, then the outputs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BoundAggregate {
    /// What makes a group.
    pub keys: Vec<KeyColumn>,
    /// What is computed per group; no two alike.
    pub calls: Vec<AggregateCall>,
    /// Name and value of each output, over the slots of keys and calls.
    pub outputs: Vec<(String, Expression)>,
    /// Which groups are kept, over the slots of keys and calls.
    pub having: Option<Expression>,
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

/// One call of an aggregate function.
#[derive(Debug, Clone, PartialEq)]
pub struct AggregateCall {
    /// What is computed.
    pub aggregation: Aggregation,
    /// Of what, over an input record; none for `count(*)`.
    pub arguments: Vec<Expression>,
    /// Which records count.
    pub filter: Option<Expression>,
    /// Whether equal arguments count once: then each key of the order is an argument, and these are their places.
    pub distinct: Option<Vec<usize>>,
    /// In which order the records are taken, where it is not that of the input.
    pub order: Vec<(Expression, SortKey)>,
    /// Where the group's result will stand.
    pub slot: Slot,
    /// The type of the result.
    pub data_type: DataType,
}

impl AggregateCall {
    /// All expressions over an input record.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        let order = self.order.iter().map(|(expression, _)| expression);
        self.filter.iter().chain(&self.arguments).chain(order)
    }
}

/// What a binder knows while it binds an expression over groups.
#[derive(Debug, Clone, Default)]
pub struct Groups {
    keys: Vec<GroupKey>,
    pub(super) calls: Vec<AggregateCall>,
    /// Which records count for any call, besides what it says itself.
    pub(super) filter: Option<Node>,
    /// Names of outputs that may be used, in `having`.
    aliases: Vec<(String, Node)>,
    /// Whether the binder is inside of an aggregate call, where names mean the input's columns.
    pub(super) is_inside: bool,
}

#[derive(Debug, Clone)]
struct GroupKey {
    name: String,
    /// The expression as the parser writes it.
    text: String,
    node: Node,
    slot: Slot,
}

/// Binds the keys and outputs of an aggregate step, and the condition that groups must hold to be kept.
pub fn bind_aggregate(
    by: &[Sql],
    select: &[Sql],
    having: Option<&Sql>,
    scope: &mut Scope,
) -> Result<BoundAggregate, Vec<Diagnostic>> {
    let mut groups = bind_keys(by, scope)?;
    let mut errors = Vec::new();
    let mut outputs = Vec::new();
    for sql in select {
        match bind_output(sql, scope, &mut groups) {
            Ok(output) => outputs.push(output),
            Err(more) => errors.extend(more),
        }
    }
    groups.aliases = outputs
        .iter()
        .map(|(name, output): &(String, Expression)| (name.clone(), (*output.node).clone()))
        .collect();
    let having = match having.map(|sql| bind_having(sql, scope, &mut groups)).transpose() {
        Ok(having) => having,
        Err(more) => {
            // An alias may be unknown only since its item is broken.
            if errors.is_empty() {
                errors.extend(more);
            }
            None
        }
    };
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(groups.bound(outputs, having))
}

/// Binds keys, as the groups over which outputs are bound.
pub(super) fn bind_keys(by: &[Sql], scope: &mut Scope) -> Result<Groups, Vec<Diagnostic>> {
    let keys = collect(by.iter().map(|sql| bind_key(sql, scope)))?;
    Ok(Groups { keys, ..Groups::default() })
}

impl Groups {
    /// The keys and calls with what is made of them.
    pub(super) fn bound(
        self,
        outputs: Vec<(String, Expression)>,
        having: Option<Expression>,
    ) -> BoundAggregate {
        let keys = self.keys.into_iter().map(|key| KeyColumn {
            name: key.name,
            expression: Expression::new(key.node),
            slot: key.slot,
        });
        BoundAggregate { keys: keys.collect(), calls: self.calls, outputs, having }
    }
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

pub(super) fn bind_output(
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
        // With a filter of its own the output gets another name.
        if groups.filter.is_none() && groups.keys.iter().any(|key| key.name == name) {
            let message = format!("`{name}` is already there: the keys come first");
            return binder.fail_with_hint(&typed.place, &message, "", "leave it out of select");
        }
        Some((name, Expression::new(typed.node)))
    });
    binder.finish(output)
}

fn bind_having(
    sql: &Sql,
    scope: &mut Scope,
    groups: &mut Groups,
) -> Result<Expression, Vec<Diagnostic>> {
    let mut binder = Binder::new(sql, scope);
    binder.groups = Some(std::mem::take(groups));
    let bound = binder.whole().and_then(|typed| binder.condition(typed));
    *groups = binder.groups.take().unwrap_or_default();
    binder.finish(bound.map(|typed| Expression::new(typed.node)))
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
        let of_key = |key: &GroupKey| Some(Some(Node::Column(key.slot, key.node.data_type())));
        if let Some(key) = groups.keys.iter().find(is_named) {
            return of_key(key);
        }
        let is_alias = |(alias, _): &&(String, Node)| alias.eq_ignore_ascii_case(name);
        if let Some((_, node)) = groups.aliases.iter().find(is_alias).filter(|_| rest.is_empty()) {
            return Some(Some(node.clone()));
        }
        if let Some(key) = groups.keys.iter().find(is_field) {
            return of_key(key);
        }
        let text = self.text(place);
        let message = format!("`{text}` differs within a group");
        let hint = format!("group by it, or aggregate it: min({text}), max({text}), count({text})");
        Some(self.fail_with_hint(place, &message, "not a group key", &hint))
    }
}
