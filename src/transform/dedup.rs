//! `dedup`: keeps the first record of each key, in input order.
//!
//! ```toml
//! [[transform]]
//! name  = "unique-orders"
//! dedup = { key = ["order_id"] }
//! ```
//!
//! A NULL is a key like any other. Without `key` the whole record is the key.

use crate::expr::Expression;
use crate::record::Batch;
use crate::state::{Entry, KeyTable, Keys};

/// A bound `dedup`.
#[derive(Debug)]
pub struct Dedup {
    /// What makes up the key.
    pub key: Key,
}

/// What makes up a key.
#[derive(Debug)]
pub enum Key {
    /// The values of expressions.
    Columns(Vec<Expression>),
    /// The bytes of the record as it came.
    RawRecord,
}

impl Dedup {
    /// The keys of the selected rows; rows whose key is faulty are rejected.
    pub fn keys(&self, step: &str, batch: &mut Batch) -> Keys {
        match &self.key {
            Key::RawRecord => {
                Keys::of_bytes(&batch.selection, |row| batch.raw.record(row as usize))
            }
            Key::Columns(expressions) => {
                let columns = super::aggregate::evaluate_all(expressions, step, batch);
                Keys::of_columns(&columns, &batch.selection)
            }
        }
    }
}

/// Keeps the rows whose key is new.
pub fn advance(known: &mut KeyTable, batch: &mut Batch, keys: &Keys) {
    let mut of_row = keys.iter();
    batch.retain(|_| {
        let (hash, key) = of_row.next().expect("one key for each selected row");
        matches!(known.insert(hash, key), Entry::New(_))
    });
}
