//! `select` and `compute`: make columns.
//!
//! ```toml
//! [[transform]]
//! compute = ["amount * quantity AS total", "date_trunc('day', ordered_at) AS day"]
//!
//! [[transform]]
//! select = ["id", "total AS revenue", "upper(country) AS country"]
//! ```
//!
//! Both fill slots; which slots make up a record afterwards is written in the layout, so that choosing, ordering and
//! renaming plain columns cost nothing at run time. Of the items of a `compute`, each sees the ones before it.

use crate::expr::Expression;
use crate::record::{Batch, Slot};

/// A bound `select` or `compute`.
#[derive(Debug)]
pub struct Project {
    /// What to compute, and the slot for each result.
    pub columns: Vec<(Slot, Expression)>,
}

impl Project {
    /// Fills the slots; rows that are faulty in one column are rejected before the next is computed.
    pub fn apply(&self, step: &str, batch: &mut Batch) {
        for (slot, expression) in &self.columns {
            let column = expression.evaluate(batch, &batch.selection);
            batch.reject_faults(step, &column.faults);
            batch.fill(*slot, column);
        }
    }
}
