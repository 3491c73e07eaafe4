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

/// A state that a function writes.
struct ByFunction<F>(F);

impl<F> fmt::Debug for ByFunction<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a frozen state")
    }
}

impl<F: Fn(&mut Writer) + Send> Frozen for ByFunction<F> {
    fn write(&self, out: &mut Writer) {
        self.0(out);
    }
}

impl Snapshot {
    /// Of everything, or of what changed, as the function writes it.
    pub fn new(is_all: bool, write: impl Fn(&mut Writer) + Send + 'static) -> Snapshot {
        let frozen = Box::new(ByFunction(write));
        if is_all { Snapshot::Whole(frozen) } else { Snapshot::Changes(frozen) }
    }

    /// What is to be written.
    pub fn frozen(&self) -> &dyn Frozen {
        match self {
            Snapshot::Whole(frozen) | Snapshot::Changes(frozen) => &**frozen,
        }
    }
}

/// A state that was written at the barrier itself.
#[derive(Debug)]
pub struct Written(pub Vec<u8>);

impl Frozen for Written {
    fn write(&self, out: &mut Writer) {
        out.bytes.extend_from_slice(&self.0);
    }
}
