//! Fixed-width little-endian fields, and the digest that guards them.

use crate::storage::mutants::{Mutant, is_on};

/// The masked CRC-32 of some bytes. A CRC over bytes that contain their own plain CRC does not
/// depend on the bytes; masking (rotate right by 15, add a constant) keeps digests of digests
/// meaningful.
pub fn masked_crc(parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    mask(hasher.finalize())
}

/// The masked CRC-32 of bytes that come piece by piece.
#[derive(Debug, Clone, Default)]
pub struct Masked(crc32fast::Hasher);

impl Masked {
    /// Takes in the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all.
    pub fn finish(self) -> u32 {
        mask(self.0.finalize())
    }
}

fn mask(crc: u32) -> u32 {
    if is_on(Mutant::ChecksumNotMasked) {
        return crc;
    }
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// Reads fields one after the other; every read past the end is `None`.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Starts at the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Fields { rest: bytes }
    }

    /// The next `count` bytes.
    pub fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    /// The next N bytes.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*taken)
    }

    /// The next byte.
    pub fn u8(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    /// The next 2 bytes.
    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    /// The next 4 bytes.
    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// The next 8 bytes.
    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// Whether all was read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_is_the_documented_one() {
        assert_eq!(mask(0), 0xa282_ead8);
        assert_eq!(mask(0x0000_8000), 0xa282_ead9);
        assert_eq!(masked_crc(&[b"123", b"456789"]), mask(0xcbf4_3926));
    }

    #[test]
    fn a_digest_over_bytes_with_their_own_digest_depends_on_the_bytes() {
        let sealed = |bytes: &[u8]| masked_crc(&[bytes, &masked_crc(&[bytes]).to_le_bytes()]);
        assert_ne!(sealed(b"aaaa"), sealed(b"bbbb"));
    }
}
