//! Checkpoints that come to a folder in another way than by a run: an older one restated, or a chain taken over from
//! another folder or from an export.
//!
//! Restating writes one file that holds what the old one held and builds on what that built on: states are not
//! understood here, and numbers only rise.
//!
//! A chain that is taken over is written as temporary files. Steps, and what a crash after each leaves behind:
//! 1. the mark is made durable that these numbers are taken over. (A mark of nothing, which the next sweep removes.)
//! 2. all but the base get their names, durably. (Half a chain: not usable, and refused like any damaged one. By the mark
//!    it is known for what it is, so that the chain can be taken over once more.)
//! 3. the base gets its name, durably. (The whole chain; the next sweep removes the mark.)
//! 4. the mark is removed.
//!
//! A chain without a base and without a mark is damaged: it is never removed but where the user asks to start over.

use super::folder::Folder;
use super::load::{self, Durability};
use super::names::Name;
use super::read::{self, Problem};
use super::spills::Depth;
use super::{Head, Removal, SaveError, Saved, Store, names};
use crate::checkpoint::format::{self, Decoded};
use crate::checkpoint::id::{CheckpointId, Sequence};
use crate::checkpoint::manifest::{Form, Manifest};
use crate::checkpoint::retention::Chain;
use crate::checkpoint::{Checkpoint, Invalid, Restored};
use crate::error::{Error, Result};
use crate::storage::{Existing, File, OpenMode};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A checkpoint with all that it builds on, each wholly checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Whole {
    /// The checkpoints, the base first and the one that is meant last.
    pub links: Vec<Decoded>,
    /// The same as a run would go on from it.
    pub restored: Restored,
}

impl Whole {
    /// The checkpoint that is meant.
    pub fn head(&self) -> &Decoded {
        self.links.last().expect("a chain has a head")
    }
}

impl Folder {
    /// Reads a checkpoint and all that it builds on, and checks its spills, too.
    pub fn whole(&self, sequence: Sequence) -> Result<Result<Whole, Invalid>> {
        let listed = self.list()?;
        let links = match load::links(self, sequence, &listed)? {
            Ok(links) => links,
            Err(invalid) => return Ok(Err(invalid)),
        };
        let restored = match load::join(links.clone()) {
            Ok(restored) => restored,
            Err(invalid) => return Ok(Err(invalid)),
        };
        let checked = self.check_spills(&restored.manifest, Depth::Whole, Durability::AsItIs);
        match checked {
            Ok(()) => {}
            Err(Problem::Invalid(invalid)) => return Ok(Err(invalid)),
            Err(Problem::Gone) => return Ok(Err(Invalid::Missing)),
            Err(Problem::Io(cause)) => {
                return Err(Error::io("read the spills of", &self.path(sequence), cause));
            }
        }
        let links = links.into_iter().rev().map(|(link, _)| link).collect();
        Ok(Ok(Whole { links, restored }))
    }

    /// Opens a checkpoint's file as it is, to be copied; with its length.
    pub fn open_checkpoint(&self, sequence: Sequence) -> Result<(Arc<dyn File>, u64)> {
        let (file, metadata) = read::open(self, sequence).map_err(|problem| {
            let cause = match problem {
                Problem::Io(cause) => cause,
                Problem::Invalid(invalid) => io::Error::other(invalid),
                Problem::Gone => io::ErrorKind::NotFound.into(),
            };
            Error::io("read", &self.path(sequence), cause)
        })?;
        Ok((file, metadata.length))
    }

    /// The checkpoints that are left of a chain whose taking over was stopped: nothing can go on from them.
    pub fn half_adopted(&self) -> Result<BTreeSet<Sequence>> {
        let all = self.checkpoints()?;
        let mut half = BTreeSet::new();
        for (first, last) in self.adoptions()? {
            if first < last && !all.contains(&first) {
                half.extend(all.range(first..=last));
            }
        }
        Ok(half)
    }

    /// The first and the last number of each chain whose taking over is marked.
    fn adoptions(&self) -> Result<Vec<(Sequence, Sequence)>> {
        let marks = self.names()?.into_iter().filter_map(|name| match name {
            Name::Adoption { first, last } if first <= last => Some((first, last)),
            _ => None,
        });
        Ok(marks.collect())
    }
}

impl Store {
    /// Saves under a new number what an older checkpoint says, with another manifest; from then on the job goes on from
    /// there. A stop before this returns leaves either.
    pub fn restate(&mut self, whole: &Whole, manifest: Manifest) -> Result<Saved> {
        let Checkpoint { sections, parent, .. } = whole.head().checkpoint.clone();
        self.head = parent.map(|id| {
            let parents = &whole.links[..whole.links.len() - 1];
            Head { id, chain: chain_of(parents, |link| self.length_of(link)) }
        });
        let checkpoint = Checkpoint { manifest, sections, parent };
        self.save(&checkpoint).map_err(SaveError::into_error)
    }

