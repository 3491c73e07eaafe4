//! `dedup` with `keep = "last"`: one held record per key, given in the order in which they were read.
//!
//! Where the records take more memory than there is, all of them are put on a pile. A record whose key is there already
//! is let go only at the end, when that is found; until then it counts as held.

use super::Key;
use crate::error::Result;
use crate::record::Batch;
use crate::state::{Entry, KeyTable, Keyed, Keys, Reader, Unreadable, Writer};
use crate::transform::layers::{Found, IN_ORDER, Kept, Piled, Remembered};
use crate::transform::parts::changed;
use crate::transform::shown::{Seen, Taker, in_portions, numbers_of};
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
pub type Latest = Kept<Held>;

/// A record.
#[derive(Debug, Clone, Default)]
pub struct Held {
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
            insert(latest, hash, key, record)
        });
        batch.selection.clear();
        latest.fit(self, context)?;
        Ok(Advanced::default())
    }

    fn drain(
        &self,
        context: Context<'_>,
        latest: &mut Latest,
        rows_max: usize,
    ) -> Result<Option<Batch>> {
        latest.drain(rows_max, self, &self.keeper, context)
    }

    fn drained(&self, latest: &Latest) -> Drained {
        latest.drained()
    }

    fn set_drained(&self, latest: &mut Latest, drained: &Drained) {
        latest.set_drained(drained);
    }

    fn give_again(&self, context: Context<'_>, latest: &mut Latest) {
        latest.give_again(context);
    }

    fn spills(&self, latest: &Latest) -> Vec<Spill> {
        latest.spills()
    }

    fn bytes(&self, latest: &Latest) -> u64 {
        latest.bytes()
    }

    fn freeze(
        &self,
        context: Context<'_>,
        latest: &mut Latest,
        is_all_asked: bool,
    ) -> Result<Snapshot> {
        let of_key = latest.of_key.share(is_all_asked);
        let (seen, end) = (latest.seen, latest.end(context)?);
        Ok(Snapshot::new(of_key.is_all(), move |out| {
            of_key.write_keys(out);
            out.u64(seen);
            out.u64s(of_key.values().map(|held| held.number));
            out.strings(of_key.values().map(|held| &*held.record));
            end.write(out);
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
        latest.seen = reader.number(numbers_are)?;
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
        latest.record_bytes = latest.of_key.values().map(Held::bytes).sum();
        latest.read_end(reader)
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
        in_portions(make, take, |give| {
            latest.walk(self, context.tools.spills(), |key, found| {
                let number = match found {
                    Found::InMemory(held) => Some(held.number),
                    Found::Joined(value) => {
                        value.first_chunk().map(|number| u64::from_be_bytes(*number))
                    }
                };
                give(key, number.filter(|number| *number < latest.seen).ok_or_else(changed)?)
            })
        })?;
        Ok(Seen::All)
    }
}

impl Held {
    /// Bytes of the record.
    fn bytes(&self) -> u64 {
        self.record.len() as u64
    }
}

impl Remembered for Held {
    type Place = u32;

    fn places(of_key: &Keyed<Held>) -> Vec<u32> {
        let mut ids: Vec<u32> =
            (0..u32::try_from(of_key.len()).expect("ids have 32 bits")).collect();
        ids.sort_unstable_by_key(|id| of_key.value(*id).number);
        ids
    }

    fn record(of_key: &Keyed<Held>, id: u32) -> &[u8] {
        &of_key.value(id).record
    }

    fn held(&self) -> u64 {
        1
    }

    fn write(&self, _times: u64, _id: u32, out: &mut Writer) {
        out.bytes.extend_from_slice(&self.number.to_be_bytes());
        out.bytes.extend_from_slice(&self.record);
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

/// Takes in the next record: its bytes, unless one of its key follows in the same batch. Whether its key is new.
fn insert(latest: &mut Latest, hash: u32, key: &[u8], record: Option<Box<[u8]>>) -> bool {
    let number = latest.seen;
    latest.seen += 1;
    let (entry, held) = latest.of_key.entry(hash, key);
    if let Entry::New(_) = entry {
        held.number = number;
    }
    if let Some(record) = record {
        latest.record_bytes -= held.bytes();
        *held = Held { number, record };
        latest.record_bytes += held.bytes();
    }
    matches!(entry, Entry::New(_))
}
