//! Spills on the simulated disk: written, read, damaged.

use super::*;
use crate::checkpoint::Invalid;
use crate::checkpoint::id::RunId;
use crate::storage::simulated::SimulatedStorage;
use crate::storage::{OpenMode, Privacy, Storage};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const INSTANCE: RunId = RunId(*b"0123456789abcdef");
const NAME: SpillName = SpillName { number: 3, random: 0x77 };
const FOLDER: &str = "/job";

fn disk() -> Arc<SimulatedStorage> {
    let disk = SimulatedStorage::default();
    disk.create_directory(Path::new(FOLDER), Privacy::Private).expect("an empty disk");
    Arc::new(disk)
}

fn written(disk: &Arc<SimulatedStorage>, blocks: &[&[u8]]) -> (SpillEntry, PathBuf) {
    let mut writer = SpillWriter::create(disk.clone(), Path::new(FOLDER), NAME, INSTANCE)
        .expect("the disk has room");
    for block in blocks {
        writer.append(block).expect("the disk has room");
    }
    let (entry, path, _) = writer.finish().expect("the disk has room");
    (entry, path)
}

fn read(disk: &SimulatedStorage, entry: &SpillEntry) -> Result<Vec<Vec<u8>>, Invalid> {
    let path = Path::new(FOLDER).join(&entry.name);
    let file = disk.open(&path, OpenMode::ReadOwn).expect("the file is there");
    let reader = SpillReader::new(file, entry, NAME, &[INSTANCE]).expect("no fault")?;
    reader.check_all().expect("no fault")?;
    let (mut blocks, mut place) = (Vec::new(), 0);
    while let Some(block) = reader.block(place).expect("no fault")? {
        blocks.push(block.bytes);
        place = block.next;
    }
    Ok(blocks)
}

#[test]
fn blocks_come_back_compressed_or_not() {
    let disk = disk();
    let alike = vec![7; 100_000];
    let blocks: [&[u8]; 3] = [b"short", &alike, b"x"];
    let (entry, _) = written(&disk, &blocks);
    assert!(entry.length < 1000, "it was compressed: {}", entry.length);
    assert_eq!(read(&disk, &entry).expect("whole"), blocks);
    let (nothing, path) = (SpillEntry { digest: entry.digest ^ 1, ..entry.clone() }, entry.length);
    assert_eq!(read(&disk, &nothing), Err(Invalid::FileDigest), "{path}");
}

#[test]
fn every_flipped_bit_and_every_length_is_refused() {
    let disk = disk();
    let (entry, path) = written(&disk, &[b"some block", &[1; 300]]);
    let file = disk.open(&path, OpenMode::Modify).expect("the file is there");
    let length = usize::try_from(entry.length).expect("short");
    let mut bytes = vec![0; length];
    file.read_at(&mut bytes, 0).expect("no fault");
    for at in 0..length {
        for bit in 0..8 {
            let flipped = bytes[at] ^ (1 << bit);
            file.write_at(&[flipped], at as u64).expect("no fault");
            assert!(read(&disk, &entry).is_err(), "bit {bit} of byte {at}");
        }
        file.write_at(&bytes[at..=at], at as u64).expect("no fault");
    }
    assert!(read(&disk, &entry).is_ok());
    for length in 0..entry.length {
        file.set_length(length).expect("no fault");
        assert!(read(&disk, &entry).is_err(), "cut to {length}");
    }
}

#[test]
fn blocks_that_stand_side_by_side_are_read_at_once_and_each_is_checked() {
    let disk = disk();
    let blocks: [&[u8]; 4] = [b"short", &[7; 3000], b"x", &[1; 500]];
    let mut writer = SpillWriter::create(disk.clone(), Path::new(FOLDER), NAME, INSTANCE)
        .expect("the disk has room");
    let mut places = Vec::new();
    for (block, is_plain) in blocks.into_iter().zip([true, true, false, true]) {
        places.push(writer.place());
        let append = if is_plain { SpillWriter::append_plain } else { SpillWriter::append };
        append(&mut writer, block).expect("the disk has room");
    }
    places.push(writer.place());
    let (entry, path, _) = writer.finish().expect("the disk has room");
    assert!(entry.length > 3500, "plain blocks are not compressed: {}", entry.length);
    assert_eq!(read(&disk, &entry).expect("whole"), blocks);
    let file = disk.open(&path, OpenMode::Modify).expect("the file is there");
    let reader = SpillReader::new(file.clone(), &entry, NAME, &[INSTANCE]);
    let reader = reader.expect("no fault").expect("whole");
    let found = |first: usize, end: usize| {
        reader.blocks(places[first], places[end]).expect("no fault").map_err(|_| ())
    };
    for first in 0..blocks.len() {
        for end in first + 1..=blocks.len() {
            let expected: Vec<Vec<u8>> =
                blocks[first..end].iter().map(|one| one.to_vec()).collect();
            assert_eq!(found(first, end), Ok(expected));
        }
        assert!(found(first, first).is_err(), "no block at all");
        assert!(reader.blocks(places[first], places[first] + 5).expect("no fault").is_err());
    }
    for at in places[1]..places[2] {
        let mut byte = [0];
        file.read_at(&mut byte, at).expect("no fault");
        file.write_at(&[byte[0] ^ 4], at).expect("no fault");
        assert!(found(1, 2).is_err() && found(0, 4).is_err() && found(2, 4).is_ok(), "{at}");
        file.write_at(&byte, at).expect("no fault");
    }
}

#[test]
fn a_spill_that_is_not_finished_leaves_nothing_behind() {
    let disk = disk();
    let mut writer = SpillWriter::create(disk.clone(), Path::new(FOLDER), NAME, INSTANCE)
        .expect("the disk has room");
    writer.append(b"some block").expect("the disk has room");
    drop(writer);
    assert_eq!(disk.list(Path::new(FOLDER)).expect("the folder is there").len(), 0);
}

#[test]
fn a_spill_of_another_job_is_refused() {
    let disk = disk();
    let (entry, path) = written(&disk, &[b"some block"]);
    let file = disk.open(&path, OpenMode::ReadOwn).expect("the file is there");
    let reader = SpillReader::new(file, &entry, NAME, &[RunId::default()]).expect("no fault");
    assert!(matches!(reader, Err(Invalid::Malformed { .. })));
}
