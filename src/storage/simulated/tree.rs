//! Paths and names on the simulated disk.

use crate::storage::simulated::faults::Errno;
use crate::storage::simulated::image::{
    Body, Bytes, DataChange, Image, Layers, NameChange, Names, Node, NodeId,
};
use crate::storage::{Existing, FileKind, Metadata};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// Symbolic links that a path may lead through.
const LINKS_MAX: usize = 8;

/// What a path's last name means where it is a symbolic link.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    Followed,
    AsItIs,
}

impl Image {
    pub fn names(&self, id: NodeId) -> Option<&Layers<Arc<Names>, NameChange>> {
        match &self.nodes[id].body {
            Body::Directory(layers) => Some(layers),
            _ => None,
        }
    }

    pub fn settle_name(&mut self, directory: NodeId, name: &OsStr, node: NodeId) {
        if let Body::Directory(layers) = &mut self.nodes[directory].body {
            Arc::make_mut(&mut layers.live).insert(name.to_os_string(), node);
            Arc::make_mut(&mut layers.durable).insert(name.to_os_string(), node);
        }
    }

    pub fn change_name(&mut self, directory: NodeId, moment: u64, change: NameChange) {
        if let Body::Directory(layers) = &mut self.nodes[directory].body {
            layers.change(moment, change);
        }
    }

    pub fn find(&self, path: &Path, last: Last) -> io::Result<NodeId> {
        self.find_from(path, last, LINKS_MAX)
    }

    fn find_from(&self, path: &Path, last: Last, links: usize) -> io::Result<NodeId> {
        let mut id = 0;
        let names = names_of(path);
        for (index, name) in names.iter().enumerate() {
            let layers = self.names(id).ok_or(io::ErrorKind::NotADirectory)?;
            id = *layers.live.get(name).ok_or(io::ErrorKind::NotFound)?;
            if let Body::Link(target) = &self.nodes[id].body
                && (last == Last::Followed || index + 1 < names.len())
            {
                let links = links.checked_sub(1).ok_or(io::Error::from(Errno::LOOP))?;
                let base: PathBuf = names[..index].iter().collect();
                id = self.find_from(&base.join(target), Last::Followed, links)?;
            }
        }
        Ok(id)
    }

    /// The directory that a path's last name stands in, and that name.
    pub fn place(&self, path: &Path) -> io::Result<(NodeId, OsString)> {
        let names = names_of(path);
        let (name, parents) = names.split_last().ok_or(io::ErrorKind::InvalidInput)?;
        let directory = self.find(&parents.iter().collect::<PathBuf>(), Last::Followed)?;
        self.names(directory).ok_or(io::ErrorKind::NotADirectory)?;
        Ok((directory, name.clone()))
    }

    pub fn create(&mut self, path: &Path, body: Body, mode: u32) -> io::Result<NodeId> {
        let (directory, name) = self.place(path)?;
        if self.names(directory).is_some_and(|names| names.live.contains_key(&name)) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let moment = self.tick();
        let node = self.add(body, mode);
        self.change_name(directory, moment, NameChange::Add { name, node });
        Ok(node)
    }

    pub fn rename(&mut self, from: &Path, to: &Path, existing: Existing) -> io::Result<()> {
        let node = self.find(from, Last::AsItIs)?;
        let (from_directory, from) = self.place(from)?;
        let (to_directory, to) = self.place(to)?;
        let taken = self.names(to_directory).and_then(|names| names.live.get(&to)).copied();
        match (taken, existing) {
            (Some(_), Existing::Keep) => return Err(io::ErrorKind::AlreadyExists.into()),
            (Some(other), Existing::Replace) if self.names(other).is_some() => {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            _ => {}
        }
        let moment = self.tick();
        if from_directory == to_directory {
            self.change_name(to_directory, moment, NameChange::Rename { from, to, node });
        } else {
            self.change_name(to_directory, moment, NameChange::Add { name: to, node });
            let moment = self.tick();
            self.change_name(from_directory, moment, NameChange::Remove { name: from });
        }
        Ok(())
    }

    pub fn metadata(&self, id: NodeId) -> Metadata {
        let Node { body, mode, is_ours, modified_moment } = &self.nodes[id];
        let (kind, length) = match body {
            Body::File(layers) => (FileKind::File, layers.live.len() as u64),
            Body::Directory(_) => (FileKind::Directory, 0),
            Body::Link(_) => (FileKind::Link, 0),
            Body::Pipe => (FileKind::Other, 0),
        };
        Metadata {
            kind,
            length,
            modified_ns: i64::try_from(*modified_moment).unwrap_or(i64::MAX),
            device: 1,
            inode: id as u64,
            links: self.links(id),
            mode: *mode,
            is_ours: *is_ours,
        }
    }

    /// Writes what there is room for, at least one byte; returns how many.
    pub fn write(&mut self, id: NodeId, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        let room = self.room();
        let moment = self.tick();
        let offset = usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let layers = self.file(id)?;
        let growth = (offset + bytes.len()).saturating_sub(layers.live.len());
        let count = bytes.len().saturating_sub(growth.saturating_sub(room));
        if count == 0 {
            return Err(Errno::NOSPC.into());
        }
        let bytes = bytes[..count].into();
        layers.change(moment, DataChange::Write { offset, bytes });
        self.nodes[id].modified_moment = moment;
        Ok(count)
    }

    /// The bytes of a file.
    pub fn file(&mut self, id: NodeId) -> io::Result<&mut Layers<Bytes, DataChange>> {
        match &mut self.nodes[id].body {
            Body::File(layers) => Ok(layers),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }
}

/// The names of a path from the root on; `..` goes up without looking at links.
pub(super) fn names_of(path: &Path) -> Vec<OsString> {
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => names.push(name.to_os_string()),
            Component::ParentDir => {
                names.pop();
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    names
}
