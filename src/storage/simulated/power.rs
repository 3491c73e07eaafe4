//! Power cuts: what becomes of the pending changes of a disk.
//!
//! The rules are those of POSIX alone: what was synced is kept; of the rest any part may be, in any order, bytes torn at
//! sectors, lengths without their bytes. A rename is kept or lost as a whole within one directory. Which of all these
//! states there are after a power cut is up to `states`.

use crate::storage::clock::scramble;
use crate::storage::simulated::image::{Body, Bytes, Change, DataChange, Image, Layers};
use std::sync::Arc;

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

/// What becomes of one pending change. Names and lengths can only be kept or lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Survival {
    /// It is as if it had been synced.
    Kept,
    /// It is as if it had never been made.
    Lost,
    /// The file is as long as if it had been kept; what it did not have before is zeros.
    LengthOnly,
    /// Every sector of it has the new bytes, those of before, zeros, or garbage.
    Torn(u64),
    /// The file is as long as if it had been kept; every sector of the blocks that were written, also what was durable in
    /// them, holds random bytes or those of other files.
    Garbage(u64),
}

/// Bytes that a disk writes wholly or not at all.
const SECTOR: usize = 512;

/// Bytes that a file system writes at once: a part of them that was durable is written again.
const BLOCK: usize = 4096;

/// A change that is not durable yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pending {
    pub moment: u64,
    pub node: usize,
    pub kind: PendingKind,
}

/// What a pending change changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PendingKind {
    Name,
    Length,
    Write,
}

/// All pending changes, in order.
pub(super) fn pending(image: &Image) -> Vec<Pending> {
    let mut found: Vec<Pending> = Vec::new();
    for (node, inode) in image.nodes.iter().enumerate() {
        match &inode.body {
            Body::File(layers) => {
                let of_file = |(moment, change): &(u64, DataChange)| {
                    let kind = match change {
                        DataChange::Write { .. } => PendingKind::Write,
                        DataChange::Length(_) => PendingKind::Length,
                    };
                    Pending { moment: *moment, node, kind }
                };
                found.extend(layers.pending.iter().map(of_file));
            }
            Body::Directory(layers) => {
                let moments = layers.pending.iter().map(|(moment, _)| *moment);
                found.extend(moments.map(|moment| Pending {
                    moment,
                    node,
                    kind: PendingKind::Name,
                }));
            }
            Body::Link(_) | Body::Pipe => {}
        }
    }
    found.sort_unstable_by_key(|pending| pending.moment);
    found
}

/// What a choice means for each pending change.
pub(super) fn chosen(image: &Image, cut: Cut) -> Vec<Survival> {
    let pending = pending(image);
    let kept_if = |is_kept: bool| if is_kept { Survival::Kept } else { Survival::Lost };
    let mut random = Random::new(match cut {
        Cut::Seeded(seed) => seed,
        Cut::Prefix(_) | Cut::Chosen(_) => 0,
    });
    let survives = |(index, pending): (usize, &Pending)| match cut {
        Cut::Prefix(count) => kept_if(index < count),
        Cut::Chosen(mask) => kept_if(index < 64 && mask & (1 << index) != 0),
        Cut::Seeded(_) => random.survival(pending.kind),
    };
    pending.iter().enumerate().map(survives).collect()
}

/// The disk after a power cut; `survivals` says for each pending change what becomes of it.
pub(super) fn cut(image: &Image, survivals: &[Survival]) -> Image {
    let pending = pending(image);
    let survival = |moment: u64| {
        let found = pending.binary_search_by_key(&moment, |pending| pending.moment);
        found.ok().and_then(|index| survivals.get(index)).copied().unwrap_or(Survival::Lost)
    };
    let mut after = image.clone();
    for node in &mut after.nodes {
        match &mut node.body {
            Body::File(layers) if !layers.pending.is_empty() => {
                cut_file(layers, &survival, image);
            }
            Body::File(layers) => layers.live = Bytes::clone(&layers.durable),
            Body::Directory(layers) => {
                layers.pending.retain(|(moment, _)| survival(*moment) == Survival::Kept);
                layers.sync();
                layers.live = Arc::clone(&layers.durable);
            }
            Body::Link(_) | Body::Pipe => {}
        }
    }
    after.forget_nameless();
    after
}

