//! `fill` that looks back: takes the last value before, of the same key.

use super::{EmptyText, Filled, is_missing, row32};
use crate::error::{Error, Result};
use crate::expr::Expression;
use crate::record::{Batch, Column, DataType, Values};
use crate::state::{Keys, Reader, Unreadable, Writer, key};
use crate::transform::event_time::micros_of;
use crate::transform::expiry::{Clock, Expiry};
use crate::transform::groups::evaluate_all;
use crate::transform::layers::{Recalled, Shelved};
use crate::transform::shown::in_portions;
use crate::transform::spills::Spill;
use crate::transform::{Advanced, Context, Seen, Shown, Snapshot, Stateful, Taker};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Fills columns with the last value before.
#[derive(Debug)]
pub struct Down {
    /// What is filled.
    pub columns: Vec<Filled>,
    /// Makes the key.
    pub by: Vec<Expression>,
    /// Whether the empty text is filled, too.
    pub empty: EmptyText,
    /// Where keys are forgotten.
    pub expiry: Option<Expiry>,
    /// What people know all these by.
    pub names: Names,
}

/// Names of columns.
#[derive(Debug)]
pub struct Names {
    /// Of those that are filled.
    pub columns: Vec<String>,
    /// Of the keys.
    pub by: Vec<String>,
}

/// What is remembered of all keys.
#[derive(Debug)]
pub struct Known {
    carried: Recalled<Carried>,
    /// Where keys are forgotten.
    clock: Option<Clock>,
}

/// What is remembered of a key.
#[derive(Debug, Clone, Default)]
pub struct Carried {
    /// The last value of each column, empty before the first; no columns before the key's first record.
    values: Vec<Vec<u8>>,
    /// What event time was at the key's last record, where keys are forgotten.
    last: Option<i64>,
}

/// What is known of a batch ahead of its turn.
#[derive(Debug)]
pub struct Prepared {
    columns: Vec<Arc<Column>>,
    /// Where keys are forgotten.
    times: Option<Arc<Column>>,
    /// Of the selected rows.
    keys: Keys,
}

/// The selected rows of a batch.
struct Rows {
    /// The key of each.
    ids: Vec<u32>,
    /// Whether it is forgotten what came before; empty where keys are not.
    are_anew: Vec<bool>,
}

/// What a value takes besides its bytes, about.
const ALLOCATION: usize = 40;

/// The most bytes of text that a batch is filled with.
const BYTES_MAX: usize = 256 << 20;

impl Stateful for Down {
    type State = Known;
    type Prepared = Prepared;
    const VERSION: u32 = 1;
    const SPILLS: bool = true;

    fn new_state(&self) -> Known {
        let clock = self.expiry.as_ref().map(|expiry| Clock::new(expiry.ttl));
        Known { carried: Recalled::default(), clock }
    }

    fn prepare(&self, context: Context<'_>, batch: &mut Batch) -> Prepared {
        let times = self.expiry.iter().map(|expiry| &expiry.time);
        let before = self.columns.iter().map(|one| &one.before);
        let mut columns = evaluate_all(before.chain(&self.by).chain(times), context.step, batch);
        let times = self.expiry.as_ref().and_then(|_| columns.pop());
        let by = columns.split_off(self.columns.len());
        Prepared { columns, times, keys: Keys::of_columns(&by, &batch.selection) }
    }

