//! How long expressions take: nanoseconds per record for twenty typical ones, over records that are already split into
//! fields. Reading the fields that an expression names is part of it, as in a run.
//!
//!     cargo bench --bench evaluate [WORD]
//!
//! Each is run many times over a chunk of records; the least and the middle time are printed. The least one is what to
//! compare between versions: the machine only ever adds to it.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark measures time and tells it"
)]

#[path = "common/timing.rs"]
mod timing;

use onward::decode::{CutOutcome, Decoder, Start};
use onward::error::Sql;
use onward::expr::{Scope, bind_scalar};
use onward::record::{Batch, CsvDialect, DataType, Field, Layout, SlotOrigin, Slots};
use onward::source::settings::{CsvSource, Ragged, SourceFormat};
use std::sync::Arc;
use std::time::Duration;
use timing::Timing;

/// About as many as a chunk holds.
const RECORDS: u32 = 16_384;

/// How long each expression is measured.
const TIME_PER_EXPRESSION: Duration = Duration::from_millis(400);

const COLUMNS: [(&str, &str); 10] = [
    ("id", "bigint"),
    ("country", "text"),
    ("amount", "double"),
    ("price", "decimal(12,2)"),
    ("quantity", "bigint"),
    ("status", "text"),
    ("name", "text"),
    ("day", "date"),
    ("at", "timestamp"),
    ("code", "text"),
];

const EXPRESSIONS: [&str; 22] = [
    "amount > 100 AND country IN ('DE', 'FR')",
    "amount * 1.19",
    "price > 100 AND country IN ('DE', 'FR')",
    "price * 1.19",
    "price * quantity + 4.90",
    "quantity % 7 = 0 OR quantity > 40",
    "status = 'paid'",
    "status <> 'paid' AND amount IS NOT NULL",
    "name LIKE 'Ma%'",
    "name LIKE '%er%'",
    "upper(name)",
    "country || '-' || status",
    "coalesce(nullif(code, ''), 'none')",
    "substring(name, 1, 3)",
    "CASE WHEN amount > 500 THEN 'high' WHEN amount > 100 THEN 'middle' ELSE 'low' END",
    "date_trunc('month', day)",
    "year(day) = 2024",
    "CAST(code AS bigint)",
    "regexp_matches(code, '^[0-9]+$')",
    "round(amount, 1)",
    "concat(name, ' ', quantity)",
    "at >= TIMESTAMP '2024-06-01 00:00:00'",
];

fn main() {
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    println!("{:>8} {:>8}  ns per record: least, middle", "least", "middle");
    for sql in EXPRESSIONS {
        if wanted.as_ref().is_none_or(|word| sql.contains(word)) {
            let Timing { least, middle } = measure(sql).per(f64::from(RECORDS) / 1e9);
            println!("{least:>8.1} {middle:>8.1}  {sql}");
        }
    }
}

/// What it takes for all records.
fn measure(sql: &str) -> Timing {
    let (layout, mut slots) = columns();
    let mut scope = Scope { layout: &layout, slots: &mut slots, now_micros: 0, context: "select" };
    let expression = bind_scalar(&Sql::unplaced(sql), &mut scope)
        .unwrap_or_else(|errors| panic!("{sql}: {errors:?}"));
    let (decoder, batch) = split(&slots);
    let reads = expression.reads();
    timing::measure(
        TIME_PER_EXPRESSION,
        || batch.clone(),
        |mut batch| {
            decoder.fill(&mut batch, &reads);
            expression.evaluate(&batch, &batch.selection)
        },
    )
}

fn columns() -> (Layout, Slots) {
    let mut slots = Slots::default();
    let mut fields = Vec::new();
    for (index, (name, data_type)) in COLUMNS.into_iter().enumerate() {
        let data_type = DataType::parse(data_type).expect("a type");
        let slot = slots.add(name, data_type, SlotOrigin::CsvField(index));
        fields.push(Field { name: name.to_string(), data_type, slot });
    }
    (Layout::closed(fields), slots)
}

/// The records as fields, none of them decoded.
fn split(slots: &Slots) -> (Decoder, Batch) {
    let dialect = CsvDialect { delimiter: b',', quote: Some(b'"'), escape: None, comment: None };
    let source = CsvSource {
        dialect,
        columns: None,
        skip_lines: 0,
        null: Vec::new(),
        ragged: Ragged::Reject,
    };
    let decoder = Decoder::new(&SourceFormat::Csv(source), COLUMNS.len(), slots);
    let window = Arc::new(records());
    match decoder.cut(&window, Start::Exact(0), window.len(), true) {
        CutOutcome::Cut(cut) => {
            assert_eq!(cut.batch.selection.len(), RECORDS as usize);
            (decoder, cut.batch)
        }
        other => panic!("the records are sound: {other:?}"),
    }
}

/// Orders, the same ones every time.
fn records() -> Vec<u8> {
    let countries = ["DE", "FR", "IT", "US", "GB", "NL", "PL", "ES"];
    let statuses = ["paid", "open", "cancelled"];
    let names = ["Mayer", "Martin", "Rossi", "Smith", "Jones", "de Vries", "Nowak", "Garc\u{ed}a"];
    let mut text = String::new();
    let mut state = 1_u64;
    let mut below = |end: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % end
    };
    let one_of = |words: &[&'static str], at: u64| words[usize::try_from(at).expect("few words")];
    for id in 0..RECORDS {
        let country = one_of(&countries, below(8));
        let (whole, cents) = (below(1_000), below(100));
        let (price, price_cents, quantity) = (below(500), below(100), below(50));
        let (status, name) = (one_of(&statuses, below(3)), one_of(&names, below(8)));
        let (month, day, hour, minute) = (1 + below(12), 1 + below(28), below(24), below(60));
        let code = below(1_000_000);
        text.push_str(&format!(
            "{id},{country},{whole}.{cents:02},{price}.{price_cents:02},{quantity},{status},{name},\
             2024-{month:02}-{day:02},2024-{month:02}-{day:02} {hour:02}:{minute:02}:00,{code}\n"
        ));
    }
    text.into_bytes()
}
