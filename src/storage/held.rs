//! A scratch folder that is held by whoever uses it, so that one whose users were killed can be told from one in use.
//!
//! The folder itself is locked: no file of a lock stands in it, and the lock ends with the last process that has it, the
//! children that were given [`HeldFolder::holder`] among them. Such a lock may be known to one host alone, so the names of
//! folders that several hosts can see must tell whose they are. What is in a folder that was marked as worth keeping is
//! nobody's leftover.

use super::scratch::ScratchFolder;
use rustix::fs::OFlags;
use std::fs;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A file of this name says that a folder is to be kept.
const KEPT: &str = "KEPT";

/// How often a new folder is made again because somebody took it for a leftover before it was held.
const ATTEMPTS: u32 = 10;

/// Random hexadecimal digits at the end of the folders' names.
const RANDOM_DIGITS: usize = 16;

/// A scratch folder that nobody takes for a leftover as long as we, or who shares its holder, live.
#[derive(Debug)]
pub struct HeldFolder {
    folder: ScratchFolder,
    holder: fs::File,
}

impl HeldFolder {
    /// Makes a folder that only we can enter, and holds it; one that is there already is not touched, and an error.
    pub fn make(path: &Path) -> io::Result<HeldFolder> {
        for _ in 0..ATTEMPTS {
            let folder = ScratchFolder::make(path)?;
            match hold(path) {
                Ok(Some(holder)) => return Ok(HeldFolder { folder, holder }),
                // Somebody who looks for leftovers has taken it for one.
                Ok(None) => {}
                Err(error) => {
                    // It is empty, and why it cannot be held says more than why it cannot be removed.
                    _ = fs::remove_dir(path);
                    return Err(error);
                }
            }
        }
        let why = "somebody removes it again and again";
        Err(io::Error::new(io::ErrorKind::ResourceBusy, why))
    }

    /// The folder.
    pub fn folder(&self) -> &ScratchFolder {
        &self.folder
    }

    /// What holds it, for a child: it is held until the child has ended, too.
    pub fn holder(&self) -> io::Result<OwnedFd> {
        self.holder.try_clone().map(OwnedFd::from)
    }

    /// Has it kept for ever, and says in it why, in a line after those of before.
    pub fn keep(&self, why: &str) -> io::Result<()> {
        let path = self.folder.path().join(KEPT);
        let mut file = fs::File::options().append(true).create(true).open(path)?;
        writeln!(file, "{why}")
    }

    /// Removes it with everything in it.
    pub fn remove(self) -> io::Result<()> {
        self.folder.remove()
    }
}

/// Holds a folder that was just made; `None` where it is not there any more.
fn hold(path: &Path) -> io::Result<Option<fs::File>> {
    let holder = match open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    // Only somebody who looks for leftovers can have it now, and for a moment.
    fs2::FileExt::lock_exclusive(&holder)?;
    Ok(is_at(&holder, path)?.then_some(holder))
}

/// A folder that nobody holds any more, and that nobody wanted to keep.
#[derive(Debug)]
pub struct Leftover {
    path: PathBuf,
    /// Keeps others from removing it at the same time.
    _holder: fs::File,
}

impl Leftover {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it with everything in it; links are removed and not followed.
    pub fn remove(self) -> io::Result<()> {
        fs::remove_dir_all(&self.path)
    }
}

/// The leftovers in a folder: folders of ours whose names are `prefix` and random digits, sorted by their names.
pub fn leftovers(around: &Path, prefix: &str) -> io::Result<Vec<Leftover>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(around)? {
        let entry = entry?;
        let name = entry.file_name();
        let digits = name.to_str().and_then(|name| name.strip_prefix(prefix));
        if digits.is_some_and(is_random) {
            paths.push(around.join(name));
        }
    }
    paths.sort();
    Ok(paths.into_iter().filter_map(leftover).collect())
}

fn is_random(digits: &str) -> bool {
    digits.len() == RANDOM_DIGITS && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
}

