//! From files through batches to files again.

use super::*;
use crate::decode::{CutOutcome, Decoder, Start};
use crate::record::{DataType, JsonPath, Rest, Text};
use crate::source::settings::{CsvSource, Ragged};
use proptest::prelude::*;
use settings::{CsvSink, LineEnd};

const COMMA: CsvDialect =
    CsvDialect { delimiter: b',', quote: Some(b'"'), escape: None, comment: None };

const TAB: CsvDialect = CsvDialect { delimiter: b'\t', ..COMMA };

fn source(dialect: CsvDialect, ragged: Ragged) -> SourceFormat {
    SourceFormat::Csv(CsvSource {
        dialect,
        columns: None,
        skip_lines: 0,
        null: vec![String::new()],
        ragged,
    })
}

fn sink(dialect: CsvDialect) -> SinkFormat {
    SinkFormat::Csv(CsvSink { dialect, header: true, line_end: LineEnd::Lf })
}

/// A job that passes fields through, and perhaps adds some.
struct Chain {
    source: SourceFormat,
    columns: usize,
    slots: Slots,
    layout: Layout,
}

impl Chain {
    /// CSV columns with types: `a`, `b:bigint`.
    fn csv(source: SourceFormat, columns: &[&str]) -> Chain {
        let mut chain = Chain::empty(source, columns.len(), Rest::Closed);
        for (index, column) in columns.iter().enumerate() {
            let (name, type_name) = column.split_once(':').unwrap_or((column, "text"));
            let data_type = DataType::parse(type_name).expect("a type");
            chain.add(name, data_type, SlotOrigin::CsvField(index));
        }
        chain
    }

    /// JSON with these keys as fields.
    fn jsonl(keys: &[&str], rest: Rest) -> Chain {
        let mut chain = Chain::empty(SourceFormat::Jsonl, 0, rest);
        for key in keys {
            let slot = chain.slots.json_path(&JsonPath::key(*key));
            chain.name(key, DataType::Json, slot);
        }
        chain
    }

    fn empty(source: SourceFormat, columns: usize, rest: Rest) -> Chain {
        Chain {
            source,
            columns,
            slots: Slots::default(),
            layout: Layout { rest, ..Layout::json() },
        }
    }

    fn add(&mut self, name: &str, data_type: DataType, origin: SlotOrigin) -> Slot {
        let slot = self.slots.add(name, data_type, origin);
        self.name(name, data_type, slot);
        slot
    }

    fn name(&mut self, name: &str, data_type: DataType, slot: Slot) {
        self.layout.fields.push(Field { name: name.to_owned(), data_type, slot });
    }

    fn encoder(&self, format: SinkFormat) -> Encoder {
        Encoder::new(format, &self.layout, &self.slots, Some(&self.source))
    }

    /// What comes out, and the reasons of the rejects. `computed` are filled before.
    fn run(
        &self,
        format: SinkFormat,
        file: &[u8],
        computed: &[(Slot, Column)],
    ) -> (Vec<u8>, Vec<String>) {
        let decoder = Decoder::new(&self.source, self.columns, &self.slots);
        let window = Arc::new(file.to_vec());
        let CutOutcome::Cut(mut cut) = decoder.cut(&window, Start::Exact(0), file.len(), true)
        else {
            panic!("a whole file can be cut");
        };
        for (slot, column) in computed {
            cut.batch.fill(*slot, Arc::new(column.clone()));
        }
        let encoder = self.encoder(format);
        decoder.fill(&mut cut.batch, &encoder.reads());
        let mut out = Vec::new();
        encoder.encode(&mut cut.batch, &mut out);
        assert_eq!(cut.batch.selection.len() + cut.batch.rejects.len(), cut.batch.rows);
        let rejects = cut.batch.rejects.iter().map(|reject| reject.reason.to_string());
        (out, rejects.collect())
    }

