//! An insertion-ordered set of keys: each key gets the next id when it is first seen.
//!
//! A set of millions of keys lies outside the processor's caches, and a lookup that waits for each of its reads takes
//! several times as long as the memory needs. So [`KeyTable::insert_all`] asks for the memory of many keys ahead: the
//! reads wait side by side. What it gives is what [`KeyTable::insert`] gives one by one.

use super::blocks::{Blocks, Place};
use super::changes::Part;
use super::codec::{Reader, Unreadable, Writer};
use super::key::Keys;
use super::narrow::{self, Strings};
use super::pages::Pages;
use crate::vector::prefetch;
use std::ops::Range;

/// Interned keys, by id.
///
/// Open addressing with linear probing over words of 32 bits of hash and 32 bits of id + 1 (0 is empty), so that
/// a probe touches a key only where the hash agrees. A hash's home rises with the hash: when the table grows, words are
/// read and written in order. At most three quarters of the words are in use.
#[derive(Debug, Clone, Default)]
pub struct KeyTable {
    words: Vec<u64>,
    heads: Pages<Head>,
    /// The long keys one behind the other.
    long: Blocks,
}

/// A short key itself and its length in the last byte, or [`LONG`] there and before it where a long key lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Head([u8; 16]);

/// The most bytes of a short key.
const SHORT_MAX: usize = 15;
/// The last byte of the head of a long key.
const LONG: u8 = u8::MAX;

/// Memory is asked for so many keys ahead: more than the processor reads at a time, and few enough that what was read
/// is still in its first cache when it is needed.
const BLOCK: usize = 64;

/// So many keys are read at a time.
const KEYS_AT_A_TIME: usize = 1 << 14;

/// No id.
const NONE: u32 = u32::MAX;

/// What [`KeyTable::insert`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// The key is new and got this id.
    New(u32),
    /// The key has this id.
    Known(u32),
}

impl Entry {
    /// The key's id.
    pub fn id(self) -> u32 {
        match self {
            Entry::New(id) | Entry::Known(id) => id,
        }
    }
}

impl Head {
    /// Of a key of at most [`SHORT_MAX`] bytes, given with whatever stands behind it.
    fn short(padded: [u8; 16], length: usize) -> Head {
        let kept = u128::from_le_bytes(padded) & !(u128::MAX << (8 * length));
        Head((kept | (length as u128) << (8 * SHORT_MAX)).to_le_bytes())
    }

    /// Of a short key.
    fn of(key: &[u8]) -> Option<Head> {
        let mut padded = [0; 16];
        padded.get_mut(..key.len()).filter(|_| key.len() <= SHORT_MAX)?.copy_from_slice(key);
        Some(Head::short(padded, key.len()))
    }

    /// Of a key that lies elsewhere.
    fn long(place: Place) -> Head {
        let mut head = [LONG; 16];
        head[..4].copy_from_slice(&place.block.to_le_bytes());
        head[4..8].copy_from_slice(&place.start.to_le_bytes());
        head[8..12].copy_from_slice(&place.length.to_le_bytes());
        Head(head)
    }

    fn is_long(&self) -> bool {
        self.0[SHORT_MAX] == LONG
    }

    /// The key, a long one from where those are.
    #[inline]
    fn key<'a>(&'a self, long: &'a Blocks) -> &'a [u8] {
        if !self.is_long() {
            return &self.0[..usize::from(self.0[SHORT_MAX])];
        }
        let [b0, b1, b2, b3, s0, s1, s2, s3, l0, l1, l2, l3, ..] = self.0;
        long.get(Place {
            block: u32::from_le_bytes([b0, b1, b2, b3]),
            start: u32::from_le_bytes([s0, s1, s2, s3]),
            length: u32::from_le_bytes([l0, l1, l2, l3]),
        })
    }
}

