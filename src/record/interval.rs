//! Intervals: stretches of time in three parts that do not convert into each other, since months and days differ in
//! length.
//!
//! Where two are compared, a month counts as 30 days and a day as 24 hours, as DuckDB and PostgreSQL have it: so
//! `1 month` equals `30 days`, though adding them to a date may give different days.

use super::text::{self, MICROS_PER_DAY};

/// Days that a month counts for where intervals are compared.
const DAYS_PER_MONTH: i64 = 30;

const MICROS_PER_SECOND: i64 = 1_000_000;

/// A stretch of time. `==` compares the parts; what expressions compare is [`Interval::length`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Interval {
    /// Calendar months.
    pub months: i32,
    /// Calendar days.
    pub days: i32,
    /// Microseconds.
    pub micros: i64,
}

impl Interval {
    /// Some days and nothing else.
    pub fn of_days(days: i32) -> Interval {
        Interval { months: 0, days, micros: 0 }
    }

    /// Some microseconds and nothing else.
    pub fn of_micros(micros: i64) -> Interval {
        Interval { months: 0, days: 0, micros }
    }

    /// Its length in microseconds.
    pub fn length(self) -> i128 {
        let days = i64::from(self.months) * DAYS_PER_MONTH + i64::from(self.days);
        i128::from(days) * i128::from(MICROS_PER_DAY) + i128::from(self.micros)
    }

    /// The one form that all intervals of its length have in common: as many whole months as possible, then days.
    pub fn normalised(self) -> Interval {
        let length = self.length();
        let day = i128::from(MICROS_PER_DAY);
        let month = day * i128::from(DAYS_PER_MONTH);
        // Beyond the range of months there are more days and microseconds.
        let months = i32::try_from(length / month);
        let months = months.unwrap_or(if length < 0 { i32::MIN } else { i32::MAX });
        let rest = length - i128::from(months) * month;
        let days = i32::try_from(rest / day);
        let days = days.unwrap_or(if rest < 0 { i32::MIN } else { i32::MAX });
        let micros = i64::try_from(rest - i128::from(days) * day);
        Interval { months, days, micros: micros.expect("the parts of an interval hold its length") }
    }

    /// The sum part by part; `None` on overflow.
    pub fn checked_add(self, other: Interval) -> Option<Interval> {
        Some(Interval {
            months: self.months.checked_add(other.months)?,
            days: self.days.checked_add(other.days)?,
            micros: self.micros.checked_add(other.micros)?,
        })
    }

    /// The same backwards; `None` on overflow.
    pub fn checked_neg(self) -> Option<Interval> {
        Some(Interval {
            months: self.months.checked_neg()?,
            days: self.days.checked_neg()?,
            micros: self.micros.checked_neg()?,
        })
    }

    /// Reads pairs of a number and a unit, with a time such as `04:05:06.7` or the word `ago` at the end.
    ///
    /// Units are those of [`IntervalUnit::parse`]; a number alone is seconds. Fractions of a unit become smaller ones: half a
    /// year is six months, half a month 15 days, half a day 12 hours.
    pub fn parse(bytes: &[u8]) -> Option<Interval> {
        let text = std::str::from_utf8(bytes).ok()?.trim_ascii();
        let mut rest = text.strip_prefix('@').unwrap_or(text).trim_ascii_start();
        let mut sum = Interval::default();
        if rest.is_empty() || rest.eq_ignore_ascii_case("ago") {
            return None;
        }
        while !rest.is_empty() {
            if rest.eq_ignore_ascii_case("ago") {
                return sum.checked_neg();
            }
            let is_number = |sign: char| sign.is_ascii_digit() || matches!(sign, '.' | ':' | '-');
            let end = rest.find(|sign| !is_number(sign)).unwrap_or(rest.len());
            let (number, after) = rest.split_at(end);
            let after = after.trim_ascii_start();
            if number.contains(':') {
                let micros = parse_clock(number)?;
                sum = sum.checked_add(Interval::of_micros(micros))?;
                return after.is_empty().then_some(sum);
            }
            let unit_end = after.find(|sign: char| !sign.is_ascii_alphabetic());
            let (unit, after) = after.split_at(unit_end.unwrap_or(after.len()));
            let unit = match unit {
                "" if number.len() == text.len() => IntervalUnit::Second,
                _ => IntervalUnit::parse(unit)?,
            };
            let (whole, millionths) = parse_number(number)?;
            sum = sum.checked_add(unit.times(whole, millionths)?)?;
            rest = after.trim_ascii_start();
        }
        Some(sum)
    }

