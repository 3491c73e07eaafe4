//! What a kind of step has to know to keep a state, and the erasure of its types, so that a chain can hold steps of any kind.

use super::Tools;
use super::frozen::{Snapshot, Written};
use super::shown::{ENTRIES, Seen, Shown, Taker};
use super::spills::Spill;
use crate::error::Result;
use crate::record::Batch;
use crate::state::{Reader, Unreadable, Writer};
use std::any::Any;
use std::fmt;
use std::ops::Range;

/// A kind of step that treats each record by itself, in any thread.
pub trait Stateless: fmt::Debug + Send + Sync {
    /// Runs a batch; the result holds its rejects, and those of its rows that go on, or rows made of them.
    fn apply(&self, context: Context<'_>, batch: Batch) -> Batch;
}

/// A kind of step that remembers something from record to record.
///
/// For each batch it does in [`Stateful::prepare`], in any thread, what can be done in any order, and the rest in
/// [`Stateful::advance`], strictly in input order. The state is a function of the records so far: neither of how they
/// were split into batches, nor of when it was written and read.
pub trait Stateful: fmt::Debug + Send + Sync {
    /// What it remembers.
    type State: fmt::Debug + Send + 'static;
    /// What it works out of a batch ahead of its turn.
    type Prepared: fmt::Debug + Send + 'static;
    /// The version of the bytes that [`Stateful::write`] makes.
    const VERSION: u32;
    /// Whether [`Stateful::drain`] changes nothing but how far it has come, so that it may run ahead, even to its end,
    /// and go back by [`Stateful::set_drained`].
    const DRAINS_AHEAD: bool = false;

    /// Whether the state puts what is more than [`Tools::memory`] into spills.
    const SPILLS: bool = false;

    /// The state before the first record.
    fn new_state(&self) -> Self::State;

