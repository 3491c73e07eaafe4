//! Numbers as people read them.

use std::time::Duration;

/// `1,204,331`
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `512 B`, `1.5 KiB`, `20 GiB`: two digits or more, cut off and never rounded up.
pub fn bytes(number: u64) -> String {
    scaled(number, 1024, &["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"])
}

/// `512`, `1.5 k`, `20 M`: two digits or more, cut off and never rounded up.
pub fn short(number: u64) -> String {
    let text = scaled(number, 1000, &["", "k", "M", "G", "T", "P", "E"]);
    text.trim_end().to_owned()
}

fn scaled(number: u64, step: u64, units: &[&str]) -> String {
    let mut unit = 0;
    let mut factor: u64 = 1;
    while unit + 1 < units.len() && number / factor >= step {
        factor *= step;
        unit += 1;
    }
    let whole = number / factor;
    if unit == 0 || whole >= 10 {
        return format!("{whole} {}", units[unit]);
    }
    let tenth = (number % factor) / (factor / 10).max(1);
    format!("{whole}.{} {}", tenth.min(9), units[unit])
}

/// `0.4 s`, `12.3 s`, `4 min 5 s`, `2 h 7 min`.
pub fn duration(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..60 => format!("{seconds}.{} s", span.subsec_millis() / 100),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// The share of a whole in percent, cut off; nothing of nothing is all of it.
pub fn percent(part: u64, whole: u64) -> u64 {
    if whole == 0 {
        return 100;
    }
    let share = u128::from(part) * 100 / u128::from(whole);
    u64::try_from(share).unwrap_or(100).min(100)
}

/// `1 record`, `2 records`.
pub fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", thousands(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stand_in_threes() {
        let check = |number, text: &str| assert_eq!(thousands(number), text);
        check(0, "0");
        check(999, "999");
        check(1000, "1,000");
        check(u64::MAX, "18,446,744,073,709,551,615");
    }

    #[test]
    fn sizes_have_two_digits_and_are_never_rounded_up() {
        let check = |number, text: &str| assert_eq!(bytes(number), text);
        check(0, "0 B");
        check(1023, "1023 B");
        check(1024, "1.0 KiB");
        check(2047, "1.9 KiB");
        check(10 * 1024 + 1023, "10 KiB");
        check(u64::MAX, "15 EiB");
        assert_eq!(short(999), "999");
        assert_eq!(short(1_999_999), "1.9 M");
    }

    #[test]
    fn times_have_two_units() {
        let check = |millis, text: &str| assert_eq!(duration(Duration::from_millis(millis)), text);
        check(0, "0.0 s");
        check(12_399, "12.3 s");
        check(245_000, "4 min 5 s");
        check(7_620_000, "2 h 7 min");
    }

    #[test]
    fn a_share_is_cut_off() {
        assert_eq!(percent(0, 0), 100);
        assert_eq!(percent(999, 1000), 99);
        assert_eq!(percent(u64::MAX, 1), 100);
        assert_eq!(counted(1, "record"), "1 record");
        assert_eq!(counted(2000, "record"), "2,000 records");
    }
}
