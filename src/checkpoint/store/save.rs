//! Saving a checkpoint. The order of the steps is the protocol; after each stands what a stop
//! leaves behind.
//!
//! 1. The folder is checked. (Nothing.)
//! 2. A temporary file with a name that was never used is made. (A temporary file, swept by the
//!    next run.)
//! 3. Room is reserved and all bytes are written. (The same.)
//! 4. The file is synced. A sync that failed is never repeated on the same file: there is one more
//!    attempt with another one. (The same.)
//! 5. The file gets its final name, which nothing had before. (Perhaps a whole checkpoint, perhaps
//!    none: both are fine, it was not reported.)
//! 6. The folder is synced. (A whole checkpoint.) A failure of 5 or 6 leaves it unknown which: the
//!    store is poisoned.
//! 7. The file is read again: it holds the bytes that were meant, and they are a whole checkpoint.
//!    From here on it is [`Saved`].

use super::names;
use super::read::{self, Problem};
use super::spills::NeededSpills;
use super::{Head, SaveError, Saved, Store};
use crate::checkpoint::format::{self, Skimmed};
use crate::checkpoint::id::{CheckpointId, Sequence};
use crate::checkpoint::retention::Chain;
use crate::checkpoint::{Checkpoint, Draft, Form};
use crate::error::{Error, Kind, Result, is_out_of_room};
use crate::storage::mutants::{Mutant, is_on};
use crate::storage::{Existing, OpenMode, is_fatal};
use std::io;
use std::path::{Path, PathBuf};

/// One, and one more where the sync failed.
const ATTEMPTS: usize = 2;

/// The step at which writing the temporary file failed.
enum Failure {
    BeforeSync(io::Error),
    AtSync(io::Error),
}

impl Store {
    /// Saves a checkpoint under the next number. When this returns [`Saved`], it survives
    /// everything.
    pub fn save(&mut self, checkpoint: &Checkpoint) -> Result<Saved, SaveError> {
        self.save_while(Draft::from(checkpoint.clone()), &|| true)
    }

    /// The same of a checkpoint whose states are not bytes yet, as long as it is wanted: where it is not any more before
    /// step 5, it fails.
    pub fn save_while(
        &mut self,
        draft: Draft,
        is_wanted: &dyn Fn() -> bool,
    ) -> Result<Saved, SaveError> {
        self.check_health().map_err(SaveError::Poisoned)?;
        let (parent, instance) = (draft.parent, draft.manifest.instance);
        self.check_parent(parent).map_err(SaveError::Failed)?;
        self.check_folder().map_err(|error| match error.kind {
            Kind::StoppedEarly => SaveError::OutOfRoom(error),
            _ => SaveError::Failed(error),
        })?;
        let sequence = self.sequence_max.next().ok_or_else(|| {
            SaveError::Failed(Error::failed("the numbers of checkpoints are used up"))
        })?;
        let needed = NeededSpills::of(&draft.manifest);
        let (bytes, digest) = format::encode_draft(draft, sequence).map_err(|invalid| {
            let error = Error::failed("cannot save a checkpoint").with_cause(invalid);
            SaveError::Failed(error)
        })?;
        // Used up even if the attempt fails.
        self.sequence_max = sequence;
        let temporary = self.write_temporary(sequence, &bytes)?;
        if !is_wanted() {
            self.drop_temporary(&temporary);
            return Err(SaveError::Failed(Error::failed("it took longer than its `timeout`")));
        }
        let path = self.folder.path(sequence);
        self.make_mistake(Mutant::BaseDeletedTooEarly, parent);
        self.name_durably(&temporary, &path, parent)?;
        let id = CheckpointId { sequence, digest };
        self.read_back(id, &bytes)?;
        self.note_spills(id.sequence, needed);
        let length = bytes.len() as u64;
        Ok(self.note_saved(Skimmed { id, parent, instance, length }, path))
    }

    /// Steps 2 to 4; returns the path of the synced file.
    fn write_temporary(&mut self, sequence: Sequence, bytes: &[u8]) -> Result<PathBuf, SaveError> {
        let mut attempt = 1;
        loop {
            let random = match is_on(Mutant::TemporaryNameReused) {
                true => 0,
                false => self.folder.clock.random(),
            };
            let name = names::temporary(sequence, random);
            let path = self.folder.directory.join(name);
            let failure = match self.write_synced(&path, bytes) {
                Ok(()) => return Ok(path),
                Err(failure) => failure,
            };
            match failure {
                Failure::AtSync(_) if attempt < ATTEMPTS => attempt += 1,
                Failure::AtSync(cause) if is_out_of_room(&cause) => {
                    return Err(SaveError::OutOfRoom(Error::io("sync", &path, cause)));
                }
                Failure::AtSync(cause) => return Err(self.poison("sync", &path, cause)),
                Failure::BeforeSync(cause) if is_out_of_room(&cause) => {
                    return Err(SaveError::OutOfRoom(Error::io("write", &path, cause)));
                }
                Failure::BeforeSync(cause) if is_fatal(&cause) => {
                    return Err(self.poison("write", &path, cause));
                }
                Failure::BeforeSync(cause) => {
                    return Err(SaveError::Failed(Error::io("write", &path, cause)));
                }
            }
        }
    }

