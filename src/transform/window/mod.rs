//! `window`: adds columns that are computed from the records of the same key before, and a few behind, in input order.
//!
//! ```toml
//! [[transform]]
//! window = { by = ["user"], compute = [
//!     "row_number() AS n",
//!     "sum(amount) AS running",
//!     "amount - lag(amount, 1, 0) AS change",
//!     "moving_avg(amount, 7) AS weekly",
//!     "lead(day) AS next_day",
//! ] }
//!
//! [[transform]]
//! name   = "of-late"
//! window = { by = ["user"], compute = ["count(amount) AS buys"], ttl = "7d", time = "bought_at" }
//! ```
//!
//! Without `by` all records are of one key. The items of `compute` are expressions over window functions and the record's
//! own columns; all of them see the record as it came to the step. A record that one of the items rejects was counted
//! for those behind it all the same.
//!
//! Of each key that ever came something is remembered, to the end. Keys beyond the memory that `[state]` gives are spilled,
//! and found again there when they come again.
//!
//! With `ttl` a key is forgotten when event time, the greatest `time` of the records so far, is more than that after what
//! it was at the key's last record: the next record of the key begins anew, as if it were the first. A record without a
//! time counts at the event time at which it comes. So memory and spills are for keys of the last `ttl`; what is forgotten
//! is given back now and then.
//!
//! Only `lead` looks ahead. A record then waits until it is known, and since records leave in input order, all records
//! behind it wait with it: `memory` says how much they may take, and the step stops the run where that is not enough. They
//! are never spilled, nor are their keys as long as they wait. With `ttl` no record looks ahead beyond where its key was
//! forgotten: `lead` is then what it is at the end of the input, NULL or its default, and the record waits no longer than
//! that.

mod extremes;
mod memory;
mod of_key;
mod queue;
mod remembered;
mod results;
mod ring;
mod sum;

use super::binder::{Binder, Bound, Projection, read_by};
use super::expiry::{Expiry, Ttl};
use super::shown::{in_portions, texts_of};
use super::spills::Spill;
use super::{
    Action, Advanced, Context, Drained, Keeper, Seen, Shown, Snapshot, Stateful, Taker, groups,
};
use crate::error::{Diagnostic, Error, Result, Sql};
use crate::expr::window::{WindowCall, WindowFunction};
use crate::expr::{self, Expression};
use crate::record::{Batch, Column, DataType, Field, Slot, SlotOrigin, Values};
use crate::state::key::wide_hash;
use crate::state::{Keys, Reader, Stored, Unreadable};
use memory::Rows;
use of_key::Input;
use queue::Pending;
use remembered::Remembered;
use std::sync::Arc;

/// A `window` as the job file describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Key expressions; none for one key.
    pub by: Vec<Sql>,
    /// Select-list items made of window calls.
    pub compute: Vec<Sql>,
    /// How many bytes of records may wait.
    pub memory_bytes: u64,
    /// How long a key is remembered.
    pub ttl: Option<Ttl>,
}

/// How many bytes of records may wait where the job does not say.
pub const MEMORY_BYTES: u64 = 256 << 20;

/// The most bytes of records that may wait: one record can release all of them, and they go on as one batch.
pub const MEMORY_BYTES_MAX: u64 = 1 << 30;

#[derive(Debug)]
struct Window {
    by: Vec<Expression>,
    /// What people know the keys by.
    names: Vec<String>,
    calls: Vec<WindowCall>,
    /// What is computed of the record and the calls, and the slot for it.
    outputs: Vec<(Slot, Expression)>,
    /// Where a call looks ahead.
    ahead: Option<Ahead>,
    /// Where keys are forgotten.
    expiry: Option<Expiry>,
}

/// What is needed where records have to wait.
#[derive(Debug)]
struct Ahead {
    keeper: Keeper,
    /// The farthest that a call looks.
    reach: usize,
    memory_bytes: u64,
    /// What the outputs read of a record that waited.
    reads: Vec<Slot>,
}

