//! The text form of every type, both directions.
//!
//! One place for it, because decoding a field, `CAST` and encoding must agree. Parsers take the bytes of one value
//! without surrounding white space and return `None` for anything else; writers append to a buffer.
//! Dates are days since 1970-01-01, timestamps microseconds since then, both proleptic Gregorian.

use super::digits;

/// Microseconds of a day.
pub const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Days between 0000-03-01 and 1970-01-01.
const DAYS_TO_EPOCH: i64 = 719_468;

/// Whether a byte may stand in the text of a boolean, a number, a date, a time or an interval.
pub fn may_stand_in_value(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+-.: ".contains(&byte)
}

/// `true`, `false`, `t`, `f`, `yes`, `no`, `y`, `n`, `1`, `0`, without regard to case.
pub fn parse_boolean(bytes: &[u8]) -> Option<bool> {
    const TRUE: [&[u8]; 5] = [b"true", b"t", b"yes", b"y", b"1"];
    const FALSE: [&[u8]; 5] = [b"false", b"f", b"no", b"n", b"0"];
    let is = |word: &&[u8]| bytes.eq_ignore_ascii_case(word);
    if TRUE.iter().any(is) {
        Some(true)
    } else if FALSE.iter().any(is) {
        Some(false)
    } else {
        None
    }
}

/// An optional sign and decimal digits within 64 bits.
pub fn parse_bigint(bytes: &[u8]) -> Option<i64> {
    let (is_negative, digits) = split_sign(bytes);
    if let Some(value) = digits::parse(digits) {
        return Some(if is_negative { -value } else { value });
    }
    if digits.is_empty() || digits.len() > 19 + leading_zeros(digits) {
        return None;
    }
    let mut value: i64 = 0;
    for digit in digits {
        let digit = i64::from(decimal_digit(*digit)?);
        value = value.checked_mul(10)?.checked_sub(digit)?;
    }
    if is_negative { Some(value) } else { value.checked_neg() }
}

/// An optional sign, digits with at most one point, an optional exponent; units of `10^-scale`.
/// Digits beyond `scale` are rounded half away from zero. `None` where the value does not fit `precision` digits.
pub fn parse_decimal(bytes: &[u8], precision: u8, scale: u8) -> Option<i128> {
    let (is_negative, rest) = split_sign(bytes);
    if let Some(units) = parse_short_decimal(rest, precision, scale) {
        return Some(i128::from(if is_negative { -units } else { units }));
    }
    let (mantissa, exponent) = match rest.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => (&rest[..at], parse_bigint(&rest[at + 1..])?),
        None => (rest, 0),
    };
    let (whole, fraction) = match mantissa.iter().position(|byte| *byte == b'.') {
        Some(at) => (&mantissa[..at], &mantissa[at + 1..]),
        None => (mantissa, &[][..]),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    // Digits up to this one belong to the units, the one behind it decides the rounding.
    let kept =
        i64::try_from(whole.len()).ok()?.checked_add(exponent)?.checked_add(i64::from(scale))?;
    let mut units: i128 = 0;
    for (index, byte) in (0_i64..).zip(whole.iter().chain(fraction)) {
        let digit = i128::from(decimal_digit(*byte)?);
        if index < kept {
            units = units.checked_mul(10)?.checked_add(digit)?;
        } else if index == kept && digit >= 5 {
            units = units.checked_add(1)?;
        }
    }
    let digits = i64::try_from(whole.len() + fraction.len()).ok()?;
    if kept > digits && units != 0 {
        let missing = u32::try_from(kept - digits).ok()?;
        units = units.checked_mul(10_i128.checked_pow(missing)?)?;
    }
    if units >= 10_i128.pow(u32::from(precision)) {
        return None;
    }
    Some(if is_negative { -units } else { units })
}

