//! What a user gives up is given up in the copies, too: otherwise the next run would take it back from there, or a run that
//! has lost the job's own folder.
//!
//! Order, and what a crash after each step leaves behind:
//! 1. copies are opened and locked; one that is ahead of the job's own folder is a refusal. (Nothing was changed.)
//! 2. the job's own folder is changed, under numbers above those of all copies.
//! 3. the copies follow, one after the other. (A copy of what was given up. After a rollback a run passes it over as long
//!    as it has the job's own folder; a removed checkpoint is there again, and can be removed again.)
//!
//! A copy that cannot be opened now, or does not follow, is told.

use super::copies::{newest_copy, open_one};
use super::world::World;
use crate::checkpoint::settings::RequireCopies;
use crate::checkpoint::{
    Loaded, Needs, Newest, Removal, Removed, Saved, Selector, Sequence, Stays, Store, Trust,
};
use crate::error::{Error, Kind, Result};
use crate::job::Job;
use crate::observe::Event;
use std::path::{Path, PathBuf};

/// The copies of a job, locked, to follow what is done to its own folder.
pub struct Followers {
    copies: Vec<(PathBuf, Store)>,
    world: World,
}

impl Followers {
    /// Step 1.
    ///
    /// # Errors
    /// Where a copy holds what the job would go on from, is in use or another job's; and where the job requires copies, and
    /// one cannot be opened.
    pub fn open(job: &Job, trust: Trust, world: &World, loaded: &Loaded) -> Result<Followers> {
        if let Some((copied, path)) = newest_copy(job, world, trust, loaded) {
            let number = copied.newest.map_or(copied.sequence_max, |newest| newest.id.sequence);
            let path = path.display();
            let message = format!(
                "the copy in `{path}` is ahead of the job's own folder: a run goes on from its checkpoint {number}"
            );
            return Err(Error::refused(message).with_hint(
                "run the job and stop it, so that it takes that over; or move the copy away",
            ));
        }
        let known = loaded.newest.as_ref().map(|newest| newest.manifest.instance);
        let world = world.clone();
        let mut followers = Followers { copies: Vec::new(), world };
        for path in &job.checkpoint.copies {
            match open_one(path, &job.name, trust, &followers.world, known) {
                Ok(store) => followers.copies.push((path.clone(), store)),
                Err(error) if matches!(error.kind, Kind::Locked | Kind::Refused) => {
                    return Err(error);
                }
                Err(error) if job.checkpoint.require_copies == RequireCopies::Yes => {
                    return Err(error);
                }
                Err(error) => followers.tell(path, &error),
            }
        }
        Ok(followers)
    }

    /// New numbers of the job's own folder are above those of its copies.
    pub fn stay_below(&self, own: &mut Store) {
        self.copies.iter().for_each(|(_, copy)| own.stay_above(copy.sequence_max()));
    }

    /// Step 3 of a rollback: the copies take the new checkpoint, and give up those between.
    pub fn roll_back(&mut self, own: &Store, target: Sequence, saved: &Saved, needs: &Needs) {
        for (path, copy) in &mut self.copies {
            let followed = copy.take_over(own.folder(), saved.id.sequence, needs);
            let followed = followed.and_then(|copied| match copied {
                Some(copied) => {
                    copy.abandon(target, &copied, Removal::asked_for_by_user()).map(drop)
                }
                None => Err(Error::failed("the new checkpoint is gone")),
            });
            if let Err(error) = followed {
                tell(&self.world, path, &error);
            }
        }
    }

    /// Step 3 of a removal.
    pub fn remove(&mut self, removed: &Removed) {
        for (path, copy) in &mut self.copies {
            if let Err(error) = remove(copy, removed) {
                tell(&self.world, path, &error);
            }
        }
    }

    fn tell(&self, path: &Path, error: &Error) {
        tell(&self.world, path, error);
    }
}

fn remove(copy: &mut Store, removed: &Removed) -> Result<()> {
    let Removed { sequence, names, stays } = removed;
    if !copy.folder().checkpoints()?.contains(sequence) {
        return copy.forget_lost(*sequence, names, Removal::asked_for_by_user());
    }
    let loaded = copy.load()?;
    let here = copy.folder().names_of(*sequence)?;
    if let Some(Stays::Named(_)) = stays {
        // The others may not be known here yet, and want the file.
        let names: Vec<_> = names.iter().filter(|name| here.contains(name)).cloned().collect();
        return copy.forget_lost(*sequence, &names, Removal::asked_for_by_user());
    }
    let mut remove = |selector, newest| {
        let permission = Removal::asked_for_by_user();
        copy.remove_selected(&selector, newest, &loaded, permission).map(drop)
    };
    let newest = if stays.is_none() { Newest::Remove } else { Newest::Keep };
    if stays.is_none() && here.is_empty() {
        // It may have got its name after it was copied. What has another name here is perhaps another one, and stays.
        return remove(Selector::Number(*sequence), newest);
    }
    let mut names = names.iter().filter(|name| here.contains(name)).cloned();
    // With its last name it goes as well; where others build on it here, it is a checkpoint like any other from now on.
    names.try_for_each(|name| remove(Selector::Name(name), newest))
}

fn tell(world: &World, path: &Path, error: &Error) {
    let path = path.display();
    world
        .observer
        .event(Event::Note(format!("the copy in `{path}` keeps what is given up: {error}")));
}
