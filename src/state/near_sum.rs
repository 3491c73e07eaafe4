//! Sums of doubles of usual sizes as one wide integer: exact too, and much quicker than [`ExactSum`], which they end in.

use super::exact_sum::ExactSum;

/// A sum in units of 2^-75, of values that are multiples of it and below 2^36.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct NearSum(i128);

/// So many values fit: each is below 2^111 units.
pub const VALUES_MAX: u32 = 1 << 15;

/// The exponent field of a double whose last bit is worth one unit.
const EXPONENT_MIN: u64 = 1023 + 52 - 75;
/// The greatest exponent field of a double below 2^36.
const EXPONENT_MAX: u64 = 1023 + 35;

/// What a unit is worth: 2^-75.
const UNIT: f64 = f64::from_bits((1023 - 75) << 52);
/// 2^32.
const LIMB: f64 = 4_294_967_296.0;

impl NearSum {
    /// Adds a value, if it is of a usual size, and answers whether it was.
    #[inline]
    pub fn add(&mut self, value: f64) -> bool {
        let bits = value.to_bits();
        let exponent = bits >> 52 & 0x7ff;
        if !(EXPONENT_MIN..=EXPONENT_MAX).contains(&exponent) {
            // A zero changes nothing.
            return value == 0.0;
        }
        let mantissa = i128::from(bits & ((1 << 52) - 1) | 1 << 52);
        let units = mantissa << (exponent - EXPONENT_MIN);
        // All ones or none: without a branch, as signs may come in any order.
        let sign = i128::from(bits.cast_signed() >> 63);
        self.0 += (units ^ sign) - sign;
        true
    }

    /// Adds all of it to an exact sum.
    pub fn drain_into(&mut self, sum: &mut ExactSum) {
        let units = std::mem::take(&mut self.0);
        let sign = if units < 0 { -UNIT } else { UNIT };
        let mut rest = units.unsigned_abs();
        let mut worth = sign;
        while rest != 0 {
            let limb = u32::try_from(rest & u128::from(u32::MAX)).expect("32 bits");
            sum.add(f64::from(limb) * worth);
            rest >>= 32;
            worth *= LIMB;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(values: &[f64]) {
        let (mut expected, mut found, mut near) =
            (ExactSum::default(), ExactSum::default(), NearSum::default());
        for value in values {
            expected.add(*value);
            if !near.add(*value) {
                found.add(*value);
            }
        }
        near.drain_into(&mut found);
        assert_eq!(found.value().to_bits(), expected.value().to_bits(), "{values:?}");
    }

    proptest! {
        #[test]
        fn near_sums_are_the_exact_ones(
            values in prop::collection::vec(
                prop_oneof![any::<f64>(), -1e12..1e12_f64, -1.0..1.0_f64, (-999_i32..999).prop_map(|cents| f64::from(cents) / 100.0)],
                0..50,
            ),
        ) {
            check(&values);
        }
    }

    #[test]
    fn values_at_the_ends_of_the_range_fit_as_often_as_they_may() {
        let most = f64::from_bits(((EXPONENT_MAX + 1) << 52) - 1);
        let least = f64::from_bits(EXPONENT_MIN << 52);
        check(&[most, least, -most, -least, least.next_down(), most.next_up(), 0.0, -0.0]);
        let mut near = NearSum::default();
        (0..VALUES_MAX).for_each(|_| assert!(near.add(-most)));
        let mut sum = ExactSum::default();
        near.drain_into(&mut sum);
        assert_eq!(sum.value(), -most * f64::from(VALUES_MAX));
        assert!(!near.add(f64::NAN) && !near.add(f64::INFINITY));
    }
}
