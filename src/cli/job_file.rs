//! Reads the job that a command names.

use super::args::JobArguments;
use super::messages;
use crate::engine::{self, World};
use crate::error::Error;
use crate::job::{self, Document, Flawed, Job};
use crate::storage::{self, OpenMode, Storage};
use std::path::Path;

/// The longest job file that is read: far more than anyone writes by hand.
const JOB_BYTES_MAX: usize = 4 << 20;

/// A job, with the text that its places count into.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The job.
    pub job: Job,
    /// The job file and the overrides.
    pub document: Document,
}

impl Loaded {
    /// Shows an error of the job file with its places; `file` as the user named it.
    pub fn explain(&self, file: &Path, error: Error) -> Failure {
        if error.problems.is_empty() {
            Failure::Error(error)
        } else {
            Failure::Told(messages::problems(file, &self.document, &error.problems))
        }
    }
}

/// Why a command failed.
#[derive(Debug)]
pub enum Failure {
    /// What is still to be told.
    Error(Error),
    /// Problems of the job file, as they are shown with their places.
    Told(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Error(error)
    }
}

/// Reads and understands the job that the command line names.
///
/// # Errors
/// Where the file cannot be read, or with everything that is wrong in it.
pub fn load(world: &World, arguments: &JobArguments) -> Result<Loaded, Failure> {
    let file = &arguments.job;
    let text = read(&*world.storage, file)?;
    let document = Document::new(&text, &arguments.overrides);
    match job::load(&text, file, &environment, &arguments.overrides) {
        Ok(job) => Ok(Loaded { job, document }),
        Err(Flawed { mut problems, sound }) => {
            // What is wrong with the expressions of the sound steps need not wait until the others are mended.
            let bound = sound.map(|job| engine::bind(&job, world));
            if let Some(Err(error)) = bound {
                problems.extend(error.problems);
                job::sort_by_place(&mut problems);
            }
            let shown = messages::problems(file, &document, &problems);
            Err(Failure::Told(shown))
        }
    }
}

/// A variable of the environment; one that is no Unicode counts as not set.
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn read(storage: &dyn Storage, file: &Path) -> Result<String, Error> {
    let wrong = |what: &str| Error::usage(format!("the job file `{}` {what}", file.display()));
    let unreadable = |cause| {
        let message = format!("cannot read the job file `{}`", file.display());
        Error::usage(message).with_cause(anyhow::Error::new(cause))
    };
    let open = storage.open(file, OpenMode::ReadInput).map_err(unreadable)?;
    let mut bytes = vec![0; JOB_BYTES_MAX + 1];
    let length = storage::read_full(&*open, &mut bytes, 0).map_err(unreadable)?;
    if length > JOB_BYTES_MAX {
        return Err(
            wrong("is longer than 4 MiB").with_hint("is it the job file, and not the data?")
        );
    }
    bytes.truncate(length);
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        wrong(&format!("is not UTF-8 at byte {offset}"))
    })
}
