//! The types a value can have, and their names.

use std::fmt;

/// The type of a column or expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DataType {
    /// `true` or `false`.
    Boolean,
    /// A signed 64-bit integer.
    Bigint,
    /// An exact decimal number of at most `precision` (1 to 38) digits, `scale` of them after the point.
    Decimal {
        /// Digits in all, 1 to 38.
        precision: u8,
        /// Digits after the point, 0 to `precision`.
        scale: u8,
    },
    /// An IEEE 754 double.
    Double,
    /// UTF-8 text.
    Text,
    /// A day of the proleptic Gregorian calendar, as days since 1970-01-01.
    Date,
    /// A moment without zone, as microseconds since 1970-01-01 00:00:00.
    Timestamp,
    /// A JSON value whose type its place decides.
    Json,
}

impl DataType {
    /// The most digits of a decimal.
    pub const PRECISION_MAX: u8 = 38;

    /// Reads a type's name as a job file or a `CAST` writes it: `bigint`, `decimal(12,2)`, and SQL's usual aliases.
    pub fn parse(name: &str) -> Option<DataType> {
        let name = name.trim().to_ascii_lowercase();
        let (base, arguments) = match name.split_once('(') {
            Some((base, rest)) => (base.trim_end(), Some(rest.strip_suffix(')')?)),
            None => (name.as_str(), None),
        };
        if matches!(base, "decimal" | "numeric") {
            return match arguments {
                None => Some(DataType::Decimal { precision: 18, scale: 3 }),
                Some(arguments) => {
                    let (precision, scale) = arguments.split_once(',').unwrap_or((arguments, "0"));
                    DataType::decimal(precision.trim().parse().ok()?, scale.trim().parse().ok()?)
                }
            };
        }
        if arguments.is_some() {
            return None;
        }
        Some(match base {
            "boolean" | "bool" => DataType::Boolean,
            "bigint" | "int" | "integer" | "int8" | "long" => DataType::Bigint,
            "double" | "double precision" | "float8" => DataType::Double,
            "text" | "varchar" | "string" => DataType::Text,
            "date" => DataType::Date,
            "timestamp" | "datetime" => DataType::Timestamp,
            "json" => DataType::Json,
            _ => return None,
        })
    }

    /// A decimal type; `None` unless 1 <= precision <= 38 and scale <= precision.
    pub fn decimal(precision: u8, scale: u8) -> Option<DataType> {
        let sound = (1..=Self::PRECISION_MAX).contains(&precision) && scale <= precision;
        sound.then_some(DataType::Decimal { precision, scale })
    }

    /// Whether arithmetic is defined on it.
    pub fn is_numeric(self) -> bool {
        matches!(self, DataType::Bigint | DataType::Decimal { .. } | DataType::Double)
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DataType::Boolean => f.write_str("boolean"),
            DataType::Bigint => f.write_str("bigint"),
            DataType::Decimal { precision, scale } => write!(f, "decimal({precision},{scale})"),
            DataType::Double => f.write_str("double"),
            DataType::Text => f.write_str("text"),
            DataType::Date => f.write_str("date"),
            DataType::Timestamp => f.write_str("timestamp"),
            DataType::Json => f.write_str("json"),
        }
    }
}
