//! A job's folder as everybody may see it: without the lock nothing in it is changed.

use super::load::{self, Durability};
use super::names::{self, Name};
use super::read::{self, Problem};
use super::spills::Depth;
use super::{Listed, Loaded, Restored};
use crate::checkpoint::format::Limits;
use crate::checkpoint::id::Sequence;
use crate::checkpoint::manifest::Manifest;
use crate::checkpoint::{Decoded, Invalid};
use crate::error::{Error, Kind, Result};
use crate::storage::clock::Clock;
use crate::storage::{FileKind, Privacy, Storage};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Whose files are believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Only those of the user we run as, in a folder and of a mode that nobody else can write.
    OwnOnly,
    /// Everybody's: the user said so.
    Anyones,
}

/// The folder of a job's checkpoints.
#[derive(Debug, Clone)]
pub struct Folder {
    pub(super) storage: Arc<dyn Storage>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) directory: PathBuf,
    pub(super) trust: Trust,
    pub(super) limits: Limits,
}

impl Folder {
    /// Opens a folder, making it and its parents where they are missing.
    pub fn open(
        storage: Arc<dyn Storage>,
        clock: Arc<dyn Clock>,
        directory: &Path,
        trust: Trust,
    ) -> Result<Folder> {
        // Refused before it is touched. Then made durable even if it is there already: the run that
        // made it may have been killed before that.
        Self::open_existing(storage.clone(), clock.clone(), directory, trust)?;
        storage
            .create_directory(directory, Privacy::Private)
            .map_err(|cause| Error::io("make the folder", directory, cause))?;
        Self::open_existing(storage, clock, directory, trust)?
            .ok_or_else(|| Error::io("open", directory, io::ErrorKind::NotFound.into()))
    }

    /// Opens a folder; `None` where there is none.
    pub fn open_existing(
        storage: Arc<dyn Storage>,
        clock: Arc<dyn Clock>,
        directory: &Path,
        trust: Trust,
    ) -> Result<Option<Folder>> {
        let folder = Folder {
            storage,
            clock,
            directory: directory.to_path_buf(),
            trust,
            limits: Limits::default(),
        };
        Ok(folder.check()?.then_some(folder))
    }

    /// The same folder with other limits.
    pub fn with_limits(self, limits: Limits) -> Folder {
        Folder { limits, ..self }
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The path of a checkpoint.
    pub fn path(&self, sequence: Sequence) -> PathBuf {
        self.directory.join(names::checkpoint(sequence))
    }

    /// The checkpoints of the folder as their two ends describe them.
    pub fn list(&self) -> Result<Listed> {
        let mut listed = Listed::new();
        for name in self.names()? {
            let Name::Checkpoint(sequence) = name else {
                continue;
            };
            let skimmed = match read::skim(self, sequence) {
                Ok(skimmed) => Ok(skimmed),
                Err(Problem::Invalid(invalid)) => Err(invalid),
                Err(Problem::Gone) => continue,
                Err(Problem::Io(cause)) => {
                    return Err(Error::io("read", &self.path(sequence), cause));
                }
            };
            listed.insert(sequence, skimmed);
        }
        Ok(listed)
    }

    /// The numbers of the checkpoint files, whatever is in them.
    pub fn checkpoints(&self) -> Result<BTreeSet<Sequence>> {
        let names = self.names()?.into_iter().filter_map(|name| match name {
            Name::Checkpoint(sequence) => Some(sequence),
            _ => None,
        });
        Ok(names.collect())
    }

    /// Checks one checkpoint wholly, with those that it builds on.
    pub fn verify(&self, sequence: Sequence) -> Result<Result<Restored, Invalid>> {
        let listed = self.list()?;
        load::restore(self, sequence, &listed, Durability::AsItIs, Depth::Whole)
    }

    /// Reads one checkpoint without those that it builds on.
    pub fn read(&self, sequence: Sequence) -> Result<Result<Decoded, Invalid>> {
        match read::whole(self, sequence, Durability::AsItIs) {
            Ok(decoded) => Ok(Ok(decoded)),
            Err(Problem::Invalid(invalid)) => Ok(Err(invalid)),
            Err(Problem::Gone) => Ok(Err(Invalid::Missing)),
            Err(Problem::Io(cause)) => Err(Error::io("read", &self.path(sequence), cause)),
        }
    }

    /// What the newest checkpoint says, as far as that can be told without reading any state; `None` where there is none,
    /// or it cannot be read: then [`Folder::peek`] says more.
    pub fn newest_manifest(&self) -> Result<Option<Manifest>> {
        let names = self.names()?.into_iter();
        let checkpoints = names.filter_map(|name| match name {
            Name::Checkpoint(sequence) => Some(sequence),
            _ => None,
        });
        let Some(newest) = checkpoints.max() else { return Ok(None) };
        match read::manifest(self, newest) {
            Ok(manifest) => Ok(Some(manifest)),
            Err(Problem::Invalid(_) | Problem::Gone) => Ok(None),
            Err(Problem::Io(cause)) => Err(Error::io("read", &self.path(newest), cause)),
        }
    }

    /// What a run would resume from; nothing is made durable, so a run must ask
    /// [`super::Store::load`].
    pub fn peek(&self) -> Result<Loaded> {
        Ok(load::load(self, Durability::AsItIs)?.0)
    }

    /// Our own names in the folder, sorted.
    pub(super) fn names(&self) -> Result<Vec<Name>> {
        let found = self.storage.list(&self.directory);
        let found = found.map_err(|cause| Error::io("list", &self.directory, cause))?;
        Ok(found.iter().filter_map(|name| names::parse(name)).collect())
    }

    /// Whether the folder is there; refused unless it is a directory that only we can write.
    pub(super) fn check(&self) -> Result<bool> {
        let metadata = match self.storage.metadata(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            other => other.map_err(|cause| Error::io("look at", &self.directory, cause))?,
        };
        let refused = |why: &str| {
            let message = format!("cannot use the folder `{}`: {why}", self.directory.display());
            Err(Error::new(Kind::Usage, message))
        };
        match metadata.kind {
            FileKind::Directory => {}
            FileKind::Link => return refused("it is a symbolic link"),
            FileKind::File | FileKind::Other => return refused("it is not a directory"),
        }
        if self.trust == Trust::Anyones {
            return Ok(true);
        }
        if !metadata.is_ours {
            return refused("it belongs to another user").map_err(hint_unsafe);
        }
        if metadata.mode & 0o022 != 0 {
            let path = self.directory.display();
            return refused("others may write in it")
                .map_err(|error| error.with_hint(format!("chmod go-w '{path}'")));
        }
        Ok(true)
    }
}

fn hint_unsafe(error: Error) -> Error {
    error.with_hint("run as that user, or add `--unsafe-dir`")
}
