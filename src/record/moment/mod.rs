//! Formats of dates and times such as `%d/%m/%Y`, with the specifiers that DuckDB's `strftime` and `strptime` know.
//!
//! Here are what a format is and how it is written; `read` holds the other direction. Names are English, whatever the
//! locale.

mod read;

use super::calendar;
use super::text::{self, MICROS_PER_DAY};

/// Names of the days, Monday first.
pub const DAY_NAMES: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// Names of the months.
pub const MONTH_NAMES: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A format, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    items: Vec<Item>,
}

/// What is wrong with a format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormatError {
    /// The byte of the format at which it is wrong.
    pub position: usize,
    /// What is wrong.
    pub message: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
    Literal(String),
    Part(Specifier, Padding),
}

/// Whether a number has leading zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Padding {
    Zeros,
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Specifier {
    ShortDayName,
    DayName,
    /// Sunday is 0.
    DayOfWeek,
    /// Monday is 1.
    IsoDayOfWeek,
    Day,
    ShortMonthName,
    MonthName,
    Month,
    ShortYear,
    Year,
    IsoYear,
    IsoWeek,
    Hour,
    HalfDayHour,
    HalfDay,
    Minute,
    Second,
    Millisecond,
    Microsecond,
    Nanosecond,
    Offset,
    ZoneName,
    DayOfYear,
    /// Weeks that start on Sunday.
    SundayWeek,
    /// Weeks that start on Monday.
    MondayWeek,
}

impl Format {
    /// Reads a format.
    pub fn parse(text: &str) -> Result<Format, FormatError> {
        let mut format = Format { items: Vec::new() };
        if text.is_empty() {
            return Err(FormatError { position: 0, message: "an empty format".to_string() });
        }
        format.extend(text)?;
        Ok(format)
    }

    fn extend(&mut self, text: &str) -> Result<(), FormatError> {
        let mut characters = text.char_indices();
        while let Some((position, character)) = characters.next() {
            if character != '%' {
                self.literal(character);
                continue;
            }
            let fail = |message: String| Err(FormatError { position, message });
            let (padding, specifier) = match characters.next() {
                None => return fail("a `%` without a letter; `%%` means the sign itself".into()),
                Some((_, '-')) => match characters.next() {
                    None => return fail("`%-` without a letter".into()),
                    Some((_, letter)) => (Padding::None, letter),
                },
                Some((_, letter)) => (Padding::Zeros, letter),
            };
            match (specifier, padding) {
                ('%', Padding::Zeros) => self.literal('%'),
                ('c', Padding::Zeros) => self.extend("%Y-%m-%d %H:%M:%S")?,
                ('x', Padding::Zeros) => self.extend("%Y-%m-%d")?,
                ('X' | 'T', Padding::Zeros) => self.extend("%H:%M:%S")?,
                (letter, padding) => match Specifier::of(letter) {
                    Some(found) if padding == Padding::Zeros || found.is_padded() => {
                        self.items.push(Item::Part(found, padding));
                    }
                    _ => {
                        let sign = if padding == Padding::None { "-" } else { "" };
                        return fail(format!("unknown specifier `%{sign}{letter}`"));
                    }
                },
            }
        }
        Ok(())
    }

    fn literal(&mut self, character: char) {
        match self.items.last_mut() {
            Some(Item::Literal(text)) => text.push(character),
            _ => self.items.push(Item::Literal(character.to_string())),
        }
    }

    /// Whether texts of this format say where on earth their time is shown: they are moments of the world's time line.
    pub fn has_zone(&self) -> bool {
        self.items
            .iter()
            .any(|item| matches!(item, Item::Part(Specifier::Offset | Specifier::ZoneName, _)))
    }

    /// Whether texts of this format say a year.
    pub fn has_year(&self) -> bool {
        let is_year = |item: &Item| {
            matches!(
                item,
                Item::Part(Specifier::Year | Specifier::ShortYear | Specifier::IsoYear, _)
            )
        };
        self.items.iter().any(is_year)
    }

