//! The two paths against each other and against `csv-core`, whole and in chunks.

use super::marks::Search;
use super::*;
use crate::decode::cut::Cut;
use crate::record::{Batch, CsvDialect, CsvRecords, RawRecords};
use crate::source::settings::Ragged;
use crate::vector;
use proptest::prelude::*;

const COLUMNS: usize = 3;

fn cutter(escape: Option<u8>, comment: Option<u8>, ragged: Ragged) -> CsvCutter {
    let settings = CsvSource {
        dialect: CsvDialect { delimiter: b',', quote: Some(b'"'), escape, comment },
        columns: None,
        skip_lines: 0,
        null: vec![String::new()],
        ragged,
    };
    CsvCutter::new(&settings, COLUMNS, 0)
}

fn plain() -> CsvCutter {
    cutter(None, None, Ragged::Reject)
}

fn records(batch: &Batch) -> &CsvRecords {
    match &batch.raw {
        RawRecords::Csv(records) => records,
        _ => panic!("CSV makes CSV records"),
    }
}

/// Start, bytes and problem of each record.
fn listed(cut: &Cut) -> Vec<(usize, Vec<u8>, Option<String>)> {
    let records = records(&cut.batch);
    (0..cut.batch.rows)
        .map(|row| {
            let rejects = &cut.batch.rejects;
            let reject = rejects.iter().find(|reject| reject.row as usize == row);
            let reason = reject.map(|reject| reject.reason.to_string());
            let start = records.starts[row] as usize;
            (start, records.record(row).to_vec(), reason)
        })
        .collect()
}

/// The selected records as decoded fields.
fn fields(cut: &Cut) -> Vec<Vec<Vec<u8>>> {
    let records = records(&cut.batch);
    let field = |row: u32, column| {
        let raw = records.field(row as usize, column);
        records.dialect.unquote(raw).into_owned()
    };
    let row = |row: &u32| (0..COLUMNS).map(|column| field(*row, column)).collect();
    cut.batch.selection.iter().map(row).collect()
}

fn whole(cutter: &CsvCutter, bytes: &[u8]) -> Cut {
    let window = Arc::new(bytes.to_vec());
    match cutter.cut(&window, Start::Exact(0), bytes.len(), true) {
        CutOutcome::Cut(cut) => cut,
        other => panic!("a whole file can be cut: {other:?}"),
    }
}

/// What `csv-core` makes of it: its records of `COLUMNS` fields. The last one is dropped where the
/// file leaves its quote open, as ours is a reject then.
fn with_csv_core(bytes: &[u8], escape: Option<u8>, comment: Option<u8>) -> Vec<Vec<Vec<u8>>> {
    let mut reader = csv_core::ReaderBuilder::new().escape(escape).comment(comment).build();
    let (mut output, mut ends) = (vec![0; bytes.len() + 1], vec![0; bytes.len() + 2]);
    let mut records = Vec::new();
    let mut rest = bytes;
    loop {
        let mut record: (usize, usize) = (0, 0);
        let result = loop {
            let (result, read, wrote, ended) =
                reader.read_record(rest, &mut output[record.0..], &mut ends[record.1..]);
            rest = &rest[read..];
            record = (record.0 + wrote, record.1 + ended);
            if result != csv_core::ReadRecordResult::InputEmpty {
                break result;
            }
        };
        if result == csv_core::ReadRecordResult::End {
            return records;
        }
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let spans = starts.zip(&ends[..record.1]);
        records.push(spans.map(|(start, end)| output[start..*end].to_vec()).collect());
    }
}

fn is_left_open(cutter: &CsvCutter, bytes: &[u8]) -> bool {
    let state =
        bytes.iter().fold(State::RecordStart, |state, byte| cutter.machine.next(state, *byte));
    matches!(state, State::Quoted | State::Escaped)
}

fn check_against_csv_core(bytes: &[u8], escape: Option<u8>, comment: Option<u8>) {
    let cutter = cutter(escape, comment, Ragged::Reject);
    let mut expected = with_csv_core(bytes, escape, comment);
    let cut = whole(&cutter, bytes);
    if is_left_open(&cutter, bytes) {
        expected.pop();
        let reason = cut.batch.rejects.last().map(|reject| reject.reason.to_string());
        assert_eq!(reason.as_deref(), Some("unclosed quote"));
    }
    expected.retain(|record: &Vec<Vec<u8>>| record.len() == COLUMNS);
    assert_eq!(fields(&cut), expected, "{}", String::from_utf8_lossy(bytes));
}

