//! All that a `window` remembers: keys with what each call remembers of them, and the records that wait.
//!
//! Keys that have no room in memory are on a shelf, and come back when they are asked for. The keys of records that wait
//! stay, since those are in memory as well.

use super::memory::{self, Memory};
use super::queue::Queue;
use super::reach_ahead;
use crate::error::Result;
use crate::expr::window::WindowCall;
use crate::state::{Keyed, Keys, Part, Reader, SharedKeyed, Unreadable, Writer};
use crate::transform::layers::Shelf;
use crate::transform::spills::{Spill, Spills};

/// What is remembered.
#[derive(Debug)]
pub struct Remembered {
    /// The keys in memory.
    keys: Keyed<()>,
    /// One for each call.
    pub calls: Vec<Box<dyn Memory>>,
    /// The records that wait.
    pub queue: Queue,
    /// All other keys.
    shelf: Shelf,
}

impl Remembered {
    /// What is remembered before the first record.
    pub fn new(calls: &[WindowCall]) -> Remembered {
        Remembered {
            keys: Keyed::default(),
            calls: calls.iter().map(memory::new).collect(),
            queue: Queue::default(),
            shelf: Shelf::default(),
        }
    }

    /// Finds or adds keys in their order, with what is remembered of them, and answers their ids. They hold until the next
    /// [`Remembered::put_away_above`].
    pub fn ids_of(
        &mut self,
        calls: &[WindowCall],
        keys: &Keys,
        spills: &dyn Spills,
    ) -> Result<Vec<u32>> {
        let known = self.keys.len();
        let ids = self.keys.ids_of(keys);
        self.calls.iter_mut().for_each(|memory| memory.grow(self.keys.len()));
        let memories = &mut self.calls;
        self.shelf.recall(keys, &ids, known, spills, |id, reader| {
            let of_key = only(id);
            let mut pairs = calls.iter().zip(&mut *memories);
            pairs.try_for_each(|(call, memory)| memory.take_in(call, reader, &of_key))
        })?;
        Ok(ids)
    }

    /// Where the keys take more memory than that, they go on the shelf.
    pub fn put_away_above(
        &mut self,
        calls: &[WindowCall],
        memory: u64,
        spills: &dyn Spills,
    ) -> Result<()> {
        if !self.shelf.is_wanted(self.bytes_of_keys(), self.queue.bytes(), memory) {
            return Ok(());
        }
        let keys = std::mem::take(&mut self.keys);
        let waiting = self.queue.keys(keys.len());
        let write = |id, out: &mut Writer| {
            self.calls.iter().for_each(|memory| memory.write(&only(id), out));
        };
        let stays = |id: u32| waiting[id as usize];
        self.shelf.put(keys.keys(), stays, write, memory, spills)?;
        let ids = (0_u32..).zip(&waiting).filter(|(_, is_waiting)| **is_waiting);
        let stay: Vec<u32> = ids.map(|(id, _)| id).collect();
        self.keys.ids_of(&Keys::of_bytes(stay.iter().map(|id| keys.keys().key(*id))));
        for (call, memory) in calls.iter().zip(&mut self.calls) {
            memory.keep(call, &stay);
        }
        self.queue.renumber(&stay);
        self.shelf.set_stayed(self.bytes_of_keys());
        Ok(())
    }

    fn bytes_of_keys(&self) -> u64 {
        let calls: usize = self.calls.iter().map(|memory| memory.bytes()).sum();
        self.keys.bytes(|()| 0) + calls as u64
    }

    /// What all takes in memory.
    pub fn bytes(&self) -> u64 {
        self.bytes_of_keys() + self.queue.bytes() + self.shelf.bytes()
    }

    /// The spills that it refers to.
    pub fn spills(&self) -> Vec<Spill> {
        self.shelf.spills()
    }

    /// What is to be saved of it as it is now.
    pub fn share(&mut self, is_all_asked: bool) -> Shared {
        let keys = self.keys.share(is_all_asked);
        let calls = self.calls.iter_mut().map(|memory| memory.share(keys.part())).collect();
        // What waits is bounded by the step's memory, and there are never many layers.
        let mut rest = Writer::default();
        self.queue.write(&mut rest);
        self.shelf.write(&mut rest);
        Shared { keys, calls, rest: rest.bytes }
    }

    /// Takes in what [`Shared::write`] wrote; `reach` is the farthest that a call looks ahead.
    pub fn take_in(
        &mut self,
        calls: &[WindowCall],
        reach: usize,
        reader: &mut Reader<'_>,
        is_all: bool,
    ) -> Result<(), Unreadable> {
        let part = self.keys.read_keys(reader, is_all)?;
        for (call, memory) in calls.iter().zip(&mut self.calls) {
            memory.take_in(call, reader, &part)?;
        }
        let leads = calls.iter().filter(|call| reach_ahead(call).is_some());
        self.queue = Queue::read(reader, self.keys.len(), reach, &leads.collect::<Vec<_>>())?;
        self.shelf = Shelf::read(reader)?;
        self.keys.put(&part, []);
        Ok(())
    }
}

/// A part of one key.
fn only(id: u32) -> Part {
    let id = id as usize;
    Part::new_from(id, id + 1)
}

/// What was remembered at a barrier, as far as it is to be written.
#[derive(Debug)]
pub struct Shared {
    keys: SharedKeyed<()>,
    calls: Vec<Box<dyn Memory>>,
    rest: Vec<u8>,
}

impl Shared {
    /// Whether it is all.
    pub fn is_all(&self) -> bool {
        self.keys.is_all()
    }

    /// Appends it.
    pub fn write(&self, out: &mut Writer) {
        self.keys.write_keys(out);
        self.calls.iter().for_each(|memory| memory.write(self.keys.part(), out));
        out.bytes.extend_from_slice(&self.rest);
    }
}
