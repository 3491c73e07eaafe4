//! Columns of every type, from both formats.

use super::*;
use crate::decode::{CutOutcome, Decoder, Start};
use crate::record::{CsvDialect, JsonPath, NumberFormat, Slot, SlotOrigin, Slots};
use crate::source::settings::{CsvSource, Ragged, SourceFormat};

/// The batch of a whole file in which the slots 0 and up were filled.
fn filled(format: &SourceFormat, slots: &Slots, columns: usize, file: &[u8]) -> Batch {
    let decoder = Decoder::new(format, columns, slots);
    let window = Arc::new(file.to_vec());
    match decoder.cut(&window, Start::Exact(0), file.len(), true) {
        CutOutcome::Cut(mut cut) => {
            let all: Vec<Slot> = (0..slots.infos.len()).map(Slot).collect();
            decoder.fill(&mut cut.batch, &all);
            cut.batch
        }
        other => panic!("a whole file can be cut: {other:?}"),
    }
}

/// Each row of a column as text: its value, `NULL`, or the fault.
fn shown(column: &Column) -> Vec<String> {
    let show = |row: usize| {
        let fault = column.faults.get(u32::try_from(row).expect("small"));
        if let Some(fault) = fault {
            return format!("! {fault}");
        }
        if !column.is_valid(row) {
            return "NULL".to_owned();
        }
        match &column.values {
            Values::Boolean(values) => values[row].to_string(),
            Values::Bigint(values)
            | Values::Time(values)
            | Values::Timestamp(values)
            | Values::Timestamptz(values) => values[row].to_string(),
            Values::Interval(values) => format!("{:?}", values[row]),
            Values::Decimal { units, .. } => units[row].to_string(),
            Values::Double(values) => values[row].to_string(),
            Values::Date(values) => values[row].to_string(),
            Values::Text(texts) | Values::Json(texts) | Values::List(texts, _) => {
                String::from_utf8_lossy(texts.get(row)).into_owned()
            }
        }
    };
    (0..column.rows()).map(show).collect()
}

fn csv(null: &[&str], ragged: Ragged) -> SourceFormat {
    SourceFormat::Csv(CsvSource {
        dialect: CsvDialect { delimiter: b',', quote: Some(b'"'), escape: None, comment: None },
        columns: None,
        skip_lines: 0,
        null: null.iter().map(|&text| text.to_owned()).collect(),
        ragged,
    })
}

/// Reads the second of two CSV fields, one per line.
fn check_csv(type_name: &str, fields: &[(&str, &str)]) {
    let mut slots = Slots::default();
    let data_type = DataType::parse(type_name).expect("a type");
    let slot = slots.add("v", data_type, SlotOrigin::CsvField(1));
    let file: String = fields.iter().map(|(field, _)| format!("k,{field}\n")).collect();
    let batch = filled(&csv(&["", "NA"], Ragged::Reject), &slots, 2, file.as_bytes());
    let expected: Vec<&str> = fields.iter().map(|(_, value)| *value).collect();
    assert_eq!(shown(batch.column(slot)), expected, "{type_name}");
}

/// Reads the value of one key, one record a line.
fn check_json(type_name: &str, values: &[(&str, &str)]) {
    let mut slots = Slots::default();
    slots.declared.push(("v".to_owned(), DataType::parse(type_name).expect("a type")));
    let slot = slots.json_path(&JsonPath::key("v"));
    let file: String = values.iter().map(|(value, _)| format!("{{\"v\":{value}}}\n")).collect();
    let batch = filled(&SourceFormat::Jsonl, &slots, 0, file.as_bytes());
    let expected: Vec<&str> = values.iter().map(|(_, value)| *value).collect();
    assert_eq!(shown(batch.column(slot)), expected, "{type_name}");
}

#[test]
fn csv_fields_become_numbers_nulls_or_faults() {
    check_csv(
        "bigint",
        &[
            ("1", "1"),
            (" -2 ", "-2"),
            ("\"3\"", "3"),
            ("", "NULL"),
            ("NA", "NULL"),
            (" NA", "NULL"),
            ("\"NA\"", "! column `v` is not a bigint"),
            ("\"\"", "! column `v` is not a bigint"),
            ("1.0", "! column `v` is not a bigint"),
            ("9223372036854775808", "! column `v` is out of range for bigint"),
        ],
    );
    check_csv(
        "decimal(5,2)",
        &[
            ("1.5", "150"),
            ("\"-0.015\"", "-2"),
            ("1000", "! column `v` is out of range for decimal(5,2)"),
            ("x", "! column `v` is not a decimal(5,2)"),
        ],
    );
    check_csv(
        "double",
        &[
            ("1e3", "1000"),
            ("nan", "NaN"),
            ("-inf", "-inf"),
            ("1e400", "! column `v` is out of range for double"),
        ],
    );
}

