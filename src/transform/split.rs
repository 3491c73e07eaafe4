//! `split`: takes a text apart, into columns or into records.
//!
//! ```toml
//! [[transform]]
//! split = { column = "name", separator = ", ", into = ["last", "first"], surplus = "merge" }
//!
//! [[transform]]
//! split = { column = "tags", separator = ";", records = true, as = "tag", index = "position" }
//! ```
//!
//! With `into` the parts become columns beside the column itself. Parts that are missing are NULL, as are all parts of
//! NULL. What becomes of more parts than columns: `surplus = "reject"`, which is the default, rejects the record, `"merge"`
//! leaves them together in the last column, `"drop"` drops them.
//!
//! With `records = true` there is a record for each part. It takes the place of the column, or gets a column of its own
//! with `as`; `index` and `keep_empty` are as for `unnest`. The empty text has one part, NULL has none.

use super::binder::{Binder, Bound, check_names};
use super::multiply::{Multiplied, multiply, positions};
use super::unnest::Empty;
use super::{Action, Context, Stateless};
use crate::error::{Diagnostic, Sql};
use crate::expr::{self, Expression};
use crate::record::{Batch, Column, DataType, Gravity, Reason, Slot, Text, Validity, Values};
use memchr::memmem::Finder;
use std::sync::Arc;

/// A `split` as the job file describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// What is taken apart.
    pub column: Sql,
    /// What stands between two parts; not empty.
    pub separator: String,
    /// What becomes of the parts.
    pub parts: Parts,
}

/// What becomes of the parts.
#[derive(Debug, Clone, PartialEq)]
pub enum Parts {
    /// Columns of these names.
    Columns {
        /// At least one name.
        names: Vec<Sql>,
        /// What becomes of further parts.
        surplus: Surplus,
    },
    /// Records.
    Records {
        /// The column of the part; `None` for the one that is taken apart.
        name: Option<Sql>,
        /// The column of its number.
        index: Option<Sql>,
        /// What becomes of a record without parts.
        empty: Empty,
    },
}

/// What becomes of more parts than there are columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surplus {
    /// The record is rejected.
    Reject,
    /// They stay in the last column.
    Merge,
    /// They are dropped.
    Drop,
}

#[derive(Debug)]
struct IntoColumns {
    text: Expression,
    separator: Finder<'static>,
    columns: Vec<Slot>,
    surplus: Surplus,
    too_many: String,
}

#[derive(Debug)]
struct IntoRecords {
    text: Expression,
    separator: Finder<'static>,
    part: Slot,
    index: Option<Slot>,
    empty: Empty,
}

/// Binds a `split`.
pub fn bind(settings: &Settings, binder: &mut Binder<'_>) -> Result<Bound, Vec<Diagnostic>> {
    let text = expr::bind_as(&settings.column, DataType::Text, &mut binder.scope("split"))?;
    let separator = Finder::new(&settings.separator).into_owned();
    let reads = text.reads();
    let action = match &settings.parts {
        Parts::Columns { names, surplus } => {
            check_names(&names.iter().collect::<Vec<_>>())?;
            let columns = names.iter().map(|name| binder.put(&name.text, DataType::Text)).collect();
            let (column, count) = (settings.column.text.trim(), names.len());
            let too_many = format!("`{column}` has more than {count} parts");
            let surplus = *surplus;
            Action::stateless(IntoColumns { text, separator, columns, surplus, too_many })
        }
        Parts::Records { name, index, empty } => {
            let name = match name {
                Some(name) => name.clone(),
                None => Sql::unplaced(binder.column(&settings.column, "split")?.name),
            };
            check_names(&std::iter::once(&name).chain(index).collect::<Vec<_>>())?;
            let part = binder.put(&name.text, DataType::Text);
            let index = index.as_ref().map(|index| binder.new_column(index, DataType::Bigint));
            let index = index.transpose()?;
            Action::stateless(IntoRecords { text, separator, part, index, empty: *empty })
        }
    };
    Ok(Bound { reads, action })
}

