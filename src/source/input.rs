//! An open input, and whether it is still the file that was opened.

use crate::error::{Error, Result};
use crate::storage::{File, Metadata, OpenMode, Storage};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An open input.
#[derive(Debug, Clone)]
pub struct Input {
    /// Where it was found.
    pub path: PathBuf,
    /// The open file.
    pub file: Arc<dyn File>,
    /// What it was when it was opened.
    pub metadata: Metadata,
}

/// How an input changed since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It has fewer bytes.
    Shrunk {
        /// Bytes when it was opened.
        was: u64,
        /// Bytes now.
        is: u64,
    },
    /// It has more bytes.
    Grown {
        /// Bytes when it was opened.
        was: u64,
        /// Bytes now.
        is: u64,
    },
    /// It has as many bytes, but was written to.
    Rewritten,
    /// Another file stands at its path.
    Replaced,
    /// Nothing stands at its path.
    Removed,
}

impl Input {
    /// Opens an input to read.
    pub fn open(storage: &dyn Storage, path: &Path) -> Result<Input> {
        let opened = storage.open(path, OpenMode::ReadInput);
        let opened = opened.and_then(|file| Ok((file.metadata()?, file)));
        match opened {
            Ok((metadata, file)) => Ok(Input { path: path.to_owned(), file, metadata }),
            Err(cause) if cause.kind() == io::ErrorKind::InvalidInput => {
                Err(Error::usage(format!("input `{}` is not a regular file", path.display())))
            }
            Err(cause) => Err(Error::io("open input", path, cause)),
        }
    }

    /// Whether the file changed since it was opened; what was read of it then is worth nothing.
    pub fn changed_since_open(&self, storage: &dyn Storage) -> io::Result<Option<Change>> {
        let is = self.file.metadata()?;
        let was = &self.metadata;
        let (was_bytes, is_bytes) = (was.length, is.length);
        if is_bytes < was_bytes {
            return Ok(Some(Change::Shrunk { was: was_bytes, is: is_bytes }));
        }
        if is_bytes > was_bytes {
            return Ok(Some(Change::Grown { was: was_bytes, is: is_bytes }));
        }
        if is.modified_ns != was.modified_ns {
            return Ok(Some(Change::Rewritten));
        }
        // Opened once more, because the path may be a symbolic link.
        match storage.open(&self.path, OpenMode::ReadInput) {
            Ok(file) => {
                let at_path = file.metadata()?;
                let is_same = (at_path.device, at_path.inode) == (was.device, was.inode);
                Ok((!is_same).then_some(Change::Replaced))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Some(Change::Removed)),
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(Some(Change::Replaced)),
            Err(error) => Err(error),
        }
    }
}
