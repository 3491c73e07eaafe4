//! Parse, run, exit code. Everything else is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(feature = "mutants")]
    make_mistake();
    onward::cli::run(std::env::args_os()).into()
}

/// In tests `ONWARD_MUTANT` names a mistake that the program is to make.
#[cfg(feature = "mutants")]
fn make_mistake() {
    use onward::storage::mutants::{Mutant, choose};
    let named = std::env::var("ONWARD_MUTANT").ok().and_then(|name| Mutant::named(&name));
    named.into_iter().for_each(choose);
}