/// Cuts at multiples of `size`, each chunk speculatively first, in windows that are as short as
/// they can be.
fn check_chunks(cutter: &CsvCutter, bytes: &[u8], size: usize) {
    let expected = whole(cutter, bytes);
    let mut found = Vec::new();
    let (mut exact, mut lines, mut hits) = (0, 0, 0);
    for number in 0..bytes.len().div_ceil(size) {
        let (start, end) = (number * size, (number + 1) * size);
        let guess = cut_growing(cutter, bytes, Start::AtOrAfter(start), end);
        let cut = match guess {
            Some(cut) if cut.start == exact => {
                hits += 1;
                cut
            }
            _ => cut_growing(cutter, bytes, Start::Exact(exact), end).expect("exact cuts are sure"),
        };
        assert_eq!(cut.start, exact);
        found.extend(listed(&cut));
        exact = cut.end;
        lines += cut.lines;
    }
    assert_eq!(exact, bytes.len());
    assert_eq!((found, lines), (listed(&expected), expected.lines), "{hits} hits");
}

fn cut_growing(cutter: &CsvCutter, bytes: &[u8], start: Start, end: usize) -> Option<Cut> {
    for length in end.min(bytes.len())..=bytes.len() {
        let window = Arc::new(bytes[..length].to_vec());
        match cutter.cut(&window, start, end, length == bytes.len()) {
            CutOutcome::Cut(cut) => return Some(cut),
            CutOutcome::Unknown => return None,
            CutOutcome::NeedMore => {}
            CutOutcome::Oversize { .. } => panic!("nothing is that long"),
        }
    }
    panic!("the end of the file is always enough")
}

/// Mostly records of three fields, with everything that can go wrong.
fn nasty(extra: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        6 => prop::sample::select(vec!["a", "b c", ",", ",", ",", "\n", "\r\n"]),
        3 => prop::sample::select(vec!["\"", "\"\"", ",\"x\"", "\"y\n", "\"\n", "\"z,\""]),
        1 => prop::sample::select(vec!["\r", "\n\n", " ", "x,\"y\",z\n", "1,2,3\n", "\u{e9}"]),
        1 => prop::sample::select(extra.to_vec()),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat().into_bytes())
}

/// Long enough for several blocks, and rarely anomalous.
fn tidy() -> impl Strategy<Value = Vec<u8>> {
    let field =
        prop_oneof!["[a-z]{0,12}", "\"[a-z,\n]{0,30}\"", "\"[a-z]{0,5}\"\"[a-z\r\n]{0,5}\"",];
    let record = prop::collection::vec(field, 3).prop_map(|fields| fields.join(","));
    let end = prop::sample::select(vec!["\n", "\r\n", "\r", "\n\n"]);
    let line = (record, end).prop_map(|(record, end)| record + end);
    prop::collection::vec(line, 0..40).prop_map(|lines| lines.concat().into_bytes())
}

