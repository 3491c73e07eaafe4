//! What one window call remembers of all keys that are in memory.

use super::extremes::Extremes;
use super::of_key::{Input, OfKey};
use super::results::Results;
use super::ring::Ring;
use super::sum::Sum;
use crate::expr::window::{Moving, WindowCall, WindowFunction};
use crate::record::Column;
use crate::state::{Cells, Pages, Part, Reader, Stored, Unreadable, Writer};
use crate::transform::expiry::Arrival;
use std::fmt::Debug;

/// The selected rows of a batch, in input order.
pub struct Rows {
    /// The key of each, and the row.
    pub pairs: Vec<(u32, u32)>,
    /// How each came upon its key; empty where keys are not forgotten.
    pub arrivals: Vec<Arrival>,
}

/// What a call remembers, one of it for each key, by the id of the key.
pub trait Memory: Debug + Send {
    /// Makes room for so many keys.
    fn grow(&mut self, keys: usize);

    /// The results for rows of a batch that has `count` rows.
    fn advance(
        &mut self,
        call: &WindowCall,
        rows: &Rows,
        input: &Input<'_>,
        count: usize,
    ) -> Column;

    /// About how many bytes it takes.
    fn bytes(&self) -> usize;

    /// What is remembered of some keys as it is now, for another thread.
    fn share(&mut self, keys: &Part) -> Box<dyn Memory>;

    /// Appends what is remembered of some keys.
    fn write(&self, keys: &Part, out: &mut Writer);

    /// Takes in what [`Memory::write`] wrote of some keys.
    fn take_in(
        &mut self,
        call: &WindowCall,
        reader: &mut Reader<'_>,
        keys: &Part,
    ) -> Result<(), Unreadable>;

    /// What is remembered of these keys alone, whose ids are their places from now on; of all others nothing is.
    fn keep(&mut self, call: &WindowCall, keys: &[u32]);
}

/// What a call remembers before the first record.
pub fn new(call: &WindowCall) -> Box<dyn Memory> {
    match call.function {
        WindowFunction::Records | WindowFunction::Count => Box::new(OfKeys::<u64>::default()),
        WindowFunction::Sum | WindowFunction::Average => Box::new(OfKeys::<Sum>::default()),
        WindowFunction::Min
        | WindowFunction::Max
        | WindowFunction::First(_)
        | WindowFunction::Last(_) => Box::new(OfKeys::<Option<Stored>>::default()),
        WindowFunction::Moving(Moving::Sum | Moving::Average | Moving::Count, _) => {
            Box::new(OfKeys::<(Ring, Sum)>::default())
        }
        WindowFunction::Moving(Moving::Min | Moving::Max, _) => {
            Box::new(OfKeys::<Extremes>::default())
        }
        WindowFunction::Lag(_) => Box::new(OfKeys::<Ring>::default()),
        WindowFunction::Ewma(_) => Box::new(OfKeys::<Option<f64>>::default()),
        WindowFunction::Lead(_) => Box::new(OfKeys::<()>::default()),
    }
}

/// One value for each key.
#[derive(Debug, Default)]
struct OfKeys<V> {
    values: Pages<V>,
    /// Bytes that the values take besides themselves.
    owned: usize,
}

impl<V: OfKey> Memory for OfKeys<V> {
    fn grow(&mut self, keys: usize) {
        self.values.grow(keys, V::default());
    }

    fn advance(
        &mut self,
        call: &WindowCall,
        rows: &Rows,
        input: &Input<'_>,
        count: usize,
    ) -> Column {
        let mut results = Results::new(call.data_type, count);
        for (place, (key, row)) in rows.pairs.iter().enumerate() {
            let value = self.values.cell(*key as usize);
            let before = value.owned(call);
            if rows.arrivals.get(place).is_some_and(|arrival| arrival.is_anew) {
                *value = V::default();
            }
            value.advance(call, input, *row, &mut results);
            self.owned = self.owned + value.owned(call) - before;
        }
        results.into_column()
    }

    fn bytes(&self) -> usize {
        self.values.bytes() + self.owned
    }

    fn share(&mut self, keys: &Part) -> Box<dyn Memory> {
        Box::new(OfKeys { values: self.values.share(keys), owned: 0 })
    }

    fn write(&self, keys: &Part, out: &mut Writer) {
        V::write_all(keys.entries().map(|key| &self.values[key]), out);
    }

    fn take_in(
        &mut self,
        call: &WindowCall,
        reader: &mut Reader<'_>,
        keys: &Part,
    ) -> Result<(), Unreadable> {
        let read = V::read_all(call, reader, keys.count())?;
        self.grow(keys.new_ones().end);
        for (key, new) in keys.entries().zip(read) {
            let value = self.values.cell(key);
            self.owned = self.owned + new.owned(call) - value.owned(call);
            *value = new;
        }
        Ok(())
    }

    fn keep(&mut self, call: &WindowCall, keys: &[u32]) {
        let kept = keys.iter().map(|key| std::mem::take(self.values.cell(*key as usize)));
        self.values = kept.collect::<Vec<V>>().into();
        self.owned = self.values.iter().map(|value| value.owned(call)).sum();
    }
}
