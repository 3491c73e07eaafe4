//! Sorted records as bytes: in the buffer, in checkpoints and in the blocks of a spill alike.
//!
//! An entry is the length of the key, the length of the record (4 bytes each), the key, the record.

use crate::record::Batch;
use crate::state::OrderKeys;
use crate::transform::Keeper;

const LENGTHS: usize = 8;

/// A key and a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its place in the order.
    pub key: &'a [u8],
    /// A held record.
    pub record: &'a [u8],
    /// Both with their lengths.
    pub bytes: &'a [u8],
}

/// The first entry of some bytes; `None` where they do not begin with one.
pub fn first(bytes: &[u8]) -> Option<Entry<'_>> {
    let (lengths, rest) = bytes.split_at_checked(LENGTHS)?;
    let (key, record) = lengths.split_at(4);
    let length = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("4 bytes")) as usize;
    let (key, rest) = rest.split_at_checked(length(key))?;
    let record = rest.get(..length(record))?;
    let bytes = &bytes[..LENGTHS + key.len() + record.len()];
    Some(Entry { key, record, bytes })
}

/// How many entries some bytes are; `None` where they are something else.
pub fn count(mut bytes: &[u8]) -> Option<u64> {
    let mut count = 0;
    while !bytes.is_empty() {
        bytes = &bytes[first(bytes)?.bytes.len()..];
        count += 1;
    }
    Some(count)
}

/// The first bytes of a key as a number: two keys whose numbers differ are in the order of these.
pub fn prefix(key: &[u8]) -> u64 {
    match key.first_chunk() {
        Some(first) => u64::from_be_bytes(*first),
        None => {
            let mut padded = [0; 8];
            padded[..key.len()].copy_from_slice(key);
            u64::from_be_bytes(padded)
        }
    }
}

/// Appends an entry.
pub fn push(key: &[u8], record: &[u8], out: &mut Vec<u8>) {
    push_with(key, out, |out| out.extend_from_slice(record));
}

/// Appends an entry whose record is written by a function.
fn push_with(key: &[u8], out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; LENGTHS]);
    out.extend_from_slice(key);
    write(out);
    let record = out.len() - start - LENGTHS - key.len();
    for (place, length) in [(start, key.len()), (start + 4, record)] {
        let length = u32::try_from(length).expect("a record is shorter than 4 GiB");
        out[place..place + 4].copy_from_slice(&length.to_le_bytes());
    }
}

/// Records that stand one behind the other, by where each ends.
pub fn slices<'b>(bytes: &'b [u8], ends: &[usize]) -> Vec<&'b [u8]> {
    let starts = std::iter::once(0).chain(ends.iter().copied());
    starts.zip(ends).map(|(start, end)| &bytes[start..*end]).collect()
}

/// The selected rows of a batch as entries, sorted; equal ones in the order of the rows.
pub fn sorted(batch: &Batch, keys: &OrderKeys, keeper: &Keeper) -> Vec<u8> {
    let rows = &batch.selection;
    let mut order: Vec<(u64, u32)> =
        (0_u32..).take(rows.len()).map(|at| (prefix(keys.get(at as usize)), at)).collect();
    order.sort_unstable_by(|left, right| {
        let key = |at: u32| keys.get(at as usize);
        left.0.cmp(&right.0).then_with(|| key(left.1).cmp(key(right.1))).then(left.1.cmp(&right.1))
    });
    let mut bytes = Vec::new();
    for (_, at) in order {
        let (key, row) = (keys.get(at as usize), rows[at as usize]);
        push_with(key, &mut bytes, |out| keeper.write(batch, row, out));
    }
    bytes.shrink_to_fit();
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_entry_is_seen() {
        let bytes = [1, 0, 0, 0, 2, 0, 0, 0, b'k', b'r', b'r'];
        let entry = first(&bytes).expect("an entry");
        assert_eq!((entry.key, entry.record), (&b"k"[..], &b"rr"[..]));
        assert_eq!(count(&bytes.repeat(3)), Some(3));
        for length in 1..bytes.len() {
            assert_eq!(count(&bytes[..length]), None);
        }
        assert_eq!(first(&[255; 20]), None);
    }

    #[test]
    fn prefixes_are_in_the_order_of_the_keys() {
        let keys: [&[u8]; 6] = [b"", b"\x01", b"\x01\x02", b"\x02", b"abcdefgh", b"abcdefgi"];
        for pair in keys.windows(2) {
            assert!(prefix(pair[0]) < prefix(pair[1]));
        }
        assert_eq!(prefix(b"abcdefghi"), prefix(b"abcdefgh"));
    }
}
