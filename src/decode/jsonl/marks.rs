//! Where in a record the bytes are that may end a string, found for all of its strings at once.
//!
//! Nearly all of a record is the inside of strings, most of them short. To look for the end of each by itself costs more
//! in wrong guesses of the processor, about how often a loop goes round, than in work.

use crate::vector::{self, BLOCK_BYTES, Level, Work};

/// What is known of the bytes of one record; used for record after record.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Where the record starts.
    start: usize,
    /// 64 bytes a word: quotes, backslashes and control characters. One word more, all ones, behind the last.
    specials: Vec<u64>,
}

/// Finds the marks of a record; answers which block is the first that is not all ASCII.
struct Find<'a> {
    record: &'a [u8],
    specials: &'a mut Vec<u64>,
}

impl Marks {
    /// Looks at the record that starts at `start` and ends with `text`; answers where the first block of it is that is not
    /// all ASCII.
    pub(super) fn find(&mut self, text: &[u8], start: usize) -> Option<usize> {
        self.start = start;
        let record = text.get(start..).unwrap_or_default();
        let first = vector::run(Find { record, specials: &mut self.specials });
        first.map(|block| start + block * BLOCK_BYTES)
    }

    /// The first byte at or after `at` that is a quote, a backslash or a control character; not before the end of the
    /// record where there is none.
    #[inline]
    pub(super) fn next_special(&self, at: usize) -> usize {
        let offset = at - self.start;
        let mut index = offset / BLOCK_BYTES;
        let mut found = self.specials[index] & (u64::MAX << (offset % BLOCK_BYTES));
        while found == 0 {
            index += 1;
            found = self.specials[index];
        }
        self.start + index * BLOCK_BYTES + found.trailing_zeros() as usize
    }
}

impl Work for Find<'_> {
    type Output = Option<usize>;

    #[inline(always)]
    fn run<L: Level>(self, level: L) -> Option<usize> {
        let Find { record, specials } = self;
        let (blocks, rest) = record.as_chunks();
        let mut last = [b' '; BLOCK_BYTES];
        last[..rest.len()].copy_from_slice(rest);
        specials.clear();
        specials.resize(blocks.len() + 2, u64::MAX);
        let mut first = None;
        // A loop, since closures are not compiled for the level.
        for (index, special) in specials[..blocks.len() + 1].iter_mut().enumerate() {
            let block = level.load(blocks.get(index).unwrap_or(&last));
            if first.is_none() && level.at_most(block, 0x7f) != u64::MAX {
                first = Some(index);
            }
            *special =
                level.equal(block, b'"') | level.equal(block, b'\\') | level.at_most(block, 0x1f);
        }
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The places of all special bytes from `start` on, and the first block that is not ASCII, at every level.
    fn check(text: &[u8], start: usize) {
        let record = &text[start..];
        let is_special = |at: &usize| matches!(text[*at], b'"' | b'\\' | 0..0x20);
        let places: Vec<usize> = (start..text.len()).filter(is_special).collect();
        let not_ascii = record.iter().position(|byte| !byte.is_ascii());
        for (level, (specials, first)) in vector::levels(&Everything { record }) {
            assert_eq!(first, not_ascii.map(|at| at / BLOCK_BYTES), "{level} {record:?}");
            let blocks = record.len() / BLOCK_BYTES + 1;
            let mut expected = vec![0; blocks];
            for at in &places {
                expected[(at - start) / BLOCK_BYTES] |= 1 << ((at - start) % BLOCK_BYTES);
            }
            expected.push(u64::MAX);
            assert_eq!(specials, expected, "{level} {record:?}");
        }
        let mut marks = Marks::default();
        assert_eq!(marks.find(text, start).is_some(), not_ascii.is_some());
        for at in start..=text.len() {
            let expected = places.iter().find(|place| **place >= at);
            let found = marks.next_special(at);
            assert_eq!(
                Some(found).filter(|at| *at < text.len()),
                expected.copied(),
                "{at} {text:?}"
            );
        }
    }

    /// The marks of a record, made anew.
    #[derive(Clone)]
    struct Everything<'a> {
        record: &'a [u8],
    }

    impl Work for Everything<'_> {
        type Output = (Vec<u64>, Option<usize>);

        #[inline(always)]
        fn run<L: Level>(self, level: L) -> Self::Output {
            let mut specials = vec![7; 3];
            let first = Find { record: self.record, specials: &mut specials }.run(level);
            (specials, first)
        }
    }

    proptest! {
        #[test]
        fn every_special_byte_is_found(
            text in prop::collection::vec(
                prop_oneof![9 => 0x20..0x7f_u8, 1 => any::<u8>(), 1 => Just(b'"'), 1 => Just(b'\\')],
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
}
