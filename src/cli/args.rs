//! The command line as clap understands it.
//!
//! Help is imperative, without final periods; `-h` fits a screen, `--help` adds a worked example.

use super::checkpoint::args::CheckpointCommand;
use crate::job;
use clap::{Args, Parser, Subcommand, ValueEnum, value_parser};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

/// Run a chain of transforms over CSV and JSONL files, and go on exactly where it was stopped
#[derive(Debug, Parser)]
#[command(
    name = "onward",
    version,
    disable_help_subcommand = true,
    arg_required_else_help = true,
    max_term_width = 100,
    after_long_help = MAIN_EXAMPLE
)]
pub struct Arguments {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start a job, or go on with it where it was stopped
    Run(RunArguments),
    /// Validate a job file without reading records
    Check(CheckArguments),
    /// Say what a run would do: start, resume, or refuse and why
    Plan(PlanArguments),
    /// Show the first records that come out of the chain
    Preview(PreviewArguments),
    /// Show how far a job is
    Status(AnswerArguments),
    /// Kill a job again and again, and show that its outputs are the same
    ///
    /// Runs the job once undisturbed, then kills it N times with SIGKILL, each time in another run, goes on with it, and
    /// compares all outputs. Everything is written into a folder that is removed in the end: the job, its checkpoints and
    /// its outputs stay as they are. Needs room for two or three times the outputs
    Prove(ProveArguments),
    /// Take, inspect and handle checkpoints
    #[command(subcommand, after_long_help = CHECKPOINT_EXAMPLE)]
    Checkpoint(CheckpointCommand),
    /// List the functions of expressions, look for some, or explain one
    Functions(FunctionsArguments),
    /// Show a guide or the help of a command
    Help(HelpArguments),
}

/// The job, as every command takes it.
#[derive(Debug, Args)]
pub struct JobArguments {
    /// Job file
    #[arg(value_name = "JOB")]
    pub job: PathBuf,

    /// Override a value of the job file, such as `sink.path=out.csv` or `transform.0.limit=5`
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    pub overrides: Vec<(String, String)>,
}

/// `onward run`
#[derive(Debug, Args)]
#[command(after_long_help = RUN_EXAMPLE)]
pub struct RunArguments {
    /// The job.
    #[command(flatten)]
    pub job: JobArguments,

    /// Give up the job's checkpoints and start over
    #[arg(long)]
    pub fresh: bool,

    /// Use so many worker threads [default: one per processor]
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,

    /// Show progress: a bar on a terminal, plain lines elsewhere
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub progress: ProgressChoice,

    /// Replace an output file that is not this job's own
    #[arg(long)]
    pub overwrite: bool,

    /// Go on although steps without state have changed
    #[arg(long)]
    pub accept_changes: bool,

    /// Accept a checkpoint directory that others can write
    #[arg(long)]
    pub unsafe_dir: bool,

    /// Leave without a last checkpoint when it takes longer after a signal
    #[arg(long, value_name = "DURATION", default_value = "8s", value_parser = duration)]
    pub shutdown_timeout: Duration,

    /// Take a checkpoint and stop after so long, with exit code 75
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub max_runtime: Option<Duration>,

    /// Take a checkpoint and stop behind so many records more, with exit code 75
    #[arg(long, value_name = "RECORDS", value_parser = value_parser!(u64).range(1..))]
    pub stop_after: Option<u64>,

    /// Cut the inputs into chunks of so many bytes
    #[arg(long, value_name = "BYTES", hide = true, value_parser = chunk_bytes)]
    pub chunk_bytes: Option<u64>,

    /// Take a checkpoint and stop after so many barriers
    #[arg(long, value_name = "N", hide = true)]
    pub stop_after_barriers: Option<u64>,

    /// How `onward prove` has it run.
    #[command(flatten)]
    pub rehearsal: RehearsalArguments,
}

/// What makes a run one that only rehearses the job.
#[derive(Debug, Args)]
pub struct RehearsalArguments {
    /// Write everything into this folder instead
    #[arg(long, value_name = "DIR", hide = true)]
    pub redirect: Option<PathBuf>,

    /// Take this for the time of day, in microseconds since 1970
    #[arg(long, value_name = "MICROS", hide = true, requires = "redirect")]
    pub wall_micros: Option<i64>,

