//! `onward checkpoint verify`: whether checkpoints are whole, and whether what is there fits the newest one.
//!
//! Nothing is changed, not even a lock is taken, so it can be done at any time: beside a run, and on a disk that can only
//! be read.

use super::args::VerifyArguments;
use super::{chosen, folder_of, newest};
use crate::checkpoint::{Folder, Invalid, Sequence};
use crate::cli::exit::Exit;
use crate::cli::job_file::{self, Failure};
use crate::cli::messages::{self, escape};
use crate::cli::numbers::counted;
use crate::cli::world::{Teller, looked_at, looking};
use crate::engine::{self, CopiesFound, Fit, RunOptions, Verified, World};
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
    /// Those that a run would do without, and why.
    unusable: Vec<(PathBuf, Error)>,
    fit: Option<Fit>,
}

/// Verifies a checkpoint with all that it builds on, or, where none is named, every one; and, where the newest is among
/// them, that job, inputs and outputs fit it. Everything that is wrong is told.
pub fn verify(arguments: &VerifyArguments) -> Result<Exit, Failure> {
    let world = looked_at(Arc::new(Teller::default()));
    let options = RunOptions { unsafe_directory: arguments.unsafe_dir, ..looking() };
    let job = job_file::load(&world, &arguments.job)?.job;
    let mut problems = Vec::new();
    let looked = folder_of(&world, &job, options.trust())
        .map_err(Failure::from)
        .and_then(|folder| look(arguments, &options, &world, &job, &folder, &mut problems));
    let answer = match looked {
        Ok(answer) => answer,
        Err(Failure::Error(error)) => {
            problems.push(error);
            None
        }
        Err(told) => return Err(told),
    };
    if arguments.json {
        let told = match answer.as_ref().filter(|_| problems.is_empty()) {
            Some(answer) => json(&job.name, answer),
            None => json_of_problems(&job.name, &problems),
        };
        messages::answer(&format!("{told}\n"))?;
    } else if let Some(answer) = answer.as_ref().filter(|_| problems.is_empty()) {
        messages::answer(&text(&job.name, answer))?;
    }
    for error in &problems {
        messages::show(&messages::error(error));
    }
    let gravest = problems.iter().map(|error| error.kind).min_by_key(|kind| *kind != Kind::Refused);
    Ok(gravest.map_or(Exit::Finished, Exit::from))
}

fn look(
    arguments: &VerifyArguments,
    options: &RunOptions,
    world: &World,
    job: &Job,
    folder: &Folder,
    problems: &mut Vec<Error>,
) -> Result<Option<Answer>, Failure> {
    let command = format!("onward run {}", arguments.job.job.display());
    let named = match &arguments.checkpoint {
        Some(_) => Some(chosen(folder, arguments.checkpoint.as_deref())?),
        None => None,
    };
    // Where that cannot be told nothing else can.
    let newest = newest(folder)?;
    let verified = match all(folder, named, problems) {
        Err(Failure::Error(error)) if named.is_none() => {
            problems.push(error);
            Vec::new()
        }
        verified => verified?,
    };
    let mut copies = CopiesFound::default();
    let mut copied = 0;
    if named.is_none() {
        let manifest = or_told(folder.newest_manifest(), problems).flatten();
        copies = engine::copies_of(job, options, world, manifest.map(|manifest| manifest.instance));
        problems.append(&mut copies.problems);
        for copy in &copies.there {
            match all(copy, None, problems) {
                Ok(verified) => copied += verified.len(),
                Err(Failure::Error(error)) => problems.push(error),
                Err(told) => return Err(told),
            }
        }
    }
    let mut fit = None;
    if named.is_none() || named == newest {
        let verified = engine::verify_newest(job, &command, options, world, folder);
        fit = or_told(verified, problems).flatten();
    }
    if let Some(fit) = &mut fit {
        problems.append(&mut fit.problems);
    }
    // What a run goes on from may be in a folder of copies alone.
    let meant = named.or(fit.as_ref().map(|fit| fit.sequence)).or(newest);
    let CopiesFound { missing, unusable, .. } = copies;
    match meant {
        Some(meant) => Ok(Some(Answer { meant, verified, copied, missing, unusable, fit })),
        None if problems.is_empty() => {
            let hint = format!("`{command}` makes the first one");
            Err(Error::failed("there is no checkpoint").with_hint(hint).into())
        }
        None => Ok(None),
    }
}

