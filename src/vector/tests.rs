//! Every level of this machine against what the words say, byte by byte.

use super::*;
use proptest::prelude::*;

/// All that a level can say of some bytes.
#[derive(Clone)]
struct Everything {
    bytes: Bytes,
    byte: u8,
    bits: u64,
}

#[derive(Debug, PartialEq, Eq)]
struct Answers {
    equal: u64,
    at_most: u64,
    with_bits: u64,
    prefix_xor: u64,
    places: Vec<u32>,
}

const BASE: u32 = 1_000;

impl Work for Everything {
    type Output = Answers;

    #[inline(always)]
    fn run<L: Level>(self, level: L) -> Answers {
        let block = level.load(&self.bytes);
        let mut places = [u32::MAX; BLOCK_BYTES];
        let count = level.places(self.bits, BASE, &mut places);
        Answers {
            equal: level.equal(block, self.byte),
            at_most: level.at_most(block, self.byte),
            with_bits: level.equal(level.with_bits(block, 0x20), self.byte),
            prefix_xor: level.prefix_xor(self.bits),
            places: places[..count].to_vec(),
        }
    }
}

fn mask(bytes: &Bytes, is_wanted: impl Fn(u8) -> bool) -> u64 {
    let places = 0..BLOCK_BYTES;
    places.filter(|place| is_wanted(bytes[*place])).fold(0, |mask, place| mask | 1 << place)
}

fn check(bytes: Bytes, byte: u8, bits: u64) {
    let below = |place: u32| bits & (u64::MAX >> (63 - place));
    let expected = Answers {
        equal: mask(&bytes, |one| one == byte),
        at_most: mask(&bytes, |one| one <= byte),
        with_bits: mask(&bytes, |one| one | 0x20 == byte),
        prefix_xor: (0..64)
            .fold(0, |all, place| all | u64::from(below(place).count_ones() % 2) << place),
        places: (0..64).filter(|place| bits >> place & 1 == 1).map(|place| BASE + place).collect(),
    };
    for (level, answers) in levels(&Everything { bytes, byte, bits }) {
        assert_eq!(answers, expected, "{level}");
    }
}

proptest! {
    #[test]
    fn every_level_says_what_its_words_say(
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'"'), Just(b'{')], 64),
        byte in prop_oneof![any::<u8>(), Just(b'"'), Just(b'{')],
        bits in prop_oneof![any::<u64>(), (any::<u64>(), any::<u64>()).prop_map(|(a, b)| a & b)],
    ) {
        check(bytes.try_into().expect("64 bytes"), byte, bits);
    }
}

#[test]
fn the_ends_of_all_ranges_are_right() {
    for byte in [0, 1, 0x1f, 0x20, 0x7f, 0x80, 0xfe, 0xff] {
        for fill in [0, 0x1f, 0x20, 0x7f, 0x80, 0xff] {
            for bits in [0, 1, 1 << 63, u64::MAX, 0xffff_0000_ffff_0000] {
                check([fill; BLOCK_BYTES], byte, bits);
            }
        }
    }
}

#[test]
fn the_best_level_has_a_name() {
    let names = ["Plain", "Sse2", "Avx2", "Avx512", "Neon"];
    assert!(names.contains(&name()), "{}", name());
}
