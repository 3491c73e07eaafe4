//! Arithmetic of the calendar: moments and intervals.
//!
//! Moments are microseconds since 1970-01-01 00:00:00 of the proleptic Gregorian calendar, in years 1 to 9999: what
//! leads out of them is `None`.

use super::Interval;
use super::text::{self, MICROS_PER_DAY};

/// 0001-01-01 00:00:00
const MICROS_MIN: i64 = -719_162 * MICROS_PER_DAY;

/// 9999-12-31 23:59:59.999999
const MICROS_MAX: i64 = 2_932_897 * MICROS_PER_DAY - 1;

const DAYS_PER_MONTH: f64 = 30.0;
const SECONDS_PER_DAY: f64 = 86_400.0;
const MICROS_PER_SECOND: f64 = 1_000_000.0;

/// A moment, if it is one.
pub fn within(micros: i64) -> Option<i64> {
    (MICROS_MIN..=MICROS_MAX).contains(&micros).then_some(micros)
}

/// A day as days since 1970, if it is one.
pub fn day_within(days: i64) -> Option<i32> {
    within(days.checked_mul(MICROS_PER_DAY)?)?;
    i32::try_from(days).ok()
}

/// The day a number of months later: the same day of the month, or the last one where the month is shorter.
pub fn add_months(days: i64, months: i64) -> Option<i64> {
    let (year, month, day) = text::civil_from_days(days);
    let index = year.checked_mul(12)?.checked_add(i64::from(month) - 1)?.checked_add(months)?;
    let year = index.div_euclid(12);
    let month = u32::try_from(index.rem_euclid(12) + 1).ok()?;
    let day = day.min(text::days_in_month(year, month));
    text::days_from_civil(year, month, day).map(i64::from)
}

/// Monday is 1, Sunday is 7.
pub fn iso_weekday(days: i64) -> i64 {
    (days + 3).rem_euclid(7) + 1
}

/// The first day of a month, for any year.
pub fn first_of(year: i64, month: u32) -> i64 {
    // The calendar repeats every 400 years of 146,097 days; within them every month has a first day.
    let within = year.rem_euclid(400) + 400;
    let cycles = (year - within) / 400;
    let days = text::days_from_civil(within, month, 1).expect("months are 1 to 12");
    i64::from(days) + cycles * 146_097
}

/// Year and number of the ISO 8601 week that a day belongs to: weeks start on Monday and belong to the year in which
/// their Thursday is.
pub fn iso_week(days: i64) -> (i64, i64) {
    let thursday = days - iso_weekday(days) + 4;
    let (year, _, _) = text::civil_from_days(thursday);
    (year, (thursday - first_of(year, 1)) / 7 + 1)
}

/// The Monday of the first ISO 8601 week of a year.
pub fn first_of_iso_year(year: i64) -> i64 {
    let fourth = first_of(year, 1) + 3;
    fourth - iso_weekday(fourth) + 1
}

/// The number of a day in its year, from 1.
pub fn day_of_year(days: i64) -> i64 {
    days - first_of(text::civil_from_days(days).0, 1) + 1
}

/// A moment plus an interval: first its months, then its days, then its microseconds.
pub fn add_interval(micros: i64, interval: Interval) -> Option<i64> {
    let mut days = micros.div_euclid(MICROS_PER_DAY);
    let of_day = micros.rem_euclid(MICROS_PER_DAY);
    if interval.months != 0 {
        days = add_months(days, i64::from(interval.months))?;
    }
    let days = days.checked_add(i64::from(interval.days))?;
    let midnight = days.checked_mul(MICROS_PER_DAY)?;
    within(midnight.checked_add(of_day)?.checked_add(interval.micros)?)
}

/// A time of day plus an interval: only its microseconds count, and midnight is followed by the same day again.
pub fn add_to_time(time: i64, interval: Interval) -> i64 {
    let micros = interval.micros % MICROS_PER_DAY;
    (time + micros).rem_euclid(MICROS_PER_DAY)
}

/// From one moment to another in days and microseconds, both of one sign.
pub fn between(from: i64, to: i64) -> Option<Interval> {
    let micros = to.checked_sub(from)?;
    let days = i32::try_from(micros / MICROS_PER_DAY).ok()?;
    Some(Interval { months: 0, days, micros: micros % MICROS_PER_DAY })
}

