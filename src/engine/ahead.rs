//! After the input: what the steps give of their states is worked out ahead, in threads of their own, while the ordered
//! stage writes what they gave before.
//!
//! The threads take turns at the states, and each makes bytes of what it was given while others have their turn.
//!
//! Invariants:
//! - batches are taken in the order in which the steps gave them: from each thread one, in the order of their turns;
//! - only the one step with state of a chain is let ahead, where it can go back: no other remembers what it gave;
//! - who writes the states takes back what was worked out ahead ([`SharedStates::at`]); it is worked out again then;
//! - states of which a step failed to give are neither written nor asked again: some may have changed half-way.

use super::plan::Plan;
use super::worker::{Encoded, encode_all};
use crate::error::{Error, Result};
use crate::threads;
use crate::transform::{Drained, Output, States, Step};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::Scope;

/// How many records a step makes of its state at a time.
const DRAIN_ROWS: usize = 8192;

/// How many threads work ahead: to make bytes takes more than twice as long as to write them.
const THREADS_AHEAD: usize = 2;

/// How many batches of a thread may wait for the ordered stage: each may be large, and one is enough to keep it busy.
const BATCHES_AHEAD: usize = 1;

/// The states of the steps, which two threads use in turn.
pub struct SharedStates(Mutex<Held>);

/// The states, and how often something was taken back.
pub struct Held {
    /// The states.
    pub states: States,
    taken_back: u64,
    /// Why they are of no use any more.
    failure: Option<Error>,
}

/// A step failed to give; [`Held::failure`] says why.
#[derive(Debug)]
struct Failed;

/// The next records that a step gave, with where it stood before and behind them.
pub struct Given {
    /// The records as bytes.
    pub encoded: Encoded,
    /// How far the steps had drained before.
    pub before: Vec<Drained>,
    /// How far they have now.
    pub after: Vec<Drained>,
}

/// A batch, and how often something had been taken back before.
type Numbered = (u64, Result<Option<Given>, Failed>);

/// The records of a batch, before they are bytes.
struct Drawn {
    output: Output,
    before: Vec<Drained>,
    after: Vec<Drained>,
}

/// Gives what the steps hold, batch after batch.
pub struct Ahead<'a> {
    plan: &'a Plan,
    shared: Arc<SharedStates>,
    /// `None` where nothing is worked out ahead.
    batches: Option<Turns>,
}

/// What comes from the threads, in the order of their turns.
struct Turns {
    threads: Vec<Receiver<Numbered>>,
    next: usize,
}

impl SharedStates {
    /// States that nobody else uses yet.
    pub fn new(states: States) -> Arc<SharedStates> {
        Arc::new(SharedStates(Mutex::new(Held { states, taken_back: 0, failure: None })))
    }

    /// The states as far as they are now.
    pub fn lock(&self) -> MutexGuard<'_, Held> {
        threads::lock(&self.0)
    }

    /// The states as they were when the steps had drained so far; or what failed of what was worked out ahead.
    pub fn at(&self, plan: &Plan, drained: &[Drained]) -> Result<MutexGuard<'_, Held>> {
        let mut held = self.lock();
        if held.failure.is_some() {
            return Err(held.why());
        }
        if plan.chain.drained(&held.states) != drained {
            plan.chain.set_drained(&mut held.states, drained);
        }
        held.taken_back += 1;
        Ok(held)
    }
}

impl Held {
    /// What failed; told once.
    fn why(&mut self) -> Error {
        let told = Error::internal("what a step holds is of no use since it failed");
        self.failure.replace(told).unwrap_or_else(|| Error::internal("nothing has failed"))
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
            let (first_turn, mut turn) = channel();
            let mut threads = Vec::new();
            for index in 1..=THREADS_AHEAD {
                let (sender, batches) = sync_channel(BATCHES_AHEAD);
                let (next_turn, turn_of_next) = channel();
                let next_turn = if index < THREADS_AHEAD { next_turn } else { first_turn.clone() };
                let turn = std::mem::replace(&mut turn, turn_of_next);
                let shared = Arc::clone(&shared);
                threads::spawn(scope, move || {
                    work_ahead(plan, &shared, &turn, &next_turn, &sender);
                });
                threads.push(batches);
            }
            first_turn.send(()).expect("the first thread waits for its turn");
            Turns { threads, next: 0 }
        });
        Ahead { plan, shared, batches }
    }

    /// The next batch; `None` when there are no more.
    pub fn next(&mut self) -> Result<Option<Given>> {
        if let Some(batches) = &mut self.batches {
            match batches.wait(|| self.shared.lock().taken_back)? {
                Some(given) => return given.map_err(|Failed| self.shared.lock().why()),
                None => self.batches = None,
            }
        }
        let given = encoded(self.plan, draw(self.plan, &self.shared).1);
        given.map_err(|Failed| self.shared.lock().why())
    }
}

