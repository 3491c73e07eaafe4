//! Columns of numbers and of short byte strings with no more bytes than they need, in pages.
//!
//! A page of numbers is: how many bytes a number has above the smallest one (1 byte), the smallest one (8), and for each of
//! these bytes, the lowest first, that byte of every number. A page of byte strings is: a page of their lengths, and,
//! where all have one length of at most [`SHORT_MAX`], for each place of a byte either 0 and the byte that all have there, or
//! 1 and that byte of every string; otherwise the strings one behind the other.
//!
//! Equal bytes stand side by side then: a compressor has little to do, and finds what there is to be found.

use super::codec::{Reader, Unreadable};
use std::borrow::Cow;

/// So many values are in a page; only the last one of a column may have fewer.
pub const PAGE: usize = 1 << 12;

/// The most bytes of strings whose bytes are put side by side: so no forged page takes much memory.
const SHORT_MAX: usize = 64;

/// All strings have the same byte at a place.
const SAME: u8 = 0;
/// They have different ones.
const OWN: u8 = 1;

/// Bytes of a page of numbers before the numbers.
const HEAD_BYTES: usize = 9;

/// Gives values in pages.
pub fn in_pages<T>(values: impl IntoIterator<Item = T>, mut take: impl FnMut(&[T])) {
    let mut values = values.into_iter();
    let mut page = Vec::new();
    loop {
        page.clear();
        page.extend(values.by_ref().take(PAGE));
        if page.is_empty() {
            return;
        }
        take(&page);
    }
}

/// Appends up to [`PAGE`] numbers.
pub fn write_numbers(page: &[u64], out: &mut Vec<u8>) {
    let smallest = page.iter().copied().min().unwrap_or(0);
    let spread = page.iter().copied().max().unwrap_or(0) - smallest;
    let width = (u64::BITS - spread.leading_zeros()).div_ceil(8);
    out.push(u8::try_from(width).expect("a number has at most 8 bytes"));
    out.extend_from_slice(&smallest.to_le_bytes());
    for byte in 0..width as usize {
        out.extend(page.iter().map(|number| (number - smallest).to_le_bytes()[byte]));
    }
}

/// Appends up to [`PAGE`] byte strings, or of longer or different ones only how long they are: then they are to follow, one
/// behind the other, and it is told that they do.
#[must_use]
pub fn write_strings(page: &[&[u8]], out: &mut Vec<u8>) -> bool {
    let lengths: Vec<u64> = page.iter().map(|string| string.len() as u64).collect();
    write_numbers(&lengths, out);
    let Some(length) = common_length(&lengths) else { return true };
    let all = page.concat();
    for place in 0..length {
        let mut bytes = all.chunks_exact(length).map(|string| string[place]);
        let first = all[place];
        if bytes.clone().all(|byte| byte == first) {
            out.extend_from_slice(&[SAME, first]);
        } else {
            out.push(OWN);
            out.extend(&mut bytes);
        }
    }
    false
}

/// The length that short strings have in common, where the bytes of each place stand side by side.
fn common_length(lengths: &[u64]) -> Option<usize> {
    let first = usize::try_from(*lengths.first()?).ok()?;
    let is_it = (1..=SHORT_MAX).contains(&first) && lengths.iter().all(|one| *one == lengths[0]);
    is_it.then_some(first)
}

/// Takes the bytes of a page of so many numbers.
pub fn take_numbers<'a>(
    reader: &mut Reader<'a>,
    count: usize,
    what: &'static str,
) -> Result<&'a [u8], Unreadable> {
    let mut ahead = reader.clone();
    let width = usize::from(ahead.take(HEAD_BYTES, what)?[0]);
    if width > 8 {
        return Err(Unreadable { what });
    }
    reader.take(HEAD_BYTES + width * count, what)
}

/// Puts the numbers of a page that was taken into the place of others.
pub fn read_numbers(page: &[u8], count: usize, numbers: &mut Vec<u64>) {
    const TAKEN: &str = "the page was taken as a whole";
    let (head, planes) = page.split_at(HEAD_BYTES);
    let smallest = u64::from_le_bytes(*head.last_chunk().expect(TAKEN));
    numbers.clear();
    numbers.resize(count, smallest);
    for (place, plane) in planes.chunks_exact(count.max(1)).enumerate() {
        for (number, byte) in numbers.iter_mut().zip(plane) {
            *number = number.wrapping_add(u64::from(*byte) << (8 * place));
        }
    }
}

/// A page of byte strings.
pub struct Strings<'a> {
    lengths: Vec<u64>,
    bytes: Cow<'a, [u8]>,
}

