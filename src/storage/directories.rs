//! Making a directory with its parents so that every step is durable: the order of the calls, not
//! the calls.
//!
//! 1. the deepest directory that exists is made durable in its parent: an earlier process may have
//!    been stopped right after making it;
//! 2. each missing one is made and at once made durable in its parent.
//!
//! So whenever the machine stops, at most the deepest existing directory is not durable, and step 1
//! mends that.

use super::Privacy;
use std::io;
use std::path::{Path, PathBuf};

/// The three calls that making directories needs.
pub(super) trait DirectoryCalls {
    /// Whether a directory stands at a path (links followed); `NotADirectory` where something else
    /// does.
    fn is_directory(&self, path: &Path) -> io::Result<bool>;

    /// Makes one directory.
    fn make_directory(&self, path: &Path, privacy: Privacy) -> io::Result<()>;

    /// Makes the names in a directory durable.
    fn sync_names(&self, directory: &Path) -> io::Result<()>;
}

/// Makes `directory` and its missing parents, each durable when this returns.
pub(super) fn create(
    calls: &dyn DirectoryCalls,
    directory: &Path,
    privacy: Privacy,
) -> io::Result<()> {
    let mut missing: Vec<PathBuf> = Vec::new();
    let mut deepest = directory.to_path_buf();
    while !calls.is_directory(&or_here(&deepest))? {
        let parent = parent_of(&deepest);
        missing.push(std::mem::replace(&mut deepest, parent));
    }
    match calls.sync_names(&parent_of(&deepest)) {
        // A parent that we may only pass through was made by somebody else, long ago.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
        other => other?,
    }
    for path in missing.iter().rev() {
        let privacy = if path == directory { privacy } else { Privacy::Shared };
        match calls.make_directory(path, privacy) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                calls.is_directory(path)?;
            }
            other => other?,
        }
        calls.sync_names(&parent_of(path))?;
    }
    Ok(())
}

/// The directory that a path's last name stands in.
pub(super) fn parent_of(path: &Path) -> PathBuf {
    or_here(path.parent().unwrap_or(path))
}

fn or_here(path: &Path) -> PathBuf {
    if path.as_os_str().is_empty() { PathBuf::from(".") } else { path.to_path_buf() }
}
