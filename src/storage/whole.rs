//! What every storage does about calls that were cut short: it goes on with them.

use super::mutants::{Mutant, is_on};
use std::io;

/// Repeats a call for as long as a signal interrupts it.
pub(super) fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error)
                if error.kind() == io::ErrorKind::Interrupted
                    && !is_on(Mutant::InterruptionFails) => {}
            other => return other,
        }
    }
}

/// Writes all bytes with a call that may write only some of them.
pub(super) fn write_all(
    mut bytes: &[u8],
    mut offset: u64,
    mut write: impl FnMut(&[u8], u64) -> io::Result<usize>,
) -> io::Result<()> {
    while !bytes.is_empty() {
        let count = uninterrupted(|| write(bytes, offset))?;
        if count == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        bytes = &bytes[count..];
        offset += count as u64;
        if is_on(Mutant::ShortWriteForgotten) {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_interrupted_calls_go_on_and_one_that_does_nothing_is_an_error() {
        let mut written = Vec::new();
        let mut calls = 0;
        let all = write_all(b"0123456789", 5, |bytes, offset| {
            calls += 1;
            if calls % 2 == 1 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            assert_eq!(offset, 5 + written.len() as u64);
            let count = bytes.len().min(3);
            written.extend_from_slice(&bytes[..count]);
            Ok(count)
        });
        all.expect("written");
        assert_eq!((written.as_slice(), calls), (&b"0123456789"[..], 8));
        let nothing = write_all(b"x", 0, |_, _| Ok(0)).expect_err("no progress");
        assert_eq!(nothing.kind(), io::ErrorKind::WriteZero);
    }
}
