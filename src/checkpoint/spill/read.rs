//! Reading a spill: its ends first, then its blocks as they are needed, each checked by itself.

use super::format::{self, BLOCK_HEADER_BYTES, BlockHeader, HEADER_BYTES, TRAILER_BYTES, Trailer};
use super::{SpillEntry, SpillName};
use crate::checkpoint::Invalid;
use crate::checkpoint::id::RunId;
use crate::storage::{File, read_full};
use std::io;
use std::sync::Arc;

/// An open spill whose two ends are right.
#[derive(Debug)]
pub struct SpillReader {
    file: Arc<dyn File>,
    length: u64,
}

/// A block of a spill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpillBlock {
    /// What was appended.
    pub bytes: Vec<u8>,
    /// Where the block behind it stands.
    pub next: u64,
}

/// What reading found: something, or that the file is not what it was; an error is one of the system.
pub type Found<T> = io::Result<Result<T, Invalid>>;

impl SpillReader {
    /// Checks length and ends of an open file, which one of these starts must have made.
    pub fn new(
        file: Arc<dyn File>,
        entry: &SpillEntry,
        name: SpillName,
        starts: &[RunId],
    ) -> Found<SpillReader> {
        let length = file.metadata()?.length;
        let mut first = [0; HEADER_BYTES];
        let count = read_full(&*file, &mut first, 0)?;
        let mut last = [0; TRAILER_BYTES];
        let end = length.saturating_sub(TRAILER_BYTES as u64);
        let last_count = read_full(&*file, &mut last, end)?;
        let check = || {
            if length != entry.length {
                return Err(Invalid::LengthDiffers { stated: entry.length, found: length });
            }
            format::check_header(&first[..count], name, starts)?;
            let trailer = Trailer::decode(&last[..last_count])?;
            if (trailer.length, trailer.digest) != (entry.length, entry.digest) {
                return Err(Invalid::FileDigest);
            }
            Ok(())
        };
        Ok(check().map(|()| SpillReader { file, length }))
    }

    /// The block at a place, which is 0 or what [`SpillBlock::next`] or [`super::SpillWriter::place`] said; `None` behind the last one.
    pub fn block(&self, place: u64) -> Found<Option<SpillBlock>> {
        let place = if place == 0 { HEADER_BYTES as u64 } else { place };
        let mut front = [0; BLOCK_HEADER_BYTES];
        let count = read_full(&*self.file, &mut front, place)?;
        let header = match BlockHeader::decode(&front[..count]) {
            Ok(Some(header)) => header,
            Ok(None) => return Ok(Ok(None)),
            Err(invalid) => return Ok(Err(invalid)),
        };
        let start = place + BLOCK_HEADER_BYTES as u64;
        let next = start + u64::from(header.stored);
        if next > self.length {
            return Ok(Err(Invalid::Malformed { what: "a block is longer than the file" }));
        }
        let mut stored = vec![0; header.stored as usize];
        let count = read_full(&*self.file, &mut stored, start)?;
        let bytes = header.open(&stored[..count]);
        Ok(bytes.map(|bytes| Some(SpillBlock { bytes, next })))
    }

    /// The blocks from a place up to another one, at which a block ends, all read at once.
    pub fn blocks(&self, place: u64, end: u64) -> Found<Vec<Vec<u8>>> {
        let place = place.max(HEADER_BYTES as u64);
        let length = end.min(self.length).saturating_sub(place);
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        let count = read_full(&*self.file, &mut bytes, place)?;
        let mut rest = &bytes[..count];
        let mut next = || {
            let cut_off = Invalid::Malformed { what: "a block is longer than the file" };
            let front = rest.split_off(..BLOCK_HEADER_BYTES).ok_or(cut_off.clone())?;
            let header = BlockHeader::decode(front)?.ok_or(cut_off.clone())?;
            let stored = rest.split_off(..header.stored as usize).ok_or(cut_off)?;
            Ok((header.open(stored)?, rest.is_empty()))
        };
        let mut blocks = Vec::new();
        loop {
            match next() {
                Err(invalid) => return Ok(Err(invalid)),
                Ok((block, is_last)) => {
                    blocks.push(block);
                    if is_last {
                        return Ok(Ok(blocks));
                    }
                }
            }
        }
    }

    /// Reads all blocks.
    pub fn check_all(&self) -> Found<()> {
        let (mut place, mut end) = (0, HEADER_BYTES as u64);
        loop {
            match self.block(place)? {
                Err(invalid) => return Ok(Err(invalid)),
                Ok(Some(block)) => (place, end) = (block.next, block.next),
                Ok(None) if end + TRAILER_BYTES as u64 == self.length => return Ok(Ok(())),
                Ok(None) => return Ok(Err(Invalid::Malformed { what: "it ends too early" })),
            }
        }
    }
}
