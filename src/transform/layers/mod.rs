//! Keys that are more than fit into memory, found again one by one: layers.
//!
//! A layer is a spill of keys in the order of their hashes, in small blocks. In memory are the hash that each block begins
//! with, and a filter, so that of the keys that are not in it nearly none is looked for. Of a key that is in several layers
//! the newest one counts. As layers become many, those of about one size are merged into one.

mod block;

mod kept;

mod layer;

mod merge;

mod packed;

mod pile;

mod recalled;

mod shelf;

mod walk;

#[cfg(test)]
mod tests;

pub use block::Entry;
pub use kept::{Found, Kept, Remembered};
pub use layer::LayerWriter;
pub use pile::{IN_ORDER, Pile, Piled};
pub use recalled::{Recalled, Shelved};
pub use shelf::Shelf;
pub use walk::{GiveBytes, OnShelf};

use super::parts::{self, changed};
use super::spills::{Spill, Spills};
use crate::error::Result;
use crate::state::{Reader, Unreadable, Writer, key};
use layer::{Layer, Place};
use merge::Merge;

/// So many layers of one level are merged into one of the next.
const MERGED_AT_ONCE: usize = 8;

/// Bits of a filter for each key, where there is room for them.
const BITS_PER_KEY: u64 = 16;

/// Fewer bits would hardly keep any key out.
const BITS_PER_KEY_MIN: u64 = 4;

/// A key that is looked for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Which one it is to the caller.
    pub place: usize,
    /// The key.
    pub key: &'a [u8],
    /// All 64 bits of its hash.
    hash: u64,
}

impl<'a> Wanted<'a> {
    /// A key that is `place` to the caller.
    pub fn new(place: usize, key: &'a [u8]) -> Wanted<'a> {
        Wanted { place, key, hash: key::wide_hash(key) }
    }

    /// The hash that layers are ordered by.
    fn short_hash(&self) -> u32 {
        u32::try_from(self.hash >> 32).expect("half of a hash")
    }
}

/// How layers are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// No key is asked for: layers are only gone through.
    Never,
    /// Most keys that are asked for are in none: filters answer, and what is behind them may be slow to read.
    Seldom,
    /// Most keys that are asked for are in one: for each of them a block is read.
    Often,
}

impl Asked {
    /// Bytes of entries in a block.
    fn block_bytes(self) -> usize {
        match self {
            Asked::Never => 32 << 10,
            Asked::Seldom => 8 << 10,
            Asked::Often => 1 << 10,
        }
    }
}

