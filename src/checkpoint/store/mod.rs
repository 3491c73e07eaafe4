//! The folder of one job's checkpoints.
//!
//! A [`Folder`] can be looked at by everybody; a [`Store`] is a folder whose lock we hold, and only
//! it changes anything. A run opens the folder, locks it, sweeps, loads, and then saves and retires
//! until it ends.
//!
//! Invariants:
//! 1. a number is never used twice, not even after a fallback: the next one is above every name
//!    ever seen;
//! 2. nothing is deleted but our own temporary files until this store has saved a checkpoint
//!    ([`Store::retire`] takes the proof), except for [`FreshStart`] and [`Removal`]; a savepoint,
//!    with all that it needs, only for [`Removal`];
//! 3. after a failure that leaves the folder in an unknown state the store is poisoned and changes
//!    nothing more;
//! 4. files that are refused stay where they are.

mod adopt;

mod arrival;

mod copy;

mod folder;

mod load;

mod lock;

mod names;

mod read;

mod removal;

mod save;

mod savepoints;

mod spills;

#[cfg(test)]
mod copy_tests;

#[cfg(test)]
mod crash_tests;

#[cfg(test)]
mod handling_tests;

#[cfg(test)]
mod refusal_tests;

#[cfg(test)]
mod tests;

pub use adopt::Whole;
pub use arrival::ArrivalMark;
pub use copy::Needs;
pub use folder::{Folder, Trust};
pub use load::{CHAIN_MAX, join};
pub use lock::Holder;
pub use removal::{Newest, Removal, Removed, Stays};

use crate::checkpoint::format::Skimmed;
use crate::checkpoint::id::{CheckpointId, Sequence};
use crate::checkpoint::manifest::{Form, Manifest};
use crate::checkpoint::retention::{Chain, Link};
use crate::checkpoint::spill::SpillName;
use crate::checkpoint::{Invalid, Section};
use crate::error::{Error, Result};
use crate::storage::mutants::{Mutant, is_on};
use crate::storage::{Existing, FileKind, Lock};
use load::Durability;
use names::Name;
use spills::NeededSpills;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A job's folder with its lock: the one that writes. Can be given to a background thread.
#[derive(Debug)]
pub struct Store {
    folder: Folder,
    /// The largest number ever seen or used here.
    sequence_max: Sequence,
    /// The files that may be retired: those that were loaded or saved here, intact as far as is
    /// known.
    known: BTreeMap<Sequence, Skimmed>,
    head: Option<Head>,
    /// The spills that the known files need, as far as they were read.
    spills_of: BTreeMap<Sequence, Vec<SpillName>>,
    /// The spills up to this number were there when the last checkpoint was taken.
    spills_made: u64,
    spill_number_max: u64,
    is_poisoned: bool,
    _lock: Lock,
}

/// The checkpoint that was loaded or saved last.
#[derive(Debug, Clone, Copy)]
struct Head {
    id: CheckpointId,
    chain: Chain,
}

/// The checkpoint files of a folder, each as its two ends describe it, or why they do not.
pub type Listed = BTreeMap<Sequence, Result<Skimmed, Invalid>>;

/// What was found in a folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The newest checkpoint that is valid with everything that it builds on.
    pub newest: Option<Restored>,
    /// Newer files that are not, newest first.
    pub refused: Vec<Refused>,
    /// The largest number in any name.
    pub sequence_max: Sequence,
}

/// A file that was passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The number in its name.
    pub sequence: Sequence,
    /// Why.
    pub reason: Invalid,
}

/// Whether there is something to resume from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usable {
    /// There is no checkpoint file at all.
    Empty,
    /// The newest file is fine.
    Newest,
    /// A newer file was refused; an older one is fine. To be reported.
    Older,
    /// There are files and none is fine: never to be taken for a fresh start.
    Nothing,
}

