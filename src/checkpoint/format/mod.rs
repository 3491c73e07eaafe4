//! A checkpoint as bytes, and back. `FORMAT.md` says which bytes; nothing here touches a file.
//!
//! Reading is hostile: nothing is believed before it is checked, sums cannot overflow, and memory
//! grows with bytes that are really there. A file is valid if and only if every digest, every
//! length and every number agrees.

mod alone;

mod ends;

pub(super) mod fields;

mod frame;

mod table;

#[cfg(test)]
mod forgery_tests;

#[cfg(test)]
mod tests;

pub use alone::Ends;
pub use ends::{HEADER_BYTES, TRAILER_BYTES, VERSION};

use crate::checkpoint::draft::{Content, Draft, DraftSection};
use crate::checkpoint::id::{CheckpointId, Digest, RunId, Sequence};
use crate::checkpoint::manifest::{Form, Manifest};
use crate::checkpoint::{Checkpoint, Invalid, Section};
use crate::storage::mutants::{Mutant, is_on};
use ends::{END_MAGIC, Header, Trailer};
use fields::masked_crc;
use frame::Appended;
use table::{CODEC_ZSTD, CRITICAL, Entry, MANIFEST, STATE};

/// The most sections of a file: far more than a job has steps.
pub const SECTIONS_MAX: u32 = 4096;

/// The longest name of a section.
pub const SECTION_NAME_BYTES_MAX: usize = 255;

/// The longest manifest, decompressed: a hundred thousand inputs with their fingerprints fit.
pub const MANIFEST_BYTES_MAX: u64 = 64 << 20;

/// Manifests may have so many commas, and one more for every ten bytes: a value in memory is much
/// larger than its shortest JSON, and this keeps the ratio small for forged ones.
const MANIFEST_COMMAS_FREE: u64 = 1 << 17;

/// The version of the manifest section.
const MANIFEST_VERSION: u32 = 1;

/// How much of a file is read at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a file.
    pub file_bytes_max: u64,
    /// Decompressed bytes of all sections of a file together.
    pub raw_bytes_max: u64,
}

impl Default for Limits {
    /// 16 GiB each: state lives in memory, and no more is ever asked for than the file really
    /// decompresses to.
    fn default() -> Self {
        Limits { file_bytes_max: 16 << 30, raw_bytes_max: 16 << 30 }
    }
}

/// A checkpoint with what its file says about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// Its number and digest.
    pub id: CheckpointId,
    /// Manifest, state and parent.
    pub checkpoint: Checkpoint,
}

/// What the two ends of a file say: enough to find chains, not to trust the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skimmed {
    /// Its number and digest.
    pub id: CheckpointId,
    /// The checkpoint that it builds on.
    pub parent: Option<CheckpointId>,
    /// The job's first run.
    pub instance: RunId,
    /// Bytes of the file.
    pub length: u64,
}

/// The bytes of a checkpoint with a given number, and its digest.
pub fn encode(checkpoint: &Checkpoint, sequence: Sequence) -> Result<(Vec<u8>, Digest), Invalid> {
    encode_draft(Draft::from(checkpoint.clone()), sequence)
}

/// The bytes of a checkpoint with a given number, and its digest. What is written of its states is compressed at once.
pub fn encode_draft(draft: Draft, sequence: Sequence) -> Result<(Vec<u8>, Digest), Invalid> {
    let Draft { manifest, sections, parent } = draft;
    let count = u32::try_from(sections.len() + 1).unwrap_or(u32::MAX);
    table::check_count(count)?;
    check_forms(sections.iter().map(|section| section.form), parent)?;
    let (instance, semantics) = (manifest.instance, manifest.semantics);
    let manifest = serde_json::to_vec(&manifest).expect("a manifest is plain data");
    check_manifest(&manifest)?;

    let mut file = vec![0; HEADER_BYTES];
    let mut table = Vec::new();
    let content: Box<dyn Content> = Box::new(manifest);
    let name = "manifest".to_owned();
    let manifest = DraftSection { name, form: Form::Base, version: MANIFEST_VERSION, content };
    append(&mut file, MANIFEST, manifest).encode(&mut table)?;
    for section in sections {
        append(&mut file, STATE, section).encode(&mut table)?;
    }

    let length = (file.len() + table.len() + TRAILER_BYTES) as u64;
    let header = Header {
        form: if parent.is_some() { Form::Delta } else { Form::Base },
        sections: count,
        sequence,
        instance,
        length,
        semantics,
    };
    let header = header.encode();
    let mut trailer = Trailer {
        table_length: table.len() as u64,
        length,
        sequence,
        parent,
        table_digest: masked_crc(&[&header, &table]),
        file_digest: 0,
    };
    file[..HEADER_BYTES].copy_from_slice(&header);
    file.extend(table);
    file.extend(trailer.encode_open());
    trailer.file_digest = masked_crc(&[&file]);
    file.extend(trailer.file_digest.to_le_bytes());
    file.extend(END_MAGIC);
    Ok((file, trailer.digest()))
}

