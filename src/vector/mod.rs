//! What 64 bytes hold, as bit masks, with the widest instructions that the processor has.
//!
//! A kernel is written once, as a [`Work`] over any [`Level`] of instructions; [`run`] runs it with the best level of this
//! machine. All levels give the same answers; `levels` runs a kernel with each, for tests. Bit i of a mask is byte i of
//! its block. The levels are the only unsafe code of the program: loads and stores through pointers to arrays of just that
//! size, and instructions of which the processor was asked before. [`prefetch`] is here because it, too, takes a pointer.

mod plain;

mod prefetch;

#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(target_arch = "aarch64")]
mod neon;

pub use plain::Plain;
pub use prefetch::prefetch;

/// The number of bytes that are looked at in one step.
pub const BLOCK_BYTES: usize = 64;

/// Some bytes of a stream.
pub type Bytes = [u8; BLOCK_BYTES];

/// A set of instructions. A value of it is proof that the processor has them.
pub trait Level: Copy {
    /// 64 bytes in registers.
    type Block: Copy;

    /// Takes bytes into registers.
    fn load(self, bytes: &Bytes) -> Self::Block;

    /// Which bytes are this one.
    fn equal(self, block: Self::Block, byte: u8) -> u64;

    /// Which bytes are this one or less.
    fn at_most(self, block: Self::Block, byte: u8) -> u64;

    /// The same bytes with these bits set in each.
    fn with_bits(self, block: Self::Block, bits: u8) -> Self::Block;

    /// Bit i of the result is the parity of bits 0 to i.
    #[inline(always)]
    fn prefix_xor(self, bits: u64) -> u64 {
        plain::prefix_xor(bits)
    }

    /// Writes `base` plus the place of each set bit, in order, to the front of `places`; what stands behind them is
    /// undefined. Answers how many they are.
    #[inline(always)]
    fn places(self, bits: u64, base: u32, places: &mut [u32; BLOCK_BYTES]) -> usize {
        plain::find_places(bits, base, places)
    }
}

/// A kernel. Implementations of `run` are `#[inline(always)]`, so that they are compiled once for each level.
pub trait Work {
    /// What comes out.
    type Output;

    /// Does it.
    fn run<L: Level>(self, level: L) -> Self::Output;
}

/// Does some work with the best instructions of this processor.
#[inline]
pub fn run<W: Work>(work: W) -> W::Output {
    #[cfg(target_arch = "x86_64")]
    return x86::run(work);
    #[cfg(target_arch = "aarch64")]
    return neon::run(work);
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    return work.run(Plain);
}

/// What the best level of this machine is called.
pub fn name() -> &'static str {
    struct Name;
    impl Work for Name {
        type Output = &'static str;

        #[inline(always)]
        fn run<L: Level>(self, _level: L) -> &'static str {
            std::any::type_name::<L>().rsplit("::").next().unwrap_or_default()
        }
    }
    run(Name)
}

/// Does the same work at every level that this machine has, the plain one first.
#[cfg(test)]
pub(crate) fn levels<W: Work + Clone>(work: &W) -> Vec<(&'static str, W::Output)> {
    let mut outputs = vec![("plain", work.clone().run(Plain))];
    #[cfg(target_arch = "x86_64")]
    outputs.extend(x86::levels(work));
    #[cfg(target_arch = "aarch64")]
    outputs.push(("neon", neon::run(work.clone())));
    outputs
}

#[cfg(test)]
mod tests;
