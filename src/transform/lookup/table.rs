//! The keys of a file's records, and which records have each.

use super::Duplicates;
use crate::record::Column;
use crate::state::{KeyTable, Keys};
use std::sync::Arc;

/// Records of a file by key.
#[derive(Debug)]
pub struct Table {
    keys: KeyTable,
    /// Where the records of each key end in `rows`.
    ends: Vec<usize>,
    rows: Vec<u32>,
    records: u32,
}

/// A key that too many records have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeated {
    /// Two of them, where there may be one.
    Twice(u32, u32),
    /// More than are ever repeated.
    TooOften {
        /// One of them.
        row: u32,
        /// How many may be.
        max: usize,
    },
}

impl Repeated {
    /// What is said about it.
    pub fn message(self, name: &str, line: &dyn Fn(u32) -> u64) -> String {
        match self {
            Repeated::Twice(first, second) => {
                let (first, second) = (line(first), line(second));
                format!("`{name}` has the key of line {first} again in line {second}")
            }
            Repeated::TooOften { row, max } => {
                let line = line(row);
                format!("`{name}` has the key of line {line} more than {max} times")
            }
        }
    }
}

impl Table {
    /// Of the keys of so many records; those with a NULL match nothing.
    pub fn new(
        columns: &[Arc<Column>],
        records: usize,
        duplicates: Duplicates,
        matches_max: usize,
    ) -> Result<Table, Repeated> {
        let has_key = |row: &u32| columns.iter().all(|column| column.is_valid(*row as usize));
        let rows: Vec<u32> = (0..).take(records).filter(has_key).collect();
        let of_rows = Keys::of_columns(columns, &rows);
        let mut keys = KeyTable::default();
        let ids: Vec<u32> = of_rows.iter().map(|(hash, key)| keys.insert(hash, key).id()).collect();
        let mut of_key: Vec<Vec<u32>> = vec![Vec::new(); keys.len()];
        for (row, id) in rows.iter().zip(&ids) {
            let same = &mut of_key[*id as usize];
            match (duplicates, same.first()) {
                (Duplicates::Error, Some(first)) => return Err(Repeated::Twice(*first, *row)),
                (Duplicates::First, Some(_)) => continue,
                _ => same.push(*row),
            }
            if same.len() > matches_max {
                return Err(Repeated::TooOften { row: same[0], max: matches_max });
            }
        }
        let ends = of_key.iter().scan(0, |end, same| {
            *end += same.len();
            Some(*end)
        });
        let ends = ends.collect();
        let records = u32::try_from(records).expect("a file in memory has less than 2^32 records");
        Ok(Table { keys, ends, rows: of_key.concat(), records })
    }

    /// The records with a key, in the order of the file.
    pub fn find(&self, hash: u32, key: &[u8]) -> &[u32] {
        let Some(id) = self.keys.find(hash, key) else { return &[] };
        let id = id as usize;
        let start = id.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.rows[start..self.ends[id]]
    }

    /// Number of records, with or without a key.
    pub fn records(&self) -> u32 {
        self.records
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Values;

    fn table(keys: &[Option<i64>], duplicates: Duplicates) -> Result<Table, Repeated> {
        let values = keys.iter().map(|key| key.unwrap_or_default()).collect();
        let mut column = Column::new(Values::Bigint(values));
        for (row, _) in keys.iter().enumerate().filter(|(_, key)| key.is_none()) {
            column.validity.set_null(row, keys.len());
        }
        Table::new(&[Arc::new(column)], keys.len(), duplicates, 2)
    }

    fn find(table: &Table, key: i64) -> &[u32] {
        let keys = Keys::of_columns(&[Arc::new(Column::new(Values::Bigint(vec![key])))], &[0]);
        let (hash, key) = keys.iter().next().expect("one key");
        table.find(hash, key)
    }

    #[test]
    fn records_are_found_in_the_order_of_the_file() {
        let keys = [Some(7), None, Some(3), Some(7), None];
        let all = table(&keys, Duplicates::All).expect("two at most");
        assert_eq!((find(&all, 7), find(&all, 3), find(&all, 0)), (&[0, 3][..], &[2][..], &[][..]));
        let first = table(&keys, Duplicates::First).expect("all are fine");
        assert_eq!(find(&first, 7), [0]);
        assert_eq!(
            table(&keys, Duplicates::Error).expect_err("7 is there twice"),
            Repeated::Twice(0, 3)
        );
        assert!(table(&[None, None], Duplicates::Error).is_ok());
        assert!(find(&table(&[], Duplicates::Error).expect("nothing is twice"), 1).is_empty());
        let often = table(&[Some(1); 3], Duplicates::All).expect_err("too many");
        assert_eq!(often, Repeated::TooOften { row: 0, max: 2 });
    }
}
