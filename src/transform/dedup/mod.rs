//! `dedup`: keeps one record of each key, or marks the others.
//!
//! ```toml
//! [[transform]]
//! name  = "unique-orders"
//! dedup = { key = ["order_id"] }
//!
//! [[transform]]
//! name  = "latest-state"
//! dedup = { key = ["order_id"], keep = "last" }
//!
//! [[transform]]
//! name  = "repeats"
//! dedup = { key = ["order_id"], mark = "is_repeat" }
//!
//! [[transform]]
//! name  = "once-a-week"
//! dedup = { key = ["order_id"], ttl = "7d", time = "ordered_at" }
//! ```
//!
//! A NULL is a key like any other. Without `key` the whole record is the key. `keep = "first"`, the default, lets the first
//! record of each key through at once. `keep = "last"` holds one record of each key and gives them when the input has
//! ended, in the order in which they were read. `mark` drops nothing: it adds a boolean column that is true for all but
//! the first record of a key.
//!
//! Keys beyond the memory that `[state]` gives are spilled, and found again there. So are the records that `keep = "last"`
//! holds, and which of them are the last of their keys is found at the end.
//!
//! With `ttl` a key is forgotten when event time, the greatest `time` of the records so far, is more than that after what
//! it was at the record that was kept: the next record of the key is kept again. A repeat does not prolong it, and a
//! record without a time counts at the event time at which it comes.

mod known;

mod last;

mod timed;

use super::binder::{Binder, Bound, read_by};
use super::expiry::{Expiry, Ttl};
use super::shown::{Seen, Taker, in_portions, texts_of};
use super::spills::Spill;
use super::{Action, Advanced, Context, Keeper, Shown, Snapshot, Stateful, groups};
use crate::error::{Diagnostic, Result, Sql};
use crate::expr::Expression;
use crate::record::{Batch, Column, DataType, Field, Rest, Slot, Values};
use crate::state::{Keys, Reader, Unreadable};
use known::Known;
use std::ops::Range;
use std::sync::Arc;

/// A `dedup` as the job file describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Key expressions; none for the whole record's fields.
    pub key: Vec<Sql>,
    /// Which record of a key stays.
    pub keep: Keep,
    /// The name of the column that marks all others instead of dropping them.
    pub mark: Option<Sql>,
    /// How long a key is remembered.
    pub ttl: Option<Ttl>,
    /// Where it stands in the job file.
    pub place: Range<usize>,
}

/// At least such a part of the memory is for keys, however much the filters of the layers take.
const KEYS_SHARE_MIN: u64 = 4;

/// Which record of a key stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// The first one.
    First,
    /// The last one.
    Last,
}

/// What makes records the same.
#[derive(Debug)]
enum Key {
    /// The values of expressions.
    Columns(Vec<Expression>),
    /// The bytes of the record as it came, and what was computed since.
    Record(Vec<Expression>),
}

/// Keeps the first record of each key.
#[derive(Debug)]
struct First {
    key: Key,
    /// What people know the columns of the key by.
    names: Vec<String>,
    /// Where all others are marked instead of dropped.
    mark: Option<Slot>,
}

/// Binds a `dedup`.
pub fn bind(settings: &Settings, binder: &mut Binder<'_>) -> Result<Bound, Vec<Diagnostic>> {
    let (mut reads, key) = bind_key(settings, binder)?;
    let names = match settings.key.as_slice() {
        [] => binder.layout.fields.iter().map(|field| field.name.clone()).collect(),
        key => key.iter().map(|sql| sql.text.clone()).collect(),
    };
    if let Some(ttl) = &settings.ttl {
        let expiry = Expiry::bind(ttl, "dedup", binder)?;
        reads.extend(expiry.time.reads());
        reads.sort_unstable();
        reads.dedup();
        let mark = settings.mark.as_ref().map(|name| binder.new_column(name, DataType::Boolean));
        let mark = mark.transpose()?;
        let action = Action::stateful(timed::Timed { key, names, expiry, mark });
        return Ok(Bound { reads, action });
    }
    let action = match (settings.keep, &settings.mark) {
        (Keep::Last, None) => {
            let keeper = Keeper::new(&binder.layout, binder.slots);
            Action::stateful(last::Last { key, names, keeper })
        }
        (Keep::Last, Some(mark)) => return Err(vec![marked_last(mark)]),
        (Keep::First, None) => Action::stateful(First { key, names, mark: None }),
        (Keep::First, Some(name)) => {
            let slot = binder.new_column(name, DataType::Boolean)?;
            Action::stateful(First { key, names, mark: Some(slot) })
        }
    };
    Ok(Bound { reads, action })
}