/// Looks for marks at every level of this machine.
fn check_levels(search: &Search<'_>) {
    let mut all = vector::levels(search).into_iter().map(|(level, mut marks)| {
        marks.ends.truncate(marks.ends_found);
        marks.line_ends.truncate(marks.lines_found);
        (level, marks)
    });
    let (_, plain) = all.next().expect("the plain level is always there");
    for (level, marks) in all {
        assert_eq!(marks, plain, "{level}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(600)
    })]

    #[test]
    fn any_bytes_are_read_as_csv_core_reads_them(bytes in nasty(&["\"a\"b", "x\"y"])) {
        check_against_csv_core(&bytes, None, None);
    }

    #[test]
    fn escapes_and_comments_are_read_as_csv_core_reads_them(
        bytes in nasty(&["\\", "#", "\n#c,\"\n", "\"\\\""]),
    ) {
        check_against_csv_core(&bytes, Some(b'\\'), None);
        let without_cr: Vec<u8> = bytes.into_iter().filter(|byte| *byte != b'\r').collect();
        check_against_csv_core(&without_cr, None, Some(b'#'));
        check_against_csv_core(&without_cr, Some(b'\\'), Some(b'#'));
    }

    #[test]
    fn the_fast_path_finds_what_the_slow_path_finds(
        bytes in prop_oneof![nasty(&["\u{0}"]), tidy()],
        end in 0_usize..400,
    ) {
        let cutter = plain();
        let needles = cutter.needles.expect("the dialect is simple");
        for is_end_of_file in [true, false] {
            let span = Span { start: 0, nominal_end: end, is_end_of_file };
            if let Some((stop, fast)) = cutter.index_fast(&needles, &bytes, &span) {
                let mut slow = Rows::new(cutter.columns, cutter.settings.ragged);
                prop_assert_eq!(stop, slow::index(&cutter.machine, &bytes, &span, &mut slow));
                if let (Stop::End(end), Some(lines)) = (stop, fast.lines) {
                    prop_assert_eq!(lines, count_csv_lines(&bytes[..end]));
                }
                if stop != Stop::NeedMore {
                    let chunk = Arc::new(bytes.clone());
                    let dialect = cutter.settings.dialect;
                    let [fast, slow] = [fast, slow].map(|rows| rows.finish(&chunk, dialect, 0));
                    prop_assert_eq!(format!("{fast:?}"), format!("{slow:?}"));
                }
            }
        }
    }

    #[test]
    fn every_vector_level_finds_the_same_marks(
        bytes in prop_oneof![nasty(&["\u{0}"]), tidy()],
        start in 0_usize..100,
        last in 0_usize..400,
    ) {
        let needles = plain().needles.expect("the dialect is simple");
        let start = start.min(bytes.len());
        let search = Search { needles, window: &bytes, start, last: start.max(last) };
        check_levels(&search);
    }

    #[test]
    fn chunks_hold_the_records_of_the_whole(
        bytes in prop_oneof![nasty(&["\n"]), tidy()],
        size in 1_usize..100,
    ) {
        check_chunks(&plain(), &bytes, size);
        check_chunks(&cutter(Some(b'\\'), Some(b'#'), Ragged::PadAndTruncate), &bytes, size);
    }
}

#[test]
fn ragged_records_are_treated_as_the_policy_says() {
    let text = b"1,2,3\n1,2\n1,2,3,4\n\n4,5,6";
    for (ragged, expected, reasons) in [
        (Ragged::Reject, "123 456", &["2 fields instead of 3", "4 fields instead of 3"][..]),
        (Ragged::Pad, "123 12 456", &["4 fields instead of 3"]),
        (Ragged::Truncate, "123 123 456", &["2 fields instead of 3"]),
        (Ragged::PadAndTruncate, "123 12 123 456", &[]),
    ] {
        let cut = whole(&cutter(None, None, ragged), text);
        let rows: Vec<Vec<u8>> = fields(&cut).iter().map(|row| row.concat()).collect();
        assert_eq!(String::from_utf8_lossy(&rows.join(&b' ')), expected);
        let rejects = cut.batch.rejects.iter();
        assert_eq!(rejects.map(|reject| &*reject.reason).collect::<Vec<_>>(), reasons);
        assert_eq!((cut.batch.rows, cut.lines), (4, 4));
    }
}

#[test]
fn a_record_longer_than_the_limit_is_skipped_and_the_next_one_found() {
    use crate::decode::RECORD_BYTES_MAX;
    for (middle, lines) in
        [("x".repeat(RECORD_BYTES_MAX + 1), 1), ("x\r\n".repeat(6 << 20), 6 << 20 | 1)]
    {
        let text = format!("1,2,3\n\"{middle}\",b,c\r\n4,5,6\n").into_bytes();
        let window = Arc::new(text.clone());
        for nominal_end in [10, text.len()] {
            let outcome = plain().cut(&window, Start::Exact(0), nominal_end, true);
            let CutOutcome::Oversize { before, mut skip } = outcome else {
                panic!("the second record is too long");
            };
            assert_eq!((before.end, before.batch.rows, before.lines), (6, 1, 1));
            for (size, expected) in [(1 << 20, None), (text.len(), Some(()))] {
                let mut again = skip.clone();
                let mut at = before.end;
                loop {
                    let piece = &text[at..text.len().min(at + size)];
                    match again.feed(piece, false) {
                        None => at += piece.len(),
                        Some(length) => break at += length,
                    }
                }
                assert_eq!(&text[at..], b"4,5,6\n", "{expected:?}");
                assert_eq!(again.lines(), if lines == 1 { 1 } else { lines });
                assert_eq!(again.bytes(), (at - before.end) as u64);
            }
            assert_eq!(skip.feed(&text[before.end..before.end + 10], true), Some(10));
        }
        let guess = plain().cut(&window, Start::AtOrAfter(6), text.len(), true);
        assert!(matches!(guess, CutOutcome::Unknown));
    }
}