impl KeyTable {
    /// The smallest number of words.
    const WORDS_MIN: usize = 64;

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.heads.len()
    }

    /// Whether no key was seen.
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// The bytes of a key.
    pub fn key(&self, id: u32) -> &[u8] {
        self.heads[id as usize].key(&self.long)
    }

    /// All keys in the order of their ids.
    pub fn keys(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.heads.iter().map(|head| head.key(&self.long))
    }

    /// The keys of some ids, anywhere in memory: many reads wait side by side.
    pub fn keys_of(&self, ids: &[u32]) -> Vec<&[u8]> {
        let mut keys = Vec::with_capacity(ids.len());
        let blocks: Vec<&[u32]> = ids.chunks(BLOCK).collect();
        for round in 0..blocks.len() + 2 {
            // Each block goes through three steps, as in [`KeyTable::insert_all`].
            let block = |step: usize| {
                let block = round.checked_sub(step).and_then(|block| blocks.get(block));
                block.copied().unwrap_or(&[])
            };
            block(0).iter().for_each(|id| self.heads.ask_for(*id as usize));
            self.ask_for_long(block(1));
            keys.extend(block(2).iter().map(|id| self.key(*id)));
        }
        keys
    }

    /// Finds or adds a key. `hash` must be the one of [`super::key::hash`].
    pub fn insert(&mut self, hash: u32, key: &[u8]) -> Entry {
        match Head::of(key) {
            Some(head) => self.insert_short(hash, head),
            None => {
                self.reserve(1);
                match self.probe(hash, |known, long| known.key(long) == key) {
                    Ok(id) => Entry::Known(id),
                    Err(empty) => {
                        let head = Head::long(self.long.push(key));
                        Entry::New(self.push(hash, head, empty))
                    }
                }
            }
        }
    }

    fn insert_short(&mut self, hash: u32, head: Head) -> Entry {
        self.reserve(1);
        match self.probe(hash, |known, _| *known == head) {
            Ok(id) => Entry::Known(id),
            Err(empty) => Entry::New(self.push(hash, head, empty)),
        }
    }

    /// Finds or adds keys in their order, and answers their ids.
    pub fn insert_all(&mut self, keys: &Keys) -> Vec<u32> {
        self.reserve(1);
        let mut ids = vec![NONE; keys.len()];
        // Each block goes through four steps, each of which asks for what the next one reads.
        let blocks = keys.len().div_ceil(BLOCK);
        for round in 0..blocks + 3 {
            let block = |step: usize| match round.checked_sub(step) {
                Some(block) if block < blocks => block * BLOCK..keys.len().min((block + 1) * BLOCK),
                _ => 0..0,
            };
            self.ask_for_words(keys.hashes(block(0)));
            self.find_likely(keys.hashes(block(1)), &mut ids[block(1)]);
            self.ask_for_long(&ids[block(2)]);
            self.settle(keys, block(3), &mut ids);
        }
        ids
    }

    fn ask_for_words(&self, hashes: &[u32]) {
        hashes.iter().for_each(|hash| prefetch(&self.words[self.home(*hash)]));
    }

    /// Finds the first key with the same hash as each, and asks for its head.
    fn find_likely(&self, hashes: &[u32], ids: &mut [u32]) {
        for (id, hash) in ids.iter_mut().zip(hashes) {
            let word = self.words[self.next_like(*hash, self.home(*hash))];
            if let Some(likely) = id_of(word) {
                *id = likely;
                self.heads.ask_for(likely as usize);
            }
        }
    }

    /// Asks for both ends of long keys.
    fn ask_for_long(&self, ids: &[u32]) {
        if self.long.is_empty() {
            return;
        }
        for head in ids.iter().filter_map(|id| self.heads.get(*id as usize)) {
            if head.is_long()
                && let [first, .., last] = head.key(&self.long)
            {
                prefetch(first);
                prefetch(last);
            }
        }
    }

    /// Keeps the ids of keys that are the same, and finds or adds the others, in their order.
    fn settle(&mut self, keys: &Keys, block: Range<usize>, ids: &mut [u32]) {
        for place in block {
            let key = keys.key(place);
            let likely = self.heads.get(ids[place] as usize);
            if key.len() <= SHORT_MAX {
                let head = Head::short(keys.padded(place), key.len());
                if likely != Some(&head) {
                    ids[place] = self.insert_short(keys.hash(place), head).id();
                }
            } else if !likely.is_some_and(|head| head.is_long() && head.key(&self.long) == key) {
                ids[place] = self.insert(keys.hash(place), key).id();
            }
        }
    }

    /// Finds a key. `hash` must be the one of [`super::key::hash`].
    pub fn find(&self, hash: u32, key: &[u8]) -> Option<u32> {
        if self.words.is_empty() {
            return None;
        }
        self.probe(hash, |head, long| head.key(long) == key).ok()
    }

    /// The id of the key with a hash that is the right one, or the place of the empty word where its own belongs; there
    /// must be words.
    #[inline]
    fn probe(&self, hash: u32, is_it: impl Fn(&Head, &Blocks) -> bool) -> Result<u32, usize> {
        let mut at = self.home(hash);
        loop {
            at = self.next_like(hash, at);
            let Some(id) = id_of(self.words[at]) else { return Err(at) };
            if is_it(&self.heads[id as usize], &self.long) {
                return Ok(id);
            }
            at = self.behind(at);
        }
    }

    /// Where the search for a hash begins.
    fn home(&self, hash: u32) -> usize {
        let home = (u64::from(hash) * self.words.len() as u64) >> 32;
        usize::try_from(home).expect("a home is the place of a word")
    }

    fn behind(&self, at: usize) -> usize {
        if at + 1 == self.words.len() { 0 } else { at + 1 }
    }

    /// The first place from one on whose word is empty or of the hash.
    fn next_like(&self, hash: u32, mut at: usize) -> usize {
        while is_of_other(self.words[at], hash) {
            at = self.behind(at);
        }
        at
    }

    /// Adds a key whose word belongs into an empty one.
    fn push(&mut self, hash: u32, head: Head, empty: usize) -> u32 {
        let id = u32::try_from(self.len()).ok().filter(|id| *id != NONE);
        let id = id.expect("a table holds less than 2^32 - 1 keys");
        self.heads.push(head);
        self.words[empty] = u64::from(hash) << 32 | u64::from(id + 1);
        id
    }

    /// Makes room for so many more keys.
    fn reserve(&mut self, more: usize) {
        let mut words = self.words.len().max(Self::WORDS_MIN);
        while (self.len() + more) * 4 > words * 3 {
            words *= 2;
        }
        if words == self.words.len() {
            return;
        }
        // In place, from the last word on: a word moves up to where all were moved already. The others follow then.
        let before = self.words.len();
        self.words.resize(words, 0);
        let mut others = Vec::new();
        for at in (0..before).rev() {
            let word = std::mem::take(&mut self.words[at]);
            if word == 0 {
                continue;
            }
            let home = self.home(hash_of(word));
            match self.empty_from(home).filter(|_| home > at) {
                Some(empty) => self.words[empty] = word,
                None => others.push(word),
            }
        }
        for word in others {
            let home = self.home(hash_of(word));
            let empty = self.empty_from(home).or_else(|| self.empty_from(0));
            self.words[empty.expect("a quarter of the words is empty")] = word;
        }
    }

    /// The first place from one on whose word is empty.
    fn empty_from(&self, place: usize) -> Option<usize> {
        self.words[place..].iter().position(|word| *word == 0).map(|distance| place + distance)
    }

    /// All keys with their hashes and ids in the order of the hashes, and of the keys where those are alike.
    pub fn by_hash(&self) -> impl Iterator<Item = (u32, u32, &[u8])> {
        // The words between two empty ones have their homes between them, too: put in order by themselves they are in
        // order among all. Only what stands first may have its home among the last words, from which it went on.
        let empty = |word: &u64| *word == 0;
        let first = self.words.iter().position(empty).unwrap_or(0);
        let last = self.words.iter().rposition(empty).map_or(0, |last| last + 1);
        let ends = self.words[last..].iter().chain(&self.words[..first]).copied();
        let (tail, head): (Vec<u64>, Vec<u64>) =
            ends.partition(|word| self.home(hash_of(*word)) >= last);
        let between = self.words[first..last].split(|word| *word == 0).map(<[u64]>::to_vec);
        let clusters = std::iter::once(head).chain(between).chain([tail]);
        let mut sorted = clusters.flat_map(|mut cluster| {
            let key = |word: &u64| id_of(*word).map(|id| self.key(id));
            cluster.sort_unstable_by(|left, right| {
                hash_of(*left).cmp(&hash_of(*right)).then_with(|| key(left).cmp(&key(right)))
            });
            cluster.into_iter().filter_map(|word| Some((hash_of(word), id_of(word)?)))
        });
        // The keys lie anywhere in memory: what is asked for is two blocks ahead of what is given.
        let (mut given, mut near) = (Vec::new().into_iter(), Vec::new());
        let mut far: Vec<(u32, u32)> = sorted.by_ref().take(BLOCK).collect();
        std::iter::from_fn(move || {
            while given.len() == 0 && !(near.is_empty() && far.is_empty()) {
                given = std::mem::take(&mut near).into_iter();
                near = std::mem::take(&mut far);
                let ids: Vec<u32> = near.iter().map(|(_, id)| *id).collect();
                self.ask_for_long(&ids);
                far.extend(sorted.by_ref().take(BLOCK));
                far.iter().for_each(|(_, id)| self.heads.ask_for(*id as usize));
            }
            let (hash, id) = given.next()?;
            Some((hash, id, self.key(id)))
        })
    }

    /// Bytes that the table takes.
    pub fn bytes(&self) -> usize {
        self.words.capacity() * size_of::<u64>() + self.heads.bytes() + self.long.bytes()
    }

    /// The keys of a part as they are now, for another thread, which finds them by id alone.
    pub fn share(&mut self, part: &Part) -> KeyTable {
        let long = self.long.share();
        KeyTable { words: Vec::new(), heads: self.heads.share(part), long }
    }

    /// Appends all keys in the order of their ids.
    pub fn write(&self, out: &mut Writer) {
        self.write_new(&Part::all(self.len()), out);
    }

    /// Appends the keys that are new in a part, in the order of their ids.
    pub fn write_new(&self, part: &Part, out: &mut Writer) {
        let new = part.new_ones();
        out.count(new.len());
        out.key_column(new.map(|id| self.heads[id].key(&self.long)));
    }

    /// Reads what [`KeyTable::write`] wrote; a repeated key is refused.
    pub fn read(reader: &mut Reader<'_>) -> Result<KeyTable, Unreadable> {
        let mut table = KeyTable::default();
        table.extend(reader)?;
        Ok(table)
    }

    /// Adds the keys that [`KeyTable::write_new`] wrote; one that is there is refused.
    pub fn extend(&mut self, reader: &mut Reader<'_>) -> Result<(), Unreadable> {
        let what = "keys";
        // Keys are different ones: in however narrow columns, each takes a byte at least.
        let count = reader.count(if reader.is_narrow() { 1 } else { 4 }, what)?;
        if self.len() + count >= NONE as usize {
            return Err(Unreadable { what });
        }
        self.reserve(count);
        if reader.is_narrow() {
            let mut left = count;
            while left > 0 {
                let page = Strings::take(reader, left.min(narrow::PAGE), what)?;
                left -= self.push_new(&Keys::of_bytes(page.iter()))?;
            }
            return Ok(());
        }
        let mut strings = reader.string_column(count, what)?.peekable();
        while strings.peek().is_some() {
            self.push_new(&Keys::of_bytes(strings.by_ref().take(KEYS_AT_A_TIME)))?;
        }
        Ok(())
    }

    /// Adds keys, none of which may be there, and answers how many they are.
    fn push_new(&mut self, keys: &Keys) -> Result<usize, Unreadable> {
        let first = u32::try_from(self.len()).expect("a table holds less than 2^32 - 1 keys");
        let ids = self.insert_all(keys);
        match ids.into_iter().eq((first..).take(keys.len())) {
            true => Ok(keys.len()),
            false => Err(Unreadable { what: "keys" }),
        }
    }
}

