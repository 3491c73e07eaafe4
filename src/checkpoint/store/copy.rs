//! Taking a checkpoint over from another folder, with all that it builds on and needs: into a copy, or back from one.
//!
//! Files are copied byte by byte and never changed, spills first, then the base, then each delta: whatever a stop leaves
//! behind is whole, or a temporary file that the next run sweeps. All files of the source are opened before the first is
//! read, so that its retention may go on meanwhile.

use super::folder::{Folder, Trust};
use super::load::{self, Durability};
use super::names;
use super::read::{self, Problem, check_access};
use super::{Head, Saved, Store};
use crate::checkpoint::format::Skimmed;
use crate::checkpoint::id::{RunId, Sequence};
use crate::checkpoint::manifest::{Form, Manifest};
use crate::checkpoint::retention::Chain;
use crate::checkpoint::savepoint::Savepoint;
use crate::checkpoint::spill::{SpillEntry, SpillName};
use crate::error::{Error, Result};
use crate::storage::{Existing, File, FileKind, OpenMode, read_full};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// So much is copied at a time.
const PORTION_BYTES: usize = 1 << 20;

/// What a checkpoint needs besides its parents.
#[derive(Debug, Clone)]
pub struct Needs {
    /// The spills that its manifest names.
    pub spills: Vec<SpillEntry>,
    /// The largest number of a spill when it was taken.
    pub spills_made: u64,
    /// The starts of jobs that may have made its spills.
    pub starts: Vec<RunId>,
}

impl Needs {
    /// What a checkpoint with this manifest needs.
    pub fn of(manifest: &Manifest) -> Needs {
        let (spills, spills_made) = (manifest.spills.clone(), manifest.spills_made);
        Needs { spills, spills_made, starts: manifest.starts() }
    }
}

/// How well a file that is here already is looked at before it is left as it is.
#[derive(Clone, Copy)]
enum Look<'r> {
    /// Where copies go: at a checkpoint's two ends; of a spill at what it is, whose, and how long.
    Short,
    /// Where a run is to go on from it: at all of it. Of these numbers the folder's own files are of no use, even if each
    /// is whole by itself.
    Whole { refused: &'r [Sequence] },
}

/// A file to be copied.
struct Source {
    name: String,
    file: Arc<dyn File>,
    /// The number that a temporary file is named after.
    sequence: Sequence,
    existing: Existing,
}

impl Folder {
    /// The intact checkpoints of the folder as their ends describe them, newest first: number, and the id of the start
    /// of the job that took it.
    pub fn intact(&self) -> Result<Vec<(Sequence, RunId)>> {
        let listed = self.list()?.into_values().rev().filter_map(std::result::Result::ok);
        Ok(listed.map(|skimmed| (skimmed.id.sequence, skimmed.instance)).collect())
    }
}

impl Store {
    /// From now on numbers are above another folder's, too.
    pub fn stay_above(&mut self, sequence: Sequence) {
        self.sequence_max = self.sequence_max.max(sequence);
    }

    /// The largest number that was ever seen or used here.
    pub fn sequence_max(&self) -> Sequence {
        self.sequence_max
    }

    /// Takes the checkpoints of the folder as they are, without reading them.
    pub fn trust_ends(&mut self) -> Result<()> {
        let intact = self.folder.list()?.into_values().filter_map(std::result::Result::ok);
        self.known = intact.map(|skimmed| (skimmed.id.sequence, skimmed)).collect();
        Ok(())
    }

    /// Copies a checkpoint into this folder; `None` where the source has given it up meanwhile.
    pub fn take_over(
        &mut self,
        source: &Folder,
        sequence: Sequence,
        needs: &Needs,
    ) -> Result<Option<Saved>> {
        self.take(source, sequence, needs, Look::Short)
    }

    /// Brings a checkpoint back from a copy, to go on from it: files that are here and of no use are replaced, and so are
    /// those of the refused numbers that are other ones there. What a file held that is replaced is kept beside it.
    pub fn bring_back(
        &mut self,
        source: &Folder,
        sequence: Sequence,
        needs: &Needs,
        refused: &[Sequence],
    ) -> Result<Option<Saved>> {
        self.take(source, sequence, needs, Look::Whole { refused })
    }

