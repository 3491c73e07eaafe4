//! Choices that a string of bytes makes: the same bytes make the same choices.

/// Numbers at which programs go wrong.
const ODD_NUMBERS: [u64; 17] = [
    0,
    1,
    2,
    7,
    127,
    128,
    255,
    256,
    65_535,
    65_536,
    (1 << 31) - 1,
    (1 << 32) - 1,
    1 << 32,
    1 << 40,
    (1 << 63) - 1,
    1 << 63,
    u64::MAX,
];

/// Bytes that are taken one after the other; behind the last one all are 0.
#[derive(Debug, Clone)]
pub struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    /// Those that some bytes make.
    pub fn new(bytes: &'a [u8]) -> Choices<'a> {
        Choices(bytes)
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// A number below `end`, or 0 where there is none.
    pub fn below(&mut self, end: usize) -> usize {
        let mut number = usize::from(self.byte());
        if end > 256 {
            number |= usize::from(self.byte()) << 8 | usize::from(self.byte()) << 16;
        }
        number.checked_rem(end).unwrap_or(0)
    }

    /// One of some things.
    pub fn pick<'b, T>(&mut self, things: &'b [T]) -> &'b T {
        &things[self.below(things.len())]
    }

    /// A number that is likely to be a limit of something.
    pub fn odd_number(&mut self) -> u64 {
        match self.byte() {
            0..=199 => *self.pick(&ODD_NUMBERS),
            other => u64::from(other) << self.below(56),
        }
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
