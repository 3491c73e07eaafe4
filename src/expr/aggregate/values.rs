//! Aggregates that look at all values and their frequencies, exactly or by a sketch.

use super::{Aggregate, Constants, Parameter, SKIPPED, doc};
use crate::record::Direction;
use crate::record::aggregation::{Aggregation, Point, Points, Quantile, QuantileKind};

pub static AGGREGATES: &[Aggregate] = &[
    Aggregate {
        doc: doc(
            "median(x) -> double, or the same type",
            "the middle value, or what lies between the two of them; of values with nothing between them the first of the two",
            SKIPPED,
            ["median(weight)", "2.5"],
        ),
        aliases: &[],
        parameters: &[Parameter::Ordered],
        required: 1,
        build: |constants, types| {
            let kind = match types.first() {
                Some(data_type) if data_type.is_numeric() || data_type.is_moment() => {
                    QuantileKind::Continuous
                }
                _ => QuantileKind::Discrete,
            };
            quantile(constants, kind)
        },
    },
    Aggregate {
        doc: doc(
            "quantile_cont(x, q) -> double, or the same type; a list where q is one",
            "what lies at q of the way through the sorted values, interpolated; \
             also percentile_cont(q) WITHIN GROUP (ORDER BY x)",
            SKIPPED,
            ["quantile_cont(weight, [0.25, 0.5])", "[1.75,2.5]"],
        ),
        aliases: &["percentile_cont"],
        parameters: &[Parameter::Steady, Parameter::Points],
        required: 2,
        build: |constants, _| quantile(constants, QuantileKind::Continuous),
    },
    Aggregate {
        doc: doc(
            "quantile_disc(x, q) -> the same type; a list where q is one",
            "the first of the sorted values that q of all do not exceed; \
             also percentile_disc(q) WITHIN GROUP (ORDER BY x)",
            SKIPPED,
            ["quantile_disc(city, 0.5)", "Oslo"],
        ),
        aliases: &["percentile_disc", "quantile"],
        parameters: &[Parameter::Ordered, Parameter::Points],
        required: 2,
        build: |constants, _| quantile(constants, QuantileKind::Discrete),
    },
    Aggregate {
        doc: doc(
            "approx_quantile(number, q) -> double; a list where q is one",
            "quantile_disc in bounded memory: off by at most 1/256 of the value, whatever the order of the records",
            SKIPPED,
            ["approx_quantile(weight, 0.75)", "3.0078125"],
        ),
        aliases: &[],
        parameters: &[Parameter::Double, Parameter::Points],
        required: 2,
        build: |constants, _| Aggregation::ApproximateQuantile(points(constants)),
    },
    Aggregate {
        doc: doc(
            "approx_count_distinct(x) -> bigint",
            "the number of different values in bounded memory: HyperLogLog, standard error 1.6 %",
            "NULLs do not count; 0 of no values",
            ["approx_count_distinct(city)", "3"],
        ),
        aliases: &[],
        parameters: &[Parameter::Any],
        required: 1,
        build: |_, _| Aggregation::ApproximateCount,
    },
    Aggregate {
        doc: doc(
            "mode(x) -> the same type",
            "the most frequent value; of several the one that came first",
            SKIPPED,
            ["mode(city)", "Rome"],
        ),
        aliases: &[],
        parameters: &[Parameter::Any],
        required: 1,
        build: |_, _| Aggregation::Mode,
    },
    Aggregate {
        doc: doc(
            "top_k(x, k) -> list",
            "the k most frequent values, exactly, the most frequent first; of equally frequent ones the first",
            SKIPPED,
            ["top_k(city, 2)", r#"["Rome","Oslo"]"#],
        ),
        aliases: &[],
        parameters: &[Parameter::Any, Parameter::Count],
        required: 2,
        build: |constants, _| Aggregation::TopK(constants.count.unwrap_or(1)),
    },
    Aggregate {
        doc: doc(
            "histogram(x) -> json",
            "an object of each value, sorted, with its number of records",
            SKIPPED,
            ["histogram(price)", r#"{"2.50":2,"4.00":1}"#],
        ),
        aliases: &[],
        parameters: &[Parameter::Ordered],
        required: 1,
        build: |_, _| Aggregation::Histogram,
    },
    Aggregate {
        doc: doc(
            "entropy(x) -> double",
            "the entropy of the values' frequencies, in bits",
            "NULLs do not count; 0 of no values",
            ["entropy(city)", "1.5"],
        ),
        aliases: &[],
        parameters: &[Parameter::Any],
        required: 1,
        build: |_, _| Aggregation::Entropy,
    },
];

fn quantile(constants: &Constants, kind: QuantileKind) -> Aggregation {
    let direction = constants.direction.unwrap_or(Direction::Ascending);
    Aggregation::Quantile(Quantile { kind, points: points(constants), direction })
}

/// The points of a call; the middle where it has none.
fn points(constants: &Constants) -> Points {
    let middle = Point { value: 0.5, exact: Some((5, 1)) };
    constants.points.clone().unwrap_or(Points::One(middle))
}
