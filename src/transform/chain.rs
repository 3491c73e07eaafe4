//! The whole chain: binding it to the columns of the input, and running batches through it.

use super::binder::Binder;
use super::reference::Reference;
use super::settings::TransformSettings;
use super::{
    Action, AnyStateful, Context, Drained, Flow, Prepared, Seen, Snapshot, State, Step, Taker,
    Tools,
};
use crate::error::{Diagnostic, Result};
use crate::expr::TOO_MUCH_TEXT;
use crate::record::{Batch, Layout, Slots};
use crate::state::Unreadable;
use std::sync::Arc;

/// The bound steps in order.
#[derive(Debug)]
pub struct Chain {
    /// The steps.
    pub steps: Vec<Step>,
    /// What a record looks like before each step.
    pub layouts: Vec<Layout>,
    /// What a record looks like behind the last step.
    pub layout: Layout,
    /// The first step that gives what it holds when the input has ended; those before wait for more.
    pub gives_from: usize,
}

/// A batch that waits for its turn at a stateful step.
#[derive(Debug)]
pub struct Staged {
    /// The batch as far as it came.
    pub batch: Batch,
    /// The step that it waits for.
    pub step: usize,
    /// What that step has prepared.
    pub prepared: Prepared,
}

/// The states of a chain, one per step; `None` for a stateless one.
pub type States = Vec<Option<State>>;

/// What came out of the chain because of one batch: in this order, and whether more can come.
#[derive(Debug)]
pub struct Output {
    /// The batch itself as far as its records came through, then batches that steps released.
    pub batches: Vec<Batch>,
    /// Whether later records can still have an effect.
    pub flow: Flow,
}

impl Chain {
    /// Binds all steps; all problems of all steps are returned together, as far as a step behind a broken one
    /// can be bound at all.
    pub fn bind(
        settings: &[TransformSettings],
        layout: Layout,
        slots: &mut Slots,
        now_micros: i64,
        references: &[Arc<dyn Reference>],
    ) -> Result<Chain, Vec<Diagnostic>> {
        let mut binder = Binder { layout, slots, now_micros, references };
        let mut steps = Vec::new();
        let mut layouts = Vec::new();
        let mut problems = Vec::new();
        for one in settings {
            layouts.push(binder.layout.clone());
            match binder.step(one) {
                Ok(step) => steps.push(step),
                Err(more) => {
                    problems.extend(more);
                    if one.kind.makes_columns() {
                        // What follows would be measured against the wrong columns.
                        break;
                    }
                }
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Chain { steps, layouts, layout: binder.layout, gives_from: 0 })
    }

    /// New states.
    pub fn new_states(&self) -> States {
        self.steps.iter().map(|step| step.stateful().map(AnyStateful::new_state)).collect()
    }

    /// The steps that remember something, with their states.
    fn stateful<'s>(
        &'s self,
        states: &'s [Option<State>],
    ) -> impl Iterator<Item = (&'s dyn AnyStateful, &'s State)> {
        let pairs = self.steps.iter().zip(states);
        pairs.filter_map(|(step, state)| Some((step.stateful()?, state.as_ref()?)))
    }

    /// Whether no further record can change anything, known from the states alone.
    pub fn is_full(&self, states: &[Option<State>]) -> bool {
        self.last_full(states).is_some()
    }

    /// The last of the steps that need no further record.
    fn last_full(&self, states: &[Option<State>]) -> Option<usize> {
        let steps = self.steps.iter().zip(states);
        steps
            .rev()
            .position(|(step, state)| {
                step.stateful().zip(state.as_ref()).is_some_and(|(step, state)| step.is_full(state))
            })
            .map(|from_end| self.steps.len() - 1 - from_end)
    }

    /// What the steps have to say of the records so far.
    pub fn remarks(&self, states: &[Option<State>]) -> Vec<String> {
        self.stateful(states).flat_map(|(step, state)| step.remarks(state)).collect()
    }

    fn context<'c>(&'c self, step: usize, tools: &'c dyn Tools) -> Context<'c> {
        Context { step: &self.steps[step].name, tools }
    }

    /// What is to be saved of the state of a step as it is now; see [`super::Stateful::freeze`].
    pub fn freeze_state(
        &self,
        step: usize,
        state: &mut State,
        is_all_asked: bool,
        tools: &dyn Tools,
    ) -> Result<Snapshot> {
        self.code(step).freeze(self.context(step, tools), state, is_all_asked)
    }

