//! An insertion-ordered set of keys: each key gets the next id when it is first seen.

use super::codec::{Reader, Unreadable, Writer};

/// Interned keys, by id.
///
/// Open addressing with linear probing over words of 32 bits of hash and 32 bits of id + 1 (0 is empty), so that
/// a probe touches a key's bytes only where the hash agrees. At most half of the words are in use.
#[derive(Debug, Clone, Default)]
pub struct KeyTable {
    words: Vec<u64>,
    hashes_of: Vec<u32>,
    ends: Vec<u64>,
    bytes: Vec<u8>,
}

/// What [`KeyTable::insert`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// The key is new and got this id.
    New(u32),
    /// The key has this id.
    Known(u32),
}

impl Entry {
    /// The key's id.
    pub fn id(self) -> u32 {
        match self {
            Entry::New(id) | Entry::Known(id) => id,
        }
    }
}

impl KeyTable {
    /// The smallest number of words.
    const WORDS_MIN: usize = 64;

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether no key was seen.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The bytes of a key.
    pub fn key(&self, id: u32) -> &[u8] {
        let id = id as usize;
        let start = if id == 0 { 0 } else { self.ends[id - 1] };
        let bounds = usize::try_from(start).ok().zip(usize::try_from(self.ends[id]).ok());
        let (start, end) = bounds.expect("keys lie in memory");
        &self.bytes[start..end]
    }

    /// The hash and bytes of a key, counted from 0.
    pub fn entry(&self, index: usize) -> (u32, &[u8]) {
        let id = u32::try_from(index).expect("ids have 32 bits");
        (self.hashes_of[index], self.key(id))
    }

    /// Finds or adds a key. `hash` must be the one of [`super::key::hash`].
    pub fn insert(&mut self, hash: u32, key: &[u8]) -> Entry {
        if self.len() * 2 >= self.words.len() {
            self.grow();
        }
        let mask = self.words.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let word = self.words[at];
            if word == 0 {
                let id = self.push(hash, key);
                self.words[at] = u64::from(hash) << 32 | u64::from(id + 1);
                return Entry::New(id);
            }
            if (word >> 32) as u32 == hash {
                let id = (word & 0xffff_ffff) as u32 - 1;
                if self.key(id) == key {
                    return Entry::Known(id);
                }
            }
            at = (at + 1) & mask;
        }
    }

    /// Finds a key. `hash` must be the one of [`super::key::hash`].
    pub fn find(&self, hash: u32, key: &[u8]) -> Option<u32> {
        if self.words.is_empty() {
            return None;
        }
        let mask = self.words.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let word = self.words[at];
            if word == 0 {
                return None;
            }
            if (word >> 32) as u32 == hash {
                let id = (word & 0xffff_ffff) as u32 - 1;
                if self.key(id) == key {
                    return Some(id);
                }
            }
            at = (at + 1) & mask;
        }
    }

    fn push(&mut self, hash: u32, key: &[u8]) -> u32 {
        let id = u32::try_from(self.len()).expect("a table holds less than 2^32 keys");
        self.bytes.extend_from_slice(key);
        self.ends.push(self.bytes.len() as u64);
        self.hashes_of.push(hash);
        id
    }

    fn grow(&mut self) {
        let words = (self.words.len() * 2).max(Self::WORDS_MIN);
        self.words = vec![0; words];
        let mask = words - 1;
        for (id, hash) in (1_u64..).zip(&self.hashes_of) {
            let mut at = *hash as usize & mask;
            while self.words[at] != 0 {
                at = (at + 1) & mask;
            }
            self.words[at] = u64::from(*hash) << 32 | id;
        }
    }

    /// Appends all keys in the order of their ids.
    pub fn write(&self, out: &mut Writer) {
        out.count(self.len());
        let ids = 0..u32::try_from(self.len()).expect("ids have 32 bits");
        out.strings(ids.map(|id| self.key(id)));
    }

    /// Reads what [`KeyTable::write`] wrote; a repeated key is refused.
    pub fn read(reader: &mut Reader<'_>) -> Result<KeyTable, Unreadable> {
        let what = "keys";
        let count = reader.count(4, what)?;
        let mut table = KeyTable::default();
        for key in reader.strings(count, what)? {
            if let Entry::Known(_) = table.insert(super::key::hash(key), key) {
                return Err(Unreadable { what });
            }
        }
        Ok(table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::key::hash;

    #[test]
    fn ids_follow_first_sight_and_survive_a_round_trip() {
        let mut table = KeyTable::default();
        for round in 0..2 {
            for number in 0..5_000_u32 {
                let key = format!("key {number}");
                let entry = table.insert(hash(key.as_bytes()), key.as_bytes());
                let expected = if round == 0 { Entry::New(number) } else { Entry::Known(number) };
                assert_eq!(entry, expected);
            }
        }
        for number in 0..5_100_u32 {
            let key = format!("key {number}");
            let found = table.find(hash(key.as_bytes()), key.as_bytes());
            assert_eq!(found, (number < 5_000).then_some(number));
        }
        assert_eq!(KeyTable::default().find(7, b"a"), None);
        let mut out = Writer::default();
        table.write(&mut out);
        let read = KeyTable::read(&mut Reader::new(&out.bytes)).expect("what was written");
        assert_eq!(read.len(), 5_000);
        assert_eq!(read.key(4_999), b"key 4999");
    }

    #[test]
    fn keys_with_the_same_hash_are_kept_apart() {
        let mut table = KeyTable::default();
        assert_eq!(table.insert(7, b"a"), Entry::New(0));
        assert_eq!(table.insert(7, b"b"), Entry::New(1));
        assert_eq!(table.insert(7, b"a"), Entry::Known(0));
        assert_eq!(table.insert(7, b""), Entry::New(2));
    }

    #[test]
    fn damaged_bytes_are_refused() {
        let mut out = Writer::default();
        out.count(2);
        out.strings([&b"same"[..], b"same"].into_iter());
        assert!(KeyTable::read(&mut Reader::new(&out.bytes)).is_err(), "a repeated key");
        for length in 0..out.bytes.len() {
            assert!(KeyTable::read(&mut Reader::new(&out.bytes[..length])).is_err());
        }
        let absurd = u64::MAX.to_le_bytes();
        assert!(KeyTable::read(&mut Reader::new(&absurd)).is_err(), "an absurd count");
    }
}
