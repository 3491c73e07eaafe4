//! Values apart from their groups, in spills: of calls that remember each different value.
//!
//! One group may have more values than fit into memory, and where there is but one group no part of it is smaller. So the
//! values of such calls are not spilled with their groups but behind them, in [`PARTITIONS`] parts for each call, by the
//! hashes of group and value. At the end one part after the other is put together, and what its values come to goes into
//! a further spill of groups, which is merged like all others. Calls that need all values of a group at one time (those
//! of which [`Apart::of`] makes nothing) keep them with their groups.

use super::call::Call;
use super::large::{PARTITIONS, partitions_of};
use super::{Grouping, Groups};
use crate::error::Result;
use crate::state::{
    Accumulator, Apart, DifferentValues, KeyTable, Keys, Reader, Tally, Unreadable, Writer,
    WrittenValues, key,
};
use crate::transform::Context;
use crate::transform::parts::{self, Parts, PartsReader, PartsWriter, changed};
use crate::transform::spills::Spills;

/// So many values are in a block at most...
const VALUES_PER_BLOCK: usize = 1 << 14;

/// ...and about so many bytes of them.
const BLOCK_BYTES: usize = 4 << 20;

/// The values of so many parts go into one spill: between them there is a barrier.
const PARTS_AT_ONCE: usize = 8;

/// How far values are that are spilled apart from their groups.
#[derive(Debug, Default)]
pub struct ValuesApart {
    /// The number of the next value: as values were first seen.
    number: u64,
    /// The part of values to be put together next.
    next: usize,
    /// What the values of the parts before came to.
    pub reduced: Vec<Parts>,
}

/// Values with where their groups and numbers are.
struct Source<'a> {
    keys: &'a KeyTable,
    tally: &'a Tally,
    number_of: &'a dyn Fn(u32) -> u64,
}

impl Call {
    /// As it is when its values are spilled.
    fn apart(&self) -> Option<Apart> {
        Apart::of(&self.kind)
    }
}

impl Grouping {
    /// The same groups where the values of calls are apart from them; `None` where no call has such.
    pub(super) fn without_values(&self) -> Option<Grouping> {
        if self.calls.iter().all(|call| call.apart().is_none()) {
            return None;
        }
        let calls = self.calls.iter().map(|call| {
            let kind = call.apart().map_or_else(|| call.kind.clone(), |apart| apart.kind);
            // What is without values stands where it stood.
            let (slot, keeping) = (call.slot, call.keeping);
            Call { slot, kind, filter: None, inputs: Vec::new(), keeping }
        });
        let (keys, calls) = (self.keys.clone(), calls.collect());
        let (names, filters, inputs) = (Vec::new(), Vec::new(), Vec::new());
        Some(Grouping { keys, calls, names, filters, inputs, without_values: None })
    }

    /// The calls whose values are apart, with the places of their accumulators.
    fn calls_apart(&self) -> impl Iterator<Item = (usize, Apart)> {
        let calls = self.calls.iter();
        calls.filter_map(|call| call.apart().map(|apart| (call.keeping.place(), apart)))
    }

    /// Takes the values out of groups, which are of [`Grouping::without_values`] then.
    pub(super) fn take_values(&self, groups: &mut Groups) -> Vec<(Apart, Accumulator)> {
        let take = |(place, apart): (usize, Apart)| {
            let mut empty = Accumulator::new(&apart.kind);
            empty.grow(groups.keys.len());
            (apart, std::mem::replace(&mut groups.accumulators[place], empty))
        };
        self.calls_apart().map(take).collect()
    }

    /// Appends values that were taken out of groups with these keys, call by call and part by part.
    pub(super) fn append_values(
        &self,
        keys: &KeyTable,
        values: Vec<(Apart, Accumulator)>,
        apart: &mut ValuesApart,
        out: &mut PartsWriter,
    ) -> Result<()> {
        let first = apart.number;
        let number_of = |entry: u32| first + u64::from(entry);
        for (call, accumulator) in values {
            let tally = accumulator.values().expect("what was taken out of groups are values");
            apart.number = apart.number.max(first + tally.value_count() as u64);
            let source = Source { keys, tally, number_of: &number_of };
            for entries in source.partitions() {
                out.begin_part();
                source.append(&call, entries, out)?;
            }
        }
        Ok(())
    }

