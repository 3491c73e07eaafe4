//! NEON, which every 64-bit ARM processor has.
#![expect(unsafe_code, reason = "vector instructions, and loads of whole arrays")]

use super::{Bytes, Level, Work};
use std::arch::aarch64::{
    uint8x16_t, vandq_u8, vceqq_u8, vcleq_u8, vdupq_n_u8, vgetq_lane_u64, vld1q_u8, vorrq_u8,
    vpaddq_u8, vreinterpretq_u64_u8,
};

/// The first level of 64-bit ARM.
#[derive(Debug, Clone, Copy)]
pub struct Neon(());

/// Does some work with NEON.
#[inline]
pub(super) fn run<W: Work>(work: W) -> W::Output {
    work.run(Neon(()))
}

impl Level for Neon {
    type Block = [uint8x16_t; 4];

    #[inline(always)]
    fn load(self, bytes: &Bytes) -> Self::Block {
        let at = bytes.as_ptr();
        // SAFETY: four times 16 bytes are the 64 bytes of the array; every 64-bit ARM processor has NEON.
        unsafe { [vld1q_u8(at), vld1q_u8(at.add(16)), vld1q_u8(at.add(32)), vld1q_u8(at.add(48))] }
    }

    #[inline(always)]
    fn equal(self, block: Self::Block, byte: u8) -> u64 {
        // SAFETY: every 64-bit ARM processor has NEON.
        unsafe {
            let wanted = vdupq_n_u8(byte);
            join(block.map(|part| vceqq_u8(part, wanted)))
        }
    }

    #[inline(always)]
    fn at_most(self, block: Self::Block, byte: u8) -> u64 {
        // SAFETY: every 64-bit ARM processor has NEON.
        unsafe {
            let most = vdupq_n_u8(byte);
            join(block.map(|part| vcleq_u8(part, most)))
        }
    }

    #[inline(always)]
    fn with_bits(self, block: Self::Block, bits: u8) -> Self::Block {
        // SAFETY: every 64-bit ARM processor has NEON.
        unsafe {
            let bits = vdupq_n_u8(bits);
            block.map(|part| vorrq_u8(part, bits))
        }
    }
}

/// Bytes of all ones or none as bits: each keeps the bit of its place among eight, then neighbours are added three times.
#[inline(always)]
fn join(found: [uint8x16_t; 4]) -> u64 {
    const PLACES: [u8; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128];
    // SAFETY: the load takes the 16 bytes of the array; every 64-bit ARM processor has NEON.
    unsafe {
        let places = vld1q_u8(PLACES.as_ptr());
        let [first, second, third, fourth] = found.map(|part| vandq_u8(part, places));
        let sums = vpaddq_u8(vpaddq_u8(first, second), vpaddq_u8(third, fourth));
        vgetq_lane_u64::<0>(vreinterpretq_u64_u8(vpaddq_u8(sums, sums)))
    }
}
