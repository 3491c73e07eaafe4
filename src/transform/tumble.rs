//! `tumble`: one record per group and window of event time, given as soon as the window closes.
//!
//! ```toml
//! [[transform]]
//! tumble = { by = ["sensor"], time = "at", size = "1h", lateness = "10m", select = ["count(*) AS n", "avg(x) AS mean"] }
//! ```
//!
//! Windows lie one behind the other, counted from 1970-01-01 (moved by `offset`); `as` names the columns with their first
//! moment and the first one behind them (unless given, `window_start` and `window_end`), which come before the keys. A
//! window closes when a record comes whose time is at least its end plus `lateness`; its groups are given then, windows in
//! order of time, groups as they were first seen. What is still open when the input has ended is given then, but where inputs grow it waits for more. A record
//! whose window is closed is late: `late = "reject"`, the default, or `"drop"`. One without a time is rejected. There is one
//! clock for all keys: a file that is in order of time only key by key is to be put in order before, with `sort`.
//!
//! Invariant: what is late and when a window closes depends on the records alone, each by itself in input order. A worker
//! groups the records of its batch by window as if no earlier record closed one; where it was wrong they are grouped again.

use super::binder::{Binder, Bound, Projection, named_twice, read_by};
use super::groups::{Giving, Grouping, Groups, Inputs, evaluate_all};
use super::{Action, Advanced, Context, Drained, Flow, Shown, Snapshot, Stateful, event_time};
use crate::error::{Diagnostic, Result, Sql};
use crate::expr::{self, AggregateCall, Expression};
use crate::record::text::{MICROS_PER_DAY, days_from_civil};
use crate::record::{Batch, DataType, Field, Layout, Reason, Slot};
use crate::state::{Reader, Unreadable, Writer};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

/// A `tumble` as the job file describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Group expressions; none for one group per window.
    pub by: Vec<Sql>,
    /// When it happened.
    pub time: Sql,
    /// Select-list items made of aggregate calls.
    pub select: Vec<Sql>,
    /// Which groups are kept.
    pub having: Option<Sql>,
    /// The windows.
    pub windows: Windows,
    /// The names of the columns with the window's start and end.
    pub names: [Sql; 2],
    /// What becomes of late records.
    pub late: Late,
}

/// Where windows lie, and when they close; in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// How long each is.
    pub size: i64,
    /// The start of one of them, since 1970.
    pub offset: i64,
    /// How much later than its end a window closes.
    pub lateness: i64,
}

/// What becomes of late records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Late {
    /// They are rejected.
    Reject,
    /// They are let go and counted.
    Drop,
}

#[derive(Debug)]
struct Tumble {
    time: Expression,
    windows: Windows,
    /// Where the window of each record stands: its start and its end; both are keys of the groups.
    bounds: [Slot; 2],
    bounds_type: DataType,
    grouping: Grouping,
    /// What is computed of keys and results for each group, and the slot for it.
    outputs: Vec<(Slot, Expression)>,
    having: Option<Expression>,
    late: Late,
}

/// The open windows.
#[derive(Debug, Default)]
pub struct Open {
    /// By their starts.
    windows: BTreeMap<i64, Groups>,
    /// The latest time so far.
    latest: Option<i64>,
    /// How many late records were let go.
    dropped: u64,
    /// The rows of the chunk with those of the piece that the chain is at: they count when all steps have done with it.
    recent: Vec<u32>,
    /// The groups that were open when the input ended, once the first of them is given.
    rest: Option<Groups>,
    /// Whether they were frozen or read.
    is_saved: bool,
}

/// What is known of a batch ahead of its turn.
#[derive(Debug)]
pub struct Prepared {
    /// The time of each row.
    times: Vec<Option<i64>>,
    inputs: Inputs,
    /// The groups of those rows of each window that are not late for the batch alone.
    grouped: BTreeMap<i64, (Vec<u32>, Groups)>,
}

/// The rows of a batch, window by window.
#[derive(Debug, Default)]
struct Sorted {
    of_window: BTreeMap<i64, Vec<u32>>,
    late: Vec<u32>,
    /// The windows that closed, with the rows because of which they did.
    closed: Vec<(i64, u32)>,
}

