//! `assert`: says what must hold of every record, and what becomes of one for which it does not.
//!
//! ```toml
//! [[transform]]
//! assert = { that = "amount >= 0", message = "negative amount", otherwise = "reject" }
//! ```
//!
//! | `otherwise` | a record that is not as it must be |
//! |---|---|
//! | `"fail"`, the default | ends the run, with its place; the same command goes on once it or the job is mended |
//! | `"reject"` | is rejected, with the message |
//! | `"warn"` | passes; the end of the run says how many there were and where the first was |
//!
//! As in SQL's `CHECK`, a condition that is NULL is not violated; `null = "violates"` says otherwise. A fault of the
//! condition rejects the record.

use super::binder::{Binder, Bound};
use super::{Action, Advanced, Context, Flow, Shown, Stateful, Stateless};
use crate::error::{Diagnostic, Result, Sql};
use crate::expr::{self, Expression};
use crate::record::{Batch, Gravity, Reason, Values};
use crate::state::{Reader, Unreadable, Writer};
use std::ops::Range;

/// An `assert` as the job file describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// What must hold.
    pub that: Sql,
    /// What is said where it does not.
    pub message: Option<String>,
    /// What becomes of a record for which it does not.
    pub otherwise: Otherwise,
    /// What NULL means.
    pub null: Null,
}

/// What becomes of a record that is not as it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Otherwise {
    /// The run ends.
    Fail,
    /// It is rejected.
    Reject,
    /// It passes and is counted.
    Warn,
}

/// What a condition that is NULL means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Null {
    /// It is not violated.
    Passes,
    /// It is violated.
    Violates,
}

/// Takes violating records out.
#[derive(Debug)]
struct Strict {
    condition: Condition,
    message: String,
    gravity: Gravity,
}

/// Counts violating records.
#[derive(Debug)]
struct Lenient {
    condition: Condition,
    message: String,
}

#[derive(Debug)]
struct Condition {
    that: Expression,
    null: Null,
}

/// What is known of the records that were let pass.
#[derive(Debug, Default)]
pub struct Violations {
    /// How many.
    count: u64,
    /// Where the first one was, where that is known.
    first: Option<String>,
    /// Those of the piece that the chain is at: they count when all steps have done with it.
    recent: Vec<Recent>,
}

/// Violations of one batch.
#[derive(Debug)]
struct Recent {
    /// The rows of the chunk, which do not fall.
    rows: Vec<u32>,
    /// Where the first of them was.
    place: Option<String>,
}

/// Binds an `assert`.
pub fn bind(settings: &Settings, binder: &mut Binder<'_>) -> Result<Bound, Vec<Diagnostic>> {
    let that = expr::bind_predicate(&settings.that, &mut binder.scope("assert"))?;
    let reads = that.reads();
    let default = || format!("`{}` does not hold", settings.that.text.trim());
    let message = settings.message.clone().unwrap_or_else(default);
    let condition = Condition { that, null: settings.null };
    let gravity = match settings.otherwise {
        Otherwise::Fail => Gravity::Fail,
        Otherwise::Reject => Gravity::Reject,
        Otherwise::Warn => {
            let action = Action::stateful(Lenient { condition, message });
            return Ok(Bound { reads, action });
        }
    };
    Ok(Bound { reads, action: Action::stateless(Strict { condition, message, gravity }) })
}

impl Condition {
    /// Whether it is violated, by row; rows for which it cannot be said are rejected.
    fn violations(&self, step: &str, batch: &mut Batch) -> Vec<bool> {
        let column = self.that.evaluate(batch, &batch.selection);
        batch.reject_faults(step, &column.faults);
        let Values::Boolean(values) = &column.values else {
            unreachable!("predicates are boolean");
        };
        let is_violated = |(row, value): (usize, &bool)| match column.is_valid(row) {
            true => !value,
            false => self.null == Null::Violates,
        };
        values.iter().enumerate().map(is_violated).collect()
    }
}

impl Stateless for Strict {
    fn apply(&self, context: Context<'_>, mut batch: Batch) -> Batch {
        let violations = self.condition.violations(context.step, &mut batch);
        let reason: Reason = format!("{}: {}", context.step, self.message).into();
        batch.reject_where(&reason, self.gravity, |row| violations[row as usize]);
        batch
    }
}

impl Stateful for Lenient {
    type State = Violations;
    /// The violating ones of the selected rows.
    type Prepared = Vec<u32>;
    const VERSION: u32 = 1;

    fn new_state(&self) -> Violations {
        Violations::default()
    }

    fn prepare(&self, context: Context<'_>, batch: &mut Batch) -> Vec<u32> {
        let violations = self.condition.violations(context.step, batch);
        batch.selection.iter().copied().filter(|row| violations[*row as usize]).collect()
    }

    fn advance(
        &self,
        context: Context<'_>,
        known: &mut Violations,
        batch: &mut Batch,
        violating: Vec<u32>,
    ) -> Result<Advanced> {
        if let Some(first) = violating.first() {
            let place = match known.count {
                0 => context.tools.place(batch, *first),
                _ => None,
            };
            let rows = violating.iter().map(|row| batch.input_row(*row)).collect();
            known.recent.push(Recent { rows, place });
        }
        Ok(Advanced::default())
    }

    fn settle(&self, known: &mut Violations, flow: Flow) {
        for Recent { mut rows, place } in std::mem::take(&mut known.recent) {
            if let Flow::Full { last_row } = flow {
                rows.retain(|row| last_row.is_some_and(|last| *row <= last));
            }
            if rows.is_empty() {
                continue;
            }
            if known.count == 0 {
                known.first = place;
            }
            known.count += rows.len() as u64;
        }
    }

    fn write(&self, _context: Context<'_>, known: &mut Violations, out: &mut Writer) -> Result<()> {
        out.u64(known.count);
        out.strings(std::iter::once(known.first.as_deref().unwrap_or_default().as_bytes()));
        Ok(())
    }

    fn read(
        &self,
        _context: Context<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<Violations, Unreadable> {
        let unreadable = Unreadable { what: "places" };
        let count = reader.number("numbers")?;
        let first = reader.strings(1, "places")?[0].to_vec();
        let first = String::from_utf8(first).map_err(|_| unreadable)?;
        let first = Some(first).filter(|place| !place.is_empty());
        Ok(Violations { count, first, recent: Vec::new() })
    }

    fn remarks(&self, known: &Violations) -> Vec<String> {
        let place = match &known.first {
            Some(place) if known.count == 1 => format!(" ({place})"),
            Some(place) => format!(" (the first: {place})"),
            None => String::new(),
        };
        let message = &self.message;
        match known.count {
            0 => Vec::new(),
            1 => vec![format!("warning: 1 record: {message}{place}")],
            count => vec![format!("warning: {count} records: {message}{place}")],
        }
    }

    fn show(&self, known: &Violations, entries: Range<usize>) -> Option<Shown> {
        Some(Shown::number("violations", known.count, &entries))
    }
}
