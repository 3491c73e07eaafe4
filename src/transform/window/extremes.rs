//! The last values of a key, and the smallest or largest of them.
//!
//! Besides the values the places of those are kept that may still become the result: each is better than all behind it.
//! So a value costs the same however many are looked back upon. Only the values are written; the places follow from them.

use super::ring::{Ring, places};
use crate::record::DataType;
use crate::state::Stored;
use std::cmp::Ordering;
use std::collections::VecDeque;

/// Which value of several is wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Wanted {
    /// The smallest, and of equal ones the first.
    Smallest,
    /// The largest, and of equal ones the last.
    Largest,
}

/// The last values of a key, with the best of them at hand.
#[derive(Debug, Clone, Default)]
pub struct Extremes {
    ring: Ring,
    /// How many values have left.
    gone: usize,
    /// Numbers of the values that may still become the result, counted from the first one ever; the best in front.
    best: VecDeque<usize>,
}

impl Extremes {
    /// The values.
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// About how many bytes it takes besides itself. Depends on the values alone.
    pub fn owned(&self, reach: usize) -> usize {
        self.ring.owned(reach) + places(self.best.len(), reach) * size_of::<usize>()
    }

    /// Takes one more value; not more than `reach` stay.
    pub fn push(&mut self, value: Stored, reach: usize, wanted: Wanted, data_type: DataType) {
        if !value.is_null() {
            let is_beaten = |number: usize| {
                let order = self.ring.values()[number - self.gone].order(&value, data_type);
                match wanted {
                    Wanted::Smallest => order == Ordering::Greater,
                    Wanted::Largest => order != Ordering::Greater,
                }
            };
            while self.best.back().is_some_and(|number| is_beaten(*number)) {
                self.best.pop_back();
            }
            self.best.push_back(self.gone + self.ring.values().len());
        }
        if self.ring.push(value, reach).is_some() {
            self.gone += 1;
            if self.best.front().is_some_and(|number| *number < self.gone) {
                self.best.pop_front();
            }
        }
    }

    /// The best of the values; NULL where there is none.
    pub fn best(&self) -> &Stored {
        self.best.front().map_or(&Stored::Null, |number| &self.ring.values()[number - self.gone])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of looking at all of the last values.
    fn searched(values: &[Stored], wanted: Wanted) -> Stored {
        let values = values.iter().filter(|value| !value.is_null());
        let order = |left: &&Stored, right: &&Stored| left.order(right, DataType::Double);
        let best = match wanted {
            Wanted::Smallest => values.min_by(order),
            Wanted::Largest => values.max_by(order),
        };
        best.cloned().unwrap_or_default()
    }

    fn check(values: &[Stored], reach: usize) {
        for wanted in [Wanted::Smallest, Wanted::Largest] {
            let mut extremes = Extremes::default();
            for (at, value) in values.iter().enumerate() {
                extremes.push(value.clone(), reach, wanted, DataType::Double);
                let last = &values[(at + 1).saturating_sub(reach)..=at];
                let expected = searched(last, wanted);
                // By their text, which tells -0 from 0.
                let (found, expected) = (format!("{:?}", extremes.best()), format!("{expected:?}"));
                assert_eq!(found, expected, "{wanted:?} of {last:?}");
            }
        }
    }

    #[test]
    fn the_best_is_the_one_that_a_search_of_all_values_finds() {
        let choice = [-0.0, 0.0, 1.0, -1.5, f64::NAN, f64::INFINITY, 7.0];
        let mut state = 1_u64;
        let random = (0..2000).map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let place = usize::try_from(state >> 33).expect("31 bits fit") % (choice.len() + 1);
            choice.get(place).map_or(Stored::Null, |value| Stored::Double(*value))
        });
        let random: Vec<Stored> = random.collect();
        let rising: Vec<Stored> = (0..50).map(|value| Stored::Double(f64::from(value))).collect();
        let falling: Vec<Stored> = rising.iter().rev().cloned().collect();
        for values in [random, rising, falling, vec![Stored::Null; 5]] {
            for reach in [1, 2, 3, 7, 40] {
                check(&values, reach);
            }
        }
    }
}
