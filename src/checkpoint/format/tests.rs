//! Round trips, and every kind of damage with its reason. Forgeries are in `forgery_tests`.

use super::fields::masked_crc;
use super::*;
use crate::checkpoint::samples;
use std::collections::BTreeSet;

pub(super) const NUMBER: Sequence = Sequence(7);

pub(super) const PARENT: CheckpointId = CheckpointId { sequence: Sequence(6), digest: Digest(42) };

pub(super) fn limits() -> Limits {
    Limits { file_bytes_max: 1 << 20, raw_bytes_max: 1 << 20 }
}

pub(super) fn encoded(checkpoint: &Checkpoint) -> Vec<u8> {
    encode(checkpoint, NUMBER).expect("encoded").0
}

pub(super) fn reason(bytes: &[u8]) -> Invalid {
    decode(bytes, &limits()).expect_err("it must be refused")
}

/// A file of about 4 KiB.
pub(super) fn file() -> Vec<u8> {
    let mut checkpoint = samples::base(7);
    for name in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        checkpoint.sections.push(samples::section(name, Form::Base, 99));
    }
    encoded(&checkpoint)
}

/// What a writer who knows the format would make of changed bytes: all digests outside of sections
/// are right.
pub(super) fn resealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let put = |bytes: &mut Vec<u8>, at: usize, digest: u32| {
        bytes[at..at + 4].copy_from_slice(&digest.to_le_bytes());
    };
    let length = bytes.len();
    let header = masked_crc(&[&bytes[..60]]);
    put(&mut bytes, 60, header);
    let trailer = length - TRAILER_BYTES;
    let mut table_length = [0; 8];
    table_length.copy_from_slice(&bytes[trailer..trailer + 8]);
    let table_length = usize::try_from(u64::from_le_bytes(table_length)).unwrap_or(usize::MAX);
    if let Some(start) = trailer.checked_sub(table_length) {
        let table = masked_crc(&[&bytes[..64], &bytes[start..trailer]]);
        put(&mut bytes, length - 16, table);
    }
    let whole = masked_crc(&[&bytes[..length - 12]]);
    put(&mut bytes, length - 12, whole);
    bytes
}

/// Where the table of the valid file starts.
pub(super) fn table_start(bytes: &[u8]) -> usize {
    let trailer = bytes.len() - TRAILER_BYTES;
    let length: [u8; 8] = bytes[trailer..trailer + 8].try_into().expect("eight bytes");
    trailer - usize::try_from(u64::from_le_bytes(length)).expect("a small table")
}

#[test]
fn what_was_encoded_is_decoded() {
    let empty = Checkpoint { sections: Vec::new(), ..samples::base(1) };
    let mut bare = samples::base(2);
    bare.sections[0].bytes.clear();
    bare.manifest.header = None;
    let mut large = samples::base(3);
    large.sections[0].bytes = (0..700_000_u32).map(|i| i.to_le_bytes()[1]).collect();
    for checkpoint in [samples::base(7), samples::delta(7, PARENT), empty, bare, large] {
        let (bytes, digest) = encode(&checkpoint, NUMBER).expect("encoded");
        let decoded = decode(&bytes, &limits()).expect("valid");
        assert_eq!(decoded.id, CheckpointId { sequence: NUMBER, digest });
        assert_eq!(decoded.checkpoint, checkpoint);
        let ends = bytes.split_at(bytes.len() - TRAILER_BYTES);
        let skimmed = skim(ends.0, ends.1, bytes.len() as u64).expect("skimmed");
        assert_eq!((skimmed.id, skimmed.parent), (decoded.id, checkpoint.parent));
        assert_eq!(skimmed.instance, samples::INSTANCE);
    }
}

#[test]
fn a_file_cut_at_any_length_is_refused() {
    let bytes = file();
    let (found, stated) = (|length: usize| length as u64, bytes.len() as u64);
    for length in 0..bytes.len() {
        let expected = if length < HEADER_BYTES + TRAILER_BYTES {
            Invalid::TooShort { length: found(length) }
        } else {
            Invalid::LengthDiffers { stated, found: found(length) }
        };
        assert_eq!(reason(&bytes[..length]), expected);
    }
    let longer = [&bytes[..], &[0]].concat();
    assert_eq!(reason(&longer), Invalid::LengthDiffers { stated, found: stated + 1 });
}

