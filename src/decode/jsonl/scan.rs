//! One pass over one record: checks all of it and notes where the looked-up values are.
//!
//! Nesting is kept in a list of open containers, never on the call stack. The first of several
//! equal keys counts. Half surrogate pairs and huge numbers are valid here; they matter only where
//! the value is read.

use super::paths::{Node, PathTree};
use super::tokens::{self, Problem};
use crate::decode::JSON_DEPTH_MAX;
use crate::decode::cut::offset32;
use crate::record::literal::unescape_json;
use crate::record::{Reason, Span};

/// The working memory of a scan, used for record after record.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    tree: &'a PathTree,
    open: Vec<Container>,
    /// By node: the record in which it was last seen.
    seen: Vec<u64>,
    record: u64,
    /// By path: where its value is in the last scanned record; length 0 where it leads nowhere.
    pub spans: Vec<Span>,
    unknown_key: Option<String>,
}

/// An open object or array.
#[derive(Debug, Clone, Copy)]
struct Container {
    closing: u8,
    node: Option<Node>,
    start: usize,
    elements: usize,
}

/// What comes behind a value.
enum Next {
    /// Another value.
    Value { at: usize, node: Option<Node> },
    /// Nothing: the record is complete.
    End(usize),
}

impl<'a> Scanner<'a> {
    pub(super) fn new(tree: &'a PathTree, paths: usize) -> Scanner<'a> {
        Scanner {
            tree,
            open: Vec::with_capacity(16),
            seen: vec![0; tree.nodes()],
            record: 0,
            spans: vec![Span::default(); paths],
            unknown_key: None,
        }
    }

    /// Scans the record that starts at `start` and ends with `text`, without surrounding white
    /// space.
    pub(super) fn scan(&mut self, text: &[u8], start: usize) -> Result<(), Reason> {
        self.record += 1;
        self.open.clear();
        self.unknown_key = None;
        self.spans.fill(Span::default());
        self.scan_values(text, start).map_err(|problem| -> Reason {
            let (what, byte) = (problem.what, problem.at - start + 1);
            format!("not valid JSON: {what} at byte {byte} of the record").into()
        })?;
        if text.get(start) != Some(&b'{') {
            return Err("not a JSON object".into());
        }
        match self.unknown_key.take() {
            Some(key) => Err(format!("unknown key `{key}`").into()),
            None => Ok(()),
        }
    }

    fn scan_values(&mut self, text: &[u8], start: usize) -> Result<(), Problem> {
        let mut at = start;
        let mut node = Some(PathTree::ROOT);
        loop {
            let end = match text.get(at) {
                Some(b'"') => tokens::string(text, at)?.end,
                Some(b'-' | b'0'..=b'9') => tokens::number(text, at)?,
                Some(opening @ (b'{' | b'[')) => {
                    let inside = self.enter(at, *opening, node)?;
                    let inside = tokens::skip_space(text, inside);
                    let container = *self.open.last().expect("a container was just opened");
                    if text.get(inside) != Some(&container.closing) {
                        (at, node) = self.first(text, inside, &container)?;
                        continue;
                    }
                    self.open.pop();
                    inside + 1
                }
                _ => tokens::word(text, at)?,
            };
            self.note(node, at, end);
            match self.behind_value(text, end)? {
                Next::Value { at: next, node: below } => (at, node) = (next, below),
                Next::End(end) if end == text.len() => return Ok(()),
                Next::End(end) => {
                    let what = "something behind the value";
                    return Err(Problem { at: end, what });
                }
            }
        }
    }

    /// Opens a container; answers where its inside starts.
    fn enter(&mut self, at: usize, opening: u8, node: Option<Node>) -> Result<usize, Problem> {
        if self.open.len() == JSON_DEPTH_MAX {
            let what = "nested more than 128 deep";
            return Err(Problem { at, what });
        }
        self.open.push(Container {
            closing: if opening == b'{' { b'}' } else { b']' },
            node,
            start: at,
            elements: 0,
        });
        Ok(at + 1)
    }

    /// The first value of a container that is not empty.
    fn first(
        &mut self,
        text: &[u8],
        at: usize,
        container: &Container,
    ) -> Result<(usize, Option<Node>), Problem> {
        if container.closing == b'}' {
            self.key(text, at, container.node)
        } else {
            Ok((at, self.element(container.node, 0)))
        }
    }

    /// Closes what ends at `at` and finds the next value.
    fn behind_value(&mut self, text: &[u8], mut at: usize) -> Result<Next, Problem> {
        loop {
            at = tokens::skip_space(text, at);
            let Some(container) = self.open.last_mut() else {
                return Ok(Next::End(at));
            };
            let Container { closing, node, start, .. } = *container;
            match text.get(at) {
                Some(b',') => {
                    container.elements += 1;
                    let element = container.elements;
                    at = tokens::skip_space(text, at + 1);
                    let (at, node) = if closing == b'}' {
                        self.key(text, at, node)?
                    } else {
                        (at, self.element(node, element))
                    };
                    return Ok(Next::Value { at, node });
                }
                Some(byte) if *byte == closing => {
                    self.open.pop();
                    at += 1;
                    self.note(node, start, at);
                }
                _ => {
                    let what = match closing {
                        b'}' => "expected `,` or `}`",
                        _ => "expected `,` or `]`",
                    };
                    return Err(Problem { at, what });
                }
            }
        }
    }

    /// Reads a key and its colon; answers where the value starts and its node.
    fn key(
        &mut self,
        text: &[u8],
        at: usize,
        parent: Option<Node>,
    ) -> Result<(usize, Option<Node>), Problem> {
        if text.get(at) != Some(&b'"') {
            let what = "expected a key";
            return Err(Problem { at, what });
        }
        let literal = tokens::string(text, at)?;
        let colon = tokens::skip_space(text, literal.end);
        if text.get(colon) != Some(&b':') {
            let what = "expected `:`";
            return Err(Problem { at: colon, what });
        }
        let value = tokens::skip_space(text, colon + 1);
        let Some(parent) = parent else {
            return Ok((value, None));
        };
        let raw = &text[at..literal.end];
        let found = if literal.is_escaped {
            unescape_json(raw).and_then(|key| self.tree.key(parent, &key))
        } else {
            self.tree.key(parent, &raw[1..raw.len() - 1])
        };
        if found.is_none() && self.tree.is_closed() && parent == PathTree::ROOT {
            let name = String::from_utf8_lossy(&raw[1..raw.len() - 1]);
            self.unknown_key.get_or_insert_with(|| name.into_owned());
        }
        if let Some(node) = found
            && !self.visit(node)
        {
            // Which of the two is meant is nobody's to guess, least of all where one of them is replaced.
            let what = "a key that stands twice in its object";
            return Err(Problem { at, what });
        }
        Ok((value, found))
    }

    fn element(&mut self, parent: Option<Node>, element: usize) -> Option<Node> {
        self.tree.element(parent?, element)
    }

    /// Whether this record did not have the node before.
    fn visit(&mut self, node: Node) -> bool {
        let seen = &mut self.seen[self.tree.index(node)];
        let is_first = *seen != self.record;
        *seen = self.record;
        is_first
    }

    #[inline]
    fn note(&mut self, node: Option<Node>, start: usize, end: usize) {
        let Some(node) = node else {
            return;
        };
        for path in self.tree.paths(node) {
            self.spans[*path] = Span { start: offset32(start), length: offset32(end - start) };
        }
    }
}
