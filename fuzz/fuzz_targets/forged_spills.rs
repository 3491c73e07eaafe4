//! Spills with right digests around wrong contents.

#![no_main]

use onward_fuzz::{forged, spilled};
use std::sync::LazyLock;

static CORPUS: LazyLock<Vec<forged::Stopped>> = LazyLock::new(|| forged::with_spills());

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _either = spilled::target(&CORPUS, bytes);
});
