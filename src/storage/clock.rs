//! Clock and randomness, passed in so that tests can set them.

use std::fmt;
use std::time::Duration;

/// The time, and numbers that nobody can guess.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Time since some fixed moment; never goes back. For intervals.
    fn monotonic(&self) -> Duration;

    /// Microseconds since 1970-01-01 UTC by the wall clock; may jump. For messages, `now()` and file names only.
    fn wall_micros(&self) -> i64;

    /// 64 random bits, for names of temporary files and ids.
    fn random(&self) -> u64;
}