/// What is known of a batch ahead of its turn.
#[derive(Debug)]
pub struct Prepared {
    /// The keys of the selected rows.
    keys: Keys,
    /// Of each call, its argument and its default.
    columns: Vec<[Option<Arc<Column>>; 2]>,
    /// Where keys are forgotten.
    times: Option<Arc<Column>>,
}

/// Binds a `window`.
pub fn bind(settings: &Settings, binder: &mut Binder<'_>) -> Result<Bound, Vec<Diagnostic>> {
    let by = binder.scalars(&settings.by, "window");
    let bound = expr::bind_window(&settings.compute, &mut binder.scope("window"));
    let expiry = settings.ttl.as_ref().map(|ttl| Expiry::bind(ttl, "window", binder)).transpose();
    let (by, bound, expiry) = match (by, bound, expiry) {
        (Ok(by), Ok(bound), Ok(expiry)) => (by, bound, expiry),
        (by, bound, expiry) => {
            let problems = [by.err(), bound.err(), expiry.err()];
            return Err(problems.into_iter().flatten().flatten().collect());
        }
    };
    let names = settings.by.iter().map(|sql| sql.text.clone()).collect();
    let calls = bound.calls;
    let inputs = calls.iter().flat_map(|call| [&call.argument, &call.default]).flatten();
    let times = expiry.iter().map(|expiry| &expiry.time);
    let mut reads = read_by(by.iter().chain(inputs).chain(times));
    let is_own = |slot: &Slot| calls.iter().any(|call| call.slot == *slot);
    let mut of_outputs = read_by(bound.outputs.iter().map(|(_, expression)| expression));
    of_outputs.retain(|slot| !is_own(slot));
    let reach = calls.iter().filter_map(reach_ahead).max();
    let ahead = reach.map(|reach| {
        let mut held = binder.layout.clone();
        for call in calls.iter().filter(|call| reach_ahead(call).is_none()) {
            let (name, data_type, slot) = (String::new(), call.data_type, call.slot);
            held.fields.push(Field { name, data_type, slot });
        }
        let keeper = Keeper::new(&held, binder.slots);
        let is_read = |slot: &Slot| binder.slots.info(*slot).origin != SlotOrigin::Computed;
        let reads = of_outputs.iter().copied().filter(is_read).collect();
        Ahead { keeper, reach, memory_bytes: settings.memory_bytes, reads }
    });
    if ahead.is_none() {
        reads.extend(of_outputs);
        reads.sort_unstable();
        reads.dedup();
    }
    let mut project = Projection::default();
    let mut layout = binder.layout.clone();
    for (name, expression) in bound.outputs {
        project.add(&mut layout, name, expression, binder.slots);
    }
    binder.layout = layout;
    binder.keep_json_keys();
    let outputs = project.columns;
    Ok(Bound {
        reads,
        action: Action::stateful(Window { by, names, calls, outputs, ahead, expiry }),
    })
}

fn reach_ahead(call: &WindowCall) -> Option<usize> {
    match call.function {
        WindowFunction::Lead(reach) => Some(reach),
        _ => None,
    }
}

impl Stateful for Window {
    type State = Remembered;
    type Prepared = Prepared;
    const VERSION: u32 = 1;
    const SPILLS: bool = true;

    fn new_state(&self) -> Remembered {
        Remembered::new(&self.calls, self.expiry.as_ref().map(|expiry| expiry.ttl))
    }

    fn prepare(&self, context: Context<'_>, batch: &mut Batch) -> Prepared {
        let by = groups::evaluate_all(&self.by, context.step, batch);
        let mut evaluate = |one: &Option<Expression>| {
            let column = groups::evaluate_all(one, context.step, batch).pop();
            one.as_ref().and(column)
        };
        let columns =
            self.calls.iter().map(|call| [evaluate(&call.argument), evaluate(&call.default)]);
        let columns = columns.collect();
        let times = self.expiry.as_ref().map(|expiry| &expiry.time);
        let times = groups::evaluate_all(times, context.step, batch).pop();
        Prepared { keys: Keys::of_columns(&by, &batch.selection), columns, times }
    }

