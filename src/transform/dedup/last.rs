//! `dedup` with `keep = "last"`: one held record per key, given in the order in which they were read.
//!
//! Where the records take more memory than there is, all of them are put on a pile. A record whose key is there already
//! is let go only at the end, when that is found; until then it counts as held.

use super::Key;
use crate::error::Result;
use crate::record::Batch;
use crate::state::{Entry, KeyTable, Keyed, Keys, Reader, Unreadable, Writer};
use crate::transform::layers::{IN_ORDER, Pile, Piled};
use crate::transform::parts::changed;
use crate::transform::shown::{Seen, Taker, ids, in_portions, numbers_of};
use crate::transform::spills::Spill;
use crate::transform::{Advanced, Context, Drained, Keeper, Snapshot, Stateful};

/// Keeps the last record of each key.
#[derive(Debug)]
pub struct Last {
    /// What makes records the same.
    pub key: Key,
    /// What people know the columns of the key by.
    pub names: Vec<String>,
    /// Holds the records.
    pub keeper: Keeper,
}

/// The last record so far of each key.
#[derive(Debug, Default)]
pub struct Latest {
    /// The last record of each key that came since something was put on the pile.
    of_key: Keyed<Held>,
    /// The others.
    pile: Pile,
    /// Number of records so far.
    seen: u64,
    /// How many records were already passed on.
    drained: usize,
    /// The keys in the order of their records; made when the first one is passed on.
    order: Vec<u32>,
}

/// A record.
#[derive(Debug, Clone, Default)]
struct Held {
    /// Which of all records it is.
    number: u64,
    record: Box<[u8]>,
}

/// The keys of a batch's selected rows, and the record of each row behind which no other of its key stands.
#[derive(Debug)]
pub struct Prepared {
    keys: Keys,
    records: Vec<Option<Box<[u8]>>>,
}

impl Stateful for Last {
    type State = Latest;
    type Prepared = Prepared;
    const VERSION: u32 = 1;
    const DRAINS_AHEAD: bool = true;
    const SPILLS: bool = true;

    fn new_state(&self) -> Latest {
        Latest::default()
    }

    fn prepare(&self, context: Context<'_>, batch: &mut Batch) -> Prepared {
        let keys = self.key.of(context.step, batch);
        let mut of_batch = KeyTable::default();
        let mut last_of_key = Vec::new();
        for (place, (hash, key)) in keys.iter().enumerate() {
            match of_batch.insert(hash, key) {
                Entry::New(_) => last_of_key.push(place),
                Entry::Known(id) => last_of_key[id as usize] = place,
            }
        }
        let mut records = vec![None; keys.len()];
        for place in last_of_key {
            let mut record = Vec::new();
            self.keeper.write(batch, batch.selection[place], &mut record);
            records[place] = Some(record.into_boxed_slice());
        }
        Prepared { keys, records }
    }

    /// A record that takes the place of an earlier one stands for it among those that were let go.
    fn advance(
        &self,
        context: Context<'_>,
        latest: &mut Latest,
        batch: &mut Batch,
        prepared: Prepared,
    ) -> Result<Advanced> {
        let mut of_row = prepared.keys.iter().zip(prepared.records);
        batch.retain(|_| {
            let ((hash, key), record) = of_row.next().expect("one key for each selected row");
            latest.insert(hash, key, record)
        });
        batch.selection.clear();
        let bytes = latest.of_key.bytes(|held| held.record.len());
        if context.tools.memory().is_some_and(|memory| bytes > memory) {
            self.put_away(latest, context)?;
        }
        Ok(Advanced::default())
    }

    fn drain(
        &self,
        context: Context<'_>,
        latest: &mut Latest,
        rows_max: usize,
    ) -> Result<Option<Batch>> {
        if !latest.pile.is_empty() {
            return self.drain_pile(context, latest, rows_max);
        }
        latest.settle_order();
        let order = latest.order[latest.drained..].iter();
        let left = order.map(|id| &*latest.of_key.value(*id).record);
        let records = Keeper::first_batch(left, rows_max);
        if records.is_empty() {
            return Ok(None);
        }
        latest.drained += records.len();
        self.keeper.batch(&records, context.tools).map(Some)
    }

    fn drained(&self, latest: &Latest) -> Drained {
        match latest.pile.is_empty() {
            true => Drained(vec![latest.drained as u64]),
            false => latest.pile.drained(),
        }
    }

    fn set_drained(&self, latest: &mut Latest, drained: &Drained) {
        if !latest.pile.is_empty() {
            latest.pile.set_drained(drained);
        } else if let [count] = *drained.0 {
            latest.drained = usize::try_from(count).unwrap_or(usize::MAX).min(latest.of_key.len());
        }
    }

    fn give_again(&self, context: Context<'_>, latest: &mut Latest) {
        latest.drained = 0;
        latest.order.clear();
        latest.pile.give_again(context);
    }

    fn spills(&self, latest: &Latest) -> Vec<Spill> {
        latest.pile.spills()
    }

    fn bytes(&self, latest: &Latest) -> u64 {
        latest.of_key.bytes(|held| held.record.len()) + latest.pile.bytes()
    }

