//! Bytes of checkpoints, read in bounded memory.

#![no_main]

use onward_fuzz::raw;
use std::sync::LazyLock;

static CORPUS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| raw::files());

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _either = raw::target(&CORPUS, bytes);
});