    /// Appends the values of some spills, put together.
    pub(super) fn merge_values(
        &self,
        readers: &[PartsReader],
        out: &mut PartsWriter,
    ) -> Result<()> {
        for (number, (_, apart)) in self.calls_apart().enumerate() {
            for part in 0..PARTITIONS {
                let mut keys = KeyTable::default();
                let part = place_of_values(number, part);
                let values = self.values_of_part(&apart, &mut keys, readers, part)?;
                let tally = values.tally();
                let number_of = |entry: u32| values.number(entry as usize);
                out.begin_part();
                let all = (0..).take(tally.value_count()).collect();
                Source { keys: &keys, tally, number_of: &number_of }.append(&apart, all, out)?;
            }
        }
        Ok(())
    }

    /// Puts the values of the next parts together, and spills what they come to.
    pub(super) fn reduce_next(
        &self,
        apart: &mut ValuesApart,
        readers: &[PartsReader],
        context: Context<'_>,
    ) -> Result<()> {
        let Some(merging) = &self.without_values else { return Ok(()) };
        let mut groups = merging.no_groups();
        let end = (apart.next + PARTS_AT_ONCE).min(PARTITIONS);
        for part in apart.next..end {
            for (number, (place, call)) in self.calls_apart().enumerate() {
                let part = place_of_values(number, part);
                let values = self.values_of_part(&call, &mut groups.keys, readers, part)?;
                let accumulator = &mut groups.accumulators[place];
                accumulator.grow(groups.keys.len());
                values.accumulate(&call, accumulator);
            }
            let count = groups.keys.len();
            groups.accumulators.iter_mut().for_each(|one| one.grow(count));
            let bytes = merging.bytes(&groups) as u64;
            let is_much = context.tools.memory().is_some_and(|memory| bytes > memory);
            if count > 0 && (is_much || part + 1 == end) {
                let mut out = PartsWriter::create(context.tools.spills())?;
                for ids in partitions_of(&groups) {
                    out.begin_part();
                    // Their numbers are known from the spills that the values are of.
                    merging.append_groups(&groups, &ids, |_| 0, &mut out)?;
                }
                apart.reduced.push(out.finish()?);
                groups = merging.no_groups();
            }
        }
        apart.next = end;
        Ok(())
    }

    /// The different values of a part, with their groups among some keys.
    fn values_of_part(
        &self,
        apart: &Apart,
        keys: &mut KeyTable,
        readers: &[PartsReader],
        part: usize,
    ) -> Result<DifferentValues> {
        let types = self.key_types();
        let mut values = apart.no_values();
        for reader in readers {
            reader.for_each_block(part, |bytes| {
                let (of, mut written) = read_block(apart, bytes).map_err(|_| changed())?;
                if !of.iter().all(|key| key::is_made_of(&types, key)) {
                    return Err(changed());
                }
                let ids = keys.insert_all(&Keys::of_bytes(of.into_iter()));
                for group in &mut written.groups {
                    *group = ids[*group as usize];
                }
                values.take(apart, &written, keys.len()).map_err(|_| changed())
            })?;
        }
        Ok(values)
    }
}

impl ValuesApart {
    /// Whether all values are put together.
    pub fn is_complete(&self) -> bool {
        self.next == PARTITIONS
    }

    /// Nothing of them was put together.
    pub fn give_again(&mut self, spills: &dyn Spills) {
        self.next = 0;
        self.reduced.drain(..).for_each(|parts| spills.forget(&parts.spill));
    }

    /// Appends how far they are.
    pub fn write(&self, out: &mut Writer) {
        out.u64s([self.number, self.next as u64]);
        parts::write_all(&self.reduced, out);
    }