/// A checkpoint with everything that it builds on.
#[derive(Debug, Clone, PartialEq)]
pub struct Restored {
    /// Its number and digest: the parent of the next delta.
    pub id: CheckpointId,
    /// The job, its inputs, its outputs.
    pub manifest: Manifest,
    /// The state of each step.
    pub states: Vec<State>,
    /// How many files it consists of, and how large they are.
    pub chain: Chain,
}

/// The state of a step: a base, and the changes to apply to it in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The step's name.
    pub name: String,
    /// A `Base` first, then only `Delta`.
    pub parts: Vec<Section>,
}

/// The proof that a checkpoint was saved; only a store makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::manual_non_exhaustive, reason = "the seal keeps the rest of this crate out too")]
pub struct Saved {
    /// Its number and digest: the parent of the next delta.
    pub id: CheckpointId,
    /// Whether it is a base or a delta.
    pub form: Form,
    /// Bytes of its file.
    pub bytes: u64,
    /// Its file.
    pub path: PathBuf,
    /// What the next checkpoint should be.
    pub next_form: Form,
    seal: (),
}

/// Why a checkpoint was not saved.
#[derive(Debug)]
pub enum SaveError {
    /// There is no room. The folder is as it was; the run can stop at the checkpoint before.
    OutOfRoom(Error),
    /// The folder is as it was, and another attempt may succeed. What changed since the checkpoint
    /// before is still unsaved: the next one must be a base, or hold these changes too.
    Failed(Error),
    /// It is unknown what is on the disk. Nothing more may be written by this process, no outputs
    /// either.
    Poisoned(Error),
}

/// The permission to remove all checkpoints: the user asked to start over.
#[derive(Debug)]
pub struct FreshStart {
    seal: (),
}

impl FreshStart {
    /// To be called where `--fresh` was read, and nowhere else.
    pub fn asked_for_by_user() -> Self {
        FreshStart { seal: () }
    }
}

impl Folder {
    /// Takes the lock, trying for about a second. `pause` sleeps between attempts.
    pub fn lock(self, us: &Holder, pause: &mut dyn FnMut(Duration)) -> Result<Store> {
        let lock = self.take_lock(us, pause)?;
        Ok(Store {
            sequence_max: load::sequence_max(&self)?,
            spill_number_max: spills::number_max(&self)?,
            folder: self,
            known: BTreeMap::new(),
            head: None,
            spills_of: BTreeMap::new(),
            spills_made: 0,
            is_poisoned: false,
            _lock: lock,
        })
    }
}

impl Store {
    /// The folder, to look at.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Removes temporary files that an earlier run of ours left; returns how many.
    pub fn sweep(&mut self) -> Result<usize> {
        self.check_health()?;
        let directory = &self.folder.directory;
        let names = self.folder.storage.list(directory);
        let mut removed = 0;
        for name in names.map_err(|cause| Error::io("list", directory, cause))? {
            let temporary =
                matches!(names::parse(&name), Some(Name::Temporary(_) | Name::TemporaryInfo));
            let path = directory.join(&name);
            if is_on(Mutant::LeftoverPreferred)
                && let Some(Name::Temporary(sequence)) = names::parse(&name)
            {
                let path = (&path, &self.folder.path(sequence));
                _ = self.folder.storage.rename(path.0, path.1, Existing::Keep);
                continue;
            }
            if temporary && self.is_own_file(&path) {
                self.remove(&path)?;
                removed += 1;
            }
        }
        self.sweep_requests()?;
        self.settle_adoptions()?;
        Ok(removed)
    }

    /// Finds the newest valid checkpoint and makes it durable before it is believed.
    pub fn load(&mut self) -> Result<Loaded> {
        let (loaded, listed) = load::load(&self.folder, Durability::Synced)?;
        if let (true, Some(newest)) = (is_on(Mutant::NumberReused), &loaded.newest) {
            self.sequence_max = newest.id.sequence;
        }
        let intact = listed.into_values().filter_map(Result::ok);
        self.known = intact.map(|skimmed| (skimmed.id.sequence, skimmed)).collect();
        for refused in &loaded.refused {
            self.known.remove(&refused.sequence);
        }
        self.spills_of.clear();
        if let Some(newest) = &loaded.newest {
            self.note_spills(newest.id.sequence, NeededSpills::of(&newest.manifest));
        }
        self.head =
            loaded.newest.as_ref().map(|newest| Head { id: newest.id, chain: newest.chain });
        Ok(loaded)
    }

