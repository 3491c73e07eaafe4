//! What keyed transforms remember: interned keys, accumulators, and their durable form.
//!
//! Which transform owns a state, and which file it ends up in, is not known here.
//!
//! Invariants:
//! - ids are given in the order in which keys were first seen, and nothing else orders anything: neither a hash nor
//!   a table's size ever reaches an output;
//! - an accumulator depends on the values added to it and not on how they were split into parts that were merged;
//!   on their order only where the call says so: first, last, lists, ties;
//! - what [`codec`] reads was checked: damaged bytes give an error, never a panic or a huge allocation.

pub mod accumulator;

mod apart;

mod approximate;

mod blocks;

mod chains;

mod changes;

pub mod codec;

pub mod compare;

mod distinct;

mod exact_sum;

mod extreme;

pub mod few_keys;

mod filter;

mod finish;

mod form;

pub mod key;

mod keyed;

mod listed;

mod moments;

mod narrow;

mod near_sum;

pub mod order;

mod pages;

mod quantile;

mod ranked;

mod stored;

mod sums;

mod table;

mod tally;

mod wide;

pub use accumulator::{Accumulator, AccumulatorKind, Shared};
pub use apart::{Apart, DifferentValues, WrittenValues};
pub use changes::{Changes, Part};
pub use codec::{Reader, Unreadable, Writer};
pub use exact_sum::ExactSum;
pub use filter::Filter;
pub use key::Keys;
pub use keyed::{Keyed, SharedKeyed};
pub use order::OrderKeys;
pub use pages::{Cells, Pages};
pub use stored::Stored;
pub use table::{Entry, KeyTable};
pub use tally::Tally;
pub use wide::WideSum;
