//! Little-endian, columnar bytes for state sections, both directions.

use super::narrow;
use std::fmt;

/// What takes written bytes, portion by portion.
pub type Sink<'a> = dyn FnMut(&[u8]) + 'a;

/// What is added to a lower number does not overflow.
pub const NUMBER_END: u64 = 1 << 62;

/// Appends numbers and byte strings.
#[derive(Default)]
pub struct Writer<'a> {
    /// What was written so far and not handed on.
    pub bytes: Vec<u8>,
    /// Takes what was written whenever it has become much.
    sink: Option<&'a mut Sink<'a>>,
    /// Whether columns have no more bytes than they need.
    is_narrow: bool,
}

/// Numbers with signs are in their order where this bit is the other way round.
const SIGN: u64 = 1 << 63;

/// So many bytes are handed on at a time.
const PORTION: usize = 256 << 10;

/// Takes numbers and byte strings off the front of a section; every read is checked.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
    is_narrow: bool,
}

/// A column of numbers as it is read, one page after the other.
#[derive(Debug, Clone)]
pub struct NumberColumn<'a> {
    rest: Reader<'a>,
    /// Numbers that are not in `page` yet.
    left: usize,
    page: Vec<u64>,
    /// How many of the page were given.
    given: usize,
}

/// A state section that does not have the form it should have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// What was being read.
    pub what: &'static str,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "its {} are not readable", self.what)
    }
}

impl std::error::Error for Unreadable {}

impl fmt::Debug for Writer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.bytes.len())
    }
}

impl<'a> Writer<'a> {
    /// Hands on what is written with narrow columns, portion by portion; the last one with [`Writer::finish`].
    pub fn into_sink(sink: &'a mut Sink<'a>) -> Writer<'a> {
        Writer { sink: Some(sink), ..Writer::narrow() }
    }

    /// Writes columns as narrow as they can be; [`Reader::narrow`] must read them.
    pub fn narrow() -> Writer<'a> {
        Writer { is_narrow: true, ..Writer::default() }
    }

    /// Whether it writes columns as narrow as they can be.
    pub fn is_narrow(&self) -> bool {
        self.is_narrow
    }

    /// Hands on the rest.
    pub fn finish(mut self) {
        self.hand_on();
    }

    fn hand_on(&mut self) {
        if let Some(sink) = &mut self.sink {
            sink(&self.bytes);
            self.bytes.clear();
        }
    }

    #[inline]
    fn append(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.settle();
    }

    /// Hands on what there is, where it has become much; for those who append to `bytes` themselves.
    #[inline]
    pub fn settle(&mut self) {
        if self.bytes.len() >= PORTION {
            self.hand_on();
        }
    }

    /// Appends a count or length.
    pub fn count(&mut self, value: usize) {
        self.u64(value as u64);
    }

    /// Appends 8 bytes.
    pub fn u64(&mut self, value: u64) {
        self.append(&value.to_le_bytes());
    }

    /// Appends a column of 8-byte numbers; the reader knows how many.
    pub fn u64s(&mut self, values: impl IntoIterator<Item = u64>) {
        for value in values {
            self.u64(value);
        }
    }

    /// Appends a column of numbers as narrow as it can be; the reader knows how many.
    pub fn numbers(&mut self, values: impl IntoIterator<Item = u64>) {
        if !self.is_narrow {
            return self.u64s(values);
        }
        narrow::in_pages(values, |page| {
            narrow::write_numbers(page, &mut self.bytes);
            self.settle();
        });
    }

    /// The same for numbers with signs.
    pub fn signed_numbers(&mut self, values: impl IntoIterator<Item = i64>) {
        self.numbers(values.into_iter().map(|value| value.cast_unsigned() ^ SIGN));
    }

    /// Appends a column of byte strings that are mostly short as narrow as it can be; the reader knows how many.
    pub fn key_column<'b>(&mut self, values: impl Iterator<Item = &'b [u8]> + Clone) {
        if !self.is_narrow {
            return self.strings(values);
        }
        narrow::in_pages(values, |page| {
            let do_follow = narrow::write_strings(page, &mut self.bytes);
            self.settle();
            // Long ones are handed on as they come: nobody has all of them twice.
            page.iter().filter(|_| do_follow).for_each(|string| self.append(string));
        });
    }

    /// Appends a column of 4-byte numbers; the reader knows how many.
    pub fn u32s(&mut self, values: impl IntoIterator<Item = u32>) {
        for value in values {
            self.append(&value.to_le_bytes());
        }
    }

    /// Appends a column of 16-byte numbers; the reader knows how many.
    pub fn i128s(&mut self, values: impl IntoIterator<Item = i128>) {
        for value in values {
            self.append(&value.to_le_bytes());
        }
    }

    /// Appends a column of flags; the reader knows how many.
    pub fn flags(&mut self, values: impl IntoIterator<Item = bool>) {
        values.into_iter().for_each(|value| self.append(&[u8::from(value)]));
    }

    /// Appends a column of byte strings: first all lengths, then all bytes; the reader knows how many.
    pub fn strings<'b>(&mut self, values: impl Iterator<Item = &'b [u8]> + Clone) {
        for value in values.clone() {
            let length = u32::try_from(value.len()).expect("a key or value is shorter than 4 GiB");
            self.append(&length.to_le_bytes());
        }
        for value in values {
            self.append(value);
        }
    }
}

