//! A disk in memory, with faults and power cuts: the faulty twin of `LocalStorage`.
//!
//! It keeps for every file and directory what can be seen and what is durable. A [`Fault`] strikes
//! one operation; [`SimulatedStorage::power_cut`] gives the disk that the machine finds when it
//! starts again. Paths are taken from one root, relative ones too.

mod calls;

mod faults;

mod image;

mod power;

mod states;

mod tree;

pub use faults::{Call, Effect, End, Errno, Fault, Lasting, Operation};
pub use power::{Cut, Survival};
pub use states::{Effort, Moment, Profile};

use crate::storage::whole::uninterrupted;
use crate::threads;
use image::{Body, Image, Layers, NodeId};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tree::{Last, names_of};

/// A simulated file system; clones share the disk.
#[derive(Debug, Clone)]
pub struct SimulatedStorage {
    disk: Arc<Mutex<Disk>>,
}

#[derive(Debug)]
struct Disk {
    image: Image,
    trace: Vec<Operation>,
    faults: Vec<Fault>,
    locks: Vec<(NodeId, Weak<HeldLock>)>,
    /// The disk before each operation, where that is kept.
    moments: Option<Vec<Moment>>,
    /// Whether the operation before may have changed something.
    is_changed: bool,
}

#[derive(Debug)]
struct HeldLock;

/// An open file of a simulated disk.
#[derive(Debug)]
struct SimulatedFile {
    storage: SimulatedStorage,
    node: NodeId,
    path: PathBuf,
    may_write: bool,
}

/// What is to become of an operation.
#[derive(Clone, Copy)]
enum Fate {
    Done,
    DoneThenFails(Errno),
    SyncLost,
    Short(usize),
    OtherBytes,
}

impl SimulatedStorage {
    /// An empty disk.
    pub fn new() -> Self {
        Self::with_image(Image::new())
    }

    /// Plans faults; the indices count from the first operation of this disk.
    pub fn plan(&self, faults: &[Fault]) {
        self.disk().faults.extend_from_slice(faults);
    }

    /// Every operation so far.
    pub fn operations(&self) -> Vec<Operation> {
        self.disk().trace.clone()
    }

    /// How many operations there were so far.
    pub fn operations_count(&self) -> usize {
        self.disk().trace.len()
    }

    /// How many changes are visible and not yet durable.
    pub fn pending(&self) -> usize {
        power::pending(&self.disk().image).len()
    }

    /// The disk that is found after a power cut now: no locks, no faults, an empty trace.
    pub fn power_cut(&self, choice: Cut) -> SimulatedStorage {
        let disk = self.disk();
        Self::with_image(power::cut(&disk.image, &power::chosen(&disk.image, choice)))
    }

    /// From now on the disk is kept as it is before each operation.
    pub fn keep_moments(&self) {
        self.disk().moments = Some(Vec::new());
    }

    /// The disk as it was before each operation since [`SimulatedStorage::keep_moments`], and as it is now.
    pub fn moments(&self) -> Vec<Moment> {
        let disk = self.disk();
        let mut moments = disk.moments.clone().unwrap_or_default();
        moments.push(Moment::of(disk.image.clone()));
        moments
    }

    /// 128 bits that are the same for disks with the same names, contents and modes.
    pub fn digest(&self) -> u128 {
        states::digest(&self.disk().image)
    }

    /// The disk as the next process finds it when this one was killed and the machine ran on:
    /// everything is visible, what was not durable still is not; no locks, no faults, an empty
    /// trace.
    pub fn after_kill(&self) -> SimulatedStorage {
        Self::with_image(self.disk().image.clone())
    }

    /// The bytes of all files together.
    pub fn bytes(&self) -> u64 {
        self.disk().image.bytes()
    }

    /// Limits the bytes of all files together.
    pub fn set_capacity(&self, bytes: u64) {
        self.disk().image.capacity = bytes;
    }

    /// Puts a durable file with mode 0600 at a path, outside of the trace; parents are made.
    pub fn put_file(&self, path: impl AsRef<Path>, bytes: &[u8]) {
        self.put(path.as_ref(), Body::File(Layers::settled(Arc::new(bytes.to_vec()))), 0o600);
    }

    /// Puts a durable directory at a path.
    pub fn put_directory(&self, path: impl AsRef<Path>, mode: u32) {
        self.put(path.as_ref(), Body::Directory(Layers::settled(Arc::default())), mode);
    }

    /// Puts a durable symbolic link at a path.
    pub fn put_link(&self, path: impl AsRef<Path>, target: impl AsRef<Path>) {
        self.put(path.as_ref(), Body::Link(target.as_ref().to_path_buf()), 0o777);
    }

    /// Puts a durable pipe at a path.
    pub fn put_pipe(&self, path: impl AsRef<Path>) {
        self.put(path.as_ref(), Body::Pipe, 0o600);
    }

