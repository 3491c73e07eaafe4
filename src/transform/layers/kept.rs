//! What is remembered of keys until the input has ended: in memory, and on a pile what was too much for that.
//!
//! As soon as something is on the pile, all of it goes there before the first record is given.

use super::{Pile, Piled};
use crate::error::Result;
use crate::record::Batch;
use crate::state::{Keyed, Reader, Unreadable, Writer};
use crate::transform::shown::ids;
use crate::transform::spills::{Spill, Spills};
use crate::transform::{Context, Drained, Keeper};
use std::fmt;

/// What is remembered of a key: records.
pub trait Remembered: Clone + Default {
    /// Where a record is among those in memory.
    type Place: Copy + fmt::Debug + Send;

    /// Where the records are, in the order in which they are given.
    fn places(of_key: &Keyed<Self>) -> Vec<Self::Place>;

    /// The record at a place.
    fn record(of_key: &Keyed<Self>, place: Self::Place) -> &[u8];

    /// How many records of the key were not counted as let go.
    fn held(&self) -> u64;

    /// Appends it as a value of a pile on which something was put so many `times` before; `id` is that of its key.
    fn write(&self, times: u64, id: u32, out: &mut Writer);
}

/// What is remembered of keys.
#[derive(Debug)]
pub struct Kept<R: Remembered> {
    /// Of the keys that came since something was put on the pile.
    pub of_key: Keyed<R>,
    /// What these records take.
    pub record_bytes: u64,
    /// The others. What turns out to be let go there counts as held until it is found.
    pub pile: Pile,
    /// Number of records so far.
    pub seen: u64,
    /// How many records were already passed on from memory.
    drained: usize,
    /// Where the records in memory are; made when the first one is passed on.
    places: Vec<R::Place>,
}

/// What is remembered of a key.
#[derive(Debug)]
pub enum Found<'a, R> {
    /// All of it is in memory.
    InMemory(&'a R),
    /// As a value of the pile; see [`Piled`].
    Joined(&'a [u8]),
}

/// What stands behind the records of a state.
#[derive(Debug)]
pub struct End {
    drained: usize,
    pile: Vec<u8>,
}

impl<R: Remembered> Default for Kept<R> {
    fn default() -> Kept<R> {
        Kept {
            of_key: Keyed::default(),
            record_bytes: 0,
            pile: Pile::default(),
            seen: 0,
            drained: 0,
            places: Vec::new(),
        }
    }
}

impl<R: Remembered> Kept<R> {
    /// Bytes that it takes in memory.
    pub fn bytes(&self) -> u64 {
        self.bytes_of_records() + self.pile.bytes()
    }

    /// What the records in memory take, and their keys.
    fn bytes_of_records(&self) -> u64 {
        self.of_key.bytes() + self.record_bytes
    }

    /// Its spills.
    pub fn spills(&self) -> Vec<Spill> {
        self.pile.spills()
    }

    /// Puts the records on the pile where they take more memory than there is.
    pub fn fit(&mut self, piled: &dyn Piled, context: Context<'_>) -> Result<()> {
        match context.tools.memory() {
            Some(memory) if self.bytes_of_records() > memory => self.put_away(piled, context),
            _ => Ok(()),
        }
    }

    /// The records in memory go on the pile.
    fn put_away(&mut self, piled: &dyn Piled, context: Context<'_>) -> Result<()> {
        let of_key = std::mem::take(&mut self.of_key);
        self.record_bytes = 0;
        self.places.clear();
        let (held, times) = (of_key.values().map(R::held).sum(), self.pile.times());
        let write = |id: u32, out: &mut Writer| of_key.value(id).write(times, id, out);
        self.pile.put(of_key.keys(), held, write, piled, context)
    }

    /// The next records; see [`crate::transform::Stateful::drain`].
    pub fn drain(
        &mut self,
        rows_max: usize,
        piled: &dyn Piled,
        keeper: &Keeper,
        context: Context<'_>,
    ) -> Result<Option<Batch>> {
        if !self.pile.is_empty() {
            if !self.of_key.is_empty() {
                self.put_away(piled, context)?;
            }
            return self.pile.drain(rows_max, piled, keeper, context);
        }
        self.settle_places();
        let left = self.places[self.drained..].iter();
        let left = left.map(|place| R::record(&self.of_key, *place));
        let records = Keeper::first_batch(left, rows_max);
        if records.is_empty() {
            return Ok(None);
        }
        let batch = keeper.batch(&records, context.tools)?;
        self.drained += records.len();
        Ok(Some(batch))
    }

    fn settle_places(&mut self) {
        if self.places.is_empty() {
            self.places = R::places(&self.of_key);
        }
    }

    /// How far [`Kept::drain`] has come.
    pub fn drained(&self) -> Drained {
        match self.pile.is_empty() {
            true => Drained(vec![self.drained as u64]),
            false => self.pile.drained(),
        }
    }

    /// Goes back to where [`Kept::drained`] was.
    pub fn set_drained(&mut self, drained: &Drained) {
        if !self.pile.is_empty() {
            self.pile.set_drained(drained);
        } else if let [count] = *drained.0 {
            self.settle_places();
            self.drained = usize::try_from(count).unwrap_or(usize::MAX).min(self.places.len());
        }
    }

    /// No record was given, and further ones may come.
    pub fn give_again(&mut self, context: Context<'_>) {
        self.drained = 0;
        self.places.clear();
        self.pile.give_again(context);
    }

    /// Gives each key with what is remembered of it.
    pub fn walk(
        &self,
        piled: &dyn Piled,
        spills: &dyn Spills,
        mut give: impl FnMut(&[u8], Found<'_, R>) -> Result<()>,
    ) -> Result<()> {
        let (keys, of_key) = (self.of_key.keys(), &self.of_key);
        if self.pile.is_empty() {
            let mut pairs = ids(0..of_key.len(), of_key.len()).zip(of_key.values());
            return pairs.try_for_each(|(id, one)| give(keys.key(id), Found::InMemory(one)));
        }
        let times = self.pile.times();
        let write = |id: u32, out: &mut Writer| of_key.value(id).write(times, id, out);
        self.pile
            .walk((keys, write), piled, spills, &mut |key, value| give(key, Found::Joined(value)))
    }

    /// What a state ends with as it is now.
    pub fn end(&mut self, context: Context<'_>) -> Result<End> {
        let mut pile = Writer::default();
        self.pile.write(&mut pile, context)?;
        Ok(End { drained: self.drained, pile: pile.bytes })
    }

    /// Reads what [`End::write`] wrote, behind the keys and records.
    pub fn read_end(&mut self, reader: &mut Reader<'_>) -> Result<(), Unreadable> {
        let unreadable = Unreadable { what: "records that were given" };
        self.places.clear();
        let drained = usize::try_from(reader.u64(unreadable.what)?);
        self.drained = drained.map_err(|_| unreadable.clone())?;
        if self.drained > 0 {
            self.settle_places();
        }
        if self.drained > self.places.len() {
            return Err(unreadable);
        }
        self.pile = Pile::read(reader, self.of_key.len())?;
        Ok(())
    }
}

impl End {
    /// Appends it.
    pub fn write(&self, out: &mut Writer) {
        out.count(self.drained);
        out.bytes.extend_from_slice(&self.pile);
    }
}
