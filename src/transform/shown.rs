//! What a step remembers, as a table for people and other programs.

use super::parts::changed;
use crate::error::Result;
use crate::record::{Column, DataType, Text, Values};
use crate::state::{KeyTable, key};
use std::ops::Range;
use std::sync::Arc;

/// Some entries of a state, in the order in which they came: what tells them apart, then what is remembered of each.
#[derive(Debug, Default)]
pub struct Shown {
    /// Names and columns, all of them of the same number of rows.
    pub columns: Vec<(String, Column)>,
    /// How many of the columns, from the first on, are keys.
    pub keys: usize,
    /// Rows.
    pub rows: usize,
}

impl Shown {
    /// The keys of a table at some places, as far as there are such.
    pub fn of_keys(
        names: &[String],
        types: &[DataType],
        table: &KeyTable,
        entries: Range<usize>,
    ) -> Shown {
        let ids = ids(entries, table.len());
        let keys: Vec<&[u8]> = ids.map(|id| table.key(id)).collect();
        Shown::of_bytes(names, types, &keys).expect("keys were made of these types")
    }

    /// The same, of keys as bytes; `None` where they are not made of these types.
    pub fn of_bytes(names: &[String], types: &[DataType], keys: &[&[u8]]) -> Option<Shown> {
        let columns = key::columns_of(types, keys.iter().copied())?;
        let columns: Vec<(String, Column)> = names.iter().cloned().zip(columns).collect();
        Some(Shown { keys: columns.len(), columns, rows: keys.len() })
    }

    /// A single entry that is a number.
    pub fn number(name: &str, number: u64, entries: &Range<usize>) -> Shown {
        let rows = usize::from(entries.contains(&0));
        let numbers = std::iter::repeat_n(number, rows);
        Shown { rows, ..Shown::default() }.with(name, numbers_of(numbers))
    }

    /// With one more column behind the others, under a name that none of them has.
    pub fn with(mut self, name: &str, column: Column) -> Shown {
        let name = free_name(name, |name| self.columns.iter().any(|(other, _)| other == name));
        self.columns.push((name, column));
        self
    }
}

/// A name for a column that no field of a job is called after: this one, or `<name>_2` and so on where it is taken.
pub fn free_name(name: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let numbered = (2_u64..).map(|number| format!("{name}_{number}"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    names.find(|name| !is_taken(name)).expect("some number is free")
}

/// What becomes of a state that is to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// All of it was given.
    All,
    /// It has no rows that mean anything to people, and why.
    Not(&'static str),
}

/// Who takes the portions of a state.
pub type Taker<'t> = &'t mut dyn FnMut(Shown) -> Result<()>;

/// Who takes the keys of a state one by one, each with what is remembered of it.
pub type Give<'g, V> = &'g mut dyn FnMut(&[u8], V) -> Result<()>;

/// So many entries are shown at a time.
pub const ENTRIES: usize = 4096;

/// Makes portions of entries that come one by one: keys as bytes, with a value beside each. There is at least one portion.
pub fn in_portions<V>(
    make: impl Fn(&[&[u8]], &[V]) -> Option<Shown>,
    take: Taker<'_>,
    walk: impl FnOnce(Give<'_, V>) -> Result<()>,
) -> Result<()> {
    let (mut keys, mut values): (Vec<Vec<u8>>, Vec<V>) = (Vec::new(), Vec::new());
    let mut give = |keys: &mut Vec<Vec<u8>>, values: &mut Vec<V>| {
        let slices: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
        let shown = make(&slices, values).ok_or_else(changed)?;
        keys.clear();
        values.clear();
        take(shown)
    };
    walk(&mut |key, value| {
        keys.push(key.to_vec());
        values.push(value);
        if keys.len() == ENTRIES { give(&mut keys, &mut values) } else { Ok(()) }
    })?;
    give(&mut keys, &mut values)
}

/// The ids of entries at some places, as far as there are such.
pub fn ids(entries: Range<usize>, count: usize) -> impl Iterator<Item = u32> {
    let id = |place| u32::try_from(place).expect("ids have 32 bits");
    (entries.start.min(count)..entries.end.min(count)).map(id)
}

/// A column of numbers; what is too large for its type is its largest.
pub fn numbers_of(numbers: impl Iterator<Item = u64>) -> Column {
    let numbers = numbers.map(|number| i64::try_from(number).unwrap_or(i64::MAX));
    Column::new(Values::Bigint(numbers.collect()))
}

/// A column of texts; what is no UTF-8 is shown with replacement characters.
pub fn texts_of<'a>(texts: impl ExactSizeIterator<Item = &'a [u8]>) -> Column {
    let mut column = Text::filled(Arc::default(), texts.len());
    for (row, text) in texts.enumerate() {
        column.set(row, String::from_utf8_lossy(text).as_bytes());
    }
    Column::new(Values::Text(column))
}