/// How many whole months fit between two moments; negative where they go backwards.
pub fn complete_months(from: i64, to: i64) -> i64 {
    if from > to {
        return -complete_months(to, from);
    }
    let months = month_index(to) - month_index(from);
    let later = add_months(from.div_euclid(MICROS_PER_DAY), months).map(|days| {
        days.saturating_mul(MICROS_PER_DAY).saturating_add(from.rem_euclid(MICROS_PER_DAY))
    });
    // Only the last month may be incomplete.
    if later.is_none_or(|later| later > to) { months - 1 } else { months }
}

/// From one moment to another in years, months, days and the rest, as a calendar on the wall counts. After PostgreSQL's
/// `age`.
pub fn age(from: i64, to: i64) -> Option<Interval> {
    if from > to {
        return age(to, from)?.checked_neg();
    }
    let (year, month, day) = text::civil_from_days(from.div_euclid(MICROS_PER_DAY));
    let (to_year, to_month, to_day) = text::civil_from_days(to.div_euclid(MICROS_PER_DAY));
    let mut months = (to_year - year) * 12 + i64::from(to_month) - i64::from(month);
    let mut days = i64::from(to_day) - i64::from(day);
    let mut micros = to.rem_euclid(MICROS_PER_DAY) - from.rem_euclid(MICROS_PER_DAY);
    if micros < 0 {
        micros += MICROS_PER_DAY;
        days -= 1;
    }
    if days < 0 {
        days += i64::from(text::days_in_month(year, month));
        months -= 1;
    }
    let (months, days) = (i32::try_from(months).ok()?, i32::try_from(days).ok()?);
    Some(Interval { months, days, micros })
}

/// The start of the stretch of a length that a moment lies in, where one of them starts at `origin`, or of months in
/// the month of it. The length is positive, and either months or days and microseconds.
pub fn bucket(length: Interval, moment: i64, origin: i64) -> Option<i64> {
    if length.months == 0 {
        let length = i64::try_from(length.length()).ok().filter(|length| *length > 0)?;
        let since = moment.checked_sub(origin)?;
        return within(moment.checked_sub(since.rem_euclid(length))?);
    }
    let months = month_index(moment) - month_index(origin);
    let months = month_index(moment) - months.rem_euclid(i64::from(length.months));
    let month = u32::try_from(months.rem_euclid(12) + 1).ok()?;
    within(first_of(months.div_euclid(12), month).checked_mul(MICROS_PER_DAY)?)
}

/// The number of the month that a moment lies in.
fn month_index(micros: i64) -> i64 {
    let (year, month, _) = text::civil_from_days(micros.div_euclid(MICROS_PER_DAY));
    year * 12 + i64::from(month) - 1
}

/// So many times an interval.
pub fn multiply(interval: Interval, count: i64) -> Option<Interval> {
    let times = |part: i32| i32::try_from(i64::from(part).checked_mul(count)?).ok();
    Some(Interval {
        months: times(interval.months)?,
        days: times(interval.days)?,
        micros: interval.micros.checked_mul(count)?,
    })
}

/// Part by part: a fraction of a month becomes days (30 a month), a fraction of a day becomes microseconds. After
/// PostgreSQL's `interval_mul`.
pub fn scale(interval: Interval, apply: impl Fn(f64) -> f64) -> Option<Interval> {
    let months = apply(f64::from(interval.months));
    let days = apply(f64::from(interval.days));
    let month_days = to_micros((months - months.trunc()) * DAYS_PER_MONTH);
    let mut seconds = days - days.trunc() + month_days - month_days.trunc();
    seconds = to_micros(seconds * SECONDS_PER_DAY);
    let more_days = (seconds / SECONDS_PER_DAY).trunc();
    seconds -= more_days * SECONDS_PER_DAY;
    let micros = apply(micros_as_double(interval.micros)) + seconds * MICROS_PER_SECOND;
    Some(Interval {
        months: whole_part(months)?,
        days: whole_part(days.trunc() + month_days.trunc() + more_days)?,
        micros: whole_micros(micros)?,
    })
}

/// Rounded to millionths.
fn to_micros(value: f64) -> f64 {
    (value * MICROS_PER_SECOND).round_ties_even() / MICROS_PER_SECOND
}

fn micros_as_double(micros: i64) -> f64 {
    micros as f64
}

