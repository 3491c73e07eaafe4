//! What a test says although it passes: what it counted, and what could not be tested here.

/// Says what was counted, for who wants to know how much was tested.
#[expect(clippy::print_stdout, reason = "the runner shows it when it is asked to")]
pub fn count(counted: &str) {
    println!("count: {counted}");
}

/// Says that something is not tested here, and why.
#[expect(clippy::print_stdout, reason = "the runner shows it when it is asked to")]
pub fn skip(reason: &str) {
    println!("SKIP {reason}");
}

/// Says what helps to find out why a test fails.
#[expect(clippy::print_stdout, reason = "the runner shows it with the failure")]
pub fn failure(what: &str) {
    println!("{what}");
}
