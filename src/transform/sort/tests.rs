//! Sorting states against a plain stable sort, whatever is spilled, merged, written and read in between.

use super::state::Sorting;
use crate::state::{Reader, Writer};
use crate::transform::spills::MemorySpills;
use proptest::prelude::*;

/// A key of one byte, and a record that tells where it was in the input.
fn entry(key: u8, number: usize) -> Vec<u8> {
    let record = number.to_string().into_bytes();
    let mut bytes = vec![1, 0, 0, 0, u8::try_from(record.len()).expect("short"), 0, 0, 0, key];
    bytes.extend(record);
    bytes
}

fn sorted_piece(keys: &[u8], first: usize) -> Vec<u8> {
    let mut entries: Vec<(u8, Vec<u8>)> =
        (first..).zip(keys).map(|(number, key)| (*key, entry(*key, number))).collect();
    entries.sort_by_key(|(key, _)| *key);
    entries.into_iter().flat_map(|(_, entry)| entry).collect()
}

/// Writes a state and reads it back.
fn restored(mut sorting: Sorting, spills: &MemorySpills) -> Sorting {
    let mut out = Writer::default();
    sorting.write(&mut out, spills).expect("memory does not fail");
    let read = Sorting::read(&mut Reader::new(&out.bytes)).expect("what was written");
    for length in 0..out.bytes.len().min(64) {
        assert!(Sorting::read(&mut Reader::new(&out.bytes[..length])).is_err());
    }
    read
}

proptest! {
    #[test]
    fn records_come_in_the_order_of_a_stable_sort(
        pieces in prop::collection::vec(prop::collection::vec(0_u8..6, 0..8), 0..200),
        memory in prop_oneof![Just(0_u64), Just(200), Just(u64::MAX)],
        saved_every in 1_usize..50,
        given_at_once in 1_usize..40,
    ) {
        let spills = MemorySpills::default();
        let mut sorting = Sorting::default();
        let mut keys: Vec<u8> = Vec::new();
        for (number, piece) in pieces.iter().enumerate() {
            let bytes = sorted_piece(piece, keys.len());
            sorting.add(bytes, memory, &spills).expect("memory does not fail");
            keys.extend(piece);
            if number % saved_every == 0 {
                sorting = restored(sorting, &spills);
            }
            prop_assert!(sorting.spills().len() <= 64);
        }
        let mut expected: Vec<usize> = (0..keys.len()).collect();
        expected.sort_by_key(|number| keys[*number]);
        let mut found = Vec::new();
        loop {
            let before = sorting.drained();
            let once = sorting.give(given_at_once, 1000, &spills).expect("memory does not fail");
            if once.1.is_empty() {
                break;
            }
            sorting.set_drained(&before);
            let again = sorting.give(given_at_once, 1000, &spills).expect("memory does not fail");
            prop_assert_eq!(&again, &once, "what was put back comes again");
            let (bytes, ends) = once;
            let mut start = 0;
            for end in ends {
                let text = String::from_utf8(bytes[start..end].to_vec()).expect("digits");
                found.push(text.parse::<usize>().expect("a number"));
                start = end;
            }
            if found.len() % saved_every == 0 {
                sorting = restored(sorting, &spills);
            }
        }
        prop_assert_eq!(found, expected);
        sorting.clear(&spills);
        prop_assert_eq!(spills.count(), 0, "nothing is left behind");
    }
}
