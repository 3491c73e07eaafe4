//! Comparisons of two operands of one type, with loops of their own for a column beside a constant.

use super::cell::{Builder, Cell, Operand};
use crate::expr::node::{Comparison, Node, Value};
use crate::expr::numbers::order_doubles;
use crate::record::{Batch, Column, Values, list};
use std::cmp::Ordering;
use std::sync::Arc;

impl Comparison {
    /// Whether it holds for two values of that order.
    pub fn holds(self, order: Ordering) -> bool {
        match self {
            Comparison::Equal => order.is_eq(),
            Comparison::NotEqual => order.is_ne(),
            Comparison::Less => order.is_lt(),
            Comparison::LessOrEqual => order.is_le(),
            Comparison::Greater => order.is_gt(),
            Comparison::GreaterOrEqual => order.is_ge(),
        }
    }
}

/// `left <comparison> right`; NULL where either is NULL.
pub fn compare(
    comparison: Comparison,
    [left, right]: &[Node; 2],
    batch: &Batch,
    rows: &[u32],
) -> Arc<Column> {
    let (left, right) = (Operand::new(left, batch, rows), Operand::new(right, batch, rows));
    let mut found = vec![false; batch.rows];
    match (&left, &right) {
        (Operand::Column(column), Operand::Constant(value)) => {
            with_constant(comparison, column, value, rows, &mut found);
        }
        (Operand::Constant(value), Operand::Column(column)) => {
            with_constant(comparison.flipped(), column, value, rows, &mut found);
        }
        (Operand::Column(left), Operand::Column(right)) => {
            columns(comparison, left, right, rows, &mut found);
        }
        (Operand::Constant(left), Operand::Constant(right)) => {
            let order = order(left.cell(), right.cell());
            fill(comparison, rows, &mut found, |_| order);
        }
    }
    let mut builder = Builder::from_values(Values::Boolean(found));
    builder.set_nulls_of(&left, rows);
    builder.set_nulls_of(&right, rows);
    builder.set_faults_of(&left, rows);
    builder.set_faults_of(&right, rows);
    builder.finish()
}

/// `IS [NOT] DISTINCT FROM`: NULL is a value like others.
pub fn distinct(
    is_distinct: bool,
    [left, right]: &[Node; 2],
    batch: &Batch,
    rows: &[u32],
) -> Arc<Column> {
    let (left, right) = (Operand::new(left, batch, rows), Operand::new(right, batch, rows));
    let mut found = vec![false; batch.rows];
    for row in rows {
        let row = *row as usize;
        let is_same = match (left.cell(row), right.cell(row)) {
            (Cell::Null, Cell::Null) => true,
            (Cell::Null, _) | (_, Cell::Null) => false,
            (left, right) => order(left, right).is_eq(),
        };
        found[row] = is_same != is_distinct;
    }
    let mut builder = Builder::from_values(Values::Boolean(found));
    builder.set_faults_of(&left, rows);
    builder.set_faults_of(&right, rows);
    builder.finish()
}

/// The order of two values of one type. Texts go by code point, false before true; NULL does not count.
pub fn order(left: Cell, right: Cell) -> Ordering {
    match (left, right) {
        (Cell::Boolean(left), Cell::Boolean(right)) => left.cmp(&right),
        (Cell::Bigint(left), Cell::Bigint(right))
        | (Cell::Time(left), Cell::Time(right))
        | (Cell::Timestamp(left), Cell::Timestamp(right))
        | (Cell::Timestamptz(left), Cell::Timestamptz(right)) => left.cmp(&right),
        (Cell::Interval(left), Cell::Interval(right)) => left.length().cmp(&right.length()),
        (Cell::List(left, element), Cell::List(right, _)) => list::compare(left, right, element),
        (Cell::Decimal(left, _), Cell::Decimal(right, _)) => left.cmp(&right),
        (Cell::Double(left), Cell::Double(right)) => order_doubles(left, right),
        (Cell::Text(left), Cell::Text(right)) | (Cell::Json(left), Cell::Json(right)) => {
            left.cmp(right)
        }
        (Cell::Date(left), Cell::Date(right)) => left.cmp(&right),
        _ => Ordering::Equal,
    }
}

fn with_constant(
    comparison: Comparison,
    column: &Column,
    value: &Value,
    rows: &[u32],
    found: &mut [bool],
) {
    match (&column.values, value) {
        (Values::Bigint(values), Value::Bigint(value))
        | (Values::Time(values), Value::Time(value))
        | (Values::Timestamp(values), Value::Timestamp(value))
        | (Values::Timestamptz(values), Value::Timestamptz(value)) => {
            fill(comparison, rows, found, |row| values[row].cmp(value));
        }
        (Values::Decimal { units, .. }, Value::Decimal(value, _)) => {
            fill(comparison, rows, found, |row| units[row].cmp(value));
        }
        (Values::Double(values), Value::Double(value)) => {
            fill(comparison, rows, found, |row| order_doubles(values[row], *value));
        }
        (Values::Date(values), Value::Date(value)) => {
            fill(comparison, rows, found, |row| values[row].cmp(value));
        }
        // Equality of texts looks at their lengths first.
        (Values::Text(text), Value::Text(value)) if comparison == Comparison::Equal => {
            keep(rows, found, |row| text.get(row) == &**value);
        }
        (Values::Text(text), Value::Text(value)) if comparison == Comparison::NotEqual => {
            keep(rows, found, |row| text.get(row) != &**value);
        }
        (Values::Text(text), Value::Text(value)) => {
            fill(comparison, rows, found, |row| text.get(row).cmp(value));
        }
        _ => fill(comparison, rows, found, |row| order(Cell::of(column, row), value.cell())),
    }
}

fn columns(
    comparison: Comparison,
    left: &Column,
    right: &Column,
    rows: &[u32],
    found: &mut [bool],
) {
    match (&left.values, &right.values) {
        (Values::Bigint(left), Values::Bigint(right))
        | (Values::Time(left), Values::Time(right))
        | (Values::Timestamp(left), Values::Timestamp(right))
        | (Values::Timestamptz(left), Values::Timestamptz(right)) => {
            fill(comparison, rows, found, |row| left[row].cmp(&right[row]));
        }
        (Values::Double(left), Values::Double(right)) => {
            fill(comparison, rows, found, |row| order_doubles(left[row], right[row]));
        }
        _ => fill(comparison, rows, found, |row| order(Cell::of(left, row), Cell::of(right, row))),
    }
}

/// One loop per comparison, so that each is branch-free inside.
fn fill(
    comparison: Comparison,
    rows: &[u32],
    found: &mut [bool],
    order: impl Fn(usize) -> Ordering,
) {
    match comparison {
        Comparison::Equal => keep(rows, found, |row| order(row).is_eq()),
        Comparison::NotEqual => keep(rows, found, |row| order(row).is_ne()),
        Comparison::Less => keep(rows, found, |row| order(row).is_lt()),
        Comparison::LessOrEqual => keep(rows, found, |row| order(row).is_le()),
        Comparison::Greater => keep(rows, found, |row| order(row).is_gt()),
        Comparison::GreaterOrEqual => keep(rows, found, |row| order(row).is_ge()),
    }
}

fn keep(rows: &[u32], found: &mut [bool], holds: impl Fn(usize) -> bool) {
    for row in rows {
        let row = *row as usize;
        found[row] = holds(row);
    }
}
