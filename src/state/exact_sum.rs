//! The exact sum of doubles, rounded once at the end.
//!
//! Shewchuk, "Adaptive Precision Floating-Point Arithmetic" (1997), as in Python's `math.fsum`: the sum is held as
//! doubles that do not overlap. Because it is exact, the order and the grouping of the additions do not matter.
//! Values of 2^900 and more are held scaled by 2^-200, so that no intermediate sum overflows.

use super::codec::{Reader, Unreadable, Writer};

/// An exact sum of doubles.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExactSum {
    partials: Vec<f64>,
    huge: Vec<f64>,
    special: Special,
}

/// What infinities and NaNs the sum contains.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Special {
    nan: bool,
    positive: bool,
    negative: bool,
}

/// From this size on a value is held in `huge`: 2^900.
const HUGE: f64 = f64::from_bits((1023 + 900) << 52);
/// 2^-200, by which the values in `huge` are scaled.
const SCALE: f64 = f64::from_bits((1023 - 200) << 52);
/// 2^200.
const UNSCALE: f64 = f64::from_bits((1023 + 200) << 52);
/// As many partials as can be: they do not overlap, so each has one of the bits of a double's range for itself.
const PARTIALS_MAX: usize = 2_098;

impl ExactSum {
    /// Adds a value.
    pub fn add(&mut self, value: f64) {
        if value.is_nan() {
            self.special.nan = true;
        } else if value.is_infinite() {
            self.special.positive |= value > 0.0;
            self.special.negative |= value < 0.0;
        } else if value.abs() >= HUGE {
            add_to(&mut self.huge, value * SCALE);
        } else {
            add_to(&mut self.partials, value);
        }
    }

    /// Adds everything that another sum holds.
    pub fn merge(&mut self, other: &ExactSum) {
        other.partials.iter().for_each(|value| add_to(&mut self.partials, *value));
        other.huge.iter().for_each(|value| add_to(&mut self.huge, *value));
        self.special.nan |= other.special.nan;
        self.special.positive |= other.special.positive;
        self.special.negative |= other.special.negative;
    }

    /// The sum, rounded to nearest with ties to even.
    pub fn value(&self) -> f64 {
        match self.special {
            Special { nan: true, .. } | Special { positive: true, negative: true, .. } => f64::NAN,
            Special { positive: true, .. } => f64::INFINITY,
            Special { negative: true, .. } => f64::NEG_INFINITY,
            _ => self.finite(),
        }
    }

    fn finite(&self) -> f64 {
        // Small sums may be many partials of 2^899: as soon as one is that large, add in the scaled domain.
        let is_large = self.partials.iter().any(|value| value.abs() >= HUGE);
        if self.huge.iter().all(|value| *value == 0.0) && !is_large {
            return round(&self.partials);
        }
        let mut scaled = self.huge.clone();
        for value in &self.partials {
            // What underflows only decides ties: its sign is enough.
            let small = value * SCALE;
            let lost = small == 0.0 && *value != 0.0;
            add_to(&mut scaled, if lost { f64::from_bits(1).copysign(*value) } else { small });
        }
        round(&scaled) * UNSCALE
    }

    /// Whether neither an infinity nor a NaN was added.
    pub fn has_only_numbers(&self) -> bool {
        self.special == Special::default()
    }

    /// About how many bytes it takes besides itself. Depends on the sum alone.
    pub fn owned(&self) -> usize {
        let places = |held: usize| if held == 0 { 0 } else { held.next_power_of_two().max(4) };
        (places(self.partials.len()) + places(self.huge.len())) * size_of::<f64>()
    }

    /// Appends the sums of all groups.
    pub fn write_all<'a>(sums: impl IntoIterator<Item = &'a ExactSum>, out: &mut Writer) {
        for sum in sums {
            let Special { nan, positive, negative } = sum.special;
            out.flags([nan, positive, negative]);
            for part in [&sum.partials, &sum.huge] {
                out.count(part.len());
                out.u64s(part.iter().map(|value| value.to_bits()));
            }
        }
    }

    /// Reads what [`ExactSum::write_all`] wrote.
    pub fn read_all(reader: &mut Reader<'_>, count: usize) -> Result<Vec<ExactSum>, Unreadable> {
        let what = "sums";
        let mut sums = Vec::new();
        for _ in 0..count {
            let flags = reader.flags(3, what)?;
            let special = Special { nan: flags[0], positive: flags[1], negative: flags[2] };
            let mut parts = [Vec::new(), Vec::new()];
            for part in &mut parts {
                let length = reader.count(8, what)?;
                if length > PARTIALS_MAX {
                    return Err(Unreadable { what });
                }
                *part = reader.u64s(length, what)?.into_iter().map(f64::from_bits).collect();
                if part.iter().any(|value| !value.is_finite()) {
                    return Err(Unreadable { what });
                }
            }
            let [partials, huge] = parts;
            sums.push(ExactSum { partials, huge, special });
        }
        Ok(sums)
    }
}

