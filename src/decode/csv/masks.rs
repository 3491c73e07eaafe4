//! Where in a block of 64 bytes the bytes are that structure CSV, as bit masks (bit i is byte i).
//!
//! Plain loops over bytes, written so that the compiler turns them into vector instructions: first
//! every byte that is found becomes a byte with one bit set, which one depending on its place among
//! eight; then one multiplication adds up eight such bytes. Written with a branch per byte instead,
//! cutting takes three times as long.

/// What to look for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Needles {
    /// Between fields.
    pub delimiter: u8,
    /// Around fields.
    pub quote: u8,
    /// All bits set, or none where quotes mean nothing.
    pub quotes_enabled: u64,
}

/// Where it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Masks {
    /// Quotes.
    pub quotes: u64,
    /// Delimiters.
    pub delimiters: u64,
    /// LF and CR.
    pub line_ends: u64,
}

/// Finds all needles in a block.
#[inline]
pub(super) fn find(block: &[u8; 64], needles: &Needles) -> Masks {
    let Needles { delimiter, quote, .. } = *needles;
    Masks {
        quotes: mask(block, |byte| byte == quote),
        delimiters: mask(block, |byte| byte == delimiter),
        line_ends: mask(block, |byte| (byte == b'\n') | (byte == b'\r')),
    }
}

/// Bit i of the result says whether byte i is wanted.
#[inline(always)]
fn mask(block: &[u8; 64], is_wanted: impl Fn(u8) -> bool) -> u64 {
    let mut found = [0; 64];
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
const PLACES: [u8; 64] = {
    let mut places = [0; 64];
    let mut at = 0;
    while at < 64 {
        places[at] = 1 << (at % 8);
        at += 1;
    }
    places
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_bit_says_what_its_byte_is(
            bytes in prop::collection::vec(
                prop_oneof![any::<u8>(), Just(b'\n'), Just(b'"')],
                64,
            ),
            delimiter: u8,
            quote: u8,
        ) {
            let block: [u8; 64] = bytes.try_into().expect("64 bytes");
            let needles = Needles { delimiter, quote, quotes_enabled: u64::MAX };
            let masks = find(&block, &needles);
            for (bit, byte) in block.iter().enumerate() {
                prop_assert_eq!(masks.quotes >> bit & 1 == 1, *byte == quote);
                prop_assert_eq!(masks.delimiters >> bit & 1 == 1, *byte == delimiter);
                prop_assert_eq!(masks.line_ends >> bit & 1 == 1, matches!(byte, b'\n' | b'\r'));
            }
        }
    }
}