    /// Deletes the checkpoints between one and the one that restates it: they are of a course that was given up.
    /// Savepoints stay, with what they build on. Returns the deleted ones.
    pub fn abandon(
        &mut self,
        behind: Sequence,
        permission: &Saved,
        _removal: Removal,
    ) -> Result<Vec<Sequence>> {
        self.check_health()?;
        let mut kept = BTreeSet::new();
        for named in self.named()? {
            let mut next = Some(named);
            while let Some(sequence) = next.filter(|sequence| kept.insert(*sequence)) {
                let parent = self.known.get(&sequence).and_then(|known| known.parent);
                next = parent.map(|parent| parent.sequence);
            }
        }
        let is_given_up =
            |sequence: &Sequence| *sequence > behind && *sequence < permission.id.sequence;
        let numbers: Vec<Sequence> = self.known.keys().rev().copied().collect();
        let mut removed = Vec::new();
        for sequence in numbers {
            if is_given_up(&sequence) && !kept.contains(&sequence) {
                self.remove(&self.folder.path(sequence))?;
                self.known.remove(&sequence);
                removed.push(sequence);
            }
        }
        self.retire_spills(permission)?;
        self.sync()?;
        Ok(removed)
    }

    /// Saves a chain of checkpoints that this folder has not made, the base first. All of them become durable, or none
    /// is usable. Returns the number of the last one.
    pub fn adopt(&mut self, links: Vec<Checkpoint>) -> Result<Sequence> {
        self.check_health()?;
        let mut made: Vec<(PathBuf, PathBuf)> = Vec::new();
        let mut parent: Option<CheckpointId> = None;
        let first = self.sequence_max.next().unwrap_or(self.sequence_max);
        let written = links.into_iter().try_for_each(|link| {
            let checkpoint = Checkpoint { parent, ..link };
            let exhausted = || Error::failed("the numbers of checkpoints are used up");
            let sequence = self.sequence_max.next().ok_or_else(exhausted)?;
            let (bytes, digest) = format::encode(&checkpoint, sequence).map_err(|invalid| {
                Error::failed("cannot take over a checkpoint").with_cause(invalid)
            })?;
            self.sequence_max = sequence;
            let temporary = names::temporary(sequence, self.folder.clock.random());
            let temporary = self.folder.directory.join(temporary);
            made.push((temporary, self.folder.path(sequence)));
            parent = Some(CheckpointId { sequence, digest });
            let (path, _) = &made[made.len() - 1];
            write_synced(self, path, &bytes)
        });
        let mark = self.mark_of(first, self.sequence_max);
        let named = written.and_then(|()| {
            let nothing = || Error::internal("a chain of no checkpoints");
            let (base, others) = made.split_first().ok_or_else(nothing)?;
            let rename = |(temporary, path): &(PathBuf, PathBuf)| {
                let renamed = self.folder.storage.rename(temporary, path, Existing::Keep);
                renamed.map_err(|cause| Error::io("rename a checkpoint to", path, cause))
            };
            write_synced(self, &mark, &[])?;
            self.sync()?;
            others.iter().try_for_each(rename)?;
            // Only now the base: without it the others are not usable, and by itself it would be.
            self.sync()?;
            rename(base)?;
            self.sync()?;
            parent.map(|head| head.sequence).ok_or_else(nothing)
        });
        match named {
            // From here on the chain is taken over, and the next sweep removes a mark that stays.
            Ok(_) => drop(self.remove(&mark).and_then(|()| self.sync())),
            // What cannot be taken back is known by the mark.
            Err(_) => drop(self.take_back(&made, &mark)),
        }
        named
    }

    /// Removes what was written of a chain: the base first, durably, since what else stays is not usable without it; the
    /// mark last.
    fn take_back(&self, made: &[(PathBuf, PathBuf)], mark: &Path) -> Result<()> {
        if let Some((_, base)) = made.first() {
            self.remove(base)?;
            self.sync()?;
        }
        for (temporary, path) in made {
            self.remove(temporary)?;
            self.remove(path)?;
        }
        self.sync()?;
        self.remove(mark)?;
        self.sync()
    }

    /// Removes the marks of chains that were taken over wholly or not at all. Half a chain stays, with its mark.
    pub(super) fn settle_adoptions(&mut self) -> Result<()> {
        let half = self.folder.half_adopted()?;
        for (first, last) in self.folder.adoptions()? {
            if half.range(first..=last).next().is_none() {
                self.remove(&self.mark_of(first, last))?;
                self.sync()?;
            }
        }
        Ok(())
    }

    /// Removes what is left of a chain whose taking over was stopped, so that it can be taken over once more.
    pub fn sweep_half_adopted(&mut self) -> Result<()> {
        self.check_health()?;
        for sequence in self.folder.half_adopted()? {
            self.remove(&self.folder.path(sequence))?;
        }
        self.sync()?;
        self.settle_adoptions()
    }

    fn mark_of(&self, first: Sequence, last: Sequence) -> PathBuf {
        self.folder.directory.join(names::adoption(first, last))
    }

    fn length_of(&self, link: &Decoded) -> u64 {
        self.known.get(&link.id.sequence).map_or(0, |known| known.length)
    }
}

fn write_synced(store: &Store, path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || -> io::Result<()> {
        let file = store.folder.storage.open(path, OpenMode::CreatePrivate)?;
        file.reserve(bytes.len() as u64)?;
        file.write_at(bytes, 0)?;
        file.sync_all()
    };
    write().map_err(|cause| Error::io("write", path, cause))
}

fn chain_of(links: &[Decoded], length: impl Fn(&Decoded) -> u64) -> Chain {
    links.iter().fold(Chain::default(), |chain, link| {
        let form = if link.checkpoint.parent.is_some() { Form::Delta } else { Form::Base };
        chain.with(form, length(link))
    })
}
