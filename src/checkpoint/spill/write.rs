//! Writing a spill. It has its final name from the start: nothing refers to it before it is complete and synced.

use super::format::{self, BLOCK_BYTES_MAX, HEADER_BYTES, Trailer};
use super::{SpillEntry, SpillName};
use crate::checkpoint::format::fields::Masked;
use crate::checkpoint::id::RunId;
use crate::error::{Error, Result};
use crate::storage::{File, OpenMode, Storage};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A spill that is being written; dropped before it is finished, it removes its file.
#[derive(Debug)]
pub struct SpillWriter {
    storage: Arc<dyn Storage>,
    path: PathBuf,
    name: SpillName,
    file: Arc<dyn File>,
    written: u64,
    blocks: u64,
    digest: Masked,
    is_finished: bool,
}

impl SpillWriter {
    /// Makes the file.
    pub fn create(
        storage: Arc<dyn Storage>,
        directory: &Path,
        name: SpillName,
        instance: RunId,
    ) -> Result<SpillWriter> {
        let path = directory.join(name.to_string());
        let opened = storage.open(&path, OpenMode::CreatePrivate);
        let file = opened.map_err(|cause| Error::io("make", &path, cause))?;
        let (written, blocks, digest) = (0, 0, Masked::default());
        let mut writer =
            SpillWriter { storage, path, name, file, written, blocks, digest, is_finished: false };
        writer.put(&format::header(name, instance))?;
        debug_assert_eq!(writer.written, HEADER_BYTES as u64);
        Ok(writer)
    }

    /// Appends a block; not empty.
    ///
    /// # Errors
    /// Also where it is longer than a block may be.
    pub fn append(&mut self, block: &[u8]) -> Result<()> {
        self.append_as(format::block, block)
    }

    /// The same, for a block that is read so often that it had better not be compressed.
    pub fn append_plain(&mut self, block: &[u8]) -> Result<()> {
        self.append_as(format::plain_block, block)
    }

    fn append_as(&mut self, form: fn(&[u8]) -> Vec<u8>, block: &[u8]) -> Result<()> {
        if block.len() > BLOCK_BYTES_MAX as usize {
            let message = "one key has more than 1 GiB of state, which cannot be spilled";
            let hint = "hold less of each key, or leave more `memory` in `[state]`";
            return Err(Error::failed(message).with_hint(hint));
        }
        self.blocks += 1;
        self.put(&form(block))
    }

    /// Where the next block will stand.
    pub fn place(&self) -> u64 {
        self.written
    }

    /// Ends it. Its bytes are not yet durable, nor is its name.
    pub fn finish(mut self) -> Result<(SpillEntry, PathBuf, Arc<dyn File>)> {
        let (bytes, trailer) = Trailer::encode(self.written, self.blocks, self.digest.clone());
        self.put(&bytes)?;
        self.is_finished = true;
        let Trailer { length, digest, .. } = trailer;
        let entry = SpillEntry { name: self.name.to_string(), length, digest };
        Ok((entry, self.path.clone(), Arc::clone(&self.file)))
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self.file.write_at(bytes, self.written);
        written.map_err(|cause| Error::io("write", &self.path, cause))?;
        self.digest.update(bytes);
        self.written += bytes.len() as u64;
        Ok(())
    }
}

impl Drop for SpillWriter {
    fn drop(&mut self) {
        if !self.is_finished {
            // What cannot be removed is swept by the next run.
            let _left_for_the_next_sweep = self.storage.remove(&self.path);
        }
    }
}
