//! Steps that forget keys, against a plain reading of what they are to forget.

use super::{Bench, Dice, Record, fill_down, forgetful, half_a_minute};
use crate::state::Stored;
use crate::transform::settings::TransformKind;
use std::collections::HashMap;

/// What a window computes that looks back.
const BACK: [&str; 4] =
    ["row_number() AS r", "sum(n) AS s", "lag(n, 2, 0) AS l", "moving_max(n, 3) AS m"];

/// The records of each key, from one that begins anew to the last before it is forgotten.
fn stretches(records: &[Record]) -> Vec<Vec<usize>> {
    let ttl = half_a_minute().micros / 1_000_000;
    let mut of_key: HashMap<Option<i64>, (i64, usize)> = HashMap::new();
    let (mut all, mut now) = (Vec::new(), i64::MIN);
    for (at, (key, _, time)) in records.iter().enumerate() {
        now = now.max(time.unwrap_or(i64::MIN));
        let known = of_key.get(key).filter(|(last, _)| now <= last.saturating_add(ttl));
        let stretch = known.map_or(all.len(), |(_, stretch)| *stretch);
        if stretch == all.len() {
            all.push(Vec::new());
        }
        all[stretch].push(at);
        of_key.insert(*key, (now, stretch));
    }
    all
}

/// What each record gets: what looks back, one that looks ahead, and what is filled in.
fn plainly(records: &[Record]) -> Vec<[Stored; 6]> {
    let number =
        |value: Option<i64>| value.map_or(Stored::Null, |value| Stored::Integer(i128::from(value)));
    let mut of_each = vec![<[Stored; 6]>::default(); records.len()];
    for stretch in stretches(records) {
        let values: Vec<Option<i64>> = stretch.iter().map(|at| records[*at].1).collect();
        for (place, at) in stretch.iter().enumerate() {
            let so_far = &values[..=place];
            let sum = so_far.iter().copied().flatten().reduce(|left, right| left + right);
            let back = if place < 2 { Some(0) } else { values[place - 2] };
            let most = values[place.saturating_sub(2)..=place].iter().copied().flatten().max();
            let ahead = values.get(place + 2).copied().unwrap_or(Some(-1));
            let down = so_far.iter().rev().copied().flatten().next();
            let count = i64::try_from(place + 1).ok();
            of_each[*at] = [count, sum, back, most, ahead, down].map(number);
        }
    }
    of_each
}

fn check(kind: TransformKind, dice: &mut Dice, of_row: impl Fn(&[Stored; 6]) -> Vec<Stored>) {
    let mut bench = Bench::new(vec![kind]);
    for round in 0..6 {
        let keys = 30 + dice.below(if round < 4 { 60 } else { 2_500 }).cast_signed();
        let record =
            |at: i64| (dice.maybe(keys, at / 100), dice.maybe(9, -4), dice.maybe(20, at / 3));
        let records: Vec<Record> = (0..3_000).map(record).collect();
        let expected: Vec<Vec<Stored>> = plainly(&records).iter().map(&of_row).collect();
        let all = stretches(&records).len();
        let different: std::collections::HashSet<_> = records.iter().map(|(key, ..)| key).collect();
        assert!(all > different.len() + 20, "{all} stretches");
        for memory in [None, Some(1), Some(1 << (8 + dice.below(10)))] {
            bench.tools.memory = memory;
            let most = 1 + dice.below(500);
            let mut sizes = || usize::try_from(dice.below(most)).expect("few");
            let found = bench.run(&records, &mut sizes, true);
            let found: Vec<Vec<Stored>> =
                found.rows.into_iter().map(|row| of_row_found(&row)).collect();
            assert!(found == expected, "{keys} keys, {memory:?}, batches up to {most}");
        }
    }
}

/// What the step made: all behind the columns that it does not fill.
fn of_row_found(row: &[Stored]) -> Vec<Stored> {
    match row {
        [_, filled, _] => vec![filled.clone()],
        [_, _, _, made @ ..] => made.to_vec(),
        _ => panic!("a record has three columns"),
    }
}

#[test]
fn what_a_window_forgets_is_what_a_plain_reading_forgets() {
    let mut dice = Dice(31);
    check(forgetful(&BACK), &mut dice, |all| all[..4].to_vec());
    let ahead = [&BACK[..], &["lead(n, 2, -1) AS f"]].concat();
    check(forgetful(&ahead), &mut dice, |all| all[..5].to_vec());
}

#[test]
fn what_a_fill_forgets_is_what_a_plain_reading_forgets() {
    check(fill_down(Some(half_a_minute())), &mut Dice(37), |all| all[5..].to_vec());
}

#[test]
fn keys_that_are_forgotten_take_no_room() {
    let ahead = ["count(n) AS c", "lead(n) AS l"];
    let kinds = [forgetful(&BACK), forgetful(&ahead), fill_down(Some(half_a_minute()))];
    for (kind, memory) in kinds.into_iter().flat_map(|kind| [(kind.clone(), None), (kind, Some(1))])
    {
        let mut bench = Bench::new(vec![kind]);
        bench.tools.memory = memory;
        let mut states = bench.chain.new_states();
        // Each key comes once, and a second later the next.
        let records: Vec<Record> = (0..40_000).map(|at| (Some(at), Some(at), Some(at))).collect();
        for part in records.chunks(500) {
            let staged = bench.chain.run_stateless(bench.batch(part), 0, &bench.tools);
            let staged = staged.expect_err("the first step keeps a state");
            bench.chain.run_ordered(*staged, &mut states, &bench.tools).expect("enough memory");
        }
        let step = bench.chain.steps[0].stateful().expect("a step with state");
        let state = states[0].as_ref().expect("its state");
        let bytes = step.bytes(state);
        assert!(bytes < 1_000_000, "{bytes} bytes with {memory:?}");
        let spilled: u64 = step.spills(state).iter().map(|spill| spill.length).sum();
        assert!(spilled < 100_000, "{spilled} bytes in spills");
    }
}
