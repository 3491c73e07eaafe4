//! Three-valued logic: `AND`, `OR`, `NOT`, `IS`.

use super::cell::{Builder, Cell, Operand};
use super::evaluate;
use crate::expr::node::{Node, Truth};
use crate::record::{Batch, Column, Values};
use std::sync::Arc;

/// A chain of conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chain {
    /// `AND`: a false one decides.
    And,
    /// `OR`: a true one decides.
    Or,
}

/// Evaluates the operands of a chain from left to right, each on the rows that none before it decided.
pub fn chain(operands: &[Node], chain: Chain, batch: &Batch, rows: &[u32]) -> Arc<Column> {
    let deciding = chain == Chain::Or;
    let mut values = vec![!deciding; batch.rows];
    let mut unknown: Vec<u32> = Vec::new();
    let mut faulty = Vec::new();
    let mut undecided: Vec<u32> = rows.to_vec();
    for operand in operands {
        if undecided.is_empty() {
            break;
        }
        let column = evaluate(operand, batch, &undecided);
        let Values::Boolean(flags) = &column.values else {
            unreachable!("conditions are boolean");
        };
        let all_valid = column.validity.all_valid();
        undecided.retain(|row| {
            let at = *row as usize;
            if all_valid || column.is_valid(at) {
                values[at] = flags[at];
                return flags[at] != deciding;
            }
            if let Some(reason) = column.faults.get(*row) {
                faulty.push((*row, reason.clone()));
                return false;
            }
            unknown.push(*row);
            true
        });
    }
    unknown.retain(|row| undecided.binary_search(row).is_ok());
    let mut builder = Builder::from_values(Values::Boolean(values));
    unknown.iter().for_each(|row| builder.set_null(*row));
    faulty.iter().for_each(|(row, reason)| builder.set_fault(*row, reason));
    builder.finish()
}

/// `NOT`; NULL of NULL.
pub fn not(operand: &Node, batch: &Batch, rows: &[u32]) -> Arc<Column> {
    let mut column = Arc::unwrap_or_clone(evaluate(operand, batch, rows));
    if let Values::Boolean(values) = &mut column.values {
        for row in rows {
            values[*row as usize] = !values[*row as usize];
        }
    }
    Arc::new(column)
}

/// `IS NULL`, `IS TRUE`, `IS FALSE`; never NULL.
pub fn is(truth: Truth, operand: &Node, batch: &Batch, rows: &[u32]) -> Arc<Column> {
    let operand = Operand::new(operand, batch, rows);
    let mut values = vec![false; batch.rows];
    for row in rows {
        let row = *row as usize;
        values[row] = match truth {
            Truth::Null => !operand.is_valid(row),
            Truth::True => operand.cell(row) == Cell::Boolean(true),
            Truth::False => operand.cell(row) == Cell::Boolean(false),
        };
    }
    let mut builder = Builder::from_values(Values::Boolean(values));
    builder.set_faults_of(&operand, rows);
    builder.finish()
}
