//! The two storage traits on a simulated disk.

use crate::storage::directories::{self, DirectoryCalls};
use crate::storage::simulated::faults::{Call, Errno};
use crate::storage::simulated::image::{
    Body, Bytes, Change, DataChange, Image, Layers, NameChange,
};
use crate::storage::simulated::tree::Last;
use crate::storage::simulated::{Fate, HeldLock, SimulatedFile, SimulatedStorage};
use crate::storage::whole::write_all;
use crate::storage::{Existing, File, Lock, Metadata, OpenMode, Privacy, Storage};
use std::ffi::OsString;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

impl Storage for SimulatedStorage {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let call = match mode {
            OpenMode::ReadInput | OpenMode::ReadOwn | OpenMode::Modify => Call::Open,
            OpenMode::CreatePrivate | OpenMode::CreateShared => Call::Create,
        };
        let node = self.operate(call, path, |disk, _| {
            let last = match mode {
                OpenMode::ReadInput => Last::Followed,
                OpenMode::ReadOwn | OpenMode::Modify => Last::AsItIs,
                OpenMode::CreatePrivate | OpenMode::CreateShared => {
                    let access = if mode == OpenMode::CreatePrivate { 0o600 } else { 0o644 };
                    return disk.image.create(
                        path,
                        Body::File(Layers::settled(Bytes::default())),
                        access,
                    );
                }
            };
            let id = disk.image.find(path, last)?;
            match disk.image.nodes[id].body {
                Body::File(_) => Ok(id),
                _ => Err(io::ErrorKind::InvalidInput.into()),
            }
        })?;
        let may_write = !matches!(mode, OpenMode::ReadInput | OpenMode::ReadOwn);
        let (storage, path) = (self.clone(), path.to_path_buf());
        Ok(Arc::new(SimulatedFile { storage, node, path, may_write }))
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        self.operate(Call::Metadata, path, |disk, _| {
            Ok(disk.image.metadata(disk.image.find(path, Last::AsItIs)?))
        })
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        self.operate(Call::List, directory, |disk, _| {
            let id = disk.image.find(directory, Last::Followed)?;
            let names = disk.image.names(id).ok_or(io::ErrorKind::NotADirectory)?;
            Ok(names.live.keys().cloned().collect())
        })
    }

    fn create_directory(&self, directory: &Path, privacy: Privacy) -> io::Result<()> {
        directories::create(self, directory, privacy)
    }

    fn rename(&self, from: &Path, to: &Path, existing: Existing) -> io::Result<()> {
        self.operate(Call::Rename, to, |disk, _| disk.image.rename(from, to, existing))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.operate(Call::Remove, path, |disk, _| {
            let id = disk.image.find(path, Last::AsItIs)?;
            if disk.image.names(id).is_some() {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            let (directory, name) = disk.image.place(path)?;
            let moment = disk.image.tick();
            disk.image.change_name(directory, moment, NameChange::Remove { name });
            Ok(())
        })
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        self.operate(Call::SyncDirectory, directory, |disk, fate| {
            let id = disk.image.find(directory, Last::Followed)?;
            disk.image.note_sync(fate);
            let Body::Directory(layers) = &mut disk.image.nodes[id].body else {
                return Err(io::ErrorKind::NotADirectory.into());
            };
            settle(layers, fate)
        })
    }

    fn volatile_kind(&self, _path: &Path) -> Option<&'static str> {
        None
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Lock>> {
        self.operate(Call::Lock, path, |disk, _| {
            let found = match disk.image.find(path, Last::AsItIs) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    disk.image.create(path, Body::File(Layers::settled(Bytes::default())), 0o600)?
                }
                other => other?,
            };
            if !matches!(disk.image.nodes[found].body, Body::File(_)) {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            disk.locks.retain(|(_, held)| held.strong_count() > 0);
            if disk.locks.iter().any(|(node, _)| *node == found) {
                return Ok(None);
            }
            let holder = Arc::new(HeldLock);
            disk.locks.push((found, Arc::downgrade(&holder)));
            Ok(Some(Lock { holder }))
        })
    }
}