/// What came of something; what went wrong is one more problem.
fn or_told<T>(result: Result<T, Error>, problems: &mut Vec<Error>) -> Option<T> {
    result.map_err(|error| problems.push(error)).ok()
}

/// Verifies the checkpoint that is named, or all of them; one that a run deletes meanwhile is passed over.
fn all(
    folder: &Folder,
    named: Option<Sequence>,
    problems: &mut Vec<Error>,
) -> Result<Vec<Verified>, Failure> {
    let sequences = match named {
        Some(sequence) => [sequence].into(),
        None => folder.checkpoints()?,
    };
    let mut verified = Vec::new();
    for sequence in sequences.into_iter().rev() {
        match engine::verify_one(folder, sequence) {
            Err(error) => problems.push(error),
            Ok(Some(Verified { problem: Some(problem), .. })) => {
                problems.push(unusable(folder, sequence, &problem));
            }
            Ok(Some(one)) => verified.push(one),
            Ok(None) if named.is_some() => {
                let message = format!("checkpoint {sequence} was deleted while it was read");
                return Err(Failure::Error(Error::failed(message)));
            }
            Ok(None) => {}
        }
    }
    Ok(verified)
}

fn unusable(folder: &Folder, sequence: Sequence, problem: &Invalid) -> Error {
    let path = folder.path(sequence);
    let path = path.display();
    let hint = match problem {
        Invalid::Writable { .. } => format!("chmod go-w '{path}', if nobody else has changed it"),
        Invalid::NotOurs => "verify as that user, or add `--unsafe-dir`".to_owned(),
        _ => "restore what is damaged; a run goes on from the newest checkpoint that is whole"
            .to_owned(),
    };
    Error::refused(format!("checkpoint {sequence} is not usable: {problem} (`{path}`)"))
        .with_hint(hint)
}

fn text(name: &str, answer: &Answer) -> String {
    let Answer { meant, verified, copied, missing, unusable, fit } = answer;
    let name = escape(name);
    let fits = match fit {
        Some(Fit { inputs: Some(_), .. }) => "; job, inputs and outputs fit it",
        Some(_) => "; job and outputs fit it, and inputs are not needed any more",
        None => "",
    };
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
    for (path, why) in unusable {
        let (path, why) = (escape(&path.to_string_lossy()), escape(&why.to_string()));
        text.push_str(&format!("{name}: the copies in `{path}` are of no use: {why}\n"));
    }
    text
}

fn json(name: &str, answer: &Answer) -> Json {
    let Answer { meant, verified, copied, missing, unusable, fit } = answer;
    let (fit, missing) = (fit.as_ref(), missing.iter().map(|path| path.to_string_lossy()));
    let one = |one: &Verified| json!({ "checkpoint": one.sequence, "files": one.files });
    let file =
        |(path, bytes): &(PathBuf, u64)| json!({ "path": path.to_string_lossy(), "bytes": bytes });
    let without = |(path, why): &(PathBuf, Error)| json!({ "path": path.to_string_lossy(), "problem": why.to_string() });
    let files = |files: &Vec<(PathBuf, u64)>| files.iter().map(file).collect::<Vec<_>>();
    json!({
        "job": name,
        "checkpoint": meant,
        "valid": true,
        "checkpoints": verified.iter().map(one).collect::<Vec<_>>(),
        "copies": copied,
        "copies_missing": missing.collect::<Vec<_>>(),
        "copies_unusable": unusable.iter().map(without).collect::<Vec<_>>(),
        "inputs": fit.and_then(|fit| fit.inputs.as_ref()).map(files),
        "outputs": fit.map(|fit| files(&fit.outputs)),
    })
}

fn json_of_problems(name: &str, problems: &[Error]) -> Json {
    let one = |error: &Error| json!({ "problem": error.to_string(), "hint": error.hint });
    let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
    json!({
        "job": name,
        "valid": false,
        "problem": all.join("; "),
        "problems": problems.iter().map(one).collect::<Vec<_>>(),
    })
}