    /// Gives a file a second, durable name. Does nothing where there is no file.
    pub fn put_hard_link(&self, path: impl AsRef<Path>, existing: impl AsRef<Path>) {
        let found = self.disk().image.find(existing.as_ref(), Last::AsItIs);
        if let Ok(node) = found {
            self.put_name(path.as_ref(), node);
        }
    }

    /// Sets mode and owner of what stands at a path.
    pub fn set_access(&self, path: impl AsRef<Path>, mode: u32, is_ours: bool) {
        let mut disk = self.disk();
        if let Ok(id) = disk.image.find(path.as_ref(), Last::AsItIs) {
            disk.image.nodes[id].mode = mode;
            disk.image.nodes[id].is_ours = is_ours;
        }
    }

    /// The visible bytes of a file, outside of the trace.
    pub fn file(&self, path: impl AsRef<Path>) -> Option<Vec<u8>> {
        let disk = self.disk();
        let id = disk.image.find(path.as_ref(), Last::Followed).ok()?;
        match &disk.image.nodes[id].body {
            Body::File(layers) => Some(layers.live.to_vec()),
            _ => None,
        }
    }

    fn with_image(image: Image) -> Self {
        let disk = Disk {
            image,
            trace: Vec::new(),
            faults: Vec::new(),
            locks: Vec::new(),
            moments: None,
            is_changed: false,
        };
        SimulatedStorage { disk: Arc::new(Mutex::new(disk)) }
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, path: &Path, body: Body, mode: u32) {
        let node = self.disk().image.add(body, mode);
        self.put_name(path, node);
    }

    fn put_name(&self, path: &Path, node: NodeId) {
        let mut disk = self.disk();
        let mut directory = 0;
        let names = names_of(path);
        let Some((last, parents)) = names.split_last() else {
            return;
        };
        for name in parents {
            let known = disk.image.names(directory).and_then(|names| names.live.get(name)).copied();
            directory = known.unwrap_or_else(|| {
                let body = Body::Directory(Layers::settled(Arc::default()));
                let made = disk.image.add(body, 0o755);
                disk.image.settle_name(directory, name, made);
                made
            });
        }
        disk.image.settle_name(directory, last, node);
    }

    /// Does an operation as [`SimulatedStorage::operate_once`] does, again where it was interrupted.
    fn operate<T>(
        &self,
        call: Call,
        path: &Path,
        mut work: impl FnMut(&mut Disk, Fate) -> io::Result<T>,
    ) -> io::Result<T> {
        uninterrupted(|| self.operate_once(call, path, &mut work))
    }

    /// Counts and traces an operation, lets its fault strike, and does it.
    fn operate_once<T>(
        &self,
        call: Call,
        path: &Path,
        work: impl FnOnce(&mut Disk, Fate) -> io::Result<T>,
    ) -> io::Result<T> {
        threads::pass();
        let mut disk = self.disk();
        let index = disk.trace.len();
        let result = disk.begin(call, path).and_then(|fate| match (work(&mut disk, fate)?, fate) {
            (_, Fate::DoneThenFails(errno)) => Err(errno.into()),
            (value, _) => Ok(value),
        });
        disk.trace[index].end = match &result {
            Ok(_) => End::Done,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => End::Interrupted,
            Err(_) => End::Failed,
        };
        result
    }
}

impl Default for SimulatedStorage {
    fn default() -> Self {
        SimulatedStorage::new()
    }
}

impl Disk {
    fn begin(&mut self, call: Call, path: &Path) -> io::Result<Fate> {
        let index = self.trace.len();
        let struck = self.faults.iter().find(|fault| fault.strikes(index, call));
        let effect = struck.map(|fault| (fault.effect, fault.at == index));
        self.trace.push(Operation { call, path: path.to_path_buf(), end: End::Done, bytes: 0..0 });
        self.remember(call);
        match effect {
            // One interruption is enough even of a sticky fault: it would never end.
            Some((Effect::Interrupted, true)) => Err(io::ErrorKind::Interrupted.into()),
            None | Some((Effect::Interrupted, false)) => Ok(Fate::Done),
            Some((Effect::Error(errno), _)) => Err(errno.into()),
            Some((Effect::ErrorThoughDone(errno), _)) => Ok(Fate::DoneThenFails(errno)),
            Some((Effect::SyncLost, _)) if call.is_sync() => Ok(Fate::SyncLost),
            Some((Effect::SyncLost | Effect::PowerLoss, _)) => Err(Errno::IO.into()),
            Some((Effect::Short(count), _)) => Ok(Fate::Short(count)),
            Some((Effect::OtherBytes, _)) => Ok(Fate::OtherBytes),
        }
    }

    /// Notes which bytes the operation writes that is under way.
    fn note_bytes(&mut self, bytes: Range<u64>) {
        if let Some(operation) = self.trace.last_mut() {
            operation.bytes = bytes;
        }
    }

