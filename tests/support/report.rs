//! What a test says although it passes: what it counted, and what could not be tested here.

use std::io::Write;

/// Says what was counted, for who wants to know how much was tested.
pub fn count(counted: &str) {
    tell(&format!("count: {counted}"));
}

/// Says that something is not tested here, and why.
pub fn skip(reason: &str) {
    tell(&format!("SKIP {reason}"));
}

/// Writes a line past the harness, which would show it only of a test that fails.
fn tell(line: &str) {
    // Nobody can be told where that fails.
    let _unreported = writeln!(std::io::stderr().lock(), "{line}");
}

/// Says what helps to find out why a test fails.
#[expect(clippy::print_stdout, reason = "the runner shows it with the failure")]
pub fn failure(what: &str) {
    println!("{what}");
}
