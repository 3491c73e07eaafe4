//! Smallest and largest values of groups.

use super::changes::Part;
use super::codec::{Reader, Unreadable, Writer};
use super::pages::{Cells, Pages};
use crate::record::aggregation::Extremum;
use crate::record::{Column, DataType, Element, Interval, Validity, Values, list};
use std::cmp::Ordering;
use std::ops::RangeInclusive;

/// The smallest or largest value of each group.
///
/// Doubles are ordered with NaN as the greatest; texts by their bytes. Equal values count as one, so which of them
/// came first does not matter (of the two zeros, `min` takes the negative and `max` the positive one; of intervals of
/// one length `min` takes the one with the fewest months, then days).
#[derive(Debug, Clone, PartialEq)]
pub struct Extreme {
    end: Extremum,
    seen: Pages<bool>,
    best: Best,
    /// The integers that the type can be.
    range: RangeInclusive<i128>,
}

/// The best values so far, in a form that several types share.
#[derive(Debug, Clone, PartialEq)]
enum Best {
    /// Everything that is an integer underneath.
    Integers(Pages<i128>),
    Doubles(Pages<f64>),
    Intervals(Pages<Interval>),
    Texts(Pages<Box<[u8]>>),
    Lists(Pages<Box<[u8]>>, Element),
}

impl Extreme {
    /// No groups yet, for values of a type.
    pub fn new(end: Extremum, data_type: DataType) -> Extreme {
        let best = match data_type {
            DataType::Double => Best::Doubles(Pages::default()),
            DataType::Text | DataType::Json => Best::Texts(Pages::default()),
            DataType::List(element) => Best::Lists(Pages::default(), element),
            DataType::Interval => Best::Intervals(Pages::default()),
            DataType::Boolean
            | DataType::Bigint
            | DataType::Decimal { .. }
            | DataType::Date
            | DataType::Time
            | DataType::Timestamp
            | DataType::Timestamptz => Best::Integers(Pages::default()),
        };
        let range = match data_type {
            DataType::Boolean => 0..=1,
            DataType::Date => i128::from(i32::MIN)..=i128::from(i32::MAX),
            DataType::Decimal { .. } => i128::MIN..=i128::MAX,
            _ => i128::from(i64::MIN)..=i128::from(i64::MAX),
        };
        Extreme { end, seen: Pages::default(), best, range }
    }

    /// Makes room for `groups` groups.
    pub fn grow(&mut self, groups: usize) {
        self.seen.grow(groups, false);
        match &mut self.best {
            Best::Integers(values) => values.grow(groups, 0),
            Best::Doubles(values) => values.grow(groups, 0.0),
            Best::Intervals(values) => values.grow(groups, Interval::default()),
            Best::Texts(values) | Best::Lists(values, _) => values.grow(groups, Box::default()),
        }
    }

    /// Asks for the memory of a group's best value.
    pub fn ask_for(&self, group: usize) {
        self.seen.ask_for(group);
        match &self.best {
            Best::Integers(best) => best.ask_for(group),
            Best::Doubles(best) => best.ask_for(group),
            Best::Intervals(best) => best.ask_for(group),
            Best::Texts(best) | Best::Lists(best, _) => best.ask_for(group),
        }
    }

    /// Takes in one value of a column, which must be valid there.
    pub fn update(&mut self, group: usize, column: &Column, row: usize) {
        match &column.values {
            Values::Boolean(values) => self.integer(group, i128::from(values[row])),
            Values::Bigint(values)
            | Values::Time(values)
            | Values::Timestamp(values)
            | Values::Timestamptz(values) => self.integer(group, i128::from(values[row])),
            Values::Interval(values) => self.interval(group, values[row]),
            Values::Decimal { units, .. } => self.integer(group, units[row]),
            Values::Date(values) => self.integer(group, i128::from(values[row])),
            Values::Double(values) => self.double(group, values[row]),
            Values::Text(text) | Values::Json(text) | Values::List(text, _) => {
                self.text(group, text.get(row));
            }
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
            Best::Intervals(values) => self.interval(group, values[other_group]),
            Best::Texts(values) | Best::Lists(values, _) => self.text(group, &values[other_group]),
        }
    }

    fn integer(&mut self, group: usize, value: i128) {
        let Best::Integers(best) = &mut self.best else { unreachable!("a column keeps its type") };
        if is_better(self.end, self.seen[group], value.cmp(&best[group])) {
            *best.cell(group) = value;
            *self.seen.cell(group) = true;
        }
    }

