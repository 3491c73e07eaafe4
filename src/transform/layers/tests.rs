//! Layers against a map in memory, whatever is merged, written and read in between.

use super::block::NewBlock;
use super::layer::{Layer, Place};
use super::{Asked, Entry, Layers, Pile, Shelf, Wanted};
use crate::state::{Cells, KeyTable, Keys, Pages, Reader, Writer, key};
use crate::transform::parts::PartsWriter;
use crate::transform::spills::MemorySpills;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// The entries of a layer in their order: keys with a value, or with none.
fn entries(map: &BTreeMap<Vec<u8>, Vec<u8>>) -> Vec<Entry<'_>> {
    let entry = |(key, value)| Entry { hash: key::hash(key), key, value };
    let mut entries: Vec<Entry<'_>> =
        map.iter().map(|(key, value): (&Vec<u8>, &Vec<u8>)| entry((&**key, &**value))).collect();
    entries.sort_by(Entry::compare);
    entries
}

fn find(layers: &mut Layers, keys: &[Vec<u8>], spills: &MemorySpills) -> BTreeMap<usize, Vec<u8>> {
    let wanted = keys.iter().enumerate().map(|(place, key)| Wanted::new(place, key)).collect();
    let mut found = BTreeMap::new();
    let mut take = |wanted: Wanted<'_>, value: &[u8]| {
        assert!(found.insert(wanted.place, value.to_vec()).is_none(), "found once");
    };
    layers.find(wanted, spills, &mut take).expect("memory does not fail");
    found
}

fn reborn(layers: &Layers) -> Layers {
    let mut out = Writer::default();
    layers.write(&mut out);
    for length in 0..out.bytes.len() {
        assert!(
            Layers::read(layers.asked, &mut Reader::new(&out.bytes[..length])).is_err(),
            "{length} bytes"
        );
    }
    Layers::read(layers.asked, &mut Reader::new(&out.bytes)).expect("what was written")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(32) })]

    #[test]
    fn the_newest_value_of_a_key_is_found_and_nothing_else(
        steps in prop::collection::vec((0_u32..40, 1_u32..400, any::<bool>()), 1..80),
        memory in prop_oneof![Just(100_u64), Just(1 << 20)],
        asked in prop_oneof![Just(Asked::Seldom), Just(Asked::Often)],
    ) {
        let spills = MemorySpills::default();
        let (mut layers, mut all) = (Layers::new(asked), BTreeMap::new());
        for (number, (first, count, has_values)) in steps.into_iter().enumerate() {
            let value = if has_values { number.to_string().into_bytes() } else { Vec::new() };
            let keys = (first..first + count).map(|key| format!("key {key}").into_bytes());
            let map: BTreeMap<Vec<u8>, Vec<u8>> = keys.map(|key| (key, value.clone())).collect();
            let sorted = entries(&map);
            layers.add(sorted.iter().copied(), sorted.len(), memory, &|_| true, &spills)
                .expect("memory does not fail");
            all.extend(map);
            prop_assert_eq!(layers.spills().len(), spills.count(), "merged ones are forgotten");
            prop_assert!(layers.spills().len() < 3 * 8);
        }
        let keys: Vec<Vec<u8>> = (0..600).map(|key| format!("key {key}").into_bytes()).collect();
        let expected: BTreeMap<usize, Vec<u8>> = keys.iter().enumerate()
            .filter_map(|(place, key)| Some((place, all.get(key)?.clone()))).collect();
        prop_assert_eq!(&find(&mut layers, &keys, &spills), &expected);
        prop_assert!(layers.bytes() > 0);
        prop_assert_eq!(&find(&mut reborn(&layers), &keys, &spills), &expected);
    }

    #[test]
    fn what_counts_no_more_is_left_out_when_runs_are_merged(keys in 1_u32..300) {
        let spills = MemorySpills::default();
        let mut layers = Layers::new(Asked::Seldom);
        let all: Vec<Vec<u8>> = (0..keys).map(|key| key.to_le_bytes().to_vec()).collect();
        for value in [b"old", b"old", b"old", b"old", b"old", b"old", b"old", b"new"] {
            let newer = |key: &&Vec<u8>| value == b"old" || key[0].is_multiple_of(2);
            let some = all.iter().filter(newer).map(|key| (key.clone(), value.to_vec())).collect();
            let sorted = entries(&some);
            layers.add(sorted.iter().copied(), sorted.len(), 1 << 20, &|value| value == b"new", &spills)
                .expect("memory does not fail");
        }
        let expected = all.iter().enumerate().filter(|(_, key)| key[0].is_multiple_of(2));
        let expected = expected.map(|(place, _)| (place, b"new".to_vec())).collect();
        prop_assert_eq!(find(&mut layers, &all, &spills), expected);
    }
}