fn cut_file(
    layers: &mut Layers<Bytes, DataChange>,
    survival: &dyn Fn(u64) -> Survival,
    image: &Image,
) {
    for (moment, change) in std::mem::take(&mut layers.pending) {
        match (survival(moment), &change) {
            (Survival::Kept, _) => change.apply(&mut layers.durable),
            (Survival::Lost, _) | (_, DataChange::Length(_)) => {}
            (Survival::LengthOnly, DataChange::Write { offset, bytes }) => {
                lengthen(Arc::make_mut(&mut layers.durable), offset + bytes.len());
            }
            (Survival::Torn(seed), DataChange::Write { offset, bytes }) => {
                tear(Arc::make_mut(&mut layers.durable), *offset, bytes, Random::new(seed));
            }
            (Survival::Garbage(seed), DataChange::Write { offset, bytes }) => {
                let end = offset + bytes.len();
                spoil(Arc::make_mut(&mut layers.durable), *offset, end, seed, image);
            }
        }
    }
    layers.live = Bytes::clone(&layers.durable);
}

fn lengthen(state: &mut Vec<u8>, end: usize) {
    if state.len() < end {
        state.resize(end, 0);
    }
}

/// Writes some sectors and not others; where nothing was before, a missing one holds zeros or garbage.
fn tear(state: &mut Vec<u8>, offset: usize, bytes: &[u8], mut random: Random) {
    let (end, length_before) = (offset + bytes.len(), state.len());
    lengthen(state, end);
    let mut at = offset;
    while at < end {
        let next = end.min((at / SECTOR + 1) * SECTOR);
        match random.below(4) {
            0 | 1 => state[at..next].copy_from_slice(&bytes[at - offset..next - offset]),
            2 if at >= length_before => random.fill(&mut state[at..next]),
            _ => {}
        }
        at = next;
    }
}

/// Puts something else into all sectors of the blocks from `offset` to `end`.
fn spoil(state: &mut Vec<u8>, offset: usize, end: usize, seed: u64, image: &Image) {
    let mut random = Random::new(seed);
    lengthen(state, end);
    let mut at = offset - offset % BLOCK;
    while at < end {
        let next = end.min((at / SECTOR + 1) * SECTOR);
        if random.below(2) == 0 {
            random.fill(&mut state[at..next]);
        } else {
            copy_stale(&mut state[at..next], &mut random, image);
        }
        at = next;
    }
}

/// What an earlier owner of the sector left there: bytes of some other file.
fn copy_stale(sector: &mut [u8], random: &mut Random, image: &Image) {
    let node = usize::try_from(random.below(image.nodes.len() as u64)).expect("below a length");
    let Body::File(layers) = &image.nodes[node].body else { return random.fill(sector) };
    let stale = layers.live.iter().chain(std::iter::repeat(&0));
    sector.iter_mut().zip(stale).for_each(|(byte, stale)| *byte = *stale);
}

/// SplitMix64.
pub(super) struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        scramble(self.0)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Anything that may become of a change.
    pub fn survival(&mut self, kind: PendingKind) -> Survival {
        let seed = self.next();
        match (kind, self.below(8)) {
            (_, 0..3) => Survival::Kept,
            (_, 3..5) | (PendingKind::Name | PendingKind::Length, _) => Survival::Lost,
            (PendingKind::Write, 5) => Survival::LengthOnly,
            (PendingKind::Write, 6) => Survival::Torn(seed),
            (PendingKind::Write, _) => Survival::Garbage(seed),
        }
    }

    fn fill(&mut self, sector: &mut [u8]) {
        sector.iter_mut().for_each(|byte| *byte = self.next().to_le_bytes()[0]);
    }
}
