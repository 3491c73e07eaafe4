//! Publishing: a finished output gets its final name.
//!
//! Steps, and what a crash after each leaves behind:
//! 1. a checkpoint says `Publishing` with length and digest: the staged file is complete and durable;
//! 2. rename: the staged or the final name holds the output, or (before the next step) either after a power cut;
//! 3. sync of the folder: the final name holds it;
//! 4. a checkpoint says `Done`.
//!
//! Recovery repeats from 2: of every output it finds the staged file, or the output under its final name, and then goes on; or
//! it refuses before it has renamed anything.

use super::staged::{Mark, StagedFile, lock};
use super::target::StagedName;
use crate::error::{Error, Result};
use crate::storage::{Existing, File, OpenMode, Storage};
use crc32fast::Hasher;
use std::io;
use std::path::Path;

/// Where a finished output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whereabouts {
    /// Under its staged name.
    Staged,
    /// Under its final name.
    Published,
    /// Under its final name, and the staged name is that of something else.
    PublishedBesideAnother,
}

impl StagedFile {
    /// Gives an output that this process wrote and made durable its final name, and makes that durable.
    pub fn publish(&mut self, storage: &dyn Storage, existing: Existing) -> Result<()> {
        rename(storage, &self.name, existing)?;
        sync_folder(storage, &self.name)
    }
}

/// Gives an output that this process wrote and made durable its final name. The name is durable when its folder was
/// synced.
pub fn rename(storage: &dyn Storage, name: &StagedName, existing: Existing) -> Result<()> {
    let renamed = storage.rename(&name.staged, &name.target, existing);
    renamed.map_err(|cause| rename_error(name, cause))
}

/// Looks where a finished output of an earlier process is. It is read once, to be sure that it is the one that was finished.
/// `None` where neither name holds it. Changes nothing.
pub fn find(storage: &dyn Storage, name: &StagedName, mark: &Mark) -> Result<Option<Whereabouts>> {
    let is_staged = match storage.open(&name.staged, OpenMode::Modify) {
        Ok(file) => {
            if holds(&*file, mark).map_err(|cause| Error::io("read", &name.staged, cause))? {
                return Ok(Some(Whereabouts::Staged));
            }
            true
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(cause) => return Err(Error::io("open", &name.staged, cause)),
    };
    Ok(match (is_published(storage, name, mark)?, is_staged) {
        (true, false) => Some(Whereabouts::Published),
        // A rollback that was stopped may have made another staged file since.
        (true, true) => Some(Whereabouts::PublishedBesideAnother),
        (false, _) => None,
    })
}

/// Gives a finished output of an earlier process that was found its final name, if it has not got it, and makes that
/// durable.
pub fn publish(
    storage: &dyn Storage,
    name: &StagedName,
    mark: &Mark,
    existing: Existing,
    found: Whereabouts,
) -> Result<()> {
    match found {
        Whereabouts::Published => {}
        Whereabouts::PublishedBesideAnother => discard(storage, name)?,
        Whereabouts::Staged => {
            match storage.rename(&name.staged, &name.target, existing) {
                Ok(()) => {}
                // Where renaming is linking and removing, an earlier run may have been stopped in between; and a rollback
                // may have made the same bytes again of what was published.
                Err(cause)
                    if cause.kind() == io::ErrorKind::AlreadyExists
                        && (is_same_file(storage, name)? || is_published(storage, name, mark)?) =>
                {
                    storage
                        .remove(&name.staged)
                        .map_err(|cause| Error::io("remove", &name.staged, cause))?;
                }
                Err(cause) => return Err(rename_error(name, cause)),
            }
        }
    }
    sync_folder(storage, name)
}

fn sync_folder(storage: &dyn Storage, name: &StagedName) -> Result<()> {
    let syncing = |cause| Error::io("sync the folder", &name.folder, cause);
    storage.sync_directory(&name.folder).map_err(syncing)
}

fn is_same_file(storage: &dyn Storage, name: &StagedName) -> Result<bool> {
    let looking = |cause| Error::io("look at", &name.target, cause);
    let staged = storage.metadata(&name.staged).map_err(looking)?;
    let target = storage.metadata(&name.target).map_err(looking)?;
    Ok((staged.device, staged.inode) == (target.device, target.inode))
}

/// Whether the final name holds exactly what a mark says.
pub fn is_published(storage: &dyn Storage, name: &StagedName, mark: &Mark) -> Result<bool> {
    match storage.open(&name.target, OpenMode::ReadOwn) {
        Ok(file) => holds(&*file, mark).map_err(|cause| Error::io("read", &name.target, cause)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(false),
        Err(cause) => Err(Error::io("open", &name.target, cause)),
    }
}

/// Removes a staged file that `--fresh` gives up; the caller holds the job's lock.
pub fn discard(storage: &dyn Storage, name: &StagedName) -> Result<()> {
    discard_staged(storage, &name.staged)
}

/// The same for a staged file whose target need not be known.
pub fn discard_staged(storage: &dyn Storage, staged: &Path) -> Result<()> {
    match storage.metadata(staged) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(cause) => return Err(Error::io("look at", staged, cause)),
        Ok(_) => {}
    }
    let _lock = lock(storage, staged)?;
    storage.remove(staged).map_err(|cause| Error::io("remove", staged, cause))
}

fn rename_error(name: &StagedName, cause: io::Error) -> Error {
    if cause.kind() == io::ErrorKind::AlreadyExists {
        let target = name.target.display();
        let message = format!("`{target}` appeared while the job ran, and is not ours to replace");
        return Error::failed(message)
            .with_hint("move it away, or add `--overwrite`, and run the same command again");
    }
    Error::io("publish", &name.target, cause)
}

/// Whether a file of ours begins with exactly the bytes of a mark; all of them are read.
pub fn begins_with(storage: &dyn Storage, path: &Path, mark: &Mark) -> Result<bool> {
    let opened = match storage.open(path, OpenMode::ReadOwn) {
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidInput) =>
        {
            return Ok(false);
        }
        other => other,
    };
    let begins = opened.and_then(|file| Ok(digest_of(&*file, mark.length)? == Some(mark.crc)));
    begins.map_err(|cause| Error::io("read", path, cause))
}

/// Whether a file has exactly the length and digest of a mark.
fn holds(file: &dyn File, mark: &Mark) -> io::Result<bool> {
    if file.metadata()?.length != mark.length {
        return Ok(false);
    }
    Ok(digest_of(file, mark.length)? == Some(mark.crc))
}

/// The digest of a file's first bytes; `None` where it has fewer.
fn digest_of(file: &dyn File, length: u64) -> io::Result<Option<u32>> {
    let mut digest = Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    let mut offset = 0;
    while offset < length {
        let missing = usize::try_from(length - offset).unwrap_or(usize::MAX);
        let portion = missing.min(buffer.len());
        match file.read_at(&mut buffer[..portion], offset)? {
            0 => return Ok(None),
            count => {
                digest.update(&buffer[..count]);
                offset += count as u64;
            }
        }
    }
    Ok(Some(digest.finalize()))
}