    fn advance(
        &self,
        context: Context<'_>,
        state: &mut Remembered,
        batch: &mut Batch,
        prepared: Prepared,
    ) -> Result<Advanced> {
        let spills = context.tools.spills();
        let ids = state.ids_of(&self.calls, &prepared.keys, spills)?;
        let rows = state.arrive(ids, &batch.selection, prepared.times.as_deref());
        for ((call, memory), [argument, default]) in
            self.calls.iter().zip(&mut state.calls).zip(&prepared.columns)
        {
            let input = Input { argument: argument.as_deref(), default: default.as_deref() };
            let column = memory.advance(call, &rows, &input, batch.rows);
            batch.fill(call.slot, Arc::new(column));
        }
        for call in &self.calls {
            // Nothing but a sum that does not fit.
            let faults = batch.column(call.slot).faults.clone();
            batch.reject_faults(context.step, &faults);
        }
        let mut advanced = Advanced::default();
        match &self.ahead {
            None => self.fill_outputs(context, batch),
            Some(ahead) => {
                advanced.released = self.wait(context, ahead, state, batch, &rows, &prepared)?;
                batch.selection.clear();
            }
        }
        state.put_away_above(&self.calls, context.tools.memory(), spills)?;
        Ok(advanced)
    }

    fn spills(&self, state: &Remembered) -> Vec<Spill> {
        state.spills()
    }

    fn drain(
        &self,
        context: Context<'_>,
        state: &mut Remembered,
        rows_max: usize,
    ) -> Result<Option<Batch>> {
        let Some(ahead) = &self.ahead else { return Ok(None) };
        let left = state.queue.left();
        let count = Keeper::first_batch(left.clone().map(|one| &*one.record), rows_max).len();
        if count == 0 {
            return Ok(None);
        }
        let next: Vec<&Pending> = left.take(count).collect();
        let batch = self.batch_of(context, ahead, &next)?;
        state.queue.drained += count;
        Ok(Some(self.finished(context, batch)))
    }

    fn drained(&self, state: &Remembered) -> Drained {
        Drained(vec![state.queue.drained as u64])
    }

    fn set_drained(&self, state: &mut Remembered, drained: &Drained) {
        if let [count] = *drained.0 {
            state.queue.set_drained(usize::try_from(count).unwrap_or(usize::MAX));
        }
    }

    fn bytes(&self, state: &Remembered) -> u64 {
        state.bytes()
    }

    fn freeze(
        &self,
        _context: Context<'_>,
        state: &mut Remembered,
        is_all_asked: bool,
    ) -> Result<Snapshot> {
        let shared = state.share(is_all_asked);
        Ok(Snapshot::new(shared.is_all(), move |out| shared.write(out)))
    }

    fn take_in(
        &self,
        _context: Context<'_>,
        state: &mut Remembered,
        reader: &mut Reader<'_>,
        is_all: bool,
    ) -> Result<(), Unreadable> {
        let reach = self.ahead.as_ref().map_or(0, |ahead| ahead.reach);
        state.take_in(&self.calls, reach, reader, is_all)?;
        if let Some(ahead) = &self.ahead
            && !state.queue.left().all(|one| ahead.keeper.is_held(&one.record))
        {
            return Err(Unreadable { what: "records" });
        }
        Ok(())
    }

    /// The keys, each with a digest of what the calls remember of it: that itself means nothing to people.
    fn show_all(
        &self,
        context: Context<'_>,
        state: &mut Remembered,
        take: Taker<'_>,
    ) -> Result<Seen> {
        let types: Vec<DataType> = self.by.iter().map(Expression::data_type).collect();
        let make = |keys: &[&[u8]], digests: &[String]| {
            let digests = digests.iter().map(String::as_bytes);
            let shown = Shown::of_bytes(&self.names, &types, keys)?;
            Some(shown.with("digest", texts_of(digests)))
        };
        in_portions(make, take, |give| {
            state.walk(context.tools.spills(), &mut |key, bytes| {
                give(key, format!("{:016x}", wide_hash(bytes)))
            })
        })?;
        Ok(Seen::All)
    }
}

