//! Exports whose parts were exchanged and changed.

#![no_main]

use onward_fuzz::parcels;
use std::sync::LazyLock;

static CORPUS: LazyLock<Vec<parcels::Exported>> = LazyLock::new(|| parcels::all());

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _either = parcels::target(&CORPUS, bytes);
});
