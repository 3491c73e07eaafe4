//! Usual numbers: those of at most eight bytes, read side by side as words, without a branch for each byte.
//!
//! What is not understood here is left to [`crate::record::text`], which says the same of what is. The loops over the rows
//! of a block are plain; they are here in one piece so that they are compiled for each [`Level`] of instructions.

use crate::record::Span;
use crate::vector::{self, Level, Work};

/// How many rows are read at once.
pub const ROWS: usize = 32;

/// The most bytes of such a number.
const BYTES: usize = 8;

/// The lowest bit of each byte.
const LOWEST: u64 = u64::from_le_bytes([1; BYTES]);

/// The highest bit of each byte.
const HIGHEST: u64 = u64::from_le_bytes([1 << 7; BYTES]);

/// What makes digits their values.
const ZEROS: u64 = u64::from_le_bytes([b'0'; BYTES]);

/// Signs everywhere.
const SIGNS: u64 = u64::from_le_bytes([b'-'; BYTES]);

/// What points become where digits become their values.
const POINTS: u64 = u64::from_le_bytes([b'.' ^ b'0'; BYTES]);

/// The bits of the last so many bytes of a word.
const LAST: [u64; BYTES + 1] = {
    let mut masks = [0; BYTES + 1];
    let mut bytes = 1;
    while bytes <= BYTES {
        masks[bytes] = u64::MAX << (8 * (BYTES - bytes));
        bytes += 1;
    }
    masks
};

/// The texts of some values.
#[derive(Debug, Clone, Default)]
pub struct Block {
    /// The eight bytes that end with a text, the last one on top.
    words: [u64; ROWS],
    /// Which of them are the text; none where it is none of one to eight bytes.
    masks: [u64; ROWS],
}

/// What they mean.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Read<T> {
    /// The values of those that were understood.
    pub values: [T; ROWS],
    /// Anything but 0 for those that were not.
    pub unknown: [u64; ROWS],
}

/// A kind of numbers.
pub trait Usual {
    /// What they are.
    type Value: Copy + Default;

    /// What a text is, and anything but 0 where that has no meaning. Implementations are `#[inline(always)]`, and do the
    /// same for each text, so that the processor does it for many at once.
    fn read(&self, text: Short) -> (Self::Value, u64);
}

/// A text of at most eight bytes, which may begin with a minus.
#[derive(Debug, Clone, Copy)]
pub struct Short {
    /// What stands behind the minus, the last byte on top: of digits the values. The rest is 0.
    digits: u64,
    /// Which bytes these are.
    mask: u64,
    /// All ones behind a minus.
    sign: u64,
}

/// Integers in units of `10^-scale`: digits, just so many of them behind a point.
#[derive(Debug, Clone, Copy)]
pub struct Units {
    /// The bytes before the point, those behind it, and its own.
    whole: u64,
    fraction: u64,
    point: u64,
    /// Those that must be there, and those that may be.
    least: u64,
    most: u64,
    /// 0 where there are such numbers.
    never: u64,
}

/// Doubles: digits with a point before the last of them.
#[derive(Debug, Clone, Copy)]
pub struct Doubles;

/// The kernel.
struct Reading<'a, U: Usual> {
    usual: &'a U,
    block: &'a Block,
    read: &'a mut Read<U::Value>,
}

/// Reads the texts of a block.
pub fn read<U: Usual>(usual: &U, block: &Block, read: &mut Read<U::Value>) {
    vector::run(Reading { usual, block, read });
}

impl Block {
    /// Sets one of the texts.
    #[inline]
    pub fn set(&mut self, index: usize, chunk: &[u8], span: Span) {
        let (start, length) = (span.start as usize, span.length as usize);
        let word = chunk[..start + length].last_chunk::<BYTES>();
        (self.words[index], self.masks[index]) = match (word, LAST.get(length)) {
            (Some(word), Some(mask)) => (u64::from_le_bytes(*word), *mask),
            _ => (0, 0),
        };
    }
}

impl<U: Usual> Work for Reading<'_, U> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self, _level: L) {
        let Block { words, masks } = self.block;
        for row in 0..ROWS {
            let text = Short::new(words[row], masks[row]);
            (self.read.values[row], self.read.unknown[row]) = self.usual.read(text);
        }
    }
}

impl Short {
    #[inline(always)]
    fn new(word: u64, mask: u64) -> Short {
        let first = mask & !(mask << 8);
        let sign = if (word ^ SIGNS) & first == 0 { u64::MAX } else { 0 };
        let mask = mask & !(first & sign);
        Short { digits: (word ^ ZEROS) & mask, mask, sign }
    }
}