fn hash_of(word: u64) -> u32 {
    u32::try_from(word >> 32).expect("half of a word")
}

/// Whether a word is in use, for another hash.
fn is_of_other(word: u64, hash: u32) -> bool {
    word != 0 && hash_of(word) != hash
}

/// The id in a word; `None` in an empty one.
fn id_of(word: u64) -> Option<u32> {
    u32::try_from(word & u64::from(u32::MAX)).expect("half of a word").checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::key::hash;
    use std::collections::HashMap;

    #[test]
    fn ids_follow_first_sight_and_survive_a_round_trip() {
        let mut table = KeyTable::default();
        for round in 0..2 {
            for number in 0..5_000_u32 {
                let key = format!("key {number}");
                let entry = table.insert(hash(key.as_bytes()), key.as_bytes());
                let expected = if round == 0 { Entry::New(number) } else { Entry::Known(number) };
                assert_eq!(entry, expected);
            }
        }
        for number in 0..5_100_u32 {
            let key = format!("key {number}");
            let found = table.find(hash(key.as_bytes()), key.as_bytes());
            assert_eq!(found, (number < 5_000).then_some(number));
        }
        for count in [0, 1, 64, 65, 200, 4_999] {
            let ids: Vec<u32> = (0..count).map(|number| number * 7 % 5_000).collect();
            let keys = ids.iter().map(|id| table.key(*id));
            assert!(table.keys_of(&ids).into_iter().eq(keys), "{count} keys");
        }
        assert_eq!(KeyTable::default().find(7, b"a"), None);
        let (mut plain, mut narrow) = (Writer::default(), Writer::narrow());
        table.write(&mut plain);
        table.write(&mut narrow);
        assert!(narrow.bytes.len() < plain.bytes.len() * 2 / 3, "{narrow:?}, {plain:?}");
        for mut reader in [Reader::new(&plain.bytes), Reader::narrow(&narrow.bytes)] {
            let read = KeyTable::read(&mut reader).expect("what was written");
            assert!(read.keys().eq(table.keys()) && reader.is_at_end());
        }
    }

    #[test]
    fn keys_with_the_same_hash_are_kept_apart() {
        let mut table = KeyTable::default();
        assert_eq!(table.insert(7, b"a"), Entry::New(0));
        assert_eq!(table.insert(7, b"b"), Entry::New(1));
        assert_eq!(table.insert(7, b"a"), Entry::Known(0));
        assert_eq!(table.insert(7, b""), Entry::New(2));
    }

    #[test]
    fn keys_at_both_ends_of_the_table_are_found_when_it_has_grown() {
        let hashes = (0..2_000_u32).map(|number| match number % 3 {
            0 => number % 7,
            1 => u32::MAX - number % 7,
            _ => number.wrapping_mul(0x9e37_79b9),
        });
        let keys: Vec<(u32, [u8; 4])> = hashes.zip((0..).map(u32::to_le_bytes)).collect();
        let mut table = KeyTable::default();
        for (id, (hash, key)) in (0..).zip(&keys) {
            assert_eq!(table.insert(*hash, key), Entry::New(id));
            assert!(
                (0..)
                    .zip(&keys[..=id as usize])
                    .step_by(1 + id as usize / 50)
                    .all(|(id, (hash, key))| table.find(*hash, key) == Some(id))
            );
        }
        let found = keys.iter().map(|(hash, key)| table.find(*hash, key));
        assert!(found.eq((0..).map(Some).take(keys.len())));
    }

    #[test]
    fn many_keys_at_a_time_get_the_ids_that_they_get_one_by_one() {
        let check = |keys: &[Vec<u8>], at_a_time: usize| {
            let (mut one_by_one, mut together) = (KeyTable::default(), KeyTable::default());
            for some in keys.chunks(at_a_time) {
                let expected: Vec<u32> =
                    some.iter().map(|key| one_by_one.insert(hash(key), key).id()).collect();
                let some = Keys::of_bytes(some.iter().map(|key| &**key));
                assert_eq!(together.insert_all(&some), expected);
            }
            assert!(one_by_one.keys().eq(together.keys()));
        };
        // Some keys stand twice in a block; the lengths are those of short and of long keys.
        let key = |number: usize| {
            let mut key = (number * number % 1_009).to_string().into_bytes();
            key.resize(number * number % 1_009 % 35, b'x');
            key
        };
        let keys: Vec<Vec<u8>> = (0..5_000).map(key).collect();
        for at_a_time in [1, 7, BLOCK, BLOCK + 1, 5_000] {
            check(&keys, at_a_time);
        }
        // So many keys that some have the same hash.
        let keys: Vec<Vec<u8>> =
            (0..200_000).map(|number| format!("key {number}").into_bytes()).collect();
        let hashes: HashMap<u32, &[u8]> = keys.iter().map(|key| (hash(key), &**key)).collect();
        assert!(hashes.len() < keys.len(), "no two hashes are the same");
        check(&[&keys[..], &keys[..]].concat(), 30_000);
    }

    #[test]
    fn damaged_bytes_are_refused() {
        for mut out in [Writer::default(), Writer::narrow()] {
            let is_narrow = out.is_narrow();
            let read = |bytes: &[u8]| match is_narrow {
                true => KeyTable::read(&mut Reader::narrow(bytes)),
                false => KeyTable::read(&mut Reader::new(bytes)),
            };
            out.count(2);
            out.key_column([&b"same"[..], b"same"].into_iter());
            assert!(read(&out.bytes).is_err(), "a repeated key");
            out.bytes.clear();
            out.count(2);
            out.key_column([&b"same"[..], b"other"].into_iter());
            assert!(read(&out.bytes).is_ok());
            for length in 0..out.bytes.len() {
                assert!(read(&out.bytes[..length]).is_err(), "{length} bytes");
            }
            let absurd = [&u64::MAX.to_le_bytes()[..], &[0; 50]].concat();
            assert!(read(&absurd).is_err(), "an absurd count");
            // As many keys as there are bytes: none of them has a byte of its own.
            let many = [&50_u64.to_le_bytes()[..], &[0; 50]].concat();
            assert!(read(&many).is_err(), "equal keys");
        }
    }

    #[test]
    fn keys_by_hash_are_in_the_order_of_the_hashes_and_keys() {
        let mut table = KeyTable::default();
        assert_eq!(table.by_hash().count(), 0);
        // Hashes near the greatest one, so that words go on from the last place to the first; some alike.
        for number in 0..700_u32 {
            let hash = match number % 3 {
                0 => u32::MAX - number % 50,
                1 => number % 20,
                _ => number.wrapping_mul(0x9e37_79b9),
            };
            table.insert(hash, format!("a key of some bytes {}", number * 7 % 701).as_bytes());
            let found: Vec<(u32, &[u8])> =
                table.by_hash().map(|(hash, _, key)| (hash, key)).collect();
            assert_eq!(found.len(), table.len());
            assert!(found.is_sorted());
            assert!(table.by_hash().all(|(_, id, key)| table.key(id) == key));
        }
    }
}
