//! `onward checkpoint verify`: whether a checkpoint is whole, and the newest one fits.

use super::args::OneCheckpointArguments;
use super::{chosen, newest, open, refused};
use crate::cli::exit::Exit;
use crate::cli::job_file::Failure;
use crate::cli::messages::{self, escape};
use crate::cli::world::{Teller, looking, real};
use crate::engine::{self, Decision};
use serde_json::json;
use std::sync::Arc;

/// Verifies a checkpoint with all that it builds on, and, for the newest, that job, inputs and outputs fit it.
pub fn verify(arguments: &OneCheckpointArguments) -> Result<Exit, Failure> {
    let world = real(Arc::new(Teller::default()));
    let (job, folder) = open(&world, &arguments.job)?;
    let sequence = chosen(&folder, arguments.checkpoint.as_deref())?;
    let verified = folder.verify(sequence)?;
    verified.map_err(|invalid| refused(sequence, &invalid.to_string()))?;
    let mut fits = "";
    if Some(sequence) == newest(&folder)? {
        let command = format!("onward run {}", arguments.job.job.display());
        let outlook = engine::outlook(&job, &command, &looking(), &world)?;
        if let Decision::Refuse(error) = outlook.decision {
            return Err(Failure::Error(error));
        }
        fits = "; job, inputs and outputs fit it";
    }
    let name = escape(&job.name);
    let text = if arguments.json {
        format!("{}\n", json!({ "job": job.name, "checkpoint": sequence, "valid": true }))
    } else {
        format!("{name}: checkpoint {sequence} is whole{fits}\n")
    };
    messages::answer(&text)?;
    Ok(Exit::Finished)
}
