//! Merging sorted entries of many sources into one order.
//!
//! Of equal keys those of an earlier source come first, so the merge is stable as long as the sources are in the order
//! of the input. A heap holds the source of each next entry with the beginning of its key, so that the keys themselves
//! are touched only where they agree in their first eight bytes.

use super::entries::{Entry, first, prefix};
use crate::error::{Error, Result};
use crate::transform::spills::OpenSpill;
use std::cmp::Ordering;
use std::sync::Arc;

/// Sorted entries, and how far they were taken.
#[derive(Debug)]
pub struct Source {
    bytes: Arc<Vec<u8>>,
    at: usize,
    /// Where the current entry ends.
    end: usize,
    spill: Option<Blocks>,
}

/// The spill that a source's bytes are a block of.
#[derive(Debug)]
struct Blocks {
    file: Box<dyn OpenSpill>,
    block: u64,
    next: u64,
}

/// How far a source was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// The place of the block in its spill; 0 for a source in memory.
    pub block: u64,
    /// Bytes of the block that were taken.
    pub at: usize,
}

/// All sources, with the least entry of all at hand.
#[derive(Debug)]
pub struct Merge {
    sources: Vec<Source>,
    /// The beginning of a source's next key, and the source: a heap with the least entry first.
    heap: Vec<(u64, u32)>,
}

impl Source {
    /// Entries in memory.
    pub fn memory(bytes: Arc<Vec<u8>>, at: usize) -> Result<Source> {
        let mut source = Source { bytes, at, end: at, spill: None };
        source.find_entry()?;
        Ok(source)
    }

    /// Entries of a spill, from a place on.
    pub fn spill(file: Box<dyn OpenSpill>, place: Place) -> Result<Source> {
        let blocks = Blocks { file, block: place.block, next: place.block };
        let (bytes, end) = (Arc::default(), 0);
        let mut source = Source { bytes, at: 0, end, spill: Some(blocks) };
        if source.load()? {
            source.at = place.at.min(source.bytes.len());
            source.find_entry()?;
        }
        Ok(source)
    }

    /// How far it was taken.
    pub fn place(&self) -> Place {
        Place { block: self.spill.as_ref().map_or(0, |spill| spill.block), at: self.at }
    }

    fn entry(&self) -> Option<Entry<'_>> {
        first(&self.bytes[self.at..self.end])
    }

    fn take(&mut self) -> Result<()> {
        self.at = self.end;
        self.find_entry()
    }

    /// Looks where the next entry ends, in the next block if need be.
    fn find_entry(&mut self) -> Result<()> {
        while self.at == self.bytes.len() {
            self.end = self.at;
            if !self.load()? {
                return Ok(());
            }
        }
        let entry = first(&self.bytes[self.at..]);
        let damaged = || Error::internal("sorted records are not what was sorted");
        self.end = self.at + entry.ok_or_else(damaged)?.bytes.len();
        Ok(())
    }

    /// Reads the next block; false where there is none.
    fn load(&mut self) -> Result<bool> {
        let Some(spill) = &mut self.spill else { return Ok(false) };
        let Some(block) = spill.file.read(spill.next)? else { return Ok(false) };
        (spill.block, spill.next) = (spill.next, block.next);
        (self.bytes, self.at, self.end) = (Arc::new(block.bytes), 0, 0);
        Ok(true)
    }
}

impl Merge {
    /// Merges sources.
    pub fn new(sources: Vec<Source>) -> Merge {
        let mut heap = Vec::with_capacity(sources.len());
        for (index, source) in (0_u32..).zip(&sources) {
            if let Some(entry) = source.entry() {
                heap.push((prefix(entry.key), index));
            }
        }
        let mut merge = Merge { sources, heap };
        for top in (0..merge.heap.len() / 2).rev() {
            merge.sift(top);
        }
        merge
    }

    /// The least entry.
    pub fn least(&self) -> Option<Entry<'_>> {
        let (_, source) = self.heap.first()?;
        self.sources[*source as usize].entry()
    }

    /// Takes it.
    pub fn take(&mut self) -> Result<()> {
        let Some((_, index)) = self.heap.first().copied() else { return Ok(()) };
        let source = &mut self.sources[index as usize];
        source.take()?;
        match source.entry() {
            Some(entry) => self.heap[0].0 = prefix(entry.key),
            None => {
                self.heap.swap_remove(0);
            }
        }
        self.sift(0);
        Ok(())
    }

    /// How far each source was taken.
    pub fn places(&self) -> impl Iterator<Item = Place> {
        self.sources.iter().map(Source::place)
    }

    fn sift(&mut self, mut top: usize) {
        loop {
            let mut least = top;
            for child in [2 * top + 1, 2 * top + 2] {
                if child < self.heap.len() && self.order(child, least).is_lt() {
                    least = child;
                }
            }
            if least == top {
                return;
            }
            self.heap.swap(top, least);
            top = least;
        }
    }

    fn order(&self, left: usize, right: usize) -> Ordering {
        let (left, right) = (self.heap[left], self.heap[right]);
        let key = |source: u32| self.sources[source as usize].entry().map(|entry| entry.key);
        left.0.cmp(&right.0).then_with(|| key(left.1).cmp(&key(right.1))).then(left.1.cmp(&right.1))
    }
}
