//! Where outputs go: staged beside their final name, appended to, rewound on resume, published at the end.
//!
//! The format of the bytes is not known here, nor when a checkpoint is taken.
//!
//! Invariants:
//! - an output's final name is absent, holds what it held before, or holds the complete output;
//! - bytes below a checkpointed length are never overwritten, except by the identical bytes when a torn tail is repaired;
//! - nothing is changed by looking: [`StagedFile::inspect`] only reads, and what it returns is the permission to rewind.

mod partition;

mod publish;

mod rewind;

pub mod settings;

mod staged;

mod target;

pub use partition::{PartitionName, PathPattern, VALUE_BYTES_MAX};
pub use publish::{
    Whereabouts, begins_with, discard, discard_staged, find, is_published, publish, rename,
};
pub use rewind::{Inspected, Mismatch, tail_length};
pub use staged::{BLOCK_BYTES, Mark, StagedFile};
pub use target::{
    Occupant, StagedName, check_no_input, check_target, is_staged_by, leftovers, occupant,
    refuse_other_writers, refuse_writers_of,
};