    /// Appends `1 year 2 months -3 days 04:05:06.7`; nothing at all is `00:00:00`.
    pub fn write(self, out: &mut Vec<u8>) {
        let start = out.len();
        for (count, unit) in
            [(self.months / 12, "year"), (self.months % 12, "month"), (self.days, "day")]
        {
            if count != 0 {
                text::write_bigint(out, i64::from(count));
                out.push(b' ');
                out.extend_from_slice(unit.as_bytes());
                out.extend_from_slice(if count.abs() == 1 { b" " } else { b"s " });
            }
        }
        if self.micros != 0 || out.len() == start {
            write_clock(out, self.micros);
        } else {
            out.pop();
        }
    }
}

/// A unit of time in which intervals are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntervalUnit {
    /// So many months.
    Months(i32),
    /// So many days.
    Days(i32),
    /// 3,600 seconds.
    Hour,
    /// 60 seconds.
    Minute,
    /// A second.
    Second,
    /// A thousandth of a second.
    Millisecond,
    /// A millionth of a second.
    Microsecond,
}

impl IntervalUnit {
    /// Reads a unit's name: `day`, `days`, `d`, `DAY`.
    pub fn parse(name: &str) -> Option<IntervalUnit> {
        Some(match &*name.to_ascii_lowercase() {
            "millennium" | "millennia" | "millenniums" | "mil" | "mils" => {
                IntervalUnit::Months(12_000)
            }
            "century" | "centuries" | "cent" | "c" => IntervalUnit::Months(1_200),
            "decade" | "decades" | "dec" | "decs" => IntervalUnit::Months(120),
            "year" | "years" | "yr" | "yrs" | "y" => IntervalUnit::Months(12),
            "quarter" | "quarters" => IntervalUnit::Months(3),
            "month" | "months" | "mon" | "mons" => IntervalUnit::Months(1),
            "week" | "weeks" | "w" => IntervalUnit::Days(7),
            "day" | "days" | "d" => IntervalUnit::Days(1),
            "hour" | "hours" | "hr" | "hrs" | "h" => IntervalUnit::Hour,
            "minute" | "minutes" | "min" | "mins" | "m" => IntervalUnit::Minute,
            "second" | "seconds" | "sec" | "secs" | "s" => IntervalUnit::Second,
            "millisecond" | "milliseconds" | "msec" | "msecs" | "ms" => IntervalUnit::Millisecond,
            "microsecond" | "microseconds" | "usec" | "usecs" | "us" => IntervalUnit::Microsecond,
            _ => return None,
        })
    }

