//! One pass over one record: checks all of it and notes where the looked-up values are.
//!
//! Nesting is kept in a list of open containers, never on the call stack. The first of several
//! equal keys counts. Half surrogate pairs and huge numbers are valid here; they matter only where
//! the value is read.

use super::marks::Marks;
use super::paths::{Node, PathTree};
use super::skip;
use super::tokens::{self, Problem};
use crate::decode::JSON_DEPTH_MAX;
use crate::decode::cut::offset32;
use crate::record::literal::unescape_json;
use crate::record::{Reason, Span};

/// The working memory of a scan, used for record after record.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    tree: &'a PathTree,
    marks: Marks,
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

/// What would close the record itself: no byte that is looked for.
const NOTHING_OPEN: u8 = 0;

impl Container {
    #[inline]
    fn is_object(&self) -> bool {
        self.closing == b'}'
    }
}

impl<'a> Scanner<'a> {
    pub(super) fn new(tree: &'a PathTree, paths: usize) -> Scanner<'a> {
        Scanner {
            tree,
            marks: Marks::default(),
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
        if let Some(first) = self.marks.find(text, start)
            && let Err(error) = std::str::from_utf8(&text[first..])
        {
            let byte = first - start + error.valid_up_to() + 1;
            return Err(format!("not valid UTF-8 at byte {byte} of the record").into());
        }
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
        let mut inside = Container { closing: NOTHING_OPEN, node: None, start, elements: 0 };
        let mut is_key = false;
        loop {
            if is_key {
                (at, node) = self.key(text, at, inside.node)?;
            }
            let end = match text.get(at) {
                Some(b'"') => tokens::string(text, at, &mut self.marks)?.end,
                Some(b'-' | b'0'..=b'9') => tokens::number(text, at)?,
                Some(b'{' | b'[') if node.is_none() => {
                    skip::container(text, at, self.open.len(), &mut self.marks)?
                }
                Some(opening @ (b'{' | b'[')) => {
                    let outside = inside;
                    inside = self.enter(at, *opening, node, outside)?;
                    let first = tokens::skip_space(text, at + 1);
                    if text.get(first) != Some(&inside.closing) {
                        at = first;
                        is_key = inside.is_object();
                        node = if is_key { None } else { self.element(inside.node, 0) };
                        continue;
                    }
                    self.open.pop();
                    inside = outside;
                    first + 1
                }
                _ => tokens::word(text, at)?,
            };
            self.note(node, at, end);
            at = tokens::skip_space(text, end);
            while text.get(at) == Some(&inside.closing) && inside.closing != NOTHING_OPEN {
                self.note(inside.node, inside.start, at + 1);
                inside = self.open.pop().expect("there is something around a container");
                at = tokens::skip_space(text, at + 1);
            }
            if text.get(at) != Some(&b',') || inside.closing == NOTHING_OPEN {
                return end_of_values(text, at, &inside);
            }
            inside.elements += 1;
            at = tokens::skip_space(text, at + 1);
            is_key = inside.is_object();
            if !is_key {
                node = self.element(inside.node, inside.elements);
            }
        }
    }

    /// Opens a container inside another.
    #[inline]
    fn enter(
        &mut self,
        at: usize,
        opening: u8,
        node: Option<Node>,
        outside: Container,
    ) -> Result<Container, Problem> {
        if self.open.len() == JSON_DEPTH_MAX {
            return Err(Problem { at, what: tokens::TOO_DEEP });
        }
        self.open.push(outside);
        let closing = if opening == b'{' { b'}' } else { b']' };
        Ok(Container { closing, node, start: at, elements: 0 })
    }

    /// Reads a key and its colon; answers where the value starts and its node.
    #[inline(always)]
    fn key(
        &mut self,
        text: &[u8],
        at: usize,
        parent: Option<Node>,
    ) -> Result<(usize, Option<Node>), Problem> {
        let literal = tokens::key(text, at, &mut self.marks)?;
        let value = tokens::colon(text, literal.end)?;
        let Some(parent) = parent else {
            return Ok((value, None));
        };
        let raw = &text[at..literal.end];
        let found = if literal.is_escaped {
            unescape_json(raw).and_then(|key| self.tree.key(parent, &key))
        } else {
            self.tree.key_in(parent, text, at + 1, literal.end - 1)
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

    #[inline]
    fn element(&self, parent: Option<Node>, element: usize) -> Option<Node> {
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

/// What neither ends what is open nor goes on with it.
#[cold]
fn end_of_values(text: &[u8], at: usize, inside: &Container) -> Result<(), Problem> {
    let what = match inside.closing {
        NOTHING_OPEN if at == text.len() => return Ok(()),
        NOTHING_OPEN => "something behind the value",
        closing => tokens::expected_behind_value(closing),
    };
    Err(Problem { at, what })
}