    fn take(
        &mut self,
        source: &Folder,
        sequence: Sequence,
        needs: &Needs,
        look: Look<'_>,
    ) -> Result<Option<Saved>> {
        self.check_health()?;
        if !self.folder.check()? {
            return Err(Error::io("find", &self.folder.directory, io::ErrorKind::NotFound.into()));
        }
        let Ok(mut chain) = load::chain_of(sequence, &source.list()?) else { return Ok(None) };
        chain.reverse();
        let missing = self.missing(source, &chain, needs, look)?;
        let Some(files) = missing else { return Ok(None) };
        for file in &files {
            self.copy(file)?;
        }
        self.sync()?;
        self.note_chain(&chain, needs).map(Some)
    }

    /// Gives the checkpoints that have a name in another folder the same name here, and takes over those that are not here
    /// yet. What has a name only here keeps it: nobody but the user takes it away. One that fails does not hold up the
    /// others; the first failure is told.
    pub fn follow_savepoints(&mut self, source: &Folder) -> Result<()> {
        let ours = self.folder.savepoints()?;
        let theirs = source.savepoints()?;
        let mut followed = Ok(());
        for savepoint in theirs.iter().filter(|savepoint| !ours.contains(savepoint)) {
            followed = followed.and(self.follow_savepoint(source, savepoint));
        }
        followed
    }

    fn follow_savepoint(&mut self, source: &Folder, savepoint: &Savepoint) -> Result<()> {
        let taken = self.take_beside(source, savepoint.sequence, Look::Short);
        if !taken.map_err(|error| of_savepoint(savepoint, error))? {
            return Ok(());
        }
        // A name that the user took away there while this folder was not at hand, and gave again.
        let ours = self.folder.all_names()?;
        let is_old = |old: &&Savepoint| old.name.is_like(&savepoint.name) && *old != savepoint;
        ours.iter().filter(is_old).try_for_each(|old| self.remove_name(old))?;
        self.mark_savepoint(savepoint)
    }

    /// The first half of taking savepoints back into a folder that was lost: their names. Whatever stops the rest, a later
    /// [`Store::bring_back_savepoint`] sees what is missing. A name that means another one here goes on to mean
    /// that.
    pub fn expect_savepoints(&mut self, source: &Folder) -> Result<()> {
        let ours = self.folder.all_names()?;
        let theirs = source.savepoints()?;
        let is_other = |one: &Savepoint, old: &Savepoint| old.name.is_like(&one.name) && old != one;
        let is_free = |one: &&Savepoint| !ours.iter().any(|old| is_other(one, old));
        theirs.iter().filter(is_free).try_for_each(|savepoint| self.mark_savepoint(savepoint))
    }

    /// Brings the checkpoint of a savepoint back that has only its name here; false where the source has none of use.
    pub fn bring_back_savepoint(&mut self, source: &Folder, savepoint: &Savepoint) -> Result<bool> {
        let taken = self.take_beside(source, savepoint.sequence, Look::Whole { refused: &[] });
        taken.map_err(|error| of_savepoint(savepoint, error))
    }

    /// Sees to it that an older checkpoint is here, too; false where the source has it no more.
    fn take_beside(&mut self, source: &Folder, sequence: Sequence, look: Look<'_>) -> Result<bool> {
        let Ok(found) = source.read(sequence)? else { return Ok(false) };
        let before = (self.head, self.spills_made);
        let needs = Needs::of(&found.checkpoint.manifest);
        let taken = self.take(source, sequence, &needs, look);
        (self.head, self.spills_made) = before;
        Ok(taken?.is_some())
    }

