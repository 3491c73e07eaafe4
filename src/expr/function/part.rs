//! The parts of moments, times and intervals: years, months, weeks and so on.

use crate::expr::evaluate::cell::Cell;
use crate::expr::numbers;
use crate::record::calendar;
use crate::record::text::{self, MICROS_PER_DAY};
use crate::record::{DataType, Interval};

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_MINUTE: i64 = 60 * MICROS_PER_SECOND;
const MICROS_PER_HOUR: i64 = 60 * MICROS_PER_MINUTE;

/// Days between the first Julian day and 1970-01-01.
const JULIAN_EPOCH: i64 = 2_440_588;

/// Microseconds of a year of 365.25 days, as which the years of an interval count in its seconds.
const MICROS_PER_YEAR: i128 = 31_557_600_000_000;

/// A part of a date and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// 1 after Christ, 0 before.
    Era,
    /// A thousand years; the third began in 2001.
    Millennium,
    /// A hundred years; the 21st began in 2001.
    Century,
    /// Ten years.
    Decade,
    /// The calendar year.
    Year,
    /// 1 to 4.
    Quarter,
    /// 1 to 12.
    Month,
    /// ISO 8601 week, 1 to 53; starts on Monday.
    Week,
    /// Day of the month.
    Day,
    /// Day of the week, Sunday is 0.
    DayOfWeek,
    /// Day of the week, Monday is 1, Sunday is 7.
    IsoDayOfWeek,
    /// Day of the year.
    DayOfYear,
    /// The year that the ISO 8601 week belongs to.
    IsoYear,
    /// That year and the week: 202453.
    YearWeek,
    /// Days since the first one of the Julian calendar, with a fraction.
    Julian,
    /// 0 to 23.
    Hour,
    /// 0 to 59.
    Minute,
    /// 0 to 59.
    Second,
    /// Milliseconds of the minute.
    Millisecond,
    /// Microseconds of the minute.
    Microsecond,
    /// Seconds since 1970, with a fraction.
    Epoch,
    /// Milliseconds since 1970.
    EpochMillis,
    /// Microseconds since 1970.
    EpochMicros,
    /// Seconds east of UTC: moments are taken in UTC, so 0, and so are its hours and minutes.
    Timezone,
}

impl Part {
    /// Reads a part's name: `month`, `months`, `MONTH`.
    pub fn parse(name: &str) -> Option<Part> {
        let name = name.trim().to_ascii_lowercase();
        Some(match &*name {
            "era" => Part::Era,
            "millennium" | "millennia" | "millenium" | "mil" | "mils" => Part::Millennium,
            "century" | "centuries" | "cent" | "c" => Part::Century,
            "decade" | "decades" | "dec" | "decs" => Part::Decade,
            "year" | "years" | "yr" | "yrs" | "y" => Part::Year,
            "quarter" | "quarters" => Part::Quarter,
            "month" | "months" | "mon" | "mons" => Part::Month,
            "week" | "weeks" | "w" | "weekofyear" => Part::Week,
            "day" | "days" | "d" | "dayofmonth" => Part::Day,
            "dow" | "dayofweek" | "weekday" => Part::DayOfWeek,
            "isodow" => Part::IsoDayOfWeek,
            "doy" | "dayofyear" => Part::DayOfYear,
            "isoyear" => Part::IsoYear,
            "yearweek" => Part::YearWeek,
            "julian" => Part::Julian,
            "hour" | "hours" | "h" | "hr" | "hrs" => Part::Hour,
            "minute" | "minutes" | "min" | "mins" | "m" => Part::Minute,
            "second" | "seconds" | "sec" | "secs" | "s" => Part::Second,
            "millisecond" | "milliseconds" | "ms" | "msec" | "msecs" => Part::Millisecond,
            "microsecond" | "microseconds" | "us" | "usec" | "usecs" => Part::Microsecond,
            "epoch" => Part::Epoch,
            "epoch_ms" => Part::EpochMillis,
            "epoch_us" => Part::EpochMicros,
            "timezone" | "timezone_hour" | "timezone_minute" => Part::Timezone,
            _ => return None,
        })
    }

    /// Whether values of a type have this part.
    pub fn is_of(self, data_type: DataType) -> bool {
        match data_type {
            DataType::Time => self.is_of_time(),
            DataType::Interval => {
                self.is_of_time()
                    || matches!(
                        self,
                        Part::Millennium
                            | Part::Century
                            | Part::Decade
                            | Part::Year
                            | Part::Quarter
                            | Part::Month
                            | Part::Day
                    )
            }
            _ => true,
        }
    }

    fn is_of_time(self) -> bool {
        matches!(
            self,
            Part::Hour
                | Part::Minute
                | Part::Second
                | Part::Millisecond
                | Part::Microsecond
                | Part::Epoch
                | Part::EpochMillis
                | Part::EpochMicros
        )
    }

