//! One layer: written, merged, and looked through.
//!
//! Its spill has three parts: the blocks of entries, the hashes and places of these blocks, and the filter.

use super::block::{Block, Entry, NewBlock};
use super::{Wanted, changed};
use crate::error::Result;
use crate::state::{Filter, Reader, Writer, key};
use crate::transform::parts::{Parts, PartsReader, PartsWriter};
use crate::transform::spills::Spills;

const ENTRIES: usize = 0;
const INDEX: usize = 1;
const FILTER: usize = 2;

/// Lines of a filter in a block, 64 bytes each.
const FILTER_LINES: usize = 1 << 12;

/// Numbers of blocks in a block of the index.
const INDEX_LENGTH: usize = 1 << 14;

/// A layer of keys.
#[derive(Debug)]
pub struct Layer {
    /// Where it is.
    pub parts: Parts,
    /// How many keys.
    pub count: u64,
    /// How often its keys were merged.
    pub level: u32,
    /// What is needed to look for keys, once it was needed.
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    reader: PartsReader,
    index: Index,
    filter: Filter,
}

/// The first hash and the place of each block.
#[derive(Debug, Default)]
struct Index {
    hashes: Vec<u32>,
    places: Vec<u64>,
}

/// A layer that is being written.
pub struct LayerWriter {
    out: PartsWriter,
    block: NewBlock,
    index: Index,
    filter: Filter,
    count: u64,
}

/// A layer that is read from its beginning to its end.
pub struct Cursor {
    reader: PartsReader,
    next: u64,
    block: Block,
    at: usize,
}

impl LayerWriter {
    /// Begins a layer of at most so many keys.
    pub fn create(keys: u64, bits_per_key: u64, spills: &dyn Spills) -> Result<LayerWriter> {
        let mut out = PartsWriter::create(spills)?;
        out.begin_part();
        let filter = Filter::new(keys, bits_per_key);
        let (block, index) = (NewBlock::default(), Index::default());
        Ok(LayerWriter { out, block, index, filter, count: 0 })
    }

    /// Appends an entry, which comes behind all others.
    pub fn push(&mut self, entry: Entry<'_>) -> Result<()> {
        if self.block.is_full_for(entry) {
            self.end_block()?;
        }
        self.filter.add(key::wide_hash(entry.key));
        self.block.push(entry);
        self.count += 1;
        Ok(())
    }

    fn end_block(&mut self) -> Result<()> {
        self.index.hashes.push(self.block.first);
        self.index.places.push(self.out.place());
        self.out.append(&self.block.take())
    }

    /// Ends it.
    pub fn finish(mut self, level: u32) -> Result<Layer> {
        if !self.block.is_empty() {
            self.end_block()?;
        }
        let LayerWriter { mut out, index, filter, count, .. } = self;
        out.begin_part();
        let pairs = index.hashes.chunks(INDEX_LENGTH).zip(index.places.chunks(INDEX_LENGTH));
        for (hashes, places) in pairs {
            let mut block = Writer::default();
            block.count(hashes.len());
            block.u32s(hashes.iter().copied());
            block.u64s(places.iter().copied());
            out.append(&block.bytes)?;
        }
        out.begin_part();
        for lines in filter.write(FILTER_LINES) {
            out.append(&lines)?;
        }
        Ok(Layer { parts: out.finish()?, count, level, open: None })
    }
}

impl Layer {
    /// A layer that was written before.
    pub fn unread(parts: Parts) -> Layer {
        Layer { parts, count: 0, level: 0, open: None }
    }

    /// What of it is in memory.
    pub fn bytes(&self) -> usize {
        let bytes = |open: &Open| open.filter.bytes() + open.index.hashes.len() * 12;
        self.open.as_ref().map_or(0, bytes)
    }

    /// Takes out of `wanted` what is found.
    pub fn find<'a>(
        &mut self,
        wanted: &mut Vec<Wanted<'a>>,
        spills: &dyn Spills,
        found: &mut impl FnMut(Wanted<'a>, &[u8]),
    ) -> Result<()> {
        let open = match &mut self.open {
            Some(open) => open,
            none => none.insert(Open::new(&self.parts, spills)?),
        };
        let likely = open.filter.likely(wanted, |wanted| wanted.hash);
        let mut likely: Vec<Wanted<'a>> = likely.copied().collect();
        likely.sort_unstable_by_key(Wanted::short_hash);
        let mut places = Vec::new();
        let mut rest = &likely[..];
        while let Some(first) = rest.first() {
            let Some(number) = open.index.block_of(first.short_hash()) else {
                rest = &rest[1..];
                continue;
            };
            let end = open.index.hashes.get(number + 1).copied();
            let here = rest.partition_point(|one| end.is_none_or(|end| one.short_hash() < end));
            let (of_block, others) = rest.split_at(here);
            let block = open.reader.read(open.index.places[number])?;
            let block = Block::read(block.bytes).map_err(|_| changed())?;
            for one in of_block {
                if let Some(entry) = block.find(one.short_hash(), one.key) {
                    found(*one, entry.value);
                    places.push(one.place);
                }
            }
            rest = others;
        }
        if !places.is_empty() {
            places.sort_unstable();
            wanted.retain(|one| places.binary_search(&one.place).is_err());
        }
        Ok(())
    }
}

impl Index {
    /// The block where keys of a hash are, if they are anywhere.
    fn block_of(&self, hash: u32) -> Option<usize> {
        self.hashes.partition_point(|first| *first <= hash).checked_sub(1)
    }
}

impl Open {
    fn new(parts: &Parts, spills: &dyn Spills) -> Result<Open> {
        let reader = PartsReader::open(parts, spills)?;
        if reader.count() != FILTER + 1 {
            return Err(changed());
        }
        let mut index = Index::default();
        reader.for_each_block(INDEX, |bytes| {
            let mut block = Reader::new(bytes);
            let mut read = || {
                let count = block.count(12, "places")?;
                index.hashes.extend(block.u32s(count, "places")?);
                index.places.extend(block.u64s(count, "places")?);
                Ok::<(), crate::state::Unreadable>(())
            };
            read().map_err(|_| changed())
        })?;
        let mut filter = Filter::default();
        reader.for_each_block(FILTER, |bytes| filter.extend(bytes).map_err(|_| changed()))?;
        if filter.is_empty() || !index.hashes.is_sorted() {
            return Err(changed());
        }
        Ok(Open { reader, index, filter })
    }
}

impl Cursor {
    /// At the first entry.
    pub fn open(layer: &Layer, spills: &dyn Spills) -> Result<Cursor> {
        let reader = PartsReader::open(&layer.parts, spills)?;
        let next = reader.start_of(ENTRIES);
        let mut cursor = Cursor { reader, next, block: Block::default(), at: 0 };
        cursor.load()?;
        Ok(cursor)
    }

    /// The entry where it is; `None` behind the last one.
    pub fn entry(&self) -> Option<Entry<'_>> {
        self.block.entry(self.at)
    }

    /// Goes on to the next one.
    pub fn advance(&mut self) -> Result<()> {
        self.at += 1;
        if self.entry().is_none() { self.load() } else { Ok(()) }
    }

    fn load(&mut self) -> Result<()> {
        (self.at, self.block) = (0, Block::default());
        if self.next < self.reader.end_of(ENTRIES) {
            let read = self.reader.read(self.next)?;
            self.next = read.next;
            self.block = Block::read(read.bytes).map_err(|_| changed())?;
        }
        Ok(())
    }
}
