//! Time zones of the IANA database, as it is compiled in: what a run gives never depends on the host's copy of it.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};
use std::sync::LazyLock;

/// A time zone such as `Europe/Berlin`.
#[derive(Debug, Clone, PartialEq)]
pub struct Zone(TimeZone);

static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

impl Zone {
    /// The zone of that name, without regard to case.
    pub fn named(name: &str) -> Option<Zone> {
        DATABASE.get(name.trim()).ok().map(Zone)
    }

    /// What clocks of the zone show at a moment: microseconds since 1970-01-01 00:00:00 there. `None` out of years 1
    /// to 9999.
    pub fn local_from_utc(&self, micros: i64) -> Option<i64> {
        super::calendar::within(micros.checked_add(self.offset_seconds(micros)? * 1_000_000)?)
    }

    /// Seconds east of UTC at a moment.
    pub fn offset_seconds(&self, micros: i64) -> Option<i64> {
        let moment = Timestamp::from_microsecond(micros).ok()?;
        Some(i64::from(self.0.to_offset(moment).seconds()))
    }

    /// The moment at which clocks of the zone show a time. A time that they skip is taken as if they had not yet been
    /// put forward, one that they show twice is the second of both, as DuckDB and PostgreSQL have it.
    pub fn utc_from_local(&self, micros: i64) -> Option<i64> {
        let since = SignedDuration::from_micros(micros);
        let local = DateTime::constant(1970, 1, 1, 0, 0, 0, 0).checked_add(since).ok()?;
        let offset = match self.0.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            AmbiguousOffset::Gap { before, .. } => before,
            AmbiguousOffset::Fold { after, .. } => after,
        };
        super::calendar::within(micros.checked_sub(i64::from(offset.seconds()) * 1_000_000)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::text;

    fn written(micros: Option<i64>) -> String {
        let mut out = Vec::new();
        micros.iter().for_each(|micros| text::write_timestamp(&mut out, *micros));
        String::from_utf8(out).expect("text is UTF-8")
    }

    fn check(zone: &str, local: &str, utc: &str) {
        let zone = Zone::named(zone).expect(zone);
        let micros = text::parse_timestamp(local.as_bytes()).expect(local);
        let moment = zone.utc_from_local(micros);
        assert_eq!(written(moment), utc, "{local}");
    }

    #[test]
    fn clocks_are_read_summer_and_winter() {
        check("Europe/Berlin", "2024-07-01 12:00", "2024-07-01 10:00:00");
        check("europe/berlin", "2024-01-01 12:00", "2024-01-01 11:00:00");
        check("UTC", "1969-12-31 23:59:59.5", "1969-12-31 23:59:59.5");
        check("America/New_York", "2024-01-01 00:00", "2024-01-01 05:00:00");
    }

    #[test]
    fn skipped_and_repeated_times_have_one_meaning() {
        check("Europe/Berlin", "2024-03-31 02:30", "2024-03-31 01:30:00");
        check("Europe/Berlin", "2024-10-27 02:30", "2024-10-27 01:30:00");
    }

    #[test]
    fn what_clocks_show_leads_back_to_the_moment() {
        let zone = Zone::named("Asia/Kolkata").expect("a zone");
        for micros in [0, 1_715_940_672_000_001, -1_000_000_000_000_000] {
            let local = zone.local_from_utc(micros).expect("in range");
            assert_eq!(zone.utc_from_local(local), Some(micros));
        }
        assert_eq!(Zone::named("nowhere"), None);
        assert_eq!(zone.local_from_utc(i64::MAX), None);
    }
}
