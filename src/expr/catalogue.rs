//! All that can be called in an expression, with its documentation: functions, aggregates, window functions.
//!
//! One name may stand in several of them: `sum` totals a group, and in a `window` the records so far.

use super::function::FunctionDoc;
use super::{aggregate, function, window};

/// Something that can be called.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// What a user reads.
    pub doc: &'static FunctionDoc,
    /// Other names of the same.
    pub aliases: &'static [&'static str],
    /// Where it can stand.
    pub kind: Kind,
}

/// Where something can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// In every expression.
    Function,
    /// Over a group.
    Aggregate,
    /// In a `window`.
    Window,
}

/// Everything, kind by kind, sorted by name within each.
pub fn all() -> impl Iterator<Item = Entry> {
    let functions = function::functions();
    let functions =
        functions.map(|one| Entry { doc: &one.doc, aliases: one.aliases, kind: Kind::Function });
    let aggregates = aggregate::all();
    let aggregates =
        aggregates.map(|one| Entry { doc: &one.doc, aliases: one.aliases, kind: Kind::Aggregate });
    let windows = window::all().map(|doc| Entry { doc, aliases: &[], kind: Kind::Window });
    functions.chain(aggregates).chain(windows)
}

impl Entry {
    /// Its names, aliases included.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.aliases.iter().copied().chain([self.doc.name])
    }

    /// The records that its example is over, as lines of cells with the names first; none where there are none.
    pub fn example_records(&self) -> Vec<Vec<&'static str>> {
        let shown = |cell: &'static str| if cell.is_empty() { "NULL" } else { cell };
        match self.kind {
            Kind::Function => Vec::new(),
            Kind::Aggregate => {
                let names = aggregate::EXAMPLE_FIELDS.iter().map(|(name, _)| *name).collect();
                let rows = aggregate::EXAMPLE_ROWS.iter();
                let rows = rows.map(|row| row.iter().map(|cell| shown(cell)).collect());
                std::iter::once(names).chain(rows).collect()
            }
            Kind::Window => {
                let rows = window::EXAMPLE_ROWS.iter().map(|cell| vec![shown(cell)]);
                std::iter::once(vec!["x"]).chain(rows).collect()
            }
        }
    }
}
