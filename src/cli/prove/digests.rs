//! What the outputs of a run are, told by their digests.

use crate::error::{Error, Result};
use crate::storage::{OpenMode, Storage, files_below, read_full};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Bytes read at a time.
const PORTION_BYTES: usize = 1 << 20;

/// The outputs of a run by their paths within its folder of outputs.
pub type Digests = BTreeMap<PathBuf, Digest>;

/// A file's length and SHA-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// Bytes.
    pub bytes: u64,
    /// SHA-256 in hexadecimal digits.
    pub sha256: String,
}

/// The digests of all files of a folder and those below it.
///
/// `None` where `is_stopped` said so before all was read.
pub fn digests(
    storage: &dyn Storage,
    outputs: &Path,
    is_stopped: &dyn Fn() -> bool,
) -> Result<Option<Digests>> {
    let files = files_below(outputs).map_err(|cause| Error::io("list", outputs, cause))?;
    let mut digests = Digests::new();
    for file in files {
        match digest(storage, &outputs.join(&file), is_stopped)? {
            Some(digest) => digests.insert(file, digest),
            None => return Ok(None),
        };
    }
    Ok(Some(digests))
}

fn digest(
    storage: &dyn Storage,
    path: &Path,
    is_stopped: &dyn Fn() -> bool,
) -> Result<Option<Digest>> {
    let failed = |cause| Error::io("read", path, cause);
    let file = storage.open(path, OpenMode::ReadOwn).map_err(failed)?;
    let (mut portion, mut bytes, mut hash) = (vec![0; PORTION_BYTES], 0, Sha256::new());
    loop {
        if is_stopped() {
            return Ok(None);
        }
        let count = read_full(&*file, &mut portion, bytes).map_err(failed)?;
        if count == 0 {
            break;
        }
        hash.update(&portion[..count]);
        bytes += count as u64;
    }
    let mut sha256 = String::new();
    for byte in hash.finalize() {
        write!(sha256, "{byte:02x}").expect("a string takes everything");
    }
    Ok(Some(Digest { bytes, sha256 }))
}

/// The first difference, in words; `None` where there is none.
pub fn difference(expected: &Digests, found: &Digests) -> Option<String> {
    for (path, digest) in expected {
        let name = path.display();
        match found.get(path) {
            None => return Some(format!("`{name}` is missing")),
            Some(other) if other.bytes != digest.bytes => {
                let (bytes, other) = (digest.bytes, other.bytes);
                return Some(format!("`{name}` has {other} bytes and not {bytes}"));
            }
            Some(other) if other != digest => {
                return Some(format!("`{name}` has other bytes"));
            }
            Some(_) => {}
        }
    }
    let surplus = found.keys().find(|path| !expected.contains_key(*path))?;
    Some(format!("`{}` should not be there", surplus.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{LocalStorage, ScratchFolder};

    #[test]
    fn folders_differ_by_names_lengths_and_bytes() {
        let around = tempfile::tempdir().expect("a folder");
        let folder = |name: &str, files: &[(&str, &str)]| {
            let folder = ScratchFolder::make(&around.path().join(name)).expect("made");
            for (file, text) in files {
                let path = folder.path().join(file);
                let file = LocalStorage.open(&path, OpenMode::CreatePrivate).expect("made");
                file.write_at(text.as_bytes(), 0).expect("written");
            }
            assert_eq!(digests(&LocalStorage, folder.path(), &|| true).expect("read"), None);
            digests(&LocalStorage, folder.path(), &|| false).expect("read").expect("not stopped")
        };
        let expected = folder("e", &[("a", "abc"), ("b", "")]);
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let known = Digest { bytes: 3, sha256: sha256.to_owned() };
        assert_eq!(expected[Path::new("a")], known);
        let check = |name, files: &[(&str, &str)], said: Option<&str>| {
            let found = difference(&expected, &folder(name, files));
            assert_eq!(found.as_deref(), said);
        };
        check("1", &[("a", "abc"), ("b", "")], None);
        check("2", &[("a", "abc")], Some("`b` is missing"));
        check("3", &[("a", "abd"), ("b", "")], Some("`a` has other bytes"));
        check("4", &[("a", "ab"), ("b", "")], Some("`a` has 2 bytes and not 3"));
        check("5", &[("a", "abc"), ("b", ""), ("c", "")], Some("`c` should not be there"));
    }
}
