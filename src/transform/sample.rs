//! `sample`: keeps some of the records.
//!
//! ```toml
//! [[transform]]
//! sample = { every = 10, offset = 9 }
//!
//! [[transform]]
//! sample = { fraction = "0.1", key = ["user_id"], seed = "spring" }
//! ```
//!
//! `every = 10` keeps the first record that comes to the step, the eleventh and so on; `offset` skips so many before that.
//! `fraction` (or a percentage, `"10%"`) keeps about so many, chosen by a hash: all records with the same `key` are kept or
//! none of them, in every run and on every machine; without `key` it is the hash of the record's number at the step. Another
//! `seed` chooses others. The hash is rapidhash v3 (64 bits, seed 0) over the seed's bytes, a zero byte and the key; a
//! record is kept if the hash, as a fraction of 2^64, is less than `fraction`. So what a smaller fraction keeps, a greater
//! one keeps, too. A key of another type is another key.

use super::binder::{Binder, Bound, read_by};
use super::groups::evaluate_all;
use super::{Action, Advanced, Context, Shown, Stateful, Stateless};
use crate::error::{Diagnostic, Result, Sql};
use crate::expr::Expression;
use crate::record::Batch;
use crate::state::{Keys, Reader, Unreadable, Writer, key};
use std::ops::Range;

/// A `sample` as the job file describes it.
#[derive(Debug, Clone, PartialEq)]
pub enum Settings {
    /// One of so many.
    Every {
        /// At least 1.
        every: u64,
        /// Records before the first one that is kept.
        offset: u64,
    },
    /// Those with a small hash.
    Fraction {
        /// How many of 2^64 hashes are kept.
        share: Share,
        /// What is hashed; nothing for the record's number.
        key: Vec<Sql>,
        /// Hashed before the key.
        seed: String,
    },
}

/// A fraction of all hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Hashes below this one belong to it.
    pub below: u128,
}

/// Keeps by the record's number.
#[derive(Debug)]
enum ByNumber {
    Every { every: u64, offset: u64 },
    Hash(ByHash),
}

#[derive(Debug)]
struct ByHash {
    share: Share,
    seed: String,
}

/// Keeps by the hash of a key.
#[derive(Debug)]
struct ByKey {
    hash: ByHash,
    key: Vec<Expression>,
}

impl Settings {
    /// Whether records are counted.
    pub fn counts(&self) -> bool {
        match self {
            Settings::Every { .. } => true,
            Settings::Fraction { key, .. } => key.is_empty(),
        }
    }
}

impl Share {
    /// Of a number from 0 to 1 with at most 18 decimals, given as units of 10^-18.
    pub fn of_units(units: u64) -> Share {
        const UNIT: u128 = 1_000_000_000_000_000_000;
        Share { below: (u128::from(units) << 64) / UNIT }
    }
}

/// Binds a `sample`.
pub fn bind(settings: &Settings, binder: &mut Binder<'_>) -> Result<Bound, Vec<Diagnostic>> {
    let (share, key, seed) = match settings {
        Settings::Every { every, offset } => {
            let step = ByNumber::Every { every: *every, offset: *offset };
            return Ok(Bound { reads: Vec::new(), action: Action::stateful(step) });
        }
        Settings::Fraction { share, key, seed } => (*share, key, seed.clone()),
    };
    let key = binder.scalars(key, "sample")?;
    let hash = ByHash { share, seed };
    let reads = read_by(&key);
    let action = if key.is_empty() {
        Action::stateful(ByNumber::Hash(hash))
    } else {
        Action::stateless(ByKey { hash, key })
    };
    Ok(Bound { reads, action })
}

impl ByHash {
    fn keeps(&self, buffer: &mut Vec<u8>, key: &[u8]) -> bool {
        buffer.clear();
        buffer.extend_from_slice(self.seed.as_bytes());
        buffer.push(0);
        buffer.extend_from_slice(key);
        u128::from(key::wide_hash(buffer)) < self.share.below
    }
}

impl ByNumber {
    /// Whether the record of a number, counted from 0, is kept.
    fn keeps(&self, buffer: &mut Vec<u8>, number: u64) -> bool {
        match self {
            ByNumber::Every { every, offset } => {
                number.checked_sub(*offset).is_some_and(|number| number.is_multiple_of(*every))
            }
            ByNumber::Hash(hash) => hash.keeps(buffer, &number.to_le_bytes()),
        }
    }
}

impl Stateless for ByKey {
    fn apply(&self, context: Context<'_>, mut batch: Batch) -> Batch {
        let columns = evaluate_all(&self.key, context.step, &mut batch);
        let keys = Keys::of_columns(&columns, &batch.selection);
        let mut of_row = keys.iter();
        let mut buffer = Vec::new();
        batch.retain(|_| {
            let (_, key) = of_row.next().expect("one key for each selected row");
            self.hash.keeps(&mut buffer, key)
        });
        batch
    }
}

impl Stateful for ByNumber {
    /// Records that came so far.
    type State = u64;
    type Prepared = ();
    const VERSION: u32 = 1;

    fn new_state(&self) -> u64 {
        0
    }

    fn prepare(&self, _context: Context<'_>, _batch: &mut Batch) {}

    fn advance(
        &self,
        _context: Context<'_>,
        came: &mut u64,
        batch: &mut Batch,
        (): (),
    ) -> Result<Advanced> {
        let mut buffer = Vec::new();
        batch.retain(|_| {
            let number = *came;
            *came += 1;
            self.keeps(&mut buffer, number)
        });
        Ok(Advanced::default())
    }

    fn write(&self, _context: Context<'_>, came: &mut u64, out: &mut Writer) -> Result<()> {
        out.u64(*came);
        Ok(())
    }

    fn read(&self, _context: Context<'_>, reader: &mut Reader<'_>) -> Result<u64, Unreadable> {
        reader.number("numbers")
    }

    fn show(&self, came: &u64, entries: Range<usize>) -> Option<Shown> {
        Some(Shown::number("records_seen", *came, &entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(share: u64, seed: &str) -> Vec<u64> {
        let share = Share::of_units(share * 10_000_000_000_000_000);
        let hash = ByNumber::Hash(ByHash { share, seed: seed.to_owned() });
        let mut buffer = Vec::new();
        (0..10_000).filter(|number| hash.keeps(&mut buffer, *number)).collect()
    }

    #[test]
    fn a_greater_fraction_keeps_what_a_smaller_one_keeps() {
        let (some, more) = (kept(10, ""), kept(30, ""));
        assert!((900..1100).contains(&some.len()), "{}", some.len());
        assert!(some.iter().all(|number| more.contains(number)));
        assert_ne!(some, kept(10, "other"));
        assert_eq!((kept(0, "").len(), kept(100, "").len()), (0, 10_000));
    }
}
