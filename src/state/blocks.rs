//! Byte strings one behind the other, in blocks that a snapshot shares; what was appended never changes.

use std::sync::Arc;

/// A block is closed before it has more bytes, unless one string alone has.
const BLOCK: usize = 1 << 20;

/// Byte strings in blocks.
#[derive(Debug, Clone, Default)]
pub struct Blocks {
    blocks: Vec<Arc<Vec<u8>>>,
}

/// Where a byte string lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The number of its block.
    pub block: u32,
    /// Where in the block it begins.
    pub start: u32,
    /// How many bytes it has.
    pub length: u32,
}

impl Blocks {
    /// Whether nothing was appended.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Appends a string.
    pub fn push(&mut self, bytes: &[u8]) -> Place {
        let fits = |block: &&mut Vec<u8>| block.len() + bytes.len() <= BLOCK;
        // A block that a snapshot has is left as it is.
        let open = self.blocks.last_mut().and_then(Arc::get_mut).filter(fits);
        let block = match open {
            Some(block) => block,
            None => {
                self.blocks.push(Arc::default());
                let new = self.blocks.last_mut().and_then(Arc::get_mut);
                new.expect("nobody else knows it yet")
            }
        };
        let start = block.len();
        block.extend_from_slice(bytes);
        let number = |value: usize| u32::try_from(value).expect("a string is shorter than 4 GiB");
        Place {
            block: number(self.blocks.len() - 1),
            start: number(start),
            length: number(bytes.len()),
        }
    }

    /// The string at a place.
    #[inline]
    pub fn get(&self, place: Place) -> &[u8] {
        let Place { block, start, length } = place;
        &self.blocks[block as usize][start as usize..][..length as usize]
    }

    /// All strings so far, for another thread.
    pub fn share(&self) -> Blocks {
        self.clone()
    }

    /// Bytes that are held.
    pub fn bytes(&self) -> usize {
        self.blocks.iter().map(|block| block.capacity()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_found_again_and_a_snapshot_sees_no_later_ones() {
        let mut blocks = Blocks::default();
        let long = vec![b'x'; BLOCK + 1];
        let texts: Vec<Vec<u8>> = vec![b"one".to_vec(), long, b"two".to_vec(), vec![b'y'; BLOCK]];
        let places: Vec<Place> = texts.iter().map(|text| blocks.push(text)).collect();
        let shared = blocks.share();
        let later = blocks.push(b"three");
        assert_eq!(blocks.get(later), b"three");
        assert_eq!(later.block as usize, shared.blocks.len(), "a block of its own");
        for (text, place) in texts.iter().zip(places) {
            assert!(blocks.get(place) == &**text && shared.get(place) == &**text);
        }
    }
}
