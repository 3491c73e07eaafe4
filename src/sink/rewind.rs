//! Going back to a checkpoint: first look at every output, then, with that as permission, cut.

use super::staged::{BLOCK_BYTES, Mark, StagedFile};
use super::target::StagedName;
use crate::error::{Error, Result};
use crate::storage::mutants::{Mutant, is_on};
use crate::storage::{File, Lock, OpenMode, Storage, read_full};
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// A staged file that can be rewound to a mark. Only [`StagedFile::inspect`] makes one.
#[derive(Debug)]
pub struct Inspected {
    name: StagedName,
    file: Arc<dyn File>,
    lock: Option<Lock>,
    mark: Mark,
    length_found: u64,
    tail_is_torn: bool,
    is_ours: bool,
}

/// Why a staged file does not belong to a mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mismatch {
    /// There is no such file.
    Missing,
    /// It is not a regular file of ours.
    NotRegular,
    /// It belongs to another user, who could change it at any time.
    NotOurs,
    /// It has other names, too: what is cut here would be cut there.
    Linked {
        /// How many names.
        links: u64,
    },
    /// It is shorter than it was.
    Shorter {
        /// Bytes at the checkpoint.
        expected: u64,
        /// Bytes now.
        found: u64,
    },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mismatch::Missing => f.write_str("it is gone"),
            Mismatch::NotRegular => f.write_str("it is not a regular file"),
            Mismatch::NotOurs => f.write_str("it belongs to another user"),
            Mismatch::Linked { links } => write!(f, "it has {links} names (hard links)"),
            Mismatch::Shorter { expected, found } => {
                write!(f, "it has {found} bytes; the checkpoint had written {expected}")
            }
        }
    }
}

impl StagedFile {
    /// Looks whether a staged file can be rewound to a mark. Changes nothing.
    pub fn inspect(
        storage: &dyn Storage,
        name: StagedName,
        mark: &Mark,
    ) -> Result<std::result::Result<Inspected, Mismatch>> {
        let file = match storage.open(&name.staged, OpenMode::Modify) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Err(Mismatch::Missing));
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                return Ok(Err(Mismatch::NotRegular));
            }
            Err(cause) => return Err(Error::io("open", &name.staged, cause)),
        };
        let reading = |cause| Error::io("read", &name.staged, cause);
        let metadata = file.metadata().map_err(reading)?;
        if metadata.links > 1 {
            return Ok(Err(Mismatch::Linked { links: metadata.links }));
        }
        let length_found = metadata.length;
        if length_found < mark.length && !is_on(Mutant::ShorterOutputAccepted) {
            return Ok(Err(Mismatch::Shorter { expected: mark.length, found: length_found }));
        }
        let mut tail = vec![0; mark.tail.len()];
        let tail_start = mark.length - mark.tail.len() as u64;
        read_full(&*file, &mut tail, tail_start).map_err(reading)?;
        let (mark, tail_is_torn) = (mark.clone(), tail != mark.tail);
        let is_ours = metadata.is_ours;
        Ok(Ok(Inspected { name, file, lock: None, mark, length_found, tail_is_torn, is_ours }))
    }
}

impl Inspected {
    /// Takes the lock of the staged file; false while somebody else holds it, perhaps a process that is just ending.
    pub fn claim(&mut self, storage: &dyn Storage) -> Result<bool> {
        if self.lock.is_none() {
            let locking = |cause| Error::io("lock", &self.name.staged, cause);
            self.lock = storage.lock(&self.name.staged).map_err(locking)?;
        }
        Ok(self.lock.is_some())
    }

    /// Whether it belongs to the user we run as.
    pub fn is_ours(&self) -> bool {
        self.is_ours
    }

    /// Where it is staged.
    pub fn path(&self) -> &Path {
        &self.name.staged
    }

    /// Where it is staged and where it goes.
    pub fn name(&self) -> &StagedName {
        &self.name
    }

    /// Repairs the tail, cuts to the mark's length and makes both durable. Doing it twice is doing it once.
    ///
    /// # Panics
    /// If the file was not claimed.
    pub fn rewind(self) -> Result<StagedFile> {
        let lock = self.lock.expect("a staged file is claimed before it is rewound");
        let failed = |verb| {
            let path = self.name.staged.clone();
            move |cause| Error::io(verb, &path, cause)
        };
        if self.tail_is_torn && !is_on(Mutant::TailNotRepaired) {
            let start = self.mark.length - self.mark.tail.len() as u64;
            self.file.write_at(&self.mark.tail, start).map_err(failed("repair"))?;
        }
        if self.length_found > self.mark.length {
            self.file.set_length(self.mark.length).map_err(failed("cut"))?;
        }
        self.file.sync_all().map_err(failed("sync"))?;
        Ok(StagedFile::new(self.name, self.file, lock, &self.mark))
    }
}

/// The tail that a mark of `length` bytes carries.
pub fn tail_length(length: u64) -> u64 {
    length % BLOCK_BYTES
}
