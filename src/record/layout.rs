//! What a record looks like at one point of the chain, and the slots that hold its values.
//!
//! A plan numbers every value that may exist in a batch: a column of the input, a JSON path, a computed column.
//! The number is a [`Slot`]. Expressions read slots, steps fill slots, and a [`Layout`] names the slots that make up a
//! record at one point; so `select` and renaming cost nothing at run time.

use super::{DataType, Reading};
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
    /// How declared JSON paths are read where that is not the usual way, by the path's text.
    pub readings: Vec<(String, Reading)>,
    /// Whether a step wrote the records anew, so that paths are looked up in what it wrote.
    pub is_rewritten: bool,
    /// The columns whose parts became keys (none for all columns), and what stands between the parts.
    pub flattened: Option<(Vec<String>, String)>,
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
    /// How a text that stands for a value is read.
    pub reading: Reading,
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
        let reading = Reading::Usual;
        self.infos.push(SlotInfo { name: name.into(), data_type, origin, reading });
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
        let reading = self.readings.iter().find(|(name, _)| *name == self.infos[slot.0].name);
        if let Some((_, reading)) = reading.cloned() {
            self.set_reading(slot, reading);
        }
        self.slot_of_path.insert(path.clone(), slot);
        slot
    }

    /// Lets the values of a slot be read in a declared format.
    pub fn set_reading(&mut self, slot: Slot, reading: Reading) {
        self.infos[slot.0].reading = reading;
    }

    /// From here on paths are looked up in records that a step writes anew.
    pub fn rewrite(&mut self) {
        self.slot_of_path.clear();
        self.is_rewritten = true;
        self.flattened = None;
    }

    /// Gives a key a type, whatever it was declared as.
    pub fn declare(&mut self, key: &str, data_type: DataType) {
        self.declared.insert(0, (key.to_owned(), data_type));
    }

    /// What a path of a record means in which objects became keys: their parts are one key.
    pub fn flat(&self, path: JsonPath) -> JsonPath {
        let Some((columns, separator)) = &self.flattened else { return path };
        let keys: Vec<&str> = path
            .0
            .iter()
            .map_while(|step| match step {
                PathStep::Key(key) => Some(key.as_str()),
                PathStep::Index(_) => None,
            })
            .collect();
        let is_meant =
            keys.len() > 1 && (columns.is_empty() || columns.iter().any(|name| name == keys[0]));
        if !is_meant {
            return path;
        }
        let joined = PathStep::Key(keys.join(separator));
        let rest = path.0[keys.len()..].iter().cloned();
        JsonPath(std::iter::once(joined).chain(rest).collect())
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