    /// Its name for functions such as `to_days`.
    pub fn plural(self) -> &'static str {
        match self {
            IntervalUnit::Months(12_000) => "millennia",
            IntervalUnit::Months(1_200) => "centuries",
            IntervalUnit::Months(120) => "decades",
            IntervalUnit::Months(12) => "years",
            IntervalUnit::Months(3) => "quarters",
            IntervalUnit::Months(_) => "months",
            IntervalUnit::Days(7) => "weeks",
            IntervalUnit::Days(_) => "days",
            IntervalUnit::Hour => "hours",
            IntervalUnit::Minute => "minutes",
            IntervalUnit::Second => "seconds",
            IntervalUnit::Millisecond => "milliseconds",
            IntervalUnit::Microsecond => "microseconds",
        }
    }

    /// So many of it; `None` on overflow.
    pub fn times(self, whole: i64, millionths: i64) -> Option<Interval> {
        let of_micros = |micros: i64| {
            let fraction = millionths.checked_mul(micros)? / MICROS_PER_SECOND;
            Some(Interval::of_micros(whole.checked_mul(micros)?.checked_add(fraction)?))
        };
        match self {
            IntervalUnit::Months(months) => {
                let months = i64::from(months);
                let parts = millionths * months;
                // Up to a quarter the rest of a month counts, beyond that whole months are near enough.
                let (more, rest) = match months {
                    1 | 3 => (parts / MICROS_PER_SECOND, parts % MICROS_PER_SECOND),
                    _ => (round_millionths(parts), 0),
                };
                let mut sum = IntervalUnit::Days(1).times(0, 0)?;
                if months == 1 {
                    let days = rest * DAYS_PER_MONTH;
                    sum = IntervalUnit::Days(1)
                        .times(days / MICROS_PER_SECOND, days % MICROS_PER_SECOND)?;
                } else {
                    sum.days = i32::try_from(round_millionths(rest * DAYS_PER_MONTH)).ok()?;
                }
                sum.months = i32::try_from(whole.checked_mul(months)?.checked_add(more)?).ok()?;
                Some(sum)
            }
            IntervalUnit::Days(days) => {
                let days = i64::from(days);
                let parts = millionths * days;
                let more = parts / MICROS_PER_SECOND;
                Some(Interval {
                    months: 0,
                    days: i32::try_from(whole.checked_mul(days)?.checked_add(more)?).ok()?,
                    micros: parts % MICROS_PER_SECOND * (MICROS_PER_DAY / MICROS_PER_SECOND),
                })
            }
            IntervalUnit::Hour => of_micros(3_600 * MICROS_PER_SECOND),
            IntervalUnit::Minute => of_micros(60 * MICROS_PER_SECOND),
            IntervalUnit::Second => of_micros(MICROS_PER_SECOND),
            IntervalUnit::Millisecond => of_micros(1_000),
            IntervalUnit::Microsecond => of_micros(1),
        }
    }
}

/// Millionths as the nearest whole number, halves away from zero.
fn round_millionths(millionths: i64) -> i64 {
    (millionths + millionths.signum() * (MICROS_PER_SECOND / 2)) / MICROS_PER_SECOND
}

/// A number with at most one point: the whole part, and millionths that have its sign.
fn parse_number(number: &str) -> Option<(i64, i64)> {
    let is_negative = number.starts_with('-');
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_digits = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(fraction) {
        return None;
    }
    let whole = text::parse_bigint(whole.as_bytes())?;
    let mut millionths = 0;
    for digit in fraction.bytes().chain(std::iter::repeat(b'0')).take(6) {
        millionths = millionths * 10 + i64::from(digit - b'0');
    }
    millionths += i64::from(fraction.as_bytes().get(6).is_some_and(|digit| *digit >= b'5'));
    Some((whole, if is_negative { -millionths } else { millionths }))
}

