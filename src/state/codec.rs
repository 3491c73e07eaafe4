//! Little-endian, columnar bytes for state sections, both directions.

use std::fmt;

/// What takes written bytes, portion by portion.
pub type Sink<'a> = dyn FnMut(&[u8]) + 'a;

/// What is added to a lower number does not overflow.
const NUMBER_END: u64 = 1 << 62;

/// Appends numbers and byte strings.
#[derive(Default)]
pub struct Writer<'a> {
    /// What was written so far and not handed on.
    pub bytes: Vec<u8>,
    /// Takes what was written whenever it has become much.
    sink: Option<&'a mut Sink<'a>>,
}

/// So many bytes are handed on at a time.
const PORTION: usize = 256 << 10;

/// Takes numbers and byte strings off the front of a section; every read is checked.
#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
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
    /// Hands on what is written, portion by portion; the last one with [`Writer::finish`].
    pub fn into_sink(sink: &'a mut Sink<'a>) -> Writer<'a> {
        Writer { bytes: Vec::new(), sink: Some(sink) }
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
        Reader { rest: bytes }
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
