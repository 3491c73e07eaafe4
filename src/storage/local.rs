//! The operating system's file system.
//!
//! Thin on purpose: each method is one system call with the flags that the contract asks for,
//! repeated when it was interrupted. What is special:
//! - files of our own are opened without following a symbolic link and without waiting for a pipe's
//!   other end;
//! - modes 0600 and 0700 hold whatever the umask says;
//! - a lock file is made once and never removed, else two processes could lock two files of one
//!   name.

use crate::storage::directories::{self, DirectoryCalls};
use crate::storage::whole::{uninterrupted, write_all};
use crate::storage::{Existing, File, FileKind, Lock, Metadata, OpenMode, Privacy, Storage};
use rustix::fs::{Advice, CWD, FallocateFlags, Mode, OFlags, RenameFlags};
use rustix::io::{Errno, retry_on_intr};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::num::NonZeroU64;
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

/// The operating system's file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalStorage;

/// An open file of the operating system.
#[derive(Debug)]
struct LocalFile {
    file: fs::File,
}

const PRIVATE_FILE: u32 = 0o600;
const PRIVATE_DIRECTORY: u32 = 0o700;

impl LocalStorage {
    /// Bytes that we may still write to the file system of `path`.
    pub fn available_space(&self, path: &Path) -> io::Result<u64> {
        fs2::available_space(path)
    }
}