    /// Does what can be done in any thread and order.
    fn prepare(&self, context: Context<'_>, batch: &mut Batch) -> Self::Prepared;

    /// Does the rest in input order. What stays selected goes on to the next step, or else what is released; a step that
    /// releases records selects none.
    fn advance(
        &self,
        context: Context<'_>,
        state: &mut Self::State,
        batch: &mut Batch,
        prepared: Self::Prepared,
    ) -> Result<Advanced>;

    /// After each batch, when all steps behind have done with it: whether some of its rows do not count, because a step
    /// behind needs no records beyond [`Flow::Full`]'s last row.
    fn settle(&self, _state: &mut Self::State, _flow: Flow) {}

    /// Whether no later record can pass: known from the state alone, for a run that resumes.
    fn is_full(&self, _state: &Self::State) -> bool {
        false
    }

    /// After the last record: the next records that the step made of its state, at most `rows_max` of them; at least one,
    /// or `None` when there are no more.
    fn drain(
        &self,
        _context: Context<'_>,
        _state: &mut Self::State,
        _rows_max: usize,
    ) -> Result<Option<Batch>> {
        Ok(None)
    }

    /// How far [`Stateful::drain`] has come.
    fn drained(&self, _state: &Self::State) -> Drained {
        Drained::default()
    }

    /// Goes back to where [`Stateful::drained`] was.
    fn set_drained(&self, _state: &mut Self::State, _drained: &Drained) {}

    /// Makes a state that was drained, or partly, the one before that: there are further records, and behind them it gives
    /// all again. Asked only of steps that give all that they have, where [`super::Tools::gives_again`].
    fn give_again(&self, _context: Context<'_>, state: &mut Self::State) {
        self.set_drained(state, &self.drained(&self.new_state()));
    }

    /// The spills that the state refers to; what [`Stateful::write`] wrote last names just these.
    fn spills(&self, _state: &Self::State) -> Vec<Spill> {
        Vec::new()
    }

    /// About how many bytes the state takes in memory; it need not be looked through to know that.
    fn bytes(&self, _state: &Self::State) -> u64 {
        0
    }

    /// Appends the whole state. A step has this or [`Stateful::freeze`], of which each can be made of the other.
    fn write(&self, context: Context<'_>, state: &mut Self::State, out: &mut Writer) -> Result<()> {
        self.freeze(context, state, true)?.frozen().write(out);
        Ok(())
    }

    /// What is to be saved of the state as it is now. The state goes on, and what it comes to does not change what was
    /// frozen. Where not all is asked for, it may be what changed since it was frozen or read the last time. The default
    /// writes everything at once, which is right for states that stay small.
    fn freeze(
        &self,
        context: Context<'_>,
        state: &mut Self::State,
        _is_all_asked: bool,
    ) -> Result<Snapshot> {
        let mut out = Writer::narrow();
        self.write(context, state, &mut out)?;
        Ok(Snapshot::Whole(Box::new(Written(out.bytes))))
    }

    /// Reads what [`Stateful::write`] wrote. A step has this or [`Stateful::take_in`], of which each can be made of the
    /// other.
    fn read(
        &self,
        context: Context<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<Self::State, Unreadable> {
        let mut state = self.new_state();
        self.take_in(context, &mut state, reader, true)?;
        Ok(state)
    }

    /// Takes in what was frozen: everything, into a new state, or what changed since what was taken in before. The default
    /// knows of no changes, as that of [`Stateful::freeze`] makes none.
    fn take_in(
        &self,
        context: Context<'_>,
        state: &mut Self::State,
        reader: &mut Reader<'_>,
        is_all: bool,
    ) -> Result<(), Unreadable> {
        if !is_all {
            return Err(Unreadable { what: "changes" });
        }
        *state = self.read(context, reader)?;
        Ok(())
    }

    /// What the user should know of the records so far when the job is finished, one sentence each.
    fn remarks(&self, _state: &Self::State) -> Vec<String> {
        Vec::new()
    }

    /// Goes on with the state of a step of the same kind that was set otherwise, bound to the same columns; `None` where
    /// that cannot be. What the other step did not know of starts empty. Nothing was drained yet.
    fn adopt(&self, _other: &Self, _state: Self::State) -> Option<Self::State> {
        None
    }

    /// Some entries of the state as a table, as far as there are such; `None` for a state that is not shown.
    fn show(&self, _state: &Self::State, _entries: Range<usize>) -> Option<Shown> {
        None
    }

    /// Gives all entries of the state a portion at a time, at least one: where all are in memory in the order in which they
    /// came, else in an order that depends on the entries alone. The state is of no use afterwards.
    fn show_all(
        &self,
        _context: Context<'_>,
        state: &mut Self::State,
        take: Taker<'_>,
    ) -> Result<Seen> {
        let mut entries = 0;
        loop {
            let Some(shown) = self.show(state, entries..entries + ENTRIES) else {
                return Ok(Seen::Not("it is nothing that has rows"));
            };
            let rows = shown.rows;
            take(shown)?;
            if rows == 0 {
                return Ok(Seen::All);
            }
            entries += rows;
        }
    }
}

/// What a step works with besides records and state.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Its name in messages.
    pub step: &'a str,
    /// What the chain lends it.
    pub tools: &'a dyn Tools,
}

/// What became of a batch at a step with state.
#[derive(Debug, Default)]
pub struct Advanced {
    /// Whether later records can still have an effect.
    pub flow: Flow,
    /// Records that the step held or made, and gives now; see [`Batch::released_by`].
    pub released: Option<Batch>,
}

/// Whether later records can still have an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Flow {
    /// They can.
    #[default]
    Open,
    /// They cannot: everything that may pass has passed with this row of the chunk (`None`: with an earlier chunk).
    Full {
        /// The last row that mattered.
        last_row: Option<u32>,
    },
}

impl Flow {
    /// Two flows of one batch: it ends where the first of them does.
    pub fn and(self, other: Flow) -> Flow {
        match (self, other) {
            (Flow::Open, flow) | (flow, Flow::Open) => flow,
            (Flow::Full { last_row: left }, Flow::Full { last_row: right }) => {
                Flow::Full { last_row: left.min(right) }
            }
        }
    }
}

/// How far a step has given what it holds; what the numbers mean is its own business.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Drained(pub Vec<u64>);

/// The state of some kind of step.
pub struct State(Box<dyn Any + Send>, &'static str);

/// What some kind of step has prepared.
pub struct Prepared(Box<dyn Any + Send>, &'static str);

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "State of {}", self.1)
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prepared by {}", self.1)
    }
}

