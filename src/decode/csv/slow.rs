//! The exact path: one byte at a time through the state machine.

use super::rows::{Rows, Span, Stop};
use super::{Machine, State};
use crate::decode::RECORD_BYTES_MAX;

/// Finds the records and fields of `window` that start in `span`.
pub(super) fn index(machine: &Machine, window: &[u8], span: &Span, rows: &mut Rows) -> Stop {
    let mut state = State::RecordStart;
    let mut line_start = span.start;
    for (at, byte) in window.iter().enumerate().skip(span.start) {
        let next = machine.next(state, *byte);
        match (state, next) {
            (State::RecordStart, State::RecordStart) if at >= span.blank_end() => {
                return Stop::End(at);
            }
            (State::RecordStart, State::RecordStart) => {}
            (State::RecordStart, _) => {
                line_start = at;
                if next != State::Comment && at >= span.nominal_end {
                    return Stop::End(at);
                }
            }
            (State::Comment, State::RecordStart) => {}
            (_, State::RecordStart) => {
                if at - line_start > RECORD_BYTES_MAX {
                    return Stop::Oversize(line_start);
                }
                rows.end_record(line_start, at);
            }
            _ => {}
        }
        if next == State::FieldStart {
            rows.end_field(at);
        }
        state = next;
    }
    if state == State::RecordStart {
        return span.at_window_end(window.len());
    }
    if window.len() - line_start > RECORD_BYTES_MAX {
        return Stop::Oversize(line_start);
    }
    if span.is_end_of_file {
        match state {
            State::Comment => {}
            State::Quoted | State::Escaped => rows.end_unclosed(line_start, window.len()),
            _ => rows.end_record(line_start, window.len()),
        }
    }
    span.at_window_end(window.len())
}
