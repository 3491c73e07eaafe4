//! Decoding the values of one column, by type.

use crate::chunk::Chunk;
use crate::timing::{Timing, measure};
use onward::record::Slot;
use std::fmt::Write as _;
use std::time::Duration;

const SPAN: Duration = Duration::from_millis(150);

const RECORDS: u64 = 16_384;

/// Columns with their types as a job file has them.
const COLUMNS: [(&str, &str); 13] = [
    ("boolean", "'boolean'"),
    ("bigint", "'bigint'"),
    ("decimal", "'decimal(12,2)'"),
    ("wide_decimal", "'decimal(38,10)'"),
    ("double", "'double'"),
    ("date", "'date'"),
    ("time", "'time'"),
    ("timestamp", "'timestamp'"),
    ("timestamptz", "'timestamptz'"),
    ("formatted_date", "{ type = 'date', format = '%d/%m/%Y' }"),
    ("text", "'text'"),
    ("quoted_text", "'text'"),
    ("list", "'bigint[]'"),
];

/// Prints what a value of each type takes.
pub fn run() {
    let types: Vec<String> = COLUMNS.map(|(name, kind)| format!("{name} = {kind}")).to_vec();
    let types = types.join(", ");
    println!("{:>8} {:>8}  ns per value", "least", "middle");
    for extension in ["csv", "jsonl"] {
        // A JSON value is only looked for where a step names it.
        let names: Vec<String> = COLUMNS.iter().map(|(name, _)| format!("'{name}'")).collect();
        let job = format!(
            "[source]\npath = 'input'\ntypes = {{ {types} }}\n[[transform]]\nselect = [{}]\n[sink]\npath = 'o.csv'\n",
            names.join(", ")
        );
        let bytes = if extension == "csv" { csv() } else { jsonl() };
        let chunk = Chunk::new(&job, extension, bytes.into_bytes());
        let batch = chunk.batch();
        for (name, _) in COLUMNS {
            let infos = &chunk.bound.plan.slots.infos;
            let slot = Slot(infos.iter().position(|info| info.name == name).expect("a column"));
            let Timing { least, middle } = measure(
                SPAN,
                || batch.clone(),
                |mut batch| {
                    chunk.bound.plan.decoder.fill(&mut batch, &[slot]);
                    batch
                },
            )
            .per(RECORDS as f64 / 1e9);
            println!("{least:>8.1} {middle:>8.1}  {extension} {name}");
        }
    }
}

/// The values of a record; texts still without quotes.
fn values(record: u64) -> [String; 13] {
    // Numbers without an order and of different lengths.
    let number = record * 2_654_435_761 % 1_000_003;
    let (small, day, month) = (number % 1000, 1 + number % 28, 1 + number % 12);
    let (hour, minute, second) = (number % 24, number % 60, number % 59);
    [
        if number.is_multiple_of(2) { "true" } else { "false" }.to_owned(),
        format!("{number}"),
        format!("{number}.{:02}", number % 100),
        format!("{number}{number}.{number:010}"),
        format!("{small}.{number}"),
        format!("2024-{month:02}-{day:02}"),
        format!("{hour:02}:{minute:02}:{second:02}"),
        format!("2024-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.250"),
        format!("2024-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"),
        format!("{day:02}/{month:02}/2024"),
        format!("street {number}"),
        format!("no. {number}, \"{small}\""),
        format!("[{number}, {small}, 7]"),
    ]
}

fn csv() -> String {
    let mut text = COLUMNS.map(|(name, _)| name).join(",") + "\n";
    for record in 0..RECORDS {
        let fields = values(record).map(|value| match value.contains([',', '"']) {
            true => format!("\"{}\"", value.replace('"', "\"\"")),
            false => value,
        });
        writeln!(text, "{}", fields.join(",")).expect("a string takes everything");
    }
    text
}

fn jsonl() -> String {
    let mut text = String::new();
    for record in 0..RECORDS {
        let members = COLUMNS.iter().zip(values(record)).map(|((name, _), value)| {
            let is_bare = ["boolean", "bigint", "decimal", "double", "list"].contains(name);
            let value = if is_bare { value } else { format!("{value:?}") };
            format!("\"{name}\":{value}")
        });
        let members: Vec<String> = members.collect();
        writeln!(text, "{{{}}}", members.join(",")).expect("a string takes everything");
    }
    text
}
