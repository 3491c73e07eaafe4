//! SSE2, which every x86-64 processor has, AVX2 and AVX-512.
#![expect(unsafe_code, reason = "vector instructions, and loads and stores of whole arrays")]

use super::{BLOCK_BYTES, Bytes, Level, Work};
use std::arch::x86_64::{
    __m128i, __m256i, __m512i, _mm_clmulepi64_si128, _mm_cmpeq_epi8, _mm_cvtsi128_si64,
    _mm_loadl_epi64, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128,
    _mm_set_epi64x, _mm_set1_epi8, _mm256_add_epi32, _mm256_cmpeq_epi8, _mm256_cvtepu8_epi32,
    _mm256_loadu_si256, _mm256_min_epu8, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8,
    _mm256_set1_epi32, _mm256_storeu_si256, _mm512_add_epi32, _mm512_cmpeq_epi8_mask,
    _mm512_cmple_epu8_mask, _mm512_cvtepu8_epi32, _mm512_extracti32x4_epi32, _mm512_loadu_si512,
    _mm512_maskz_compress_epi8, _mm512_or_si512, _mm512_set1_epi8, _mm512_set1_epi32,
    _mm512_storeu_si512,
};

/// The first level of x86-64.
#[derive(Debug, Clone, Copy)]
pub struct Sse2(());

/// AVX2, BMI, POPCNT and carry-less multiplication.
#[derive(Debug, Clone, Copy)]
pub struct Avx2(());

/// AVX-512 with VBMI2, and all of [`Avx2`].
#[derive(Debug, Clone, Copy)]
pub struct Avx512(());

/// Does some work with the best level.
#[inline]
pub(super) fn run<W: Work>(work: W) -> W::Output {
    if has_avx512() {
        // SAFETY: the processor has just said that it has these instructions.
        unsafe { run_avx512(work) }
    } else if has_avx2() {
        // SAFETY: the processor has just said that it has these instructions.
        unsafe { run_avx2(work) }
    } else {
        work.run(Sse2(()))
    }
}

/// Does the same work at every level that this machine has.
#[cfg(test)]
pub(super) fn levels<W: Work + Clone>(work: &W) -> Vec<(&'static str, W::Output)> {
    let mut outputs = vec![("sse2", work.clone().run(Sse2(())))];
    if has_avx2() {
        // SAFETY: the processor has just said that it has these instructions.
        outputs.push(("avx2", unsafe { run_avx2(work.clone()) }));
    }
    if has_avx512() {
        // SAFETY: the processor has just said that it has these instructions.
        outputs.push(("avx512", unsafe { run_avx512(work.clone()) }));
    }
    outputs
}

// The answers are kept by the standard library: asking again is one load.

#[inline]
fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("popcnt")
        && is_x86_feature_detected!("lzcnt")
        && is_x86_feature_detected!("pclmulqdq")
}

#[inline]
fn has_avx512() -> bool {
    has_avx2()
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vbmi2")
}

#[target_feature(enable = "avx2,bmi1,bmi2,popcnt,lzcnt,pclmulqdq")]
fn run_avx2<W: Work>(work: W) -> W::Output {
    work.run(Avx2(()))
}

#[target_feature(enable = "avx2,bmi1,bmi2,popcnt,lzcnt,pclmulqdq")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi2")]
fn run_avx512<W: Work>(work: W) -> W::Output {
    work.run(Avx512(()))
}

/// The methods of the levels call functions that are compiled for the instructions of the level.
macro_rules! of_level {
    ($call:expr) => {
        // SAFETY: a value of the level is only made where the processor has its instructions.
        unsafe { $call }
    };
}

impl Level for Sse2 {
    type Block = [__m128i; 4];

    #[inline(always)]
    fn load(self, bytes: &Bytes) -> Self::Block {
        let at = bytes.as_ptr().cast::<__m128i>();
        // SAFETY: four times 16 bytes are the 64 bytes of the array; these loads need no alignment.
        unsafe {
            [
                _mm_loadu_si128(at),
                _mm_loadu_si128(at.add(1)),
                _mm_loadu_si128(at.add(2)),
                _mm_loadu_si128(at.add(3)),
            ]
        }
    }

