//! How many records the groups of a sum have: what `count(*)` gives, counted beside the sum.

use super::{Accumulator, Shared};
use crate::state::changes::Part;
use crate::state::codec::{NUMBER_END, NumberColumn, Unreadable, Writer};
use crate::state::sums::IntegerSums;

impl Accumulator {
    /// How many records each group has, as an accumulator that counts nothing else.
    pub fn records_alone(&self) -> Accumulator {
        let records = |group| self.records(group);
        Accumulator::Count((0..self.sums().groups()).map(records).collect())
    }

    /// Takes in what [`Shared::write_records`] wrote; more than can be counted are refused.
    pub fn read_records(
        &mut self,
        groups: &Part,
        written: NumberColumn<'_>,
    ) -> Result<(), Unreadable> {
        let is_narrow = written.is_narrow();
        let sums = self.sums_mut();
        for (group, written) in groups.entries().zip(written) {
            let beside = if is_narrow { sums.count(group) } else { 0 };
            let records = written.wrapping_add(beside);
            if records >= NUMBER_END {
                return Err(Unreadable { what: "counts" });
            }
            sums.set_records(group, records);
        }
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
    /// Appends how many records the groups of a part have; in a narrow column, by how much that is more than values.
    pub fn write_records(&self, groups: &Part, out: &mut Writer) {
        let sums = self.accumulator.sums();
        match out.is_narrow() {
            true => out.numbers(groups.entries().map(|group| sums.others(group))),
            false => out.u64s(groups.entries().map(|group| sums.records(group))),
        }
    }
}
