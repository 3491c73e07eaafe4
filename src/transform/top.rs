//! `top`: the first few records of each key in some order.
//!
//! ```toml
//! [[transform]]
//! top = { by = ["country"], order = ["amount DESC", "id"], n = 3 }
//! ```
//!
//! Without `by` all records are of one key. Of records that are equal in that order the one that was read first comes first;
//! NULLs come last unless an item says `NULLS FIRST`. The records leave whole when the input has ended: keys as they
//! were first seen, the records of a key in order. So many records of each key are held; those beyond the memory that
//! `[state]` gives are spilled, and merged at the end, where those of one key are in memory at one time.

use super::binder::{Binder, Bound, read_by};
use super::layers::{Found, IN_ORDER, Kept, Piled, Remembered};
use super::parts::changed;
use super::shown::{in_portions, numbers_of};
use super::spills::Spill;
use super::{
    Action, Advanced, Context, Drained, Keeper, Seen, Shown, Snapshot, Stateful, Taker, groups,
};
use crate::error::{Diagnostic, Result, Sql};
use crate::expr::{self, Expression};
use crate::record::{Batch, DataType, Order};
use crate::state::{KeyTable, Keyed, Keys, OrderKeys, Reader, Unreadable, Writer};

/// A `top` as the job file describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Key expressions; none for one key.
    pub by: Vec<Sql>,
    /// Items of an ORDER BY.
    pub order: Vec<Sql>,
    /// How many records of each key stay.
    pub records: usize,
}

#[derive(Debug)]
struct Top {
    by: Vec<Expression>,
    /// What people know the keys by.
    names: Vec<String>,
    order: Vec<(Expression, Order)>,
    records: usize,
    keeper: Keeper,
}

/// The first records so far of each key.
type Best = Kept<OfKey>;

/// The first records so far of a key.
#[derive(Debug, Clone, Default)]
pub struct OfKey {
    /// In order.
    ranked: Vec<Ranked>,
    /// How many records it had so far, as far as that counts. Within a batch it can have fewer of them in `ranked`: the
    /// better ones come behind.
    count: usize,
}

/// A held record, first by its order key, then by when it was read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Ranked {
    order: Box<[u8]>,
    /// Which of all records it is.
    number: u64,
    record: Box<[u8]>,
}

/// The keys of a batch's selected rows, and order key and record of those that are among the first ones of the batch.
#[derive(Debug)]
pub struct Prepared {
    keys: Keys,
    records: Vec<Option<Candidate>>,
}

/// The order key and the bytes of a record.
#[derive(Debug)]
struct Candidate {
    order: Box<[u8]>,
    record: Box<[u8]>,
}

/// Binds a `top`.
pub fn bind(settings: &Settings, binder: &mut Binder<'_>) -> Result<Bound, Vec<Diagnostic>> {
    let by = binder.scalars(&settings.by, "top");
    let order = expr::bind_order(&settings.order, &mut binder.scope("top"));
    let (by, order) = match (by, order) {
        (Ok(by), Ok(order)) => (by, order),
        (by, order) => {
            return Err([by.err(), order.err()].into_iter().flatten().flatten().collect());
        }
    };
    let order: Vec<(Expression, Order)> =
        order.into_iter().map(|key| (key.expression, key.order)).collect();
    let reads = read_by(by.iter().chain(order.iter().map(|(expression, _)| expression)));
    let keeper = Keeper::new(&binder.layout, binder.slots);
    let names = settings.by.iter().map(|sql| sql.text.clone()).collect();
    let top = Top { by, names, order, records: settings.records, keeper };
    Ok(Bound { reads, action: Action::stateful(top) })
}

impl Stateful for Top {
    type State = Best;
    type Prepared = Prepared;
    const VERSION: u32 = 1;
    const DRAINS_AHEAD: bool = true;
    const SPILLS: bool = true;

    fn new_state(&self) -> Best {
        Best::default()
    }

    fn prepare(&self, context: Context<'_>, batch: &mut Batch) -> Prepared {
        let by = groups::evaluate_all(&self.by, context.step, batch);
        let order = self.order.iter().map(|(expression, _)| expression);
        let columns = groups::evaluate_all(order, context.step, batch);
        let orders: Vec<Order> = self.order.iter().map(|(_, order)| *order).collect();
        let keys = Keys::of_columns(&by, &batch.selection);
        let order_keys = OrderKeys::of_columns(&columns, &orders, &batch.selection);
        let mut of_batch = KeyTable::default();
        let mut places: Vec<Vec<usize>> = Vec::new();
        for (place, (hash, key)) in keys.iter().enumerate() {
            let id = of_batch.insert(hash, key).id() as usize;
            places.resize_with(of_batch.len(), Vec::new);
            places[id].push(place);
        }
        let mut records: Vec<Option<Candidate>> = (0..keys.len()).map(|_| None).collect();
        for mut of_key in places {
            // A stable sort: of equal ones the first stays first.
            of_key.sort_by(|left, right| order_keys.get(*left).cmp(order_keys.get(*right)));
            for place in of_key.into_iter().take(self.records) {
                let mut record = Vec::new();
                self.keeper.write(batch, batch.selection[place], &mut record);
                records[place] =
                    Some(Candidate { order: order_keys.get(place).into(), record: record.into() });
            }
        }
        Prepared { keys, records }
    }