    fn check(&self, format: SinkFormat, file: &str, expected: &str) {
        let (out, rejects) = self.run(format, file.as_bytes(), &[]);
        assert_eq!(String::from_utf8_lossy(&out), expected);
        assert_eq!(rejects, [""; 0]);
    }
}

#[test]
fn untouched_csv_fields_leave_as_they_came() {
    let file = "1,\"a\",\n\n2,\"b\"\"c\",\"\"\r\n a\"b ,\"x\"y,\"\n\"\n";
    let lines = "1,\"a\",\n2,\"b\"\"c\",\"\"\n a\"b ,\"x\"y,\"\n\"\n";
    let whole = Chain::csv(source(COMMA, Ragged::Reject), &["a:bigint", "b", "c:date"]);
    whole.check(sink(COMMA), file, lines);
    assert_eq!(whole.encoder(sink(COMMA)).reads(), []);
    let mut some = Chain::csv(source(COMMA, Ragged::Reject), &["a", "b", "c"]);
    some.layout.fields.swap(0, 2);
    some.layout.fields.remove(1);
    some.check(sink(COMMA), file, ",1\n\"\",2\n\"\n\", a\"b \n");
}

#[test]
fn another_dialect_is_quoted_anew() {
    let chain = Chain::csv(source(COMMA, Ragged::Reject), &["a", "b"]);
    chain.check(
        sink(TAB),
        "\"a,b\",\"\"\n\"a\tb\",\n\"q\"\"\",x\ty\n",
        "a,b\t\"\"\n\"a\tb\"\t\n\"q\"\"\"\t\"x\ty\"\n",
    );
    let escaped = CsvDialect { escape: Some(b'\\'), ..COMMA };
    let chain = Chain::csv(source(escaped, Ragged::Reject), &["a", "b"]);
    chain.check(sink(COMMA), "\"a\\\"b\",x\n", "\"a\"\"b\",x\n");
    let quoteless = CsvDialect { quote: None, ..TAB };
    let chain = Chain::csv(source(COMMA, Ragged::Reject), &["a", "b"]);
    let (out, rejects) = chain.run(sink(quoteless), b"\"a,b\",\"\"\n\"a\tb\",c\n", &[]);
    assert_eq!(String::from_utf8_lossy(&out), "a,b\t\n");
    assert_eq!(rejects, ["sink: a text cannot be written without quotes"]);
}

#[test]
fn ragged_records_come_out_with_all_columns_and_no_more() {
    let chain = Chain::csv(source(COMMA, Ragged::PadAndTruncate), &["a", "b", "c"]);
    chain.check(sink(COMMA), "1,2,3\n1\n1,2,3,4\n", "1,2,3\n1,,\n1,2,3\n");
}

#[test]
fn a_lone_empty_field_is_not_a_blank_line() {
    let mut chain = Chain::csv(source(COMMA, Ragged::Reject), &["a", "b"]);
    chain.layout.fields.remove(1);
    chain.check(sink(COMMA), ",1\nx,1\n\"\",1\n", "\"\"\nx\n\"\"\n");
}

#[test]
fn headers_are_quoted_where_they_must_be() {
    let chain = Chain::csv(source(COMMA, Ragged::Reject), &["a b", "c,d", "e\"f"]);
    assert_eq!(chain.encoder(sink(COMMA)).header(), b"a b,\"c,d\",\"e\"\"f\"\n");
    assert_eq!(chain.encoder(sink(TAB)).header(), b"a b\tc,d\t\"e\"\"f\"\n");
    assert_eq!(chain.encoder(SinkFormat::Jsonl).header(), b"");
}

