//! The two ends of a checkpoint file: the header and the trailer, both ways.

use super::fields::{Fields, masked_crc};
use crate::checkpoint::Invalid;
use crate::checkpoint::id::{CheckpointId, Digest, RunId, Sequence};
use crate::checkpoint::manifest::Form;
use crate::storage::mutants::{Mutant, is_on};

/// Not text (0x89), broken by newline translation (CR LF, LF), ends a DOS listing (0x1A).
pub const MAGIC: [u8; 8] = *b"\x89ONW\r\n\x1a\n";

/// The magic backwards.
pub const END_MAGIC: [u8; 8] = *b"\n\x1a\n\rWNO\x89";

/// Bytes of the header.
pub const HEADER_BYTES: usize = 64;

/// Bytes of the trailer.
pub const TRAILER_BYTES: usize = 56;

/// The format version that is written, and the newest that is read.
pub const VERSION: u16 = 1;

/// Incompatible feature bits that this version understands.
const FEATURES_KNOWN: u32 = 0;

/// The first 64 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub form: Form,
    pub sections: u32,
    pub sequence: Sequence,
    pub instance: RunId,
    pub length: u64,
    pub semantics: u32,
}

/// The last 56 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trailer {
    pub table_length: u64,
    pub length: u64,
    pub sequence: Sequence,
    pub parent: Option<CheckpointId>,
    pub table_digest: u32,
    pub file_digest: u32,
}

impl Header {
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let form = match self.form {
            Form::Base => 0,
            Form::Delta => 1,
        };
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend([form, 0]);
        bytes.extend(0_u32.to_le_bytes());
        bytes.extend(0_u32.to_le_bytes());
        bytes.extend(self.sections.to_le_bytes());
        bytes.extend(self.sequence.0.to_le_bytes());
        bytes.extend(self.instance.0);
        bytes.extend(self.length.to_le_bytes());
        bytes.extend(self.semantics.to_le_bytes());
        bytes.extend(masked_crc(&[&bytes]).to_le_bytes());
        bytes.try_into().expect("the fields of a header are 64 bytes")
    }

    /// Reads and checks the header of a file of `found` bytes. The digest comes before the version:
    /// in every version the first 64 bytes have this layout.
    pub fn decode(bytes: &[u8], found: u64) -> Result<Self, Invalid> {
        let (body, digest) = bytes
            .first_chunk::<HEADER_BYTES>()
            .and_then(|header| header.split_last_chunk::<4>())
            .ok_or(Invalid::TooShort { length: found })?;
        if !body.starts_with(&MAGIC) {
            return Err(Invalid::BadMagic);
        }
        if masked_crc(&[body]) != u32::from_le_bytes(*digest) {
            return Err(Invalid::HeaderDigest);
        }
        Self::understand(body).expect("a header's fields are 60 bytes").and_then(|header| {
            let stated = header.length;
            if stated == found { Ok(header) } else { Err(Invalid::LengthDiffers { stated, found }) }
        })
    }

    /// `None` where bytes are missing.
    fn understand(body: &[u8]) -> Option<Result<Self, Invalid>> {
        let mut fields = Fields::new(body.get(MAGIC.len()..)?);
        let version = fields.u16()?;
        let form = fields.u8()?;
        let reserved = fields.u8()?;
        let incompatible = fields.u32()?;
        let _compatible = fields.u32()?;
        let header = Header {
            form: if form == 0 { Form::Base } else { Form::Delta },
            sections: fields.u32()?,
            sequence: Sequence(fields.u64()?),
            instance: RunId(fields.array()?),
            length: fields.u64()?,
            semantics: fields.u32()?,
        };
        let unknown = incompatible & !FEATURES_KNOWN;
        let malformed = |what| Err(Invalid::Malformed { what });
        Some(if version > VERSION {
            Err(Invalid::NewerVersion { version })
        } else if version == 0 {
            malformed("format version 0")
        } else if unknown != 0 {
            Err(Invalid::UnknownFeatures { bits: unknown })
        } else if form > 1 || reserved != 0 {
            malformed("an unknown kind of checkpoint")
        } else if header.sequence.0 == 0 {
            malformed("sequence number 0")
        } else {
            Ok(header)
        })
    }
}

impl Trailer {
    /// All but the file digest, which covers these bytes too, and the end magic.
    pub fn encode_open(&self) -> Vec<u8> {
        let (parent, digest) = self.parent.map_or((0, 0), |id| (id.sequence.0, id.digest.0));
        let mut bytes = Vec::with_capacity(TRAILER_BYTES);
        bytes.extend(self.table_length.to_le_bytes());
        bytes.extend(self.length.to_le_bytes());
        bytes.extend(self.sequence.0.to_le_bytes());
        bytes.extend(parent.to_le_bytes());
        bytes.extend(digest.to_le_bytes());
        bytes.extend(self.table_digest.to_le_bytes());
        bytes
    }

    /// Reads the last 56 bytes of a file and checks them against its header. The digests are not
    /// checked here.
    pub fn decode(bytes: &[u8], header: &Header) -> Result<Self, Invalid> {
        let last: &[u8; TRAILER_BYTES] =
            bytes.last_chunk().ok_or(Invalid::TooShort { length: header.length })?;
        let (trailer, parent, digest) =
            Self::understand(last).expect("a trailer's fields are 48 bytes");
        if !last.ends_with(&END_MAGIC) && !is_on(Mutant::TrailerNotChecked) {
            return Err(Invalid::BadEnd);
        }
        if trailer.length != header.length || trailer.sequence != header.sequence {
            return Err(Invalid::TrailerDiffers);
        }
        let parent = match (header.form, parent) {
            (Form::Base, 0) if digest == 0 => None,
            (Form::Delta, 1..) => {
                Some(CheckpointId { sequence: Sequence(parent), digest: Digest(digest) })
            }
            _ => {
                return Err(Invalid::Malformed { what: "a delta needs a parent and a base none" });
            }
        };
        if let Some(CheckpointId { sequence, .. }) = parent
            && sequence >= header.sequence
        {
            return Err(Invalid::ParentNotOlder { parent: sequence });
        }
        Ok(Trailer { parent, ..trailer })
    }

    fn understand(bytes: &[u8]) -> Option<(Self, u64, u64)> {
        let mut fields = Fields::new(bytes);
        let table_length = fields.u64()?;
        let length = fields.u64()?;
        let sequence = Sequence(fields.u64()?);
        let (parent, digest) = (fields.u64()?, fields.u64()?);
        let trailer = Trailer {
            table_length,
            length,
            sequence,
            parent: None,
            table_digest: fields.u32()?,
            file_digest: fields.u32()?,
        };
        Some((trailer, parent, digest))
    }

    /// What the checkpoint is known by to its children.
    pub fn digest(&self) -> Digest {
        Digest(u64::from(self.table_digest) << 32 | u64::from(self.file_digest))
    }
}