/// The usual decimal: digits, and just `scale` of them behind a point. `None` where it is another one, or none at all.
#[inline]
fn parse_short_decimal(bytes: &[u8], precision: u8, scale: u8) -> Option<i64> {
    if scale == 0 {
        return digits::parse(bytes).filter(|_| bytes.len() <= usize::from(precision));
    }
    let scale = usize::from(scale);
    let (whole, rest) = bytes.split_at_checked(bytes.len().checked_sub(scale + 1)?)?;
    let (b'.', fraction) = rest.split_first()? else { return None };
    let count = whole.len() + scale;
    if count > digits::MAX || count > usize::from(precision) {
        return None;
    }
    Some(digits::parse(whole)? * digits::POWERS[scale] + digits::parse(fraction)?)
}

/// A decimal number or `nan`, `inf`, `infinity` without regard to case; correctly rounded.
pub fn parse_double(bytes: &[u8]) -> Option<f64> {
    parse_short_double(bytes).or_else(|| fast_float2::parse(bytes).ok())
}

/// The usual double: a few digits, some of them behind a point. An integer below 2^53 and a power of ten up to 10^22 are
/// doubles themselves, so that their quotient is correctly rounded (Clinger, "How to Read Floating Point Numbers
/// Accurately", 1990).
#[inline]
fn parse_short_double(bytes: &[u8]) -> Option<f64> {
    let (is_negative, rest) = split_sign(bytes);
    if rest.len() > DOUBLE_DIGITS + 1 {
        return None;
    }
    let (mut mantissa, mut point) = (0, None);
    for (at, byte) in rest.iter().enumerate() {
        match byte.wrapping_sub(b'0') {
            digit @ 0..=9 => mantissa = mantissa * 10 + i64::from(digit),
            _ if *byte == b'.' && point.is_none() => point = Some(at),
            _ => return None,
        }
    }
    // Digits on both sides of the point.
    let behind = rest.len() - point.filter(|point| *point > 0)? - 1;
    let power = *digits::POWERS.get(behind).filter(|_| behind > 0)?;
    let value = exact(mantissa) / exact(power);
    Some(if is_negative { -value } else { value })
}

/// So many digits are always less than 2^53.
const DOUBLE_DIGITS: usize = 15;

/// An integer below 2^53 as a double.
fn exact(integer: i64) -> f64 {
    integer as f64
}

/// `YYYY-MM-DD` with a year of 1 to 9999.
pub fn parse_date(bytes: &[u8]) -> Option<i32> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *bytes else {
        return None;
    };
    let year = parse_digits(&[y1, y2, y3, y4])?;
    let (month, day) = (parse_digits(&[m1, m2])?, parse_digits(&[d1, d2])?);
    days_from_civil(i64::from(year), month, day)
}

/// `YYYY-MM-DD`, or with `T` or a space `HH:MM[:SS[.ffffff]]`, then nothing, `Z` or `+HH[:MM]` (taken to UTC).
/// Fraction digits beyond six must be zeros.
pub fn parse_timestamp(bytes: &[u8]) -> Option<i64> {
    let (date, rest) = bytes.split_at_checked(10)?;
    let midnight = i64::from(parse_date(date)?) * MICROS_PER_DAY;
    let Some((separator, rest)) = rest.split_first() else {
        return Some(midnight);
    };
    if !matches!(separator, b'T' | b't' | b' ') {
        return None;
    }
    let zone_at = rest.iter().position(|byte| matches!(byte, b'Z' | b'z' | b'+' | b'-'));
    let (time, zone) = rest.split_at(zone_at.unwrap_or(rest.len()));
    midnight.checked_add(parse_clock(time)?)?.checked_sub(parse_zone(zone)?)
}

/// The moment of a [`parse_timestamp`], where no zone means UTC.
pub fn parse_timestamptz(bytes: &[u8]) -> Option<i64> {
    parse_timestamp(bytes)
}

/// `HH:MM[:SS[.ffffff]]` as microseconds since midnight; `24:00:00` is the end of a day.
pub fn parse_time(bytes: &[u8]) -> Option<i64> {
    match bytes {
        b"24:00" | b"24:00:00" => Some(MICROS_PER_DAY),
        _ => parse_clock(bytes),
    }
}

