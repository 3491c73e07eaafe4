//! Where in a record the bytes are that may end a string, found for many strings at once.
//!
//! Nearly all of a record is the inside of strings, most of them short. To look for the end of each by itself costs more
//! than the looking: the processor guesses wrongly how often a loop goes round, and cannot begin with what stands
//! behind a string before it knows where that is.

use crate::decode::cut::offset32;
use crate::vector::{self, BLOCK_BYTES, Level, Work};

/// So much of a record is looked at in one go, that memory is bounded and most records are looked at once.
const PIECE_BYTES: usize = 64 * 1024;

/// Behind the last place of a piece: behind every byte.
const END: u32 = u32::MAX;

/// Where the quotes, backslashes and control characters of a record are; used for record after record.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Their places in a piece of the record, rising, then [`END`], then anything.
    places: Vec<u32>,
    /// The first of them that may matter still.
    next: usize,
    /// Where the piece ends.
    end: usize,
}

/// Finds the places in a piece of a record; answers which block is the first that is not all ASCII.
struct Find<'a> {
    piece: &'a [u8],
    start: usize,
    places: &'a mut Vec<u32>,
}

impl Marks {
    /// Looks at the record that starts at `start` and ends with `text`; answers up to where, at least, it is ASCII, if not
    /// all of it is.
    pub(super) fn find(&mut self, text: &[u8], start: usize) -> Option<usize> {
        let first = self.find_piece(text, start);
        let is_rest_ascii = || text.get(self.end..).unwrap_or_default().is_ascii();
        first.or_else(|| (!is_rest_ascii()).then_some(self.end))
    }

    fn find_piece(&mut self, text: &[u8], start: usize) -> Option<usize> {
        let rest = text.get(start..).unwrap_or_default();
        let piece = &rest[..rest.len().min(PIECE_BYTES)];
        (self.next, self.end) = (0, start + piece.len());
        let first = vector::run(Find { piece, start, places: &mut self.places });
        first.map(|block| start + block * BLOCK_BYTES)
    }

    /// The first byte at or after `at` that is a quote, a backslash or a control character; not before the end of the
    /// record where there is none. `at` never falls.
    #[inline(always)]
    pub(super) fn next_special(&mut self, text: &[u8], at: usize) -> usize {
        loop {
            let place = self.places[self.next];
            if place as usize >= at && (place != END || self.end >= text.len()) {
                return place as usize;
            }
            if place == END {
                self.find_piece(text, self.end);
            } else {
                self.next += 1;
            }
        }
    }
}

impl Work for Find<'_> {
    type Output = Option<usize>;

    #[inline(always)]
    fn run<L: Level>(self, level: L) -> Option<usize> {
        let Find { piece, start, places } = self;
        let (blocks, rest) = piece.as_chunks();
        let mut last = [b' '; BLOCK_BYTES];
        last[..rest.len()].copy_from_slice(rest);
        let mut first = None;
        let mut count = 0;
        // A loop, since closures are not compiled for the level.
        for index in 0..=blocks.len() {
            let block = level.load(blocks.get(index).unwrap_or(&last));
            if first.is_none() && level.at_most(block, 0x7f) != u64::MAX {
                first = Some(index);
            }
            let specials =
                level.equal(block, b'"') | level.equal(block, b'\\') | level.at_most(block, 0x1f);
            if places.len() <= count + BLOCK_BYTES {
                places.resize(2 * count + 8 * BLOCK_BYTES, END);
            }
            if let Some(free) = places[count..].first_chunk_mut() {
                count += level.places(specials, offset32(start + index * BLOCK_BYTES), free);
            }
        }
        places[count] = END;
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The marks of a piece, made anew.
    #[derive(Clone)]
    struct Anew<'a> {
        piece: &'a [u8],
        start: usize,
    }

    impl Work for Anew<'_> {
        type Output = (Vec<u32>, Option<usize>);

        #[inline(always)]
        fn run<L: Level>(self, level: L) -> Self::Output {
            let mut places = vec![7; 3];
            let Anew { piece, start } = self;
            let first = Find { piece, start, places: &mut places }.run(level);
            let count = places.iter().position(|place| *place == END);
            places.truncate(count.expect("the end is marked"));
            (places, first)
        }
    }

    /// The places of all special bytes from `start` on, and the first block that is not ASCII, at every level, and one by
    /// one.
    fn check(text: &[u8], start: usize) {
        let piece = &text[start..];
        let is_special = |at: &usize| matches!(text[*at], b'"' | b'\\' | 0..0x20);
        let expected: Vec<usize> = (start..text.len()).filter(is_special).collect();
        let not_ascii = piece.iter().position(|byte| !byte.is_ascii());
        for (level, (places, first)) in vector::levels(&Anew { piece, start }) {
            let places: Vec<usize> = places.iter().map(|place| *place as usize).collect();
            assert!(places == expected, "{level} {text:?}");
            assert_eq!(first, not_ascii.map(|at| at / BLOCK_BYTES), "{level} {text:?}");
        }
        let mut marks = Marks::default();
        let ascii_end = marks.find(text, start);
        assert_eq!(ascii_end.is_some(), not_ascii.is_some());
        assert!(text[start..ascii_end.unwrap_or(text.len())].is_ascii());
        let mut from = start;
        for at in expected {
            assert_eq!(marks.next_special(text, from), at);
            assert_eq!(marks.next_special(text, at), at);
            from = at + 1;
        }
        assert!(marks.next_special(text, text.len()) >= text.len());
    }

    proptest! {
        #[test]
        fn every_special_byte_is_found(
            text in prop::collection::vec(
                prop_oneof![
                    9 => 0x20..0x7f_u8,
                    1 => any::<u8>(),
                    1 => Just(b'"'),
                    1 => Just(b'\\'),
                ],
                0..300,
            ),
            start in any::<prop::sample::Index>(),
        ) {
            check(&text, start.index(text.len() + 1));
        }
    }

    #[test]
    fn the_ends_of_blocks_are_no_ends() {
        for length in [0, 1, 63, 64, 65, 127, 128, 129] {
            check(&vec![b'x'; length], 0);
            check(&vec![b'"'; length], 0);
            check(&vec![0xc3; length], length / 2);
        }
    }

    #[test]
    fn records_of_several_pieces_are_looked_at_to_their_end() {
        for length in [PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES + 5] {
            let mut text = vec![b'x'; length];
            check_far(&text, &[]);
            text[length - 1] = b'"';
            check_far(&text, &[length - 1]);
            text[length / 2] = b'"';
            check_far(&text, &[length / 2, length - 1]);
        }
        let mut text = vec![b'x'; 2 * PIECE_BYTES];
        text[PIECE_BYTES + 3] = 0xc3;
        assert_eq!(Marks::default().find(&text, 0), Some(PIECE_BYTES));
    }

    fn check_far(text: &[u8], expected: &[usize]) {
        let mut marks = Marks::default();
        assert_eq!(marks.find(text, 0), None);
        let mut at = 0;
        for place in expected {
            assert_eq!(marks.next_special(text, at), *place);
            at = place + 1;
        }
        assert!(marks.next_special(text, at) >= text.len());
    }
}
