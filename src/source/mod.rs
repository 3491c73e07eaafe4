//! From files to bytes.

pub mod settings;
