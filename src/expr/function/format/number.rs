//! One value, written as asked for.

use super::spec::{Align, Dialect, Spec};
use crate::expr::evaluate::cell::Cell;
pub use crate::expr::evaluate::cell::Failure;
use crate::record::text::{write_decimal, write_double};

const NOT_A_NUMBER: &str = "a number format for a value that is no number";
const NOT_AN_INTEGER: &str = "an integer format for a value that is no bigint";
const NO_PRECISION: &str = "a precision for a bigint";

/// Digits behind the point where `e`, `f` and `g` have no precision.
const PRECISION: usize = 6;

/// A value, before it is put into its field.
struct Written {
    /// `-`, `+`, a space or nothing, and a prefix such as `0x`.
    sign: String,
    body: String,
    is_number: bool,
}

/// Writes a value.
///
/// # Errors
/// Where the value has not the type that is asked for.
pub fn write(out: &mut Vec<u8>, cell: Cell, spec: &Spec) -> Result<(), Failure> {
    let written = match (cell, spec.kind) {
        (Cell::Text(bytes), None | Some('s')) => text(&String::from_utf8_lossy(bytes), spec)?,
        (Cell::Text(_), _) => return Err(NOT_A_NUMBER.into()),
        (Cell::Boolean(value), None) => text(if value { "true" } else { "false" }, spec)?,
        (Cell::Boolean(value), Some('s')) if spec.dialect == Dialect::Percents => {
            text(if value { "true" } else { "false" }, spec)?
        }
        (Cell::Boolean(value), _) => integer(i64::from(value), spec)?,
        (Cell::Bigint(value), Some('e' | 'E' | 'f' | 'F' | 'g' | 'G')) => {
            decimal(i128::from(value), 0, spec)?
        }
        (Cell::Bigint(value), _) => integer(value, spec)?,
        (Cell::Decimal(units, scale), _) => decimal(units, scale, spec)?,
        (Cell::Double(value), _) => double(value, spec)?,
        (other, _) => unreachable!("{other:?} where something printable was bound"),
    };
    field(out, &written, spec);
    Ok(())
}

fn text(text: &str, spec: &Spec) -> Result<Written, Failure> {
    if spec.sign.is_some() || spec.is_alternate || spec.align == Some(Align::AfterSign) {
        return Err(NOT_A_NUMBER.into());
    }
    let body = text.chars().take(spec.fixed_precision().unwrap_or(usize::MAX)).collect();
    Ok(Written { sign: String::new(), body, is_number: false })
}

fn integer(value: i64, spec: &Spec) -> Result<Written, Failure> {
    let is_percents = spec.dialect == Dialect::Percents;
    let precision = spec.fixed_precision();
    if precision.is_some() && !is_percents {
        return Err(NO_PRECISION.into());
    }
    let magnitude = value.unsigned_abs();
    // `printf` shows the bits of negative numbers, `format` a minus sign.
    let bits = if is_percents { u64::from_ne_bytes(value.to_ne_bytes()) } else { magnitude };
    let (digits, prefix) = match spec.kind {
        None | Some('d' | 'i' | 'n') => (magnitude.to_string(), ""),
        Some('u') => (bits.to_string(), ""),
        Some('x') => (format!("{bits:x}"), "0x"),
        Some('X') => (format!("{bits:X}"), "0X"),
        Some('o') => (format!("{bits:o}"), "0"),
        Some('b') => (format!("{bits:b}"), "0b"),
        Some('B') => (format!("{bits:b}"), "0B"),
        Some('c') => {
            let character = u8::try_from(value).ok().filter(u8::is_ascii);
            let character = character.ok_or("%c takes an ASCII code; chr() makes any character")?;
            let body = char::from(character).to_string();
            return Ok(Written { sign: String::new(), body, is_number: false });
        }
        Some('s') if is_percents => {
            return Ok(Written { sign: String::new(), body: value.to_string(), is_number: false });
        }
        Some(_) => return Err("a text format for a number".into()),
    };
    let is_bits = is_percents && !matches!(spec.kind, Some('d' | 'i'));
    let mut sign = sign_of(value < 0 && !is_bits, spec);
    if spec.is_alternate {
        sign.push_str(prefix);
    }
    let zeros = precision.unwrap_or(0).saturating_sub(digits.len());
    let digits = "0".repeat(zeros) + &digits;
    let is_decimal = prefix.is_empty();
    let body = if is_decimal { grouped(&digits, spec) } else { digits };
    Ok(Written { sign, body, is_number: true })
}

fn decimal(units: i128, scale: u8, spec: &Spec) -> Result<Written, Failure> {
    let precision = spec.fixed_precision();
    let plain = match (spec.kind, precision) {
        (None, None) => rounded(units, scale, usize::from(scale)),
        (Some('s'), None) if spec.dialect == Dialect::Percents => {
            rounded(units, scale, usize::from(scale))
        }
        (Some('f' | 'F'), precision) => rounded(units, scale, precision.unwrap_or(PRECISION)),
        _ => {
            let mut text = Vec::new();
            write_decimal(&mut text, units, scale);
            let text = String::from_utf8_lossy(&text).into_owned();
            return double(text.parse().expect("a decimal is a double's text, too"), spec);
        }
    };
    let sign = sign_of(units < 0, spec);
    Ok(Written { sign, body: grouped(&plain, spec), is_number: true })
}