impl DirectoryCalls for SimulatedStorage {
    fn is_directory(&self, path: &Path) -> io::Result<bool> {
        self.operate(Call::IsDirectory, path, |disk, _| {
            match disk.image.find(path, Last::Followed) {
                Ok(id) if disk.image.names(id).is_some() => Ok(true),
                Ok(_) => Err(io::ErrorKind::NotADirectory.into()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
                Err(error) => Err(error),
            }
        })
    }

    fn make_directory(&self, path: &Path, privacy: Privacy) -> io::Result<()> {
        let mode = if privacy == Privacy::Private { 0o700 } else { 0o755 };
        self.operate(Call::MakeDirectory, path, |disk, _| {
            disk.image.create(path, Body::Directory(Layers::settled(Arc::default())), mode)?;
            Ok(())
        })
    }

    fn sync_names(&self, directory: &Path) -> io::Result<()> {
        self.sync_directory(directory)
    }
}

impl SimulatedFile {
    fn sync(&self, call: Call) -> io::Result<()> {
        self.storage.operate(call, &self.path, |disk, fate| {
            disk.image.note_sync(fate);
            settle(disk.image.file(self.node)?, fate)
        })
    }
}

impl File for SimulatedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.storage.operate(Call::ReadAt, &self.path, |disk, fate| {
            let live = &disk.image.file(self.node)?.live;
            let start = usize::try_from(offset).unwrap_or(usize::MAX).min(live.len());
            let asked = match fate {
                Fate::Short(count) => count.max(1),
                _ => buffer.len(),
            };
            let count = asked.min(buffer.len()).min(live.len() - start);
            buffer[..count].copy_from_slice(&live[start..start + count]);
            if let (Fate::OtherBytes, Some(byte)) = (fate, buffer[..count].last_mut()) {
                *byte ^= 1;
            }
            Ok(count)
        })
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        write_all(bytes, offset, |bytes, offset| {
            self.storage.operate_once(Call::WriteAt, &self.path, |disk, fate| {
                if !self.may_write {
                    return Err(Errno::BADF.into());
                }
                let count = match fate {
                    Fate::Short(count) => count.clamp(1, bytes.len()),
                    _ => bytes.len(),
                };
                let end = offset + u64::try_from(count).expect("a count of bytes fits");
                disk.note_bytes(offset..end);
                disk.image.write(self.node, offset, &bytes[..count])
            })
        })
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.storage.operate(Call::SetLength, &self.path, |disk, _| {
            if !self.may_write {
                return Err(Errno::INVAL.into());
            }
            disk.note_bytes(length..length);
            let length = usize::try_from(length).map_err(|_| io::ErrorKind::FileTooLarge)?;
            let room = disk.image.room();
            let moment = disk.image.tick();
            let layers = disk.image.file(self.node)?;
            if length.saturating_sub(layers.live.len()) > room {
                return Err(Errno::NOSPC.into());
            }
            layers.change(moment, DataChange::Length(length));
            Ok(())
        })
    }

    /// What is not synced may be on the disk or not, with and without the hint.
    fn start_write_back(&self, _: Range<u64>) {}

    fn reserve(&self, length: u64) -> io::Result<()> {
        self.storage.operate(Call::Reserve, &self.path, |disk, _| {
            let length = usize::try_from(length).map_err(|_| io::ErrorKind::FileTooLarge)?;
            let room = disk.image.room();
            let missing = length.saturating_sub(disk.image.file(self.node)?.live.len());
            if missing > room { Err(Errno::NOSPC.into()) } else { Ok(()) }
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync(Call::SyncData)
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync(Call::SyncAll)
    }

    fn metadata(&self) -> io::Result<Metadata> {
        self.storage
            .operate(Call::FileMetadata, &self.path, |disk, _| Ok(disk.image.metadata(self.node)))
    }
}

impl Image {
    /// A journal is written out by a sync of anything.
    fn note_sync(&mut self, fate: Fate) {
        if !matches!(fate, Fate::SyncLost) {
            self.synced_at = self.moment;
        }
    }
}

fn settle<T: Clone, C: Change<T>>(layers: &mut Layers<T, C>, fate: Fate) -> io::Result<()> {
    if matches!(fate, Fate::SyncLost) {
        layers.lose();
        return Err(Errno::IO.into());
    }
    layers.sync();
    Ok(())
}
