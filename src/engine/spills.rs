//! The spills of a run: files in the job's folder, beside its checkpoints.
//!
//! They are written where the step is that needs them, in the ordered stage; a checkpoint makes those durable that its
//! states refer to. Which of them may go is up to the folder (`checkpoint/store/spills.rs`).

use super::outputs::Syncs;
use super::world::World;
use crate::checkpoint::{Folder, Invalid, RunId, SpillEntry, SpillName, SpillReader, SpillWriter};
use crate::error::{Error, Result};
use crate::storage::clock::Clock;
use crate::storage::{File, Storage};
use crate::transform::spills::{Block, NewSpill, OpenSpill, Spill, Spills};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// The spills in a job's folder, whose lock somebody of this process holds.
#[derive(Debug, Clone)]
pub struct FolderSpills(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    storage: Arc<dyn Storage>,
    clock: Arc<dyn Clock>,
    folder: Folder,
    /// The job's own start, then those of others whose spills it took over.
    starts: Vec<RunId>,
    progress: Mutex<Made>,
}

#[derive(Debug)]
struct Made {
    /// The largest number that was given to a spill.
    number: u64,
    unsynced: Vec<Unsynced>,
}

/// A spill that is finished, not yet synced, and not forgotten.
#[derive(Debug)]
struct Unsynced {
    name: String,
    path: PathBuf,
    file: Arc<dyn File>,
}

#[derive(Debug)]
struct NewFile {
    writer: SpillWriter,
    spills: FolderSpills,
}

#[derive(Debug)]
struct OpenFile {
    reader: SpillReader,
    path: PathBuf,
}

impl FolderSpills {
    /// The spills of the first of some starts, and of the others those that it took over; `number_max` is the largest
    /// number that any spill ever had here.
    pub fn new(world: &World, folder: Folder, starts: Vec<RunId>, number_max: u64) -> FolderSpills {
        let progress = Mutex::new(Made { number: number_max, unsynced: Vec::new() });
        let (storage, clock) = (world.storage.clone(), world.clock.clone());
        FolderSpills(Arc::new(Shared { storage, clock, folder, starts, progress }))
    }

    /// The largest number so far.
    pub fn made(&self) -> u64 {
        self.made_mut(|made| made.number)
    }

    /// Adds what must be durable before a checkpoint that refers to `needed` is saved; from now on counted as durable,
    /// since a failure of it ends the run. Nobody may make or forget spills meanwhile.
    pub fn add_syncs(&self, needed: &[SpillEntry], syncs: &mut Syncs) {
        let mut unsynced = self.made_mut(|made| std::mem::take(&mut made.unsynced));
        // The others were made for nothing.
        unsynced.retain(|one| needed.iter().any(|entry| entry.name == one.name));
        if !unsynced.is_empty() {
            syncs.add_folder(self.0.folder.directory());
        }
        syncs.files.extend(unsynced.into_iter().map(|one| (one.path, one.file)));
    }