impl Turns {
    /// What was sent next and not taken back since, as no failure is; `None` where all was sent, and taken back.
    fn wait(
        &mut self,
        taken_back: impl Fn() -> u64,
    ) -> Result<Option<Result<Option<Given>, Failed>>> {
        let mut has_ended = false;
        loop {
            let received = threads::receive(&self.threads[self.next]);
            self.next = (self.next + 1) % self.threads.len();
            match received {
                Ok((_, Err(Failed))) => return Ok(Some(Err(Failed))),
                Ok((number, given)) if number == taken_back() => return Ok(Some(given)),
                Ok((_, given)) => has_ended |= matches!(given, Ok(None)),
                Err(_) if has_ended => return Ok(None),
                // Its last batch is missing: whatever came next would leave a gap.
                Err(_) => return Err(Error::internal("a thread that works ahead panicked")),
            }
        }
    }
}

/// Works out a batch at each turn until there are no more, or nobody wants them.
fn work_ahead(
    plan: &Plan,
    shared: &SharedStates,
    turn: &Receiver<()>,
    next_turn: &Sender<()>,
    batches: &SyncSender<Numbered>,
) {
    while let Ok(()) = threads::receive(turn) {
        let (number, drawn) = draw(plan, shared);
        let is_last = !matches!(drawn, Ok(Some(_)));
        if !is_last && next_turn.send(()).is_err() {
            return;
        }
        if threads::send(batches, (number, encoded(plan, drawn))).is_err() || is_last {
            return;
        }
    }
}

/// The next records that the steps give.
fn draw(plan: &Plan, shared: &SharedStates) -> (u64, Result<Option<Drawn>, Failed>) {
    let mut held = shared.lock();
    if held.failure.is_some() {
        return (held.taken_back, Err(Failed));
    }
    let chain = &plan.chain;
    let before = chain.drained(&held.states);
    // As long as this is not through: a panic is a failure, too.
    held.failure = Some(Error::internal("a step that gives what it holds panicked"));
    let output = match chain.drain(&mut held.states, DRAIN_ROWS, plan) {
        Ok(output) => output,
        Err(error) => {
            held.failure = Some(error);
            return (held.taken_back, Err(Failed));
        }
    };
    held.failure = None;
    let after = chain.drained(&held.states);
    (held.taken_back, Ok(output.map(|output| Drawn { output, before, after })))
}

/// The same as bytes.
fn encoded(plan: &Plan, drawn: Result<Option<Drawn>, Failed>) -> Result<Option<Given>, Failed> {
    Ok(drawn?.map(|Drawn { output, before, after }| Given {
        encoded: encode_all(plan, output, None),
        before,
        after,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> Result<Option<Given>, Failed> {
        let (before, after) = (Vec::new(), Vec::new());
        Ok(Some(Given { encoded: Encoded::default(), before, after }))
    }

    /// What is received of what the threads sent in turns before they went away, when three were taken back.
    fn check(sent: &[Numbered], expected: &str) {
        for count in 1..=3 {
            let (senders, threads): (Vec<_>, _) =
                (0..count).map(|_| sync_channel(sent.len())).unzip();
            for (place, (number, given)) in sent.iter().enumerate() {
                let given = match given {
                    Ok(Some(_)) => batch(),
                    Ok(None) => Ok(None),
                    Err(Failed) => Err(Failed),
                };
                senders[place % count].send((*number, given)).expect("there is room");
            }
            drop(senders);
            let received = match (Turns { threads, next: 0 }).wait(|| 3) {
                Ok(Some(Ok(Some(_)))) => "a batch",
                Ok(Some(Ok(None))) => "the end",
                Ok(Some(Err(_))) => "an error",
                Ok(None) => "all taken back",
                Err(_) => "a panic",
            };
            assert_eq!(received, expected, "{count} threads");
        }
    }

    #[test]
    fn what_was_taken_back_is_passed_over_and_a_thread_that_is_gone_too_early_is_noticed() {
        check(&[(3, batch())], "a batch");
        check(&[(2, batch()), (3, batch())], "a batch");
        check(&[(3, Ok(None))], "the end");
        check(&[(2, batch()), (2, Ok(None))], "all taken back");
        check(&[(2, Err(Failed))], "an error");
        check(&[(3, Err(Failed))], "an error");
        check(&[(2, batch()), (2, Err(Failed))], "an error");
        check(&[], "a panic");
        check(&[(2, batch())], "a panic");
        check(&[(2, batch()), (2, batch()), (2, Ok(None))], "all taken back");
    }
}
