//! Taking a checkpoint over from another folder, with all that it builds on and needs: into a copy, or back from one.
//!
//! Files are copied byte by byte and never changed, spills first, then the base, then each delta: whatever a stop leaves
//! behind is whole, or a temporary file that the next run sweeps. All files of the source are opened before the first is
//! read, so that its retention may go on meanwhile.

use super::folder::Folder;
use super::load;
use super::names;
use super::read::{self, Problem};
use super::{Head, Saved, Store};
use crate::checkpoint::format::Skimmed;
use crate::checkpoint::id::{RunId, Sequence};
use crate::checkpoint::manifest::{Form, Manifest};
use crate::checkpoint::retention::Chain;
use crate::checkpoint::spill::{SpillEntry, SpillName};
use crate::error::{Error, Result};
use crate::storage::{Existing, File, OpenMode, read_full};
use std::io;
use std::path::Path;
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
}

impl Needs {
    /// What a checkpoint with this manifest needs.
    pub fn of(manifest: &Manifest) -> Needs {
        Needs { spills: manifest.spills.clone(), spills_made: manifest.spills_made }
    }
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

    /// Takes a checkpoint over; `None` where the source has given it up meanwhile.
    pub fn take_over(
        &mut self,
        source: &Folder,
        sequence: Sequence,
        needs: &Needs,
    ) -> Result<Option<Saved>> {
        self.take_over_for(source, sequence, needs, &[])
    }

    /// The same, where it may take the place of files of these numbers, too, which are of no use. What a file held that is
    /// replaced, for this reason or because it is damaged, is kept beside it.
    pub fn take_over_for(
        &mut self,
        source: &Folder,
        sequence: Sequence,
        needs: &Needs,
        refused: &[Sequence],
    ) -> Result<Option<Saved>> {
        self.check_health()?;
        if !self.folder.check()? {
            return Err(Error::io("find", &self.folder.directory, io::ErrorKind::NotFound.into()));
        }
        let Ok(mut chain) = load::chain_of(sequence, &source.list()?) else { return Ok(None) };
        chain.reverse();
        let missing = self.missing(source, &chain, needs, refused)?;
        let Some(files) = missing else { return Ok(None) };
        for file in &files {
            self.copy(file)?;
        }
        let directory = &self.folder.directory;
        let synced = self.folder.storage.sync_directory(directory);
        synced.map_err(|cause| Error::io("sync the folder", directory, cause))?;
        self.note_chain(&chain, needs).map(Some)
    }

    /// Gives the checkpoints that have a name in another folder the same name here, and takes over those that are not here
    /// yet. What has a name only here keeps it: nobody but the user takes it away.
    pub fn follow_savepoints(&mut self, source: &Folder) -> Result<()> {
        let ours = self.folder.savepoints()?;
        let theirs = source.savepoints()?;
        for savepoint in theirs.iter().filter(|savepoint| !ours.contains(savepoint)) {
            if !self.take_over_beside(source, savepoint.sequence)? {
                continue;
            }
            // A name that the user took away there while this folder was not at hand, and gave again.
            for old in ours.iter().filter(|old| old.name.is_like(&savepoint.name)) {
                self.remove_name(old)?;
            }
            self.name_savepoint(savepoint)?;
        }
        Ok(())
    }

    /// Sees to it that an older checkpoint is here, too; false where the source has it no more.
    fn take_over_beside(&mut self, source: &Folder, sequence: Sequence) -> Result<bool> {
        let Ok(found) = source.read(sequence)? else { return Ok(false) };
        let before = (self.head, self.spills_made);
        let needs = Needs::of(&found.checkpoint.manifest);
        let taken = self.take_over(source, sequence, &needs)?;
        (self.head, self.spills_made) = before;
        Ok(taken.is_some())
    }

