//! Exports on the simulated disk: written, read, damaged.

use super::*;
use crate::storage::Storage;
use crate::storage::simulated::SimulatedStorage;
use std::path::Path;
use std::sync::Arc;

const PATH: &str = "/a/b.export";

fn written() -> Vec<u8> {
    let disk = Arc::new(SimulatedStorage::new());
    disk.create_directory(Path::new("/a"), crate::storage::Privacy::Private).expect("made");
    let mut writer = ParcelWriter::create(disk.clone(), Path::new(PATH)).expect("a new file");
    writer.begin(Kind::Checkpoint, "ckpt-1", 5).expect("written");
    writer.append(b"one").expect("written");
    writer.append(b"!!").expect("written");
    writer.begin(Kind::Output, "sink/a", 0).expect("written");
    let length = writer.finish().expect("durable");
    let bytes = disk.file(Path::new(PATH)).expect("a file");
    assert_eq!(bytes.len() as u64, length);
    bytes
}

fn open(bytes: &[u8]) -> crate::error::Result<Parcel> {
    let disk = SimulatedStorage::new();
    disk.create_directory(Path::new("/a"), crate::storage::Privacy::Private).expect("made");
    disk.put_file(Path::new(PATH), bytes);
    Parcel::open(&disk, Path::new(PATH))
}

#[test]
fn what_was_wrapped_is_found() {
    let parcel = open(&written()).expect("a usable export");
    let parts: Vec<(Kind, &str, Vec<u8>)> = parcel
        .parts
        .iter()
        .map(|part| (part.kind, part.name.as_str(), parcel.content(part).expect("readable")))
        .collect();
    let expected =
        [(Kind::Checkpoint, "ckpt-1", b"one!!".to_vec()), (Kind::Output, "sink/a", Vec::new())];
    assert_eq!(parts, expected);
}

#[test]
fn every_damage_is_noticed() {
    let whole = written();
    for length in 0..whole.len() {
        open(&whole[..length]).expect_err("cut off");
    }
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        open(&bytes).expect_err("a bit flipped");
    }
    open(&[&whole[..], b"x"].concat()).expect_err("something behind it");
}

#[test]
fn a_newer_version_is_named() {
    let mut bytes = written();
    bytes[8] = 9;
    let error = open(&bytes).expect_err("newer");
    assert!(error.message.contains("a newer version of onward wrote it (version 9)"), "{error}");
}

#[test]
fn one_that_is_not_finished_leaves_no_file_and_a_taken_name_is_kept() {
    let disk = Arc::new(SimulatedStorage::new());
    disk.create_directory(Path::new("/a"), crate::storage::Privacy::Private).expect("made");
    let mut writer = ParcelWriter::create(disk.clone(), Path::new(PATH)).expect("a new file");
    writer.begin(Kind::Spill, "s", 3).expect("written");
    ParcelWriter::create(disk.clone(), Path::new(PATH)).expect_err("the name is taken");
    drop(writer);
    assert_eq!(disk.file(Path::new(PATH)), None);
}
