//! `fill`: puts values where there are none.
//!
//! ```toml
//! [[transform]]
//! fill = { columns = ["city"], with = "down", by = ["country"] }
//!
//! [[transform]]
//! fill = { columns = ["status", "remark"], value = "unknown", empty = true }
//! ```
//!
//! `with = "down"` takes the column's last value before, of the records with the same `by` where that is given; before the
//! first value there is nothing to take. `value` is a constant: a string that is read as the column's type, a whole
//! number, true or false. With `empty = true` the empty text is filled like NULL. Last values beyond the memory that
//! `[state]` gives are spilled, and found again when their key comes again.

use super::binder::{Binder, Bound, Target, all, check_names, read_by};
use super::groups::evaluate_all;
use super::layers::{Recalled, Shelved};
use super::spills::Spill;
use super::{Action, Advanced, Context, Snapshot, Stateful, Stateless};
use crate::error::{Diagnostic, Error, Result, Sql};
use crate::expr::{self, Expression};
use crate::record::{Batch, Column, DataType, RawRecords, Slot, Values};
use crate::state::{Keys, Reader, Unreadable, Writer, key};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A `fill` as the job file describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The columns; at least one.
    pub columns: Vec<Sql>,
    /// What they are filled with.
    pub with: With,
    /// Whether the empty text is a value.
    pub empty: EmptyText,
}

/// What a column is filled with.
#[derive(Debug, Clone, PartialEq)]
pub enum With {
    /// The last value before; of the same key.
    Down(Vec<Sql>),
    /// A constant: what it says, and how it stands in the job file.
    Value(Sql, Written),
}

/// How a constant stands in the job file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// In quotes.
    Text,
    /// Without.
    Plain,
}

/// Whether the empty text is a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmptyText {
    /// It is one.
    Value,
    /// It is like NULL.
    Missing,
}

#[derive(Debug)]
struct Constant {
    columns: Vec<Filled>,
    /// Of each column, a column of one row.
    values: Vec<Column>,
    empty: EmptyText,
}

#[derive(Debug)]
struct Down {
    columns: Vec<Filled>,
    by: Vec<Expression>,
    empty: EmptyText,
}

/// A column before and behind the step.
#[derive(Debug)]
struct Filled {
    before: Expression,
    behind: Slot,
}

/// What a `fill` that looks back remembers of a key: the last value of each column, empty before the first; no columns
/// before its first record.
#[derive(Debug, Clone, Default)]
pub struct Carried(Vec<Vec<u8>>);

/// What a value takes besides its bytes, about.
const ALLOCATION: usize = 40;

/// The most bytes of text that a batch is filled with.
const BYTES_MAX: usize = 256 << 20;

/// Binds a `fill`.
pub fn bind(settings: &Settings, binder: &mut Binder<'_>) -> Result<Bound, Vec<Diagnostic>> {
    let targets: Vec<_> = settings.columns.iter().map(|sql| binder.column(sql, "fill")).collect();
    let mut outcomes = vec![all(targets).map(Some)];
    let by = match &settings.with {
        With::Down(by) => binder.scalars(by, "fill"),
        With::Value(..) => Ok(Vec::new()),
    };
    let by = by.map_err(|problems| outcomes.push(Err(problems))).unwrap_or_default();
    let targets: Vec<Target> = all(outcomes)?.into_iter().flatten().flatten().collect();
    check_names(&settings.columns.iter().collect::<Vec<_>>())?;
    let values = match &settings.with {
        With::Down(_) => Vec::new(),
        With::Value(value, written) => {
            let constant = |target: &Target| constant(target, value, *written, binder);
            all(targets.iter().map(constant).collect::<Vec<_>>())?
        }
    };
    let reads = read_by(targets.iter().map(|target| &target.expression).chain(&by));
    let columns: Vec<Filled> = targets
        .into_iter()
        .map(|Target { name, expression }| {
            let behind = binder.put(&name, expression.data_type());
            Filled { before: expression, behind }
        })
        .collect();
    let empty = settings.empty;
    let action = match settings.with {
        With::Down(_) => Action::stateful(Down { columns, by, empty }),
        With::Value(..) => Action::stateless(Constant { columns, values, empty }),
    };
    Ok(Bound { reads, action })
}

/// The constant as a value of a column's type.
fn constant(
    target: &Target,
    value: &Sql,
    written: Written,
    binder: &mut Binder<'_>,
) -> Result<Column, Vec<Diagnostic>> {
    let data_type = target.expression.data_type();
    let mut literal = value.text.clone();
    if data_type == DataType::Json && written == Written::Text {
        let mut json = Vec::new();
        crate::record::text::write_json_string(&mut json, &literal);
        literal = String::from_utf8(json).expect("JSON of a string is a string");
    }
    let literal = literal.replace('\'', "''");
    let sql = Sql::unplaced(format!("CAST('{literal}' AS {data_type})"));
    let one = Batch::new(RawRecords::None, 1, 0);
    let column = expr::bind_scalar(&sql, &mut binder.scope("fill"))
        .map(|expression| (*expression.evaluate(&one, &[0])).clone());
    column.ok().filter(|column| column.is_valid(0)).ok_or_else(|| {
        let message = format!("`{}` is not a {data_type}, as `{}` is", value.text, target.name);
        vec![Diagnostic::at(value.whole(), message)]
    })
}

/// Whether a row of a column is to be filled.
fn is_missing(column: &Column, row: usize, empty: EmptyText) -> bool {
    let is_empty = || match &column.values {
        Values::Text(texts) => texts.get(row).is_empty(),
        Values::Json(texts) => texts.get(row) == br#""""#,
        _ => false,
    };
    !column.is_valid(row) || empty == EmptyText::Missing && is_empty()
}

