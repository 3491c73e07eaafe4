//! `onward checkpoint export`: a checkpoint with all that it needs in one file.

use super::args::ExportArguments;
use crate::checkpoint::Selector;
use crate::cli::exit::Exit;
use crate::cli::job_file::{self, Failure};
use crate::cli::messages::{self, escape};
use crate::cli::numbers::{bytes, thousands};
use crate::cli::world::{Teller, looking, real};
use crate::engine::{self, Exported};
use serde_json::json;
use std::sync::Arc;

/// Writes the file.
pub fn export(arguments: &ExportArguments) -> Result<Exit, Failure> {
    let world = real(Arc::new(Teller::default()));
    let selector = arguments.checkpoint.as_deref().map(Selector::of_user).transpose()?;
    let job = job_file::load(&world, &arguments.job)?.job;
    let to = &arguments.to;
    let exported = engine::export(&job, selector.as_ref(), &looking(), &world, to)?;
    let Exported { sequence, records, bytes: length } = exported;
    let file = to.display().to_string();
    let text = if arguments.json {
        let json = json!({
            "job": job.name, "checkpoint": sequence, "records_read": records, "file": file,
            "bytes": length,
        });
        format!("{json}\n")
    } else {
        let (name, file) = (escape(&job.name), escape(&file));
        let (records, length) = (thousands(records), bytes(length));
        format!(
            "{name}: exported checkpoint {sequence}, at record {records}, to {file} ({length})\n"
        )
    };
    messages::answer(&text)?;
    Ok(Exit::Finished)
}