/// The digits of a decimal with so many behind the point, rounded half away from zero, without a sign.
fn rounded(units: i128, scale: u8, precision: usize) -> String {
    let scale = usize::from(scale);
    let magnitude = units.unsigned_abs();
    let kept = match scale.checked_sub(precision).and_then(|cut| u32::try_from(cut).ok()) {
        // At most 38 digits are cut, and ten to that is a u128.
        Some(cut) if cut > 0 => {
            let power = 10_u128.pow(cut);
            magnitude / power + u128::from(magnitude % power >= power / 2)
        }
        _ => magnitude,
    };
    let behind = scale.min(precision);
    let digits = format!("{kept:0>width$}", width = behind + 1);
    let (whole, fraction) = digits.split_at(digits.len() - behind);
    match precision {
        0 => whole.to_string(),
        _ => format!("{whole}.{fraction:0<precision$}"),
    }
}

fn double(value: f64, spec: &Spec) -> Result<Written, Failure> {
    let magnitude = value.abs();
    let precision = spec.fixed_precision();
    let is_upper = spec.kind.is_some_and(|kind| kind.is_ascii_uppercase());
    let body = match spec.kind {
        _ if !value.is_finite() => if value.is_nan() { "nan" } else { "inf" }.to_string(),
        None if precision.is_none() => shortest(magnitude),
        Some('s') if spec.dialect == Dialect::Percents && precision.is_none() => {
            shortest(magnitude)
        }
        Some('f' | 'F') => {
            let precision = precision.unwrap_or(PRECISION);
            format!("{magnitude:.precision$}")
        }
        Some('e' | 'E') => exponential(magnitude, precision.unwrap_or(PRECISION)),
        None | Some('g' | 'G') => general(magnitude, precision.unwrap_or(PRECISION), spec),
        Some('s') => return Err("a text format for a number".into()),
        Some(_) => return Err(NOT_AN_INTEGER.into()),
    };
    let body = if is_upper { body.to_uppercase() } else { body };
    let body = if value.is_finite() { grouped(&body, spec) } else { body };
    let sign = sign_of(value.is_sign_negative() && !value.is_nan(), spec);
    Ok(Written { sign, body, is_number: true })
}

fn shortest(value: f64) -> String {
    let mut text = Vec::new();
    write_double(&mut text, value);
    String::from_utf8_lossy(&text).into_owned()
}

/// As C: at least two digits of exponent.
fn exponential(value: f64, precision: usize) -> String {
    let text = format!("{value:.precision$e}");
    let (digits, exponent) = text.split_once('e').expect("an exponent was asked for");
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    format!("{digits}e{sign}{exponent:0>2}")
}

/// As C's `%g`: plain for exponents from -4 up to the precision, and without trailing zeros.
fn general(value: f64, precision: usize, spec: &Spec) -> String {
    let precision = precision.max(1);
    let text = exponential(value, precision - 1);
    let (digits, exponent) = text.split_once('e').expect("an exponent was asked for");
    let exponent_value: i64 = exponent.parse().expect("an exponent is an integer");
    let shorten = |digits: &str| match spec.is_alternate || !digits.contains('.') {
        true => digits.to_string(),
        false => digits.trim_end_matches('0').trim_end_matches('.').to_string(),
    };
    let places = i64::try_from(precision).unwrap_or(i64::MAX) - 1 - exponent_value;
    match usize::try_from(places).ok().filter(|_| exponent_value >= -4) {
        Some(places) => shorten(&format!("{value:.places$}")),
        None => format!("{}e{exponent}", shorten(digits)),
    }
}

fn sign_of(is_negative: bool, spec: &Spec) -> String {
    match is_negative {
        true => "-".to_string(),
        false => spec.sign.map(String::from).unwrap_or_default(),
    }
}

/// With separators between thousands; a point becomes a comma where points separate thousands.
fn grouped(number: &str, spec: &Spec) -> String {
    let Some(separator) = spec.thousands else {
        return number.to_string();
    };
    let whole = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
    let (whole, rest) = number.split_at(whole);
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(separator);
        }
        grouped.push(digit);
    }
    match (separator, rest.strip_prefix('.')) {
        ('.', Some(fraction)) => grouped + "," + fraction,
        _ => grouped + rest,
    }
}

fn field(out: &mut Vec<u8>, Written { sign, body, is_number }: &Written, spec: &Spec) {
    let length = sign.chars().count() + body.chars().count();
    let missing = spec.fixed_width().saturating_sub(length);
    let default =
        if *is_number || spec.dialect == Dialect::Percents { Align::Right } else { Align::Left };
    // Zeros before a number that has no digits would look like one.
    let has_digits = body.starts_with(|first: char| first.is_ascii_digit());
    let is_padded = has_digits || spec.align != Some(Align::AfterSign);
    let (align, fill) =
        if is_padded { (spec.align.unwrap_or(default), spec.fill) } else { (default, ' ') };
    let (before, between) = match align {
        Align::Left => (0, 0),
        Align::Right => (missing, 0),
        Align::Center => (missing / 2, 0),
        Align::AfterSign => (0, missing),
    };
    let mut put = |count: usize, then: &str| {
        for _ in 0..count {
            out.extend_from_slice(fill.encode_utf8(&mut [0; 4]).as_bytes());
        }
        out.extend_from_slice(then.as_bytes());
    };
    put(before, sign);
    put(between, body);
    put(missing - before - between, "");
}