impl Units {
    /// Of so many digits at most, so many of them behind the point.
    pub fn new(precision: u8, scale: u8) -> Units {
        let (precision, scale) = (usize::from(precision), usize::from(scale));
        let last = |bytes: usize| LAST[bytes.min(BYTES)];
        if scale == 0 {
            let (least, most) = (last(1), last(precision));
            return Units { whole: 0, fraction: u64::MAX, point: 0, least, most, never: 0 };
        }
        let (fraction, least) = (last(scale), last(scale + 1));
        Units {
            whole: !least,
            fraction,
            point: least & !fraction,
            least,
            most: last(precision + 1),
            never: u64::from(scale >= BYTES),
        }
    }
}

impl Usual for Units {
    type Value = i64;

    #[inline(always)]
    fn read(&self, text: Short) -> (i64, u64) {
        let digits = (text.digits & self.whole) << 8 | text.digits & self.fraction;
        let value = (value_of(digits) ^ text.sign).wrapping_sub(text.sign);
        let unknown = not_digits(digits)
            | (text.digits ^ POINTS) & self.point
            | self.least & !text.mask
            | text.mask & !self.most
            | self.never;
        (value.cast_signed(), unknown)
    }
}

impl Usual for Doubles {
    type Value = f64;

    /// The digits are an integer below 2^53, over a power of ten up to 10^22: both are doubles, so that their quotient is
    /// correctly rounded (Clinger, "How to Read Floating Point Numbers Accurately", 1990).
    #[inline(always)]
    fn read(&self, text: Short) -> (f64, u64) {
        let others = text.digits ^ POINTS;
        // The lowest bit of these is the highest of the first byte that is a point.
        let points = others.wrapping_sub(LOWEST) & !others & HIGHEST;
        let point = points & points.wrapping_neg();
        let whole = (point >> 7).wrapping_sub(1);
        let fraction = !(point ^ point.wrapping_sub(1));
        let digits = (text.digits & whole) << 8 | text.digits & fraction;
        // A one in the place of the point is the power of ten.
        let value = double(value_of(digits)) / double(value_of(point >> 7));
        let unknown = not_digits(digits) | u64::from(fraction == 0);
        (f64::from_bits(value.to_bits() | text.sign & 1 << 63), unknown)
    }
}

/// The value of eight digits, by adding up neighbours three times: in shifts, sums and a product of 32 bits, which all
/// levels have.
#[inline(always)]
fn value_of(digits: u64) -> u64 {
    let tens = (digits << 3).wrapping_add(digits << 1);
    let pairs = tens.wrapping_add(digits >> 8) & 0x00ff_00ff_00ff_00ff;
    let hundreds = (pairs << 6).wrapping_add(pairs << 5).wrapping_add(pairs << 2);
    let fours = hundreds.wrapping_add(pairs >> 16) & 0x0000_ffff_0000_ffff;
    (fours & 0xffff_ffff) * 10_000 + (fours >> 32)
}

/// 0 where all bytes are less than ten.
#[inline(always)]
fn not_digits(bytes: u64) -> u64 {
    const HIGH: u64 = u64::from_le_bytes([0xf0; BYTES]);
    (bytes | bytes.wrapping_add(LOWEST * 6)) & HIGH
}

