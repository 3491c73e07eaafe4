//! One sum of integers that never overflows.

use super::codec::{Reader, Unreadable, Writer};

/// `high * 2^128 + low`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WideSum {
    low: i128,
    high: i64,
}

const TWO_TO_128: f64 = f64::from_bits((1023 + 128) << 52);

impl WideSum {
    /// Adds a value.
    pub fn add(&mut self, value: i128) {
        let (low, overflowed) = self.low.overflowing_add(value);
        self.low = low;
        if overflowed {
            // Wrapping past 2^127 moves the low part by 2^128.
            self.high += if value < 0 { -1 } else { 1 };
        }
    }

    /// Takes a value off again.
    pub fn subtract(&mut self, value: i128) {
        let (low, overflowed) = self.low.overflowing_sub(value);
        self.low = low;
        if overflowed {
            self.high += if value < 0 { 1 } else { -1 };
        }
    }

    /// The sum, where it has 128 bits.
    pub fn value(self) -> Option<i128> {
        (self.high == 0).then_some(self.low)
    }

    /// The mean of `count` values with so many digits behind the point: one division of two numbers that were each
    /// rounded once, just as `avg` of a group is.
    pub fn mean(self, scale: u8, count: u64) -> f64 {
        let units = self.high as f64 * TWO_TO_128 + self.low as f64;
        units / (10_u128.pow(u32::from(scale)) as f64 * count.max(1) as f64)
    }

    /// Appends the sum.
    pub fn write(self, out: &mut Writer) {
        out.i128s([self.low]);
        out.u64(self.high.cast_unsigned());
    }

    /// Reads what [`WideSum::write`] wrote.
    pub fn read(reader: &mut Reader<'_>) -> Result<WideSum, Unreadable> {
        let what = "sums";
        let low = reader.i128s(1, what)?[0];
        let high = reader.u64(what)?.cast_signed();
        // No sum of fewer than 2^64 values is as large as that, and the next one must not overflow.
        if high.unsigned_abs() > 1 << 62 {
            return Err(Unreadable { what });
        }
        Ok(WideSum { low, high })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_that_leaves_128_bits_comes_back() {
        for value in [i128::MAX, i128::MIN + 1, 10_i128.pow(38) - 1, -7] {
            let mut sum = WideSum::default();
            (0..5).for_each(|_| sum.add(value));
            let mut out = Writer::default();
            sum.write(&mut out);
            let read = WideSum::read(&mut Reader::new(&out.bytes)).expect("what was written");
            assert_eq!(read, sum);
            assert_eq!(sum.value().is_none(), value.unsigned_abs() > 7, "{value}");
            // Both parts of the sum are rounded.
            let off = (sum.mean(0, 5) / value as f64 - 1.0).abs();
            assert!(off <= 2.0 * f64::EPSILON, "{value}");
            (0..4).for_each(|_| sum.subtract(value));
            assert_eq!(sum.value(), Some(value));
            (0..3).for_each(|_| sum.subtract(value));
            (0..2).for_each(|_| sum.add(value));
            assert_eq!(sum.value(), Some(0));
        }
    }

    #[test]
    fn absurd_sums_are_refused() {
        let mut out = Writer::default();
        WideSum { low: 0, high: i64::MAX }.write(&mut out);
        assert!(WideSum::read(&mut Reader::new(&out.bytes)).is_err());
    }
}
