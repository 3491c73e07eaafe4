//! Durable bytes: the only home of `std::fs`.
//!
//! [`Storage`] and [`File`] are the contract that the write, resume and publish protocols rest on; `local` keeps it
//! with the operating system, `simulated` in memory, with faults and power cuts. What the bytes mean is not known here.
//!
//! What each call promises after a power cut:
//! - bytes written, and the length that they gave the file, are durable once [`File::sync_data`] or [`File::sync_all`]
//!   returned without error;
//! - a name made, renamed or removed is durable once [`Storage::sync_directory`] of its directory returned without error; a
//!   sync of the file is not enough, and one of the directory makes no bytes durable;
//! - of everything else any part may be there, in any order: names without bytes, lengths with zeros or with what somebody
//!   else had left there, some sectors of a write and not others. Bytes that were durable stay, but for those in a block
//!   that was being written again;
//! - a rename within one directory is kept or lost as a whole;
//! - after a sync that failed nothing is known about the file or the names: it must not be synced again, since the next one may
//!   succeed though the bytes are lost.
//!
//! What each call promises at once, and after a kill of the process: all of it can be seen by everybody as soon as the call
//! returns. A call that fails has changed nothing, except that a write may have written some of its bytes, and that of a rename,
//! a removal, a sync and the making of a name it is unknown whether it was done.
//!
//! Calls that a signal interrupts are repeated, and short writes are completed; both are never seen from outside.

pub mod clock;

mod directories;

#[expect(clippy::disallowed_methods, reason = "the home of std::fs")]
mod held;

#[expect(clippy::disallowed_methods, reason = "the home of std::fs")]
mod local;

pub mod mutants;

mod reading;

#[expect(clippy::disallowed_methods, reason = "the home of std::fs")]
mod scratch;

pub mod simulated;

mod whole;

pub use held::{HeldFolder, Leftover, leftovers};
pub use local::LocalStorage;
pub use reading::ReadOnly;
pub use scratch::{ScratchFolder, files_below};

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// A file system. Every error but an interruption is passed on as it is: `NotFound` where a name or a folder on the way is
/// missing, `NotADirectory` where something else stands on the way, and what the system says otherwise.
pub trait Storage: Send + Sync + fmt::Debug {
    /// Opens a regular file in the way that `mode` says. Never waits, whatever stands there. A new file is empty, and neither
    /// its name nor its bytes are durable.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>>;

    /// What stands at a path, without following a symbolic link; `NotFound` where nothing does.
    fn metadata(&self, path: &Path) -> io::Result<Metadata>;

    /// The names in a directory, sorted by their bytes; those of one moment, or with changes made meanwhile.
    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>>;

    /// Makes a directory and its missing parents; `privacy` is that of the directory itself. An existing directory is
    /// fine. Every directory made is durable in its parent when this returns.
    fn create_directory(&self, directory: &Path, privacy: Privacy) -> io::Result<()>;

    /// Renames a file within one file system. Whoever looks sees the old name or the new one, and of a file that is replaced
    /// the old content or the new. Of a call that fails it is unknown whether it was done, and so it is after a power cut
    /// until the directory was synced. Files that are open stay so.
    fn rename(&self, from: &Path, to: &Path, existing: Existing) -> io::Result<()>;

    /// Removes a name; a directory is refused. Whoever has the file open can go on with it.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable, as they are when it is called. After an error nothing is known of any name that
    /// was not durable before.
    fn sync_directory(&self, directory: &Path) -> io::Result<()>;

    /// The kind of file system at a path, where it loses everything when the machine stops; `None` where it keeps what
    /// was synced, as far as can be told.
    fn volatile_kind(&self, path: &Path) -> Option<&'static str>;

    /// Takes an exclusive lock on a file, making the file where it is missing; `None` while somebody else holds it.
    /// The lock ends with the value, and with the process.
    fn lock(&self, path: &Path) -> io::Result<Option<Lock>>;
}

/// An open regular file.
pub trait File: Send + Sync + fmt::Debug {
    /// Reads up to `buffer.len()` bytes from `offset`, perhaps fewer than there are; 0 at the end of the file and behind it.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all of `bytes` at `offset`; what lies between the end and `offset` becomes zeros. After an error some of the bytes
    /// may be there. `StorageFull`, `QuotaExceeded` and `FileTooLarge` say that there is no room.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Cuts or extends (with zeros) to `length` bytes.
    fn set_length(&self, length: u64) -> io::Result<()>;

    /// Reserves room for `length` bytes without changing the file's length; not supported is not an error.
    fn reserve(&self, length: u64) -> io::Result<()>;

    /// Starts to write these bytes to the disk, so that less is left to do when they have to be durable. A hint: it
    /// promises nothing, and what goes wrong is told by the next sync.
    fn start_write_back(&self, bytes: Range<u64>);

    /// Makes the bytes and the length durable, as they are when it is called. After an error they may be lost though they can
    /// still be read, and the next sync says nothing.
    fn sync_data(&self) -> io::Result<()>;

    /// Makes bytes, length and all metadata durable, but not the name; otherwise like [`File::sync_data`].
    fn sync_all(&self) -> io::Result<()>;

    /// What the open file is now.
    fn metadata(&self) -> io::Result<Metadata>;
}

/// How [`Storage::open`] opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// An input: read only; a symbolic link is followed; anything but a regular file is refused (`InvalidInput`).
    ReadInput,
    /// A file of our own: read only; a symbolic link, and anything but a regular file, is refused (`InvalidInput`).
    ReadOwn,
    /// A file of our own to read and write; refused like `ReadOwn`.
    Modify,
    /// A new file with mode 0600 to read and write; `AlreadyExists` where the name is taken.
    CreatePrivate,
    /// A new file with the mode that the umask leaves of 0666, but always ours to use; `AlreadyExists` where the name is
    /// taken.
    CreateShared,
}

/// Who may enter a directory that is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privacy {
    /// Mode 0700.
    Private,
    /// What the umask leaves of 0777, but always ours to use.
    Shared,
}

/// What [`Storage::rename`] does with a file that has the new name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// `AlreadyExists`.
    Keep,
    /// Replaces it atomically.
    Replace,
}

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metadata {
    /// Regular file, directory, link or something else.
    pub kind: FileKind,
    /// Bytes.
    pub length: u64,
    /// Nanoseconds since 1970 of the last change of content; 0 where unknown.
    pub modified_ns: i64,
    /// Device number.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
    /// Number of hard links.
    pub links: u64,
    /// Permission bits.
    pub mode: u32,
    /// Whether it belongs to the user we run as.
    pub is_ours: bool,
}

/// What kind of thing stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A pipe, a device, a socket.
    Other,
}

/// A held lock; dropping it lets go.
#[derive(Debug)]
pub struct Lock {
    /// Keeps the lock alive: an open file locally, a guard in the simulation.
    pub holder: Arc<dyn fmt::Debug + Send + Sync>,
}

/// Fills `buffer` from `offset` as far as the file goes; returns the number of bytes read.
pub fn read_full(file: &dyn File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64)? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}

/// Whether an error means that the storage itself is broken or gone: nothing that was written
/// there lately is certain.
pub fn is_fatal(error: &io::Error) -> bool {
    let is_io = error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error());
    is_io
        || matches!(
            error.kind(),
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::StaleNetworkFileHandle
        )
}

/// How many files this process may have open at a time; `None` where there is no limit.
pub fn descriptors_max() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}

/// Whether an error means that this process, or the machine, has too many open files.
pub fn is_out_of_descriptors(error: &io::Error) -> bool {
    let codes = [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE];
    codes.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}
