//! Knowing an input again.
//!
//! A fingerprint covers the start of a file, the bytes before the position, and, in segments of 64
//! MiB, what was read: a sample of it, or all. It is brought up to date as the run goes on
//! ([`Tracker`]) and compared on resume ([`compare`]). Samples are taken from the file, not from
//! the worker's buffers, so that the order of the workers does not matter.

use super::settings::Verify;
use crate::record::Fingerprint;
use crate::storage::{File, Metadata, read_full};
use crc32fast::Hasher;
use std::io;
use std::sync::Arc;

/// Bytes of the two windows.
pub const WINDOW_BYTES: u64 = 64 << 10;

/// Bytes that share one checksum.
const SEGMENT_BYTES: u64 = 64 << 20;

/// Bytes of which one block is sampled.
const STRETCH_BYTES: u64 = 1 << 20;

/// Bytes of a sampled block.
const BLOCK_BYTES: u64 = 4 << 10;

/// How many segments a sampled comparison looks at: the first, the last, and some between.
const SEGMENTS_COMPARED: u64 = 4;

/// How many bytes are read at once.
const READ_BYTES: u64 = 256 << 10;

/// Keeps the fingerprint of an input up to date while it is read.
#[derive(Debug)]
pub struct Tracker {
    file: Arc<dyn File>,
    verify: Verify,
    /// Size, time, inode and head; the rest is made for each checkpoint.
    identity: Fingerprint,
    /// The checksums of whole segments.
    segments: Vec<u32>,
    /// Where the checksum of the segment under way has got to.
    folded: u64,
    hasher: Hasher,
}

/// What a comparison of a file with its fingerprint found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// It is the same file.
    Same,
    /// The content is the same, the time of change or the inode is not: worth a note.
    SameButTouched,
    /// It is shorter than it was.
    Shrunk {
        /// Bytes then.
        was: u64,
        /// Bytes now.
        is: u64,
    },
    /// It is longer than it was; what was there is the same.
    Grown {
        /// Bytes then.
        was: u64,
        /// Bytes now.
        is: u64,
    },
    /// Its start differs.
    HeadDiffers {
        /// Checksum then.
        stored: u32,
        /// Checksum now.
        found: u32,
    },
    /// The bytes before the position differ.
    WindowDiffers {
        /// Checksum then.
        stored: u32,
        /// Checksum now.
        found: u32,
    },
    /// What was read in between differs.
    SampleDiffers {
        /// Which 64 MiB, counted from 0.
        segment: u64,
        /// Checksum then.
        stored: u32,
        /// Checksum now.
        found: u32,
    },
}

impl Tracker {
    /// For an input that is about to be read from its start. `metadata` is what it was when it was
    /// opened.
    pub fn new(file: Arc<dyn File>, metadata: &Metadata, verify: Verify) -> io::Result<Tracker> {
        let identity = Fingerprint {
            size: metadata.length,
            modified_ns: metadata.modified_ns,
            inode: metadata.inode,
            is_full: verify == Verify::Full,
            head_crc: crc_of(&*file, 0, metadata.length.min(WINDOW_BYTES))?,
            ..Fingerprint::default()
        };
        Ok(Tracker {
            file,
            verify,
            identity,
            segments: Vec::new(),
            folded: 0,
            hasher: Hasher::new(),
        })
    }

    /// For an input that is read on from where a fingerprint was taken, which was compared before.
    pub fn resume(file: Arc<dyn File>, stored: &Fingerprint) -> Tracker {
        let verify = verify_of(stored);
        let whole = whole_segments(stored.consumed);
        let mut segments = stored.segment_crcs.clone();
        let begun = segments.get(whole).copied();
        segments.truncate(whole);
        let folded = folded_until(stored.consumed, verify);
        let segment_start = folded / SEGMENT_BYTES * SEGMENT_BYTES;
        let hashed = match verify {
            Verify::Sampled => (folded - segment_start) / STRETCH_BYTES * BLOCK_BYTES,
            Verify::Full => folded - segment_start,
        };
        Tracker {
            file,
            verify,
            identity: Fingerprint {
                consumed: 0,
                window_crc: 0,
                segment_crcs: Vec::new(),
                ..stored.clone()
            },
            segments,
            folded,
            hasher: Hasher::new_with_initial_len(begun.unwrap_or_default(), hashed),
        }
    }

