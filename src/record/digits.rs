//! Runs of decimal digits that are short enough for 64 bits, eight at a time.

/// The most digits that are always less than 2^63.
pub const MAX: usize = 18;

/// Powers of ten.
pub const POWERS: [i64; MAX + 1] = {
    let mut powers = [1; MAX + 1];
    let mut at = 1;
    while at < powers.len() {
        powers[at] = powers[at - 1] * 10;
        at += 1;
    }
    powers
};

/// The value of 1 to [`MAX`] digits; `None` for anything else.
#[inline]
pub fn parse(digits: &[u8]) -> Option<i64> {
    if digits.is_empty() || digits.len() > MAX {
        return None;
    }
    let (eights, rest) = digits.as_chunks::<8>();
    // Of bytes that are no digits the value has no meaning, so it may wrap.
    let (mut value, mut are_digits) = (0_u64, true);
    for eight in eights {
        let (of_eight, is_good) = parse_eight(*eight);
        value = value.wrapping_mul(100_000_000).wrapping_add(of_eight);
        are_digits &= is_good;
    }
    for byte in rest {
        let digit = byte.wrapping_sub(b'0');
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        are_digits &= digit <= 9;
    }
    are_digits.then(|| value.cast_signed())
}

/// The value of eight digits, by adding up neighbours three times, and whether they are digits.
#[inline]
fn parse_eight(bytes: [u8; 8]) -> (u64, bool) {
    const HIGH: u64 = 0xf0f0_f0f0_f0f0_f0f0;
    let digits = u64::from_le_bytes(bytes) ^ 0x3030_3030_3030_3030;
    // What is above 15 has a high bit, what is from 10 to 15 gets one; without the former nothing is carried.
    let are_digits = digits & HIGH == 0 && (digits + 0x0606_0606_0606_0606) & HIGH == 0;
    let pairs = digits.wrapping_mul(10 << 8 | 1) >> 8 & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100 << 16 | 1) >> 16 & 0x0000_ffff_0000_ffff;
    (fours.wrapping_mul(10_000 << 32 | 1) >> 32, are_digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(bytes: &[u8]) {
        let text = str::from_utf8(bytes).unwrap_or("not a number");
        let is_short = bytes.iter().all(u8::is_ascii_digit) && bytes.len() <= MAX;
        let expected = text.parse().ok().filter(|_| is_short);
        assert_eq!(parse(bytes), expected, "{bytes:?}");
    }

    proptest! {
        #[test]
        fn digits_mean_what_the_standard_library_says(text in "[0-9]{0,20}", at: usize, byte: u8) {
            check(text.as_bytes());
            let mut bytes = text.into_bytes();
            if !bytes.is_empty() {
                let at = at % bytes.len();
                bytes[at] = byte;
            }
            check(&bytes);
        }
    }

    #[test]
    fn neighbours_of_the_digits_are_none() {
        for byte in 0..=u8::MAX {
            check(&[byte]);
            check(&[b'1', byte, b'2', b'3', b'4', b'5', b'6', b'7', b'8', b'9']);
            check(&[byte; 8]);
            check(&[byte; MAX]);
        }
    }
}