    /// End when the process of this number ends, which has started this one
    #[arg(long, value_name = "PID", hide = true, requires = "redirect")]
    pub parent: Option<u32>,

    /// Write a line of progress in JSON so often
    #[arg(long, value_name = "DURATION", hide = true, requires = "redirect", value_parser = duration)]
    pub progress_period: Option<Duration>,
}

/// `onward prove`
#[derive(Debug, Args)]
#[command(after_long_help = PROVE_EXAMPLE)]
pub struct ProveArguments {
    /// The job.
    #[command(flatten)]
    pub job: JobArguments,

    /// Kill it so many times, each time in another run
    #[arg(long, value_name = "N", default_value = "10", value_parser = value_parser!(u32).range(1..=100_000))]
    pub kills: u32,

    /// Draw the moments from this number [default: another one each time]
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,

    /// Write into a new folder in this one [default: the job file's folder]
    #[arg(long, value_name = "DIR")]
    pub scratch: Option<PathBuf>,

    /// Use so many worker threads [default: one per processor]
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,

    /// Answer in JSON
    #[arg(long)]
    pub json: bool,
}

/// `onward plan`
#[derive(Debug, Args)]
pub struct PlanArguments {
    /// The job.
    #[command(flatten)]
    pub job: JobArguments,

    /// Accept a checkpoint directory that others can write
    #[arg(long)]
    pub unsafe_dir: bool,

    /// Answer in JSON
    #[arg(long)]
    pub json: bool,
}

/// `onward status` and other answers
#[derive(Debug, Args)]
pub struct AnswerArguments {
    /// The job.
    #[command(flatten)]
    pub job: JobArguments,

    /// Answer in JSON
    #[arg(long)]
    pub json: bool,
}

/// `onward check`
#[derive(Debug, Args)]
pub struct CheckArguments {
    /// The job.
    #[command(flatten)]
    pub job: JobArguments,

    /// Print the columns before and behind each step, with their types
    #[arg(long)]
    pub explain: bool,
}

/// `onward preview`
#[derive(Debug, Args)]
pub struct PreviewArguments {
    /// The job.
    #[command(flatten)]
    pub job: JobArguments,

    /// Show so many records
    #[arg(short = 'n', long = "records", value_name = "N", default_value_t = 10)]
    pub records: u64,
}

/// `onward help`
#[derive(Debug, Args)]
pub struct HelpArguments {
    /// A command, or a guide: cookbook, steps, language
    #[arg(value_name = "TOPIC")]
    pub topic: Option<String>,

    /// Show only the recipes of the cookbook in which this stands, or only this step
    #[arg(value_name = "WORD")]
    pub word: Option<String>,
}

/// `onward functions`
#[derive(Debug, Args)]
#[command(after_long_help = FUNCTIONS_EXAMPLE)]
pub struct FunctionsArguments {
    /// Function to explain
    #[arg(value_name = "NAME")]
    pub name: Option<String>,

    /// List those in whose name or description a word stands
    #[arg(long, value_name = "WORD", conflicts_with = "name")]
    pub search: Option<String>,

    /// Answer in JSON
    #[arg(long)]
    pub json: bool,
}

/// When and how progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProgressChoice {
    /// A bar on a terminal, a line every five seconds elsewhere
    Auto,
    /// A bar on a terminal, a line every second elsewhere
    Always,
    /// Nothing
    Never,
    /// A JSON object every second, and one for each checkpoint that was saved
    Json,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.to_owned()))
        }
        _ => Err("write it like `sink.path=out.csv`".to_owned()),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    job::duration(text).ok_or_else(|| "write it like `8s`, `2m` or `500ms`".to_owned())
}

fn chunk_bytes(text: &str) -> Result<u64, String> {
    const BYTES_MAX: u64 = 1 << 30;
    let bytes = job::size(text).filter(|bytes| (1..=BYTES_MAX).contains(bytes));
    bytes.ok_or_else(|| "write it like `65536` or `64KiB`".to_owned())
}

