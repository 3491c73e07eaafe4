//! Groups that go on under other calls: those that were there keep what they remember, new ones start empty.

use super::call::{self, Call, Keeping};
use super::{Grouping, Groups};
use crate::expr::Expression;
use crate::state::{Accumulator, Changes};

impl Grouping {
    /// Goes on with the groups of another grouping by the same keys, of the same columns; `None` where the keys are
    /// others. A call is known again by what it computes, of what, and in which order; one that is new starts empty in
    /// every group. Nothing was given out yet.
    pub fn adopt(&self, other: &Grouping, groups: Groups) -> Option<Groups> {
        let key = |grouping: &Grouping| -> Vec<Expression> {
            grouping.keys.iter().map(|key| key.expression.clone()).collect()
        };
        if key(self) != key(other) || groups.drained > 0 {
            return None;
        }
        let Groups { keys, accumulators, .. } = groups;
        let count = keys.len();
        let known = |call: &Call| {
            let mut calls = other.calls.iter();
            let theirs = calls.find(|theirs| self.is_same(call, other, theirs))?;
            Some((theirs.keeping, &accumulators[theirs.keeping.place()]))
        };
        let new = call::owners(&self.calls).map(|call| match known(call) {
            Some((Keeping::Own { .. }, accumulator)) => accumulator.clone(),
            Some((Keeping::Beside(_), accumulator)) => accumulator.records_alone(),
            None => {
                let mut new = Accumulator::new(&call.kind);
                new.grow(count);
                new
            }
        });
        let mut new: Vec<Accumulator> = new.collect();
        for call in self.calls.iter() {
            if let Keeping::Beside(place) = call.keeping {
                new[place].set_all_records(known(call).map(|(_, accumulator)| accumulator));
            }
        }
        let accumulators = new.into_iter().collect();
        let changes = Changes::default();
        Some(Groups { keys, accumulators, changes, drained: 0, order: None, total: None })
    }

    /// Whether two calls compute the same, of the same.
    fn is_same(&self, call: &Call, other: &Grouping, theirs: &Call) -> bool {
        let filter = |grouping: &Grouping, call: &Call| {
            call.filter.map(|filter| grouping.filters[filter].clone())
        };
        let inputs = |grouping: &Grouping, call: &Call| -> Vec<Expression> {
            call.inputs.iter().map(|input| grouping.inputs[*input].1.clone()).collect()
        };
        call.kind == theirs.kind
            && filter(self, call) == filter(other, theirs)
            && inputs(self, call) == inputs(other, theirs)
    }
}
