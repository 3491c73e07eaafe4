//! The parts of a date: years, months, weeks and so on.

use crate::record::text::{self, MICROS_PER_DAY};

/// A part of a date and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
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
}

impl Part {
    /// Reads a part's name: `month`, `months`, `MONTH`.
    pub fn parse(name: &str) -> Option<Part> {
        let name = name.trim().to_ascii_lowercase();
        Some(match &*name {
            "decade" | "decades" => Part::Decade,
            "year" | "years" | "yr" | "y" => Part::Year,
            "quarter" | "quarters" => Part::Quarter,
            "month" | "months" | "mon" => Part::Month,
            "week" | "weeks" | "w" | "weekofyear" => Part::Week,
            "day" | "days" | "d" | "dayofmonth" => Part::Day,
            "dow" | "dayofweek" | "weekday" => Part::DayOfWeek,
            "isodow" => Part::IsoDayOfWeek,
            "doy" | "dayofyear" => Part::DayOfYear,
            "isoyear" => Part::IsoYear,
            "hour" | "hours" | "h" | "hr" => Part::Hour,
            "minute" | "minutes" | "min" | "m" => Part::Minute,
            "second" | "seconds" | "sec" | "s" => Part::Second,
            "millisecond" | "milliseconds" | "ms" => Part::Millisecond,
            "microsecond" | "microseconds" | "us" => Part::Microsecond,
            "epoch" => Part::Epoch,
            _ => return None,
        })
    }

    /// The part's value at a timestamp; `Epoch` in whole seconds.
    pub fn of(self, micros: i64) -> i64 {
        let days = micros.div_euclid(MICROS_PER_DAY);
        let of_day = micros.rem_euclid(MICROS_PER_DAY);
        let (year, month, day) = text::civil_from_days(days);
        match self {
            Part::Decade => year.div_euclid(10),
            Part::Year => year,
            Part::Quarter => i64::from(month.div_ceil(3)),
            Part::Month => i64::from(month),
            Part::Day => i64::from(day),
            Part::DayOfWeek => iso_weekday(days) % 7,
            Part::IsoDayOfWeek => iso_weekday(days),
            Part::DayOfYear => days - first_of(year, 1) + 1,
            Part::Week => {
                let thursday = days - iso_weekday(days) + 4;
                let (year, _, _) = text::civil_from_days(thursday);
                (thursday - first_of(year, 1)) / 7 + 1
            }
            Part::IsoYear => text::civil_from_days(days - iso_weekday(days) + 4).0,
            Part::Hour => of_day / 3_600_000_000,
            Part::Minute => of_day / 60_000_000 % 60,
            Part::Second => of_day / 1_000_000 % 60,
            Part::Millisecond => of_day / 1_000 % 60_000,
            Part::Microsecond => of_day % 60_000_000,
            Part::Epoch => micros.div_euclid(1_000_000),
        }
    }

    /// The start of the part that a timestamp lies in; `None` for a part that has no start.
    pub fn truncate(self, micros: i64) -> Option<i64> {
        let days = micros.div_euclid(MICROS_PER_DAY);
        let (year, month, _) = text::civil_from_days(days);
        let start = match self {
            Part::Decade => first_of(year.div_euclid(10) * 10, 1),
            Part::Year => first_of(year, 1),
            Part::Quarter => first_of(year, (month - 1) / 3 * 3 + 1),
            Part::Month => first_of(year, month),
            Part::Week => days - iso_weekday(days) + 1,
            Part::IsoYear => {
                let fourth = first_of(Part::IsoYear.of(micros), 1) + 3;
                fourth - iso_weekday(fourth) + 1
            }
            Part::Day => days,
            Part::Hour => return Some(micros - micros.rem_euclid(3_600_000_000)),
            Part::Minute => return Some(micros - micros.rem_euclid(60_000_000)),
            Part::Second => return Some(micros - micros.rem_euclid(1_000_000)),
            Part::Millisecond => return Some(micros - micros.rem_euclid(1_000)),
            Part::Microsecond => return Some(micros),
            Part::DayOfWeek | Part::IsoDayOfWeek | Part::DayOfYear | Part::Epoch => return None,
        };
        start.checked_mul(MICROS_PER_DAY)
    }
}

/// Monday is 1, Sunday is 7.
fn iso_weekday(days: i64) -> i64 {
    (days + 3).rem_euclid(7) + 1
}

/// The first day of a month, for any year.
fn first_of(year: i64, month: u32) -> i64 {
    // The calendar repeats every 400 years of 146,097 days; within them every month has a first day.
    let within = year.rem_euclid(400) + 400;
    let cycles = (year - within) / 400;
    let days = text::days_from_civil(within, month, 1).expect("months are 1 to 12");
    i64::from(days) + cycles * 146_097
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calendar_also_works_before_christ() {
        let days = first_of(-44, 3);
        assert_eq!(text::civil_from_days(days), (-44, 3, 1));
        assert_eq!(text::civil_from_days(first_of(2024, 2)), (2024, 2, 1));
    }
}
