//! Onward and its peers on the same work, side by side; `cargo bench --bench compare -- --help` says how.
//!
//! What a run takes is measured from outside, on the release binary, file to file, with the input in memory.
//! Contestants run in turn, and ratios are those of neighbours. The outputs of all are compared, as sets of records.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a benchmark makes files, measures time and tells it"
)]

#[path = "../common/bound.rs"]
mod bound;

mod options;

mod workload;

#[path = "../common/data/mod.rs"]
mod data;

mod inputs;

mod peers;

mod contestant;

mod child;

mod race;

mod same;

mod agree;

mod compare;

mod modes;

mod table;

use clap::Parser;
use options::Options;
use std::process::ExitCode;

fn main() -> ExitCode {
    let options = Options::parse();
    match options.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("compare: error: {problem}");
            ExitCode::FAILURE
        }
    }
}
