//! The names and numbers that identify jobs, runs and checkpoints.

use crate::storage::clock::Clock;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// 16 random bytes, written as 32 hex digits: one run, or the first run of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RunId(pub [u8; 16]);

/// The number of a checkpoint in its folder, from 1 on; never used twice.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Sequence(pub u64);

/// The table digest and the file digest of a checkpoint file.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Digest(pub u64);

/// One checkpoint and no other: a file of the same name with other bytes has another digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CheckpointId {
    /// Its number.
    pub sequence: Sequence,
    /// What its bytes add up to.
    pub digest: Digest,
}

impl RunId {
    /// An id that no other run has.
    pub fn random(clock: &dyn Clock) -> Self {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&clock.random().to_le_bytes());
        bytes[8..].copy_from_slice(&clock.random().to_le_bytes());
        RunId(bytes)
    }

    /// Reads 32 hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = parse_hex(text)?;
        Some(RunId(bytes.try_into().ok()?))
    }
}

impl Sequence {
    /// The number after this one; `None` where numbers end.
    pub fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Sequence)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_hex(&self.0))
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for RunId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RunId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        RunId::parse(&text).ok_or_else(|| de::Error::custom("a run id is 32 hex digits"))
    }
}

/// Bytes as lower-case hex digits in JSON.
pub(super) mod hex_bytes {
    use super::{Deserialize, Deserializer, Serializer, de, parse_hex, to_hex};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&to_hex(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_hex(&text).ok_or_else(|| de::Error::custom("bytes are pairs of hex digits"))
    }
}

fn to_hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).expect("four bits are a hex digit");
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn parse_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let pairs = text.as_bytes().chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    pairs.map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_id_is_read_as_it_was_written_and_nothing_else_is() {
        let id = RunId(*b"\x00\x01\x7f\x80\xff\xaa0123456789");
        assert_eq!(RunId::parse(&id.to_string()), Some(id));
        for text in ["", "0", "00", &"g".repeat(32), &"A0".repeat(16), &"00".repeat(17)] {
            assert_eq!(RunId::parse(text), None, "{text}");
        }
    }
}
