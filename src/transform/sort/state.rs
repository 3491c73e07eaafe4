//! What a sort remembers: sorted pieces in memory, and spills of such pieces that were merged.
//!
//! Spills and then pieces are in the order of the input, and each is sorted. When spills are cut, and which are merged,
//! is decided by the room in memory, by checkpoints and by the number of spills; the order of the records is not.

use super::entries;
use super::merge::{Merge, Place, Source};
use crate::error::Result;
use crate::state::{Reader, Unreadable, Writer};
use crate::transform::Drained;
use crate::transform::spills::{Spill, Spills};
use std::ops::Range;
use std::sync::Arc;

/// So much of the buffer is written into a checkpoint; what is more becomes a spill.
const BUFFER_SAVED_MAX: usize = 4 << 20;

/// So many spills are read at the same time; above that neighbours are merged into one.
const SPILLS_MAX: usize = 64;

/// So many neighbours are merged into one.
const MERGED_AT_ONCE: usize = 16;

/// Bytes of a block: large enough to compress well, and small enough to hold one of each spill.
const BLOCK_BYTES: usize = 256 << 10;

/// What a piece takes besides its bytes.
const PIECE_BYTES: usize = 64;

/// All records so far that were not yet given.
#[derive(Debug, Default)]
pub struct Sorting {
    spills: Vec<Sorted>,
    pieces: Vec<Piece>,
    /// What the pieces take.
    bytes: usize,
    /// The merge of all, while records are being given.
    merge: Option<Merge>,
}

/// A spill, and how far it was given.
#[derive(Debug)]
struct Sorted {
    spill: Spill,
    place: Place,
}

/// Sorted entries in memory, and how far they were given.
#[derive(Debug)]
struct Piece {
    bytes: Arc<Vec<u8>>,
    at: usize,
}

