//! What the calls remember of many groups is brought up to date behind the keys.
//!
//! To find the groups of rows and to bring up to date what is known of them takes long where the groups are many: both
//! wait for memory. So a thread of its own does the second, while the groups of the next rows are found.
//!
//! Invariants:
//! - who looks at the accumulators waits until the thread is done;
//! - rows are taken in in their order;
//! - the thread ends with the accumulators.

use super::Inputs;
use super::call::Call;
use crate::state::Accumulator;
use std::cell::{Cell, OnceCell};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

/// What is known of fewer groups is near the processor, and not worth a thread. Unit tests use it where they can.
const GROUPS_MIN: usize = if cfg!(test) { 4 } else { 1 << 16 };

/// What all calls remember.
#[derive(Debug, Default)]
pub struct Accumulators {
    /// Empty as long as the thread has them.
    home: OnceCell<Vec<Accumulator>>,
    helper: Option<Helper>,
    /// Whether somebody looked at them since the last rows: where that happens each time, a thread is of no use.
    is_watched: Cell<bool>,
}

/// Rows, each with the group that it goes into.
#[derive(Debug)]
pub struct Rows {
    /// What is computed of them.
    pub calls: Arc<[Call]>,
    /// What is read of them.
    pub inputs: Inputs,
    /// The groups.
    pub ids: Vec<u32>,
    /// The rows.
    pub rows: Vec<u32>,
    /// How many groups there are.
    pub groups: usize,
}

/// A thread that takes rows in.
#[derive(Debug)]
struct Helper {
    /// Nothing at the end.
    there: Option<SyncSender<(Vec<Accumulator>, Rows)>>,
    back: Receiver<Vec<Accumulator>>,
    thread: Option<JoinHandle<()>>,
}

impl Accumulators {
    /// Takes in rows, before somebody looks.
    pub fn update(&mut self, rows: Rows) {
        if rows.groups < GROUPS_MIN || self.is_watched.get() {
            rows.add_to(self);
            self.is_watched.set(false);
            return;
        }
        let mut home = self.home.take().unwrap_or_else(|| self.fetch());
        self.helper = self.helper.take().or_else(Helper::start);
        match self.helper.as_ref().and_then(|helper| helper.there.as_ref()) {
            Some(there) => there.send((home, rows)).expect("it waits for more until it is closed"),
            None => {
                rows.add_to(&mut home);
                self.home = OnceCell::from(home);
            }
        }
    }

    fn settled(&self) -> &Vec<Accumulator> {
        self.is_watched.set(true);
        self.home.get_or_init(|| self.fetch())
    }

    /// What the thread has, once it is done.
    fn fetch(&self) -> Vec<Accumulator> {
        let helper = self.helper.as_ref().expect("without a thread they are at home");
        helper.back.recv().expect("the thread gives back what it was given")
    }
}