    fn advance(
        &self,
        context: Context<'_>,
        known: &mut Known,
        batch: &mut Batch,
        prepared: Prepared,
    ) -> Result<Advanced> {
        let spills = context.tools.spills();
        let Known { carried, clock } = known;
        let ids = carried.ids_of(&prepared.keys, spills)?;
        for id in &ids {
            carried.value_mut(*id).values.resize(self.columns.len(), Vec::new());
        }
        let mut rows = Rows { ids, are_anew: Vec::new() };
        if let (Some(clock), Some(times)) = (clock.as_mut(), &prepared.times) {
            for (id, row) in rows.ids.iter().zip(&batch.selection) {
                clock.go_on(micros_of(times, *row as usize));
                let last = carried.value_mut(*id).last.replace(clock.now());
                rows.are_anew.push(last.is_some_and(|last| clock.is_over(last)));
            }
        }
        for (place, (filled, column)) in self.columns.iter().zip(prepared.columns).enumerate() {
            let column = self.filled(context, column, batch, &rows, (carried, place))?;
            batch.fill(filled.behind, column);
        }
        carried.put_away_above(context.tools.memory(), *clock, spills)?;
        Ok(Advanced::default())
    }

    fn spills(&self, known: &Known) -> Vec<Spill> {
        known.carried.spills()
    }

    fn bytes(&self, known: &Known) -> u64 {
        known.carried.bytes()
    }

    fn freeze(
        &self,
        _context: Context<'_>,
        known: &mut Known,
        is_all_asked: bool,
    ) -> Result<Snapshot> {
        let ((carried, shelf), columns) = (known.carried.share(is_all_asked), self.columns.len());
        let clock = known.clock;
        Ok(Snapshot::new(carried.is_all(), move |out| {
            carried.write_keys(out);
            for column in 0..columns {
                out.strings(carried.values().map(|one| &*one.values[column]));
            }
            if let Some(clock) = clock {
                let last = carried.values().map(|one| one.last.unwrap_or(i64::MIN));
                last.for_each(|last| Clock::write_last(last, out));
                clock.write(out);
            }
            out.bytes.extend_from_slice(&shelf);
        }))
    }

    fn take_in(
        &self,
        _context: Context<'_>,
        known: &mut Known,
        reader: &mut Reader<'_>,
        is_all: bool,
    ) -> Result<(), Unreadable> {
        let part = known.carried.read_keys(reader, is_all)?;
        let mut values = vec![Carried::default(); part.count()];
        for filled in &self.columns {
            let strings = reader.strings(part.count(), "values")?;
            let types = [filled.before.data_type()];
            let known: Vec<&[u8]> =
                strings.iter().copied().filter(|value| !value.is_empty()).collect();
            key::columns_of(&types, known.into_iter()).ok_or(Unreadable { what: "values" })?;
            values
                .iter_mut()
                .zip(strings)
                .for_each(|(of_key, one)| of_key.values.push(one.to_vec()));
        }
        if let Some(clock) = &mut known.clock {
            let last = reader.u64s(part.count(), "times")?;
            let pairs = values.iter_mut().zip(last);
            pairs.for_each(|(of_key, last)| of_key.last = Some(last.cast_signed()));
            clock.read(reader)?;
        }
        known.carried.take_in(&part, values, reader)
    }

    /// The keys with the value that each column is filled with.
    fn show_all(&self, context: Context<'_>, known: &mut Known, take: Taker<'_>) -> Result<Seen> {
        let types: Vec<DataType> = self.by.iter().map(Expression::data_type).collect();
        let make = |keys: &[&[u8]], of_key: &[Carried]| {
            let shown = Shown::of_bytes(&self.names.by, &types, keys)?;
            let columns = (0..).zip(self.columns.iter().zip(&self.names.columns));
            columns.into_iter().try_fold(shown, |shown, (place, (filled, name))| {
                Some(shown.with(name, last_values(filled.before.data_type(), of_key, place)?))
            })
        };
        let clock = known.clock;
        let is_over = |one: &Carried| clock.is_some_and(|clock| one.is_over(clock));
        in_portions(make, take, |give| {
            known.carried.walk(context.tools.spills(), &mut |key, one| match is_over(&one) {
                true => Ok(()),
                false => give(key, one),
            })
        })?;
        Ok(Seen::All)
    }
}

