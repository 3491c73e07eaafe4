//! Groups that may be more than fit into memory.
//!
//! What is more becomes a spill: all groups so far, in [`PARTITIONS`] parts by the hashes of their keys, and no group is
//! left in memory. The spills are in the order of the records that they are of; a key may be in several of them. At the
//! end they are merged and given out in order (`merged.rs`). The values of calls that remember each of them are in parts of
//! their own (`apart.rs`). Which groups are spilled when is decided by the room in memory; what comes out is not.

use super::apart::ValuesApart;
use super::blocks::Numbered;
use super::merged::Merged;
use super::{Giving, Grouping, Groups, Part};
use crate::error::Result;
use crate::record::Batch;
use crate::state::{Reader, Unreadable, Writer, key};
use crate::transform::parts::{self, Parts, PartsReader, PartsWriter};
use crate::transform::shown::ENTRIES;
use crate::transform::spills::{MemorySpills, Spill, Spills};
use crate::transform::{Context, Drained, Frozen, Seen, Snapshot, Taker};

/// Into so many parts the groups of a spill are split: so much more than fits into memory can be merged in memory.
pub const PARTITIONS: usize = 128;

/// So many spills are merged at the same time; above that neighbours are merged into one.
const SPILLS_MAX: usize = 64;

/// So many neighbours are merged into one.
const MERGED_AT_ONCE: usize = 16;

/// All groups so far: in spills, and in memory.
#[derive(Debug)]
pub struct LargeGroups {
    /// Those in memory.
    groups: Groups,
    /// The number of the first of them, when they are counted as they were first seen.
    first: u64,
    /// Those that were spilled, in the order of their records.
    spilled: Vec<Parts>,
    /// How far the values are that were spilled apart from their groups; `None` as long as nothing was spilled, and where
    /// all are with their groups: by an earlier version, or since no call has such.
    apart: Option<ValuesApart>,
    /// The merge of all, once groups that were spilled are given out.
    merged: Option<Merged>,
}

impl Grouping {
    /// No groups; the one group of everything is there from the start.
    pub fn new_large(&self) -> LargeGroups {
        LargeGroups::in_memory(self.new_groups())
    }

    /// Goes on with the groups of another grouping, where none of them was spilled; see [`Grouping::adopt`].
    pub fn adopt_large(&self, other: &Grouping, large: LargeGroups) -> Option<LargeGroups> {
        if !large.spilled.is_empty() || large.merged.is_some() {
            return None;
        }
        Some(LargeGroups::in_memory(self.adopt(other, large.groups)?))
    }

    /// Takes in the next batch, and spills all groups where they take too much memory.
    pub fn add_large(
        &self,
        large: &mut LargeGroups,
        part: Part,
        memory: Option<u64>,
        spills: &dyn Spills,
    ) -> Result<()> {
        self.add(&mut large.groups, part);
        // The group of everything cannot be split, but its values can.
        let can_split = !self.keys.is_empty() || self.without_values.is_some();
        match memory {
            Some(memory) if can_split && self.bytes(&large.groups) as u64 > memory => {
                self.spill(large, spills)
            }
            _ => Ok(()),
        }
    }

    /// All groups in memory become a spill.
    fn spill(&self, large: &mut LargeGroups, spills: &dyn Spills) -> Result<()> {
        if large.spilled.is_empty() && self.without_values.is_some() {
            large.apart.get_or_insert_default();
        }
        let first = large.first;
        let mut groups = std::mem::replace(&mut large.groups, self.no_groups());
        let values = large.apart.as_ref().map(|_| self.take_values(&mut groups));
        let form = self.spilled_form(large);
        let mut out = PartsWriter::create(spills)?;
        for ids in partitions_of(&groups) {
            out.begin_part();
            form.append_groups(&groups, &ids, |id| first + u64::from(id), &mut out)?;
        }
        groups.accumulators.clear();
        if let (Some(values), Some(apart)) = (values, &mut large.apart) {
            self.append_values(&groups.keys, values, apart, &mut out)?;
        }
        large.spilled.push(out.finish()?);
        large.first += groups.keys.len() as u64;
        if large.spilled.len() > SPILLS_MAX { self.merge_spills(large, spills) } else { Ok(()) }
    }

    /// What the groups in spills are groups of.
    fn spilled_form(&self, large: &LargeGroups) -> &Grouping {
        match &self.without_values {
            Some(without_values) if large.apart.is_some() => without_values,
            _ => self,
        }
    }

