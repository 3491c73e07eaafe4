//! Smallest and largest values of groups.

use super::codec::{Reader, Unreadable, Writer};
use crate::record::{Column, DataType, Text, Validity, Values};
use std::cmp::Ordering;
use std::sync::Arc;

/// The smallest or largest value of each group.
///
/// Doubles are ordered with NaN as the greatest; texts by their bytes. Equal values count as one, so which of them
/// came first does not matter (of the two zeros, `min` takes the negative and `max` the positive one).
#[derive(Debug, Clone, PartialEq)]
pub struct Extreme {
    direction: Direction,
    seen: Vec<bool>,
    best: Best,
}

/// Which end is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The smallest value.
    Min,
    /// The largest value.
    Max,
}

/// The best values so far, in one of three forms.
#[derive(Debug, Clone, PartialEq)]
enum Best {
    /// Everything that is an integer underneath.
    Integers(Vec<i128>),
    Doubles(Vec<f64>),
    Texts(Vec<Box<[u8]>>),
}

impl Extreme {
    /// No groups yet, for values of a type.
    pub fn new(direction: Direction, data_type: DataType) -> Extreme {
        let best = match data_type {
            DataType::Double => Best::Doubles(Vec::new()),
            DataType::Text | DataType::Json => Best::Texts(Vec::new()),
            DataType::Boolean
            | DataType::Bigint
            | DataType::Decimal { .. }
            | DataType::Date
            | DataType::Timestamp => Best::Integers(Vec::new()),
        };
        Extreme { direction, seen: Vec::new(), best }
    }

    /// Makes room for `groups` groups.
    pub fn grow(&mut self, groups: usize) {
        self.seen.resize(groups, false);
        match &mut self.best {
            Best::Integers(values) => values.resize(groups, 0),
            Best::Doubles(values) => values.resize(groups, 0.0),
            Best::Texts(values) => values.resize(groups, Box::default()),
        }
    }

    /// Takes in one value of a column, which must be valid there.
    pub fn update(&mut self, group: usize, column: &Column, row: usize) {
        match &column.values {
            Values::Boolean(values) => self.integer(group, i128::from(values[row])),
            Values::Bigint(values) | Values::Timestamp(values) => {
                self.integer(group, i128::from(values[row]));
            }
            Values::Decimal { units, .. } => self.integer(group, units[row]),
            Values::Date(values) => self.integer(group, i128::from(values[row])),
            Values::Double(values) => self.double(group, values[row]),
            Values::Text(text) | Values::Json(text) => self.text(group, text.get(row)),
        }
    }

    /// Takes in the best value of a group of another one.
    pub fn merge(&mut self, group: usize, other: &Extreme, other_group: usize) {
        if !other.seen[other_group] {
            return;
        }
        match &other.best {
            Best::Integers(values) => self.integer(group, values[other_group]),
            Best::Doubles(values) => self.double(group, values[other_group]),
            Best::Texts(values) => self.text(group, &values[other_group]),
        }
    }

    fn integer(&mut self, group: usize, value: i128) {
        let Best::Integers(best) = &mut self.best else { unreachable!("a column keeps its type") };
        if is_better(self.direction, self.seen[group], value.cmp(&best[group])) {
            best[group] = value;
            self.seen[group] = true;
        }
    }

    fn double(&mut self, group: usize, value: f64) {
        let Best::Doubles(best) = &mut self.best else { unreachable!("a column keeps its type") };
        // One NaN, so that `total_cmp` puts it last.
        let value = if value.is_nan() { f64::NAN } else { value };
        if is_better(self.direction, self.seen[group], value.total_cmp(&best[group])) {
            best[group] = value;
            self.seen[group] = true;
        }
    }

    fn text(&mut self, group: usize, value: &[u8]) {
        let Best::Texts(best) = &mut self.best else { unreachable!("a column keeps its type") };
        if is_better(self.direction, self.seen[group], value.cmp(&best[group])) {
            best[group] = value.into();
            self.seen[group] = true;
        }
    }

    /// The best values of some groups; NULL where a group had none.
    pub fn finish(&self, groups: std::ops::Range<usize>, data_type: DataType) -> Column {
        let mut column = Column::new(Values::filled(data_type, groups.len()));
        column.validity = Validity::from_flags(self.seen[groups.clone()].to_vec());
        let narrow = "a value comes out as it went in";
        match (&mut column.values, &self.best) {
            (Values::Boolean(out), Best::Integers(best)) => {
                out.iter_mut().zip(&best[groups]).for_each(|(out, value)| *out = *value != 0);
            }
            (Values::Bigint(out) | Values::Timestamp(out), Best::Integers(best)) => {
                let pairs = out.iter_mut().zip(&best[groups]);
                pairs.for_each(|(out, value)| *out = i64::try_from(*value).expect(narrow));
            }
            (Values::Decimal { units, .. }, Best::Integers(best)) => {
                units.copy_from_slice(&best[groups]);
            }
            (Values::Date(out), Best::Integers(best)) => {
                let pairs = out.iter_mut().zip(&best[groups]);
                pairs.for_each(|(out, value)| *out = i32::try_from(*value).expect(narrow));
            }
            (Values::Double(out), Best::Doubles(best)) => out.copy_from_slice(&best[groups]),
            (Values::Text(out) | Values::Json(out), Best::Texts(best)) => {
                *out = Text::filled(Arc::default(), groups.len());
                best[groups].iter().enumerate().for_each(|(row, value)| out.set(row, value));
            }
            _ => unreachable!("min and max have the type of their argument"),
        }
        column
    }

    /// Appends all groups.
    pub fn write(&self, out: &mut Writer) {
        out.flags(self.seen.iter().copied());
        match &self.best {
            Best::Integers(values) => out.i128s(values.iter().copied()),
            Best::Doubles(values) => out.u64s(values.iter().map(|value| value.to_bits())),
            Best::Texts(values) => out.strings(values.iter().map(|value| &**value)),
        }
    }

    /// Reads what [`Extreme::write`] wrote into a fresh value of the same kind.
    pub fn read(&mut self, reader: &mut Reader<'_>, groups: usize) -> Result<(), Unreadable> {
        let what = "smallest and largest values";
        self.seen = reader.flags(groups, what)?;
        match &mut self.best {
            Best::Integers(values) => *values = reader.i128s(groups, what)?,
            Best::Doubles(values) => {
                *values = reader.u64s(groups, what)?.into_iter().map(f64::from_bits).collect();
            }
            Best::Texts(values) => {
                *values = reader.strings(groups, what)?.into_iter().map(Box::from).collect();
            }
        }
        Ok(())
    }
}

fn is_better(direction: Direction, seen: bool, ordering: Ordering) -> bool {
    let wanted = match direction {
        Direction::Min => Ordering::Less,
        Direction::Max => Ordering::Greater,
    };
    !seen || ordering == wanted
}
