//! `dedup` with `ttl`: a key is forgotten when event time has gone on long enough.
//!
//! Event time is the greatest one among the records so far, in the order of the input; so what is forgotten when depends
//! on the records alone. A key is remembered from the record on that was kept for it: until event time is more than
//! `ttl` after what it was then. A record whose own time is NULL, or is long past, counts at the event time at which it
//! comes.

use super::Key;
use crate::error::Result;
use crate::record::{Batch, Column, Slot, Values};
use crate::state::{Cells, Changes, KeyTable, Keys, Pages, Part, Reader, Unreadable, Writer};
use crate::transform::event_time::{column_of, micros_of};
use crate::transform::expiry::{Clock, Expiry, Look};
use crate::transform::layers::{Asked, Entry, Layers, Wanted};
use crate::transform::parts::changed;
use crate::transform::shown::{Give, Seen, Taker, ids, in_portions};
use crate::transform::spills::{Spill, Spills};
use crate::transform::{Advanced, Context, Frozen, Snapshot, Stateful, groups};
use std::sync::Arc;

/// Keeps the first record of each key in a stretch of event time.
#[derive(Debug)]
pub struct Timed {
    /// What makes records the same.
    pub key: Key,
    /// What people know the columns of the key by.
    pub names: Vec<String>,
    /// How long a key is remembered.
    pub expiry: Expiry,
    /// Where all others are marked instead of dropped.
    pub mark: Option<Slot>,
}

/// The keys that are remembered.
#[derive(Debug)]
pub struct Remembered {
    clock: Clock,
    /// Those in memory: those that came last, and older ones that came again.
    keys: KeyTable,
    /// Of each of them what event time was at the record that was kept.
    since: Pages<i64>,
    changes: Changes,
    look: Look,
    /// All others, with the same number beside each.
    layers: Layers,
}

impl Stateful for Timed {
    type State = Remembered;
    /// The keys of the selected rows, and the times of all rows.
    type Prepared = (Keys, Arc<Column>);
    const VERSION: u32 = 1;
    const SPILLS: bool = true;

    fn new_state(&self) -> Remembered {
        Remembered::new(self.expiry.ttl)
    }

    fn prepare(&self, context: Context<'_>, batch: &mut Batch) -> (Keys, Arc<Column>) {
        let times = groups::evaluate_all([&self.expiry.time], context.step, batch);
        let keys = self.key.of(context.step, batch);
        (keys, times.into_iter().next().expect("one expression has one column"))
    }

    fn advance(
        &self,
        context: Context<'_>,
        known: &mut Remembered,
        batch: &mut Batch,
        (keys, times): (Keys, Arc<Column>),
    ) -> Result<Advanced> {
        let rows = batch.selection.iter().map(|row| micros_of(&times, *row as usize));
        let spills = context.tools.spills();
        let firsts = known.insert(&keys, rows, spills)?;
        if let Some(memory) = context.tools.memory() {
            known.spill_above(memory, spills)?;
        }
        let mut firsts = firsts.into_iter();
        let mut is_first = || firsts.next().expect("one key for each selected row");
        match self.mark {
            None => batch.retain(|_| is_first()),
            Some(slot) => {
                let mut marks = vec![false; batch.rows];
                for row in &batch.selection {
                    marks[*row as usize] = !is_first();
                }
                batch.fill(slot, Arc::new(Column::new(Values::Boolean(marks))));
            }
        }
        Ok(Advanced::default())
    }

    fn spills(&self, known: &Remembered) -> Vec<Spill> {
        known.layers.spills()
    }

    fn bytes(&self, known: &Remembered) -> u64 {
        known.bytes()
    }

    fn freeze(
        &self,
        _context: Context<'_>,
        known: &mut Remembered,
        is_all_asked: bool,
    ) -> Result<Snapshot> {
        Ok(known.freeze(is_all_asked))
    }

    fn take_in(
        &self,
        _context: Context<'_>,
        known: &mut Remembered,
        reader: &mut Reader<'_>,
        is_all: bool,
    ) -> Result<(), Unreadable> {
        let changes = if is_all { None } else { Some(Part::read(reader, known.keys.len())?) };
        known.keys.extend(reader)?;
        let part = changes.unwrap_or_else(|| Part::all(known.keys.len()));
        if known.keys.len() != part.new_ones().end {
            return Err(Unreadable { what: "keys" });
        }
        known.read_rest(&part, reader)
    }

    /// The keys that still count, with what event time was at the record that was kept.
    fn show_all(
        &self,
        context: Context<'_>,
        known: &mut Remembered,
        take: Taker<'_>,
    ) -> Result<Seen> {
        if let seen @ Seen::Not(_) = self.key.seen() {
            return Ok(seen);
        }
        let make = |keys: &[&[u8]], since: &[i64]| {
            let shown = self.key.show_keys(&self.names, keys)?;
            // Before the first record with a time there is no event time.
            let since = since.iter().map(|one| Some(*one).filter(|one| *one != i64::MIN));
            let since: Vec<Option<i64>> = since.collect();
            Some(shown.with("since", column_of(self.expiry.time.data_type(), &since)))
        };
        in_portions(make, take, |give| known.walk(context.tools.spills(), give))?;
        Ok(Seen::All)
    }
}

