//! What states with a few large keys among many small ones are held to take.

use super::{Bench, Record, sqls};
use crate::state::Stored;
use crate::transform::settings::{DedupSettings, Keep, TopSettings, TransformKind};

pub(super) const MEMORY: u64 = 1 << 20;

/// The last record of each key, or the first thousand of them, with a text of `n` letters.
pub(super) fn steps() -> [(TransformKind, i64, usize); 2] {
    let (key, place) = (sqls(&["k"]), 0..0);
    let last = DedupSettings { key, keep: Keep::Last, mark: None, ttl: None, place };
    let (by, order) = (sqls(&["k"]), sqls(&["n DESC", "t"]));
    let top = TopSettings { by, order, records: 1_000 };
    // Letters in a large record, and how many such records a large key has.
    [(TransformKind::Dedup(last), 40_000, 2), (TransformKind::Top(top), 60, 400)]
}

/// All keys in turn, each with a short text, and then again those that are large.
fn records(keys: i64, is_large: fn(i64) -> bool, letters: i64, times: usize) -> Vec<Record> {
    let all = (0..keys).map(|key| (Some(key), Some(1), Some(key)));
    let large = (0..keys).filter(|key| is_large(*key));
    let again = (0..times).flat_map(|_| large.clone().map(|key| (Some(key), Some(letters), None)));
    all.chain(again).collect()
}

/// What the state takes at most behind a batch, and behind the last one, and how many spills there are then.
fn sizes(kind: TransformKind, records: &[Record], is_reborn: bool) -> (u64, u64, usize) {
    let select = TransformKind::Select(sqls(&["k", "n", "t", "repeat('x', n) AS r"]));
    let mut bench = Bench::new(vec![select, kind]);
    bench.tools.memory = Some(MEMORY);
    let (mut states, mut saved) = (bench.chain.new_states(), Vec::new());
    let (mut most, mut last) = (0, 0);
    for part in records.chunks(600) {
        let staged = bench.chain.run_stateless(bench.batch(part), 0, &bench.tools);
        let staged = staged.expect_err("the second step keeps a state");
        bench.chain.run_ordered(*staged, &mut states, &bench.tools).expect("enough memory");
        if is_reborn {
            bench.reborn(&mut states, &mut saved, true);
        }
        let code = bench.chain.steps[1].stateful().expect("it keeps a state");
        last = code.bytes(states[1].as_ref().expect("it keeps a state"));
        most = last.max(most);
    }
    let (mut rows, spills) = (0, bench.tools.spills.count());
    while let Some(output) = bench.chain.drain(&mut states, 100, &bench.tools).expect("records") {
        let mut outcome = super::Outcome::default();
        bench.collect(output, |row| row, &mut outcome);
        rows += outcome.rows.iter().filter(|row| row[0] != Stored::Null).count();
    }
    assert!(rows >= 200, "{rows} rows");
    (most, last, spills)
}

#[test]
fn large_keys_are_counted_wherever_they_stand() {
    for (kind, letters, times) in steps() {
        let odd = records(200, |key| key % 2 == 1, letters, times);
        for is_reborn in [false, true] {
            let (most, last, spills) = sizes(kind.clone(), &odd, is_reborn);
            assert!(most <= MEMORY && last <= most, "{most} bytes, {is_reborn}: {kind:?}");
            assert!(spills > 0, "{is_reborn}: {kind:?}");
        }
    }
}

#[test]
fn one_large_key_stands_for_itself_alone() {
    for (kind, letters, times) in steps() {
        let first = records(1_000, |key| key == 0, letters * 2, times);
        for is_reborn in [false, true] {
            let (most, last, spills) = sizes(kind.clone(), &first, is_reborn);
            let least = u64::try_from(letters).expect("a length") * 2;
            assert!(last >= least && most < MEMORY, "{last} bytes, {is_reborn}: {kind:?}");
            assert_eq!(spills, 0, "{most} bytes, {is_reborn}: {kind:?}");
        }
    }
}
