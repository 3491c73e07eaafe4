//! `dedup` with `keep = "last"`: one held record per key, given in the order in which they were read.

use super::Key;
use crate::error::Result;
use crate::record::Batch;
use crate::state::{Entry, KeyTable, Keyed, Keys, Reader, Unreadable};
use crate::transform::shown::{ids, numbers_of};
use crate::transform::{Advanced, Context, Drained, Keeper, Shown, Snapshot, Stateful};
use std::ops::Range;

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
    /// The last record of each key.
    of_key: Keyed<Held>,
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
        _context: Context<'_>,
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
        Ok(Advanced::default())
    }

    fn drain(
        &self,
        context: Context<'_>,
        latest: &mut Latest,
        rows_max: usize,
    ) -> Result<Option<Batch>> {
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
        Drained(vec![latest.drained as u64])
    }

    fn set_drained(&self, latest: &mut Latest, drained: &Drained) {
        if let [count] = *drained.0 {
            latest.drained = usize::try_from(count).unwrap_or(usize::MAX).min(latest.of_key.len());
        }
    }

    fn bytes(&self, latest: &Latest) -> u64 {
        latest.of_key.bytes(|held| held.record.len())
    }

    fn freeze(
        &self,
        _context: Context<'_>,
        latest: &mut Latest,
        is_all_asked: bool,
    ) -> Result<Snapshot> {
        let of_key = latest.of_key.share(is_all_asked);
        let (seen, drained) = (latest.seen, latest.drained);
        Ok(Snapshot::new(of_key.is_all(), move |out| {
            of_key.write_keys(out);
            out.u64(seen);
            out.u64s(of_key.values().map(|held| held.number));
            out.strings(of_key.values().map(|held| &*held.record));
            out.count(drained);
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
        Ok(())
    }

    fn show(&self, latest: &Latest, entries: Range<usize>) -> Option<Shown> {
        let keys = latest.of_key.keys();
        let shown = self.key.show(&self.names, keys, entries.clone())?;
        // Records are counted from 1 for people.
        let number = |id| latest.of_key.value(id).number + 1;
        Some(shown.with("last_record", numbers_of(ids(entries, keys.len()).map(number))))
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
