//! Turns: which of some threads goes on, drawn from a seed.
//!
//! Every thread has a seat at a table. The seat that has the turn is known to all; who does not have it sleeps.

use std::cell::RefCell;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// One time in so many, those that wait are let try again though others could go on.
const RETRIES: u64 = 6;

/// The parent of those that no scope waits for.
const NO_SCOPE: (usize, usize) = (usize::MAX, 0);

thread_local! {
    /// The seat of this thread, where it takes turns.
    static HERE: RefCell<Option<Seat>> = const { RefCell::new(None) };
}

/// The place of a thread among those that take turns.
#[derive(Debug, Clone)]
pub(super) struct Seat {
    table: Arc<Table>,
    number: usize,
    /// In how many scopes the thread is now.
    depth: usize,
}

#[derive(Debug)]
struct Table {
    seed: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    random: u64,
    turn: usize,
    seats: Vec<Standing>,
    /// Nobody can go on: all panic.
    is_stuck: bool,
}

#[derive(Debug)]
struct Standing {
    doing: Doing,
    called: Arc<Condvar>,
    /// Who began the thread, in how many scopes.
    parent: (usize, usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    /// It could go on.
    Ready,
    /// Its last attempt failed; whether anything has happened since.
    Waiting {
        is_worth_trying: bool,
    },
    Ended,
}

/// The seat of this thread.
pub(super) fn here() -> Option<Seat> {
    HERE.with_borrow(Clone::clone)
}

/// The first seat of a new table; it has the turn.
pub(super) fn first_seat(seed: u64) -> Seat {
    let state =
        State { random: seed, turn: 0, seats: vec![Standing::new(NO_SCOPE)], is_stuck: false };
    Seat { table: Arc::new(Table { seed, state: Mutex::new(state) }), number: 0, depth: 0 }
}

impl Seat {
    /// Does something in this thread on this seat, from its first turn on.
    pub fn occupy<T>(self, run: impl FnOnce() -> T) -> T {
        let outer = HERE.replace(Some(self.clone()));
        let _leaving = Leaving { seat: self.clone(), outer };
        self.await_turn(self.lock());
        run()
    }

    /// A seat for a thread that this one begins in its innermost scope.
    pub fn next_seat(&self) -> Seat {
        self.seat_below((self.number, self.depth))
    }

    /// A seat for a thread that no scope waits for.
    pub fn next_free_seat(&self) -> Seat {
        self.seat_below(NO_SCOPE)
    }

    fn seat_below(&self, parent: (usize, usize)) -> Seat {
        let mut state = self.lock();
        state.seats.push(Standing::new(parent));
        let number = state.seats.len() - 1;
        Seat { table: Arc::clone(&self.table), number, depth: 0 }
    }

    /// Enters a scope; when it is left, those begun in it have ended.
    pub fn deeper(self) -> impl Drop {
        let inner = Seat { depth: self.depth + 1, ..self.clone() };
        HERE.set(Some(inner.clone()));
        Deeper { inner, outer: self }
    }

    /// Lets the seed decide who goes on.
    pub fn pass(&self) {
        let mut state = self.lock();
        state.happened(self.number);
        self.give_turn(state);
    }

    /// Makes an attempt again and again until it succeeds, and lets others go on in between. An attempt must not wait itself.
    pub fn wait<T>(&self, mut attempt: impl FnMut() -> Option<T>) -> T {
        // Whatever this thread did since its last turn, others may have waited for.
        self.lock().happened(self.number);
        loop {
            if let Some(value) = attempt() {
                return value;
            }
            let mut state = self.lock();
            assert!(!state.is_stuck, "{}", self.stuck());
            state.seats[self.number].doing = Doing::Waiting { is_worth_trying: false };
            self.give_turn(state);
        }
    }

    /// Something was done that others may have waited for.
    pub fn wake_all(&self) {
        for standing in &mut self.lock().seats {
            if standing.doing != Doing::Ended {
                standing.doing = Doing::Ready;
            }
        }
    }

    /// Whether its thread has come to its end.
    pub fn has_ended(&self) -> bool {
        self.lock().seats[self.number].doing == Doing::Ended
    }

    fn have_ended(&self, is_meant: impl Fn(&(usize, usize)) -> bool) -> bool {
        let state = self.lock();
        let mut others =
            state.seats.iter().enumerate().filter(|(number, _)| *number != self.number);
        others.all(|(_, other)| !is_meant(&other.parent) || other.doing == Doing::Ended)
    }

    /// Waits for the threads that are meant, unless all of them are ending in a panic.
    fn wait_for(&self, is_meant: impl Fn(&(usize, usize)) -> bool) {
        if !self.lock().is_stuck {
            self.wait(|| self.have_ended(&is_meant).then_some(()));
        }
    }

    fn give_turn(&self, mut state: MutexGuard<'_, State>) {
        if !state.is_stuck {
            state.draw();
        }
        self.await_turn(state);
    }

    fn await_turn(&self, mut state: MutexGuard<'_, State>) {
        let called = Arc::clone(&state.seats[self.number].called);
        while state.turn != self.number && !state.is_stuck {
            state = called.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let is_stuck = state.is_stuck;
        drop(state);
        assert!(!is_stuck || std::thread::panicking(), "{}", self.stuck());
    }

    fn stuck(&self) -> String {
        format!("no thread can go on any more (seed {})", self.table.seed)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.table.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Standing {
    fn new(parent: (usize, usize)) -> Self {
        Standing { doing: Doing::Ready, called: Arc::default(), parent }
    }
}

impl State {
    /// A thread did something: whoever waits may try again.
    fn happened(&mut self, number: usize) {
        for standing in &mut self.seats {
            if let Doing::Waiting { is_worth_trying } = &mut standing.doing {
                *is_worth_trying = true;
            }
        }
        self.seats[number].doing = Doing::Ready;
    }

    /// Gives the turn to one that may go on.
    fn draw(&mut self) {
        let are_retried = self.random().is_multiple_of(RETRIES);
        let mut seats = self.having(Doing::Ready);
        if seats.is_empty() || are_retried {
            seats.extend(self.having(Doing::Waiting { is_worth_trying: true }));
        }
        if seats.is_empty() {
            self.is_stuck = self.seats.iter().any(|standing| standing.doing != Doing::Ended);
            for standing in &self.seats {
                standing.called.notify_all();
            }
            return;
        }
        let drawn = self.random() % seats.len() as u64;
        self.turn = seats[usize::try_from(drawn).expect("less than the number of seats")];
        self.seats[self.turn].called.notify_all();
    }

    fn having(&self, doing: Doing) -> Vec<usize> {
        let seats = self.seats.iter().enumerate();
        seats.filter(|(_, standing)| standing.doing == doing).map(|(number, _)| number).collect()
    }

    /// SplitMix64.
    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.random;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }
}

/// Gives the seat up, however its thread ends.
struct Leaving {
    seat: Seat,
    outer: Option<Seat>,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        if self.seat.number == 0 {
            self.seat.wait_for(|_| true);
        }
        HERE.set(self.outer.take());
        let mut state = self.seat.lock();
        state.happened(self.seat.number);
        state.seats[self.seat.number].doing = Doing::Ended;
        if !state.is_stuck {
            state.draw();
        }
    }
}

/// Leaves a scope.
struct Deeper {
    inner: Seat,
    outer: Seat,
}

impl Drop for Deeper {
    fn drop(&mut self) {
        let parent = (self.inner.number, self.inner.depth);
        self.inner.wait_for(|other| *other == parent);
        HERE.set(Some(self.outer.clone()));
    }
}