    /// The fingerprint of an input that has grown, of which the first `size` bytes shall be read; what was read before
    /// was compared.
    pub fn grown(
        file: &dyn File,
        metadata: &Metadata,
        size: u64,
        stored: &Fingerprint,
    ) -> io::Result<Fingerprint> {
        Ok(Fingerprint {
            size,
            modified_ns: metadata.modified_ns,
            inode: metadata.inode,
            head_crc: crc_of(file, 0, size.min(WINDOW_BYTES))?,
            ..stored.clone()
        })
    }

    /// Everything before `offset` was read. Call it now and then, so that a checkpoint has little
    /// left to do.
    pub fn advance(&mut self, offset: u64) -> io::Result<()> {
        let target = folded_until(offset, self.verify);
        while self.folded < target {
            let segment_end = (self.folded / SEGMENT_BYTES + 1) * SEGMENT_BYTES;
            let end = target.min(segment_end);
            fold(&*self.file, self.folded, end, self.verify, &mut self.hasher)?;
            self.folded = end;
            if end == segment_end {
                let hasher = std::mem::take(&mut self.hasher);
                self.segments.push(hasher.finalize());
            }
        }
        Ok(())
    }

    /// The fingerprint for a checkpoint at `offset`.
    pub fn fingerprint(&mut self, offset: u64) -> io::Result<Fingerprint> {
        self.advance(offset)?;
        let window_start = offset.saturating_sub(WINDOW_BYTES);
        let mut segment_crcs = self.segments.clone();
        if !self.folded.is_multiple_of(SEGMENT_BYTES) {
            segment_crcs.push(self.hasher.clone().finalize());
        }
        Ok(Fingerprint {
            consumed: offset,
            window_crc: crc_of(&*self.file, window_start, offset)?,
            segment_crcs,
            ..self.identity.clone()
        })
    }
}

/// Compares all that was consumed of a file, as long as it `is_wanted`; `None` where it was given up.
pub fn compare_all(
    file: &dyn File,
    stored: &Fingerprint,
    is_wanted: &dyn Fn() -> bool,
) -> io::Result<Option<Comparison>> {
    let count = folded_until(stored.consumed, verify_of(stored)).div_ceil(SEGMENT_BYTES);
    for segment in 0..count {
        if !is_wanted() {
            return Ok(None);
        }
        if let Some(difference) = compare_segment(file, stored, segment)? {
            return Ok(Some(difference));
        }
    }
    Ok(Some(Comparison::Same))
}

/// Compares a file with a fingerprint, reading at most about 1.2 MiB: the two windows and, of a
/// sampled fingerprint, a few segments. Of a file that was touched all samples are compared,
/// 4 KiB of each MiB.
pub fn compare(file: &dyn File, stored: &Fingerprint) -> io::Result<Comparison> {
    let metadata = file.metadata()?;
    let (was, is) = (stored.size, metadata.length);
    if is < was {
        return Ok(Comparison::Shrunk { was, is });
    }
    let found = crc_of(file, 0, was.min(WINDOW_BYTES))?;
    if found != stored.head_crc {
        return Ok(Comparison::HeadDiffers { stored: stored.head_crc, found });
    }
    let window_start = stored.consumed.saturating_sub(WINDOW_BYTES);
    let found = crc_of(file, window_start, stored.consumed)?;
    if found != stored.window_crc {
        return Ok(Comparison::WindowDiffers { stored: stored.window_crc, found });
    }
    let is_touched = (metadata.modified_ns, metadata.inode) != (stored.modified_ns, stored.inode);
    let segments = if is_touched { Segments::All } else { Segments::Some };
    if let Some(difference) = compare_samples(file, stored, segments)? {
        return Ok(difference);
    }
    Ok(if is > was {
        Comparison::Grown { was, is }
    } else if is_touched {
        Comparison::SameButTouched
    } else {
        Comparison::Same
    })
}

/// Which samples are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Segments {
    /// Those of a few segments.
    Some,
    /// Those of all.
    All,
}

