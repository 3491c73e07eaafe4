//! `onward checkpoint rm`: removes one checkpoint or savepoint.

use super::args::RemoveArguments;
use super::{load_own, lock};
use crate::checkpoint::{Newest, Removal, Removed, SavepointName, Selector, Sequence, Stays};
use crate::cli::exit::Exit;
use crate::cli::job_file::Failure;
use crate::cli::messages::{self, escape};
use crate::cli::world::{Teller, real};
use crate::engine::Followers;
use serde_json::json;
use std::sync::Arc;

/// Removes what the user names.
pub fn remove(arguments: &RemoveArguments) -> Result<Exit, Failure> {
    let world = real(Arc::new(Teller::default()));
    let selector = Selector::of_user(&arguments.checkpoint)?;
    let (job, folder) = arguments.change.open(&world)?;
    let mut store = lock(&world, folder)?;
    let loaded = load_own(&job, &mut store)?;
    let trust = arguments.change.trust();
    let mut followers = Followers::open(&job, trust, &world, &loaded)?;
    let newest = if arguments.force { Newest::Remove } else { Newest::Keep };
    let permission = Removal::asked_for_by_user();
    let removed = store.remove_selected(&selector, newest, &loaded, permission)?;
    followers.remove(&removed);
    let Removed { sequence, names, stays } = &removed;
    let text = if arguments.change.json {
        let names: Vec<&str> = names.iter().map(SavepointName::as_str).collect();
        let is_gone = stays.is_none();
        let json = json!({
            "job": job.name, "checkpoint": sequence, "savepoints": names, "removed": is_gone,
        });
        format!("{json}\n")
    } else {
        format!("{}: {}\n", escape(&job.name), sentence(&removed))
    };
    messages::answer(&text)?;
    Ok(Exit::Finished)
}

fn sentence(removed: &Removed) -> String {
    let Removed { sequence, names, stays } = removed;
    let names: Vec<&str> = names.iter().map(SavepointName::as_str).collect();
    let list = names.join(", ");
    match stays {
        None if names.is_empty() => format!("removed checkpoint {sequence}"),
        None => format!("removed savepoint {list}, checkpoint {sequence}"),
        Some(Stays::Newest) => format!(
            "removed the name {list}; checkpoint {sequence} stays, since the job would go on from it"
        ),
        Some(Stays::Named(others)) => {
            let others: Vec<&str> = others.iter().map(SavepointName::as_str).collect();
            let others = others.join(", ");
            format!(
                "removed the name {list}; checkpoint {sequence} stays, since it is also {others}"
            )
        }
        Some(Stays::BuiltOn(children)) => {
            let children: Vec<String> = children.iter().map(Sequence::to_string).collect();
            let children = children.join(", ");
            format!(
                "removed the name {list}; checkpoint {sequence} stays, since {children} builds on it"
            )
        }
    }
}