    /// The neighbours that have the fewest bytes together become one spill.
    fn merge_spills(&self, large: &mut LargeGroups, spills: &dyn Spills) -> Result<()> {
        let neighbours = large.spilled.windows(MERGED_AT_ONCE).enumerate();
        let bytes = |some: &[Parts]| some.iter().map(|one| one.spill.length).sum::<u64>();
        let (start, some) = neighbours
            .min_by_key(|(_, some)| bytes(some))
            .expect("there are more spills than are merged");
        let readers = open_all(some, spills)?;
        let mut out = PartsWriter::create(spills)?;
        let form = self.spilled_form(large);
        for partition in 0..PARTITIONS {
            out.begin_part();
            let Numbered { groups, numbers } = form.merged_partition(&readers, partition)?;
            let ids = groups.all_ids();
            form.append_groups(&groups, &ids, |id| numbers[id as usize], &mut out)?;
        }
        if large.apart.is_some() {
            self.merge_values(&readers, &mut out)?;
        }
        let merged = out.finish()?;
        let old: Vec<Parts> =
            large.spilled.splice(start..start + MERGED_AT_ONCE, [merged]).collect();
        old.iter().for_each(|parts| spills.forget(&parts.spill));
        Ok(())
    }

    /// The groups of a partition, in the order in which they were first seen.
    pub(super) fn merged_partition(
        &self,
        readers: &[PartsReader],
        partition: usize,
    ) -> Result<Numbered> {
        let mut numbered = self.none_numbered();
        for reader in readers {
            self.take_part(&mut numbered, reader, partition)?;
        }
        Ok(numbered)
    }

    /// The next groups as records, as [`Grouping::next_groups`] gives them; none, as long as they are still being merged.
    pub fn next_of_large(
        &self,
        large: &mut LargeGroups,
        giving: Giving,
        rows_max: usize,
        context: Context<'_>,
    ) -> Result<Option<Batch>> {
        let slots = context.tools.slots();
        if large.merged.is_none() && large.spilled.is_empty() {
            return Ok(self.next_groups(&mut large.groups, giving, rows_max, slots));
        }
        let spills = context.tools.spills();
        if large.merged.is_none() {
            if !large.groups.keys.is_empty() {
                self.spill(large, spills)?;
            }
            large.merged = Some(Merged::default());
        }
        let form = self.spilled_form(large);
        let LargeGroups { spilled, apart, merged, .. } = large;
        let merged = merged.as_mut().expect("it was just made");
        if merged.is_complete() {
            return form.next_of_merged(merged, giving, rows_max, context);
        }
        let mut readers = open_all(spilled, spills)?;
        match apart {
            Some(apart) if !apart.is_complete() => self.reduce_next(apart, &readers, context)?,
            _ => {
                let reduced = apart.as_ref().map_or(&[][..], |apart| &apart.reduced);
                readers.extend(open_all(reduced, spills)?);
                form.merge_next(merged, &readers, giving.order, context)?;
            }
        }
        if merged.is_complete() {
            let forget = |parts: Parts| spills.forget(&parts.spill);
            apart.iter_mut().flat_map(|apart| apart.reduced.drain(..)).for_each(forget);
            if !context.tools.gives_again() {
                spilled.drain(..).for_each(forget);
            }
        }
        Ok(Some(self.batch_of(&self.no_groups(), &[], slots)))
    }

    /// All groups as a table: as they were first seen where all are in memory, else by partitions.
    pub fn show_large(
        &self,
        large: &LargeGroups,
        context: Context<'_>,
        take: Taker<'_>,
    ) -> Result<Seen> {
        if large.spilled.is_empty() && large.merged.is_none() {
            return self.show_groups(&large.groups, take).map(|()| Seen::All);
        }
        if large.apart.is_some() {
            return Ok(Seen::Not("the different values of its groups are in spills of their own"));
        }
        if large.spilled.is_empty() {
            return Ok(Seen::Not("its groups were brought into the order in which they are given"));
        }
        let mut readers = open_all(&large.spilled, context.tools.spills())?;
        let in_memory = MemorySpills::default();
        let mut out = PartsWriter::create(&in_memory)?;
        for ids in partitions_of(&large.groups) {
            out.begin_part();
            let number = |id| large.first + u64::from(id);
            self.append_groups(&large.groups, &ids, number, &mut out)?;
        }
        readers.push(PartsReader::open(&out.finish()?, &in_memory)?);
        for partition in 0..PARTITIONS {
            let groups = self.merged_partition(&readers, partition)?.groups;
            if !groups.keys.is_empty() {
                self.show_groups(&groups, take)?;
            }
        }
        Ok(Seen::All)
    }

    /// Groups as a table, a portion at a time; at least one.
    fn show_groups(&self, groups: &Groups, take: Taker<'_>) -> Result<()> {
        let count = groups.keys.len().max(1);
        let mut starts = (0..count).step_by(ENTRIES);
        starts.try_for_each(|start| take(self.show(groups, start..start + ENTRIES)))
    }

    /// About how many bytes the groups in memory take.
    pub fn bytes_of_large(&self, large: &LargeGroups) -> u64 {
        self.bytes(&large.groups) as u64
    }

