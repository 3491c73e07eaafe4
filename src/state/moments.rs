//! Variance, covariance and what else is made of sums of powers and products.
//!
//! Each product is held exactly, as the double nearest to it and what that one lacks (Dekker's two-product), and the
//! sums of them are exact. So a statistic is a function of the values alone, and its numerator, such as
//! `n * sum(x*x) - sum(x) * sum(x)`, is rounded once: nothing cancels, however large the mean is.
//!
//! With a NaN or an infinity among the values the statistic is NaN. Values whose powers are too large are a fault.

use super::changes::Part;
use super::codec::{Reader, Unreadable, Writer};
use super::exact_sum::ExactSum;
use super::pages::{Cells, Pages};
use crate::record::aggregation::Statistic;
use crate::record::{Column, Reason, Values};
use std::sync::Arc;

/// A statistic of each group.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    statistic: Statistic,
    counts: Pages<u64>,
    /// The sums of each term, of all groups.
    sums: Vec<Pages<ExactSum>>,
}

/// A sum of `first^i * second^j` over the records.
type Term = (u8, u8);

/// Products from here on (2^900) count as infinite, so that what is made of them can be summed without overflow.
const PRODUCT_LIMIT: f64 = f64::from_bits((1023 + 900) << 52);

/// What becomes of a group.
enum Outcome {
    Value(f64),
    Null,
    OutOfRange,
}

fn terms_of(statistic: Statistic) -> &'static [Term] {
    match statistic {
        Statistic::VarianceSample
        | Statistic::VariancePopulation
        | Statistic::DeviationSample
        | Statistic::DeviationPopulation => &[(1, 0), (2, 0)],
        Statistic::Skewness => &[(1, 0), (2, 0), (3, 0)],
        Statistic::KurtosisSample | Statistic::KurtosisPopulation => {
            &[(1, 0), (2, 0), (3, 0), (4, 0)]
        }
        Statistic::CovarianceSample
        | Statistic::CovariancePopulation
        | Statistic::Correlation
        | Statistic::RegressionSlope
        | Statistic::RegressionIntercept
        | Statistic::RegressionR2
        | Statistic::RegressionAverageX
        | Statistic::RegressionAverageY
        | Statistic::RegressionSxx
        | Statistic::RegressionSyy
        | Statistic::RegressionSxy => &[(1, 0), (0, 1), (2, 0), (1, 1), (0, 2)],
    }
}

impl Moments {
    /// No groups yet.
    pub fn new(statistic: Statistic) -> Moments {
        let sums = terms_of(statistic).iter().map(|_| Pages::default()).collect();
        Moments { statistic, counts: Pages::default(), sums }
    }

    /// How many columns the statistic is one of.
    pub fn columns_of(statistic: Statistic) -> usize {
        if terms_of(statistic).contains(&(0, 1)) { 2 } else { 1 }
    }

    /// Makes room for `groups` groups.
    pub fn grow(&mut self, groups: usize) {
        self.counts.grow(groups, 0);
        self.sums.iter_mut().for_each(|sums| sums.grow(groups, ExactSum::default()));
    }

    /// Takes in rows that are valid in all columns, each into the group beside it.
    pub fn update(&mut self, rows: impl Iterator<Item = (usize, usize)>, columns: &[Arc<Column>]) {
        let terms = terms_of(self.statistic);
        let first = values_of(&columns[0]);
        let second = columns.get(1).map(|column| values_of(column));
        for (group, row) in rows {
            let pair = (first[row], second.map_or(0.0, |values| values[row]));
            *self.counts.cell(group) += 1;
            for (sums, term) in self.sums.iter_mut().zip(terms) {
                add_term(sums.cell(group), pair, *term);
            }
        }
    }

    /// How many values a group has.
    pub fn count(&self, group: usize) -> u64 {
        self.counts[group]
    }

    /// Takes in one group of another.
    pub fn merge(&mut self, group: usize, other: &Moments, other_group: usize) {
        *self.counts.cell(group) += other.counts[other_group];
        for (sums, others) in self.sums.iter_mut().zip(&other.sums) {
            sums.cell(group).merge(&others[other_group]);
        }
    }

    /// Takes the place of a group by one of another.
    pub fn put(&mut self, group: usize, other: &Moments, other_group: usize) {
        *self.counts.cell(group) = other.counts[other_group];
        for (sums, others) in self.sums.iter_mut().zip(&other.sums) {
            *sums.cell(group) = others[other_group].clone();
        }
    }

    /// The groups of a part as they are now, for another thread.
    pub fn share(&mut self, part: &Part) -> Moments {
        let sums = self.sums.iter_mut().map(|sums| sums.share(part)).collect();
        Moments { statistic: self.statistic, counts: self.counts.share(part), sums }
    }

