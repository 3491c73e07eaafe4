//! A section's bytes as one zstd frame, both ways.

use super::fields::masked_crc;
use super::table::Entry;
use crate::checkpoint::Invalid;
use std::io::Write;
use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};
use zstd::zstd_safe::DParameter;

/// Fast; columnar state shrinks to a quarter and higher levels gain next to nothing.
const LEVEL: i32 = 1;

/// Windows of at most 8 MiB: level 1 uses less, and a forged frame must not ask for more.
const WINDOW_LOG_MAX: u32 = 23;

/// Every frame starts with it; skippable frames do not.
const FRAME_MAGIC: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();

/// Decompressed bytes are taken in such portions, so that memory grows only with bytes that really
/// come.
const PORTION_BYTES: usize = 128 << 10;

/// Appends `raw` to `file` as one frame; returns its length.
pub(super) fn append(raw: &[u8], file: &mut Vec<u8>) -> u64 {
    let start = file.len();
    let mut encoder = zstd::Encoder::new(&mut *file, LEVEL).expect("level 1 exists");
    encoder.set_pledged_src_size(Some(raw.len() as u64)).expect("nothing was written yet");
    encoder.write_all(raw).expect("memory takes any bytes");
    encoder.finish().expect("as many bytes as pledged");
    (file.len() - start) as u64
}

/// What a frame decompresses to, checked against its entry.
pub(super) fn decompress(stored: &[u8], entry: &Entry) -> Result<Vec<u8>, Invalid> {
    let section = || entry.name.clone();
    let raw = decompress_one(stored, entry.raw_length);
    let raw = raw.ok_or_else(|| Invalid::BadFrame { section: section() })?;
    if masked_crc(&[&raw]) != entry.raw_digest {
        return Err(Invalid::RawDigest { section: section() });
    }
    Ok(raw)
}

/// `None` unless `stored` is exactly one frame of exactly `length` bytes.
fn decompress_one(stored: &[u8], length: u64) -> Option<Vec<u8>> {
    if !stored.starts_with(&FRAME_MAGIC) {
        return None;
    }
    let mut decoder = Decoder::new().ok()?;
    decoder.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX)).ok()?;
    let mut input = InBuffer::around(stored);
    let mut portion = vec![0; PORTION_BYTES];
    let mut raw = Vec::new();
    loop {
        let mut output = OutBuffer::around(&mut portion[..]);
        let missing = decoder.run(&mut input, &mut output).ok()?;
        let produced = output.as_slice();
        raw.extend_from_slice(produced);
        if raw.len() as u64 > length {
            return None;
        }
        if missing == 0 {
            break;
        }
        if produced.is_empty() && input.pos() == stored.len() {
            return None;
        }
    }
    (input.pos() == stored.len() && raw.len() as u64 == length).then_some(raw)
}
