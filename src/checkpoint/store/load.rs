//! Finding the newest checkpoint that can be believed, with everything that it builds on.
//!
//! A file that is damaged, foreign or from the future is passed over with its reason, and stays
//! where it is. An error of the system is no such reason: the file may be fine, and going on from
//! an older one could cost the newer one its outputs; so it ends the search.

use super::folder::Folder;
use super::names::Name;
use super::read::{self, Problem};
use super::spills::Depth;
use super::{Listed, Loaded, Refused, Restored, State};
use crate::checkpoint::format::{Decoded, Skimmed};
use crate::checkpoint::id::{CheckpointId, Sequence};
use crate::checkpoint::manifest::Form;
use crate::checkpoint::retention::Chain;
use crate::checkpoint::{Invalid, Section};
use crate::error::{Error, Result};
use crate::storage::mutants::{Mutant, is_on};
use std::collections::BTreeMap;

/// The most checkpoints that are read for one: four times as many as are ever chained.
pub const CHAIN_MAX: usize = 64;

/// Whether what is read is made durable before it is believed: the page cache may hold bytes that
/// never reached the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    /// Files are synced before they are read, the folder at the end.
    Synced,
    /// Nothing is changed, not even that.
    AsItIs,
}

/// Looks for the newest valid checkpoint.
pub(super) fn load(folder: &Folder, durability: Durability) -> Result<(Loaded, Listed)> {
    let listed = folder.list()?;
    let mut loaded =
        Loaded { newest: None, refused: Vec::new(), sequence_max: sequence_max(folder)? };
    for sequence in listed.keys().rev().copied() {
        match restore(folder, sequence, &listed, durability, Depth::Ends)? {
            Ok(restored) => {
                loaded.newest = Some(restored);
                break;
            }
            Err(reason) => loaded.refused.push(Refused { sequence, reason }),
        }
    }
    if durability == Durability::Synced {
        let synced = folder.storage.sync_directory(&folder.directory);
        synced.map_err(|cause| Error::io("sync the folder", &folder.directory, cause))?;
    }
    Ok((loaded, listed))
}

/// The largest number in any name of ours.
pub(super) fn sequence_max(folder: &Folder) -> Result<Sequence> {
    let numbers = folder.names()?.into_iter().filter_map(|name| match name {
        Name::Checkpoint(sequence)
        | Name::Temporary(sequence)
        | Name::Adoption { last: sequence, .. } => Some(sequence),
        Name::TemporaryInfo | Name::Arrival(_) | Name::Spill(_) => None,
    });
    Ok(numbers.max().unwrap_or_default().max(folder.sequence_marked()?))
}

/// One checkpoint with everything that it builds on.
pub(super) fn restore(
    folder: &Folder,
    sequence: Sequence,
    listed: &Listed,
    durability: Durability,
    depth: Depth,
) -> Result<Result<Restored, Invalid>> {
    let chain = match chain_of(sequence, listed) {
        Ok(chain) => chain,
        Err(invalid) => return Ok(Err(invalid)),
    };
    let restored = read_chain(folder, &chain, durability).and_then(|restored| {
        folder.check_spills(&restored.manifest, depth, durability)?;
        Ok(restored)
    });
    match restored {
        Ok(restored) => Ok(Ok(restored)),
        Err(Problem::Invalid(invalid)) => Ok(Err(invalid)),
        Err(Problem::Gone) => Ok(Err(Invalid::Missing)),
        Err(Problem::Io(cause)) => {
            let error = Error::io("read", &folder.path(sequence), cause);
            Err(error.with_hint("try again; if the disk is damaged, move that file away"))
        }
    }
}

/// The checkpoints that one consists of, itself first, as their ends describe them. Reads no file.
pub(super) fn chain_of(head: Sequence, listed: &Listed) -> Result<Vec<Skimmed>, Invalid> {
    let find = |sequence: Sequence| {
        let skimmed = listed.get(&sequence).ok_or(Invalid::Missing)?;
        skimmed.clone()
    };
    let mut chain = vec![find(head)?];
    let mut next = chain[0].parent;
    while let Some(expected) = next {
        let parent = expected.sequence;
        if chain.len() > CHAIN_MAX {
            return Err(Invalid::ChainTooLong { max: CHAIN_MAX });
        }
        let found = find(parent).map_err(|reason| of_parent(parent, reason))?;
        if found.id != expected && !is_on(Mutant::ParentDigestNotChecked) {
            return Err(Invalid::ParentDiffers { parent });
        }
        if found.instance != chain[0].instance {
            return Err(Invalid::ParentOfOtherInstance { parent });
        }
        next = found.parent;
        chain.push(found);
    }
    Ok(chain)
}