    /// The statistics of some groups.
    pub fn finish(&self, groups: &[u32]) -> Column {
        let out_of_range: Reason = "values too large or too small for this statistic".into();
        let mut column = Column::new(Values::Double(vec![0.0; groups.len()]));
        for (row, group) in (0_u32..).zip(groups) {
            let group = *group as usize;
            let sums: Vec<&ExactSum> = self.sums.iter().map(|sums| &sums[group]).collect();
            match outcome(self.statistic, self.counts[group], &sums) {
                Outcome::Null => column.validity.set_null(row as usize, groups.len()),
                Outcome::OutOfRange => column.set_fault(row, &out_of_range),
                Outcome::Value(value) => {
                    if let Values::Double(values) = &mut column.values {
                        values[row as usize] = value;
                    }
                }
            }
        }
        column
    }

    /// Appends the groups of a part.
    pub fn write(&self, part: &Part, out: &mut Writer) {
        out.u64s(part.entries().map(|group| self.counts[group]));
        let of_group = |group| self.sums.iter().map(move |sums| &sums[group]);
        ExactSum::write_all(part.entries().flat_map(of_group), out);
    }

    /// Reads what [`Moments::write`] wrote.
    pub fn read(&mut self, reader: &mut Reader<'_>, groups: usize) -> Result<(), Unreadable> {
        self.counts = reader.numbers(groups, "counts")?.into();
        let width = self.sums.len();
        let sums = ExactSum::read_all(reader, groups * width)?;
        self.sums = vec![Pages::default(); width];
        for (index, sum) in sums.into_iter().enumerate() {
            self.sums[index % width].push(sum);
        }
        Ok(())
    }
}

fn values_of(column: &Column) -> &[f64] {
    match &column.values {
        Values::Double(values) => values,
        _ => unreachable!("statistics take double columns"),
    }
}

/// Adds one record's term to a sum.
fn add_term(sum: &mut ExactSum, (first, second): (f64, f64), term: Term) {
    match term {
        (1, 0) => sum.add(first),
        (0, 1) => sum.add(second),
        (2, 0) => add_product(sum, first, first),
        (0, 2) => add_product(sum, second, second),
        (1, 1) => add_product(sum, first, second),
        _ => {
            let (square, lack) = two_product(first, first);
            if term == (3, 0) {
                add_product(sum, square, first);
                add_product(sum, lack, first);
            } else {
                add_product(sum, square, square);
                add_product(sum, 2.0 * square, lack);
                add_product(sum, lack, lack);
            }
        }
    }
}

fn add_product(sum: &mut ExactSum, left: f64, right: f64) {
    let (product, lack) = two_product(left, right);
    if product.abs() < PRODUCT_LIMIT {
        sum.add(product);
        sum.add(lack);
    } else {
        sum.add(f64::INFINITY);
    }
}

/// The product rounded, and what it lacks: exact as long as nothing over- or underflows.
fn two_product(left: f64, right: f64) -> (f64, f64) {
    let product = left * right;
    (product, left.mul_add(right, -product))
}

/// An exact number as doubles that depend on it alone, not on how it was added up: the nearest one, then the nearest
/// one to what that lacks, and so on.
fn parts_of(sum: &ExactSum) -> Vec<f64> {
    let mut rest = sum.clone();
    let mut parts = Vec::new();
    loop {
        let part = rest.value();
        if part == 0.0 {
            return parts;
        }
        parts.push(part);
        if !part.is_finite() {
            return parts;
        }
        // What is left is at most half a unit in the last place of the part: this ends.
        rest.add(-part);
    }
}

/// A number that is the sum of doubles.
#[derive(Clone)]
struct Number(Vec<f64>);

impl Number {
    fn of(sum: &ExactSum) -> Number {
        Number(parts_of(sum))
    }

    fn of_count(count: u64) -> Number {
        let low = count & 0xffff_ffff;
        Number(vec![(count - low) as f64, low as f64])
    }

    fn times(&self, other: &Number) -> Number {
        let mut sum = ExactSum::default();
        for left in &self.0 {
            for right in &other.0 {
                add_product(&mut sum, *left, *right);
            }
        }
        Number::of(&sum)
    }

    fn scaled(&self, by: f64) -> Number {
        self.times(&Number(vec![by]))
    }

    fn minus(&self, other: &Number) -> Number {
        self.plus(&Number(other.0.iter().map(|part| -part).collect()))
    }