/// What becomes of the values of a key as layers are merged.
#[derive(Clone, Copy)]
pub enum Values<'v> {
    /// The newest one counts, as long as this holds for it.
    Newest(&'v dyn Fn(&[u8]) -> bool),
    /// This appends the one that they come to; the oldest is the first of them.
    Joined(Join<'v>),
}

/// Appends what values of a key come to, the oldest first.
pub type Join<'j> = &'j dyn Fn(&[&[u8]], &mut Vec<u8>) -> Result<()>;

/// All layers, oldest first.
#[derive(Debug)]
pub struct Layers {
    layers: Vec<Layer>,
    asked: Asked,
}

/// No keys are merged as often: there are fewer than 2^64.
const LEVEL_MAX: u32 = 64;

impl Layers {
    /// No layers.
    pub fn new(asked: Asked) -> Layers {
        Layers { layers: Vec::new(), asked }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.layers.len()
    }

    /// All of them gone through together, from the beginning.
    pub fn merge(&self, spills: &dyn Spills) -> Result<Merge> {
        Merge::open(&self.layers, spills)
    }

    /// The same, from where [`Merge::places`] was.
    pub fn merge_at(&self, places: &[Place], spills: &dyn Spills) -> Result<Merge> {
        Merge::open_at(&self.layers, places, spills)
    }

    /// They are not needed any more.
    pub fn clear(&mut self, spills: &dyn Spills) {
        self.layers.drain(..).for_each(|layer| spills.forget(&layer.parts.spill));
    }

    /// What of them is in memory.
    pub fn bytes(&self) -> usize {
        self.layers.iter().map(Layer::bytes).sum()
    }

    /// The spills of all.
    pub fn spills(&self) -> Vec<Spill> {
        self.layers.iter().map(|layer| layer.parts.spill.clone()).collect()
    }

    /// Adds a layer of entries, which come in their order, each key once; `memory` is what all states of the step have.
    /// Entries whose values are not `live` any more are left out as layers are merged.
    pub fn add<'a>(
        &mut self,
        entries: impl Iterator<Item = Entry<'a>>,
        count: usize,
        memory: u64,
        live: &dyn Fn(&[u8]) -> bool,
        spills: &dyn Spills,
    ) -> Result<()> {
        let mut writer = self.begin(count, memory, spills)?;
        for entry in entries {
            writer.push(entry)?;
        }
        self.end(writer, memory, Values::Newest(live), spills)
    }

    /// Begins a layer of at most so many entries.
    pub fn begin(&self, count: usize, memory: u64, spills: &dyn Spills) -> Result<LayerWriter> {
        let bits_per_key = self.bits_per_key(count, memory);
        LayerWriter::create(self.asked, count as u64, bits_per_key, spills)
    }

    /// Adds a layer that was begun, as [`Layers::add`] does.
    pub fn end(
        &mut self,
        writer: LayerWriter,
        memory: u64,
        values: Values<'_>,
        spills: &dyn Spills,
    ) -> Result<()> {
        self.layers.push(writer.finish(0)?);
        while self.has_many_alike() {
            self.merge_last(memory, values, spills)?;
        }
        Ok(())
    }

    /// The filters of all layers take at most half of the memory, as long as that is of any use.
    fn bits_per_key(&self, more: usize, memory: u64) -> u64 {
        let keys = self.layers.iter().map(|layer| layer.count).sum::<u64>() + more as u64;
        (memory * 4 / keys.max(1)).clamp(BITS_PER_KEY_MIN, BITS_PER_KEY)
    }

    fn has_many_alike(&self) -> bool {
        let level = self.layers.last().map(|layer| layer.level);
        let alike = self.layers.iter().rev().take_while(|layer| Some(layer.level) == level);
        alike.count() >= MERGED_AT_ONCE
    }

    /// The last layers, all of one level, become one of the next level.
    fn merge_last(&mut self, memory: u64, values: Values<'_>, spills: &dyn Spills) -> Result<()> {
        let start = self.layers.len() - MERGED_AT_ONCE;
        let level = self.layers[start].level + 1;
        let count: u64 = self.layers[start..].iter().map(|layer| layer.count).sum();
        let mut merge = Merge::open(&self.layers[start..], spills)?;
        let bits_per_key = self.bits_per_key(0, memory);
        let mut writer = LayerWriter::create(self.asked, count, bits_per_key, spills)?;
        let mut joined = Vec::new();
        while let Some(newest) = merge.newest() {
            match values {
                Values::Newest(live) if live(newest.value) => writer.push(newest)?,
                Values::Newest(_) => {}
                Values::Joined(join) => {
                    joined.clear();
                    join(&merge.values(), &mut joined)?;
                    writer.push(Entry { value: &joined, ..newest })?;
                }
            }
            merge.advance()?;
        }
        let merged = writer.finish(level)?;
        for old in self.layers.splice(start.., [merged]) {
            spills.forget(&old.parts.spill);
        }
        Ok(())
    }

    /// Looks for keys, each of which is asked for once, and gives those that are there with their values.
    pub fn find<'a>(
        &mut self,
        mut wanted: Vec<Wanted<'a>>,
        spills: &dyn Spills,
        mut found: impl FnMut(Wanted<'a>, &[u8]),
    ) -> Result<()> {
        if self.asked == Asked::Often {
            // So every layer is gone through from its beginning to its end, and so is its filter.
            wanted.sort_unstable_by_key(|wanted| wanted.hash);
        }
        for layer in self.layers.iter_mut().rev() {
            if wanted.is_empty() {
                return Ok(());
            }
            layer.find(&mut wanted, spills, &mut found)?;
        }
        Ok(())
    }

    /// Appends which layers there are.
    pub fn write(&self, out: &mut Writer) {
        let all: Vec<_> = self.layers.iter().map(|layer| layer.parts.clone()).collect();
        parts::write_all(&all, out);
        out.u64s(self.layers.iter().flat_map(|layer| [layer.count, u64::from(layer.level)]));
    }

    /// Reads what [`Layers::write`] wrote. Filters are read when they are needed.
    pub fn read(asked: Asked, reader: &mut Reader<'_>) -> Result<Layers, Unreadable> {
        let what = "layers";
        let mut layers = Vec::new();
        for parts in parts::read_all(reader)? {
            layers.push(Layer::unread(parts));
        }
        for layer in &mut layers {
            layer.count = reader.u64(what)?;
            let level = u32::try_from(reader.u64(what)?).ok().filter(|level| *level <= LEVEL_MAX);
            layer.level = level.ok_or(Unreadable { what })?;
            // However well keys are compressed.
            if layer.count > layer.parts.spill.length.saturating_mul(1 << 8) {
                return Err(Unreadable { what });
            }
        }
        Ok(Layers { layers, asked })
    }
}
