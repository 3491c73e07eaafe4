//! How the text of a value is read where the job declares a format: dates such as `17/05/2024`, numbers such as
//! `1.234,50`.

use super::moment::Format;
use super::text::MICROS_PER_DAY;
use std::borrow::Cow;
use std::sync::Arc;

/// How the text of a value is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Reading {
    /// In the usual form of its type.
    #[default]
    Usual,
    /// A date or time of this format.
    Moment(Arc<Format>),
    /// A number with other signs in it.
    Number(NumberFormat),
}

/// The signs in a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NumberFormat {
    /// Before the fraction.
    pub decimal: u8,
    /// Between groups of three digits before it; they are there everywhere or nowhere.
    pub thousands: Option<u8>,
}

impl NumberFormat {
    /// The number with a point and without separators; `None` where its signs are in the wrong places. What is left
    /// may still be no number.
    pub fn plain<'a>(&self, number: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        let is_exponent = |byte: &u8| matches!(byte, b'e' | b'E');
        let exponent_at = number.iter().position(is_exponent).unwrap_or(number.len());
        let (mantissa, exponent) = number.split_at(exponent_at);
        let point_at = mantissa.iter().position(|byte| *byte == self.decimal);
        let (whole, fraction) = mantissa.split_at(point_at.unwrap_or(mantissa.len()));
        let fraction = fraction.get(1..).unwrap_or_default();
        let is_foreign = |byte: &u8| *byte == b'.' || Some(*byte) == self.thousands;
        if fraction.iter().chain(exponent).any(is_foreign) {
            return None;
        }
        let whole = self.without_separators(whole)?;
        if point_at.is_none() && matches!(whole, Cow::Borrowed(_)) {
            return Some(Cow::Borrowed(number));
        }
        let mut plain = whole.into_owned();
        if point_at.is_some() {
            plain.push(b'.');
        }
        plain.extend_from_slice(fraction);
        plain.extend_from_slice(exponent);
        Some(Cow::Owned(plain))
    }

    /// The digits before the point, a sign perhaps in front.
    fn without_separators<'a>(&self, whole: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        let Some(thousands) = self.thousands.filter(|sign| whole.contains(sign)) else {
            return (!whole.contains(&b'.')).then_some(Cow::Borrowed(whole));
        };
        let (sign, digits) = match whole {
            [sign @ (b'+' | b'-'), digits @ ..] => (Some(*sign), digits),
            _ => (None, whole),
        };
        let mut groups = digits.split(|byte| *byte == thousands);
        let mut plain: Vec<u8> = sign.into_iter().collect();
        let first = groups.next().filter(|group| (1..=3).contains(&group.len()))?;
        plain.extend_from_slice(first);
        for group in groups {
            plain.extend_from_slice(Some(group).filter(|group| group.len() == 3)?);
        }
        plain
            .iter()
            .skip(usize::from(sign.is_some()))
            .all(u8::is_ascii_digit)
            .then_some(Cow::Owned(plain))
    }
}

/// A day of a moment.
pub fn day_of(micros: i64) -> Option<i32> {
    i32::try_from(micros.div_euclid(MICROS_PER_DAY)).ok()
}

/// The time of day of a moment.
pub fn time_of(micros: i64) -> i64 {
    micros.rem_euclid(MICROS_PER_DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(decimal: u8, thousands: Option<u8>, number: &str, expected: Option<&str>) {
        let format = NumberFormat { decimal, thousands };
        let plain = format.plain(number.as_bytes());
        let plain = plain.as_deref().map(|plain| std::str::from_utf8(plain).expect("ASCII"));
        assert_eq!(plain, expected, "{number}");
    }

    #[test]
    fn numbers_lose_their_separators_and_get_a_point() {
        for (number, expected) in [
            ("1.234.567,89", "1234567.89"),
            ("-1.234,5", "-1234.5"),
            ("12,5", "12.5"),
            (",5", ".5"),
            ("7", "7"),
            ("1234", "1234"),
            ("1,5e3", "1.5e3"),
        ] {
            check(b',', Some(b'.'), number, Some(expected));
        }
        check(b'.', Some(b','), "1,234.5", Some("1234.5"));
        check(b'.', Some(b' '), "12 345", Some("12345"));
        check(b',', None, "1234,5", Some("1234.5"));
    }

    #[test]
    fn signs_in_wrong_places_are_no_number() {
        for number in ["1.5", "1.23.456", "1234.567", ".123", "1.234,5.6", "1,2,3.4", "1.abc"] {
            check(b',', Some(b'.'), number, None);
        }
        check(b',', None, "1.5", None);
        check(b',', None, "1,5.0", None);
    }
}
