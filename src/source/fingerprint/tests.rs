//! Fingerprints taken on the way, and what they notice.

use super::*;
use crate::source::memory::{Memory, MemoryFile};

const SIZE: usize = 130 << 20;
const VERIFIES: [Verify; 2] = [Verify::Sampled, Verify::Full];

fn file() -> Arc<MemoryFile> {
    let bytes = (0..SIZE).map(|at| (at % 251).to_le_bytes()[0]).collect();
    Memory::default().put("/big.csv", 7, bytes)
}

fn tracker(file: &Arc<MemoryFile>, verify: Verify) -> Tracker {
    let metadata = file.metadata().expect("memory has metadata");
    Tracker::new(file.clone(), &metadata, verify).expect("memory can be read")
}

#[test]
fn the_steps_taken_do_not_matter_and_resuming_goes_on() {
    let file = file();
    for verify in VERIFIES {
        let end = 129 << 20 | 12345;
        let at_once = tracker(&file, verify).fingerprint(end).expect("readable");
        assert_eq!(at_once.segment_crcs.len(), 3);
        let mut stepwise = tracker(&file, verify);
        for offset in [0, 1, 100_000, 5 << 20, 63 << 20 | 7, 64 << 20, 128 << 20 | 1] {
            let stored = stepwise.fingerprint(offset).expect("readable");
            let compared = thorough(&*file, &stored).expect("readable");
            assert_eq!(compared, Comparison::Same, "{offset}");
            stepwise = Tracker::resume(file.clone(), &stored);
        }
        assert_eq!(stepwise.fingerprint(end).expect("readable"), at_once);
    }
}

#[test]
fn every_difference_is_told() {
    let file = file();
    for verify in VERIFIES {
        let consumed = 100 << 20;
        let stored = tracker(&file, verify).fingerprint(consumed).expect("readable");
        let check = |expected: fn(&Comparison) -> bool| {
            let found = thorough(&*file, &stored).expect("readable");
            assert!(expected(&found), "{found:?}");
        };
        let flip = |at: usize| file.change(|bytes| bytes[at] ^= 1);
        let sampled = usize::try_from(sampled_block(70)).expect("small");
        for (at, expected) in [
            (
                100,
                (|found| matches!(found, Comparison::HeadDiffers { .. }))
                    as fn(&Comparison) -> bool,
            ),
            ((100 << 20) - 1, |found| matches!(found, Comparison::WindowDiffers { .. })),
            (sampled, |found| matches!(found, Comparison::SampleDiffers { segment: 1, .. })),
            (100 << 20, |found| *found == Comparison::Same),
        ] {
            flip(at);
            check(expected);
            flip(at);
        }
        file.change(|bytes| bytes.truncate(SIZE - 1));
        check(|found| matches!(found, Comparison::Shrunk { .. }));
        file.change(|bytes| bytes.resize(SIZE + 5, (SIZE - 1).to_le_bytes()[0]));
        check(|found| matches!(found, Comparison::Grown { .. }));
        file.change(|bytes| bytes.truncate(SIZE));
        file.touch();
        check(|found| *found == Comparison::SameButTouched);
    }
}

#[test]
fn a_sampled_comparison_reads_little() {
    let file = file();
    let stored = tracker(&file, Verify::Sampled).fingerprint(SIZE as u64).expect("readable");
    let before = *file.bytes_read.lock().expect("not poisoned");
    compare(&*file, &stored).expect("readable");
    let read = *file.bytes_read.lock().expect("not poisoned") - before;
    assert!(read <= 2 * WINDOW_BYTES + SEGMENTS_COMPARED * 64 * BLOCK_BYTES, "{read}");
    for count in [1, 2, 3, 4, 5, 100, 16_000] {
        let compared = (0..count).filter(|segment| is_compared(*segment, count)).count();
        assert_eq!(compared as u64, count.min(SEGMENTS_COMPARED));
    }
}

#[test]
fn samples_are_spread_over_their_stretches() {
    let places = (0..64).map(|stretch| sampled_block(stretch) - stretch * STRETCH_BYTES);
    let places: std::collections::BTreeSet<u64> = places.collect();
    assert!(places.len() > 50 && places.iter().all(|place| place + BLOCK_BYTES <= STRETCH_BYTES));
}

#[test]
fn a_change_while_the_file_is_open_is_noticed() {
    use crate::source::{Change, Input};
    use crate::storage::Storage;
    use std::path::Path;
    let memory = Memory::default();
    let file = memory.put("/a.csv", 1, b"1,2\n".to_vec());
    let input = Input::open(&memory, Path::new("/a.csv")).expect("it is there");
    let check =
        |expected| assert_eq!(input.changed_since_open(&memory).expect("readable"), expected);
    check(None);
    file.change(|bytes| bytes.push(b'3'));
    check(Some(Change::Grown { was: 4, is: 5 }));
    file.change(|bytes| bytes.truncate(3));
    check(Some(Change::Shrunk { was: 4, is: 3 }));
    file.change(|bytes| bytes.push(b'\n'));
    memory.put("/a.csv", 2, b"1,2\n".to_vec());
    check(Some(Change::Replaced));
    memory.remove(Path::new("/a.csv")).expect("it is there");
    check(Some(Change::Removed));
    file.touch();
    check(Some(Change::Rewritten));
}

/// Both comparisons, as a run makes them.
fn thorough(file: &dyn File, stored: &Fingerprint) -> io::Result<Comparison> {
    match compare(file, stored)? {
        Comparison::Same => Ok(compare_all(file, stored, &|| true)?.expect("it was not given up")),
        different => Ok(different),
    }
}
