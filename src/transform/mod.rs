//! The chain: one kind of step per file, each with its settings, its binding, its code and its example.
//!
//! A step works on batches. A stateless one changes the batch by itself, in any thread. A stateful one does what it can
//! in any thread and the rest strictly in input order, on a state that is written into checkpoints. Where records come
//! from, where they go and when a checkpoint is taken is not known here. `stateful` says what a kind of step has to
//! provide, `binder` what it is given to bind its expressions, `settings` lists the kinds.
//!
//! Invariants:
//! - a step's effect on a record depends on the record, the job and the records before it, never on how the records are
//!   split into batches;
//! - what a step reads was decoded before for the batch's selection (the caller asks [`Step::reads`]).

mod aggregate;

mod assert;

mod binder;

mod chain;

mod count;

mod dedup;

mod event_time;

mod expiry;

mod fill;

mod filter;

mod flatten;

mod frequency;

mod frozen;

mod groups;

mod held;

mod layers;

mod limit;

mod lookup;

mod multiply;

mod offset;

mod parts;

mod pivot;

mod project;

pub mod reference;

mod rewrite;

mod sample;

mod sessionize;

pub mod settings;

mod shown;

mod sort;

pub mod spills;

mod split;

mod stateful;

mod tools;

mod top;

mod tumble;

mod unflatten;

mod unnest;

mod unpivot;

mod window;

#[cfg(test)]
mod keyed_tests;

pub use chain::{Chain, Output, Staged, States};
pub use frozen::{Frozen, Snapshot, Written};
pub use held::Keeper;
pub use shown::{Seen, Shown, Taker};
pub use stateful::{
    Advanced, AnyStateful, Context, Drained, Flow, NARROW, Prepared, State, Stateful, Stateless,
};
pub use tools::Tools;

use crate::record::Slot;

/// One bound step of the chain.
#[derive(Debug)]
pub struct Step {
    /// Its name in messages and checkpoints.
    pub name: String,
    /// The word that the job file uses; written into checkpoints beside the state.
    pub kind: &'static str,
    /// The slots that must be decoded before it runs.
    pub reads: Vec<Slot>,
    /// What it does.
    pub action: Action,
}

/// What a step does.
#[derive(Debug)]
pub enum Action {
    /// Treats each record by itself.
    Stateless(Box<dyn Stateless>),
    /// Remembers something from record to record.
    Stateful(Box<dyn AnyStateful>),
}

impl Action {
    /// A step that treats each record by itself.
    pub fn stateless(step: impl Stateless + 'static) -> Action {
        Action::Stateless(Box::new(step))
    }

    /// A step that remembers.
    pub fn stateful(step: impl Stateful + 'static) -> Action {
        Action::Stateful(Box::new(step))
    }
}

impl Step {
    /// Its code, where it remembers something.
    pub fn stateful(&self) -> Option<&dyn AnyStateful> {
        match &self.action {
            Action::Stateful(step) => Some(&**step),
            Action::Stateless(_) => None,
        }
    }
}
