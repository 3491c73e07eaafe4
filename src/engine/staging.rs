//! Bringing what an older checkpoint had written into the staged files, where only what was published holds it.
//!
//! Invariants:
//! - what the newest checkpoint needs of a staged file stays as it is: bytes are only written behind that;
//! - when this returns, all that the older one had written is durable in the staged files.

use super::output::{is_untouched, known, mark_of};
use super::partitions::attach_tails;
use super::prefix::{Bytes, Home, Prefix, copy};
use super::rewinding::claim;
use super::world::World;
use crate::checkpoint::{Manifest, Phase, Restored};
use crate::error::{Error, Result};
use crate::job::Job;
use crate::sink::{self, Mark, Mismatch, StagedFile};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// What the checkpoint that a run would go on from needs of a staged file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// The bytes up to a mark; a run cuts what stands behind it.
    Prefix(Mark),
    /// The whole file, just as it is: it is only to be published.
    Whole,
}

/// What the newest checkpoint needs, by the role of the output; nothing of those that are not named.
pub fn needed(
    job: &Job,
    world: &World,
    newest: Option<&Restored>,
) -> Result<BTreeMap<String, Need>> {
    let mut needed = BTreeMap::new();
    let Some(Restored { manifest, states, .. }) = newest else { return Ok(needed) };
    let mut entries = manifest.outputs.clone();
    match manifest.phase {
        Phase::Done => {}
        Phase::Reading | Phase::Draining => {
            attach_tails(&mut entries, states)?;
            for (plan, entry) in known(job, &entries)? {
                if let Some(entry) = entry.filter(|entry| !is_untouched(&plan, entry)) {
                    needed.insert(entry.name.clone(), Need::Prefix(mark_of(entry)?));
                }
            }
        }
        Phase::Publishing => {
            for (plan, entry) in known(job, &entries)? {
                let Some(entry) = entry else { continue };
                let mark = Mark { length: entry.length, crc: entry.crc, tail: Vec::new() };
                if !sink::is_published(&*world.storage, &plan.name(""), &mark)? {
                    needed.insert(entry.name.clone(), Need::Whole);
                }
            }
        }
    }
    Ok(needed)
}

/// Brings what was published into staged files, and makes them durable. Returns those in which there was nothing that is
/// needed: where the checkpoint is not saved then, they can be removed.
pub fn stage_published(
    world: &World,
    manifest: &Manifest,
    found: &[Prefix],
    needed: &BTreeMap<String, Need>,
) -> Result<Vec<PathBuf>> {
    let instance = manifest.instance.to_string();
    let mut made: Vec<PathBuf> = Vec::new();
    let mut folders: BTreeSet<PathBuf> = BTreeSet::new();
    let staged = found.iter().try_for_each(|prefix| {
        let name = prefix.plan.name(&instance);
        match &prefix.home {
            Home::Nowhere => return Ok(()),
            // Written perhaps by a run that was killed before it could sync it.
            Home::Staged(bytes) => bytes.file.sync_all(),
            Home::Published(bytes) => {
                let kept = match needed.get(&prefix.plan.role) {
                    None => Mark::default(),
                    Some(Need::Prefix(mark)) => mark.clone(),
                    Some(Need::Whole) => return Err(parted(prefix)),
                };
                if kept.length == 0 {
                    made.push(name.staged.clone());
                }
                extend(world, &instance, prefix, bytes, &kept)?.handle().sync_all()
            }
        }
        .map_err(|cause| Error::io("sync", &name.staged, cause))?;
        folders.insert(name.folder);
        Ok(())
    });
    let synced = staged.and_then(|()| {
        folders.iter().try_for_each(|folder| {
            let syncing = |cause| Error::io("sync the folder", folder, cause);
            world.storage.sync_directory(folder).map_err(syncing)
        })
    });
    if synced.is_err() {
        made.iter().for_each(|path| drop(world.storage.remove(path)));
    }
    synced.map(|()| made)
}

/// Appends to the bytes that are needed of a staged file what the older checkpoint has written behind them.
fn extend(
    world: &World,
    instance: &str,
    prefix: &Prefix,
    bytes: &Bytes,
    kept: &Mark,
) -> Result<StagedFile> {
    let is_same = kept.length <= prefix.mark.length && copy(bytes, kept, &mut |_, _| Ok(()))?;
    if !is_same {
        return Err(parted(prefix));
    }
    let mut staged = match prefix.plan.inspect(world, instance, kept)? {
        Ok(mut inspected) => {
            claim(world, &mut inspected)?;
            inspected.rewind()?
        }
        Err(Mismatch::Missing) if kept.length == 0 => {
            StagedFile::create(&*world.storage, prefix.plan.name(instance))?
        }
        Err(mismatch) => {
            let path = prefix.plan.name(instance).staged;
            let message = format!("the unfinished output `{}`: {mismatch}", path.display());
            return Err(Error::refused(message));
        }
    };
    let is_same = copy(bytes, &prefix.mark, &mut |portion, place| {
        let passed = staged.length().saturating_sub(place);
        let passed = usize::try_from(passed).unwrap_or(usize::MAX).min(portion.len());
        staged.append(&portion[passed..], None)
    })?;
    if !is_same || staged.mark() != prefix.mark {
        let path = bytes.path.display();
        return Err(Error::refused(format!("`{path}` has changed while it was copied")));
    }
    Ok(staged)
}

/// That both cannot be in one file.
fn parted(prefix: &Prefix) -> Error {
    let target = prefix.plan.target.display();
    let message = format!(
        "the unfinished output of `{target}` does not agree with what the checkpoint had written to it"
    );
    Error::refused(message).with_hint(
        "go back to a checkpoint that is older than both courses, and from there to this one",
    )
}
