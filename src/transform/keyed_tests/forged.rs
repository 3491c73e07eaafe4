//! States that no run wrote, though all their checksums would agree.

use super::sizes::{MEMORY, steps};
use super::{Bench, GroupOrder, Record, bytes_of};
use crate::state::Unreadable;
use crate::transform::State;
use crate::transform::stateful::NARROW;

/// As many records as no number before theirs is in the state.
const RECORDS: i64 = 4_321;

/// The bytes of the state of a step behind so many records of so many keys.
fn written(bench: &Bench, keys: i64) -> Vec<u8> {
    let mut states = bench.chain.new_states();
    let record = |at: i64| -> Record { (Some(at % keys), Some(at % 7), Some(at)) };
    let records: Vec<Record> = (0..RECORDS).map(record).collect();
    let staged = bench.chain.run_stateless(bench.batch(&records), 0, &bench.tools);
    let staged = staged.expect_err("the step keeps a state");
    bench.chain.run_ordered(*staged, &mut states, &bench.tools).expect("enough memory");
    let state = states[0].as_mut().expect("the step keeps a state");
    let frozen = bench.chain.freeze_state(0, state, true, &bench.tools);
    bytes_of(&frozen.expect("memory does not fail")).1
}

/// The state where the number of records is another one.
fn with_seen(bench: &Bench, bytes: &[u8], seen: u64) -> Result<State, Unreadable> {
    let found = RECORDS.to_le_bytes();
    let at =
        bytes.windows(8).position(|some| some == found).expect("it says how many records came");
    let forged = [&bytes[..at], &seen.to_le_bytes(), &bytes[at + 8..]].concat();
    bench.chain.read_state(0, &forged, NARROW, &bench.tools)
}

#[test]
fn more_records_than_can_be_counted_are_refused() {
    for (kind, ..) in steps() {
        for memory in [1, MEMORY] {
            let mut bench = Bench::new(vec![kind.clone()]);
            bench.tools.memory = Some(memory);
            let bytes = written(&bench, 30);
            let some = [(RECORDS.cast_unsigned(), true), (1 << 61, true)];
            for (seen, is_read) in some.into_iter().chain([(1 << 62, false), (u64::MAX, false)]) {
                assert_eq!(with_seen(&bench, &bytes, seen).is_ok(), is_read, "{seen}: {kind:?}");
            }
        }
    }
}

#[test]
fn more_groups_than_can_be_counted_are_refused() {
    // Each record is the first of its group, and all of them are in a spill.
    let mut bench = Bench::new(vec![super::groups(GroupOrder::FirstSeen)]);
    bench.tools.memory = Some(1);
    let bytes = written(&bench, RECORDS);
    let some = [(RECORDS.cast_unsigned(), true), ((1 << 62) - 1, true)];
    for (groups, is_read) in some.into_iter().chain([(1 << 62, false), (u64::MAX, false)]) {
        assert_eq!(with_seen(&bench, &bytes, groups).is_ok(), is_read, "{groups}");
    }
}

#[test]
fn a_spilled_record_behind_the_last_one_is_refused_when_it_is_shown() {
    for (kind, ..) in steps() {
        let mut bench = Bench::new(vec![kind.clone()]);
        bench.tools.memory = Some(1);
        let bytes = written(&bench, 30);
        for (seen, is_shown) in [(RECORDS.cast_unsigned(), true), (40, false)] {
            let mut state = with_seen(&bench, &bytes, seen).expect("nothing is in memory");
            let mut rows = 0;
            let shown = bench.chain.show_state(0, &mut state, &bench.tools, &mut |shown| {
                rows += shown.rows;
                Ok(())
            });
            assert_eq!(shown.is_ok(), is_shown, "{seen}: {kind:?}");
            assert_eq!(rows > 0, is_shown, "{seen}: {kind:?}");
        }
    }
}