/// [`Stateful`] without its types.
pub trait AnyStateful: fmt::Debug + Send + Sync {
    /// The version of the bytes that become a section: [`Stateful::VERSION`] with [`NARROW`] columns.
    fn version(&self) -> u32;
    /// Whether bytes of a version can be read: the same with narrow or with plain columns.
    fn can_read(&self, version: u32) -> bool;
    /// See [`Stateful::DRAINS_AHEAD`].
    fn drains_ahead(&self) -> bool;
    /// See [`Stateful::SPILLS`].
    fn spills_more(&self) -> bool;
    /// See [`Stateful::bytes`].
    fn bytes(&self, state: &State) -> u64;
    /// See [`Stateful::new_state`].
    fn new_state(&self) -> State;
    /// See [`Stateful::prepare`].
    fn prepare(&self, context: Context<'_>, batch: &mut Batch) -> Prepared;
    /// See [`Stateful::advance`].
    fn advance(
        &self,
        context: Context<'_>,
        state: &mut State,
        batch: &mut Batch,
        prepared: Prepared,
    ) -> Result<Advanced>;
    /// See [`Stateful::settle`].
    fn settle(&self, state: &mut State, flow: Flow);
    /// See [`Stateful::is_full`].
    fn is_full(&self, state: &State) -> bool;
    /// See [`Stateful::drain`].
    fn drain(
        &self,
        context: Context<'_>,
        state: &mut State,
        rows_max: usize,
    ) -> Result<Option<Batch>>;
    /// See [`Stateful::drained`].
    fn drained(&self, state: &State) -> Drained;
    /// See [`Stateful::set_drained`].
    fn set_drained(&self, state: &mut State, drained: &Drained);
    /// See [`Stateful::give_again`].
    fn give_again(&self, context: Context<'_>, state: &mut State);
    /// See [`Stateful::spills`].
    fn spills(&self, state: &State) -> Vec<Spill>;
    /// See [`Stateful::freeze`].
    fn freeze(
        &self,
        context: Context<'_>,
        state: &mut State,
        is_all_asked: bool,
    ) -> Result<Snapshot>;
    /// See [`Stateful::read`], of bytes of a version; bytes left over are refused.
    fn read(&self, context: Context<'_>, bytes: &[u8], version: u32) -> Result<State, Unreadable>;
    /// Takes in what changed, see [`Stateful::take_in`]; bytes left over are refused.
    fn extend(
        &self,
        context: Context<'_>,
        state: &mut State,
        bytes: &[u8],
        version: u32,
    ) -> Result<(), Unreadable>;
    /// See [`Stateful::remarks`].
    fn remarks(&self, state: &State) -> Vec<String>;
    /// See [`Stateful::adopt`]; also `None` where the other step is of another kind.
    fn adopt(&self, other: &dyn AnyStateful, state: State) -> Option<State>;
    /// The step itself.
    fn as_any(&self) -> &dyn Any;
    /// See [`Stateful::show_all`].
    fn show_all(&self, context: Context<'_>, state: &mut State, take: Taker<'_>) -> Result<Seen>;
}

/// In a version: the columns are as narrow as they can be; see [`Writer::narrow`].
pub const NARROW: u32 = 1 << 16;

fn reader_of(bytes: &[u8], version: u32) -> Reader<'_> {
    if version & NARROW == 0 { Reader::new(bytes) } else { Reader::narrow(bytes) }
}

/// Why a state or what was prepared is always of the step's own type.
const OWN: &str = "a step is only given what it made itself";

impl State {
    fn of<S: Stateful>(state: S::State) -> State {
        State(Box::new(state), std::any::type_name::<S>())
    }

    fn as_ref<S: Stateful>(&self) -> &S::State {
        self.0.downcast_ref().expect(OWN)
    }

    fn as_mut<S: Stateful>(&mut self) -> &mut S::State {
        self.0.downcast_mut().expect(OWN)
    }
}

impl<S: Stateful + 'static> AnyStateful for S {
    fn version(&self) -> u32 {
        S::VERSION | NARROW
    }

    fn can_read(&self, version: u32) -> bool {
        version & !NARROW == S::VERSION
    }

    fn drains_ahead(&self) -> bool {
        S::DRAINS_AHEAD
    }

    fn spills_more(&self) -> bool {
        S::SPILLS
    }

    fn bytes(&self, state: &State) -> u64 {
        Stateful::bytes(self, state.as_ref::<S>())
    }

    fn new_state(&self) -> State {
        State::of::<S>(Stateful::new_state(self))
    }

    fn prepare(&self, context: Context<'_>, batch: &mut Batch) -> Prepared {
        let prepared = Stateful::prepare(self, context, batch);
        Prepared(Box::new(prepared), std::any::type_name::<S>())
    }

    fn advance(
        &self,
        context: Context<'_>,
        state: &mut State,
        batch: &mut Batch,
        prepared: Prepared,
    ) -> Result<Advanced> {
        let prepared = *prepared.0.downcast().expect(OWN);
        Stateful::advance(self, context, state.as_mut::<S>(), batch, prepared)
    }

    fn settle(&self, state: &mut State, flow: Flow) {
        Stateful::settle(self, state.as_mut::<S>(), flow);
    }

    fn is_full(&self, state: &State) -> bool {
        Stateful::is_full(self, state.as_ref::<S>())
    }

    fn drain(
        &self,
        context: Context<'_>,
        state: &mut State,
        rows_max: usize,
    ) -> Result<Option<Batch>> {
        Stateful::drain(self, context, state.as_mut::<S>(), rows_max)
    }

    fn drained(&self, state: &State) -> Drained {
        Stateful::drained(self, state.as_ref::<S>())
    }

    fn set_drained(&self, state: &mut State, drained: &Drained) {
        Stateful::set_drained(self, state.as_mut::<S>(), drained);
    }

    fn give_again(&self, context: Context<'_>, state: &mut State) {
        Stateful::give_again(self, context, state.as_mut::<S>());
    }

    fn spills(&self, state: &State) -> Vec<Spill> {
        Stateful::spills(self, state.as_ref::<S>())
    }

    fn freeze(
        &self,
        context: Context<'_>,
        state: &mut State,
        is_all_asked: bool,
    ) -> Result<Snapshot> {
        Stateful::freeze(self, context, state.as_mut::<S>(), is_all_asked)
    }

    fn read(&self, context: Context<'_>, bytes: &[u8], version: u32) -> Result<State, Unreadable> {
        let mut reader = reader_of(bytes, version);
        let state = Stateful::read(self, context, &mut reader)?;
        reader.finish("last bytes")?;
        Ok(State::of::<S>(state))
    }

    fn extend(
        &self,
        context: Context<'_>,
        state: &mut State,
        bytes: &[u8],
        version: u32,
    ) -> Result<(), Unreadable> {
        let mut reader = reader_of(bytes, version);
        Stateful::take_in(self, context, state.as_mut::<S>(), &mut reader, false)?;
        reader.finish("last bytes")
    }

    fn remarks(&self, state: &State) -> Vec<String> {
        Stateful::remarks(self, state.as_ref::<S>())
    }

    fn adopt(&self, other: &dyn AnyStateful, state: State) -> Option<State> {
        let other = other.as_any().downcast_ref::<S>()?;
        let state = *state.0.downcast().ok()?;
        Some(State::of::<S>(Stateful::adopt(self, other, state)?))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn show_all(&self, context: Context<'_>, state: &mut State, take: Taker<'_>) -> Result<Seen> {
        Stateful::show_all(self, context, state.as_mut::<S>(), take)
    }
}