#[test]
fn csv_becomes_objects_with_typed_members() {
    let chain = Chain::csv(
        source(COMMA, Ragged::Reject),
        &["t", "i:bigint", "d:decimal(5,2)", "f:double", "b:boolean", "day:date"],
    );
    for (line, object) in [
        (
            "x,1,1.50,1e3,yes,2020-01-02",
            r#"{"t":"x","i":1,"d":1.50,"f":1e3,"b":true,"day":"2020-01-02"}"#,
        ),
        (
            "\"a\"\"\n\",007,+1.005,nan,0,",
            r#"{"t":"a\"\n","i":7,"d":1.01,"f":"nan","b":false,"day":null}"#,
        ),
        (
            ", -5 ,.5,-inf,,\"1999-12-31\"",
            r#"{"t":null,"i":-5,"d":0.50,"f":"-inf","b":null,"day":"1999-12-31"}"#,
        ),
        ("\"\",0,-0,5.,t,", r#"{"t":"","i":0,"d":-0,"f":5.0,"b":true,"day":null}"#),
    ] {
        chain.check(SinkFormat::Jsonl, line, &format!("{object}\n"));
    }
    let (out, rejects) = chain.run(SinkFormat::Jsonl, b"\xff,1,1,1,1,\nx,y,1,1,1,\n", &[]);
    assert_eq!(out, b"");
    assert_eq!(
        rejects,
        ["sink: column `t` is not valid UTF-8", "sink: column `i` is not a bigint"]
    );
}

#[test]
fn json_lines_leave_as_they_came() {
    let file = " {\"a\": 1.50, \"b\":\"\\u00e9\"}\r\n\n{}\n";
    let lines = "{\"a\": 1.50, \"b\":\"\\u00e9\"}\n{}\n";
    Chain::jsonl(&[], Rest::Json).check(SinkFormat::Jsonl, file, lines);
    Chain::jsonl(&["a"], Rest::Json).check(SinkFormat::Jsonl, file, lines);
    Chain::jsonl(&["b", "a"], Rest::Closed).check(
        SinkFormat::Jsonl,
        file,
        "{\"b\":\"\\u00e9\",\"a\":1.50}\n{\"b\":null,\"a\":null}\n",
    );
}

#[test]
fn computed_fields_are_spliced_into_the_object() {
    let mut chain = Chain::jsonl(&["a"], Rest::Json);
    let own = chain.layout.fields.remove(0).slot;
    chain.slots.json_path(&JsonPath::key("new\""));
    let replaced = chain.add("a", DataType::Bigint, SlotOrigin::Computed);
    let added = chain.add("new\"", DataType::Text, SlotOrigin::Computed);
    chain.name("copy", DataType::Json, own);
    let mut texts = Text::filled(Arc::default(), 4);
    (0..4).for_each(|row| texts.set(row, b"x\n"));
    let computed = [
        (replaced, Column::new(Values::Bigint(vec![5; 4]))),
        (added, Column::new(Values::Text(texts))),
    ];
    let file = b"{\"a\": [1, 2] , \"z\":0 }\n{}\n{ }\n{\"new\\\"\":null,\"q\":{\"a\":1}}\n";
    let (out, rejects) = chain.run(SinkFormat::Jsonl, file, &computed);
    let expected = [
        r#"{"a": 5 , "z":0,"new\"":"x\n","copy":[1, 2]}"#,
        r#"{"a":5,"new\"":"x\n","copy":null}"#,
        r#"{"a":5,"new\"":"x\n","copy":null}"#,
        r#"{"new\"":"x\n","q":{"a":1},"a":5,"copy":null}"#,
    ];
    assert_eq!(String::from_utf8_lossy(&out), expected.join("\n") + "\n");
    assert_eq!(rejects, [""; 0]);
}

#[test]
fn json_becomes_csv_with_nested_values_as_text() {
    let chain = Chain::jsonl(&["a", "b"], Rest::Closed);
    chain.check(
        sink(COMMA),
        "{\"a\":\"x,\\\"\\u00e9\",\"b\":{\"c\": [1]}}\n\
         {\"a\":\"\",\"b\":null}\n{\"b\":1.50}\n{\"a\":[1,2]}\n",
        "\"x,\"\"\u{e9}\",\"{\"\"c\"\": [1]}\"\n\"\",\n,1.50\n\"[1,2]\",\n",
    );
    let (out, rejects) = chain.run(sink(COMMA), b"{\"a\":\"\\ud800\"}\n{\"a\":1}\n", &[]);
    assert_eq!(String::from_utf8_lossy(&out), "1,\n");
    assert_eq!(rejects, ["sink: a text holds half a surrogate pair"]);
}

#[test]
fn computed_values_are_written_in_both_formats() {
    let mut chain = Chain::empty(source(COMMA, Ragged::Reject), 1, Rest::Closed);
    let number = chain.add("n", DataType::Double, SlotOrigin::Computed);
    let time = chain.add("t", DataType::Timestamp, SlotOrigin::Computed);
    let json = chain.add("j", DataType::Json, SlotOrigin::Computed);
    let mut texts = Text::filled(Arc::default(), 3);
    texts.set(0, b"\"x\"");
    texts.set(1, b"[1,2]");
    let mut faulty = Column::new(Values::Double(vec![1.0, f64::INFINITY, 0.0]));
    faulty.set_fault(2, &"division by zero".into());
    let computed = [
        (number, faulty),
        (time, Column::new(Values::Timestamp(vec![0, 1_500_000, 0]))),
        (json, Column::new(Values::Json(texts))),
    ];
    let space = CsvDialect { delimiter: b' ', ..COMMA };
    for (format, expected) in [
        (sink(COMMA), "1.0,1970-01-01 00:00:00,x\ninf,1970-01-01 00:00:01.5,\"[1,2]\"\n"),
        (sink(space), "1.0 \"1970-01-01 00:00:00\" x\ninf \"1970-01-01 00:00:01.5\" [1,2]\n"),
        (
            SinkFormat::Jsonl,
            "{\"n\":1.0,\"t\":\"1970-01-01 00:00:00\",\"j\":\"x\"}\n\
             {\"n\":\"inf\",\"t\":\"1970-01-01 00:00:01.5\",\"j\":[1,2]}\n",
        ),
    ] {
        let (out, rejects) = chain.run(format, b"1\n2\n3\n", &computed);
        assert_eq!(String::from_utf8_lossy(&out), expected);
        assert_eq!(rejects, ["sink: division by zero"]);
    }
}

#[test]
fn numbers_keep_their_text_only_where_json_allows_it() {
    for (text, expected) in [
        ("0", true),
        ("-0.0", true),
        ("10", true),
        ("1.5e+3", true),
        ("1E5", true),
        ("", false),
        ("-", false),
        ("01", false),
        (".5", false),
        ("5.", false),
        ("+1", false),
        ("1e", false),
        ("1e+", false),
        ("1 ", false),
        ("nan", false),
        ("0x1", false),
    ] {
        assert_eq!(jsonl::is_json_number(text.as_bytes()), expected, "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(300)
    })]

    #[test]
    fn what_was_written_in_another_dialect_says_the_same(
        fields in prop::collection::vec(prop::collection::vec("[a,\"\t\r\n ]{0,4}", 2), 1..10),
    ) {
        let mut writer = ::csv::WriterBuilder::new()
            .quote_style(::csv::QuoteStyle::NonNumeric)
            .from_writer(Vec::new());
        for record in &fields {
            writer.write_record(record).expect("memory takes everything");
        }
        let file = writer.into_inner().expect("memory takes everything");
        let there = Chain::csv(source(COMMA, Ragged::Reject), &["a", "b"]);
        let back = Chain::csv(source(TAB, Ragged::Reject), &["a", "b"]);
        let (tabs, rejects) = there.run(sink(TAB), &file, &[]);
        prop_assert_eq!(rejects, [""; 0]);
        for (bytes, delimiter) in [(&tabs, b'\t'), (&back.run(sink(COMMA), &tabs, &[]).0, b',')] {
            let mut reader = ::csv::ReaderBuilder::new()
                .has_headers(false)
                .delimiter(delimiter)
                .from_reader(&bytes[..]);
            let read = reader.deserialize().map(|record| record.expect("readable"));
            let read: Vec<Vec<String>> = read.collect();
            prop_assert_eq!(&read, &fields);
        }
    }
}
