//! Writing records: what came as it came, computed values, and from one format to the other.

use crate::chunk::Chunk;
use crate::data::Shape;
use crate::timing::{Timing, measure};
use onward::encode::Encoder;
use std::time::Duration;

const SPAN: Duration = Duration::from_millis(300);

/// Names, shapes, steps and output formats.
const CASES: [(&str, Shape, &str, &str); 7] = [
    ("CSV to CSV, whole records", Shape::Lineitem, "", "csv"),
    (
        "CSV to CSV, 5 of 16 fields",
        Shape::Lineitem,
        "select = ['l_orderkey', 'l_partkey', 'l_quantity', 'l_extendedprice', 'l_comment']",
        "csv",
    ),
    (
        "CSV to CSV, 16 fields and a computed decimal",
        Shape::Lineitem,
        "compute = ['CAST(l_extendedprice AS decimal(12,2)) * 2 AS twice']",
        "csv",
    ),
    (
        "CSV to CSV, 4 computed values",
        Shape::Lineitem,
        "select = ['CAST(l_orderkey AS bigint) + 1 AS a', 'CAST(l_tax AS double) / 3 AS b', \
         'CAST(l_shipdate AS date) + 1 AS c', 'upper(l_comment) AS d']",
        "csv",
    ),
    ("CSV to JSON lines, 16 fields", Shape::Lineitem, "", "jsonl"),
    (
        "JSON lines to JSON lines, 4 values",
        Shape::Events,
        "select = ['id', 'type', 'actor.login AS login', 'repo.name AS name']",
        "jsonl",
    ),
    (
        "JSON lines to CSV, 4 values",
        Shape::Events,
        "select = ['id', 'type', 'actor.login AS login', 'repo.name AS name']",
        "csv",
    ),
];

/// Prints what a record takes.
pub fn run() {
    println!("{:>8} {:>8} {:>8}  ns per record, MB/s of output at best", "least", "middle", "MB/s");
    for (name, shape, step, format) in CASES {
        let step = if step.is_empty() { String::new() } else { format!("[[transform]]\n{step}\n") };
        let job = format!("[source]\npath = 'input'\n{step}[sink]\npath = 'output.{format}'\n");
        let chunk = Chunk::of(shape, &job);
        let plan = &chunk.bound.plan;
        let (sink, source) = (&chunk.job.sinks[0], &chunk.job.source.format);
        let encoder = Encoder::new(sink.format, &plan.chain.layout, &plan.slots, Some(source));
        let batch = plan.chain.run_stateless(chunk.batch(), 0, plan);
        let mut batch = batch.expect("no step has a state");
        plan.decoder.fill(&mut batch, &encoder.reads());
        let mut bytes = Vec::new();
        encoder.encode(&mut batch.clone(), &mut bytes);
        let (records, length) = (batch.selection.len() as f64, bytes.len() as f64);
        let time = measure(
            SPAN,
            || batch.clone(),
            |mut batch| {
                bytes.clear();
                encoder.encode(&mut batch, &mut bytes);
            },
        );
        let speed = length / time.least / 1e6;
        let Timing { least, middle } = time.per(records / 1e9);
        println!("{least:>8.1} {middle:>8.1} {speed:>8.0}  {name}");
    }
}
