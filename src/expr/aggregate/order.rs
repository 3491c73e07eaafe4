//! Aggregates that depend on the order of the records: that of the input, or the one that `ORDER BY` asks for.

use super::{Aggregate, Parameter, SKIPPED, doc};
use crate::record::aggregation::{Aggregation, Extremum};

const ALL: &str = "a NULL is a value like others; NULL of no records";
const BOTH: &str = "records where one argument is NULL do not count; NULL of no records";

pub static AGGREGATES: &[Aggregate] = &[
    Aggregate {
        doc: doc(
            "first(x [ORDER BY ...]) -> the same type",
            "the value of the first record",
            ALL,
            ["first(city)", "Rome"],
        ),
        aliases: &["arbitrary"],
        parameters: &[Parameter::Any],
        required: 1,
        build: |_, _| Aggregation::First,
    },
    Aggregate {
        doc: doc(
            "last(x [ORDER BY ...]) -> the same type",
            "the value of the last record",
            ALL,
            ["last(city ORDER BY weight)", "Lima"],
        ),
        aliases: &[],
        parameters: &[Parameter::Any],
        required: 1,
        build: |_, _| Aggregation::Last,
    },
    Aggregate {
        doc: doc(
            "any_value(x [ORDER BY ...]) -> the same type",
            "the first value that is not NULL",
            SKIPPED,
            ["any_value(price)", "2.50"],
        ),
        aliases: &[],
        parameters: &[Parameter::Any],
        required: 1,
        build: |_, _| Aggregation::AnyValue,
    },
    Aggregate {
        doc: doc(
            "arg_min(x, by [, n] [ORDER BY ...]) -> the type of x, or a list",
            "x of the record with the smallest `by`, or a list of the n smallest; of equal ones the first",
            BOTH,
            ["arg_min(city, weight)", "Rome"],
        ),
        aliases: &["argmin", "min_by"],
        parameters: &[Parameter::Any, Parameter::Ordered, Parameter::Count],
        required: 2,
        build: |constants, _| match constants.count {
            Some(count) => Aggregation::SeveralArgs(Extremum::Min, count),
            None => Aggregation::Arg(Extremum::Min),
        },
    },
    Aggregate {
        doc: doc(
            "arg_max(x, by [, n] [ORDER BY ...]) -> the type of x, or a list",
            "x of the record with the largest `by`, or a list of the n largest; of equal ones the first",
            BOTH,
            ["arg_max(city, weight, 2)", r#"["Lima","Oslo"]"#],
        ),
        aliases: &["argmax", "max_by"],
        parameters: &[Parameter::Any, Parameter::Ordered, Parameter::Count],
        required: 2,
        build: |constants, _| match constants.count {
            Some(count) => Aggregation::SeveralArgs(Extremum::Max, count),
            None => Aggregation::Arg(Extremum::Max),
        },
    },
    Aggregate {
        doc: doc(
            "list([DISTINCT] x [ORDER BY ...]) -> list",
            "all values; more than a million or 16 MiB of them in one group are a fault",
            ALL,
            ["list(price ORDER BY weight)", "[2.50,null,4.00,2.50]"],
        ),
        aliases: &["array_agg"],
        parameters: &[Parameter::Any],
        required: 1,
        build: |_, _| Aggregation::List,
    },
    Aggregate {
        doc: doc(
            "string_agg([DISTINCT] x [, separator] [ORDER BY ...]) -> text",
            "all values as texts, with a constant between them (a comma); at most a million and 16 MiB per group",
            SKIPPED,
            ["string_agg(DISTINCT city, ' ' ORDER BY city)", "Lima Oslo Rome"],
        ),
        aliases: &["group_concat", "listagg"],
        parameters: &[Parameter::AsText, Parameter::Separator],
        required: 1,
        build: |constants, _| Aggregation::Joined {
            separator: constants.separator.clone().unwrap_or_else(|| b","[..].into()),
        },
    },
];
