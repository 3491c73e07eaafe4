//! Conditions of a join, such as `country = code`: the left side means the record, the right side what is joined to it.

use super::binder::{Binder, Typed};
use super::collect;
use super::literals::has_cast;
use super::types::wider;
use crate::error::{Diagnostic, Sql};
use crate::expr::{Expression, Scope};
use crate::record::DataType;
use sqlparser::ast::{BinaryOperator, Expr};

/// The two sides of a condition, of one type.
#[derive(Debug, Clone, PartialEq)]
pub struct JoinKey {
    /// Over a record.
    pub left: Expression,
    /// Over what is joined to it.
    pub right: Expression,
}

/// Binds the conditions of a join; a name alone stands for both sides. The errors of all of them are told.
pub fn bind_join(
    sqls: &[Sql],
    left: &mut Scope,
    right: &mut Scope,
) -> Result<Vec<JoinKey>, Vec<Diagnostic>> {
    collect(sqls.iter().map(|sql| bind_condition(sql, left, right)))
}

fn bind_condition(
    sql: &Sql,
    left: &mut Scope,
    right: &mut Scope,
) -> Result<JoinKey, Vec<Diagnostic>> {
    let mut left = Binder::new(sql, left);
    let mut ast = match left.source.expression() {
        Ok(ast) => ast,
        Err(error) => return Err(vec![error]),
    };
    while let Expr::Nested(inner) = ast {
        ast = *inner;
    }
    let (left_ast, right_ast) = match &ast {
        Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => (&**left, &**right),
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::CompoundFieldAccess { .. } => {
            (&ast, &ast)
        }
        _ => {
            let place = 0..sql.text.len();
            let hint = "write `expression of the record = expression of the file`";
            let key = left.fail_with_hint(&place, "not a condition of a lookup", "", hint);
            return left.finish(key);
        }
    };
    let mut right = Binder::new(sql, right);
    let pair = (left.expression(left_ast), right.expression(right_ast));
    let (left_typed, right_typed) = match pair {
        (Some(left), Some(right)) => (left, right),
        _ => {
            let mut problems = left.finish::<()>(None).err().unwrap_or_default();
            problems.extend(right.finish::<()>(None).err().unwrap_or_default());
            return Err(problems);
        }
    };
    let Some(common) = left.meeting(&left_typed, &right_typed) else {
        return left.finish(None);
    };
    let left = {
        let typed = left.coerce(left_typed, common);
        left.finish(typed)
    };
    let right = {
        let typed = right.coerce(right_typed, common);
        right.finish(typed)
    };
    match (left, right) {
        (Ok(left), Ok(right)) => {
            Ok(JoinKey { left: Expression::new(left.node), right: Expression::new(right.node) })
        }
        (left, right) => Err([left.err(), right.err()].into_iter().flatten().flatten().collect()),
    }
}

impl Binder<'_, '_> {
    /// The type as which two sides are compared.
    fn meeting(&mut self, left: &Typed, right: &Typed) -> Option<DataType> {
        let exact = |data_type| match data_type {
            DataType::Bigint => DataType::Decimal { precision: 19, scale: 0 },
            other => other,
        };
        let (first, second) = (left.node.data_type(), right.node.data_type());
        match (first, second) {
            (DataType::Json, DataType::Json) => {
                let text = self.text(&left.place);
                let message = "a JSON value beside another has no type to be compared as";
                let hint = format!("say how to compare: CAST({text} AS text)");
                return self.fail_with_hint(&left.place, message, "this is json", &hint);
            }
            (DataType::Json, other) | (other, DataType::Json) => return Some(other),
            _ if first == second => return Some(first),
            _ => {}
        }
        if let Some(common) = wider(exact(first), exact(second)) {
            return Some(common);
        }
        let message = format!("{first} and {second} do not go together");
        let (odd, other) = match (first, second) {
            (DataType::Text, other) => (left, other),
            (other, DataType::Text) => (right, other),
            (_, other) => (left, other),
        };
        let label = format!("this is {}", odd.node.data_type());
        let text = self.text(&odd.place);
        match has_cast(odd.node.data_type(), other) {
            true => {
                let hint = format!("write CAST({text} AS {other})");
                self.fail_with_hint(&odd.place, &message, &label, &hint)
            }
            false => self.fail(&odd.place, &message, &label),
        }
    }
}
