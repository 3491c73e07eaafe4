//! Reading dates and times by a format.
//!
//! What a text does not say is taken from 1900-01-01 00:00:00. White space around the text and before a number does
//! not count; names and AM or PM are read without regard to case; weekdays are read and not compared with the date.

use super::{DAY_NAMES, Format, Item, MONTH_NAMES, Specifier};
use crate::record::calendar;
use crate::record::text;
use crate::record::zone::Zone;

/// What has been read so far.
#[derive(Default)]
struct Found {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    iso_year: Option<i64>,
    iso_week: Option<i64>,
    weekday: Option<i64>,
    hour: i64,
    half_day_hour: Option<i64>,
    is_afternoon: Option<bool>,
    minute: i64,
    second: i64,
    micros: i64,
    zone: Option<From>,
}

/// How a shown time becomes a moment.
enum From {
    /// Microseconds east of UTC.
    Offset(i64),
    Zone(Zone),
}

impl Format {
    /// The moment that a text says, in microseconds since 1970: as shown, or UTC where the format has a zone. `None`
    /// where the text is not of this format or there is no such moment.
    pub fn read(&self, bytes: &[u8]) -> Option<i64> {
        let mut rest = std::str::from_utf8(bytes).ok()?.trim_ascii();
        let mut found = Found::default();
        for item in &self.items {
            match item {
                Item::Literal(literal) => rest = strip_literal(rest, literal)?,
                Item::Part(specifier, _) => rest = found.take(rest, *specifier)?,
            }
        }
        if rest.trim_ascii_start().is_empty() { found.moment() } else { None }
    }

    /// Why texts cannot be read by this format; `None` where they can.
    pub fn unreadable(&self) -> Option<&'static str> {
        self.items.iter().find_map(|item| match item {
            Item::Part(Specifier::SundayWeek | Specifier::MondayWeek, _) => {
                Some("`%U` and `%W` can be written only; `%G-%V-%u` can be read")
            }
            _ => None,
        })
    }
}

/// A literal; white space in it stands for any white space, also none at the end.
fn strip_literal<'a>(mut rest: &'a str, literal: &str) -> Option<&'a str> {
    for character in literal.chars() {
        rest = match character {
            ' ' => rest.trim_ascii_start(),
            _ => rest.strip_prefix(character)?,
        };
    }
    Some(rest)
}

/// The number that a text starts with, of at most so many digits, and how many there were.
fn number(rest: &str, width: usize) -> Option<(i64, usize, &str)> {
    let digits = rest.bytes().take(width).take_while(u8::is_ascii_digit).count();
    let (number, rest) = rest.split_at(digits);
    Some((text::parse_bigint(number.as_bytes())?, digits, rest))
}

/// Which of some names a text starts with, and what follows; names may be cut to three letters.
fn name<'a>(rest: &'a str, names: &[&str], length: Option<usize>) -> Option<(i64, &'a str)> {
    (1_i64..).zip(names).find_map(|(index, name)| {
        let name = &name[..length.unwrap_or(name.len())];
        let start = rest.get(..name.len())?;
        start.eq_ignore_ascii_case(name).then(|| (index, &rest[name.len()..]))
    })
}

