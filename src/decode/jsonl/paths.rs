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
    keys: Vec<(Vec<u8>, Node)>,
    elements: Vec<(usize, Node)>,
    paths: Vec<usize>,
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
        self.steps[0].keys.retain(|(known, _)| keys.iter().any(|key| key.as_bytes() == known));
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
    pub(super) fn key(&self, node: Node, key: &[u8]) -> Option<Node> {
        let keys = &self.steps[node.0].keys;
        keys.iter().find(|(known, _)| known == key).map(|(_, child)| *child)
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
            self.steps[node.0].keys.push((key.to_vec(), child));
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
