//! Giving out groups that were spilled, in order.
//!
//! Some partitions at a time are merged, each in memory, and their groups go into buckets by their rank: the place that
//! they will have among all groups. The bounds of the buckets are taken from the first partition, which is a fair sample
//! of all groups, so that a bucket fits into memory, too. Then one bucket after the other is read, sorted and given out.
//! How far that has come is a number of groups; so a run that goes on reads one bucket again and nothing else.

use super::blocks::Numbered;
use super::large::PARTITIONS;
use super::{Giving, GroupOrder, Grouping, Groups};
use crate::error::Result;
use crate::record::Batch;
use crate::record::aggregation::SortKey;
use crate::state::{Reader, Unreadable, Writer, compare, key};
use crate::transform::Context;
use crate::transform::parts::{self, Parts, PartsReader, PartsWriter, changed};
use std::cmp::Ordering;

/// So many partitions are merged into one spill: between them there is a barrier.
const PARTITIONS_AT_ONCE: usize = 8;

/// A bucket takes about so much of the memory of the step.
const BUCKET_SHARE: u64 = 8;

/// What a bucket is measured by where the job says nothing of memory.
const MEMORY: u64 = 1 << 30;

/// So many buckets there are at most.
const BUCKETS_MAX: usize = 1 << 12;

/// How far merging and giving have come.
#[derive(Debug, Default)]
pub struct Merged {
    /// The partition to be merged next.
    next: usize,
    /// Of each spill each partition that is not empty has one part for each bucket.
    merged: Vec<Parts>,
    /// The least rank of each bucket but the first, and how many groups are in each, once that is known.
    buckets: Option<Buckets>,
    /// What the first call counted in all groups so far.
    total: u64,
    /// How many groups were given out.
    pub drained: u64,
    loaded: Option<Loaded>,
}

#[derive(Debug)]
struct Buckets {
    bounds: Vec<Vec<u8>>,
    counts: Vec<u64>,
}

/// A bucket in memory.
#[derive(Debug)]
struct Loaded {
    bucket: usize,
    groups: Groups,
    /// Its groups in the order in which they are given out.
    order: Vec<u32>,
}

/// By what groups are ordered.
enum Ranks {
    /// By a number of each.
    Numbers(Vec<u128>),
    /// By their keys, and by when they were first seen where those are alike.
    Keys(Vec<SortKey>),
}

impl Merged {
    /// Whether all partitions are merged.
    pub fn is_complete(&self) -> bool {
        self.next == PARTITIONS
    }

    /// What the first call counted in all groups.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The spills of merged groups.
    pub fn parts(&self) -> &[Parts] {
        &self.merged
    }

    /// Appends how far it has come.
    pub fn write(&self, out: &mut Writer) {
        out.u64s([self.next as u64, self.total, self.drained]);
        parts::write_all(&self.merged, out);
        out.flags([self.buckets.is_some()]);
        if let Some(Buckets { bounds, counts }) = &self.buckets {
            out.count(bounds.len());
            out.strings(bounds.iter().map(|bound| &**bound));
            out.u64s(counts.iter().copied());
        }
    }

    /// Reads what [`Merged::write`] wrote.
    pub fn read(reader: &mut Reader<'_>) -> Result<Merged, Unreadable> {
        let what = "merged groups";
        let (next, total, drained) =
            (reader.u64(what)?, reader.number(what)?, reader.number(what)?);
        let next = usize::try_from(next).ok().filter(|next| *next <= PARTITIONS);
        let next = next.ok_or(Unreadable { what })?;
        let merged = parts::read_all(reader)?;
        let mut buckets = None;
        if reader.flags(1, what)? == [true] {
            let count = reader.count(4, what)?;
            let bounds = reader.strings(count, what)?.into_iter().map(<[u8]>::to_vec).collect();
            buckets = Some(Buckets { bounds, counts: reader.numbers(count + 1, what)? });
        }
        Ok(Merged { next, merged, buckets, total, drained, loaded: None })
    }
}

impl Grouping {
    /// Merges the next partitions.
    pub(super) fn merge_next(
        &self,
        merged: &mut Merged,
        readers: &[PartsReader],
        order: GroupOrder,
        context: Context<'_>,
    ) -> Result<()> {
        let bounds = merged.buckets.iter().flat_map(|buckets| &buckets.bounds);
        if order == GroupOrder::Key && !self.are_keys(bounds) {
            return Err(changed());
        }
        let mut out = None;
        let end = (merged.next + PARTITIONS_AT_ONCE).min(PARTITIONS);
        for partition in merged.next..end {
            let numbered = self.merged_partition(readers, partition)?;
            if numbered.numbers.is_empty() {
                continue;
            }
            merged.total = merged.total.saturating_add(numbered.groups.counted());
            let memory = context.tools.memory().unwrap_or(MEMORY);
            let out = match &mut out {
                Some(out) => out,
                None => out.insert(PartsWriter::create(context.tools.spills())?),
            };
            self.append_buckets(&numbered, order, memory, &mut merged.buckets, out)?;
        }
        if let Some(out) = out {
            merged.merged.push(out.finish()?);
        }
        merged.next = end;
        Ok(())
    }

