//! SQL text -> bound, type-checked expression -> evaluation over a batch. `LANGUAGE.md` describes the language.
//!
//! Here are parsing (`parse`, `words`), names, types and coercions (`bind`), the typed tree (`node`), its evaluation
//! (`evaluate`) and the functions (`function`). Not here: where columns come from, what becomes of rejected rows, how
//! aggregates accumulate; and no clock: the job's start time is passed in.
//!
//! Invariants:
//! 1. A bound expression cannot fail as a whole: whatever goes wrong with a row is a fault of that row.
//! 2. A row that a `CASE`, `AND`, `OR`, `coalesce` or `TRY` does not need cannot fault it.
//! 3. The result depends on the values alone: no clock, locale or hash seed reaches it.

pub mod aggregate;

mod bind;

pub mod catalogue;

mod evaluate;

pub mod function;

mod node;

mod numbers;

mod parse;

pub mod window;

mod words;

pub use evaluate::cell::TOO_MUCH_TEXT;

pub use bind::{
    AggregateCall, BoundAggregate, BoundWindow, Item, JoinKey, KeyColumn, OrderKey, bind_aggregate,
    bind_as, bind_items, bind_join, bind_moment, bind_order, bind_pivot, bind_predicate,
    bind_scalar, bind_window, closest,
};
pub use evaluate::list::{column_of_elements, write_json};

/// The description of the language.
pub const LANGUAGE: &str = include_str!("LANGUAGE.md");

use crate::record::{Batch, Column, DataType, Layout, Slot, Slots};
use node::Node;
use std::sync::Arc;

/// What the names of an expression can mean, and what binding may add.
pub struct Scope<'a> {
    /// The fields that can be named.
    pub layout: &'a Layout,
    /// All slots of the plan; JSON paths and computed columns are added on first use.
    pub slots: &'a mut Slots,
    /// What `now()` is: the job's first start, in microseconds since 1970.
    pub now_micros: i64,
    /// Where the expression stands, for messages: `filter`.
    pub context: &'a str,
}

/// A bound, type-checked expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    node: Arc<Node>,
}

impl Expression {
    /// The expression that reads a slot.
    pub fn column(slot: Slot, data_type: DataType) -> Expression {
        Expression::new(Node::Column(slot, data_type))
    }

    fn new(node: Node) -> Expression {
        Expression { node: Arc::new(node) }
    }

    /// The type of its values.
    pub fn data_type(&self) -> DataType {
        self.node.data_type()
    }

    /// The slots it reads, sorted and without repeats.
    pub fn reads(&self) -> Vec<Slot> {
        let mut slots = Vec::new();
        self.node.visit(&mut |node| {
            if let Node::Column(slot, _) = node {
                slots.push(*slot);
            }
        });
        slots.sort_unstable();
        slots.dedup();
        slots
    }

    /// The slot, where the expression is a plain column.
    pub fn as_slot(&self) -> Option<Slot> {
        match *self.node {
            Node::Column(slot, _) => Some(slot),
            _ => None,
        }
    }

    /// The values at `rows` (rising) as a column of the batch's length; other rows hold nothing of meaning.
    /// What goes wrong with a row of `rows` is a fault of the column.
    pub fn evaluate(&self, batch: &Batch, rows: &[u32]) -> Arc<Column> {
        evaluate::evaluate(&self.node, batch, rows)
    }
}

#[cfg(test)]
mod tests;