/// `HH:MM[:SS[.ffffff]]` before the end of the day.
fn parse_clock(bytes: &[u8]) -> Option<i64> {
    let (hour_minute, rest) = bytes.split_at_checked(5)?;
    let [h1, h2, b':', m1, m2] = *hour_minute else {
        return None;
    };
    let (hour, minute) = (parse_digits(&[h1, h2])?, parse_digits(&[m1, m2])?);
    let (second, micros) = match rest {
        [] => (0, 0),
        [b':', s1, s2] => (parse_digits(&[*s1, *s2])?, 0),
        [b':', s1, s2, b'.', fraction @ ..] => {
            (parse_digits(&[*s1, *s2])?, parse_micros(fraction)?)
        }
        _ => return None,
    };
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    Some(i64::from(hour * 3600 + minute * 60 + second) * 1_000_000 + micros)
}

/// The digits behind a second's point as microseconds.
fn parse_micros(fraction: &[u8]) -> Option<i64> {
    if fraction.is_empty() {
        return None;
    }
    let mut micros = 0;
    for index in 0..fraction.len().max(6) {
        let digit = fraction.get(index).map_or(Some(0), |byte| decimal_digit(*byte))?;
        if index < 6 {
            micros = micros * 10 + i64::from(digit);
        } else if digit != 0 {
            return None;
        }
    }
    Some(micros)
}

/// Nothing, `Z` or `+HH[:MM]` as microseconds east of UTC.
fn parse_zone(bytes: &[u8]) -> Option<i64> {
    let (sign, digits) = match bytes {
        [] | [b'Z' | b'z'] => return Some(0),
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match *digits {
        [h1, h2] => (parse_digits(&[h1, h2])?, 0),
        [h1, h2, b':', m1, m2] | [h1, h2, m1, m2] => {
            (parse_digits(&[h1, h2])?, parse_digits(&[m1, m2])?)
        }
        _ => return None,
    };
    (hours < 24 && minutes < 60).then(|| sign * i64::from(hours * 3600 + minutes * 60) * 1_000_000)
}

/// Appends `true` or `false`.
pub fn write_boolean(out: &mut Vec<u8>, value: bool) {
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

/// Appends decimal digits, with a minus sign where negative.
pub fn write_bigint(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends a decimal with exactly `scale` digits after its point.
pub fn write_decimal(out: &mut Vec<u8>, units: i128, scale: u8) {
    if units < 0 {
        out.push(b'-');
    }
    let mut buffer = itoa::Buffer::new();
    let digits = match u64::try_from(units.unsigned_abs()) {
        Ok(units) => buffer.format(units),
        Err(_) => buffer.format(units.unsigned_abs()),
    };
    write_with_point(out, digits.as_bytes(), usize::from(scale));
}

/// Appends digits, so many of them behind the point; there is at least one before it.
#[inline]
fn write_with_point(out: &mut Vec<u8>, digits: &[u8], behind: usize) {
    let whole = digits.len().saturating_sub(behind);
    if whole == 0 {
        out.extend_from_slice(b"0.");
        out.resize(out.len() + behind - digits.len(), b'0');
        return out.extend_from_slice(digits);
    }
    out.extend_from_slice(&digits[..whole]);
    if behind > 0 {
        out.push(b'.');
        out.extend_from_slice(&digits[whole..]);
    }
}

/// Appends the shortest text that reads back as the same double: `1.5`, `3.0`, `1e+20`, `nan`, `inf`.
pub fn write_double(out: &mut Vec<u8>, value: f64) {
    if value.is_nan() {
        out.extend_from_slice(b"nan");
    } else if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"inf" } else { b"-inf" });
    } else {
        out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
    }
}

/// Appends `YYYY-MM-DD`.
pub fn write_date(out: &mut Vec<u8>, days: i32) {
    let (year, month, day) = civil_from_days(i64::from(days));
    write_padded(out, year, 4);
    out.push(b'-');
    write_padded(out, i64::from(month), 2);
    out.push(b'-');
    write_padded(out, i64::from(day), 2);
}

