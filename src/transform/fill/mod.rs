//! `fill`: puts values where there are none.
//!
//! ```toml
//! [[transform]]
//! fill = { columns = ["city"], with = "down", by = ["country"] }
//!
//! [[transform]]
//! fill = { columns = ["status", "remark"], value = "unknown", empty = true }
//!
//! [[transform]]
//! name = "recent-city"
//! fill = { columns = ["city"], with = "down", by = ["user"], ttl = "7d", time = "seen_at" }
//! ```
//!
//! `with = "down"` takes the column's last value before, of the records with the same `by` where that is given; before the
//! first value there is nothing to take. `value` is a constant: a string that is read as the column's type, a whole
//! number, true or false. With `empty = true` the empty text is filled like NULL. Last values beyond the memory that
//! `[state]` gives are spilled, and found again when their key comes again.
//!
//! With `ttl` a key's last values are forgotten when event time, the greatest `time` of the records so far, is more than
//! that after what it was at the key's last record, filled or not: at the next one there is nothing to take. A record
//! without a time counts at the event time at which it comes. So memory and spills are for keys of the last `ttl`; what is
//! forgotten is given back now and then.

mod down;

use super::binder::{Binder, Bound, Target, all, check_names, read_by};
use super::expiry::{Expiry, Ttl};
use super::groups::evaluate_all;
use super::{Action, Context, Stateless};
use crate::error::{Diagnostic, Result, Sql};
use crate::expr::{self, Expression};
use crate::record::{Batch, Column, DataType, RawRecords, Slot, Values};
use down::{Down, Names};
use std::sync::Arc;

/// A `fill` as the job file describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The columns; at least one.
    pub columns: Vec<Sql>,
    /// What they are filled with.
    pub with: With,
    /// Whether the empty text is a value.
    pub empty: EmptyText,
}

/// What a column is filled with.
#[derive(Debug, Clone, PartialEq)]
pub enum With {
    /// The last value before.
    Down {
        /// Of the same key.
        by: Vec<Sql>,
        /// How long it is remembered.
        ttl: Option<Ttl>,
    },
    /// A constant: what it says, and how it stands in the job file.
    Value(Sql, Written),
}

/// How a constant stands in the job file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// In quotes.
    Text,
    /// Without.
    Plain,
}

/// Whether the empty text is a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmptyText {
    /// It is one.
    Value,
    /// It is like NULL.
    Missing,
}

#[derive(Debug)]
struct Constant {
    columns: Vec<Filled>,
    /// Of each column, a column of one row.
    values: Vec<Column>,
    empty: EmptyText,
}

/// A column before and behind the step.
#[derive(Debug)]
struct Filled {
    before: Expression,
    behind: Slot,
}

/// Binds a `fill`.
pub fn bind(settings: &Settings, binder: &mut Binder<'_>) -> Result<Bound, Vec<Diagnostic>> {
    let targets: Vec<_> = settings.columns.iter().map(|sql| binder.column(sql, "fill")).collect();
    let mut outcomes = vec![all(targets).map(Some)];
    let (by, expiry) = match &settings.with {
        With::Down { by, ttl } => {
            let expiry = ttl.as_ref().map(|ttl| Expiry::bind(ttl, "fill", binder)).transpose();
            (binder.scalars(by, "fill"), expiry)
        }
        With::Value(..) => (Ok(Vec::new()), Ok(None)),
    };
    let by = by.map_err(|problems| outcomes.push(Err(problems))).unwrap_or_default();
    let expiry = expiry.map_err(|problems| outcomes.push(Err(problems))).unwrap_or_default();
    let targets: Vec<Target> = all(outcomes)?.into_iter().flatten().flatten().collect();
    check_names(&settings.columns.iter().collect::<Vec<_>>())?;
    let values = match &settings.with {
        With::Down { .. } => Vec::new(),
        With::Value(value, written) => {
            let constant = |target: &Target| constant(target, value, *written, binder);
            all(targets.iter().map(constant).collect::<Vec<_>>())?
        }
    };
    let times = expiry.iter().map(|expiry| &expiry.time);
    let reads = read_by(targets.iter().map(|target| &target.expression).chain(&by).chain(times));
    let names = settings.columns.iter().map(|sql| sql.text.clone()).collect();
    let columns: Vec<Filled> = targets
        .into_iter()
        .map(|Target { name, expression }| {
            let behind = binder.put(&name, expression.data_type());
            Filled { before: expression, behind }
        })
        .collect();
    let empty = settings.empty;
    let action = match &settings.with {
        With::Down { by: texts, .. } => {
            let by_names = texts.iter().map(|sql| sql.text.clone()).collect();
            let names = Names { columns: names, by: by_names };
            Action::stateful(Down { columns, by, empty, expiry, names })
        }
        With::Value(..) => Action::stateless(Constant { columns, values, empty }),
    };
    Ok(Bound { reads, action })
}

/// The constant as a value of a column's type.
fn constant(
    target: &Target,
    value: &Sql,
    written: Written,
    binder: &mut Binder<'_>,
) -> Result<Column, Vec<Diagnostic>> {
    let data_type = target.expression.data_type();
    let mut literal = value.text.clone();
    if data_type == DataType::Json && written == Written::Text {
        let mut json = Vec::new();
        crate::record::text::write_json_string(&mut json, &literal);
        literal = String::from_utf8(json).expect("JSON of a string is a string");
    }
    let literal = literal.replace('\'', "''");
    let sql = Sql::unplaced(format!("CAST('{literal}' AS {data_type})"));
    let one = Batch::new(RawRecords::None, 1, 0);
    let column = expr::bind_scalar(&sql, &mut binder.scope("fill"))
        .map(|expression| (*expression.evaluate(&one, &[0])).clone());
    column.ok().filter(|column| column.is_valid(0)).ok_or_else(|| {
        let message = format!("`{}` is not a {data_type}, as `{}` is", value.text, target.name);
        vec![Diagnostic::at(value.whole(), message)]
    })
}

/// Whether a row of a column is to be filled.
fn is_missing(column: &Column, row: usize, empty: EmptyText) -> bool {
    let is_empty = || match &column.values {
        Values::Text(texts) => texts.get(row).is_empty(),
        Values::Json(texts) => texts.get(row) == br#""""#,
        _ => false,
    };
    !column.is_valid(row) || empty == EmptyText::Missing && is_empty()
}

impl Stateless for Constant {
    fn apply(&self, context: Context<'_>, mut batch: Batch) -> Batch {
        let before =
            evaluate_all(self.columns.iter().map(|one| &one.before), context.step, &mut batch);
        for ((filled, column), value) in self.columns.iter().zip(before).zip(&self.values) {
            let last = row32(batch.rows);
            let mut from: Vec<u32> = (0..last).collect();
            let mut is_changed = false;
            for row in &batch.selection {
                if is_missing(&column, *row as usize, self.empty) {
                    from[*row as usize] = last;
                    is_changed = true;
                }
            }
            let column =
                if is_changed { Arc::new(column.append(value).gather(&from)) } else { column };
            batch.fill(filled.behind, column);
        }
        batch
    }
}

fn row32(row: usize) -> u32 {
    u32::try_from(row).expect("a batch holds less than 2^32 records")
}
