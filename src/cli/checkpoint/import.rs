//! `onward checkpoint import`: begins a job with an exported checkpoint.

use super::args::{ChangeArguments, ImportArguments};
use crate::cli::exit::Exit;
use crate::cli::job_file::{self, Failure};
use crate::cli::messages::{self, escape};
use crate::cli::numbers::thousands;
use crate::cli::world::{Teller, looking, real};
use crate::engine::{self, Arrival, Arrived, Cargo, RunOptions};
use crate::job::Job;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;

/// Takes over what is in the file.
pub fn import(arguments: &ImportArguments) -> Result<Exit, Failure> {
    let world = real(Arc::new(Teller::default()));
    let change = &arguments.change;
    let job = job_file::load(&world, &change.job)?.job;
    let command = format!("onward run {}", change.job.job.display());
    let options = RunOptions { unsafe_directory: change.unsafe_dir, ..looking() };
    let cargo = Cargo::of_export(&world, &arguments.file)?;
    let arrived = engine::arrive(&job, &command, &options, &world, &cargo, Arrival::Import)?;
    tell(&job, &change.job.job, change, arrived)
}

/// Says what a job goes on from that has just got its first checkpoint.
pub fn tell(
    job: &Job,
    file: &Path,
    change: &ChangeArguments,
    arrived: Arrived,
) -> Result<Exit, Failure> {
    let Arrived { sequence, records, round, is_written } = arrived;
    let text = if change.json {
        let mut json = json!({ "job": job.name, "checkpoint": sequence, "records_read": records });
        if let Some(round) = round {
            json["round"] = json!(round);
            json["is_written"] = json!(is_written);
        }
        format!("{json}\n")
    } else {
        let (name, file) = (escape(&job.name), escape(&file.display().to_string()));
        let records = thousands(records);
        let then = match round {
            Some(round) if is_written => {
                format!(
                    "; it publishes what round {round} wrote, and the run after it takes what is new"
                )
            }
            Some(round) => format!(", in round {round}"),
            None => String::new(),
        };
        format!(
            "{name}: `onward run {file}` goes on from checkpoint {sequence} at record {records}{then}\n"
        )
    };
    messages::answer(&text)?;
    Ok(Exit::Finished)
}
