//! Savepoints: checkpoints with a name, which nothing deletes but the user.
//!
//! A name is an empty file beside the checkpoint, `savepoint-<sequence>-<name>`: there is nothing in it that could be
//! damaged, and it can be given to a checkpoint that is there already. To ask a running job for a name, another process
//! puts an empty file `.savepoint-<name>.request` beside it. This and the lock are the only files of the folder that are
//! made without holding the lock.

use super::Store;
use super::folder::Folder;
use super::names::{parse_hex, to_hex};
use crate::checkpoint::id::Sequence;
use crate::checkpoint::savepoint::{Savepoint, SavepointName, Selector};
use crate::error::{Error, Result};
use crate::storage::OpenMode;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

/// What a name says that has to do with savepoints.
enum Mark {
    Savepoint(Savepoint),
    Request(SavepointName),
    /// Numbers up to this one were used, although no name says so any more.
    Used(Sequence),
}

fn parse(name: &OsStr) -> Option<Mark> {
    let name = name.to_str()?;
    if let Some(rest) = name.strip_prefix("savepoint-") {
        let (sequence, name) = rest.split_once('-')?;
        let (sequence, name) = (Sequence(parse_hex(sequence)?), SavepointName::parse(name)?);
        return Some(Mark::Savepoint(Savepoint { sequence, name }));
    }
    if let Some(sequence) = name.strip_prefix("used-") {
        return Some(Mark::Used(Sequence(parse_hex(sequence)?)));
    }
    let name = name.strip_prefix(".savepoint-")?.strip_suffix(".request")?;
    SavepointName::parse(name).map(Mark::Request)
}

impl Folder {
    /// The savepoints of the folder whose checkpoints are there, by number.
    pub fn savepoints(&self) -> Result<Vec<Savepoint>> {
        let there = self.checkpoints()?;
        self.named(|savepoint| there.contains(&savepoint.sequence))
    }

    /// The names whose checkpoints are not there: the files were lost, or are being taken back from a copy.
    pub fn lost_savepoints(&self) -> Result<Vec<Savepoint>> {
        let there = self.checkpoints()?;
        self.named(|savepoint| !there.contains(&savepoint.sequence))
    }

    /// The names of all savepoints, whether their checkpoints are there or not.
    pub(super) fn all_names(&self) -> Result<Vec<Savepoint>> {
        self.named(|_| true)
    }

    fn named(&self, is_meant: impl Fn(&Savepoint) -> bool) -> Result<Vec<Savepoint>> {
        let mut savepoints = self.marks(|mark| match mark {
            Mark::Savepoint(savepoint) if is_meant(&savepoint) => Some(savepoint),
            _ => None,
        })?;
        savepoints.sort();
        Ok(savepoints)
    }

    /// The names of a checkpoint.
    pub fn names_of(&self, sequence: Sequence) -> Result<Vec<SavepointName>> {
        let savepoints = self.savepoints()?.into_iter();
        let names = savepoints.filter(|savepoint| savepoint.sequence == sequence);
        Ok(names.map(|savepoint| savepoint.name).collect())
    }

    /// The number of the checkpoint that a user means, whatever the state of its file.
    pub fn select(&self, selector: &Selector) -> Result<Sequence> {
        match selector {
            Selector::Number(number) => {
                let there = self.checkpoints()?;
                if there.contains(number) {
                    return Ok(*number);
                }
                let message = format!("there is no checkpoint {number}");
                let numbers: Vec<String> = there.iter().map(Sequence::to_string).collect();
                Err(missing(message, &numbers))
            }
            Selector::Name(name) => {
                let savepoints = self.savepoints()?;
                if let Some(savepoint) = savepoints.iter().rev().find(|one| one.name == *name) {
                    return Ok(savepoint.sequence);
                }
                let names: Vec<String> =
                    savepoints.iter().map(|one| one.name.to_string()).collect();
                Err(missing(format!("there is no savepoint `{name}`"), &names))
            }
        }
    }

    /// Asks the run that holds the lock to give its next checkpoint a name. Who asks for the same name, or asked and was
    /// stopped before the answer, asks for the same checkpoint.
    pub fn request_savepoint(&self, name: &SavepointName) -> Result<()> {
        self.check_free(name)?;
        let path = self.request(name);
        match self.storage.open(&path, OpenMode::CreatePrivate) {
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            other => other.map(drop).map_err(|cause| Error::io("create", &path, cause)),
        }
    }

