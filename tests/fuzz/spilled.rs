//! Spills with right digests around wrong contents: some bytes of some blocks are replaced, the file is made anew, and so
//! are the checkpoints that name it.

use super::forged::{self, Stopped};
use crate::support::choices::Choices;
use crate::support::machine::FOLDER;
use onward::checkpoint::{Decoded, RunId, SpillEntry, SpillName, SpillReader, SpillWriter};
use onward::storage::simulated::SimulatedStorage;
use onward::storage::{OpenMode, Storage};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Forges spills of one of the jobs, and goes on with it.
pub fn target(jobs: &[Stopped], bytes: &[u8]) -> bool {
    let mut choices = Choices::new(bytes);
    let stopped = choices.pick(jobs);
    let disk = stopped.disk();
    let mut checkpoints = stopped.checkpoints();
    let newest = &checkpoints.last().expect("a stopped job has checkpoints").1.checkpoint.manifest;
    let (spills, instance) = (newest.spills.clone(), newest.instance);
    while !choices.is_empty() {
        let chosen = choices.below(spills.len());
        // Of a spill that was forged there is one already.
        let known = checkpoints[checkpoints.len() - 1].1.checkpoint.manifest.spills[chosen].clone();
        let forged = forge(&disk, &known, instance, &mut choices);
        checkpoints.iter_mut().for_each(|(_, decoded)| replace(decoded, &known, &forged));
    }
    forged::put(&disk, checkpoints);
    stopped.go_on(&disk)
}

fn path_of(entry: &SpillEntry) -> PathBuf {
    Path::new(FOLDER).join("checkpoints").join(&entry.name)
}

/// A forged spill: what it is now, and where its index begins, before and now.
struct Forged {
    entry: SpillEntry,
    index: [u64; 2],
}

/// Writes a spill anew with one of its blocks changed. The last block says where parts begin: that stays right, unless
/// it is the one that is changed.
fn forge(
    disk: &SimulatedStorage,
    entry: &SpillEntry,
    instance: RunId,
    choices: &mut Choices<'_>,
) -> Forged {
    let path = path_of(entry);
    let name = SpillName::parse(&entry.name).expect("a spill has such a name");
    let file = disk.open(&path, OpenMode::ReadOwn).expect("the spill is there");
    let reader = SpillReader::new(file, entry, name, &[instance]);
    let reader = reader.expect("readable").expect("a spill that was forged well");
    let mut blocks = Vec::new();
    let mut place = 0;
    while let Some(block) = reader.block(place).expect("readable").expect("its digest is right") {
        blocks.push((place, block.bytes));
        place = block.next;
    }
    let changed = choices.below(blocks.len());
    forged::forge_bytes(&mut blocks[changed].1, choices.byte() % 11, choices);

    disk.remove(&path).expect("removed");
    let folder = path.parent().expect("a folder");
    let writer = SpillWriter::create(Arc::new(disk.clone()), folder, name, instance);
    let mut writer = writer.expect("a new file");
    let mut places = vec![(blocks[0].0, writer.place()), (writer.place(), writer.place())];
    let end = blocks.len() - 1;
    for (at, (old, mut bytes)) in blocks.into_iter().enumerate() {
        places.push((old, writer.place()));
        if at == end && changed != end {
            move_places(&mut bytes, &places);
        }
        if bytes.is_empty() {
            bytes.push(0);
        }
        writer.append(&bytes).expect("written");
    }
    let index = places.last().map(|(old, new)| [*old, *new]).expect("a spill has blocks");
    let (entry, ..) = writer.finish().expect("written");
    Forged { entry, index }
}

/// Replaces places of blocks by those that the blocks have now.
fn move_places(bytes: &mut [u8], places: &[(u64, u64)]) {
    for chunk in bytes.chunks_exact_mut(8) {
        let old = u64::from_le_bytes((&*chunk).try_into().expect("chunks of 8"));
        if let Some((_, new)) = places.iter().find(|(known, _)| *known == old) {
            chunk.copy_from_slice(&new.to_le_bytes());
        }
    }
}

/// Makes a checkpoint name the forged spill, in its manifest and in its states.
fn replace(decoded: &mut Decoded, known: &SpillEntry, forged: &Forged) {
    let named = decoded.checkpoint.manifest.spills.iter_mut().filter(|entry| *entry == known);
    named.for_each(|entry| entry.clone_from(&forged.entry));
    let bytes_of = |entry: &SpillEntry| {
        [entry.length.to_le_bytes(), u64::from(entry.digest).to_le_bytes()].concat()
    };
    let (old, new) = (bytes_of(known), bytes_of(&forged.entry));
    for section in &mut decoded.checkpoint.sections {
        let found = section.bytes.windows(old.len()).position(|window| window == old);
        let Some(at) = found else { continue };
        section.bytes[at..at + new.len()].copy_from_slice(&new);
        let index = at + new.len()..at + new.len() + 8;
        if section.bytes.get(index.clone()) == Some(&forged.index[0].to_le_bytes()) {
            section.bytes[index].copy_from_slice(&forged.index[1].to_le_bytes());
        }
    }
}