/// Appends a section and returns its entry.
fn append(file: &mut Vec<u8>, id: u32, section: DraftSection) -> Entry {
    let DraftSection { name, form, version, content } = section;
    let Appended { raw_length, raw_digest, stored_length, stored_digest } =
        frame::append(file, |take| content.write(take));
    Entry {
        id,
        codec: CODEC_ZSTD,
        form,
        version,
        stored_length,
        raw_length,
        stored_digest,
        raw_digest,
        name,
    }
}

/// Reads a whole file and checks all of it, except that it does not look at the parent.
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Decoded, Invalid> {
    read(bytes, limits, frame::decompress)
}

/// Checks all of a file as [`decode`] does, and keeps nothing but who it is.
pub fn check(bytes: &[u8], limits: &Limits) -> Result<CheckpointId, Invalid> {
    let keep_none = |stored: &[u8], entry: &Entry| frame::check(stored, entry).map(|()| Vec::new());
    Ok(read(bytes, limits, keep_none)?.id)
}

/// Reads a whole file; `take_state` checks a section of state and answers what shall be kept of it.
fn read(
    bytes: &[u8],
    limits: &Limits,
    take_state: impl Fn(&[u8], &Entry) -> Result<Vec<u8>, Invalid>,
) -> Result<Decoded, Invalid> {
    let length = bytes.len() as u64;
    check_length(length, limits)?;
    if bytes.len() < HEADER_BYTES + TRAILER_BYTES {
        return Err(Invalid::TooShort { length });
    }
    let header = Header::decode(bytes, length)?;
    let trailer = Trailer::decode(bytes, &header)?;
    let (body, table) = split_table(bytes, &trailer)?;
    if masked_crc(&[&bytes[..HEADER_BYTES], table]) != trailer.table_digest {
        return Err(Invalid::TableDigest);
    }
    let entries = table::decode(table, header.sections, body.len() as u64, limits)?;
    let stored = check_stored(body, &entries)?;
    // The file digest lies right before the end magic and covers everything before itself.
    if masked_crc(&[&bytes[..bytes.len() - END_MAGIC.len() - 4]]) != trailer.file_digest
        && !is_on(Mutant::TrailerNotChecked)
    {
        return Err(Invalid::FileDigest);
    }

    let mut manifest = None;
    let mut sections = Vec::new();
    for (entry, stored) in entries.into_iter().zip(stored) {
        check_kind(&entry)?;
        match entry.id {
            MANIFEST if manifest.is_some() => {
                return Err(Invalid::Malformed { what: "two manifests" });
            }
            MANIFEST => manifest = Some(decode_manifest(stored, &entry)?),
            STATE => sections.push(Section {
                bytes: take_state(stored, &entry)?,
                name: entry.name,
                form: entry.form,
                version: entry.version,
            }),
            _ => {}
        }
    }
    let manifest = manifest.ok_or(Invalid::Malformed { what: "no manifest" })?;
    if manifest.instance != header.instance || manifest.semantics != header.semantics {
        return Err(Invalid::InstanceDiffers);
    }
    check_forms(sections.iter().map(|section| section.form), trailer.parent)?;
    Ok(Decoded {
        id: CheckpointId { sequence: header.sequence, digest: trailer.digest() },
        checkpoint: Checkpoint { manifest, sections, parent: trailer.parent },
    })
}

/// What the first [`HEADER_BYTES`] and the last [`TRAILER_BYTES`] of a file of `length` bytes say.
pub fn skim(first: &[u8], last: &[u8], length: u64) -> Result<Skimmed, Invalid> {
    if length < (HEADER_BYTES + TRAILER_BYTES) as u64 {
        return Err(Invalid::TooShort { length });
    }
    let header = Header::decode(first, length)?;
    let trailer = Trailer::decode(last, &header)?;
    Ok(Skimmed {
        id: CheckpointId { sequence: header.sequence, digest: trailer.digest() },
        parent: trailer.parent,
        instance: header.instance,
        length,
    })
}

