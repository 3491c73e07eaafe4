//! Making several records of one: what `unnest`, `split` and `unpivot` have in common.
//!
//! Invariant: a record that would come to too much is a fault of its own, never one of its neighbours.

use crate::expr::TOO_MUCH_TEXT;
use crate::record::{Batch, Gravity};

/// The most bytes of records that a batch may come to, as far as they are known here.
const BYTES_MAX: usize = 256 << 20;

/// What a record costs besides its bytes.
const RECORD_BYTES: usize = 64;

/// A batch that was multiplied.
pub struct Multiplied {
    /// The new rows, all of them selected.
    pub batch: Batch,
    /// For each new row, the row that it was made of; they do not fall.
    pub from: Vec<u32>,
}

/// Makes `counts[row]` rows of each selected row; those of which none are made are let go.
pub fn multiply(step: &str, mut batch: Batch, counts: &[usize]) -> Multiplied {
    let reason = match batch.selection.len() {
        1 => format!("{step}: the record comes to more than 256 MiB of records"),
        _ => format!("{step}: {TOO_MUCH_TEXT}"),
    };
    let mut bytes = 0_usize;
    let first_over = batch.selection.iter().copied().find(|row| {
        let more = counts[*row as usize].saturating_sub(1);
        let each = batch.records().record(*row as usize).len() + RECORD_BYTES;
        bytes = bytes.saturating_add(more.saturating_mul(each));
        bytes > BYTES_MAX
    });
    if let Some(first) = first_over {
        batch.reject_where(&reason.into(), Gravity::Reject, |row| row >= first);
    }
    batch.retain(|row| counts[row as usize] > 0);
    let repeat = |row: &u32| std::iter::repeat_n(*row, counts[*row as usize]);
    let from: Vec<u32> = batch.selection.iter().flat_map(repeat).collect();
    Multiplied { batch: batch.derive(&from), from }
}

/// The numbers from 1 of the rows that were made of one row.
pub fn positions(from: &[u32]) -> Vec<i64> {
    let mut positions = Vec::with_capacity(from.len());
    let mut last = None;
    let mut position = 0;
    for row in from {
        position = if last == Some(row) { position + 1 } else { 1 };
        last = Some(row);
        positions.push(position);
    }
    positions
}
