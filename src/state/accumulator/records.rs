//! How many records the groups of a sum have: what `count(*)` gives, counted beside the sum.

use super::{Accumulator, Shared};
use crate::state::changes::Part;
use crate::state::codec::{Unreadable, Writer};
use crate::state::sums::IntegerSums;

impl Accumulator {
    /// How many records each group has, as an accumulator that counts nothing else.
    pub fn records_alone(&self) -> Accumulator {
        let records = |group| self.records(group);
        Accumulator::Count((0..self.sums().groups()).map(records).collect())
    }

    /// Sets how many records a group has; more than can be counted are refused.
    pub fn set_records(&mut self, group: usize, records: u64) -> Result<(), Unreadable> {
        if i64::try_from(records).is_err() {
            return Err(Unreadable { what: "counts" });
        }
        self.sums_mut().set_records(group, records);
        Ok(())
    }

    /// Takes over how many records all groups have from what was counted elsewhere, alone or beside a sum, or begins anew.
    pub fn set_all_records(&mut self, other: Option<&Accumulator>) {
        for group in 0..self.sums().groups() {
            let records = other.map_or(0, |other| other.records(group));
            self.sums_mut().set_records(group, records);
        }
    }

    fn records(&self, group: usize) -> u64 {
        match self {
            Accumulator::Count(counts) => counts[group],
            _ => self.sums().records(group),
        }
    }

    fn sums(&self) -> &IntegerSums {
        let Accumulator::Integers(sums) = self else { unreachable!("{BESIDE}") };
        sums
    }

    fn sums_mut(&mut self) -> &mut IntegerSums {
        let Accumulator::Integers(sums) = self else { unreachable!("{BESIDE}") };
        sums
    }
}

const BESIDE: &str = "records are counted beside sums of integers";

impl Shared {
    /// Appends how many records the groups of a part have.
    pub fn write_records(&self, groups: &Part, out: &mut Writer) {
        let sums = self.accumulator.sums();
        out.u64s(groups.entries().map(|group| sums.records(group)));
    }
}