fn of_parent(parent: Sequence, reason: Invalid) -> Invalid {
    match reason {
        Invalid::Missing => Invalid::ParentMissing { parent },
        reason => Invalid::ParentInvalid { parent, reason: Box::new(reason) },
    }
}

/// One checkpoint and all that it builds on, itself first, each with the length of its file. Spills are not looked at.
pub(super) fn links(
    folder: &Folder,
    sequence: Sequence,
    listed: &Listed,
) -> Result<Result<Vec<(Decoded, u64)>, Invalid>> {
    let chain = match chain_of(sequence, listed) {
        Ok(chain) => chain,
        Err(invalid) => return Ok(Err(invalid)),
    };
    match read_links(folder, &chain, Durability::AsItIs) {
        Ok(links) => Ok(Ok(links)),
        Err(Problem::Invalid(invalid)) => Ok(Err(invalid)),
        Err(Problem::Gone) => Ok(Err(Invalid::Missing)),
        Err(Problem::Io(cause)) => Err(Error::io("read", &folder.path(sequence), cause)),
    }
}

/// Reads a chain from its head to its base and puts the parts of each state together.
fn read_chain(
    folder: &Folder,
    chain: &[Skimmed],
    durability: Durability,
) -> Result<Restored, Problem> {
    Ok(join(read_links(folder, chain, durability)?)?)
}

/// Reads a chain from its head to its base.
fn read_links(
    folder: &Folder,
    chain: &[Skimmed],
    durability: Durability,
) -> Result<Vec<(Decoded, u64)>, Problem> {
    let head = chain[0].id.sequence;
    let mut links = Vec::new();
    for skimmed in chain {
        let sequence = skimmed.id.sequence;
        let decoded = match read_same(folder, skimmed.id, durability) {
            Err(Problem::Invalid(reason)) if sequence != head => {
                return Err(of_parent(sequence, reason).into());
            }
            Err(Problem::Gone) if sequence != head => {
                return Err(Invalid::ParentMissing { parent: sequence }.into());
            }
            other => other?,
        };
        links.push((decoded, skimmed.length));
    }
    Ok(links)
}

/// Puts the parts of each state of a chain together; the head first, each with the length of its file.
pub fn join(links: Vec<(Decoded, u64)>) -> Result<Restored, Invalid> {
    let mut summed = Chain::default();
    for (link, length) in links.iter().rev() {
        let form = if link.checkpoint.parent.is_some() { Form::Delta } else { Form::Base };
        summed = summed.with(form, *length);
    }
    let mut links = links.into_iter().map(|(link, _)| link);
    let head = links.next().ok_or(Invalid::Missing)?;
    let mut states: Vec<State> = Vec::new();
    for section in head.checkpoint.sections {
        states.push(State { name: section.name.clone(), parts: vec![section] });
    }
    for link in links {
        build_on(&mut states, link.checkpoint.sections, link.id.sequence)?;
    }
    for state in &mut states {
        state.parts.reverse();
    }
    Ok(Restored { id: head.id, manifest: head.checkpoint.manifest, states, chain: summed })
}

/// Reads a checkpoint wholly; it must still be the one whose ends were read.
fn read_same(
    folder: &Folder,
    id: CheckpointId,
    durability: Durability,
) -> Result<Decoded, Problem> {
    let decoded = read::whole(folder, id.sequence, durability)?;
    if decoded.id == id { Ok(decoded) } else { Err(Invalid::FileDigest.into()) }
}

/// Gives every state that still lacks its base the part that its last one builds on.
fn build_on(states: &mut [State], sections: Vec<Section>, parent: Sequence) -> Result<(), Invalid> {
    let mut sections: BTreeMap<String, Section> =
        sections.into_iter().map(|section| (section.name.clone(), section)).collect();
    for state in states {
        if state.parts.last().is_none_or(|part| part.form == Form::Base) {
            continue;
        }
        let section = state.name.clone();
        let part = sections.remove(&state.name);
        state.parts.push(part.ok_or(Invalid::ParentLacksSection { parent, section })?);
    }
    Ok(())
}