/// Counts keys, in memory and on a shelf.
#[derive(Default)]
struct Counts {
    keys: KeyTable,
    counts: Pages<u64>,
    shelf: Shelf,
}

impl Counts {
    /// How often each key came before.
    fn count(&mut self, keys: &[Vec<u8>], spills: &MemorySpills) -> Vec<u64> {
        let known = self.keys.len();
        let keys = Keys::of_bytes(keys.iter().map(|key| &**key));
        let ids = self.keys.insert_all(&keys);
        self.counts.grow(self.keys.len(), 0);
        let recalled = self.shelf.recall(&keys, &ids, known, spills, |id, reader| {
            *self.counts.cell(id as usize) = reader.u64("count")?;
            Ok(())
        });
        recalled.expect("memory does not fail");
        let take = |id: u32| {
            let count = self.counts.cell(id as usize);
            *count += 1;
            *count - 1
        };
        ids.into_iter().map(take).collect()
    }

    /// All keys but some go on the shelf.
    fn put_away(&mut self, stays: impl Fn(&[u8]) -> bool, spills: &MemorySpills) {
        let (keys, counts) = (std::mem::take(&mut self.keys), std::mem::take(&mut self.counts));
        let write = |id: u32, out: &mut Writer<'_>| out.u64(counts[id as usize]);
        let put = self.shelf.put(&keys, |id| !stays(keys.key(id)), write, (1 << 10, None), spills);
        put.expect("memory does not fail");
        for (key, count) in keys.keys().zip(counts.iter()).filter(|(key, _)| stays(key)) {
            self.keys.insert(key::hash(key), key);
            self.counts.push(*count);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn what_is_remembered_of_a_key_comes_back_with_it(
        steps in prop::collection::vec((prop::collection::vec(0_u16..300, 0..200), 0_u8..4, 1_u8..9), 1..60),
    ) {
        let spills = MemorySpills::default();
        let (mut counts, mut all) = (Counts::default(), BTreeMap::new());
        for (numbers, then, modulus) in steps {
            let key = |number: &u16| format!("the key of number {number}").into_bytes();
            let keys: Vec<Vec<u8>> = numbers.iter().map(key).collect();
            let expected: Vec<u64> = keys.iter().map(|key| {
                let count = all.entry(key.clone()).or_insert(0);
                *count += 1;
                *count - 1
            }).collect();
            prop_assert_eq!(counts.count(&keys, &spills), expected);
            match then {
                0 => counts.put_away(|_| false, &spills),
                1 => counts.put_away(|key| key[key.len() - 1].is_multiple_of(modulus), &spills),
                2 => {
                    let mut out = Writer::default();
                    counts.shelf.write(&mut out);
                    let read = Shelf::read(&mut Reader::new(&out.bytes));
                    counts.shelf = read.expect("what was written");
                }
                _ => {}
            }
            prop_assert_eq!(counts.shelf.spills().len(), spills.count(), "no others are left");
        }
    }
}

/// Two layers of several blocks, which have some keys in common.
fn two_layers(spills: &MemorySpills) -> Layers {
    let mut layers = Layers::new(Asked::Often);
    for numbers in [0..300, 200..500] {
        let key = |number: u32| (format!("key {number}").into_bytes(), b"value".to_vec());
        let map: BTreeMap<Vec<u8>, Vec<u8>> = numbers.map(key).collect();
        let sorted = entries(&map);
        let added = layers.add(sorted.iter().copied(), sorted.len(), 1 << 20, &|_| true, spills);
        added.expect("memory does not fail");
    }
    layers
}

/// How many keys there are from some places on, or from the beginning; `None` where that is refused.
fn keys_from(layers: &Layers, places: Option<&[Place]>, spills: &MemorySpills) -> Option<u64> {
    let merge = match places {
        None => layers.merge(spills),
        Some(places) => layers.merge_at(places, spills),
    };
    let (mut merge, mut keys) = (merge.ok()?, 0);
    while merge.newest().is_some() {
        keys += 1;
        merge.advance().ok()?;
    }
    Some(keys)
}

#[test]
fn layers_are_gone_through_to_their_end_from_any_place_or_refused() {
    let spills = MemorySpills::default();
    let layers = two_layers(&spills);
    let mut merge = layers.merge(&spills).expect("memory does not fail");
    let mut forged = 0;
    for left in (0..=500).rev() {
        let places = merge.places();
        assert_eq!(keys_from(&layers, Some(&places), &spills), Some(left));
        let Place { block, at, left: entries } = places[1];
        let others = [
            Place { at: at + 300, ..places[1] },
            Place { left: entries + 1, ..places[1] },
            Place { left: entries.wrapping_sub(1), ..places[1] },
            Place { block: block + 1, ..places[1] },
            Place { block: u64::MAX, at: 0, left: 0 },
        ];
        for place in others {
            let found = keys_from(&layers, Some(&[places[0], place]), &spills);
            assert_eq!(found, None, "{place:?} instead of {:?}", places[1]);
            forged += 1;
        }
        merge.advance().expect("memory does not fail");
    }
    assert!(forged > 2_000, "{forged} places");
}

#[test]
fn a_layer_of_another_number_of_keys_and_an_empty_block_are_refused() {
    let spills = MemorySpills::default();
    for (more, is_whole) in [(0, true), (1, false), (u64::MAX, false)] {
        let mut layers = two_layers(&spills);
        layers.layers[0].count = layers.layers[0].count.wrapping_add(more);
        assert_eq!(keys_from(&layers, None, &spills).is_some(), is_whole, "{more} more");
    }
    for blocks in [&["a", "b"][..], &["a", "", "b"], &["a", "b", ""]] {
        let mut writer = PartsWriter::create(&spills).expect("memory does not fail");
        writer.begin_part();
        let mut keys: Vec<&str> = blocks.iter().copied().filter(|key| !key.is_empty()).collect();
        keys.sort_by_key(|key| key::hash(key.as_bytes()));
        let mut rest = keys.iter();
        for block in blocks {
            let mut new = NewBlock::default();
            if !block.is_empty() {
                let key = rest.next().expect("one for each").as_bytes();
                new.push(Entry { hash: key::hash(key), key, value: b"" });
            }
            writer.append(&new.take()).expect("memory does not fail");
        }
        let mut layer = Layer::unread(writer.finish().expect("memory does not fail"));
        layer.count = 2;
        let mut layers = Layers::new(Asked::Never);
        layers.layers.push(layer);
        let expected = (!blocks.contains(&"")).then_some(2);
        assert_eq!(keys_from(&layers, None, &spills), expected, "{blocks:?}");
    }
}

#[test]
fn a_pile_that_is_given_with_keys_in_memory_or_with_more_than_it_holds_is_refused() {
    for (keys, held, [sorted, given], is_read) in [
        (0, 5, [5, 5], true),
        (0, 5, [4, 0], true),
        (1, 5, [5, 5], false),
        (0, 5, [6, 5], false),
        (0, 5, [4, 5], false),
        (0, u64::MAX, [4, 4], false),
    ] {
        let mut out = Writer::default();
        out.u64s([held, 1]);
        Layers::new(Asked::Never).write(&mut out);
        out.flags([true]);
        out.flags([true]);
        out.u64s([sorted, given]);
        // The sort: neither spills nor bytes.
        out.u64s([0, 0]);
        let read = Pile::read(&mut Reader::new(&out.bytes), keys);
        assert_eq!(read.is_ok(), is_read, "{keys} keys, {held}, {sorted}, {given}");
    }
}