impl Storage for LocalStorage {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let new = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL;
        let (flags, permissions) = match mode {
            OpenMode::ReadInput => (OFlags::RDONLY, 0),
            OpenMode::ReadOwn => (OFlags::RDONLY | OFlags::NOFOLLOW, 0),
            OpenMode::Modify => (OFlags::RDWR | OFlags::NOFOLLOW, 0),
            OpenMode::CreatePrivate => (new | OFlags::NOFOLLOW, PRIVATE_FILE),
            OpenMode::CreateShared => (new | OFlags::NOFOLLOW, 0o666),
        };
        let file = open_regular(path, flags, permissions)?;
        let made = match mode {
            OpenMode::CreatePrivate => make_private(&file),
            OpenMode::CreateShared => make_usable(&file),
            OpenMode::ReadInput | OpenMode::ReadOwn | OpenMode::Modify => Ok(()),
        };
        if let Err(error) = made {
            self.remove(path)?;
            return Err(error);
        }
        Ok(Arc::new(LocalFile { file }))
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        Ok(understood(&uninterrupted(|| fs::symlink_metadata(path))?))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in uninterrupted(|| fs::read_dir(directory))? {
            names.push(entry?.file_name());
        }
        names.sort();
        Ok(names)
    }

    fn create_directory(&self, directory: &Path, privacy: Privacy) -> io::Result<()> {
        directories::create(self, directory, privacy)
    }

    fn rename(&self, from: &Path, to: &Path, existing: Existing) -> io::Result<()> {
        if existing == Existing::Replace {
            return uninterrupted(|| fs::rename(from, to));
        }
        let flags = RenameFlags::NOREPLACE;
        match retry_on_intr(|| rustix::fs::renameat_with(CWD, from, CWD, to, flags)) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => rename_by_link(from, to),
            other => Ok(other?),
        }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        uninterrupted(|| fs::remove_file(path))
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = retry_on_intr(|| rustix::fs::open(directory, flags, Mode::empty()))?;
        match fs::File::from(opened).sync_all() {
            // File systems that cannot sync a directory at all say so in this way; nothing more can
            // be asked of them.
            Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => Ok(()),
            other => other,
        }
    }

    #[cfg(target_os = "linux")]
    fn volatile_kind(&self, path: &Path) -> Option<&'static str> {
        use rustix::fs::FsWord;
        const TMPFS: FsWord = 0x0102_1994;
        const RAMFS: FsWord = 0x8584_58f6;
        match rustix::fs::statfs(path).ok()?.f_type {
            TMPFS => Some("tmpfs"),
            RAMFS => Some("ramfs"),
            _ => None,
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn volatile_kind(&self, _path: &Path) -> Option<&'static str> {
        None
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Lock>> {
        let flags = OFlags::RDWR | OFlags::NOFOLLOW;
        let file = match open_regular(path, flags, 0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let file = open_regular(path, flags | OFlags::CREATE, PRIVATE_FILE)?;
                make_private(&file)?;
                file
            }
            opened => opened?,
        };
        match uninterrupted(|| fs2::FileExt::try_lock_exclusive(&file)) {
            Ok(()) => Ok(Some(Lock { holder: Arc::new(file) })),
            Err(error) if error.kind() == fs2::lock_contended_error().kind() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl DirectoryCalls for LocalStorage {
    fn is_directory(&self, path: &Path) -> io::Result<bool> {
        match uninterrupted(|| fs::metadata(path)) {
            Ok(metadata) if metadata.is_dir() => Ok(true),
            Ok(_) => Err(io::ErrorKind::NotADirectory.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn make_directory(&self, path: &Path, privacy: Privacy) -> io::Result<()> {
        let asked = match privacy {
            Privacy::Private => PRIVATE_DIRECTORY,
            Privacy::Shared => 0o777,
        };
        uninterrupted(|| fs::DirBuilder::new().mode(asked).create(path))?;
        let made = fs::symlink_metadata(path)?.permissions().mode();
        if made & PRIVATE_DIRECTORY != PRIVATE_DIRECTORY {
            let usable = fs::Permissions::from_mode(made | PRIVATE_DIRECTORY);
            uninterrupted(|| fs::set_permissions(path, usable.clone()))?;
        }
        Ok(())
    }

    fn sync_names(&self, directory: &Path) -> io::Result<()> {
        self.sync_directory(directory)
    }
}

impl File for LocalFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        uninterrupted(|| self.file.read_at(buffer, offset))
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        write_all(bytes, offset, |bytes, offset| self.file.write_at(bytes, offset))
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        uninterrupted(|| self.file.set_len(length))
    }

    /// Not `fs2`'s: that one changes the length, and reports a stale error number.
    fn reserve(&self, length: u64) -> io::Result<()> {
        if length == 0 {
            return Ok(());
        }
        let keep = FallocateFlags::KEEP_SIZE;
        match retry_on_intr(|| rustix::fs::fallocate(&self.file, keep, 0, length)) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => Ok(()),
            other => Ok(other?),
        }
    }

    /// Dropping pages from the cache begins with writing those that are dirty; Linux does not wait for them and keeps them.
    fn start_write_back(&self, bytes: Range<u64>) {
        if let Some(length) = NonZeroU64::new(bytes.end.saturating_sub(bytes.start)) {
            // A file system that cannot do it writes when it is told to sync.
            _ = rustix::fs::fadvise(&self.file, bytes.start, Some(length), Advice::DontNeed);
        }
    }

    /// The standard library repeats an interrupted sync.
    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn metadata(&self) -> io::Result<Metadata> {
        Ok(understood(&self.file.metadata()?))
    }
}

/// Opens a regular file; `InvalidInput` for anything else, without ever waiting for the other end
/// of a pipe.
fn open_regular(path: &Path, flags: OFlags, permissions: u32) -> io::Result<fs::File> {
    let flags = flags | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let mode = Mode::from_raw_mode(permissions);
    let opened = retry_on_intr(|| rustix::fs::open(path, flags, mode)).map_err(explained)?;
    let file = fs::File::from(opened);
    if file.metadata()?.is_file() { Ok(file) } else { Err(not_a_file()) }
}

fn explained(errno: Errno) -> io::Error {
    match errno {
        Errno::LOOP => io::Error::new(io::ErrorKind::InvalidInput, "it is a symbolic link"),
        Errno::ISDIR | Errno::NXIO => not_a_file(),
        other => other.into(),
    }
}

fn not_a_file() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")
}

/// Mode 0600, which the umask may have narrowed and an earlier version may have left wider.
fn make_private(file: &fs::File) -> io::Result<()> {
    if file.metadata()?.permissions().mode() & 0o777 == PRIVATE_FILE {
        return Ok(());
    }
    uninterrupted(|| file.set_permissions(fs::Permissions::from_mode(PRIVATE_FILE)))
}

/// Whatever the umask leaves, it is ours to read and write: the next run has to go on with it.
fn make_usable(file: &fs::File) -> io::Result<()> {
    let mode = file.metadata()?.permissions().mode();
    if mode & PRIVATE_FILE == PRIVATE_FILE {
        return Ok(());
    }
    uninterrupted(|| file.set_permissions(fs::Permissions::from_mode(mode | PRIVATE_FILE)))
}

/// Renames without replacing where the file system has no such call: the new name is made by a hard
/// link, which fails if it is taken. A stop in between leaves both names; the old one is a
/// temporary name that is swept later.
fn rename_by_link(from: &Path, to: &Path) -> io::Result<()> {
    uninterrupted(|| fs::hard_link(from, to))?;
    uninterrupted(|| fs::remove_file(from))
}

fn understood(metadata: &fs::Metadata) -> Metadata {
    let file_type = metadata.file_type();
    let kind = if file_type.is_file() {
        FileKind::File
    } else if file_type.is_dir() {
        FileKind::Directory
    } else if file_type.is_symlink() {
        FileKind::Link
    } else {
        FileKind::Other
    };
    let seconds_ns = metadata.mtime().saturating_mul(1_000_000_000);
    Metadata {
        kind,
        length: metadata.len(),
        modified_ns: seconds_ns.saturating_add(metadata.mtime_nsec()),
        device: metadata.dev(),
        inode: metadata.ino(),
        links: metadata.nlink(),
        mode: metadata.mode() & 0o7777,
        is_ours: metadata.uid() == rustix::process::geteuid().as_raw(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a temporary folder")
    }

    fn make(path: &Path, bytes: &[u8]) {
        let file = LocalStorage.open(path, OpenMode::CreatePrivate).expect("a new file");
        file.write_at(bytes, 0).expect("written");
    }

    fn kind_of<T>(result: io::Result<T>) -> io::ErrorKind {
        result.err().expect("an error").kind()
    }

    #[test]
    fn what_was_written_is_read_and_the_mode_is_private() {
        let folder = folder();
        let path = folder.path().join("a");
        make(&path, b"0123456789");
        let file = LocalStorage.open(&path, OpenMode::Modify).expect("opened");
        file.reserve(1 << 16).expect("reserved");
        assert_eq!(file.metadata().expect("metadata").length, 10);
        file.set_length(4).expect("cut");
        file.sync_data().expect("synced");
        let mut buffer = [0; 8];
        assert_eq!(crate::storage::read_full(&*file, &mut buffer, 1).expect("read"), 3);
        assert_eq!(&buffer[..3], b"123");
        let metadata = LocalStorage.metadata(&path).expect("metadata");
        assert_eq!((metadata.mode, metadata.links, metadata.is_ours), (0o600, 1, true));
        assert!(LocalStorage.available_space(&path).expect("space") > 0);
    }

    #[test]
    fn links_pipes_and_directories_are_refused_as_files_of_our_own() {
        let folder = folder();
        let at = |name: &str| folder.path().join(name);
        make(&at("file"), b"x");
        std::os::unix::fs::symlink(at("file"), at("link")).expect("a link");
        fs::create_dir(at("directory")).expect("a directory");
        let fifo = rustix::fs::FileType::Fifo;
        let mode = Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(CWD, at("pipe"), fifo, mode, 0).expect("a pipe");
        for name in ["link", "directory", "pipe"] {
            for mode in [OpenMode::ReadOwn, OpenMode::Modify] {
                let opened = LocalStorage.open(&at(name), mode);
                assert_eq!(kind_of(opened), io::ErrorKind::InvalidInput, "{name} {mode:?}");
            }
        }
        for name in ["directory", "pipe"] {
            let opened = LocalStorage.open(&at(name), OpenMode::ReadInput);
            assert_eq!(kind_of(opened), io::ErrorKind::InvalidInput, "{name}");
        }
        assert!(LocalStorage.open(&at("link"), OpenMode::ReadInput).is_ok());
        let taken = LocalStorage.open(&at("link"), OpenMode::CreateShared);
        assert_eq!(kind_of(taken), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn renaming_never_replaces_unless_told_so() {
        let folder = folder();
        let at = |name: &str| folder.path().join(name);
        for name in ["a", "b", "c"] {
            make(&at(name), name.as_bytes());
        }
        let storage = LocalStorage;
        let kept = storage.rename(&at("a"), &at("b"), Existing::Keep);
        assert_eq!(kind_of(kept), io::ErrorKind::AlreadyExists);
        assert_eq!(kind_of(rename_by_link(&at("a"), &at("b"))), io::ErrorKind::AlreadyExists);
        rename_by_link(&at("a"), &at("d")).expect("renamed by link");
        storage.rename(&at("b"), &at("e"), Existing::Keep).expect("renamed");
        storage.rename(&at("c"), &at("e"), Existing::Replace).expect("replaced");
        storage.sync_directory(folder.path()).expect("synced");
        assert_eq!(storage.list(folder.path()).expect("names"), ["d", "e"]);
        assert_eq!(fs::read(at("e")).expect("read"), b"c");
    }

    #[test]
    fn a_directory_is_made_with_its_parents_and_is_private() {
        let folder = folder();
        let path = folder.path().join("x/y/z");
        LocalStorage.create_directory(&path, Privacy::Private).expect("made");
        LocalStorage.create_directory(&path, Privacy::Private).expect("made again");
        assert_eq!(LocalStorage.metadata(&path).expect("metadata").mode, 0o700);
        make(&path.join("file"), b"");
        let below = LocalStorage.create_directory(&path.join("file/below"), Privacy::Shared);
        assert_eq!(kind_of(below), io::ErrorKind::NotADirectory);
    }

    #[test]
    fn a_lock_is_held_once_until_it_is_dropped_and_its_file_stays() {
        let folder = folder();
        let path = folder.path().join("LOCK");
        let first = LocalStorage.lock(&path).expect("a lock");
        assert!(first.is_some());
        assert!(LocalStorage.lock(&path).expect("no error").is_none());
        drop(first);
        assert!(path.exists());
        assert!(LocalStorage.lock(&path).expect("a lock").is_some());
    }
}
