//! The spills beside the checkpoints: whether those that a checkpoint needs are there, and which may go.
//!
//! A spill is removed when a newer checkpoint was saved and none that is left needs it, or before the first one when it
//! belongs to no checkpoint at all: a run was stopped before it saved the one that would have needed it.

use super::Loaded;
use super::Store;
use super::folder::{Folder, Trust};
use super::load::Durability;
use super::names::{self, Name};
use super::read::{self, Problem, check_access};
use crate::checkpoint::id::{RunId, Sequence};
use crate::checkpoint::manifest::Manifest;
use crate::checkpoint::spill::{SpillEntry, SpillName, SpillReader};
use crate::checkpoint::{Invalid, Saved};
use crate::error::{Error, Result};
use crate::storage::OpenMode;
use std::collections::BTreeSet;

/// As long as the spills of a checkpoint have no more bytes than this together, all of them are read before it is
/// believed; of larger ones the ends. Each block is checked again when it is used.
const READ_WHOLE_MAX: u64 = 64 << 20;

/// How much of the spills is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// Their ends; everything only where that takes no time.
    Ends,
    /// Everything.
    Whole,
}

impl Folder {
    /// Opens a spill that a checkpoint of one of these starts names, as it was then or not at all.
    pub fn open_spill(
        &self,
        entry: &SpillEntry,
        starts: &[RunId],
    ) -> std::io::Result<Result<SpillReader, Invalid>> {
        match self.spill(entry, starts, Durability::AsItIs) {
            Ok(reader) => Ok(Ok(reader)),
            Err(Problem::Invalid(invalid)) => Ok(Err(invalid)),
            Err(Problem::Gone) => Ok(Err(of_spill(entry, Invalid::Missing))),
            Err(Problem::Io(cause)) => Err(cause),
        }
    }

    /// The spills of a checkpoint.
    pub(super) fn check_spills(
        &self,
        manifest: &Manifest,
        depth: Depth,
        durability: Durability,
    ) -> Result<(), Problem> {
        let bytes: u64 =
            manifest.spills.iter().map(|entry| entry.length).fold(0, u64::saturating_add);
        for entry in &manifest.spills {
            let reader = self.spill(entry, &manifest.starts(), durability)?;
            if depth == Depth::Whole || bytes <= READ_WHOLE_MAX {
                reader.check_all()?.map_err(|invalid| of_spill(entry, invalid))?;
            }
        }
        Ok(())
    }

    fn spill(
        &self,
        entry: &SpillEntry,
        starts: &[RunId],
        durability: Durability,
    ) -> Result<SpillReader, Problem> {
        let Some(name) = SpillName::parse(&entry.name) else {
            return Err(Invalid::Malformed { what: "it needs a file that is no spill" }.into());
        };
        let open = || {
            let path = self.directory.join(name.to_string());
            let file = self.storage.open(&path, OpenMode::ReadOwn)?;
            let metadata = file.metadata()?;
            if self.trust == Trust::OwnOnly {
                check_access(&metadata)?;
            }
            if durability == Durability::Synced {
                file.sync_all()?;
            }
            Ok(SpillReader::new(file, entry, name, starts)??)
        };
        open().map_err(|problem| match problem {
            Problem::Invalid(invalid) => of_spill(entry, invalid).into(),
            Problem::Gone => of_spill(entry, Invalid::Missing).into(),
            Problem::Io(cause) => Problem::Io(cause),
        })
    }
}

/// The spills that a checkpoint needs, and how many were made before it.
pub(super) struct NeededSpills {
    names: Vec<SpillName>,
    made: u64,
}

impl NeededSpills {
    pub(super) fn of(manifest: &Manifest) -> NeededSpills {
        NeededSpills { names: names_of(manifest), made: manifest.spills_made }
    }
}

fn of_spill(entry: &SpillEntry, reason: Invalid) -> Invalid {
    Invalid::Spill { name: entry.name.clone(), reason: Box::new(reason) }
}

