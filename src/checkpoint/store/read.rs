//! Reading one checkpoint file: what kind of thing it is, then its bytes.

use super::folder::{Folder, Trust};
use super::load::Durability;
use crate::checkpoint::Invalid;
use crate::checkpoint::format::{self, Decoded, HEADER_BYTES, Skimmed, TRAILER_BYTES};
use crate::checkpoint::id::Sequence;
use crate::checkpoint::manifest::Manifest;
use crate::storage::mutants::{Mutant, is_on};
use crate::storage::{File, Metadata, OpenMode, read_full};
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// Why a file could not be read.
#[derive(Debug)]
pub(super) enum Problem {
    /// It is no usable checkpoint, and never will be.
    Invalid(Invalid),
    /// It was removed meanwhile.
    Gone,
    /// The system failed; the file may be fine.
    Io(io::Error),
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        Problem::Invalid(invalid)
    }
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Problem::Gone,
            io::ErrorKind::InvalidInput => Problem::Invalid(Invalid::NotAFile),
            _ => Problem::Io(error),
        }
    }
}

/// A file is read in such portions, so that memory grows only with bytes that really come.
const PORTION_BYTES: u64 = 1 << 20;

/// Reads the two ends of a checkpoint.
pub(super) fn skim(folder: &Folder, sequence: Sequence) -> Result<Skimmed, Problem> {
    let (file, metadata) = open(folder, sequence)?;
    let mut first = [0; HEADER_BYTES];
    let mut last = [0; TRAILER_BYTES];
    let first_length = read_full(&*file, &mut first, 0)?;
    let end = metadata.length.saturating_sub(TRAILER_BYTES as u64);
    let last_length = read_full(&*file, &mut last, end)?;
    let skimmed = format::skim(&first[..first_length], &last[..last_length], metadata.length)?;
    check_name(sequence, skimmed.id.sequence)?;
    Ok(skimmed)
}

/// Reads a whole checkpoint and checks all of it but its parents.
pub(super) fn whole(
    folder: &Folder,
    sequence: Sequence,
    durability: Durability,
) -> Result<Decoded, Problem> {
    let (file, metadata) = open(folder, sequence)?;
    if durability == Durability::Synced {
        file.sync_all()?;
    }
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < metadata.length {
        let filled = bytes.len();
        let missing = (metadata.length - filled as u64).min(PORTION_BYTES);
        let portion = usize::try_from(missing).expect("a portion is small");
        bytes.resize(filled + portion, 0);
        let count = read_full(&*file, &mut bytes[filled..], filled as u64)?;
        bytes.truncate(filled + count);
        if count < portion {
            break;
        }
    }
    let decoded = format::decode(&bytes, &folder.limits)?;
    check_name(sequence, decoded.id.sequence)?;
    Ok(decoded)
}

/// Reads the manifest of a checkpoint, and nothing of its states.
pub(super) fn manifest(folder: &Folder, sequence: Sequence) -> Result<Manifest, Problem> {
    let (file, metadata) = open(folder, sequence)?;
    let read = |bytes: Range<u64>| -> Result<Vec<u8>, Problem> {
        let length = usize::try_from(bytes.end - bytes.start).unwrap_or(usize::MAX);
        let mut buffer = vec![0; length];
        let count = read_full(&*file, &mut buffer, bytes.start)?;
        buffer.truncate(count);
        Ok(buffer)
    };
    let (length, limits) = (metadata.length, &folder.limits);
    let first = read(0..length.min(HEADER_BYTES as u64))?;
    let last = read(length.saturating_sub(TRAILER_BYTES as u64)..length)?;
    let ends = format::Ends::read(&first, &last, length, limits)?;
    let table = read(ends.table()?)?;
    let place = ends.manifest(&table, limits)?;
    let manifest = place.decode(&read(place.bytes())?)?;
    Ok(manifest)
}

/// Whether a checkpoint's file holds just these bytes.
pub(super) fn holds(folder: &Folder, sequence: Sequence, expected: &[u8]) -> Result<bool, Problem> {
    let (file, metadata) = open(folder, sequence)?;
    if metadata.length != expected.len() as u64 {
        return Ok(false);
    }
    let portion_bytes = usize::try_from(PORTION_BYTES).expect("a portion is small");
    let mut portion = vec![0; portion_bytes.min(expected.len())];
    let mut offset = 0;
    for expected in expected.chunks(portion_bytes) {
        let count = read_full(&*file, &mut portion[..expected.len()], offset)?;
        if portion[..count] != *expected {
            return Ok(false);
        }
        offset += count as u64;
    }
    Ok(true)
}

pub(super) fn open(
    folder: &Folder,
    sequence: Sequence,
) -> Result<(Arc<dyn File>, Metadata), Problem> {
    let file = folder.storage.open(&folder.path(sequence), OpenMode::ReadOwn)?;
    let mut metadata = file.metadata()?;
    if is_on(Mutant::TrailingBytesAccepted) {
        let mut header = [0; HEADER_BYTES];
        read_full(&*file, &mut header, 0)?;
        metadata.length = format::stated_length(&header).unwrap_or(metadata.length);
    }
    if folder.trust == Trust::OwnOnly {
        check_access(&metadata)?;
    }
    format::check_length(metadata.length, &folder.limits)?;
    Ok((file, metadata))
}

pub(super) fn check_access(metadata: &Metadata) -> Result<(), Invalid> {
    if !metadata.is_ours {
        return Err(Invalid::NotOurs);
    }
    if metadata.mode & 0o022 != 0 {
        return Err(Invalid::Writable { mode: metadata.mode });
    }
    if metadata.links > 1 {
        return Err(Invalid::HardLinked { links: metadata.links });
    }
    Ok(())
}

fn check_name(name: Sequence, header: Sequence) -> Result<(), Invalid> {
    if name == header { Ok(()) } else { Err(Invalid::NameDiffers { header }) }
}
