//! Where in the inputs something is.

use serde::{Deserialize, Serialize};

/// Which of the job's inputs, counted from 0 in the order in which they are read.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct SourceIndex(pub u32);

/// Which chunk of an input, counted from 0: chunk k holds the records that start in `k * size .. (k + 1) * size`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct ChunkNumber(pub u64);

/// A point between two records: everything before it was processed, nothing after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Position {
    /// The input that the next record is in.
    pub source: SourceIndex,
    /// The byte offset in that input at which the next record starts.
    pub offset: u64,
    /// How many records of that input lie before the point.
    pub records: u64,
    /// How many line ends of that input lie before the point.
    pub lines: u64,
}

/// A point between two records of one input, which is not said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Place {
    /// The byte offset at which the next record starts.
    pub offset: u64,
    /// How many records of the input lie before the point.
    pub records: u64,
    /// How many line ends of the input lie before the point.
    pub lines: u64,
}

impl Position {
    /// The place in the input that it is in.
    pub fn place(self) -> Place {
        Place { offset: self.offset, records: self.records, lines: self.lines }
    }
}
