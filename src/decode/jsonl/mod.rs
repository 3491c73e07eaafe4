//! JSONL: from bytes to lines, and to the values that are looked up in them.
//!
//! A record is a line ending in LF; lines of white space are skipped. Values are not read here,
//! only found.

mod marks;
mod paths;
mod scan;
mod skip;
mod tokens;

use super::RECORD_BYTES_MAX;
use super::cut::{Cut, CutOutcome, Skip, Start, count_jsonl_lines, offset32};
use crate::record::{Batch, JsonPath, JsonRecords, RawRecords, Reason, Span};
use paths::PathTree;
use scan::Scanner;
use std::sync::Arc;

/// Cuts chunks out of JSONL inputs.
#[derive(Debug, Clone)]
pub(super) struct JsonlCutter {
    tree: PathTree,
    paths: usize,
    slots: usize,
}

/// The next line that is not white space.
enum Line {
    /// From its start to its LF, or to the end of the file.
    Found {
        start: usize,
        end: usize,
    },
    /// None before this offset, where a line starts.
    None(usize),
    NeedMore,
    /// The line that starts here is longer than the limit.
    Oversize(usize),
}

/// Where a speculative chunk starts.
enum First {
    /// At this line.
    At(usize),
    NeedMore,
    /// Nowhere in its nominal range.
    Unknown,
}

/// The lines of a window.
struct Lines<'a> {
    window: &'a [u8],
    nominal_end: usize,
    is_end_of_file: bool,
}

impl JsonlCutter {
    /// For records in which these paths are looked up, and batches with so many slots.
    pub(super) fn new(paths: &[JsonPath], slots: usize) -> JsonlCutter {
        JsonlCutter { tree: PathTree::new(paths), paths: paths.len(), slots }
    }

    /// See [`super::Decoder::with_known_keys`].
    pub(super) fn close(&mut self, keys: &[String]) {
        self.tree.close(keys);
    }

    /// See [`super::Decoder::cut`].
    pub(super) fn cut(
        &self,
        window: &Arc<Vec<u8>>,
        start: Start,
        nominal_end: usize,
        is_end_of_file: bool,
    ) -> CutOutcome {
        let lines = Lines { window, nominal_end, is_end_of_file };
        let first = match start {
            Start::Exact(offset) if offset > window.len() => return CutOutcome::NeedMore,
            Start::Exact(offset) => offset,
            Start::AtOrAfter(offset) => match lines.first_from(offset) {
                First::At(start) => start,
                First::NeedMore => return CutOutcome::NeedMore,
                First::Unknown => return CutOutcome::Unknown,
            },
        };
        let mut records = Records::new(self, window);
        let mut at = first;
        loop {
            match lines.next_from(at) {
                Line::Found { start, .. } if start >= nominal_end => {
                    return CutOutcome::Cut(records.finish(first, at, start));
                }
                Line::Found { start, end } => {
                    records.add(at, start, end);
                    at = (end + 1).min(window.len());
                }
                Line::None(end) => return CutOutcome::Cut(records.finish(first, at, end)),
                Line::NeedMore => return CutOutcome::NeedMore,
                Line::Oversize(start) => {
                    return CutOutcome::Oversize {
                        before: records.finish(first, at, start),
                        skip: Skip::jsonl(),
                    };
                }
            }
        }
    }
}

impl Lines<'_> {
    /// The first line at or after `offset` that is not white space.
    fn first_from(&self, offset: usize) -> First {
        let is_line_start = match offset.checked_sub(1).and_then(|at| self.window.get(at)) {
            None => true,
            Some(byte) => *byte == b'\n',
        };
        let rest = self.window.get(offset..).unwrap_or_default();
        let at = match memchr::memchr(b'\n', rest) {
            _ if is_line_start => offset,
            Some(end) => offset + end + 1,
            None if self.is_end_of_file || self.window.len() >= self.nominal_end => {
                return First::Unknown;
            }
            None => return First::NeedMore,
        };
        match self.next_from(at) {
            Line::Found { start, .. } | Line::Oversize(start) if start < self.nominal_end => {
                First::At(start)
            }
            Line::NeedMore => First::NeedMore,
            _ => First::Unknown,
        }
    }

    fn next_from(&self, mut at: usize) -> Line {
        loop {
            let rest = self.window.get(at..).unwrap_or_default();
            // Of a line behind the nominal end only the start matters.
            let is_wanted = at < self.nominal_end;
            let end = if is_wanted {
                memchr::memchr(b'\n', rest)
            } else {
                rest.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b'\r'))
            };
            let length = end.unwrap_or(rest.len());
            if is_wanted && length > RECORD_BYTES_MAX {
                return Line::Oversize(at);
            }
            if end.is_none() && !self.is_end_of_file {
                return Line::NeedMore;
            }
            if !rest[..length].iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
                || !is_wanted && rest.get(length).is_some_and(|byte| *byte != b'\n')
            {
                return Line::Found { start: at, end: at + length };
            }
            if end.is_none() {
                return Line::None(self.window.len());
            }
            at += length + 1;
            if at >= self.nominal_end + RECORD_BYTES_MAX {
                return Line::None(at);
            }
        }
    }
}

/// The records of a chunk under construction.
struct Records<'a> {
    cutter: &'a JsonlCutter,
    chunk: &'a Arc<Vec<u8>>,
    scanner: Scanner<'a>,
    starts: Vec<u32>,
    ends: Vec<u32>,
    values: Vec<Vec<Span>>,
    rejects: Vec<(u32, Reason)>,
    lines: u64,
}

impl<'a> Records<'a> {
    fn new(cutter: &'a JsonlCutter, chunk: &'a Arc<Vec<u8>>) -> Records<'a> {
        Records {
            cutter,
            chunk,
            scanner: Scanner::new(&cutter.tree, cutter.paths),
            starts: Vec::new(),
            ends: Vec::new(),
            values: vec![Vec::new(); cutter.paths],
            rejects: Vec::new(),
            lines: 0,
        }
    }

    /// Adds the line from `start` to its end; `before` is the end of the one added before.
    fn add(&mut self, before: usize, start: usize, end: usize) {
        if start > before {
            self.lines += count_jsonl_lines(&self.chunk[before..start]);
        }
        self.lines += u64::from(end < self.chunk.len());
        let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r');
        let line = &self.chunk[start..end];
        let start = start + line.iter().take_while(|byte| is_space(byte)).count();
        let end = end - line.iter().rev().take_while(|byte| is_space(byte)).count();
        let row = offset32(self.starts.len());
        self.starts.push(offset32(start));
        self.ends.push(offset32(end));
        let checked = self.scanner.scan(&self.chunk[..end], start);
        let is_good = checked.is_ok();
        if let Err(reason) = checked {
            self.rejects.push((row, reason));
        }
        for (values, span) in self.values.iter_mut().zip(&self.scanner.spans) {
            values.push(if is_good { *span } else { Span::default() });
        }
    }

    /// The chunk from `start` to `end`, with no record behind `at`.
    fn finish(self, start: usize, at: usize, end: usize) -> Cut {
        let rows = self.starts.len();
        let raw = RawRecords::Json(JsonRecords {
            chunk: self.chunk.clone(),
            starts: self.starts,
            ends: self.ends,
            values: self.values,
        });
        let mut batch = Batch::new(raw, rows, self.cutter.slots);
        batch.reject_rows(self.rejects);
        let lines = self.lines + count_jsonl_lines(&self.chunk[at..end]);
        Cut { start, end, lines, batch }
    }
}

#[cfg(test)]
mod tests;