impl Helper {
    /// `None` where the system has no thread to give.
    fn start() -> Option<Helper> {
        let (there, given) = sync_channel::<(Vec<Accumulator>, Rows)>(1);
        let (done, back) = sync_channel(1);
        let serve = move || {
            for (mut accumulators, rows) in given {
                rows.add_to(&mut accumulators);
                drop(rows);
                if done.send(accumulators).is_err() {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().spawn(serve).ok()?;
        Some(Helper { there: Some(there), back, thread: Some(thread) })
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.there = None;
        // Where it panicked, who waited for it has noticed.
        self.thread.take().map(JoinHandle::join);
    }
}

impl Rows {
    fn add_to(&self, accumulators: &mut [Accumulator]) {
        let Rows { calls, inputs, ids, rows, groups } = self;
        super::add_rows(calls, accumulators, *groups, ids, inputs, rows);
    }
}

impl Deref for Accumulators {
    type Target = Vec<Accumulator>;

    fn deref(&self) -> &Vec<Accumulator> {
        self.settled()
    }
}

impl DerefMut for Accumulators {
    fn deref_mut(&mut self) -> &mut Vec<Accumulator> {
        self.settled();
        self.home.get_mut().expect("they are there")
    }
}

impl FromIterator<Accumulator> for Accumulators {
    fn from_iter<I: IntoIterator<Item = Accumulator>>(all: I) -> Self {
        Accumulators { home: OnceCell::from(Vec::from_iter(all)), ..Accumulators::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::aggregation::Aggregation;
    use crate::record::{Column, DataType, SlotOrigin, Slots, Values};
    use crate::state::AccumulatorKind;
    use crate::transform::groups::call::{self, Keeping};
    use std::panic::{AssertUnwindSafe, catch_unwind};

    const AGGREGATIONS: [Aggregation; 5] = [
        Aggregation::CountAll,
        Aggregation::Sum,
        Aggregation::Last,
        Aggregation::List,
        Aggregation::Mode,
    ];

    fn calls() -> Arc<[Call]> {
        let slot = Slots::default().add("x", DataType::Bigint, SlotOrigin::Computed);
        let call = |aggregation: Aggregation| {
            let inputs = if aggregation == Aggregation::CountAll { Vec::new() } else { vec![0] };
            let arguments = vec![DataType::Bigint; inputs.len()];
            let result = match aggregation {
                Aggregation::Sum => DataType::Decimal { precision: 38, scale: 0 },
                Aggregation::List => DataType::List(crate::record::Element::Bigint),
                _ => DataType::Bigint,
            };
            let kind = AccumulatorKind {
                is_numbered: false,
                aggregation,
                arguments,
                order: Vec::new(),
                distinct: None,
                result,
            };
            let keeping = Keeping::Own { place: 0, counts_records: false };
            Call { slot, kind, filter: None, inputs, keeping }
        };
        let mut calls = AGGREGATIONS.map(call);
        call::place_all(&mut calls);
        calls.into_iter().collect()
    }

    fn accumulators() -> Accumulators {
        call::owners(&calls()).map(|call| Accumulator::new(&call.kind)).collect()
    }

    /// Rows of which some are NULL, of ever more groups.
    fn batch(number: u32) -> Rows {
        let rows: Vec<u32> = (0..40).filter(|row| row % 5 != number % 5).collect();
        let groups = 3 + 4 * number;
        let ids = rows.iter().map(|row| (row * 7 + number * 13) % groups).collect();
        let values = (0..40).map(|row| i64::from(row * number) % 11);
        let mut column = Column::new(Values::Bigint(values.collect()));
        (0..40).step_by(6).for_each(|row| column.validity.set_null(row, 40));
        let inputs = vec![Arc::new(column)];
        let inputs = Inputs { keys: Vec::new(), filters: Vec::new(), inputs };
        Rows { calls: calls(), inputs, ids, rows, groups: groups as usize }
    }

    fn check(batches: u32, looks_behind: &[u32]) {
        let (mut late, mut at_once) = (accumulators(), accumulators());
        for number in 0..batches {
            batch(number).add_to(&mut at_once);
            late.update(batch(number));
            if looks_behind.contains(&number) {
                assert_eq!(
                    late.len(),
                    AGGREGATIONS.len() - 1,
                    "the records are counted beside the sum"
                );
            }
        }
        let is_looked_at = |number: u32| looks_behind.contains(&number);
        let is_away = batches > 1 && !is_looked_at(batches - 1) && !is_looked_at(batches - 2);
        assert_eq!(late.home.get().is_none(), is_away, "{looks_behind:?} of {batches}");
        let groups: Vec<u32> = (0..3 + 4 * batches.saturating_sub(1)).collect();
        for call in &*calls() {
            let columns = [&late, &at_once].map(|all| call.finish(all, &groups));
            assert_eq!(columns[0], columns[1], "{:?} of {batches}", call.kind.aggregation);
        }
    }

    #[test]
    fn what_was_put_off_is_what_is_done_at_once() {
        for batches in 1..12 {
            check(batches, &[]);
            check(batches, &[3, 7, 8]);
            check(batches, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        }
    }

    #[test]
    fn who_waits_for_a_thread_that_panicked_notices() {
        let mut late = accumulators();
        for number in 5..9 {
            let mut rows = batch(number);
            rows.inputs.inputs.clear();
            if catch_unwind(AssertUnwindSafe(|| late.update(rows))).is_err() {
                return;
            }
        }
        let looked = catch_unwind(AssertUnwindSafe(|| late.len()));
        assert!(looked.is_err());
    }
}
