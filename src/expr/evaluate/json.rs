//! JSON values as other types and other types as JSON.
//!
//! A place that asks for a type takes JSON values of the matching kind only and never loses digits; `CAST` also reads
//! a string that holds the text form. JSON `null` never comes here: it is NULL.

use super::cast::{read_text, write_cell};
use super::cell::{Answer, Cell, Failure};
use crate::expr::node::Conversion;
use crate::expr::numbers;
use crate::record::{DataType, list, text};

/// The kind of a JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    String,
    Number,
    Boolean,
    Null,
    Object,
    Array,
}

impl Kind {
    fn of(bytes: &[u8]) -> Kind {
        match bytes.first() {
            Some(b'"') => Kind::String,
            Some(b't' | b'f') => Kind::Boolean,
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'n') | None => Kind::Null,
            Some(_) => Kind::Number,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Kind::String => "string",
            Kind::Number => "number",
            Kind::Boolean => "boolean",
            Kind::Null => "null",
            Kind::Object => "object",
            Kind::Array => "array",
        }
    }
}

/// A JSON value as a value of another type.
pub fn read<'a>(
    bytes: &'a [u8],
    target: DataType,
    conversion: Conversion,
    scratch: &mut Vec<u8>,
) -> Result<Answer<'a>, Failure> {
    let kind = Kind::of(bytes);
    match (kind, target) {
        (Kind::Null, _) => Ok(Answer::Cell(Cell::Null)),
        (Kind::String, DataType::Text) => unescape(bytes, scratch),
        (Kind::String, _) if target.is_temporal() => read_string(bytes, target, scratch),
        (Kind::Array, DataType::List(element)) => {
            super::list::read_array(bytes, element, conversion, scratch)
        }
        (Kind::Boolean, DataType::Boolean) => Ok(Answer::Cell(Cell::Boolean(bytes[0] == b't'))),
        (Kind::Number, _) if target.is_numeric() => match conversion {
            Conversion::Implicit => exact_number(bytes, target),
            Conversion::Explicit | Conversion::Try => rounded_number(bytes, target),
        }
        .map(Answer::Cell),
        _ if conversion == Conversion::Implicit => {
            Err(format!("JSON {} where {} is needed", kind.name(), target.phrase()).into())
        }
        (Kind::String, _) => read_string(bytes, target, scratch),
        (_, DataType::Text) => Ok(Answer::Cell(Cell::Text(bytes))),
        (Kind::Boolean, _) if target.is_numeric() => {
            read_text(if bytes[0] == b't' { b"1" } else { b"0" }, target).map(Answer::Cell)
        }
        _ => Err(format!("JSON {} is not {}", kind.name(), target.phrase()).into()),
    }
}

/// A value as JSON source text; a text must already be JSON.
pub fn write<'a>(cell: Cell<'a>, scratch: &mut Vec<u8>) -> Result<Answer<'a>, Failure> {
    match cell {
        Cell::Text(bytes) => {
            let bytes = bytes.trim_ascii();
            if !list::is_json(bytes) {
                return Err("text is not JSON".into());
            }
            let value = if bytes == b"null" { Cell::Null } else { Cell::Json(bytes) };
            return Ok(Answer::Cell(value));
        }
        Cell::Double(value) if !value.is_finite() => {
            return Err("JSON has no nan and no infinity".into());
        }
        Cell::List(bytes, _) => return Ok(Answer::Cell(Cell::Json(bytes))),
        Cell::Date(_)
        | Cell::Time(_)
        | Cell::Timestamp(_)
        | Cell::Timestamptz(_)
        | Cell::Interval(_) => {
            scratch.push(b'"');
            write_cell(scratch, cell);
            scratch.push(b'"');
        }
        _ => write_cell(scratch, cell),
    }
    Ok(Answer::Written)
}

/// The content of a JSON string.
fn unescape<'a>(bytes: &'a [u8], scratch: &mut Vec<u8>) -> Result<Answer<'a>, Failure> {
    match bytes {
        [b'"', content @ .., b'"'] if memchr::memchr(b'\\', content).is_none() => {
            Ok(Answer::Cell(Cell::Text(content)))
        }
        _ => match serde_json::from_slice::<String>(bytes) {
            Ok(content) => {
                scratch.extend_from_slice(content.as_bytes());
                Ok(Answer::Written)
            }
            Err(_) => Err("JSON string with a wrong escape".into()),
        },
    }
}

fn read_string<'a>(
    bytes: &'a [u8],
    target: DataType,
    scratch: &mut Vec<u8>,
) -> Result<Answer<'a>, Failure> {
    let cell = match unescape(bytes, scratch)? {
        Answer::Cell(Cell::Text(content)) => read_text(content, target),
        _ => read_text(scratch, target),
    };
    cell.map(Answer::Cell).map_err(|_| format!("JSON string is not {}", target.phrase()).into())
}