impl<'a> Reader<'a> {
    /// Reads from the start of a section.
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes, is_narrow: false }
    }

    /// Reads what [`Writer::narrow`] wrote.
    pub fn narrow(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes, is_narrow: true }
    }

    /// Whether it reads columns that are as narrow as they can be.
    pub fn is_narrow(&self) -> bool {
        self.is_narrow
    }

    /// Takes `length` bytes.
    pub fn take(&mut self, length: usize, what: &'static str) -> Result<&'a [u8], Unreadable> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Unreadable { what })?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Unreadable> {
        let bytes = self.take(N, what)?;
        Ok(bytes.try_into().expect("exactly N bytes were taken"))
    }

    /// Takes 8 bytes.
    pub fn u64(&mut self, what: &'static str) -> Result<u64, Unreadable> {
        Ok(u64::from_le_bytes(self.array(what)?))
    }

    /// Takes a number that is counted on from: more than anything is ever counted to is refused.
    pub fn number(&mut self, what: &'static str) -> Result<u64, Unreadable> {
        Some(self.u64(what)?).filter(|number| *number < NUMBER_END).ok_or(Unreadable { what })
    }

    /// Takes `count` of them.
    pub fn numbers(&mut self, count: usize, what: &'static str) -> Result<Vec<u64>, Unreadable> {
        (0..count).map(|_| self.number(what)).collect()
    }

    /// Takes a count of things that take at least `bytes_each` bytes; more than can be there is refused.
    pub fn count(&mut self, bytes_each: usize, what: &'static str) -> Result<usize, Unreadable> {
        let count = usize::try_from(self.u64(what)?).map_err(|_| Unreadable { what })?;
        let fits = count.checked_mul(bytes_each).is_some_and(|bytes| bytes <= self.rest.len());
        if fits { Ok(count) } else { Err(Unreadable { what }) }
    }

    /// Takes `count` 8-byte numbers.
    pub fn u64s(&mut self, count: usize, what: &'static str) -> Result<Vec<u64>, Unreadable> {
        Ok(self.u64_column(count, what)?.collect())
    }

    /// The same, one by one.
    pub fn u64_column(
        &mut self,
        count: usize,
        what: &'static str,
    ) -> Result<impl ExactSizeIterator<Item = u64> + 'a, Unreadable> {
        let bytes = self.take(count.checked_mul(8).ok_or(Unreadable { what })?, what)?;
        let number = |chunk: &[u8]| u64::from_le_bytes(chunk.try_into().expect("chunks of 8"));
        Ok(bytes.chunks_exact(8).map(number))
    }

    /// Takes `count` numbers that [`Writer::numbers`] wrote, one by one.
    pub fn number_column(
        &mut self,
        count: usize,
        what: &'static str,
    ) -> Result<NumberColumn<'a>, Unreadable> {
        let rest = self.clone();
        if self.is_narrow {
            let mut left = count;
            while left > 0 {
                let page = left.min(narrow::PAGE);
                narrow::take_numbers(self, page, what)?;
                left -= page;
            }
        } else {
            self.take(count.checked_mul(8).ok_or(Unreadable { what })?, what)?;
        }
        Ok(NumberColumn { rest, left: count, page: Vec::new(), given: 0 })
    }

    /// The same for what [`Writer::signed_numbers`] wrote.
    pub fn signed_column(
        &mut self,
        count: usize,
        what: &'static str,
    ) -> Result<impl ExactSizeIterator<Item = i64> + use<'a>, Unreadable> {
        Ok(self.number_column(count, what)?.map(|number| (number ^ SIGN).cast_signed()))
    }

    /// Takes `count` 4-byte numbers.
    pub fn u32s(&mut self, count: usize, what: &'static str) -> Result<Vec<u32>, Unreadable> {
        let bytes = self.take(count.checked_mul(4).ok_or(Unreadable { what })?, what)?;
        let number = |chunk: &[u8]| u32::from_le_bytes(chunk.try_into().expect("chunks of 4"));
        Ok(bytes.chunks_exact(4).map(number).collect())
    }

    /// Takes `count` 16-byte numbers.
    pub fn i128s(&mut self, count: usize, what: &'static str) -> Result<Vec<i128>, Unreadable> {
        Ok(self.i128_column(count, what)?.collect())
    }

    /// The same, one by one.
    pub fn i128_column(
        &mut self,
        count: usize,
        what: &'static str,
    ) -> Result<impl ExactSizeIterator<Item = i128> + 'a, Unreadable> {
        let bytes = self.take(count.checked_mul(16).ok_or(Unreadable { what })?, what)?;
        let number = |chunk: &[u8]| i128::from_le_bytes(chunk.try_into().expect("chunks of 16"));
        Ok(bytes.chunks_exact(16).map(number))
    }

    /// Takes `count` flags.
    pub fn flags(&mut self, count: usize, what: &'static str) -> Result<Vec<bool>, Unreadable> {
        let flag = |byte: &u8| match byte {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Unreadable { what }),
        };
        self.take(count, what)?.iter().map(flag).collect()
    }

    /// Takes `count` byte strings.
    pub fn strings(
        &mut self,
        count: usize,
        what: &'static str,
    ) -> Result<Vec<&'a [u8]>, Unreadable> {
        Ok(self.string_column(count, what)?.collect())
    }

    /// The same, one by one.
    pub fn string_column(
        &mut self,
        count: usize,
        what: &'static str,
    ) -> Result<impl Iterator<Item = &'a [u8]> + 'a, Unreadable> {
        let lengths = self.take(count.checked_mul(4).ok_or(Unreadable { what })?, what)?;
        let lengths = lengths
            .chunks_exact(4)
            .map(|length| u32::from_le_bytes(length.try_into().expect("chunks of 4")) as usize);
        let all = lengths.clone().try_fold(0_usize, usize::checked_add);
        let mut rest = self.take(all.ok_or(Unreadable { what })?, what)?;
        Ok(lengths.map(move |length| {
            let (string, behind) = rest.split_at(length);
            rest = behind;
            string
        }))
    }

    /// How many bytes are left.
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    /// Whether nothing is left.
    pub fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Checks that nothing is left.
    pub fn finish(self, what: &'static str) -> Result<(), Unreadable> {
        if self.rest.is_empty() { Ok(()) } else { Err(Unreadable { what }) }
    }
}

impl NumberColumn<'_> {
    /// Whether it was written as narrow as it can be.
    pub fn is_narrow(&self) -> bool {
        self.rest.is_narrow
    }

    /// Reads the next page, of which there is one.
    fn fill(&mut self) {
        const CHECKED: &str = "the column was checked before";
        let count = self.left.min(narrow::PAGE);
        if self.rest.is_narrow {
            let page = narrow::take_numbers(&mut self.rest, count, "").expect(CHECKED);
            narrow::read_numbers(page, count, &mut self.page);
        } else {
            self.page.clear();
            self.page.extend(self.rest.u64_column(count, "").expect(CHECKED));
        }
        (self.left, self.given) = (self.left - count, 0);
    }
}

impl Iterator for NumberColumn<'_> {
    type Item = u64;

    #[inline]
    fn next(&mut self) -> Option<u64> {
        if self.given == self.page.len() {
            if self.left == 0 {
                return None;
            }
            self.fill();
        }
        self.given += 1;
        Some(self.page[self.given - 1])
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.left + self.page.len() - self.given;
        (left, Some(left))
    }
}

impl ExactSizeIterator for NumberColumn<'_> {}
