//! `lookup`: joins each record to the records of a file that is held in memory.
//!
//! ```toml
//! [[transform]]
//! lookup = { from = "countries.csv", on = ["country = code"], select = ["name AS country_name", "continent"] }
//! ```
//!
//! On the left of a condition stand expressions of the record, on the right those of the file; a NULL on either side
//! matches nothing. `kind` says what becomes of a record: `left` keeps all of them, `inner` those that match, `semi` too
//! but takes nothing from the file, `anti` keeps those that do not. `duplicates` says what happens where the file has a
//! key more than once: it is an `error`, or the `first` one counts, or the record is repeated for `all` of them.

mod table;

use super::binder::{Binder, Bound, read_by};
use super::reference::Reference;
use super::{Action, Context, Stateless, groups};
use crate::error::{Diagnostic, Sql};
use crate::expr::{self, Expression, Item, Scope, TOO_MUCH_TEXT};
use crate::record::{Batch, Column, Field, Layout, Reason, Slot, SlotOrigin};
use crate::state::Keys;
use std::sync::Arc;
use table::Table;

/// A `lookup` as the job file describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The file: its number among the references of the job, and where it stands in the job file.
    pub from: (usize, Sql),
    /// Conditions.
    pub on: Vec<Sql>,
    /// What becomes of a record.
    pub kind: Kind,
    /// What becomes of it where the file has its key more than once.
    pub duplicates: Duplicates,
    /// Select-list items over the file; `None` for all its columns that are no keys.
    pub select: Option<Vec<Sql>>,
}

/// What becomes of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It stays; without a match what is taken from the file is NULL.
    Left,
    /// It stays where it has a match.
    Inner,
    /// The same, and nothing is taken from the file.
    Semi,
    /// It stays where it has no match.
    Anti,
}

/// What becomes of a record where the file has its key more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duplicates {
    /// The file is refused.
    Error,
    /// The first record of the file with the key counts.
    First,
    /// The record is repeated for each.
    All,
}

/// So many records of the file may have one key: repeating a record must not fill the memory.
const MATCHES_MAX: usize = 1 << 16;

/// So many records are made of a batch; one that makes more is done again in smaller parts.
const ROWS_MAX: usize = 1 << 22;

#[derive(Debug)]
struct Lookup {
    keys: Vec<Expression>,
    kind: Kind,
    table: Table,
    /// What is taken from the file: where it goes, and the values of all its records, with a NULL at the end.
    columns: Vec<(Slot, Column)>,
}

/// Binds a `lookup`; the file is read here.
pub fn bind(settings: &Settings, binder: &mut Binder<'_>) -> Result<Bound, Vec<Diagnostic>> {
    let reference = binder.references[settings.from.0].clone();
    let (layout, mut slots) = reference.shape();
    let now_micros = binder.now_micros;
    let context = format!("`{}`", reference.name());
    let mut file = Scope { layout: &layout, slots: &mut slots, now_micros, context: &context };
    let keys = expr::bind_join(&settings.on, &mut binder.scope("lookup"), &mut file);
    let taken = taken(settings, &*reference, &mut file, keys.as_deref().unwrap_or_default());
    let (keys, taken) = match (keys, taken) {
        (Ok(keys), Ok(taken)) => (keys, taken),
        (keys, taken) => {
            let problems = [keys.err(), taken.err()];
            return Err(problems.into_iter().flatten().flatten().collect());
        }
    };
    let place = &settings.from.1;
    if let Some(problem) = named_twice(&taken, &binder.layout, place) {
        return Err(vec![problem]);
    }
    let problem = |message: String| vec![Diagnostic::at(place.whole(), message)];
    let (left, right): (Vec<Expression>, Vec<Expression>) =
        keys.into_iter().map(|key| (key.left, key.right)).unzip();
    let reads = read_by(right.iter().chain(taken.iter().map(|(_, expression)| expression)));
    let mut records = reference.records(&slots, &reads).map_err(problem)?;
    let key_columns = whole_columns(&right, &mut records, &*reference).map_err(problem)?;
    let values: Vec<Expression> = taken.iter().map(|(_, value)| value.clone()).collect();
    let values = whole_columns(&values, &mut records, &*reference).map_err(problem)?;
    let line = |row: u32| reference.line(&records, row);
    let table = Table::new(&key_columns, records.rows, settings.duplicates, MATCHES_MAX);
    let table = table.map_err(|repeated| {
        let message = repeated.message(reference.name(), &line);
        let hint = "say which one counts: duplicates = \"first\" or \"all\"";
        vec![Diagnostic::at(place.whole(), message).with_hint(hint)]
    })?;
    let mut columns = Vec::new();
    for ((name, value), column) in taken.iter().zip(values) {
        let data_type = value.data_type();
        let slot = binder.slots.add(name, data_type, SlotOrigin::Computed);
        binder.layout.fields.push(Field { name: name.clone(), data_type, slot });
        columns.push((slot, with_null(&column)));
    }
    binder.keep_json_keys();
    let reads = read_by(&left);
    let lookup = Lookup { keys: left, kind: settings.kind, table, columns };
    Ok(Bound { reads, action: Action::stateless(lookup) })
}

/// A column of the file with the name of another one.
fn named_twice(taken: &[(String, Expression)], layout: &Layout, place: &Sql) -> Option<Diagnostic> {
    let is_known = |name: &str| layout.fields.iter().any(|field| field.name == name);
    let is_twin = |at: usize, name: &str| taken[..at].iter().any(|(other, _)| other == name);
    let mut names = taken.iter().enumerate();
    let (_, (name, _)) = names.find(|(at, (name, _))| is_known(name) || is_twin(*at, name))?;
    let problem = Diagnostic::at(place.whole(), format!("two columns are named `{name}`"));
    let hint = format!("give it another name: `select = [\"{name} AS {name}_2\"]`");
    Some(problem.with_hint(hint))
}

