//! `onward check`: validate a job file without reading records.

use super::args::JobArguments;
use super::exit::Exit;
use super::job_file::{self, LoadError};
use super::messages;
use crate::error::Result;
use crate::storage::Storage;

/// Says what is wrong with a job file, or that nothing is.
///
/// # Errors
/// Where the answer cannot be written, or the file not be read.
pub fn check(storage: &dyn Storage, arguments: &JobArguments) -> Result<Exit> {
    match job_file::load(storage, arguments) {
        Ok(loaded) => {
            let file = messages::escape(&arguments.job.display().to_string());
            let steps = loaded.job.transforms.len();
            let plural = if steps == 1 { "" } else { "s" };
            messages::answer(&format!("{file}: ok, {steps} step{plural}\n"))?;
            Ok(Exit::Finished)
        }
        Err(LoadError::Problems(shown)) => {
            messages::show(&shown);
            Ok(Exit::Usage)
        }
        Err(LoadError::Unreadable(error)) => Err(error),
    }
}