    fn double(&mut self, group: usize, value: f64) {
        let Best::Doubles(best) = &mut self.best else { unreachable!("a column keeps its type") };
        // One NaN, so that `total_cmp` puts it last.
        let value = if value.is_nan() { f64::NAN } else { value };
        if is_better(self.end, self.seen[group], value.total_cmp(&best[group])) {
            *best.cell(group) = value;
            *self.seen.cell(group) = true;
        }
    }

    fn interval(&mut self, group: usize, value: Interval) {
        let Best::Intervals(best) = &mut self.best else { unreachable!("a column keeps its type") };
        let rank = |value: Interval| (value.length(), value.months, value.days);
        let order = rank(value).cmp(&rank(best[group]));
        if is_better(self.end, self.seen[group], order) {
            *best.cell(group) = value;
            *self.seen.cell(group) = true;
        }
    }

    fn text(&mut self, group: usize, value: &[u8]) {
        let (best, order) = match &mut self.best {
            Best::Texts(best) => {
                let order = value.cmp(&best[group]);
                (best, order)
            }
            Best::Lists(best, element) => {
                // Equal lists have equal texts, except for the sign of zeros.
                let order = list::compare(value, &best[group], *element);
                let order = order.then_with(|| value.cmp(&best[group]));
                (best, order)
            }
            Best::Integers(_) | Best::Doubles(_) | Best::Intervals(_) => {
                unreachable!("a column keeps its type")
            }
        };
        if is_better(self.end, self.seen[group], order) {
            *best.cell(group) = value.into();
            *self.seen.cell(group) = true;
        }
    }

    /// The best values of some groups; NULL where a group had none.
    pub fn finish(&self, groups: &[u32], data_type: DataType) -> Column {
        let mut column = Column::new(Values::filled(data_type, groups.len()));
        let seen = groups.iter().map(|group| self.seen[*group as usize]);
        column.validity = Validity::from_flags(seen.collect());
        match &self.best {
            Best::Integers(best) => set_integers(&mut column.values, groups, best),
            Best::Doubles(best) => {
                let values = groups.iter().map(|group| best[*group as usize]).collect();
                column.values = Values::Double(values);
            }
            Best::Intervals(best) => {
                let values = groups.iter().map(|group| best[*group as usize]).collect();
                column.values = Values::Interval(values);
            }
            Best::Texts(best) | Best::Lists(best, _) => {
                if let Values::Text(out) | Values::Json(out) | Values::List(out, _) =
                    &mut column.values
                {
                    let rows = groups.iter().enumerate();
                    rows.for_each(|(row, group)| out.set(row, &best[*group as usize]));
                }
            }
        }
        column
    }

    /// Takes the place of a group by one of another.
    pub fn put(&mut self, group: usize, other: &Extreme, other_group: usize) {
        *self.seen.cell(group) = other.seen[other_group];
        match (&mut self.best, &other.best) {
            (Best::Integers(best), Best::Integers(others)) => {
                *best.cell(group) = others[other_group];
            }
            (Best::Doubles(best), Best::Doubles(others)) => *best.cell(group) = others[other_group],
            (Best::Intervals(best), Best::Intervals(others)) => {
                *best.cell(group) = others[other_group];
            }
            (Best::Texts(best), Best::Texts(others))
            | (Best::Lists(best, _), Best::Lists(others, _)) => {
                *best.cell(group) = others[other_group].clone();
            }
            _ => unreachable!("a column keeps its type"),
        }
    }

    /// The groups of a part as they are now, for another thread.
    pub fn share(&mut self, part: &Part) -> Extreme {
        let best = match &mut self.best {
            Best::Integers(best) => Best::Integers(best.share(part)),
            Best::Doubles(best) => Best::Doubles(best.share(part)),
            Best::Intervals(best) => Best::Intervals(best.share(part)),
            Best::Texts(best) => Best::Texts(best.share(part)),
            Best::Lists(best, element) => Best::Lists(best.share(part), *element),
        };
        Extreme { end: self.end, seen: self.seen.share(part), best, range: self.range.clone() }
    }

    /// Appends the groups of a part.
    pub fn write(&self, part: &Part, out: &mut Writer) {
        let groups = part.entries();
        out.flags(groups.clone().map(|group| self.seen[group]));
        match &self.best {
            Best::Integers(best) => out.i128s(groups.map(|group| best[group])),
            Best::Doubles(best) => out.u64s(groups.map(|group| best[group].to_bits())),
            Best::Intervals(best) => out.i128s(groups.map(|group| packed(best[group]))),
            Best::Texts(best) | Best::Lists(best, _) => {
                out.strings(groups.map(|group| &*best[group]));
            }
        }
    }

