//! Groups in the blocks of spills: each with its number in the order in which the groups were first seen, its key, and
//! what the calls remember of it.
//!
//! Blocks of the same keys are merged in the order of the records that they are of: the first of a key's numbers counts,
//! and the calls see their records in order.

use super::behind::Accumulators;
use super::call::{self, Call};
use super::{Grouping, Groups};
use crate::error::Result;
use crate::record::DataType;
use crate::state::{Accumulator, Changes, KeyTable, Keys, Part, Reader, Unreadable, Writer, key};
use crate::transform::parts::{PartsReader, PartsWriter};

/// So many groups are in a block at most: some columns of them are written at a time.
const GROUPS_PER_BLOCK: usize = 1 << 14;

/// Groups with numbers of their own.
#[derive(Debug)]
pub struct Numbered {
    /// The groups.
    pub groups: Groups,
    /// When each of them was first seen, among all groups.
    pub numbers: Vec<u64>,
}

/// A block as it is read.
struct Block {
    numbers: Vec<u64>,
    keys: Keys,
    accumulators: Accumulators,
}

/// Blocks of more bytes hold one group.
const BLOCK_BYTES: usize = 64 << 20;

impl Grouping {
    /// No groups at all, not even the one of everything.
    pub fn no_groups(&self) -> Groups {
        let owners = call::owners(&self.calls);
        let accumulators = owners.map(|call| Accumulator::new(&call.kind)).collect();
        let (keys, changes) = (KeyTable::default(), Changes::default());
        Groups { keys, accumulators, changes, drained: 0, order: None, total: None }
    }

    /// No groups with numbers.
    pub fn none_numbered(&self) -> Numbered {
        Numbered { groups: self.no_groups(), numbers: Vec::new() }
    }

    /// About how many bytes groups take in memory.
    pub fn bytes(&self, groups: &Groups) -> usize {
        let pairs = call::owners(&self.calls).zip(groups.accumulators.iter());
        let calls = pairs.map(|(call, one)| one.bytes(&call.kind, groups.keys.len()));
        groups.keys.bytes() + calls.sum::<usize>()
    }

    /// Appends some groups as blocks.
    pub fn append_groups(
        &self,
        groups: &Groups,
        ids: &[u32],
        number_of: impl Fn(u32) -> u64,
        out: &mut PartsWriter,
    ) -> Result<()> {
        ids.chunks(GROUPS_PER_BLOCK)
            .try_for_each(|ids| self.append_block(groups, ids, &number_of, out))
    }

    /// Appends groups as a block, or as several where they take much.
    fn append_block(
        &self,
        groups: &Groups,
        ids: &[u32],
        number_of: &impl Fn(u32) -> u64,
        out: &mut PartsWriter,
    ) -> Result<()> {
        let mut block = Writer::default();
        block.count(ids.len());
        block.u64s(ids.iter().map(|id| number_of(*id)));
        block.strings(groups.keys.keys_of(ids).iter().copied());
        let all = Part::all(ids.len());
        let select = |(call, accumulator): (&Call, &Accumulator)| {
            accumulator.select(&call.kind, ids).share(&all)
        };
        let selected = call::owners(&self.calls).zip(groups.accumulators.iter()).map(select);
        call::write(&self.calls, &selected.collect::<Vec<_>>(), &all, &mut block);
        if block.bytes.len() > BLOCK_BYTES && ids.len() > 1 {
            drop(block);
            let (left, right) = ids.split_at(ids.len() / 2);
            self.append_block(groups, left, number_of, out)?;
            return self.append_block(groups, right, number_of, out);
        }
        out.append(&block.bytes)
    }

    /// Takes in all groups of a part.
    pub fn take_part(
        &self,
        numbered: &mut Numbered,
        reader: &PartsReader,
        part: usize,
    ) -> Result<()> {
        let types = self.key_types();
        reader.for_each_block(part, |bytes| {
            let block = self.read_block(&types, bytes).map_err(|_| reader.changed())?;
            numbered.take(&block).map_err(|_| reader.changed())
        })
    }

    fn read_block(&self, types: &[DataType], bytes: &[u8]) -> Result<Block, Unreadable> {
        let what = "groups";
        let mut reader = Reader::new(bytes);
        let count = reader.count(12, what)?;
        let numbers = reader.u64s(count, what)?;
        let keys = reader.strings(count, what)?;
        if !keys.iter().all(|key| key::is_made_of(types, key)) {
            return Err(Unreadable { what });
        }
        let keys = Keys::of_bytes(keys.into_iter());
        let mut accumulators = self.no_groups().accumulators;
        call::read(&self.calls, &mut accumulators, &Part::all(count), &mut reader)?;
        reader.finish(what)?;
        Ok(Block { numbers, keys, accumulators })
    }
}

impl Numbered {
    /// Merges a block, in which each key is there once. What is counted then is still less than can be counted, and no sum
    /// is larger than so many values have: so two numbers that were read can always be added.
    fn take(&mut self, block: &Block) -> Result<(), Unreadable> {
        let unreadable = Unreadable { what: "groups" };
        let Numbered { groups, numbers } = self;
        let ids = groups.keys.insert_all(&block.keys);
        let mut sorted = ids.clone();
        sorted.sort_unstable();
        if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(unreadable);
        }
        for (id, number) in ids.iter().zip(&block.numbers) {
            if *id as usize == numbers.len() {
                numbers.push(*number);
            }
        }
        for (mine, others) in groups.accumulators.iter_mut().zip(block.accumulators.iter()) {
            mine.grow(groups.keys.len());
            mine.merge(&ids, others);
            if !mine.is_countable(&ids) {
                return Err(unreadable);
            }
        }
        Ok(())
    }
}
