//! Exports: one file with a checkpoint, what it builds on, its spills, and what the outputs held.
//!
//! Only the wrapping is known here; `FORMAT.md` is the authority on its bytes. A file is written once, under a name that
//! was free, and is usable when it is complete. It is read hostilely: names are only compared, never opened.

mod read;

mod write;

#[cfg(test)]
mod tests;

pub use read::{Parcel, Wrapped};
pub use write::ParcelWriter;

/// What a part of an export is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The file of a checkpoint; the base first.
    Checkpoint,
    /// A spill, by its name.
    Spill,
    /// The bytes of an output, by the name that checkpoints call it.
    Output,
}

impl Kind {
    const ALL: [Kind; 3] = [Kind::Checkpoint, Kind::Spill, Kind::Output];

    fn number(self) -> u8 {
        match self {
            Kind::Checkpoint => 1,
            Kind::Spill => 2,
            Kind::Output => 3,
        }
    }

    fn of(number: u8) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.number() == number)
    }
}

const MAGIC: [u8; 8] = *b"\x89ONX\r\n\x1a\n";
const END_MAGIC: [u8; 8] = *b"\n\x1a\n\rXNO\x89";
const VERSION: u16 = 1;
/// Bytes of the header of the file.
const HEADER_BYTES: usize = 16;
/// Bytes in front of the name and the content of a part, and at the end.
const PART_HEADER_BYTES: usize = 16;
/// The digest and the end magic.
const TRAILER_BYTES: usize = 12;
/// The kind that says that there are no more parts.
const END: u8 = 0;