#[test]
fn csv_fields_become_texts_days_and_truths() {
    check_csv(
        "boolean",
        &[("Yes", "true"), ("0", "false"), ("2", "! column `v` is not a boolean")],
    );
    check_csv("date", &[("1970-01-02", "1"), ("1970-02-30", "! column `v` is not a date")]);
    check_csv("timestamp", &[("1970-01-01T00:00:01Z", "1000000")]);
    check_csv(
        "text",
        &[
            ("a b", "a b"),
            (" a ", " a "),
            ("\"a,\"\"b\"\"\"", "a,\"b\""),
            ("\"a\"b", "ab"),
            ("a\"b", "a\"b"),
            ("\"\"", ""),
            ("", "NULL"),
            ("\"NA\"", "NA"),
            (" NA", " NA"),
        ],
    );
}

#[test]
fn csv_fields_become_times_and_lists() {
    check_csv("time", &[("10:00", "36000000000"), ("25:00", "! column `v` is not a time")]);
    check_csv("timestamptz", &[("1970-01-01 01:00+01", "0")]);
    check_csv(
        "interval",
        &[
            ("1 day", "Interval { months: 0, days: 1, micros: 0 }"),
            ("1 dag", "! column `v` is not an interval"),
        ],
    );
    check_csv(
        "bigint[]",
        &[
            ("\"[1, null]\"", "[1,null]"),
            ("[]", "[]"),
            ("[1", "! column `v` is not a bigint[]"),
            ("\"[1,\"\"2\"\"]\"", "! column `v` holds an element of another type"),
        ],
    );
}

#[test]
fn declared_formats_say_how_texts_are_read() {
    let moment = |format: &str| Reading::Moment(Arc::new(Format::parse(format).expect(format)));
    let number = Reading::Number(NumberFormat { decimal: b',', thousands: Some(b'.') });
    let check = |type_name: &str, reading: &Reading, fields: &[(&str, &str)]| {
        let data_type = DataType::parse(type_name).expect("a type");
        let expected: Vec<&str> = fields.iter().map(|(_, value)| *value).collect();
        let mut slots = Slots::default();
        let slot = slots.add("v", data_type, SlotOrigin::CsvField(1));
        slots.set_reading(slot, reading.clone());
        let file: String = fields.iter().map(|(field, _)| format!("k,\"{field}\"\n")).collect();
        let batch = filled(&csv(&[""], Ragged::Reject), &slots, 2, file.as_bytes());
        assert_eq!(shown(batch.column(slot)), expected, "{type_name} in CSV");
        let mut slots = Slots::default();
        slots.declared.push(("v".to_owned(), data_type));
        slots.readings.push(("v".to_owned(), reading.clone()));
        let slot = slots.json_path(&JsonPath::key("v"));
        let file: String =
            fields.iter().map(|(value, _)| format!("{{\"v\":\"{value}\"}}\n")).collect();
        let batch = filled(&SourceFormat::Jsonl, &slots, 0, file.as_bytes());
        let of_key = expected.iter().map(|value| value.replace("column", "key"));
        assert_eq!(shown(batch.column(slot)), of_key.collect::<Vec<_>>(), "{type_name} in JSON");
    };
    let bad_day = "! column `v` is not a date of its declared format";
    check("date", &moment("%d/%m/%Y"), &[("02/01/1970", "1"), ("1970-01-02", bad_day)]);
    check("time", &moment("%I:%M %p"), &[("12:01 AM", "60000000")]);
    check("timestamp", &moment("%Y%m%d %H"), &[("19700101 01", "3600000000")]);
    check("timestamptz", &moment("%Y-%m-%d %H %z"), &[("1970-01-01 01 +0100", "0")]);
    let bad_number = "! column `v` is not a decimal(9,2) of its declared format";
    check("decimal(9,2)", &number, &[("1.234,5", "123450"), ("1234.5", bad_number)]);
    check("bigint", &number, &[(" 1.000 ", "1000"), ("7", "7")]);
}

#[test]
fn numbers_in_json_need_no_declared_format() {
    let mut slots = Slots::default();
    slots.declared.push(("v".to_owned(), DataType::Double));
    let number = Reading::Number(NumberFormat { decimal: b',', thousands: None });
    slots.readings.push(("v".to_owned(), number));
    let slot = slots.json_path(&JsonPath::key("v"));
    let file = b"{\"v\":1.5}\n{\"v\":\"1,5\"}\n{\"v\":true}\n";
    let batch = filled(&SourceFormat::Jsonl, &slots, 0, file);
    assert_eq!(shown(batch.column(slot)), ["1.5", "1.5", "! key `v` is not a number"]);
}

#[test]
fn text_that_is_not_utf8_is_a_fault_and_missing_fields_are_null() {
    let mut slots = Slots::default();
    let first = slots.add("a", DataType::Text, SlotOrigin::CsvField(0));
    let second = slots.add("b", DataType::Text, SlotOrigin::CsvField(1));
    let third = slots.add("c", DataType::Text, SlotOrigin::CsvField(2));
    let file = b"\xff,x,\nok\ny,,NA\n";
    let batch = filled(&csv(&["NA"], Ragged::Pad), &slots, 3, file);
    assert_eq!(shown(batch.column(first)), ["! column `a` is not valid UTF-8", "ok", "y"]);
    assert_eq!(shown(batch.column(second)), ["x", "NULL", ""]);
    assert_eq!(shown(batch.column(third)), ["", "NULL", "NULL"]);
}