    /// What is to be saved of the groups as they are now. What was never spilled is written as plain groups.
    pub fn freeze_large(&self, large: &mut LargeGroups, is_all_asked: bool) -> Snapshot {
        let mut spilled = Writer::default();
        if !large.spilled.is_empty() || large.merged.is_some() {
            spilled.u64(large.first);
            parts::write_all(&large.spilled, &mut spilled);
            spilled.flags([large.merged.is_some()]);
            large.merged.iter().for_each(|merged| merged.write(&mut spilled));
            large.apart.iter().for_each(|apart| apart.write(&mut spilled));
        }
        let frozen =
            |groups| Box::new(FrozenLarge { groups, spilled: std::mem::take(&mut spilled.bytes) });
        match self.freeze(&mut large.groups, is_all_asked) {
            Snapshot::Whole(groups) => Snapshot::Whole({ frozen }(groups)),
            Snapshot::Changes(groups) => Snapshot::Changes({ frozen }(groups)),
        }
    }

    /// Reads what was frozen whole.
    pub fn read_large(&self, reader: &mut Reader<'_>) -> Result<LargeGroups, Unreadable> {
        let mut large = LargeGroups::in_memory(self.read(reader)?);
        self.read_spilled(&mut large, reader)?;
        Ok(large)
    }

    /// Takes in what changed.
    pub fn extend_large(
        &self,
        large: &mut LargeGroups,
        reader: &mut Reader<'_>,
    ) -> Result<(), Unreadable> {
        self.extend(&mut large.groups, reader)?;
        self.read_spilled(large, reader)
    }

    /// Reads which spills there are, where something was spilled.
    fn read_spilled(
        &self,
        large: &mut LargeGroups,
        reader: &mut Reader<'_>,
    ) -> Result<(), Unreadable> {
        if reader.is_at_end() {
            return Ok(());
        }
        large.first = reader.number("numbers")?;
        large.spilled = parts::read_all(reader)?;
        let is_merged = reader.flags(1, "spills")? == [true];
        large.merged = if is_merged { Some(Merged::read(reader)?) } else { None };
        let is_apart = self.without_values.is_some() && !reader.is_at_end();
        large.apart = if is_apart { Some(ValuesApart::read(reader)?) } else { None };
        Ok(())
    }
}

/// Groups as they were at a barrier: those in memory, and the bytes that say which spills there are.
#[derive(Debug)]
struct FrozenLarge {
    groups: Box<dyn Frozen>,
    spilled: Vec<u8>,
}

impl Frozen for FrozenLarge {
    fn write(&self, out: &mut Writer) {
        self.groups.write(out);
        out.bytes.extend_from_slice(&self.spilled);
    }
}

impl LargeGroups {
    /// None of them in spills.
    fn in_memory(groups: Groups) -> LargeGroups {
        LargeGroups { groups, first: 0, spilled: Vec::new(), apart: None, merged: None }
    }

    /// What the first call counted in all groups; asked only once groups are given out.
    pub fn total(&mut self) -> u64 {
        match &self.merged {
            Some(merged) => merged.total(),
            None => self.groups.total(),
        }
    }

    /// How many groups were already given out.
    pub fn drained(&self) -> Drained {
        Drained(vec![match &self.merged {
            Some(merged) => merged.drained,
            None => self.groups.drained() as u64,
        }])
    }

    /// Goes back to where [`LargeGroups::drained`] was.
    pub fn set_drained(&mut self, drained: &Drained) {
        let [count] = *drained.0 else { return };
        match &mut self.merged {
            Some(merged) => merged.drained = count,
            None => self.groups.set_drained(usize::try_from(count).unwrap_or(usize::MAX)),
        }
    }

    /// No group was given out, and further ones may come. What was merged is merged anew then, from the spills.
    pub fn give_again(&mut self, spills: &dyn Spills) {
        let merged = self.merged.take();
        let parts = merged.iter().flat_map(Merged::parts);
        parts.for_each(|parts| spills.forget(&parts.spill));
        self.apart.iter_mut().for_each(|apart| apart.give_again(spills));
        self.groups.set_drained(0);
    }

    /// The spills that it refers to.
    pub fn spills(&self) -> Vec<Spill> {
        let merged = self.merged.iter().flat_map(Merged::parts);
        let reduced = self.apart.iter().flat_map(|apart| &apart.reduced);
        self.spilled.iter().chain(reduced).chain(merged).map(|parts| parts.spill.clone()).collect()
    }
}

impl Groups {
    /// All ids, as the groups were first seen.
    pub(super) fn all_ids(&self) -> Vec<u32> {
        (0..u32::try_from(self.keys.len()).expect("ids have 32 bits")).collect()
    }
}

fn open_all(parts: &[Parts], spills: &dyn Spills) -> Result<Vec<PartsReader>> {
    parts.iter().map(|parts| PartsReader::open(parts, spills)).collect()
}

/// The groups of each partition. The bits of the hash that say which one are not those that a table of keys goes by.
pub(super) fn partitions_of(groups: &Groups) -> Vec<Vec<u32>> {
    let mut partitions = vec![Vec::new(); PARTITIONS];
    for (id, key) in (0_u32..).zip(groups.keys.keys()) {
        let partition = key::wide_hash(key) % PARTITIONS as u64;
        partitions[usize::try_from(partition).expect("less than PARTITIONS")].push(id);
    }
    partitions
}
