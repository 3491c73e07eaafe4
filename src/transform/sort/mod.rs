//! `sort`: all records in another order; equal ones stay in the order of the input.
//!
//! ```toml
//! [[transform]]
//! sort = { by = ["day", "amount DESC NULLS FIRST"], memory = "1GiB" }
//! ```
//!
//! The records come when the input has ended. A worker sorts the records of its chunk; the ordered stage collects the
//! pieces, and merges them into a spill when they take more than `memory` (256 MiB, or what `[state]` says). A checkpoint
//! names the spills, so that what was sorted is never sorted again, and a run that goes on in the middle of giving begins
//! at the record behind. Where inputs grow it can only stand behind a step that gives all again: `onward help growing`.

pub mod entries;

mod merge;

mod state;

#[cfg(test)]
mod tests;

use super::binder::{Binder, Bound, read_by};
use super::shown::{ENTRIES, free_name, texts_of};
use super::spills::Spill;
use super::{Action, Advanced, Context, Drained, Keeper, Seen, Shown, Stateful, Taker, groups};
use crate::error::{Diagnostic, Result, Sql};
use crate::expr::{self, OrderKey};
use crate::record::{Batch, Field, Order, Rest, Slot};
use crate::state::{OrderKeys, Reader, Unreadable, Writer};
pub use state::Sorting;

/// A `sort` as the job file describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Items of an ORDER BY.
    pub by: Vec<Sql>,
    /// Bytes of sorted records that are held in memory, where the job says so here.
    pub memory: Option<u64>,
}

impl Settings {
    /// What is held in memory where the job does not say.
    pub const MEMORY: u64 = 256 << 20;
    /// The least that makes sense; every piece more would be a spill of its own.
    pub const MEMORY_MIN: u64 = 1 << 10;
}

#[derive(Debug)]
struct Sort {
    keys: Vec<OrderKey>,
    orders: Vec<Order>,
    keeper: Keeper,
    /// What a record looks like.
    fields: Vec<Field>,
    /// Whether a record may hold more than these.
    rest: Rest,
    memory: Option<u64>,
}

/// Binds a `sort`.
pub fn bind(settings: &Settings, binder: &mut Binder<'_>) -> Result<Bound, Vec<Diagnostic>> {
    let keys = expr::bind_order(&settings.by, &mut binder.scope("sort"))?;
    let reads = read_by(keys.iter().map(|key| &key.expression));
    let orders = keys.iter().map(|key| key.order).collect();
    let keeper = Keeper::new(&binder.layout, binder.slots);
    let fields = binder.layout.fields.clone();
    let (rest, memory) = (binder.layout.rest, settings.memory);
    let sort = Sort { keys, orders, keeper, fields, rest, memory };
    Ok(Bound { reads, action: Action::stateful(sort) })
}

impl Stateful for Sort {
    type State = Sorting;
    /// The records of the batch as sorted entries.
    type Prepared = Vec<u8>;
    const VERSION: u32 = 1;
    const SPILLS: bool = true;

    fn new_state(&self) -> Sorting {
        Sorting::default()
    }

    fn prepare(&self, context: Context<'_>, batch: &mut Batch) -> Vec<u8> {
        let keys = self.keys.iter().map(|key| &key.expression);
        let columns = groups::evaluate_all(keys, context.step, batch);
        let keys = OrderKeys::of_columns(&columns, &self.orders, &batch.selection);
        entries::sorted(batch, &keys, &self.keeper)
    }

    fn advance(
        &self,
        context: Context<'_>,
        sorting: &mut Sorting,
        batch: &mut Batch,
        sorted: Vec<u8>,
    ) -> Result<Advanced> {
        let memory = self.memory.or(context.tools.memory()).unwrap_or(Settings::MEMORY);
        sorting.add(sorted, memory, context.tools.spills())?;
        batch.selection.clear();
        Ok(Advanced::default())
    }

    fn drain(
        &self,
        context: Context<'_>,
        sorting: &mut Sorting,
        rows_max: usize,
    ) -> Result<Option<Batch>> {
        let spills = context.tools.spills();
        let (bytes, ends) = sorting.give(rows_max, Keeper::BATCH_BYTES, spills)?;
        if ends.is_empty() {
            sorting.clear(spills);
            return Ok(None);
        }
        self.keeper.batch(&entries::slices(&bytes, &ends), context.tools).map(Some)
    }

    fn drained(&self, sorting: &Sorting) -> Drained {
        sorting.drained()
    }

    fn set_drained(&self, sorting: &mut Sorting, drained: &Drained) {
        sorting.set_drained(drained);
    }

    fn spills(&self, sorting: &Sorting) -> Vec<Spill> {
        sorting.spills()
    }

    fn bytes(&self, sorting: &Sorting) -> u64 {
        sorting.bytes()
    }

    /// The records that were not yet given, in their order: their fields, and in front of them the text of what may hold more.
    fn show_all(
        &self,
        context: Context<'_>,
        sorting: &mut Sorting,
        take: Taker<'_>,
    ) -> Result<Seen> {
        loop {
            let (bytes, ends) =
                sorting.give(ENTRIES, Keeper::BATCH_BYTES, context.tools.spills())?;
            let mut batch = self.keeper.batch(&entries::slices(&bytes, &ends), context.tools)?;
            let slots: Vec<Slot> = self.fields.iter().map(|field| field.slot).collect();
            context.tools.fill(&mut batch, &slots);
            let column = |field: &Field| (field.name.clone(), (**batch.column(field.slot)).clone());
            let text = (self.rest == Rest::Json).then(|| {
                let records = (0..ends.len()).map(|row| batch.records().record(row));
                let is_field = |name: &str| self.fields.iter().any(|field| field.name == name);
                (free_name("record", is_field), texts_of(records))
            });
            let columns = text.into_iter().chain(self.fields.iter().map(column)).collect();
            take(Shown { columns, keys: 0, rows: ends.len() })?;
            if ends.is_empty() {
                return Ok(Seen::All);
            }
        }
    }

    fn write(&self, context: Context<'_>, sorting: &mut Sorting, out: &mut Writer) -> Result<()> {
        sorting.write(out, context.tools.spills())
    }

    fn read(&self, _context: Context<'_>, reader: &mut Reader<'_>) -> Result<Sorting, Unreadable> {
        Sorting::read(reader)
    }
}
