//! Evaluation: one node at a time over the rows of a batch that need it.
//!
//! A result has the batch's length; only the asked-for rows are computed. An operand's faults become faults of the
//! result for exactly the rows that the operand was needed for. Constants are computed once, at binding.

mod arithmetic;

mod case;

mod cast;

pub mod cell;

mod compare;

pub mod document;

pub mod json;

pub mod like;

pub mod list;

mod logic;

mod members;

pub use cast::{read_text, write_cell};
pub use compare::order;

use super::function;
use super::node::{Node, Value};
use crate::record::{Batch, Column, Faults, RawRecords};
use cell::{Builder, Cell, Operand};
use std::sync::Arc;

/// The values of a node at `rows`.
pub fn evaluate(node: &Node, batch: &Batch, rows: &[u32]) -> Arc<Column> {
    match node {
        Node::Null => Arc::new(Column::null(node.data_type(), batch.rows)),
        Node::Column(slot, _) => batch.column(*slot).clone(),
        Node::Constant(value, _) => repeat(node, value, batch, rows),
        Node::Compare(comparison, pair) => compare::compare(*comparison, pair, batch, rows),
        Node::Distinct(is_distinct, pair) => compare::distinct(*is_distinct, pair, batch, rows),
        Node::In(operand, list) => members::is_member(operand, list, batch, rows),
        Node::And(operands) => logic::chain(operands, logic::Chain::And, batch, rows),
        Node::Or(operands) => logic::chain(operands, logic::Chain::Or, batch, rows),
        Node::Not(operand) => logic::not(operand, batch, rows),
        Node::Is(truth, operand) => logic::is(*truth, operand, batch, rows),
        Node::Like(pattern, operand) => like::like(pattern, operand, batch, rows),
        Node::LikeComputed(pair, escape, ignores_case) => {
            like::like_computed(pair, *escape, *ignores_case, batch, rows)
        }
        Node::Case(branches, otherwise) => case::case(branches, otherwise, batch, rows),
        Node::Coalesce(operands) => case::coalesce(operands, batch, rows),
        Node::Arithmetic(operator, pair, data_type) => {
            arithmetic::binary(*operator, pair, *data_type, batch, rows)
        }
        Node::Negate(operand) => arithmetic::negate(operand, batch, rows),
        Node::Cast(conversion, operand, target) => {
            cast::cast(*conversion, operand, *target, batch, rows)
        }
        Node::Try(operand) => {
            let mut column = Arc::unwrap_or_clone(evaluate(operand, batch, rows));
            column.faults = Faults::default();
            Arc::new(column)
        }
        Node::Call(function, arguments, data_type) => {
            let arguments: Vec<Operand> =
                arguments.iter().map(|argument| Operand::new(argument, batch, rows)).collect();
            let builder = Builder::new(*data_type, batch.rows);
            function::call(function, &arguments, builder, rows)
        }
        Node::Prepared(call, arguments, data_type) => {
            let arguments: Vec<Operand> =
                arguments.iter().map(|argument| Operand::new(argument, batch, rows)).collect();
            let builder = Builder::new(*data_type, batch.rows);
            function::call_prepared(call, &arguments, builder, rows)
        }
    }
}

/// The value of a node that reads no column; `None` where computing it fails.
pub fn constant_value(node: &Node) -> Option<Value> {
    let batch = Batch::new(RawRecords::None, 1, 0);
    let column = evaluate(node, &batch, &[0]);
    column.faults.is_empty().then(|| Cell::of(&column, 0).to_value())
}

fn repeat(node: &Node, value: &Value, batch: &Batch, rows: &[u32]) -> Arc<Column> {
    let mut builder = Builder::new(node.data_type(), batch.rows);
    for row in rows {
        builder.set(*row, value.cell());
    }
    builder.finish()
}
