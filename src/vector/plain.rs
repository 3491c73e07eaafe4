//! The level that every processor has: plain loops, written so that the compiler can turn them into vector instructions.

use super::{BLOCK_BYTES, Bytes, Level};

/// No instructions in particular.
#[derive(Debug, Clone, Copy)]
pub struct Plain;

impl Level for Plain {
    type Block = Bytes;

    #[inline(always)]
    fn load(self, bytes: &Bytes) -> Bytes {
        *bytes
    }

    #[inline(always)]
    fn equal(self, block: Bytes, byte: u8) -> u64 {
        mask(&block, |one| one == byte)
    }

    #[inline(always)]
    fn at_most(self, block: Bytes, byte: u8) -> u64 {
        mask(&block, |one| one <= byte)
    }

    #[inline(always)]
    fn with_bits(self, mut block: Bytes, bits: u8) -> Bytes {
        block.iter_mut().for_each(|byte| *byte |= bits);
        block
    }
}

/// Bit i of the result says whether byte i is wanted.
///
/// First every byte that is wanted becomes a byte with one bit set, which one depending on its place among eight; then
/// one multiplication adds up eight such bytes. With a branch per byte instead it takes three times as long.
#[inline(always)]
fn mask(block: &Bytes, is_wanted: impl Fn(u8) -> bool) -> u64 {
    let mut found = [0; BLOCK_BYTES];
    for (found, (byte, place)) in found.iter_mut().zip(block.iter().zip(&PLACES)) {
        *found = u8::from(is_wanted(*byte)).wrapping_neg() & place;
    }
    let (words, _) = found.as_chunks::<8>();
    let mut mask = 0;
    for (index, word) in words.iter().enumerate() {
        let sum = u64::from_le_bytes(*word).wrapping_mul(0x0101_0101_0101_0101) >> 56;
        mask |= sum << (8 * index);
    }
    mask
}

/// The one bit that byte i becomes.
const PLACES: Bytes = {
    let mut places = [0; BLOCK_BYTES];
    let mut at = 0;
    while at < BLOCK_BYTES {
        places[at] = 1 << (at % 8);
        at += 1;
    }
    places
};

/// See [`Level::prefix_xor`].
#[inline(always)]
pub(super) fn prefix_xor(mut bits: u64) -> u64 {
    bits ^= bits << 1;
    bits ^= bits << 2;
    bits ^= bits << 4;
    bits ^= bits << 8;
    bits ^= bits << 16;
    bits ^ bits << 32
}

/// See [`Level::places`].
#[inline(always)]
pub(super) fn find_places(mut bits: u64, base: u32, places: &mut [u32; BLOCK_BYTES]) -> usize {
    let count = bits.count_ones() as usize;
    for place in &mut places[..count] {
        *place = base + bits.trailing_zeros();
        bits &= bits.wrapping_sub(1);
    }
    count
}