/// Names and values of what is taken from the file.
fn taken(
    settings: &Settings,
    reference: &dyn Reference,
    file: &mut Scope<'_>,
    keys: &[expr::JoinKey],
) -> Result<Vec<(String, Expression)>, Vec<Diagnostic>> {
    if matches!(settings.kind, Kind::Semi | Kind::Anti) {
        return Ok(Vec::new());
    }
    let Some(sqls) = &settings.select else {
        if reference.is_open() {
            let message = "what to take from a JSON file must be named";
            let hint = "add it: `select = [\"name\", \"address.city AS city\"]`";
            return Err(vec![Diagnostic::at(settings.from.1.whole(), message).with_hint(hint)]);
        }
        let is_key =
            |field: &&Field| keys.iter().any(|key| key.right.as_slot() == Some(field.slot));
        let fields = file.layout.fields.iter().filter(|field| !is_key(field));
        let plain = |field: &Field| Expression::column(field.slot, field.data_type);
        return Ok(fields.map(|field| (field.name.clone(), plain(field))).collect());
    };
    let mut taken = Vec::new();
    for item in expr::bind_items(sqls, file)? {
        match item {
            Item::Expression { name, expression } => taken.push((name, expression)),
            Item::Star { exclude, replace, rename } => {
                let is_excluded =
                    |name: &str| exclude.iter().any(|out| out.eq_ignore_ascii_case(name));
                for field in file.layout.fields.iter().filter(|field| !is_excluded(&field.name)) {
                    let replaced = replace.iter().find(|(name, _)| *name == field.name);
                    let plain = || Expression::column(field.slot, field.data_type);
                    let value = replaced.map_or_else(plain, |(_, value)| value.clone());
                    let renamed = rename.iter().find(|(from, _)| *from == field.name);
                    taken.push((renamed.map_or(&field.name, |(_, to)| to).clone(), value));
                }
            }
        }
    }
    Ok(taken)
}

/// The values of expressions for all records of the file; a fault is an error that names the line.
fn whole_columns(
    expressions: &[Expression],
    records: &mut Batch,
    reference: &dyn Reference,
) -> Result<Vec<Arc<Column>>, String> {
    let mut columns = Vec::new();
    for expression in expressions {
        let column = expression.evaluate(records, &records.selection);
        if let Some((row, reason)) = column.faults.iter().next() {
            let line = reference.line(records, row);
            return Err(format!("`{}` line {line}: {reason}", reference.name()));
        }
        columns.push(column);
    }
    Ok(columns)
}

/// A column with one more row, which is NULL.
fn with_null(column: &Column) -> Column {
    let rows = column.rows();
    let mut last: Vec<u32> = (0..).take(rows).collect();
    if rows == 0 {
        return Column::null(column.data_type(), 1);
    }
    last.push(0);
    let mut longer = column.gather(&last);
    longer.validity.set_null(rows, rows + 1);
    longer
}

impl Stateless for Lookup {
    fn apply(&self, context: Context<'_>, mut batch: Batch) -> Batch {
        let keys = groups::evaluate_all(&self.keys, context.step, &mut batch);
        let matches = self.matches(&keys, &batch);
        match self.kind {
            Kind::Left => {}
            Kind::Inner | Kind::Semi => batch.retain(|row| !matches[row as usize].is_empty()),
            Kind::Anti => batch.retain(|row| matches[row as usize].is_empty()),
        }
        if matches!(self.kind, Kind::Semi | Kind::Anti) {
            return batch;
        }
        self.join(context, batch, &matches)
    }
}

impl Lookup {
    /// For each row of the batch the records of the file that match it.
    fn matches(&self, keys: &[Arc<Column>], batch: &Batch) -> Vec<&[u32]> {
        let mut matches: Vec<&[u32]> = vec![&[]; batch.rows];
        let has_key = |row: &&u32| keys.iter().all(|column| column.is_valid(**row as usize));
        let rows: Vec<u32> = batch.selection.iter().filter(has_key).copied().collect();
        let keys = Keys::of_columns(keys, &rows);
        for (row, (hash, key)) in rows.iter().zip(keys.iter()) {
            matches[*row as usize] = self.table.find(hash, key);
        }
        matches
    }

    /// Fills in what is taken from the file; rows that match more than one record of it are repeated.
    fn join(&self, context: Context<'_>, mut batch: Batch, matches: &[&[u32]]) -> Batch {
        let null = self.table.records();
        let mut found = vec![null; batch.rows];
        if matches.iter().any(|found| found.len() > 1) {
            let (mut rows, mut too_many) = (Vec::new(), Vec::new());
            found.clear();
            for row in &batch.selection {
                let of_row = match matches[*row as usize] {
                    [] => std::slice::from_ref(&null),
                    of_row => of_row,
                };
                if rows.len() + of_row.len() > ROWS_MAX {
                    let reason: Reason = format!("{}: {TOO_MUCH_TEXT}", context.step).into();
                    too_many.push((*row, reason));
                    continue;
                }
                rows.extend(std::iter::repeat_n(*row, of_row.len()));
                found.extend_from_slice(of_row);
            }
            batch.reject_rows(too_many);
            batch = batch.derive(&rows);
        } else {
            for row in &batch.selection {
                found[*row as usize] = matches[*row as usize].first().copied().unwrap_or(null);
            }
        }
        for (slot, column) in &self.columns {
            batch.fill(*slot, Arc::new(column.gather(&found)));
        }
        batch
    }
}
