//! Counts, sums, means, smallest and largest values, booleans and bits.

use super::{Aggregate, Parameter, SKIPPED, doc};
use crate::record::aggregation::{Aggregation, Bits, Extremum};

const COUNTED: &str = "NULLs do not count; 0 of no values";

pub static AGGREGATES: &[Aggregate] = &[
    Aggregate {
        doc: doc(
            "count([DISTINCT] x) -> bigint",
            "the number of values; `count(*)`: the number of records",
            COUNTED,
            ["count(price)", "3"],
        ),
        aliases: &[],
        parameters: &[Parameter::Any],
        required: 1,
        build: |_, _| Aggregation::Count,
    },
    Aggregate {
        doc: doc(
            "count_if(condition) -> bigint",
            "the number of records for which the condition is true",
            COUNTED,
            ["count_if(price > 3)", "1"],
        ),
        aliases: &["countif"],
        parameters: &[Parameter::Condition],
        required: 1,
        build: |_, _| Aggregation::Count,
    },
    Aggregate {
        doc: doc(
            "sum(number) -> decimal(38,s) or double",
            "the sum: exact of integers and decimals, rounded once of doubles; of booleans the number of true ones",
            SKIPPED,
            ["sum(price)", "9.00"],
        ),
        aliases: &[],
        parameters: &[Parameter::Summand],
        required: 1,
        build: |_, _| Aggregation::Sum,
    },
    Aggregate {
        doc: doc(
            "avg(number) -> double",
            "the arithmetic mean: an exact sum, divided once",
            SKIPPED,
            ["avg(price)", "3.0"],
        ),
        aliases: &["mean"],
        parameters: &[Parameter::Number],
        required: 1,
        build: |_, _| Aggregation::Average,
    },
    Aggregate {
        doc: doc(
            "min(x [, n]) -> the same type, or a list",
            "the smallest value, or a list of the n smallest; texts by code point",
            SKIPPED,
            ["min(weight, 2)", "[1.0,2.0]"],
        ),
        aliases: &[],
        parameters: &[Parameter::Ordered, Parameter::Count],
        required: 1,
        build: |constants, _| match constants.count {
            Some(count) => Aggregation::Several(Extremum::Min, count),
            None => Aggregation::Min,
        },
    },
    Aggregate {
        doc: doc(
            "max(x [, n]) -> the same type, or a list",
            "the largest value, or a list of the n largest; of doubles NaN is the largest",
            SKIPPED,
            ["max(city)", "Rome"],
        ),
        aliases: &[],
        parameters: &[Parameter::Ordered, Parameter::Count],
        required: 1,
        build: |constants, _| match constants.count {
            Some(count) => Aggregation::Several(Extremum::Max, count),
            None => Aggregation::Max,
        },
    },
    Aggregate {
        doc: doc(
            "bool_and(condition) -> boolean",
            "whether the condition is true for all records",
            SKIPPED,
            ["bool_and(price > 2)", "true"],
        ),
        aliases: &["every"],
        parameters: &[Parameter::Boolean],
        required: 1,
        build: |_, _| Aggregation::Min,
    },
    Aggregate {
        doc: doc(
            "bool_or(condition) -> boolean",
            "whether the condition is true for any record",
            SKIPPED,
            ["bool_or(price > 4)", "false"],
        ),
        aliases: &[],
        parameters: &[Parameter::Boolean],
        required: 1,
        build: |_, _| Aggregation::Max,
    },
    Aggregate {
        doc: doc(
            "bit_and(bigint) -> bigint",
            "the bits that all values have",
            SKIPPED,
            ["bit_and(id + 12)", "0"],
        ),
        aliases: &[],
        parameters: &[Parameter::Bigint],
        required: 1,
        build: |_, _| Aggregation::Bits(Bits::And),
    },
    Aggregate {
        doc: doc(
            "bit_or(bigint) -> bigint",
            "the bits that any value has",
            SKIPPED,
            ["bit_or(id)", "7"],
        ),
        aliases: &[],
        parameters: &[Parameter::Bigint],
        required: 1,
        build: |_, _| Aggregation::Bits(Bits::Or),
    },
    Aggregate {
        doc: doc(
            "bit_xor(bigint) -> bigint",
            "the bits that an odd number of values has",
            SKIPPED,
            ["bit_xor(id)", "4"],
        ),
        aliases: &[],
        parameters: &[Parameter::Bigint],
        required: 1,
        build: |_, _| Aggregation::Bits(Bits::Xor),
    },
];
