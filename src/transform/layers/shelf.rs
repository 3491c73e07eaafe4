//! What is remembered of the keys that have no room in memory, for steps that change it each time a key comes.
//!
//! A key that comes is looked for in memory, and then here; what is found goes back into memory, where it counts from then
//! on. When there is too much in memory all of it becomes a layer, but for what must stay. So a key in memory is newer than
//! the same key here.

use super::packed::{pack, unpack};
use super::{Asked, Entry, Layers, Values, Wanted, changed};
use crate::error::Result;
use crate::state::{KeyTable, Keys, Reader, Unreadable, Writer};
use crate::transform::expiry::Clock;
use crate::transform::spills::{Spill, Spills};

/// At least such a part of the memory is for keys, however much the filters of the layers and other things take.
const KEYS_SHARE_MIN: u64 = 4;

/// Layers of keys with what is remembered of each.
#[derive(Debug)]
pub struct Shelf {
    pub(super) layers: Layers,
    /// Bytes that had to stay in memory when the last layer was made. Not a part of the state.
    stayed: u64,
}

impl Default for Shelf {
    fn default() -> Shelf {
        Shelf { layers: Layers::new(Asked::Often), stayed: 0 }
    }
}

impl Shelf {
    /// Whether all is in memory.
    pub fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    /// Bytes that it takes in memory.
    pub fn bytes(&self) -> u64 {
        self.layers.bytes() as u64
    }

    /// Its spills.
    pub fn spills(&self) -> Vec<Spill> {
        self.layers.spills()
    }

    /// Looks for those keys that are new in memory, whose ids are `known` and above, and gives what is remembered of them.
    pub fn recall(
        &mut self,
        keys: &Keys,
        ids: &[u32],
        known: usize,
        spills: &dyn Spills,
        mut take: impl FnMut(u32, &mut Reader<'_>) -> Result<(), Unreadable>,
    ) -> Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        let mut next = known;
        let is_new = |(_, id): &(usize, &u32)| {
            let is_new = **id as usize == next;
            next += usize::from(is_new);
            is_new
        };
        let new = ids.iter().enumerate().filter(is_new);
        let wanted = new.map(|(place, _)| Wanted::new(place, keys.key(place))).collect();
        let (mut bytes, mut outcome) = (Vec::new(), Ok(()));
        self.layers.find(wanted, spills, |wanted, packed| {
            bytes.clear();
            let mut read = || {
                unpack(packed, &mut bytes)?;
                let mut reader = Reader::new(&bytes);
                take(ids[wanted.place], &mut reader).ok()?;
                reader.finish("values").ok()
            };
            if read().is_none() {
                outcome = Err(changed());
            }
        })?;
        outcome
    }

    /// Whether the keys take so many bytes in memory that they had better go; `others` is what the state takes besides.
    pub fn is_wanted(&self, bytes: u64, others: u64, memory: u64) -> bool {
        let others = (self.bytes() + others).min(memory - memory / KEYS_SHARE_MIN);
        bytes > (memory - others).max(self.stayed.saturating_mul(2))
    }

    /// Makes a layer of all keys that go there; `write` says what is remembered of the key of an id. With a clock, as
    /// layers are merged what counts no more is left out.
    pub fn put(
        &mut self,
        keys: &KeyTable,
        goes: impl Fn(u32) -> bool,
        write: impl Fn(u32, &mut Writer),
        (memory, clock): (u64, Option<Clock>),
        spills: &dyn Spills,
    ) -> Result<()> {
        let mut layer = self.layers.begin(keys.len(), memory, spills)?;
        let (mut value, mut packed) = (Writer::default(), Vec::new());
        for (hash, id, key) in keys.by_hash().filter(|(_, id, _)| goes(*id)) {
            value.bytes.clear();
            packed.clear();
            write(id, &mut value);
            pack(&value.bytes, &mut packed);
            layer.push(Entry { hash, key, value: &packed })?;
        }
        let is_live = |packed: &[u8]| clock.is_none_or(|clock| !is_over(packed, clock));
        match layer.is_empty() {
            true => Ok(()),
            false => self.layers.end(layer, memory, Values::Newest(&is_live), spills),
        }
    }

    /// Is told how many bytes the keys take that stayed.
    pub fn set_stayed(&mut self, bytes: u64) {
        self.stayed = bytes;
    }

    /// Appends which layers there are; nothing where there are none.
    pub fn write(&self, out: &mut Writer) {
        if !self.is_empty() {
            self.layers.write(out);
        }
    }

    /// Reads what [`Shelf::write`] wrote at the end of a state.
    pub fn read(reader: &mut Reader<'_>) -> Result<Shelf, Unreadable> {
        let mut shelf = Shelf::default();
        if !reader.is_at_end() {
            shelf.layers = Layers::read(Asked::Often, reader)?;
        }
        Ok(shelf)
    }
}

/// Whether a value counts no more. One that cannot be read is left for the one who asks for it.
fn is_over(packed: &[u8], clock: Clock) -> bool {
    let mut value = Vec::new();
    unpack(packed, &mut value).is_some() && clock.is_value_over(&value)
}
