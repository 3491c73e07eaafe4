//! Prologues, with every length of what is known of the file.

use super::*;
use crate::source::settings::Ragged;

fn settings(skip_lines: u64, columns: Option<&[&str]>) -> CsvSource {
    CsvSource {
        dialect: CsvDialect {
            delimiter: b',',
            quote: Some(b'"'),
            escape: None,
            comment: Some(b'#'),
        },
        columns: columns.map(|names| names.iter().map(|&name| name.to_owned()).collect()),
        skip_lines,
        null: Vec::new(),
        ragged: Ragged::Reject,
    }
}

/// Reads what more and more bytes of the file say, and sees that no answer is given too early.
fn check(
    settings: &CsvSource,
    file: &[u8],
    names: &[&str],
    rest: &[u8],
    lines: u64,
) -> Vec<String> {
    let format = SourceFormat::Csv(settings.clone());
    let prologue = read(&format, file, true).expect("readable").expect("enough");
    let data_start = usize::try_from(prologue.data_start).expect("small");
    assert_eq!(prologue.names, names);
    assert_eq!(&file[data_start..], rest);
    assert_eq!(prologue.lines, lines);
    for length in 0..=file.len() {
        let early = read(&format, &file[..length], false).expect("readable");
        assert!(early.is_none() || early.as_ref() == Some(&prologue), "{length}: {early:?}");
    }
    prologue.notes
}

#[test]
fn the_header_is_found_behind_all_that_may_stand_before_it() {
    let plain = settings(0, None);
    check(&plain, b"a,b\n1,2\n", &["a", "b"], b"1,2\n", 1);
    check(&plain, b"a,b\r\n1,2\r\n", &["a", "b"], b"1,2\r\n", 1);
    check(&plain, b"a,b\r1,2\r", &["a", "b"], b"1,2\r", 1);
    check(&plain, b"\xef\xbb\xbfa,b\n1,2\n", &["a", "b"], b"1,2\n", 1);
    check(&plain, b"\n#c\n\na,b\n", &["a", "b"], b"", 4);
    check(&plain, b"\"a\nx\",\"b\"\"c\"\n1,2", &["a\nx", "b\"c"], b"1,2", 2);
    check(&plain, b"a,b", &["a", "b"], b"", 0);
    check(&plain, b"", &[], b"", 0);
    check(&plain, b"\n\n", &[], b"", 2);
    let skipping = settings(2, None);
    check(&skipping, b"\"x\r\ny\"\r\na,b\r\n1,2\r\n", &["a", "b"], b"1,2\r\n", 3);
    check(&skipping, b"x\n", &[], b"", 1);
    let named = settings(1, Some(&["p", "q"]));
    check(&named, b"x\n#c\n1,2\n", &["p", "q"], b"#c\n1,2\n", 1);
}

#[test]
fn odd_names_are_replaced_and_noted() {
    let notes = check(
        &settings(0, None),
        b",a,a,a_2,\xff,,a\n",
        &["column_1", "a", "a_3", "a_2", "\u{fffd}", "column_6", "a_4"],
        b"",
        1,
    );
    assert_eq!(
        notes,
        [
            "column 1 is called `column_1`: its name is empty",
            "column 3 is called `a_3`: `a` is taken",
            "column 5 is called `\u{fffd}`: its name is not UTF-8",
            "column 6 is called `column_6`: its name is empty",
            "column 7 is called `a_4`: `a` is taken",
        ]
    );
}

#[test]
fn what_cannot_be_read_is_explained() {
    let format = SourceFormat::Csv(settings(0, None));
    let wide = ",".repeat(COLUMNS_MAX) + "\n";
    let endless = "\"".to_owned() + &"x".repeat(RECORD_BYTES_MAX);
    for (file, message) in [
        (&b"\xff\xfea\0"[..], "the file is UTF-16, not UTF-8"),
        (wide.as_bytes(), "65537 columns; at most 65536 are supported"),
        (endless.as_bytes(), "no end of the header line in the first 16 MiB"),
    ] {
        let error = read(&format, file, false).expect_err("it cannot be read");
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn the_first_object_names_the_keys() {
    for (file, keys) in [
        (
            &b"\xef\xbb\xbf\n[1]\nnonsense\n{\"b\":{\"x\":1},\"a\":2,\"b\":3,\"\\u0063\":4}\n\
               {\"z\":1}\n"[..],
            Some("b a c"),
        ),
        (b"", None),
        (b"{\"a\":", None),
    ] {
        let found = first_keys(file).map(|keys| keys.join(" "));
        assert_eq!(found.as_deref(), keys);
    }
    let start =
        read(&SourceFormat::Jsonl, b"\xef\xbb\xbf{}", true).expect("readable").expect("enough");
    assert_eq!((start.data_start, start.names.len()), (3, 0));
}
