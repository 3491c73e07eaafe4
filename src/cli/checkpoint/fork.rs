//! `onward checkpoint fork`: begins a job with a checkpoint of another one.

use super::args::ForkArguments;
use super::import::tell;
use crate::checkpoint::Selector;
use crate::cli::args::JobArguments;
use crate::cli::exit::Exit;
use crate::cli::job_file::{self, Failure};
use crate::cli::world::{Teller, looking, real};
use crate::engine::{self, Arrival, Cargo, RunOptions};
use std::sync::Arc;

/// Takes over a checkpoint of the other job, which stays as it is.
pub fn fork(arguments: &ForkArguments) -> Result<Exit, Failure> {
    let world = real(Arc::new(Teller::default()));
    let change = &arguments.change;
    let selector = arguments.checkpoint.as_deref().map(Selector::of_user).transpose()?;
    let from = job_file::load(&world, &change.job)?.job;
    let new_job = JobArguments { job: arguments.new_job.clone(), overrides: Vec::new() };
    let job = job_file::load(&world, &new_job)?.job;
    let command = format!("onward run {}", arguments.new_job.display());
    let options = RunOptions { unsafe_directory: change.unsafe_dir, ..looking() };
    let cargo = Cargo::of_job(&from, selector.as_ref(), &looking(), &world)?;
    let arrived = engine::arrive(&job, &command, &options, &world, &cargo, Arrival::Fork)?;
    tell(&job, &arguments.new_job, change, arrived)
}
