//! Items of an ORDER BY: `amount DESC NULLS FIRST`, `lower(name)`.
//!
//! As in DuckDB, NULL comes last unless the item says otherwise, in a descending order too.

use super::binder::{Binder, Typed};
use super::collect;
use crate::error::{Diagnostic, Sql};
use crate::expr::{Expression, Scope};
use crate::record::{DataType, Direction, Nulls, Order};
use sqlparser::ast::{OrderByExpr, OrderBySort};

/// What records are ordered by.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderKey {
    /// The value; never of type JSON.
    pub expression: Expression,
    /// Which way.
    pub order: Order,
}

/// Binds items of an ORDER BY; the errors of all of them are told.
pub fn bind_order(sqls: &[Sql], scope: &mut Scope) -> Result<Vec<OrderKey>, Vec<Diagnostic>> {
    collect(sqls.iter().map(|sql| {
        let mut binder = Binder::new(sql, scope);
        let key = match binder.source.order_item() {
            Ok(item) => binder.order_key(&item),
            Err(error) => binder.report(error),
        };
        binder.finish(key)
    }))
}

impl Binder<'_, '_> {
    /// Binds an item of an ORDER BY.
    pub fn order_key(&mut self, item: &OrderByExpr) -> Option<OrderKey> {
        let typed = self.expression(&item.expr)?;
        let typed = self.ordered(typed)?;
        let direction = match &item.options.sort {
            None | Some(OrderBySort::Asc) => Direction::Ascending,
            Some(OrderBySort::Desc) => Direction::Descending,
            Some(OrderBySort::Using(_)) => {
                let hint = "write ASC or DESC";
                return self.fail_with_hint(&typed.place, "USING is not supported", "", hint);
            }
        };
        let nulls = match item.options.nulls_first {
            Some(true) => Nulls::First,
            Some(false) | None => Nulls::Last,
        };
        let expression = Expression::new(typed.node);
        Some(OrderKey { expression, order: Order { direction, nulls } })
    }

    /// A part by which records can be ordered.
    fn ordered(&mut self, typed: Typed) -> Option<Typed> {
        if typed.node.constant().is_some() {
            let message = "a constant orders nothing";
            let hint = "name a column or write an expression over columns; positions do not count";
            return self.fail_with_hint(&typed.place, message, "", hint);
        }
        if typed.node.data_type() == DataType::Json {
            return self.json_without_order(&typed);
        }
        Some(typed)
    }

    /// JSON values have no order of their own: 10 would be before 9, as a text.
    pub fn json_without_order<T>(&mut self, typed: &Typed) -> Option<T> {
        let path = self.text(&typed.place);
        let message = "JSON values have no order until they have a type";
        let hint = format!(
            "write CAST({path} AS bigint), or declare it: types = {{ \"{path}\" = \"bigint\" }}"
        );
        self.fail_with_hint(&typed.place, message, "this is json", &hint)
    }
}