impl Found {
    /// Takes a part from the front; answers what is left.
    fn take<'a>(&mut self, rest: &'a str, specifier: Specifier) -> Option<&'a str> {
        match specifier {
            Specifier::ShortDayName => return Some(name(rest, &DAY_NAMES, Some(3))?.1),
            Specifier::DayName => return Some(name(rest, &DAY_NAMES, None)?.1),
            Specifier::ShortMonthName | Specifier::MonthName => {
                let length = (specifier == Specifier::ShortMonthName).then_some(3);
                let (month, rest) = name(rest, &MONTH_NAMES, length)?;
                self.month = Some(month);
                return Some(rest);
            }
            Specifier::HalfDay => {
                let (half, rest) = name(rest, &["AM", "PM"], None)?;
                self.is_afternoon = Some(half == 2);
                return Some(rest);
            }
            Specifier::Offset => return self.take_offset(rest),
            Specifier::ZoneName => return self.take_zone(rest),
            _ => {}
        }
        let (value, digits, rest) = number(rest.trim_ascii_start(), specifier.width())?;
        self.set(specifier, value, digits)?;
        Some(rest)
    }

    /// Notes a number.
    fn set(&mut self, specifier: Specifier, value: i64, digits: usize) -> Option<()> {
        let within = |least: i64, most: i64| (least..=most).contains(&value).then_some(value);
        let fraction = |width: u32| {
            let missing = width.checked_sub(u32::try_from(digits).ok()?)?;
            value.checked_mul(10_i64.checked_pow(missing)?)
        };
        match specifier {
            Specifier::DayOfWeek => self.weekday = Some((within(0, 6)? + 6) % 7 + 1),
            Specifier::IsoDayOfWeek => self.weekday = Some(within(1, 7)?),
            Specifier::Day => self.day = Some(within(1, 31)?),
            Specifier::Month => self.month = Some(within(1, 12)?),
            Specifier::ShortYear => {
                self.year = Some(value + if value < 69 { 2_000 } else { 1_900 });
            }
            Specifier::Year => self.year = Some(within(1, 9_999)?),
            Specifier::IsoYear => self.iso_year = Some(within(1, 9_999)?),
            Specifier::IsoWeek => self.iso_week = Some(within(1, 53)?),
            Specifier::Hour => self.hour = within(0, 23)?,
            Specifier::HalfDayHour => self.half_day_hour = Some(within(1, 12)?),
            Specifier::Minute => self.minute = within(0, 59)?,
            Specifier::Second => self.second = within(0, 59)?,
            Specifier::Millisecond => self.micros = fraction(3)? * 1_000,
            Specifier::Microsecond => self.micros = fraction(6)?,
            Specifier::Nanosecond => {
                let nanos = fraction(9)?;
                self.micros = (nanos % 1_000 == 0).then_some(nanos / 1_000)?;
            }
            Specifier::DayOfYear => self.day_of_year = Some(within(1, 366)?),
            _ => return None,
        }
        Some(())
    }

    /// `+HH[[:]MM]`
    fn take_offset<'a>(&mut self, rest: &'a str) -> Option<&'a str> {
        let (sign, after) = match rest.strip_prefix('+') {
            Some(after) => (1, after),
            None => (-1, rest.strip_prefix('-')?),
        };
        let (hours, digits, after) = number(after, 2)?;
        let colon = after.strip_prefix(':');
        let (minutes, after) = match number(colon.unwrap_or(after), 2) {
            Some((minutes, 2, after)) => (minutes, after),
            _ if colon.is_none() => (0, after),
            _ => return None,
        };
        let is_sound = digits == 2 && hours < 24 && minutes < 60;
        self.zone = Some(From::Offset(sign * (hours * 60 + minutes) * 60_000_000));
        is_sound.then_some(after)
    }

    fn take_zone<'a>(&mut self, rest: &'a str) -> Option<&'a str> {
        let is_part = |sign: char| sign.is_ascii_alphanumeric() || "/_+-".contains(sign);
        let end = rest.find(|sign| !is_part(sign)).unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        self.zone = Some(From::Zone(Zone::named(name)?));
        Some(rest)
    }

    fn moment(&self) -> Option<i64> {
        let hour = match (self.half_day_hour, self.is_afternoon) {
            (Some(hour), Some(is_afternoon)) => hour % 12 + if is_afternoon { 12 } else { 0 },
            (Some(hour), None) => hour,
            (None, Some(true)) if self.hour < 12 => self.hour + 12,
            (None, Some(false)) if self.hour == 12 => 0,
            (None, _) => self.hour,
        };
        let seconds = (hour * 60 + self.minute) * 60 + self.second;
        let shown = self.days()?.checked_mul(text::MICROS_PER_DAY)?;
        let shown = shown.checked_add(seconds * 1_000_000 + self.micros)?;
        match &self.zone {
            None => Some(shown),
            Some(From::Offset(offset)) => calendar::within(shown.checked_sub(*offset)?),
            Some(From::Zone(zone)) => zone.utc_from_local(shown),
        }
    }

    fn days(&self) -> Option<i64> {
        if let (Some(year), Some(week)) = (self.iso_year, self.iso_week) {
            let days = calendar::first_of_iso_year(year) + (week - 1) * 7;
            let days = days + self.weekday.unwrap_or(1) - 1;
            return (calendar::iso_week(days) == (year, week)).then_some(days);
        }
        let year = self.year.unwrap_or(1900);
        if let Some(day) = self.day_of_year {
            let days = calendar::first_of(year, 1) + day - 1;
            return (text::civil_from_days(days).0 == year).then_some(days);
        }
        let month = u32::try_from(self.month.unwrap_or(1)).ok()?;
        let day = u32::try_from(self.day.unwrap_or(1)).ok()?;
        text::days_from_civil(year, month, day).map(i64::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, format: &str, expected: Option<&str>) {
        let moment = Format::parse(format).expect(format).read(text.as_bytes());
        let written = moment.map(|micros| {
            let mut out = Vec::new();
            text::write_timestamp(&mut out, micros);
            String::from_utf8(out).expect("text is UTF-8")
        });
        assert_eq!(written.as_deref(), expected, "{text} as {format}");
    }

    #[test]
    fn texts_are_read_as_duckdb_does() {
        let day = Some("2024-05-07 00:00:00");
        check("07/05/2024", "%d/%m/%Y", day);
        check("7/5/24", "%d/%m/%y", day);
        check("  2024-5-7 ", "%Y-%m-%d", day);
        check("20240507", "%Y%m%d", day);
        check("Wed 7 may 2024", "%a %d %b %Y", day);
        check("TUESDAY 7 MAY 2024", "%A %d %B %Y", day);
        check("2024 128", "%Y %j", day);
        check("2024 19 2", "%G %V %u", day);
        check("7/5/68", "%d/%m/%y", Some("2068-05-07 00:00:00"));
        check("7/5/69", "%d/%m/%y", Some("1969-05-07 00:00:00"));
        check("2024", "%Y", Some("2024-01-01 00:00:00"));
        check("14:05", "%H:%M", Some("1900-01-01 14:05:00"));
        check("10%", "%d%%", Some("1900-01-10 00:00:00"));
    }

    #[test]
    fn times_of_day_have_halves_and_fractions() {
        check("2024-05-07 02:05 pm", "%Y-%m-%d %I:%M %p", Some("2024-05-07 14:05:00"));
        check("2024-05-07 12:05 AM", "%Y-%m-%d %I:%M %p", Some("2024-05-07 00:05:00"));
        check("2024-05-07 12:05 PM", "%Y-%m-%d %I:%M %p", Some("2024-05-07 12:05:00"));
        check("14:05:09.5", "%H:%M:%S.%f", Some("1900-01-01 14:05:09.5"));
        check("14:05:09.123", "%H:%M:%S.%g", Some("1900-01-01 14:05:09.123"));
        check("14:05:09.123456000", "%X.%n", Some("1900-01-01 14:05:09.123456"));
        check("14:05:09.123456789", "%X.%n", None);
    }

    #[test]
    fn zones_lead_to_utc() {
        let moment = Some("2024-05-07 12:05:00");
        for text in ["+0200", "+02:00", "+02"] {
            check(&format!("2024-05-07 14:05 {text}"), "%Y-%m-%d %H:%M %z", moment);
        }
        check("2024-05-07 14:05 Europe/Berlin", "%Y-%m-%d %H:%M %Z", moment);
        check("2024-05-07 14:05 Z", "%Y-%m-%d %H:%M %z", None);
        check("2024-05-07 14:05 Nowhere", "%Y-%m-%d %H:%M %Z", None);
        check("0001-01-01 00:00 +02", "%Y-%m-%d %H:%M %z", None);
    }

    #[test]
    fn other_texts_are_refused() {
        for (text, format) in [
            ("x", "%Y"),
            ("", "%Y"),
            ("2024-05-07x", "%Y-%m-%d"),
            ("10000-01-01", "%Y-%m-%d"),
            ("2024-02-30", "%Y-%m-%d"),
            ("2023 366", "%Y %j"),
            ("2024 53 1", "%G %V %u"),
            ("24:00", "%H:%M"),
            ("13:00 PM", "%I:%M %p"),
            ("10:60", "%H:%M"),
            ("0", "%d"),
            ("\u{e4}", "%b"),
        ] {
            check(text, format, None);
        }
    }

    #[test]
    fn what_was_written_is_read_back() {
        for micros in [0, 1_715_940_672_123_456, -62_135_596_800_000_000, 253_402_300_799_999_999] {
            for format in ["%Y-%m-%d %H:%M:%S.%f", "%d %B %Y %I:%M:%S.%f %p", "%G-%V-%u %X.%f"] {
                let format = Format::parse(format).expect(format);
                let mut out = Vec::new();
                format.write(&mut out, micros, "");
                assert_eq!(format.read(&out), Some(micros), "{format:?}");
            }
        }
    }
}
