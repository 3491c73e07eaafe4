//! `sessionize`: numbers the sessions of each key; a session ends where nothing happened for a while.
//!
//! ```toml
//! [[transform]]
//! sessionize = { by = ["user"], time = "clicked_at", gap = "30m", as = "session", start = "session_start" }
//! ```
//!
//! `as` (unless given, `session`) is the number of the record's session among those of its key: 1, 2, ... `start` adds
//! the time of the session's first record. Records are taken in input order. A session goes on as long as a record is at
//! most `gap` later than the latest one of it; one that is older than that belongs to the session, too, and moves neither
//! its start nor its end. A record without a time belongs to no session: both columns are NULL. Keys beyond the memory
//! that `[state]` gives are spilled, and found again when they come again.

use super::binder::{Binder, Bound, read_by};
use super::layers::{Recalled, Shelved};
use super::shown::{in_portions, numbers_of};
use super::spills::Spill;
use super::{
    Action, Advanced, Context, Seen, Shown, Snapshot, Stateful, Taker, event_time, groups,
};
use crate::error::{Diagnostic, Result, Sql};
use crate::expr::{self, Expression};
use crate::record::{Batch, Column, DataType, Slot, Validity, Values};
use crate::state::{Keys, Reader, Unreadable, Writer};
use std::sync::Arc;

/// A `sessionize` as the job file describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Key expressions; none for one key.
    pub by: Vec<Sql>,
    /// When it happened.
    pub time: Sql,
    /// The longest break within a session.
    pub gap_micros: i64,
    /// The name of the column with the number.
    pub number: Sql,
    /// The name of the column with the start, where it is wanted.
    pub start: Option<Sql>,
}

#[derive(Debug)]
struct Sessionize {
    by: Vec<Expression>,
    /// What `by` says, for people.
    names: Vec<String>,
    time: Expression,
    gap_micros: i64,
    number: Slot,
    start: Option<Slot>,
}

/// The latest session of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Session {
    /// Counted from 1; 0 before the first record with a time.
    number: u64,
    start: i64,
    latest: i64,
}

/// Binds a `sessionize`.
pub fn bind(settings: &Settings, binder: &mut Binder<'_>) -> Result<Bound, Vec<Diagnostic>> {
    let by = binder.scalars(&settings.by, "sessionize");
    let time = expr::bind_moment(&settings.time, &mut binder.scope("sessionize"));
    let (by, time) = match (by, time) {
        (Ok(by), Ok(time)) => (by, time),
        (by, time) => {
            return Err([by.err(), time.err()].into_iter().flatten().flatten().collect());
        }
    };
    let reads = read_by(by.iter().chain([&time]));
    let number = binder.new_column(&settings.number, DataType::Bigint)?;
    let start = match &settings.start {
        Some(name) => Some(binder.new_column(name, time.data_type())?),
        None => None,
    };
    let gap_micros = settings.gap_micros;
    let names = settings.by.iter().map(|sql| sql.text.clone()).collect();
    let action = Action::stateful(Sessionize { by, names, time, gap_micros, number, start });
    Ok(Bound { reads, action })
}

impl Stateful for Sessionize {
    /// The session that each key is in.
    type State = Recalled<Session>;
    /// The keys of the selected rows, and the times of all rows.
    type Prepared = (Keys, Arc<Column>);
    const VERSION: u32 = 1;
    const SPILLS: bool = true;

    fn new_state(&self) -> Recalled<Session> {
        Recalled::default()
    }

    fn prepare(&self, context: Context<'_>, batch: &mut Batch) -> (Keys, Arc<Column>) {
        let expressions = self.by.iter().chain([&self.time]);
        let mut columns = groups::evaluate_all(expressions, context.step, batch);
        let times = columns.pop().expect("the time is the last expression");
        (Keys::of_columns(&columns, &batch.selection), times)
    }

