//! The scanner against `serde_json`, and lines whole and in chunks.

use super::scan::Scanner;
use super::*;
use crate::decode::JSON_DEPTH_MAX;
use proptest::prelude::*;
use serde::de::IgnoredAny;

fn paths(texts: &[&str]) -> Vec<JsonPath> {
    use crate::record::PathStep;
    let step = |text: &str| match text.parse() {
        Ok(index) => PathStep::Index(index),
        Err(_) => PathStep::Key(text.to_owned()),
    };
    let path = |text: &&str| JsonPath(text.split('.').map(step).collect());
    texts.iter().map(path).collect()
}

/// The values of the paths, or what is wrong.
fn scan(record: &str, texts: &[&str]) -> Result<Vec<String>, String> {
    let paths = paths(texts);
    let tree = PathTree::new(&paths);
    let mut scanner = Scanner::new(&tree, paths.len());
    scanner.scan(record.as_bytes(), 0).map_err(|reason| reason.to_string())?;
    let value = |span: &Span| {
        let (start, length) = (span.start as usize, span.length as usize);
        record[start..start + length].to_owned()
    };
    Ok(scanner.spans.iter().map(value).collect())
}

#[test]
fn values_are_found_by_path() {
    for (record, path, value) in [
        (r#"{"a":1,"b":[2,{"c":"x"}]}"#, "a", "1"),
        (r#"{"a":1,"b":[2,{"c":"x"}]}"#, "b", r#"[2,{"c":"x"}]"#),
        (r#"{"a":1,"b":[2,{"c":"x"}]}"#, "b.1.c", r#""x""#),
        (r#"{"a":1,"b":[2,{"c":"x"}]}"#, "b.0", "2"),
        (r#"{"a":1,"b":[2,{"c":"x"}]}"#, "b.2", ""),
        (r#"{"a":1,"b":[2,{"c":"x"}]}"#, "a.c", ""),
        (r#"{ "a" : { } , "b" : [ ] }"#, "b", "[ ]"),
        (r#"{"\u0061\n":1}"#, "a\n", "1"),
        (r#"{"a\"b":{"c":null}}"#, "a\"b.c", "null"),
        (r#"{"b":1,"b":2,"a":3}"#, "a", "3"),
        (r#"{"a":{"c":1},"b":{"c":2}}"#, "b.c", "2"),
        (r#"{"n":-1.5e+10}"#, "n", "-1.5e+10"),
    ] {
        assert_eq!(
            scan(record, &[path]).as_deref(),
            Ok(&[value.to_owned()][..]),
            "{record} {path}"
        );
    }
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let deep = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(scan(&deep(JSON_DEPTH_MAX - 1), &[]).is_ok());
    for (record, reason) in [
        ("[1]", "not a JSON object"),
        ("42", "not a JSON object"),
        ("{\"a\":1", "not valid JSON: expected `,` or `}` at byte 7 of the record"),
        ("{\"a\" 1}", "not valid JSON: expected `:` at byte 6 of the record"),
        ("{a:1}", "not valid JSON: expected a key at byte 2 of the record"),
        ("{\"a\":1,}", "not valid JSON: expected a key at byte 8 of the record"),
        ("{\"a\":[1,]}", "not valid JSON: expected a value at byte 9 of the record"),
        ("{\"a\":01}", "not valid JSON: number with a leading zero at byte 7 of the record"),
        ("{\"a\":\"x}", "not valid JSON: unclosed string at byte 9 of the record"),
        ("{\"a\":\"\\x\"}", "not valid JSON: bad escape in a string at byte 7 of the record"),
        ("{} {}", "not valid JSON: something behind the value at byte 4 of the record"),
        (
            "{\"a\":1,\"a\":2}",
            "not valid JSON: a key that stands twice in its object at byte 8 of the record",
        ),
        ("{\"a\":NaN}", "not valid JSON: expected a value at byte 6 of the record"),
        (
            "{\"a\":\"\0\"}",
            "not valid JSON: unescaped control character in a string at byte 7 of the record",
        ),
        (&deep(100_000), "not valid JSON: nested more than 128 deep at byte 133 of the record"),
    ] {
        assert_eq!(scan(record, &["a"]), Err(reason.to_owned()), "{record:.40}");
    }
}

#[test]
fn a_key_that_is_not_known_rejects_the_record() {
    let known = ["a".to_owned(), "b".to_owned()];
    let mut tree = PathTree::new(&paths(&["a"]));
    tree.close(&known);
    let mut scanner = Scanner::new(&tree, 1);
    assert_eq!(scanner.scan(b"{\"b\":{\"c\":1},\"a\":2}", 0), Ok(()));
    let reason = scanner.scan(b"{\"a\":2,\"c\":1}", 0);
    assert_eq!(reason.map_err(|reason| reason.to_string()), Err("unknown key `c`".to_owned()));
}

/// Pieces of JSON, valid and not.
fn nasty() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"a\"",
        "\"\\u00e9\"",
        "\"\\ud800\"",
        "1",
        "-0",
        "1e400",
        "1.5",
        "01",
        "true",
        "null",
        " ",
        "\t",
        "\"",
        "\\",
        "\u{0}",
        "\u{e9}",
        "{\"a\":1}",
        "[]",
        "-",
        "2E-1",
        "9007199254740993",
        "\"x\\",
        "nul",
        "\"12345678\"",
        "\"1234567\\\"89\"",
        "\u{1f}",
        "\u{7f}",
    ]);
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// Valid JSON of any shape.
fn valid() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| serde_json::to_string(&number).expect("a number")),
        any::<String>().prop_map(|text| serde_json::to_string(&text).expect("a text")),
    ];
    leaf.prop_recursive(6, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5)
                .prop_map(|items| format!("[{}]", items.join(" , "))),
            prop::collection::vec(("[a-d]", inner), 0..5).prop_map(|members| {
                let member = |(key, value): &(String, String)| format!("\"{key}\" :{value}");
                let members: Vec<String> = members.iter().map(member).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(2000)
    })]

    #[test]
    fn the_scanner_accepts_what_serde_json_accepts(
        text in prop_oneof![nasty(), valid()],
        cut in any::<prop::sample::Index>(),
    ) {
        for text in [text.as_str(), text.get(..cut.index(text.len() + 1)).unwrap_or_default()] {
            let record = format!("{{\"a\":{text}}}");
            let expected = serde_json::from_str::<IgnoredAny>(&record).is_ok();
            prop_assert_eq!(scan(&record, &["z"]).is_ok(), expected, "{}", record);
            // A key that is looked up must not stand twice; serde_json does not mind.
            match scan(&record, &["a", "a.a", "a.0"]) {
                Err(reason) if reason.contains("stands twice") => {}
                scanned => prop_assert_eq!(scanned.is_ok(), expected, "{}", record),
            }
        }
    }

    #[test]
    fn the_scanner_finds_what_serde_json_finds(text in valid()) {
        let record = format!("{{\"a\":{text}, \"z\": 0}}");
        // Of equal keys serde_json keeps the last.
        let value: serde_json::Value = serde_json::from_str(&record).expect("valid");
        let is_unique = serde_json::to_string(&value).expect("a value").matches("\":").count()
            == record.matches("\":").count() + record.matches("\" :").count();
        let Ok(found) = scan(&record, &["a", "a.b", "a.1.c"]) else {
            prop_assert!(!is_unique);
            return Ok(());
        };
        let deepest = value["a"].get(1).and_then(|value| value.get("c"));
        let expected = [value.get("a"), value["a"].get("b"), deepest];
        for (found, expected) in found.iter().zip(expected) {
            let found = serde_json::from_str::<serde_json::Value>(found).ok();
            prop_assert!(!is_unique || found.as_ref() == expected);
        }
    }

    #[test]
    fn chunks_hold_the_records_of_the_whole(
        lines in prop::collection::vec(
            prop::sample::select(vec![
                "{\"a\":1}", " {}\r", "", "  ", "\r", "nonsense", "\t{\"a\": \"\u{e9}\"} ",
            ]),
            0..30,
        ),
        has_end: bool,
        size in 1_usize..40,
    ) {
        let bytes = (lines.join("\n") + if has_end { "\n" } else { "" }).into_bytes();
        let cutter = JsonlCutter::new(&paths(&["a"]), 0);
        let expected = cut(&cutter, &bytes, Start::Exact(0), bytes.len().max(1));
        let expected = expected.expect("a whole file can be cut");
        let (mut exact, mut found, mut count) = (0, Vec::new(), 0);
        for number in 0..bytes.len().div_ceil(size) {
            let (start, end) = (number * size, (number + 1) * size);
            let guess = cut(&cutter, &bytes, Start::AtOrAfter(start), end);
            prop_assert!(number == 0 || guess.as_ref().is_none_or(|guess| guess.start == exact));
            let guess = guess.filter(|guess| guess.start == exact);
            let cut = guess.or_else(|| cut(&cutter, &bytes, Start::Exact(exact), end));
            let cut = cut.expect("exact cuts are sure");
            exact = cut.end;
            found.extend(listed(&cut));
            count += cut.lines;
        }
        prop_assert_eq!(exact, bytes.len());
        prop_assert_eq!((found, count), (listed(&expected), expected.lines));
    }
}

/// In the shortest window that is enough.
fn cut(cutter: &JsonlCutter, bytes: &[u8], start: Start, end: usize) -> Option<Cut> {
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

fn listed(cut: &Cut) -> Vec<(u32, Vec<u8>, bool)> {
    let RawRecords::Json(records) = &cut.batch.raw else {
        panic!("JSONL makes JSON records");
    };
    let is_selected = |row: usize| cut.batch.selection.contains(&offset32(row));
    let row = |row| (records.starts[row], records.record(row).to_vec(), is_selected(row));
    (0..cut.batch.rows).map(row).collect()
}

#[test]
fn a_line_longer_than_the_limit_is_skipped() {
    let text = format!("{{}}\n{{\"a\":\"{}\"}}\n{{}}\n", "x".repeat(RECORD_BYTES_MAX)).into_bytes();
    let window = Arc::new(text.clone());
    let cutter = JsonlCutter::new(&[], 0);
    let CutOutcome::Oversize { before, mut skip } = cutter.cut(&window, Start::Exact(0), 100, true)
    else {
        panic!("the second line is too long");
    };
    assert_eq!((before.end, before.batch.rows), (3, 1));
    assert_eq!(skip.feed(&text[3..1000], false), None);
    let length = skip.feed(&text[1000..], false).expect("the line ends");
    assert_eq!((&text[1000 + length..], skip.lines()), (&b"{}\n"[..], 1));
}
