//! What becomes of accumulated groups at the end: columns of results.

use super::accumulator::{Accumulator, AccumulatorKind};
use super::approximate::Buckets;
use super::exact_sum::ExactSum;
use super::form;
use super::listed::{TooMany, VALUE_BYTES_MAX, VALUES_MAX};
use super::pages::Pages;
use super::quantile;
use super::tally::Tally;
use crate::record::aggregation::{Aggregation, Points};
use crate::record::{Column, DataType, Reason, Text, Values};

/// The results of some groups as a column of the call's type.
pub fn finish(accumulator: &Accumulator, kind: &AccumulatorKind, groups: &[u32]) -> Column {
    let is_average = kind.aggregation == Aggregation::Average;
    match accumulator {
        Accumulator::Count(counts) => self::counts(groups, |group| counts[group]),
        Accumulator::Integers(sums) if kind.aggregation == Aggregation::CountAll => {
            counts(groups, |group| sums.records(group))
        }
        Accumulator::Integers(sums) if is_average => sums.means(groups),
        Accumulator::Integers(sums) => sums.finish(groups, kind.result),
        Accumulator::Doubles(sums) if is_average => sums.means(groups),
        Accumulator::Doubles(sums) => sums.finish(groups),
        Accumulator::Bits(bits) => bits.finish(groups),
        Accumulator::Extreme(extreme) => extreme.finish(groups, kind.result),
        Accumulator::Moments(moments) => moments.finish(groups),
        Accumulator::Ranked(ranked) => match kind.aggregation {
            Aggregation::Several(..) | Aggregation::SeveralArgs(..) => {
                texts(kind.result, groups, |group, out| {
                    ranked.has_values(group).then(|| form::write_list(out, &ranked.of(group)))
                })
            }
            _ => ranked.bests(groups),
        },
        Accumulator::Listed(listed) => {
            let too_many: Reason = format!(
                "more than {VALUES_MAX} values or {} MiB of them in one group",
                VALUE_BYTES_MAX >> 20
            )
            .into();
            let mut over = Vec::new();
            let mut column = texts(kind.result, groups, |group, out| match listed.of(group) {
                Err(TooMany) => {
                    over.push(group);
                    None
                }
                Ok(values) => write_all(&kind.aggregation, &values, out),
            });
            for (row, group) in (0_u32..).zip(groups) {
                if over.contains(group) {
                    column.set_fault(row, &too_many);
                }
            }
            column
        }
        Accumulator::Tally(tally) => of_tally(tally, kind, groups),
        Accumulator::Approximate(all) => {
            let estimates = groups.iter().map(|group| all[*group as usize].estimate());
            Column::new(Values::Bigint(estimates.collect()))
        }
        Accumulator::Buckets(all) => of_buckets(all, kind, groups),
        Accumulator::Distinct(distinct) => distinct.finish(kind, groups),
    }
}

fn counts(groups: &[u32], count: impl Fn(usize) -> u64) -> Column {
    let count = |group: &u32| i64::try_from(count(*group as usize));
    let counts = groups.iter().map(|group| count(group).expect("fewer than 2^63 records"));
    Column::new(Values::Bigint(counts.collect()))
}

/// A column of what is written for each group; NULL where nothing is.
fn texts(
    data_type: DataType,
    groups: &[u32],
    mut write: impl FnMut(u32, &mut Vec<u8>) -> Option<()>,
) -> Column {
    let mut column = Column::new(Values::filled(data_type, groups.len()));
    for (row, group) in groups.iter().enumerate() {
        let mut is_null = false;
        let text = text_of(&mut column);
        text.set_with(row, |out| is_null = write(*group, out).is_none());
        if is_null {
            column.validity.set_null(row, groups.len());
        }
    }
    column
}

fn text_of(column: &mut Column) -> &mut Text {
    match &mut column.values {
        Values::Text(text) | Values::Json(text) | Values::List(text, _) => text,
        values => unreachable!("text in a column of {}", values.data_type()),
    }
}

/// Writes all values as a list or one behind the other; nothing where there are none.
fn write_all(aggregation: &Aggregation, values: &Column, out: &mut Vec<u8>) -> Option<()> {
    if values.rows() == 0 {
        return None;
    }
    let Aggregation::Joined { separator } = aggregation else {
        form::write_list(out, values);
        return Some(());
    };
    for row in 0..values.rows() {
        if row > 0 {
            out.extend_from_slice(separator);
        }
        form::write_text(out, values, row);
    }
    Some(())
}

