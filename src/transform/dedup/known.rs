//! The keys that a `dedup` has seen: in memory, and in layers where they are too many.

use crate::error::Result;
use crate::state::{KeyTable, Keys, Part, Reader, Unreadable, Writer};
use crate::transform::layers::{Asked, Entry, Layers, Wanted};
use crate::transform::shown::{Give, ids};
use crate::transform::spills::{Spill, Spills};
use crate::transform::{Frozen, Snapshot};

/// All keys so far.
#[derive(Debug)]
pub struct Known {
    /// Those in memory: those that came last, and older ones that came again.
    keys: KeyTable,
    /// How many of them were frozen or read.
    saved: usize,
    /// All others.
    layers: Layers,
}

impl Default for Known {
    fn default() -> Known {
        Known { keys: KeyTable::default(), saved: 0, layers: Layers::new(Asked::Seldom) }
    }
}

impl Known {
    /// Takes in keys in their order, and answers for each whether it is the first of its kind. Keys that take more than
    /// `memory` become a layer.
    pub fn insert(
        &mut self,
        keys: &Keys,
        memory: Option<u64>,
        spills: &dyn Spills,
    ) -> Result<Vec<bool>> {
        let mut next = self.keys.len();
        let is_new = |id: u32| {
            let is_new = id as usize == next;
            next += usize::from(is_new);
            is_new
        };
        let mut firsts: Vec<bool> = self.keys.insert_all(keys).into_iter().map(is_new).collect();
        if !self.layers.is_empty() {
            let new = firsts.iter().enumerate().filter(|(_, is_first)| **is_first);
            let wanted = new.map(|(place, _)| Wanted::new(place, keys.key(place))).collect();
            self.layers.find(wanted, spills, |known, _| firsts[known.place] = false)?;
        }
        if let Some(memory) = memory {
            let left = memory.saturating_sub(self.layers.bytes() as u64);
            if self.keys.bytes() as u64 > left.max(memory / super::KEYS_SHARE_MIN) {
                self.spill(memory, spills)?;
            }
        }
        Ok(firsts)
    }

    /// All keys in memory become a layer.
    fn spill(&mut self, memory: u64, spills: &dyn Spills) -> Result<()> {
        let keys = std::mem::take(&mut self.keys);
        self.saved = 0;
        let entries = keys.by_hash().map(|(hash, _, key)| Entry { hash, key, value: &[] });
        self.layers.add(entries, keys.len(), memory, &|_| true, spills)
    }

    /// Gives all keys: as they came where none was spilled, else in the order of their hashes.
    pub fn walk(&self, spills: &dyn Spills, give: Give<'_, ()>) -> Result<()> {
        if self.layers.is_empty() {
            return ids(0..self.keys.len(), self.keys.len())
                .try_for_each(|id| give(self.keys.key(id), ()));
        }
        self.layers.walk(&self.keys, spills, &mut |(key, ..)| give(key, ()))
    }

    /// What they take in memory.
    pub fn bytes(&self) -> u64 {
        (self.keys.bytes() + self.layers.bytes()) as u64
    }

    /// The spills that it refers to.
    pub fn spills(&self) -> Vec<Spill> {
        self.layers.spills()
    }

    /// What is to be saved as it is now.
    pub fn freeze(&mut self, is_all_asked: bool) -> Snapshot {
        let saved = std::mem::replace(&mut self.saved, self.keys.len());
        let part = Part::new_from(if is_all_asked { 0 } else { saved }, self.keys.len());
        let keys = self.keys.share(&part);
        let mut layers = Writer::default();
        if !self.layers.is_empty() {
            self.layers.write(&mut layers);
        }
        let is_all = part.is_all();
        let frozen = Box::new(FrozenKeys { keys, part, layers: layers.bytes });
        if is_all { Snapshot::Whole(frozen) } else { Snapshot::Changes(frozen) }
    }

    /// Reads what was frozen whole.
    pub fn read(reader: &mut Reader<'_>) -> Result<Known, Unreadable> {
        let keys = KeyTable::read(reader)?;
        let mut known = Known { saved: keys.len(), keys, ..Known::default() };
        known.read_runs(reader)?;
        Ok(known)
    }

    /// Takes in what changed.
    pub fn extend(&mut self, reader: &mut Reader<'_>) -> Result<(), Unreadable> {
        let part = Part::read(reader, self.keys.len())?;
        self.keys.extend(reader)?;
        self.saved = self.keys.len();
        if self.saved != part.new_ones().end {
            return Err(Unreadable { what: "keys" });
        }
        self.read_runs(reader)
    }

    /// Reads which layers there are, where there are some.
    fn read_runs(&mut self, reader: &mut Reader<'_>) -> Result<(), Unreadable> {
        if !reader.is_at_end() {
            self.layers = Layers::read(Asked::Seldom, reader)?;
        }
        Ok(())
    }
}

/// The keys that were new at a barrier, or all; and the bytes that say which layers there are.
#[derive(Debug)]
struct FrozenKeys {
    keys: KeyTable,
    part: Part,
    layers: Vec<u8>,
}

impl Frozen for FrozenKeys {
    fn write(&self, out: &mut Writer) {
        if !self.part.is_all() {
            self.part.write(out);
        }
        self.keys.write_new(&self.part, out);
        out.bytes.extend_from_slice(&self.layers);
    }
}