    /// Takes a request back; one that is not there any more is fine.
    pub fn withdraw_savepoint(&self, name: &SavepointName) -> Result<()> {
        let path = self.request(name);
        match self.storage.remove(&path) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                Err(Error::io("remove", &path, cause))
            }
            _ => Ok(()),
        }
    }

    /// The names that the next checkpoint shall have.
    pub fn requested_savepoints(&self) -> Result<Vec<SavepointName>> {
        self.marks(|mark| match mark {
            Mark::Request(name) => Some(name),
            _ => None,
        })
    }

    /// The largest number that marks say was used.
    pub(super) fn sequence_marked(&self) -> Result<Sequence> {
        let numbers = self.marks(|mark| match mark {
            Mark::Savepoint(Savepoint { sequence, .. }) | Mark::Used(sequence) => Some(sequence),
            Mark::Request(_) => None,
        })?;
        Ok(numbers.into_iter().max().unwrap_or_default())
    }

    fn check_free(&self, name: &SavepointName) -> Result<()> {
        let is_like = |savepoint: &&Savepoint| savepoint.name.is_like(name);
        if let Some(Savepoint { sequence, name }) = self.savepoints()?.iter().find(is_like) {
            let message = format!("there is a savepoint `{name}` already, checkpoint {sequence}");
            return Err(
                Error::usage(message).with_hint("choose another name, or remove that one first")
            );
        }
        match self.lost_savepoints()?.iter().find(is_like) {
            Some(lost) => Err(Error::usage(of_lost(lost))
                .with_hint(format!("choose another name; or {}", ways_out(lost)))),
            None => Ok(()),
        }
    }

    fn marks<T>(&self, choose: impl Fn(Mark) -> Option<T>) -> Result<Vec<T>> {
        let found = self.storage.list(&self.directory);
        let found = found.map_err(|cause| Error::io("list", &self.directory, cause))?;
        Ok(found.iter().filter_map(|name| parse(name)).filter_map(choose).collect())
    }

    fn request(&self, name: &SavepointName) -> PathBuf {
        self.directory.join(format!(".savepoint-{name}.request"))
    }

    fn mark(&self, savepoint: &Savepoint) -> PathBuf {
        let Savepoint { sequence, name } = savepoint;
        self.directory.join(format!("savepoint-{}-{name}", to_hex(sequence.0)))
    }

    fn used(&self, sequence: Sequence) -> PathBuf {
        self.directory.join(format!("used-{}", to_hex(sequence.0)))
    }
}

fn of_lost(Savepoint { sequence, name }: &Savepoint) -> String {
    format!("there is a savepoint `{name}` whose checkpoint {sequence} is lost")
}

fn ways_out(lost: &Savepoint) -> String {
    format!(
        "bring the copy back that holds it and run the job, or give it up with `onward checkpoint rm JOB {}`",
        lost.name
    )
}

fn missing(message: String, there: &[String]) -> Error {
    match there {
        [] => Error::usage(message).with_hint("there is none"),
        names => Error::usage(message).with_hint(format!("there are: {}", names.join(", "))),
    }
}

impl Store {
    /// Makes a checkpoint a savepoint; durable when this returns.
    pub fn name_savepoint(&mut self, savepoint: &Savepoint) -> Result<()> {
        self.check_health()?;
        self.folder.check_free(&savepoint.name)?;
        self.mark_savepoint(savepoint)
    }

    /// Makes the name of a checkpoint that need not be here yet.
    pub(super) fn mark_savepoint(&mut self, savepoint: &Savepoint) -> Result<()> {
        self.make_mark(&self.folder.mark(savepoint))
    }

    /// Refuses to go on where starting over would cost a savepoint its outputs, even if its checkpoint has to be taken
    /// back from a copy first.
    pub fn check_no_savepoints(&self) -> Result<()> {
        let savepoints = self.folder.savepoints()?;
        let Some(Savepoint { sequence, name }) = savepoints.first() else {
            let lost = self.folder.lost_savepoints()?;
            let Some(lost) = lost.first() else { return Ok(()) };
            let message = format!("cannot start over: {}", of_lost(lost));
            return Err(Error::refused(message).with_hint(ways_out(lost)));
        };
        let message = format!(
            "cannot start over: that would give up the savepoint `{name}`, checkpoint {sequence}, and what was written until then"
        );
        Err(Error::refused(message).with_hint(format!(
            "export it with `onward checkpoint export`, then remove it with `onward checkpoint rm JOB {name}`"
        )))
    }

    /// Forgets requests that an earlier run did not come to answer.
    pub(super) fn sweep_requests(&mut self) -> Result<()> {
        for name in self.folder.requested_savepoints()? {
            self.folder.withdraw_savepoint(&name)?;
        }
        Ok(())
    }

    /// The numbers that have a name.
    pub(super) fn named(&self) -> Result<BTreeSet<Sequence>> {
        Ok(self.folder.savepoints()?.into_iter().map(|savepoint| savepoint.sequence).collect())
    }

    /// Takes a savepoint its name; then it is a checkpoint like any other.
    pub(super) fn remove_name(&self, savepoint: &Savepoint) -> Result<()> {
        self.remove(&self.folder.mark(savepoint))
    }

    /// Sees to it that a number is not used again although its file goes.
    pub(super) fn remember_used(&mut self, sequence: Sequence) -> Result<()> {
        self.make_mark(&self.folder.used(sequence))?;
        let older = self.folder.marks(|mark| match mark {
            Mark::Used(number) if number < sequence => Some(number),
            _ => None,
        })?;
        older.into_iter().try_for_each(|number| self.remove(&self.folder.used(number)))
    }

    fn make_mark(&mut self, path: &Path) -> Result<()> {
        match self.folder.storage.open(path, OpenMode::CreatePrivate) {
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {}
            other => drop(other.map_err(|cause| Error::io("create", path, cause))?),
        }
        self.sync()
    }

    /// Makes the names of the folder durable.
    pub(super) fn sync(&self) -> Result<()> {
        let directory = &self.folder.directory;
        let synced = self.folder.storage.sync_directory(directory);
        synced.map_err(|cause| Error::io("sync the folder", directory, cause))
    }
}