#[expect(clippy::cast_possible_truncation, reason = "a whole number in range is cast exactly")]
fn whole_part(value: f64) -> Option<i32> {
    let value = value.trunc();
    (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&value).then_some(value as i32)
}

#[expect(clippy::cast_possible_truncation, reason = "a whole number in range is cast exactly")]
fn whole_micros(value: f64) -> Option<i64> {
    let value = value.round_ties_even();
    (-9.2e18..9.2e18).contains(&value).then_some(value as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_sum(moment: &str, interval: &str, expected: Option<&str>) {
        let micros = text::parse_timestamp(moment.as_bytes()).expect(moment);
        let interval = Interval::parse(interval.as_bytes()).expect(interval);
        let sum = add_interval(micros, interval).map(|micros| {
            let mut out = Vec::new();
            text::write_timestamp(&mut out, micros);
            String::from_utf8(out).expect("text is UTF-8")
        });
        assert_eq!(sum.as_deref(), expected, "{moment} + {interval:?}");
    }

    #[test]
    fn months_end_where_they_end() {
        check_sum("2024-01-31", "1 month", Some("2024-02-29 00:00:00"));
        check_sum("2024-01-31", "1 month 1 day", Some("2024-03-01 00:00:00"));
        check_sum("2024-02-29", "1 year", Some("2025-02-28 00:00:00"));
        check_sum("2024-03-31 10:00", "-1 month -11 hours", Some("2024-02-28 23:00:00"));
        check_sum("0001-01-01", "11 months", Some("0001-12-01 00:00:00"));
    }

    #[test]
    fn the_calendar_also_works_before_christ() {
        let days = first_of(-44, 3);
        assert_eq!(text::civil_from_days(days), (-44, 3, 1));
        assert_eq!(text::civil_from_days(first_of(2024, 2)), (2024, 2, 1));
    }

    #[test]
    fn weeks_belong_to_the_year_of_their_thursday() {
        let day = |text: &str| i64::from(text::parse_date(text.as_bytes()).expect(text));
        assert_eq!(iso_week(day("2021-01-01")), (2020, 53));
        assert_eq!(iso_week(day("2024-12-30")), (2025, 1));
        assert_eq!(first_of_iso_year(2021), day("2021-01-04"));
        assert_eq!(day_of_year(day("2024-12-31")), 366);
    }

    #[test]
    fn moments_stay_in_years_1_to_9999() {
        check_sum("9999-12-31 23:59:59.999999", "0 days", Some("9999-12-31 23:59:59.999999"));
        check_sum("9999-12-31", "1 day", None);
        check_sum("9999-12-31", "1 month", None);
        check_sum("0001-01-01", "-1 us", None);
        assert_eq!(day_within(i64::from(text::days_from_civil(1, 1, 1).expect("a day")) - 1), None);
        assert_eq!(day_within(i64::MAX), None);
    }

    #[test]
    fn fractions_of_intervals_become_smaller_units() {
        let scaled = |text: &str, factor: f64| {
            let interval = Interval::parse(text.as_bytes()).expect(text);
            let mut out = Vec::new();
            scale(interval, |part| part * factor).expect("in range").write(&mut out);
            String::from_utf8(out).expect("text is UTF-8")
        };
        assert_eq!(scaled("1 month 1 day 1 hour", 1.7), "1 month 22 days 18:30:00");
        assert_eq!(scaled("1 month", -1.5), "-1 month -15 days");
        assert_eq!(scaled("1 year", 1.0 / 7.0), "1 month 21 days 10:17:08.5344");
        let many = Interval { months: i32::MAX, days: 0, micros: 0 };
        assert_eq!(scale(many, |part| part * 2.0), None);
        assert_eq!(scale(many, |_| f64::NAN), None);
    }

    #[test]
    fn times_go_round_the_clock() {
        let hour = MICROS_PER_DAY / 24;
        assert_eq!(add_to_time(10 * hour, Interval::of_micros(25 * hour)), 11 * hour);
        assert_eq!(add_to_time(10 * hour, Interval::of_micros(-11 * hour)), 23 * hour);
        assert_eq!(add_to_time(24 * hour, Interval::of_micros(hour)), hour);
        assert_eq!(add_to_time(0, Interval::of_micros(i64::MIN)), 71_945_224_192);
    }
}