    /// The files that are not here yet, open, in the order in which they are to come; `None` where one is gone.
    fn missing(
        &self,
        source: &Folder,
        chain: &[Skimmed],
        needs: &Needs,
        look: Look<'_>,
    ) -> Result<Option<Vec<Source>>> {
        let head = chain.last().expect("a chain has a head").id.sequence;
        let mut wanted = Vec::new();
        for entry in &needs.spills {
            let Some(name) = SpillName::parse(&entry.name) else { return Ok(None) };
            if let Some(existing) = self.place_of_spill(entry, needs, look)? {
                wanted.push((names::spill(name), head, existing));
            }
        }
        for skimmed in chain {
            if let Some(existing) = self.place_of(source, skimmed, look)? {
                let number = skimmed.id.sequence;
                wanted.push((names::checkpoint(number), number, existing));
            }
        }
        let mut files = Vec::new();
        for (name, sequence, existing) in wanted {
            let path = source.directory.join(&name);
            match source.storage.open(&path, OpenMode::ReadOwn) {
                Ok(file) => files.push(Source { name, file, sequence, existing }),
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(cause) => return Err(Error::io("open", &path, cause)),
            }
        }
        Ok(Some(files))
    }

    /// How a spill comes here; `None` where it need not.
    fn place_of_spill(
        &self,
        entry: &SpillEntry,
        needs: &Needs,
        look: Look<'_>,
    ) -> Result<Option<Existing>> {
        let path = self.folder.directory.join(&entry.name);
        let failed = |cause| Error::io("read", &path, cause);
        let found = match self.folder.storage.metadata(&path) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                return Ok(Some(Existing::Keep));
            }
            found => found.map_err(failed)?,
        };
        let is_usable = match look {
            Look::Short => {
                let is_safe = self.folder.trust == Trust::Anyones || check_access(&found).is_ok();
                is_safe && found.kind == FileKind::File && found.length == entry.length
            }
            Look::Whole { .. } => match self.folder.open_spill(entry, &needs.starts) {
                Ok(Ok(reader)) => reader.check_all().map_err(failed)?.is_ok(),
                Ok(Err(_)) => false,
                Err(cause) if cause.kind() == io::ErrorKind::PermissionDenied => false,
                Err(cause) => return Err(failed(cause)),
            },
        };
        Ok((!is_usable).then_some(Existing::Replace))
    }

    /// How a checkpoint comes here; `None` where it need not.
    fn place_of(
        &self,
        source: &Folder,
        skimmed: &Skimmed,
        look: Look<'_>,
    ) -> Result<Option<Existing>> {
        let number = skimmed.id.sequence;
        let none: &[Sequence] = &[];
        let (found, refused) = match look {
            Look::Short => (read::skim(&self.folder, number).map(|found| found.id), none),
            Look::Whole { refused } => {
                let found = read::whole(&self.folder, number, Durability::AsItIs);
                (found.map(|found| found.id), refused)
            }
        };
        match found {
            Ok(id) if id == skimmed.id => Ok(None),
            // What is damaged is no checkpoint: the whole one takes its place.
            Err(Problem::Invalid(_)) => Ok(Some(Existing::Replace)),
            Ok(_) if refused.contains(&number) => Ok(Some(Existing::Replace)),
            Err(Problem::Gone) => Ok(Some(Existing::Keep)),
            // Nobody can go on from what we may not read.
            Err(Problem::Io(cause)) if cause.kind() == io::ErrorKind::PermissionDenied => {
                Ok(Some(Existing::Replace))
            }
            Err(Problem::Io(cause)) => Err(Error::io("read", &self.folder.path(number), cause)),
            Ok(_) => {
                let (path, from) = (self.folder.path(number), source.path(number));
                let (path, from) = (path.display(), from.display());
                let message = format!("`{path}` is another checkpoint than `{from}`");
                let hint = "keep the one that is right, and move the other file away";
                Err(Error::failed(message).with_hint(hint))
            }
        }
    }

    /// Copies a file under a name that nothing had before.
    fn copy(&self, source: &Source) -> Result<()> {
        let temporary = self.temporary(source.sequence);
        let target = self.folder.directory.join(&source.name);
        let copied = self.copy_to(&*source.file, &temporary).and_then(|()| {
            if source.existing == Existing::Replace {
                self.keep_aside(&target, source.sequence)?;
            }
            self.folder.storage.rename(&temporary, &target, source.existing)
        });
        copied.map_err(|cause| {
            let _left_for_the_next_sweep = self.folder.storage.remove(&temporary);
            let is_in_the_way = cause.kind() == io::ErrorKind::IsADirectory;
            let error = Error::io("copy to", &target, cause);
            let hint = "move away what stands there, then run the same command";
            if is_in_the_way { error.with_hint(hint) } else { error }
        })
    }

    /// Keeps what a file held that is of no use under a name of its own: somebody may want to look at it. It is whole
    /// there before the file is replaced. What was kept before stays.
    fn keep_aside(&self, path: &Path, sequence: Sequence) -> io::Result<()> {
        let aside = path.with_extension("onw.refused");
        let temporary = self.temporary(sequence);
        let storage = &self.folder.storage;
        let opened = storage.open(path, OpenMode::ReadOwn);
        let kept = match opened.and_then(|file| self.copy_to(&*file, &temporary)) {
            // What is no file, or one that we may not read, can only be moved.
            Err(cause)
                if matches!(
                    cause.kind(),
                    io::ErrorKind::InvalidInput | io::ErrorKind::PermissionDenied
                ) =>
            {
                storage.rename(path, &aside, Existing::Keep)
            }
            copied => copied.and_then(|()| storage.rename(&temporary, &aside, Existing::Keep)),
        };
        if kept.is_err() {
            let _left_for_the_next_sweep = storage.remove(&temporary);
        }
        match kept {
            Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => Err(cause),
            _ => storage.sync_directory(&self.folder.directory),
        }
    }

    fn temporary(&self, sequence: Sequence) -> PathBuf {
        let name = names::temporary(sequence, self.folder.clock.random());
        self.folder.directory.join(name)
    }

    fn copy_to(&self, source: &dyn File, temporary: &Path) -> io::Result<()> {
        let length = source.metadata()?.length;
        let file = self.folder.storage.open(temporary, OpenMode::CreatePrivate)?;
        file.reserve(length)?;
        let mut buffer = vec![0; PORTION_BYTES];
        let mut offset = 0;
        while offset < length {
            let count = read_full(source, &mut buffer, offset)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            file.write_at(&buffer[..count], offset)?;
            offset += count as u64;
        }
        file.sync_all()
    }

    /// The checkpoint is here: from now on it counts like one that was saved here.
    fn note_chain(&mut self, chain: &[Skimmed], needs: &Needs) -> Result<Saved> {
        let mut summed = Chain::default();
        for expected in chain {
            let number = expected.id.sequence;
            let found = read::skim(&self.folder, number);
            let found = found.ok().filter(|found| found == expected).ok_or_else(|| {
                let path = self.folder.path(number);
                Error::failed(format!("`{}` was copied and is another file now", path.display()))
            })?;
            let form = if found.parent.is_some() { Form::Delta } else { Form::Base };
            summed = summed.with(form, found.length);
            self.known.insert(number, found);
        }
        let head = chain.last().expect("a chain has a head");
        let sequence = head.id.sequence;
        self.sequence_max = self.sequence_max.max(sequence);
        self.spills_made = needs.spills_made;
        self.spill_number_max = self.spill_number_max.max(needs.spills_made);
        let names = needs.spills.iter().filter_map(|entry| SpillName::parse(&entry.name));
        self.spills_of.insert(sequence, names.collect());
        self.head = Some(Head { id: head.id, chain: summed });
        let form = if head.parent.is_some() { Form::Delta } else { Form::Base };
        let (bytes, path) = (head.length, self.folder.path(sequence));
        Ok(Saved { id: head.id, form, bytes, path, next_form: summed.next_form(), seal: () })
    }
}

fn of_savepoint(savepoint: &Savepoint, error: Error) -> Error {
    let message = format!("savepoint `{}`: {}", savepoint.name, error.message);
    Error { message, ..error }
}
