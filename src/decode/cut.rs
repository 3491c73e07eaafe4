//! What cutting a chunk out of a window of an input asks for and answers.

use super::csv::Machine;
use super::csv::State;
use crate::record::{Batch, Reason};

/// Where in the window a chunk starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Here: the previous chunk is known to end here.
    Exact(usize),
    /// At the first record that starts at or after this offset. Whether the byte before it (in the
    /// window, unless the file starts here) lies between quotes is guessed; whoever uses the result
    /// checks [`Cut::start`] against the end of the previous chunk.
    AtOrAfter(usize),
}

/// The answer to a cut.
#[derive(Debug)]
pub enum CutOutcome {
    /// A chunk of whole records.
    Cut(Cut),
    /// The window ends too early: try again with more bytes behind it.
    NeedMore,
    /// A record longer than [`super::RECORD_BYTES_MAX`] starts where `before` ends.
    Oversize {
        /// The records before it; possibly none.
        before: Cut,
        /// Finds the record's end; feed it from the record's first byte on.
        skip: Skip,
    },
    /// From the assumed state nothing can be said; cut again from the exact start.
    Unknown,
}

/// A chunk of whole records. Offsets count into the window.
#[derive(Debug)]
pub struct Cut {
    /// Where the chunk starts.
    pub start: usize,
    /// Where the first record starts that does not belong to it, or the end of the file.
    pub end: usize,
    /// Number of line ends from `start` to `end`.
    pub lines: u64,
    /// Its records. Those bad in form are rows too, but not selected, and listed as rejects.
    pub batch: Batch,
}

/// Finds the end of a record that is too long to be held.
#[derive(Debug, Clone)]
pub struct Skip {
    format: SkipFormat,
    bytes: u64,
    lines: u64,
    is_after_cr: bool,
}

#[derive(Debug, Clone)]
enum SkipFormat {
    Csv { machine: Machine, state: State },
    Jsonl,
}

impl Skip {
    pub(super) fn csv(machine: Machine) -> Skip {
        Skip::new(SkipFormat::Csv { machine, state: State::RecordStart })
    }

    pub(super) fn jsonl() -> Skip {
        Skip::new(SkipFormat::Jsonl)
    }

    fn new(format: SkipFormat) -> Skip {
        Skip { format, bytes: 0, lines: 0, is_after_cr: false }
    }

    /// Takes the next bytes of the input. Answers how many of them belong to the record and its
    /// line end once that is found (all of them at the end of the file), `None` while it is not.
    pub fn feed(&mut self, bytes: &[u8], at_end_of_file: bool) -> Option<usize> {
        let end = match &mut self.format {
            SkipFormat::Jsonl => memchr::memchr(b'\n', bytes).map(|at| at + 1),
            SkipFormat::Csv { machine, state } => {
                skip_csv(machine, state, &mut self.is_after_cr, &mut self.lines, bytes)
            }
        };
        if matches!(self.format, SkipFormat::Jsonl) {
            self.lines += u64::from(end.is_some());
        }
        let end = end.or(at_end_of_file.then_some(bytes.len()));
        self.bytes += end.unwrap_or(bytes.len()) as u64;
        end
    }

    /// Number of bytes of the record and its line end so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Number of line ends among them.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Whether the record goes on where the bytes end, between quotes.
    pub fn is_open(&self) -> bool {
        matches!(&self.format, SkipFormat::Csv { state: State::Quoted | State::Escaped, .. })
    }

    /// Why the record is rejected.
    pub fn reason(&self) -> Reason {
        match &self.format {
            SkipFormat::Csv { state: State::Quoted | State::Escaped, .. } => {
                "the record is longer than 16 MiB: a quote in it is not closed before the end of the file".into()
            }
            SkipFormat::Csv { .. } | SkipFormat::Jsonl => "the record is longer than 16 MiB".into(),
        }
    }
}

/// How many of `bytes` belong to the record, its line end included. A carriage return waits for the
/// byte behind it.
fn skip_csv(
    machine: &Machine,
    state: &mut State,
    is_after_cr: &mut bool,
    lines: &mut u64,
    bytes: &[u8],
) -> Option<usize> {
    for (at, byte) in bytes.iter().enumerate() {
        let has_ended = *state == State::RecordStart && *lines > 0;
        let is_pair = *is_after_cr && *byte == b'\n';
        if has_ended {
            return Some(at + usize::from(is_pair));
        }
        *lines += u64::from(matches!(byte, b'\n' | b'\r') && !is_pair);
        *is_after_cr = *byte == b'\r';
        *state = machine.next(*state, *byte);
        if *state == State::RecordStart && *byte == b'\n' {
            return Some(at + 1);
        }
    }
    None
}

/// Number of CSV line ends: LF, CR, and CR LF as one.
pub(super) fn count_csv_lines(bytes: &[u8]) -> u64 {
    let mut lines = memchr::memchr_iter(b'\n', bytes).count();
    for at in memchr::memchr_iter(b'\r', bytes) {
        lines += usize::from(bytes.get(at + 1) != Some(&b'\n'));
    }
    lines as u64
}

/// Number of JSONL line ends: LF.
pub(super) fn count_jsonl_lines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// An offset into a window, which is far smaller than 4 GiB.
pub(super) fn offset32(offset: usize) -> u32 {
    u32::try_from(offset).expect("a window is smaller than 4 GiB")
}
