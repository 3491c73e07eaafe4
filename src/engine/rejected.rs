//! Rejects: what is kept of a bad record, how it is written, and when there are too many.

use super::worker::{Extent, chunk_bytes};
use crate::decode::Decoder;
use crate::record::text::write_json_string;
use crate::record::{Gravity, RawRecords, Reason, Reject, RejectedRecord, Span};
use crate::sink::settings::RejectLimit;
use std::path::Path;

/// A bad record with all that is kept of it. Counts are within its piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The row of the chunk that it comes from; after the last record, a row of a drained batch.
    pub row: u32,
    /// Records of the piece up to the one that it comes from; 0 after the last record.
    pub records: u64,
    /// What was wrong.
    pub reason: Reason,
    /// What it means for the run.
    pub gravity: Gravity,
    /// Where it was; `None` for a record that was computed or held.
    pub origin: Option<Origin>,
    /// The bytes, at most [`RAW_BYTES_MAX`] of them; `None` for a record that was computed (a group).
    pub raw: Option<Vec<u8>>,
}

/// Where a bad record was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Records of the piece before it.
    pub record: u64,
    /// Line ends of the piece before it.
    pub line: u64,
    /// File offset of its first byte.
    pub offset: u64,
    /// Number of bytes.
    pub length: u64,
}

/// Counts the line ends of a piece up to one place after the other, each byte once.
pub struct LineCount<'a> {
    decoder: &'a Decoder,
    bytes: &'a [u8],
    at: usize,
    lines: u64,
}

impl<'a> LineCount<'a> {
    /// From the start of a piece on.
    pub fn new(decoder: &'a Decoder, raw: &'a RawRecords, extent: Option<Extent>) -> Self {
        let at = extent.map_or(0, |extent| extent.start as usize);
        LineCount { decoder, bytes: chunk_bytes(raw), at, lines: 0 }
    }

    /// Line ends before a place that is not before the last one.
    fn up_to(&mut self, place: usize) -> u64 {
        if place > self.at {
            self.lines += self.decoder.count_lines(&self.bytes[self.at..place]);
            self.at = place;
        }
        self.lines
    }
}

/// How many bytes of a bad record are kept.
pub const RAW_BYTES_MAX: usize = 64 * 1024;

/// From this record on a percentage is checked at every reject.
const PERCENT_FROM_RECORD: u64 = 1000;

impl Rejected {
    /// Keeps what is needed of a row that was rejected.
    pub fn new(
        reject: &Reject,
        raw: &RawRecords,
        extent: Option<Extent>,
        lines: &mut LineCount<'_>,
    ) -> Rejected {
        let before = extent.map(|extent| u64::from(reject.row - extent.first_row));
        let kept = |bytes: &[u8]| bytes[..bytes.len().min(RAW_BYTES_MAX)].to_vec();
        let (origin, raw) = match (&reject.record, extent) {
            (RejectedRecord::Read(span), Some(extent)) => {
                let Span { start, length } = *span;
                let start_index = start as usize;
                let origin = Origin {
                    record: u64::from(reject.row - extent.first_row),
                    line: lines.up_to(start_index),
                    offset: extent.base + u64::from(start),
                    length: u64::from(length),
                };
                let bytes = &chunk_bytes(raw)[start_index..start_index + length as usize];
                (Some(origin), Some(kept(bytes)))
            }
            (RejectedRecord::Held(bytes), _) => (None, Some(kept(bytes))),
            (RejectedRecord::Read(_) | RejectedRecord::Computed, _) => (None, None),
        };
        let records = before.map_or(0, |before| before + 1);
        let (reason, gravity) = (reject.reason.clone(), reject.gravity);
        Rejected { row: reject.row, records, reason, gravity, origin, raw }
    }

    /// Appends the reject as one line of JSON. `records` and `lines` are those of the input before the piece.
    ///
    /// Bytes that are not UTF-8 are written as `raw_hex`.
    pub fn write(&self, out: &mut Vec<u8>, source: &Path, records: u64, lines: u64) {
        let field = |out: &mut Vec<u8>, name: &str, value: u64| {
            out.extend_from_slice(format!("\"{name}\":{value},").as_bytes());
        };
        out.push(b'{');
        if let Some(origin) = &self.origin {
            out.extend_from_slice(b"\"source\":");
            write_json_string(out, &source.to_string_lossy());
            out.push(b',');
            field(out, "record", records + origin.record + 1);
            field(out, "line", lines + origin.line + 1);
            field(out, "offset", origin.offset);
            field(out, "length", origin.length);
        }
        out.extend_from_slice(b"\"reason\":");
        write_json_string(out, &self.reason);
        if let Some(raw) = &self.raw {
            match std::str::from_utf8(raw) {
                Ok(raw) => {
                    out.extend_from_slice(b",\"raw\":");
                    write_json_string(out, raw);
                }
                Err(_) => {
                    let hex: String = raw.iter().map(|byte| format!("{byte:02x}")).collect();
                    out.extend_from_slice(b",\"raw_hex\":");
                    write_json_string(out, &hex);
                }
            }
        }
        out.extend_from_slice(b"}\n");
    }
}

/// Whether so many rejects among so many records are too many. Asked at each reject in input order with the number of
/// records up to it, so that the answer depends on the records alone.
pub fn is_over_limit(limit: RejectLimit, rejects: u64, records: u64) -> bool {
    match limit {
        RejectLimit::Count(count) => rejects > count,
        RejectLimit::Percent(_) if records < PERCENT_FROM_RECORD => false,
        RejectLimit::Percent(percent) => is_over_percent(percent, rejects, records),
    }
}

/// The same question after the last record.
pub fn is_over_limit_at_end(limit: RejectLimit, rejects: u64, records: u64) -> bool {
    match limit {
        RejectLimit::Count(count) => rejects > count,
        RejectLimit::Percent(percent) => is_over_percent(percent, rejects, records),
    }
}

fn is_over_percent(percent: f64, rejects: u64, records: u64) -> bool {
    rejects as f64 * 100.0 > percent * records as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_counts_from_the_thousandth_record_and_at_the_end() {
        let limit = RejectLimit::Percent(0.5);
        assert!(!is_over_limit(limit, 900, 999));
        assert!(!is_over_limit(limit, 5, 1000));
        assert!(is_over_limit(limit, 6, 1000));
        assert!(is_over_limit_at_end(limit, 1, 100));
        assert!(!is_over_limit_at_end(limit, 1, 200));
    }

    #[test]
    fn a_limit_of_zero_stops_at_the_first_reject() {
        assert!(is_over_limit(RejectLimit::Count(0), 1, 1));
        assert!(!is_over_limit(RejectLimit::Count(0), 0, 1));
    }

    #[test]
    fn bytes_that_are_not_text_are_kept_as_hex() {
        let origin = Origin { record: 2, line: 3, offset: 40, length: 2 };
        let (reason, origin, raw) = ("not \"good\"".into(), Some(origin), Some(vec![0xff, 0x41]));
        let gravity = Gravity::Reject;
        let rejected = Rejected { row: 7, records: 3, reason, gravity, origin, raw };
        let mut out = Vec::new();
        rejected.write(&mut out, Path::new("in.csv"), 10, 20);
        let expected = concat!(
            r#"{"source":"in.csv","record":13,"line":24,"offset":40,"length":2,"#,
            r#""reason":"not \"good\"","raw_hex":"ff41"}"#,
            "\n"
        );
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }
}