    /// Reads what [`Extreme::write`] wrote into a fresh value of the same kind.
    pub fn read(&mut self, reader: &mut Reader<'_>, groups: usize) -> Result<(), Unreadable> {
        let what = "smallest and largest values";
        self.seen = reader.flags(groups, what)?.into();
        match &mut self.best {
            Best::Integers(values) => {
                *values = reader.i128s(groups, what)?.into();
                if !values.iter().all(|value| self.range.contains(value)) {
                    return Err(Unreadable { what });
                }
            }
            Best::Doubles(values) => {
                *values = reader.u64s(groups, what)?.into_iter().map(f64::from_bits).collect();
            }
            Best::Intervals(values) => {
                *values = reader.i128s(groups, what)?.into_iter().map(unpacked).collect();
            }
            Best::Texts(values) | Best::Lists(values, _) => {
                let texts = reader.strings(groups, what)?;
                if !texts.iter().all(|text| std::str::from_utf8(text).is_ok()) {
                    return Err(Unreadable { what });
                }
                *values = texts.into_iter().map(Box::from).collect();
            }
        }
        Ok(())
    }
}

/// The three parts of an interval side by side.
fn packed(Interval { months, days, micros }: Interval) -> i128 {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&months.to_le_bytes());
    bytes[4..8].copy_from_slice(&days.to_le_bytes());
    bytes[8..].copy_from_slice(&micros.to_le_bytes());
    i128::from_le_bytes(bytes)
}

fn unpacked(value: i128) -> Interval {
    let bytes = value.to_le_bytes();
    let [m0, m1, m2, m3, d0, d1, d2, d3, u0, u1, u2, u3, u4, u5, u6, u7] = bytes;
    Interval {
        months: i32::from_le_bytes([m0, m1, m2, m3]),
        days: i32::from_le_bytes([d0, d1, d2, d3]),
        micros: i64::from_le_bytes([u0, u1, u2, u3, u4, u5, u6, u7]),
    }
}

fn set_integers(values: &mut Values, groups: &[u32], best: &Pages<i128>) {
    let narrow = "a value comes out as it went in";
    for (row, group) in groups.iter().enumerate() {
        let value = best[*group as usize];
        match values {
            Values::Boolean(out) => out[row] = value != 0,
            Values::Bigint(out)
            | Values::Time(out)
            | Values::Timestamp(out)
            | Values::Timestamptz(out) => out[row] = i64::try_from(value).expect(narrow),
            Values::Decimal { units, .. } => units[row] = value,
            Values::Date(out) => out[row] = i32::try_from(value).expect(narrow),
            _ => unreachable!("min and max have the type of their argument"),
        }
    }
}

fn is_better(end: Extremum, seen: bool, ordering: Ordering) -> bool {
    let wanted = match end {
        Extremum::Min => Ordering::Less,
        Extremum::Max => Ordering::Greater,
    };
    !seen || ordering == wanted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Text;
    use std::sync::Arc;

    #[test]
    fn intervals_survive_being_packed() {
        for interval in [
            Interval::default(),
            Interval { months: -1, days: 2, micros: i64::MIN },
            Interval { months: i32::MAX, days: i32::MIN, micros: 7 },
        ] {
            assert_eq!(unpacked(packed(interval)), interval);
        }
    }

    #[test]
    fn lists_and_intervals_have_a_least_and_a_greatest() {
        let mut lists = Text::filled(Arc::default(), 3);
        let rows = ["[1,10]", "[1,9]", "[1,9,0]"];
        rows.iter().enumerate().for_each(|(row, list)| lists.set(row, list.as_bytes()));
        let lists = Column::new(Values::List(lists, Element::Bigint));
        let month = Interval { months: 1, days: 0, micros: 0 };
        let (less, equal) = (Interval::of_days(29), Interval::of_days(30));
        let intervals = Column::new(Values::Interval(vec![month, less, equal]));
        let best = |direction, column: &Column| {
            let mut extreme = Extreme::new(direction, column.data_type());
            extreme.grow(1);
            (0..3).for_each(|row| extreme.update(0, column, row));
            extreme.finish(&[0], column.data_type()).values
        };
        let least = best(Extremum::Min, &lists);
        assert!(matches!(least, Values::List(text, _) if text.get(0) == b"[1,9]"));
        let greatest = best(Extremum::Max, &lists);
        assert!(matches!(greatest, Values::List(text, _) if text.get(0) == b"[1,10]"));
        assert_eq!(best(Extremum::Min, &intervals), Values::Interval(vec![less]));
        assert_eq!(best(Extremum::Max, &intervals), Values::Interval(vec![month]));
    }
}
