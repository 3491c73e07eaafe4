//! Hands chunks to workers in input order, not too far ahead of the ordered stage, and puts their results in order.

use super::inputs::Inputs;
use super::worker::Chunk;
use crate::error::Result;
use crate::record::{ChunkNumber, Position, SourceIndex};
use crate::source::chunks::Chunks;
use crate::threads;
use std::collections::BTreeMap;
use std::sync::mpsc::Receiver;
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
    /// Of each input, where its first record starts, and where it ends.
    extents: Vec<(u64, u64)>,
    chunks: Chunks,
    source: usize,
    number: ChunkNumber,
    start: Start,
    ticket: u64,
}

impl Queue {
    /// The chunks from a position on.
    pub fn new(inputs: &Inputs, position: Position, chunks: Chunks, window: u64) -> Queue {
        let tasks = Tasks {
            extents: inputs.files.iter().map(|file| (file.from.offset, file.size)).collect(),
            chunks,
            source: position.source.0 as usize,
            number: chunks.number_at(position.offset),
            start: Start::Exact(position.offset),
            ticket: 0,
        };
        let state = State { tasks, claimed: 0, applied: 0, is_closed: false };
        Queue { state: Mutex::new(state), moved: Condvar::new(), window }
    }

    /// The next chunk; waits while the workers are far enough ahead. `None` when there are no more.
    pub fn claim(&self) -> Option<Task> {
        let is_far_ahead = |state: &mut State| {
            state.claimed >= state.applied.saturating_add(self.window) && !state.is_closed
        };
        let mut state = threads::lock_when_not(&self.state, &self.moved, is_far_ahead);
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

/// One chunk and what became of it; `None` where its start has to be known first.
pub type Processed = (Task, Result<Option<Chunk>>);

/// The results of the workers in the order of their tickets; ends when the workers have no more.
pub fn in_order(results: &Receiver<Processed>) -> impl Iterator<Item = Processed> {
    let mut early = BTreeMap::new();
    (0..).map_while(move |ticket| {
        while !early.contains_key(&ticket) {
            let (task, processed) = threads::receive(results).ok()?;
            early.insert(task.ticket, (task, processed));
        }
        early.remove(&ticket)
    })
}

impl Iterator for Tasks {
    type Item = Task;

    fn next(&mut self) -> Option<Task> {
        let size = loop {
            let (_, size) = *self.extents.get(self.source)?;
            if self.chunks.range(self.number).start < size {
                break size;
            }
            self.source += 1;
            let (start, _) = *self.extents.get(self.source)?;
            (self.number, self.start) = (self.chunks.number_at(start), Start::Exact(start));
        };
        let task = Task {
            ticket: self.ticket,
            source: SourceIndex(u32::try_from(self.source).expect("fewer than 2^32 inputs")),
            number: self.number,
            start: self.start,
            is_last: self.chunks.range(self.number).end >= size,
        };
        (self.ticket, self.number, self.start) =
            (self.ticket + 1, ChunkNumber(self.number.0 + 1), Start::Guess);
        Some(task)
    }
}
