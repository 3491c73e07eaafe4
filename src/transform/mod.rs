//! The chain: one step per file, each with its settings, its code and its example.
//!
//! A step works on batches. A stateless one changes the batch by itself, in any thread. A stateful one does what it can
//! in any thread ([`Step::prepare`]) and the rest strictly in input order ([`Step::advance`]), on a state that is
//! written into checkpoints. Where records come from, where they go and when a checkpoint is taken is not known here.
//!
//! Invariants:
//! - a step's effect on a record depends on the record, the job and the records before it, never on how the records are
//!   split into batches;
//! - what a step reads was decoded before for the batch's selection (the caller asks [`Step::reads`]).

pub mod settings;

mod aggregate;

mod chain;

mod dedup;

mod filter;

mod limit;

mod project;

pub use chain::{Chain, Staged};

use crate::record::{Batch, Slot};
use crate::state::{Accumulator, KeyTable, Keys, Reader, Unreadable, Writer};

/// One bound step of the chain.
#[derive(Debug)]
pub struct Step {
    /// Its name in messages and checkpoints.
    pub name: String,
    /// The slots that must be decoded before it runs.
    pub reads: Vec<Slot>,
    /// What it does.
    pub action: Action,
}

/// What a step does.
#[derive(Debug)]
pub enum Action {
    /// Keeps the records for which a predicate is true.
    Filter(filter::Filter),
    /// Computes columns; `select` and `compute` both are this, they differ in the layout behind them.
    Project(project::Project),
    /// Keeps the first records.
    Limit(limit::Limit),
    /// Keeps the first record of each key.
    Dedup(dedup::Dedup),
    /// Makes one record per group.
    Aggregate(aggregate::Aggregate),
}

/// What a stateful step remembers.
#[derive(Debug)]
pub enum State {
    /// How many records passed.
    Limit {
        /// Records so far.
        passed: u64,
    },
    /// The keys seen.
    Dedup {
        /// In the order in which they came.
        keys: KeyTable,
    },
    /// The groups.
    Aggregate(aggregate::Groups),
}

/// What a stateful step worked out of a batch ahead of its turn.
#[derive(Debug)]
pub enum Prepared {
    /// Nothing.
    Nothing,
    /// The key of each selected row.
    Keys(Keys),
    /// The batch's own groups.
    Groups(aggregate::Groups),
}

/// Whether later records can still have an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// They can.
    Open,
    /// They cannot: everything that may pass has passed with this row of the batch (`None`: with an earlier batch).
    Full {
        /// The last row that mattered.
        last_row: Option<u32>,
    },
}

impl Step {
    /// Whether it needs its records in input order.
    pub fn is_stateful(&self) -> bool {
        match self.action {
            Action::Filter(_) | Action::Project(_) => false,
            Action::Limit(_) | Action::Dedup(_) | Action::Aggregate(_) => true,
        }
    }

