//! Rows with few different keys, each made of a few short values: most rows find their group without their key being
//! made.
//!
//! Of each row its values are packed into words, and a small table says which group was found for such words last. The
//! groups are the same, in the same order, as if each key had been made and looked up.

use super::key::{self, write_canonical};
use super::table::KeyTable;
use crate::record::{Column, Values};
use std::sync::Arc;

/// The most columns of such keys.
const COLUMNS_MAX: usize = 3;

/// How many groups are remembered; a power of two.
const PLACES: usize = 256;

/// Rows whose key had to be made, that do not count against the others.
const MISSES_FREE: usize = 64;

/// One row in so many may need its key.
const ROWS_PER_MISS: usize = 16;

/// The values of a row, and how long each is.
type Words = [u64; COLUMNS_MAX + 1];

/// What stands for the length of a NULL.
const NULL: u64 = u64::MAX >> 48;

/// The keys of some rows in the order in which they are first seen, and the id of each row's key. `None` where keys are
/// made of other values, or are not few.
pub fn group(columns: &[Arc<Column>], rows: &[u32]) -> Option<(KeyTable, Vec<u32>)> {
    if columns.len() > COLUMNS_MAX || !columns.iter().all(|column| is_packable(column)) {
        return None;
    }
    let mut table = KeyTable::default();
    let mut ids = Vec::with_capacity(rows.len());
    let mut places = vec![(Words::default(), u32::MAX); PLACES];
    let (mut key, mut misses) = (Vec::new(), 0);
    for row in rows {
        let words = pack(columns, *row as usize);
        if let Some(words) = words
            && let (known, id) = places[place_of(&words)]
            && id != u32::MAX
            && is_same(&known, &words)
        {
            ids.push(id);
            continue;
        }
        misses += 1;
        if misses > MISSES_FREE + ids.len() / ROWS_PER_MISS {
            return None;
        }
        key.clear();
        columns.iter().for_each(|column| write_canonical(&mut key, column, *row as usize));
        let id = table.insert(key::hash(&key), &key).id();
        if let Some(words) = words {
            places[place_of(&words)] = (words, id);
        }
        ids.push(id);
    }
    Some((table, ids))
}

fn is_packable(column: &Column) -> bool {
    matches!(
        column.values,
        Values::Text(_) | Values::Bigint(_) | Values::Boolean(_) | Values::Date(_)
    )
}

/// Different values have different words; `None` where a text is too long for one.
#[inline]
fn pack(columns: &[Arc<Column>], row: usize) -> Option<Words> {
    let mut words = Words::default();
    // Without a loop that depends on how many columns there are, the words stay in registers.
    for index in 0..COLUMNS_MAX {
        let Some(column) = columns.get(index) else { break };
        let (word, length) = if column.is_valid(row) {
            match &column.values {
                Values::Text(texts) => pack_text(texts.get(row))?,
                Values::Bigint(values) => (values[row].cast_unsigned(), 8),
                Values::Boolean(values) => (u64::from(values[row]), 1),
                Values::Date(values) => (u64::from(values[row].cast_unsigned()), 4),
                _ => return None,
            }
        } else {
            (0, NULL)
        };
        words[index] = word;
        words[COLUMNS_MAX] |= length << (16 * index);
    }
    Some(words)
}

/// The bytes of a text of at most eight, some of them twice, and its length.
#[inline]
fn pack_text(text: &[u8]) -> Option<(u64, u64)> {
    let word = match (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        (Some(first), Some(last)) if text.len() <= 8 => {
            u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32
        }
        (Some(_), _) => return None,
        _ => match *text {
            [] => 0,
            [one] => u64::from(one),
            [one, two] => u64::from(u16::from_le_bytes([one, two])),
            [one, two, three, ..] => u64::from(u32::from_le_bytes([one, two, three, 0])),
        },
    };
    Some((word, text.len() as u64))
}

/// One by one: as a whole they would be written to memory first, and read from there before they had arrived.
#[inline]
fn is_same(known: &Words, words: &Words) -> bool {
    known.iter().zip(words).all(|(known, word)| known == word)
}

#[inline]
fn place_of(words: &Words) -> usize {
    let [first, second, third, lengths] = *words;
    let mixed = first ^ second.rotate_left(21) ^ third.rotate_left(42) ^ lengths;
    let place = mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - PLACES.trailing_zeros());
    usize::try_from(place).expect("a few bits")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Text;
    use crate::state::Keys;
    use proptest::prelude::*;

    fn texts(values: &[Option<String>]) -> Arc<Column> {
        let mut texts = Text::filled(Arc::default(), values.len());
        for (row, value) in values.iter().enumerate() {
            texts.set(row, value.as_deref().unwrap_or_default().as_bytes());
        }
        let mut column = Column::new(Values::Text(texts));
        for (row, _) in values.iter().enumerate().filter(|(_, value)| value.is_none()) {
            column.validity.set_null(row, values.len());
        }
        Arc::new(column)
    }

    fn check(columns: &[Arc<Column>], rows: &[u32]) -> bool {
        let Some((table, ids)) = group(columns, rows) else { return false };
        let mut expected = KeyTable::default();
        assert_eq!(ids, expected.insert_all(&Keys::of_columns(columns, rows)));
        assert!(table.keys().eq(expected.keys()));
        true
    }

    proptest! {
        #[test]
        fn rows_find_the_groups_that_their_keys_find(
            values in prop::collection::vec(prop::option::of("[ab\u{0}]{0,10}"), 1..200),
            numbers in prop::collection::vec(-2_i64..3, 200),
        ) {
            let rows: Vec<u32> = (0..).take(values.len()).collect();
            let few = texts(&values);
            let numbers = Arc::new(Column::new(Values::Bigint(numbers[..values.len()].to_vec())));
            check(std::slice::from_ref(&few), &rows);
            check(&[few.clone(), numbers.clone()], &rows);
            check(&[numbers, few.clone(), few], &rows);
        }
    }

    #[test]
    fn few_keys_are_grouped_and_many_are_left_to_others() {
        let rows: Vec<u32> = (0..10_000).collect();
        let number = |modulus: u32| {
            let texts_of = rows.iter().map(|row| Some((row % modulus).to_string()));
            texts(&texts_of.collect::<Vec<_>>())
        };
        assert!(check(&[number(4)], &rows) && check(&[number(4), number(7)], &rows));
        assert!(!check(&[number(10_000)], &rows), "many keys");
        assert!(!check(&vec![number(2); COLUMNS_MAX + 1], &rows), "many columns");
        let long = texts(&vec![Some("longer than a word".to_owned()); 10_000]);
        assert!(!check(&[long], &rows), "long texts");
        let doubles = Arc::new(Column::new(Values::Double(vec![1.0; 10_000])));
        assert!(!check(&[doubles], &rows), "values that have no one form");
    }
}