    fn advance(
        &self,
        context: Context<'_>,
        sessions: &mut Recalled<Session>,
        batch: &mut Batch,
        (keys, times): (Keys, Arc<Column>),
    ) -> Result<Advanced> {
        let mut numbers = vec![0; batch.rows];
        let mut starts = vec![None; batch.rows];
        let spills = context.tools.spills();
        let ids = sessions.ids_of(&keys, spills)?;
        for (id, row) in ids.into_iter().zip(&batch.selection) {
            let row = *row as usize;
            let session = sessions.value_mut(id);
            if let Some(time) = event_time::micros_of(&times, row) {
                session.take(time, self.gap_micros);
                numbers[row] = i64::try_from(session.number).expect("fewer than 2^63 records");
                starts[row] = Some(session.start);
            }
        }
        let validity = Validity::from_flags(starts.iter().map(Option::is_some).collect());
        let numbers = Column { validity, ..Column::new(Values::Bigint(numbers)) };
        batch.fill(self.number, Arc::new(numbers));
        if let Some(slot) = self.start {
            let column = event_time::column_of(self.time.data_type(), &starts);
            batch.fill(slot, Arc::new(column));
        }
        sessions.put_away_above(context.tools.memory(), None, spills)?;
        Ok(Advanced::default())
    }

    fn spills(&self, sessions: &Recalled<Session>) -> Vec<Spill> {
        sessions.spills()
    }

    fn bytes(&self, sessions: &Recalled<Session>) -> u64 {
        sessions.bytes()
    }

    fn freeze(
        &self,
        _context: Context<'_>,
        sessions: &mut Recalled<Session>,
        is_all_asked: bool,
    ) -> Result<Snapshot> {
        let (sessions, shelf) = sessions.share(is_all_asked);
        Ok(Snapshot::new(sessions.is_all(), move |out| {
            sessions.write_keys(out);
            out.u64s(sessions.values().map(|session| session.number));
            out.u64s(sessions.values().map(|session| session.start.cast_unsigned()));
            out.u64s(sessions.values().map(|session| session.latest.cast_unsigned()));
            out.bytes.extend_from_slice(&shelf);
        }))
    }

    fn take_in(
        &self,
        _context: Context<'_>,
        sessions: &mut Recalled<Session>,
        reader: &mut Reader<'_>,
        is_all: bool,
    ) -> Result<(), Unreadable> {
        let what = "sessions";
        let part = sessions.read_keys(reader, is_all)?;
        let mut column = || reader.u64s(part.count(), what);
        let (numbers, starts, latest) = (column()?, column()?, column()?);
        // More sessions than records cannot be.
        if !numbers.iter().all(|number| i64::try_from(*number).is_ok()) {
            return Err(Unreadable { what });
        }
        let session = |((number, start), latest): ((u64, u64), u64)| Session {
            number,
            start: start.cast_signed(),
            latest: latest.cast_signed(),
        };
        let values = numbers.into_iter().zip(starts).zip(latest).map(session);
        sessions.take_in(&part, values, reader)
    }

    fn show_all(
        &self,
        context: Context<'_>,
        sessions: &mut Recalled<Session>,
        take: Taker<'_>,
    ) -> Result<Seen> {
        let types: Vec<DataType> = self.by.iter().map(Expression::data_type).collect();
        let make = |keys: &[&[u8]], of_key: &[Session]| {
            let moments = |moment: fn(&Session) -> i64| {
                let moment = |one: &Session| (one.number > 0).then(|| moment(one));
                let moments: Vec<Option<i64>> = of_key.iter().map(moment).collect();
                event_time::column_of(self.time.data_type(), &moments)
            };
            let shown = Shown::of_bytes(&self.names, &types, keys)?
                .with("session", numbers_of(of_key.iter().map(|one| one.number)))
                .with("start", moments(|one| one.start))
                .with("latest", moments(|one| one.latest));
            Some(shown)
        };
        in_portions(make, take, |give| sessions.walk(context.tools.spills(), give))?;
        Ok(Seen::All)
    }
}

impl Shelved for Session {
    fn write(&self, out: &mut Writer) {
        out.u64s([self.number, self.start.cast_unsigned(), self.latest.cast_unsigned()]);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Session, Unreadable> {
        let what = "sessions";
        let number = reader.u64(what)?;
        let (start, latest) = (reader.u64(what)?, reader.u64(what)?);
        Ok(Session { number, start: start.cast_signed(), latest: latest.cast_signed() })
    }
}

impl Session {
    /// Goes on with a record, or begins again with it.
    fn take(&mut self, time: i64, gap_micros: i64) {
        if self.number == 0 || time.saturating_sub(self.latest) > gap_micros {
            *self = Session { number: self.number + 1, start: time, latest: time };
        } else {
            self.latest = self.latest.max(time);
        }
    }
}