/// Binds a `tumble`.
pub fn bind(settings: &Settings, binder: &mut Binder<'_>) -> Result<Bound, Vec<Diagnostic>> {
    let time = expr::bind_moment(&settings.time, &mut binder.scope("tumble"))?;
    let windows = settings.windows;
    let is_of_days = windows.size % MICROS_PER_DAY == 0 && windows.offset % MICROS_PER_DAY == 0;
    let bounds_type = match time.data_type() {
        DataType::Date if !is_of_days => DataType::Timestamp,
        data_type => data_type,
    };
    let mut bounds = [Slot(0); 2];
    for (slot, name) in bounds.iter_mut().zip(&settings.names) {
        *slot = binder.new_column(name, bounds_type)?;
    }
    let by: Vec<Sql> = settings.names.iter().map(as_column).chain(settings.by.clone()).collect();
    let (select, having) = (&settings.select, settings.having.as_ref());
    let bound = expr::bind_aggregate(&by, select, having, &mut binder.scope("tumble"))?;

    let read = bound.keys.iter().map(|key| &key.expression).chain([&time]);
    let mut reads = read_by(read.chain(bound.calls.iter().flat_map(AggregateCall::expressions)));
    reads.retain(|slot| !bounds.contains(slot));
    let mut layout = Layout::closed(Vec::new());
    for key in &bound.keys {
        let data_type = key.expression.data_type();
        layout.fields.push(Field { name: key.name.clone(), data_type, slot: key.slot });
    }
    let grouping = Grouping::new(bound.keys.clone(), bound.calls).named(&bound.outputs);
    let mut project = Projection::default();
    for ((name, expression), sql) in bound.outputs.into_iter().zip(select) {
        if layout.fields.iter().any(|field| field.name == name) {
            return Err(vec![named_twice(sql, &name)]);
        }
        project.add(&mut layout, name, expression, binder.slots);
    }
    binder.layout = layout;
    let (outputs, having, late) = (project.columns, bound.having, settings.late);
    let tumble = Tumble { time, windows, bounds, bounds_type, grouping, outputs, having, late };
    Ok(Bound { reads, action: Action::stateful(tumble) })
}

/// The expression that reads the column of that name.
fn as_column(name: &Sql) -> Sql {
    let text = format!("\"{}\"", name.text.replace('"', "\"\""));
    let place = name.whole();
    let mut offsets = vec![place.start; text.len()];
    offsets.push(place.end);
    Sql { text, offsets }
}

impl Stateful for Tumble {
    type State = Open;
    type Prepared = Prepared;
    const VERSION: u32 = 1;

    fn new_state(&self) -> Open {
        Open::default()
    }

    fn prepare(&self, context: Context<'_>, batch: &mut Batch) -> Prepared {
        let times = evaluate_all([&self.time], context.step, batch).pop();
        let times = times.expect("one column for the time");
        let mut of_row = vec![None; batch.rows];
        let mut without_window: Vec<(u32, Reason)> = Vec::new();
        for row in &batch.selection {
            let problem = match event_time::micros_of(&times, *row as usize) {
                None => "the time is NULL",
                Some(time) if !self.windows.is_in_calendar(time) => {
                    "its window is not within the years 1 to 9999"
                }
                time => {
                    of_row[*row as usize] = time;
                    continue;
                }
            };
            without_window.push((*row, format!("{}: {problem}", context.step).into()));
        }
        batch.reject_rows(without_window);
        let starts = of_row.iter().map(|time| time.map(|time| self.windows.start_of(time)));
        let starts: Vec<Option<i64>> = starts.collect();
        let ends = starts.iter().map(|start| start.map(|start| start + self.windows.size));
        let ends: Vec<Option<i64>> = ends.collect();
        for (slot, moments) in self.bounds.iter().zip([starts, ends]) {
            batch.fill(*slot, Arc::new(event_time::column_of(self.bounds_type, &moments)));
        }
        let inputs = self.grouping.inputs_of(context.step, batch);
        let none = BTreeSet::new();
        let sorted = self.windows.sort(&of_row, &batch.selection, &mut None, none);
        let group = |(window, rows): (i64, Vec<u32>)| {
            let groups = self.grouping.groups_of_rows(&inputs, &rows);
            (window, (rows, groups))
        };
        let grouped = sorted.of_window.into_iter().map(group).collect();
        Prepared { times: of_row, inputs, grouped }
    }

