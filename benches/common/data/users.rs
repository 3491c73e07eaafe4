//! Events of users as CSV, for steps that remember a key.

use super::calendar::Days;
use super::random::Random;
use jiff::civil::date;
use std::fmt::Write as _;
use std::io::{self, Write};

const EVENTS: [&str; 5] = ["view", "click", "cart", "purchase", "refund"];
const COUNTRIES: [&str; 8] = ["DE", "FR", "US", "JP", "BR", "IN", "ZA", "AU"];

/// Ends in 9, so it has no factor in common with numbers of keys such as 5,000,000: multiples of it meet each key once,
/// those of numbers in a row far from each other.
const SCATTER: u64 = 2_246_822_519;

/// Writes so many records. Each of the keys is met: every fourth record has the next one, in a scattered order. Of the
/// others half have one of the first tenth of the keys, and half any.
pub fn write(output: &mut dyn Write, records: u64, keys: u64) -> io::Result<()> {
    let mut random = Random::new(3);
    let days = Days::from(date(2024, 3, 1), 400);
    output.write_all(b"user_id,event,ts,amount,country\n")?;
    let mut text = String::new();
    for record in 0..records {
        text.clear();
        let key = match (record % 4, random.below(2)) {
            (0, _) => record / 4 * SCATTER % keys,
            (_, 0) => random.below(keys / 10),
            (_, _) => random.below(keys),
        };
        let cents = random.below(100_000);
        writeln!(
            text,
            "u{key:08},{},{},{}.{:02},{}",
            random.one_of(&EVENTS),
            days.moment(record / 10),
            cents / 100,
            cents % 100,
            random.one_of(&COUNTRIES)
        )
        .expect("a string takes everything");
        output.write_all(text.as_bytes())?;
    }
    Ok(())
}
