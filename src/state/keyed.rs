//! What is remembered of each key, with what changed since it was last saved.

use super::changes::{Changes, Part};
use super::codec::{Reader, Unreadable, Writer};
use super::key::Keys;
use super::pages::{Cells, Pages};
use super::table::{Entry, KeyTable};

/// So many values are looked at to know what all of them take.
const SAMPLE: usize = 64;

/// Keys in the order in which they were first seen, with a value for each.
#[derive(Debug)]
pub struct Keyed<V> {
    keys: KeyTable,
    values: Pages<V>,
    changes: Changes,
}

/// Keys and values as they were at a barrier, as far as they are to be written.
#[derive(Debug)]
pub struct SharedKeyed<V> {
    part: Part,
    keys: KeyTable,
    values: Pages<V>,
}

impl<V> Default for Keyed<V> {
    fn default() -> Self {
        Keyed { keys: KeyTable::default(), values: Pages::default(), changes: Changes::default() }
    }
}

impl<V: Clone + Default> Keyed<V> {
    /// Number of keys.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys.
    pub fn keys(&self) -> &KeyTable {
        &self.keys
    }

    /// What all takes, without what values own elsewhere.
    pub fn bytes(&self) -> u64 {
        (self.keys.bytes() + self.values.bytes()) as u64
    }

    /// About what values own elsewhere. A few of them are asked for that, so they have to be much alike; where some may
    /// own far more than others, whoever changes them has to count.
    pub fn owned_about(&self, owned: impl Fn(&V) -> usize) -> u64 {
        let step = self.values.len().div_ceil(SAMPLE).max(1);
        let sample = (0..self.values.len()).step_by(step).map(|id| owned(&self.values[id]));
        (sample.sum::<usize>() * step) as u64
    }

    /// Finds or adds a key, whose value may be changed; one that is new has the default.
    pub fn entry(&mut self, hash: u32, key: &[u8]) -> (Entry, &mut V) {
        let entry = self.keys.insert(hash, key);
        let id = entry.id() as usize;
        match entry {
            Entry::New(_) => self.values.push(V::default()),
            Entry::Known(_) => self.changes.mark(id),
        }
        (entry, self.values.cell(id))
    }

    /// Finds or adds keys in their order, whose values may be changed, and answers their ids.
    pub fn ids_of(&mut self, keys: &Keys) -> Vec<u32> {
        let ids = self.keys.insert_all(keys);
        self.changes.mark_all(&ids);
        self.values.grow(self.keys.len(), V::default());
        ids
    }

    /// The value of a key by its id.
    pub fn value(&self, id: u32) -> &V {
        &self.values[id as usize]
    }

    /// The value of a key by its id, to be changed; [`Keyed::ids_of`] has said so.
    pub fn value_mut(&mut self, id: u32) -> &mut V {
        self.values.cell(id as usize)
    }

    /// All values in the order of their keys.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> + Clone {
        self.values.iter()
    }

    /// What changed since this was asked or read the last time, or everything, for another thread.
    pub fn share(&mut self, is_all_asked: bool) -> SharedKeyed<V> {
        let len = self.keys.len();
        let part = if is_all_asked { self.changes.take_all(len) } else { self.changes.take(len) };
        let (keys, values) = (self.keys.share(&part), self.values.share(&part));
        SharedKeyed { part, keys, values }
    }

    /// Reads the keys that [`SharedKeyed::write_keys`] wrote, of everything or of changes; [`Keyed::put`] must follow.
    pub fn read_keys(&mut self, reader: &mut Reader<'_>, is_all: bool) -> Result<Part, Unreadable> {
        let part = match is_all {
            true => None,
            false => Some(Part::read(reader, self.keys.len())?),
        };
        self.keys.extend(reader)?;
        let part = part.unwrap_or_else(|| Part::all(self.keys.len()));
        if part.new_ones().end != self.keys.len() {
            return Err(Unreadable { what: "keys" });
        }
        self.changes = Changes::since(self.keys.len());
        Ok(part)
    }

    /// Gives values to the keys of a part.
    pub fn put(&mut self, part: &Part, values: impl IntoIterator<Item = V>) {
        self.values.grow(self.keys.len(), V::default());
        for (id, value) in part.entries().zip(values) {
            *self.values.cell(id) = value;
        }
    }
}

impl<V> SharedKeyed<V> {
    /// Whether it is about all keys.
    pub fn is_all(&self) -> bool {
        self.part.is_all()
    }

    /// Which keys it is about.
    pub fn part(&self) -> &Part {
        &self.part
    }

    /// Their values.
    pub fn values(&self) -> impl Iterator<Item = &V> + Clone {
        self.part.entries().map(|id| &self.values[id])
    }

    /// Appends the keys that are new, and, unless it is about all, which ones changed.
    pub fn write_keys(&self, out: &mut Writer) {
        if !self.is_all() {
            self.part.write(out);
        }
        self.keys.write_new(&self.part, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::key::hash;

    fn count(keyed: &mut Keyed<u64>, key: &str) {
        let (_, value) = keyed.entry(hash(key.as_bytes()), key.as_bytes());
        *value += 1;
    }

    fn bytes_of(shared: &SharedKeyed<u64>) -> Vec<u8> {
        let mut out = Writer::default();
        shared.write_keys(&mut out);
        out.u64s(shared.values().copied());
        out.bytes
    }

    fn take_in(keyed: &mut Keyed<u64>, bytes: &[u8], is_all: bool) -> Result<(), Unreadable> {
        let mut reader = Reader::new(bytes);
        let part = keyed.read_keys(&mut reader, is_all)?;
        let values = reader.u64s(part.count(), "values")?;
        reader.finish("last bytes")?;
        keyed.put(&part, values);
        Ok(())
    }

    #[test]
    fn changes_lead_from_what_was_saved_to_what_is() {
        let (mut keyed, mut restored) = (Keyed::default(), Keyed::default());
        for round in 0..4 {
            (0..=round).for_each(|number| count(&mut keyed, &format!("key {}", number * round)));
            let shared = keyed.share(round == 0);
            count(&mut keyed, "later");
            let bytes = bytes_of(&shared);
            assert_eq!(shared.is_all(), round == 0);
            assert!(take_in(&mut restored.clone_for_test(), &bytes[1..], round == 0).is_err());
            take_in(&mut restored, &bytes, round == 0).expect("what was written");
            let known: Vec<u64> = shared.values().copied().collect();
            let found: Vec<u64> = shared.part().entries().map(|id| restored.values[id]).collect();
            assert_eq!(found, known);
        }
        let all = keyed.share(true);
        assert!(all.is_all() && all.values().count() == keyed.len());
        assert_eq!(restored.len(), keyed.len());
    }

    impl Keyed<u64> {
        fn clone_for_test(&self) -> Keyed<u64> {
            let Keyed { keys, values, changes } = self;
            Keyed { keys: keys.clone(), values: values.clone(), changes: changes.clone() }
        }
    }
}
