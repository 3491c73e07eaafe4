//! The identity of an input's content, as numbers.

use serde::{Deserialize, Serialize};

/// What is remembered of an input, to recognise it on resume. Made and compared in `source`, kept in checkpoints.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Bytes at the first start of the job.
    pub size: u64,
    /// Nanoseconds since 1970 of its last change; a difference alone is only a note.
    pub modified_ns: i64,
    /// Inode number; a difference alone is only a note.
    pub inode: u64,
    /// CRC-32 of the first 64 KiB (or of all, where there is less).
    pub head_crc: u32,
    /// How many bytes from the start are covered by `window_crc` and `segment_crcs`.
    pub consumed: u64,
    /// CRC-32 of the 64 KiB before `consumed` (or of all before it, where there is less).
    pub window_crc: u32,
    /// Whether `segment_crcs` cover every byte: the job began with `verify = "full"`, and stays with it.
    #[serde(default)]
    pub is_full: bool,
    /// For each 64 MiB begun: the CRC-32 of its sampled blocks (or, if `is_full`, of its bytes) so far.
    pub segment_crcs: Vec<u32>,
}
