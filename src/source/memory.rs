//! A file system in memory, just enough for the tests of this module.

use crate::storage::{Existing, File, FileKind, Lock, Metadata, OpenMode, Privacy, Storage};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// Files by path; a folder is there where a file is below it.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub files: Mutex<BTreeMap<PathBuf, Arc<MemoryFile>>>,
}

/// One file.
#[derive(Debug)]
pub(super) struct MemoryFile {
    pub bytes: Mutex<Vec<u8>>,
    pub metadata: Mutex<Metadata>,
    /// How many bytes were read.
    pub bytes_read: Mutex<u64>,
}

impl Memory {
    pub(super) fn with(paths: &[&str]) -> Memory {
        let memory = Memory::default();
        for (inode, path) in (1..).zip(paths) {
            memory.put(path, inode, Vec::new());
        }
        memory
    }

    pub(super) fn put(&self, path: &str, inode: u64, bytes: Vec<u8>) -> Arc<MemoryFile> {
        let metadata = Metadata { inode, ..metadata(FileKind::File) };
        let file = Arc::new(MemoryFile {
            bytes: Mutex::new(bytes),
            metadata: Mutex::new(metadata),
            bytes_read: Mutex::new(0),
        });
        let mut files = self.files.lock().expect("no test panics with the lock");
        files.insert(PathBuf::from(path), file.clone());
        file
    }
}

fn metadata(kind: FileKind) -> Metadata {
    Metadata {
        kind,
        length: 0,
        modified_ns: 1,
        device: 1,
        inode: 0,
        links: 1,
        mode: 0o644,
        is_ours: true,
    }
}

impl MemoryFile {
    pub(super) fn change(&self, change: impl FnOnce(&mut Vec<u8>)) {
        change(&mut self.bytes.lock().expect("no test panics with the lock"));
    }

    pub(super) fn touch(&self) {
        let mut metadata = self.metadata.lock().expect("no test panics with the lock");
        metadata.modified_ns += 1;
    }
}

impl Storage for Memory {
    fn open(&self, path: &Path, _: OpenMode) -> io::Result<Arc<dyn File>> {
        let files = self.files.lock().expect("no test panics with the lock");
        match files.get(path) {
            Some(file) => Ok(file.clone()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        let files = self.files.lock().expect("no test panics with the lock");
        match files.get(path) {
            Some(file) => file.metadata(),
            None if files.keys().any(|file| file.starts_with(path)) => {
                Ok(metadata(FileKind::Directory))
            }
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        let files = self.files.lock().expect("no test panics with the lock");
        let below = files.keys().filter_map(|file| file.strip_prefix(directory).ok());
        let first = |path: &Path| path.iter().next().map(OsString::from);
        let mut names: Vec<OsString> = below.filter_map(first).collect();
        names.sort();
        names.dedup();
        Ok(names)
    }

    fn create_directory(&self, _: &Path, _: Privacy) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn rename(&self, _: &Path, _: &Path, _: Existing) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.files.lock().expect("no test panics with the lock").remove(path);
        Ok(())
    }

    fn sync_directory(&self, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn volatile_kind(&self, _path: &Path) -> Option<&'static str> {
        None
    }

    fn lock(&self, _: &Path) -> io::Result<Option<Lock>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl File for MemoryFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let bytes = self.bytes.lock().expect("no test panics with the lock");
        let start = usize::try_from(offset).expect("small").min(bytes.len());
        let count = buffer.len().min(bytes.len() - start);
        buffer[..count].copy_from_slice(&bytes[start..start + count]);
        *self.bytes_read.lock().expect("no test panics with the lock") += count as u64;
        Ok(count)
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn set_length(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn start_write_back(&self, _: Range<u64>) {}

    fn reserve(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync_data(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync_all(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn metadata(&self) -> io::Result<Metadata> {
        let bytes = self.bytes.lock().expect("no test panics with the lock");
        let metadata = self.metadata.lock().expect("no test panics with the lock");
        Ok(Metadata { length: bytes.len() as u64, ..*metadata })
    }
}
