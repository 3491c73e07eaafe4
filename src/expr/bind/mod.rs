//! Binding: names to slots, operators to typed nodes, everything that can be wrong about an expression told at once.
//!
//! Here are the entry points. `binder` walks the syntax tree, `names` resolves identifiers, `types` says what coerces
//! into what, `operators` and `calls` build nodes, `aggregate` splits expressions over groups.

mod aggregate;

mod aggregate_call;

mod binder;

mod calls;

mod json;

mod lists;

mod join;

mod literals;

mod matching;

mod names;

mod operators;

mod order;

mod temporal;

mod pivot;

mod types;

mod window;

pub use aggregate::{AggregateCall, BoundAggregate, KeyColumn, bind_aggregate};
pub use join::{JoinKey, bind_join};
pub use names::closest;
pub use order::{OrderKey, bind_order};
pub use pivot::bind_pivot;
pub use window::{BoundWindow, bind_window};

use super::{Expression, Scope};
use crate::error::{Diagnostic, Sql};
use crate::record::DataType;
use binder::Binder;
use sqlparser::ast::{
    ExcludeSelectItem, Expr, IdentWithAlias, ObjectName, RenameSelectItem, SelectItem,
    WildcardAdditionalOptions,
};

/// A select-list item.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// One value with a name: the alias, else the column's name, else the text of the expression.
    Expression {
        /// The name of the output field.
        name: String,
        /// What it holds.
        expression: Expression,
    },
    /// `*`: all fields, perhaps with exceptions.
    Star {
        /// Fields to leave out.
        exclude: Vec<String>,
        /// Fields that get other values.
        replace: Vec<(String, Expression)>,
        /// Fields that get other names: from, to.
        rename: Vec<(String, String)>,
    },
}

/// Binds an expression of any type.
pub fn bind_scalar(sql: &Sql, scope: &mut Scope) -> Result<Expression, Vec<Diagnostic>> {
    let mut binder = Binder::new(sql, scope);
    let bound = binder.whole();
    binder.finish(bound.map(|typed| Expression::new(typed.node)))
}

/// Binds an expression without making a constant of its outermost part.
#[cfg(test)]
pub fn bind_unfolded(sql: &Sql, scope: &mut Scope) -> Option<super::node::Node> {
    let mut binder = Binder::new(sql, scope);
    let mut ast = binder.source.expression().ok()?;
    while let Expr::Nested(inner) = ast {
        ast = *inner;
    }
    binder.unfolded(&ast)
}

/// Binds an expression that must have a certain type, or become it without a `CAST`.
pub fn bind_as(
    sql: &Sql,
    target: DataType,
    scope: &mut Scope,
) -> Result<Expression, Vec<Diagnostic>> {
    let mut binder = Binder::new(sql, scope);
    let bound = binder.whole().and_then(|typed| binder.coerce(typed, target));
    binder.finish(bound.map(|typed| Expression::new(typed.node)))
}

/// Binds a condition; anything but a boolean is an error that names the type.
pub fn bind_predicate(sql: &Sql, scope: &mut Scope) -> Result<Expression, Vec<Diagnostic>> {
    let mut binder = Binder::new(sql, scope);
    let bound = binder.whole().and_then(|typed| binder.condition(typed));
    binder.finish(bound.map(|typed| Expression::new(typed.node)))
}

/// Binds a moment: a date or timestamp as it is, anything else that can stand for a timestamp as one.
pub fn bind_moment(sql: &Sql, scope: &mut Scope) -> Result<Expression, Vec<Diagnostic>> {
    let mut binder = Binder::new(sql, scope);
    let bound = binder.whole().and_then(|typed| match typed.node.data_type() {
        data_type if data_type.is_moment() => Some(typed),
        _ => binder.coerce(typed, DataType::Timestamp),
    });
    binder.finish(bound.map(|typed| Expression::new(typed.node)))
}

/// Binds select-list items; the errors of all of them are told.
pub fn bind_items(sqls: &[Sql], scope: &mut Scope) -> Result<Vec<Item>, Vec<Diagnostic>> {
    collect(sqls.iter().map(|sql| bind_item(sql, scope)))
}

/// All values, or else all errors.
fn collect<T>(
    results: impl Iterator<Item = Result<T, Vec<Diagnostic>>>,
) -> Result<Vec<T>, Vec<Diagnostic>> {
    let (mut values, mut errors) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(value) => values.push(value),
            Err(more) => errors.extend(more),
        }
    }
    if errors.is_empty() { Ok(values) } else { Err(errors) }
}

fn bind_item(sql: &Sql, scope: &mut Scope) -> Result<Item, Vec<Diagnostic>> {
    let mut binder = Binder::new(sql, scope);
    let item = match binder.source.item() {
        Ok(SelectItem::Wildcard(options)) => star(&mut binder, &options),
        Ok(item) => binder.named(&item).map(|(name, typed)| Item::Expression {
            name,
            expression: Expression::new(typed.node),
        }),
        Err(error) => binder.report(error),
    };
    binder.finish(item)
}

fn star(binder: &mut Binder, options: &WildcardAdditionalOptions) -> Option<Item> {
    let mut exclude = Vec::new();
    let names: &[ObjectName] = match &options.opt_exclude {
        None => &[],
        Some(ExcludeSelectItem::Single(name)) => std::slice::from_ref(name),
        Some(ExcludeSelectItem::Multiple(names)) => names,
    };
    for name in names {
        let place = binder.source.range(name);
        let parts: Vec<&str> =
            name.0.iter().filter_map(|part| part.as_ident().map(|ident| &*ident.value)).collect();
        exclude.extend(binder.field_name(&parts.join("."), &place));
    }
    let mut replace = Vec::new();
    for element in options.opt_replace.iter().flat_map(|replace| &replace.items) {
        let typed = binder.expression(&element.expr);
        let place = binder.source.range(&Expr::Identifier(element.column_name.clone()));
        let name = binder.field_name(&element.column_name.value, &place);
        if let (Some(name), Some(typed)) = (name, typed) {
            replace.push((name, Expression::new(binder.settled(typed).node)));
        }
    }
    let mut rename = Vec::new();
    let renames: &[IdentWithAlias] = match &options.opt_rename {
        None => &[],
        Some(RenameSelectItem::Single(one)) => std::slice::from_ref(one),
        Some(RenameSelectItem::Multiple(several)) => several,
    };
    for IdentWithAlias { ident, alias } in renames {
        let place = binder.source.range(&Expr::Identifier(ident.clone()));
        if let Some(name) = binder.field_name(&ident.value, &place) {
            if exclude.contains(&name) || rename.iter().any(|(from, _)| *from == name) {
                let message = format!("`{name}` is left out or renamed already");
                binder.fail::<()>(&place, &message, "");
            }
            rename.push((name, alias.value.clone()));
        }
    }
    Some(Item::Star { exclude, replace, rename })
}

impl Binder<'_, '_> {
    /// A select-list item that is no star, with its name.
    fn named(&mut self, item: &SelectItem) -> Option<(String, binder::Typed)> {
        let (ast, name) = match item {
            SelectItem::UnnamedExpr(ast) => (ast, None),
            SelectItem::ExprWithAlias { expr, alias } => (expr, Some(alias.value.clone())),
            other => {
                let place = self.source.range(other);
                let hint = "write a column, an expression with AS and a name, or `*`";
                return self.fail_with_hint(&place, "not a select-list item", "", hint);
            }
        };
        let default = self.default_name(ast);
        let typed = self.expression(ast)?;
        let typed = self.settled(typed);
        Some((name.unwrap_or(default), typed))
    }
}
