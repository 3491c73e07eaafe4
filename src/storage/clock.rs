//! Clock and randomness, passed in so that tests can set them.
//!
//! [`SystemClock`] asks the operating system, [`FixedDate`] lets one of its two stand still, [`SimulatedClock`] is moved by hand. Nothing else
//! reads the time.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The time, and numbers that nobody can guess.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Time since some fixed moment; never goes back. For intervals.
    fn monotonic(&self) -> Duration;

    /// Microseconds since 1970-01-01 UTC by the wall clock; may jump. For messages, `now()` and
    /// file names only.
    fn wall_micros(&self) -> i64;

    /// 64 random bits, for names of temporary files and ids.
    fn random(&self) -> u64;
}

/// The operating system's clocks and randomness.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
    drawn: AtomicU64,
}

impl SystemClock {
    /// A clock whose monotonic time starts now.
    #[expect(clippy::disallowed_methods, reason = "the home of the clocks")]
    pub fn new() -> Self {
        SystemClock { start: Instant::now(), drawn: AtomicU64::new(0) }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        SystemClock::new()
    }
}

impl Clock for SystemClock {
    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    #[expect(clippy::disallowed_methods, reason = "the home of the clocks")]
    fn wall_micros(&self) -> i64 {
        let micros = |span: Duration| i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => micros(since),
            Err(before) => -micros(before.duration()),
        }
    }

    /// The keys of a [`RandomState`] come from the operating system; the count and the time keep
    /// draws apart.
    fn random(&self) -> u64 {
        let drawn = self.drawn.fetch_add(1, Ordering::Relaxed);
        RandomState::new().hash_one((drawn, self.wall_micros(), std::process::id()))
    }
}

/// A clock with a wall that stands still: runs that are to be compared must agree on what `now()` is.
#[derive(Debug)]
pub struct FixedDate {
    clock: Arc<dyn Clock>,
    wall_micros: i64,
}

impl FixedDate {
    /// The same clock with this reading of the wall.
    pub fn new(clock: Arc<dyn Clock>, wall_micros: i64) -> Self {
        FixedDate { clock, wall_micros }
    }
}

impl Clock for FixedDate {
    fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    fn wall_micros(&self) -> i64 {
        self.wall_micros
    }

    fn random(&self) -> u64 {
        self.clock.random()
    }
}

/// A clock that stands still until it is moved, with a fixed sequence of random numbers.
#[derive(Debug)]
pub struct SimulatedClock {
    monotonic_micros: AtomicU64,
    random_state: AtomicU64,
}

impl SimulatedClock {
    /// The wall clock's reading at the start: 2024-01-01 00:00:00 UTC.
    pub const WALL_START_MICROS: i64 = 1_704_067_200_000_000;

    /// A clock at zero; equal seeds give equal random numbers.
    pub fn new(seed: u64) -> Self {
        SimulatedClock { monotonic_micros: AtomicU64::new(0), random_state: AtomicU64::new(seed) }
    }

    /// Moves both clocks forward.
    pub fn advance(&self, span: Duration) {
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        self.monotonic_micros.fetch_add(micros, Ordering::Relaxed);
    }
}

impl Clock for SimulatedClock {
    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.monotonic_micros.load(Ordering::Relaxed))
    }

    fn wall_micros(&self) -> i64 {
        let passed = self.monotonic_micros.load(Ordering::Relaxed);
        Self::WALL_START_MICROS.saturating_add_unsigned(passed)
    }

    fn random(&self) -> u64 {
        let step = 0x9e37_79b9_7f4a_7c15_u64;
        let state = self.random_state.fetch_add(step, Ordering::Relaxed);
        scramble(state.wrapping_add(step))
    }
}

/// SplitMix64's output function: spreads a counter over all 64 bits.
pub(super) fn scramble(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_numbers_of_the_system_differ() {
        let clock = SystemClock::new();
        let drawn: std::collections::BTreeSet<u64> = (0..100).map(|_| clock.random()).collect();
        assert_eq!(drawn.len(), 100);
    }

    #[test]
    fn a_simulated_clock_moves_only_when_it_is_moved() {
        let clock = SimulatedClock::new(7);
        assert_eq!(clock.monotonic(), clock.monotonic());
        clock.advance(Duration::from_secs(3));
        assert_eq!(clock.monotonic(), Duration::from_secs(3));
        assert_eq!(clock.wall_micros() - SimulatedClock::WALL_START_MICROS, 3_000_000);
        assert_eq!(SimulatedClock::new(9).random(), SimulatedClock::new(9).random());
    }
}
