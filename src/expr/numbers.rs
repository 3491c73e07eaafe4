//! Conversions between kinds of numbers: the only place that knows how each rounds and where it overflows.

use crate::record::text;

/// Integers up to here are doubles exactly.
const EXACT_DOUBLE_MAX: u128 = 1 << 53;

/// Powers of ten up to here are doubles exactly.
const EXACT_POWER_MAX: u8 = 22;

/// `10^exponent` for a scale or a precision (at most 38).
pub fn power_of_ten(exponent: u8) -> i128 {
    10_i128.pow(u32::from(exponent))
}

/// The nearest double of an integer (ties to even).
pub fn double_from_bigint(value: i64) -> f64 {
    value as f64
}

/// The nearest double of a decimal.
pub fn double_from_decimal(units: i128, scale: u8) -> f64 {
    if units.unsigned_abs() <= EXACT_DOUBLE_MAX && scale <= EXACT_POWER_MAX {
        // Both operands are exact, so the one rounding is the division's.
        return units as f64 / power_of_ten(scale) as f64;
    }
    let mut digits = Vec::with_capacity(48);
    text::write_decimal(&mut digits, units, scale);
    text::parse_double(&digits).expect("a decimal's text form is a number")
}

/// The nearest integer of a double, ties to even; `None` outside of 64 bits.
#[expect(clippy::cast_possible_truncation, reason = "a whole number in range is cast exactly")]
pub fn bigint_from_double(value: f64) -> Option<i64> {
    let rounded = value.round_ties_even();
    // -2^63 is a double, 2^63 is the first one too large; NaN is in no range.
    let fits = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&rounded);
    fits.then_some(rounded as i64)
}

/// A double as units of a scale, ties away from zero; `None` where it does not fit `precision` digits.
#[expect(clippy::cast_possible_truncation, reason = "a whole number below 10^38 is cast exactly")]
pub fn decimal_from_double(value: f64, precision: u8, scale: u8) -> Option<i128> {
    let rounded = (value * power_of_ten(scale) as f64).round();
    if !rounded.is_finite() || rounded.abs() >= 1e38 {
        return None;
    }
    within(rounded as i128, precision)
}

/// The units if they have at most `precision` digits.
pub fn within(units: i128, precision: u8) -> Option<i128> {
    (units.unsigned_abs() < power_of_ten(precision).unsigned_abs()).then_some(units)
}

/// Units of one scale as units of another, ties away from zero; `None` on overflow of 38 digits.
pub fn rescale(units: i128, from: u8, to: u8) -> Option<i128> {
    if to >= from {
        return units.checked_mul(power_of_ten(to - from));
    }
    Some(divide_rounding(units, power_of_ten(from - to)))
}

/// A quotient of integers rounded half away from zero; the divisor is positive.
pub fn divide_rounding(value: i128, divisor: i128) -> i128 {
    let (quotient, remainder) = (value / divisor, value % divisor);
    if remainder.unsigned_abs() >= divisor.unsigned_abs().div_ceil(2) && remainder != 0 {
        quotient + remainder.signum()
    } else {
        quotient
    }
}

/// Whether a double holds an integer exactly.
#[expect(clippy::cast_possible_truncation, reason = "a whole number up to 2^127 is cast back")]
pub fn is_exact_double(value: i128) -> bool {
    value as f64 as i128 == value
}

/// Order of doubles: NaN equals itself and is the greatest, -0 equals 0.
pub fn order_doubles(left: f64, right: f64) -> std::cmp::Ordering {
    left.partial_cmp(&right).unwrap_or_else(|| left.is_nan().cmp(&right.is_nan()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_away_from_zero_for_decimals_and_to_even_for_doubles() {
        assert_eq!(rescale(25, 1, 0), Some(3));
        assert_eq!(rescale(-25, 1, 0), Some(-3));
        assert_eq!(rescale(24, 1, 0), Some(2));
        assert_eq!(rescale(5, 1, 3), Some(500));
        assert_eq!(rescale(i128::MAX, 0, 1), None);
        assert_eq!(bigint_from_double(2.5), Some(2));
        assert_eq!(bigint_from_double(-3.5), Some(-4));
        assert_eq!(bigint_from_double(f64::NAN), None);
        assert_eq!(bigint_from_double(9.3e18), None);
    }

    #[test]
    fn wide_decimals_become_the_nearest_double() {
        assert_eq!(double_from_decimal(110, 2).to_bits(), 1.1_f64.to_bits());
        let wide = 123_456_789_012_345_678_901_i128;
        assert_eq!(double_from_decimal(wide, 20).to_bits(), 1.234_567_890_123_456_8_f64.to_bits());
    }
}
