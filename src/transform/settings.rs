//! The chain as the job file describes it, before names are bound.

pub use super::aggregate::Settings as AggregateSettings;
pub use super::dedup::Settings as DedupSettings;
pub use super::groups::GroupOrder;
pub use super::lookup::{Duplicates, Kind as LookupKind, Settings as LookupSettings};
pub use super::sort::Settings as SortSettings;

use crate::error::Sql;

/// One `[[transform]]`, validated in form; its expressions are not yet bound.
#[derive(Debug, Clone, PartialEq)]
pub struct TransformSettings {
    /// The stable name of its state, and its name in messages: as given, or else the kind.
    pub name: String,
    /// What it does.
    pub kind: TransformKind,
}

/// What a transform does.
#[derive(Debug, Clone, PartialEq)]
pub enum TransformKind {
    /// Keeps the records for which the predicate is true.
    Filter(Sql),
    /// Makes records of exactly these select-list items.
    Select(Vec<Sql>),
    /// Adds (or replaces) columns: select-list items with names.
    Compute(Vec<Sql>),
    /// Keeps the first so many records.
    Limit(u64),
    /// Keeps one record of each key.
    Dedup(DedupSettings),
    /// One record per group.
    Aggregate(AggregateSettings),
    /// All records in another order.
    Sort(SortSettings),
    /// Each record joined to the records of a file.
    Lookup(LookupSettings),
}

/// What is known of a kind of step without its settings.
struct Traits {
    /// The word that the job file uses.
    word: &'static str,
    columns: Columns,
    memory: Memory,
}

/// Whether the records behind a step have other columns than those before it.
#[derive(PartialEq, Eq)]
enum Columns {
    Same,
    Other,
}

/// Whether a step remembers something from record to record.
#[derive(PartialEq, Eq)]
enum Memory {
    None,
    State,
}

impl TransformKind {
    fn traits(&self) -> Traits {
        let (word, columns, memory) = match self {
            TransformKind::Filter(_) => ("filter", Columns::Same, Memory::None),
            TransformKind::Select(_) => ("select", Columns::Other, Memory::None),
            TransformKind::Compute(_) => ("compute", Columns::Other, Memory::None),
            TransformKind::Limit(_) => ("limit", Columns::Same, Memory::State),
            TransformKind::Dedup(_) => ("dedup", Columns::Same, Memory::State),
            TransformKind::Aggregate(_) => ("aggregate", Columns::Other, Memory::State),
            TransformKind::Sort(_) => ("sort", Columns::Same, Memory::State),
            TransformKind::Lookup(_) => ("lookup", Columns::Other, Memory::None),
        };
        Traits { word, columns, memory }
    }

    /// Whether the records behind it have other columns than those before it.
    pub fn makes_columns(&self) -> bool {
        self.traits().columns == Columns::Other
    }

    /// Whether it remembers something from record to record.
    pub fn has_state(&self) -> bool {
        self.traits().memory == Memory::State
    }

    /// The word that the job file uses.
    pub fn word(&self) -> &'static str {
        self.traits().word
    }
}
