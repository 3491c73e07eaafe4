//! What a user has removed: single checkpoints, savepoints, old ones.
//!
//! Order of a removal, so that a stop in between leaves a folder that still loads: first it is noted that the number was
//! used, where no other name says so; then the names of a savepoint go; then the file; then the spills that nothing needs.

use super::{Loaded, Store, link};
use crate::checkpoint::id::Sequence;
use crate::checkpoint::retention::{self, Link};
use crate::checkpoint::savepoint::{Savepoint, SavepointName, Selector};
use crate::error::{Error, Result};
use std::collections::BTreeSet;

/// The permission to remove what the user names, and nothing else.
#[derive(Debug)]
pub struct Removal {
    seal: (),
}

impl Removal {
    /// To be called where a command to remove was read, and nowhere else.
    pub fn asked_for_by_user() -> Self {
        Removal { seal: () }
    }
}

/// Whether the checkpoint that a job goes on from may be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Newest {
    /// It stays.
    Keep,
    /// The user says that it may go.
    Remove,
}

/// What was removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// The checkpoint.
    pub sequence: Sequence,
    /// The names that it has no more.
    pub names: Vec<SavepointName>,
    /// Why the file stays as a checkpoint like any other, where only the name went.
    pub stays: Option<Stays>,
}

/// Why a checkpoint stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stays {
    /// These build on it.
    BuiltOn(Vec<Sequence>),
    /// The job goes on from it.
    Newest,
    /// It has these names, too.
    Named(Vec<SavepointName>),
}

impl Store {
    /// Removes a checkpoint, or a savepoint by its name, also one whose checkpoint is lost. `loaded` is what
    /// [`Store::load`] found.
    pub fn remove_selected(
        &mut self,
        selector: &Selector,
        newest: Newest,
        loaded: &Loaded,
        permission: Removal,
    ) -> Result<Removed> {
        self.check_health()?;
        let selected = self.folder.select(selector);
        if let (Err(_), Selector::Name(name)) = (&selected, selector)
            && let Some(lost) = self.folder.lost_savepoints()?.iter().find(|one| one.name == *name)
        {
            let (sequence, names) = (lost.sequence, vec![name.clone()]);
            self.forget_lost(sequence, &names, permission)?;
            let others = self.folder.lost_savepoints()?.into_iter();
            let others = others.filter(|one| one.sequence == sequence).map(|one| one.name);
            let others: Vec<SavepointName> = others.collect();
            let stays = (!others.is_empty()).then_some(Stays::Named(others));
            return Ok(Removed { sequence, names, stays });
        }
        let (sequence, Removal { seal: () }) = (selected?, permission);
        let all_names = self.folder.names_of(sequence)?;
        let (names, others) = all_names.into_iter().partition(|name| match selector {
            Selector::Name(selected) => name == selected,
            Selector::Number(_) => true,
        });
        let stays = self.stays(sequence, others, newest, loaded)?;
        if let (Selector::Number(_), Some(stays)) = (selector, &stays) {
            return Err(kept(sequence, stays));
        }
        if stays.is_none() && sequence == self.sequence_max {
            self.remember_used(sequence)?;
        }
        for name in &names {
            self.remove_name(&Savepoint { sequence, name: SavepointName::clone(name) })?;
        }
        if stays.is_none() {
            self.remove(&self.folder.path(sequence))?;
            self.known.remove(&sequence);
            self.sweep_spills(loaded)?;
        }
        self.sync()?;
        Ok(Removed { sequence, names, stays })
    }

    /// Takes these names away that a checkpoint had that is not here.
    #[expect(clippy::needless_pass_by_value, reason = "a permission is used up")]
    pub fn forget_lost(
        &mut self,
        sequence: Sequence,
        names: &[SavepointName],
        permission: Removal,
    ) -> Result<()> {
        let Removal { seal: () } = permission;
        self.check_health()?;
        if names.is_empty() {
            return Ok(());
        }
        if sequence == self.sequence_max {
            self.remember_used(sequence)?;
        }
        for name in names {
            self.remove_name(&Savepoint { sequence, name: name.clone() })?;
        }
        self.sync()
    }

    /// Deletes old checkpoints so that the newest `keep` complete ones stay, and all savepoints; returns the deleted ones.
    #[expect(clippy::needless_pass_by_value, reason = "a permission is used up")]
    pub fn prune(
        &mut self,
        keep: usize,
        loaded: &Loaded,
        permission: Removal,
    ) -> Result<Vec<Sequence>> {
        let Removal { seal: () } = permission;
        self.check_health()?;
        if self.head.is_none() {
            let message = "no checkpoint is usable, so none is removed";
            return Err(Error::refused(message).with_hint("see `onward checkpoint list`"));
        }
        let deleted = self.remove_superfluous(keep)?;
        self.sweep_spills(loaded)?;
        self.sync()?;
        Ok(deleted)
    }

    /// Whether nothing would be deleted if so many complete checkpoints were kept.
    pub fn is_tidy(&self, keep: usize) -> Result<bool> {
        Ok(self.superfluous(keep)?.is_empty())
    }

    /// Deletes what need not be kept, children before parents.
    pub(super) fn remove_superfluous(&mut self, keep: usize) -> Result<Vec<Sequence>> {
        let superfluous = self.superfluous(keep)?;
        for sequence in &superfluous {
            self.remove(&self.folder.path(*sequence))?;
            self.known.remove(sequence);
        }
        Ok(superfluous)
    }

    fn superfluous(&self, keep: usize) -> Result<Vec<Sequence>> {
        let links: Vec<Link> = self.known.values().map(link).collect();
        Ok(retention::retain(&links, keep, &self.named()?))
    }

    fn stays(
        &self,
        sequence: Sequence,
        other_names: Vec<SavepointName>,
        newest: Newest,
        loaded: &Loaded,
    ) -> Result<Option<Stays>> {
        if !other_names.is_empty() {
            return Ok(Some(Stays::Named(other_names)));
        }
        let mut children = BTreeSet::new();
        for (child, skimmed) in self.folder.list()? {
            let parent = skimmed.ok().and_then(|skimmed| skimmed.parent);
            if parent.is_some_and(|parent| parent.sequence == sequence) {
                children.insert(child);
            }
        }
        if !children.is_empty() {
            return Ok(Some(Stays::BuiltOn(children.into_iter().collect())));
        }
        let is_newest = loaded.newest.as_ref().is_some_and(|newest| newest.id.sequence == sequence);
        Ok((is_newest && newest == Newest::Keep).then_some(Stays::Newest))
    }
}

fn kept(sequence: Sequence, stays: &Stays) -> Error {
    match stays {
        Stays::Named(_) => Error::internal("a number is all its names"),
        Stays::BuiltOn(children) => {
            let list: Vec<String> = children.iter().map(Sequence::to_string).collect();
            let message =
                format!("cannot remove checkpoint {sequence}: {} builds on it", list.join(", "));
            Error::failed(message).with_hint(
                "remove what builds on it first, or let `onward checkpoint prune` choose",
            )
        }
        Stays::Newest => {
            let message =
                format!("cannot remove checkpoint {sequence}: the job would go on from it");
            Error::failed(message).with_hint(
                "go back to an older one first with `onward checkpoint rollback`; or add `--force` to give up what was done since",
            )
        }
    }
}