impl Sorting {
    /// Takes in sorted entries; where the pieces take more than `memory` bytes then, they become a spill.
    pub fn add(&mut self, bytes: Vec<u8>, memory: u64, spills: &dyn Spills) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.merge = None;
        self.bytes += bytes.len() + PIECE_BYTES;
        self.pieces.push(Piece { bytes: Arc::new(bytes), at: 0 });
        if self.bytes as u64 > memory { self.spill_pieces(spills) } else { Ok(()) }
    }

    /// Gives the next records, at most `records` of them, and no more when they have `bytes` bytes together: their bytes
    /// one after the other, and where each ends. None: there are no more.
    pub fn give(
        &mut self,
        records: usize,
        bytes: usize,
        spills: &dyn Spills,
    ) -> Result<(Vec<u8>, Vec<usize>)> {
        let mut merge = match self.merge.take() {
            Some(merge) => merge,
            None => {
                let mut sources = self.spilled(0..self.spills.len(), spills)?;
                sources.extend(self.in_memory()?);
                Merge::new(sources)
            }
        };
        let (mut given, mut ends) = (Vec::new(), Vec::new());
        while ends.len() < records && given.len() < bytes {
            let Some(entry) = merge.least() else { break };
            given.extend_from_slice(entry.record);
            ends.push(given.len());
            merge.take()?;
        }
        let mut places = merge.places();
        for (sorted, place) in self.spills.iter_mut().zip(&mut places) {
            sorted.place = place;
        }
        for (piece, place) in self.pieces.iter_mut().zip(&mut places) {
            piece.at = place.at;
        }
        drop(places);
        self.merge = Some(merge);
        Ok((given, ends))
    }

    /// Nothing of it is needed any more.
    pub fn clear(&mut self, spills: &dyn Spills) {
        self.spills.drain(..).for_each(|sorted| spills.forget(&sorted.spill));
        *self = Sorting::default();
    }

    /// What it takes in memory.
    pub fn bytes(&self) -> u64 {
        self.bytes as u64
    }

    /// Some of the spills, as far as they were not given.
    fn spilled(&self, which: Range<usize>, spills: &dyn Spills) -> Result<Vec<Source>> {
        let source = |sorted: &Sorted| Source::spill(spills.open(&sorted.spill)?, sorted.place);
        self.spills[which].iter().map(source).collect()
    }

    /// The pieces, as far as they were not given.
    fn in_memory(&self) -> Result<Vec<Source>> {
        let source = |piece: &Piece| Source::memory(piece.bytes.clone(), piece.at);
        self.pieces.iter().map(source).collect()
    }

    /// The pieces become a spill.
    fn spill_pieces(&mut self, spills: &dyn Spills) -> Result<()> {
        let merge = Merge::new(self.in_memory()?);
        if let Some(spill) = write_spill(merge, spills)? {
            self.spills.push(Sorted { spill, place: Place::default() });
        }
        self.pieces.clear();
        (self.bytes, self.merge) = (0, None);
        if self.spills.len() > SPILLS_MAX { self.merge_spills(spills) } else { Ok(()) }
    }

    /// The neighbours that have the fewest bytes together become one spill.
    fn merge_spills(&mut self, spills: &dyn Spills) -> Result<()> {
        let bytes = |start: &usize| -> u64 {
            self.spills[*start..start + MERGED_AT_ONCE].iter().map(|one| one.spill.length).sum()
        };
        let starts = 0..=self.spills.len() - MERGED_AT_ONCE;
        let start = starts.min_by_key(bytes).expect("there are more spills than are merged");
        let range = start..start + MERGED_AT_ONCE;
        let merge = Merge::new(self.spilled(range.clone(), spills)?);
        let merged = write_spill(merge, spills)?;
        let merged = merged.map(|spill| Sorted { spill, place: Place::default() });
        let old: Vec<Sorted> = self.spills.splice(range, merged).collect();
        old.iter().for_each(|sorted| spills.forget(&sorted.spill));
        Ok(())
    }

    /// The pieces become one; the ones that are empty are left out.
    fn join_pieces(&mut self, spills: &dyn Spills) -> Result<()> {
        let mut merge = Merge::new(self.in_memory()?);
        let mut bytes = Vec::new();
        while let Some(entry) = merge.least() {
            bytes.extend_from_slice(entry.bytes);
            merge.take()?;
        }
        self.pieces.clear();
        (self.bytes, self.merge) = (0, None);
        self.add(bytes, u64::MAX, spills)
    }

    /// How far everything was given.
    pub fn drained(&self) -> Drained {
        let spills = self.spills.iter().flat_map(|one| [one.place.block, one.place.at as u64]);
        Drained(spills.chain(self.pieces.iter().map(|piece| piece.at as u64)).collect())
    }

    /// Goes back to where [`Sorting::drained`] was.
    pub fn set_drained(&mut self, drained: &Drained) {
        let mut numbers = drained.0.iter().copied();
        let mut next = || numbers.next().unwrap_or_default();
        let at = |number: u64| usize::try_from(number).unwrap_or_default();
        for sorted in &mut self.spills {
            sorted.place = Place { block: next(), at: at(next()) };
        }
        for piece in &mut self.pieces {
            piece.at = at(next()).min(piece.bytes.len());
        }
        self.merge = None;
    }

    /// The spills that it refers to.
    pub fn spills(&self) -> Vec<Spill> {
        self.spills.iter().map(|sorted| sorted.spill.clone()).collect()
    }

    /// Appends the state. A large buffer becomes a spill before, so that it is never large.
    pub fn write(&mut self, out: &mut Writer, spills: &dyn Spills) -> Result<()> {
        let left: usize = self.pieces.iter().map(|piece| piece.bytes.len() - piece.at).sum();
        if left > BUFFER_SAVED_MAX {
            self.spill_pieces(spills)?;
        } else if self.pieces.len() > 1 || self.pieces.iter().any(|piece| piece.at > 0) {
            self.join_pieces(spills)?;
        }
        out.count(self.spills.len());
        out.strings(self.spills.iter().map(|sorted| sorted.spill.name.as_bytes()));
        for Sorted { spill, place } in &self.spills {
            out.u64s([spill.length, u64::from(spill.digest), place.block, place.at as u64]);
        }
        let piece: &[u8] = self.pieces.first().map_or(&[], |piece| &piece.bytes[piece.at..]);
        out.count(piece.len());
        out.bytes.extend_from_slice(piece);
        Ok(())
    }

    /// Reads what [`Sorting::write`] wrote.
    pub fn read(reader: &mut Reader<'_>) -> Result<Sorting, Unreadable> {
        let what = "spills";
        let mut sorting = Sorting::default();
        let count = reader.count(4, what)?;
        let names = reader.strings(count, what)?;
        for name in names {
            let name = std::str::from_utf8(name).map_err(|_| Unreadable { what })?.to_owned();
            let (length, digest) = (reader.u64(what)?, reader.u64(what)?);
            let (block, at) = (reader.u64(what)?, reader.u64(what)?);
            let digest = u32::try_from(digest).map_err(|_| Unreadable { what })?;
            let at = usize::try_from(at).map_err(|_| Unreadable { what })?;
            let spill = Spill { name, length, digest };
            sorting.spills.push(Sorted { spill, place: Place { block, at } });
        }
        let what = "records";
        let length = reader.count(1, what)?;
        let bytes = reader.take(length, what)?;
        if entries::count(bytes).ok_or(Unreadable { what })? > 0 {
            sorting.bytes = bytes.len() + PIECE_BYTES;
            sorting.pieces.push(Piece { bytes: Arc::new(bytes.to_vec()), at: 0 });
        }
        Ok(sorting)
    }
}

/// Writes all that is left of a merge; `None` where that is nothing.
fn write_spill(mut merge: Merge, spills: &dyn Spills) -> Result<Option<Spill>> {
    if merge.least().is_none() {
        return Ok(None);
    }
    let mut spill = spills.create()?;
    let mut block = Vec::with_capacity(BLOCK_BYTES);
    while let Some(entry) = merge.least() {
        if !block.is_empty() && block.len() + entry.bytes.len() > BLOCK_BYTES {
            spill.append(&block)?;
            block.clear();
        }
        block.extend_from_slice(entry.bytes);
        merge.take()?;
    }
    spill.append(&block)?;
    spill.finish().map(Some)
}
