//! The records that wait for later ones of their key, in input order.
//!
//! Where keys are forgotten, a record that waits for one that came too late is complete without it.
//!
//! Invariant: a record is released as soon as it and all before it are complete, so the queue is a function of the records
//! alone.

use crate::error::Result;
use crate::expr::window::WindowCall;
use crate::state::{Reader, Stored, Unreadable, Writer};
use crate::transform::expiry::{Arrival, Clock};
use std::collections::VecDeque;

/// A record that waits.
#[derive(Debug)]
pub struct Pending {
    key: u32,
    /// The record as held.
    pub record: Box<[u8]>,
    /// What the calls that look ahead have found so far, or their defaults.
    pub leads: Box<[Stored]>,
    /// Whether all that the calls look for was found.
    is_complete: bool,
}

/// For so many numbers there is room as soon as a key has one.
const OPEN_MIN: usize = 4;

/// The records that wait.
#[derive(Debug, Default)]
pub struct Queue {
    pending: VecDeque<Pending>,
    /// Number of records that were released.
    released: u64,
    /// Of each key, the numbers of its records that are not complete.
    open: Vec<VecDeque<u64>>,
    /// Bytes of the records and of what was found for them.
    bytes: u64,
    /// How many records were given after the last one of the input.
    pub drained: usize,
    /// Where keys are forgotten, of each record that waits, what event time was when it came, or a rejected one behind it.
    times: VecDeque<i64>,
    /// As of the last record; not a part of the state.
    clock: Option<Clock>,
}

impl Pending {
    /// A record for which nothing was found yet.
    pub fn new(key: u32, record: Box<[u8]>, leads: Box<[Stored]>) -> Pending {
        Pending { key, record, leads, is_complete: false }
    }

    fn bytes(&self) -> u64 {
        let leads: usize = self.leads.iter().map(Stored::heap_bytes).sum();
        let own = size_of::<Pending>() + self.leads.len() * size_of::<Stored>();
        (own + self.record.len() + leads) as u64
    }
}

impl Queue {
    /// Appends a record; `values` are what the calls look for, each so many records ahead of another as `reaches` says,
    /// and none farther than `reach`.
    pub fn push(&mut self, pending: Pending, values: Vec<Stored>, reaches: &[usize], reach: usize) {
        let key = pending.key as usize;
        if self.open.len() <= key {
            self.open.resize_with(key + 1, VecDeque::new);
        }
        let open = &mut self.open[key];
        for (lead, (value, distance)) in values.into_iter().zip(reaches).enumerate() {
            let Some(place) = open.len().checked_sub(*distance) else { continue };
            let waiting = &mut self.pending[index(open[place] - self.released)];
            self.bytes -= waiting.leads[lead].heap_bytes() as u64;
            self.bytes += value.heap_bytes() as u64;
            waiting.leads[lead] = value;
        }
        if open.len() == reach
            && let Some(number) = open.pop_front()
        {
            self.pending[index(number - self.released)].is_complete = true;
        }
        open.push_back(self.released + self.pending.len() as u64);
        self.bytes += pending.bytes();
        self.pending.push_back(pending);
        self.times.extend(self.clock.map(Clock::now));
    }

    /// Where keys are forgotten, it is told of each record before it is pushed, and of those that are not pushed: the latter
    /// do not wait, but their keys are remembered for longer.
    pub fn arrive(&mut self, key: u32, arrival: Arrival) {
        self.clock = Some(arrival.clock);
        let Some(open) = self.open.get_mut(key as usize) else { return };
        if arrival.is_anew {
            for number in open.drain(..) {
                self.pending[index(number - self.released)].is_complete = true;
            }
        } else if let Some(number) = open.back() {
            self.times[index(number - self.released)] = arrival.clock.now();
        }
    }

    /// Bytes of the records, and of what was found for them.
    pub fn bytes_of_records(&self) -> u64 {
        self.bytes
    }

    /// Bytes of all.
    pub fn bytes(&self) -> u64 {
        let of_key = size_of::<VecDeque<u64>>() + OPEN_MIN * size_of::<u64>();
        let numbers = (self.pending.len() + self.times.len()) * size_of::<u64>();
        self.bytes + (self.open.len() * of_key + numbers) as u64
    }

