//! What changed in a state since it was last saved.

use super::codec::{Reader, Unreadable, Writer};
use std::ops::Range;

/// Which entries of a store changed since they were last saved; those behind them are new.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// How many entries were saved last; no more are looked after.
    saved: usize,
    /// One bit for each of them.
    bits: Vec<u64>,
}

/// The entries that a snapshot is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// How many entries were saved before; 0 where all are meant.
    before: usize,
    /// Those of them that changed since, in their order.
    changed: Vec<u32>,
    /// How many there are.
    len: usize,
}

impl Changes {
    /// Nothing changed since so many entries were saved.
    pub fn since(saved: usize) -> Changes {
        Changes { saved, bits: vec![0; saved.div_ceil(64)] }
    }

    /// Notes a change.
    #[inline]
    pub fn mark(&mut self, entry: usize) {
        if entry < self.saved {
            self.bits[entry / 64] |= 1 << (entry % 64);
        }
    }

    /// Notes many changes.
    pub fn mark_all(&mut self, entries: &[u32]) {
        if self.saved > 0 {
            entries.iter().for_each(|entry| self.mark(*entry as usize));
        }
    }

    /// Everything, of so many entries; from now on changes are relative to it.
    pub fn take_all(&mut self, len: usize) -> Part {
        *self = Changes::since(len);
        Part::all(len)
    }

    /// What changed, of so many entries; from now on changes are relative to it.
    pub fn take(&mut self, len: usize) -> Part {
        let mut changed = Vec::new();
        for (word, bits) in (0_u32..).zip(&self.bits) {
            let mut left = *bits;
            while left != 0 {
                changed.push(word * 64 + left.trailing_zeros());
                left &= left - 1;
            }
        }
        let part = Part { before: self.saved, changed, len };
        self.bits.fill(0);
        self.bits.resize(len.div_ceil(64), 0);
        self.saved = len;
        part
    }
}

impl Part {
    /// All of so many entries.
    pub fn all(len: usize) -> Part {
        Part { before: 0, changed: Vec::new(), len }
    }

    /// Those from one on, of so many.
    pub fn new_from(before: usize, len: usize) -> Part {
        Part { before, changed: Vec::new(), len }
    }

    /// Whether it is about everything.
    pub fn is_all(&self) -> bool {
        self.before == 0
    }

    /// Those that are new.
    pub fn new_ones(&self) -> Range<usize> {
        self.before..self.len
    }

    /// The entries, in their order.
    pub fn entries(&self) -> impl Iterator<Item = usize> + Clone {
        self.changed.iter().map(|entry| *entry as usize).chain(self.new_ones())
    }

    /// How many entries it is about.
    pub fn count(&self) -> usize {
        self.changed.len() + self.new_ones().len()
    }

    /// Whether one of its entries lies in a range.
    pub fn is_in(&self, range: Range<usize>) -> bool {
        let at = self.changed.partition_point(|entry| (*entry as usize) < range.start);
        let has_changed = self.changed.get(at).is_some_and(|entry| (*entry as usize) < range.end);
        has_changed || self.before.max(range.start) < self.len.min(range.end)
    }

    /// Appends which entries it is about.
    pub fn write(&self, out: &mut Writer) {
        out.count(self.before);
        out.count(self.len);
        out.count(self.changed.len());
        match out.is_narrow() {
            true => out.numbers(self.changed.iter().copied().map(u64::from)),
            false => out.u32s(self.changed.iter().copied()),
        }
    }

    /// Reads what [`Part::write`] wrote of a store that holds so many entries now.
    pub fn read(reader: &mut Reader<'_>, before: usize) -> Result<Part, Unreadable> {
        let what = "changes";
        let unreadable = Unreadable { what };
        let same = reader.u64(what)? == before as u64;
        let len = usize::try_from(reader.u64(what)?).map_err(|_| unreadable.clone())?;
        let changed = if reader.is_narrow() {
            // They are different ones: each takes a byte at least.
            let count = reader.count(1, what)?;
            let entries = reader.number_column(count, what)?.map(u32::try_from);
            entries.collect::<Result<_, _>>().map_err(|_| unreadable.clone())?
        } else {
            let count = reader.count(4, what)?;
            reader.u32s(count, what)?
        };
        let rises = changed.is_sorted_by(|left, right| left < right);
        let fits = changed.last().is_none_or(|last| (*last as usize) < before);
        if same && len >= before && rises && fits {
            Ok(Part { before, changed, len })
        } else {
            Err(unreadable)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_marked_and_what_is_new_is_taken_once() {
        let mut changes = Changes::default();
        changes.mark_all(&[3, 4]);
        assert_eq!(changes.take(200), Part::all(200), "all were new");
        changes.mark_all(&[199, 3, 64, 3]);
        let part = changes.take(202);
        assert_eq!(part.entries().collect::<Vec<_>>(), [3, 64, 199, 200, 201]);
        assert_eq!(part.count(), 5);
        let within = [0..3, 3..4, 4..64, 60..70, 201..300, 202..300].map(|range| part.is_in(range));
        assert_eq!(within, [false, true, false, true, true, false]);
        assert_eq!(changes.take(202).count(), 0);
        assert_eq!(changes.take_all(202), Part::all(202));
    }

    #[test]
    fn a_narrow_part_survives_a_round_trip_and_damaged_bytes_are_refused() {
        let mut changes = Changes::since(10_000);
        changes.mark_all(&(0..5_000).map(|entry| entry * 2).collect::<Vec<u32>>());
        let part = changes.take(10_001);
        let mut out = Writer::narrow();
        part.write(&mut out);
        assert!(out.bytes.len() < 5_000 * 2 + 50, "{out:?}");
        let read = |bytes: &[u8]| Part::read(&mut Reader::narrow(bytes), 10_000);
        assert_eq!(read(&out.bytes), Ok(part));
        for length in 0..out.bytes.len() {
            assert!(read(&out.bytes[..length]).is_err(), "{length} bytes");
        }
        out.bytes[24] = 8;
        assert!(read(&out.bytes).is_err(), "numbers of 8 bytes");
    }

    #[test]
    fn a_part_survives_a_round_trip_and_damaged_bytes_are_refused() {
        let mut changes = Changes::since(100);
        changes.mark_all(&[7, 99]);
        let part = changes.take(101);
        let mut out = Writer::default();
        part.write(&mut out);
        assert_eq!(Part::read(&mut Reader::new(&out.bytes), 100), Ok(part));
        assert!(Part::read(&mut Reader::new(&out.bytes), 99).is_err(), "another store");
        for length in 0..out.bytes.len() {
            assert!(Part::read(&mut Reader::new(&out.bytes[..length]), 100).is_err());
        }
        for (at, byte) in [(24, 100), (28, 7), (8, 99)] {
            let mut bytes = out.bytes.clone();
            bytes[at] = byte;
            assert!(Part::read(&mut Reader::new(&bytes), 100).is_err(), "byte {at}");
        }
    }
}