    /// The word that the job file uses; written into checkpoints beside the state.
    pub fn kind(&self) -> &'static str {
        match self.action {
            Action::Filter(_) => "filter",
            Action::Project(_) => "project",
            Action::Limit(_) => "limit",
            Action::Dedup(_) => "dedup",
            Action::Aggregate(_) => "aggregate",
        }
    }

    /// The state of a step before its first record; `None` for a stateless one.
    pub fn new_state(&self) -> Option<State> {
        match &self.action {
            Action::Filter(_) | Action::Project(_) => None,
            Action::Limit(_) => Some(State::Limit { passed: 0 }),
            Action::Dedup(_) => Some(State::Dedup { keys: KeyTable::default() }),
            Action::Aggregate(aggregate) => Some(State::Aggregate(aggregate.new_groups())),
        }
    }

    /// Runs a stateless step.
    pub fn apply(&self, batch: &mut Batch) {
        match &self.action {
            Action::Filter(filter) => filter.apply(&self.name, batch),
            Action::Project(project) => project.apply(&self.name, batch),
            Action::Limit(_) | Action::Dedup(_) | Action::Aggregate(_) => {
                unreachable!("stateful steps are prepared and advanced")
            }
        }
    }

    /// Does what a stateful step can do in any thread and order.
    pub fn prepare(&self, batch: &mut Batch) -> Prepared {
        match &self.action {
            Action::Dedup(dedup) => Prepared::Keys(dedup.keys(&self.name, batch)),
            Action::Aggregate(aggregate) => {
                Prepared::Groups(aggregate.groups_of(&self.name, batch))
            }
            Action::Limit(_) | Action::Filter(_) | Action::Project(_) => Prepared::Nothing,
        }
    }

    /// Does the rest in input order; what stays selected goes on to the next step.
    pub fn advance(&self, state: &mut State, batch: &mut Batch, prepared: Prepared) -> Flow {
        match (&self.action, state, prepared) {
            (Action::Limit(limit), State::Limit { passed }, _) => limit.advance(passed, batch),
            (Action::Dedup(_), State::Dedup { keys }, Prepared::Keys(of_batch)) => {
                dedup::advance(keys, batch, &of_batch);
                Flow::Open
            }
            (Action::Aggregate(_), State::Aggregate(groups), Prepared::Groups(of_batch)) => {
                groups.merge(&of_batch);
                batch.selection.clear();
                Flow::Open
            }
            _ => unreachable!("a step is advanced with its own state"),
        }
    }

    /// Whether no later record can pass: known from the state alone, for a run that resumes.
    pub fn is_full(&self, state: &State) -> bool {
        match (&self.action, state) {
            (Action::Limit(limit), State::Limit { passed }) => limit.is_reached(*passed),
            _ => false,
        }
    }

    /// After the last record: the next records that the step made of its state, at most `rows_max` of them.
    pub fn drain(&self, state: &mut State, slots: usize, rows_max: usize) -> Option<Batch> {
        match (&self.action, state) {
            (Action::Aggregate(aggregate), State::Aggregate(groups)) => {
                aggregate.drain(&self.name, groups, slots, rows_max)
            }
            _ => None,
        }
    }
}

impl State {
    /// The version of the bytes that [`State::write`] makes.
    pub const VERSION: u32 = 1;

    /// How many groups were already passed on.
    pub fn drained(&self) -> usize {
        match self {
            State::Limit { .. } | State::Dedup { .. } => 0,
            State::Aggregate(groups) => groups.drained,
        }
    }

    /// Sets how many groups count as passed on.
    pub fn set_drained(&mut self, drained: usize) {
        if let State::Aggregate(groups) = self {
            groups.drained = drained;
        }
    }

    /// The whole state as bytes.
    pub fn write(&self) -> Vec<u8> {
        let mut out = Writer::default();
        match self {
            State::Limit { passed } => out.u64(*passed),
            State::Dedup { keys } => keys.write(&mut out),
            State::Aggregate(groups) => {
                groups.keys.write(&mut out);
                out.count(groups.drained);
                groups.accumulators.iter().for_each(|one| one.write(&mut out));
            }
        }
        out.bytes
    }

    /// Takes the place of a new state by what [`State::write`] wrote.
    pub fn read(&mut self, bytes: &[u8]) -> Result<(), Unreadable> {
        let mut reader = Reader::new(bytes);
        match self {
            State::Limit { passed } => *passed = reader.u64("numbers")?,
            State::Dedup { keys } => *keys = KeyTable::read(&mut reader)?,
            State::Aggregate(groups) => {
                groups.keys = KeyTable::read(&mut reader)?;
                let count = groups.keys.len();
                groups.drained = usize::try_from(reader.u64("numbers")?)
                    .ok()
                    .filter(|drained| *drained <= count)
                    .ok_or(Unreadable { what: "numbers" })?;
                for accumulator in &mut groups.accumulators {
                    Accumulator::read(accumulator, &mut reader, count)?;
                }
            }
        }
        reader.finish("last bytes")
    }
}