    /// The state of a step from the bytes of what was frozen whole.
    pub fn read_state(
        &self,
        step: usize,
        bytes: &[u8],
        version: u32,
        tools: &dyn Tools,
    ) -> Result<State, Unreadable> {
        self.code(step).read(self.context(step, tools), bytes, version)
    }

    /// Takes in the bytes of the changes that were frozen next.
    pub fn extend_state(
        &self,
        step: usize,
        state: &mut State,
        bytes: &[u8],
        version: u32,
        tools: &dyn Tools,
    ) -> Result<(), Unreadable> {
        self.code(step).extend(self.context(step, tools), state, bytes, version)
    }

    /// Gives all that a step remembers; see [`super::Stateful::show_all`].
    pub fn show_state(
        &self,
        step: usize,
        state: &mut State,
        tools: &dyn Tools,
        take: Taker<'_>,
    ) -> Result<Seen> {
        self.code(step).show_all(self.context(step, tools), state, take)
    }

    fn code(&self, step: usize) -> &dyn AnyStateful {
        self.steps[step].stateful().expect("a step with a state is stateful")
    }

    /// Runs a batch from step `from` up to the first stateful step, in any thread. A batch that waits there
    /// comes back as `Err`.
    pub fn run_stateless(
        &self,
        mut batch: Batch,
        from: usize,
        tools: &dyn Tools,
    ) -> Result<Batch, Box<Staged>> {
        for (index, step) in self.steps.iter().enumerate().skip(from) {
            // Behind an aggregate the columns of a later step are not there; nothing is left that would need them.
            if batch.selection.is_empty() {
                break;
            }
            tools.fill(&mut batch, &step.reads);
            let context = self.context(index, tools);
            match &step.action {
                Action::Stateful(step) => {
                    let prepared = step.prepare(context, &mut batch);
                    return Err(Box::new(Staged { batch, step: index, prepared }));
                }
                Action::Stateless(step) => batch = step.apply(context, batch),
            }
        }
        Ok(batch)
    }

    /// Runs a staged batch, and what steps release because of it, through the rest of the chain, in input order.
    pub fn run_ordered(
        &self,
        staged: Staged,
        states: &mut [Option<State>],
        tools: &dyn Tools,
    ) -> Result<Output> {
        let mut output = Output { batches: Vec::new(), flow: Flow::Open };
        self.run_rest(staged, states, tools, &mut output)?;
        self.settle(states, output.flow);
        Ok(output)
    }

    /// Lets the steps know whether what they saw last was needed.
    fn settle(&self, states: &mut [Option<State>], flow: Flow) {
        for (step, state) in self.steps.iter().zip(states) {
            if let (Some(step), Some(state)) = (step.stateful(), state) {
                step.settle(state, flow);
            }
        }
    }

    fn run_rest(
        &self,
        staged: Staged,
        states: &mut [Option<State>],
        tools: &dyn Tools,
        output: &mut Output,
    ) -> Result<()> {
        let Staged { mut batch, step, prepared } = staged;
        let code = self.steps[step].stateful().expect("batches wait at stateful steps");
        let state = states[step].as_mut().expect("stateful steps have a state");
        let advanced = code.advance(self.context(step, tools), state, &mut batch, prepared)?;
        output.flow = output.flow.and(advanced.flow);
        for batch in std::iter::once(batch).chain(advanced.released) {
            self.run_behind(batch, step + 1, states, tools, output)?;
        }
        Ok(())
    }

    /// Runs a batch from step `from` to the end of the chain. Where its records come to too much text at a time they are
    /// run in ever smaller parts, until a record is by itself: what a record comes to does not depend on its neighbours.
    fn run_behind(
        &self,
        batch: Batch,
        from: usize,
        states: &mut [Option<State>],
        tools: &dyn Tools,
        output: &mut Output,
    ) -> Result<()> {
        let whole = (batch.selection.len() > 1).then(|| batch.clone());
        let run = self.run_stateless(batch, from, tools);
        let seen = match &run {
            Ok(batch) => batch,
            Err(staged) => &staged.batch,
        };
        match (whole.filter(|_| has_too_much_text(seen)), run) {
            (Some(whole), _) => {
                for part in parts(whole) {
                    self.run_behind(part, from, states, tools, output)?;
                }
            }
            (None, Ok(batch)) => output.batches.push(batch),
            (None, Err(staged)) => self.run_rest(*staged, states, tools, output)?,
        }
        Ok(())
    }