/// The parts of a text, at most so many: the last one is what is left.
fn parts<'t>(
    separator: &Finder<'_>,
    text: &'t [u8],
    parts_max: usize,
) -> impl Iterator<Item = &'t [u8]> {
    let mut rest = Some(text);
    let mut left = parts_max;
    std::iter::from_fn(move || {
        let text = rest.take()?;
        left -= 1;
        match separator.find(text).filter(|_| left > 0) {
            Some(at) => {
                rest = Some(&text[at + separator.needle().len()..]);
                Some(&text[..at])
            }
            None => Some(text),
        }
    })
}

fn texts_of(column: &Column) -> &Text {
    match &column.values {
        Values::Text(texts) => texts,
        values => unreachable!("a text was bound, not {}", values.data_type()),
    }
}

impl Stateless for IntoColumns {
    fn apply(&self, context: Context<'_>, mut batch: Batch) -> Batch {
        let column = self.text.evaluate(&batch, &batch.selection);
        batch.reject_faults(context.step, &column.faults);
        let texts = texts_of(&column);
        let count = self.columns.len();
        if self.surplus == Surplus::Reject {
            let reason: Reason = format!("{}: {}", context.step, self.too_many).into();
            batch.reject_where(&reason, Gravity::Reject, |row| {
                let text = texts.get(row as usize);
                column.is_valid(row as usize)
                    && parts(&self.separator, text, usize::MAX).nth(count).is_some()
            });
        }
        let parts_max = match self.surplus {
            Surplus::Reject | Surplus::Merge => count,
            Surplus::Drop => usize::MAX,
        };
        let filled = || (Text::filled(Arc::default(), batch.rows), vec![false; batch.rows]);
        let mut columns: Vec<(Text, Vec<bool>)> = (0..count).map(|_| filled()).collect();
        for row in batch.selection.iter().map(|row| *row as usize) {
            if !column.is_valid(row) {
                continue;
            }
            let parts = parts(&self.separator, texts.get(row), parts_max);
            for ((texts, validity), part) in columns.iter_mut().zip(parts) {
                texts.set(row, part);
                validity[row] = true;
            }
        }
        for (slot, (texts, validity)) in self.columns.iter().zip(columns) {
            let mut column = Column::new(Values::Text(texts));
            column.validity = Validity::from_flags(validity);
            batch.fill(*slot, Arc::new(column));
        }
        batch
    }
}

impl Stateless for IntoRecords {
    fn apply(&self, context: Context<'_>, mut batch: Batch) -> Batch {
        let column = self.text.evaluate(&batch, &batch.selection);
        batch.reject_faults(context.step, &column.faults);
        let texts = texts_of(&column);
        let mut counts = vec![0; batch.rows];
        for row in batch.selection.iter().map(|row| *row as usize) {
            counts[row] = match (column.is_valid(row), self.empty) {
                (true, _) => parts(&self.separator, texts.get(row), usize::MAX).count(),
                (false, Empty::Keep) => 1,
                (false, Empty::Drop) => 0,
            };
        }
        let Multiplied { mut batch, from } = multiply(context.step, batch, &counts);
        let mut new = Text::filled(Arc::default(), batch.rows);
        let mut validity = vec![false; batch.rows];
        let mut at = 0;
        while let Some(row) = from.get(at).map(|row| *row as usize) {
            if column.is_valid(row) {
                for part in parts(&self.separator, texts.get(row), usize::MAX) {
                    new.set(at, part);
                    validity[at] = true;
                    at += 1;
                }
            } else {
                at += 1;
            }
        }
        let validity = Validity::from_flags(validity);
        if let Some(index) = self.index {
            let mut column = Column::new(Values::Bigint(positions(&from)));
            column.validity = validity.clone();
            batch.fill(index, Arc::new(column));
        }
        let mut column = Column::new(Values::Text(new));
        column.validity = validity;
        batch.fill(self.part, Arc::new(column));
        batch
    }
}
