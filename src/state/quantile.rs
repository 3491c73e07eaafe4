//! Exact quantiles out of a tally.
//!
//! As DuckDB has them: the position `q * (n - 1)` between two values is interpolated, the discrete quantile is the
//! first value that at least `q * n` values do not exceed.

use super::tally::Tally;
use crate::record::aggregation::{Point, Quantile, QuantileKind};
use crate::record::text::MICROS_PER_DAY;
use crate::record::{Column, DataType, Direction, Values};

/// The quantiles of a group as a column of the result's type, one row for each point. `None` without values.
pub fn quantiles(
    tally: &Tally,
    group: u32,
    quantile: &Quantile,
    data_type: DataType,
) -> Option<Column> {
    let mut values = tally.sorted(group);
    if quantile.direction == Direction::Descending {
        values.reverse();
    }
    // Only made-up bytes count more than there can be.
    let total = values.iter().fold(0_u64, |sum, (_, count)| sum.saturating_add(*count));
    if total == 0 {
        return None;
    }
    let value_at = |index: u64| {
        let mut rest = index;
        let found = values.iter().find(|(_, count)| match rest.checked_sub(*count) {
            Some(less) => {
                rest = less;
                false
            }
            None => true,
        });
        found.expect("the index is below the number of values").0
    };
    let points = quantile.points.as_slice();
    match quantile.kind {
        QuantileKind::Discrete => {
            let found = points.iter().map(|point| value_at(discrete_index(*point, total)));
            tally.columns_of(found.collect::<Vec<_>>().into_iter()).pop()
        }
        QuantileKind::Continuous => {
            let mut column = Column::new(Values::filled(data_type, points.len()));
            for (row, point) in points.iter().enumerate() {
                let (below, above, fraction) = continuous_place(*point, total);
                let pair = [value_at(below), value_at(above)].into_iter();
                let pair = tally.columns_of(pair).pop()?;
                set_between(&mut column, row, &pair, fraction);
            }
            Some(column)
        }
    }
}

/// The index of the discrete quantile of so many values: one below `q * count` rounded up.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "whole numbers between 0 and the count"
)]
pub fn discrete_index(point: Point, count: u64) -> u64 {
    let reached = match point.exact {
        Some((units, scale)) if units < 1 << 63 => {
            (units * u128::from(count)).div_ceil(10_u128.pow(u32::from(scale)))
        }
        _ => (point.value * count as f64).ceil() as u128,
    };
    let reached = u64::try_from(reached).unwrap_or(count);
    reached.clamp(1, count) - 1
}

/// The values on both sides of a continuous quantile, and how far it is from the first to the second.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "whole numbers between 0 and the count"
)]
fn continuous_place(point: Point, count: u64) -> (u64, u64, f64) {
    let position = (count - 1) as f64 * point.value;
    let below = (position.floor() as u64).min(count - 1);
    let above = (position.ceil() as u64).min(count - 1);
    (below, above, position - position.floor())
}

/// Lets a row be what lies between the two rows of another column.
fn set_between(column: &mut Column, row: usize, pair: &Column, fraction: f64) {
    match (&mut column.values, &pair.values) {
        (Values::Double(out), Values::Double(pair)) => {
            out[row] = between(pair[0], pair[1], fraction);
        }
        (Values::Double(out), Values::Bigint(pair)) => {
            out[row] = between(pair[0] as f64, pair[1] as f64, fraction);
        }
        (Values::Decimal { units: out, .. }, Values::Decimal { units: pair, .. }) => {
            out[row] = units_between(pair[0], pair[1], fraction);
        }
        (Values::Timestamp(out), Values::Timestamp(pair))
        | (Values::Timestamptz(out), Values::Timestamptz(pair)) => {
            out[row] = micros_between(pair[0], pair[1], fraction);
        }
        (Values::Timestamp(out), Values::Date(pair)) => {
            let micros = |days: i32| i64::from(days) * MICROS_PER_DAY;
            out[row] = micros_between(micros(pair[0]), micros(pair[1]), fraction);
        }
        _ => unreachable!("no other type has something between its values"),
    }
}

fn between(low: f64, high: f64, fraction: f64) -> f64 {
    // In this form one infinity stays what it is.
    if fraction == 0.0 || low == high { low } else { low * (1.0 - fraction) + high * fraction }
}

/// Digits beyond the scale are cut off, as DuckDB does.
#[expect(clippy::cast_possible_truncation, reason = "between two values of the type")]
fn units_between(low: i128, high: i128, fraction: f64) -> i128 {
    const EXACT: i128 = 1 << 53;
    let is_exact = low.abs() < EXACT && high.abs() < EXACT;
    let Some(delta) = high.checked_sub(low).filter(|_| !is_exact) else {
        return (low as f64 + (high - low) as f64 * fraction) as i128;
    };
    low + (delta as f64 * fraction) as i128
}

/// Rounded to the nearest microsecond, the later one of two.
#[expect(clippy::cast_possible_truncation, reason = "a fraction times 2^52 is below 2^52")]
fn micros_between(low: i64, high: i64, fraction: f64) -> i64 {
    // The fraction behind the point of a double of 1 or more has 52 bits at most.
    const BITS: u32 = 52;
    let fraction = (fraction * (1_u64 << BITS) as f64).round() as i128;
    let product = (i128::from(high) - i128::from(low)) * fraction;
    let between = i128::from(low) + ((product + (1 << (BITS - 1))) >> BITS);
    i64::try_from(between).expect("it lies between two values")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(text: &str) -> Point {
        let (_, digits) = text.split_once('.').expect("a decimal");
        let scale = u8::try_from(digits.len()).expect("few digits");
        let units = digits.parse().expect("digits");
        Point { value: text.parse().expect("a number"), exact: Some((units, scale)) }
    }

    #[test]
    fn discrete_quantiles_do_not_suffer_from_binary_fractions() {
        // 0.7 * 10 is 7 exactly; in doubles of 0.1 steps it would be a little more or less.
        assert_eq!(discrete_index(point("0.7"), 10), 6);
        assert_eq!(discrete_index(point("0.1"), 1_000), 99);
        assert_eq!(discrete_index(point("0.3"), 4), 1);
        assert_eq!(discrete_index(point("0.0"), 4), 0);
        let one = Point { value: 1.0, exact: Some((1, 0)) };
        assert_eq!(discrete_index(one, 4), 3);
        assert_eq!(discrete_index(Point { value: 0.5, exact: None }, 5), 2);
    }

    #[test]
    fn places_lie_between_the_values_beside_them() {
        assert_eq!(continuous_place(point("0.5"), 4), (1, 2, 0.5));
        assert_eq!(continuous_place(point("0.5"), 5), (2, 2, 0.0));
        assert_eq!(between(f64::INFINITY, f64::INFINITY, 0.5), f64::INFINITY);
        assert_eq!(units_between(-201, -100, 0.5), -150);
        assert_eq!(units_between(10_i128.pow(37), 10_i128.pow(37) + 10, 0.5), 10_i128.pow(37) + 5);
        assert_eq!(micros_between(0, 3, 0.5), 2);
        assert_eq!(micros_between(3, 0, 0.5), 2);
    }
}