    fn freeze(
        &self,
        context: Context<'_>,
        latest: &mut Latest,
        is_all_asked: bool,
    ) -> Result<Snapshot> {
        let of_key = latest.of_key.share(is_all_asked);
        let (seen, drained) = (latest.seen, latest.drained);
        let mut pile = Writer::default();
        latest.pile.write(&mut pile, context)?;
        Ok(Snapshot::new(of_key.is_all(), move |out| {
            of_key.write_keys(out);
            out.u64(seen);
            out.u64s(of_key.values().map(|held| held.number));
            out.strings(of_key.values().map(|held| &*held.record));
            out.count(drained);
            out.bytes.extend_from_slice(&pile.bytes);
        }))
    }

    fn take_in(
        &self,
        _context: Context<'_>,
        latest: &mut Latest,
        reader: &mut Reader<'_>,
        is_all: bool,
    ) -> Result<(), Unreadable> {
        let (numbers_are, records_are) = ("numbers", "records");
        let part = latest.of_key.read_keys(reader, is_all)?;
        latest.seen = reader.u64(numbers_are)?;
        let numbers = reader.u64s(part.count(), numbers_are)?;
        if numbers.iter().any(|number| *number >= latest.seen) {
            return Err(Unreadable { what: numbers_are });
        }
        let records = reader.strings(part.count(), records_are)?;
        if !records.iter().all(|record| self.keeper.is_held(record)) {
            return Err(Unreadable { what: records_are });
        }
        let held = |(number, record): (u64, &[u8])| Held { number, record: record.into() };
        latest.of_key.put(&part, numbers.into_iter().zip(records).map(held));
        let drained = usize::try_from(reader.u64(numbers_are)?).ok();
        let drained = drained.filter(|drained| *drained <= latest.of_key.len());
        latest.drained = drained.ok_or(Unreadable { what: numbers_are })?;
        latest.pile = Pile::read(reader)?;
        Ok(())
    }

    fn show_all(&self, context: Context<'_>, latest: &mut Latest, take: Taker<'_>) -> Result<Seen> {
        if let seen @ Seen::Not(_) = self.key.seen() {
            return Ok(seen);
        }
        if latest.pile.has_no_keys() {
            return Ok(Seen::Not(IN_ORDER));
        }
        let make = |keys: &[&[u8]], numbers: &[u64]| {
            let shown = self.key.show_keys(&self.names, keys)?;
            // Records are counted from 1 for people.
            Some(shown.with("last_record", numbers_of(numbers.iter().map(|one| one + 1))))
        };
        let Latest { of_key, pile, .. } = latest;
        in_portions(make, take, |give| {
            if pile.is_empty() {
                let pairs = ids(0..of_key.len(), of_key.len());
                return pairs
                    .zip(of_key.values())
                    .try_for_each(|(id, held)| give(of_key.keys().key(id), held.number));
            }
            let in_memory =
                (of_key.keys(), |id: u32, out: &mut Writer| of_key.value(id).write(out));
            pile.walk(in_memory, self, context.tools.spills(), &mut |key, value| {
                let number = value.first_chunk().ok_or_else(changed)?;
                give(key, u64::from_be_bytes(*number))
            })
        })?;
        Ok(Seen::All)
    }
}

impl Held {
    /// As a value of the pile.
    fn write(&self, out: &mut Writer) {
        out.bytes.extend_from_slice(&self.number.to_be_bytes());
        out.bytes.extend_from_slice(&self.record);
    }
}

impl Last {
    /// The records in memory go on the pile.
    fn put_away(&self, latest: &mut Latest, context: Context<'_>) -> Result<()> {
        let of_key = std::mem::take(&mut latest.of_key);
        latest.order.clear();
        let write = |id: u32, out: &mut Writer| of_key.value(id).write(out);
        latest.pile.put(of_key.keys(), of_key.len() as u64, write, self, context)
    }

    fn drain_pile(
        &self,
        context: Context<'_>,
        latest: &mut Latest,
        rows_max: usize,
    ) -> Result<Option<Batch>> {
        if !latest.of_key.is_empty() {
            self.put_away(latest, context)?;
        }
        latest.pile.drain(rows_max, self, &self.keeper, context)
    }
}

/// A value is the number of the record, with its largest digit first, and the record.
impl Piled for Last {
    fn join(&self, values: &[&[u8]], out: &mut Vec<u8>) -> Option<()> {
        out.extend_from_slice(values.last()?);
        Some(())
    }

    fn records(&self, value: &[u8], give: &mut dyn FnMut(&[u8], &[u8])) -> Option<()> {
        let (number, record) = value.split_first_chunk::<8>()?;
        give(number, record);
        Some(())
    }
}

impl Latest {
    /// Takes in the next record: its bytes, unless one of its key follows in the same batch. Whether its key is new.
    fn insert(&mut self, hash: u32, key: &[u8], record: Option<Box<[u8]>>) -> bool {
        let number = self.seen;
        self.seen += 1;
        let (entry, held) = self.of_key.entry(hash, key);
        if let Entry::New(_) = entry {
            held.number = number;
        }
        if let Some(record) = record {
            *held = Held { number, record };
        }
        matches!(entry, Entry::New(_))
    }

    fn settle_order(&mut self) {
        if self.order.len() != self.of_key.len() {
            self.order = (0..u32::try_from(self.of_key.len()).expect("ids have 32 bits")).collect();
            self.order.sort_unstable_by_key(|id| self.of_key.value(*id).number);
        }
    }
}