    #[inline(always)]
    fn equal(self, block: Self::Block, byte: u8) -> u64 {
        of_level!({
            let wanted = _mm_set1_epi8(byte.cast_signed());
            join16(block.map(|part| _mm_movemask_epi8(_mm_cmpeq_epi8(part, wanted))))
        })
    }

    #[inline(always)]
    fn at_most(self, block: Self::Block, byte: u8) -> u64 {
        of_level!({
            let most = _mm_set1_epi8(byte.cast_signed());
            join16(
                block.map(|part| _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(part, most), part))),
            )
        })
    }

    #[inline(always)]
    fn with_bits(self, block: Self::Block, bits: u8) -> Self::Block {
        of_level!({
            let bits = _mm_set1_epi8(bits.cast_signed());
            block.map(|part| _mm_or_si128(part, bits))
        })
    }
}

/// Four masks of 16 bits as one.
#[inline(always)]
fn join16(masks: [i32; 4]) -> u64 {
    let [first, second, third, fourth] = masks.map(|mask| u64::from(mask.cast_unsigned()));
    first | second << 16 | third << 32 | fourth << 48
}

impl Level for Avx2 {
    type Block = [__m256i; 2];

    #[inline(always)]
    fn load(self, bytes: &Bytes) -> Self::Block {
        let at = bytes.as_ptr().cast::<__m256i>();
        // SAFETY: twice 32 bytes are the 64 bytes of the array; these loads need no alignment.
        unsafe { [_mm256_loadu_si256(at), _mm256_loadu_si256(at.add(1))] }
    }

    #[inline(always)]
    fn equal(self, block: Self::Block, byte: u8) -> u64 {
        of_level!({
            let wanted = _mm256_set1_epi8(byte.cast_signed());
            join32(block.map(|part| _mm256_movemask_epi8(_mm256_cmpeq_epi8(part, wanted))))
        })
    }

    #[inline(always)]
    fn at_most(self, block: Self::Block, byte: u8) -> u64 {
        of_level!({
            let most = _mm256_set1_epi8(byte.cast_signed());
            join32(block.map(|part| {
                _mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_min_epu8(part, most), part))
            }))
        })
    }

    #[inline(always)]
    fn with_bits(self, block: Self::Block, bits: u8) -> Self::Block {
        of_level!({
            let bits = _mm256_set1_epi8(bits.cast_signed());
            block.map(|part| _mm256_or_si256(part, bits))
        })
    }

    #[inline(always)]
    fn prefix_xor(self, bits: u64) -> u64 {
        of_level!(prefix_xor_by_product(bits))
    }

    #[inline(always)]
    fn places(self, bits: u64, base: u32, places: &mut [u32; BLOCK_BYTES]) -> usize {
        of_level!(places_avx2(bits, base, places))
    }
}

/// Two masks of 32 bits as one.
#[inline(always)]
fn join32(masks: [i32; 2]) -> u64 {
    let [first, second] = masks.map(|mask| u64::from(mask.cast_unsigned()));
    first | second << 32
}

/// The product with all ones, without carries, is the running parity.
#[target_feature(enable = "pclmulqdq")]
#[inline]
fn prefix_xor_by_product(bits: u64) -> u64 {
    let (bits, ones) = (_mm_set_epi64x(0, bits.cast_signed()), _mm_set1_epi8(-1));
    _mm_cvtsi128_si64(_mm_clmulepi64_si128::<0>(bits, ones)).cast_unsigned()
}

