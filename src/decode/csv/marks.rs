//! Where fields and lines end, 64 bytes a step over bit masks.
//!
//! A prefix-xor over the quotes says which bytes lie between quotes; separators there are text.
//! That is exact as long as every opening quote follows a separator, and every closing quote is
//! followed by one: everything else is an anomaly, which only the exact path can judge. A doubled
//! quote closes and opens again, which is the same.

use crate::decode::cut::offset32;
use crate::vector::{self, BLOCK_BYTES, Bytes, Level, Work};

/// What to look for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Needles {
    /// Between fields.
    pub delimiter: u8,
    /// Around fields.
    pub quote: u8,
    /// All bits set, or none where quotes mean nothing.
    pub quotes_enabled: u64,
}

/// What was found, as offsets into the window. Line feeds behind carriage returns are left out: a
/// line that ends in both ends at the first.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Marks {
    /// Where fields end, the last one of each line included. What stands behind the first
    /// `ends_found` entries has no meaning.
    pub ends: Vec<u32>,
    /// How many field ends there are.
    pub ends_found: usize,
    /// Where lines end. What stands behind the first `lines_found` entries has no meaning.
    pub line_ends: Vec<u32>,
    /// How many line ends there are.
    pub lines_found: usize,
    /// Number of line ends between quotes.
    pub quoted_lines: u64,
    /// Whether there is a carriage return.
    pub has_returns: bool,
    /// How it ended.
    pub ending: Ending,
}

/// How looking ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// At a line end, which is one past this.
    Line(usize),
    /// At the end of the window.
    Window {
        /// Whether that lies between quotes.
        is_inside: bool,
    },
    /// At something that only the exact path can judge.
    Anomaly,
}

/// Looks from `start`, which is outside quotes, to the first line end at or behind `last`.
pub(super) fn find(needles: Needles, window: &[u8], start: usize, last: usize) -> Marks {
    vector::run(Search { needles, window, start, last })
}

/// The kernel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Search<'a> {
    /// What to look for.
    pub needles: Needles,
    /// Where.
    pub window: &'a [u8],
    /// From here on.
    pub start: usize,
    /// To the first line end here or behind.
    pub last: usize,
}

/// What one block hands to the next; each a single bit, but for `inside` (all or none).
#[derive(Debug, Clone, Copy)]
struct Carry {
    inside: u64,
    after_separator: u64,
    after_quote: u64,
    after_closing: u64,
    after_return: u64,
}

/// What one block holds.
struct Found {
    /// Between quotes.
    inside: u64,
    /// Line ends anywhere, without line feeds behind carriage returns.
    lines: u64,
    /// The bytes of all line ends outside quotes.
    line_bytes: u64,
    /// Delimiters outside quotes.
    delimiters: u64,
    /// Carriage returns anywhere.
    returns: u64,
    /// Quotes where the masks cannot judge them.
    bad: u64,
}

impl Work for Search<'_> {
    type Output = Marks;

    #[inline(always)]
    fn run<L: Level>(self, level: L) -> Marks {
        let Search { window, start, last, .. } = self;
        let mut marks = Marks::new(window.len().min(last).saturating_sub(start));
        let mut carry = Carry {
            inside: 0,
            after_separator: 1,
            after_quote: 0,
            after_closing: 0,
            after_return: 0,
        };
        let (mut anomalies, mut returns) = (0, 0);
        let mut at = start;
        while at < window.len() {
            let mut rest: Bytes = [0; BLOCK_BYTES];
            let (block, valid) = match window[at..].first_chunk() {
                Some(block) => (block, u64::MAX),
                None => {
                    let length = window.len() - at;
                    rest[..length].copy_from_slice(&window[at..]);
                    (&rest, (1 << length) - 1)
                }
            };
            let mut found = self.look(level, block, valid, &mut carry);
            anomalies |= found.bad;
            returns |= found.returns;
            if at + BLOCK_BYTES > last
                && let Some(end) = found.cut_behind(last.saturating_sub(at))
            {
                marks.take(level, &found, offset32(at));
                marks.ending = Ending::Line(at + end);
                break;
            }
            marks.take(level, &found, offset32(at));
            at += BLOCK_BYTES;
        }
        if at >= window.len() {
            marks.ending = Ending::Window { is_inside: carry.inside != 0 };
        }
        if anomalies != 0 {
            marks.ending = Ending::Anomaly;
        }
        marks.has_returns = returns != 0;
        marks
    }
}