impl Remembered {
    fn new(ttl: i64) -> Remembered {
        Remembered {
            clock: Clock::new(ttl),
            keys: KeyTable::default(),
            since: Pages::default(),
            changes: Changes::default(),
            look: Look::default(),
            layers: Layers::new(Asked::Seldom),
        }
    }

    /// Takes in keys in their order with the time of each record, and answers which records are to be kept.
    fn insert(
        &mut self,
        keys: &Keys,
        times: impl Iterator<Item = Option<i64>>,
        spills: &dyn Spills,
    ) -> Result<Vec<bool>> {
        let known = self.keys.len();
        let ids = self.keys.insert_all(keys);
        // What layers say of those that are not in memory.
        let mut spilled: Vec<Option<i64>> = vec![None; self.keys.len() - known];
        if !self.layers.is_empty() {
            let mut next = known;
            let is_new = |(_, id): &(usize, &u32)| {
                let is_new = **id as usize == next;
                next += usize::from(is_new);
                is_new
            };
            let new = ids.iter().enumerate().filter(is_new);
            let wanted = new.map(|(place, _)| Wanted::new(place, keys.key(place))).collect();
            self.layers.find(wanted, spills, |wanted, value| {
                spilled[ids[wanted.place] as usize - known] = since_of(value);
            })?;
        }
        let mut firsts = Vec::with_capacity(ids.len());
        for (id, time) in ids.into_iter().zip(times) {
            let id = id as usize;
            self.clock.go_on(time);
            let since = match self.since.get(id) {
                Some(since) => Some(*since),
                None => spilled[id - known],
            };
            let is_first = since.is_none_or(|since| self.clock.is_over(since));
            let since = since.filter(|_| !is_first).unwrap_or(self.clock.now());
            match id < self.since.len() {
                true if is_first => {
                    *self.since.cell(id) = since;
                    self.changes.mark(id);
                }
                true => {}
                false => self.since.push(since),
            }
            firsts.push(is_first);
        }
        self.forget();
        Ok(firsts)
    }

    /// Now and then the keys that count no more are taken out.
    fn forget(&mut self) {
        if !self.look.is_due(self.keys.len()) {
            return;
        }
        let is_live = |id: &u32| !self.clock.is_over(self.since[*id as usize]);
        let ids = 0..u32::try_from(self.keys.len()).expect("ids have 32 bits");
        let live: Vec<u32> = ids.filter(is_live).collect();
        if self.look.found(live.len(), self.keys.len()) {
            let mut keys = KeyTable::default();
            keys.insert_all(&Keys::of_bytes(live.iter().map(|id| self.keys.key(*id))));
            self.since = live.iter().map(|id| self.since[*id as usize]).collect();
            (self.keys, self.changes) = (keys, Changes::default());
        }
    }

    /// Gives the keys that still count: as they came where none was spilled, else in the order of their hashes.
    fn walk(&self, spills: &dyn Spills, give: Give<'_, i64>) -> Result<()> {
        let mut give = |key: &[u8], since: i64| match self.clock.is_over(since) {
            true => Ok(()),
            false => give(key, since),
        };
        let since_of_id = |id: u32| self.since[id as usize];
        if self.layers.is_empty() {
            return ids(0..self.keys.len(), self.keys.len())
                .try_for_each(|id| give(self.keys.key(id), since_of_id(id)));
        }
        self.layers.walk(&self.keys, spills, &mut |(key, id, values)| {
            let since = id.map(since_of_id).or_else(|| since_of(values.last()?));
            give(key, since.ok_or_else(changed)?)
        })
    }

    fn bytes(&self) -> u64 {
        (self.keys.bytes() + self.since.bytes() + self.layers.bytes()) as u64
    }

    /// Where all keys take more memory than that, those that still count become a layer.
    fn spill_above(&mut self, memory: u64, spills: &dyn Spills) -> Result<()> {
        let filters = (self.layers.bytes() as u64).min(memory - memory / super::KEYS_SHARE_MIN);
        if self.bytes() - self.layers.bytes() as u64 <= memory - filters {
            return Ok(());
        }
        let (keys, since) = (std::mem::take(&mut self.keys), std::mem::take(&mut self.since));
        (self.changes, self.look) = (Changes::default(), Look::default());
        let values: Vec<[u8; 8]> = since.iter().map(|since| since.to_le_bytes()).collect();
        let clock = self.clock;
        let live = keys.by_hash().filter(|(_, id, _)| !clock.is_over(since[*id as usize]));
        let entries = live.map(|(hash, id, key)| Entry { hash, key, value: &values[id as usize] });
        let is_live = |value: &[u8]| !since_of(value).is_none_or(|since| clock.is_over(since));
        self.layers.add(entries, keys.len(), memory, &is_live, spills)
    }