/// Appends `YYYY-MM-DD HH:MM:SS`, and a fraction without trailing zeros where there is one.
pub fn write_timestamp(out: &mut Vec<u8>, micros: i64) {
    let days = micros.div_euclid(MICROS_PER_DAY);
    let of_day = micros.rem_euclid(MICROS_PER_DAY);
    write_date(out, i32::try_from(days).expect("2^63 microseconds are less than 2^31 days"));
    out.push(b' ');
    write_time(out, of_day);
}

/// Appends the moment in UTC: `YYYY-MM-DD HH:MM:SS+00`.
pub fn write_timestamptz(out: &mut Vec<u8>, micros: i64) {
    write_timestamp(out, micros);
    out.extend_from_slice(b"+00");
}

/// Appends `HH:MM:SS`, and a fraction without trailing zeros where there is one.
pub fn write_time(out: &mut Vec<u8>, micros: i64) {
    let seconds = micros / 1_000_000;
    write_padded(out, seconds / 3600, 2);
    for part in [seconds / 60 % 60, seconds % 60] {
        out.push(b':');
        write_padded(out, part, 2);
    }
    let fraction = micros % 1_000_000;
    if fraction != 0 {
        out.push(b'.');
        write_padded(out, fraction, 6);
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
}

/// Appends `value` as a JSON string literal, escaping what JSON demands and nothing else.
pub fn write_json_string(out: &mut Vec<u8>, value: &str) {
    serde_json::to_writer(out, value).expect("writing a string to memory cannot fail");
}

/// Days since 1970-01-01 of a day of the proleptic Gregorian calendar; `None` where there is no such day.
/// After Howard Hinnant, "chrono-compatible low-level date algorithms".
pub fn days_from_civil(year: i64, month: u32, day: u32) -> Option<i32> {
    if !(1..=9999).contains(&year)
        || !(1..=12).contains(&month)
        || day < 1
        || day > days_in_month(year, month)
    {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = i64::from((153 * ((month + 9) % 12) + 2) / 5 + day - 1);
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    i32::try_from(era * 146_097 + day_of_era - DAYS_TO_EPOCH).ok()
}

/// Year, month and day of a number of days since 1970-01-01.
pub fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let days = days + DAYS_TO_EPOCH;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let small = |value: i64| u32::try_from(value).expect("months and days are small");
    (year, small(month), small(day))
}

/// Number of days of a month.
pub fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

fn split_sign(bytes: &[u8]) -> (bool, &[u8]) {
    match bytes {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, bytes),
    }
}

fn leading_zeros(digits: &[u8]) -> usize {
    digits.iter().take_while(|digit| **digit == b'0').count()
}

fn decimal_digit(byte: u8) -> Option<u8> {
    byte.is_ascii_digit().then(|| byte - b'0')
}

/// At most four digits.
fn parse_digits(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, digit| Some(value * 10 + u32::from(decimal_digit(*digit)?)))
}

