//! Mistyped job files.

#![no_main]

use onward_fuzz::written;
use std::sync::LazyLock;

static CORPUS: LazyLock<Vec<written::Written>> = LazyLock::new(|| written::corpus());

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _either = written::target(&CORPUS, bytes);
});