fn compare_samples(
    file: &dyn File,
    stored: &Fingerprint,
    segments: Segments,
) -> io::Result<Option<Comparison>> {
    if stored.is_full {
        return Ok(None);
    }
    let count = folded_until(stored.consumed, Verify::Sampled).div_ceil(SEGMENT_BYTES);
    let is_wanted = |segment: &u64| segments == Segments::All || is_compared(*segment, count);
    for segment in (0..count).filter(is_wanted) {
        if let Some(difference) = compare_segment(file, stored, segment)? {
            return Ok(Some(difference));
        }
    }
    Ok(None)
}

fn compare_segment(
    file: &dyn File,
    stored: &Fingerprint,
    segment: u64,
) -> io::Result<Option<Comparison>> {
    let verify = verify_of(stored);
    let start = segment * SEGMENT_BYTES;
    let end = folded_until(stored.consumed, verify).min(start + SEGMENT_BYTES);
    let mut hasher = Hasher::new();
    fold(file, start, end, verify, &mut hasher)?;
    let found = hasher.finalize();
    let index = usize::try_from(segment).unwrap_or(usize::MAX);
    let stored = stored.segment_crcs.get(index).copied().unwrap_or_default();
    let differs = stored != found;
    Ok(differs.then_some(Comparison::SampleDiffers { segment, stored, found }))
}

/// Whether a sampled comparison looks at a segment of `count`: at most [`SEGMENTS_COMPARED`],
/// evenly spread.
fn is_compared(segment: u64, count: u64) -> bool {
    let last = count.saturating_sub(1);
    let steps = SEGMENTS_COMPARED - 1;
    (0..=steps).any(|step| last * step / steps == segment)
}

fn verify_of(stored: &Fingerprint) -> Verify {
    if stored.is_full { Verify::Full } else { Verify::Sampled }
}

fn whole_segments(consumed: u64) -> usize {
    usize::try_from(consumed / SEGMENT_BYTES).unwrap_or(usize::MAX)
}

/// How far the segments' checksums reach when everything before `offset` was read.
fn folded_until(offset: u64, verify: Verify) -> u64 {
    match verify {
        Verify::Sampled => offset / STRETCH_BYTES * STRETCH_BYTES,
        Verify::Full => offset,
    }
}

/// Adds what lies between two offsets of one segment to its checksum: all of it, or one block of
/// each stretch.
fn fold(
    file: &dyn File,
    start: u64,
    end: u64,
    verify: Verify,
    hasher: &mut Hasher,
) -> io::Result<()> {
    match verify {
        Verify::Full => fold_bytes(file, start, end, hasher),
        Verify::Sampled => {
            for stretch in start / STRETCH_BYTES..end / STRETCH_BYTES {
                let block = sampled_block(stretch);
                fold_bytes(file, block, block + BLOCK_BYTES, hasher)?;
            }
            Ok(())
        }
    }
}

/// The offset of the sampled block of a stretch; where in the stretch depends on its number alone.
/// The multiplier is that of Knuth's multiplicative hashing (2^64 divided by the golden ratio).
fn sampled_block(stretch: u64) -> u64 {
    let blocks = STRETCH_BYTES / BLOCK_BYTES;
    let place = (stretch.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) % blocks;
    stretch * STRETCH_BYTES + place * BLOCK_BYTES
}

fn crc_of(file: &dyn File, start: u64, end: u64) -> io::Result<u32> {
    let mut hasher = Hasher::new();
    fold_bytes(file, start, end, &mut hasher)?;
    Ok(hasher.finalize())
}

/// Adds the bytes between two offsets; it is an error when the file ends before.
fn fold_bytes(file: &dyn File, start: u64, end: u64, hasher: &mut Hasher) -> io::Result<()> {
    let length = end.saturating_sub(start).min(READ_BYTES);
    let mut buffer = vec![0; usize::try_from(length).expect("a read is small")];
    let mut at = start;
    while at < end {
        let wanted = usize::try_from((end - at).min(READ_BYTES)).expect("a read is small");
        let count = read_full(file, &mut buffer[..wanted], at)?;
        if count < wanted {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        hasher.update(&buffer[..count]);
        at += count as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
