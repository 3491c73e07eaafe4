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
    /// Finished, and not yet synced.
    unsynced: Vec<(String, PathBuf, Arc<dyn File>)>,
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
    /// since a failure of it ends the run.
    pub fn add_syncs(&self, needed: &[SpillEntry], syncs: &mut Syncs) {
        let unsynced = self.made_mut(|made| std::mem::take(&mut made.unsynced));
        // The others were merged into larger ones meanwhile.
        let is_needed = |name: &str| needed.iter().any(|entry| entry.name == name);
        let files = unsynced.into_iter().filter(|(name, ..)| is_needed(name));
        let count = syncs.files.len();
        syncs.files.extend(files.map(|(_, path, file)| (path, file)));
        if syncs.files.len() > count {
            syncs.folders.push(self.0.folder.directory().to_path_buf());
        }
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

    /// The file stays as long as a checkpoint may need it, but is not held open any more: no later one will.
    fn forget(&self, spill: &Spill) {
        self.made_mut(|made| made.unsynced.retain(|(name, ..)| *name != spill.name));
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
        spills.made_mut(|made| made.unsynced.push((name.clone(), path, file)));
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
