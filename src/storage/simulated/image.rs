//! What is on the simulated disk: every file's and directory's live and durable state, with what
//! lies between.
//!
//! Invariant: applying a node's pending operations in order to its durable state gives its live
//! state, unless a failed sync dropped some of them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

/// The index of a node.
pub(super) type NodeId = usize;

/// All files and directories; node 0 is the root.
#[derive(Debug, Clone)]
pub(super) struct Image {
    pub nodes: Vec<Node>,
    /// Counts the pending operations of the whole disk, so that they have an order.
    pub moment: u64,
    /// When something was synced last.
    pub synced_at: u64,
    /// Bytes of all files together that there is room for.
    pub capacity: u64,
}

/// A file, directory or other thing.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub body: Body,
    pub mode: u32,
    pub is_ours: bool,
    pub modified_moment: u64,
}

#[derive(Debug, Clone)]
pub(super) enum Body {
    File(Layers<Bytes, DataChange>),
    Directory(Layers<Arc<Names>, NameChange>),
    Link(PathBuf),
    Pipe,
}

/// What a file holds; copies share it until one of them changes.
pub(super) type Bytes = Arc<Vec<u8>>;

pub(super) type Names = BTreeMap<OsString, NodeId>;

/// What can be seen, what a power cut leaves for sure, and the changes in between with their
/// moments.
#[derive(Debug, Clone, Default)]
pub(super) struct Layers<T, C> {
    pub live: T,
    pub durable: T,
    pub pending: Vec<(u64, C)>,
}

/// A change of a file's bytes.
#[derive(Debug, Clone)]
pub(super) enum DataChange {
    Write { offset: usize, bytes: Arc<[u8]> },
    Length(usize),
}

/// A change of a directory's names.
#[derive(Debug, Clone)]
pub(super) enum NameChange {
    Add { name: OsString, node: NodeId },
    Remove { name: OsString },
    Rename { from: OsString, to: OsString, node: NodeId },
}

/// A change that can be made on the state that it changes.
pub(super) trait Change<T> {
    fn apply(&self, state: &mut T);
}

impl Change<Bytes> for DataChange {
    fn apply(&self, state: &mut Bytes) {
        let state = Arc::make_mut(state);
        match self {
            DataChange::Length(length) => state.resize(*length, 0),
            DataChange::Write { offset, bytes } => {
                let end = offset + bytes.len();
                if state.len() < end {
                    state.resize(end, 0);
                }
                state[*offset..end].copy_from_slice(bytes);
            }
        }
    }
}

impl Change<Arc<Names>> for NameChange {
    fn apply(&self, state: &mut Arc<Names>) {
        let state = Arc::make_mut(state);
        match self {
            NameChange::Add { name, node } => {
                state.insert(name.clone(), *node);
            }
            NameChange::Remove { name } => {
                state.remove(name);
            }
            NameChange::Rename { from, to, node } => {
                if state.get(from) == Some(node) {
                    state.remove(from);
                }
                state.insert(to.clone(), *node);
            }
        }
    }
}

impl<T: Clone, C: Change<T>> Layers<T, C> {
    /// A state that is durable as it is.
    pub fn settled(state: T) -> Self {
        Layers { durable: state.clone(), live: state, pending: Vec::new() }
    }

    /// Makes a change visible, and durable only later.
    pub fn change(&mut self, moment: u64, change: C) {
        change.apply(&mut self.live);
        self.pending.push((moment, change));
    }

    /// Makes everything pending durable.
    pub fn sync(&mut self) {
        for (_, change) in self.pending.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    /// Drops what is pending: it stays visible and never becomes durable.
    pub fn lose(&mut self) {
        self.pending.clear();
    }
}

impl Image {
    /// An empty disk: a root directory.
    pub fn new() -> Self {
        let mut image = Image { nodes: Vec::new(), moment: 0, synced_at: 0, capacity: u64::MAX };
        image.add(Body::Directory(Layers::settled(Arc::default())), 0o755);
        image
    }

    /// Adds a node that no name leads to yet.
    pub fn add(&mut self, body: Body, mode: u32) -> NodeId {
        self.nodes.push(Node { body, mode, is_ours: true, modified_moment: self.moment });
        self.nodes.len() - 1
    }

    /// The next moment.
    pub fn tick(&mut self) -> u64 {
        self.moment += 1;
        self.moment
    }

    /// Bytes that files may still grow by.
    pub fn room(&self) -> usize {
        usize::try_from(self.capacity.saturating_sub(self.bytes())).unwrap_or(usize::MAX)
    }

    /// The bytes of all files together.
    pub fn bytes(&self) -> u64 {
        let lengths = self.nodes.iter().map(|node| match &node.body {
            Body::File(layers) => layers.live.len() as u64,
            _ => 0,
        });
        lengths.sum()
    }

    /// Gives up the bytes of files that no name leads to.
    pub fn forget_nameless(&mut self) {
        let mut is_named = vec![false; self.nodes.len()];
        for node in &self.nodes {
            if let Body::Directory(layers) = &node.body {
                layers.live.values().for_each(|child| is_named[*child] = true);
            }
        }
        for (node, is_named) in self.nodes.iter_mut().zip(is_named) {
            if let (Body::File(layers), false) = (&mut node.body, is_named) {
                *layers = Layers::settled(Bytes::default());
            }
        }
    }

    /// How many names lead to a node.
    pub fn links(&self, id: NodeId) -> u64 {
        let names = self.nodes.iter().map(|node| match &node.body {
            Body::Directory(layers) => layers.live.values().filter(|node| **node == id).count(),
            _ => 0,
        });
        names.sum::<usize>() as u64
    }
}