/// Eight bits at a time: a table has the places of the bits of each byte.
#[target_feature(enable = "avx2,popcnt")]
#[inline]
fn places_avx2(bits: u64, base: u32, places: &mut [u32; BLOCK_BYTES]) -> usize {
    let mut count = 0;
    for (first, byte) in (base..).step_by(8).zip(bits.to_le_bytes()) {
        let in_byte = &PLACES_OF_BYTE[usize::from(byte)];
        // SAFETY: the load takes the 8 bytes of the array. The store takes 8 numbers from `count` on, which is at most
        // 8 times the number of bytes before this one: they end at the 64th at the latest.
        unsafe {
            let in_byte = _mm256_cvtepu8_epi32(_mm_loadl_epi64(in_byte.as_ptr().cast()));
            let found = _mm256_add_epi32(in_byte, _mm256_set1_epi32(first.cast_signed()));
            _mm256_storeu_si256(places.as_mut_ptr().add(count).cast(), found);
        }
        count += byte.count_ones() as usize;
    }
    count
}

/// The places of the set bits of each byte.
static PLACES_OF_BYTE: [[u8; 8]; 256] = {
    let mut table = [[0; 8]; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut bit, mut count) = (0, 0);
        while bit < 8 {
            if byte >> bit & 1 == 1 {
                table[byte][count] = bit;
                count += 1;
            }
            bit += 1;
        }
        byte += 1;
    }
    table
};

impl Level for Avx512 {
    type Block = __m512i;

    #[inline(always)]
    fn load(self, bytes: &Bytes) -> Self::Block {
        // SAFETY: the 64 bytes of the array; this load needs no alignment. A value of the level is only made where the
        // processor has its instructions.
        unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
    }

    #[inline(always)]
    fn equal(self, block: Self::Block, byte: u8) -> u64 {
        of_level!(_mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8(byte.cast_signed())))
    }

    #[inline(always)]
    fn at_most(self, block: Self::Block, byte: u8) -> u64 {
        of_level!(_mm512_cmple_epu8_mask(block, _mm512_set1_epi8(byte.cast_signed())))
    }

    #[inline(always)]
    fn with_bits(self, block: Self::Block, bits: u8) -> Self::Block {
        of_level!(_mm512_or_si512(block, _mm512_set1_epi8(bits.cast_signed())))
    }

    #[inline(always)]
    fn prefix_xor(self, bits: u64) -> u64 {
        of_level!(prefix_xor_by_product(bits))
    }

    #[inline(always)]
    fn places(self, bits: u64, base: u32, places: &mut [u32; BLOCK_BYTES]) -> usize {
        of_level!(places_avx512(bits, base, places))
    }
}

/// The numbers 0 to 63 are compressed to the places, and widened 16 at a time.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,popcnt")]
#[inline]
fn places_avx512(bits: u64, base: u32, places: &mut [u32; BLOCK_BYTES]) -> usize {
    let count = bits.count_ones() as usize;
    // SAFETY: the load takes the 64 bytes of the array.
    let numbers = unsafe { _mm512_loadu_si512(NUMBERS.as_ptr().cast()) };
    let found = _mm512_maskz_compress_epi8(bits, numbers);
    let base = _mm512_set1_epi32(base.cast_signed());
    let quarters = [
        _mm512_extracti32x4_epi32::<0>(found),
        _mm512_extracti32x4_epi32::<1>(found),
        _mm512_extracti32x4_epi32::<2>(found),
        _mm512_extracti32x4_epi32::<3>(found),
    ];
    let (out, _) = places.as_chunks_mut::<16>();
    for (index, (out, quarter)) in out.iter_mut().zip(quarters).enumerate() {
        if index > 0 && count <= 16 * index {
            break;
        }
        let wide = _mm512_add_epi32(_mm512_cvtepu8_epi32(quarter), base);
        // SAFETY: the store takes the 16 numbers of the array.
        unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), wide) };
    }
    count
}

/// The numbers 0 to 63.
static NUMBERS: Bytes = {
    let mut numbers = [0; BLOCK_BYTES];
    let (mut at, mut number) = (0, 0);
    while at < BLOCK_BYTES {
        numbers[at] = number;
        at += 1;
        number += 1;
    }
    numbers
};
