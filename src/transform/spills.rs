//! Where a step puts what its state has no room for: files that are written once and read back.
//!
//! A state that refers to a spill names it in [`super::Stateful::spills`]; whoever keeps the states sees to it that a
//! saved state finds its spills again. Where they are, how they are compressed and checked is not known here.

use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// A finished spill: what it is called, and what its content was.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spill {
    /// Its name; no other spill ever had it.
    pub name: String,
    /// Bytes.
    pub length: u64,
    /// A checksum of them.
    pub digest: u32,
}

/// Makes and opens spills.
///
/// A spill consists of blocks. None of it is durable by itself: it becomes so with the first checkpoint whose states
/// refer to it.
pub trait Spills: fmt::Debug + Send + Sync {
    /// Begins a new one.
    fn create(&self) -> Result<Box<dyn NewSpill>>;

    /// Opens a finished one for reading; refused where it is not what it was.
    fn open(&self, spill: &Spill) -> Result<Box<dyn OpenSpill>>;

    /// Is told that no state refers to a spill any more. Saved states still may.
    fn forget(&self, spill: &Spill);
}

/// A spill that is being written. One that is dropped before it is finished leaves nothing behind.
pub trait NewSpill {
    /// Appends a block; not empty.
    fn append(&mut self, block: &[u8]) -> Result<()>;

    /// The same, for a block that is small and read so often that it had better stand there as it is.
    fn append_plain(&mut self, block: &[u8]) -> Result<()> {
        self.append(block)
    }

    /// The place that the next block will have.
    fn place(&self) -> u64;

    /// Ends it.
    fn finish(self: Box<Self>) -> Result<Spill>;
}

/// A spill that is being read.
pub trait OpenSpill: fmt::Debug + Send {
    /// The block at a place, which is 0 or what [`NewSpill::place`] or [`Block::next`] said; `None` behind the last one.
    fn read(&self, place: u64) -> Result<Option<Block>>;

    /// The blocks from a place up to the end of one of them, read at once; at least one.
    fn read_until(&self, place: u64, end: u64) -> Result<Vec<Vec<u8>>>;
}

/// A block of a spill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// What was appended.
    pub bytes: Vec<u8>,
    /// The place of the block behind it.
    pub next: u64,
}

/// Spills in memory: where nothing is resumed.
#[derive(Debug, Clone, Default)]
pub struct MemorySpills(Arc<Mutex<Kept>>);

type Blocks = Arc<Vec<Vec<u8>>>;

#[derive(Debug, Default)]
struct Kept {
    made: u64,
    spills: BTreeMap<String, Blocks>,
}

#[derive(Debug)]
struct NewInMemory {
    spills: MemorySpills,
    blocks: Vec<Vec<u8>>,
}

#[derive(Debug)]
struct OpenInMemory(Blocks);

impl MemorySpills {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.kept(|kept| kept.spills.len())
    }

    fn kept<T>(&self, look: impl FnOnce(&mut Kept) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Spills for MemorySpills {
    fn create(&self) -> Result<Box<dyn NewSpill>> {
        Ok(Box::new(NewInMemory { spills: self.clone(), blocks: Vec::new() }))
    }

    fn open(&self, spill: &Spill) -> Result<Box<dyn OpenSpill>> {
        let blocks = self.kept(|kept| kept.spills.get(&spill.name).cloned());
        let blocks = blocks.ok_or_else(|| Error::internal("a spill was forgotten too early"))?;
        Ok(Box::new(OpenInMemory(blocks)))
    }

    fn forget(&self, spill: &Spill) {
        self.kept(|kept| kept.spills.remove(&spill.name));
    }
}

impl NewSpill for NewInMemory {
    fn append(&mut self, block: &[u8]) -> Result<()> {
        self.blocks.push(block.to_vec());
        Ok(())
    }

    fn place(&self) -> u64 {
        self.blocks.len() as u64
    }

    fn finish(self: Box<Self>) -> Result<Spill> {
        let length = self.blocks.iter().map(|block| block.len() as u64).sum();
        let blocks = Arc::new(self.blocks);
        let name = self.spills.kept(|kept| {
            kept.made += 1;
            let name = kept.made.to_string();
            kept.spills.insert(name.clone(), blocks);
            name
        });
        Ok(Spill { name, length, digest: 0 })
    }
}

impl OpenSpill for OpenInMemory {
    fn read(&self, place: u64) -> Result<Option<Block>> {
        let index = usize::try_from(place).unwrap_or(usize::MAX);
        Ok(self.0.get(index).map(|bytes| Block { bytes: bytes.clone(), next: place + 1 }))
    }

    fn read_until(&self, place: u64, end: u64) -> Result<Vec<Vec<u8>>> {
        let index = |place| usize::try_from(place).unwrap_or(usize::MAX);
        let blocks = self.0.get(index(place)..index(end)).filter(|blocks| !blocks.is_empty());
        Ok(blocks.ok_or_else(|| Error::internal("there are no such blocks"))?.to_vec())
    }
}
