//! A folder of our own making that goes away with everything in it: for what no run ever needs again.
//!
//! No part of [`super::Storage`]: nothing here is durable, and no run removes a folder.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// A folder that was made as new, and may therefore be removed.
#[derive(Debug)]
pub struct ScratchFolder {
    path: PathBuf,
}

impl ScratchFolder {
    /// Makes a folder that only we can enter; one that is there already is not touched, and an error.
    pub fn make(path: &Path) -> io::Result<ScratchFolder> {
        fs::DirBuilder::new().mode(0o700).create(path)?;
        Ok(ScratchFolder { path: path.to_path_buf() })
    }

    /// Makes a folder below another.
    pub fn make_below(&self, name: &str) -> io::Result<ScratchFolder> {
        ScratchFolder::make(&self.path.join(name))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it with everything in it; links are removed and not followed.
    pub fn remove(self) -> io::Result<()> {
        fs::remove_dir_all(&self.path)
    }
}

/// What is in a folder and below but folders, by the paths relative to it, sorted.
pub fn files_below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(below) = folders.pop() {
        for entry in fs::read_dir(folder.join(&below))? {
            let entry = entry?;
            let path = below.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_folder_that_was_made_here_is_removed() {
        let around = tempfile::tempdir().expect("a folder");
        let path = around.path().join("scratch");
        let scratch = ScratchFolder::make(&path).expect("made");
        assert!(ScratchFolder::make(&path).is_err(), "it is there already");
        let inner = scratch.make_below("inner").expect("made");
        fs::write(inner.path().join("b"), "b").expect("written");
        fs::write(path.join("a"), "a").expect("written");
        let found = files_below(&path).expect("listed");
        assert_eq!(found, ["a", "inner/b"].map(PathBuf::from));
        fs::write(around.path().join("mine"), "").expect("written");
        std::os::unix::fs::symlink(around.path(), path.join("link")).expect("linked");
        scratch.remove().expect("removed");
        assert!(!path.exists() && around.path().join("mine").exists());
    }
}