    /// Leaves no file behind when it fails, if that can be helped.
    fn write_synced(&self, path: &Path, bytes: &[u8]) -> Result<(), Failure> {
        let mut opened = self.folder.storage.open(path, OpenMode::CreatePrivate);
        if opened.is_err() && is_on(Mutant::ExistingFileTakenOver) {
            opened = self.folder.storage.open(path, OpenMode::Modify);
            opened = opened.and_then(|file| file.set_length(0).map(|()| file));
        }
        let file = opened.map_err(Failure::BeforeSync)?;
        let written = file
            .reserve(bytes.len() as u64)
            .and_then(|()| file.write_at(bytes, 0))
            .map_err(Failure::BeforeSync)
            .and_then(|()| {
                match is_on(Mutant::CheckpointNotSynced) || is_on(Mutant::CheckpointNamedBeforeSync)
                {
                    true => Ok(()),
                    false => file.sync_all().map_err(Failure::AtSync),
                }
            });
        if written.is_err() {
            self.drop_temporary(path);
        }
        written
    }

    /// Steps 5 and 6.
    fn name_durably(
        &mut self,
        temporary: &Path,
        path: &Path,
        parent: Option<CheckpointId>,
    ) -> Result<(), SaveError> {
        if let Err(cause) = self.folder.storage.rename(temporary, path, Existing::Keep) {
            self.drop_temporary(temporary);
            return Err(self.poison("rename a checkpoint to", path, cause));
        }
        self.make_mistake(Mutant::OldDeletedBeforeFolderSync, parent);
        if is_on(Mutant::CheckpointNamedBeforeSync)
            && let Ok(file) = self.folder.storage.open(path, OpenMode::Modify)
        {
            file.sync_all().map_err(|cause| self.poison("sync", path, cause))?;
        }
        if is_on(Mutant::CheckpointFolderNotSynced) {
            return Ok(());
        }
        let synced = self.folder.storage.sync_directory(&self.folder.directory);
        if is_on(Mutant::FolderSyncFailureIgnored) {
            return Ok(());
        }
        let directory = self.folder.directory.clone();
        synced.map_err(|cause| self.poison("sync the folder", &directory, cause))
    }

    /// Deletes what a new base makes superfluous before that is durable.
    fn make_mistake(&self, mutant: Mutant, parent: Option<CheckpointId>) {
        if !is_on(mutant) || parent.is_some() {
            return;
        }
        let count = if mutant == Mutant::BaseDeletedTooEarly { 1 } else { usize::MAX };
        for sequence in self.known.keys().take(count) {
            _ = self.folder.storage.remove(&self.folder.path(*sequence));
        }
    }

    /// Step 7.
    fn read_back(&mut self, id: CheckpointId, bytes: &[u8]) -> Result<(), SaveError> {
        let path = self.folder.path(id.sequence);
        let why = match read::holds(&self.folder, id.sequence, bytes) {
            Ok(true) => match format::check(bytes, &self.folder.limits) {
                Ok(found) if found == id => return Ok(()),
                Ok(_) => io::Error::other("it is another one"),
                Err(invalid) => io::Error::other(invalid),
            },
            Ok(false) => io::Error::other("it holds other bytes"),
            Err(Problem::Invalid(invalid)) => io::Error::other(invalid),
            Err(Problem::Gone) => io::ErrorKind::NotFound.into(),
            Err(Problem::Io(cause)) => cause,
        };
        Err(self.poison("read back", &path, why))
    }

    fn note_saved(&mut self, saved: Skimmed, path: PathBuf) -> Saved {
        let Skimmed { id, parent, length: bytes, .. } = saved;
        let form = if parent.is_some() { Form::Delta } else { Form::Base };
        let before = self.head.map_or_else(Chain::default, |head| head.chain);
        let chain = before.with(form, bytes);
        self.known.insert(id.sequence, saved);
        self.head = Some(Head { id, chain });
        Saved { id, form, bytes, path, next_form: chain.next_form(), seal: () }
    }

    /// A delta must build on the checkpoint that was loaded or saved last: that one is known to be
    /// whole.
    fn check_parent(&self, parent: Option<CheckpointId>) -> Result<()> {
        match parent {
            None => Ok(()),
            Some(parent) if self.head.is_some_and(|head| head.id == parent) => Ok(()),
            Some(parent) => Err(Error::failed(format!(
                "cannot save a checkpoint that builds on checkpoint {}, which is not the last one",
                parent.sequence
            ))),
        }
    }

    /// Unlinking our own temporary file is the one thing that is always allowed; a failure leaves
    /// it to the sweep.
    fn drop_temporary(&self, path: &Path) {
        let _left_for_the_next_sweep = self.folder.storage.remove(path);
    }

    /// Step 1. A folder that was fine at the start is no longer a matter of the command line.
    fn check_folder(&self) -> Result<()> {
        let present = self.folder.check().map_err(|error| match error.kind {
            Kind::StoppedEarly => error,
            _ => Error { kind: Kind::Failed, ..error },
        })?;
        let gone = || Error::io("find", &self.folder.directory, io::ErrorKind::NotFound.into());
        if present { Ok(()) } else { Err(gone()) }
    }

    fn poison(&mut self, verb: &str, path: &Path, cause: io::Error) -> SaveError {
        self.is_poisoned = true;
        SaveError::Poisoned(Error::io(verb, path, cause))
    }
}