fn write_padded(out: &mut Vec<u8>, value: i64, width: usize) {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(value.unsigned_abs()).as_bytes();
    if value < 0 {
        out.push(b'-');
    }
    out.resize(out.len() + width.saturating_sub(digits.len()), b'0');
    out.extend_from_slice(digits);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("text is UTF-8")
    }

    #[test]
    fn bigints_are_read_to_their_limits() {
        assert_eq!(parse_bigint(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(parse_bigint(b"+0009223372036854775807"), Some(i64::MAX));
        for bad in ["", "-", "9223372036854775808", "1.0", " 1", "1e3", "0x1"] {
            assert_eq!(parse_bigint(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn decimals_round_half_away_from_zero_and_keep_their_bounds() {
        let read = |text: &str| parse_decimal(text.as_bytes(), 5, 2);
        assert_eq!(read("1.005"), Some(101));
        assert_eq!(read("-1.005"), Some(-101));
        assert_eq!(read(".5"), Some(50));
        assert_eq!(read("12.e1"), Some(12000));
        assert_eq!(read("1234e-3"), Some(123));
        assert_eq!(read("0.004"), Some(0));
        assert_eq!(read("999.99"), Some(99999));
        for bad in ["999.995", "1000", "", ".", "1..2", "1e", "1e99", "abc", "--1"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(parse_decimal(b"0e99999", 5, 2), Some(0));
        assert_eq!(
            parse_decimal(b"0.00000000000000000000000000000000000000000000019", 5, 2),
            Some(0)
        );
    }

    #[test]
    fn every_day_survives_the_round_trip() {
        let first = days_from_civil(1, 1, 1).expect("a day");
        let last = days_from_civil(9999, 12, 31).expect("a day");
        for days in first..=last {
            let (year, month, day) = civil_from_days(i64::from(days));
            assert_eq!(days_from_civil(year, month, day), Some(days));
        }
        assert_eq!(parse_date(b"2023-02-29"), None);
        assert_eq!(parse_date(b"1970-01-01"), Some(0));
        assert_eq!(written(|out| write_date(out, -1)), "1969-12-31");
    }

    #[test]
    fn timestamps_are_read_with_zones_and_written_without() {
        let round = |text: &str| {
            written(|out| write_timestamp(out, parse_timestamp(text.as_bytes()).expect(text)))
        };
        assert_eq!(round("2013-01-01T06:00:00Z"), "2013-01-01 06:00:00");
        assert_eq!(round("2013-01-01 06:00"), "2013-01-01 06:00:00");
        assert_eq!(round("2013-01-01T06:00:00.120+02:00"), "2013-01-01 04:00:00.12");
        assert_eq!(round("1969-12-31T23:59:59.999999"), "1969-12-31 23:59:59.999999");
        for bad in [
            "2013-01-01T",
            "2013-01-01T24:00",
            "2013-01-01T06:00:00.1234567",
            "2013-01-01T06:00:60",
        ] {
            assert_eq!(parse_timestamp(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn times_end_with_the_day() {
        let round = |text: &str| {
            parse_time(text.as_bytes()).map(|micros| written(|out| write_time(out, micros)))
        };
        assert_eq!(round("10:11").as_deref(), Some("10:11:00"));
        assert_eq!(round("23:59:59.25").as_deref(), Some("23:59:59.25"));
        assert_eq!(round("24:00:00").as_deref(), Some("24:00:00"));
        for bad in ["24:00:01", "10:60", "1:00", "10", "10:00Z"] {
            assert_eq!(round(bad), None, "{bad}");
        }
        assert_eq!(written(|out| write_timestamptz(out, 0)), "1970-01-01 00:00:00+00");
    }

    proptest! {
        #[test]
        fn usual_decimals_are_read_as_any_others(text in "[+-]?[0-9]{0,10}[.]?[0-9]{0,9}", scale in 0_u8..10) {
            for precision in [scale, 12, 18, 38] {
                // With an exponent it is not the usual one.
                let unusual = parse_decimal(format!("{text}e0").as_bytes(), precision, scale);
                prop_assert_eq!(parse_decimal(text.as_bytes(), precision, scale), unusual, "{}", &text);
            }
        }

        #[test]
        fn usual_doubles_are_correctly_rounded(text in "[+-]?[0-9]{0,9}[.]?[0-9]{0,9}") {
            let expected: Option<f64> = text.parse().ok();
            let read = parse_double(text.as_bytes());
            prop_assert_eq!(read.map(f64::to_bits), expected.map(f64::to_bits), "{}", &text);
        }

        #[test]
        fn decimals_are_read_back_as_they_are_written(
            units in prop_oneof![any::<i64>().prop_map(i128::from), -10_i128.pow(37)..10_i128.pow(37)],
            scale in 0_u8..38,
        ) {
            let mut out = Vec::new();
            write_decimal(&mut out, units, scale);
            prop_assert_eq!(parse_decimal(&out, 38, scale), Some(units), "{}", String::from_utf8_lossy(&out));
        }
    }

    #[test]
    fn decimals_and_doubles_are_written_plainly() {
        assert_eq!(written(|out| write_decimal(out, -5, 2)), "-0.05");
        assert_eq!(written(|out| write_decimal(out, 12345, 0)), "12345");
        assert_eq!(written(|out| write_double(out, 3.0)), "3.0");
        assert_eq!(written(|out| write_double(out, 0.1 + 0.2)), "0.30000000000000004");
    }
}
