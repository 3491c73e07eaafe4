//! The window functions: what each computes for a record from the records of its key before and behind it.
//!
//! Here are names, documentation and types. How a call is bound is in `bind/window.rs`; what is remembered of a key is
//! the business of the step. The examples are run by a test over the values of [`EXAMPLE_ROWS`], in that order.

use super::Expression;
use super::function::FunctionDoc;
use crate::record::{DataType, Slot};

/// The most records that a call looks back or ahead: so many values of each key are remembered.
pub const REACH_MAX: usize = 10_000;

/// What a window call computes for a record. "So far" includes the record itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum WindowFunction {
    /// `row_number()`, `count(*)`: the number of records so far. Bigint.
    Records,
    /// `count(x)`: the number of values so far. Bigint.
    Count,
    /// `sum(x)` so far: of bigints and decimals a decimal of 38 digits, else a double. NULL of no values.
    Sum,
    /// `avg(x)` so far: a double. NULL of no values.
    Average,
    /// `min(x)` so far.
    Min,
    /// `max(x)` so far.
    Max,
    /// `first_value(x)`: of the first record, or of the first one that has a value.
    First(Nulls),
    /// `last_value(x)`: of this record, or of the last one so far that has a value.
    Last(Nulls),
    /// `lag(x, n)`: of the record so many before.
    Lag(usize),
    /// `lead(x, n)`: of the record so many behind.
    Lead(usize),
    /// `moving_...(x, n)`: over the last n records.
    Moving(Moving, usize),
    /// `ewma(x, alpha)`: alpha times the value, and the rest of what it was before. A double.
    Ewma(f64),
}

/// Whether records without a value count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nulls {
    /// They do.
    Respected,
    /// They do not: `IGNORE NULLS`.
    Ignored,
}

/// What is computed of the last few records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are what the functions of these names are over all records")]
pub enum Moving {
    Count,
    Sum,
    Average,
    Min,
    Max,
}

/// One window function over one argument.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowCall {
    /// What is computed.
    pub function: WindowFunction,
    /// Of what; `None` where the records are counted.
    pub argument: Option<Expression>,
    /// What stands for a record that is not there, of the same type; computed from the record that asks.
    pub default: Option<Expression>,
    /// Where the result will stand.
    pub slot: Slot,
    /// The type of the result.
    pub data_type: DataType,
}

/// The values over which the examples are run, as one key's records; an empty one is NULL. The column is `x`, a bigint.
pub const EXAMPLE_ROWS: &[&str] = &["5", "7", "", "1"];

/// The documentation of all window functions, sorted by name.
pub fn all() -> impl Iterator<Item = &'static FunctionDoc> {
    DOCS.iter()
}

/// The window function of that name, without regard to case.
pub fn find(name: &str) -> Option<&'static FunctionDoc> {
    DOCS.iter().find(|doc| doc.name.eq_ignore_ascii_case(name))
}

const SKIPPED: &str = "NULLs do not count; NULL of no values";
const COUNTED: &str = "NULLs do not count; 0 of no values";
const KEPT: &str = "a NULL is a value like others";

const fn doc(
    name: &'static str,
    signature: &'static str,
    doc: &'static str,
    nulls: &'static str,
    [example, result]: [&'static str; 2],
) -> FunctionDoc {
    FunctionDoc { name, family: "window", signature, doc, nulls, example, result }
}

static DOCS: &[FunctionDoc] = &[
    doc(
        "avg",
        "avg(number) -> double",
        "the running mean: of the key's records so far",
        SKIPPED,
        ["avg(x)", "5.0 6.0 6.0 4.333333333333333"],
    ),
    doc(
        "count",
        "count(x) -> bigint",
        "the number of values so far; `count(*)`: of records",
        COUNTED,
        ["count(x)", "1 2 2 3"],
    ),
    doc(
        "delta",
        "delta(x [, n]) -> what x - lag(x, n) gives",
        "what was added since the record n (1) before",
        "NULL where one of the two is, or where there is none before",
        ["delta(x)", "NULL 2 NULL NULL"],
    ),
    doc(
        "ewma",
        "ewma(number, alpha) -> double",
        "the exponentially weighted mean: alpha * x + (1 - alpha) * what it was before; x where it begins",
        "a NULL leaves it as it was; NULL before the first value",
        ["ewma(x, 0.5)", "5.0 6.0 6.0 3.5"],
    ),
    doc(
        "first_value",
        "first_value(x [IGNORE NULLS]) -> the same type",
        "the value of the key's first record, or of the first one that has a value",
        KEPT,
        ["first_value(x)", "5 5 5 5"],
    ),
    doc(
        "lag",
        "lag(x [, n [, default]]) -> the same type",
        "the value of the record n (1) before; where there is none, the default (NULL)",
        KEPT,
        ["lag(x, 1, 0)", "0 5 7 NULL"],
    ),
    doc(
        "last_value",
        "last_value(x [IGNORE NULLS]) -> the same type",
        "the value of this record, or the last one so far that is not NULL",
        KEPT,
        ["last_value(x IGNORE NULLS)", "5 7 7 1"],
    ),
    doc(
        "lead",
        "lead(x [, n [, default]]) -> the same type",
        "the value of the record n (1) behind; where there is none, the default (NULL); records wait until it is known",
        KEPT,
        ["lead(x, 2)", "NULL 1 NULL NULL"],
    ),
    doc(
        "max",
        "max(x) -> the same type",
        "the largest value so far; texts by code point",
        SKIPPED,
        ["max(x)", "5 7 7 7"],
    ),
    doc(
        "min",
        "min(x) -> the same type",
        "the smallest value so far; texts by code point",
        SKIPPED,
        ["min(x)", "5 5 5 1"],
    ),
    doc(
        "moving_avg",
        "moving_avg(number, n) -> double",
        "the mean of the last n records, this one included",
        SKIPPED,
        ["moving_avg(x, 2)", "5.0 6.0 7.0 1.0"],
    ),
    doc(
        "moving_count",
        "moving_count(x, n) -> bigint",
        "the number of values in the last n records, this one included",
        COUNTED,
        ["moving_count(x, 2)", "1 2 1 1"],
    ),
    doc(
        "moving_max",
        "moving_max(x, n) -> the same type",
        "the largest value of the last n records, this one included",
        SKIPPED,
        ["moving_max(x, 2)", "5 7 7 1"],
    ),
    doc(
        "moving_min",
        "moving_min(x, n) -> the same type",
        "the smallest value of the last n records, this one included",
        SKIPPED,
        ["moving_min(x, 2)", "5 5 7 1"],
    ),
    doc(
        "moving_sum",
        "moving_sum(number, n) -> decimal(38,s) or double",
        "the sum of the last n records, this one included: exact, rounded once of doubles",
        SKIPPED,
        ["moving_sum(x, 2)", "5 12 7 1"],
    ),
    doc(
        "row_number",
        "row_number() -> bigint",
        "the number of the record among those of its key, from 1",
        "there is no argument",
        ["row_number()", "1 2 3 4"],
    ),
    doc(
        "sum",
        "sum(number) -> decimal(38,s) or double",
        "the running total: exact of integers and decimals, rounded once of doubles",
        SKIPPED,
        ["sum(x)", "5 12 12 13"],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docs_are_sorted_and_signatures_start_with_the_name() {
        assert!(all().map(|doc| doc.name).is_sorted());
        for doc in all() {
            assert!(doc.signature.starts_with(doc.name), "{}", doc.signature);
            assert!(doc.example.starts_with(doc.name), "{}", doc.example);
        }
    }
}