/// The last values of one column, NULL before the first; `None` for bytes that are none.
fn last_values(data_type: DataType, of_key: &[Carried], place: usize) -> Option<Column> {
    let values: Option<Vec<&[u8]>> =
        of_key.iter().map(|one| one.values.get(place).map(Vec::as_slice)).collect();
    let mut null = Vec::new();
    key::write_exact(&mut null, [&Column::null(data_type, 1)], 0);
    let values = values?.into_iter().map(|value| if value.is_empty() { &*null } else { value });
    key::columns_of(&[data_type], values)?.pop()
}

impl Shelved for Carried {
    fn write(&self, out: &mut Writer) {
        out.count(self.values.len());
        out.strings(self.values.iter().map(|value| &**value));
        if let Some(last) = self.last {
            Clock::write_last(last, out);
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Carried, Unreadable> {
        let what = "values";
        let count = reader.count(4, what)?;
        let values = reader.strings(count, what)?.into_iter().map(<[u8]>::to_vec).collect();
        let last = match reader.is_at_end() {
            true => None,
            false => Some(reader.u64(what)?.cast_signed()),
        };
        Ok(Carried { values, last })
    }

    fn owned(&self) -> usize {
        self.values.iter().map(|value| value.len() + ALLOCATION).sum()
    }

    fn is_over(&self, clock: Clock) -> bool {
        self.last.is_some_and(|last| clock.is_over(last))
    }
}

impl Down {
    /// A column with what it lacks. The last values of the keys stand at a place.
    fn filled(
        &self,
        context: Context<'_>,
        column: Arc<Column>,
        batch: &Batch,
        rows: &Rows,
        (carried, place): (&mut Recalled<Carried>, usize),
    ) -> Result<Arc<Column>> {
        let mut from: Vec<u32> = (0..row32(batch.rows)).collect();
        // By key: the row that has its last value, or none where that is forgotten; rows behind those of the batch are
        // taken from before it.
        let mut last: BTreeMap<u32, Option<u32>> = BTreeMap::new();
        let mut taken: Vec<&[u8]> = Vec::new();
        let mut bytes = 0;
        let mut is_changed = false;
        for (at, (row, id)) in batch.selection.iter().zip(&rows.ids).enumerate() {
            if !is_missing(&column, *row as usize, self.empty) {
                last.insert(*id, Some(*row));
                continue;
            }
            if rows.are_anew.get(at).is_some_and(|is_anew| *is_anew) {
                last.insert(*id, None);
            }
            let before = &carried.value(*id).values[place];
            let source = match last.get(id) {
                Some(Some(source)) => *source,
                Some(None) => continue,
                None if before.is_empty() => continue,
                None => {
                    taken.push(before);
                    let source = row32(batch.rows + taken.len() - 1);
                    last.insert(*id, Some(source));
                    source
                }
            };
            from[*row as usize] = source;
            is_changed = true;
            bytes += match taken.get((source as usize).wrapping_sub(batch.rows)) {
                Some(value) => value.len(),
                None => text_length(&column, source as usize),
            };
        }
        if bytes > BYTES_MAX {
            let step = context.step;
            let message = format!("{step}: more than 256 MiB of text are filled in at a time");
            return Err(Error::failed(message).with_hint("fill shorter columns"));
        }
        let types = [column.data_type()];
        let taken = key::columns_of(&types, taken.into_iter());
        let taken = taken
            .and_then(|mut columns| columns.pop())
            .ok_or_else(|| Error::internal("a value that was carried is not what was carried"))?;
        for (id, row) in last {
            // What is from before the batch is there already.
            if row.is_some_and(|row| row as usize >= batch.rows) {
                continue;
            }
            let value = &mut carried.value_mut(id).values[place];
            value.clear();
            if let Some(row) = row {
                key::write_exact(value, [&*column], row as usize);
            }
        }
        Ok(if is_changed { Arc::new(column.append(&taken).gather(&from)) } else { column })
    }
}

fn text_length(column: &Column, row: usize) -> usize {
    match &column.values {
        Values::Text(texts) | Values::Json(texts) | Values::List(texts, _) => texts.get(row).len(),
        _ => 0,
    }
}