impl Window {
    /// The calls that look ahead, and how far.
    fn leads(&self) -> impl Iterator<Item = (&WindowCall, usize)> {
        self.calls.iter().filter_map(|call| Some((call, reach_ahead(call)?)))
    }

    /// Puts the selected rows behind those that wait, and releases those that wait no longer.
    fn wait(
        &self,
        context: Context<'_>,
        ahead: &Ahead,
        state: &mut Remembered,
        batch: &Batch,
        rows: &Rows,
        prepared: &Prepared,
    ) -> Result<Option<Batch>> {
        let (mut released, mut causes) = (Vec::new(), Vec::new());
        let reaches: Vec<usize> = self.leads().map(|(_, reach)| reach).collect();
        let columns = self.calls.iter().zip(&prepared.columns);
        let columns: Vec<&[Option<Arc<Column>>; 2]> =
            columns.filter(|(call, _)| reach_ahead(call).is_some()).map(|(_, one)| one).collect();
        let value = |column: &Option<Arc<Column>>, row: usize| {
            column.as_ref().map_or(Stored::Null, |column| Stored::of(column, row))
        };
        for (place, (id, row)) in rows.pairs.iter().enumerate() {
            if let Some(arrival) = rows.arrivals.get(place) {
                state.queue.arrive(*id, *arrival);
            }
            if batch.selection.binary_search(row).is_err() {
                continue;
            }
            let values: Vec<Stored> =
                columns.iter().map(|[argument, _]| value(argument, *row as usize)).collect();
            let leads: Box<[Stored]> =
                columns.iter().map(|[_, default]| value(default, *row as usize)).collect();
            let mut record = Vec::new();
            ahead.keeper.write(batch, *row, &mut record);
            let pending = Pending::new(*id, record.into_boxed_slice(), leads);
            state.queue.push(pending, values, &reaches, ahead.reach);
            while let Some(pending) = state.queue.pop() {
                released.push(pending);
                causes.push(*row);
            }
            if state.queue.bytes_of_records() > ahead.memory_bytes {
                return Err(too_many_wait(context.step, ahead.memory_bytes));
            }
        }
        if released.is_empty() {
            return Ok(None);
        }
        let released: Vec<&Pending> = released.iter().collect();
        let released = self.batch_of(context, ahead, &released)?.released_by(batch, &causes);
        Ok(Some(self.finished(context, released)))
    }

    /// Records that waited, with what the calls that look ahead came to.
    fn batch_of(&self, context: Context<'_>, ahead: &Ahead, pending: &[&Pending]) -> Result<Batch> {
        let records: Vec<&[u8]> = pending.iter().map(|one| &*one.record).collect();
        let mut batch = ahead.keeper.batch(&records, context.tools)?;
        for (place, (call, _)) in self.leads().enumerate() {
            let mut column = Column::new(Values::filled(call.data_type, pending.len()));
            for (row, one) in pending.iter().enumerate() {
                one.leads[place].put(&mut column, row);
            }
            batch.fill(call.slot, Arc::new(column));
        }
        context.tools.fill(&mut batch, &ahead.reads);
        Ok(batch)
    }

    fn finished(&self, context: Context<'_>, mut batch: Batch) -> Batch {
        self.fill_outputs(context, &mut batch);
        batch
    }

    /// Rows that are faulty in one output are rejected before the next is computed.
    fn fill_outputs(&self, context: Context<'_>, batch: &mut Batch) {
        for (slot, expression) in &self.outputs {
            let column = expression.evaluate(batch, &batch.selection);
            batch.reject_faults(context.step, &column.faults);
            batch.fill(*slot, column);
        }
    }
}

fn too_many_wait(step: &str, bytes: u64) -> Error {
    let message = format!(
        "{step}: more than {bytes} bytes of records wait for later ones of their key, as `lead` asks"
    );
    Error::failed(message)
        .with_hint("give the step more `memory`, then run the same command to go on")
}