    /// Appends a partition, with one part for each bucket.
    fn append_buckets(
        &self,
        numbered: &Numbered,
        order: GroupOrder,
        memory: u64,
        buckets: &mut Option<Buckets>,
        out: &mut PartsWriter,
    ) -> Result<()> {
        let Numbered { groups, numbers } = numbered;
        let ranks = self.ranks(numbered, order);
        let ids = ranks.sorted(numbered);
        let buckets = buckets.get_or_insert_with(|| {
            let bytes_each = self.bytes(groups) / numbers.len();
            let bucket = usize::try_from(memory / BUCKET_SHARE).unwrap_or(usize::MAX);
            let least = ids.len().div_ceil(BUCKETS_MAX);
            let rows = (bucket / PARTITIONS / bytes_each.max(1)).max(least);
            let bounds = ids.iter().skip(rows).step_by(rows);
            let bounds: Vec<_> = bounds.map(|id| ranks.bound(groups, *id)).collect();
            Buckets { counts: vec![0; bounds.len() + 1], bounds }
        });
        let mut rest = &ids[..];
        for (bucket, count) in buckets.counts.iter_mut().enumerate() {
            let length = match buckets.bounds.get(bucket) {
                Some(bound) => rest.partition_point(|id| ranks.is_before(groups, *id, bound)),
                None => rest.len(),
            };
            let (some, others) = rest.split_at(length);
            out.begin_part();
            self.append_groups(groups, some, |id| numbers[id as usize], out)?;
            *count += length as u64;
            rest = others;
        }
        Ok(())
    }

    /// The next groups, once all are merged.
    pub(super) fn next_of_merged(
        &self,
        merged: &mut Merged,
        giving: Giving,
        rows_max: usize,
        context: Context<'_>,
    ) -> Result<Option<Batch>> {
        let left = giving.limit.unwrap_or(u64::MAX).saturating_sub(merged.drained);
        let counts = merged.buckets.iter().flat_map(|buckets| &buckets.counts);
        let mut behind = merged.drained;
        let mut found = None;
        for (bucket, count) in counts.enumerate() {
            if behind < *count {
                found = Some(bucket);
                break;
            }
            behind -= count;
        }
        let (Some(bucket), true) = (found, left > 0) else { return Ok(None) };
        if merged.loaded.as_ref().is_none_or(|loaded| loaded.bucket != bucket) {
            // First of all the one before goes.
            merged.loaded = None;
            merged.loaded = Some(self.load(merged, bucket, giving.order, context)?);
        }
        let loaded = merged.loaded.as_ref().expect("it was just loaded");
        let start = usize::try_from(behind).expect("a place in a bucket");
        let rows = rows_max.min(usize::try_from(left).unwrap_or(usize::MAX));
        let ids = loaded.order.get(start..).ok_or_else(changed)?;
        let ids = loaded.groups.fitting(&ids[..rows.min(ids.len())]);
        merged.drained += ids.len() as u64;
        Ok(Some(self.batch_of(&loaded.groups, ids, context.tools.slots())))
    }

    fn load(
        &self,
        merged: &Merged,
        bucket: usize,
        order: GroupOrder,
        context: Context<'_>,
    ) -> Result<Loaded> {
        let buckets = merged.buckets.as_ref().map_or(1, |buckets| buckets.counts.len());
        let mut numbered = self.none_numbered();
        for parts in &merged.merged {
            let reader = PartsReader::open(parts, context.tools.spills())?;
            for part in (bucket..reader.count()).step_by(buckets) {
                self.take_part(&mut numbered, &reader, part)?;
            }
        }
        let order = self.ranks(&numbered, order).sorted(&numbered);
        let stated = merged.buckets.as_ref().map(|buckets| buckets.counts[bucket]);
        if stated != Some(order.len() as u64) {
            return Err(changed());
        }
        Ok(Loaded { bucket, groups: numbered.groups, order })
    }

    /// Whether all these bytes are keys of groups.
    fn are_keys<'a>(&self, mut bounds: impl Iterator<Item = &'a Vec<u8>>) -> bool {
        let types = self.key_types();
        bounds.all(|bound| key::is_made_of(&types, bound))
    }

    fn ranks(&self, numbered: &Numbered, order: GroupOrder) -> Ranks {
        let Numbered { groups, numbers } = numbered;
        let numbers = numbers.iter().map(|number| u128::from(*number));
        match order {
            GroupOrder::FirstSeen => Ranks::Numbers(numbers.collect()),
            GroupOrder::Count => {
                let last = |count: &u64| u128::from(u64::MAX - count) << 64;
                let pairs = groups.counts().iter().zip(numbers);
                Ranks::Numbers(pairs.map(|(count, number)| last(count) | number).collect())
            }
            GroupOrder::Key => {
                Ranks::Keys(self.key_types().into_iter().map(SortKey::ascending).collect())
            }
        }
    }
}

impl Ranks {
    /// All groups in their order.
    fn sorted(&self, numbered: &Numbered) -> Vec<u32> {
        let Numbered { groups, numbers } = numbered;
        let mut ids = groups.all_ids();
        match self {
            Ranks::Numbers(ranks) => ids.sort_by_key(|id| ranks[*id as usize]),
            Ranks::Keys(order) => ids.sort_by(|left, right| {
                let keys = compare::compare(order, groups.keys.key(*left), groups.keys.key(*right));
                keys.then_with(|| numbers[*left as usize].cmp(&numbers[*right as usize]))
            }),
        }
        ids
    }

    /// The rank of a group as the bound of a bucket.
    fn bound(&self, groups: &Groups, id: u32) -> Vec<u8> {
        match self {
            Ranks::Numbers(ranks) => ranks[id as usize].to_be_bytes().to_vec(),
            Ranks::Keys(_) => groups.keys.key(id).to_vec(),
        }
    }

    /// Whether a group belongs before a bound.
    fn is_before(&self, groups: &Groups, id: u32, bound: &[u8]) -> bool {
        match self {
            Ranks::Numbers(ranks) => ranks[id as usize].to_be_bytes()[..] < *bound,
            Ranks::Keys(order) => {
                compare::compare(order, groups.keys.key(id), bound) == Ordering::Less
            }
        }
    }
}
