//! The laws of all accumulators at once: any split into chunks, merged, written and read is one pass.

use super::*;
use crate::record::aggregation::{Bits, Point, Points, Quantile, QuantileKind, Statistic};
use crate::record::{Element, Text, Validity};
use crate::state::changes::{Changes, Part};
use crate::state::codec::{Reader, Unreadable, Writer};
use proptest::prelude::*;

const GROUPS: u32 = 3;

/// One row: group, and a value for each type of column.
#[derive(Debug, Clone)]
struct Row {
    group: u32,
    bigint: Option<i64>,
    decimal: Option<i128>,
    double: Option<f64>,
    text: Option<String>,
    boolean: Option<bool>,
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let bigint = prop_oneof![
        6 => -3_i64..3,
        1 => any::<i64>(),
        1 => Just(i64::MAX),
        1 => Just(i64::MIN)
    ];
    let double = prop_oneof![
        4 => (-4_i8..4).prop_map(|value| f64::from(value) / 2.0),
        2 => any::<f64>(),
        2 => -1e10..1e10,
        1 => Just(f64::NAN),
        1 => Just(-0.0),
        1 => Just(f64::INFINITY),
        1 => Just(f64::MAX),
        1 => Just(5e-324)
    ];
    let decimal = prop_oneof![4 => -5_i128..5, 1 => Just(10_i128.pow(38) - 1)];
    let text = prop_oneof!["[ab]{0,2}", "\\PC{0,5}"];
    let row = (
        0..GROUPS,
        proptest::option::of(bigint),
        proptest::option::of(decimal),
        proptest::option::of(double),
        proptest::option::of(text),
        proptest::option::of(any::<bool>()),
    );
    let row = row.prop_map(|(group, bigint, decimal, double, text, boolean)| Row {
        group,
        bigint,
        decimal,
        double,
        text,
        boolean,
    });
    proptest::collection::vec(row, 0..40)
}

const DECIMAL: DataType = DataType::Decimal { precision: 38, scale: 2 };

fn column_of(rows: &[Row], data_type: DataType) -> Column {
    fn column<T: Clone + Default>(
        values: impl Iterator<Item = Option<T>>,
        make: impl Fn(Vec<T>) -> Values,
    ) -> Column {
        let values: Vec<Option<T>> = values.collect();
        let validity = Validity::from_flags(values.iter().map(Option::is_some).collect());
        let plain = values.into_iter().map(Option::unwrap_or_default).collect();
        Column { validity, ..Column::new(make(plain)) }
    }
    let texts = |values: Vec<String>| {
        let mut text = Text::filled(Arc::default(), values.len());
        values.iter().enumerate().for_each(|(row, value)| text.set(row, value.as_bytes()));
        text
    };
    match data_type {
        DataType::Bigint => column(rows.iter().map(|row| row.bigint), Values::Bigint),
        DataType::Double => column(rows.iter().map(|row| row.double), Values::Double),
        DataType::Boolean => column(rows.iter().map(|row| row.boolean), Values::Boolean),
        DataType::Decimal { .. } => column(rows.iter().map(|row| row.decimal), |units| {
            Values::Decimal { units, precision: 38, scale: 2 }
        }),
        DataType::Json => {
            let json = |row: &Row| row.text.as_ref().map(|text| format!("{text:?}"));
            column(rows.iter().map(json), |values| Values::Json(texts(values)))
        }
        _ => column(rows.iter().map(|row| row.text.clone()), |values| Values::Text(texts(values))),
    }
}

fn columns_of(rows: &[Row], kind: &AccumulatorKind) -> Vec<Arc<Column>> {
    let order = kind.order.iter().map(|key| key.data_type);
    let order = order.take(if kind.distinct.is_some() { 0 } else { usize::MAX });
    let types = kind.arguments.iter().copied().chain(order);
    types.map(|data_type| Arc::new(column_of(rows, data_type))).collect()
}

fn filled(rows: &[Row], kind: &AccumulatorKind) -> Accumulator {
    let mut accumulator = Accumulator::new(kind);
    accumulator.grow(GROUPS as usize);
    take_in(&mut accumulator, rows, kind);
    accumulator
}

