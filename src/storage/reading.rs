//! A file system of which nothing can be changed, whoever asks: for those who only look.
//!
//! A lock is a change, too, since it makes its file and keeps others out; so nobody gets one here.

use super::{Existing, File, Lock, Metadata, OpenMode, Privacy, Storage};
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Another file system, to be read. What would be opened to be modified is opened to be read.
#[derive(Debug, Clone)]
pub struct ReadOnly(pub Arc<dyn Storage>);

impl Storage for ReadOnly {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        match mode {
            OpenMode::ReadInput | OpenMode::ReadOwn => self.0.open(path, mode),
            OpenMode::Modify => self.0.open(path, OpenMode::ReadOwn),
            OpenMode::CreatePrivate | OpenMode::CreateShared => refused(),
        }
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        self.0.metadata(path)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        self.0.list(directory)
    }

    fn create_directory(&self, _directory: &Path, _privacy: Privacy) -> io::Result<()> {
        refused()
    }

    fn rename(&self, _from: &Path, _to: &Path, _existing: Existing) -> io::Result<()> {
        refused()
    }

    fn remove(&self, _path: &Path) -> io::Result<()> {
        refused()
    }

    fn sync_directory(&self, _directory: &Path) -> io::Result<()> {
        refused()
    }

    fn volatile_kind(&self, path: &Path) -> Option<&'static str> {
        self.0.volatile_kind(path)
    }

    fn lock(&self, _path: &Path) -> io::Result<Option<Lock>> {
        Ok(None)
    }
}

fn refused<T>() -> io::Result<T> {
    let why = "whoever only looks changes nothing";
    Err(io::Error::new(io::ErrorKind::PermissionDenied, why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::LocalStorage;

    #[test]
    fn everything_can_be_read_and_nothing_changed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, new) = (folder.path().join("a"), folder.path().join("b"));
        let made = LocalStorage.open(&path, OpenMode::CreatePrivate).expect("made");
        made.write_at(b"abc", 0).expect("written");
        let storage = ReadOnly(Arc::new(LocalStorage));
        for mode in [OpenMode::ReadInput, OpenMode::ReadOwn, OpenMode::Modify] {
            let file = storage.open(&path, mode).expect("opened");
            assert_eq!(file.read_at(&mut [0; 8], 0).expect("read"), 3);
            assert!(file.write_at(b"x", 0).is_err() && file.set_length(0).is_err());
        }
        assert!(storage.open(&new, OpenMode::CreatePrivate).is_err());
        assert!(storage.open(&new, OpenMode::CreateShared).is_err());
        assert!(storage.create_directory(&new, Privacy::Shared).is_err());
        assert!(storage.rename(&path, &new, Existing::Replace).is_err());
        assert!(storage.remove(&path).is_err());
        assert!(storage.lock(&new).expect("no error").is_none());
        assert_eq!(storage.list(folder.path()).expect("names"), ["a"]);
        assert_eq!(storage.metadata(&path).expect("there").length, 3);
    }
}
