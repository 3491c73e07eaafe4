//! `onward checkpoint verify`: whether checkpoints are whole, and whether what is there fits the newest one.
//!
//! Nothing is changed, not even a lock is taken, so it can be done at any time: beside a run, and on a disk that can only
//! be read.

use super::args::VerifyArguments;
use super::{chosen, open, refused};
use crate::checkpoint::{Folder, Sequence};
use crate::cli::exit::Exit;
use crate::cli::job_file::Failure;
use crate::cli::messages::{self, escape};
use crate::cli::numbers::counted;
use crate::cli::world::{Teller, looked_at, looking};
use crate::engine::{self, Fit, Verified};
use crate::error::Error;
use serde_json::{Value as Json, json};
use std::path::PathBuf;
use std::sync::Arc;

/// Verifies a checkpoint with all that it builds on, or, where none is named, every one; and, where the newest is among
/// them, that job, inputs and outputs fit it.
pub fn verify(arguments: &VerifyArguments) -> Result<Exit, Failure> {
    let world = looked_at(Arc::new(Teller::default()));
    let (job, folder) = open(&world, &arguments.job)?;
    let command = format!("onward run {}", arguments.job.job.display());
    let named = match &arguments.checkpoint {
        Some(_) => Some(chosen(&folder, arguments.checkpoint.as_deref())?),
        None => None,
    };
    let newest = chosen(&folder, None)?;
    let verified = all(&folder, named)?;
    let fit = match named {
        Some(named) if named != newest => None,
        Some(_) | None => engine::verify_newest(&job, &command, &looking(), &world, &folder)?,
    };
    let meant = named.or(fit.as_ref().map(|fit| fit.sequence)).unwrap_or(newest);
    let text = if arguments.json {
        format!("{}\n", json(&job.name, meant, &verified, fit.as_ref()))
    } else {
        text(&job.name, meant, &verified, fit.as_ref())
    };
    messages::answer(&text)?;
    Ok(Exit::Finished)
}

/// Verifies the checkpoint that is named, or all of them; one that a run deletes meanwhile is passed over.
fn all(folder: &Folder, named: Option<Sequence>) -> Result<Vec<Verified>, Failure> {
    let sequences = match named {
        Some(sequence) => [sequence].into(),
        None => folder.checkpoints()?,
    };
    let mut verified = Vec::new();
    for sequence in sequences.into_iter().rev() {
        match engine::verify_one(folder, sequence)? {
            Some(Verified { problem: Some(problem), .. }) => {
                return Err(refused(sequence, &problem.to_string()));
            }
            Some(one) => verified.push(one),
            None if named.is_some() => {
                let message = format!("checkpoint {sequence} was deleted while it was read");
                return Err(Failure::Error(Error::failed(message)));
            }
            None => {}
        }
    }
    Ok(verified)
}

fn text(name: &str, meant: Sequence, verified: &[Verified], fit: Option<&Fit>) -> String {
    let name = escape(name);
    let fits = if fit.is_some() { "; job, inputs and outputs fit it" } else { "" };
    let mut text = format!("{name}: checkpoint {meant} is whole{fits}\n");
    match verified.iter().filter(|one| one.sequence != meant).count() {
        0 => {}
        1 => text.push_str(&format!("{name}: the other checkpoint is whole, too\n")),
        others => {
            let others = counted(others as u64, "checkpoint");
            text.push_str(&format!("{name}: {others} besides are whole, too\n"));
        }
    }
    text
}

fn json(name: &str, meant: Sequence, verified: &[Verified], fit: Option<&Fit>) -> Json {
    let one = |one: &Verified| json!({ "checkpoint": one.sequence, "files": one.files });
    let file =
        |(path, bytes): &(PathBuf, u64)| json!({ "path": path.to_string_lossy(), "bytes": bytes });
    let files = |files: &Vec<(PathBuf, u64)>| files.iter().map(file).collect::<Vec<_>>();
    json!({
        "job": name,
        "checkpoint": meant,
        "valid": true,
        "checkpoints": verified.iter().map(one).collect::<Vec<_>>(),
        "inputs": fit.map(|fit| files(&fit.inputs)),
        "outputs": fit.map(|fit| files(&fit.outputs)),
    })
}