fn take_in(accumulator: &mut Accumulator, rows: &[Row], kind: &AccumulatorKind) {
    let groups: Vec<u32> = rows.iter().map(|row| row.group).collect();
    let numbers: Vec<u32> = (0_u32..).zip(rows).map(|(number, _)| number).collect();
    accumulator.update(&groups, &numbers, &columns_of(rows, kind));
}

fn written(accumulator: &Accumulator, groups: u32) -> Vec<u8> {
    let (groups, mut out) = (Part::all(groups as usize), Writer::narrow());
    accumulator.clone().share(&groups).write(&groups, &mut out);
    out.bytes
}

/// Columns as narrow as they can be, or as earlier versions wrote them.
fn writer(is_narrow: bool) -> Writer<'static> {
    if is_narrow { Writer::narrow() } else { Writer::default() }
}

fn reader(bytes: &[u8], is_narrow: bool) -> Reader<'_> {
    if is_narrow { Reader::narrow(bytes) } else { Reader::new(bytes) }
}

fn read(bytes: &[u8], kind: &AccumulatorKind) -> Result<Accumulator, Unreadable> {
    let mut accumulator = Accumulator::new(kind);
    let mut reader = Reader::narrow(bytes);
    accumulator.read(&mut reader, GROUPS as usize)?;
    reader.finish("last bytes")?;
    Ok(accumulator)
}

/// The results as text: NaN equals itself there, and the sign of a zero shows.
fn results(accumulator: &Accumulator, kind: &AccumulatorKind) -> String {
    let groups: Vec<u32> = (0..GROUPS).collect();
    let column = accumulator.finish(kind, &groups);
    assert_eq!(column.data_type(), kind.result);
    let one = |row: u32| match column.faults.get(row) {
        Some(reason) => format!("!{reason}"),
        None => {
            let mut out = Vec::new();
            super::super::form::write_json(&mut out, &column, row as usize);
            String::from_utf8_lossy(&out).into_owned()
        }
    };
    groups.into_iter().map(one).collect::<Vec<String>>().join(" | ")
}

fn kind(
    aggregation: Aggregation,
    arguments: &[DataType],
    order: &[SortKey],
    result: DataType,
) -> AccumulatorKind {
    let (arguments, order) = (arguments.to_vec(), order.to_vec());
    AccumulatorKind { aggregation, arguments, order, distinct: None, is_numbered: false, result }
}

fn point(value: f64, units: u128, scale: u8) -> Point {
    Point { value, exact: Some((units, scale)) }
}

