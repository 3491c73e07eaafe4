//! Inputs of any bytes, in chunks, threads and stops.

#![no_main]

use onward_fuzz::texts;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _either = texts::target(bytes);
});
