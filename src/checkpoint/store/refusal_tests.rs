//! What is not taken for a checkpoint or a folder, and the reason that is given.

use super::tests::{DIRECTORY, disk_with, number, open, path, ready};
use super::*;
use crate::checkpoint::{Checkpoint, format, samples};
use crate::error::Kind;
use crate::storage::Storage;
use crate::storage::clock::SimulatedClock;
use crate::storage::simulated::SimulatedStorage;
use std::sync::Arc;

/// Loads; the newest usable checkpoint must be `expected`, and the first refusal for this reason.
fn check(disk: &SimulatedStorage, expected: Option<u64>, reason: &Invalid) {
    let (_, loaded) = ready(disk);
    assert_eq!(number(&loaded), expected);
    assert_eq!(&loaded.refused[0].reason, reason);
    let usable = if expected.is_some() { Usable::Older } else { Usable::Nothing };
    assert_eq!(loaded.usable(), usable);
}

#[test]
fn no_files_and_no_usable_files_are_two_things() {
    let disk = SimulatedStorage::new();
    assert_eq!(ready(&disk).1.usable(), Usable::Empty);
    disk.put_file(path(1), b"");
    check(&disk, None, &Invalid::TooShort { length: 0 });
}

#[test]
fn damaged_files_are_passed_over_with_their_reason_and_stay() {
    let cut_off = |bytes: &[u8]| bytes[..bytes.len() - 1].to_vec();
    let good = disk_with(3).file(path(3)).expect("there");
    let length = good.len() as u64;
    let cases: [(Vec<u8>, Invalid); 4] = [
        (Vec::new(), Invalid::TooShort { length: 0 }),
        (vec![b'x'], Invalid::TooShort { length: 1 }),
        (vec![0; 4096], Invalid::BadMagic),
        (cut_off(&good), Invalid::LengthDiffers { stated: length, found: length - 1 }),
    ];
    for (bytes, reason) in cases {
        let disk = disk_with(2);
        disk.put_file(path(3), &bytes);
        check(&disk, Some(2), &reason);
        assert_eq!(disk.file(path(3)), Some(bytes));
    }
    let disk = disk_with(3);
    let renamed = disk.file(path(2)).expect("there");
    disk.put_file(path(3), &renamed);
    check(&disk, Some(2), &Invalid::NameDiffers { header: Sequence(2) });
}

#[test]
fn other_things_in_the_place_of_a_checkpoint_are_passed_over() {
    let disk = disk_with(2);
    disk.put_link(path(3), path(2));
    check(&disk, Some(2), &Invalid::NotAFile);
    disk.put_pipe(path(3));
    check(&disk, Some(2), &Invalid::NotAFile);
    disk.put_directory(path(3), 0o700);
    check(&disk, Some(2), &Invalid::NotAFile);
    let disk = disk_with(2);
    disk.put_hard_link("/elsewhere", path(2));
    check(&disk, Some(1), &Invalid::HardLinked { links: 2 });
    let disk = disk_with(2);
    disk.set_access(path(2), 0o666, true);
    check(&disk, Some(1), &Invalid::Writable { mode: 0o666 });
    disk.set_access(path(2), 0o600, false);
    check(&disk, Some(1), &Invalid::NotOurs);
    disk.set_access(path(2), 0o644, true);
    assert_eq!(number(&ready(&disk).1), Some(2));
}

/// Encodes and puts a checkpoint under a number; returns its id.
fn put(disk: &SimulatedStorage, sequence: u64, checkpoint: &Checkpoint) -> CheckpointId {
    let (bytes, digest) = format::encode(checkpoint, Sequence(sequence)).expect("encoded");
    disk.put_file(path(sequence), &bytes);
    CheckpointId { sequence: Sequence(sequence), digest }
}

#[test]
fn a_delta_without_its_very_parent_is_refused() {
    let parent = Sequence(2);
    let prepared = || {
        let disk = disk_with(1);
        let base = put(&disk, 2, &samples::base(2));
        put(&disk, 3, &samples::delta(3, base));
        (disk, base)
    };
    let (disk, _) = prepared();
    assert_eq!(number(&ready(&disk).1), Some(3));
    disk.remove(&path(2)).expect("removed");
    check(&disk, Some(1), &Invalid::ParentMissing { parent });

    let (disk, _) = prepared();
    put(&disk, 2, &samples::base(22));
    check(&disk, Some(22), &Invalid::ParentDiffers { parent });

    let (disk, _) = prepared();
    let mut foreign = samples::base(2);
    foreign.manifest.instance = crate::checkpoint::RunId([9; 16]);
    let id = put(&disk, 2, &foreign);
    put(&disk, 3, &samples::delta(3, id));
    check(&disk, Some(2), &Invalid::ParentOfOtherInstance { parent });

    let (disk, _) = prepared();
    let mut bytes = disk.file(path(2)).expect("there");
    bytes[100] ^= 1;
    disk.put_file(path(2), &bytes);
    let reason = Box::new(Invalid::StoredDigest { section: "manifest".into() });
    check(&disk, Some(1), &Invalid::ParentInvalid { parent, reason });

    let (disk, _) = prepared();
    let poor = Checkpoint { sections: Vec::new(), ..samples::base(2) };
    let id = put(&disk, 2, &poor);
    put(&disk, 3, &samples::delta(3, id));
    let section = "unique".into();
    check(&disk, Some(2), &Invalid::ParentLacksSection { parent, section });
}

#[test]
fn endless_chains_are_refused_before_they_are_read() {
    let disk = disk_with(0);
    let mut parent = put(&disk, 1, &samples::base(1));
    for sequence in 2..=10_000 {
        parent = put(&disk, sequence, &samples::delta(sequence, parent));
    }
    check(&disk, Some(CHAIN_MAX as u64 + 1), &Invalid::ChainTooLong { max: CHAIN_MAX });
}

#[test]
fn folders_that_others_could_change_are_refused() {
    let refused = |disk: &SimulatedStorage| open(disk, 1).expect_err("refused").kind;
    let disk = disk_with(1);
    assert!(open(&disk, 1).is_ok());
    disk.set_access(DIRECTORY, 0o770, true);
    assert_eq!(refused(&disk), Kind::Usage);
    disk.set_access(DIRECTORY, 0o700, false);
    assert_eq!(refused(&disk), Kind::Usage);
    let clock = Arc::new(SimulatedClock::new(1));
    let directory = Path::new(DIRECTORY);
    let trusting = Folder::open_existing(Arc::new(disk.clone()), clock, directory, Trust::Anyones);
    assert!(trusting.expect("looked at").is_some());
    disk.put_directory("/other", 0o700);
    disk.put_link(DIRECTORY, "/other");
    assert_eq!(refused(&disk), Kind::Usage);
    disk.put_file(DIRECTORY, b"");
    assert_eq!(refused(&disk), Kind::Usage);
}
