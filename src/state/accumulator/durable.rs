//! The durable form of accumulators: all groups, or those that changed.
//!
//! At a barrier the state shares its pages with a [`Shared`], which another thread writes. What changed is written as
//! everything is, for fewer groups; and where values are held apart from groups, the values that are new.

use super::{Accumulator, AccumulatorKind, Buckets, Distinct};
use crate::state::changes::Part;
use crate::state::codec::{NUMBER_END, Reader, Unreadable, Writer};
use crate::state::pages::Cells;

/// What an accumulator was at a barrier, as far as it is to be written.
#[derive(Debug)]
pub struct Shared {
    pub(super) accumulator: Accumulator,
    /// Which values, where they are held apart from groups.
    values: Part,
}

impl Shared {
    /// Appends all groups.
    pub fn write(&self, groups: &Part, out: &mut Writer) {
        match &self.accumulator {
            Accumulator::Tally(tally) => tally.write(out),
            Accumulator::Distinct(distinct) => distinct.rows().write(out),
            _ => self.write_changes(groups, out),
        }
    }

    /// Appends what changed: these groups.
    pub fn write_changes(&self, groups: &Part, out: &mut Writer) {
        match &self.accumulator {
            Accumulator::Count(counts) => out.numbers(groups.entries().map(|group| counts[group])),
            Accumulator::Integers(sums) => sums.write(groups, out),
            Accumulator::Doubles(sums) => sums.write(groups, out),
            Accumulator::Bits(bits) => bits.write(groups, out),
            Accumulator::Extreme(extreme) => extreme.write(groups, out),
            Accumulator::Moments(moments) => moments.write(groups, out),
            Accumulator::Ranked(ranked) => ranked.write(groups, out),
            Accumulator::Listed(listed) => listed.write(groups, &self.values, out),
            Accumulator::Approximate(all) => {
                groups.entries().for_each(|group| all[group].write(out));
            }
            Accumulator::Buckets(all) => groups.entries().for_each(|group| all[group].write(out)),
            Accumulator::Tally(tally) => tally.write_changes(&self.values, out),
            Accumulator::Distinct(distinct) => distinct.rows().write_changes(&self.values, out),
        }
    }
}

impl Accumulator {
    /// Some groups, or all, as they are now, for another thread. Each call says what changed since the one before.
    pub fn share(&mut self, groups: &Part) -> Shared {
        let is_all = groups.is_all();
        let values = match self {
            Accumulator::Listed(listed) => listed.part(is_all),
            Accumulator::Tally(tally) => tally.part(is_all),
            Accumulator::Distinct(distinct) => distinct.rows_mut().part(is_all),
            _ => Part::all(0),
        };
        let accumulator = match self {
            Accumulator::Count(counts) => Accumulator::Count(counts.share(groups)),
            Accumulator::Integers(sums) => Accumulator::Integers(sums.share(groups)),
            Accumulator::Doubles(sums) => Accumulator::Doubles(sums.share(groups)),
            Accumulator::Bits(bits) => Accumulator::Bits(bits.share(groups)),
            Accumulator::Extreme(extreme) => Accumulator::Extreme(extreme.share(groups)),
            Accumulator::Moments(moments) => Accumulator::Moments(moments.share(groups)),
            Accumulator::Ranked(ranked) => Accumulator::Ranked(ranked.share(groups)),
            Accumulator::Listed(listed) => Accumulator::Listed(listed.share(groups, &values)),
            Accumulator::Tally(tally) => Accumulator::Tally(tally.share(&values)),
            Accumulator::Approximate(all) => Accumulator::Approximate(all.share(groups)),
            Accumulator::Buckets(all) => Accumulator::Buckets(all.share(groups)),
            Accumulator::Distinct(rows) => Accumulator::Distinct(Box::new(rows.share(&values))),
        };
        Shared { accumulator, values }
    }

    /// Reads what [`Shared::write`] wrote for `groups` groups into a new accumulator of the same kind.
    pub fn read(&mut self, reader: &mut Reader<'_>, groups: usize) -> Result<(), Unreadable> {
        match self {
            Accumulator::Count(counts) => {
                *counts = reader.number_column(groups, "counts")?.collect();
                if counts.iter().any(|count| *count >= NUMBER_END) {
                    return Err(Unreadable { what: "counts" });
                }
            }
            Accumulator::Integers(sums) => sums.read(reader, groups)?,
            Accumulator::Doubles(sums) => sums.read(reader, groups)?,
            Accumulator::Bits(bits) => bits.read(reader, groups)?,
            Accumulator::Extreme(extreme) => extreme.read(reader, groups)?,
            Accumulator::Moments(moments) => moments.read(reader, groups)?,
            Accumulator::Ranked(ranked) => ranked.read(reader, groups)?,
            Accumulator::Listed(listed) => listed.extend(reader, &Part::all(groups))?,
            Accumulator::Tally(tally) => tally.read(reader, groups)?,
            Accumulator::Approximate(all) => {
                *all = (0..groups).map(|_| Distinct::read(reader)).collect::<Result<_, _>>()?;
            }
            Accumulator::Buckets(all) => {
                *all = (0..groups).map(|_| Buckets::read(reader)).collect::<Result<_, _>>()?;
            }
            Accumulator::Distinct(distinct) => distinct.rows_mut().read(reader, groups)?,
        }
        Ok(())
    }

    /// Takes in what [`Shared::write_changes`] wrote of some groups, for a call of this kind.
    pub fn extend(
        &mut self,
        kind: &AccumulatorKind,
        reader: &mut Reader<'_>,
        groups: &Part,
    ) -> Result<(), Unreadable> {
        let len = groups.new_ones().end;
        match self {
            Accumulator::Listed(listed) => return listed.extend(reader, groups),
            Accumulator::Tally(tally) => return tally.extend(reader, len),
            Accumulator::Distinct(distinct) => return distinct.rows_mut().extend(reader, len),
            _ => {}
        }
        let mut changed = Accumulator::new(kind);
        changed.read(reader, groups.count())?;
        self.grow(len);
        let pairs = groups.entries().enumerate();
        pairs.for_each(|(place, group)| self.put(group, &changed, place));
        Ok(())
    }

    /// Takes the place of a group by one of another of the same kind.
    fn put(&mut self, group: usize, other: &Accumulator, place: usize) {
        match (self, other) {
            (Accumulator::Count(counts), Accumulator::Count(others)) => {
                *counts.cell(group) = others[place];
            }
            (Accumulator::Integers(sums), Accumulator::Integers(others)) => {
                sums.put(group, others, place);
            }
            (Accumulator::Doubles(sums), Accumulator::Doubles(others)) => {
                sums.put(group, others, place);
            }
            (Accumulator::Bits(bits), Accumulator::Bits(others)) => bits.put(group, others, place),
            (Accumulator::Extreme(extreme), Accumulator::Extreme(others)) => {
                extreme.put(group, others, place);
            }
            (Accumulator::Moments(moments), Accumulator::Moments(others)) => {
                moments.put(group, others, place);
            }
            (Accumulator::Ranked(ranked), Accumulator::Ranked(others)) => {
                ranked.put(group, others, place);
            }
            (Accumulator::Approximate(all), Accumulator::Approximate(others)) => {
                all.cell(group).clone_from(&others[place]);
            }
            (Accumulator::Buckets(all), Accumulator::Buckets(others)) => {
                all.cell(group).clone_from(&others[place]);
            }
            _ => unreachable!("values that are held apart are read by themselves"),
        }
    }
}
