//! Estimates in bounded memory: the number of different values, and quantiles.
//!
//! Both sketches are functions of the set (or multiset) of values alone: the order of the values and how they were
//! split do not matter. No logarithm or other function whose last bit differs between machines decides what is kept.

use super::codec::{NUMBER_END, Reader, Unreadable, Writer};
use std::collections::BTreeMap;

/// The number of different values, after Flajolet and others, "HyperLogLog" (2007), with the estimator of Ertl, "New
/// cardinality estimation algorithms for HyperLogLog sketches" (2017). The standard error is 1.6 %.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Distinct {
    /// The registers that are not 0: index and value. As few of them as a group has different values take little room.
    few: BTreeMap<u16, u8>,
    /// All registers, where there are many.
    many: Option<Box<[u8; REGISTERS]>>,
}

/// Bits of a hash that choose a register.
const INDEX_BITS: u32 = 12;
const REGISTERS: usize = 1 << INDEX_BITS;
/// From this number on registers are held as an array.
const FEW_MAX: usize = 256;
/// The largest value of a register: leading zeros of the other bits, and one.
const RANK_MAX: u8 = 64 - 12 + 1;

impl Distinct {
    /// Takes in a value by its hash.
    pub fn add(&mut self, hash: u64) {
        let index = u16::try_from(hash >> (64 - INDEX_BITS)).expect("12 bits");
        let rest = hash << INDEX_BITS;
        let zeros = rest.leading_zeros().min(64 - INDEX_BITS);
        self.set(index, u8::try_from(zeros + 1).expect("at most 53"));
    }

    fn set(&mut self, index: u16, rank: u8) {
        match &mut self.many {
            Some(registers) => {
                let register = &mut registers[usize::from(index)];
                *register = rank.max(*register);
            }
            None => {
                let register = self.few.entry(index).or_default();
                *register = rank.max(*register);
                if self.few.len() > FEW_MAX {
                    let mut registers = Box::new([0; REGISTERS]);
                    for (index, rank) in std::mem::take(&mut self.few) {
                        registers[usize::from(index)] = rank;
                    }
                    self.many = Some(registers);
                }
            }
        }
    }

    /// The registers that are not 0.
    fn registers(&self) -> impl Iterator<Item = (u16, u8)> {
        let many = self.many.iter().flat_map(|registers| (0_u16..).zip(registers.iter().copied()));
        let few = self.few.iter().map(|(index, rank)| (*index, *rank));
        few.chain(many.filter(|(_, rank)| *rank > 0))
    }

    /// Takes in the values of another.
    pub fn merge(&mut self, other: &Distinct) {
        other.registers().for_each(|(index, rank)| self.set(index, rank));
    }

    /// The estimate.
    #[expect(clippy::cast_possible_truncation, reason = "an estimate is below 2^63 and positive")]
    pub fn estimate(&self) -> i64 {
        const LIMIT: f64 = 9e18;
        let mut histogram = [0_u32; RANK_MAX as usize + 1];
        let mut used = 0;
        for (_, rank) in self.registers() {
            histogram[usize::from(rank)] += 1;
            used += 1;
        }
        let registers = REGISTERS as f64;
        let zeros = registers - f64::from(used);
        let mut z = registers * tau(1.0 - f64::from(histogram[usize::from(RANK_MAX)]) / registers);
        for count in histogram[1..usize::from(RANK_MAX)].iter().rev() {
            z = 0.5 * (z + f64::from(*count));
        }
        z += registers * sigma(zeros / registers);
        // 1 / (2 ln 2)
        const ALPHA: f64 = 0.721_347_520_444_481_7;
        (ALPHA * registers * registers / z).round().min(LIMIT) as i64
    }

    /// Appends one group.
    pub fn write(&self, out: &mut Writer) {
        let registers: Vec<(u16, u8)> = self.registers().collect();
        out.count(registers.len());
        for (index, rank) in registers {
            out.bytes.extend_from_slice(&index.to_le_bytes());
            out.bytes.push(rank);
        }
    }

    /// Reads what [`Distinct::write`] wrote.
    pub fn read(reader: &mut Reader<'_>) -> Result<Distinct, Unreadable> {
        let what = "numbers of different values";
        let count = reader.count(3, what)?;
        let mut distinct = Distinct::default();
        for bytes in reader.take(count * 3, what)?.chunks_exact(3) {
            let (index, rank) = (u16::from_le_bytes([bytes[0], bytes[1]]), bytes[2]);
            if usize::from(index) >= REGISTERS || !(1..=RANK_MAX).contains(&rank) {
                return Err(Unreadable { what });
            }
            distinct.set(index, rank);
        }
        Ok(distinct)
    }
}

/// x + sum of x^(2^k) 2^(k-1), of Ertl's estimator.
fn sigma(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z <= before {
            return z;
        }
    }
}

/// (1 - x - sum of (1 - x^(2^-k))^2 2^-k) / 3, of Ertl's estimator.
fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z >= before {
            return z / 3.0;
        }
    }
}

/// Doubles counted in buckets of sign, exponent and the first 7 bits of the fraction, as DDSketch does with logarithms
/// (Masson and others, 2019). A bucket's middle differs from the values in it by at most 1/256 of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Buckets {
    counts: BTreeMap<u32, u64>,
    /// Smallest and largest value: no estimate lies outside.
    range: Option<(f64, f64)>,
}

/// Bits of a double that do not count.
const DROPPED_BITS: u32 = 64 - 1 - 11 - 7;