    /// Keeps the disk as it is before an operation, where that is wanted.
    fn remember(&mut self, call: Call) {
        let Some(moments) = &mut self.moments else { return };
        let last = moments.last().filter(|_| !self.is_changed).cloned();
        moments.push(last.unwrap_or_else(|| Moment::of(self.image.clone())));
        self.is_changed = !call.only_looks();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Existing, OpenMode, Privacy, Storage};

    const PATH: &str = "/d/file";

    fn write(storage: &SimulatedStorage, bytes: &[u8]) -> io::Result<()> {
        let file = storage.open(Path::new(PATH), OpenMode::CreatePrivate)?;
        file.write_at(bytes, 0)?;
        file.sync_all()
    }

    fn disk() -> SimulatedStorage {
        let storage = SimulatedStorage::new();
        storage.put_directory("/d", 0o700);
        storage
    }

    #[test]
    fn a_new_file_needs_both_syncs_to_survive() {
        let storage = disk();
        write(&storage, b"abc").expect("written");
        assert_eq!(storage.power_cut(Cut::Prefix(0)).file(PATH), None);
        storage.sync_directory(Path::new("/d")).expect("synced");
        assert_eq!(storage.power_cut(Cut::Prefix(0)).file(PATH).as_deref(), Some(&b"abc"[..]));
        assert_eq!(storage.pending(), 0);
    }

    #[test]
    fn a_rename_may_survive_without_the_bytes() {
        let storage = disk();
        let file = storage.open(Path::new("/d/t"), OpenMode::CreatePrivate).expect("created");
        file.write_at(b"abc", 0).expect("written");
        storage.rename(Path::new("/d/t"), Path::new(PATH), Existing::Keep).expect("renamed");
        let only_the_rename = storage.power_cut(Cut::Chosen(0b100));
        assert_eq!(only_the_rename.file(PATH), Some(Vec::new()));
        assert_eq!(storage.power_cut(Cut::Prefix(3)).file(PATH), Some(b"abc".to_vec()));
    }

    #[test]
    fn a_failed_sync_loses_bytes_for_good_and_the_next_one_lies() {
        let storage = disk();
        let effect = Effect::SyncLost;
        storage.plan(&[Fault { at: 2, lasting: Lasting::Once, effect }]);
        assert!(write(&storage, b"abc").is_err());
        let file = storage.open(Path::new(PATH), OpenMode::Modify).expect("opened");
        file.sync_all().expect("it lies");
        storage.sync_directory(Path::new("/d")).expect("synced");
        assert_eq!(storage.file(PATH), Some(b"abc".to_vec()));
        assert_eq!(storage.power_cut(Cut::Prefix(0)).file(PATH), Some(Vec::new()));
    }

    #[test]
    fn short_and_interrupted_writes_are_completed() {
        let storage = disk();
        let fault = |at, effect| Fault { at, lasting: Lasting::Once, effect };
        storage.plan(&[fault(1, Effect::Short(2)), fault(2, Effect::Interrupted)]);
        write(&storage, b"abcdef").expect("written");
        assert_eq!(storage.file(PATH), Some(b"abcdef".to_vec()));
        let writes = storage.operations().iter().filter(|op| op.call == Call::WriteAt).count();
        assert_eq!(writes, 3);
    }

    #[test]
    fn a_full_disk_takes_what_fits_and_then_fails() {
        let storage = disk();
        storage.set_capacity(4);
        let error = write(&storage, b"abcdef").expect_err("no room");
        assert!(crate::error::is_out_of_room(&error));
        assert_eq!(storage.file(PATH), Some(b"abcd".to_vec()));
    }

    #[test]
    fn a_cut_leaves_the_same_disk_for_the_same_seed_and_keeps_what_was_synced() {
        let storage = disk();
        write(&storage, &[7; 6000]).expect("written");
        storage.sync_directory(Path::new("/d")).expect("synced");
        let file = storage.open(Path::new(PATH), OpenMode::Modify).expect("opened");
        file.write_at(&[8; 3000], 5000).expect("written");
        for seed in 0..64 {
            let after = storage.power_cut(Cut::Seeded(seed)).file(PATH).expect("still there");
            assert_eq!(Some(&after), storage.power_cut(Cut::Seeded(seed)).file(PATH).as_ref());
            // Of the block that is written again nothing is certain.
            assert!(after[..4096].iter().all(|byte| *byte == 7));
            assert!(after.len() >= 6000);
        }
    }

    #[test]
    fn a_lost_machine_does_nothing_more() {
        let storage = disk();
        storage.plan(&[Fault::power_loss(1)]);
        assert!(write(&storage, b"abc").is_err());
        assert!(storage.remove(Path::new(PATH)).is_err());
        assert_eq!(storage.file(PATH), Some(Vec::new()));
    }

    #[test]
    fn directories_are_durable_when_they_are_made() {
        let storage = SimulatedStorage::new();
        storage.create_directory(Path::new("/a/b/c"), Privacy::Private).expect("made");
        let after = storage.power_cut(Cut::Prefix(0));
        assert!(after.metadata(Path::new("/a/b/c")).expect("there").mode == 0o700);
    }
}
