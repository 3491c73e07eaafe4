//! `onward checkpoint now`: has a running job take a checkpoint, or makes a savepoint.

use super::args::NowArguments;
use super::{load_own, lock, newest, open};
use crate::checkpoint::{Folder, Holder, Phase, Savepoint, SavepointName, Sequence, Trigger};
use crate::cli::exit::Exit;
use crate::cli::job_file::Failure;
use crate::cli::messages;
use crate::cli::world::{Teller, pause, real};
use crate::engine::{self, World};
use crate::error::{Error, Kind, Result};
use crate::job::Job;
use crate::storage::{OpenMode, read_full};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How often a running job is asked whether it has saved its checkpoint.
const POLL: Duration = Duration::from_millis(20);
/// How long a running job may take for it: a chunk and a large state.
const PATIENCE: Duration = Duration::from_secs(60);

/// A checkpoint of a running job, or a name for the newest of a stopped one.
pub fn now(arguments: &NowArguments) -> Result<Exit, Failure> {
    let world = real(Arc::new(Teller::default()));
    let name = arguments.name.as_deref().map(SavepointName::of_user).transpose()?;
    let (job, folder) = match &name {
        Some(_) => arguments.change.open(&world)?,
        None => open(&world, &arguments.change.job)?,
    };
    let sequence = match &name {
        Some(name) if !folder.is_locked()? => name_newest(&world, &job, folder, name)?,
        Some(name) => {
            engine::check_owner(&job, &folder, None)?;
            folder.request_savepoint(name)?;
            let asked = ask(&job, &folder, &world, Some(name));
            // Where the run answered it has removed the request itself.
            folder.withdraw_savepoint(name)?;
            asked?
        }
        None => ask(&job, &folder, &world, None)?,
    };
    let text = match (&name, arguments.change.json) {
        (None, true) => format!("{}\n", json!({ "job": job.name, "checkpoint": sequence })),
        (Some(name), true) => {
            let named =
                json!({ "job": job.name, "checkpoint": sequence, "savepoint": name.as_str() });
            format!("{named}\n")
        }
        (None, false) => format!("checkpoint {sequence}\n"),
        (Some(name), false) => format!("checkpoint {sequence}, savepoint {name}\n"),
    };
    messages::answer(&text)?;
    Ok(Exit::Finished)
}

/// Names the checkpoint that a stopped job would go on from.
fn name_newest(world: &World, job: &Job, folder: Folder, name: &SavepointName) -> Result<Sequence> {
    let mut store = lock(world, folder)?;
    let Some(newest) = load_own(job, &mut store)?.newest else {
        let message = format!("`{}` has no usable checkpoint to name", job.name);
        return Err(Error::refused(message).with_hint("see `onward checkpoint list`"));
    };
    if matches!(newest.manifest.phase, Phase::Publishing | Phase::Done) {
        let message = format!("`{}` has finished: there is nothing to go on from", job.name);
        return Err(Error::failed(message).with_hint("make savepoints while the job is under way"));
    }
    let sequence = newest.id.sequence;
    store.name_savepoint(&Savepoint { sequence, name: name.clone() })?;
    Ok(sequence)
}

/// Asks the running process by SIGUSR1 and waits for a checkpoint that it took for that reason, or gave the name. The process has saved
/// it when its folder was synced; that is done here once more, so that it holds when this returns.
fn ask(
    job: &Job,
    folder: &Folder,
    world: &World,
    name: Option<&SavepointName>,
) -> Result<Sequence> {
    let not_running = || {
        Error::failed(format!("`{}` is not running", job.name))
            .with_hint("a stopped job has saved its last checkpoint; see `onward checkpoint list`")
    };
    if !folder.is_locked()? {
        return Err(not_running());
    }
    let holder = folder
        .holder()
        .ok_or_else(|| Error::failed(format!("cannot tell which process runs `{}`", job.name)))?;
    let pid = i32::try_from(holder.pid).ok().and_then(Pid::from_raw).ok_or_else(not_running)?;
    check_holder(world, &holder)?;
    let before = newest(folder)?;
    kill_process(pid, Signal::USR1).map_err(|cause| {
        Error::failed(format!("cannot signal process {} on {}", holder.pid, holder.host))
            .with_cause(std::io::Error::from(cause))
    })?;
    let started = world.clock.monotonic();
    loop {
        let taken = match name {
            Some(name) => named(folder, name)?,
            None => manual_after(folder, before)?,
        };
        if let Some(sequence) = taken {
            let directory = folder.directory();
            let syncing = |cause| Error::io("sync", directory, cause);
            world.storage.sync_directory(directory).map_err(syncing)?;
            return Ok(sequence);
        }
        if !folder.is_locked()? {
            return Err(Error::failed(format!(
                "`{}` ended before it took the checkpoint",
                job.name
            )));
        }
        if world.clock.monotonic().saturating_sub(started) > PATIENCE {
            let message = format!("`{}` has not answered for {} s", job.name, PATIENCE.as_secs());
            return Err(Error::new(Kind::Failed, message));
        }
        pause(POLL);
    }
}

/// A signal that onward takes for a request ends most other programs: be sure of the process.
fn check_holder(world: &World, holder: &Holder) -> Result<()> {
    if holder.host != world.holder.host {
        let message = format!("the job runs on {}, process {}", holder.host, holder.pid);
        return Err(Error::failed(message).with_hint("ask for the checkpoint there"));
    }
    let path = PathBuf::from(format!("/proc/{}/comm", holder.pid));
    // Where there is no such file system the process id has to do.
    if let Ok(file) = world.storage.open(&path, OpenMode::ReadInput) {
        let mut name = [0; 16];
        let count = read_full(&*file, &mut name, 0).unwrap_or(0);
        if !name[..count].starts_with(b"onward") {
            let message = format!("process {} holds the job no longer", holder.pid);
            return Err(Error::failed(message).with_hint("try again"));
        }
    }
    Ok(())
}

/// The checkpoint of a name.
fn named(folder: &Folder, name: &SavepointName) -> Result<Option<Sequence>> {
    let savepoints = folder.savepoints()?.into_iter();
    Ok(savepoints.rev().find(|savepoint| savepoint.name == *name).map(|one| one.sequence))
}

/// The oldest checkpoint behind `before` that was asked for.
fn manual_after(folder: &Folder, before: Option<Sequence>) -> Result<Option<Sequence>> {
    for (sequence, skimmed) in folder.list()? {
        if Some(sequence) <= before || skimmed.is_err() {
            continue;
        }
        // One that retention has deleted meanwhile is passed over.
        if let Ok(Ok(decoded)) = folder.read(sequence)
            && decoded.checkpoint.manifest.trigger == Trigger::Manual
        {
            return Ok(Some(sequence));
        }
    }
    Ok(None)
}
