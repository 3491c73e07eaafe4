//! What is remembered of each key, in memory and on a shelf: for steps that ask for it by the key alone.

use super::Shelf;
use crate::error::Result;
use crate::state::{Keyed, Keys, Part, Reader, SharedKeyed, Unreadable, Writer};
use crate::transform::expiry::{Clock, Look};
use crate::transform::spills::{Spill, Spills};

/// What is remembered of a key, and can be put on a shelf.
pub trait Shelved: Clone + Default {
    /// Appends it.
    fn write(&self, out: &mut Writer);

    /// Reads what [`Shelved::write`] wrote.
    fn read(reader: &mut Reader<'_>) -> Result<Self, Unreadable>;

    /// Bytes that it takes besides itself.
    fn owned(&self) -> usize {
        0
    }

    /// Whether it counts no more; what [`Shelved::write`] appends last says so, too.
    fn is_over(&self, _clock: Clock) -> bool {
        false
    }
}

/// Keys with a value for each.
#[derive(Debug)]
pub struct Recalled<V> {
    pub(super) keyed: Keyed<V>,
    pub(super) shelf: Shelf,
    look: Look,
}

impl<V> Default for Recalled<V>
where
    Keyed<V>: Default,
{
    fn default() -> Self {
        Recalled { keyed: Keyed::default(), shelf: Shelf::default(), look: Look::default() }
    }
}

impl<V: Shelved> Recalled<V> {
    /// Finds or adds keys in their order, whose values may be changed, and answers their ids. They hold until the next
    /// [`Recalled::put_away_above`].
    pub fn ids_of(&mut self, keys: &Keys, spills: &dyn Spills) -> Result<Vec<u32>> {
        let known = self.keyed.len();
        let ids = self.keyed.ids_of(keys);
        self.shelf.recall(keys, &ids, known, spills, |id, reader| {
            *self.keyed.value_mut(id) = V::read(reader)?;
            Ok(())
        })?;
        Ok(ids)
    }

    /// The value of a key.
    pub fn value(&self, id: u32) -> &V {
        self.keyed.value(id)
    }

    /// The value of a key, to be changed.
    pub fn value_mut(&mut self, id: u32) -> &mut V {
        self.keyed.value_mut(id)
    }

    /// Where all keys take more memory than that, they go on the shelf, but for those that count no more.
    pub fn put_away_above(
        &mut self,
        memory: Option<u64>,
        clock: Option<Clock>,
        spills: &dyn Spills,
    ) -> Result<()> {
        if let Some(clock) = clock {
            self.forget(clock);
        }
        let Some(memory) = memory else { return Ok(()) };
        if !self.shelf.is_wanted(self.keyed.bytes(V::owned), 0, memory) {
            return Ok(());
        }
        let keyed = std::mem::take(&mut self.keyed);
        let write = |id: u32, out: &mut Writer| keyed.value(id).write(out);
        let goes = |id| clock.is_none_or(|clock| !keyed.value(id).is_over(clock));
        self.shelf.put(keyed.keys(), goes, write, (memory, clock), spills)
    }

    /// Now and then the keys that count no more are taken out.
    fn forget(&mut self, clock: Clock) {
        let count = self.keyed.len();
        if !self.look.is_due(count) {
            return;
        }
        let ids = 0..u32::try_from(count).expect("ids have 32 bits");
        let live: Vec<u32> = ids.filter(|id| !self.keyed.value(*id).is_over(clock)).collect();
        if self.look.found(live.len(), count) {
            let mut before = std::mem::take(&mut self.keyed);
            let keys = Keys::of_bytes(live.iter().map(|id| before.keys().key(*id)));
            for (id, old) in self.keyed.ids_of(&keys).into_iter().zip(live) {
                *self.keyed.value_mut(id) = std::mem::take(before.value_mut(old));
            }
        }
    }

    /// What all takes in memory.
    pub fn bytes(&self) -> u64 {
        self.keyed.bytes(V::owned) + self.shelf.bytes()
    }

    /// The spills that it refers to.
    pub fn spills(&self) -> Vec<Spill> {
        self.shelf.spills()
    }

    /// What is to be saved of the keys in memory as they are now, and the bytes that follow last.
    pub fn share(&mut self, is_all_asked: bool) -> (SharedKeyed<V>, Vec<u8>) {
        let mut shelf = Writer::default();
        self.shelf.write(&mut shelf);
        (self.keyed.share(is_all_asked), shelf.bytes)
    }

    /// Reads the keys that were shared; [`Recalled::take_in`] must follow.
    pub fn read_keys(&mut self, reader: &mut Reader<'_>, is_all: bool) -> Result<Part, Unreadable> {
        self.keyed.read_keys(reader, is_all)
    }

    /// Gives values to the keys of a part, and reads what follows last.
    pub fn take_in(
        &mut self,
        part: &Part,
        values: impl IntoIterator<Item = V>,
        reader: &mut Reader<'_>,
    ) -> Result<(), Unreadable> {
        self.keyed.put(part, values);
        self.shelf = Shelf::read(reader)?;
        Ok(())
    }
}