    fn advance(
        &self,
        context: Context<'_>,
        open: &mut Open,
        batch: &mut Batch,
        mut prepared: Prepared,
    ) -> Result<Advanced> {
        let starts = open.windows.keys().copied().collect();
        let (times, rows) = (&prepared.times, &batch.selection);
        let sorted = self.windows.sort(times, rows, &mut open.latest, starts);
        for (window, rows) in sorted.of_window {
            let groups = match prepared.grouped.remove(&window) {
                Some((grouped, groups)) if grouped == rows => groups,
                _ => self.grouping.groups_of_rows(&prepared.inputs, &rows),
            };
            let known = open.windows.entry(window);
            known.or_insert_with(|| self.grouping.new_groups()).merge(&groups);
        }
        let (mut closed, mut causes) = (self.grouping.new_groups(), Vec::new());
        for (window, row) in sorted.closed {
            let groups = open.windows.remove(&window).expect("an open window closes");
            closed.merge(&groups);
            causes.resize(closed.keys.len(), row);
        }
        let released = (!causes.is_empty()).then(|| {
            let ids: Vec<u32> = (0..).take(causes.len()).collect();
            let released = self.grouping.batch_of(&closed, &ids, context.tools.slots());
            self.finished(context, released.released_by(batch, &causes))
        });
        self.refuse(context.step, open, batch, &sorted.late);
        batch.selection.clear();
        Ok(Advanced { released, ..Advanced::default() })
    }

    fn settle(&self, open: &mut Open, flow: Flow) {
        let mut rows = std::mem::take(&mut open.recent);
        if let Flow::Full { last_row } = flow {
            rows.retain(|row| last_row.is_some_and(|last| *row <= last));
        }
        open.dropped += rows.len() as u64;
    }

    fn drain(
        &self,
        context: Context<'_>,
        open: &mut Open,
        rows_max: usize,
    ) -> Result<Option<Batch>> {
        let windows = std::mem::take(&mut open.windows);
        let rest = open.rest.get_or_insert_with(|| self.grouping.new_groups());
        windows.values().for_each(|groups| rest.merge(groups));
        let slots = context.tools.slots();
        let next = self.grouping.next_groups(rest, Giving::default(), rows_max, slots);
        Ok(next.map(|batch| self.finished(context, batch)))
    }

    fn drained(&self, open: &Open) -> Drained {
        Drained(vec![open.rest.as_ref().map_or(0, Groups::drained) as u64])
    }

    fn set_drained(&self, open: &mut Open, drained: &Drained) {
        if let ([count], Some(rest)) = (&*drained.0, &mut open.rest) {
            rest.set_drained(usize::try_from(*count).unwrap_or(usize::MAX));
        }
    }

    fn bytes(&self, open: &Open) -> u64 {
        open.windows.values().map(|groups| self.grouping.bytes(groups) as u64).sum()
    }

    fn freeze(
        &self,
        _context: Context<'_>,
        open: &mut Open,
        is_all_asked: bool,
    ) -> Result<Snapshot> {
        let is_all = is_all_asked || !std::mem::replace(&mut open.is_saved, true);
        let mut head = Writer::default();
        head.flags([open.latest.is_some(), open.rest.is_some()]);
        head.u64s(open.latest.map(i64::cast_unsigned));
        head.u64(open.dropped);
        head.count(open.windows.len());
        head.u64s(open.windows.keys().map(|start| start.cast_unsigned()));
        let all = open.windows.values_mut().chain(&mut open.rest);
        let all: Vec<Snapshot> = all.map(|groups| self.grouping.freeze(groups, is_all)).collect();
        Ok(Snapshot::new(is_all, move |out| {
            out.bytes.extend_from_slice(&head.bytes);
            for groups in &all {
                if !is_all {
                    out.flags([matches!(groups, Snapshot::Whole(_))]);
                }
                groups.frozen().write(out);
            }
        }))
    }

    fn take_in(
        &self,
        _context: Context<'_>,
        open: &mut Open,
        reader: &mut Reader<'_>,
        is_all: bool,
    ) -> Result<(), Unreadable> {
        let unreadable = Unreadable { what: "windows" };
        let flags = reader.flags(2, unreadable.what)?;
        open.latest = match flags[0] {
            true => Some(reader.u64(unreadable.what)?.cast_signed()),
            false => None,
        };
        open.dropped = reader.u64(unreadable.what)?;
        let count = reader.count(8, unreadable.what)?;
        let starts = reader.u64s(count, unreadable.what)?;
        let starts: Vec<i64> = starts.into_iter().map(u64::cast_signed).collect();
        let is_start = |start: &i64| {
            self.windows.is_in_calendar(*start) && self.windows.start_of(*start) == *start
        };
        if !starts.is_sorted_by(|one, next| one < next) || !starts.iter().all(is_start) {
            return Err(unreadable);
        }
        let mut next = |known: Option<Groups>| {
            if is_all || reader.flags(1, unreadable.what)?[0] {
                return self.grouping.read(reader);
            }
            let mut groups = known.ok_or(unreadable.clone())?;
            self.grouping.extend(&mut groups, reader)?;
            Ok(groups)
        };
        // A window that is not named was closed.
        let mut known = std::mem::take(&mut open.windows);
        for start in starts {
            open.windows.insert(start, next(known.remove(&start))?);
        }
        open.rest = if flags[1] { Some(next(open.rest.take())?) } else { None };
        open.is_saved = true;
        Ok(())
    }

