//! Hands chunks to workers in input order, not too far ahead of the ordered stage.

use super::inputs::Inputs;
use crate::record::{ChunkNumber, Position, SourceIndex};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// One chunk to be processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Task {
    /// Its place in the order of all chunks of this run, from 0.
    pub ticket: u64,
    /// The input.
    pub source: SourceIndex,
    /// The chunk of the input.
    pub number: ChunkNumber,
    /// Where its first record starts, where that is known.
    pub start: Start,
    /// Whether it is the last chunk of its input.
    pub is_last: bool,
}

/// Where the first record of a chunk starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Exactly at this offset of the file.
    Exact(u64),
    /// At the first record that starts in the chunk, found by guessing that its first byte is outside quotes.
    Guess,
}

/// The chunks still to be claimed.
#[derive(Debug)]
pub struct Queue {
    state: Mutex<State>,
    moved: Condvar,
    /// How many chunks may be claimed and not yet applied.
    window: u64,
}

#[derive(Debug)]
struct State {
    tasks: Tasks,
    claimed: u64,
    applied: u64,
    is_closed: bool,
}

/// All chunks from a position on, in order.
#[derive(Debug, Clone)]
struct Tasks {
    sizes: Vec<u64>,
    chunk_bytes: u64,
    source: usize,
    number: u64,
    start: Start,
    ticket: u64,
}

impl Queue {
    /// The chunks from a position on.
    pub fn new(inputs: &Inputs, position: Position, chunk_bytes: u64, window: u64) -> Queue {
        let tasks = Tasks {
            sizes: inputs.files.iter().map(|file| file.size).collect(),
            chunk_bytes,
            source: position.source.0 as usize,
            number: position.offset / chunk_bytes,
            start: Start::Exact(position.offset),
            ticket: 0,
        };
        let state = State { tasks, claimed: 0, applied: 0, is_closed: false };
        Queue { state: Mutex::new(state), moved: Condvar::new(), window }
    }

    /// The next chunk; waits while the workers are far enough ahead. `None` when there are no more.
    pub fn claim(&self) -> Option<Task> {
        let mut state = self.lock();
        while state.claimed >= state.applied.saturating_add(self.window) && !state.is_closed {
            state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.is_closed {
            return None;
        }
        let task = state.tasks.next()?;
        state.claimed += 1;
        Some(task)
    }

    /// Notes that one more chunk was applied.
    pub fn applied(&self) {
        self.lock().applied += 1;
        self.moved.notify_one();
    }

    /// A guard that ends all claims when its thread panics: nobody waits for a chunk that never comes.
    pub fn close_on_panic(&self) -> impl Drop + '_ {
        CloseOnPanic { queue: self }
    }

    /// Ends all claims.
    pub fn close(&self) {
        self.lock().is_closed = true;
        self.moved.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct CloseOnPanic<'a> {
    queue: &'a Queue,
}

impl Drop for CloseOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.queue.close();
        }
    }
}

impl Iterator for Tasks {
    type Item = Task;

    fn next(&mut self) -> Option<Task> {
        let size = loop {
            let size = *self.sizes.get(self.source)?;
            if self.number * self.chunk_bytes < size {
                break size;
            }
            (self.source, self.number, self.start) = (self.source + 1, 0, Start::Guess);
        };
        let task = Task {
            ticket: self.ticket,
            source: SourceIndex(u32::try_from(self.source).expect("fewer than 2^32 inputs")),
            number: ChunkNumber(self.number),
            start: self.start,
            is_last: (self.number + 1) * self.chunk_bytes >= size,
        };
        (self.ticket, self.number, self.start) = (self.ticket + 1, self.number + 1, Start::Guess);
        Some(task)
    }
}
