//! Chunk arithmetic: which chunk an offset belongs to, and which bytes a chunk nominally has.
//!
//! Chunk k holds the records that start in its nominal range; where they really start and end is
//! found by `decode`.

use crate::record::ChunkNumber;
use std::num::NonZeroU64;
use std::ops::Range;

/// Bytes of a chunk unless a test asks for another size; `benches` shows the effect.
pub const CHUNK_BYTES_DEFAULT: u64 = 1 << 20;

/// How an input is divided into chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunks {
    size: NonZeroU64,
}

impl Default for Chunks {
    fn default() -> Chunks {
        Chunks::new(CHUNK_BYTES_DEFAULT)
    }
}

impl Chunks {
    /// Chunks of so many bytes, at least one.
    pub fn new(size: u64) -> Chunks {
        Chunks { size: NonZeroU64::new(size).unwrap_or(NonZeroU64::MIN) }
    }

    /// Bytes of a chunk.
    pub fn size(self) -> u64 {
        self.size.get()
    }

    /// The chunk whose nominal range has the offset.
    pub fn number_at(self, offset: u64) -> ChunkNumber {
        ChunkNumber(offset / self.size)
    }

    /// The nominal range of a chunk.
    pub fn range(self, number: ChunkNumber) -> Range<u64> {
        let start = number.0.saturating_mul(self.size.get());
        start..start.saturating_add(self.size.get())
    }

    /// How many chunks an input of so many bytes has.
    pub fn count(self, bytes: u64) -> u64 {
        bytes.div_ceil(self.size.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_offset_is_in_the_range_of_its_chunk() {
        let chunks = Chunks::new(10);
        for offset in 0..35 {
            assert!(chunks.range(chunks.number_at(offset)).contains(&offset));
        }
        assert_eq!([0, 1, 10, 11].map(|bytes| chunks.count(bytes)), [0, 1, 1, 2]);
        assert_eq!(chunks.range(ChunkNumber(u64::MAX)), u64::MAX..u64::MAX);
    }
}
