//! The command lines of `onward checkpoint`.

use crate::cli::args::{AnswerArguments, JobArguments};
use clap::{Args, Subcommand, ValueEnum};
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// `onward checkpoint`
#[derive(Debug, Subcommand)]
pub enum CheckpointCommand {
    /// Have a running job take a checkpoint, and wait for it; or name a stopped job's newest
    Now(NowArguments),
    /// List a job's checkpoints
    List(AnswerArguments),
    /// Show what a checkpoint holds
    Show(ShowArguments),
    /// Verify checkpoints and everything they rest on
    ///
    /// Reads each checkpoint with all that it builds on and the spills that it needs, and, for the newest, compares the
    /// job, every byte of the outputs, and of what was read of the inputs both ends and samples, or with `verify = "full"`
    /// every byte. Checkpoints in the folders of copies are verified, too. Changes nothing and takes no lock: it can
    /// be done while the job runs
    Verify(VerifyArguments),
    /// Say what changed between two checkpoints
    Diff(DiffArguments),
    /// Go back to an older checkpoint: the next run goes on from there
    ///
    /// What the job has published stays until it publishes again. With `partition_by`, files of values that the new
    /// course does not come to, since the job was changed, stay for good: remove them if nobody needs them
    Rollback(RollbackArguments),
    /// Write a checkpoint with all that it needs to one file
    ///
    /// Of a job with `mode = "incremental"` that may be one of a round under way or of a finished round. The file holds
    /// what the outputs of that round hold, with what earlier rounds wrote to the same files; parts that earlier rounds
    /// wrote (`part-{run}.csv`) stay where they are
    Export(ExportArguments),
    /// Begin a job that was not started yet with an exported checkpoint
    ///
    /// The job may have other paths, and nothing else that differs. Its inputs are known by their content. With `mode =
    /// "incremental"` those that were read need not be here, and those that are not known are new to it; where the round
    /// was finished, the next run publishes what it wrote, and the one after that takes what is new
    Import(ImportArguments),
    /// Begin a job that was not started yet with a checkpoint of another one
    ///
    /// What `export` and `import` do, without a file in between
    Fork(ForkArguments),
    /// Remove old checkpoints; savepoints stay
    Prune(PruneArguments),
    /// Remove one checkpoint or savepoint
    Rm(RemoveArguments),
}

/// What every command has that changes a job's folder.
#[derive(Debug, Args)]
pub struct ChangeArguments {
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

/// `onward checkpoint now`
#[derive(Debug, Args)]
pub struct NowArguments {
    /// The job.
    #[command(flatten)]
    pub change: ChangeArguments,

    /// Make it a savepoint of this name: it stays until it is removed with `rm`
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
}

/// `onward checkpoint verify`
#[derive(Debug, Args)]
pub struct VerifyArguments {
    /// The job.
    #[command(flatten)]
    pub job: JobArguments,

    /// Number of the checkpoint, or name of a savepoint [default: all of them]
    #[arg(value_name = "CHECKPOINT")]
    pub checkpoint: Option<String>,

    /// Accept a checkpoint directory that others can write
    #[arg(long)]
    pub unsafe_dir: bool,

    /// Answer in JSON
    #[arg(long)]
    pub json: bool,
}

/// A checkpoint to look at.
#[derive(Debug, Args)]
pub struct OneCheckpointArguments {
    /// The job.
    #[command(flatten)]
    pub job: JobArguments,

    /// Number of the checkpoint, or name of a savepoint [default: the newest]
    #[arg(value_name = "CHECKPOINT")]
    pub checkpoint: Option<String>,

    /// Answer in JSON
    #[arg(long)]
    pub json: bool,
}

/// `onward checkpoint show`
#[derive(Debug, Args)]
pub struct ShowArguments {
    /// The checkpoint.
    #[command(flatten)]
    pub one: OneCheckpointArguments,

    /// Print what this step remembers as data, instead
    #[arg(long, value_name = "STEP")]
    pub state: Option<String>,

    /// How the data are printed; with `--json` as jsonl [default: csv]
    #[arg(long, value_name = "FORMAT", requires = "state", conflicts_with = "json")]
    pub format: Option<StateFormat>,
}

/// How a state is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StateFormat {
    /// Comma-separated values
    Csv,
    /// A JSON object a line
    Jsonl,
}

/// `onward checkpoint diff`
#[derive(Debug, Args)]
pub struct DiffArguments {
    /// The job.
    #[command(flatten)]
    pub job: JobArguments,

    /// The earlier one: number of the checkpoint, or name of a savepoint
    #[arg(value_name = "FROM")]
    pub from: String,

    /// The later one [default: the newest]
    #[arg(value_name = "TO")]
    pub to: Option<String>,

    /// Answer in JSON
    #[arg(long)]
    pub json: bool,
}

/// `onward checkpoint rollback`
#[derive(Debug, Args)]
pub struct RollbackArguments {
    /// The job.
    #[command(flatten)]
    pub change: ChangeArguments,

    /// Number of the checkpoint, or name of a savepoint [default: the one before the newest]
    #[arg(value_name = "CHECKPOINT")]
    pub checkpoint: Option<String>,
}

/// `onward checkpoint export`
#[derive(Debug, Args)]
pub struct ExportArguments {
    /// The job.
    #[command(flatten)]
    pub job: JobArguments,

    /// Number of the checkpoint, or name of a savepoint [default: the newest]
    #[arg(value_name = "CHECKPOINT")]
    pub checkpoint: Option<String>,

    /// The file to make; it must not be there yet
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,

    /// Answer in JSON
    #[arg(long)]
    pub json: bool,
}

/// `onward checkpoint import`
#[derive(Debug, Args)]
pub struct ImportArguments {
    /// The job.
    #[command(flatten)]
    pub change: ChangeArguments,

    /// The exported file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// `onward checkpoint fork`
#[derive(Debug, Args)]
pub struct ForkArguments {
    /// The job that has the checkpoint.
    #[command(flatten)]
    pub change: ChangeArguments,

    /// Job file of the new job
    #[arg(value_name = "NEW_JOB")]
    pub new_job: PathBuf,

    /// Number of the checkpoint, or name of a savepoint [default: the newest]
    #[arg(value_name = "CHECKPOINT")]
    pub checkpoint: Option<String>,
}

/// `onward checkpoint prune`
#[derive(Debug, Args)]
pub struct PruneArguments {
    /// The job.
    #[command(flatten)]
    pub change: ChangeArguments,

    /// Keep so many of the newest [default: `keep` of the job's `[checkpoint]`]
    #[arg(long, value_name = "N")]
    pub keep: Option<NonZeroUsize>,
}

/// `onward checkpoint rm`
#[derive(Debug, Args)]
pub struct RemoveArguments {
    /// The job.
    #[command(flatten)]
    pub change: ChangeArguments,

    /// Number of the checkpoint, or name of a savepoint
    #[arg(value_name = "CHECKPOINT")]
    pub checkpoint: String,

    /// Remove it even where the job would go on from it
    #[arg(long)]
    pub force: bool,
}
