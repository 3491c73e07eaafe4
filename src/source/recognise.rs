//! Which of the files that are there are inputs that were read before, whatever they are called now.
//!
//! A file under the name of a known input is that input if it holds, before the place that was come to, what was read
//! then. If it does not, and under another name the content is found, the input was rotated, and what stands at its old
//! name is new. If it is nowhere, the input was rewritten, which is told. A file under a new name is a known input that
//! was moved if it begins with all that was read of it; one that is still at its own name was not moved, so that a copy
//! is a new file.
//!
//! Invariant: an input is found at most once, and what is found depends on names and contents, and on inodes only where
//! contents say too little: of short files, and where several have the same.

use super::fingerprint::{Comparison, WINDOW_BYTES, compare};
use crate::error::{Error, Result};
use crate::record::Fingerprint;
use crate::storage::{File, Metadata, OpenMode, Storage, read_full};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Shorter inputs are too easily like another file: under another name they are only known by their inode.
pub const CONTENT_BYTES_MIN: u64 = 1 << 10;

/// An input that was read before.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Where it was.
    pub path: &'a Path,
    /// What its content was as far as it was read.
    pub fingerprint: &'a Fingerprint,
    /// The length of the file when it was opened last.
    pub length: u64,
}

/// A file that is there.
#[derive(Debug, Clone, Copy)]
pub struct Present {
    /// Which known input it is; `None` for a new one.
    pub known: Option<usize>,
    /// Whether nobody wrote to it since it was opened last.
    pub is_untouched: bool,
    /// What it is now.
    pub metadata: Metadata,
}

/// What was found.
#[derive(Debug)]
pub struct Recognition {
    /// Of each file, in their order.
    pub files: Vec<Present>,
    /// Known inputs that were rewritten, with the difference.
    pub rewritten: Vec<(usize, Comparison)>,
}

/// Looks at all files. A file that is no regular one is an error.
pub fn recognise(
    storage: &dyn Storage,
    known: &[Known<'_>],
    paths: &[PathBuf],
) -> Result<Recognition> {
    let by_path: HashMap<&Path, usize> =
        known.iter().enumerate().map(|(index, known)| (known.path, index)).collect();
    let mut is_found = vec![false; known.len()];
    let mut files = Vec::new();
    let mut others = Vec::new();
    for (place, path) in paths.iter().enumerate() {
        let file = open(storage, path)?;
        let metadata = file.metadata().map_err(|cause| Error::io("look at", path, cause))?;
        let mut present = Present { known: None, is_untouched: false, metadata };
        if let Some(index) = by_path.get(&**path) {
            match at_own_name(&*file, &metadata, &known[*index], path)? {
                None => present.is_untouched = true,
                Some(comparison) if !is_other(comparison) => {}
                Some(comparison) => {
                    others.push((place, Some((*index, comparison))));
                    files.push(present);
                    continue;
                }
            }
            present.known = Some(*index);
            is_found[*index] = true;
        } else {
            others.push((place, None));
        }
        files.push(present);
    }
    let mut replaced = Vec::new();
    for (place, former) in others {
        let path = &paths[place];
        let moved = moved_from(storage, known, &is_found, path, &files[place].metadata)?;
        match moved {
            Some(index) => {
                files[place].known = Some(index);
                is_found[index] = true;
            }
            None => replaced.extend(former),
        }
    }
    let rewritten = replaced.into_iter().filter(|(index, _)| !is_found[*index]).collect();
    Ok(Recognition { files, rewritten })
}

fn open(storage: &dyn Storage, path: &Path) -> Result<Arc<dyn File>> {
    Ok(super::Input::open(storage, path)?.file)
}

/// How the file at the name of a known input compares with it; `None` where nobody touched it.
fn at_own_name(
    file: &dyn File,
    metadata: &Metadata,
    known: &Known<'_>,
    path: &Path,
) -> Result<Option<Comparison>> {
    let Fingerprint { modified_ns, inode, .. } = *known.fingerprint;
    let is_untouched = (metadata.length, metadata.modified_ns, metadata.inode)
        == (known.length, modified_ns, inode);
    if is_untouched {
        return Ok(None);
    }
    let compared = compare(file, known.fingerprint);
    compared.map(Some).map_err(|cause| Error::io("read", path, cause))
}

/// Whether a file does not begin with what was read.
pub fn is_other(comparison: Comparison) -> bool {
    !matches!(comparison, Comparison::Same | Comparison::SameButTouched | Comparison::Grown { .. })
}

/// The known input whose content a file begins with; of several the same inode, then the longest.
fn moved_from(
    storage: &dyn Storage,
    known: &[Known<'_>],
    is_found: &[bool],
    path: &Path,
    metadata: &Metadata,
) -> Result<Option<usize>> {
    let can_be = |index: &usize| {
        let Fingerprint { consumed, size, inode, .. } = *known[*index].fingerprint;
        let compared = size.min(WINDOW_BYTES).max(consumed);
        let is_likely = inode == metadata.inode || compared >= CONTENT_BYTES_MIN;
        !is_found[*index] && compared > 0 && size <= metadata.length && is_likely
    };
    let mut candidates: Vec<usize> = (0..known.len()).filter(can_be).collect();
    if candidates.is_empty() {
        return Ok(None);
    }
    let reading = |cause| Error::io("read", path, cause);
    let file = storage.open(path, OpenMode::ReadInput).map_err(reading)?;
    let head_bytes = usize::try_from(WINDOW_BYTES).expect("a window is small");
    let mut head = vec![0; head_bytes];
    let count = read_full(&*file, &mut head, 0).map_err(reading)?;
    head.truncate(count);
    let mut checksums: HashMap<usize, u32> = HashMap::new();
    candidates.retain(|index| {
        let known = known[*index].fingerprint;
        let length = usize::try_from(known.size).unwrap_or(usize::MAX).min(head.len());
        let checksum = checksums.entry(length).or_insert_with(|| crc32fast::hash(&head[..length]));
        *checksum == known.head_crc
    });
    candidates.sort_by_key(|index| {
        let Fingerprint { size, inode, .. } = *known[*index].fingerprint;
        (inode != metadata.inode, Reverse(size), *index)
    });
    for index in candidates {
        let comparison = compare(&*file, known[index].fingerprint).map_err(reading)?;
        if !is_other(comparison) {
            return Ok(Some(index));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