    /// How much of its state each step has drained.
    pub fn drained(&self, states: &[Option<State>]) -> Vec<Drained> {
        self.stateful(states).map(|(step, state)| step.drained(state)).collect()
    }

    /// Whether a [`Chain::drain`] can be undone, because nothing behind the drained step remembers it; `before` and
    /// `after` are what [`Chain::drained`] said.
    pub fn can_put_back(&self, before: &[Drained], after: &[Drained]) -> bool {
        let moved = before.iter().zip(after).position(|(before, after)| before != after);
        moved.is_none_or(|moved| moved + 1 == before.len())
    }

    /// Goes back to where [`Chain::drained`] said so.
    pub fn set_drained(&self, states: &mut [Option<State>], drained: &[Drained]) {
        let pairs = self.steps.iter().zip(states);
        let stateful = pairs.filter_map(|(step, state)| Some((step.stateful()?, state.as_mut()?)));
        for ((step, state), drained) in stateful.zip(drained) {
            if step.drained(state) != *drained {
                step.set_drained(state, drained);
            }
        }
    }

    /// Makes the state of the step that gives first the one before it gave anything.
    pub fn give_again(&self, states: &mut [Option<State>], tools: &dyn Tools) {
        let giving = self.steps.iter().zip(states).nth(self.gives_from);
        if let Some((step, Some(state))) = giving
            && let Some(step) = step.stateful()
        {
            step.give_again(self.context(self.gives_from, tools), state);
        }
    }

    /// Makes the states those before anything was given at the end: the step that gives first has all that it had, and
    /// those behind it, which will see that again, have seen nothing yet.
    pub fn begin_again(&self, states: &mut [Option<State>], tools: &dyn Tools) {
        self.give_again(states, tools);
        for (step, state) in self.steps.iter().zip(states).skip(self.gives_from + 1) {
            if let (Some(step), Some(state)) = (step.stateful(), state) {
                *state = step.new_state();
            }
        }
    }

    /// After the last record that mattered: the next batch that some step made of its state, run through the steps behind
    /// it. What stands before a step that is full gives nothing any more; those behind it still do.
    pub fn drain(
        &self,
        states: &mut [Option<State>],
        rows_max: usize,
        tools: &dyn Tools,
    ) -> Result<Option<Output>> {
        let first = self.last_full(states).unwrap_or(0).max(self.gives_from);
        for index in first..self.steps.len() {
            let (Some(step), Some(state)) = (self.steps[index].stateful(), &mut states[index])
            else {
                continue;
            };
            let Some(batch) = step.drain(self.context(index, tools), state, rows_max)? else {
                continue;
            };
            let mut output = Output { batches: Vec::new(), flow: Flow::Open };
            self.run_behind(batch, index + 1, states, tools, &mut output)?;
            self.settle(states, output.flow);
            return Ok(Some(output));
        }
        Ok(None)
    }
}

/// Into so many parts a batch is cut whose records come to too much text.
const PARTS: usize = 4;

/// Whether a row was rejected only because of what its neighbours took.
fn has_too_much_text(batch: &Batch) -> bool {
    batch.rejects.iter().any(|reject| reject.reason.ends_with(TOO_MUCH_TEXT))
}

/// The selected rows of a batch in a few batches; its rejects and what was let go stay with the first.
fn parts(batch: Batch) -> Vec<Batch> {
    let rows = batch.selection.len().div_ceil(PARTS);
    let selections: Vec<Vec<u32>> = batch.selection.chunks(rows).map(<[u32]>::to_vec).collect();
    let mut parts = Vec::new();
    let mut rest = Some(batch);
    for selection in selections {
        let mut part = rest.take().unwrap_or_else(|| unreachable!("there is always a rest"));
        let filtered = part.filtered.like();
        rest = Some(Batch { rejects: Vec::new(), filtered, selection: Vec::new(), ..part.clone() });
        part.selection = selection;
        parts.push(part);
    }
    parts
}
