//! `dedup`: keeps the first record of each key, in input order.
//!
//! ```toml
//! [[transform]]
//! name  = "unique-orders"
//! dedup = { key = ["order_id"] }
//! ```
//!
//! A NULL is a key like any other. Without `key` the whole record is the key.

use super::binder::{Binder, Bound, read_by};
use super::{Action, Advanced, Context, Stateful, groups};
use crate::error::{Diagnostic, Result, Sql};
use crate::expr::Expression;
use crate::record::{Batch, Field, Rest, Slot};
use crate::state::{Entry, KeyTable, Keys, Reader, Unreadable, Writer};

/// A `dedup` as the job file describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Key expressions; none for the whole record's fields.
    pub key: Vec<Sql>,
}

#[derive(Debug)]
struct Dedup {
    key: Key,
}

#[derive(Debug)]
enum Key {
    /// The values of expressions.
    Columns(Vec<Expression>),
    /// The bytes of the record as it came.
    RawRecord,
}

/// Binds a `dedup`.
pub fn bind(settings: &Settings, binder: &mut Binder<'_>) -> Result<Bound, Vec<Diagnostic>> {
    let (reads, key) = bind_key(settings, binder)?;
    Ok(Bound { reads, action: Action::stateful(Dedup { key }) })
}

fn bind_key(
    settings: &Settings,
    binder: &mut Binder<'_>,
) -> Result<(Vec<Slot>, Key), Vec<Diagnostic>> {
    let layout = &binder.layout;
    if settings.key.is_empty() && layout.rest == Rest::Json && layout.fields.is_empty() {
        return Ok((Vec::new(), Key::RawRecord));
    }
    let expressions = if settings.key.is_empty() {
        let column = |field: &Field| Expression::column(field.slot, field.data_type);
        layout.fields.iter().map(column).collect()
    } else {
        binder.scalars(&settings.key, "dedup")?
    };
    Ok((read_by(&expressions), Key::Columns(expressions)))
}

impl Stateful for Dedup {
    /// The keys seen.
    type State = KeyTable;
    /// The key of each selected row.
    type Prepared = Keys;
    const VERSION: u32 = 1;

    fn new_state(&self) -> KeyTable {
        KeyTable::default()
    }

    fn prepare(&self, context: Context<'_>, batch: &mut Batch) -> Keys {
        match &self.key {
            Key::RawRecord => {
                Keys::of_bytes(&batch.selection, |row| batch.raw.record(row as usize))
            }
            Key::Columns(expressions) => {
                let columns = groups::evaluate_all(expressions, context.step, batch);
                Keys::of_columns(&columns, &batch.selection)
            }
        }
    }

    fn advance(
        &self,
        _context: Context<'_>,
        known: &mut KeyTable,
        batch: &mut Batch,
        keys: Keys,
    ) -> Result<Advanced> {
        let mut of_row = keys.iter();
        batch.retain(|_| {
            let (hash, key) = of_row.next().expect("one key for each selected row");
            matches!(known.insert(hash, key), Entry::New(_))
        });
        Ok(Advanced::default())
    }

    fn write(&self, _context: Context<'_>, keys: &mut KeyTable, out: &mut Writer) -> Result<()> {
        keys.write(out);
        Ok(())
    }

    fn read(&self, _context: Context<'_>, reader: &mut Reader<'_>) -> Result<KeyTable, Unreadable> {
        KeyTable::read(reader)
    }
}
