//! `aggregate`: one record per group.
//!
//! ```toml
//! [[transform]]
//! aggregate = { by = ["day", "country"], select = ["count(*) AS orders", "sum(total) AS revenue"] }
//!
//! [[transform]]
//! name = "big-spenders"
//! aggregate = { by = ["user_id"], select = ["sum(total) AS spent"], having = "spent > 1000", order = "key" }
//! ```
//!
//! Without `by` everything is one group, and there is one record even for an empty input. The records come when the
//! input has ended: in the order in which the groups were first seen, or sorted by their keys. `having` sees keys, the
//! names of `select`, and aggregates of its own. Groups beyond the memory that `[state]` gives are spilled, and merged at
//! the end; so are the different values of `DISTINCT`, `mode` and `top_k`, however many of them are in one group.

use super::binder::{Binder, Bound, Projection, named_twice, read_by};
use super::groups::{Giving, GroupOrder, Grouping, LargeGroups, Part};
use super::spills::Spill;
use super::{Action, Advanced, Context, Drained, Seen, Snapshot, Stateful, Taker};
use crate::error::{Diagnostic, Result, Sql};
use crate::expr::{self, AggregateCall, BoundAggregate, Expression};
use crate::record::{Batch, Column, DataType, Field, Layout, Slot, SlotOrigin, Values};
use crate::state::{Reader, Unreadable};
use std::sync::Arc;

/// An `aggregate` as the job file describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Group expressions; none for one group of everything.
    pub by: Vec<Sql>,
    /// Select-list items made of aggregate calls.
    pub select: Vec<Sql>,
    /// Which groups are kept.
    pub having: Option<Sql>,
    /// In which order the groups come.
    pub order: GroupOrder,
}

#[derive(Debug)]
struct Aggregate {
    grouping: Grouping,
    /// What is computed of keys and results for each group, and the slot for it.
    outputs: Vec<(Slot, Expression)>,
    having: Option<Expression>,
    giving: Giving,
    /// Where each group's part in the sum of what the first call counted goes.
    share: Option<Slot>,
}

/// What a step gives of its groups besides the bound outputs.
#[derive(Debug, Default, Clone, Copy)]
pub struct Extras<'a> {
    /// Which groups.
    pub giving: Giving,
    /// The name of a field for each group's part in the sum of what the first call counted.
    pub share: Option<&'a str>,
}

/// Binds an `aggregate`.
pub fn bind(settings: &Settings, binder: &mut Binder<'_>) -> Result<Bound, Vec<Diagnostic>> {
    let Settings { by, select, having, order } = settings;
    let mut scope = binder.scope("aggregate");
    let bound = expr::bind_aggregate(by, select, having.as_ref(), &mut scope)?;
    let places: Vec<&Sql> = select.iter().collect();
    let giving = Giving { order: *order, limit: None };
    finish_binding(bound, &places, Extras { giving, share: None }, binder)
}

/// Makes the step of what was bound; `places` are where the outputs stand.
pub fn finish_binding(
    bound: BoundAggregate,
    places: &[&Sql],
    extras: Extras<'_>,
    binder: &mut Binder<'_>,
) -> Result<Bound, Vec<Diagnostic>> {
    let read = bound.keys.iter().map(|key| &key.expression);
    let reads = read_by(read.chain(bound.calls.iter().flat_map(AggregateCall::expressions)));
    let mut layout = Layout::closed(Vec::new());
    for key in &bound.keys {
        let data_type = key.expression.data_type();
        layout.fields.push(Field { name: key.name.clone(), data_type, slot: key.slot });
    }
    let grouping = Grouping::new(bound.keys.clone(), bound.calls).named(&bound.outputs);
    let mut project = Projection::default();
    for ((name, expression), sql) in bound.outputs.into_iter().zip(places) {
        if layout.fields.iter().any(|field| field.name == name) {
            return Err(vec![named_twice(sql, &name)]);
        }
        project.add(&mut layout, name, expression, binder.slots);
    }
    let Extras { giving, share } = extras;
    let share = share.map(|name| {
        let data_type = DataType::Double;
        let slot = binder.slots.add(name, data_type, SlotOrigin::Computed);
        layout.fields.push(Field { name: name.to_owned(), data_type, slot });
        slot
    });
    binder.layout = layout;
    let outputs = project.columns;
    let aggregate = Aggregate { grouping, outputs, having: bound.having, giving, share };
    Ok(Bound { reads, action: Action::stateful(aggregate) })
}