/// The length that a header states, for [`Mutant::TrailingBytesAccepted`].
pub fn stated_length(header: &[u8; HEADER_BYTES]) -> Option<u64> {
    let length = header.get(48..56)?.first_chunk()?;
    Some(u64::from_le_bytes(*length))
}

/// Refuses a file that is longer than is ever written.
pub fn check_length(length: u64, limits: &Limits) -> Result<(), Invalid> {
    check_limit("its length in bytes", length, limits.file_bytes_max)
}

/// The bytes of the sections, and those of the table.
fn split_table<'a>(bytes: &'a [u8], trailer: &Trailer) -> Result<(&'a [u8], &'a [u8]), Invalid> {
    let inner = &bytes[HEADER_BYTES..bytes.len() - TRAILER_BYTES];
    let start = usize::try_from(trailer.table_length)
        .ok()
        .and_then(|table| inner.len().checked_sub(table))
        .ok_or(Invalid::Malformed { what: "the section table is longer than the file" })?;
    Ok(inner.split_at(start))
}

/// The stored bytes of each section, all of them as they were written.
fn check_stored<'a>(mut body: &'a [u8], entries: &[Entry]) -> Result<Vec<&'a [u8]>, Invalid> {
    let mut parts = Vec::with_capacity(entries.len());
    for entry in entries {
        let length = usize::try_from(entry.stored_length).unwrap_or(usize::MAX);
        let (stored, rest) = body.split_at_checked(length).expect("the lengths add up to the body");
        if masked_crc(&[stored]) != entry.stored_digest {
            return Err(Invalid::StoredDigest { section: entry.name.clone() });
        }
        parts.push(stored);
        body = rest;
    }
    Ok(parts)
}

fn check_kind(entry: &Entry) -> Result<(), Invalid> {
    let known = matches!(entry.id, MANIFEST | STATE);
    let newer_manifest = entry.id == MANIFEST && entry.version > MANIFEST_VERSION;
    if entry.id & CRITICAL != 0 && !known || newer_manifest {
        return Err(Invalid::UnknownSection { id: entry.id });
    }
    if known && entry.codec != CODEC_ZSTD {
        return Err(Invalid::UnknownCodec { codec: entry.codec });
    }
    Ok(())
}

fn decode_manifest(stored: &[u8], entry: &Entry) -> Result<Manifest, Invalid> {
    check_limit("the manifest in bytes", entry.raw_length, MANIFEST_BYTES_MAX)?;
    let json = frame::decompress(stored, entry)?;
    check_manifest(&json)?;
    let manifest: Manifest = serde_json::from_slice(&json).map_err(|error| {
        let plain = |c: char| if c.is_control() { '?' } else { c };
        let problem = error.to_string().chars().take(200).map(plain).collect();
        Invalid::Manifest { problem }
    })?;
    match manifest.has_sound_numbers() {
        true => Ok(manifest),
        false => Err(Invalid::Malformed { what: "a number of the manifest is too large" }),
    }
}

fn check_manifest(json: &[u8]) -> Result<(), Invalid> {
    let length = json.len() as u64;
    check_limit("the manifest in bytes", length, MANIFEST_BYTES_MAX)?;
    let commas = memchr::memchr_iter(b',', json).count() as u64;
    let max = MANIFEST_COMMAS_FREE + length / 10;
    check_limit("the number of values in the manifest", commas, max)
}

/// Changes need something that they change.
fn check_forms(
    mut forms: impl Iterator<Item = Form>,
    parent: Option<CheckpointId>,
) -> Result<(), Invalid> {
    let has_delta = forms.any(|form| form == Form::Delta);
    if has_delta && parent.is_none() {
        return Err(Invalid::Malformed { what: "a section holds changes and there is no parent" });
    }
    Ok(())
}

fn check_limit(what: &'static str, found: u64, max: u64) -> Result<(), Invalid> {
    if found > max { Err(Invalid::OverLimit { what, found, max }) } else { Ok(()) }
}

impl Limits {
    fn check_raw(&self, raw: u64) -> Result<(), Invalid> {
        check_limit("the decompressed length", raw, self.raw_bytes_max)
    }
}