const MAIN_EXAMPLE: &str = "\
Example:
  $ cat paid.toml
  [source]
  path  = \"orders.csv\"
  types = { amount = \"decimal(12,2)\" }

  [[transform]]
  filter = \"status = 'paid' AND amount > 100\"

  [sink]
  path = \"paid.csv\"

  $ onward run paid.toml
  ^C
  onward: interrupted; checkpoint 2 saved at record 5,000,000 (62 %)
     run the same command to go on
  $ onward run paid.toml

Exit codes:
  0 finished, 1 failed, 2 wrong command line or job file, 3 finished with rejects, 4 too many
  rejects, 5 refuses to resume, 6 another run holds the job, 75 stopped early: run again,
  129 130 143 stopped by a signal after a checkpoint";

const RUN_EXAMPLE: &str = "\
Example:
  $ onward run daily.toml --threads 4 --set rejects.limit=5%
  ^C
  onward: interrupted; checkpoint 9 saved at record 5,000,000 (62 %)
     run the same command to go on
  $ onward run daily.toml --max-runtime 2h || test $? = 75

Signals:
  INT TERM HUP  take a last checkpoint and stop; a second one, 0.3 s later or more, at once
  USR1          take a checkpoint
  USR2          write a progress line";

const PROVE_EXAMPLE: &str = "\
Example:
  $ onward prove daily.toml --kills 3 --seed 7
  onward: undisturbed: 12.4 s, 2 outputs of 1.1 GiB
  kill   after  checkpoint     record  read again    lost  identical
  ----  ------  ----------  ---------  ----------  ------  ---------
     1   4.1 s           4  3,200,000     121,004   0.3 s        yes
     2  11.8 s          12  9,000,000      80,211   0.2 s        yes
     3   0.7 s           1          0     410,112   0.8 s        yes
  daily: after 3 kills all outputs are identical (seed 7)

Exit codes:
  0 all outputs were identical each time, 1 they were not or a run failed, 2 wrong command line or
  job file, 129 130 143 stopped by a signal: nothing was proven

Signals:
  INT TERM HUP  end the runs, remove what they made and stop; a second one, 0.3 s later or more, at
                once: the next proof of the job removes what is left then";

const CHECKPOINT_EXAMPLE: &str = "\
Example:
  $ onward checkpoint now daily.toml --name before-change
  checkpoint 9, savepoint before-change
  $ onward checkpoint rollback daily.toml before-change
  daily: checkpoint 12 restates checkpoint 9; the next run goes on from record 5,000,000
  $ onward checkpoint export daily.toml before-change --to daily.export";

const FUNCTIONS_EXAMPLE: &str = "\
Example:
  $ onward functions abs
  abs(number) -> the same type
    the number without its sign
    NULL where an argument is NULL
    example: abs(-1.5)
    result:  1.5
  $ onward functions --search accents
  text
    strip_accents(text) -> text
        without the accents of its letters";

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    /// Calls `check` for a command and all below it.
    fn for_each(command: &mut clap::Command, check: &mut impl FnMut(&mut clap::Command)) {
        check(command);
        for below in command.get_subcommands_mut() {
            for_each(below, check);
        }
    }

    fn commands(check: &mut impl FnMut(&mut clap::Command)) {
        let mut command = Arguments::command();
        command.build();
        command.clone().debug_assert();
        for_each(&mut command, check);
    }

    #[test]
    fn every_command_and_flag_is_documented_without_final_period() {
        commands(&mut |command| {
            let name = command.get_name().to_owned();
            let about = command.get_about().expect("a description").to_string();
            assert!(!about.ends_with('.'), "{name}: {about}");
            for argument in command.get_arguments() {
                let help = argument.get_help().expect("a description").to_string();
                assert!(!help.is_empty() && !help.ends_with('.'), "{name}: {help}");
            }
        });
    }

    #[test]
    fn short_help_fits_a_screen() {
        commands(&mut |command| {
            let help = command.render_help().to_string();
            assert!(help.lines().count() <= 40, "{help}");
        });
    }

    #[test]
    fn overrides_are_keys_and_values() {
        let parsed = key_value("a.b=c=d");
        assert_eq!(parsed, Ok(("a.b".to_owned(), "c=d".to_owned())));
        assert!(key_value("a.b").is_err());
        assert!(key_value("=x").is_err());
    }
}