    /// The files that are not here yet, open, in the order in which they are to come; `None` where one is gone.
    fn missing(
        &self,
        source: &Folder,
        chain: &[Skimmed],
        needs: &Needs,
        refused: &[Sequence],
    ) -> Result<Option<Vec<Source>>> {
        let head = chain.last().expect("a chain has a head").id.sequence;
        let mut wanted = Vec::new();
        for entry in &needs.spills {
            let Some(name) = SpillName::parse(&entry.name) else { return Ok(None) };
            let name = names::spill(name);
            let found = self.folder.storage.metadata(&self.folder.directory.join(&name));
            if !found.is_ok_and(|found| found.length == entry.length) {
                wanted.push((name, head, Existing::Keep));
            } else if refused.contains(&head) && !self.holds_the_same(source, &name)? {
                wanted.push((name, head, Existing::Replace));
            }
        }
        for skimmed in chain {
            let number = skimmed.id.sequence;
            match read::skim(&self.folder, number) {
                // Its ends may be right and what is between them damaged.
                Ok(_) if refused.contains(&number) => {
                    wanted.push((names::checkpoint(number), number, Existing::Replace));
                }
                Ok(found) if found.id == skimmed.id => {}
                Err(Problem::Gone) => {
                    wanted.push((names::checkpoint(number), number, Existing::Keep));
                }
                // What is damaged is no checkpoint: the whole one takes its place.
                Err(Problem::Invalid(_)) => {
                    wanted.push((names::checkpoint(number), number, Existing::Replace));
                }
                Err(Problem::Io(cause)) => {
                    return Err(Error::io("read", &self.folder.path(number), cause));
                }
                Ok(_) => {
                    let (path, from) = (self.folder.path(number), source.path(number));
                    let (path, from) = (path.display(), from.display());
                    let message = format!("`{path}` is another checkpoint than `{from}`");
                    let hint = "keep the one that is right, and move the other file away";
                    return Err(Error::failed(message).with_hint(hint));
                }
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

    /// Whether a file has the same bytes here and there; no, where it is not there.
    fn holds_the_same(&self, source: &Folder, name: &str) -> Result<bool> {
        let mut portions = [vec![0; PORTION_BYTES], vec![0; PORTION_BYTES]];
        let mut files = Vec::new();
        for folder in [&self.folder, source] {
            let path = folder.directory.join(name);
            match folder.storage.open(&path, OpenMode::ReadOwn) {
                Ok(file) => files.push((path, file)),
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(false),
                Err(cause) => return Err(Error::io("open", &path, cause)),
            }
        }
        let mut offset = 0;
        loop {
            let mut counts = [0; 2];
            for (((path, file), portion), count) in files.iter().zip(&mut portions).zip(&mut counts)
            {
                *count = read_full(&**file, portion, offset)
                    .map_err(|cause| Error::io("read", path, cause))?;
            }
            let [left, right] = &portions;
            if left[..counts[0]] != right[..counts[1]] {
                return Ok(false);
            }
            if counts[0] == 0 {
                return Ok(true);
            }
            offset += counts[0] as u64;
        }
    }

    /// Copies a file under a name that nothing had before.
    fn copy(&self, source: &Source) -> Result<()> {
        let temporary = names::temporary(source.sequence, self.folder.clock.random());
        let temporary = self.folder.directory.join(temporary);
        let target = self.folder.directory.join(&source.name);
        let copied = self.copy_to(&*source.file, &temporary).and_then(|()| {
            if source.existing == Existing::Replace {
                self.keep_aside(&target)?;
            }
            self.folder.storage.rename(&temporary, &target, source.existing)
        });
        copied.map_err(|cause| {
            let _left_for_the_next_sweep = self.folder.storage.remove(&temporary);
            Error::io("copy to", &target, cause)
        })
    }

    /// Copies a file that is no usable checkpoint to a name of its own: somebody may want to look at it.
    fn keep_aside(&self, path: &Path) -> io::Result<()> {
        let aside = path.with_extension("onw.refused");
        let kept = self.folder.storage.open(path, OpenMode::ReadOwn);
        match kept.and_then(|file| self.copy_to(&*file, &aside)) {
            // What is no file holds nothing, and what was kept before stays.
            Err(cause)
                if matches!(
                    cause.kind(),
                    io::ErrorKind::InvalidInput | io::ErrorKind::AlreadyExists
                ) =>
            {
                Ok(())
            }
            other => other,
        }
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
