//! The fast path: the records between the marks.
//!
//! Nearly always every line is a record with just the fields that are expected, and the marks are
//! the index. Where one is not (blank lines, too few or too many fields), the records are put
//! together one by one.

use super::marks::{self, Ending, Marks, Needles};
use super::rows::{Rows, Span, Stop};
use crate::decode::RECORD_BYTES_MAX;
use crate::decode::cut::offset32;

/// Finds the records and fields of `window` that start in `span`, into `rows`. What lies behind the
/// last wanted record is left to the caller: `Stop::End` is the end of that record's line.
pub(super) fn index(needles: Needles, window: &[u8], span: &Span, rows: &mut Rows) -> Stop {
    let mut marks = marks::find(needles, window, span.start, span.nominal_end - 1);
    let tail = tail_start(window, span, &marks);
    let is_too_long = window.len() - tail > RECORD_BYTES_MAX;
    let is_unclosed = match marks.ending {
        Ending::Anomaly => return Stop::Anomaly,
        Ending::Line(end) => {
            let lines = marks.lines_found as u64 + marks.quoted_lines;
            return match index_lines(window, span, marks, rows) {
                Ok(()) => {
                    rows.lines = Some(lines);
                    Stop::End(end)
                }
                Err(oversize) => Stop::Oversize(oversize),
            };
        }
        Ending::Window { is_inside } => is_inside,
    };
    let has_last = span.is_end_of_file && tail < window.len() && !is_too_long;
    if has_last && !is_unclosed {
        // The last line ends with the file.
        marks.end_line(offset32(window.len()));
    }
    // Without it the record that the end of the file leaves open is put behind the others.
    if let Err(oversize) = index_lines(window, span, marks, rows) {
        return Stop::Oversize(oversize);
    }
    if is_too_long {
        return Stop::Oversize(tail);
    }
    if has_last && is_unclosed {
        rows.end_unclosed(tail, window.len());
    }
    span.at_window_end(window.len())
}

/// Where the last line starts that does not end in the window.
fn tail_start(window: &[u8], span: &Span, marks: &Marks) -> usize {
    match marks.lines_found.checked_sub(1) {
        Some(last) => behind_line(window, marks.line_ends[last] as usize),
        None => span.start,
    }
}

/// Where the line behind a line end starts.
#[inline]
pub(super) fn behind_line(window: &[u8], end: usize) -> usize {
    let is_pair = window.get(end) == Some(&b'\r') && window.get(end + 1) == Some(&b'\n');
    end + 1 + usize::from(is_pair)
}

/// Indexes the records that end in the window, and the fields behind them. `Err`: the start of a record that is too long.
fn index_lines(window: &[u8], span: &Span, marks: Marks, rows: &mut Rows) -> Result<(), usize> {
    let Err(marks) = rows.take_uniform(window, span.start, marks) else {
        return Ok(());
    };
    let mut ends = marks.ends[..marks.ends_found].iter();
    let mut start = span.start;
    for line_end in &marks.line_ends[..marks.lines_found] {
        let fields = ends.by_ref().take_while(|end| *end != line_end);
        fields.for_each(|end| rows.end_field(*end as usize));
        let end = *line_end as usize;
        if end - start > RECORD_BYTES_MAX {
            return Err(start);
        }
        if end != start {
            rows.end_record(start, end);
        }
        start = behind_line(window, end);
    }
    ends.for_each(|end| rows.end_field(*end as usize));
    Ok(())
}
