//! `IN`: whether a value is one of a list.

use super::cell::{Builder, Cell, Operand};
use super::compare::order;
use crate::expr::node::{Node, Value};
use crate::record::{Batch, Column, Values};
use std::sync::Arc;

/// The longest list that is walked.
const WALKED_MAX: usize = 8;

/// True where a member is equal; else NULL where the operand or a member is NULL; else false.
pub fn is_member(operand: &Node, list: &[Node], batch: &Batch, rows: &[u32]) -> Arc<Column> {
    let constants: Option<Vec<&Value>> = list.iter().map(Node::constant).collect();
    match (Operand::new(operand, batch, rows), constants) {
        (Operand::Column(column), Some(constants)) => {
            among_constants(&column, &constants, batch.rows, rows)
        }
        (operand, _) => among_nodes(&operand, list, batch, rows),
    }
}

fn among_constants(
    column: &Arc<Column>,
    constants: &[&Value],
    total: usize,
    rows: &[u32],
) -> Arc<Column> {
    let mut found = vec![false; total];
    mark(column, constants, rows, &mut found);
    let mut unknown = Vec::new();
    if constants.iter().any(|value| **value == Value::Null) {
        unknown.extend(rows.iter().filter(|row| !found[**row as usize]));
    }
    let mut builder = Builder::from_values(Values::Boolean(found));
    unknown.into_iter().for_each(|row| builder.set_null(row));
    let operand = Operand::Column(column.clone());
    builder.set_nulls_of(&operand, rows);
    builder.set_faults_of(&operand, rows);
    builder.finish()
}

/// Marks the rows whose value is among the constants.
fn mark(column: &Column, constants: &[&Value], rows: &[u32], found: &mut [bool]) {
    match &column.values {
        Values::Bigint(values) => {
            let members = sorted(constants.iter().filter_map(|value| match value {
                Value::Bigint(value) => Some(*value),
                _ => None,
            }));
            for row in rows {
                found[*row as usize] = holds(&members, &values[*row as usize]);
            }
        }
        Values::Text(text) => {
            let members = sorted(constants.iter().filter_map(|value| match value {
                Value::Text(value) => Some(&**value),
                _ => None,
            }));
            for row in rows {
                found[*row as usize] = holds(&members, &text.get(*row as usize));
            }
        }
        _ => {
            let members = constants.iter().map(|value| value.cell());
            let members: Vec<Cell> = members.filter(|cell| *cell != Cell::Null).collect();
            for row in rows {
                let cell = Cell::of(column, *row as usize);
                found[*row as usize] = members.iter().any(|member| order(cell, *member).is_eq());
            }
        }
    }
}

fn sorted<T: Ord>(members: impl Iterator<Item = T>) -> Vec<T> {
    let mut members: Vec<T> = members.collect();
    members.sort_unstable();
    members
}

/// Short lists are quicker to walk than to bisect.
fn holds<T: Ord>(members: &[T], value: &T) -> bool {
    match members.len() {
        0..=WALKED_MAX => members.contains(value),
        _ => members.binary_search(value).is_ok(),
    }
}

/// Members are evaluated one after the other, each on the rows that no earlier one decided.
fn among_nodes(operand: &Operand, list: &[Node], batch: &Batch, rows: &[u32]) -> Arc<Column> {
    let mut found = vec![false; batch.rows];
    let mut unknown = vec![false; batch.rows];
    let mut faults = Vec::new();
    let mut undecided: Vec<u32> = rows.to_vec();
    for member in list {
        let member = Operand::new(member, batch, &undecided);
        let mut of_member = crate::record::Faults::default();
        member.add_faults(&mut of_member, &undecided);
        undecided.retain(|row| {
            let at = *row as usize;
            match (operand.cell(at), member.cell(at)) {
                (Cell::Null, _) | (_, Cell::Null) => unknown[at] = true,
                (left, right) => found[at] = order(left, right).is_eq(),
            }
            !found[at] && of_member.get(*row).is_none()
        });
        faults.push(of_member);
    }
    let unknown: Vec<u32> = rows
        .iter()
        .copied()
        .filter(|row| unknown[*row as usize] && !found[*row as usize])
        .collect();
    let mut builder = Builder::from_values(Values::Boolean(found));
    unknown.into_iter().for_each(|row| builder.set_null(row));
    builder.set_faults_of(operand, rows);
    faults.iter().for_each(|faults| builder.set_faults(faults));
    builder.finish()
}
