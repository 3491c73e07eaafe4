//! What a record looks like at one point of the chain, and the slots that hold its values.
//!
//! A plan numbers every value that may exist in a batch: a column of the input, a JSON path, a computed column.
//! The number is a [`Slot`]. Expressions read slots, steps fill slots, and a [`Layout`] names the slots that make up a
//! record at one point; so `select` and renaming cost nothing at run time.

use super::DataType;
use std::collections::HashMap;
use std::fmt;

/// Index of a column in [`super::Batch::slots`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub usize);

/// One named value of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The name under which it is read and written.
    pub name: String,
    /// Its type.
    pub data_type: DataType,
    /// Where its column is.
    pub slot: Slot,
}

/// A record's shape: its named fields in order and whether more may be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The named fields, in output order.
    pub fields: Vec<Field>,
    /// What a record may hold besides `fields`.
    pub rest: Rest,
    /// Keys of the JSON record that were taken out of it: they can neither be read nor are they written, unless a field
    /// has that name again.
    pub left_out: Vec<String>,
}

/// What a record may hold besides the named fields of its layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// Nothing: the fields are all.
    Closed,
    /// All keys of the JSON record it came from: they can be read by path and are written along; a field of the same
    /// name takes the key's place.
    Json,
}

/// All slots of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Slots {
    /// What each slot holds, by slot number.
    pub infos: Vec<SlotInfo>,
    /// The JSON paths that are looked up in every record; [`SlotOrigin::JsonPath`] counts into it.
    pub paths: Vec<JsonPath>,
    /// Types declared for JSON paths, by the path's text (`user.age`).
    pub declared: Vec<(String, DataType)>,
    /// The slots of the looked-up paths.
    slot_of_path: HashMap<JsonPath, Slot>,
}

/// What one slot holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotInfo {
    /// What messages call it.
    pub name: String,
    /// The type of its column.
    pub data_type: DataType,
    /// Where its values come from.
    pub origin: SlotOrigin,
}

/// Where the values of a slot come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotOrigin {
    /// Field of a CSV record, counted from 0.
    CsvField(usize),
    /// A path of a JSON record, an index into [`Slots::paths`].
    JsonPath(usize),
    /// A step of the chain.
    Computed,
}

/// A path into a JSON record: `user.name`, `items[0].sku`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct JsonPath(pub Vec<PathStep>);

/// One step of a JSON path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PathStep {
    /// The value of a key of an object.
    Key(String),
    /// An element of an array, counted from 0.
    Index(usize),
}

impl Layout {
    /// Of these fields and no others.
    pub fn closed(fields: Vec<Field>) -> Layout {
        Layout { fields, rest: Rest::Closed, left_out: Vec::new() }
    }

    /// Of whatever keys a JSON record has.
    pub fn json() -> Layout {
        Layout { fields: Vec::new(), rest: Rest::Json, left_out: Vec::new() }
    }

    /// Whether a record may hold more than the fields.
    pub fn is_open(&self) -> bool {
        self.rest == Rest::Json
    }

    /// Takes a field or key out of the record; the key must be looked up.
    pub fn leave_out(&mut self, name: &str) {
        self.fields.retain(|field| field.name != name);
        if self.is_open() && !self.left_out.iter().any(|known| known == name) {
            self.left_out.push(name.to_owned());
        }
    }

    /// Whether a key is one that was taken out.
    pub fn is_left_out(&self, key: &str) -> bool {
        self.left_out.iter().any(|known| known == key)
    }

    /// The field of that name: an exact match, or else the only one that matches without regard to ASCII case.
    pub fn find(&self, name: &str) -> Option<&Field> {
        if let Some(field) = self.fields.iter().find(|field| field.name == name) {
            return Some(field);
        }
        let mut alike = self.fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
        let first = alike.next()?;
        alike.next().is_none().then_some(first)
    }
}

impl Slots {
    /// Adds a slot and returns its number.
    pub fn add(
        &mut self,
        name: impl Into<String>,
        data_type: DataType,
        origin: SlotOrigin,
    ) -> Slot {
        self.infos.push(SlotInfo { name: name.into(), data_type, origin });
        Slot(self.infos.len() - 1)
    }

    /// The slot of a JSON path, added on its first use; its type is the declared one or `json`.
    pub fn json_path(&mut self, path: &JsonPath) -> Slot {
        if let Some(slot) = self.slot_of_path.get(path) {
            return *slot;
        }
        let text = path.to_string();
        let declared = self.declared.iter().find(|(name, _)| *name == text);
        let data_type = declared.map_or(DataType::Json, |(_, data_type)| *data_type);
        self.paths.push(path.clone());
        let slot = self.add(text, data_type, SlotOrigin::JsonPath(self.paths.len() - 1));
        self.slot_of_path.insert(path.clone(), slot);
        slot
    }

    /// What a slot holds.
    pub fn info(&self, slot: Slot) -> &SlotInfo {
        &self.infos[slot.0]
    }
}

impl JsonPath {
    /// The path of one top-level key.
    pub fn key(name: impl Into<String>) -> JsonPath {
        JsonPath(vec![PathStep::Key(name.into())])
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            match step {
                PathStep::Key(key) if index == 0 => f.write_str(key)?,
                PathStep::Key(key) => write!(f, ".{key}")?,
                PathStep::Index(element) => write!(f, "[{element}]")?,
            }
        }
        Ok(())
    }
}
