//! The targets of `tests/fuzz.rs`, for `cargo fuzz`, which looks for bytes that lead to new places:
//! `cargo +nightly fuzz run forged_checkpoints`.

pub mod support;

#[path = "../../tests/fuzz/forged.rs"]
pub mod forged;

#[path = "../../tests/fuzz/parcels.rs"]
pub mod parcels;

#[path = "../../tests/fuzz/raw.rs"]
pub mod raw;

#[path = "../../tests/fuzz/spilled.rs"]
pub mod spilled;

#[path = "../../tests/fuzz/texts.rs"]
pub mod texts;

#[path = "../../tests/fuzz/written.rs"]
pub mod written;