    /// What is to be saved as it is now.
    fn freeze(&mut self, is_all_asked: bool) -> Snapshot {
        let len = self.keys.len();
        let part = if is_all_asked { self.changes.take_all(len) } else { self.changes.take(len) };
        let (keys, since) = (self.keys.share(&part), self.since.share(&part));
        let mut layers = Writer::default();
        self.layers.write(&mut layers);
        let is_all = part.is_all();
        let (clock, layers) = (self.clock, layers.bytes);
        let frozen = Box::new(FrozenTimes { part, keys, since, clock, layers });
        if is_all { Snapshot::Whole(frozen) } else { Snapshot::Changes(frozen) }
    }

    /// Reads what stands behind the keys.
    fn read_rest(&mut self, part: &Part, reader: &mut Reader<'_>) -> Result<(), Unreadable> {
        let what = "times";
        self.since.grow(self.keys.len(), 0);
        for (entry, since) in part.entries().zip(reader.u64s(part.count(), what)?) {
            *self.since.cell(entry) = since.cast_signed();
        }
        self.clock.read(reader)?;
        self.layers = Layers::read(Asked::Seldom, reader)?;
        self.changes = Changes::since(self.keys.len());
        Ok(())
    }
}

fn since_of(value: &[u8]) -> Option<i64> {
    Some(i64::from_le_bytes(value.try_into().ok()?))
}

/// The keys that were new at a barrier, or all, and when they were kept.
#[derive(Debug)]
struct FrozenTimes {
    part: Part,
    keys: KeyTable,
    since: Pages<i64>,
    clock: Clock,
    layers: Vec<u8>,
}

impl Frozen for FrozenTimes {
    fn write(&self, out: &mut Writer) {
        if !self.part.is_all() {
            self.part.write(out);
        }
        self.keys.write_new(&self.part, out);
        out.u64s(self.part.entries().map(|entry| self.since[entry].cast_unsigned()));
        self.clock.write(out);
        out.bytes.extend_from_slice(&self.layers);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::spills::MemorySpills;
    use proptest::prelude::*;
    use std::collections::HashMap;

    const TTL: i64 = 10;

    /// Freezes and reads back, as it is saved and restored.
    fn reborn(known: &mut Remembered, parts: &mut Vec<Vec<u8>>) -> Remembered {
        let mut out = Writer::default();
        match known.freeze(parts.is_empty()) {
            Snapshot::Whole(frozen) => {
                parts.clear();
                frozen.write(&mut out);
            }
            Snapshot::Changes(frozen) => frozen.write(&mut out),
        }
        parts.push(out.bytes);
        let mut read = Remembered::new(TTL);
        for (number, part) in parts.iter().enumerate() {
            let mut reader = Reader::new(part);
            let all = match number {
                0 => {
                    read.keys = KeyTable::read(&mut reader).expect("what was written");
                    Part::all(read.keys.len())
                }
                _ => {
                    let changed = Part::read(&mut reader, read.keys.len());
                    read.keys.extend(&mut reader).expect("what was written");
                    changed.expect("what was written")
                }
            };
            read.read_rest(&all, &mut reader).expect("what was written");
            reader.finish("last bytes").expect("nothing more");
        }
        read
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

        #[test]
        fn a_key_is_kept_again_when_event_time_has_gone_on_long_enough(
            records in prop::collection::vec((0_u16..30, prop::option::weighted(0.9, -15_i64..3)), 1..400),
            cuts in prop::collection::vec((0_usize..60, any::<bool>(), any::<bool>()), 1..30),
        ) {
            let spills = MemorySpills::default();
            let times = records.iter().zip(0..).map(|((_, time), at): (_, i64)| time.map(|time| time + at / 4));
            let times: Vec<Option<i64>> = times.collect();
            let (mut now, mut since) = (i64::MIN, HashMap::new());
            let expected: Vec<bool> = records.iter().zip(&times).map(|((key, _), time)| {
                now = now.max(time.unwrap_or(i64::MIN));
                let is_known = since.get(key).is_some_and(|since: &i64| now <= since.saturating_add(TTL));
                if !is_known {
                    since.insert(*key, now);
                }
                !is_known
            }).collect();
            let (mut known, mut found, mut at) = (Remembered::new(TTL), Vec::new(), 0);
            let mut parts = Vec::new();
            for (length, is_spilled, is_reborn) in cuts.into_iter().cycle() {
                known.look.at = known.look.at.min(40);
                let end = records.len().min(at + length + 1);
                let bytes: Vec<[u8; 2]> = records[at..end].iter().map(|(key, _)| key.to_le_bytes()).collect();
                let keys = Keys::of_bytes(bytes.iter().map(|key| &key[..]));
                let times = times[at..end].iter().copied();
                found.extend(known.insert(&keys, times, &spills).expect("memory does not fail"));
                if is_spilled {
                    known.spill_above(0, &spills).expect("memory does not fail");
                }
                if is_reborn {
                    known = reborn(&mut known, &mut parts);
                }
                at = end;
                if at == records.len() {
                    break;
                }
            }
            prop_assert_eq!(found, expected);
        }
    }
}
