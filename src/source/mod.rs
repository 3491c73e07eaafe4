//! Where the bytes come from: finding inputs, opening them, knowing them again, and how they are
//! divided into chunks.
//!
//! What the bytes mean is not known here; all access goes through `storage`.

pub mod chunks;

pub mod discover;

pub mod fingerprint;

mod input;

pub mod lines;

#[cfg(test)]
mod memory;

pub mod recognise;

pub mod settings;

pub use input::{Change, Input};
