//! Keys that nobody asks for before all are given: put away with what is remembered of each, and joined at the end.
//!
//! Whenever there is too much in memory all of it becomes a layer. When the input has ended the layers are gone through
//! together, a portion at a time; the records of each key go into a sort that brings them into their order, and that gives
//! them. A checkpoint names the layers, how far they were gone through, and what the sort needs.

use super::layer::Place;
use super::merge::Merge;
use super::{Asked, Entry, Layers, Values, changed};
use crate::error::{Error, Result};
use crate::record::Batch;
use crate::state::{KeyTable, Reader, Unreadable, Writer};
use crate::transform::settings::SortSettings;
use crate::transform::sort::{Sorting, entries};
use crate::transform::spills::Spill;
use crate::transform::{Context, Drained, Keeper};

/// A portion takes such a part of the memory, but neither less nor more bytes than this.
const PORTION_SHARE: u64 = 8;
const PORTION_BYTES: [u64; 2] = [16 << 10, 4 << 20];

/// What the values of a pile are; they are bytes there.
pub trait Piled {
    /// Appends what values of a key come to, the oldest first; `None` for bytes that are no values.
    fn join(&self, values: &[&[u8]], out: &mut Vec<u8>) -> Option<()>;

    /// Gives the records of a value, each behind its place among the records of all keys.
    fn records(&self, value: &[u8], give: &mut dyn FnMut(&[u8], &[u8])) -> Option<()>;
}

/// What is said of a state whose records are on their way out.
pub const IN_ORDER: &str =
    "its records were brought into the order in which they are given, and are in spills";

/// Layers of keys with the records that are held of each.
#[derive(Debug)]
pub struct Pile {
    pub(super) layers: Layers,
    /// How many records were put away, and not counted as let go.
    held: u64,
    /// How often something was put away.
    times: u64,
    pub(super) giving: Option<Giving>,
}

/// How far the records were brought into their order, and given.
#[derive(Debug, Default)]
pub(super) struct Giving {
    /// How far each layer was gone through, as far as `merge` does not know.
    places: Vec<Place>,
    merge: Option<Merge>,
    is_complete: bool,
    sorting: Sorting,
    /// How many records went into it.
    sorted: u64,
    given: u64,
}

impl Default for Pile {
    fn default() -> Pile {
        Pile { layers: Layers::new(Asked::Never), held: 0, times: 0, giving: None }
    }
}

impl Pile {
    /// How often something was put away.
    pub fn times(&self) -> u64 {
        self.times
    }

    /// Whether nothing was put away.
    pub fn is_empty(&self) -> bool {
        self.layers.is_empty() && self.giving.is_none()
    }

    /// Bytes that it takes in memory.
    pub fn bytes(&self) -> u64 {
        self.giving.as_ref().map_or(0, |giving| giving.sorting.bytes())
    }

    /// Its spills.
    pub fn spills(&self) -> Vec<Spill> {
        let sorted = self.giving.iter().flat_map(|giving| giving.sorting.spills());
        self.layers.spills().into_iter().chain(sorted).collect()
    }

    /// Puts away keys for which `held` records are held; `write` says what is remembered of the key of an id.
    pub fn put(
        &mut self,
        keys: &KeyTable,
        held: u64,
        write: impl Fn(u32, &mut Writer),
        piled: &dyn Piled,
        context: Context<'_>,
    ) -> Result<()> {
        let (memory, spills) = (memory_of(context), context.tools.spills());
        let mut layer = self.layers.begin(keys.len(), memory, spills)?;
        let mut value = Writer::default();
        for (hash, id, key) in keys.by_hash() {
            value.bytes.clear();
            write(id, &mut value);
            check_length(&value.bytes)?;
            layer.push(Entry { hash, key, value: &value.bytes })?;
        }
        (self.held, self.times) = (self.held + held, self.times + 1);
        let join = |values: &[&[u8]], out: &mut Vec<u8>| {
            piled.join(values, out).ok_or_else(changed)?;
            check_length(out)
        };
        self.layers.end(layer, memory, Values::Joined(&join), spills)
    }

    /// The next records in their order, or none as long as they are on their way there. With the first of them come all
    /// that were held and turned out to stand behind others.
    pub fn drain(
        &mut self,
        rows_max: usize,
        piled: &dyn Piled,
        keeper: &Keeper,
        context: Context<'_>,
    ) -> Result<Option<Batch>> {
        let spills = context.tools.spills();
        let giving = match &mut self.giving {
            Some(giving) if giving.is_complete => giving,
            _ => {
                self.gather(piled, context)?;
                return keeper.batch(&[], context.tools).map(Some);
            }
        };
        let (bytes, ends) = giving.sorting.give(rows_max, Keeper::BATCH_BYTES, spills)?;
        if ends.is_empty() {
            return Ok(None);
        }
        let mut batch = keeper.batch(&entries::slices(&bytes, &ends), context.tools)?;
        if giving.given == 0 {
            batch.filtered.count += self.held.saturating_sub(giving.sorted);
        }
        giving.given += ends.len() as u64;
        Ok(Some(batch))
    }