/// The leftover at a path; `None` where it is none, or nobody can tell.
fn leftover(path: PathBuf) -> Option<Leftover> {
    // Links and files cannot be opened so; neither can the folders of others, nor do they concern us.
    let holder = open(&path).ok()?;
    let is_ours = holder.metadata().ok()?.uid() == rustix::process::geteuid().as_raw();
    if !is_ours || fs2::FileExt::try_lock_exclusive(&holder).is_err() {
        return None;
    }
    // It may have been removed and made anew before it was locked.
    (!is_kept(&path)? && is_at(&holder, &path).ok()?).then_some(Leftover { path, _holder: holder })
}

/// Whether a folder is to be kept; `None` where nobody can tell.
fn is_kept(path: &Path) -> Option<bool> {
    match path.join(KEPT).symlink_metadata() {
        Ok(_) => Some(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some(false),
        Err(_) => None,
    }
}

fn open(path: &Path) -> io::Result<fs::File> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW;
    let flags = i32::try_from(flags.bits()).expect("the flags of a call fit its argument");
    fs::File::options().read(true).custom_flags(flags).open(path)
}

/// Whether a path leads to an open folder.
fn is_at(holder: &fs::File, path: &Path) -> io::Result<bool> {
    let open = holder.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (open.dev(), open.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_left_over_when_nobody_holds_it_and_nobody_wants_it() {
        let around = tempfile::tempdir().expect("a folder");
        let path =
            |digit: char| around.path().join(format!("work-{}", digit.to_string().repeat(16)));
        let check = |expected: &[char]| {
            let found = leftovers(around.path(), "work-").expect("listed");
            let found: Vec<&Path> = found.iter().map(Leftover::path).collect();
            let expected: Vec<PathBuf> = expected.iter().map(|digit| path(*digit)).collect();
            assert_eq!(found, expected);
        };
        let first = HeldFolder::make(&path('1')).expect("made");
        assert!(HeldFolder::make(&path('1')).is_err(), "it is there already");
        let second = HeldFolder::make(&path('2')).expect("made");
        let third = HeldFolder::make(&path('3')).expect("made");
        third.keep("it is worth it").expect("marked");
        let shared = second.holder().expect("shared");
        check(&[]);
        drop((first, second, third));
        check(&['1']);
        drop(shared);
        check(&['1', '2']);
        // What has other names, is no folder, or is a link to one.
        fs::create_dir(around.path().join("work-12")).expect("made");
        fs::create_dir(around.path().join(format!("other-{}", "1".repeat(16)))).expect("made");
        fs::write(path('4'), "mine").expect("written");
        std::os::unix::fs::symlink(path('1'), path('5')).expect("linked");
        check(&['1', '2']);
        for leftover in leftovers(around.path(), "work-").expect("listed") {
            leftover.remove().expect("removed");
        }
        check(&[]);
        assert!(path('3').join(KEPT).exists() && path('4').exists());
    }

    #[test]
    fn what_is_not_known_is_neither_a_leftover_nor_held() {
        let around = tempfile::tempdir().expect("a folder");
        let path = around.path().join(format!("work-{}", "1".repeat(16)));
        assert!(hold(&path).expect("it is gone, which is no failure").is_none());
        fs::write(&path, "mine").expect("written");
        assert!(hold(&path).is_err(), "it is no folder");
        assert_eq!(is_kept(&path), None, "what is in no folder cannot be looked at");
        fs::remove_file(&path).expect("removed");
        HeldFolder::make(&path).expect("made");
        assert_eq!(is_kept(&path), Some(false));
        fs::write(path.join(KEPT), "").expect("written");
        assert_eq!(is_kept(&path), Some(true));
    }

    #[test]
    fn a_folder_that_is_made_while_somebody_sweeps_is_there_in_the_end() {
        let around = tempfile::tempdir().expect("a folder");
        let path = around.path();
        let (making, made) = std::sync::mpsc::channel::<()>();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                // As long as somebody makes folders, however that ends.
                while made.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
                    for leftover in leftovers(path, "work-").expect("listed") {
                        // Another one may be made meanwhile, but not this one.
                        leftover.remove().expect("removed");
                    }
                }
            });
            let _ends_with_us = making;
            for number in 0..500 {
                let held = HeldFolder::make(&path.join(format!("work-{number:016x}")));
                let held = held.expect("made");
                held.folder().make_below("inner").expect("it is there");
                held.remove().expect("removed");
            }
        });
    }
}
