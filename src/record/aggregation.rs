//! What an aggregate call computes, as plain data: bound in `expr`, accumulated in `state`.

use super::{DataType, Direction, Order};

/// What is computed of the values of a group. Unless said otherwise NULLs do not count, and no values give NULL.
#[derive(Debug, Clone, PartialEq)]
pub enum Aggregation {
    /// `count(*)`: the number of records.
    CountAll,
    /// The number of records in which no argument is NULL.
    Count,
    /// The sum.
    Sum,
    /// The mean.
    Average,
    /// The smallest value.
    Min,
    /// The largest value.
    Max,
    /// Bits of integers put together.
    Bits(Bits),
    /// A function of the sums of powers and products of one or two columns.
    Statistic(Statistic),
    /// The value of the first record, NULL or not.
    First,
    /// The value of the last record, NULL or not.
    Last,
    /// The first value that is not NULL.
    AnyValue,
    /// The first argument where the second is smallest or largest; of several records the first.
    Arg(Extremum),
    /// A list of the so many smallest or largest values.
    Several(Extremum, usize),
    /// A list of the first argument where the second is among the so many smallest or largest.
    SeveralArgs(Extremum, usize),
    /// A list of all values, NULLs included.
    List,
    /// All texts, one behind the other.
    Joined {
        /// What stands between two texts.
        separator: Box<[u8]>,
    },
    /// The most frequent value; of several the one that came first.
    Mode,
    /// Each value with its number of records, as a JSON object.
    Histogram,
    /// A list of the so many most frequent values, the most frequent first.
    TopK(usize),
    /// The entropy of the frequencies, in bits.
    Entropy,
    /// Values at places in the order of all values.
    Quantile(Quantile),
    /// The number of different values, estimated.
    ApproximateCount,
    /// A quantile of doubles, estimated.
    ApproximateQuantile(Points),
}

/// How bits are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bits {
    /// Those that all have.
    And,
    /// Those that any has.
    Or,
    /// Those that an odd number has.
    Xor,
}

/// Which end of an order is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extremum {
    /// The smallest.
    Min,
    /// The largest.
    Max,
}

/// A function of sums of powers and products. Of two columns the first is y and the second x, as in SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "they bear SQL's names")]
pub enum Statistic {
    VarianceSample,
    VariancePopulation,
    DeviationSample,
    DeviationPopulation,
    Skewness,
    KurtosisSample,
    KurtosisPopulation,
    CovarianceSample,
    CovariancePopulation,
    Correlation,
    RegressionSlope,
    RegressionIntercept,
    RegressionR2,
    RegressionAverageX,
    RegressionAverageY,
    RegressionSxx,
    RegressionSyy,
    RegressionSxy,
}

/// Which quantiles of which kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantile {
    /// Whether values are interpolated.
    pub kind: QuantileKind,
    /// Where in the order of the values.
    pub points: Points,
    /// In which order.
    pub direction: Direction,
}

/// What a quantile between two values is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuantileKind {
    /// A value between them.
    Continuous,
    /// One of them.
    Discrete,
}

/// One point or a list of points between 0 and 1.
#[derive(Debug, Clone, PartialEq)]
pub enum Points {
    /// The result is one value.
    One(Point),
    /// The result is a list.
    List(Vec<Point>),
}

/// A point between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// The nearest double.
    pub value: f64,
    /// The same exactly where it was written as a decimal: `units / 10^scale`.
    pub exact: Option<(u128, u8)>,
}

/// One key of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SortKey {
    /// The type of its values.
    pub data_type: DataType,
    /// Which values come first.
    pub order: Order,
}

impl SortKey {
    /// Small values first, NULLs last: what an order is where nothing is said.
    pub fn ascending(data_type: DataType) -> SortKey {
        SortKey { data_type, order: Order::default() }
    }
}

impl Quantile {
    /// The type of one quantile of values of a type.
    pub fn data_type(&self, argument: DataType) -> DataType {
        match (self.kind, argument) {
            (QuantileKind::Continuous, DataType::Bigint) => DataType::Double,
            (QuantileKind::Continuous, DataType::Date) => DataType::Timestamp,
            _ => argument,
        }
    }
}

impl Points {
    /// All points.
    pub fn as_slice(&self) -> &[Point] {
        match self {
            Points::One(point) => std::slice::from_ref(point),
            Points::List(points) => points,
        }
    }
}

impl Aggregation {
    /// Whether repeated values change nothing, so that `DISTINCT` does not either.
    pub fn ignores_repeats(&self) -> bool {
        matches!(
            self,
            Aggregation::Min
                | Aggregation::Max
                | Aggregation::Bits(Bits::And | Bits::Or)
                | Aggregation::AnyValue
                | Aggregation::First
                | Aggregation::Last
                | Aggregation::Arg(_)
                | Aggregation::ApproximateCount
        )
    }

    /// Whether the order of the records has a meaning.
    pub fn is_ordered(&self) -> bool {
        matches!(
            self,
            Aggregation::First
                | Aggregation::Last
                | Aggregation::AnyValue
                | Aggregation::Arg(_)
                | Aggregation::SeveralArgs(..)
                | Aggregation::List
                | Aggregation::Joined { .. }
        )
    }
}
