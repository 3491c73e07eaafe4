//! Statistics of one or two columns of numbers.
//!
//! All are made of exact sums: see `state/moments.rs`.

use super::{Aggregate, Parameter, SKIPPED, doc};
use crate::record::aggregation::{Aggregation, Statistic};

const PAIRS: &str = "records where one argument is NULL do not count; NULL of no records";

pub static AGGREGATES: &[Aggregate] = &[
    Aggregate {
        doc: doc(
            "regr_count(y, x) -> bigint",
            "the number of records in which both are there",
            "records where one argument is NULL do not count; 0 of no records",
            ["regr_count(weight, price)", "3"],
        ),
        aliases: &[],
        parameters: &[Parameter::Double, Parameter::Double],
        required: 2,
        build: |_, _| Aggregation::Count,
    },
    Aggregate {
        doc: doc(
            "var_samp(number) -> double",
            "the variance of a sample: divided by n - 1",
            SKIPPED,
            ["var_samp(weight)", "6.916666666666667"],
        ),
        aliases: &["variance"],
        parameters: &[Parameter::Double],
        required: 1,
        build: |_, _| Aggregation::Statistic(Statistic::VarianceSample),
    },
    Aggregate {
        doc: doc(
            "var_pop(number) -> double",
            "the variance of a population: divided by n",
            SKIPPED,
            ["var_pop(weight)", "5.1875"],
        ),
        aliases: &[],
        parameters: &[Parameter::Double],
        required: 1,
        build: |_, _| Aggregation::Statistic(Statistic::VariancePopulation),
    },
    Aggregate {
        doc: doc(
            "stddev_samp(number) -> double",
            "the standard deviation of a sample",
            SKIPPED,
            ["stddev_samp(weight)", "2.6299556396765835"],
        ),
        aliases: &["stddev"],
        parameters: &[Parameter::Double],
        required: 1,
        build: |_, _| Aggregation::Statistic(Statistic::DeviationSample),
    },
    Aggregate {
        doc: doc(
            "stddev_pop(number) -> double",
            "the standard deviation of a population",
            SKIPPED,
            ["stddev_pop(id * 2)", "2.23606797749979"],
        ),
        aliases: &[],
        parameters: &[Parameter::Double],
        required: 1,
        build: |_, _| Aggregation::Statistic(Statistic::DeviationPopulation),
    },
    Aggregate {
        doc: doc(
            "skewness(number) -> double",
            "how asymmetric the distribution is, unbiased; NULL of less than three values or none that differ",
            SKIPPED,
            ["skewness(weight)", "1.4430588355316425"],
        ),
        aliases: &[],
        parameters: &[Parameter::Double],
        required: 1,
        build: |_, _| Aggregation::Statistic(Statistic::Skewness),
    },
    Aggregate {
        doc: doc(
            "kurtosis(number) -> double",
            "how heavy the tails are (excess, unbiased); NULL of less than four values or none that differ",
            SKIPPED,
            ["kurtosis(weight)", "2.234867179561622"],
        ),
        aliases: &[],
        parameters: &[Parameter::Double],
        required: 1,
        build: |_, _| Aggregation::Statistic(Statistic::KurtosisSample),
    },
    Aggregate {
        doc: doc(
            "kurtosis_pop(number) -> double",
            "how heavy the tails are (excess, of a population); NULL where no values differ",
            SKIPPED,
            ["kurtosis_pop(weight)", "-0.9020177093917838"],
        ),
        aliases: &[],
        parameters: &[Parameter::Double],
        required: 1,
        build: |_, _| Aggregation::Statistic(Statistic::KurtosisPopulation),
    },
    Aggregate {
        doc: doc(
            "covar_samp(y, x) -> double",
            "the covariance of a sample",
            PAIRS,
            ["covar_samp(weight, id)", "2.8333333333333335"],
        ),
        aliases: &[],
        parameters: &[Parameter::Double, Parameter::Double],
        required: 2,
        build: |_, _| Aggregation::Statistic(Statistic::CovarianceSample),
    },
    Aggregate {
        doc: doc(
            "covar_pop(y, x) -> double",
            "the covariance of a population",
            PAIRS,
            ["covar_pop(weight, id)", "2.125"],
        ),
        aliases: &[],
        parameters: &[Parameter::Double, Parameter::Double],
        required: 2,
        build: |_, _| Aggregation::Statistic(Statistic::CovariancePopulation),
    },
    Aggregate {
        doc: doc(
            "corr(y, x) -> double",
            "the correlation; NaN where one of them does not vary",
            PAIRS,
            ["corr(weight, id)", "0.8344971792454872"],
        ),
        aliases: &[],
        parameters: &[Parameter::Double, Parameter::Double],
        required: 2,
        build: |_, _| Aggregation::Statistic(Statistic::Correlation),
    },
    Aggregate {
        doc: doc(
            "regr_slope(y, x) -> double",
            "the slope of the line through the points; NaN where x does not vary",
            PAIRS,
            ["regr_slope(weight, id)", "1.7"],
        ),
        aliases: &[],
        parameters: &[Parameter::Double, Parameter::Double],
        required: 2,
        build: |_, _| Aggregation::Statistic(Statistic::RegressionSlope),
    },
    Aggregate {
        doc: doc(
            "regr_intercept(y, x) -> double",
            "where the line through the points is at x = 0; NULL where x does not vary",
            PAIRS,
            ["regr_intercept(weight, id)", "-1.0"],
        ),
        aliases: &[],
        parameters: &[Parameter::Double, Parameter::Double],
        required: 2,
        build: |_, _| Aggregation::Statistic(Statistic::RegressionIntercept),
    },
    Aggregate {
        doc: doc(
            "regr_r2(y, x) -> double",
            "the square of the correlation; NULL where x does not vary, 1 where y does not",
            PAIRS,
            ["regr_r2(weight, id)", "0.6963855421686748"],
        ),
        aliases: &[],
        parameters: &[Parameter::Double, Parameter::Double],
        required: 2,
        build: |_, _| Aggregation::Statistic(Statistic::RegressionR2),
    },
    Aggregate {
        doc: doc(
            "regr_avgx(y, x) -> double",
            "the mean of x",
            PAIRS,
            ["regr_avgx(weight, price)", "3.0"],
        ),
        aliases: &[],
        parameters: &[Parameter::Double, Parameter::Double],
        required: 2,
        build: |_, _| Aggregation::Statistic(Statistic::RegressionAverageX),
    },
    Aggregate {
        doc: doc(
            "regr_avgy(y, x) -> double",
            "the mean of y",
            PAIRS,
            ["regr_avgy(weight, price)", "3.6666666666666665"],
        ),
        aliases: &[],
        parameters: &[Parameter::Double, Parameter::Double],
        required: 2,
        build: |_, _| Aggregation::Statistic(Statistic::RegressionAverageY),
    },
    Aggregate {
        doc: doc(
            "regr_sxx(y, x) -> double",
            "the sum of squares of x about its mean",
            PAIRS,
            ["regr_sxx(weight, id)", "5.0"],
        ),
        aliases: &[],
        parameters: &[Parameter::Double, Parameter::Double],
        required: 2,
        build: |_, _| Aggregation::Statistic(Statistic::RegressionSxx),
    },
    Aggregate {
        doc: doc(
            "regr_syy(y, x) -> double",
            "the sum of squares of y about its mean",
            PAIRS,
            ["regr_syy(weight, id)", "20.75"],
        ),
        aliases: &[],
        parameters: &[Parameter::Double, Parameter::Double],
        required: 2,
        build: |_, _| Aggregation::Statistic(Statistic::RegressionSyy),
    },
    Aggregate {
        doc: doc(
            "regr_sxy(y, x) -> double",
            "the sum of products of y and x about their means",
            PAIRS,
            ["regr_sxy(weight, id)", "8.5"],
        ),
        aliases: &[],
        parameters: &[Parameter::Double, Parameter::Double],
        required: 2,
        build: |_, _| Aggregation::Statistic(Statistic::RegressionSxy),
    },
];
