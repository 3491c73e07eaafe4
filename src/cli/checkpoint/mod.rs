//! `onward checkpoint`: one file per command; what they do to a folder is done by `engine` and `checkpoint`.

pub mod args;

mod diff;

mod export;

mod fork;

mod import;

mod list;

mod now;

mod prune;

mod remove;

mod rollback;

mod show;

mod verify;

use super::args::JobArguments;
use super::exit::Exit;
use super::job_file::{self, Failure};
use super::signals;
use crate::checkpoint::{Folder, Loaded, Selector, Sequence, Store, Trust};
use crate::engine::{self, World};
use crate::error::{Error, Result};
use crate::job::Job;
use args::{ChangeArguments, CheckpointCommand};

/// Does what the command says.
///
/// # Errors
/// Where the job is wrong, not running, or its checkpoints cannot be read.
pub fn checkpoint(command: &CheckpointCommand) -> Result<Exit, Failure> {
    signals::pass_over_requests()?;
    match command {
        CheckpointCommand::Now(arguments) => now::now(arguments),
        CheckpointCommand::List(arguments) => list::list(arguments),
        CheckpointCommand::Show(arguments) => show::show(arguments),
        CheckpointCommand::Verify(arguments) => verify::verify(arguments),
        CheckpointCommand::Diff(arguments) => diff::diff(arguments),
        CheckpointCommand::Rollback(arguments) => rollback::rollback(arguments),
        CheckpointCommand::Export(arguments) => export::export(arguments),
        CheckpointCommand::Import(arguments) => import::import(arguments),
        CheckpointCommand::Fork(arguments) => fork::fork(arguments),
        CheckpointCommand::Prune(arguments) => prune::prune(arguments),
        CheckpointCommand::Rm(arguments) => remove::remove(arguments),
    }
}

/// The job and its folder, which must be there, to look at.
fn open(world: &World, arguments: &JobArguments) -> Result<(Job, Folder), Failure> {
    open_trusted(world, arguments, Trust::Anyones)
}

fn open_trusted(
    world: &World,
    arguments: &JobArguments,
    trust: Trust,
) -> Result<(Job, Folder), Failure> {
    let job = job_file::load(world, arguments)?.job;
    let folder = folder_of(world, &job, trust)?;
    Ok((job, folder))
}

/// The folder of a job that was started.
fn folder_of(world: &World, job: &Job, trust: Trust) -> Result<Folder> {
    engine::folder(job, world, trust)?.ok_or_else(|| no_folder(world, job, trust))
}

/// Says that a job has no folder: it was never started, or has lost it.
fn no_folder(world: &World, job: &Job, trust: Trust) -> Error {
    let none = Loaded { newest: None, refused: Vec::new(), sequence_max: Sequence(0) };
    let (name, directory) = (&job.name, job.checkpoint.directory.display());
    match engine::newest_copy(job, world, trust, &none) {
        None => Error::failed(format!("`{name}` has no checkpoints: it was never started")),
        Some((_, path)) => {
            let message = format!("the folder `{directory}` of `{name}` is not there");
            let path = path.display();
            Error::failed(message)
                .with_hint(format!("a run takes its newest checkpoint from the copy in `{path}`"))
        }
    }
}

impl ChangeArguments {
    fn trust(&self) -> Trust {
        if self.unsafe_dir { Trust::Anyones } else { Trust::OwnOnly }
    }

    /// The job and its folder, to change it once it is locked.
    fn open(&self, world: &World) -> Result<(Job, Folder), Failure> {
        open_trusted(world, &self.job, self.trust())
    }
}

/// The folder, locked; refused while a run holds the lock.
fn lock(world: &World, folder: Folder) -> Result<Store> {
    folder.lock(&world.holder, &mut |span| (world.pause)(span))
}

/// What a run would go on from, in a folder that holds no other job's checkpoints.
fn load_own(job: &Job, store: &mut Store) -> Result<Loaded> {
    let loaded = store.load()?;
    let newest = loaded.newest.as_ref().map(|newest| &newest.manifest);
    engine::check_owner(job, store.folder(), newest)?;
    Ok(loaded)
}

fn newest(folder: &Folder) -> Result<Option<Sequence>> {
    Ok(folder.list()?.keys().max().copied())
}

/// The checkpoint that the user names, or the newest.
fn chosen(folder: &Folder, checkpoint: Option<&str>) -> Result<Sequence> {
    match checkpoint {
        Some(text) => folder.select(&Selector::of_user(text)?),
        None => newest(folder)?.ok_or_else(|| Error::failed("there is no checkpoint")),
    }
}

fn refused(sequence: Sequence, reason: &str) -> Failure {
    Failure::Error(Error::refused(format!("checkpoint {sequence} is not usable: {reason}")))
}
