//! Folders of tests: what is in them, and how two of them differ.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Files by their path within a folder.
pub type Files = BTreeMap<String, Vec<u8>>;

/// How much of a file a difference shows.
const SHOWN_BYTES: usize = 400;

/// The fixtures, for the tests and for what is built in a folder of the project.
pub fn fixtures() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = own.ancestors().map(|folder| folder.join("fixtures")).find(|path| path.is_dir());
    found.expect("the project has fixtures")
}

/// A new folder that goes away with the test.
pub fn scratch() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("onward-test-").tempdir().expect("a folder for the test")
}

/// A new folder in memory, where there is such a thing: syncing costs nothing there.
pub fn scratch_in_memory() -> tempfile::TempDir {
    let made = tempfile::Builder::new().prefix("onward-test-").tempdir_in("/dev/shm");
    made.unwrap_or_else(|_| scratch())
}

/// The names in a folder, sorted.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a readable folder");
    let name = |entry: std::io::Result<fs::DirEntry>| {
        entry.expect("an entry").file_name().into_string().expect("a name in UTF-8")
    };
    let mut names: Vec<String> = entries.map(name).collect();
    names.sort();
    names
}

/// The paths of all files of a folder and those below, relative to it.
pub fn paths(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for name in names(folder) {
        let path = folder.join(&name);
        if path.is_dir() {
            found.extend(paths(&path).iter().map(|below| format!("{name}/{below}")));
        } else {
            found.push(name);
        }
    }
    found
}

/// All files of a folder but those below `.onward`.
pub fn files(folder: &Path) -> Files {
    let outside = |path: &String| !path.starts_with(".onward/");
    let read = |path: String| {
        let bytes = fs::read(folder.join(&path)).expect("a readable file");
        (path, bytes)
    };
    paths(folder).into_iter().filter(outside).map(read).collect()
}

/// Makes a file and the folders above it.
pub fn write(path: &Path, bytes: &[u8]) {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).expect("a new folder");
    }
    fs::write(path, bytes).expect("a writable file");
}

/// Copies a folder's files into another; the folders below it get the same modes.
pub fn copy(from: &Path, to: &Path) {
    let mut folders = BTreeSet::new();
    for path in paths(from) {
        let target = to.join(&path);
        fs::create_dir_all(target.parent().expect("a folder")).expect("a new folder");
        fs::copy(from.join(&path), target).expect("a copied file");
        folders.extend(Path::new(&path).ancestors().skip(1).map(Path::to_path_buf));
    }
    // Who may write in a folder counts, whatever the tests were started with.
    for path in folders.iter().filter(|path| !path.as_os_str().is_empty()) {
        let mode = fs::metadata(from.join(path)).expect("there").permissions();
        fs::set_permissions(to.join(path), mode).expect("ours");
    }
}

/// The only file of a folder whose name fits.
pub fn only(folder: &Path, fits: impl Fn(&str) -> bool) -> PathBuf {
    let found: Vec<String> = names(folder).into_iter().filter(|name| fits(name)).collect();
    match found.as_slice() {
        [name] => folder.join(name),
        _ => panic!("one file was expected in {}, not {found:?}", folder.display()),
    }
}

/// What is different, in words; empty where nothing is.
pub fn difference(expected: &Files, found: &Files) -> String {
    let mut text = String::new();
    let mut say = |line: String| writeln!(text, "{line}").expect("a string takes everything");
    for (path, bytes) in expected {
        match found.get(path) {
            None => say(format!("`{path}` is missing")),
            Some(other) if other != bytes => {
                say(format!("`{path}`: {}", bytes_differ(bytes, other)));
            }
            Some(_) => {}
        }
    }
    for path in found.keys().filter(|path| !expected.contains_key(*path)) {
        say(format!("`{path}` was not expected"));
    }
    text
}

/// Where two byte strings part, with what is there.
pub fn bytes_differ(expected: &[u8], found: &[u8]) -> String {
    let same = expected.iter().zip(found).take_while(|(left, right)| left == right).count();
    let excerpt = |bytes: &[u8]| {
        let start = bytes[..same].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let end = bytes.len().min(start + SHOWN_BYTES);
        bytes[start..end].escape_ascii().to_string()
    };
    format!(
        "differs at byte {same} ({} bytes expected, {} found)\n  expected: {}\n  found:    {}",
        expected.len(),
        found.len(),
        excerpt(expected),
        excerpt(found)
    )
}