/// A number that loses nothing on its way.
fn exact_number<'a>(bytes: &[u8], target: DataType) -> Result<Cell<'a>, Failure> {
    let is_integer = !bytes.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E'));
    let cell = match target {
        DataType::Bigint => text::parse_bigint(bytes).map(Cell::Bigint),
        DataType::Decimal { precision, scale } => fraction_digits(bytes)
            .filter(|digits| *digits <= i64::from(scale))
            .and_then(|_| text::parse_decimal(bytes, precision, scale))
            .map(|units| Cell::Decimal(units, scale)),
        _ => {
            let is_exact = !is_integer
                || text::parse_decimal(bytes, DataType::PRECISION_MAX, 0)
                    .is_some_and(numbers::is_exact_double);
            let value = text::parse_double(bytes).filter(|value| is_exact && value.is_finite());
            value.map(Cell::Double)
        }
    };
    cell.ok_or_else(|| format!("JSON number that a {target} cannot hold (declare its type)").into())
}

/// A number as `CAST` takes it.
fn rounded_number<'a>(bytes: &[u8], target: DataType) -> Result<Cell<'a>, Failure> {
    if target == DataType::Bigint && text::parse_bigint(bytes).is_none() {
        let value = text::parse_double(bytes).and_then(numbers::bigint_from_double);
        return value
            .map(Cell::Bigint)
            .ok_or_else(|| "JSON number out of the range of bigint".into());
    }
    read_text(bytes, target).map_err(|_| format!("JSON number out of the range of {target}").into())
}

/// How many digits behind the point a number needs; negative where it ends in zeros.
fn fraction_digits(bytes: &[u8]) -> Option<i64> {
    let (mantissa, exponent) = match bytes.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => (&bytes[..at], text::parse_bigint(&bytes[at + 1..])?),
        None => (bytes, 0),
    };
    let written = match mantissa.iter().position(|byte| *byte == b'.') {
        Some(at) => {
            let fraction = &mantissa[at + 1..];
            let kept = fraction.iter().rposition(|byte| *byte != b'0');
            i64::try_from(kept.map_or(0, |at| at + 1)).ok()?
        }
        None => 0,
    };
    written.checked_sub(exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, target: DataType, conversion: Conversion, expected: Result<&str, &str>) {
        let mut scratch = Vec::new();
        let answer = read(json.as_bytes(), target, conversion, &mut scratch);
        let found = match answer {
            Ok(Answer::Written) => Ok(scratch),
            Ok(Answer::Cell(cell)) => {
                let mut out = Vec::new();
                write_cell(&mut out, cell);
                Ok(out)
            }
            Err(failure) => Err(failure.to_string()),
        };
        let found = found.map(|bytes| String::from_utf8(bytes).expect("UTF-8"));
        let expected = expected.map(str::to_string).map_err(str::to_string);
        assert_eq!(found, expected, "{json} as {target}");
    }

    #[test]
    fn a_place_takes_the_matching_kind_only() {
        let implicit = Conversion::Implicit;
        check(r#""a\nb""#, DataType::Text, implicit, Ok("a\nb"));
        check("1", DataType::Text, implicit, Err("JSON number where a text is needed"));
        check("\"1\"", DataType::Double, implicit, Err("JSON string where a double is needed"));
        check("\"2024-01-02\"", DataType::Date, implicit, Ok("2024-01-02"));
        check("\"x\"", DataType::Date, implicit, Err("JSON string is not a date"));
        check("true", DataType::Boolean, implicit, Ok("true"));
        check("9007199254740992", DataType::Double, implicit, Ok("9007199254740992.0"));
        let lost = "JSON number that a double cannot hold (declare its type)";
        check("9007199254740993", DataType::Double, implicit, Err(lost));
    }

    #[test]
    fn a_decimal_place_keeps_every_digit() {
        let decimal = DataType::Decimal { precision: 6, scale: 2 };
        let lost = Err("JSON number that a decimal(6,2) cannot hold (declare its type)");
        check("1.5", decimal, Conversion::Implicit, Ok("1.50"));
        check("1.500", decimal, Conversion::Implicit, Ok("1.50"));
        check("15e-1", decimal, Conversion::Implicit, Ok("1.50"));
        check("1.505", decimal, Conversion::Implicit, lost);
        check("12345", decimal, Conversion::Implicit, lost);
        check("1.505", decimal, Conversion::Explicit, Ok("1.51"));
    }

    #[test]
    fn a_cast_also_reads_strings_and_rounds() {
        let explicit = Conversion::Explicit;
        check("\" 12 \"", DataType::Bigint, explicit, Ok("12"));
        check("2.5", DataType::Bigint, explicit, Ok("2"));
        check("true", DataType::Bigint, explicit, Ok("1"));
        check("{\"a\":1}", DataType::Text, explicit, Ok("{\"a\":1}"));
        check("[1]", DataType::Bigint, explicit, Err("JSON array is not a bigint"));
    }
}
