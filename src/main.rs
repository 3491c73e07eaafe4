//! Parse, run, exit code. Everything else is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(feature = "mutants")]
    make_mistake();
    onward::cli::run(std::env::args_os()).into()
}

/// In tests `ONWARD_MUTANT` names a mistake that the program is to make; it says so.
#[cfg(feature = "mutants")]
fn make_mistake() {
    let name = std::env::var("ONWARD_MUTANT").ok();
    if let Some(mutant) = name.and_then(|name| onward::storage::mutants::obey(&name)) {
        let name = mutant.name();
        onward::cli::note(&format!("this build makes mistakes on purpose: {name}"));
    }
}