    /// Of each of so many keys, whether a record of it is here.
    pub fn keys(&self, count: usize) -> Vec<bool> {
        let mut are_here = vec![false; count];
        self.pending.iter().for_each(|one| are_here[one.key as usize] = true);
        are_here
    }

    /// Only these keys are left, and their ids are their places from now on; they are sorted.
    pub fn renumber(&mut self, keys: &[u32]) {
        let all_here = "the key of a record that waits is left";
        for one in &mut self.pending {
            let place = keys.binary_search(&one.key).expect(all_here);
            one.key = u32::try_from(place).expect("there are no more keys than before");
        }
        let mut open = std::mem::take(&mut self.open);
        let mut taken = |key: &u32| open.get_mut(*key as usize).map(std::mem::take);
        self.open = keys.iter().map(|key| taken(key).unwrap_or_default()).collect();
    }

    /// Takes the first record, if it is complete, or its key counts no more.
    pub fn pop(&mut self) -> Option<Pending> {
        let front = self.pending.front()?;
        if !front.is_complete {
            let clock = self.clock?;
            let open = &mut self.open[front.key as usize];
            let last = index(open.back()? - self.released);
            if !clock.is_over(self.times[last]) {
                return None;
            }
            open.pop_front();
        }
        let pending = self.pending.pop_front()?;
        self.times.pop_front();
        self.released += 1;
        self.bytes -= pending.bytes();
        Some(pending)
    }

    /// The records that were not yet given after the last one of the input.
    pub fn left(&self) -> impl Iterator<Item = &Pending> + Clone {
        self.pending.range(self.drained..)
    }

    /// Goes back to where it was.
    pub fn set_drained(&mut self, drained: usize) {
        self.drained = drained.min(self.pending.len());
    }

    /// Appends the queue.
    pub fn write(&self, out: &mut Writer) {
        out.count(self.pending.len());
        out.u64s(self.pending.iter().map(|one| u64::from(one.key)));
        out.flags(self.pending.iter().map(|one| one.is_complete));
        out.strings(self.pending.iter().map(|one| &*one.record));
        let leads = self.pending.iter().flat_map(|one| &one.leads);
        leads.for_each(|value| value.write(out));
        out.count(self.drained);
        out.u64s(self.times.iter().map(|time| time.cast_unsigned()));
    }

    /// Reads what [`Queue::write`] wrote, for so many keys and these calls that look ahead.
    pub fn read(
        reader: &mut Reader<'_>,
        keys: usize,
        reach: usize,
        leads: &[&WindowCall],
    ) -> Result<Queue, Unreadable> {
        let unreadable = Unreadable { what: "records" };
        let count = reader.count(8, unreadable.what)?;
        let key_of_each = reader.u64s(count, unreadable.what)?;
        let complete = reader.flags(count, unreadable.what)?;
        let records = reader.strings(count, unreadable.what)?;
        let mut queue = Queue::default();
        queue.open.resize_with(keys, VecDeque::new);
        for ((key, is_complete), record) in key_of_each.into_iter().zip(complete).zip(records) {
            let open = usize::try_from(key).ok().and_then(|key| queue.open.get_mut(key));
            let open = open.ok_or(unreadable.clone())?;
            if !is_complete {
                open.push_back(queue.pending.len() as u64);
            } else if !open.is_empty() {
                return Err(unreadable);
            }
            if open.len() > reach {
                return Err(unreadable);
            }
            let found = leads.iter().map(|call| Stored::read(reader, call.data_type));
            let leads = found.collect::<Result<_, _>>()?;
            let key = u32::try_from(key).map_err(|_| unreadable.clone())?;
            let pending = Pending { key, record: record.into(), leads, is_complete };
            queue.bytes += pending.bytes();
            queue.pending.push_back(pending);
        }
        queue.drained = usize::try_from(reader.u64(unreadable.what)?)
            .ok()
            .filter(|drained| *drained <= count)
            .ok_or(unreadable)?;
        Ok(queue)
    }

    /// Reads on where keys are forgotten.
    pub fn read_times(&mut self, reader: &mut Reader<'_>) -> Result<(), Unreadable> {
        let times = reader.u64s(self.pending.len(), "times")?;
        self.times = times.into_iter().map(u64::cast_signed).collect();
        Ok(())
    }
}

fn index(offset: u64) -> usize {
    usize::try_from(offset).expect("the queue is in memory")
}
