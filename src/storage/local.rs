//! The operating system's file system.

/// The operating system's file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalStorage;
