//! What the environment asks of a test.

/// A number, for longer forms of a test and for repeating a failure.
pub fn number(variable: &str, default: u64) -> u64 {
    let text = std::env::var(variable).ok();
    text.map_or(default, |text| text.parse().expect("a number"))
}
