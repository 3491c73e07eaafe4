//! The index of a chunk under construction; both paths write into it.

use super::fast::behind_line;
use super::marks::Marks;
use crate::decode::RECORD_BYTES_MAX;
use crate::decode::cut::offset32;
use crate::record::{Batch, CsvDialect, CsvRecords, RawRecords, Reason};
use crate::source::settings::Ragged;
use std::sync::Arc;

/// Which records are wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    /// Where the first record (or blank lines and comments before it) starts.
    pub start: usize,
    /// Records that start here or later are not wanted.
    pub nominal_end: usize,
    /// Whether the file ends with the window.
    pub is_end_of_file: bool,
}

/// Why indexing stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// All wanted records are indexed; the next one starts here.
    End(usize),
    /// The window ends too early.
    NeedMore,
    /// The record (or comment) that starts here is longer than the limit.
    Oversize(usize),
    /// The fast path met something that only the exact path can judge.
    Anomaly,
}

/// The index of a chunk under construction.
#[derive(Debug)]
pub(super) struct Rows {
    columns: usize,
    ragged: Ragged,
    starts: Vec<u32>,
    record_ends: Vec<u32>,
    ends: Vec<u32>,
    rejects: Vec<(u32, Reason)>,
    is_uniform: bool,
    /// Whether the last record is a quote that the end of the file left open.
    pub is_unclosed: bool,
    /// Number of line ends up to the end of the last record's line, where they were counted.
    pub lines: Option<u64>,
}

impl Span {
    /// Blank lines that reach up to here are cut off even though no record was seen behind them, so
    /// that the window stays bounded.
    pub(super) fn blank_end(&self) -> usize {
        self.start.max(self.nominal_end) + RECORD_BYTES_MAX
    }

    /// What it means that the window ends between two records.
    pub(super) fn at_window_end(&self, length: usize) -> Stop {
        if self.is_end_of_file { Stop::End(length) } else { Stop::NeedMore }
    }
}

impl Rows {
    pub(super) fn new(columns: usize, ragged: Ragged) -> Rows {
        Rows {
            columns,
            ragged,
            starts: Vec::new(),
            record_ends: Vec::new(),
            ends: Vec::new(),
            rejects: Vec::new(),
            is_uniform: true,
            is_unclosed: false,
            lines: None,
        }
    }

    /// Takes marks as they are where every line is a record of just so many fields, none of them too long; hands them
    /// back where not.
    pub(super) fn take_uniform(
        &mut self,
        window: &[u8],
        start: usize,
        mut marks: Marks,
    ) -> Result<(), Marks> {
        let lines = marks.lines_found;
        let Some(last_field) = self.columns.checked_sub(1) else { return Err(marks) };
        if marks.ends_found != lines * self.columns {
            return Err(marks);
        }
        let mut starts = Vec::with_capacity(lines);
        let (mut start, mut longest, mut is_uniform) = (offset32(start), 0, true);
        let last_fields = marks.ends.iter().skip(last_field).step_by(self.columns);
        for (line_end, last_field) in marks.line_ends[..lines].iter().zip(last_fields) {
            is_uniform &= line_end == last_field && start < *line_end;
            longest = longest.max(line_end.wrapping_sub(start));
            starts.push(start);
            start = if marks.has_returns {
                offset32(behind_line(window, *line_end as usize))
            } else {
                line_end + 1
            };
        }
        if !is_uniform || longest as usize > RECORD_BYTES_MAX {
            return Err(marks);
        }
        marks.ends.truncate(marks.ends_found);
        marks.line_ends.truncate(lines);
        (self.starts, self.record_ends, self.ends) = (starts, marks.line_ends, marks.ends);
        Ok(())
    }

    /// A delimiter ended a field.
    #[inline]
    pub(super) fn end_field(&mut self, at: usize) {
        self.ends.push(offset32(at));
    }

    /// A line end, or the end of the file, ended a record and its last field.
    #[inline]
    pub(super) fn end_record(&mut self, start: usize, end: usize) {
        let row_base = self.starts.len() * self.columns;
        self.starts.push(offset32(start));
        self.record_ends.push(offset32(end));
        self.ends.push(offset32(end));
        if self.ends.len() - row_base != self.columns {
            self.end_ragged(row_base);
        }
    }

    /// The end of the file ended a record between quotes.
    pub(super) fn end_unclosed(&mut self, start: usize, end: usize) {
        self.is_unclosed = true;
        self.starts.push(offset32(start));
        self.record_ends.push(offset32(end));
        self.fill_last(offset32(end));
        self.reject_last("unclosed quote".into());
    }

    /// Takes back the record that [`Rows::end_unclosed`] added; answers where it starts.
    pub(super) fn take_unclosed(&mut self) -> usize {
        self.is_unclosed = false;
        self.lines = None;
        self.rejects.pop();
        self.record_ends.pop();
        let start = self.starts.pop().expect("an unclosed record was added");
        self.ends.truncate(self.starts.len() * self.columns);
        start as usize
    }

    #[cold]
    fn end_ragged(&mut self, row_base: usize) {
        let fields = self.ends.len() - row_base;
        let end = *self.ends.last().expect("a record has at least one field");
        let (is_padded, is_truncated) = match self.ragged {
            Ragged::Reject => (false, false),
            Ragged::Pad => (true, false),
            Ragged::Truncate => (false, true),
            Ragged::PadAndTruncate => (true, true),
        };
        let is_kept = if fields < self.columns { is_padded } else { is_truncated };
        self.fill_last(end);
        if is_kept {
            self.is_uniform = false;
        } else {
            let plural = if fields == 1 { "" } else { "s" };
            let columns = self.columns;
            self.reject_last(format!("{fields} field{plural} instead of {columns}").into());
        }
    }

    /// Gives the last row exactly `columns` field ends; missing fields end before they start.
    fn fill_last(&mut self, end: u32) {
        self.ends.resize(self.starts.len() * self.columns, end);
    }

    fn reject_last(&mut self, reason: Reason) {
        self.rejects.push((offset32(self.starts.len() - 1), reason));
    }

    /// The records as a batch: the rejected rows are not selected.
    pub(super) fn finish(
        mut self,
        chunk: &Arc<Vec<u8>>,
        dialect: CsvDialect,
        slots: usize,
    ) -> Batch {
        let rows = self.starts.len();
        self.ends.truncate(rows * self.columns);
        let raw = RawRecords::Csv(CsvRecords {
            chunk: chunk.clone(),
            dialect,
            columns: self.columns,
            starts: self.starts,
            record_ends: self.record_ends,
            ends: self.ends,
            is_uniform: self.is_uniform,
        });
        let mut batch = Batch::new(raw, rows, slots);
        batch.reject_rows(self.rejects);
        batch
    }
}
