//! How much memory something takes: the test binary counts what is allocated.

use super::report;
use peak_alloc::PeakAlloc;
use std::process::Command;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Is set in a process that runs one test alone.
const ALONE: &str = "ONWARD_TEST_ALONE";

/// The most bytes that were allocated at a time while something was done, above those before it. Other threads count,
/// too: ask only in a test that is [`alone`].
pub fn peak_of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage();
    let result = work();
    (result, ALLOCATOR.peak_usage().saturating_sub(before))
}

/// Runs the test with this name of `fuzz` in a process of its own, with `work` as what it does.
pub fn alone(test: &str, work: impl FnOnce()) {
    if std::env::var_os(ALONE).is_some() {
        return work();
    }
    let program = std::env::current_exe().expect("the test binary");
    let mut command = Command::new(program);
    let output =
        command.args([&format!("fuzz::{test}"), "--exact", "--nocapture"]).env(ALONE, "1").output();
    let output = output.expect("the test binary runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("1 passed"), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    for counted in text.lines().filter_map(|line| line.strip_prefix("count: ")) {
        report::count(counted);
    }
}