/// Every aggregation over every form of argument, and those with an order and with `DISTINCT`.
fn kinds() -> Vec<AccumulatorKind> {
    use DataType::{Bigint, Boolean, Double, Json};
    let text = DataType::Text;
    let mut kinds = vec![kind(Aggregation::CountAll, &[], &[], Bigint)];
    for data_type in [Bigint, DECIMAL, Double, text, Boolean, Json] {
        let list = DataType::List(Element::of(data_type).expect("no list, no interval"));
        let order = Order { direction: Direction::Descending, nulls: Nulls::First };
        let down = SortKey { data_type, order };
        let mut of = |aggregation, result| kinds.push(kind(aggregation, &[data_type], &[], result));
        of(Aggregation::Count, Bigint);
        of(Aggregation::ApproximateCount, Bigint);
        of(Aggregation::First, data_type);
        of(Aggregation::Last, data_type);
        of(Aggregation::AnyValue, data_type);
        of(Aggregation::List, list);
        of(Aggregation::Mode, data_type);
        of(Aggregation::TopK(2), list);
        of(Aggregation::Entropy, Double);
        if data_type != Json {
            of(Aggregation::Min, data_type);
            of(Aggregation::Max, data_type);
            of(Aggregation::Histogram, Json);
            of(Aggregation::Several(Extremum::Min, 2), list);
            of(Aggregation::Several(Extremum::Max, 3), list);
            for direction in [Direction::Ascending, Direction::Descending] {
                let points = Points::List(vec![point(0.3, 3, 1), point(1.0, 1, 0)]);
                let quantile = Quantile { kind: QuantileKind::Discrete, points, direction };
                of(Aggregation::Quantile(quantile), list);
            }
            for order in [SortKey::ascending(data_type), down] {
                let mut of = |aggregation, result| {
                    kinds.push(kind(aggregation, &[Bigint], &[order], result));
                };
                of(Aggregation::First, Bigint);
                of(Aggregation::Last, Bigint);
                of(Aggregation::List, DataType::List(Element::Bigint));
                let arg = Aggregation::Arg(Extremum::Max);
                kinds.push(kind(arg, &[text, Boolean], &[order], text));
            }
            for (extremum, count) in [(Extremum::Min, 1), (Extremum::Max, 3)] {
                let pair = [text, data_type];
                kinds.push(kind(Aggregation::Arg(extremum), &pair, &[], text));
                let several = Aggregation::SeveralArgs(extremum, count);
                kinds.push(kind(several, &pair, &[], DataType::List(Element::Text)));
            }
        }
    }
    for data_type in [Bigint, DECIMAL, Double] {
        let sum = if data_type == Double { Double } else { DECIMAL };
        let sum =
            if data_type == Bigint { DataType::Decimal { precision: 38, scale: 0 } } else { sum };
        kinds.push(kind(Aggregation::Sum, &[data_type], &[], sum));
        kinds.push(kind(Aggregation::Average, &[data_type], &[], Double));
        let direction = Direction::Ascending;
        let quantile = |points| Quantile { kind: QuantileKind::Continuous, points, direction };
        let median = quantile(Points::One(point(0.5, 5, 1)));
        let result = median.data_type(data_type);
        kinds.push(kind(Aggregation::Quantile(median), &[data_type], &[], result));
    }
    for bits in [Bits::And, Bits::Or, Bits::Xor] {
        kinds.push(kind(Aggregation::Bits(bits), &[Bigint], &[], Bigint));
    }
    for statistic in [
        Statistic::VarianceSample,
        Statistic::DeviationPopulation,
        Statistic::Skewness,
        Statistic::KurtosisSample,
        Statistic::CovarianceSample,
        Statistic::Correlation,
        Statistic::RegressionSlope,
        Statistic::RegressionIntercept,
        Statistic::RegressionR2,
    ] {
        let arguments = vec![Double; Moments::columns_of(statistic)];
        kinds.push(kind(Aggregation::Statistic(statistic), &arguments, &[], Double));
    }
    let points = Points::List(vec![point(0.0, 0, 0), point(0.9, 9, 1)]);
    let approximate = Aggregation::ApproximateQuantile(points);
    kinds.push(kind(approximate, &[Double], &[], DataType::List(Element::Double)));
    let joined = Aggregation::Joined { separator: b", "[..].into() };
    kinds.push(kind(joined.clone(), &[text], &[], text));
    kinds.push(kind(joined, &[text], &[SortKey::ascending(Double)], text));
    let distinct = kinds.iter().filter(|kind| kind.order.is_empty() && !kind.arguments.is_empty());
    let distinct: Vec<AccumulatorKind> = distinct
        .map(|kind| AccumulatorKind { distinct: Some(Vec::new()), ..kind.clone() })
        .collect();
    kinds.extend(distinct);
    let order = vec![SortKey::ascending(text)];
    let list = kind(Aggregation::List, &[text], &order, DataType::List(Element::Text));
    kinds.push(AccumulatorKind { distinct: Some(vec![0]), ..list });
    kinds
}