#[test]
fn a_skip_ends_behind_a_line_end_that_is_split_between_two_pieces() {
    for (pieces, expected, lines) in [
        (&["abc\r", "\nd"][..], Some(1), 1),
        (&["abc\r", "d"], Some(0), 1),
        (&["abc\n", "d"], Some(4), 1),
        (&["\"a\r", "\n\"", "\r\n"], Some(2), 2),
    ] {
        let mut skip = Skip::csv(plain().machine);
        let found = pieces.iter().find_map(|piece| skip.feed(piece.as_bytes(), false));
        assert_eq!((found, skip.lines()), (expected, lines), "{pieces:?}");
    }
}

#[test]
fn blank_lines_without_end_do_not_grow_the_window() {
    use crate::decode::RECORD_BYTES_MAX;
    let text = Arc::new(format!("1,2,3\n{}", "\n".repeat(RECORD_BYTES_MAX + 100)).into_bytes());
    for cutter in [plain(), cutter(None, Some(b'#'), Ragged::Reject)] {
        match cutter.cut(&text, Start::Exact(0), 6, false) {
            CutOutcome::Cut(cut) => {
                assert_eq!((cut.end, cut.batch.rows), (6 + RECORD_BYTES_MAX, 1));
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Every file of the fixtures, CSV or not.
#[expect(clippy::disallowed_methods, reason = "a test reads its fixtures")]
fn fixtures() -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut folders = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder of fixtures") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = std::fs::read(&path).expect("a fixture");
                files.push((path, bytes));
            }
        }
    }
    files
}

#[test]
fn both_paths_find_the_same_in_every_fixture() {
    let mut agreed = 0;
    for (path, bytes) in fixtures() {
        let window = Arc::new(bytes);
        for delimiter in [b',', b'\t', b';'] {
            let mut cutter = plain();
            cutter.settings.dialect.delimiter = delimiter;
            cutter.machine = Machine::new(cutter.settings.dialect);
            let needles = Needles { delimiter, ..cutter.needles.expect("the dialect is simple") };
            let first_line = window.split(|byte| *byte == b'\n').next().unwrap_or_default();
            cutter.columns = 1 + first_line.iter().filter(|byte| **byte == delimiter).count();
            let span = Span { start: 0, nominal_end: window.len(), is_end_of_file: true };
            check_levels(&Search { needles, window: &window, start: 0, last: window.len() });
            let Some((stop, fast)) = cutter.index_fast(&needles, &window, &span) else { continue };
            let mut slow = Rows::new(cutter.columns, cutter.settings.ragged);
            let expected = slow::index(&cutter.machine, &window, &span, &mut slow);
            assert_eq!(stop, expected, "{}", path.display());
            let dialect = cutter.settings.dialect;
            let [fast, slow] = [fast, slow].map(|rows| rows.finish(&window, dialect, 0));
            assert_eq!(fast.rejects, slow.rejects, "{}", path.display());
            let (fast, slow) = (records_of(&fast), records_of(&slow));
            assert_eq!(fast, slow, "{}", path.display());
            agreed += 1;
        }
    }
    assert!(agreed > 100, "only {agreed} files are read on the fast path");
}

/// The whole index.
fn records_of(batch: &Batch) -> (&[u32], &[u32], &[u32], bool) {
    let CsvRecords { starts, record_ends, ends, is_uniform, .. } = records(batch);
    (starts, record_ends, ends, *is_uniform)
}
