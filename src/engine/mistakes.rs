//! Mistakes that take more than a line where they are made; see `storage::mutants`.

use super::output::planned;
use super::world::World;
use crate::checkpoint::{Loaded, Store};
use crate::job::Job;
use crate::storage::OpenMode;
use crate::storage::mutants::{Mutant, is_on};

/// Between what was loaded and every decision.
pub fn make(job: &Job, world: &World, store: &Store, loaded: &mut Loaded) {
    let Some(newest) = &mut loaded.newest else { return };
    if is_on(Mutant::OutputCutToNewestSeen)
        && let Ok(Some(seen)) = store.folder().newest_manifest()
    {
        newest.manifest.outputs = seen.outputs;
    }
    if is_on(Mutant::OutputCutBeforeChecks) {
        for plan in planned(job) {
            let staged = plan.name(&newest.manifest.instance.to_string()).staged;
            let entry = newest.manifest.outputs.iter().find(|entry| entry.name == plan.role);
            if let (Some(entry), Ok(file)) = (entry, world.storage.open(&staged, OpenMode::Modify))
            {
                _ = file.set_length(entry.length);
            }
        }
    }
}