    fn plus(&self, other: &Number) -> Number {
        let mut sum = ExactSum::default();
        self.0.iter().chain(&other.0).for_each(|part| sum.add(*part));
        Number::of(&sum)
    }

    fn rounded(&self) -> f64 {
        self.0.first().copied().unwrap_or(0.0)
    }
}

fn outcome(statistic: Statistic, count: u64, sums: &[&ExactSum]) -> Outcome {
    if count == 0 {
        return Outcome::Null;
    }
    match statistic {
        Statistic::RegressionAverageY => return Outcome::Value(sums[0].value() / count as f64),
        Statistic::RegressionAverageX => return Outcome::Value(sums[1].value() / count as f64),
        _ => {}
    }
    let mut plain = terms_of(statistic).iter().zip(sums).filter(|((i, j), _)| i + j == 1);
    if plain.any(|(_, sum)| !sum.has_only_numbers()) {
        return Outcome::Value(f64::NAN);
    }
    if sums.iter().any(|sum| !sum.value().is_finite()) {
        return Outcome::OutOfRange;
    }
    let numbers: Vec<Number> = sums.iter().map(|sum| Number::of(sum)).collect();
    let count_number = Number::of_count(count);
    let outcome = match terms_of(statistic).len() {
        2 => variance(statistic, count as f64, &count_number, &numbers),
        3 | 4 => shape(statistic, count as f64, &count_number, &numbers),
        _ => of_pairs(statistic, count as f64, &count_number, &numbers),
    };
    match outcome {
        Outcome::Value(value) if value.is_infinite() => Outcome::OutOfRange,
        other => other,
    }
}

/// `n * sum(a*b) - sum(a) * sum(b)`: n^2 times the covariance.
fn spread(count: &Number, product: &Number, left: &Number, right: &Number) -> Number {
    count.times(product).minus(&left.times(right))
}

fn variance(statistic: Statistic, n: f64, count: &Number, sums: &[Number]) -> Outcome {
    let spread = spread(count, &sums[1], &sums[0], &sums[0]).rounded();
    match statistic {
        Statistic::VariancePopulation => Outcome::Value(spread / n / n),
        Statistic::DeviationPopulation => Outcome::Value((spread / n / n).sqrt()),
        _ if n < 2.0 => Outcome::Null,
        Statistic::DeviationSample => Outcome::Value((spread / n / (n - 1.0)).sqrt()),
        _ => Outcome::Value(spread / n / (n - 1.0)),
    }
}

/// Skewness and kurtosis; NULL where all values are equal.
fn shape(statistic: Statistic, n: f64, count: &Number, sums: &[Number]) -> Outcome {
    let square = sums[0].times(&sums[0]);
    let second = spread(count, &sums[1], &sums[0], &sums[0]).rounded();
    let too_few = match statistic {
        Statistic::Skewness => n <= 2.0,
        Statistic::KurtosisSample => n <= 3.0,
        _ => n <= 1.0,
    };
    if too_few || second == 0.0 {
        return Outcome::Null;
    }
    let count_square = count.times(count);
    if statistic == Statistic::Skewness {
        // n^3 times the third moment about the mean: n^2 s3 - 3 n s1 s2 + 2 s1^3
        let third = count_square
            .times(&sums[2])
            .minus(&count.times(&sums[0]).times(&sums[1]).scaled(3.0))
            .plus(&square.times(&sums[0]).scaled(2.0))
            .rounded();
        let skewness = third / second / second.sqrt();
        return Outcome::Value((n * (n - 1.0)).sqrt() / (n - 2.0) * skewness);
    }
    // n^4 times the fourth: n^3 s4 - 4 n^2 s1 s3 + 6 n s1^2 s2 - 3 s1^4
    let fourth = count_square
        .times(count)
        .times(&sums[3])
        .minus(&count_square.times(&sums[0]).times(&sums[2]).scaled(4.0))
        .plus(&count.times(&square).times(&sums[1]).scaled(6.0))
        .minus(&square.times(&square).scaled(3.0))
        .rounded();
    let ratio = fourth / second / second;
    Outcome::Value(match statistic {
        Statistic::KurtosisPopulation => ratio - 3.0,
        _ => (n - 1.0) * ((n + 1.0) * ratio - 3.0 * (n - 1.0)) / ((n - 2.0) * (n - 3.0)),
    })
}

