//! The only module that knows terminal, environment and process.
//!
//! One file per command; what they share is how the command line is read (`args`), how things are said (`messages`,
//! `summary`, `progress`, `table`, `numbers`), what is heard from outside (`signals`), and how the process ends (`exit`).
//! Answers go to standard output, everything else to standard error.

pub mod args;

mod check;

mod checkpoint;

pub mod exit;

mod functions;

pub mod help;

pub mod job_file;

pub mod messages;

pub mod numbers;

mod plan;

mod preview;

pub mod progress;

mod prove;

mod run;

pub mod signals;

mod standing;

mod status;

pub mod summary;

pub mod table;

mod world;

use args::{Arguments, Command};
use clap::Parser;
use exit::Exit;

use crate::error::Error;
use job_file::Failure;
use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Does what a command line says, and returns how it ended; failures have been told by then.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(refusal) => return refuse(&refusal),
    };
    // A panic has told what happened; what is left to say is that nothing is lost.
    let ended = catch_unwind(AssertUnwindSafe(|| dispatch(&arguments.command)));
    let ended = ended.unwrap_or_else(|_| Err(Failure::Error(Error::internal("a panic"))));
    match ended {
        Ok(exit) => exit,
        Err(Failure::Told(shown)) => {
            messages::show(&shown);
            Exit::Usage
        }
        Err(Failure::Error(error)) => {
            messages::show(&messages::error(&error));
            Exit::from(error.kind)
        }
    }
}

fn dispatch(command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Run(arguments) => run::run(arguments),
        Command::Check(arguments) => check::check(arguments),
        Command::Plan(arguments) => plan::plan(arguments),
        Command::Preview(arguments) => preview::preview(arguments),
        Command::Status(arguments) => status::status(arguments),
        Command::Prove(arguments) => prove::prove(arguments),
        Command::Checkpoint(command) => checkpoint::checkpoint(command),
        Command::Functions(arguments) => functions::functions(arguments).map_err(Failure::Error),
        Command::Help(arguments) => help::help(arguments).map_err(Failure::Error),
    }
}

/// Tells whoever runs the program something beside what it was asked for.
#[cfg(feature = "mutants")]
pub fn note(text: &str) {
    messages::show(&messages::note(text));
}

/// Help and version are answers; everything else that clap says is a wrong command line.
fn refuse(refusal: &clap::Error) -> Exit {
    if !refusal.use_stderr() {
        // Nobody can be told where that fails.
        let _unreported = refusal.print();
        return Exit::Finished;
    }
    let text = refusal.render().to_string();
    let prefix = if text.starts_with("error:") { "onward: " } else { "" };
    messages::show(&format!("{prefix}{text}"));
    Exit::Usage
}
