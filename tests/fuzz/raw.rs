//! Files of checkpoints with bytes replaced, some of them with all digests made right again, and what reading them takes
//! in memory.

use super::forged;
use crate::support::choices::Choices;
use crate::support::memory;
use onward::checkpoint::format::{self, HEADER_BYTES, Limits, TRAILER_BYTES};

/// Memory that reading may take besides what a file decompresses to.
const MEMORY_FREE: u64 = 16 << 20;

/// Bytes in front of the name in an entry of the table.
const ENTRY_BYTES: usize = 40;

/// Reads one of some files, with bytes of it replaced. Whether it is a checkpoint still.
pub fn target(files: &[Vec<u8>], bytes: &[u8]) -> bool {
    let mut choices = Choices::new(bytes);
    let mut file = choices.pick(files).clone();
    let is_sealed = !choices.byte().is_multiple_of(4);
    let megabytes = choices.pick(&[1, 64]);
    while !choices.is_empty() {
        let kind = choices.byte();
        match choices.byte() % 2 {
            0 => forged::forge_bytes(&mut file, kind % 11, &mut choices),
            _ => forge_end(&mut file, kind, &mut choices),
        }
    }
    if is_sealed {
        seal(&mut file);
    }
    let limits = Limits { file_bytes_max: 1 << 20, raw_bytes_max: megabytes << 20 };
    let (decoded, peak) = memory::peak_of(|| format::decode(&file, &limits));
    let raw = raw_lengths(&file).min(limits.raw_bytes_max).max(file.len() as u64);
    assert!(peak as u64 <= MEMORY_FREE + 4 * raw, "{peak} bytes for {raw}: {decoded:?}");
    decoded.is_ok()
}

/// Replaces a number of the header, the table or the trailer.
fn forge_end(file: &mut [u8], kind: u8, choices: &mut Choices<'_>) {
    let table = table_start(file).unwrap_or(0);
    let start = if kind.is_multiple_of(4) { 0 } else { table };
    let end = if kind.is_multiple_of(4) { HEADER_BYTES.min(file.len()) } else { file.len() };
    let at = start + choices.below(end.saturating_sub(start));
    let number = choices.odd_number().to_le_bytes();
    let width = *choices.pick(&[1, 2, 4, 8]);
    let width = width.min(file.len() - at.min(file.len()));
    file[at..at + width].copy_from_slice(&number[..width]);
}

/// Makes all digests right, as far as there are places for them.
fn seal(file: &mut [u8]) {
    let Some(trailer) = file.len().checked_sub(TRAILER_BYTES) else { return };
    let Some(table) = table_start(file).filter(|_| trailer >= HEADER_BYTES) else { return };
    let put = |file: &mut [u8], at: usize, digest: u32| {
        file[at..at + 4].copy_from_slice(&digest.to_le_bytes());
    };
    let header = digest(&[&file[..60]]);
    put(file, 60, header);
    let mut body = HEADER_BYTES;
    for (at, stored, _) in entries(file) {
        let Some(bytes) = file.get(body..body.saturating_add(stored)) else { break };
        let stored_digest = digest(&[bytes]);
        put(file, at + 32, stored_digest);
        body += stored;
    }
    let both = digest(&[&file[..HEADER_BYTES], &file[table..trailer]]);
    put(file, trailer + 40, both);
    let whole = digest(&[&file[..trailer + 44]]);
    put(file, trailer + 44, whole);
}

/// As `FORMAT.md` has it: the CRC-32 of some parts, masked.
fn digest(parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize().rotate_right(15).wrapping_add(0xa282_ead8)
}

/// Where the table begins, going by the trailer.
fn table_start(file: &[u8]) -> Option<usize> {
    let trailer = file.len().checked_sub(TRAILER_BYTES)?;
    let start = trailer.checked_sub(usize::try_from(number(file, trailer)?).ok()?)?;
    (start >= HEADER_BYTES).then_some(start)
}

fn number(file: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(file.get(at..at + 8)?.try_into().expect("eight bytes")))
}

/// Of each entry of the table its place, the stored and the raw length.
fn entries(file: &[u8]) -> Vec<(usize, usize, u64)> {
    let mut entries = Vec::new();
    let end = file.len().saturating_sub(TRAILER_BYTES);
    let Some(mut at) = table_start(file) else { return entries };
    while at + ENTRY_BYTES <= end {
        let name = usize::from(file[at + 6]) | usize::from(file[at + 7]) << 8;
        let numbers = number(file, at + 16).zip(number(file, at + 24));
        let (stored, raw) = numbers.expect("an entry is there");
        entries.push((at, usize::try_from(stored).unwrap_or(usize::MAX), raw));
        at += ENTRY_BYTES + name;
    }
    entries
}

fn raw_lengths(file: &[u8]) -> u64 {
    entries(file).iter().fold(0, |sum, (_, _, raw)| sum.saturating_add(*raw))
}

/// Files to begin with: those of stopped jobs, and some that decompress to much more than they are.
pub fn files() -> Vec<Vec<u8>> {
    let is_checkpoint = |path: &str| path.starts_with("checkpoints/ckpt-");
    let jobs = forged::all();
    let all = jobs.iter().flat_map(|job| &job.files);
    let mut files: Vec<Vec<u8>> =
        all.filter(|(path, _)| is_checkpoint(path)).map(|(_, bytes)| bytes.clone()).collect();
    for megabytes in [1_usize, 32, 100] {
        let (_, mut decoded) =
            jobs.iter().flat_map(forged::Stopped::checkpoints).next().expect("one");
        decoded.checkpoint.sections[0].bytes = vec![0; megabytes << 20];
        let encoded = format::encode(&decoded.checkpoint, decoded.id.sequence);
        files.push(encoded.expect("encoded").0);
    }
    files
}
