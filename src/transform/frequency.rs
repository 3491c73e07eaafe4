//! `frequency`: how often each value occurs, the most frequent first.
//!
//! ```toml
//! [[transform]]
//! frequency = { by = ["country"], top = 10, share = "share" }
//! ```
//!
//! One record per value, or per combination of several: the values, the number of records (`records`, or as `name`
//! says) and, where `share` names a field, its part in all records. Of equally frequent values the one that came first
//! is first; `order` may also be `first_seen` or `key`. `top` keeps the first so many; their shares still are those in
//! all records.

use super::aggregate::{Extras, finish_binding};
use super::binder::{Binder, Bound, named_twice};
use super::count::with_count;
use super::groups::{Giving, GroupOrder};
use crate::error::{Diagnostic, Sql};
use crate::expr;

/// A `frequency` as the job file describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// What is counted.
    pub by: Vec<Sql>,
    /// The field of the counts.
    pub name: String,
    /// The field of the shares.
    pub share: Option<String>,
    /// How many values at most.
    pub top: Option<u64>,
    /// In which order.
    pub order: GroupOrder,
}

/// Binds a `frequency`.
pub fn bind(settings: &Settings, binder: &mut Binder<'_>) -> Result<Bound, Vec<Diagnostic>> {
    let Settings { by, name, share, top, order } = settings;
    let bound = expr::bind_aggregate(by, &[], None, &mut binder.scope("frequency"))?;
    let place = by.last().expect("a frequency is of something");
    let share = share.as_deref();
    let is_taken = |share: &&str| *share == name || bound.keys.iter().any(|key| key.name == *share);
    if let Some(share) = share.filter(is_taken) {
        return Err(vec![named_twice(place, share)]);
    }
    let extras = Extras { giving: Giving { order: *order, limit: *top }, share };
    finish_binding(with_count(bound, name, binder), &[place], extras, binder)
}
