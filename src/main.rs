//! Parse, run, exit code. Everything else is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    onward::cli::run(std::env::args_os()).into()
}
