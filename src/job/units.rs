//! Durations, sizes and percentages as the job file writes them.

use std::time::Duration;

/// Milliseconds per unit, longest first.
const DURATION_UNITS: &[(&str, u64)] =
    &[("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// Bytes per unit.
const SIZE_UNITS: &[(&str, u64)] = &[
    ("B", 1),
    ("KB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Reads `30s`, `5m`, `1h30m`, `500ms`: whole numbers with units, longest unit first.
pub fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut milliseconds: u64 = 0;
    let mut units = DURATION_UNITS.iter();
    while !rest.is_empty() {
        let (number, unit, after) = number_and_unit(rest)?;
        let (_, factor) = units.find(|(name, _)| *name == unit)?;
        milliseconds = milliseconds.checked_add(number.checked_mul(*factor)?)?;
        rest = after;
    }
    (!text.is_empty()).then(|| Duration::from_millis(milliseconds))
}

/// Reads `4GiB`, `64KiB`, `10MB`, `123`: a whole number of bytes, with or without unit.
pub fn size(text: &str) -> Option<u64> {
    let (number, unit, after) = number_and_unit(text)?;
    let unit = if unit.is_empty() { "B" } else { unit };
    let (_, factor) = SIZE_UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    after.is_empty().then(|| number.checked_mul(*factor))?
}

/// Reads `5%` or `0.1%`: a share between 0 and 100.
pub fn percentage(text: &str) -> Option<f64> {
    let number = text.strip_suffix('%')?.trim_end();
    let is_plain = number.chars().all(|c| c.is_ascii_digit() || c == '.');
    let number: f64 = number.parse().ok().filter(|_| is_plain)?;
    (0.0..=100.0).contains(&number).then_some(number)
}

/// Splits `90min...` into 90, `min` and the rest.
fn number_and_unit(text: &str) -> Option<(u64, &str, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit());
    let (number, rest) = text.split_at(digits.unwrap_or(text.len()));
    let letters = rest.find(|c: char| !c.is_ascii_alphabetic());
    let (unit, after) = rest.split_at(letters.unwrap_or(rest.len()));
    Some((number.parse().ok()?, unit, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_add_up_from_long_to_short_units() {
        let check = |text: &str, milliseconds: Option<u64>| {
            assert_eq!(duration(text), milliseconds.map(Duration::from_millis), "{text}");
        };
        check("30s", Some(30_000));
        check("1h30m", Some(5_400_000));
        check("1d2h3m4s5ms", Some(93_784_005));
        check("500ms", Some(500));
        check("0s", Some(0));
        for wrong in ["", "30", "s", "1.5s", "30m1h", "5m5m", "-1s", "1 s", "99999999999999999999s"]
        {
            check(wrong, None);
        }
        check("18446744073709551615h", None);
    }

    #[test]
    fn sizes_are_binary_or_decimal() {
        let check = |text: &str, bytes: Option<u64>| assert_eq!(size(text), bytes, "{text}");
        check("4GiB", Some(4 << 30));
        check("10MB", Some(10_000_000));
        check("64kib", Some(65_536));
        check("17", Some(17));
        for wrong in ["", "GiB", "4G", "4GiB ", "1.5GiB", "-1", "18446744073709551615KB"] {
            check(wrong, None);
        }
    }

    #[test]
    fn percentages_lie_between_0_and_100() {
        let check = |text: &str, share: Option<f64>| assert_eq!(percentage(text), share, "{text}");
        check("0.1%", Some(0.1));
        check("100%", Some(100.0));
        for wrong in ["", "%", "5", "101%", "-1%", "nan%", "1e1%", "inf%", "1..2%"] {
            check(wrong, None);
        }
    }
}
