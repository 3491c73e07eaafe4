//! Numbers that look random and are the same every time.

/// Marsaglia's xorshift generator with Vigna's multiplier (xorshift64*).
pub struct Random(u64);

impl Random {
    /// A sequence of its own for each seed.
    pub fn new(seed: u64) -> Random {
        // The state must not be 0, and seeds beside each other should not begin alike.
        let mut random =
            Random((seed ^ 0x6A09_E667_F3BC_C908).wrapping_mul(0xD6E8_FEB8_6659_FD93) | 1);
        random.bits();
        random
    }

    /// 64 of them.
    pub fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// From 0 up to and without `end`, which is below 2^32.
    pub fn below(&mut self, end: u64) -> u64 {
        ((self.bits() >> 32) * end) >> 32
    }

    /// From `first` to `last`.
    pub fn within(&mut self, first: u64, last: u64) -> u64 {
        first + self.below(last - first + 1)
    }

    /// One of some words.
    pub fn one_of(&mut self, words: &[&'static str]) -> &'static str {
        let index = self.below(words.len() as u64);
        words[usize::try_from(index).expect("an index")]
    }

    /// Puts so many words behind a text, with spaces between them.
    pub fn words(&mut self, text: &mut String, count: u64) {
        for index in 0..count {
            if index > 0 {
                text.push(' ');
            }
            text.push_str(self.one_of(&WORDS));
        }
    }
}

/// What texts are made of; one has a character beyond ASCII.
pub const WORDS: [&str; 64] = [
    "amber",
    "anchor",
    "arrow",
    "autumn",
    "basket",
    "beacon",
    "birch",
    "bridge",
    "brisk",
    "candle",
    "canyon",
    "cedar",
    "cinder",
    "clover",
    "copper",
    "coral",
    "cradle",
    "crisp",
    "dapple",
    "drift",
    "ember",
    "fable",
    "falcon",
    "fern",
    "flint",
    "gently",
    "glacier",
    "granite",
    "harbour",
    "hazel",
    "hollow",
    "in",
    "indigo",
    "ivory",
    "juniper",
    "kettle",
    "lantern",
    "ledger",
    "linen",
    "maple",
    "meadow",
    "mosaic",
    "na\u{ef}ve",
    "nimbly",
    "of",
    "orchard",
    "over",
    "pebble",
    "quarry",
    "quietly",
    "ripple",
    "saffron",
    "silver",
    "slowly",
    "thistle",
    "timber",
    "to",
    "tundra",
    "velvet",
    "walnut",
    "warmly",
    "willow",
    "winter",
    "with",
];
