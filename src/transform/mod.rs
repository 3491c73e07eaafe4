//! (module header to be written)

pub mod settings;
