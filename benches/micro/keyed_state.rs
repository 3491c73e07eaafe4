//! Steps that remember keys: what a worker does ahead of the turn, and what is done in order, with keys that are new
//! and with keys that are known.

use crate::chunk::{self, Chunk};
use onward::engine::Bound;
use onward::transform::States;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

/// Records of a chunk.
const CHUNK_RECORDS: usize = 32_768;

/// With fewer keys everything is done again until there are so many records.
const RECORDS_MIN: u64 = 1_000_000;

/// Groups that are given out at a time, as in a run.
const DRAINED_ROWS: usize = 8_192;

/// How many keys there are.
const KEYS: [u64; 3] = [1_000, 1_000_000, 5_000_000];

/// Steps by name.
pub const STEPS: [(&str, &str); 2] = [
    (
        "aggregate: count, sum",
        "aggregate = { by = ['user_id'], select = ['count(*) AS n', 'sum(amount) AS total'] }",
    ),
    ("dedup", "dedup = { key = ['user_id'] }"),
];

/// Prints what a record takes.
pub fn run() {
    println!(
        "{:>8} {:>8} {:>8} {:>8} {:>8}  ns per record",
        "worker", "new", "worker", "known", "give"
    );
    for (name, step) in STEPS {
        for keys in KEYS {
            let job = Chunk::new(&job(step), "csv", records(0..1, SHORT).into_bytes());
            let rounds = RECORDS_MIN.div_ceil(keys);
            let mut sums = [0.0; 5];
            for _ in 0..rounds {
                for (sum, seconds) in sums.iter_mut().zip(round(&job.bound, keys)) {
                    *sum += seconds;
                }
            }
            let times = sums.map(|sum| sum * 1e9 / (rounds * keys) as f64);
            let [worker, new, worker_again, known, give] = times;
            println!(
                "{worker:>8.1} {new:>8.1} {worker_again:>8.1} {known:>8.1} {give:>8.1}  {name}, {keys} keys"
            );
        }
    }
}

/// The job with one step.
pub fn job(step: &str) -> String {
    format!(
        "[source]\npath = 'input'\ntypes = {{ amount = 'decimal(12,2)' }}\n\
         [[transform]]\n{step}\n[sink]\npath = 'o.csv'\n"
    )
}

/// Seconds for all keys: of workers and in order when they are new, the same when they are known, and to give them out.
fn round(bound: &Bound, keys: u64) -> [f64; 5] {
    let plan = &bound.plan;
    let mut states = plan.chain.new_states();
    let (worker, new) = pass(bound, &mut states, 0..keys, SHORT);
    let (worker_again, known) = pass(bound, &mut states, 0..keys, SHORT);
    let start = Instant::now();
    while plan.chain.drain(&mut states, DRAINED_ROWS, plan).expect("no step fails").is_some() {}
    [worker, new, worker_again, known, start.elapsed().as_secs_f64()]
}

/// Bytes of the keys of this table.
const SHORT: usize = 9;

/// Runs a record of each key through the chain: seconds of workers, and in order. Keys have so many bytes.
pub fn pass(
    bound: &Bound,
    states: &mut States,
    keys: impl Iterator<Item = u64>,
    key_bytes: usize,
) -> (f64, f64) {
    let plan = &bound.plan;
    let (mut ahead, mut in_order) = (0.0, 0.0);
    let mut keys = keys.peekable();
    while keys.peek().is_some() {
        let some = keys.by_ref().take(CHUNK_RECORDS);
        let window = Arc::new(records(some, key_bytes).into_bytes());
        let batch = chunk::cut(bound, &window, HEADER.len());
        let start = Instant::now();
        let staged = plan.chain.run_stateless(batch, 0, plan).expect_err("the step has a state");
        ahead += start.elapsed().as_secs_f64();
        let start = Instant::now();
        plan.chain.run_ordered(*staged, states, plan).expect("no step fails");
        in_order += start.elapsed().as_secs_f64();
    }
    (ahead, in_order)
}

const HEADER: &str = "user_id,amount\n";

/// A record of each key.
fn records(keys: impl Iterator<Item = u64>, key_bytes: usize) -> String {
    let mut text = HEADER.to_owned();
    for key in keys {
        let key = u32::try_from(key).expect("fewer than 2^32 keys");
        let (name, cents) = (scattered(key), scattered(!key) % 100_000);
        let digits = key_bytes - 1;
        writeln!(text, "u{name:0digits$x},{}.{:02}", cents / 100, cents % 100)
            .expect("a string takes everything");
    }
    text
}

/// Another number for each number, without a pattern that compresses: each of these operations can be undone.
fn scattered(number: u32) -> u32 {
    let number = (number ^ (number >> 16)).wrapping_mul(0x45d9_f3b7);
    let number = (number ^ (number >> 15)).wrapping_mul(0x2c1b_3c6d);
    number ^ (number >> 16)
}
