//! Finding records and their fields or values in a chunk.

use crate::chunk::Chunk;
use crate::data::Shape;
use crate::timing::{Timing, measure};
use onward::decode::{CutOutcome, Start};
use std::time::Duration;

const SPAN: Duration = Duration::from_millis(400);

/// Shapes, and jobs that name what has to be found.
const CASES: [(&str, Shape, &str); 4] = [
    ("CSV, 16 columns, some quotes", Shape::Lineitem, ""),
    ("CSV, 5 columns, no quotes", Shape::Users, ""),
    (
        "JSON lines, 5 paths",
        Shape::Events,
        "[[transform]]\nselect = ['id', 'type', 'actor.login AS l', 'repo.name AS r', 'payload.size AS s']\n",
    ),
    ("JSON lines, 1 path", Shape::Events, "[[transform]]\nselect = ['payload.size AS s']\n"),
];

/// Prints how fast chunks are cut.
pub fn run() {
    println!("with the vector instructions of {}:", onward::vector::name());
    println!(
        "{:>8} {:>8} {:>8}  GB/s at best and in the middle, ns per record at best",
        "best", "middle", "ns"
    );
    for (name, shape, steps) in CASES {
        let job = format!("[source]\npath = 'input'\n{steps}[sink]\npath = 'output.csv'\n");
        let chunk = Chunk::of(shape, &job);
        let starts =
            [("", Start::Exact(chunk.start())), (", guessed start", Start::AtOrAfter(1000))];
        for (how, start) in starts {
            let decoder = &chunk.bound.plan.decoder;
            let cut = || decoder.cut(&chunk.window, start, chunk.window.len(), true);
            let CutOutcome::Cut(found) = cut() else { panic!("the records are sound") };
            let bytes = (found.end - found.start) as f64;
            let Timing { least, middle } = measure(SPAN, || (), |()| cut());
            let record = least * 1e9 / found.batch.selection.len() as f64;
            let (best, middle) = (bytes / least / 1e9, bytes / middle / 1e9);
            println!("{best:>8.2} {middle:>8.2} {record:>8.1}  {name}{how}");
        }
    }
}