impl<'a> Strings<'a> {
    /// Takes a page of so many strings.
    pub fn take(
        reader: &mut Reader<'a>,
        count: usize,
        what: &'static str,
    ) -> Result<Strings<'a>, Unreadable> {
        let mut lengths = Vec::new();
        read_numbers(take_numbers(reader, count, what)?, count, &mut lengths);
        let Some(length) = common_length(&lengths) else {
            let all = lengths.iter().try_fold(0_u64, |sum, length| sum.checked_add(*length));
            let all = all.and_then(|all| usize::try_from(all).ok()).ok_or(Unreadable { what })?;
            return Ok(Strings { lengths, bytes: Cow::Borrowed(reader.take(all, what)?) });
        };
        let mut bytes = vec![0; length * count];
        for place in 0..length {
            let places = bytes.chunks_exact_mut(length).map(|string| &mut string[place]);
            match *reader.take(1, what)? {
                [SAME] => {
                    let byte = reader.take(1, what)?[0];
                    places.for_each(|place| *place = byte);
                }
                [OWN] => {
                    let own = reader.take(count, what)?;
                    places.zip(own).for_each(|(place, byte)| *place = *byte);
                }
                _ => return Err(Unreadable { what }),
            }
        }
        Ok(Strings { lengths, bytes: Cow::Owned(bytes) })
    }

    /// The strings, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &*self.bytes;
        self.lengths.iter().map(move |length| {
            let length = usize::try_from(*length).expect("the bytes are there");
            let (string, behind) = rest.split_at(length);
            rest = behind;
            string
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Writer;

    fn check_numbers(numbers: &[u64], bytes: usize) {
        let mut out = Writer::narrow();
        out.numbers(numbers.iter().copied());
        assert_eq!(out.bytes.len(), bytes);
        let mut reader = Reader::narrow(&out.bytes);
        let read = reader.number_column(numbers.len(), "numbers").expect("what was written");
        assert!(read.eq(numbers.iter().copied()));
        assert!(reader.is_at_end());
        for length in 0..bytes.min(2_000) {
            let mut reader = Reader::narrow(&out.bytes[..length]);
            assert!(reader.number_column(numbers.len(), "numbers").is_err(), "{length} bytes");
        }
    }

    #[test]
    fn numbers_take_the_bytes_that_they_need_and_are_read_back() {
        check_numbers(&[], 0);
        check_numbers(&[u64::MAX], HEAD_BYTES);
        check_numbers(&[7; PAGE], HEAD_BYTES);
        check_numbers(&[1 << 40, (1 << 40) + 255, 1 << 40], HEAD_BYTES + 3);
        check_numbers(&[0, 256], HEAD_BYTES + 2 * 2);
        check_numbers(&[0, u64::MAX, 5], HEAD_BYTES + 8 * 3);
        let many: Vec<u64> = (0..2 * PAGE as u64 + 1).map(|number| number * 3).collect();
        check_numbers(&many, 3 * HEAD_BYTES + 2 * 2 * PAGE);
    }

    fn check_strings(strings: &[&[u8]], bytes: usize) {
        let mut out = Writer::narrow();
        out.key_column(strings.iter().copied());
        assert_eq!(out.bytes.len(), bytes);
        let read = |bytes: &[u8]| {
            let (mut reader, mut read) = (Reader::narrow(bytes), Vec::new());
            while read.len() < strings.len() {
                let count = (strings.len() - read.len()).min(PAGE);
                let page = Strings::take(&mut reader, count, "strings")?;
                read.extend(page.iter().map(<[u8]>::to_vec));
            }
            reader.finish("strings").map(|()| read)
        };
        assert_eq!(read(&out.bytes).expect("what was written"), strings);
        for length in 0..bytes {
            assert!(read(&out.bytes[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn strings_of_one_length_share_the_bytes_that_they_have_in_common() {
        check_strings(&[], 0);
        check_strings(&[b""], HEAD_BYTES);
        check_strings(&[b"", b""], HEAD_BYTES);
        check_strings(&[b"ab1", b"ab2", b"ab3"], HEAD_BYTES + 2 + 2 + 1 + 3);
        check_strings(&[b"ab", b"c"], HEAD_BYTES + 2 + 3);
        let (long, other) = ([b'x'; SHORT_MAX + 1], [b'y'; SHORT_MAX + 1]);
        check_strings(&[&long, &other], HEAD_BYTES + 2 * (SHORT_MAX + 1));
        check_strings(&[&long[1..], &other[1..]], HEAD_BYTES + 3 * SHORT_MAX);
    }

    #[test]
    fn forged_pages_are_refused_before_they_take_memory() {
        let absurd = |width: u8, bytes: &[u8]| {
            let page = [&[width][..], &u64::MAX.to_le_bytes(), bytes].concat();
            let mut reader = Reader::narrow(&page);
            Strings::take(&mut reader, 2, "strings").is_err()
        };
        assert!(absurd(0, b""), "lengths whose sum overflows");
        assert!(absurd(9, &[0; 100]), "numbers of 9 bytes");
        let mut reader = Reader::narrow(&[0; 20]);
        assert!(reader.number_column(usize::MAX, "numbers").is_err());
        let mut out = Vec::new();
        assert!(!write_strings(&[b"a", b"b"], &mut out));
        out[HEAD_BYTES] = 2;
        assert!(Strings::take(&mut Reader::narrow(&out), 2, "strings").is_err(), "no such place");
    }
}
