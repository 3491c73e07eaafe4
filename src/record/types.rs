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
    /// A time of day, as microseconds since midnight; 24:00:00 is the last one.
    Time,
    /// A moment without zone, as microseconds since 1970-01-01 00:00:00.
    Timestamp,
    /// A moment of the world's time line, as microseconds since 1970-01-01 00:00:00 UTC.
    Timestamptz,
    /// A stretch of time: months, days and microseconds.
    Interval,
    /// A JSON value whose type its place decides.
    Json,
    /// Values of one type, one after the other.
    List(Element),
}

/// The type of the values in a list. A list of lists is one of JSON values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Element {
    /// `true` or `false`.
    Boolean,
    /// Integers.
    Bigint,
    /// Decimals.
    Decimal {
        /// Digits in all.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
    /// Doubles.
    Double,
    /// Texts.
    Text,
    /// Days.
    Date,
    /// Times of day.
    Time,
    /// Moments without zone.
    Timestamp,
    /// Moments of the world's time line.
    Timestamptz,
    /// JSON values.
    Json,
}

impl DataType {
    /// The most digits of a decimal.
    pub const PRECISION_MAX: u8 = 38;

    /// Reads a type's name as a job file or a `CAST` writes it: `bigint`, `decimal(12,2)`, and SQL's usual aliases.
    pub fn parse(name: &str) -> Option<DataType> {
        let name = name.trim().to_ascii_lowercase();
        if let Some(element) = name.strip_suffix("[]") {
            return Element::of(DataType::parse(element)?).map(DataType::List);
        }
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
            "time" | "time without time zone" => DataType::Time,
            "timestamp" | "datetime" | "timestamp without time zone" => DataType::Timestamp,
            "timestamptz" | "timestamp with time zone" => DataType::Timestamptz,
            "interval" => DataType::Interval,
            "json" => DataType::Json,
            "list" => DataType::List(Element::Json),
            _ => return None,
        })
    }

    /// A decimal type; `None` unless 1 <= precision <= 38 and scale <= precision.
    pub fn decimal(precision: u8, scale: u8) -> Option<DataType> {
        let sound = (1..=Self::PRECISION_MAX).contains(&precision) && scale <= precision;
        sound.then_some(DataType::Decimal { precision, scale })
    }

    /// The type in a sentence: `a date`, `an interval`.
    pub fn phrase(self) -> String {
        let article = if self == DataType::Interval { "an" } else { "a" };
        format!("{article} {self}")
    }

    /// Whether it is a number.
    pub fn is_numeric(self) -> bool {
        matches!(self, DataType::Bigint | DataType::Decimal { .. } | DataType::Double)
    }

    /// Whether it is a point in time: a date or a timestamp.
    pub fn is_moment(self) -> bool {
        matches!(self, DataType::Date | DataType::Timestamp | DataType::Timestamptz)
    }

    /// Whether it is a point in time, a time of day or a stretch of time.
    pub fn is_temporal(self) -> bool {
        self.is_moment() || matches!(self, DataType::Time | DataType::Interval)
    }
}

impl Element {
    /// The type of a list's values; lists and intervals are in lists as JSON values only.
    pub fn of(data_type: DataType) -> Option<Element> {
        Some(match data_type {
            DataType::Boolean => Element::Boolean,
            DataType::Bigint => Element::Bigint,
            DataType::Decimal { precision, scale } => Element::Decimal { precision, scale },
            DataType::Double => Element::Double,
            DataType::Text => Element::Text,
            DataType::Date => Element::Date,
            DataType::Time => Element::Time,
            DataType::Timestamp => Element::Timestamp,
            DataType::Timestamptz => Element::Timestamptz,
            DataType::Json => Element::Json,
            DataType::Interval | DataType::List(_) => return None,
        })
    }

    /// The type that one of the values has by itself.
    pub fn data_type(self) -> DataType {
        match self {
            Element::Boolean => DataType::Boolean,
            Element::Bigint => DataType::Bigint,
            Element::Decimal { precision, scale } => DataType::Decimal { precision, scale },
            Element::Double => DataType::Double,
            Element::Text => DataType::Text,
            Element::Date => DataType::Date,
            Element::Time => DataType::Time,
            Element::Timestamp => DataType::Timestamp,
            Element::Timestamptz => DataType::Timestamptz,
            Element::Json => DataType::Json,
        }
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
            DataType::Time => f.write_str("time"),
            DataType::Timestamp => f.write_str("timestamp"),
            DataType::Timestamptz => f.write_str("timestamptz"),
            DataType::Interval => f.write_str("interval"),
            DataType::Json => f.write_str("json"),
            DataType::List(element) => write!(f, "{}[]", element.data_type()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_read_back_from_its_name() {
        for name in [
            "boolean",
            "bigint",
            "decimal(12,2)",
            "double",
            "text",
            "date",
            "time",
            "timestamp",
            "timestamptz",
            "interval",
            "json",
            "bigint[]",
            "decimal(12,2)[]",
            "text[]",
            "json[]",
        ] {
            let read = DataType::parse(name).expect(name);
            assert_eq!(read.to_string(), name);
        }
        assert_eq!(DataType::parse("list"), DataType::parse("json[]"));
        assert_eq!(DataType::parse("timestamp with time zone"), Some(DataType::Timestamptz));
        assert_eq!(DataType::parse("bigint[][]"), None);
        assert_eq!(DataType::parse("interval[]"), None);
    }
}
