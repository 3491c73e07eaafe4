//! After the input: what the steps give of their states is worked out ahead, in a thread of its own, while the ordered
//! stage writes what they gave before.
//!
//! Invariants:
//! - only the one step with state of a chain is let ahead, where it can go back: no other remembers what it gave;
//! - who writes the states takes back what was worked out ahead ([`SharedStates::at`]); it is worked out again then.

use super::plan::Plan;
use super::worker::{Encoded, encode_all};
use crate::error::{Error, Result};
use crate::transform::{Drained, Flow, States, Step};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Scope;

/// How many records a step makes of its state at a time.
const DRAIN_ROWS: usize = 8192;

/// How many batches may wait for the ordered stage: each may be large, and one is enough to keep both threads busy.
const BATCHES_AHEAD: usize = 1;

/// The states of the steps, which two threads use in turn.
pub struct SharedStates(Mutex<Held>);

/// The states, and how often something was taken back.
pub struct Held {
    /// The states.
    pub states: States,
    taken_back: u64,
}

/// The next records that a step gave, with where it stood before and behind them.
pub struct Given {
    /// The records as bytes.
    pub encoded: Encoded,
    /// Whether more can come.
    pub flow: Flow,
    /// How far the steps had drained before.
    pub before: Vec<Drained>,
    /// How far they have now.
    pub after: Vec<Drained>,
}

/// A batch, and how often something had been taken back before.
type Numbered = (u64, Result<Option<Given>>);

/// Gives what the steps hold, batch after batch.
pub struct Ahead<'a> {
    plan: &'a Plan,
    shared: Arc<SharedStates>,
    /// `None` where nothing is worked out ahead.
    batches: Option<Receiver<Numbered>>,
}

impl SharedStates {
    /// States that nobody else uses yet.
    pub fn new(states: States) -> Arc<SharedStates> {
        Arc::new(SharedStates(Mutex::new(Held { states, taken_back: 0 })))
    }

    /// The states as far as they are now.
    pub fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The states as they were when the steps had drained so far.
    pub fn at(&self, plan: &Plan, drained: &[Drained]) -> MutexGuard<'_, Held> {
        let mut held = self.lock();
        if plan.chain.drained(&held.states) != drained {
            plan.chain.set_drained(&mut held.states, drained);
        }
        held.taken_back += 1;
        held
    }
}

impl<'a> Ahead<'a> {
    /// Begins to work ahead where that can be taken back.
    pub fn start<'scope>(
        scope: &'scope Scope<'scope, '_>,
        plan: &'a Plan,
        shared: Arc<SharedStates>,
    ) -> Ahead<'a>
    where
        'a: 'scope,
    {
        let stateful: Vec<_> = plan.chain.steps.iter().filter_map(Step::stateful).collect();
        let can_go_back = matches!(*stateful, [only] if only.drains_ahead());
        let batches = can_go_back.then(|| {
            let (sender, batches) = sync_channel(BATCHES_AHEAD);
            let shared = Arc::clone(&shared);
            scope.spawn(move || work_ahead(plan, &shared, &sender));
            batches
        });
        Ahead { plan, shared, batches }
    }

    /// The next batch; `None` when there are no more.
    pub fn next(&mut self) -> Result<Option<Given>> {
        if let Some(batches) = &self.batches {
            match wait_for(batches, || self.shared.lock().taken_back)? {
                Some(given) => return given,
                None => self.batches = None,
            }
        }
        give(self.plan, &self.shared).1
    }
}

/// What was sent next and not taken back since; `None` where all was sent, and taken back.
fn wait_for(
    batches: &Receiver<Numbered>,
    taken_back: impl Fn() -> u64,
) -> Result<Option<Result<Option<Given>>>> {
    let mut has_ended = false;
    loop {
        match batches.recv() {
            Ok((number, given)) if number == taken_back() => return Ok(Some(given)),
            Ok((_, given)) => has_ended |= is_last(&given),
            Err(_) if has_ended => return Ok(None),
            // Its last batch is missing: whatever came next would leave a gap.
            Err(_) => return Err(Error::internal("the thread that works ahead panicked")),
        }
    }
}

/// Whether nothing follows.
fn is_last(given: &Result<Option<Given>>) -> bool {
    !matches!(given, Ok(Some(_)))
}

/// Works out batches until there are no more, or nobody wants them.
fn work_ahead(plan: &Plan, shared: &SharedStates, batches: &SyncSender<Numbered>) {
    loop {
        let numbered = give(plan, shared);
        let is_last = is_last(&numbered.1);
        if batches.send(numbered).is_err() || is_last {
            return;
        }
    }
}

fn give(plan: &Plan, shared: &SharedStates) -> Numbered {
    let mut held = shared.lock();
    let (taken_back, chain) = (held.taken_back, &plan.chain);
    let before = chain.drained(&held.states);
    let output = match chain.drain(&mut held.states, DRAIN_ROWS, plan) {
        Ok(Some(output)) => output,
        Ok(None) => return (taken_back, Ok(None)),
        Err(error) => return (taken_back, Err(error)),
    };
    let after = chain.drained(&held.states);
    drop(held);
    let flow = output.flow;
    let encoded = encode_all(plan, output, None);
    (taken_back, Ok(Some(Given { encoded, flow, before, after })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> Result<Option<Given>> {
        let (before, after) = (Vec::new(), Vec::new());
        Ok(Some(Given { encoded: Encoded::default(), flow: Flow::Open, before, after }))
    }

    /// What is received of what was sent before the sender went away, when three were taken back.
    fn check(sent: Vec<Numbered>, expected: &str) {
        let (sender, batches) = sync_channel(sent.len());
        sent.into_iter().for_each(|one| sender.send(one).expect("there is room"));
        drop(sender);
        let received = match wait_for(&batches, || 3) {
            Ok(Some(Ok(Some(_)))) => "a batch",
            Ok(Some(Ok(None))) => "the end",
            Ok(Some(Err(_))) => "an error",
            Ok(None) => "all taken back",
            Err(_) => "a panic",
        };
        assert_eq!(received, expected);
    }

    #[test]
    fn what_was_taken_back_is_passed_over_and_a_thread_that_is_gone_too_early_is_noticed() {
        check(vec![(3, batch())], "a batch");
        check(vec![(2, batch()), (3, batch())], "a batch");
        check(vec![(3, Ok(None))], "the end");
        check(vec![(2, batch()), (2, Ok(None))], "all taken back");
        check(vec![(2, Err(Error::internal("a failure")))], "all taken back");
        check(vec![(3, Err(Error::internal("a failure")))], "an error");
        check(vec![], "a panic");
        check(vec![(2, batch())], "a panic");
    }
}