    fn made_mut<T>(&self, change: impl FnOnce(&mut Made) -> T) -> T {
        change(&mut self.0.progress.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What a checkpoint says of a spill.
pub fn entry_of(spill: Spill) -> SpillEntry {
    SpillEntry { name: spill.name, length: spill.length, digest: spill.digest }
}

impl Spills for FolderSpills {
    fn create(&self) -> Result<Box<dyn NewSpill>> {
        let number = self.made_mut(|made| {
            made.number += 1;
            made.number
        });
        let Shared { storage, clock, folder, starts, .. } = &*self.0;
        let name = SpillName { number, random: clock.random() };
        let writer = SpillWriter::create(storage.clone(), folder.directory(), name, starts[0])?;
        Ok(Box::new(NewFile { writer, spills: self.clone() }))
    }

    fn open(&self, spill: &Spill) -> Result<Box<dyn OpenSpill>> {
        let path = self.0.folder.directory().join(&spill.name);
        let opened = self.0.folder.open_spill(&entry_of(spill.clone()), &self.0.starts);
        let opened = opened.map_err(|cause| Error::io("open", &path, cause))?;
        let reader = opened.map_err(|invalid| Error::refused(invalid.to_string()))?;
        Ok(Box::new(OpenFile { reader, path }))
    }

    /// The file stays as long as a checkpoint needs it; one that was not synced by then is needed by none.
    fn forget(&self, spill: &Spill) {
        self.made_mut(|made| made.unsynced.retain(|one| one.name != spill.name));
    }
}

impl NewSpill for NewFile {
    fn append(&mut self, block: &[u8]) -> Result<()> {
        self.writer.append(block)
    }

    fn append_plain(&mut self, block: &[u8]) -> Result<()> {
        self.writer.append_plain(block)
    }

    fn place(&self) -> u64 {
        self.writer.place()
    }

    fn finish(self: Box<Self>) -> Result<Spill> {
        let NewFile { writer, spills } = *self;
        let (entry, path, file) = writer.finish()?;
        let SpillEntry { name, length, digest } = entry;
        spills.made_mut(|made| {
            made.unsynced.push(Unsynced { name: name.clone(), path, file });
        });
        Ok(Spill { name, length, digest })
    }
}

impl OpenSpill for OpenFile {
    fn read(&self, place: u64) -> Result<Option<Block>> {
        let found = self.reader.block(place);
        let block = self.checked(found)?;
        Ok(block.map(|block| Block { bytes: block.bytes, next: block.next }))
    }

    fn read_until(&self, place: u64, end: u64) -> Result<Vec<Vec<u8>>> {
        self.checked(self.reader.blocks(place, end))
    }
}

impl OpenFile {
    fn checked<T>(&self, found: io::Result<Result<T, Invalid>>) -> Result<T> {
        let found = found.map_err(|cause| Error::io("read", &self.path, cause))?;
        found.map_err(|invalid| {
            let message =
                format!("`{}` has changed since it was written: {invalid}", self.path.display());
            Error::refused(message).with_hint("restore the file, or start over with `--fresh`")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::Trust;
    use crate::storage::clock::SimulatedClock;
    use crate::storage::simulated::SimulatedStorage;
    use std::path::Path;

    const START: RunId = RunId([7; 16]);

    #[test]
    fn what_a_checkpoint_needs_is_synced_once_and_what_was_forgotten_is_closed() {
        let storage: Arc<dyn Storage> = Arc::new(SimulatedStorage::new());
        let clock: Arc<dyn Clock> = Arc::new(SimulatedClock::new(1));
        let directory = Path::new("/job/.onward/job");
        let folder =
            Folder::open(storage.clone(), clock.clone(), directory, Trust::OwnOnly).expect("made");
        let progress = Mutex::new(Made { number: 0, unsynced: Vec::new() });
        let starts = vec![START];
        let spills = FolderSpills(Arc::new(Shared { storage, clock, folder, starts, progress }));
        let made: Vec<Spill> = (0..3)
            .map(|_| {
                let mut new = spills.create().expect("a new spill");
                new.append(b"something").expect("room");
                new.finish().expect("finished")
            })
            .collect();
        spills.forget(&made[2]);
        assert_eq!(spills.made_mut(|made| made.unsynced.len()), 2);
        let needed = [entry_of(made[0].clone())];
        let mut syncs = Syncs::default();
        spills.add_syncs(&needed, &mut syncs);
        let open: Vec<&PathBuf> = syncs.files.iter().map(|(path, _)| path).collect();
        assert_eq!(open, [&directory.join(&made[0].name)]);
        assert_eq!(syncs.folders, [directory.to_path_buf()]);

        let mut later = Syncs::default();
        spills.add_syncs(&needed, &mut later);
        assert!(later.files.is_empty() && later.folders.is_empty());
    }
}
