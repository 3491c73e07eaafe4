//! Mistakes in the protocol, made on purpose: each shows that the tests would find it.
//!
//! They exist only with the feature `mutants`, which is for tests; without it every question is answered with no, and the
//! compiler leaves the mistakes out. At most one is made at a time, by the whole process.

/// A mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// A checkpoint is not synced before it gets its name.
    CheckpointNotSynced,
    /// The folder is not synced after that.
    CheckpointFolderNotSynced,
    /// A checkpoint is synced only when it has its name.
    CheckpointNamedBeforeSync,
    /// Outputs are not synced before a checkpoint that refers to them.
    OutputNotSynced,
    /// Outputs are synced only after the checkpoint that refers to them.
    OutputSyncedAfterCheckpoint,
    /// The folder of a new output is not synced.
    OutputFolderNotSynced,
    /// Older checkpoints are deleted before the folder is synced.
    OldDeletedBeforeFolderSync,
    /// The base of a chain is deleted before the next base has its name.
    BaseDeletedTooEarly,
    /// Outputs are cut before it is known whether the run can go on.
    OutputCutBeforeChecks,
    /// Outputs go on behind what the newest checkpoint says, though it was refused.
    OutputCutToNewestSeen,
    /// An output that is shorter than it was is gone on with.
    ShorterOutputAccepted,
    /// All attempts to write a checkpoint use one temporary name.
    TemporaryNameReused,
    /// A temporary file that was left is taken for a checkpoint.
    LeftoverPreferred,
    /// Where no checkpoint is usable the job starts over.
    StartsOverOnCorruption,
    /// A sync that failed is tried again.
    SyncRetried,
    /// A folder that could not be synced is taken for durable.
    FolderSyncFailureIgnored,
    /// What a short write left out is forgotten.
    ShortWriteForgotten,
    /// An interrupted call fails.
    InterruptionFails,
    /// Checksums are stored as they are.
    ChecksumNotMasked,
    /// The digest of the whole file and the end of the trailer are not looked at.
    TrailerNotChecked,
    /// Bytes behind a checkpoint are passed over.
    TrailingBytesAccepted,
    /// Any checkpoint of the right number is taken for the parent.
    ParentDigestNotChecked,
    /// After falling back to an older checkpoint numbers are given again.
    NumberReused,
    /// The last block of an output stays as it is found.
    TailNotRepaired,
    /// A file that has the name of a new one is cut to nothing and used.
    ExistingFileTakenOver,
    /// Outputs get their names without a checkpoint that says so.
    PublishingNotSaved,
    /// Outputs get their names although an input was not what it had been.
    FailedRecheckIgnored,
    /// A checkpoint is announced before the folder is synced.
    AnnouncedEarly,
    /// A checkpoint leaves a trace in the outputs.
    CheckpointTracedInOutput,
    /// Where an output is, is taken from the checkpoint.
    OutputPathFromCheckpoint,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Mutant; 30] = [
        Mutant::CheckpointNotSynced,
        Mutant::CheckpointFolderNotSynced,
        Mutant::CheckpointNamedBeforeSync,
        Mutant::OutputNotSynced,
        Mutant::OutputSyncedAfterCheckpoint,
        Mutant::OutputFolderNotSynced,
        Mutant::OldDeletedBeforeFolderSync,
        Mutant::BaseDeletedTooEarly,
        Mutant::OutputCutBeforeChecks,
        Mutant::OutputCutToNewestSeen,
        Mutant::ShorterOutputAccepted,
        Mutant::TemporaryNameReused,
        Mutant::LeftoverPreferred,
        Mutant::StartsOverOnCorruption,
        Mutant::SyncRetried,
        Mutant::FolderSyncFailureIgnored,
        Mutant::ShortWriteForgotten,
        Mutant::InterruptionFails,
        Mutant::ChecksumNotMasked,
        Mutant::TrailerNotChecked,
        Mutant::TrailingBytesAccepted,
        Mutant::ParentDigestNotChecked,
        Mutant::NumberReused,
        Mutant::TailNotRepaired,
        Mutant::ExistingFileTakenOver,
        Mutant::PublishingNotSaved,
        Mutant::FailedRecheckIgnored,
        Mutant::AnnouncedEarly,
        Mutant::CheckpointTracedInOutput,
        Mutant::OutputPathFromCheckpoint,
    ];

    /// What it is called.
    pub fn name(self) -> String {
        format!("{self:?}")
    }

    /// The one of a name.
    pub fn named(name: &str) -> Option<Mutant> {
        Mutant::ALL.into_iter().find(|mutant| mutant.name() == name)
    }
}

/// Whether this mistake is to be made.
#[cfg(not(feature = "mutants"))]
#[inline]
pub const fn is_on(_: Mutant) -> bool {
    false
}

#[cfg(feature = "mutants")]
pub use chosen::{choose, is_on, obey};

#[cfg(feature = "mutants")]
mod chosen {
    use super::Mutant;
    use std::sync::OnceLock;

    static CHOSEN: OnceLock<Mutant> = OnceLock::new();

    /// From now on this process makes a mistake; the first choice stays.
    pub fn choose(mutant: Mutant) {
        CHOSEN.get_or_init(|| mutant);
    }

    /// Chooses the mistake that a tester named, and gives it back; `none` stands for none.
    ///
    /// # Panics
    /// Where no mistake has that name: a test that made none would show nothing.
    pub fn obey(name: &str) -> Option<Mutant> {
        if name == "none" {
            return None;
        }
        let mutant = Mutant::named(name);
        let mutant = mutant.unwrap_or_else(|| panic!("no mistake is called `{name}`"));
        choose(mutant);
        Some(mutant)
    }

    /// Whether this mistake is to be made.
    pub fn is_on(mutant: Mutant) -> bool {
        CHOSEN.get() == Some(&mutant)
    }
}
