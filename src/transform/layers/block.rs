//! A block of a layer: keys in the order of their hashes, and then of their bytes, with a value beside each, or none.

use crate::state::{Reader, Unreadable, Writer, key};
use std::cmp::Ordering;
use std::ops::Range;

/// A key with its value; a set of keys has empty values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The hash that tables of keys go by.
    pub hash: u32,
    /// The key.
    pub key: &'a [u8],
    /// What is remembered of it.
    pub value: &'a [u8],
}

impl Entry<'_> {
    /// The order of entries.
    pub fn compare(&self, other: &Entry<'_>) -> Ordering {
        self.hash.cmp(&other.hash).then_with(|| self.key.cmp(other.key))
    }
}

/// Entries that become a block.
#[derive(Debug, Default)]
pub struct NewBlock {
    bytes: Vec<u8>,
    ends: Vec<(usize, usize)>,
    /// The hash of its first entry.
    pub first: u32,
    /// The hash of its last entry.
    pub last: u32,
}

impl NewBlock {
    /// Appends an entry, which comes behind all others.
    pub fn push(&mut self, entry: Entry<'_>) {
        if self.ends.is_empty() {
            self.first = entry.hash;
        }
        self.last = entry.hash;
        self.bytes.extend_from_slice(entry.key);
        let key_end = self.bytes.len();
        self.bytes.extend_from_slice(entry.value);
        self.ends.push((key_end, self.bytes.len()));
    }

    /// Whether an entry had better begin a new block, where one has so many bytes. Those of one hash stay together.
    pub fn is_full_for(&self, entry: Entry<'_>, bytes: usize) -> bool {
        self.bytes.len() >= bytes && entry.hash != self.last
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Its bytes; it is empty then.
    pub fn take(&mut self) -> Vec<u8> {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|(_, end)| *end));
        let pieces: Vec<(usize, usize, usize)> =
            starts.zip(&self.ends).map(|(start, (key_end, end))| (start, *key_end, *end)).collect();
        let mut out = Writer::default();
        out.count(pieces.len());
        out.strings(pieces.iter().map(|(start, key_end, _)| &self.bytes[*start..*key_end]));
        out.flags([pieces.iter().any(|(_, key_end, end)| key_end < end)]);
        if out.bytes.last() == Some(&1) {
            out.strings(pieces.iter().map(|(_, key_end, end)| &self.bytes[*key_end..*end]));
        }
        self.bytes.clear();
        self.ends.clear();
        out.bytes
    }
}

/// A block that was read.
#[derive(Debug, Default)]
pub struct Block {
    bytes: Vec<u8>,
    count: usize,
    keys: Strings,
    values: Strings,
}

/// Byte strings one behind the other: where they begin, and where each ends.
#[derive(Debug, Default)]
struct Strings {
    start: usize,
    ends: Vec<usize>,
}

impl Strings {
    /// Those that are next in a block of which `all` bytes there are.
    fn read(reader: &mut Reader<'_>, all: usize, count: usize) -> Result<Strings, Unreadable> {
        let what = "keys";
        let lengths = reader.u32s(count, what)?;
        let start = all - reader.left();
        let mut ends = Vec::with_capacity(count);
        for length in lengths {
            reader.take(length as usize, what)?;
            ends.push(all - reader.left());
        }
        Ok(Strings { start, ends })
    }

    fn range(&self, index: usize) -> Range<usize> {
        let start = index.checked_sub(1).map_or(self.start, |before| self.ends[before]);
        start..self.ends[index]
    }
}

impl Block {
    /// Reads what [`NewBlock::take`] gave.
    pub fn read(bytes: Vec<u8>) -> Result<Block, Unreadable> {
        let what = "keys";
        let mut reader = Reader::new(&bytes);
        let count = reader.count(4, what)?;
        let keys = Strings::read(&mut reader, bytes.len(), count)?;
        let values = match reader.flags(1, what)?[0] {
            true => Strings::read(&mut reader, bytes.len(), count)?,
            false => Strings { start: 0, ends: vec![0; count] },
        };
        reader.finish(what)?;
        Ok(Block { count, keys, values, bytes })
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.count
    }

    /// The entry of a number; `None` behind the last one.
    pub fn entry(&self, index: usize) -> Option<Entry<'_>> {
        let entry = self.known_entry(index, 0)?;
        Some(Entry { hash: key::hash(entry.key), ..entry })
    }

    /// The same, where the hash of its key is known.
    pub fn known_entry(&self, index: usize, hash: u32) -> Option<Entry<'_>> {
        if index >= self.count {
            return None;
        }
        let (key, value) = (self.keys.range(index), self.values.range(index));
        Some(Entry { hash, key: &self.bytes[key], value: &self.bytes[value] })
    }

    /// The entry of a key.
    pub fn find(&self, hash: u32, key: &[u8]) -> Option<Entry<'_>> {
        let (mut start, mut end) = (0, self.count);
        while start < end {
            let middle = start.midpoint(end);
            match key::hash(&self.bytes[self.keys.range(middle)]) < hash {
                true => start = middle + 1,
                false => end = middle,
            }
        }
        let mut alike = (start..).map_while(|index| self.entry(index));
        alike.by_ref().take_while(|entry| entry.hash == hash).find(|entry| entry.key == key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_with_and_without_values() {
        for values in [["", ""], ["1", ""], ["x", "yz"]] {
            let entry = |place: usize, key: &'static str| {
                let (key, value) = (key.as_bytes(), values[place].as_bytes());
                Entry { hash: key::hash(key), key, value }
            };
            let mut expected = [entry(0, "a"), entry(1, "")];
            expected.sort_by(Entry::compare);
            let mut block = NewBlock::default();
            expected.iter().for_each(|entry| block.push(*entry));
            assert_eq!((block.first, block.last), (expected[0].hash, expected[1].hash));
            let bytes = block.take();
            assert!(block.is_empty());
            for length in 0..bytes.len() {
                assert!(Block::read(bytes[..length].to_vec()).is_err(), "{length} bytes");
            }
            let read = Block::read(bytes).expect("what was taken");
            let found = [0, 1, 2].map(|index| read.entry(index));
            assert_eq!(found, [Some(expected[0]), Some(expected[1]), None]);
            assert_eq!(read.find(expected[1].hash, expected[1].key), Some(expected[1]));
            assert_eq!(read.find(expected[1].hash, b"other"), None);
        }
    }
}
