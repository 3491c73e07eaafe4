//! `IN`: whether a value is one of a list.

use super::cell::{Builder, Cell, Operand};
use super::compare::order;
use crate::expr::node::{Node, Value};
use crate::record::{Batch, Column, Values};
use std::sync::Arc;

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
    match &column.values {
        Values::Bigint(values) => {
            let members: Vec<i64> = constants
                .iter()
                .filter_map(|value| match value {
                    Value::Bigint(value) => Some(*value),
                    _ => None,
                })
                .collect();
            for row in rows {
                let row = *row as usize;
                found[row] = members.contains(&values[row]);
            }
        }
        Values::Text(text) => {
            let members: Vec<&[u8]> = constants
                .iter()
                .filter_map(|value| match value {
                    Value::Text(value) => Some(&**value),
                    _ => None,
                })
                .collect();
            for row in rows {
                let row = *row as usize;
                found[row] = members.contains(&text.get(row));
            }
        }
        _ => {
            let members: Vec<Cell> = constants.iter().map(|value| value.cell()).collect();
            let members: Vec<Cell> = members
                .into_iter()
                .filter(|cell| *cell != Cell::Null)
                .collect();
            for row in rows {
                let row = *row as usize;
                let cell = Cell::of(column, row);
                found[row] = members.iter().any(|member| order(cell, *member).is_eq());
            }
        }
    }
    let missing_is_null = constants.iter().any(|value| **value == Value::Null);
    let unknown: Vec<u32> = match missing_is_null {
        true => rows
            .iter()
            .copied()
            .filter(|row| !found[*row as usize])
            .collect(),
        false => Vec::new(),
    };
    let mut builder = Builder::from_values(Values::Boolean(found));
    unknown.into_iter().for_each(|row| builder.set_null(row));
    let operand = Operand::Column(column.clone());
    builder.set_nulls_of(&operand, rows);
    builder.set_faults_of(&operand, rows);
    builder.finish()
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