#[test]
fn a_file_with_any_bit_flipped_is_refused() {
    let mut bytes = file();
    assert!((3800..4800).contains(&bytes.len()), "{} bytes", bytes.len());
    let mut reasons = BTreeSet::new();
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        let invalid = reason(&bytes);
        let name: String =
            format!("{invalid:?}").chars().take_while(|c| c.is_alphanumeric()).collect();
        reasons.insert(name);
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
    let expected = [
        "BadEnd",
        "BadMagic",
        "FileDigest",
        "HeaderDigest",
        "Malformed",
        "StoredDigest",
        "TableDigest",
        "TrailerDiffers",
    ];
    assert_eq!(reasons, expected.map(String::from).into());
}

#[test]
fn sectors_that_are_lost_swapped_or_from_another_checkpoint_are_noticed() {
    let bytes = file();
    let mut other = samples::base(6);
    for name in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        other.sections.push(samples::section(name, Form::Base, 98));
    }
    let previous = encode(&other, Sequence(6)).expect("encoded").0;
    // The last one is not full.
    assert!(!bytes.len().is_multiple_of(512));
    let sectors = bytes.len().div_ceil(512);
    for sector in 0..sectors {
        let range = sector * 512..bytes.len().min((sector + 1) * 512);
        let mut damaged = bytes.clone();
        damaged[range.clone()].fill(0);
        assert!(decode(&damaged, &limits()).is_err(), "sector {sector} zeroed");
        let end = range.end.min(previous.len());
        damaged = bytes.clone();
        damaged[range.start..end].copy_from_slice(&previous[range.start..end]);
        assert!(decode(&damaged, &limits()).is_err(), "sector {sector} of the previous one");
        for partner in sector + 1..bytes.len() / 512 {
            damaged = bytes.clone();
            damaged[range.clone()].copy_from_slice(&bytes[partner * 512..(partner + 1) * 512]);
            damaged[partner * 512..(partner + 1) * 512].copy_from_slice(&bytes[range.clone()]);
            assert!(decode(&damaged, &limits()).is_err(), "sectors {sector} and {partner}");
        }
    }
}

#[test]
fn equal_sections_of_two_valid_files_cannot_be_exchanged() {
    let (first, second) = (encoded(&samples::base(7)), encoded(&samples::base(8)));
    let ends = [table_start(&first), table_start(&second)];
    let mut stored = Vec::new();
    frame::append(&mut stored, |take| take(&samples::base(7).sections[1].bytes));
    let state = |end: usize| end - stored.len()..end;
    let mut mixed = first.clone();
    mixed[state(ends[0])].copy_from_slice(&second[state(ends[1])]);
    assert_eq!(reason(&mixed), Invalid::StoredDigest { section: "sums".into() });
    // With its table entry the section is fine for itself; only the digests above it tell.
    let entry = |file: &[u8]| file.len() - TRAILER_BYTES - 44..file.len() - TRAILER_BYTES;
    mixed[entry(&first)].copy_from_slice(&second[entry(&second)]);
    assert_eq!(reason(&mixed), Invalid::TableDigest);
    let sealed_table = resealed(mixed.clone());
    let digest = first.len() - 16..first.len() - 12;
    mixed[digest.clone()].copy_from_slice(&sealed_table[digest]);
    assert_eq!(reason(&mixed), Invalid::FileDigest);
}

#[test]
fn what_is_never_read_is_never_written() {
    let mut unnamed = samples::base(7);
    unnamed.sections[0].name.clear();
    assert!(encode(&unnamed, NUMBER).is_err());
    let mut long = samples::base(7);
    long.sections[0].name = "x".repeat(SECTION_NAME_BYTES_MAX + 1);
    assert!(matches!(encode(&long, NUMBER), Err(Invalid::OverLimit { .. })));
    let mut orphan = samples::base(7);
    orphan.sections[0].form = Form::Delta;
    assert!(encode(&orphan, NUMBER).is_err());
}