/// One pass, and the same in parts: taken in or merged in their order, some of them written and read in between; and what
/// is made of the changes after each part.
fn check_split(rows: &[Row], cuts: &[usize]) -> Result<(), TestCaseError> {
    for kind in kinds() {
        let whole = results(&filled(rows, &kind), &kind);
        let mut merged = Accumulator::new(&kind);
        merged.grow(GROUPS as usize);
        let mut changes = Changes::since(GROUPS as usize);
        merged.share(&Part::all(GROUPS as usize));
        let mut restored = merged.clone();
        let mut from = 0;
        for (index, to) in cuts.iter().chain([&rows.len()]).enumerate() {
            let part = &rows[from..(*to).max(from)];
            if index % 3 == 0 {
                take_in(&mut merged, part, &kind);
            } else {
                merged.merge(&[0, 1, 2], &filled(part, &kind));
            }
            from = (*to).max(from);
            part.iter().for_each(|row| changes.mark(row.group as usize));
            let (groups, mut out) = (changes.take(GROUPS as usize), writer(index % 4 < 2));
            merged.share(&groups).write_changes(&groups, &mut out);
            let mut reader = reader(&out.bytes, out.is_narrow());
            restored.extend(&kind, &mut reader, &groups).expect("what was written");
            reader.finish("last bytes").expect("all was read");
            if index % 2 == 0 {
                merged = read(&written(&merged, GROUPS), &kind).expect("what was written");
            }
        }
        prop_assert_eq!(results(&merged, &kind), &*whole, "{:?}", kind);
        prop_assert_eq!(results(&restored, &kind), whole, "from changes: {:?}", kind);
    }
    Ok(())
}

/// What depends on the values alone must not change when the rows come in another order.
fn does_not_see_order(kind: &AccumulatorKind) -> bool {
    kind.order.is_empty()
        && !kind.aggregation.is_ordered()
        && !matches!(kind.aggregation, Aggregation::Mode | Aggregation::TopK(_))
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(48)
    })]

    #[test]
    fn any_split_merged_written_and_read_is_one_pass(
        rows in rows(),
        cuts in proptest::collection::vec(0..40_usize, 0..5),
    ) {
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(rows.len())).collect();
        cuts.sort_unstable();
        check_split(&rows, &cuts)?;
    }

    #[test]
    fn the_order_of_the_records_matters_only_where_it_is_said_so(
        rows in rows(),
        by in 0..40_usize,
    ) {
        let mut other = rows.clone();
        other.reverse();
        let by = by.min(other.len());
        other.rotate_left(by);
        for kind in kinds().into_iter().filter(does_not_see_order) {
            let found = results(&filled(&other, &kind), &kind);
            prop_assert_eq!(found, results(&filled(&rows, &kind), &kind), "{:?}", kind);
        }
    }

    #[test]
    fn selected_groups_are_what_they_were_and_can_be_merged_again(
        rows in rows(),
        cut in 0..40_usize,
        first in 0..GROUPS,
    ) {
        let cut = cut.min(rows.len());
        let groups: Vec<u32> = (0..GROUPS).map(|group| (group + first) % GROUPS).collect();
        for kind in kinds() {
            let mut merged = Accumulator::new(&kind);
            merged.grow(GROUPS as usize);
            for part in [&rows[..cut], &rows[cut..]] {
                let part = filled(part, &kind);
                for some in [&groups[..1], &groups[1..]] {
                    merged.merge(some, &part.select(&kind, some));
                }
            }
            let expected = results(&filled(&rows, &kind), &kind);
            prop_assert_eq!(results(&merged, &kind), expected, "{:?}", kind);
        }
    }

    #[test]
    fn damaged_bytes_give_an_error_or_some_state_but_never_a_panic(
        rows in rows(),
        place in any::<prop::sample::Index>(),
        bit in 0..8_u8,
    ) {
        for kind in kinds() {
            let bytes = written(&filled(&rows, &kind), GROUPS);
            if bytes.is_empty() {
                continue;
            }
            let at = place.index(bytes.len());
            prop_assert!(read(&bytes[..at], &kind).is_err(), "{:?} cut at {}", kind, at);
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            if let Ok(accumulator) = read(&flipped, &kind) {
                results(&accumulator, &kind);
            }
        }
    }
}

