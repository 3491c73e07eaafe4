//! Spills in parts: blocks that belong together stand together, and the last block says where each part begins.
//!
//! What is in the blocks is known to the step. Nothing here is held in memory but the places of the parts of a spill that
//! is being written or read.

use super::spills::{Block, NewSpill, OpenSpill, Spill, Spills};
use crate::error::{Error, Result};
use crate::state::{Reader, Unreadable, Writer};

/// A finished spill in parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// The spill.
    pub spill: Spill,
    /// The place of its last block, which holds the places of the parts.
    index: u64,
}

/// A spill in parts that is being written.
pub struct PartsWriter {
    spill: Box<dyn NewSpill>,
    starts: Vec<u64>,
}

/// A spill in parts that is being read.
#[derive(Debug)]
pub struct PartsReader {
    spill: Box<dyn OpenSpill>,
    /// Where each part begins, and where the last one ends.
    bounds: Vec<u64>,
    /// The name of the spill.
    name: String,
}

impl PartsWriter {
    /// Begins a spill without parts.
    pub fn create(spills: &dyn Spills) -> Result<PartsWriter> {
        Ok(PartsWriter { spill: spills.create()?, starts: Vec::new() })
    }

    /// Begins the next part.
    pub fn begin_part(&mut self) {
        self.starts.push(self.spill.place());
    }

    /// Appends a block to the part; not empty.
    pub fn append(&mut self, block: &[u8]) -> Result<()> {
        self.spill.append(block)
    }

    /// The same, for a block that is read often; see [`NewSpill::append_plain`].
    pub fn append_plain(&mut self, block: &[u8]) -> Result<()> {
        self.spill.append_plain(block)
    }

    /// The place that the next block will have.
    pub fn place(&self) -> u64 {
        self.spill.place()
    }

    /// Ends the spill.
    pub fn finish(mut self) -> Result<Parts> {
        let index = self.spill.place();
        let mut out = Writer::default();
        out.u64s(self.starts);
        out.u64(index);
        self.spill.append(&out.bytes)?;
        Ok(Parts { spill: self.spill.finish()?, index })
    }
}

impl PartsReader {
    /// Opens a spill.
    pub fn open(parts: &Parts, spills: &dyn Spills) -> Result<PartsReader> {
        let spill = spills.open(&parts.spill)?;
        let name = parts.spill.name.clone();
        let mut reader = PartsReader { spill, bounds: Vec::new(), name };
        let block = reader.read(parts.index)?.bytes;
        let bounds = Reader::new(&block).u64s(block.len() / 8, "places");
        reader.bounds = bounds.map_err(|_| reader.changed())?;
        match !reader.bounds.is_empty() && reader.bounds.is_sorted() {
            true => Ok(reader),
            false => Err(reader.changed()),
        }
    }

    /// The error of somebody who finds there what this program does not write.
    pub fn changed(&self) -> Error {
        changed_at(&format!("what is in `{}`", self.name))
    }

    /// Number of parts.
    pub fn count(&self) -> usize {
        self.bounds.len() - 1
    }

    /// Where a part begins; where nothing is, if there is no such part.
    pub fn start_of(&self, part: usize) -> u64 {
        self.bounds.get(part).copied().unwrap_or(u64::MAX)
    }

    /// Where a part ends.
    pub fn end_of(&self, part: usize) -> u64 {
        self.start_of(part + 1)
    }

    /// The block at a place.
    pub fn read(&self, place: u64) -> Result<Block> {
        self.spill.read(place)?.ok_or_else(|| self.changed())
    }

    /// The blocks from a place up to the end of one of them, read at once.
    pub fn read_until(&self, place: u64, end: u64) -> Result<Vec<Vec<u8>>> {
        self.spill.read_until(place, end)
    }

    /// Gives the blocks of a part in their order.
    pub fn for_each_block(
        &self,
        part: usize,
        mut take: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let [mut place, end] = *self.bounds.get(part..part + 2).ok_or_else(|| self.changed())?
        else {
            return Err(self.changed());
        };
        while place < end {
            let block = self.read(place)?;
            take(&block.bytes)?;
            place = block.next;
        }
        Ok(())
    }
}

/// Checksums agree, and yet it is not what this program writes; where a file is known, see [`PartsReader::changed`].
pub fn changed() -> Error {
    changed_at("what was spilled")
}

fn changed_at(what: &str) -> Error {
    let message = format!("{what} is not what it was, though its checksums agree");
    let hint = "`onward checkpoint list` tells what `onward checkpoint rollback` can go back to, `onward run --fresh` starts over";
    Error::refused(message).with_hint(hint)
}

/// Appends which spills there are.
pub fn write_all(parts: &[Parts], out: &mut Writer) {
    out.count(parts.len());
    out.strings(parts.iter().map(|one| one.spill.name.as_bytes()));
    for Parts { spill, index } in parts {
        out.u64s([spill.length, u64::from(spill.digest), *index]);
    }
}

/// Reads what [`write_all`] wrote.
pub fn read_all(reader: &mut Reader<'_>) -> Result<Vec<Parts>, Unreadable> {
    let what = "spills";
    let unreadable = || Unreadable { what };
    let count = reader.count(4, what)?;
    let mut parts = Vec::with_capacity(count);
    for name in reader.strings(count, what)? {
        let name = std::str::from_utf8(name).map_err(|_| unreadable())?.to_owned();
        let (length, digest) = (reader.u64(what)?, reader.u64(what)?);
        let digest = u32::try_from(digest).map_err(|_| unreadable())?;
        parts.push(Parts { spill: Spill { name, length, digest }, index: reader.u64(what)? });
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::spills::MemorySpills;

    #[test]
    fn each_part_has_its_blocks_and_the_list_of_spills_comes_back() {
        let spills = MemorySpills::default();
        let parts: [&[&str]; 4] = [&[], &["a", "b"], &[], &["c"]];
        let mut writer = PartsWriter::create(&spills).expect("memory does not fail");
        for part in parts {
            writer.begin_part();
            for block in part {
                writer.append(block.as_bytes()).expect("memory does not fail");
            }
        }
        let finished = vec![writer.finish().expect("memory does not fail")];
        let mut out = Writer::default();
        write_all(&finished, &mut out);
        let read = read_all(&mut Reader::new(&out.bytes)).expect("what was written");
        assert_eq!(read, finished);
        for length in 0..out.bytes.len() {
            assert!(read_all(&mut Reader::new(&out.bytes[..length])).is_err(), "{length} bytes");
        }
        let reader = PartsReader::open(&read[0], &spills).expect("it is there");
        assert_eq!(reader.count(), parts.len());
        for (number, part) in parts.iter().enumerate() {
            let mut found = Vec::new();
            let take = |block: &[u8]| {
                found.push(String::from_utf8_lossy(block).into_owned());
                Ok(())
            };
            reader.for_each_block(number, take).expect("memory does not fail");
            assert_eq!(found, *part);
        }
    }
}