/// Adds a value to partials of rising size that do not overlap.
fn add_to(partials: &mut Vec<f64>, mut value: f64) {
    let mut kept = 0;
    for index in 0..partials.len() {
        let mut partial = partials[index];
        if value.abs() < partial.abs() {
            std::mem::swap(&mut value, &mut partial);
        }
        let high = value + partial;
        let low = partial - (high - value);
        if low != 0.0 {
            partials[kept] = low;
            kept += 1;
        }
        value = high;
    }
    partials.truncate(kept);
    if value != 0.0 {
        partials.push(value);
    }
}

/// The sum of such partials, correctly rounded.
fn round(partials: &[f64]) -> f64 {
    let Some((last, mut rest)) = partials.split_last() else {
        return 0.0;
    };
    let mut high = *last;
    let mut low = 0.0;
    while let Some((next, smaller)) = rest.split_last() {
        let before = high;
        high = before + next;
        low = next - (high - before);
        rest = smaller;
        if low != 0.0 {
            break;
        }
    }
    // A tie is broken by what lies below it.
    if let Some(below) = rest.last()
        && (low < 0.0) == (*below < 0.0)
        && low != 0.0
    {
        let doubled = low * 2.0;
        let up = high + doubled;
        if up - high == doubled {
            high = up;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[f64], expected: f64) {
        let mut order: Vec<f64> = values.to_vec();
        for _ in 0..values.len() {
            order.rotate_left(1);
            let mut whole = ExactSum::default();
            order.iter().for_each(|value| whole.add(*value));
            let (left, right) = order.split_at(order.len() / 2);
            let [mut first, mut second] = [ExactSum::default(), ExactSum::default()];
            left.iter().for_each(|value| first.add(*value));
            right.iter().for_each(|value| second.add(*value));
            second.merge(&first);
            for sum in [whole, second] {
                assert_eq!(sum.value().to_bits(), expected.to_bits(), "{order:?}");
            }
        }
    }

    #[test]
    fn sums_are_exact_in_any_order_and_grouping() {
        check(&[0.1; 10], 1.0);
        check(&[1e100, 1.0, -1e100], 1.0);
        check(&[1e308, 1e308, -1e308], 1e308);
        check(&[f64::MAX, f64::MAX], f64::INFINITY);
        check(&[f64::MAX, f64::MAX, -f64::MAX, -f64::MAX, 5e-324], 5e-324);
        check(&[1e16, 1.0, 1e-16], 10000000000000002.0);
        check(&[9007199254740992.0, 1.0, 5e-324], 9007199254740994.0);
        check(&[1.0, f64::INFINITY], f64::INFINITY);
        check(
            &[2.0_f64.powi(1000), 2.0_f64.powi(947), 5e-324],
            2.0_f64.powi(1000) + 2.0_f64.powi(948),
        );
        check(&[], 0.0);
    }

    #[test]
    fn infinities_of_both_signs_are_no_number() {
        let mut sum = ExactSum::default();
        [f64::INFINITY, f64::NEG_INFINITY].into_iter().for_each(|value| sum.add(value));
        assert!(sum.value().is_nan());
    }

    #[test]
    fn sums_survive_a_round_trip() {
        let mut sum = ExactSum::default();
        [1e300, 0.1, -3.5, f64::MAX].into_iter().for_each(|value| sum.add(value));
        let mut out = Writer::default();
        ExactSum::write_all(&[sum.clone(), ExactSum::default()], &mut out);
        let read = ExactSum::read_all(&mut Reader::new(&out.bytes), 2).expect("what was written");
        assert_eq!(read, [sum, ExactSum::default()]);
    }

    #[test]
    fn a_sum_of_many_sizes_survives_a_round_trip() {
        let mut sum = ExactSum::default();
        for exponent in (-1000..890).step_by(27) {
            sum.add((1.0 + f64::EPSILON) * 2.0_f64.powi(exponent));
        }
        assert!(sum.partials.len() > 2_100 / 53, "{} partials", sum.partials.len());
        let mut out = Writer::default();
        ExactSum::write_all(std::slice::from_ref(&sum), &mut out);
        let read = ExactSum::read_all(&mut Reader::new(&out.bytes), 1).expect("what was written");
        assert_eq!(read, [sum]);
    }
}