#[test]
fn a_sum_that_does_not_fit_is_a_fault_and_one_that_comes_back_is_not() {
    let bigints = |values: &[i64]| {
        let kind = kind(Aggregation::Sum, &[DataType::Bigint], &[], DataType::Bigint);
        let rows: Vec<u32> = (0_u32..).zip(values).map(|(row, _)| row).collect();
        let mut accumulator = Accumulator::new(&kind);
        accumulator.grow(1);
        let column = Arc::new(Column::new(Values::Bigint(values.to_vec())));
        accumulator.update(&vec![0; values.len()], &rows, &[column]);
        accumulator.finish(&kind, &[0])
    };
    assert!(bigints(&[i64::MAX, 1]).faults.get(0).is_some());
    assert!(bigints(&[i64::MAX, 1, -2]).faults.is_empty());
}

#[test]
fn a_list_of_too_much_is_a_fault_however_it_was_split() {
    let text = |length: usize| {
        let mut text = Text::filled(Arc::default(), 1);
        text.set(0, &vec![b'x'; length]);
        Arc::new(Column::new(Values::Text(text)))
    };
    let list = DataType::List(Element::Text);
    let kind = kind(Aggregation::List, &[DataType::Text], &[], list);
    let part = |lengths: &[usize]| {
        let mut accumulator = Accumulator::new(&kind);
        accumulator.grow(1);
        lengths.iter().for_each(|length| accumulator.update(&[0], &[0], &[text(*length)]));
        accumulator
    };
    let half = 8 << 20;
    let is_over = |accumulator: &Accumulator| {
        let read = {
            let mut read = Accumulator::new(&kind);
            let bytes = written(accumulator, 1);
            read.read(&mut Reader::narrow(&bytes), 1).expect("what was written");
            read
        };
        let [direct, read] = [accumulator, &read].map(|one| one.finish(&kind, &[0]));
        assert_eq!(direct.faults, read.faults);
        direct.faults.get(0).is_some()
    };
    // Each value takes five bytes besides its own.
    let fits = part(&[half, half - 10]);
    assert!(!is_over(&fits));
    assert!(is_over(&part(&[half, half - 9])));
    assert!(is_over(&part(&[2 * half, 1, 1])));
    let mut merged = part(&[half]);
    merged.merge(&[0], &part(&[half - 10]));
    assert!(!is_over(&merged));
    merged.merge(&[0], &part(&[1]));
    assert!(is_over(&merged));
    let mut merged = part(&[1]);
    merged.merge(&[0], &part(&[2 * half]));
    assert!(is_over(&merged));
}

/// A sum of one group whose upper half says that it is `high * 2^128`.
fn sum_of_upper_half(high: i64) -> Result<Accumulator, Unreadable> {
    let mut out = Writer::default();
    out.numbers([1]);
    out.i128s([0]);
    out.flags([true]);
    out.u64s([high.cast_unsigned()]);
    let kind = kind(Aggregation::Sum, &[DECIMAL], &[], DECIMAL);
    let mut sum = Accumulator::new(&kind);
    let mut reader = Reader::new(&out.bytes);
    sum.read(&mut reader, 1)?;
    reader.finish("a sum")?;
    Ok(sum)
}

#[test]
fn sums_that_no_values_have_are_refused_before_they_overflow() {
    for (high, is_read) in [
        (1, true),
        (1 << 61, true),
        (-(1 << 61), true),
        ((1 << 61) + 1, false),
        (-(1 << 61) - 1, false),
        (i64::MAX, false),
        (i64::MIN, false),
    ] {
        assert_eq!(sum_of_upper_half(high).is_ok(), is_read, "{high}");
    }
    for sign in [1, -1] {
        let one = sum_of_upper_half(sign << 61).expect("just not too much");
        let mut both = one.clone();
        assert!(both.is_countable(&[0]), "{sign}");
        both.merge(&[0], &one);
        assert!(!both.is_countable(&[0]), "{sign}");
        let mut less = sum_of_upper_half(sign << 60).expect("less");
        less.merge(&[0], &sum_of_upper_half(sign << 60).expect("less"));
        assert!(less.is_countable(&[0]), "{sign}");
    }
}