    /// The number of the next checkpoint.
    pub fn sequence_next(&self) -> Sequence {
        self.sequence_max.next().unwrap_or(self.sequence_max)
    }

    /// What the next checkpoint should be.
    pub fn next_form(&self) -> Form {
        self.head.map_or(Form::Base, |head| head.chain.next_form())
    }

    /// What the next checkpoint should build on: the last one that was loaded or saved, or `None` where it should be a
    /// base.
    pub fn parent_of_next(&self) -> Option<CheckpointId> {
        self.head.map(|head| head.id).filter(|_| self.next_form() == Form::Delta)
    }

    /// Deletes old checkpoints so that `keep` complete ones and all savepoints stay, and the spills that none needs any
    /// more; returns the deleted checkpoints. Not synced: one that comes back after a power cut does
    /// no harm.
    pub fn retire(&mut self, permission: &Saved, keep: usize) -> Result<Vec<Sequence>> {
        self.check_health()?;
        if self.head.is_none_or(|head| head.id != permission.id) {
            return Err(Error::failed("cannot retire checkpoints: another one was saved since"));
        }
        let deleted = self.remove_superfluous(keep)?;
        self.retire_spills(permission)?;
        Ok(deleted)
    }

    /// Deletes all checkpoints, the refused ones too, newest first; returns how many. Refused where there is a savepoint.
    /// Durable when this returns.
    #[expect(clippy::needless_pass_by_value, reason = "a permission is used up")]
    pub fn remove_all(&mut self, permission: FreshStart) -> Result<usize> {
        let FreshStart { seal: () } = permission;
        self.check_health()?;
        self.check_no_savepoints()?;
        self.sweep()?;
        let names = self.folder.names()?;
        let mut removed = 0;
        for name in names.iter().rev() {
            if let Name::Checkpoint(sequence) = name {
                self.remove(&self.folder.path(*sequence))?;
                removed += 1;
            }
        }
        self.settle_adoptions()?;
        self.remove_spills(&BTreeSet::new(), u64::MAX)?;
        self.known.clear();
        self.spills_of.clear();
        self.head = None;
        self.sync()?;
        Ok(removed)
    }

    fn check_health(&self) -> Result<()> {
        if !self.is_poisoned {
            return Ok(());
        }
        Err(Error::failed("cannot change checkpoints: an earlier failure left them uncertain"))
    }

    fn is_own_file(&self, path: &Path) -> bool {
        let found = self.folder.storage.metadata(path);
        found.is_ok_and(|metadata| metadata.kind == FileKind::File && metadata.is_ours)
    }

    fn remove(&self, path: &Path) -> Result<()> {
        match self.folder.storage.remove(path) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                Err(Error::io("remove", path, cause))
            }
            _ => Ok(()),
        }
    }
}

fn link(skimmed: &Skimmed) -> Link {
    Link { sequence: skimmed.id.sequence, parent: skimmed.parent.map(|parent| parent.sequence) }
}

impl Loaded {
    /// Whether there is something to resume from.
    pub fn usable(&self) -> Usable {
        match (&self.newest, self.refused.is_empty()) {
            (Some(_), true) => Usable::Newest,
            (Some(_), false) => Usable::Older,
            (None, true) => Usable::Empty,
            (None, false) => Usable::Nothing,
        }
    }
}

impl Refused {
    /// The name of the file.
    pub fn file_name(&self) -> String {
        names::checkpoint(self.sequence)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not usable: {}", names::checkpoint(self.sequence), self.reason)
    }
}

impl SaveError {
    /// What to report.
    pub fn into_error(self) -> Error {
        match self {
            SaveError::OutOfRoom(error) | SaveError::Failed(error) | SaveError::Poisoned(error) => {
                error
            }
        }
    }
}
