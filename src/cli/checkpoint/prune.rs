//! `onward checkpoint prune`: removes old checkpoints.

use super::args::PruneArguments;
use super::{load_own, lock};
use crate::checkpoint::{Removal, Sequence};
use crate::cli::exit::Exit;
use crate::cli::job_file::Failure;
use crate::cli::messages::{self, escape};
use crate::cli::numbers::counted;
use crate::cli::world::{Teller, real};
use serde_json::json;
use std::num::NonZeroUsize;
use std::sync::Arc;

/// Keeps the newest, all savepoints, and what these build on.
pub fn prune(arguments: &PruneArguments) -> Result<Exit, Failure> {
    let world = real(Arc::new(Teller::default()));
    let (job, folder) = arguments.change.open(&world)?;
    let mut store = lock(&world, folder)?;
    let loaded = load_own(&job, &mut store)?;
    let keep = arguments.keep.map_or(job.checkpoint.keep, NonZeroUsize::get);
    let mut removed = store.prune(keep, &loaded, Removal::asked_for_by_user())?;
    removed.sort();
    let left = store.folder().checkpoints()?;
    let text = if arguments.change.json {
        format!("{}\n", json!({ "job": job.name, "removed": removed, "left": left }))
    } else {
        let list = match removed.as_slice() {
            [] => String::new(),
            removed => {
                let numbers: Vec<String> = removed.iter().map(Sequence::to_string).collect();
                format!(": {}", numbers.join(", "))
            }
        };
        let (count, rest) = (removed.len() as u64, left.len() as u64);
        let count = counted(count, "checkpoint");
        format!("{}: removed {count}{list}; {rest} left\n", escape(&job.name))
    };
    messages::answer(&text)?;
    Ok(Exit::Finished)
}
