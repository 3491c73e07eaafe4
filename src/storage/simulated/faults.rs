//! What can go wrong in the simulation, and the trace of what was done.
//!
//! Every call of a storage is one operation with an index, counted from 0; a fault names an index.
//! A test runs its workload once without faults, reads the trace, and then runs it once per index
//! and fault.

use std::ops::Range;
use std::path::PathBuf;

pub use rustix::io::Errno;

/// One call, as it appears in the trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// What was called.
    pub call: Call,
    /// On what; for an open file the path that it was opened by, for a rename the new name.
    pub path: PathBuf,
    /// How it ended.
    pub end: End,
    /// Which bytes of the file it wrote; where it set the length, an empty range there.
    pub bytes: Range<u64>,
}

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// As it should.
    Done,
    /// It was interrupted, and is repeated.
    Interrupted,
    /// With an error, perhaps though it did its work.
    Failed,
}

/// The calls of the two storage traits.
#[expect(missing_docs, reason = "each is the method of the same name")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    Open,
    /// Of a new file.
    Create,
    Metadata,
    List,
    IsDirectory,
    MakeDirectory,
    Rename,
    Remove,
    SyncDirectory,
    Lock,
    ReadAt,
    WriteAt,
    SetLength,
    Reserve,
    SyncData,
    SyncAll,
    FileMetadata,
}

impl Call {
    /// Whether it changes nothing.
    pub fn only_looks(self) -> bool {
        matches!(
            self,
            Call::Open
                | Call::Metadata
                | Call::List
                | Call::IsDirectory
                | Call::ReadAt
                | Call::FileMetadata
        )
    }

    /// Whether it may need room on the disk.
    pub fn takes_room(self) -> bool {
        !self.only_looks() && self != Call::Remove
    }

    /// Whether it makes something durable.
    pub fn is_sync(self) -> bool {
        matches!(self, Call::SyncData | Call::SyncAll | Call::SyncDirectory)
    }
}

/// A planned fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// The index of the operation that it strikes.
    pub at: usize,
    /// Only that one, or all from there on.
    pub lasting: Lasting,
    /// What happens.
    pub effect: Effect,
}

/// How long a fault lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasting {
    /// It strikes one operation.
    Once,
    /// It strikes every operation from there on.
    Sticky,
}

/// What a fault does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The call fails and has no effect.
    Error(Errno),
    /// The call fails although it did its work.
    ErrorThoughDone(Errno),
    /// A sync fails with EIO and what was pending never becomes durable, although it can still be
    /// read and the next sync succeeds. Other calls fail with EIO and have no effect.
    SyncLost,
    /// A write is done in two operations, the first of so many bytes; a read yields at most so
    /// many.
    Short(usize),
    /// The call is interrupted and repeated: one more operation.
    Interrupted,
    /// A read yields other bytes than are there; other calls are not struck.
    OtherBytes,
    /// The machine stops: this and every later call fails and has no effect.
    PowerLoss,
}

impl Fault {
    /// The machine stops right before operation `at`.
    pub fn power_loss(at: usize) -> Self {
        Fault { at, lasting: Lasting::Sticky, effect: Effect::PowerLoss }
    }

    /// Whether it strikes the operation with this index. A disk that stays full does not keep anybody from looking.
    pub(super) fn strikes(&self, index: usize, call: Call) -> bool {
        let is_full = matches!(
            self.effect,
            Effect::Error(Errno::NOSPC | Errno::DQUOT | Errno::FBIG | Errno::ROFS)
        );
        match self.lasting {
            Lasting::Once => self.at == index,
            Lasting::Sticky if is_full && index > self.at => call.takes_room(),
            Lasting::Sticky => self.at <= index,
        }
    }
}
