//! Layers gone through together, in the order of their entries.

use super::block::Entry;
use super::layer::{Cursor, Layer, Place};
use crate::error::Result;
use crate::transform::spills::Spills;

/// Some layers, oldest first, at their least key.
#[derive(Debug)]
pub struct Merge {
    cursors: Vec<Cursor>,
    /// Those of them that are at the least key, in their order.
    alike: Vec<usize>,
}

impl Merge {
    /// At the beginning of all.
    pub fn open(layers: &[Layer], spills: &dyn Spills) -> Result<Merge> {
        Merge::of(layers.iter().map(|layer| Cursor::open(layer, spills)))
    }

    /// Where [`Merge::places`] was.
    pub fn open_at(layers: &[Layer], places: &[Place], spills: &dyn Spills) -> Result<Merge> {
        let pairs = layers.iter().zip(places);
        Merge::of(pairs.map(|(layer, place)| Cursor::open_at(layer, *place, spills)))
    }

    fn of(cursors: impl Iterator<Item = Result<Cursor>>) -> Result<Merge> {
        let mut merge = Merge { cursors: cursors.collect::<Result<_>>()?, alike: Vec::new() };
        merge.find_least();
        Ok(merge)
    }

    /// How far each layer was gone through.
    pub fn places(&self) -> Vec<Place> {
        self.cursors.iter().map(Cursor::place).collect()
    }

    /// The least key with its newest value; `None` behind the last one.
    pub fn newest(&self) -> Option<Entry<'_>> {
        self.cursors[*self.alike.last()?].entry()
    }

    /// All its values, the oldest first.
    pub fn values(&self) -> Vec<&[u8]> {
        let entries = self.alike.iter().filter_map(|at| self.cursors[*at].entry());
        entries.map(|entry| entry.value).collect()
    }

    /// Goes on to the next key.
    pub fn advance(&mut self) -> Result<()> {
        for at in &self.alike {
            self.cursors[*at].advance()?;
        }
        self.find_least();
        Ok(())
    }

    fn find_least(&mut self) {
        self.alike.clear();
        let mut least: Option<Entry<'_>> = None;
        for (at, cursor) in self.cursors.iter().enumerate() {
            let Some(entry) = cursor.entry() else { continue };
            let order = least.map_or(std::cmp::Ordering::Less, |least| entry.compare(&least));
            if order.is_lt() {
                self.alike.clear();
                least = Some(entry);
            }
            if order.is_le() {
                self.alike.push(at);
            }
        }
    }
}