impl Stateless for Constant {
    fn apply(&self, context: Context<'_>, mut batch: Batch) -> Batch {
        let before =
            evaluate_all(self.columns.iter().map(|one| &one.before), context.step, &mut batch);
        for ((filled, column), value) in self.columns.iter().zip(before).zip(&self.values) {
            let last = row32(batch.rows);
            let mut from: Vec<u32> = (0..last).collect();
            let mut is_changed = false;
            for row in &batch.selection {
                if is_missing(&column, *row as usize, self.empty) {
                    from[*row as usize] = last;
                    is_changed = true;
                }
            }
            let column =
                if is_changed { Arc::new(column.append(value).gather(&from)) } else { column };
            batch.fill(filled.behind, column);
        }
        batch
    }
}

fn row32(row: usize) -> u32 {
    u32::try_from(row).expect("a batch holds less than 2^32 records")
}

impl Stateful for Down {
    type State = Recalled<Carried>;
    /// The columns, and the key of each selected row.
    type Prepared = (Vec<Arc<Column>>, Keys);
    const VERSION: u32 = 1;
    const SPILLS: bool = true;

    fn new_state(&self) -> Recalled<Carried> {
        Recalled::default()
    }

    fn prepare(&self, context: Context<'_>, batch: &mut Batch) -> Self::Prepared {
        let expressions = self.columns.iter().map(|one| &one.before).chain(&self.by);
        let mut columns = evaluate_all(expressions, context.step, batch);
        let by = columns.split_off(self.columns.len());
        (columns, Keys::of_columns(&by, &batch.selection))
    }

    fn advance(
        &self,
        context: Context<'_>,
        carried: &mut Recalled<Carried>,
        batch: &mut Batch,
        (columns, keys): Self::Prepared,
    ) -> Result<Advanced> {
        let spills = context.tools.spills();
        let ids = carried.ids_of(&keys, spills)?;
        for id in &ids {
            carried.value_mut(*id).0.resize(self.columns.len(), Vec::new());
        }
        for (place, (filled, column)) in self.columns.iter().zip(columns).enumerate() {
            let column = self.filled(context, column, batch, &ids, (carried, place))?;
            batch.fill(filled.behind, column);
        }
        carried.put_away_above(context.tools.memory(), spills)?;
        Ok(Advanced::default())
    }

    fn spills(&self, carried: &Recalled<Carried>) -> Vec<Spill> {
        carried.spills()
    }

    fn bytes(&self, carried: &Recalled<Carried>) -> u64 {
        carried.bytes()
    }

    fn freeze(
        &self,
        _context: Context<'_>,
        carried: &mut Recalled<Carried>,
        is_all_asked: bool,
    ) -> Result<Snapshot> {
        let ((carried, shelf), columns) = (carried.share(is_all_asked), self.columns.len());
        Ok(Snapshot::new(carried.is_all(), move |out| {
            carried.write_keys(out);
            for column in 0..columns {
                out.strings(carried.values().map(|values| &*values.0[column]));
            }
            out.bytes.extend_from_slice(&shelf);
        }))
    }

    fn take_in(
        &self,
        _context: Context<'_>,
        carried: &mut Recalled<Carried>,
        reader: &mut Reader<'_>,
        is_all: bool,
    ) -> Result<(), Unreadable> {
        let part = carried.read_keys(reader, is_all)?;
        let mut values = vec![Carried::default(); part.count()];
        for filled in &self.columns {
            let strings = reader.strings(part.count(), "values")?;
            let types = [filled.before.data_type()];
            let known: Vec<&[u8]> =
                strings.iter().copied().filter(|value| !value.is_empty()).collect();
            key::columns_of(&types, known.into_iter()).ok_or(Unreadable { what: "values" })?;
            values.iter_mut().zip(strings).for_each(|(values, one)| values.0.push(one.to_vec()));
        }
        carried.take_in(&part, values, reader)
    }
}

impl Shelved for Carried {
    fn write(&self, out: &mut Writer) {
        out.count(self.0.len());
        out.strings(self.0.iter().map(|value| &**value));
    }

    fn read(reader: &mut Reader<'_>) -> Result<Carried, Unreadable> {
        let what = "values";
        let count = reader.count(4, what)?;
        Ok(Carried(reader.strings(count, what)?.into_iter().map(<[u8]>::to_vec).collect()))
    }

    fn owned(&self) -> usize {
        self.0.iter().map(|value| value.len() + ALLOCATION).sum()
    }
}

impl Down {
    /// A column with what it lacks. `ids` are the keys of the selected rows; the last values of the keys stand at a place.
    fn filled(
        &self,
        context: Context<'_>,
        column: Arc<Column>,
        batch: &Batch,
        ids: &[u32],
        (carried, place): (&mut Recalled<Carried>, usize),
    ) -> Result<Arc<Column>> {
        let mut from: Vec<u32> = (0..row32(batch.rows)).collect();
        // By key: the row that has its last value; rows behind those of the batch are taken from before it.
        let mut last: BTreeMap<u32, u32> = BTreeMap::new();
        let mut taken: Vec<&[u8]> = Vec::new();
        let mut bytes = 0;
        let mut is_changed = false;
        for (row, id) in batch.selection.iter().zip(ids) {
            if !is_missing(&column, *row as usize, self.empty) {
                last.insert(*id, *row);
                continue;
            }
            let before = &carried.value(*id).0[place];
            let source = match last.get(id) {
                Some(source) => *source,
                None if before.is_empty() => continue,
                None => {
                    taken.push(before);
                    let source = row32(batch.rows + taken.len() - 1);
                    last.insert(*id, source);
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
            if (row as usize) < batch.rows {
                let value = &mut carried.value_mut(id).0[place];
                value.clear();
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