    /// Where a key has its records, each further one stands for the one that is let go because of it.
    fn advance(
        &self,
        context: Context<'_>,
        best: &mut Best,
        batch: &mut Batch,
        prepared: Prepared,
    ) -> Result<Advanced> {
        let mut of_row = prepared.keys.iter().zip(prepared.records);
        batch.retain(|_| {
            let ((hash, key), candidate) = of_row.next().expect("one key for each selected row");
            insert(best, hash, key, candidate, self.records)
        });
        batch.selection.clear();
        best.fit(self, context)?;
        Ok(Advanced::default())
    }

    fn drain(
        &self,
        context: Context<'_>,
        best: &mut Best,
        rows_max: usize,
    ) -> Result<Option<Batch>> {
        best.drain(rows_max, self, &self.keeper, context)
    }

    fn drained(&self, best: &Best) -> Drained {
        best.drained()
    }

    fn set_drained(&self, best: &mut Best, drained: &Drained) {
        best.set_drained(drained);
    }

    fn give_again(&self, context: Context<'_>, best: &mut Best) {
        best.give_again(context);
    }

    fn spills(&self, best: &Best) -> Vec<Spill> {
        best.spills()
    }

    fn bytes(&self, best: &Best) -> u64 {
        best.bytes()
    }

    fn freeze(
        &self,
        context: Context<'_>,
        best: &mut Best,
        is_all_asked: bool,
    ) -> Result<Snapshot> {
        let of_key = best.of_key.share(is_all_asked);
        let (seen, end) = (best.seen, best.end(context)?);
        Ok(Snapshot::new(of_key.is_all(), move |out| {
            of_key.write_keys(out);
            out.u64(seen);
            out.u64s(of_key.values().map(|one| one.ranked.len() as u64));
            let all = || of_key.values().flat_map(|one| &one.ranked);
            out.u64s(all().map(|one| one.number));
            out.strings(all().map(|one| &*one.order));
            out.strings(all().map(|one| &*one.record));
            end.write(out);
        }))
    }

    fn take_in(
        &self,
        _context: Context<'_>,
        best: &mut Best,
        reader: &mut Reader<'_>,
        is_all: bool,
    ) -> Result<(), Unreadable> {
        let unreadable = Unreadable { what: "records" };
        let part = best.of_key.read_keys(reader, is_all)?;
        best.seen = reader.number(unreadable.what)?;
        let counts = reader.u64s(part.count(), unreadable.what)?;
        let sum = counts.iter().try_fold(0_usize, |sum, count| {
            let count = usize::try_from(*count).ok().filter(|count| *count <= self.records)?;
            sum.checked_add(count)
        });
        let held = sum.ok_or(unreadable.clone())?;
        let numbers = reader.u64s(held, unreadable.what)?;
        let orders = reader.strings(held, unreadable.what)?;
        let records = reader.strings(held, unreadable.what)?;
        let mut all = numbers.into_iter().zip(orders).zip(records);
        let mut of_key = Vec::with_capacity(counts.len());
        for count in counts {
            let count = usize::try_from(count).map_err(|_| unreadable.clone())?;
            let ranked: Vec<Ranked> = all.by_ref().take(count).map(Ranked::of).collect();
            let is_held = |one: &Ranked| one.number < best.seen && self.keeper.is_held(&one.record);
            if !ranked.is_sorted() || !ranked.iter().all(is_held) {
                return Err(unreadable);
            }
            of_key.push(OfKey { ranked, count });
        }
        best.of_key.put(&part, of_key);
        let all = best.of_key.values().flat_map(|of_key| &of_key.ranked);
        best.record_bytes = all.map(Ranked::bytes).sum();
        best.read_end(reader)
    }

    /// Each record of each key, by its place and by which of all records it is.
    fn show_all(&self, context: Context<'_>, best: &mut Best, take: Taker<'_>) -> Result<Seen> {
        if best.pile.has_no_keys() {
            return Ok(Seen::Not(IN_ORDER));
        }
        let types: Vec<DataType> = self.by.iter().map(Expression::data_type).collect();
        // Both are counted from 1 for people.
        let make = |keys: &[&[u8]], places: &[(u64, u64)]| {
            let mut shown = Shown::of_bytes(&self.names, &types, keys)?;
            shown = shown.with("place", numbers_of(places.iter().map(|(place, _)| place + 1)));
            shown.keys += 1;
            Some(shown.with("record", numbers_of(places.iter().map(|(_, record)| record + 1))))
        };
        in_portions(make, take, |give| {
            let mut each = |key: &[u8], ranked: &[Ranked]| {
                let places = (0_u64..).zip(ranked);
                places.into_iter().try_for_each(|(place, one)| give(key, (place, one.number)))
            };
            best.walk(self, context.tools.spills(), |key, found| match found {
                Found::InMemory(one) => each(key, &one.ranked),
                Found::Joined(value) => {
                    let ranked = value.get(FIRST_SEEN..).and_then(|bytes| read_ranked(bytes).ok());
                    let ranked = ranked.filter(|all| all.iter().all(|one| one.number < best.seen));
                    each(key, &ranked.ok_or_else(changed)?)
                }
            })
        })?;
        Ok(Seen::All)
    }
}

