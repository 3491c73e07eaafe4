//! Whose checkpoints a folder holds.
//!
//! A job may be renamed: a run takes that for what it is. But where a user has something removed, named or gone back to,
//! another name may as well mean the folder of another job, and what is removed there does not come back.

use crate::checkpoint::{Folder, Manifest};
use crate::error::{Error, Result};
use crate::job::Job;

/// The name of the job that took the newest checkpoint that can be read; `None` where there is none.
pub fn owner(folder: &Folder) -> Result<Option<String>> {
    for sequence in folder.checkpoints()?.into_iter().rev() {
        if let Ok(decoded) = folder.read(sequence)? {
            return Ok(Some(decoded.checkpoint.manifest.job_name));
        }
    }
    Ok(None)
}

/// Refuses to change what another job has saved. `newest` is what the job would go on from, where that is known.
pub fn check_owner(job: &Job, folder: &Folder, newest: Option<&Manifest>) -> Result<()> {
    let owner = match newest {
        Some(manifest) => Some(manifest.job_name.clone()),
        None => owner(folder)?,
    };
    match owner {
        Some(owner) if owner != job.name => Err(of_other(job, folder, &owner)),
        _ => Ok(()),
    }
}

fn of_other(job: &Job, folder: &Folder, owner: &str) -> Error {
    let (path, name) = (folder.directory().display(), &job.name);
    let owner: String = owner.chars().filter(|c| !c.is_control()).take(100).collect();
    let message = format!(
        "`{path}` holds the checkpoints of another job, `{owner}`, and this one is `{name}`"
    );
    Error::refused(message).with_hint(format!(
        "use that job's file; where this job was renamed, add `--set name={owner}`"
    ))
}
