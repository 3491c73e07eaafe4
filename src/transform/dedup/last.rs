//! `dedup` with `keep = "last"`: one held record per key, given in the order in which they were read.

use super::Key;
use crate::error::Result;
use crate::record::Batch;
use crate::state::{Entry, KeyTable, Keys, Reader, Unreadable, Writer};
use crate::transform::shown::{ids, numbers_of};
use crate::transform::{Advanced, Context, Drained, Keeper, Shown, Stateful};
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
    keys: KeyTable,
    /// Of each key, which of all records its last one is.
    numbers: Vec<u64>,
    /// Of each key, its last record as held.
    records: Vec<Box<[u8]>>,
    /// Number of records so far.
    seen: u64,
    /// How many records were already passed on.
    drained: usize,
    /// The keys in the order of their records; made when the first one is passed on.
    order: Vec<u32>,
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
        let left = latest.order[latest.drained..].iter().map(|id| &*latest.records[*id as usize]);
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
            latest.drained = usize::try_from(count).unwrap_or(usize::MAX).min(latest.records.len());
        }
    }

    fn write(&self, _context: Context<'_>, latest: &mut Latest, out: &mut Writer) -> Result<()> {
        latest.keys.write(out);
        out.u64(latest.seen);
        out.u64s(latest.numbers.iter().copied());
        out.strings(latest.records.iter().map(|record| &**record));
        out.count(latest.drained);
        Ok(())
    }

    fn read(&self, _context: Context<'_>, reader: &mut Reader<'_>) -> Result<Latest, Unreadable> {
        let (numbers_are, records_are) = ("numbers", "records");
        let keys = KeyTable::read(reader)?;
        let seen = reader.u64(numbers_are)?;
        let numbers = reader.u64s(keys.len(), numbers_are)?;
        if numbers.iter().any(|number| *number >= seen) {
            return Err(Unreadable { what: numbers_are });
        }
        let records = reader.strings(keys.len(), records_are)?;
        if !records.iter().all(|record| self.keeper.is_held(record)) {
            return Err(Unreadable { what: records_are });
        }
        let records = records.into_iter().map(Box::from).collect();
        let drained = usize::try_from(reader.u64(numbers_are)?)
            .ok()
            .filter(|drained| *drained <= keys.len())
            .ok_or(Unreadable { what: numbers_are })?;
        Ok(Latest { keys, numbers, records, seen, drained, order: Vec::new() })
    }

    fn show(&self, latest: &Latest, entries: Range<usize>) -> Option<Shown> {
        let shown = self.key.show(&self.names, &latest.keys, entries.clone())?;
        let ids = ids(entries, latest.numbers.len());
        // Records are counted from 1 for people.
        let numbers = ids.map(|id| latest.numbers[id as usize] + 1);
        Some(shown.with("last_record", numbers_of(numbers)))
    }
}

impl Latest {
    /// Takes in the next record: its bytes, unless one of its key follows in the same batch. Whether its key is new.
    fn insert(&mut self, hash: u32, key: &[u8], record: Option<Box<[u8]>>) -> bool {
        let number = self.seen;
        self.seen += 1;
        let entry = self.keys.insert(hash, key);
        let id = entry.id() as usize;
        if let Entry::New(_) = entry {
            self.numbers.push(number);
            self.records.push(Box::default());
        }
        if let Some(record) = record {
            self.numbers[id] = number;
            self.records[id] = record;
        }
        matches!(entry, Entry::New(_))
    }

    fn settle_order(&mut self) {
        if self.order.len() != self.records.len() {
            self.order =
                (0..u32::try_from(self.records.len()).expect("ids have 32 bits")).collect();
            self.order.sort_unstable_by_key(|id| self.numbers[*id as usize]);
        }
    }
}