impl Remembered for OfKey {
    type Place = (u32, u32);

    fn places(of_key: &Keyed<OfKey>) -> Vec<(u32, u32)> {
        let mut places = Vec::new();
        for (key, one) in (0_u32..).zip(of_key.values()) {
            let count = u32::try_from(one.ranked.len()).expect("a count of records of one key");
            places.extend((0..count).map(|place| (key, place)));
        }
        places
    }

    fn record(of_key: &Keyed<OfKey>, (key, place): (u32, u32)) -> &[u8] {
        &of_key.value(key).ranked[place as usize].record
    }

    fn held(&self) -> u64 {
        self.count as u64
    }

    fn write(&self, times: u64, id: u32, out: &mut Writer) {
        out.u64s([times, u64::from(id)]);
        write_ranked(&self.ranked, out);
    }
}

/// A value says when its key was first seen, by how often something had been put on the pile and the id that it had then;
/// and its records in order.
impl Piled for Top {
    fn join(&self, values: &[&[u8]], out: &mut Vec<u8>) -> Option<()> {
        out.extend_from_slice(values.first()?.first_chunk::<FIRST_SEEN>()?);
        let mut ranked = Vec::new();
        for value in values {
            ranked.extend(read_ranked(value.get(FIRST_SEEN..)?).ok()?);
        }
        ranked.sort_unstable();
        ranked.truncate(self.records);
        let mut writer = Writer::default();
        write_ranked(&ranked, &mut writer);
        out.extend_from_slice(&writer.bytes);
        Some(())
    }

    fn records(&self, value: &[u8], give: &mut dyn FnMut(&[u8], &[u8])) -> Option<()> {
        let (first_seen, ranked) = value.split_first_chunk::<FIRST_SEEN>()?;
        let mut place = Vec::new();
        for number in first_seen.as_chunks::<8>().0 {
            place.extend_from_slice(&u64::from_le_bytes(*number).to_be_bytes());
        }
        for (number, one) in (0_u64..).zip(read_ranked(ranked).ok()?) {
            place.truncate(FIRST_SEEN);
            place.extend_from_slice(&number.to_be_bytes());
            give(&place, &one.record);
        }
        Some(())
    }
}

/// Bytes of when a key was first seen.
const FIRST_SEEN: usize = 16;

fn write_ranked(ranked: &[Ranked], out: &mut Writer) {
    out.count(ranked.len());
    out.u64s(ranked.iter().map(|one| one.number));
    out.strings(ranked.iter().map(|one| &*one.order));
    out.strings(ranked.iter().map(|one| &*one.record));
}

fn read_ranked(bytes: &[u8]) -> Result<Vec<Ranked>, Unreadable> {
    let (mut reader, what) = (Reader::new(bytes), "records");
    let count = reader.count(16, what)?;
    let numbers = reader.u64s(count, what)?;
    let (orders, records) = (reader.strings(count, what)?, reader.strings(count, what)?);
    reader.finish(what)?;
    Ok(numbers.into_iter().zip(orders).zip(records).map(Ranked::of).collect())
}

impl Ranked {
    fn of(((number, order), record): ((u64, &[u8]), &[u8])) -> Ranked {
        Ranked { order: order.into(), number, record: record.into() }
    }

    /// What it takes.
    fn bytes(&self) -> u64 {
        (size_of::<Ranked>() + self.order.len() + self.record.len()) as u64
    }
}

/// Takes in the next record: its order key and its bytes, unless there are enough better ones in its batch. Whether its
/// key had less than `most` records.
fn insert(
    best: &mut Best,
    hash: u32,
    key: &[u8],
    candidate: Option<Candidate>,
    most: usize,
) -> bool {
    let number = best.seen;
    best.seen += 1;
    let (_, OfKey { ranked, count }) = best.of_key.entry(hash, key);
    let had_room = *count < most;
    *count += usize::from(had_room);
    if let Some(Candidate { order, record }) = candidate {
        let place = ranked.partition_point(|one| one.order <= order);
        if place < most {
            let one = Ranked { order, number, record };
            best.record_bytes += one.bytes();
            ranked.insert(place, one);
            let behind = ranked.drain(most.min(ranked.len())..);
            best.record_bytes -= behind.map(|one| one.bytes()).sum::<u64>();
        }
    }
    had_room
}
