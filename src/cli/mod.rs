//! (module header to be written)
