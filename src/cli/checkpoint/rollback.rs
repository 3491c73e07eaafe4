//! `onward checkpoint rollback`: goes back to an older checkpoint.

use super::args::RollbackArguments;
use crate::checkpoint::{Selector, Sequence};
use crate::cli::exit::Exit;
use crate::cli::job_file::{self, Failure};
use crate::cli::messages::{self, escape};
use crate::cli::numbers::{counted, thousands};
use crate::cli::world::{Teller, looking, real};
use crate::engine::{self, RolledBack, RunOptions};
use serde_json::json;
use std::sync::Arc;

/// Saves a checkpoint that restates an older one; the next run goes on from it, and cuts the outputs.
pub fn rollback(arguments: &RollbackArguments) -> Result<Exit, Failure> {
    let world = real(Arc::new(Teller::default()));
    let change = &arguments.change;
    let selector = arguments.checkpoint.as_deref().map(Selector::of_user).transpose()?;
    let job = job_file::load(&world, &change.job)?.job;
    let command = format!("onward run {}", change.job.job.display());
    let options = RunOptions { unsafe_directory: change.unsafe_dir, ..looking() };
    let done = engine::rollback(&job, &command, selector.as_ref(), &options, &world)?;
    let RolledBack { target, sequence, records, dropped } = &done;
    let text = if change.json {
        let json = json!({
            "job": job.name, "target": target, "checkpoint": sequence, "records_read": records,
            "dropped": dropped,
        });
        format!("{json}\n")
    } else {
        format!("{}: {}\n", escape(&job.name), sentence(&done))
    };
    messages::answer(&text)?;
    Ok(Exit::Finished)
}

fn sentence(done: &RolledBack) -> String {
    let RolledBack { target, sequence, records, dropped } = done;
    let records = thousands(*records);
    if target == sequence {
        return format!(
            "checkpoint {target} is the newest: the next run goes on from record {records} anyway"
        );
    }
    let given_up = match dropped.as_slice() {
        [] => String::new(),
        dropped => {
            let mut dropped = dropped.to_vec();
            dropped.sort();
            let numbers: Vec<String> = dropped.iter().map(Sequence::to_string).collect();
            let count = counted(dropped.len() as u64, "checkpoint");
            format!("; gave up {count}: {}", numbers.join(", "))
        }
    };
    format!(
        "checkpoint {sequence} restates checkpoint {target}; the next run goes on from record {records}{given_up}"
    )
}
