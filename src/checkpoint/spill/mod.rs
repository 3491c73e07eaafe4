//! Spills: files beside the checkpoints, each written once by a step whose state has no room for it.
//!
//! A checkpoint names the spills that it needs in its manifest, with length and digest, and is usable only with them.
//! They are made durable before a checkpoint that needs them is saved, and removed when no checkpoint that is kept needs
//! them any more (`store/spills.rs`). What is in their blocks is known to the step.

mod format;

mod read;

mod write;

#[cfg(test)]
mod tests;

pub use read::{SpillBlock, SpillReader};
pub use write::SpillWriter;

use serde::{Deserialize, Serialize};
use std::fmt;

/// A spill that a checkpoint needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpillEntry {
    /// Its name in the job's folder: a [`SpillName`], or else the checkpoint is refused.
    pub name: String,
    /// Bytes.
    pub length: u64,
    /// What its bytes add up to.
    pub digest: u32,
}

/// What a spill is called: `spill-<number>-<random>.onw`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SpillName {
    /// Rises with each one that is made.
    pub number: u64,
    /// So that no name is used twice, whatever was removed.
    pub random: u64,
}

impl fmt::Display for SpillName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "spill-{:016x}-{:016x}.onw", self.number, self.random)
    }
}

impl SpillName {
    /// Reads a name; `None` for any other.
    pub fn parse(name: &str) -> Option<SpillName> {
        let digits = name.strip_prefix("spill-")?.strip_suffix(".onw")?;
        let (number, random) = digits.split_once('-')?;
        let hex = |digits: &str| u64::from_str_radix(digits, 16).ok();
        let parsed = SpillName { number: hex(number)?, random: hex(random)? };
        // There is one way to write it.
        (parsed.to_string() == name).then_some(parsed)
    }
}
