//! `onward checkpoint verify`: whether checkpoints are whole, and whether what is there fits the newest one.
//!
//! Nothing is changed, not even a lock is taken, so it can be done at any time: beside a run, and on a disk that can only
//! be read.

use super::args::VerifyArguments;
use super::{chosen, open_trusted};
use crate::checkpoint::{Folder, Sequence};
use crate::cli::exit::Exit;
use crate::cli::job_file::Failure;
use crate::cli::messages::{self, escape};
use crate::cli::numbers::counted;
use crate::cli::world::{Teller, looked_at, looking};
use crate::engine::{self, Fit, RunOptions, Verified, World};
use crate::error::{Error, Kind};
use crate::job::Job;
use serde_json::{Value as Json, json};
use std::path::PathBuf;
use std::sync::Arc;

/// What was verified.
struct Answer {
    meant: Sequence,
    verified: Vec<Verified>,
    /// How many checkpoints in folders of copies are whole.
    copied: usize,
    /// The folders of copies that are not there.
    missing: Vec<PathBuf>,
    fit: Option<Fit>,
}

/// Verifies a checkpoint with all that it builds on, or, where none is named, every one; and, where the newest is among
/// them, that job, inputs and outputs fit it.
pub fn verify(arguments: &VerifyArguments) -> Result<Exit, Failure> {
    let world = looked_at(Arc::new(Teller::default()));
    let options = RunOptions { unsafe_directory: arguments.unsafe_dir, ..looking() };
    let (job, folder) = open_trusted(&world, &arguments.job, options.trust())?;
    let answer = look(arguments, &options, &world, &job, &folder);
    let text = match &answer {
        Ok(answer) if arguments.json => format!("{}\n", json(&job.name, answer)),
        Ok(answer) => text(&job.name, answer),
        Err(Failure::Error(error)) if arguments.json && error.kind == Kind::Refused => {
            let told = json!({ "job": job.name, "valid": false, "problem": error.message });
            format!("{told}\n")
        }
        Err(_) => String::new(),
    };
    if !text.is_empty() {
        messages::answer(&text)?;
    }
    answer.map(|_| Exit::Finished)
}

fn look(
    arguments: &VerifyArguments,
    options: &RunOptions,
    world: &World,
    job: &Job,
    folder: &Folder,
) -> Result<Answer, Failure> {
    let command = format!("onward run {}", arguments.job.job.display());
    let named = match &arguments.checkpoint {
        Some(_) => Some(chosen(folder, arguments.checkpoint.as_deref())?),
        None => None,
    };
    let newest = chosen(folder, None)?;
    let mut problems = Vec::new();
    let verified = all(folder, named, &mut problems)?;
    let (mut copied, mut missing) = (0, Vec::new());
    if named.is_none() {
        let (copies, gone) = engine::copies_of(job, options, world)?;
        missing = gone;
        for copy in &copies {
            copied += all(copy, None, &mut problems)?.len();
        }
    }
    if !problems.is_empty() {
        let hint =
            "restore what is damaged; a run goes on from the newest checkpoint that is whole";
        return Err(Failure::Error(Error::refused(problems.join("; ")).with_hint(hint)));
    }
    let fit = match named {
        Some(named) if named != newest => None,
        Some(_) | None => engine::verify_newest(job, &command, options, world, folder)?,
    };
    let meant = named.or(fit.as_ref().map(|fit| fit.sequence)).unwrap_or(newest);
    Ok(Answer { meant, verified, copied, missing, fit })
}

/// Verifies the checkpoint that is named, or all of them; one that a run deletes meanwhile is passed over.
fn all(
    folder: &Folder,
    named: Option<Sequence>,
    problems: &mut Vec<String>,
) -> Result<Vec<Verified>, Failure> {
    let sequences = match named {
        Some(sequence) => [sequence].into(),
        None => folder.checkpoints()?,
    };
    let mut verified = Vec::new();
    for sequence in sequences.into_iter().rev() {
        match engine::verify_one(folder, sequence)? {
            Some(Verified { problem: Some(problem), .. }) => {
                let path = folder.path(sequence);
                let path = path.display();
                let problem = format!("checkpoint {sequence} is not usable: {problem} (`{path}`)");
                problems.push(problem);
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

fn text(name: &str, answer: &Answer) -> String {
    let Answer { meant, verified, copied, missing, fit } = answer;
    let name = escape(name);
    let fits = if fit.is_some() { "; job, inputs and outputs fit it" } else { "" };
    let mut text = format!("{name}: checkpoint {meant} is whole{fits}\n");
    match verified.iter().filter(|one| one.sequence != *meant).count() {
        0 => {}
        1 => text.push_str(&format!("{name}: the other checkpoint is whole, too\n")),
        others => {
            let others = counted(others as u64, "checkpoint");
            text.push_str(&format!("{name}: {others} besides are whole, too\n"));
        }
    }
    match copied {
        0 => {}
        1 => text.push_str(&format!("{name}: its copy is whole, too\n")),
        copied => text.push_str(&format!("{name}: {copied} copies are whole, too\n")),
    }
    for path in missing {
        let path = escape(&path.to_string_lossy());
        text.push_str(&format!("{name}: the copies in `{path}` are not there\n"));
    }
    text
}

fn json(name: &str, answer: &Answer) -> Json {
    let Answer { meant, verified, copied, missing, fit } = answer;
    let (fit, missing) = (fit.as_ref(), missing.iter().map(|path| path.to_string_lossy()));
    let one = |one: &Verified| json!({ "checkpoint": one.sequence, "files": one.files });
    let file =
        |(path, bytes): &(PathBuf, u64)| json!({ "path": path.to_string_lossy(), "bytes": bytes });
    let files = |files: &Vec<(PathBuf, u64)>| files.iter().map(file).collect::<Vec<_>>();
    json!({
        "job": name,
        "checkpoint": meant,
        "valid": true,
        "checkpoints": verified.iter().map(one).collect::<Vec<_>>(),
        "copies": copied,
        "copies_missing": missing.collect::<Vec<_>>(),
        "inputs": fit.map(|fit| files(&fit.inputs)),
        "outputs": fit.map(|fit| files(&fit.outputs)),
    })
}
