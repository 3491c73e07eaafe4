//! Where the whole lines of a file end that somebody may still be writing to.

use crate::storage::{File, read_full};
use std::io;

/// What ends a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineEnds {
    /// LF.
    Lf,
    /// LF, CR, or both: a CR at the very end may be half of such a pair, and ends nothing yet.
    LfOrCr,
}

/// How many bytes are read at once.
const READ_BYTES: u64 = 64 << 10;

/// Where the last whole line of the first `length` bytes ends; `from`, a place between two lines, where there is none
/// behind it.
pub fn whole_lines_end(file: &dyn File, from: u64, length: u64, ends: LineEnds) -> io::Result<u64> {
    let mut end = length;
    let mut buffer = Vec::new();
    while end > from {
        let start = end.saturating_sub(READ_BYTES).max(from);
        buffer.resize(usize::try_from(end - start).expect("a read is small"), 0);
        let count = read_full(file, &mut buffer, start)?;
        let mut bytes = &buffer[..count];
        if end == length && bytes.last() == Some(&b'\r') {
            bytes = &bytes[..count - 1];
        }
        let found = match ends {
            LineEnds::Lf => memchr::memrchr(b'\n', bytes),
            LineEnds::LfOrCr => memchr::memrchr2(b'\n', b'\r', bytes),
        };
        if let Some(at) = found {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::simulated::SimulatedStorage;
    use crate::storage::{OpenMode, Storage};
    use std::path::Path;

    #[test]
    fn only_whole_lines_count() {
        let check = |text: &[u8], from: u64, ends: LineEnds, expected: u64| {
            let disk = SimulatedStorage::new();
            disk.put_directory("/d", 0o755);
            disk.put_file("/d/a", text);
            let file = disk.open(Path::new("/d/a"), OpenMode::ReadInput).expect("a file");
            let found = whole_lines_end(&*file, from, text.len() as u64, ends).expect("read");
            assert_eq!(found, expected, "{} from {from}", text.escape_ascii());
        };
        use LineEnds::{Lf, LfOrCr};
        check(b"", 0, Lf, 0);
        check(b"abc", 0, Lf, 0);
        check(b"abc\n", 0, Lf, 4);
        check(b"abc\ndef", 0, Lf, 4);
        check(b"abc\ndef", 4, Lf, 4);
        check(b"abc\ndef\n\n", 4, Lf, 9);
        check(b"abc\rdef", 0, Lf, 0);
        check(b"abc\rdef", 0, LfOrCr, 4);
        check(b"abc\r\ndef\r", 0, LfOrCr, 5);
        check(b"abc\r\ndef\r\n", 0, LfOrCr, 10);
        check(b"\r", 0, LfOrCr, 0);
        let long = [b"a\n".to_vec(), vec![b'x'; 200_000]].concat();
        check(&long, 0, Lf, 2);
        check(&long, 2, Lf, 2);
    }
}
