//! Arithmetic on bigints, decimals, doubles. Overflow and division by zero are faults of their rows.

use super::cell::{Builder, Cell, Operand};
use crate::expr::node::{Arithmetic, Node, Value};
use crate::expr::numbers;
use crate::record::{Batch, Column, DataType, Values, calendar};
use std::sync::Arc;

const DIVISION_BY_ZERO: &str = "division by zero";
const BIGINT_OVERFLOW: &str = "bigint overflow";
const DATE_OVERFLOW: &str = "date overflow";
const DECIMAL_OVERFLOW: &str = "decimal overflow";

/// The values of an operand of known type.
enum Side<'a, T> {
    Rows(&'a [T]),
    One(T),
}

impl<T: Copy> Side<'_, T> {
    fn get(&self, row: usize) -> T {
        match self {
            Side::Rows(values) => values[row],
            Side::One(value) => *value,
        }
    }
}

/// `left <operator> right`; NULL where either is NULL.
pub fn binary(
    operator: Arithmetic,
    [left, right]: &[Node; 2],
    data_type: DataType,
    batch: &Batch,
    rows: &[u32],
) -> Arc<Column> {
    let (left, right) = (Operand::new(left, batch, rows), Operand::new(right, batch, rows));
    let mut builder = Builder::new(data_type, batch.rows);
    builder.set_nulls_of(&left, rows);
    builder.set_nulls_of(&right, rows);
    builder.set_faults_of(&left, rows);
    builder.set_faults_of(&right, rows);
    let is_valid = |row: usize| left.is_valid(row) && right.is_valid(row);
    let all_valid = left.all_valid() && right.all_valid();
    let is_valid = |row: usize| all_valid || is_valid(row);
    let mut faulty = Vec::new();
    match builder.values() {
        Values::Bigint(out) => {
            if let (Some(left), Some(right)) = (bigints(&left), bigints(&right)) {
                let apply = bigint_operator(operator);
                run(rows, out, &left, &right, is_valid, apply, &mut faulty);
            } else {
                days_between(&left, &right, rows, out);
            }
        }
        Values::Double(out) => {
            if let (Some(left), Some(right)) = (doubles(&left), doubles(&right)) {
                let apply = double_operator(operator);
                run(rows, out, &left, &right, is_valid, apply, &mut faulty);
            }
        }
        Values::Decimal { units, precision, .. } => {
            let precision = *precision;
            if let (Some(left), Some(right)) = (decimals(&left), decimals(&right)) {
                let apply = decimal_operator(operator);
                let bounded = |left, right| {
                    numbers::within(apply(left, right)?, precision).ok_or(DECIMAL_OVERFLOW)
                };
                run(rows, units, &left, &right, is_valid, bounded, &mut faulty);
            }
        }
        Values::Date(out) => add_days(operator, &left, &right, rows, out, &mut faulty),
        values => unreachable!("arithmetic on {}", values.data_type()),
    }
    for (row, reason) in faulty {
        builder.set_fault(row, &reason.into());
    }
    builder.finish()
}

/// Unary minus.
pub fn negate(operand: &Node, batch: &Batch, rows: &[u32]) -> Arc<Column> {
    let data_type = operand.data_type();
    let operand = Operand::new(operand, batch, rows);
    let mut builder = Builder::new(data_type, batch.rows);
    for row in rows {
        let negative = match operand.cell(*row as usize) {
            Cell::Bigint(value) => value.checked_neg().map(Cell::Bigint),
            Cell::Decimal(units, scale) => Some(Cell::Decimal(-units, scale)),
            Cell::Double(value) => Some(Cell::Double(-value)),
            _ => Some(Cell::Null),
        };
        match negative {
            Some(cell) => builder.set(*row, cell),
            None => builder.set_fault(*row, &BIGINT_OVERFLOW.into()),
        }
    }
    builder.set_faults_of(&operand, rows);
    builder.finish()
}

