//! The last values of a key.

use crate::record::DataType;
use crate::state::{Reader, Stored, Unreadable, Writer};
use std::collections::VecDeque;

/// The last values of a key, the oldest in front.
#[derive(Debug, Clone, Default)]
pub struct Ring {
    values: VecDeque<Stored>,
    /// Bytes that the values take besides themselves.
    text_bytes: usize,
}

/// A ring has places for so many values at once, where it may have so many.
const PLACES_MIN: usize = 4;

impl Ring {
    /// The values.
    pub fn values(&self) -> &VecDeque<Stored> {
        &self.values
    }

    /// Takes one more value; not more than `reach` stay, and the one that leaves is returned.
    pub fn push(&mut self, value: Stored, reach: usize) -> Option<Stored> {
        let gone = if self.values.len() == reach { self.values.pop_front() } else { None };
        if self.values.capacity() == 0 {
            self.values.reserve_exact(reach.min(PLACES_MIN));
        }
        self.text_bytes += value.heap_bytes();
        self.text_bytes -= gone.as_ref().map_or(0, Stored::heap_bytes);
        self.values.push_back(value);
        gone
    }

    /// About how many bytes it takes besides itself. Depends on the values alone.
    pub fn owned(&self, reach: usize) -> usize {
        places(self.values.len(), reach) * size_of::<Stored>() + self.text_bytes
    }

    /// Appends the values.
    pub fn write(&self, out: &mut Writer) {
        out.count(self.values.len());
        self.values.iter().for_each(|value| value.write(out));
    }

    /// Reads what [`Ring::write`] wrote.
    pub fn read(
        reader: &mut Reader<'_>,
        data_type: DataType,
        reach: usize,
    ) -> Result<Ring, Unreadable> {
        let count = reader.count(1, "values")?;
        if count > reach {
            return Err(Unreadable { what: "values" });
        }
        let mut ring = Ring::default();
        for _ in 0..count {
            ring.push(Stored::read(reader, data_type)?, reach);
        }
        Ok(ring)
    }
}

/// For how many things a queue has places that holds so many, and at most `reach`.
pub fn places(held: usize, reach: usize) -> usize {
    match held {
        0 => 0,
        held => held.next_power_of_two().max(reach.min(PLACES_MIN)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_knows_what_its_values_take() {
        let text = |length: usize| Stored::Text(vec![b'x'; length].into());
        let mut ring = Ring::default();
        assert_eq!(ring.owned(2), 0);
        assert_eq!(ring.push(text(10), 2), None);
        assert_eq!(ring.push(Stored::Null, 2), None);
        assert_eq!(ring.owned(2), 2 * size_of::<Stored>() + 10);
        assert_eq!(ring.push(text(3), 2), Some(text(10)));
        assert_eq!(ring.owned(2), 2 * size_of::<Stored>() + 3);
        let mut out = Writer::default();
        ring.write(&mut out);
        let read = |reach| Ring::read(&mut Reader::new(&out.bytes), DataType::Text, reach);
        let read_back = read(2).expect("what was written");
        assert_eq!((read_back.values(), read_back.text_bytes), (ring.values(), 3));
        assert!(read(1).is_err(), "too many");
    }
}