    /// Reads what [`ValuesApart::write`] wrote.
    pub fn read(reader: &mut Reader<'_>) -> Result<ValuesApart, Unreadable> {
        let what = "values apart from groups";
        let number = Some(reader.u64(what)?).filter(|number| i64::try_from(*number).is_ok());
        let number = number.ok_or(Unreadable { what })?;
        let next = usize::try_from(reader.u64(what)?).ok().filter(|next| *next <= PARTITIONS);
        let next = next.ok_or(Unreadable { what })?;
        Ok(ValuesApart { number, next, reduced: parts::read_all(reader)? })
    }
}

impl Source<'_> {
    /// The values of each part.
    fn partitions(&self) -> Vec<Vec<u32>> {
        let groups: Vec<u64> = self.keys.keys().map(key::wide_hash).collect();
        let mut partitions = vec![Vec::new(); PARTITIONS];
        for (entry, place) in (0_u32..).zip(0..self.tally.value_count()) {
            let (group, value, _) = self.tally.entry(place);
            let hash = groups[group as usize].wrapping_add(key::wide_hash(value));
            let partition = usize::try_from(hash % PARTITIONS as u64);
            partitions[partition.expect("less than PARTITIONS")].push(entry);
        }
        partitions
    }

    /// Appends some values as blocks, those of one group together.
    fn append(&self, apart: &Apart, mut entries: Vec<u32>, out: &mut PartsWriter) -> Result<()> {
        if self.keys.len() > 1 {
            entries.sort_by_cached_key(|entry| self.tally.group_of(*entry));
        }
        for entries in entries.chunks(VALUES_PER_BLOCK) {
            let groups: Vec<u32> =
                entries.iter().map(|entry| self.tally.group_of(*entry)).collect();
            let values = self.tally.values_of(entries);
            let mut start = 0;
            while start < values.len() {
                let mut bytes = 0;
                let fits = |value: &&&[u8]| {
                    let is_room = bytes < BLOCK_BYTES;
                    bytes += value.len();
                    is_room
                };
                let end = start + values[start..].iter().take_while(fits).count();
                let some = start..end;
                let (of, values) = (&groups[some.clone()], &values[some.clone()]);
                out.append(&self.block(apart, &entries[some], of, values))?;
                start = end;
            }
        }
        Ok(())
    }

    /// Values that come of some entries and belong to some groups as a block.
    fn block(&self, apart: &Apart, entries: &[u32], groups: &[u32], values: &[&[u8]]) -> Vec<u8> {
        let of_group = || groups.chunk_by(|one, next| one == next);
        let mut out = Writer::default();
        out.count(of_group().count());
        out.strings(of_group().map(|some| self.keys.key(some[0])));
        out.u64s(of_group().map(|some| some.len() as u64));
        out.strings(values.iter().copied());
        if apart.has_counts() {
            out.u64s(self.tally.counts_of(entries));
        }
        if apart.has_numbers() {
            out.u64s(entries.iter().map(|entry| (self.number_of)(*entry)));
        }
        out.bytes
    }
}

/// Which part of a spill holds a part of the values of a call; before those of the first one are the groups.
fn place_of_values(call: usize, part: usize) -> usize {
    PARTITIONS * (1 + call) + part
}

/// The keys of a block, and its values, each with the number of its key.
fn read_block<'a>(
    apart: &Apart,
    bytes: &'a [u8],
) -> Result<(Vec<&'a [u8]>, WrittenValues<'a>), Unreadable> {
    let what = "values";
    let mut reader = Reader::new(bytes);
    let count = reader.count(12, what)?;
    let keys = reader.strings(count, what)?;
    let mut groups = Vec::new();
    for (group, length) in (0_u32..).zip(reader.u64s(count, what)?) {
        let fits = |length: &usize| *length <= VALUES_PER_BLOCK - groups.len();
        let length = usize::try_from(length).ok().filter(fits).ok_or(Unreadable { what })?;
        groups.extend(std::iter::repeat_n(group, length));
    }
    let count = groups.len();
    let values = reader.strings(count, what)?;
    let mut numbers = |is_there: bool| is_there.then(|| reader.u64s(count, what)).transpose();
    let (counts, numbers) = (numbers(apart.has_counts())?, numbers(apart.has_numbers())?);
    reader.finish(what)?;
    Ok((keys, WrittenValues { values, groups, counts, numbers }))
}
