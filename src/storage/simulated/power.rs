//! Power cuts: which of the pending changes a disk happens to keep.
//!
//! The rules are those of POSIX alone: what was synced is kept; of the rest any subset may be, in
//! any order, bytes torn at sectors, lengths without their bytes. A rename is kept or lost as a
//! whole within one directory.

use crate::storage::clock::scramble;
use crate::storage::simulated::image::{Body, Change, DataChange, Image, Layers};

/// Which pending changes survive a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The first so many, in the order in which they were made: 0 keeps only what was synced.
    Prefix(usize),
    /// Change number i (up to 63) if bit i is set; later ones are lost.
    Chosen(u64),
    /// A random subset, with torn writes and garbage in extents that were never durable.
    Seeded(u64),
}

/// Bytes that a disk writes wholly or not at all.
const SECTOR: usize = 512;

/// The moments of all pending changes, in order.
pub(super) fn pending_moments(image: &Image) -> Vec<u64> {
    let mut moments: Vec<u64> = Vec::new();
    for node in &image.nodes {
        match &node.body {
            Body::File(layers) => moments.extend(layers.pending.iter().map(|(moment, _)| moment)),
            Body::Directory(layers) => {
                moments.extend(layers.pending.iter().map(|(moment, _)| moment));
            }
            Body::Link(_) | Body::Pipe => {}
        }
    }
    moments.sort_unstable();
    moments.dedup();
    moments
}

/// The disk after a power cut.
pub(super) fn cut(image: &Image, cut: Cut) -> Image {
    let moments = pending_moments(image);
    let mut random = Random(match cut {
        Cut::Seeded(seed) => seed,
        Cut::Prefix(_) | Cut::Chosen(_) => 0,
    });
    let mut kept: Vec<u64> = Vec::new();
    for (index, moment) in moments.into_iter().enumerate() {
        let survives = match cut {
            Cut::Prefix(count) => index < count,
            Cut::Chosen(mask) => index < 64 && mask & (1 << index) != 0,
            Cut::Seeded(_) => random.below(2) == 1,
        };
        if survives {
            kept.push(moment);
        }
    }
    let mut after = image.clone();
    for node in &mut after.nodes {
        match &mut node.body {
            Body::File(layers) => {
                let torn = matches!(cut, Cut::Seeded(_)).then_some(&mut random);
                cut_file(layers, &kept, torn);
            }
            Body::Directory(layers) => {
                layers.pending.retain(|(moment, _)| kept.contains(moment));
                layers.sync();
                layers.live = layers.durable.clone();
            }
            Body::Link(_) | Body::Pipe => {}
        }
    }
    after
}

fn cut_file(layers: &mut Layers<Vec<u8>, DataChange>, kept: &[u64], mut torn: Option<&mut Random>) {
    let durable_length = layers.durable.len();
    for (moment, change) in std::mem::take(&mut layers.pending) {
        let tears = torn.as_mut().is_some_and(|random| random.below(3) == 0);
        match (&mut torn, &change) {
            (Some(random), DataChange::Write { offset, bytes }) if tears => {
                tear(&mut layers.durable, durable_length, *offset, bytes, random);
            }
            _ if kept.contains(&moment) => change.apply(&mut layers.durable),
            _ => {}
        }
    }
    layers.live = layers.durable.clone();
}

/// Writes some sectors and not others; beyond `durable_length` a missing sector holds zeros or
/// garbage.
fn tear(
    state: &mut Vec<u8>,
    durable_length: usize,
    offset: usize,
    bytes: &[u8],
    random: &mut Random,
) {
    let end = offset + bytes.len();
    if state.len() < end {
        state.resize(end, 0);
    }
    let mut at = offset;
    while at < end {
        let next = end.min((at / SECTOR + 1) * SECTOR);
        match random.below(4) {
            0 | 1 => state[at..next].copy_from_slice(&bytes[at - offset..next - offset]),
            2 if at >= durable_length => {
                for byte in &mut state[at..next] {
                    *byte = random.next().to_le_bytes()[0];
                }
            }
            _ => {}
        }
        at = next;
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        scramble(self.0)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
