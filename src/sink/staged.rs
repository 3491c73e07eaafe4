//! A staged output: appended to while the run goes on.

use super::target::StagedName;
use crate::error::{Error, Result};
use crate::storage::{File, Lock, OpenMode, Storage};
use crc32fast::Hasher;
use std::path::Path;
use std::sync::Arc;

/// The file system block whose last, partly filled one is remembered and repaired.
pub const BLOCK_BYTES: u64 = 4096;

/// The disk is asked to begin with writing whenever there is so much of it: at the end little is left to wait for.
const WRITE_BACK_BYTES: u64 = 8 << 20;

/// Bytes that are copied at a time.
const COPIED_BYTES: usize = 1 << 20;

/// An output file under its staged name, open for appending. One process has it at a time.
#[derive(Debug)]
pub struct StagedFile {
    /// Where it is staged and where it will go.
    pub name: StagedName,
    pub(super) file: Arc<dyn File>,
    pub(super) length: u64,
    pub(super) digest: Hasher,
    /// The bytes since the last multiple of [`BLOCK_BYTES`].
    pub(super) tail: Vec<u8>,
    /// Up to here the disk was asked to begin with writing.
    given_out: u64,
    _lock: Lock,
}

/// How far an output had come at a barrier.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mark {
    /// Bytes.
    pub length: u64,
    /// CRC-32 of all bytes.
    pub crc: u32,
    /// The bytes of the last, partly filled block of [`BLOCK_BYTES`].
    pub tail: Vec<u8>,
}

impl StagedFile {
    /// Makes a new, empty staged file. Left-overs of other runs of other jobs are not touched.
    pub fn create(storage: &dyn Storage, name: StagedName) -> Result<StagedFile> {
        let file = storage
            .open(&name.staged, OpenMode::CreateShared)
            .map_err(|cause| Error::io("create", &name.staged, cause))?;
        let lock = lock(storage, &name.staged)?;
        Ok(StagedFile::new(name, file, lock, &Mark::default()))
    }

    /// Makes a new staged file that begins with what stands at the final name, which must have just this length and
    /// checksum.
    pub fn extending(
        storage: &dyn Storage,
        name: &StagedName,
        length: u64,
        crc: u32,
    ) -> Result<StagedFile> {
        let failed = |cause| Error::io("read", &name.target, cause);
        let published = storage.open(&name.target, OpenMode::ReadOwn).map_err(failed)?;
        let mut staged = StagedFile::create(storage, name.clone())?;
        let mut buffer = vec![0; COPIED_BYTES];
        loop {
            match published.read_at(&mut buffer, staged.length).map_err(failed)? {
                0 => break,
                count => staged.append(&buffer[..count], None)?,
            }
        }
        if staged.length != length || staged.digest.clone().finalize() != crc {
            let target = name.target.display();
            let message = format!("`{target}` was changed while the job ran");
            return Err(
                Error::refused(message).with_hint("restore it, then run the same command to go on")
            );
        }
        Ok(staged)
    }

    /// Closes the file; [`StagedFile::reopen`] goes on where it stopped.
    pub fn close(self) -> (StagedName, Mark) {
        let mark = self.mark();
        (self.name, mark)
    }

    /// Opens a staged file again that this process has closed.
    pub fn reopen(storage: &dyn Storage, name: StagedName, mark: &Mark) -> Result<StagedFile> {
        let failed = |cause| Error::io("open", &name.staged, cause);
        let file = storage.open(&name.staged, OpenMode::Modify).map_err(failed)?;
        let found = file.metadata().map_err(failed)?.length;
        if found != mark.length {
            let path = name.staged.display();
            let message = format!(
                "`{path}` was changed while the job ran (it has {found} bytes; {} were written)",
                mark.length
            );
            return Err(Error::refused(message));
        }
        let lock = lock(storage, &name.staged)?;
        Ok(StagedFile::new(name, file, lock, mark))
    }

    pub(super) fn new(
        name: StagedName,
        file: Arc<dyn File>,
        lock: Lock,
        mark: &Mark,
    ) -> StagedFile {
        StagedFile {
            name,
            file,
            length: mark.length,
            digest: Hasher::new_with_initial_len(mark.crc, mark.length),
            tail: mark.tail.clone(),
            given_out: mark.length - mark.length % BLOCK_BYTES,
            _lock: lock,
        }
    }

    /// Appends bytes; `digest` is their CRC, where the caller has it already.
    pub fn append(&mut self, bytes: &[u8], digest: Option<&Hasher>) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.file
            .write_at(bytes, self.length)
            .map_err(|cause| Error::io("write", &self.name.staged, cause))?;
        self.length += bytes.len() as u64;
        match digest {
            Some(digest) => self.digest.combine(digest),
            None => self.digest.update(bytes),
        }
        self.remember_tail(bytes);
        let block_start = self.length - self.length % BLOCK_BYTES;
        if block_start - self.given_out >= WRITE_BACK_BYTES {
            self.file.start_write_back(self.given_out..block_start);
            self.given_out = block_start;
        }
        Ok(())
    }

    fn remember_tail(&mut self, bytes: &[u8]) {
        let partial = usize::try_from(self.length % BLOCK_BYTES).expect("less than a block");
        if bytes.len() >= partial {
            self.tail.clear();
            self.tail.extend_from_slice(&bytes[bytes.len() - partial..]);
        } else {
            self.tail.extend_from_slice(bytes);
        }
    }

    /// Bytes so far.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// How far the output has come.
    pub fn mark(&self) -> Mark {
        Mark { length: self.length, crc: self.digest.clone().finalize(), tail: self.tail.clone() }
    }

    /// The open file, for a checkpoint to make durable while appending goes on.
    pub fn handle(&self) -> Arc<dyn File> {
        Arc::clone(&self.file)
    }
}

/// Takes the lock of a staged file: whoever writes an output holds it.
pub(super) fn lock(storage: &dyn Storage, staged: &Path) -> Result<Lock> {
    let lock = storage.lock(staged).map_err(|cause| Error::io("lock", staged, cause))?;
    lock.ok_or_else(|| {
        let message = format!("another run is writing `{}`", staged.display());
        Error::new(crate::error::Kind::Locked, message)
    })
}
