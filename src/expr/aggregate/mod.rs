//! The aggregate functions: names, documentation and what their arguments must be.
//!
//! How a call is bound is in `bind/aggregate.rs`, how it is computed in `state`. Every example is run by a test over
//! the records of [`EXAMPLE_ROWS`].

mod order;

mod simple;

mod statistic;

mod values;

use super::function::FunctionDoc;
use crate::record::aggregation::{Aggregation, Points};
use crate::record::{DataType, Direction};
use std::sync::LazyLock;

/// The fields of the records over which the examples are run: name and type.
pub const EXAMPLE_FIELDS: &[(&str, &str)] =
    &[("id", "bigint"), ("city", "text"), ("price", "decimal(5,2)"), ("weight", "double")];

/// The records over which the examples are run; an empty text is NULL.
pub const EXAMPLE_ROWS: &[[&str; 4]] = &[
    ["1", "Rome", "2.50", "1.0"],
    ["2", "Oslo", "4.00", "3.0"],
    ["3", "Rome", "", "2.0"],
    ["4", "Lima", "2.50", "7.0"],
];

/// An aggregate function.
pub struct Aggregate {
    /// What a user reads.
    pub doc: FunctionDoc,
    /// Other names of the same function.
    pub aliases: &'static [&'static str],
    /// What the arguments must be.
    pub parameters: &'static [Parameter],
    /// How many arguments there are at least.
    pub required: usize,
    /// What is computed, from the constant arguments and the types of the others.
    pub build: fn(&Constants, &[DataType]) -> Aggregation,
}

/// What an argument must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parameter {
    /// Anything.
    Any,
    /// Anything that has an order: all but JSON.
    Ordered,
    /// A number, date or timestamp: there is something between its values.
    Steady,
    /// Any number, as it is.
    Number,
    /// Any number as it is, and booleans as 0 and 1.
    Summand,
    /// Any number, as a double.
    Double,
    /// An integer.
    Bigint,
    /// A boolean.
    Boolean,
    /// A boolean; what is not true counts as NULL.
    Condition,
    /// Anything, as its text form.
    AsText,
    /// A constant number of values.
    Count,
    /// A constant text.
    Separator,
    /// A constant between 0 and 1, or a list of such.
    Points,
}

/// The constant arguments of a call.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Constants {
    /// A number of values.
    pub count: Option<usize>,
    /// What stands between two texts.
    pub separator: Option<Box<[u8]>>,
    /// Points of quantiles.
    pub points: Option<Points>,
    /// The order that `WITHIN GROUP` asks for.
    pub direction: Option<Direction>,
}

/// All aggregate functions, sorted by name.
pub fn all() -> impl Iterator<Item = &'static Aggregate> {
    REGISTRY.iter().copied()
}

/// The aggregate function of that name, without regard to case.
pub fn find(name: &str) -> Option<&'static Aggregate> {
    all().find(|aggregate| {
        let mut names = aggregate.aliases.iter().chain([&aggregate.doc.name]);
        names.any(|known| known.eq_ignore_ascii_case(name))
    })
}

/// All names, aliases included.
pub fn names() -> impl Iterator<Item = &'static str> {
    all().flat_map(|aggregate| aggregate.aliases.iter().copied().chain([aggregate.doc.name]))
}

static REGISTRY: LazyLock<Vec<&'static Aggregate>> = LazyLock::new(|| {
    let families =
        [simple::AGGREGATES, order::AGGREGATES, values::AGGREGATES, statistic::AGGREGATES];
    let mut aggregates: Vec<&'static Aggregate> = families.into_iter().flatten().collect();
    aggregates.sort_by_key(|aggregate| aggregate.doc.name);
    aggregates
});

/// What most of them make of NULL.
const SKIPPED: &str = "NULLs do not count; NULL of no values";

/// The documentation of an aggregate function.
const fn doc(
    signature: &'static str,
    line: &'static str,
    nulls: &'static str,
    [example, result]: [&'static str; 2],
) -> FunctionDoc {
    FunctionDoc {
        name: name_of(signature),
        family: "aggregate",
        signature,
        doc: line,
        nulls,
        example,
        result,
    }
}

/// What stands before the parenthesis.
const fn name_of(signature: &'static str) -> &'static str {
    let bytes = signature.as_bytes();
    let mut length = 0;
    while length < bytes.len() && bytes[length] != b'(' {
        length += 1;
    }
    signature.split_at(length).0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::function;

    #[test]
    fn names_are_unique_and_no_other_function_has_them() {
        let mut all_names: Vec<&str> = names().collect();
        let count = all_names.len();
        all_names.sort_unstable();
        all_names.dedup();
        assert_eq!(all_names.len(), count);
        for name in all_names {
            assert!(function::find(name).is_none(), "{name} is two functions");
            assert_eq!(name, name.to_lowercase());
        }
    }

    #[test]
    fn every_aggregate_is_documented() {
        for aggregate in all() {
            let doc = &aggregate.doc;
            assert!(doc.signature.starts_with(&format!("{}(", doc.name)), "{}", doc.signature);
            assert!(doc.signature.contains(") -> "), "{}", doc.signature);
            assert!(doc.example.contains(doc.name), "{}", doc.example);
            assert!(!doc.doc.ends_with('.') && !doc.nulls.is_empty(), "{}", doc.name);
            assert!(aggregate.required <= aggregate.parameters.len(), "{}", doc.name);
        }
    }
}
