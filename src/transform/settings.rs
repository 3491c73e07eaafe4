//! The chain as the job file describes it, before names are bound.

pub use super::aggregate::Settings as AggregateSettings;
pub use super::assert::{
    Null as AssertNull, Otherwise as AssertOtherwise, Settings as AssertSettings,
};
pub use super::count::NAME as COUNT_NAME;
pub use super::dedup::{Keep, Settings as DedupSettings};
pub use super::expiry::Ttl;
pub use super::fill::{EmptyText, Settings as FillSettings, With as FillWith, Written};
pub use super::flatten::Settings as FlattenSettings;
pub use super::frequency::Settings as FrequencySettings;
pub use super::groups::GroupOrder;
pub use super::lookup::{Duplicates, Kind as LookupKind, Settings as LookupSettings};
pub use super::pivot::Settings as PivotSettings;
pub use super::sample::{Settings as SampleSettings, Share};
pub use super::sessionize::Settings as SessionizeSettings;
pub use super::sort::Settings as SortSettings;
pub use super::split::{Parts, Settings as SplitSettings, Surplus};
pub use super::top::Settings as TopSettings;
pub use super::tumble::{Late, Settings as TumbleSettings, Windows};
pub use super::unnest::{Empty, Settings as UnnestSettings};
pub use super::unpivot::Settings as UnpivotSettings;
pub use super::window::{
    MEMORY_BYTES as WINDOW_MEMORY_BYTES, MEMORY_BYTES_MAX as WINDOW_MEMORY_BYTES_MAX,
    Settings as WindowSettings,
};

use crate::error::Sql;

/// One `[[transform]]`, validated in form; its expressions are not yet bound.
#[derive(Debug, Clone, PartialEq)]
pub struct TransformSettings {
    /// The stable name of its state, and its name in messages: as given, or else the kind.
    pub name: String,
    /// What it does.
    pub kind: TransformKind,
}

/// `[state]`: how much all steps together may remember. No output byte depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StateSettings {
    /// Bytes in memory, shared out evenly among the steps that put what is more into spills; `None` for as many as come.
    pub memory: Option<u64>,
    /// Bytes in memory and in spills, above which the run stops; `None` for as many as come.
    pub max_state: Option<u64>,
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
    /// The number of records as the only record, in a field of this name.
    Count(String),
    /// How often each value occurs.
    Frequency(FrequencySettings),
    /// Values of a field become columns.
    Pivot(PivotSettings),
    /// Skips the first so many records.
    Offset(u64),
    /// One record for each element of a list.
    Unnest(UnnestSettings),
    /// Takes a text apart.
    Split(SplitSettings),
    /// One record for each of some columns.
    Unpivot(UnpivotSettings),
    /// Puts values where there are none.
    Fill(FillSettings),
    /// Keeps some of the records.
    Sample(SampleSettings),
    /// Makes keys of the objects in a record.
    Flatten(FlattenSettings),
    /// Makes objects of keys.
    Unflatten(FlattenSettings),
    /// Says what must hold.
    Assert(AssertSettings),
    /// Numbers the sessions of each key.
    Sessionize(SessionizeSettings),
    /// Keeps the first few records of each key in some order.
    Top(TopSettings),
    /// One record per group and window of event time.
    Tumble(TumbleSettings),
    /// Adds columns computed from other records of the same key.
    Window(WindowSettings),
}

/// What is known of a kind of step without its settings.
struct Traits {
    /// The word that the job file uses.
    word: &'static str,
    columns: Columns,
    memory: Memory,
}

/// What a step does with what it holds when the input has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtEnd {
    /// It holds nothing that it would give.
    Nothing,
    /// It gives what still waits for later records.
    Rest,
    /// It gives all that it remembers, and still remembers it.
    All,
    /// It gives all that it remembers, and forgets it.
    Once,
    /// It ended the input itself.
    Stops,
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
            TransformKind::Dedup(dedup) => match dedup.mark {
                Some(_) => ("dedup", Columns::Other, Memory::State),
                None => ("dedup", Columns::Same, Memory::State),
            },
            TransformKind::Aggregate(_) => ("aggregate", Columns::Other, Memory::State),
            TransformKind::Sort(_) => ("sort", Columns::Same, Memory::State),
            TransformKind::Lookup(_) => ("lookup", Columns::Other, Memory::None),
            TransformKind::Count(_) => ("count", Columns::Other, Memory::State),
            TransformKind::Frequency(_) => ("frequency", Columns::Other, Memory::State),
            TransformKind::Pivot(_) => ("pivot", Columns::Other, Memory::State),
            TransformKind::Offset(_) => ("offset", Columns::Same, Memory::State),
            TransformKind::Unnest(_) => ("unnest", Columns::Other, Memory::None),
            TransformKind::Split(_) => ("split", Columns::Other, Memory::None),
            TransformKind::Unpivot(_) => ("unpivot", Columns::Other, Memory::None),
            TransformKind::Flatten(_) => ("flatten", Columns::Other, Memory::None),
            TransformKind::Unflatten(_) => ("unflatten", Columns::Other, Memory::None),
            TransformKind::Fill(fill) => match fill.with {
                FillWith::Down { .. } => ("fill", Columns::Same, Memory::State),
                FillWith::Value(..) => ("fill", Columns::Same, Memory::None),
            },
            TransformKind::Sample(sample) if sample.counts() => {
                ("sample", Columns::Same, Memory::State)
            }
            TransformKind::Sample(_) => ("sample", Columns::Same, Memory::None),
            TransformKind::Assert(assert) => match assert.otherwise {
                AssertOtherwise::Warn => ("assert", Columns::Same, Memory::State),
                AssertOtherwise::Fail | AssertOtherwise::Reject => {
                    ("assert", Columns::Same, Memory::None)
                }
            },
            TransformKind::Sessionize(_) => ("sessionize", Columns::Other, Memory::State),
            TransformKind::Top(_) => ("top", Columns::Same, Memory::State),
            TransformKind::Tumble(_) => ("tumble", Columns::Other, Memory::State),
            TransformKind::Window(_) => ("window", Columns::Other, Memory::State),
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

    /// What it does when the input has ended.
    pub fn at_end(&self) -> AtEnd {
        match self {
            TransformKind::Aggregate(_)
            | TransformKind::Count(_)
            | TransformKind::Frequency(_)
            | TransformKind::Pivot(_)
            | TransformKind::Top(_) => AtEnd::All,
            TransformKind::Dedup(dedup) if dedup.keep == Keep::Last => AtEnd::All,
            TransformKind::Sort(_) => AtEnd::Once,
            TransformKind::Limit(_) => AtEnd::Stops,
            TransformKind::Tumble(_) | TransformKind::Window(_) => AtEnd::Rest,
            _ => AtEnd::Nothing,
        }
    }

    /// The word that the job file uses.
    pub fn word(&self) -> &'static str {
        self.traits().word
    }
}