/// Of pairs (y, x).
fn of_pairs(statistic: Statistic, n: f64, count: &Number, sums: &[Number]) -> Outcome {
    let [y, x, yy, xy, xx] = sums else { unreachable!("pairs have five sums") };
    let sxy = spread(count, xy, y, x).rounded();
    let sxx = spread(count, xx, x, x).rounded();
    let syy = spread(count, yy, y, y).rounded();
    Outcome::Value(match statistic {
        Statistic::CovarianceSample if n < 2.0 => return Outcome::Null,
        Statistic::CovarianceSample => sxy / n / (n - 1.0),
        Statistic::CovariancePopulation => sxy / n / n,
        Statistic::Correlation => correlation(sxy, sxx, syy),
        Statistic::RegressionSlope => sxy / sxx,
        Statistic::RegressionSxx => sxx / n,
        Statistic::RegressionSyy => syy / n,
        Statistic::RegressionSxy => sxy / n,
        _ if sxx == 0.0 => return Outcome::Null,
        Statistic::RegressionIntercept => (y.rounded() - sxy / sxx * x.rounded()) / n,
        _ if syy == 0.0 => 1.0,
        _ => {
            let correlation = correlation(sxy, sxx, syy);
            correlation * correlation
        }
    })
}

/// NaN where one column does not vary.
fn correlation(sxy: f64, sxx: f64, syy: f64) -> f64 {
    let product = sxx * syy;
    let root = if product.is_normal() { product.sqrt() } else { sxx.sqrt() * syy.sqrt() };
    (sxy / root).clamp(-1.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(statistic: Statistic, first: &[f64], second: &[f64]) -> Option<Option<f64>> {
        let column = |values: &[f64]| Arc::new(Column::new(Values::Double(values.to_vec())));
        let mut columns = vec![column(first)];
        if Moments::columns_of(statistic) == 2 {
            columns.push(column(second));
        }
        let mut moments = Moments::new(statistic);
        moments.grow(1);
        moments.update((0..first.len()).map(|row| (0, row)), &columns);
        let column = moments.finish(&[0]);
        let Values::Double(values) = &column.values else { panic!("doubles") };
        match column.faults.get(0) {
            Some(_) => None,
            None => Some(column.is_valid(0).then_some(values[0])),
        }
    }

    #[test]
    fn nothing_cancels_however_large_the_mean_is() {
        let values = [1e15 + 4.0, 1e15 + 7.0, 1e15 + 13.0, 1e15 + 16.0];
        assert_eq!(of(Statistic::VarianceSample, &values, &[]), Some(Some(30.0)));
        assert_eq!(of(Statistic::VariancePopulation, &values, &[]), Some(Some(22.5)));
        assert_eq!(of(Statistic::Correlation, &values, &values), Some(Some(1.0)));
    }

    #[test]
    fn shapes_are_those_of_small_numbers_by_hand() {
        // Mean 2.5, second moment 4.25, third 9, fourth 40.0625.
        let values = [1.0, 1.0, 2.0, 6.0];
        let skewness = 12.0_f64.sqrt() / 2.0 * 9.0 / (4.25 * 4.25_f64.sqrt());
        let found = of(Statistic::Skewness, &values, &[]).flatten().expect("a number");
        assert!((found - skewness).abs() < 1e-15, "{found} {skewness}");
        let kurtosis = 40.0625 / (4.25 * 4.25) - 3.0;
        let found = of(Statistic::KurtosisPopulation, &values, &[]).flatten().expect("a number");
        assert!((found - kurtosis).abs() < 1e-15, "{found} {kurtosis}");
        assert_eq!(of(Statistic::Skewness, &[1.0, 1.0, 1.0], &[]), Some(None));
        assert_eq!(of(Statistic::KurtosisSample, &values[..3], &[]), Some(None));
    }

    #[test]
    fn what_no_double_holds_is_a_fault_and_what_is_no_number_stays_none() {
        assert_eq!(of(Statistic::VariancePopulation, &[1e200, 1e201], &[]), None);
        let nan = of(Statistic::VariancePopulation, &[f64::INFINITY, 1.0], &[]);
        assert!(nan.flatten().expect("a value").is_nan());
        assert_eq!(of(Statistic::VarianceSample, &[5.0], &[]), Some(None));
        assert_eq!(of(Statistic::VariancePopulation, &[5.0], &[]), Some(Some(0.0)));
    }

    #[test]
    fn regressions_are_those_of_a_line() {
        let (y, x) = ([3.0, 5.0, 7.0], [1.0, 2.0, 3.0]);
        assert_eq!(of(Statistic::RegressionSlope, &y, &x), Some(Some(2.0)));
        assert_eq!(of(Statistic::RegressionIntercept, &y, &x), Some(Some(1.0)));
        assert_eq!(of(Statistic::RegressionR2, &y, &x), Some(Some(1.0)));
        assert_eq!(of(Statistic::RegressionIntercept, &y, &[1.0; 3]), Some(None));
    }
}