impl Search<'_> {
    /// Looks at one block, of which only `valid` bytes are there.
    #[inline(always)]
    fn look<L: Level>(&self, level: L, block: &Bytes, valid: u64, carry: &mut Carry) -> Found {
        let Needles { delimiter, quote, quotes_enabled } = self.needles;
        let block = level.load(block);
        let quotes = level.equal(block, quote) & quotes_enabled & valid;
        let returns = level.equal(block, b'\r') & valid;
        let feeds = level.equal(block, b'\n') & valid;
        let delimiters = level.equal(block, delimiter) & valid;
        // Most blocks have neither, nor does what stands before them matter.
        let before = carry.inside | carry.after_quote | carry.after_closing | carry.after_return;
        if quotes | returns | before == 0 {
            carry.after_separator = (delimiters | feeds) >> 63;
            let (lines, line_bytes) = (feeds, feeds);
            return Found { inside: 0, lines, line_bytes, delimiters, returns: 0, bad: 0 };
        }
        let line_bytes = feeds | returns;
        let lines = line_bytes & !(feeds & (returns << 1 | carry.after_return));
        let inside = level.prefix_xor(quotes) ^ carry.inside;
        let separators = (delimiters | line_bytes) & !inside;
        let (opening, closing) = (quotes & inside, quotes & !inside);
        let may_open = separators << 1 | carry.after_separator | quotes << 1 | carry.after_quote;
        let must_end = (closing << 1 | carry.after_closing) & valid;
        let bad = opening & !may_open | must_end & !(delimiters | line_bytes | quotes);
        // The last byte of a full block; bits behind a partial one are never used.
        *carry = Carry {
            inside: 0_u64.wrapping_sub(inside >> 63),
            after_separator: separators >> 63,
            after_quote: quotes >> 63,
            after_closing: closing >> 63,
            after_return: returns >> 63,
        };
        Found {
            inside,
            lines,
            line_bytes: line_bytes & !inside,
            delimiters: delimiters & !inside,
            returns,
            bad,
        }
    }
}

impl Found {
    /// Takes away what stands behind the first line end from bit `first` on; answers the place
    /// behind that.
    #[inline(always)]
    fn cut_behind(&mut self, first: usize) -> Option<usize> {
        let ends = self.line_bytes >> first << first;
        if ends == 0 {
            return None;
        }
        let last = ends.trailing_zeros();
        let kept = u64::MAX >> (63 - last);
        self.lines &= kept;
        self.delimiters &= kept;
        Some(last as usize + 1)
    }
}

impl Marks {
    /// A line ends here, behind all others.
    pub(super) fn end_line(&mut self, end: u32) {
        room(&mut self.ends, self.ends_found)[0] = end;
        room(&mut self.line_ends, self.lines_found)[0] = end;
        self.ends_found += 1;
        self.lines_found += 1;
    }

    fn new(bytes: usize) -> Marks {
        Marks {
            ends: vec![0; bytes / 8 + BLOCK_BYTES],
            ends_found: 0,
            line_ends: vec![0; bytes / 64 + BLOCK_BYTES],
            lines_found: 0,
            quoted_lines: 0,
            has_returns: false,
            ending: Ending::Anomaly,
        }
    }

    #[inline(always)]
    fn take<L: Level>(&mut self, level: L, found: &Found, base: u32) {
        let lines = found.lines & !found.inside;
        let ends = found.delimiters | lines;
        self.ends_found += level.places(ends, base, room(&mut self.ends, self.ends_found));
        if lines != 0 {
            let places = room(&mut self.line_ends, self.lines_found);
            self.lines_found += level.places(lines, base, places);
        }
        self.quoted_lines += u64::from((found.lines & found.inside).count_ones());
    }
}

/// Room for the places of a block, from entry `at` on.
#[inline(always)]
fn room(places: &mut Vec<u32>, at: usize) -> &mut [u32; BLOCK_BYTES] {
    if places.len() < at + BLOCK_BYTES {
        grow(places);
    }
    places[at..].first_chunk_mut().expect("there is room for a block")
}

#[cold]
fn grow(places: &mut Vec<u32>) {
    places.resize(places.len() * 2 + BLOCK_BYTES, 0);
}
