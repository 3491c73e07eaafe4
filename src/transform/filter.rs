//! `filter`: keeps the records for which a predicate is true (not those for which it is false or NULL).
//!
//! ```toml
//! [[transform]]
//! filter = "status <> 'cancelled' AND amount > 0"
//! ```

use super::binder::{Binder, Bound};
use super::{Action, Context, Stateless};
use crate::error::{Diagnostic, Sql};
use crate::expr::{self, Expression};
use crate::record::{Batch, Values};

#[derive(Debug)]
struct Filter {
    predicate: Expression,
}

/// Binds a `filter`.
pub fn bind(sql: &Sql, binder: &mut Binder<'_>) -> Result<Bound, Vec<Diagnostic>> {
    let predicate = expr::bind_predicate(sql, &mut binder.scope("filter"))?;
    Ok(Bound { reads: predicate.reads(), action: Action::stateless(Filter { predicate }) })
}

impl Stateless for Filter {
    fn apply(&self, context: Context<'_>, mut batch: Batch) -> Batch {
        let column = self.predicate.evaluate(&batch, &batch.selection);
        batch.reject_faults(context.step, &column.faults);
        let Values::Boolean(values) = &column.values else {
            unreachable!("predicates are boolean");
        };
        batch.retain(|row| values[row as usize] && column.is_valid(row as usize));
        batch
    }
}