fn bind_key(
    settings: &Settings,
    binder: &mut Binder<'_>,
) -> Result<(Vec<Slot>, Key), Vec<Diagnostic>> {
    if !settings.key.is_empty() {
        let expressions = binder.scalars(&settings.key, "dedup")?;
        return Ok((read_by(&expressions), Key::Columns(expressions)));
    }
    let layout = &binder.layout;
    let column = |field: &Field| Expression::column(field.slot, field.data_type);
    let expressions: Vec<Expression> = layout.fields.iter().map(column).collect();
    let reads = read_by(&expressions);
    match layout.rest {
        Rest::Closed => Ok((reads, Key::Columns(expressions))),
        Rest::Json if layout.left_out.is_empty() => Ok((reads, Key::Record(expressions))),
        Rest::Json => {
            let message = "JSON records that keys were taken out of cannot be compared as a whole";
            let problem = Diagnostic::at(settings.place.clone(), message);
            Err(vec![problem.with_hint("say what to compare: `dedup = { key = [\"id\"] }`")])
        }
    }
}

fn marked_last(mark: &Sql) -> Diagnostic {
    let message = "with `keep = \"last\"` no record can be marked before the input has ended";
    Diagnostic::at(mark.whole(), message)
        .with_hint("leave out `keep`: then all but the first record of a key are marked")
}

impl Key {
    /// The key of each selected row; rows whose key is faulty are rejected.
    fn of(&self, step: &str, batch: &mut Batch) -> Keys {
        match self {
            Key::Record(expressions) => {
                let columns = groups::evaluate_all(expressions, step, batch);
                let bytes_of = |row| batch.records().record(row as usize);
                Keys::of_records(&columns, &batch.selection, bytes_of)
            }
            Key::Columns(expressions) => {
                let columns = groups::evaluate_all(expressions, step, batch);
                Keys::of_columns(&columns, &batch.selection)
            }
        }
    }
}

impl Key {
    /// Keys as a table; `None` where a key is more than values and not just a record.
    fn show_keys(&self, names: &[String], keys: &[&[u8]]) -> Option<Shown> {
        match self {
            Key::Columns(expressions) => {
                let types: Vec<DataType> = expressions.iter().map(Expression::data_type).collect();
                Shown::of_bytes(names, &types, keys)
            }
            Key::Record(expressions) if expressions.is_empty() => {
                let shown = Shown { columns: Vec::new(), keys: 1, rows: keys.len() };
                Some(shown.with("record", texts_of(keys.iter().copied())))
            }
            Key::Record(_) => None,
        }
    }

    /// Whether keys can be shown.
    fn seen(&self) -> Seen {
        match self {
            Key::Record(expressions) if !expressions.is_empty() => {
                Seen::Not("its keys are whole records with computed columns")
            }
            Key::Record(_) | Key::Columns(_) => Seen::All,
        }
    }
}

impl Stateful for First {
    type State = Known;
    /// The key of each selected row.
    type Prepared = Keys;
    const VERSION: u32 = 1;
    const SPILLS: bool = true;

    fn new_state(&self) -> Known {
        Known::default()
    }

    fn prepare(&self, context: Context<'_>, batch: &mut Batch) -> Keys {
        self.key.of(context.step, batch)
    }

    fn advance(
        &self,
        context: Context<'_>,
        known: &mut Known,
        batch: &mut Batch,
        keys: Keys,
    ) -> Result<Advanced> {
        let (memory, spills) = (context.tools.memory(), context.tools.spills());
        let firsts = known.insert(&keys, memory, spills)?;
        let mut firsts = firsts.into_iter();
        let mut is_first = || firsts.next().expect("one key for each selected row");
        match self.mark {
            None => batch.retain(|_| is_first()),
            Some(slot) => {
                let mut marks = vec![false; batch.rows];
                for row in &batch.selection {
                    marks[*row as usize] = !is_first();
                }
                batch.fill(slot, Arc::new(Column::new(Values::Boolean(marks))));
            }
        }
        Ok(Advanced::default())
    }

    fn spills(&self, known: &Known) -> Vec<Spill> {
        known.spills()
    }

    fn bytes(&self, known: &Known) -> u64 {
        known.bytes()
    }

    fn freeze(
        &self,
        _context: Context<'_>,
        known: &mut Known,
        is_all_asked: bool,
    ) -> Result<Snapshot> {
        Ok(known.freeze(is_all_asked))
    }

    fn take_in(
        &self,
        _context: Context<'_>,
        known: &mut Known,
        reader: &mut Reader<'_>,
        is_all: bool,
    ) -> Result<(), Unreadable> {
        match is_all {
            true => *known = Known::read(reader)?,
            false => known.extend(reader)?,
        }
        Ok(())
    }

    fn show_all(&self, context: Context<'_>, known: &mut Known, take: Taker<'_>) -> Result<Seen> {
        if let seen @ Seen::Not(_) = self.key.seen() {
            return Ok(seen);
        }
        let make = |keys: &[&[u8]], _: &[()]| self.key.show_keys(&self.names, keys);
        in_portions(make, take, |give| known.walk(context.tools.spills(), give))?;
        Ok(Seen::All)
    }
}
