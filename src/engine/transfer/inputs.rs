//! Knowing the inputs of a checkpoint again among those of a job, by what is in them and not by what they are called.

use crate::checkpoint::{InputEntry, Manifest};
use crate::engine::inputs::Inputs;
use crate::engine::world::World;
use crate::error::{Error, Kind, Result};
use crate::job::Job;
use crate::source::fingerprint::{Comparison, compare};
use crate::storage::OpenMode;
use std::path::{Path, PathBuf};

/// The inputs of the job that hold what those of a checkpoint held, in their order.
pub fn recognised(job: &Job, world: &World, manifest: &Manifest) -> Result<Vec<PathBuf>> {
    let discovered = Inputs::discover(job, &*world.storage)?;
    let mut found: Vec<PathBuf> = Vec::new();
    for input in &manifest.inputs {
        let is_free = |path: &&PathBuf| !found.contains(path);
        // One of the same name first: where several hold the same, they stay as they were.
        let alike = discovered.iter().filter(is_free).filter(|path| name(job, path) == input.path);
        let others = discovered.iter().filter(is_free).filter(|path| name(job, path) != input.path);
        let mut recognised = None;
        for path in alike.chain(others) {
            if is_same(world, path, input)? {
                recognised = Some(path.clone());
                break;
            }
        }
        found.push(recognised.ok_or_else(|| not_found(input))?);
    }
    Ok(found)
}

/// What checkpoints call an input.
pub fn name(job: &Job, path: &Path) -> String {
    path.strip_prefix(&job.folder).unwrap_or(path).to_string_lossy().into_owned()
}

fn is_same(world: &World, path: &Path, input: &InputEntry) -> Result<bool> {
    let reading = |cause| Error::io("read", path, cause);
    let file = world.storage.open(path, OpenMode::ReadInput).map_err(reading)?;
    let comparison = compare(&*file, &input.fingerprint).map_err(reading)?;
    Ok(matches!(comparison, Comparison::Same | Comparison::SameButTouched))
}

/// That an input is not here.
pub fn not_found(input: &InputEntry) -> Error {
    let size = input.fingerprint.size;
    let message = format!(
        "none of the job's inputs holds what `{}` held when the checkpoint was taken ({size} bytes)",
        input.path
    );
    Error::new(Kind::Refused, message)
        .with_hint("copy the same inputs there, and name them in the job")
}
