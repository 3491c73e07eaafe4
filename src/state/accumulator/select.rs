//! Some groups of an accumulator by themselves, and how much memory all of them take.

use super::{Accumulator, AccumulatorKind};
use crate::state::changes::Part;
use crate::state::codec::Writer;
use crate::state::pages::Cells;

/// So many groups are looked at to know what all of them take.
const SAMPLE: u32 = 64;

impl Accumulator {
    /// An accumulator of the same kind with some of the groups: its group i is `groups[i]` of this one.
    pub fn select(&self, kind: &AccumulatorKind, groups: &[u32]) -> Accumulator {
        let mut selected = Accumulator::new(kind);
        selected.grow(groups.len());
        let pairs = groups.iter().enumerate().map(|(group, other)| (group, *other as usize));
        match (&mut selected, self) {
            (Accumulator::Count(counts), Accumulator::Count(others)) => {
                pairs.for_each(|(group, other)| *counts.cell(group) = others[other]);
            }
            (Accumulator::Integers(sums), Accumulator::Integers(others)) => {
                pairs.for_each(|(group, other)| sums.merge(group, others, other));
            }
            (Accumulator::Doubles(sums), Accumulator::Doubles(others)) => {
                pairs.for_each(|(group, other)| sums.merge(group, others, other));
            }
            (Accumulator::Bits(bits), Accumulator::Bits(others)) => {
                pairs.for_each(|(group, other)| bits.merge(group, others, other));
            }
            (Accumulator::Extreme(extreme), Accumulator::Extreme(others)) => {
                pairs.for_each(|(group, other)| extreme.merge(group, others, other));
            }
            (Accumulator::Moments(moments), Accumulator::Moments(others)) => {
                pairs.for_each(|(group, other)| moments.merge(group, others, other));
            }
            (Accumulator::Ranked(ranked), Accumulator::Ranked(others)) => {
                pairs.for_each(|(group, other)| ranked.merge(group, others, other));
            }
            (Accumulator::Listed(listed), Accumulator::Listed(others)) => {
                pairs.for_each(|(group, other)| listed.merge_group(group, others, other));
            }
            (Accumulator::Tally(tally), Accumulator::Tally(others)) => {
                pairs.for_each(|(group, other)| tally.merge_group(group, others, other));
            }
            (Accumulator::Approximate(all), Accumulator::Approximate(others)) => {
                pairs.for_each(|(group, other)| all.cell(group).merge(&others[other]));
            }
            (Accumulator::Buckets(all), Accumulator::Buckets(others)) => {
                pairs.for_each(|(group, other)| all.cell(group).merge(&others[other]));
            }
            (Accumulator::Distinct(distinct), Accumulator::Distinct(others)) => {
                pairs.for_each(|(group, other)| distinct.merge_group(group, others, other));
            }
            _ => unreachable!("accumulators of one call are of one kind"),
        }
        selected
    }

    /// About how many bytes so many groups, which are all there are, take in memory. What is of no fixed size is judged
    /// by a few groups.
    pub fn bytes(&self, kind: &AccumulatorKind, groups: usize) -> usize {
        // What a group takes beside the bytes of its values.
        let each = match self {
            Accumulator::Count(_) => return groups * 8,
            Accumulator::Integers(sums) => return groups * 16 + sums.rare_bytes(),
            Accumulator::Bits(_) => return groups * 9,
            Accumulator::Listed(listed) => return groups * 32 + listed.bytes(),
            Accumulator::Tally(tally) => return groups * 8 + tally.bytes(),
            Accumulator::Distinct(distinct) => return groups * 8 + distinct.bytes(),
            Accumulator::Doubles(_) => 64,
            Accumulator::Extreme(_) => 32,
            Accumulator::Moments(_) => 128,
            Accumulator::Ranked(_) => 64,
            Accumulator::Approximate(_) | Accumulator::Buckets(_) => 128,
        };
        let Ok(count) = u32::try_from(groups) else { return usize::MAX };
        let step = count.div_ceil(SAMPLE).max(1);
        let sample: Vec<u32> = (0..count).step_by(step as usize).collect();
        let mut out = Writer::default();
        let all = Part::all(sample.len());
        self.select(kind, &sample).share(&all).write(&all, &mut out);
        groups * each + out.bytes.len() * step as usize
    }
}