    fn remarks(&self, open: &Open) -> Vec<String> {
        match open.dropped {
            0 => Vec::new(),
            1 => vec!["1 record came too late for its window and was dropped".to_owned()],
            count => {
                vec![format!("{count} records came too late for their windows and were dropped")]
            }
        }
    }

    /// The groups of the open windows, window by window.
    fn show(&self, open: &Open, entries: Range<usize>) -> Option<Shown> {
        let mut before = 0;
        for groups in open.windows.values().chain(&open.rest) {
            let end = before + groups.keys.len();
            if entries.start < end {
                // What is asked for beyond this window is asked for again.
                return Some(
                    self.grouping.show(groups, entries.start - before..entries.end - before),
                );
            }
            before = end;
        }
        Some(Shown::default())
    }
}

impl Tumble {
    /// Lets late rows go, or rejects them.
    fn refuse(&self, step: &str, open: &mut Open, batch: &mut Batch, late: &[u32]) {
        match self.late {
            Late::Reject => {
                let reason: Reason = format!("{step}: its window was closed already").into();
                batch.reject_rows(late.iter().map(|row| (*row, reason.clone())).collect());
            }
            Late::Drop => {
                batch.retain(|row| late.binary_search(&row).is_err());
                open.recent.extend(late.iter().map(|row| batch.input_row(*row)));
            }
        }
    }

    /// Groups as records, with all that is computed of them.
    fn finished(&self, context: Context<'_>, mut batch: Batch) -> Batch {
        if let Some(having) = &self.having {
            let column = having.evaluate(&batch, &batch.selection);
            batch.reject_faults(context.step, &column.faults);
            batch.retain(|row| column.is_true(row as usize));
        }
        for (slot, expression) in &self.outputs {
            let column = expression.evaluate(&batch, &batch.selection);
            batch.reject_faults(context.step, &column.faults);
            batch.fill(*slot, column);
        }
        batch
    }
}

impl Windows {
    /// The start of the window of a moment.
    fn start_of(&self, time: i64) -> i64 {
        (time - self.offset).div_euclid(self.size) * self.size + self.offset
    }

    /// Whether a moment and the window that it is in lie in years that can be written.
    fn is_in_calendar(&self, time: i64) -> bool {
        let day = |year, month, day| {
            let days = days_from_civil(year, month, day).expect("a day of the calendar");
            i64::from(days) * MICROS_PER_DAY
        };
        let calendar = day(1, 1, 1)..day(9999, 12, 31) + MICROS_PER_DAY;
        let is_within =
            |start: i64| calendar.contains(&start) && calendar.contains(&(start + self.size));
        // Of any other moment the window cannot be computed.
        calendar.contains(&time) && is_within(self.start_of(time))
    }

    /// Goes through rows in order, of which each has a time, and says what becomes of them.
    fn sort(
        &self,
        times: &[Option<i64>],
        rows: &[u32],
        latest: &mut Option<i64>,
        mut open: BTreeSet<i64>,
    ) -> Sorted {
        let mut sorted = Sorted::default();
        for row in rows {
            let time = times[*row as usize].expect("rows without a time were rejected");
            let most = latest.map_or(time, |latest| latest.max(time));
            *latest = Some(most);
            let is_closed = |start: i64| start + self.size <= most - self.lateness;
            let start = self.start_of(time);
            if is_closed(start) {
                sorted.late.push(*row);
                continue;
            }
            sorted.of_window.entry(start).or_default().push(*row);
            open.insert(start);
            while let Some(first) = open.first().copied().filter(|first| is_closed(*first)) {
                open.remove(&first);
                sorted.closed.push((first, *row));
            }
        }
        sorted
    }
}