fn of_tally(tally: &Tally, kind: &AccumulatorKind, groups: &[u32]) -> Column {
    match &kind.aggregation {
        Aggregation::Mode => {
            let best =
                |group: &u32| tally.most_frequent(*group, 1).first().map(|(value, _)| *value);
            let values = groups.iter().map(|group| best(group).unwrap_or(&[0]));
            tally.columns_of(values).pop().expect("a value is one column")
        }
        Aggregation::TopK(count) => texts(kind.result, groups, |group, out| {
            let values = tally.most_frequent(group, *count);
            write_values(tally, &values, out)
        }),
        Aggregation::Histogram => texts(kind.result, groups, |group, out| {
            write_histogram(tally, &tally.sorted(group), out)
        }),
        Aggregation::Quantile(wanted) => match wanted.points {
            Points::List(_) => texts(kind.result, groups, |group, out| {
                let data_type = wanted.data_type(kind.arguments[0]);
                let values = quantile::quantiles(tally, group, wanted, data_type)?;
                form::write_list(out, &values);
                Some(())
            }),
            Points::One(_) => {
                let values: Vec<Option<Column>> = groups
                    .iter()
                    .map(|group| quantile::quantiles(tally, *group, wanted, kind.result))
                    .collect();
                stack(kind.result, &values)
            }
        },
        _ => {
            let values = groups.iter().map(|group| entropy(tally.of(*group).map(|(_, n)| n)));
            Column::new(Values::Double(values.collect()))
        }
    }
}

/// The entropy of frequencies, in bits; 0 where there are no values, as DuckDB has it.
fn entropy(counts: impl Iterator<Item = u64>) -> f64 {
    let counts: Vec<u64> = counts.collect();
    // Only made-up bytes count more than there can be.
    let total = counts.iter().fold(0_u64, |sum, count| sum.saturating_add(*count)) as f64;
    let mut sum = ExactSum::default();
    for count in counts {
        let share = count as f64 / total;
        sum.add(-share * libm::log2(share));
    }
    // Of a single value there would be a negative zero.
    sum.value() + 0.0
}

fn write_values(tally: &Tally, values: &[(&[u8], u64)], out: &mut Vec<u8>) -> Option<()> {
    if values.is_empty() {
        return None;
    }
    let column = tally.columns_of(values.iter().map(|(value, _)| *value)).pop()?;
    form::write_list(out, &column);
    Some(())
}

/// `{"value":count,...}`
fn write_histogram(tally: &Tally, values: &[(&[u8], u64)], out: &mut Vec<u8>) -> Option<()> {
    if values.is_empty() {
        return None;
    }
    let column = tally.columns_of(values.iter().map(|(value, _)| *value)).pop()?;
    for (row, (_, count)) in values.iter().enumerate() {
        out.push(if row == 0 { b'{' } else { b',' });
        form::write_string(out, &column, row);
        out.push(b':');
        out.extend_from_slice(count.to_string().as_bytes());
    }
    out.push(b'}');
    Some(())
}

fn of_buckets(all: &Pages<Buckets>, kind: &AccumulatorKind, groups: &[u32]) -> Column {
    let Aggregation::ApproximateQuantile(points) = &kind.aggregation else {
        unreachable!("buckets are for quantiles")
    };
    let values_of = |group: u32| {
        let buckets = &all[group as usize];
        let count = buckets.count();
        let value = |point| buckets.value_at(quantile::discrete_index(point, count));
        let values = (count > 0).then(|| points.as_slice().iter().filter_map(|at| value(*at)));
        values.map(|values| Column::new(Values::Double(values.collect())))
    };
    match points {
        Points::List(_) => texts(kind.result, groups, |group, out| {
            form::write_list(out, &values_of(group)?);
            Some(())
        }),
        Points::One(_) => {
            let values: Vec<Option<Column>> =
                groups.iter().map(|group| values_of(*group)).collect();
            stack(kind.result, &values)
        }
    }
}

/// One column of the first rows of others; NULL where there is none.
fn stack(data_type: DataType, columns: &[Option<Column>]) -> Column {
    let mut entries = Vec::new();
    for column in columns {
        let mut entry = Vec::new();
        match column {
            Some(column) => super::key::write_exact(&mut entry, [column], 0),
            None => entry.push(0),
        }
        entries.push(entry);
    }
    let stacked = super::key::columns_of(&[data_type], entries.iter().map(|entry| &**entry));
    stacked.and_then(|mut columns| columns.pop()).expect("all are of one type")
}
