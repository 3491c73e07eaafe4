//! What the stages of a run take by themselves, in one thread, with data in memory: finding records, decoding values,
//! keyed state, encoding, checkpoints. Expressions have a benchmark of their own, `evaluate`.
//!
//!     cargo bench --bench micro [WORD]
//!
//! The word chooses tables by their names. The least time is what to compare between versions.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark measures time and tells it"
)]

#[path = "../common/timing.rs"]
mod timing;

#[path = "../common/bound.rs"]
mod bound;

#[path = "../common/data/mod.rs"]
mod data;

mod chunk;

mod cutting;

mod decoding;

mod encoding;

mod keyed_state;

mod checkpoints;

/// A table and its name.
const TABLES: [(&str, fn()); 5] = [
    ("cutting", cutting::run),
    ("decoding", decoding::run),
    ("encoding", encoding::run),
    ("keyed state", keyed_state::run),
    ("checkpoints", checkpoints::run),
];

fn main() {
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    if wanted.as_ref().is_some_and(|word| checkpoints::is_row(word)) {
        return;
    }
    for (name, run) in TABLES {
        if wanted.as_ref().is_none_or(|word| name.contains(word.as_str())) {
            println!("{name}");
            run();
            println!();
        }
    }
}
