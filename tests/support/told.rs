//! What a test has to tell whoever runs it: how much it did, and what it passed over and why.

use std::io::Write;

/// Writes a line to standard error, past the harness, which would only show it of a test that fails.
pub fn tell(line: &str) {
    // Nobody can be told where that fails.
    let _unreported = writeln!(std::io::stderr().lock(), "{line}");
}

/// Says that a test could not be done here.
pub fn skip(why: &str) {
    tell(&format!("SKIP {why}"));
}

/// A number from the environment, for longer forms of a test and for repeating a failure.
pub fn number(variable: &str, default: u64) -> u64 {
    let text = std::env::var(variable).ok();
    text.map_or(default, |text| text.parse().expect("a number"))
}
