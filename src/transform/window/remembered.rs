//! All that a `window` remembers: keys with what each call remembers of them, and the records that wait.
//!
//! Keys that have no room in memory are on a shelf, and come back when they are asked for. The keys of records that wait
//! stay, since those are in memory as well. Where keys are forgotten, those that count no more are taken out now and then,
//! and are not put on the shelf.

use super::memory::{self, Memory, Rows};
use super::queue::Queue;
use super::reach_ahead;
use crate::error::Result;
use crate::expr::window::WindowCall;
use crate::record::Column;
use crate::state::{Keyed, Keys, Part, Reader, SharedKeyed, Unreadable, Writer};
use crate::transform::event_time::micros_of;
use crate::transform::expiry::{Look, Times};
use crate::transform::layers::{GiveBytes, OnShelf, Shelf};
use crate::transform::shown::ids;
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
    /// Of the keys in memory, where keys are forgotten.
    times: Option<Times>,
    /// All other keys.
    shelf: Shelf,
    look: Look,
}

impl Remembered {
    /// What is remembered before the first record; with `ttl`, so many microseconds of event time long.
    pub fn new(calls: &[WindowCall], ttl: Option<i64>) -> Remembered {
        Remembered {
            keys: Keyed::default(),
            calls: calls.iter().map(memory::new).collect(),
            queue: Queue::default(),
            times: ttl.map(Times::new),
            shelf: Shelf::default(),
            look: Look::default(),
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
        self.times.iter_mut().for_each(|times| times.grow(self.keys.len()));
        let (memories, all_times) = (&mut self.calls, &mut self.times);
        self.shelf.recall(keys, &ids, known, spills, |id, reader| {
            let of_key = only(id);
            let mut pairs = calls.iter().zip(&mut *memories);
            pairs.try_for_each(|(call, memory)| memory.take_in(call, reader, &of_key))?;
            all_times.iter_mut().try_for_each(|times| times.take_in(&of_key, reader))
        })?;
        Ok(ids)
    }

    /// Rows whose keys have these ids, taken in at their times where keys are forgotten.
    pub fn arrive(&mut self, ids: Vec<u32>, rows: &[u32], moments: Option<&Column>) -> Rows {
        let pairs: Vec<(u32, u32)> = ids.into_iter().zip(rows.iter().copied()).collect();
        let arrivals = match (&mut self.times, moments) {
            (Some(times), Some(moments)) => {
                let arrive =
                    |(id, row): &(u32, u32)| times.arrive(*id, micros_of(moments, *row as usize));
                pairs.iter().map(arrive).collect()
            }
            _ => Vec::new(),
        };
        Rows { pairs, arrivals }
    }

    /// Where the keys take more memory than that, they go on the shelf.
    pub fn put_away_above(
        &mut self,
        calls: &[WindowCall],
        memory: Option<u64>,
        spills: &dyn Spills,
    ) -> Result<()> {
        self.forget(calls);
        let Some(memory) = memory else { return Ok(()) };
        if !self.shelf.is_wanted(self.bytes_of_keys(), self.queue.bytes(), memory) {
            return Ok(());
        }
        let waiting = self.queue.keys(self.keys.len());
        let times = self.times.as_ref();
        let write = |id, out: &mut Writer| {
            self.calls.iter().for_each(|memory| memory.write(&only(id), out));
            times.iter().for_each(|times| times.write(&only(id), out));
        };
        let is_over = |id| times.is_some_and(|times| times.is_over(id));
        let goes = |id: u32| !waiting[id as usize] && !is_over(id);
        let clock = times.map(Times::clock);
        self.shelf.put(self.keys.keys(), goes, write, (memory, clock), spills)?;
        let ids = (0_u32..).zip(&waiting).filter(|(_, is_waiting)| **is_waiting);
        self.keep(calls, &ids.map(|(id, _)| id).collect::<Vec<u32>>());
        self.shelf.set_stayed(self.bytes_of_keys());
        Ok(())
    }

    /// Now and then the keys that count no more are taken out, but for those of records that wait.
    fn forget(&mut self, calls: &[WindowCall]) {
        let count = self.keys.len();
        let Some(times) = self.times.as_ref().filter(|_| self.look.is_due(count)) else { return };
        let ids = (0_u32..).zip(self.queue.keys(count));
        let live = ids.filter(|(id, is_waiting)| *is_waiting || !times.is_over(*id));
        let live: Vec<u32> = live.map(|(id, _)| id).collect();
        if self.look.found(live.len(), count) {
            self.keep(calls, &live);
        }
    }

    /// Keeps these keys in memory alone, whose ids are their places from now on.
    fn keep(&mut self, calls: &[WindowCall], ids: &[u32]) {
        let keys = std::mem::take(&mut self.keys);
        self.keys.ids_of(&Keys::of_bytes(ids.iter().map(|id| keys.keys().key(*id))));
        for (call, memory) in calls.iter().zip(&mut self.calls) {
            memory.keep(call, ids);
        }
        self.times.iter_mut().for_each(|times| times.keep(ids));
        self.queue.renumber(ids);
    }

    fn bytes_of_keys(&self) -> u64 {
        let calls: usize = self.calls.iter().map(|memory| memory.bytes()).sum();
        let times = self.times.as_ref().map_or(0, Times::bytes);
        self.keys.bytes(|()| 0) + (calls + times) as u64
    }

    /// Gives all keys with what is remembered of each: as they came where all are in memory, else in the order of their
    /// hashes.
    pub fn walk(&self, spills: &dyn Spills, take: GiveBytes<'_>) -> Result<()> {
        let mut out = Writer::default();
        let mut take_id = |id: u32, take: GiveBytes<'_>| {
            if self.times.as_ref().is_some_and(|times| times.is_over(id)) {
                return Ok(());
            }
            out.bytes.clear();
            self.calls.iter().for_each(|memory| memory.write(&only(id), &mut out));
            self.times.iter().for_each(|times| times.write(&only(id), &mut out));
            take(self.keys.keys().key(id), &out.bytes)
        };
        if self.shelf.is_empty() {
            return ids(0..self.keys.len(), self.keys.len()).try_for_each(|id| take_id(id, take));
        }
        let clock = self.times.as_ref().map(Times::clock);
        self.shelf.walk(self.keys.keys(), spills, &mut |key, found| match found {
            OnShelf::No(id) => take_id(id, take),
            OnShelf::Yes(bytes) if clock.is_some_and(|clock| clock.is_value_over(bytes)) => Ok(()),
            OnShelf::Yes(bytes) => take(key, bytes),
        })
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
        let times = self.times.as_mut().map(|times| times.share(keys.part()));
        // What waits is bounded by the step's memory, and there are never many layers.
        let mut rest = Writer::default();
        self.times.iter().for_each(|times| times.clock().write(&mut rest));
        self.queue.write(&mut rest);
        self.shelf.write(&mut rest);
        Shared { keys, calls, times, rest: rest.bytes }
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
        if let Some(times) = &mut self.times {
            times.take_in(&part, reader)?;
            times.read_clock(reader)?;
        }
        let leads = calls.iter().filter(|call| reach_ahead(call).is_some());
        self.queue = Queue::read(reader, self.keys.len(), reach, &leads.collect::<Vec<_>>())?;
        if self.times.is_some() {
            self.queue.read_times(reader)?;
        }
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
    times: Option<Times>,
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
        self.times.iter().for_each(|times| times.write(self.keys.part(), out));
        out.bytes.extend_from_slice(&self.rest);
    }
}
