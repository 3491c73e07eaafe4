//! One layer: written, merged, and looked through.
//!
//! Its spill has three parts: the blocks of entries, the hashes and places of these blocks, and the filter.

use super::block::{Block, Entry, NewBlock};
use super::{Asked, Wanted, changed};
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

/// So many bytes of blocks that stand side by side are read at once.
const SPAN_BYTES_MAX: u64 = 256 << 10;

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

/// Blocks that stand side by side, and what is looked for in each.
struct Span<'w> {
    place: u64,
    end: u64,
    wanted: Vec<&'w [usize]>,
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
    asked: Asked,
    block: NewBlock,
    index: Index,
    /// `None` where nothing is ever looked for.
    filter: Option<Filter>,
    count: u64,
}

/// How far a layer was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Where the block begins.
    pub block: u64,
    /// Entries of the block that were passed.
    pub at: usize,
}

/// A layer that is read from its beginning to its end.
#[derive(Debug)]
pub struct Cursor {
    reader: PartsReader,
    /// Where the block begins that it is in.
    here: u64,
    next: u64,
    block: Block,
    at: usize,
    /// Of the entry where it is.
    hash: u32,
}

impl LayerWriter {
    /// Begins a layer of at most so many keys.
    pub fn create(
        asked: Asked,
        keys: u64,
        bits_per_key: u64,
        spills: &dyn Spills,
    ) -> Result<LayerWriter> {
        let mut out = PartsWriter::create(spills)?;
        out.begin_part();
        let filter = (asked != Asked::Never).then(|| Filter::new(keys, bits_per_key));
        let (block, index) = (NewBlock::default(), Index::default());
        Ok(LayerWriter { out, asked, block, index, filter, count: 0 })
    }

    /// Whether it has no entries.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Appends an entry, which comes behind all others.
    pub fn push(&mut self, entry: Entry<'_>) -> Result<()> {
        if self.block.is_full_for(entry, self.asked.block_bytes()) {
            self.end_block()?;
        }
        if let Some(filter) = &mut self.filter {
            filter.add(key::wide_hash(entry.key));
        }
        self.block.push(entry);
        self.count += 1;
        Ok(())
    }

    fn end_block(&mut self) -> Result<()> {
        self.index.hashes.push(self.block.first);
        self.index.places.push(self.out.place());
        match self.asked {
            Asked::Never | Asked::Seldom => self.out.append(&self.block.take()),
            Asked::Often => self.out.append_plain(&self.block.take()),
        }
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
        if let Some(filter) = filter {
            for lines in filter.write(FILTER_LINES) {
                out.append(&lines)?;
            }
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
        let mut likely: Vec<usize> = open.filter.likely(wanted, |wanted| wanted.hash).collect();
        let hash_at = |at: &usize| wanted[*at].short_hash();
        likely.sort_by_key(hash_at);
        let mut is_found = vec![false; wanted.len()];
        let mut rest = &likely[..];
        while let Some(span) = open.next_span(&mut rest, hash_at) {
            let blocks = open.reader.read_until(span.place, span.end)?;
            if blocks.len() != span.wanted.len() {
                return Err(changed());
            }
            for (block, places) in blocks.into_iter().zip(span.wanted) {
                let block = Block::read(block).map_err(|_| changed())?;
                for at in places {
                    let one = wanted[*at];
                    if let Some(entry) = block.find(one.short_hash(), one.key) {
                        found(one, entry.value);
                        is_found[*at] = true;
                    }
                }
            }
        }
        let mut is_found = is_found.into_iter();
        wanted.retain(|_| !is_found.next().unwrap_or_default());
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
        if filter.is_empty() || !index.hashes.is_sorted() || !index.places.is_sorted() {
            return Err(changed());
        }
        Ok(Open { reader, index, filter })
    }

    /// The next blocks in which something of what is left may be, which stands in the order of its hashes.
    fn next_span<'w>(
        &self,
        rest: &mut &'w [usize],
        hash_at: impl Fn(&usize) -> u32,
    ) -> Option<Span<'w>> {
        let first = loop {
            match self.index.block_of(hash_at(rest.first()?)) {
                Some(first) => break first,
                None => *rest = &rest[1..],
            }
        };
        let Index { hashes, places } = &self.index;
        let place_of = |number: usize| {
            let behind = || self.reader.end_of(ENTRIES);
            places.get(number).copied().unwrap_or_else(behind)
        };
        let mut span = Span { place: place_of(first), end: place_of(first), wanted: Vec::new() };
        for number in first.. {
            let next = hashes.get(number + 1);
            let is_here = |at: &&usize| next.is_none_or(|next| hash_at(at) < *next);
            let (here, behind) = rest.split_at(rest.iter().take_while(is_here).count());
            if here.is_empty() || span.end - span.place > SPAN_BYTES_MAX {
                break;
            }
            span.end = place_of(number + 1);
            span.wanted.push(here);
            *rest = behind;
        }
        Some(span)
    }
}

impl Cursor {
    /// At the first entry.
    pub fn open(layer: &Layer, spills: &dyn Spills) -> Result<Cursor> {
        let reader = PartsReader::open(&layer.parts, spills)?;
        let here = reader.start_of(ENTRIES);
        Cursor::start(reader, Place { block: here, at: 0 })
    }

    /// Where [`Cursor::place`] was.
    pub fn open_at(layer: &Layer, place: Place, spills: &dyn Spills) -> Result<Cursor> {
        Cursor::start(PartsReader::open(&layer.parts, spills)?, place)
    }

    fn start(reader: PartsReader, place: Place) -> Result<Cursor> {
        let (here, next) = (place.block, place.block);
        let mut cursor = Cursor { reader, here, next, block: Block::default(), at: 0, hash: 0 };
        cursor.load()?;
        if place.at > 0 {
            cursor.go_to(place.at)?;
        }
        Ok(cursor)
    }

    /// How far it has come.
    pub fn place(&self) -> Place {
        Place { block: self.here, at: self.at }
    }

    /// The entry where it is; `None` behind the last one.
    pub fn entry(&self) -> Option<Entry<'_>> {
        self.block.known_entry(self.at, self.hash)
    }

    /// Goes on to the next one.
    pub fn advance(&mut self) -> Result<()> {
        self.go_to(self.at + 1)
    }

    fn go_to(&mut self, at: usize) -> Result<()> {
        self.at = at;
        match self.block.entry(self.at) {
            Some(entry) => self.hash = entry.hash,
            None => self.load()?,
        }
        Ok(())
    }

    fn load(&mut self) -> Result<()> {
        (self.at, self.here, self.block) = (0, self.next, Block::default());
        if self.next < self.reader.end_of(ENTRIES) {
            let read = self.reader.read(self.next)?;
            self.next = read.next;
            self.block = Block::read(read.bytes).map_err(|_| changed())?;
            self.hash = self.block.entry(0).map_or(0, |entry| entry.hash);
        }
        Ok(())
    }
}