    /// The records of the next keys go into their order.
    fn gather(&mut self, piled: &dyn Piled, context: Context<'_>) -> Result<()> {
        let spills = context.tools.spills();
        let giving = self.giving.get_or_insert_default();
        let mut merge = match giving.merge.take() {
            Some(merge) => merge,
            None if giving.places.is_empty() => self.layers.merge(spills)?,
            None => self.layers.merge_at(&giving.places, spills)?,
        };
        let memory = memory_of(context).max(PORTION_BYTES[0]);
        let portion_bytes = (memory / PORTION_SHARE).clamp(PORTION_BYTES[0], PORTION_BYTES[1]);
        let (mut records, mut joined, mut places) = (Vec::new(), Vec::new(), Vec::new());
        while merge.newest().is_some() && (records.len() as u64) < portion_bytes {
            joined.clear();
            piled.join(&merge.values(), &mut joined).ok_or_else(changed)?;
            let mut push = |place: &[u8], record: &[u8]| {
                places.push((place.to_vec(), records.len()));
                records.extend_from_slice(record);
            };
            piled.records(&joined, &mut push).ok_or_else(changed)?;
            merge.advance()?;
        }
        let ends = places.iter().skip(1).map(|(_, start)| *start).chain([records.len()]);
        let mut order: Vec<(&[u8], &[u8])> = places
            .iter()
            .zip(ends)
            .map(|((key, start), end)| (&**key, &records[*start..end]))
            .collect();
        order.sort_unstable();
        let mut piece = Vec::with_capacity(records.len() + places.len() * 16);
        order.iter().for_each(|(key, record)| entries::push(key, record, &mut piece));
        giving.sorted += order.len() as u64;
        giving.sorting.add(piece, memory, spills)?;
        giving.is_complete = merge.newest().is_none();
        match giving.is_complete {
            false => giving.merge = Some(merge),
            true if context.tools.gives_again() => {}
            true => self.layers.clear(spills),
        }
        Ok(())
    }

    /// How far the records were given.
    pub fn drained(&self) -> Drained {
        match self.giving.as_ref().filter(|giving| giving.is_complete) {
            None => Drained(vec![0]),
            Some(giving) => Drained([&[giving.given], &*giving.sorting.drained().0].concat()),
        }
    }

    /// Goes back to where [`Pile::drained`] was.
    pub fn set_drained(&mut self, drained: &Drained) {
        if let (Some(giving), [given, sorting @ ..]) = (&mut self.giving, &*drained.0) {
            giving.given = *given;
            giving.sorting.set_drained(&Drained(sorting.to_vec()));
        }
    }

    /// No record was given, and further ones may come.
    pub fn give_again(&mut self, context: Context<'_>) {
        if let Some(mut giving) = self.giving.take() {
            giving.sorting.clear(context.tools.spills());
            if giving.given > 0 {
                self.held = giving.sorted;
            }
        }
    }

    /// Appends it; nothing where nothing was put away.
    pub fn write(&mut self, out: &mut Writer, context: Context<'_>) -> Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        out.u64s([self.held, self.times]);
        self.layers.write(out);
        out.flags([self.giving.is_some()]);
        let Some(giving) = &mut self.giving else { return Ok(()) };
        if let Some(merge) = &giving.merge {
            giving.places = merge.places();
        }
        out.flags([giving.is_complete]);
        out.u64s([giving.sorted, giving.given]);
        if !giving.is_complete {
            out.u64s(giving.places.iter().flat_map(|place| [place.block, place.at as u64]));
        }
        giving.sorting.write(out, context.tools.spills())
    }

    /// Reads what [`Pile::write`] wrote at the end of a state.
    pub fn read(reader: &mut Reader<'_>) -> Result<Pile, Unreadable> {
        let what = "held records";
        let mut pile = Pile::default();
        if reader.is_at_end() {
            return Ok(pile);
        }
        (pile.held, pile.times) = (reader.number(what)?, reader.number(what)?);
        pile.layers = Layers::read(Asked::Never, reader)?;
        if reader.flags(1, what)? == [false] {
            return Ok(pile);
        }
        let is_complete = reader.flags(1, what)? == [true];
        let (sorted, given) = (reader.number(what)?, reader.number(what)?);
        let mut giving = Giving { is_complete, sorted, given, ..Giving::default() };
        if !is_complete {
            for _ in 0..pile.layers.len() {
                let (block, at) = (reader.u64(what)?, reader.u64(what)?);
                let at = usize::try_from(at).map_err(|_| Unreadable { what })?;
                giving.places.push(Place { block, at });
            }
        }
        giving.sorting = Sorting::read(reader)?;
        pile.giving = Some(giving);
        Ok(pile)
    }
}

/// Values have a length of 32 bits.
fn check_length(value: &[u8]) -> Result<()> {
    match u32::try_from(value.len()) {
        Ok(_) => Ok(()),
        Err(_) => {
            let message = "the records that are held of one key take more than 4 GiB";
            Err(Error::failed(message).with_hint("hold fewer of each, or drop columns before"))
        }
    }
}

/// What there is of memory, however the job says so.
fn memory_of(context: Context<'_>) -> u64 {
    context.tools.memory().unwrap_or(SortSettings::MEMORY)
}