impl Store {
    /// The largest number that a spill of this folder has or had.
    pub fn spill_number_max(&self) -> u64 {
        self.spill_number_max
    }

    /// Removes the spills that no checkpoint needs: their run was stopped too early. Where a checkpoint cannot be read,
    /// nothing is removed; [`Store::retire`] does it later.
    pub fn sweep_spills(&mut self, loaded: &Loaded) -> Result<usize> {
        self.check_health()?;
        if !loaded.refused.is_empty() || !self.has_spills()? {
            return Ok(0);
        }
        let mut is_known = true;
        let needed = self.needed_spills(&mut |_| is_known = false)?;
        if is_known { self.remove_spills(&needed, u64::MAX) } else { Ok(0) }
    }

    /// Removes the spills that were made before a checkpoint and that neither it nor any other needs.
    pub(super) fn retire_spills(&mut self, _permission: &Saved) -> Result<usize> {
        if self.spills_made == 0 && !self.has_spills()? {
            return Ok(0);
        }
        let needed = self.needed_spills(&mut |_| ())?;
        self.remove_spills(&needed, self.spills_made)
    }

    /// Notes what a checkpoint that was just saved needs.
    pub(super) fn note_spills(&mut self, sequence: Sequence, needed: NeededSpills) {
        let NeededSpills { names, made } = needed;
        self.spills_made = made;
        self.spill_number_max = self.spill_number_max.max(made);
        self.spills_of.insert(sequence, names);
    }

    fn has_spills(&self) -> Result<bool> {
        Ok(self.folder.names()?.iter().any(|name| matches!(name, Name::Spill(_))))
    }

    /// What all checkpoints of the folder need; `unreadable` is told of damaged ones, of which that cannot be known.
    fn needed_spills(
        &mut self,
        unreadable: &mut dyn FnMut(Sequence),
    ) -> Result<BTreeSet<SpillName>> {
        let mut needed = BTreeSet::new();
        for sequence in self.known.keys().copied() {
            if let Some(names) = self.spills_of.get(&sequence) {
                needed.extend(names);
                continue;
            }
            match read::whole(&self.folder, sequence, Durability::AsItIs) {
                Ok(decoded) => {
                    let names = names_of(&decoded.checkpoint.manifest);
                    needed.extend(&names);
                    self.spills_of.insert(sequence, names);
                }
                Err(Problem::Gone) => {}
                Err(Problem::Invalid(_)) => unreadable(sequence),
                Err(Problem::Io(cause)) => {
                    return Err(Error::io("read", &self.folder.path(sequence), cause));
                }
            }
        }
        self.spills_of.retain(|sequence, _| self.known.contains_key(sequence));
        Ok(needed)
    }

    /// Removes spills up to a number.
    pub(super) fn remove_spills(
        &self,
        needed: &BTreeSet<SpillName>,
        number_max: u64,
    ) -> Result<usize> {
        let mut removed = 0;
        for name in self.folder.names()? {
            let Name::Spill(spill) = name else { continue };
            let path = self.folder.directory.join(names::spill(spill));
            if spill.number <= number_max && !needed.contains(&spill) && self.is_own_file(&path) {
                self.remove(&path)?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

/// The largest number of a spill in a folder.
pub(super) fn number_max(folder: &Folder) -> Result<u64> {
    let numbers = folder.names()?.into_iter().filter_map(|name| match name {
        Name::Spill(spill) => Some(spill.number),
        Name::Checkpoint(_)
        | Name::Temporary(_)
        | Name::Adoption { .. }
        | Name::TemporaryInfo
        | Name::Arrival(_) => None,
    });
    Ok(numbers.max().unwrap_or_default())
}

fn names_of(manifest: &Manifest) -> Vec<SpillName> {
    manifest.spills.iter().filter_map(|entry| SpillName::parse(&entry.name)).collect()
}
