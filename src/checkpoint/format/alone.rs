//! The manifest of a file without its states: what can be known of a large checkpoint in a moment.
//!
//! The ends, the table and the manifest are checked like everywhere, and belong together. The states are not looked at, so
//! that nobody may go on from what is read here.

use super::ends::{HEADER_BYTES, Header, TRAILER_BYTES, Trailer};
use super::table::{self, Entry, MANIFEST};
use super::{Limits, check_kind, check_length, decode_manifest, masked_crc};
use crate::checkpoint::Invalid;
use crate::checkpoint::manifest::Manifest;
use std::ops::Range;

/// The two ends of a file.
pub struct Ends {
    header: Header,
    trailer: Trailer,
    header_bytes: Vec<u8>,
}

/// Where the manifest of a file lies.
pub struct ManifestPlace {
    header: Header,
    entry: Entry,
}

impl Ends {
    /// Reads the first [`HEADER_BYTES`] and the last [`TRAILER_BYTES`] of a file of `length` bytes.
    pub fn read(first: &[u8], last: &[u8], length: u64, limits: &Limits) -> Result<Ends, Invalid> {
        check_length(length, limits)?;
        if length < (HEADER_BYTES + TRAILER_BYTES) as u64 {
            return Err(Invalid::TooShort { length });
        }
        let header = Header::decode(first, length)?;
        let trailer = Trailer::decode(last, &header)?;
        Ok(Ends { header, trailer, header_bytes: first.to_vec() })
    }

    /// The bytes of the file that are the section table.
    pub fn table(&self) -> Result<Range<u64>, Invalid> {
        let end = self.header.length - TRAILER_BYTES as u64;
        let start = end
            .checked_sub(self.trailer.table_length)
            .filter(|start| *start >= HEADER_BYTES as u64)
            .ok_or(Invalid::Malformed { what: "the section table is longer than the file" })?;
        Ok(start..end)
    }

    /// Reads the section table.
    pub fn manifest(self, table: &[u8], limits: &Limits) -> Result<ManifestPlace, Invalid> {
        if masked_crc(&[&self.header_bytes, table]) != self.trailer.table_digest {
            return Err(Invalid::TableDigest);
        }
        let body = self.table()?.start - HEADER_BYTES as u64;
        let entries = table::decode(table, self.header.sections, body, limits)?;
        let first = entries.into_iter().next();
        let entry = first.filter(|entry| entry.id == MANIFEST);
        let entry =
            entry.ok_or(Invalid::Malformed { what: "the manifest is not the first section" })?;
        check_kind(&entry)?;
        Ok(ManifestPlace { header: self.header, entry })
    }
}

impl ManifestPlace {
    /// The bytes of the file that are the manifest.
    pub fn bytes(&self) -> Range<u64> {
        let start = HEADER_BYTES as u64;
        start..start + self.entry.stored_length
    }

    /// Reads the manifest.
    pub fn decode(&self, stored: &[u8]) -> Result<Manifest, Invalid> {
        if masked_crc(&[stored]) != self.entry.stored_digest {
            return Err(Invalid::StoredDigest { section: self.entry.name.clone() });
        }
        let manifest = decode_manifest(stored, &self.entry)?;
        let Header { instance, semantics, .. } = self.header;
        if manifest.instance != instance || manifest.semantics != semantics {
            return Err(Invalid::InstanceDiffers);
        }
        Ok(manifest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::format::encode;
    use crate::checkpoint::id::Sequence;
    use crate::checkpoint::samples;

    /// The manifest of a file of these bytes.
    fn manifest(file: &[u8]) -> Result<Manifest, Invalid> {
        let limits = Limits::default();
        let slice = |range: Range<u64>| {
            let at = |offset: u64| usize::try_from(offset).expect("a small file").min(file.len());
            &file[at(range.start)..at(range.end)]
        };
        let length = file.len() as u64;
        let first = slice(0..HEADER_BYTES as u64);
        let last = slice(length.saturating_sub(TRAILER_BYTES as u64)..length);
        let ends = Ends::read(first, last, length, &limits)?;
        let table = slice(ends.table()?);
        let place = ends.manifest(table, &limits)?;
        place.decode(slice(place.bytes()))
    }

    #[test]
    fn the_manifest_is_that_of_the_whole_file() {
        let (file, _) = encode(&samples::base(3), Sequence(3)).expect("a checkpoint");
        assert_eq!(manifest(&file), Ok(samples::manifest(3)));
    }

    #[test]
    fn a_flipped_bit_is_refused_or_lies_in_a_state() {
        let (file, _) = encode(&samples::base(3), Sequence(3)).expect("a checkpoint");
        let whole = manifest(&file).expect("a manifest");
        let mut refused = 0;
        for bit in 0..file.len() * 8 {
            let mut flipped = file.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            match manifest(&flipped) {
                Ok(found) => assert_eq!(found, whole, "bit {bit}"),
                Err(_) => refused += 1,
            }
        }
        assert!(refused > 4000, "{refused}");
        for length in 0..file.len() {
            assert!(manifest(&file[..length]).is_err(), "{length}");
        }
    }
}
