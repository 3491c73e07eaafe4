//! `ttl`: keys that are forgotten when event time has gone on long enough.
//!
//! Event time is the greatest time among the records so far, in the order of the input; so what is forgotten when depends
//! on the records alone. A record whose own time is NULL, or is long past, counts at the event time at which it comes.
//!
//! Invariant: what is forgotten once stays forgotten, as event time never goes back. So what counts no more may be taken
//! out of memory at any time, and an older value of the same key that comes up again counts no more, either.

use super::binder::Binder;
use crate::error::{Diagnostic, Result, Sql};
use crate::expr::{self, Expression};
use crate::state::{Cells, Pages, Part, Reader, Unreadable, Writer};

/// So many keys are remembered before those that count no more are looked for.
const KEYS_MIN: usize = 1 << 10;

/// How long something is remembered, as the job file describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Ttl {
    /// When a record happened.
    pub time: Sql,
    /// Microseconds of event time.
    pub micros: i64,
}

/// How long something is remembered.
#[derive(Debug)]
pub struct Expiry {
    /// When a record happened.
    pub time: Expression,
    /// Microseconds of event time.
    pub ttl: i64,
}

/// Event time at a step, and how long a key is remembered.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    now: i64,
    ttl: i64,
}

/// How a record came upon its key.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// Event time, the record's own included.
    pub clock: Clock,
    /// Whether nothing is remembered of the key.
    pub is_anew: bool,
}

/// What event time was at the last record of each key in memory.
#[derive(Debug)]
pub struct Times {
    clock: Clock,
    last: Pages<i64>,
}

/// When keys in memory that count no more are looked for: each time there are twice as many.
#[derive(Debug)]
pub struct Look {
    /// At so many keys.
    pub at: usize,
}

impl Expiry {
    /// Binds it for a kind of step.
    pub fn bind(
        settings: &Ttl,
        step: &'static str,
        binder: &mut Binder<'_>,
    ) -> Result<Expiry, Vec<Diagnostic>> {
        let time = expr::bind_moment(&settings.time, &mut binder.scope(step))?;
        Ok(Expiry { time, ttl: settings.micros })
    }
}

impl Clock {
    /// Before the first record.
    pub fn new(ttl: i64) -> Clock {
        Clock { now: i64::MIN, ttl }
    }

    /// Event time; the least number before the first time.
    pub fn now(self) -> i64 {
        self.now
    }

    /// Goes on to the time of the next record.
    pub fn go_on(&mut self, time: Option<i64>) {
        self.now = self.now.max(time.unwrap_or(i64::MIN));
    }

    /// Whether a key counts no more whose last record came at that event time.
    pub fn is_over(self, last: i64) -> bool {
        self.now > last.saturating_add(self.ttl)
    }

    /// The same of the bytes of a value that end with that event time, as [`Clock::write_last`] put it there.
    pub fn is_value_over(self, value: &[u8]) -> bool {
        value.last_chunk().is_some_and(|last| self.is_over(i64::from_le_bytes(*last)))
    }

    /// Appends the event time of a key's last record to the bytes of its value.
    pub fn write_last(last: i64, out: &mut Writer) {
        out.u64(last.cast_unsigned());
    }

    /// Appends event time.
    pub fn write(self, out: &mut Writer) {
        out.u64(self.now.cast_unsigned());
    }

    /// Reads what [`Clock::write`] wrote.
    pub fn read(&mut self, reader: &mut Reader<'_>) -> Result<(), Unreadable> {
        self.now = reader.u64("times")?.cast_signed();
        Ok(())
    }
}

impl Times {
    /// Before the first record.
    pub fn new(ttl: i64) -> Times {
        Times { clock: Clock::new(ttl), last: Pages::default() }
    }

    /// Event time.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Makes room for so many keys. One that is new has no last record.
    pub fn grow(&mut self, keys: usize) {
        self.last.grow(keys, i64::MIN);
    }

    /// Takes in the next record.
    pub fn arrive(&mut self, key: u32, time: Option<i64>) -> Arrival {
        self.clock.go_on(time);
        let last = self.last.cell(key as usize);
        let is_anew = self.clock.is_over(*last);
        *last = self.clock.now;
        Arrival { clock: self.clock, is_anew }
    }

    /// Whether a key counts no more.
    pub fn is_over(&self, key: u32) -> bool {
        self.clock.is_over(self.last[key as usize])
    }

    /// About how many bytes it takes.
    pub fn bytes(&self) -> usize {
        self.last.bytes()
    }

    /// What is known of these keys alone, whose ids are their places from now on.
    pub fn keep(&mut self, keys: &[u32]) {
        self.last = keys.iter().map(|key| self.last[*key as usize]).collect();
    }

    /// What is known of some keys as it is now, for another thread.
    pub fn share(&mut self, keys: &Part) -> Times {
        Times { clock: self.clock, last: self.last.share(keys) }
    }

    /// Appends what is known of some keys.
    pub fn write(&self, keys: &Part, out: &mut Writer) {
        keys.entries().for_each(|key| Clock::write_last(self.last[key], out));
    }

    /// Takes in what [`Times::write`] wrote of some keys.
    pub fn take_in(&mut self, keys: &Part, reader: &mut Reader<'_>) -> Result<(), Unreadable> {
        let read = reader.u64s(keys.count(), "times")?;
        self.grow(keys.new_ones().end);
        for (key, last) in keys.entries().zip(read) {
            *self.last.cell(key) = last.cast_signed();
        }
        Ok(())
    }

    /// Reads event time, as [`Clock::write`] wrote it.
    pub fn read_clock(&mut self, reader: &mut Reader<'_>) -> Result<(), Unreadable> {
        self.clock.read(reader)
    }
}

impl Default for Look {
    fn default() -> Look {
        Look { at: KEYS_MIN }
    }
}

impl Look {
    /// Whether it is time to look, at so many keys.
    pub fn is_due(&self, keys: usize) -> bool {
        keys >= self.at
    }

    /// So many keys were found that still count, of so many; whether the others are worth being taken out.
    pub fn found(&mut self, live: usize, keys: usize) -> bool {
        self.at = (live * 2).max(KEYS_MIN);
        live <= keys / 2
    }
}
