//! The section table: for each section what it is, how long it is, and its digests.

use super::fields::Fields;
use super::{Limits, SECTION_NAME_BYTES_MAX, SECTIONS_MAX};
use crate::checkpoint::Invalid;
use crate::checkpoint::manifest::Form;
use std::collections::BTreeSet;

/// The bit of a section's kind that says: refuse the file if this kind is unknown.
pub const CRITICAL: u32 = 1 << 31;

/// The kind of the manifest.
pub const MANIFEST: u32 = CRITICAL | 1;

/// The kind of a step's state.
pub const STATE: u32 = CRITICAL | 2;

/// One zstd frame.
pub const CODEC_ZSTD: u8 = 1;

/// Bytes of an entry without its name.
const ENTRY_BYTES: usize = 40;

/// One entry of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub id: u32,
    pub codec: u8,
    pub form: Form,
    pub version: u32,
    pub stored_length: u64,
    pub raw_length: u64,
    pub stored_digest: u32,
    pub raw_digest: u32,
    pub name: String,
}

impl Entry {
    pub fn encode(&self, table: &mut Vec<u8>) -> Result<(), Invalid> {
        let name_length = u16::try_from(self.name.len()).unwrap_or(u16::MAX);
        check_name(&self.name)?;
        table.extend(self.id.to_le_bytes());
        table.push(self.codec);
        table.push(match self.form {
            Form::Base => 0,
            Form::Delta => 1,
        });
        table.extend(name_length.to_le_bytes());
        table.extend(self.version.to_le_bytes());
        table.extend(0_u32.to_le_bytes());
        table.extend(self.stored_length.to_le_bytes());
        table.extend(self.raw_length.to_le_bytes());
        table.extend(self.stored_digest.to_le_bytes());
        table.extend(self.raw_digest.to_le_bytes());
        table.extend(self.name.as_bytes());
        Ok(())
    }

    fn decode(fields: &mut Fields<'_>) -> Result<Self, Invalid> {
        let malformed = |what| Invalid::Malformed { what };
        let mut fixed = Fields::new(fields.bytes(ENTRY_BYTES).ok_or(malformed(CUT_OFF))?);
        let (mut entry, form, name_length, reserved) =
            Self::understand(&mut fixed).expect("an entry's fields are 40 bytes");
        entry.form = match form {
            0 => Form::Base,
            1 => Form::Delta,
            _ => return Err(malformed("an unknown form of section")),
        };
        if reserved != 0 {
            return Err(malformed("a reserved field is used"));
        }
        let name = fields.bytes(name_length.into()).ok_or(malformed(CUT_OFF))?;
        entry.name = str::from_utf8(name).map_err(|_| malformed("a name is not UTF-8"))?.to_owned();
        check_name(&entry.name)?;
        Ok(entry)
    }

    fn understand(fields: &mut Fields<'_>) -> Option<(Self, u8, u16, u32)> {
        let id = fields.u32()?;
        let codec = fields.u8()?;
        let form = fields.u8()?;
        let name_length = fields.u16()?;
        let version = fields.u32()?;
        let reserved = fields.u32()?;
        let entry = Entry {
            id,
            codec,
            form: Form::Base,
            version,
            stored_length: fields.u64()?,
            raw_length: fields.u64()?,
            stored_digest: fields.u32()?,
            raw_digest: fields.u32()?,
            name: String::new(),
        };
        Some((entry, form, name_length, reserved))
    }
}

const CUT_OFF: &str = "the section table is cut off";

/// Reads a table of `count` sections that together fill `room` bytes.
pub(super) fn decode(
    table: &[u8],
    count: u32,
    room: u64,
    limits: &Limits,
) -> Result<Vec<Entry>, Invalid> {
    check_count(count)?;
    let mut fields = Fields::new(table);
    let mut entries: Vec<Entry> = Vec::new();
    let mut names = BTreeSet::new();
    let (mut stored, mut raw) = (0_u64, 0_u64);
    for _ in 0..count {
        let entry = Entry::decode(&mut fields)?;
        stored = stored.saturating_add(entry.stored_length);
        raw = raw.saturating_add(entry.raw_length);
        if !names.insert((entry.id, entry.name.clone())) {
            return Err(Invalid::Malformed { what: "two sections have one name" });
        }
        entries.push(entry);
    }
    if !fields.is_empty() || stored != room {
        return Err(Invalid::Malformed { what: "the sections do not fill the file" });
    }
    limits.check_raw(raw)?;
    Ok(entries)
}

/// Refuses more sections than are ever written.
pub(super) fn check_count(count: u32) -> Result<(), Invalid> {
    super::check_limit("the number of sections", count.into(), SECTIONS_MAX.into())
}

fn check_name(name: &str) -> Result<(), Invalid> {
    let max = SECTION_NAME_BYTES_MAX as u64;
    super::check_limit("a section's name in bytes", name.len() as u64, max)?;
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(Invalid::Malformed { what: "a section has no printable name" });
    }
    Ok(())
}
