//! A section's bytes as one zstd frame, both ways.

use super::fields::{Masked, masked_crc};
use super::table::Entry;
use crate::checkpoint::Invalid;
use std::io::Write as _;
use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};
use zstd::stream::write::Encoder;
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

/// Lengths and digests of a frame that was appended.
pub(super) struct Appended {
    pub raw_length: u64,
    pub raw_digest: u32,
    pub stored_length: u64,
    pub stored_digest: u32,
}

/// Appends what `write` hands out to `file` as one frame.
pub(super) fn append(file: &mut Vec<u8>, write: impl FnOnce(&mut dyn FnMut(&[u8]))) -> Appended {
    const MEMORY: &str = "memory takes everything";
    let start = file.len();
    let mut encoder = Encoder::new(&mut *file, LEVEL).expect("the level is one of zstd's");
    let (mut raw_length, mut digest) = (0, Masked::default());
    write(&mut |portion| {
        raw_length += portion.len() as u64;
        digest.update(portion);
        encoder.write_all(portion).expect(MEMORY);
    });
    encoder.finish().expect(MEMORY);
    let stored = &file[start..];
    Appended {
        raw_length,
        raw_digest: digest.finish(),
        stored_length: stored.len() as u64,
        stored_digest: masked_crc(&[stored]),
    }
}

/// What a frame decompresses to, checked against its entry.
pub(super) fn decompress(stored: &[u8], entry: &Entry) -> Result<Vec<u8>, Invalid> {
    let mut raw = Vec::new();
    let found = decompress_one(stored, entry.raw_length, |portion| raw.extend_from_slice(portion));
    check_found(found, entry)?;
    Ok(raw)
}

/// Checks a frame against its entry, without keeping what it decompresses to.
pub(super) fn check(stored: &[u8], entry: &Entry) -> Result<(), Invalid> {
    check_found(decompress_one(stored, entry.raw_length, |_| {}), entry)
}

fn check_found(digest: Option<u32>, entry: &Entry) -> Result<(), Invalid> {
    let section = || entry.name.clone();
    match digest {
        None => Err(Invalid::BadFrame { section: section() }),
        Some(digest) if digest != entry.raw_digest => {
            Err(Invalid::RawDigest { section: section() })
        }
        Some(_) => Ok(()),
    }
}

/// Hands out what a frame decompresses to, and answers its digest; `None` unless `stored` is exactly one frame of exactly
/// `length` bytes. No more than that is handed out.
fn decompress_one(stored: &[u8], length: u64, mut take: impl FnMut(&[u8])) -> Option<u32> {
    if !stored.starts_with(&FRAME_MAGIC) {
        return None;
    }
    let mut decoder = Decoder::new().ok()?;
    decoder.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX)).ok()?;
    let mut input = InBuffer::around(stored);
    let mut portion = vec![0; PORTION_BYTES];
    let mut digest = Masked::default();
    let mut taken = 0;
    loop {
        let mut output = OutBuffer::around(&mut portion[..]);
        let missing = decoder.run(&mut input, &mut output).ok()?;
        let produced = output.as_slice();
        taken += produced.len() as u64;
        if taken > length {
            return None;
        }
        digest.update(produced);
        take(produced);
        if missing == 0 {
            break;
        }
        if produced.is_empty() && input.pos() == stored.len() {
            return None;
        }
    }
    (input.pos() == stored.len() && taken == length).then(|| digest.finish())
}
