//! Checkpoints with right digests around wrong contents.

#![no_main]

use onward_fuzz::forged;
use std::sync::LazyLock;

static CORPUS: LazyLock<Vec<forged::Stopped>> = LazyLock::new(|| forged::all());

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _either = forged::target(&CORPUS, bytes);
});
