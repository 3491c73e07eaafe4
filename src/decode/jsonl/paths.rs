//! The JSON paths to look up, as a tree: one step down per key or array element.

use crate::record::{JsonPath, PathStep};

/// Index of a node; 0 is the record itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Node(usize);

/// All paths to look up.
#[derive(Debug, Clone)]
pub(super) struct PathTree {
    steps: Vec<Steps>,
    /// Whether a top-level key without a node is an error.
    is_closed: bool,
}

#[derive(Debug, Clone, Default)]
struct Steps {
    /// Which hashes the keys have, as bits: most keys that are not looked up are known by that.
    hashes: u64,
    keys: Vec<Key>,
    elements: Vec<(usize, Node)>,
    paths: Vec<usize>,
}

#[derive(Debug, Clone)]
struct Key {
    text: Vec<u8>,
    /// Its first bytes, by which most keys are told apart.
    start: u64,
    node: Node,
}

impl PathTree {
    /// The record itself.
    pub(super) const ROOT: Node = Node(0);

    pub(super) fn new(paths: &[JsonPath]) -> PathTree {
        let mut tree = PathTree { steps: vec![Steps::default()], is_closed: false };
        for (index, path) in paths.iter().enumerate() {
            let mut node = PathTree::ROOT;
            for step in &path.0 {
                node = match step {
                    PathStep::Key(key) => tree.key_or_new(node, key.as_bytes()),
                    PathStep::Index(element) => tree.element_or_new(node, *element),
                };
            }
            tree.steps[node.0].paths.push(index);
        }
        tree
    }

    /// From now on only these top-level keys are known.
    pub(super) fn close(&mut self, keys: &[String]) {
        self.is_closed = true;
        self.steps[0].keys.retain(|known| keys.iter().any(|key| key.as_bytes() == known.text));
        for key in keys {
            self.key_or_new(PathTree::ROOT, key.as_bytes());
        }
    }

    /// Whether a top-level key without a node is an error.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Number of nodes.
    pub(super) fn nodes(&self) -> usize {
        self.steps.len()
    }

    /// The node's place in a table of [`PathTree::nodes`] entries.
    pub(super) fn index(&self, node: Node) -> usize {
        node.0
    }

    /// One step down by key.
    #[inline]
    pub(super) fn key(&self, node: Node, key: &[u8]) -> Option<Node> {
        self.key_with_start(node, key, start_of(key))
    }

    /// One step down by the key that is `text[from..to]`. What stands behind it, mostly, spares a copy.
    #[inline(always)]
    pub(super) fn key_in(&self, node: Node, text: &[u8], from: usize, to: usize) -> Option<Node> {
        let key = &text[from..to];
        let start = match text[from..].first_chunk() {
            Some(bytes) if key.len() < 8 => {
                u64::from_le_bytes(*bytes) & !(u64::MAX << (8 * key.len()))
            }
            Some(bytes) => u64::from_le_bytes(*bytes),
            None => start_of(key),
        };
        self.key_with_start(node, key, start)
    }

    #[inline(always)]
    fn key_with_start(&self, node: Node, key: &[u8], start: u64) -> Option<Node> {
        let steps = &self.steps[node.0];
        if steps.hashes & hash_bit(key.len(), start) == 0 {
            return None;
        }
        let is_equal = |known: &&Key| {
            known.start == start
                && known.text.len() == key.len()
                && (key.len() <= 8 || known.text[8..] == key[8..])
        };
        steps.keys.iter().find(is_equal).map(|known| known.node)
    }

    /// One step down into an array.
    pub(super) fn element(&self, node: Node, element: usize) -> Option<Node> {
        let elements = &self.steps[node.0].elements;
        elements.iter().find(|(known, _)| *known == element).map(|(_, child)| *child)
    }

    /// The paths that end at a node.
    pub(super) fn paths(&self, node: Node) -> &[usize] {
        &self.steps[node.0].paths
    }

    fn key_or_new(&mut self, node: Node, key: &[u8]) -> Node {
        self.key(node, key).unwrap_or_else(|| {
            let child = self.add();
            let start = start_of(key);
            self.steps[node.0].hashes |= hash_bit(key.len(), start);
            self.steps[node.0].keys.push(Key { text: key.to_vec(), start, node: child });
            child
        })
    }

    fn element_or_new(&mut self, node: Node, element: usize) -> Node {
        self.element(node, element).unwrap_or_else(|| {
            let child = self.add();
            self.steps[node.0].elements.push((element, child));
            child
        })
    }

    fn add(&mut self) -> Node {
        self.steps.push(Steps::default());
        Node(self.steps.len() - 1)
    }
}

/// The first bytes of a key as a number.
fn start_of(key: &[u8]) -> u64 {
    let mut start = [0; 8];
    let length = key.len().min(8);
    start[..length].copy_from_slice(&key[..length]);
    u64::from_le_bytes(start)
}

/// One of 64 bits, by the length and the first bytes of a key.
#[inline(always)]
fn hash_bit(length: usize, start: u64) -> u64 {
    let mixed = (start ^ length as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    1 << (mixed >> 58)
}
