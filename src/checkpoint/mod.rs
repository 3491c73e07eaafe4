//! Checkpoints: their bytes, their folder, when they are taken and which are kept.
//!
//! `FORMAT.md` is the authority on bytes. `format` turns a [`Checkpoint`] into bytes and back
//! without touching a file; `store` keeps them in one folder per job; `trigger` and `retention`
//! only decide. State is a list of named, opaque [`Section`]s: what is in them is known to the
//! steps that made them.
//!
//! Invariants:
//! 1. a checkpoint is saved only after its directory entry is durable, and only then reported;
//! 2. a sequence number is never used twice, so no checkpoint is ever overwritten;
//! 3. nothing is deleted before this process has saved a checkpoint, and never a parent before its
//!    children;
//! 4. bytes that do not fit together in every part are refused with a typed reason, in bounded
//!    memory.

pub mod draft;

pub mod format;

pub mod id;

pub mod invalid;

pub mod manifest;

pub mod parcel;

pub mod retention;

#[cfg(test)]
mod samples;

pub mod savepoint;

pub mod settings;

pub mod spill;

pub mod store;

pub mod trigger;

pub use draft::{Content, Draft, DraftSection};
pub use format::Decoded;
pub use id::{CheckpointId, Digest, RunId, Sequence};
pub use invalid::Invalid;
pub use manifest::{
    Counters, EarlierOutput, Form, InputEntry, InputPart, Manifest, OutputEntry, Phase,
    ReferenceEntry, Round, Standing, StepEntry, Trigger,
};
pub use savepoint::{Savepoint, SavepointName, Selector};
pub use spill::{SpillEntry, SpillName, SpillReader, SpillWriter};
pub use store::{
    ArrivalMark, Folder, FreshStart, Holder, Listed, Loaded, Needs, Newest, Refused, Removal,
    Removed, Restored, SaveError, Saved, State, Stays, Store, Trust, Usable, Whole,
};

/// What is saved at a barrier.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// The job, its inputs, its outputs.
    pub manifest: Manifest,
    /// The state of the steps.
    pub sections: Vec<Section>,
    /// The checkpoint that `Delta` sections build on; `None` where all sections are `Base`.
    pub parent: Option<CheckpointId>,
}

/// The state of one step, or what changed in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// The step's name; unique in a checkpoint.
    pub name: String,
    /// Whether `bytes` hold everything or what changed since the parent.
    pub form: Form,
    /// The version of the layout of `bytes`.
    pub version: u32,
    /// Opaque here.
    pub bytes: Vec<u8>,
}
