//! What a state was at a barrier, to be written by another thread while the run goes on.

use crate::state::Writer;
use std::fmt;

/// A state at a barrier. Whatever the step remembers later does not change it.
pub trait Frozen: fmt::Debug + Send {
    /// Appends it.
    fn write(&self, out: &mut Writer);
}

/// What is to be saved of a state: everything, or what changed since it was frozen before.
#[derive(Debug)]
pub enum Snapshot {
    /// Everything.
    Whole(Box<dyn Frozen>),
    /// What changed.
    Changes(Box<dyn Frozen>),
}

/// A state that was written at the barrier itself.
#[derive(Debug)]
pub struct Written(pub Vec<u8>);

impl Frozen for Written {
    fn write(&self, out: &mut Writer) {
        out.bytes.extend_from_slice(&self.0);
    }
}