impl Stateful for Aggregate {
    type State = LargeGroups;
    type Prepared = Part;
    const VERSION: u32 = 2;
    const DRAINS_AHEAD: bool = true;
    const SPILLS: bool = true;

    fn new_state(&self) -> LargeGroups {
        self.grouping.new_large()
    }

    fn prepare(&self, context: Context<'_>, batch: &mut Batch) -> Part {
        self.grouping.part_of(context.step, batch)
    }

    fn advance(
        &self,
        context: Context<'_>,
        groups: &mut LargeGroups,
        batch: &mut Batch,
        part: Part,
    ) -> Result<Advanced> {
        let (memory, spills) = (context.tools.memory(), context.tools.spills());
        self.grouping.add_large(groups, part, memory, spills)?;
        batch.selection.clear();
        Ok(Advanced::default())
    }

    fn drain(
        &self,
        context: Context<'_>,
        groups: &mut LargeGroups,
        rows_max: usize,
    ) -> Result<Option<Batch>> {
        let next = self.grouping.next_of_large(groups, self.giving, rows_max, context)?;
        let Some(mut batch) = next else { return Ok(None) };
        if let Some(having) = &self.having {
            let column = having.evaluate(&batch, &batch.selection);
            batch.reject_faults(context.step, &column.faults);
            batch.retain(|row| column.is_true(row as usize));
        }
        for (slot, expression) in &self.outputs {
            let column = expression.evaluate(&batch, &batch.selection);
            batch.reject_faults(context.step, &column.faults);
            batch.fill(*slot, column);
        }
        if let Some(share) = self.share {
            let total = groups.total() as f64;
            let counts = batch.column(self.grouping.first_call());
            if let Values::Bigint(counts) = &counts.values {
                let shares = counts.iter().map(|count| *count as f64 / total).collect();
                batch.fill(share, Arc::new(Column::new(Values::Double(shares))));
            }
        }
        Ok(Some(batch))
    }

    fn drained(&self, groups: &LargeGroups) -> Drained {
        groups.drained()
    }

    fn set_drained(&self, groups: &mut LargeGroups, drained: &Drained) {
        groups.set_drained(drained);
    }

    fn give_again(&self, context: Context<'_>, groups: &mut LargeGroups) {
        groups.give_again(context.tools.spills());
    }

    fn spills(&self, groups: &LargeGroups) -> Vec<Spill> {
        groups.spills()
    }

    fn bytes(&self, groups: &LargeGroups) -> u64 {
        self.grouping.bytes_of_large(groups)
    }

    fn show_all(
        &self,
        context: Context<'_>,
        groups: &mut LargeGroups,
        take: Taker<'_>,
    ) -> Result<Seen> {
        self.grouping.show_large(groups, context, take)
    }

    fn freeze(
        &self,
        _context: Context<'_>,
        groups: &mut LargeGroups,
        is_all_asked: bool,
    ) -> Result<Snapshot> {
        Ok(self.grouping.freeze_large(groups, is_all_asked))
    }

    fn take_in(
        &self,
        _context: Context<'_>,
        groups: &mut LargeGroups,
        reader: &mut Reader<'_>,
        is_all: bool,
    ) -> Result<(), Unreadable> {
        match is_all {
            true => *groups = self.grouping.read_large(reader)?,
            false => self.grouping.extend_large(groups, reader)?,
        }
        Ok(())
    }

    fn adopt(&self, other: &Aggregate, groups: LargeGroups) -> Option<LargeGroups> {
        self.grouping.adopt_large(&other.grouping, groups)
    }
}
