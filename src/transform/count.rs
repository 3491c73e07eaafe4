//! `count`: the number of records, as the only record.
//!
//! ```toml
//! [[transform]]
//! count = true
//!
//! [[transform]]
//! name = "number-of-orders"
//! count = { name = "orders" }
//! ```

use super::aggregate::{Extras, finish_binding};
use super::binder::{Binder, Bound};
use crate::error::{Diagnostic, Sql};
use crate::expr::{AggregateCall, BoundAggregate, Expression};
use crate::record::aggregation::Aggregation;
use crate::record::{DataType, SlotOrigin};

/// The name of the field where none is given.
pub const NAME: &str = "records";

/// Binds a `count` whose field has a name.
pub fn bind(name: &str, binder: &mut Binder<'_>) -> Result<Bound, Vec<Diagnostic>> {
    let bound = BoundAggregate::default();
    let place = Sql::unplaced(name);
    finish_binding(with_count(bound, name, binder), &[&place], Extras::default(), binder)
}

/// The same groups with the number of their records as a first output.
pub fn with_count(
    mut bound: BoundAggregate,
    name: &str,
    binder: &mut Binder<'_>,
) -> BoundAggregate {
    let data_type = DataType::Bigint;
    let slot = binder.slots.add(name, data_type, SlotOrigin::Computed);
    bound.calls.insert(
        0,
        AggregateCall {
            aggregation: Aggregation::CountAll,
            arguments: Vec::new(),
            filter: None,
            distinct: None,
            order: Vec::new(),
            slot,
            data_type,
        },
    );
    bound.outputs.insert(0, (name.to_owned(), Expression::column(slot, data_type)));
    bound
}
