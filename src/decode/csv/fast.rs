//! The fast path: 64 bytes a step over bit masks.
//!
//! A prefix-xor over the quotes says which bytes lie between quotes; separators there are text.
//! That is exact as long as every opening quote follows a separator, and every closing quote is
//! followed by one: everything else is an anomaly, and the chunk goes through the exact path. A
//! doubled quote closes and opens again, which is the same.

use super::masks::{self, Needles};
use super::rows::{Rows, Span, Stop};
use crate::decode::RECORD_BYTES_MAX;
use crate::decode::cut::offset32;

/// What one block hands to the next; each a single bit, but for `inside` (all or none).
struct Carry {
    inside: u64,
    after_separator: u64,
    after_quote: u64,
    after_closing: u64,
}

/// Finds the records and fields of `window` that start in `span`. What lies behind the last wanted
/// record is left to the caller: `Stop::End` is the end of that record's line.
pub(super) fn index(needles: &Needles, window: &[u8], span: &Span, rows: &mut Rows) -> Stop {
    let mut carry = Carry { inside: 0, after_separator: 1, after_quote: 0, after_closing: 0 };
    let mut record_start = span.start;
    let mut at = span.start;
    while at < window.len() {
        let (found, valid) = match window[at..].first_chunk::<64>() {
            Some(block) => (masks::find(block, needles), u64::MAX),
            None => {
                let rest = &window[at..];
                let mut block = [0; 64];
                block[..rest.len()].copy_from_slice(rest);
                (masks::find(&block, needles), (1 << rest.len()) - 1)
            }
        };
        let quotes = found.quotes & needles.quotes_enabled & valid;
        let inside = prefix_xor(quotes) ^ carry.inside;
        let separators = (found.delimiters | found.line_ends) & valid & !inside;
        if carry.is_anomalous(quotes, inside, found.delimiters | found.line_ends, separators, valid)
        {
            return Stop::Anomaly;
        }
        let mut line_ends = found.line_ends & valid & !inside;
        let mut fields = separators & !line_ends;
        let base = offset32(at);
        while line_ends != 0 {
            let bit = line_ends.trailing_zeros();
            let below = (1 << bit) - 1;
            rows.end_fields(base, fields & below);
            fields &= !below;
            line_ends &= line_ends - 1;
            let end = at + bit as usize;
            if end != record_start {
                if end - record_start > RECORD_BYTES_MAX {
                    return Stop::Oversize(record_start);
                }
                rows.end_record(record_start, end);
            }
            record_start = end + 1;
            if record_start >= span.nominal_end {
                return Stop::End(record_start);
            }
        }
        rows.end_fields(base, fields);
        at += 64;
    }
    end_of_window(window.len(), record_start, carry.inside != 0, span, rows)
}

fn end_of_window(
    length: usize,
    record_start: usize,
    is_inside: bool,
    span: &Span,
    rows: &mut Rows,
) -> Stop {
    if length - record_start > RECORD_BYTES_MAX {
        return Stop::Oversize(record_start);
    }
    if span.is_end_of_file && record_start < length {
        if is_inside {
            rows.end_unclosed(record_start, length);
        } else {
            rows.end_record(record_start, length);
        }
    }
    span.at_window_end(length)
}

impl Carry {
    /// Whether a quote is where the masks cannot judge it; takes over what the next block has to
    /// know.
    #[inline]
    fn is_anomalous(
        &mut self,
        quotes: u64,
        inside: u64,
        separators_anywhere: u64,
        separators: u64,
        valid: u64,
    ) -> bool {
        let opening = quotes & inside;
        let closing = quotes & !inside;
        let may_open = separators << 1 | self.after_separator | quotes << 1 | self.after_quote;
        let must_end = (closing << 1 | self.after_closing) & valid;
        let bad = opening & !may_open | must_end & !(separators_anywhere | quotes);
        // The last byte of a full block; bits behind a partial one are never used.
        self.inside = 0_u64.wrapping_sub(inside >> 63);
        self.after_separator = separators >> 63;
        self.after_quote = quotes >> 63;
        self.after_closing = closing >> 63;
        bad != 0
    }
}

/// Bit i of the result is the parity of bits 0 to i.
#[inline]
fn prefix_xor(mut bits: u64) -> u64 {
    bits ^= bits << 1;
    bits ^= bits << 2;
    bits ^= bits << 4;
    bits ^= bits << 8;
    bits ^= bits << 16;
    bits ^ bits << 32
}
