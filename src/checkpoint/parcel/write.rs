//! Writing an export.

use super::{END, END_MAGIC, Kind, MAGIC, PART_HEADER_BYTES, VERSION};
use crate::checkpoint::format::fields::Masked;
use crate::error::{Error, Result};
use crate::storage::{File, OpenMode, Storage};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An export that is being written; dropped before it is finished, it removes its file.
#[derive(Debug)]
pub struct ParcelWriter {
    storage: Arc<dyn Storage>,
    path: PathBuf,
    file: Arc<dyn File>,
    written: u64,
    /// Bytes of the part under way that are still to come.
    missing: u64,
    parts: u64,
    digest: Masked,
    is_finished: bool,
}

impl ParcelWriter {
    /// Makes the file; refused where the name is taken.
    pub fn create(storage: Arc<dyn Storage>, path: &Path) -> Result<ParcelWriter> {
        let file = storage.open(path, OpenMode::CreatePrivate).map_err(|cause| {
            if cause.kind() == std::io::ErrorKind::AlreadyExists {
                let message = format!("`{}` is there already", path.display());
                return Error::usage(message).with_hint("name a file that is not there yet");
            }
            Error::io("create", path, cause)
        })?;
        let mut writer = ParcelWriter {
            storage,
            path: path.to_path_buf(),
            file,
            written: 0,
            missing: 0,
            parts: 0,
            digest: Masked::default(),
            is_finished: false,
        };
        writer.put(&MAGIC)?;
        writer.put(&VERSION.to_le_bytes())?;
        writer.put(&[0; 6])?;
        Ok(writer)
    }

    /// Begins a part of so many bytes.
    pub fn begin(&mut self, kind: Kind, name: &str, length: u64) -> Result<()> {
        debug_assert_eq!(self.missing, 0, "the part before is complete");
        let too_long = || Error::failed("the name of an output is too long to be exported");
        let name_length = u16::try_from(name.len()).map_err(|_| too_long())?;
        self.put(&part_header(kind.number(), name_length, length))?;
        self.put(name.as_bytes())?;
        self.missing = length;
        self.parts += 1;
        Ok(())
    }

    /// The next bytes of the part.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        let length = bytes.len() as u64;
        let missing = self.missing.checked_sub(length);
        self.missing = missing.ok_or_else(|| Error::internal("a part is longer than was said"))?;
        self.put(bytes)
    }

    /// Ends the file; it is durable when this returns. Its length.
    pub fn finish(mut self) -> Result<u64> {
        if self.missing > 0 {
            return Err(Error::internal("a part is shorter than was said"));
        }
        self.put(&part_header(END, 0, self.parts))?;
        let digest = self.digest.clone().finish();
        self.put(&digest.to_le_bytes())?;
        self.put(&END_MAGIC)?;
        self.file.sync_all().map_err(|cause| Error::io("sync", &self.path, cause))?;
        let folder = match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let syncing = |cause| Error::io("sync the folder", folder, cause);
        self.storage.sync_directory(folder).map_err(syncing)?;
        self.is_finished = true;
        Ok(self.written)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self.file.write_at(bytes, self.written);
        written.map_err(|cause| Error::io("write", &self.path, cause))?;
        self.digest.update(bytes);
        self.written += bytes.len() as u64;
        Ok(())
    }
}

impl Drop for ParcelWriter {
    fn drop(&mut self) {
        if !self.is_finished {
            // What cannot be removed is not complete, and says so when it is read.
            let _incomplete = self.storage.remove(&self.path);
        }
    }
}

fn part_header(kind: u8, name_length: u16, length: u64) -> [u8; PART_HEADER_BYTES] {
    let mut bytes = [0; PART_HEADER_BYTES];
    bytes[0] = kind;
    bytes[2..4].copy_from_slice(&name_length.to_le_bytes());
    bytes[8..].copy_from_slice(&length.to_le_bytes());
    bytes
}