    /// Whether texts of this format say an hour.
    pub fn has_hour(&self) -> bool {
        let is_hour =
            |item: &Item| matches!(item, Item::Part(Specifier::Hour | Specifier::HalfDayHour, _));
        self.items.iter().any(is_hour)
    }

    /// Appends a moment. `zone` is what `%Z` says; the offset `%z` is always that of UTC.
    pub fn write(&self, out: &mut Vec<u8>, micros: i64, zone: &str) {
        let days = micros.div_euclid(MICROS_PER_DAY);
        let fields = Fields {
            days,
            civil: text::civil_from_days(days),
            of_day: micros.rem_euclid(MICROS_PER_DAY),
            zone,
        };
        for item in &self.items {
            match item {
                Item::Literal(text) => out.extend_from_slice(text.as_bytes()),
                Item::Part(specifier, padding) => fields.write(out, *specifier, *padding),
            }
        }
    }
}

impl Specifier {
    fn of(letter: char) -> Option<Specifier> {
        Some(match letter {
            'a' => Specifier::ShortDayName,
            'A' => Specifier::DayName,
            'w' => Specifier::DayOfWeek,
            'u' => Specifier::IsoDayOfWeek,
            'd' => Specifier::Day,
            'b' | 'h' => Specifier::ShortMonthName,
            'B' => Specifier::MonthName,
            'm' => Specifier::Month,
            'y' => Specifier::ShortYear,
            'Y' => Specifier::Year,
            'G' => Specifier::IsoYear,
            'V' => Specifier::IsoWeek,
            'H' => Specifier::Hour,
            'I' => Specifier::HalfDayHour,
            'p' => Specifier::HalfDay,
            'M' => Specifier::Minute,
            'S' => Specifier::Second,
            'g' => Specifier::Millisecond,
            'f' => Specifier::Microsecond,
            'n' => Specifier::Nanosecond,
            'z' => Specifier::Offset,
            'Z' => Specifier::ZoneName,
            'j' => Specifier::DayOfYear,
            'U' => Specifier::SundayWeek,
            'W' => Specifier::MondayWeek,
            _ => return None,
        })
    }

    /// Whether leading zeros can be left out.
    fn is_padded(self) -> bool {
        matches!(
            self,
            Specifier::Day
                | Specifier::Month
                | Specifier::ShortYear
                | Specifier::Hour
                | Specifier::HalfDayHour
                | Specifier::Minute
                | Specifier::Second
                | Specifier::DayOfYear
        )
    }

    /// How many digits a number has.
    fn width(self) -> usize {
        match self {
            Specifier::DayOfWeek | Specifier::IsoDayOfWeek => 1,
            Specifier::Year | Specifier::IsoYear => 4,
            Specifier::DayOfYear | Specifier::Millisecond => 3,
            Specifier::Microsecond => 6,
            Specifier::Nanosecond => 9,
            Specifier::Day
            | Specifier::Month
            | Specifier::ShortYear
            | Specifier::IsoWeek
            | Specifier::Hour
            | Specifier::HalfDayHour
            | Specifier::Minute
            | Specifier::Second
            | Specifier::SundayWeek
            | Specifier::MondayWeek => 2,
            Specifier::ShortDayName
            | Specifier::DayName
            | Specifier::ShortMonthName
            | Specifier::MonthName
            | Specifier::HalfDay
            | Specifier::Offset
            | Specifier::ZoneName => 0,
        }
    }
}

/// A moment, taken apart.
struct Fields<'z> {
    days: i64,
    civil: (i64, u32, u32),
    of_day: i64,
    zone: &'z str,
}

