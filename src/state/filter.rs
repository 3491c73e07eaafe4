//! A filter over many keys: whether a key may be among them, without the keys.
//!
//! A blocked Bloom filter (Putze, Sanders and Singler, "Cache-, Hash- and Space-Efficient Bloom Filters", 2007): all bits
//! of a key lie within 64 bytes, so that a question takes one read of memory. It never denies a key that was added; at
//! 16 bits a key it lets about one other in 800 through, at 8 bits one in 40.

use super::codec::{Reader, Unreadable, Writer};
use crate::vector::prefetch;

/// The keys of a set, each as a few bits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    lines: Vec<[u64; WORDS]>,
}

/// Words of a line.
const WORDS: usize = 8;

/// Bits of a line.
const LINE_BITS: u64 = 64 * WORDS as u64;

/// So many bits are set for a key.
const BITS_PER_KEY_SET: u32 = 6;

/// Memory is asked for so many keys ahead.
const AHEAD: usize = 32;

impl Filter {
    /// An empty filter with so many bits for each of so many keys.
    pub fn new(keys: u64, bits_per_key: u64) -> Filter {
        let lines = keys.saturating_mul(bits_per_key).div_ceil(LINE_BITS).max(1);
        let lines = usize::try_from(lines).expect("a filter fits into memory");
        Filter { lines: vec![[0; WORDS]; lines] }
    }

    /// Bytes that it takes.
    pub fn bytes(&self) -> usize {
        self.lines.len() * size_of::<[u64; WORDS]>()
    }

    /// Adds a key by its hash of 64 bits.
    pub fn add(&mut self, hash: u64) {
        let line = self.line_of(hash);
        bits_of(hash).for_each(|(word, bit)| self.lines[line][word] |= bit);
    }

    /// Whether a key may have been added.
    pub fn may_have(&self, hash: u64) -> bool {
        let line = &self.lines[self.line_of(hash)];
        bits_of(hash).all(|(word, bit)| line[word] & bit != 0)
    }

    /// The places of those keys that may have been added; the memory for many of them is read side by side.
    pub fn likely<'a, T>(
        &'a self,
        keys: &'a [T],
        hash_of: impl Fn(&T) -> u64 + 'a,
    ) -> impl Iterator<Item = usize> {
        keys.iter().enumerate().filter_map(move |(at, key)| {
            if let Some(later) = keys.get(at + AHEAD) {
                prefetch(&self.lines[self.line_of(hash_of(later))]);
            }
            self.may_have(hash_of(key)).then_some(at)
        })
    }

    fn line_of(&self, hash: u64) -> usize {
        let line = (u128::from(hash) * self.lines.len() as u128) >> 64;
        usize::try_from(line).expect("a line is a place in memory")
    }

    /// Lines as bytes, some at a time.
    pub fn write(&self, lines_at_a_time: usize) -> impl Iterator<Item = Vec<u8>> {
        self.lines.chunks(lines_at_a_time).map(|lines| {
            let mut out = Writer::default();
            out.u64s(lines.iter().flatten().copied());
            out.bytes
        })
    }

    /// Adds lines that [`Filter::write`] wrote.
    pub fn extend(&mut self, bytes: &[u8]) -> Result<(), Unreadable> {
        let mut reader = Reader::new(bytes);
        let words = reader.u64s(bytes.len() / 8, "filter")?;
        self.lines.extend(words.as_chunks().0);
        reader.finish("filter")
    }

    /// Whether it has no lines at all, and cannot be asked.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

/// Word and bit of a key within its line. Those of the hash that tell the line are not used as they are.
fn bits_of(hash: u64) -> impl Iterator<Item = (usize, u64)> {
    let mut mixed = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^= mixed >> 32;
    (0..BITS_PER_KEY_SET).map(move |number| {
        let bit = (mixed >> (9 * number)) % LINE_BITS;
        (usize::try_from(bit / 64).expect("less than WORDS"), 1 << (bit % 64))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::key::wide_hash;

    fn hash(number: u64) -> u64 {
        wide_hash(&number.to_le_bytes())
    }

    #[test]
    fn what_was_added_is_let_through_and_little_else_is() {
        for (bits_per_key, most) in [(16, 150), (8, 3_000)] {
            let mut filter = Filter::new(50_000, bits_per_key);
            (0..50_000).for_each(|number| filter.add(hash(number)));
            let mut read = Filter::default();
            assert!(read.is_empty());
            filter.write(100).for_each(|bytes| read.extend(&bytes).expect("what was written"));
            assert_eq!(read, filter);
            let numbers: Vec<u64> = (0..100_000).collect();
            let likely: Vec<usize> = read.likely(&numbers, |number| hash(*number)).collect();
            assert!(likely[..50_000].iter().copied().eq(0..50_000));
            assert!(likely.len() - 50_000 < most, "{} of 50,000", likely.len() - 50_000);
        }
    }
}
