//! `filter`: keeps the records for which a predicate is true (not those for which it is false or NULL).
//!
//! ```toml
//! [[transform]]
//! filter = "status <> 'cancelled' AND amount > 0"
//! ```

use crate::expr::Expression;
use crate::record::{Batch, Values};

/// A bound `filter`.
#[derive(Debug)]
pub struct Filter {
    /// The predicate.
    pub predicate: Expression,
}

impl Filter {
    /// Keeps the rows for which the predicate is true; faulty ones are rejected.
    pub fn apply(&self, step: &str, batch: &mut Batch) {
        let column = self.predicate.evaluate(batch, &batch.selection);
        batch.reject_faults(step, &column.faults);
        let Values::Boolean(values) = &column.values else {
            unreachable!("predicates are boolean");
        };
        batch.retain(|row| values[row as usize] && column.is_valid(row as usize));
    }
}
