//! The chain as the job file describes it, before names are bound.

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
    /// Keeps the first record of each key; an empty key means the whole record's fields.
    Dedup {
        /// Key expressions.
        key: Vec<Sql>,
    },
    /// One record per group, in the order in which the groups were first seen.
    Aggregate {
        /// Group expressions; none for one group of everything.
        by: Vec<Sql>,
        /// Select-list items made of aggregate calls.
        select: Vec<Sql>,
    },
}

impl TransformKind {
    /// Whether the records behind it have other columns than those before it.
    pub fn makes_columns(&self) -> bool {
        match self {
            TransformKind::Filter(_) | TransformKind::Limit(_) | TransformKind::Dedup { .. } => {
                false
            }
            TransformKind::Select(_)
            | TransformKind::Compute(_)
            | TransformKind::Aggregate { .. } => true,
        }
    }

    /// The word that the job file uses.
    pub fn word(&self) -> &'static str {
        match self {
            TransformKind::Filter(_) => "filter",
            TransformKind::Select(_) => "select",
            TransformKind::Compute(_) => "compute",
            TransformKind::Limit(_) => "limit",
            TransformKind::Dedup { .. } => "dedup",
            TransformKind::Aggregate { .. } => "aggregate",
        }
    }
}