/// `[-]H:MM[:SS[.ffffff]]` with any number of hours, as microseconds.
fn parse_clock(text: &str) -> Option<i64> {
    let (is_negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut parts = text.splitn(3, ':');
    let (hours, minutes) = (parts.next()?, parts.next()?);
    let (seconds, millionths) = parse_number(parts.next().unwrap_or("0"))?;
    let minutes = parse_two_digits(minutes)?;
    let is_sound = (0..60).contains(&seconds) && millionths >= 0 && !hours.contains('-');
    let hours = text::parse_bigint(hours.as_bytes()).filter(|_| is_sound)?;
    let seconds = hours.checked_mul(3_600)?.checked_add(minutes * 60 + seconds)?;
    let micros = seconds.checked_mul(MICROS_PER_SECOND)?.checked_add(millionths)?;
    Some(if is_negative { -micros } else { micros })
}

fn parse_two_digits(digits: &str) -> Option<i64> {
    let value = text::parse_bigint(digits.as_bytes()).filter(|_| digits.len() <= 2)?;
    (0..60).contains(&value).then_some(value)
}

/// Appends `[-]HH:MM:SS[.ffffff]`.
fn write_clock(out: &mut Vec<u8>, micros: i64) {
    if micros < 0 {
        out.push(b'-');
    }
    let micros = micros.unsigned_abs();
    let seconds = micros / 1_000_000;
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    let clock = format!("{hours:02}:{minutes:02}:{:02}", seconds % 60);
    out.extend_from_slice(clock.as_bytes());
    let fraction = micros % 1_000_000;
    if fraction != 0 {
        let digits = format!(".{fraction:06}");
        out.extend_from_slice(digits.trim_end_matches('0').as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        let written = Interval::parse(text.as_bytes()).map(|interval| {
            let mut out = Vec::new();
            interval.write(&mut out);
            String::from_utf8(out).expect("text is UTF-8")
        });
        assert_eq!(written.as_deref(), expected, "{text}");
    }

    #[test]
    fn intervals_are_read_and_written_as_duckdb_does() {
        for (text, expected) in [
            ("1 year 2 months -3 days 04:05:06.7", "1 year 2 months -3 days 04:05:06.7"),
            ("13 months 40 days 25 hours", "1 year 1 month 40 days 25:00:00"),
            ("-13 months", "-1 year -1 month"),
            ("0 days", "00:00:00"),
            ("-0.5 seconds", "-00:00:00.5"),
            ("1.5 days", "1 day 12:00:00"),
            ("-1.5 days", "-1 day -12:00:00"),
            ("1.51 months", "1 month 15 days 07:12:00"),
            ("1.51 quarters", "4 months 16 days"),
            ("1.333333 weeks", "9 days 07:59:59.7984"),
            ("1.33 years", "1 year 4 months"),
            ("0.123 centuries", "12 years 4 months"),
            ("1.123456789 seconds", "00:00:01.123457"),
            ("1.5 us", "00:00:00.000001"),
            ("1day2hours", "1 day 02:00:00"),
            ("@ 1 DAY ago", "-1 day"),
            ("-1:30", "-01:30:00"),
            ("1 day 100:30:15.5", "1 day 100:30:15.5"),
            (" 3.5 ", "00:00:03.5"),
            ("1 decade 1 century 1 millennium", "1110 years"),
        ] {
            check(text, Some(expected));
        }
    }

    #[test]
    fn what_is_no_interval_is_refused() {
        for text in [
            "",
            "  ",
            "ago",
            "day",
            "1 day ago 2 days",
            "10:00 1 day",
            "1 day 1:60",
            ".5 days",
            "- 1 day",
            "1 day, 2 hours",
            "1 hour 30",
            "1e2 days",
            "2147483648 days",
            "9999999999999999999 us",
            "1-2 days",
            "1..5 days",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn intervals_of_one_length_are_equal() {
        let read = |text: &str| Interval::parse(text.as_bytes()).expect(text);
        assert_eq!(read("1 month").normalised(), read("30 days").normalised());
        assert_eq!(read("1 month").normalised(), read("720 hours").normalised());
        assert_eq!(read("1 month -1 day").normalised(), read("29 days"));
        assert!(read("1 month").length() < read("30 days 1 us").length());
        for text in ["1 month -1 day", "-45 days 30:00", "-1 us", "2147483647 months 31 days"] {
            let (interval, normal) = (read(text), read(text).normalised());
            assert_eq!(interval.length(), normal.length(), "{text}");
        }
        let ends = Interval { months: i32::MIN, days: i32::MIN, micros: i64::MIN };
        assert_eq!(ends.normalised(), ends);
    }
}
