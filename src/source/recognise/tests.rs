//! Inputs that were moved, copied, cut and rewritten.

use super::*;
use crate::source::fingerprint::Tracker;
use crate::source::settings::Verify;
use crate::storage::Existing;
use crate::storage::simulated::SimulatedStorage;

/// Lines of a log, long enough to be known by their content.
fn log(name: &str, lines: usize) -> Vec<u8> {
    (0..lines).flat_map(|line| format!("{name}, line number {line}\n").into_bytes()).collect()
}

fn path(name: &str) -> PathBuf {
    Path::new("/logs").join(name)
}

fn disk(files: &[(&str, Vec<u8>)]) -> SimulatedStorage {
    let disk = SimulatedStorage::new();
    disk.put_directory("/logs", 0o755);
    files.iter().for_each(|(name, bytes)| disk.put_file(path(name), bytes));
    disk
}

/// What was read of some files, all of each.
fn read(disk: &SimulatedStorage, names: &[&str]) -> Vec<(PathBuf, Fingerprint)> {
    let fingerprint = |name: &&str| {
        let file = disk.open(&path(name), OpenMode::ReadInput).expect("a file");
        let metadata = file.metadata().expect("a file");
        let mut tracker = Tracker::new(file, &metadata, Verify::Sampled).expect("readable");
        (path(name), tracker.fingerprint(metadata.length).expect("readable"))
    };
    names.iter().map(fingerprint).collect()
}

/// Of each file the known one that it is, or `-`; then the rewritten ones.
fn found(disk: &SimulatedStorage, known: &[(PathBuf, Fingerprint)], names: &[&str]) -> String {
    let known: Vec<Known<'_>> = known
        .iter()
        .map(|(path, fingerprint)| Known { path, fingerprint, length: fingerprint.size })
        .collect();
    let paths: Vec<PathBuf> = names.iter().map(|name| path(name)).collect();
    let recognition = recognise(disk, &known, &paths).expect("readable");
    let file = |file: &Present| file.known.map_or("-".to_owned(), |index| index.to_string());
    let files: Vec<String> = recognition.files.iter().map(file).collect();
    let rewritten: Vec<usize> = recognition.rewritten.iter().map(|(index, _)| *index).collect();
    match rewritten.as_slice() {
        [] => files.join(" "),
        rewritten => format!("{}; rewritten {rewritten:?}", files.join(" ")),
    }
}

fn rename(disk: &SimulatedStorage, from: &str, to: &str) {
    disk.rename(&path(from), &path(to), Existing::Replace).expect("renamed");
}

#[test]
fn a_file_that_stayed_or_grew_is_known_by_its_name() {
    let disk = disk(&[("a", log("a", 100)), ("b", log("b", 100))]);
    let known = read(&disk, &["a", "b"]);
    assert_eq!(found(&disk, &known, &["a", "b"]), "0 1");
    disk.put_file(path("b"), &log("b", 150));
    disk.put_file(path("c"), &log("c", 1));
    assert_eq!(found(&disk, &known, &["a", "b", "c"]), "0 1 -");
    assert_eq!(found(&disk, &known, &["b"]), "1", "what is gone is not missed");
}

#[test]
fn rotated_files_are_known_by_their_content() {
    let disk = disk(&[("log", log("today", 100)), ("log.1", log("yesterday", 100))]);
    let known = read(&disk, &["log", "log.1"]);
    rename(&disk, "log.1", "log.2");
    rename(&disk, "log", "log.1");
    assert_eq!(found(&disk, &known, &["log.1", "log.2"]), "0 1");
    disk.put_file(path("log"), b"new\n");
    assert_eq!(found(&disk, &known, &["log", "log.1", "log.2"]), "- 0 1");
    // The oldest is not kept.
    rename(&disk, "log.1", "log.2");
    assert_eq!(found(&disk, &known, &["log", "log.2"]), "- 0");
}

#[test]
fn a_file_that_was_copied_and_emptied_is_known_in_its_copy() {
    let disk = disk(&[("log", log("today", 100))]);
    let known = read(&disk, &["log"]);
    disk.put_file(path("log.1"), &log("today", 120));
    assert_eq!(found(&disk, &known, &["log", "log.1"]), "0 -", "a copy beside it is new");
    disk.put_file(path("log"), b"");
    assert_eq!(found(&disk, &known, &["log", "log.1"]), "- 0");
}

#[test]
fn a_file_that_was_rewritten_is_told() {
    let disk = disk(&[("a", log("a", 100)), ("b", log("b", 100))]);
    let known = read(&disk, &["a", "b"]);
    disk.put_file(path("a"), &log("A", 100));
    assert_eq!(found(&disk, &known, &["a", "b"]), "- 1; rewritten [0]");
    disk.put_file(path("a"), &log("a", 50));
    assert_eq!(found(&disk, &known, &["a", "b"]), "- 1; rewritten [0]");
}

#[test]
fn short_files_are_not_taken_for_others_because_they_begin_alike() {
    let header = b"id,amount\n".to_vec();
    let disk = disk(&[("monday", header.clone())]);
    let known = read(&disk, &["monday"]);
    disk.remove(&path("monday")).expect("removed");
    disk.put_file(path("tuesday"), &[header, b"1,2\n".to_vec()].concat());
    assert_eq!(found(&disk, &known, &["tuesday"]), "-");
    rename(&disk, "tuesday", "wednesday");
    let known = read(&disk, &["wednesday"]);
    rename(&disk, "wednesday", "tuesday");
    assert_eq!(found(&disk, &known, &["tuesday"]), "0", "the same inode");
}
