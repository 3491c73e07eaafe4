//! `CASE` and `coalesce`: each part is evaluated on just the rows that come to it.

use super::cell::{Builder, Cell};
use super::evaluate;
use crate::expr::node::Node;
use crate::record::{Batch, Column, Values};
use std::sync::Arc;

/// The result of the first branch whose condition is true, or else `otherwise`.
pub fn case(
    branches: &[(Node, Node)],
    otherwise: &Node,
    batch: &Batch,
    rows: &[u32],
) -> Arc<Column> {
    let mut builder = Builder::new(otherwise.data_type(), batch.rows);
    let mut undecided = rows.to_vec();
    for (condition, result) in branches {
        let column = evaluate(condition, batch, &undecided);
        let Values::Boolean(flags) = &column.values else {
            unreachable!("conditions are boolean");
        };
        let mut chosen = Vec::new();
        undecided.retain(|row| {
            let at = *row as usize;
            if let Some(reason) = column.faults.get(*row) {
                builder.set_fault(*row, reason);
                return false;
            }
            if flags[at] && column.is_valid(at) {
                chosen.push(*row);
                return false;
            }
            true
        });
        copy(&mut builder, result, batch, &chosen);
    }
    copy(&mut builder, otherwise, batch, &undecided);
    builder.finish()
}

/// The first operand that is not NULL.
pub fn coalesce(operands: &[Node], batch: &Batch, rows: &[u32]) -> Arc<Column> {
    let Some(first) = operands.first() else {
        unreachable!("coalesce has operands");
    };
    let mut builder = Builder::new(first.data_type(), batch.rows);
    let mut undecided = rows.to_vec();
    for operand in operands {
        let column = evaluate(operand, batch, &undecided);
        undecided.retain(|row| {
            if let Some(reason) = column.faults.get(*row) {
                builder.set_fault(*row, reason);
                return false;
            }
            match Cell::of(&column, *row as usize) {
                Cell::Null => true,
                cell => {
                    builder.set(*row, cell);
                    false
                }
            }
        });
    }
    undecided.iter().for_each(|row| builder.set_null(*row));
    builder.finish()
}

fn copy(builder: &mut Builder, node: &Node, batch: &Batch, rows: &[u32]) {
    if rows.is_empty() {
        return;
    }
    let column = evaluate(node, batch, rows);
    for row in rows {
        match column.faults.get(*row) {
            Some(reason) => builder.set_fault(*row, reason),
            None => builder.set(*row, Cell::of(&column, *row as usize)),
        }
    }
}
