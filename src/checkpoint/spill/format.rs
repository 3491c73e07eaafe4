//! The bytes of a spill, both ways, without a file. `FORMAT.md` is the authority.

use super::SpillName;
use crate::checkpoint::Invalid;
use crate::checkpoint::format::fields::{Fields, Masked, masked_crc};
use crate::checkpoint::id::RunId;

/// Bytes of the header.
pub const HEADER_BYTES: usize = 52;

/// Bytes in front of each block.
pub const BLOCK_HEADER_BYTES: usize = 16;

/// Bytes of the trailer.
pub const TRAILER_BYTES: usize = 32;

/// No block is larger, before or after it was compressed.
pub const BLOCK_BYTES_MAX: u32 = 1 << 30;

const MAGIC: [u8; 8] = *b"\x89ONS\r\n\x1a\n";
const VERSION: u16 = 1;
const PLAIN: u8 = 0;
const ZSTD: u8 = 1;

/// Fast: a spill is written once and read once.
const LEVEL: i32 = 1;

/// What is in front of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockHeader {
    /// Bytes in the file behind this header.
    pub stored: u32,
    raw: u32,
    codec: u8,
    digest: u32,
}

/// What is behind the last block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trailer {
    /// Bytes of the whole file.
    pub length: u64,
    /// Number of blocks.
    pub blocks: u64,
    /// The digest of all bytes of the file before this one.
    pub digest: u32,
}

/// The header of a spill.
pub fn header(name: SpillName, instance: RunId) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
    bytes[16..24].copy_from_slice(&name.number.to_le_bytes());
    bytes[24..32].copy_from_slice(&name.random.to_le_bytes());
    bytes[32..48].copy_from_slice(&instance.0);
    let digest = masked_crc(&[&bytes[..48]]);
    bytes[48..].copy_from_slice(&digest.to_le_bytes());
    bytes
}

/// Checks that a header is the one of a spill that one of these starts made.
pub fn check_header(bytes: &[u8], name: SpillName, starts: &[RunId]) -> Result<(), Invalid> {
    if !bytes.starts_with(&MAGIC) {
        return Err(Invalid::BadMagic);
    }
    let is_expected = starts.iter().any(|start| bytes == header(name, *start));
    let version = bytes.get(8..10).and_then(|bytes| bytes.try_into().ok()).map(u16::from_le_bytes);
    match version {
        Some(version) if version > VERSION => Err(Invalid::NewerVersion { version }),
        _ if is_expected => Ok(()),
        _ if bytes.len() < HEADER_BYTES => Err(Invalid::TooShort { length: bytes.len() as u64 }),
        _ if masked_crc(&[&bytes[..48]]).to_le_bytes() != bytes[48..] => Err(Invalid::HeaderDigest),
        _ => Err(Invalid::Malformed { what: "it is another file than its name says" }),
    }
}

/// A block as it stands in the file: compressed where that makes it smaller.
pub fn block(raw: &[u8]) -> Vec<u8> {
    let compressed = zstd::bulk::compress(raw, LEVEL).ok();
    match compressed.filter(|compressed| compressed.len() < raw.len()) {
        Some(compressed) => stored_block(raw, ZSTD, &compressed),
        None => plain_block(raw),
    }
}

/// A block that stands in the file as it is.
pub fn plain_block(raw: &[u8]) -> Vec<u8> {
    stored_block(raw, PLAIN, raw)
}

fn stored_block(raw: &[u8], codec: u8, stored: &[u8]) -> Vec<u8> {
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).expect("a block is shorter than 4 GiB");
    let mut bytes = Vec::with_capacity(BLOCK_HEADER_BYTES + stored.len());
    bytes.extend_from_slice(&length(stored).to_le_bytes());
    bytes.extend_from_slice(&length(raw).to_le_bytes());
    bytes.extend_from_slice(&[codec, 0, 0, 0]);
    let digest = masked_crc(&[&bytes, stored]);
    bytes.extend_from_slice(&digest.to_le_bytes());
    bytes.extend_from_slice(stored);
    bytes
}

impl BlockHeader {
    /// Reads what is in front of a block; `None` in front of the trailer.
    pub fn decode(bytes: &[u8]) -> Result<Option<BlockHeader>, Invalid> {
        let malformed = Invalid::Malformed { what: "a block has no length" };
        let mut fields = Fields::new(bytes);
        let (stored, raw) = fields.u32().zip(fields.u32()).ok_or(malformed.clone())?;
        if (stored, raw) == (0, 0) {
            return Ok(None);
        }
        let largest = stored.max(raw);
        if largest > BLOCK_BYTES_MAX {
            let (found, max) = (u64::from(largest), u64::from(BLOCK_BYTES_MAX));
            return Err(Invalid::OverLimit { what: "a block", found, max });
        }
        let codec = fields.u8().ok_or(malformed.clone())?;
        let zeros = fields.array::<3>().ok_or(malformed.clone())?;
        let digest = fields.u32().ok_or(malformed)?;
        match (codec, zeros) {
            (PLAIN | ZSTD, [0, 0, 0]) => Ok(Some(BlockHeader { stored, raw, codec, digest })),
            _ => Err(Invalid::UnknownCodec { codec }),
        }
    }

    /// The content of a block, from what stands in the file.
    pub fn open(&self, stored: &[u8]) -> Result<Vec<u8>, Invalid> {
        let mut front = Vec::with_capacity(12);
        front.extend_from_slice(&self.stored.to_le_bytes());
        front.extend_from_slice(&self.raw.to_le_bytes());
        front.extend_from_slice(&[self.codec, 0, 0, 0]);
        let damaged = || Invalid::StoredDigest { section: "block".into() };
        if masked_crc(&[&front, stored]) != self.digest {
            return Err(damaged());
        }
        let raw = match self.codec {
            PLAIN => stored.to_vec(),
            _ => zstd::bulk::decompress(stored, self.raw as usize).map_err(|_| damaged())?,
        };
        if raw.len() == self.raw as usize { Ok(raw) } else { Err(damaged()) }
    }
}

impl Trailer {
    /// The trailer of a file of which so many bytes with so many blocks were written.
    pub fn encode(written: u64, blocks: u64, mut digest: Masked) -> ([u8; TRAILER_BYTES], Trailer) {
        let mut bytes = [0; TRAILER_BYTES];
        let length = written + TRAILER_BYTES as u64;
        bytes[8..16].copy_from_slice(&length.to_le_bytes());
        bytes[16..24].copy_from_slice(&blocks.to_le_bytes());
        digest.update(&bytes[..24]);
        let digest = digest.finish();
        bytes[24..28].copy_from_slice(&digest.to_le_bytes());
        let own = masked_crc(&[&bytes[..28]]);
        bytes[28..].copy_from_slice(&own.to_le_bytes());
        (bytes, Trailer { length, blocks, digest })
    }

    /// Reads a trailer.
    pub fn decode(bytes: &[u8]) -> Result<Trailer, Invalid> {
        let mut fields = Fields::new(bytes);
        let mut read = || {
            let zeros = fields.u64()?;
            let (length, blocks) = (fields.u64()?, fields.u64()?);
            let (digest, own) = (fields.u32()?, fields.u32()?);
            let is_whole = zeros == 0 && own == masked_crc(&[&bytes[..28]]);
            is_whole.then_some(Trailer { length, blocks, digest })
        };
        read().ok_or(Invalid::BadEnd)
    }
}