    /// Whether the part has a fraction: it is a double then.
    pub fn has_fraction(self) -> bool {
        matches!(self, Part::Epoch | Part::Julian)
    }

    /// The Julian day of a moment, with the part of the day that is over.
    pub fn julian_day(micros: i64) -> f64 {
        let day = numbers::double_from_bigint(MICROS_PER_DAY);
        let days = micros.div_euclid(MICROS_PER_DAY) + JULIAN_EPOCH;
        let over = numbers::double_from_bigint(micros.rem_euclid(MICROS_PER_DAY)) / day;
        numbers::double_from_bigint(days) + over
    }

    /// The part of a moment, time or interval that has it; seconds since 1970 in millionths, Julian days whole.
    pub fn of(self, cell: Cell) -> i128 {
        match cell {
            Cell::Time(micros) => self.of_time(micros),
            Cell::Interval(interval) => self.of_interval(interval),
            moment => self.of_moment(super::temporal::moment_of(moment)),
        }
    }

    fn of_moment(self, micros: i64) -> i128 {
        let days = micros.div_euclid(MICROS_PER_DAY);
        let of_day = micros.rem_euclid(MICROS_PER_DAY);
        let (year, month, day) = text::civil_from_days(days);
        i128::from(match self {
            Part::Era => i64::from(year > 0),
            Part::Millennium => (year + 999).div_euclid(1_000),
            Part::Century => (year + 99).div_euclid(100),
            Part::Decade => year.div_euclid(10),
            Part::Year => year,
            Part::Quarter => i64::from(month.div_ceil(3)),
            Part::Month => i64::from(month),
            Part::Day => i64::from(day),
            Part::DayOfWeek => calendar::iso_weekday(days) % 7,
            Part::IsoDayOfWeek => calendar::iso_weekday(days),
            Part::DayOfYear => calendar::day_of_year(days),
            Part::Week => calendar::iso_week(days).1,
            Part::IsoYear => calendar::iso_week(days).0,
            Part::YearWeek => {
                let (year, week) = calendar::iso_week(days);
                year * 100 + week
            }
            Part::Julian => days + JULIAN_EPOCH,
            Part::Timezone => 0,
            Part::Epoch | Part::EpochMillis | Part::EpochMicros => {
                return self.of_time(micros);
            }
            Part::Hour | Part::Minute | Part::Second | Part::Millisecond | Part::Microsecond => {
                return self.of_time(of_day);
            }
        })
    }

    /// Of microseconds; what they have no part of is 0.
    fn of_time(self, micros: i64) -> i128 {
        i128::from(match self {
            Part::Hour => micros / MICROS_PER_HOUR,
            Part::Minute => micros / MICROS_PER_MINUTE % 60,
            Part::Second => micros / MICROS_PER_SECOND % 60,
            Part::Millisecond => micros / 1_000 % 60_000,
            Part::Microsecond => micros % MICROS_PER_MINUTE,
            Part::EpochMillis => return numbers::divide_rounding(i128::from(micros), 1_000),
            Part::Epoch | Part::EpochMicros => micros,
            _ => 0,
        })
    }

    fn of_interval(self, interval: Interval) -> i128 {
        let months = i128::from(interval.months);
        match self {
            Part::Millennium => months / 12_000,
            Part::Century => months / 1_200,
            Part::Decade => months / 120,
            Part::Year => months / 12,
            Part::Quarter => months % 12 / 3 + 1,
            Part::Month => months % 12,
            Part::Day => i128::from(interval.days),
            Part::Epoch | Part::EpochMillis | Part::EpochMicros => {
                let rest = Interval { months: interval.months % 12, ..interval };
                let micros = months / 12 * MICROS_PER_YEAR + rest.length();
                if self == Part::EpochMillis { micros.div_euclid(1_000) } else { micros }
            }
            _ => self.of_time(interval.micros),
        }
    }

    /// The start of the part that a moment lies in; `None` before year 1.
    pub fn truncate(self, micros: i64) -> Option<i64> {
        let days = micros.div_euclid(MICROS_PER_DAY);
        let (year, month, _) = text::civil_from_days(days);
        let whole = |unit: i64| Some(micros - micros.rem_euclid(unit));
        let start = match self {
            Part::Era => return None,
            Part::Millennium => calendar::first_of(year.div_euclid(1_000) * 1_000, 1),
            Part::Century => calendar::first_of(year.div_euclid(100) * 100, 1),
            Part::Decade => calendar::first_of(year.div_euclid(10) * 10, 1),
            Part::Year => calendar::first_of(year, 1),
            Part::Quarter => calendar::first_of(year, (month - 1) / 3 * 3 + 1),
            Part::Month => calendar::first_of(year, month),
            Part::Week | Part::YearWeek => days - calendar::iso_weekday(days) + 1,
            Part::IsoYear => calendar::first_of_iso_year(calendar::iso_week(days).0),
            Part::Day
            | Part::DayOfWeek
            | Part::IsoDayOfWeek
            | Part::DayOfYear
            | Part::Julian
            | Part::Timezone => days,
            Part::Hour => return whole(MICROS_PER_HOUR),
            Part::Minute => return whole(MICROS_PER_MINUTE),
            Part::Second | Part::Epoch => return whole(MICROS_PER_SECOND),
            Part::Millisecond | Part::EpochMillis => return whole(1_000),
            Part::Microsecond | Part::EpochMicros => return Some(micros),
        };
        start.checked_mul(MICROS_PER_DAY).and_then(calendar::within)
    }