/// An integer below 2^52 as a double: as the last bits of 2^52 plus it.
#[inline(always)]
fn double(integer: u64) -> f64 {
    const TWO_TO_52: f64 = 4_503_599_627_370_496.0;
    f64::from_bits(TWO_TO_52.to_bits() | integer) - TWO_TO_52
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::text;
    use proptest::prelude::*;

    /// Reads texts with all levels, behind each other in a chunk; each is `None` where it is not understood.
    fn read_all<U: Usual>(usual: &U, texts: &[Vec<u8>]) -> Vec<Option<U::Value>>
    where
        U::Value: std::fmt::Debug + PartialEq,
    {
        struct Blocks<'a, U>(&'a U, &'a [Block]);
        impl<U> Clone for Blocks<'_, U> {
            fn clone(&self) -> Self {
                Blocks(self.0, self.1)
            }
        }
        impl<U: Usual> Work for Blocks<'_, U> {
            type Output = Vec<Read<U::Value>>;

            #[inline(always)]
            fn run<L: Level>(self, level: L) -> Self::Output {
                let read_block = |block| {
                    let mut read = Read { values: [U::Value::default(); ROWS], unknown: [0; ROWS] };
                    Reading { usual: self.0, block, read: &mut read }.run(level);
                    read
                };
                self.1.iter().map(read_block).collect()
            }
        }
        let mut chunk = b"123456789,".to_vec();
        let mut blocks = vec![Block::default(); texts.len().div_ceil(ROWS)];
        for (index, text) in texts.iter().enumerate() {
            let number = |value: usize| u32::try_from(value).expect("small");
            let span = Span { start: number(chunk.len()), length: number(text.len()) };
            chunk.extend_from_slice(text);
            blocks[index / ROWS].set(index % ROWS, &chunk, span);
            chunk.push(b',');
        }
        let mut levels = vector::levels(&Blocks(usual, &blocks)).into_iter();
        let of = |read: Vec<Read<U::Value>>| -> Vec<Option<U::Value>> {
            let known =
                |read: &Read<U::Value>, row| (read.unknown[row] == 0).then(|| read.values[row]);
            let rows = read.iter().flat_map(|read| (0..ROWS).map(move |row| known(read, row)));
            rows.take(texts.len()).collect()
        };
        let (_, first) = levels.next().expect("a plain level");
        let first = of(first);
        levels.for_each(|(name, read)| assert_eq!(of(read), first, "{name}"));
        first
    }

    fn check(texts: &[Vec<u8>], precision: u8, scale: u8) {
        let units = read_all(&Units::new(precision, scale), texts);
        let integers = read_all(&Units::new(19, 0), texts);
        let doubles = read_all(&Doubles, texts);
        for (index, text) in texts.iter().enumerate() {
            let shown = String::from_utf8_lossy(text);
            if let Some(units) = units[index] {
                let expected = text::parse_decimal(text, precision, scale);
                assert_eq!(expected, Some(i128::from(units)), "{shown} {precision} {scale}");
            }
            if let Some(integer) = integers[index] {
                assert_eq!(text::parse_bigint(text), Some(integer), "{shown}");
            }
            if let Some(double) = doubles[index] {
                let expected = text::parse_double(text).map(f64::to_bits);
                assert_eq!(expected, Some(double.to_bits()), "{shown}");
            }
        }
    }

    proptest! {
        #[test]
        fn usual_numbers_are_read_as_any_others(
            texts in prop::collection::vec("[-+]?[0-9]{0,6}[.]?[0-9]{0,4}", 0..100),
            precision in 1_u8..38,
            scale in 0_u8..38,
            at: usize,
            byte: u8,
        ) {
            let mut texts: Vec<Vec<u8>> = texts.into_iter().map(String::into_bytes).collect();
            check(&texts, precision.max(scale), scale);
            check(&texts, precision, scale % 4 % precision);
            for text in texts.iter_mut().filter(|text| !text.is_empty()) {
                let at = at % text.len();
                text[at] = byte;
            }
            check(&texts, precision, scale % 4 % precision);
        }
    }

    #[test]
    fn every_byte_is_judged_wherever_it_stands() {
        for text in [b"12345678".to_vec(), b"1234.67".to_vec(), b"-1.2".to_vec(), b"5".to_vec()] {
            for at in 0..text.len() {
                let with = |byte| {
                    let mut text = text.clone();
                    text[at] = byte;
                    text
                };
                let texts: Vec<Vec<u8>> = (0..=u8::MAX).map(with).collect();
                check(&texts, 12, 2);
                check(&texts, 12, 1);
            }
        }
    }

    #[test]
    fn usual_numbers_are_understood() {
        let texts = [
            "12",
            "-12345.67",
            "-1234.67",
            "99999.99",
            "0.00",
            "-0.05",
            ".5",
            "12345678",
            "-7",
            "-",
            "",
            ".",
        ];
        let texts = texts.map(|text| text.as_bytes().to_vec());
        let units = [None, None, Some(-123_467), Some(9_999_999), Some(0), Some(-5)];
        assert_eq!(read_all(&Units::new(12, 2), &texts)[..6], units);
        assert_eq!(read_all(&Units::new(6, 2), &texts)[2..5], [Some(-123_467), None, Some(0)]);
        let integers = read_all(&Units::new(19, 0), &texts);
        assert_eq!(integers[6..], [None, Some(12_345_678), Some(-7), None, None, None]);
        let doubles = read_all(&Doubles, &texts);
        assert_eq!(doubles[2..6], [Some(-1234.67), Some(99_999.99), Some(0.0), Some(-0.05)]);
        assert_eq!((doubles[0], doubles[11]), (None, None));
    }
}
