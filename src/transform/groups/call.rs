//! The calls of a grouping, and in which accumulators they find what they give.
//!
//! A `count(*)` has none of its own where a sum of the same records has one: how many records a group has and what their
//! values come to stand side by side then, and are brought up to date by one write. What is saved of a call is what it
//! would be with an accumulator of its own; so it does not matter beside which calls it stands.

use crate::expr::{AggregateCall, Expression};
use crate::record::aggregation::Aggregation;
use crate::record::{Column, Slot};
use crate::state::{Accumulator, AccumulatorKind, Part, Reader, Shared, Unreadable, Writer};
use std::sync::Arc;

/// A call with the places of its filter and its inputs.
#[derive(Debug)]
pub struct Call {
    /// Where its results go.
    pub slot: Slot,
    /// What it computes.
    pub kind: AccumulatorKind,
    /// Which records count.
    pub filter: Option<usize>,
    /// What it computes it of.
    pub inputs: Vec<usize>,
    /// Where what it remembers is.
    pub keeping: Keeping,
}

/// Where a call keeps what it remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeping {
    /// In an accumulator of its own.
    Own {
        /// The place among all accumulators.
        place: usize,
        /// Whether calls count their records there.
        counts_records: bool,
    },
    /// It counts the records of a call with an accumulator at this place.
    Beside(usize),
}

impl Keeping {
    /// The place of the accumulator.
    pub fn place(self) -> usize {
        match self {
            Keeping::Own { place, .. } | Keeping::Beside(place) => place,
        }
    }
}

/// Says of each call where it keeps what it remembers.
pub fn place_all(calls: &mut [Call]) {
    let sum_beside = |call: &Call| {
        let counts_all = call.kind.aggregation == Aggregation::CountAll;
        let is_sum = |other: &Call| {
            let sums = matches!(Accumulator::new(&other.kind), Accumulator::Integers(_));
            sums && other.filter == call.filter
        };
        calls.iter().position(is_sum).filter(|_| counts_all && call.kind.distinct.is_none())
    };
    let beside: Vec<Option<usize>> = calls.iter().map(sum_beside).collect();
    let mut place = 0;
    for (number, call) in calls.iter_mut().enumerate() {
        if beside[number].is_none() {
            call.keeping = Keeping::Own { place, counts_records: beside.contains(&Some(number)) };
            place += 1;
        }
    }
    for (number, sum) in beside.into_iter().enumerate() {
        if let Some(sum) = sum {
            calls[number].keeping = Keeping::Beside(calls[sum].keeping.place());
        }
    }
}

/// The calls with accumulators of their own, in the order of these.
pub fn owners(calls: &[Call]) -> impl Iterator<Item = &Call> {
    calls.iter().filter(|call| matches!(call.keeping, Keeping::Own { .. }))
}

impl Call {
    /// Of a bound call that has its inputs at some places.
    pub fn new(call: &AggregateCall, filter: Option<usize>, inputs: Vec<usize>) -> Call {
        let kind = AccumulatorKind {
            aggregation: call.aggregation.clone(),
            arguments: call.arguments.iter().map(Expression::data_type).collect(),
            order: call.order.iter().map(|(_, key)| *key).collect(),
            distinct: call.distinct.clone(),
            is_numbered: false,
            result: call.data_type,
        };
        let keeping = Keeping::Own { place: 0, counts_records: false };
        Call { slot: call.slot, kind, filter, inputs, keeping }
    }

    /// Takes rows that its filter lets through into its own accumulator, each into the group beside it.
    pub fn update(
        &self,
        accumulator: &mut Accumulator,
        ids: &[u32],
        rows: &[u32],
        columns: &[Arc<Column>],
    ) {
        accumulator.update(ids, rows, columns);
        if let (Keeping::Own { counts_records: true, .. }, Accumulator::Integers(sums)) =
            (self.keeping, accumulator)
        {
            sums.count_others(ids, rows, &columns[0]);
        }
    }

    /// What it gives of some groups.
    pub fn finish(&self, accumulators: &[Accumulator], groups: &[u32]) -> Column {
        accumulators[self.keeping.place()].finish(&self.kind, groups)
    }
}

/// Appends what some calls remember of all groups.
pub fn write(calls: &[Call], accumulators: &[Shared], part: &Part, out: &mut Writer) {
    for call in calls {
        let accumulator = &accumulators[call.keeping.place()];
        match call.keeping {
            Keeping::Own { .. } if part.is_all() => accumulator.write(part, out),
            Keeping::Own { .. } => accumulator.write_changes(part, out),
            Keeping::Beside(_) => accumulator.write_records(part, out),
        }
    }
}

/// Reads what [`write`] wrote: of all groups into new accumulators, or what changed.
pub fn read(
    calls: &[Call],
    accumulators: &mut [Accumulator],
    part: &Part,
    reader: &mut Reader<'_>,
) -> Result<(), Unreadable> {
    let mut counts = Vec::new();
    for call in calls {
        match call.keeping {
            Keeping::Own { place, .. } if part.is_all() => {
                accumulators[place].read(reader, part.count())?;
            }
            Keeping::Own { place, .. } => accumulators[place].extend(&call.kind, reader, part)?,
            Keeping::Beside(place) => {
                counts.push((place, reader.number_column(part.count(), "counts")?));
            }
        }
    }
    for (place, counts) in counts {
        accumulators[place].read_records(part, counts)?;
    }
    Ok(())
}