impl Buckets {
    /// Takes in a value.
    pub fn add(&mut self, value: f64) {
        // One zero and one NaN, so that `total_cmp` gives the order of SQL.
        let value = if value.is_nan() { f64::NAN } else { value + 0.0 };
        *self.counts.entry(bucket_of(value)).or_default() += 1;
        self.extend(value);
    }

    fn extend(&mut self, value: f64) {
        let (low, high) = self.range.unwrap_or((value, value));
        let low = if value.total_cmp(&low).is_lt() { value } else { low };
        let high = if value.total_cmp(&high).is_gt() { value } else { high };
        self.range = Some((low, high));
    }

    /// Takes in the values of another.
    pub fn merge(&mut self, other: &Buckets) {
        for (bucket, count) in &other.counts {
            *self.counts.entry(*bucket).or_default() += count;
        }
        if let Some((low, high)) = other.range {
            self.extend(low);
            self.extend(high);
        }
    }

    /// How many values there are.
    pub fn count(&self) -> u64 {
        self.counts.values().sum()
    }

    /// About the value with so many others before it; `None` where there are no values.
    pub fn value_at(&self, mut index: u64) -> Option<f64> {
        let (low, high) = self.range?;
        if index == 0 {
            return Some(low);
        }
        for (bucket, count) in &self.counts {
            if index < *count {
                let middle = middle_of(*bucket);
                return Some(match (middle.total_cmp(&low), middle.total_cmp(&high)) {
                    (std::cmp::Ordering::Less, _) => low,
                    (_, std::cmp::Ordering::Greater) => high,
                    _ => middle,
                });
            }
            index -= count;
        }
        Some(high)
    }

    /// Appends one group.
    pub fn write(&self, out: &mut Writer) {
        out.count(self.counts.len());
        for (bucket, count) in &self.counts {
            out.u64(u64::from(*bucket));
            out.u64(*count);
        }
        if let Some((low, high)) = self.range {
            out.u64s([low.to_bits(), high.to_bits()]);
        }
    }

    /// Reads what [`Buckets::write`] wrote.
    pub fn read(reader: &mut Reader<'_>) -> Result<Buckets, Unreadable> {
        let what = "buckets";
        let count = reader.count(16, what)?;
        let mut buckets = Buckets::default();
        let mut total: u64 = 0;
        for pair in reader.u64s(count * 2, what)?.chunks_exact(2) {
            let bucket = u32::try_from(pair[0]).map_err(|_| Unreadable { what })?;
            let more = total.checked_add(pair[1]).filter(|total| *total < NUMBER_END);
            total = more.ok_or(Unreadable { what })?;
            if bucket >> (64 - DROPPED_BITS) != 0 || pair[1] == 0 {
                return Err(Unreadable { what });
            }
            buckets.counts.insert(bucket, pair[1]);
        }
        if count > 0 {
            let bounds = reader.u64s(2, what)?;
            buckets.range = Some((f64::from_bits(bounds[0]), f64::from_bits(bounds[1])));
        }
        Ok(buckets)
    }
}

/// The bucket of a value: its first bits, flipped so that buckets are in the order of the values.
fn bucket_of(value: f64) -> u32 {
    let bits = value.to_bits();
    let ordered = if value.is_sign_negative() { !bits } else { bits | 1 << 63 };
    u32::try_from(ordered >> DROPPED_BITS).expect("19 bits")
}

/// The middle of a bucket; what is not a number, infinite or next to nothing is itself.
fn middle_of(bucket: u32) -> f64 {
    for special in [0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
        if bucket == bucket_of(special) {
            return special;
        }
    }
    let ordered = u64::from(bucket) << DROPPED_BITS | 1 << (DROPPED_BITS - 1);
    f64::from_bits(if ordered >> 63 == 1 { ordered & !(1 << 63) } else { !ordered })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::key;

    #[test]
    fn few_values_are_counted_exactly_and_many_within_a_few_percent() {
        for count in [0_u32, 1, 10, 200, 1_000, 20_000, 300_000] {
            let mut distinct = Distinct::default();
            for round in 0..2 {
                for number in 0..count {
                    distinct.add(key::wide_hash(format!("{number}").as_bytes()));
                }
                let estimate = distinct.estimate();
                let error = (estimate - i64::from(count)).abs();
                assert!(error <= i64::from(count) / 20, "{round}: {estimate} of {count}");
            }
        }
    }

    #[test]
    fn estimates_of_quantiles_are_within_one_in_256() {
        let mut buckets = Buckets::default();
        let values: Vec<f64> = (0..1_000).map(|step| f64::from(step - 300) * 1.37).collect();
        values.iter().for_each(|value| buckets.add(*value));
        for (index, value) in (0..).zip(&values) {
            let found = buckets.value_at(index).expect("there are values");
            assert!((found - value).abs() <= value.abs() / 256.0, "{found} for {value}");
        }
    }

    #[test]
    fn special_doubles_are_themselves() {
        let mut buckets = Buckets::default();
        let values = [f64::NEG_INFINITY, -0.0, 5.0, f64::INFINITY, -f64::NAN];
        values.iter().for_each(|value| buckets.add(*value));
        let found: Vec<String> =
            (0..5).filter_map(|index| Some(buckets.value_at(index)?.to_string())).collect();
        assert_eq!(found, ["-inf", "0", "5.015625", "inf", "NaN"]);
        assert_eq!(Buckets::default().value_at(0), None);
    }
}
