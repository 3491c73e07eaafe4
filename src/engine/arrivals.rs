//! What an import or a fork left that was stopped: staged files under an id that no checkpoint has.
//!
//! Only ids that are marked in the job's folder are looked for, so that nothing of another job or start is touched; and
//! nothing is removed while there are checkpoints that cannot be read, since they may be of that start.

use super::output::planned;
use super::rewinding::patterns;
use super::world::World;
use crate::checkpoint::{ArrivalMark, Loaded, Store};
use crate::error::{Error, Result};
use crate::job::Job;
use crate::sink::{discard_staged, is_staged_by};
use crate::storage::Storage;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

/// Removes the staged files of starts that are marked and have no checkpoint, and the marks. `loaded` is what was found
/// in the folder; `None` where it is known that no checkpoint is there.
pub fn sweep_arrivals(
    job: &Job,
    world: &World,
    store: &Store,
    loaded: Option<&Loaded>,
) -> Result<()> {
    let marks = store.folder().arrivals()?;
    let newest = loaded.and_then(|loaded| loaded.newest.as_ref());
    let is_known = newest.is_some() || loaded.is_none_or(|loaded| loaded.refused.is_empty());
    if marks.is_empty() || !is_known {
        return Ok(());
    }
    for mark in marks {
        if newest.is_none_or(|newest| newest.manifest.instance != mark.instance) {
            discard_all(&job.of_round(mark.round), world, mark)?;
        }
        store.remove_arrival(mark)?;
    }
    Ok(())
}

fn discard_all(job: &Job, world: &World, mark: ArrivalMark) -> Result<()> {
    let (storage, instance) = (&*world.storage, mark.instance.to_string());
    let mut staged: Vec<PathBuf> = Vec::new();
    for plan in planned(job) {
        let name = plan.name(&instance);
        if is_there(storage, &name.staged)? {
            staged.push(name.staged);
        }
    }
    for pattern in patterns(job) {
        let ours = pattern.staged(storage)?.into_iter();
        staged.extend(ours.filter(|path| is_staged_by(path, &instance)));
    }
    let mut folders = BTreeSet::new();
    for path in &staged {
        discard_staged(storage, path)?;
        folders.extend(path.parent());
    }
    // Only then the mark goes.
    folders.into_iter().try_for_each(|folder| {
        let syncing = |cause| Error::io("sync the folder", folder, cause);
        storage.sync_directory(folder).map_err(syncing)
    })
}

fn is_there(storage: &dyn Storage, path: &Path) -> Result<bool> {
    match storage.metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(cause) => Err(Error::io("look at", path, cause)),
    }
}