#[test]
fn only_selected_rows_are_decoded_and_filled_slots_are_kept() {
    let mut slots = Slots::default();
    let slot = slots.add("a", DataType::Bigint, SlotOrigin::CsvField(0));
    let decoder = Decoder::new(&csv(&[""], Ragged::Reject), 1, &slots);
    let window = Arc::new(b"1\nx\n3\n".to_vec());
    let CutOutcome::Cut(mut cut) = decoder.cut(&window, Start::Exact(0), 6, true) else {
        panic!("a whole file can be cut");
    };
    cut.batch.retain(|row| row != 1);
    decoder.fill(&mut cut.batch, &[slot]);
    assert_eq!(shown(cut.batch.column(slot)), ["1", "0", "3"]);
    let column = cut.batch.column(slot).clone();
    decoder.fill(&mut cut.batch, &[slot]);
    assert!(Arc::ptr_eq(&column, cut.batch.column(slot)));
}

#[test]
fn json_values_are_read_by_kind() {
    check_json(
        "bigint",
        &[
            ("1", "1"),
            ("null", "NULL"),
            ("\"1\"", "! key `v` is not a number"),
            ("1.5", "! key `v` is not a bigint"),
            ("9223372036854775808", "! key `v` is out of range for bigint"),
        ],
    );
    check_json(
        "decimal(5,2)",
        &[("1.5", "150"), ("1e2", "10000"), ("[]", "! key `v` is not a number")],
    );
    check_json("double", &[("-1.5", "-1.5"), ("1e400", "! key `v` is out of range for double")]);
    check_json("boolean", &[("true", "true"), ("\"true\"", "! key `v` is not true or false")]);
    check_json("date", &[("\"1970-01-02\"", "1"), ("1", "! key `v` is not a string")]);
    check_json(
        "text",
        &[
            ("\"a\"", "a"),
            ("\"\"", ""),
            ("\"\\u00e9\\n\"", "\u{e9}\n"),
            ("\"\\ud800\"", "! key `v` holds half a surrogate pair"),
            ("1", "! key `v` is not a string"),
        ],
    );
    check_json(
        "text[]",
        &[("[\"a\" , null]", "[\"a\",null]"), ("\"a\"", "! key `v` is not an array")],
    );
    check_json("time", &[("\"00:01\"", "60000000"), ("1", "! key `v` is not a string")]);
    check_json("json", &[("{\"a\": 1}", "{\"a\": 1}"), ("\"x\"", "\"x\""), ("null", "NULL")]);
}

#[test]
fn a_value_in_quotes_is_never_taken_for_one_without_whatever_the_quotes_are() {
    let shown_with = |quote: Option<u8>, data_type: DataType, field: &[u8]| {
        let SourceFormat::Csv(mut settings) = csv(&[], Ragged::Reject) else { unreachable!() };
        settings.dialect.quote = quote;
        let mut slots = Slots::default();
        let slot = slots.add("v", data_type, SlotOrigin::CsvField(1));
        let file = [b"k,", field, b"\n"].concat();
        let batch = filled(&SourceFormat::Csv(settings.clone()), &slots, 2, &file);
        let is_one = batch.selection.len() == 1;
        (is_one.then(|| shown(batch.column(slot))), settings.dialect)
    };
    let mut quoted = 0;
    for (type_name, values) in [
        ("bigint", &["1212", "11", "-5-", "+7", "0"][..]),
        ("decimal(9,2)", &["1212", "1.51", ".5.", "1e1"]),
        ("double", &["nan", "inf", "1.51", "-1-", "1e1"]),
        ("boolean", &["tft", "true", "yesy", "1", "010"]),
        ("date", &["2024-01-02", "12024-01-021"]),
        ("time", &["12:00:00", ":12:00:"]),
        ("timestamp", &["2024-01-02 03:04:05", "2024-01-02T03:04:05Z"]),
        ("interval", &["-1 day -2 hours", "1 day", "d1 dayd"]),
    ] {
        let data_type = DataType::parse(type_name).expect("a type");
        for quote in (1..128).filter(|byte| !matches!(byte, b'\n' | b'\r' | b',')) {
            for value in values {
                let (found, dialect) = shown_with(Some(quote), data_type, value.as_bytes());
                let Some(found) = found else { continue };
                let said = dialect.unquote(value.as_bytes());
                let (expected, _) = shown_with(None, data_type, &said);
                assert_eq!(Some(found), expected, "{type_name} {value} in {}", char::from(quote));
                quoted += u32::from(dialect.is_quoted(value.as_bytes()));
                // What holds the quotes of no dialect is not a value.
                let whole = [&[quote], value.as_bytes(), &[quote]].concat();
                let may_be_one = text::may_stand_in_value(quote);
                let (plain, _) = shown_with(None, data_type, &whole);
                let is_fault = plain.is_some_and(|plain| plain[0].starts_with('!'));
                let is_space = quote.is_ascii_whitespace();
                assert!(may_be_one || is_fault || is_space, "{type_name} {value} {quote}");
            }
        }
    }
    assert!(quoted > 10, "only {quoted} values are in quotes");
}