fn run<T: Copy>(
    rows: &[u32],
    out: &mut [T],
    left: &Side<T>,
    right: &Side<T>,
    is_valid: impl Fn(usize) -> bool,
    apply: impl Fn(T, T) -> Result<T, &'static str>,
    faulty: &mut Vec<(u32, &'static str)>,
) {
    for row in rows {
        let at = *row as usize;
        if is_valid(at) {
            match apply(left.get(at), right.get(at)) {
                Ok(value) => out[at] = value,
                Err(reason) => faulty.push((*row, reason)),
            }
        }
    }
}

fn add_days(
    operator: Arithmetic,
    left: &Operand,
    right: &Operand,
    rows: &[u32],
    out: &mut [i32],
    faulty: &mut Vec<(u32, &'static str)>,
) {
    for row in rows {
        let at = *row as usize;
        if let (Cell::Date(days), Cell::Bigint(count)) = (left.cell(at), right.cell(at)) {
            let sum = bigint_operator(operator)(i64::from(days), count).ok();
            match sum.and_then(calendar::day_within) {
                Some(days) => out[at] = days,
                None => faulty.push((*row, DATE_OVERFLOW)),
            }
        }
    }
}

fn days_between(left: &Operand, right: &Operand, rows: &[u32], out: &mut [i64]) {
    for row in rows {
        let at = *row as usize;
        if let (Cell::Date(left), Cell::Date(right)) = (left.cell(at), right.cell(at)) {
            out[at] = i64::from(left) - i64::from(right);
        }
    }
}

fn bigint_operator(operator: Arithmetic) -> fn(i64, i64) -> Result<i64, &'static str> {
    match operator {
        Arithmetic::Add => |left, right| left.checked_add(right).ok_or(BIGINT_OVERFLOW),
        Arithmetic::Subtract => |left, right| left.checked_sub(right).ok_or(BIGINT_OVERFLOW),
        Arithmetic::Multiply => |left, right| left.checked_mul(right).ok_or(BIGINT_OVERFLOW),
        Arithmetic::IntegerDivide | Arithmetic::Divide => |left, right| match right {
            0 => Err(DIVISION_BY_ZERO),
            _ => left.checked_div(right).ok_or(BIGINT_OVERFLOW),
        },
        Arithmetic::Remainder => |left, right| match right {
            0 => Err(DIVISION_BY_ZERO),
            _ => Ok(left.checked_rem(right).unwrap_or(0)),
        },
    }
}

fn decimal_operator(operator: Arithmetic) -> fn(i128, i128) -> Result<i128, &'static str> {
    match operator {
        Arithmetic::Add => |left, right| left.checked_add(right).ok_or(DECIMAL_OVERFLOW),
        Arithmetic::Subtract => |left, right| left.checked_sub(right).ok_or(DECIMAL_OVERFLOW),
        Arithmetic::Multiply => |left, right| left.checked_mul(right).ok_or(DECIMAL_OVERFLOW),
        Arithmetic::Divide | Arithmetic::IntegerDivide | Arithmetic::Remainder => {
            |left, right| left.checked_rem(right).ok_or(DIVISION_BY_ZERO)
        }
    }
}

fn double_operator(operator: Arithmetic) -> fn(f64, f64) -> Result<f64, &'static str> {
    match operator {
        Arithmetic::Add => |left, right| Ok(left + right),
        Arithmetic::Subtract => |left, right| Ok(left - right),
        Arithmetic::Multiply => |left, right| Ok(left * right),
        Arithmetic::Divide | Arithmetic::IntegerDivide => |left, right| {
            if right == 0.0 { Err(DIVISION_BY_ZERO) } else { Ok(left / right) }
        },
        Arithmetic::Remainder => |left, right| {
            if right == 0.0 { Err(DIVISION_BY_ZERO) } else { Ok(left % right) }
        },
    }
}

fn bigints<'a>(operand: &'a Operand) -> Option<Side<'a, i64>> {
    match operand {
        Operand::Constant(Value::Bigint(value)) => Some(Side::One(*value)),
        Operand::Constant(_) => None,
        Operand::Column(column) => match &column.values {
            Values::Bigint(values) => Some(Side::Rows(values)),
            _ => None,
        },
    }
}

fn doubles<'a>(operand: &'a Operand) -> Option<Side<'a, f64>> {
    match operand {
        Operand::Constant(Value::Double(value)) => Some(Side::One(*value)),
        Operand::Constant(_) => None,
        Operand::Column(column) => match &column.values {
            Values::Double(values) => Some(Side::Rows(values)),
            _ => None,
        },
    }
}

fn decimals<'a>(operand: &'a Operand) -> Option<Side<'a, i128>> {
    match operand {
        Operand::Constant(Value::Decimal(units, _)) => Some(Side::One(*units)),
        Operand::Constant(_) => None,
        Operand::Column(column) => match &column.values {
            Values::Decimal { units, .. } => Some(Side::Rows(units)),
            _ => None,
        },
    }
}
