//! `pivot`: values of one field become columns.
//!
//! ```toml
//! [[transform]]
//! pivot = { by = ["day"], on = "country", columns = ["DE", "FR"], values = ["sum(amount)"] }
//! ```
//!
//! One record per group of `by`, with a column for each of the declared values of `on` (in their text form), which
//! holds the aggregate of the group's records with that value. With several `values` the columns are named `DE_total`,
//! `DE_orders`. Records with other values make a group, too, but are in no column.

use super::aggregate::{Extras, finish_binding};
use super::binder::{Binder, Bound};
use super::groups::{Giving, GroupOrder};
use crate::error::{Diagnostic, Sql};
use crate::expr;

/// A `pivot` as the job file describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Group expressions; none for one group of everything.
    pub by: Vec<Sql>,
    /// Whose values become columns.
    pub on: Sql,
    /// The text forms of these values.
    pub columns: Vec<String>,
    /// What is computed for each of them: select-list items made of aggregate calls.
    pub values: Vec<Sql>,
    /// In which order the groups come.
    pub order: GroupOrder,
}

/// Binds a `pivot`.
pub fn bind(settings: &Settings, binder: &mut Binder<'_>) -> Result<Bound, Vec<Diagnostic>> {
    let Settings { by, on, columns, values, order } = settings;
    let bound = expr::bind_pivot(by, on, columns, values, &mut binder.scope("pivot"))?;
    let places: Vec<&Sql> = columns.iter().flat_map(|_| values).collect();
    let giving = Giving { order: *order, limit: None };
    finish_binding(bound, &places, Extras { giving, share: None }, binder)
}
