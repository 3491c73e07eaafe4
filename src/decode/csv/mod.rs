//! CSV: from bytes to the index of records and fields.
//!
//! Two ways to the same index: `fast` over bit masks, `slow` byte by byte. The slow one is exact by
//! construction; the fast one knows when it is not and gives up. Quoting inside a field is not
//! undone here but where a column is decoded.

mod fast;
mod guess;
mod machine;
mod marks;
mod rows;
mod slow;

pub(super) use machine::{Machine, State};

use super::cut::{Cut, CutOutcome, Skip, Start, count_csv_lines};
use crate::source::settings::CsvSource;
use marks::Needles;
use rows::{Rows, Span, Stop};
use std::sync::Arc;

/// Cuts chunks out of CSV inputs.
#[derive(Debug, Clone)]
pub(super) struct CsvCutter {
    settings: CsvSource,
    columns: usize,
    slots: usize,
    machine: Machine,
    /// `None` where the dialect needs the exact path.
    needles: Option<Needles>,
    /// Whether a record between quotes that the end of the file leaves open is not given: it may still be written.
    leaves_open: bool,
}

impl CsvCutter {
    /// For inputs with so many columns, and batches with so many slots.
    pub(super) fn new(settings: &CsvSource, columns: usize, slots: usize) -> CsvCutter {
        let dialect = settings.dialect;
        let is_simple = dialect.escape.is_none() && dialect.comment.is_none();
        CsvCutter {
            settings: settings.clone(),
            columns,
            slots,
            machine: Machine::new(dialect),
            needles: is_simple.then(|| Needles {
                delimiter: dialect.delimiter,
                quote: dialect.quote.unwrap_or(0),
                quotes_enabled: if dialect.quote.is_some() { u64::MAX } else { 0 },
            }),
            leaves_open: false,
        }
    }

    /// See [`super::Decoder::leaving_open`].
    pub(super) fn leave_open(&mut self) {
        self.leaves_open = true;
    }

    /// See [`super::Decoder::cut`].
    pub(super) fn cut(
        &self,
        window: &Arc<Vec<u8>>,
        start: Start,
        nominal_end: usize,
        is_end_of_file: bool,
    ) -> CutOutcome {
        let (first, is_assumed) = match start {
            Start::Exact(offset) if offset > window.len() => return CutOutcome::NeedMore,
            Start::Exact(offset) => (offset, false),
            Start::AtOrAfter(offset) => {
                let state = guess::state_before(&self.machine, window, offset, self.columns);
                match self.machine.record_start(window, offset, state) {
                    Some(found) if found < nominal_end => (found, true),
                    None if !is_end_of_file && window.len() < nominal_end => {
                        return CutOutcome::NeedMore;
                    }
                    _ => return CutOutcome::Unknown,
                }
            }
        };
        let span = Span { start: first, nominal_end, is_end_of_file };
        let (stop, mut rows) = self.index(window, &span);
        let cut = |rows: Rows, end: usize| Cut {
            start: first,
            end,
            lines: lines(window, first, end, &rows),
            batch: rows.finish(window, self.settings.dialect, self.slots),
        };
        match stop {
            Stop::NeedMore | Stop::Anomaly => CutOutcome::NeedMore,
            Stop::End(_) | Stop::Oversize(_)
                if is_assumed && (rows.is_unclosed || !matches!(stop, Stop::End(_))) =>
            {
                CutOutcome::Unknown
            }
            Stop::End(_) if self.leaves_open && rows.is_unclosed => {
                let end = rows.take_unclosed();
                CutOutcome::Cut(cut(rows, end))
            }
            Stop::End(end) => CutOutcome::Cut(cut(rows, end)),
            Stop::Oversize(end) => CutOutcome::Oversize {
                before: cut(rows, end),
                skip: Skip::csv(self.machine.clone()),
            },
        }
    }

    /// Indexes the records of a span, on the fast path where that is exact. Never `Stop::Anomaly`.
    fn index(&self, window: &[u8], span: &Span) -> (Stop, Rows) {
        if let Some(needles) = &self.needles
            && let Some(found) = self.index_fast(needles, window, span)
        {
            return found;
        }
        let mut rows = Rows::new(self.columns, self.settings.ragged);
        let stop = slow::index(&self.machine, window, span, &mut rows);
        (stop, rows)
    }

    /// `None` where only the exact path can tell.
    fn index_fast(&self, needles: &Needles, window: &[u8], span: &Span) -> Option<(Stop, Rows)> {
        let mut rows = Rows::new(self.columns, self.settings.ragged);
        let stop = if span.start < span.nominal_end {
            fast::index(*needles, window, span, &mut rows)
        } else {
            Stop::End(span.start)
        };
        match stop {
            Stop::Anomaly => None,
            Stop::End(tail) => {
                let stop = blank_lines_end(window, tail, span);
                if let (Stop::End(end), Some(lines)) = (stop, &mut rows.lines) {
                    *lines += blank_lines(&window[tail - 1..end]);
                }
                Some((stop, rows))
            }
            Stop::NeedMore | Stop::Oversize(_) => Some((stop, rows)),
        }
    }
}

/// Number of line ends of a chunk.
fn lines(window: &[u8], first: usize, end: usize, rows: &Rows) -> u64 {
    rows.lines.unwrap_or_else(|| count_csv_lines(&window[first..end]))
}

/// Number of line ends behind the one that the first byte ends or is a part of.
fn blank_lines(bytes: &[u8]) -> u64 {
    count_csv_lines(bytes) - 1
}

/// Where the blank lines from `tail` on end.
fn blank_lines_end(window: &[u8], tail: usize, span: &Span) -> Stop {
    let end = window.len().min(span.blank_end().max(tail));
    let is_text = |byte: &u8| !matches!(byte, b'\n' | b'\r');
    match window[tail..end].iter().position(is_text) {
        Some(blank) => Stop::End(tail + blank),
        None if end < window.len() => Stop::End(end),
        None => span.at_window_end(window.len()),
    }
}

#[cfg(test)]
mod tests;