impl Fields<'_> {
    fn write(&self, out: &mut Vec<u8>, specifier: Specifier, padding: Padding) {
        let (year, month, day) = self.civil;
        let hour = self.of_day / 3_600_000_000;
        let weekday = calendar::iso_weekday(self.days);
        let number = match specifier {
            Specifier::ShortDayName => return put(out, &day_name(weekday)[..3]),
            Specifier::DayName => return put(out, day_name(weekday)),
            Specifier::ShortMonthName => return put(out, &month_name(month)[..3]),
            Specifier::MonthName => return put(out, month_name(month)),
            Specifier::HalfDay => return put(out, if hour < 12 { "AM" } else { "PM" }),
            Specifier::Offset => return put(out, "+00"),
            Specifier::ZoneName => return put(out, self.zone),
            Specifier::DayOfWeek => weekday % 7,
            Specifier::IsoDayOfWeek => weekday,
            Specifier::Day => i64::from(day),
            Specifier::Month => i64::from(month),
            Specifier::ShortYear => year.rem_euclid(100),
            Specifier::Year => year,
            Specifier::IsoYear => calendar::iso_week(self.days).0,
            Specifier::IsoWeek => calendar::iso_week(self.days).1,
            Specifier::Hour => hour,
            Specifier::HalfDayHour => (hour + 11) % 12 + 1,
            Specifier::Minute => self.of_day / 60_000_000 % 60,
            Specifier::Second => self.of_day / 1_000_000 % 60,
            Specifier::Millisecond => self.of_day / 1_000 % 1_000,
            Specifier::Microsecond => self.of_day % 1_000_000,
            Specifier::Nanosecond => self.of_day % 1_000_000 * 1_000,
            Specifier::DayOfYear => calendar::day_of_year(self.days),
            Specifier::SundayWeek => (calendar::day_of_year(self.days) + 6 - weekday % 7) / 7,
            Specifier::MondayWeek => (calendar::day_of_year(self.days) + 7 - weekday) / 7,
        };
        let width = if padding == Padding::None { 1 } else { specifier.width() };
        out.extend_from_slice(format!("{number:0width$}").as_bytes());
    }
}

fn put(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

/// The name of a day; Monday is 1.
pub fn day_name(iso_weekday: i64) -> &'static str {
    let index = usize::try_from(iso_weekday - 1).ok();
    index.and_then(|index| DAY_NAMES.get(index)).copied().expect("weekdays are 1 to 7")
}

/// The name of a month; January is 1.
pub fn month_name(month: u32) -> &'static str {
    let index = usize::try_from(month).ok().and_then(|month| month.checked_sub(1));
    index.and_then(|index| MONTH_NAMES.get(index)).copied().expect("months are 1 to 12")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(moment: &str, format: &str, expected: &str) {
        let micros = text::parse_timestamp(moment.as_bytes()).expect(moment);
        let mut out = Vec::new();
        Format::parse(format).expect(format).write(&mut out, micros, "UTC");
        assert_eq!(String::from_utf8(out).as_deref(), Ok(expected), "{format}");
    }

    #[test]
    fn moments_are_written_as_duckdb_does() {
        let moment = "2024-05-07 14:05:09.123456";
        check(moment, "%a %A %w %u", "Tue Tuesday 2 2");
        check(moment, "%d %-d %b %h %B %m %-m", "07 7 May May May 05 5");
        check(moment, "%y %-y %Y %G %V", "24 24 2024 2024 19");
        check(moment, "%H %-H %I %-I %p %M %-M %S %-S", "14 14 02 2 PM 05 5 09 9");
        check(moment, "%f %g %n", "123456 123 123456000");
        check(moment, "%z %Z %j %-j %U %W %%", "+00 UTC 128 128 18 19 %");
        check(moment, "%c|%x|%X", "2024-05-07 14:05:09|2024-05-07|14:05:09");
        check("2024-12-30", "%U %W %V %G %u", "52 53 01 2025 1");
        check("0099-05-07 00:05", "%Y %y %I %p", "0099 99 12 AM");
        check("2024-01-01", "\u{e4}%d\u{f6}", "\u{e4}01\u{f6}");
    }

    #[test]
    fn what_is_no_format_is_told_with_its_place() {
        for (format, position, message) in [
            ("", 0, "an empty format"),
            ("%d/%Q", 3, "unknown specifier `%Q`"),
            ("%-Y", 0, "unknown specifier `%-Y`"),
            ("%d%", 2, "a `%` without a letter; `%%` means the sign itself"),
            ("%-", 0, "`%-` without a letter"),
        ] {
            let error = Format::parse(format).expect_err(format);
            assert_eq!((error.position, &*error.message), (position, message), "{format}");
        }
    }
}
