//! All keys of a state with what is remembered of each, for who looks at it: those in memory and those in layers, in the
//! order of their hashes, a few at a time.

use super::packed::unpack;
use super::{Entry, Layers, Pile, Piled, Recalled, Shelf, Shelved, changed};
use crate::error::Result;
use crate::state::{KeyTable, Reader, Writer};
use crate::transform::shown::{Give, ids};
use crate::transform::spills::Spills;

/// A key with the id that it has in memory, if it is there, and its values in layers, the oldest first.
pub type OfKey<'k> = (&'k [u8], Option<u32>, &'k [&'k [u8]]);

/// Who takes keys with the bytes that are remembered of each.
pub type GiveBytes<'g> = &'g mut dyn FnMut(&[u8], &[u8]) -> Result<()>;

/// Where it is what is remembered of a key: in memory under an id, or these bytes.
pub enum OnShelf<'b> {
    /// In memory.
    No(u32),
    /// It is these bytes.
    Yes(&'b [u8]),
}

impl Layers {
    /// Gives all keys, of which these are in memory.
    pub fn walk(
        &self,
        keys: &KeyTable,
        spills: &dyn Spills,
        take: &mut dyn FnMut(OfKey<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut merge = self.merge(spills)?;
        let mut in_memory = keys.by_hash().peekable();
        loop {
            let known =
                in_memory.peek().map(|(hash, _, key)| Entry { hash: *hash, key, value: &[] });
            let order = match (known, merge.newest()) {
                (None, None) => return Ok(()),
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some(known), Some(spilled)) => known.compare(&spilled),
            };
            let id = in_memory.next_if(|_| order.is_le());
            let values = if order.is_ge() { merge.values() } else { Vec::new() };
            match (id, merge.newest()) {
                (Some((_, id, key)), _) => take((key, Some(id), &values))?,
                (None, Some(newest)) => take((newest.key, None, &values))?,
                (None, None) => {}
            }
            drop(values);
            if order.is_ge() {
                merge.advance()?;
            }
        }
    }
}

impl Shelf {
    /// Gives all keys, of which these are in memory; of the others the bytes that are remembered.
    pub fn walk(
        &self,
        keys: &KeyTable,
        spills: &dyn Spills,
        take: &mut dyn FnMut(&[u8], OnShelf<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut bytes = Vec::new();
        self.layers.walk(keys, spills, &mut |(key, id, values)| {
            let Some(newest) = values.last().filter(|_| id.is_none()) else {
                return take(key, OnShelf::No(id.ok_or_else(changed)?));
            };
            bytes.clear();
            unpack(newest, &mut bytes).ok_or_else(changed)?;
            take(key, OnShelf::Yes(&bytes))
        })
    }
}

impl<V: Shelved> Recalled<V> {
    /// Gives all keys with their values: as they came where all are in memory, else in the order of their hashes.
    pub fn walk(&self, spills: &dyn Spills, take: Give<'_, V>) -> Result<()> {
        let keys = self.keyed.keys();
        if self.shelf.is_empty() {
            let ids = ids(0..keys.len(), keys.len());
            return ids
                .zip(self.keyed.values())
                .try_for_each(|(id, one)| take(keys.key(id), one.clone()));
        }
        self.shelf.walk(keys, spills, &mut |key, found| {
            let value = match found {
                OnShelf::No(id) => self.keyed.value(id).clone(),
                OnShelf::Yes(bytes) => {
                    let mut reader = Reader::new(bytes);
                    let value = V::read(&mut reader).map_err(|_| changed())?;
                    reader.finish("values").map_err(|_| changed())?;
                    value
                }
            };
            take(key, value)
        })
    }
}

impl Pile {
    /// Gives all keys with what their values come to, of which these are in memory and `write` says what is remembered of
    /// each.
    pub fn walk(
        &self,
        (keys, write): (&KeyTable, impl Fn(u32, &mut Writer)),
        piled: &dyn Piled,
        spills: &dyn Spills,
        take: GiveBytes<'_>,
    ) -> Result<()> {
        let (mut in_memory, mut joined) = (Writer::default(), Vec::new());
        self.layers.walk(keys, spills, &mut |(key, id, spilled)| {
            let mut values = spilled.to_vec();
            in_memory.bytes.clear();
            if let Some(id) = id {
                write(id, &mut in_memory);
                values.push(&in_memory.bytes);
            }
            joined.clear();
            piled.join(&values, &mut joined).ok_or_else(changed)?;
            take(key, &joined)
        })
    }

    /// Whether all its records are in their order, and which keys they were of is not known any more.
    pub fn has_no_keys(&self) -> bool {
        self.layers.is_empty() && self.giving.is_some()
    }
}