    /// An interval without what is smaller than the part.
    pub fn truncate_interval(self, interval: Interval) -> Interval {
        let Interval { months, days, micros } = interval;
        let whole_months =
            |unit: i32| Interval { months: months / unit * unit, days: 0, micros: 0 };
        let whole_micros = |unit: i64| Interval { months, days, micros: micros / unit * unit };
        match self {
            Part::Millennium => whole_months(12_000),
            Part::Century => whole_months(1_200),
            Part::Decade => whole_months(120),
            Part::Year => whole_months(12),
            Part::Quarter => whole_months(3),
            Part::Month => whole_months(1),
            Part::Hour => whole_micros(MICROS_PER_HOUR),
            Part::Minute => whole_micros(MICROS_PER_MINUTE),
            Part::Second | Part::Epoch => whole_micros(MICROS_PER_SECOND),
            Part::Millisecond | Part::EpochMillis => whole_micros(1_000),
            Part::Microsecond | Part::EpochMicros => interval,
            Part::Week | Part::YearWeek => Interval { months, days: days / 7 * 7, micros: 0 },
            _ => Interval { months, days, micros: 0 },
        }
    }

    /// How many boundaries of the part lie between two moments; of weeks, how many whole ones.
    pub fn boundaries(self, from: i64, to: i64) -> i64 {
        let days = |micros: i64| micros.div_euclid(MICROS_PER_DAY);
        match self {
            Part::Week | Part::YearWeek => (days(to) - days(from)) / 7,
            _ => self.index(to) - self.index(from),
        }
    }

    /// The number of the part that a moment lies in, counted from anywhere.
    fn index(self, micros: i64) -> i64 {
        let days = micros.div_euclid(MICROS_PER_DAY);
        let (year, month, _) = text::civil_from_days(days);
        match self {
            Part::Era => i64::from(year > 0),
            Part::Millennium => year.div_euclid(1_000),
            Part::Century => year.div_euclid(100),
            Part::Decade => year.div_euclid(10),
            Part::Year => year,
            Part::Quarter => year * 4 + i64::from((month - 1) / 3),
            Part::Month => year * 12 + i64::from(month),
            Part::IsoYear => calendar::iso_week(days).0,
            Part::Week
            | Part::YearWeek
            | Part::Day
            | Part::DayOfWeek
            | Part::IsoDayOfWeek
            | Part::DayOfYear
            | Part::Julian
            | Part::Timezone => days,
            Part::Hour => micros.div_euclid(MICROS_PER_HOUR),
            Part::Minute => micros.div_euclid(MICROS_PER_MINUTE),
            Part::Second | Part::Epoch => micros.div_euclid(MICROS_PER_SECOND),
            Part::Millisecond | Part::EpochMillis => micros.div_euclid(1_000),
            Part::Microsecond | Part::EpochMicros => micros,
        }
    }

    /// How many whole parts fit between two moments; negative where they go backwards.
    pub fn complete(self, from: i64, to: i64) -> i64 {
        let micros = to - from;
        let months = |unit: i64| calendar::complete_months(from, to) / unit;
        match self {
            Part::Era => 0,
            Part::Millennium => months(12_000),
            Part::Century => months(1_200),
            Part::Decade => months(120),
            Part::Year | Part::IsoYear => months(12),
            Part::Quarter => months(3),
            Part::Month => months(1),
            Part::Week | Part::YearWeek => micros / (7 * MICROS_PER_DAY),
            Part::Day
            | Part::DayOfWeek
            | Part::IsoDayOfWeek
            | Part::DayOfYear
            | Part::Julian
            | Part::Timezone => micros / MICROS_PER_DAY,
            Part::Hour => micros / MICROS_PER_HOUR,
            Part::Minute => micros / MICROS_PER_MINUTE,
            Part::Second | Part::Epoch => micros / MICROS_PER_SECOND,
            Part::Millisecond | Part::EpochMillis => micros / 1_000,
            Part::Microsecond | Part::EpochMicros => micros,
        }
    }
}
