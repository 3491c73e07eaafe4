//! How long keyed state takes: nanoseconds per record to find keys and to accumulate, for few keys, which stay in the
//! processor's caches, and for many, which do not.
//!
//!     cargo bench --bench state [WORD]
//!
//! Each is run several times; the least and the middle time are printed. The least one is what to compare between
//! versions: the machine only ever adds to it.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark measures time and tells it"
)]

use onward::record::aggregation::Aggregation;
use onward::record::{Column, DataType, Text, Values};
use onward::state::{Accumulator, AccumulatorKind, KeyTable, Keys};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

/// Records of a chunk, and chunks that are gone through in one run.
const RECORDS: usize = 16_384;
const CHUNKS: usize = 128;

/// How often each is run.
const RUNS: usize = 5;

/// Few keys and many.
const KEYS: [u64; 2] = [1_000, 5_000_000];

fn main() {
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    println!("{:>8} {:>8}  ns per record: least, middle", "least", "middle");
    let report = |name: &str, keys: u64, run: &mut dyn FnMut()| {
        let name = format!("{name}, {keys} keys");
        if wanted.as_ref().is_none_or(|word| name.contains(word)) {
            let (least, middle) = measure(run);
            println!("{least:>8.1} {middle:>8.1}  {name}");
        }
    };
    for keys in KEYS {
        for (name, digits) in [("short keys", 8), ("long keys", 20)] {
            let chunks: Vec<Keys> = numbers(keys)
                .map(|numbers| Keys::of_columns(&[texts(&numbers, digits)], &rows()))
                .collect();
            let mut table = KeyTable::default();
            let columns: Vec<Arc<Column>> =
                numbers(keys).take(CHUNKS / 8).map(|numbers| texts(&numbers, digits)).collect();
            report(&format!("make {name}"), keys, &mut || {
                for column in columns.iter().cycle().take(CHUNKS) {
                    black_box(Keys::of_columns(std::slice::from_ref(column), &rows()));
                }
            });
            report(&format!("add {name}"), keys, &mut || {
                table = KeyTable::default();
                chunks.iter().for_each(|chunk| drop(black_box(table.insert_all(chunk))));
            });
            report(&format!("find {name}"), keys, &mut || {
                chunks.iter().for_each(|chunk| drop(black_box(table.insert_all(chunk))));
            });
        }
        let decimal = DataType::Decimal { precision: 12, scale: 2 };
        let calls = [
            ("count(*)", Aggregation::CountAll, DataType::Bigint, None),
            ("sum of bigints", Aggregation::Sum, DataType::Bigint, Some(DataType::Bigint)),
            ("sum of decimals", Aggregation::Sum, decimal, Some(decimal)),
            ("average of doubles", Aggregation::Average, DataType::Double, Some(DataType::Double)),
            ("least decimal", Aggregation::Min, decimal, Some(decimal)),
        ];
        for (name, aggregation, result, argument) in calls {
            let arguments: Vec<DataType> = argument.into_iter().collect();
            let columns: Vec<Arc<Column>> = arguments.iter().map(|one| values(*one)).collect();
            let kind = AccumulatorKind {
                aggregation,
                arguments,
                order: Vec::new(),
                distinct: None,
                result,
            };
            let mut accumulator = Accumulator::new(&kind);
            accumulator.grow(usize::try_from(keys).expect("few keys"));
            let (groups, rows): (Vec<Vec<u32>>, Vec<u32>) = (numbers(keys).collect(), rows());
            report(name, keys, &mut || {
                groups.iter().for_each(|groups| accumulator.update(groups, &rows, &columns));
            });
            black_box(accumulator);
        }
    }
}

/// The least and the middle time per record.
fn measure(run: &mut dyn FnMut()) -> (f64, f64) {
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let before = Instant::now();
        run();
        times.push(before.elapsed().as_secs_f64() * 1e9 / (RECORDS * CHUNKS) as f64);
    }
    times.sort_by(f64::total_cmp);
    (times[0], times[times.len() / 2])
}

/// The records of a chunk.
fn rows() -> Vec<u32> {
    (0..).take(RECORDS).collect()
}

/// For each chunk the number of the key of each record, the same ones every time.
fn numbers(keys: u64) -> impl Iterator<Item = Vec<u32>> {
    let mut state = 1_u64;
    let mut next = move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from((state >> 33) % keys).expect("few keys")
    };
    (0..CHUNKS).map(move |_| (0..RECORDS).map(|_| next()).collect())
}

/// A column of texts of so many digits.
fn texts(numbers: &[u32], digits: usize) -> Arc<Column> {
    let mut text = Text::filled(Arc::default(), numbers.len());
    for (row, number) in numbers.iter().enumerate() {
        text.set(row, format!("u{number:0digits$}").as_bytes());
    }
    Arc::new(Column::new(Values::Text(text)))
}

/// A column of small numbers.
fn values(data_type: DataType) -> Arc<Column> {
    let numbers = || (0_i32..).take(RECORDS).map(|row| row * 7_919 % 100_000);
    Arc::new(Column::new(match data_type {
        DataType::Double => {
            Values::Double(numbers().map(|value| f64::from(value) / 100.0).collect())
        }
        DataType::Decimal { precision, scale } => {
            Values::Decimal { units: numbers().map(i128::from).collect(), precision, scale }
        }
        _ => Values::Bigint(numbers().map(i64::from).collect()),
    }))
}
