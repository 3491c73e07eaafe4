//! `onward checkpoint`: have one taken, list, show and verify them.

use super::args::{AnswerArguments, CheckpointCommand, JobArguments, OneCheckpointArguments};
use super::exit::Exit;
use super::job_file::{self, Failure};
use super::messages::{self, escape};
use super::numbers::{bytes, thousands};
use super::world::{Teller, looking, real};
use crate::checkpoint::{Folder, Holder, Manifest, Sequence, Trigger, Trust};
use crate::engine::{self, Decision, World};
use crate::error::{Error, Kind, Result};
use crate::job::Job;
use crate::storage::{OpenMode, read_full};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value as Json, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How often a running job is asked whether it has saved its checkpoint.
const POLL: Duration = Duration::from_millis(20);
/// How long a running job may take for it: a chunk and a large state.
const PATIENCE: Duration = Duration::from_secs(60);

/// Does what the command says.
///
/// # Errors
/// Where the job is wrong, not running, or its checkpoints cannot be read.
pub fn checkpoint(command: &CheckpointCommand) -> Result<Exit, Failure> {
    match command {
        CheckpointCommand::Now(arguments) => now(arguments),
        CheckpointCommand::List(arguments) => list(arguments),
        CheckpointCommand::Show(arguments) => show(arguments),
        CheckpointCommand::Verify(arguments) => verify(arguments),
    }
}

/// The job and its folder, which must be there.
fn open(world: &World, arguments: &JobArguments) -> Result<(Job, Folder), Failure> {
    let job = job_file::load(world, arguments)?.job;
    let folder = engine::folder(&job, world, Trust::Anyones)?;
    let missing = || {
        let message = format!("`{}` has no checkpoints: it was never started", job.name);
        Failure::Error(Error::failed(message))
    };
    let folder = folder.ok_or_else(missing)?;
    Ok((job, folder))
}

fn now(arguments: &AnswerArguments) -> Result<Exit, Failure> {
    let world = real(Arc::new(Teller::default()));
    let (job, folder) = open(&world, &arguments.job)?;
    let sequence = ask(&job, &folder, &world)?;
    let text = if arguments.json {
        format!("{}\n", json!({ "job": job.name, "checkpoint": sequence }))
    } else {
        format!("checkpoint {sequence}\n")
    };
    messages::answer(&text)?;
    Ok(Exit::Finished)
}

/// Asks the running process by SIGUSR1 and waits for a checkpoint that it took for that reason. The process has saved
/// it when its folder was synced; that is done here once more, so that it holds when this returns.
fn ask(job: &Job, folder: &Folder, world: &World) -> Result<Sequence> {
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
        if let Some(sequence) = manual_after(folder, before)? {
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
        super::world::pause(POLL);
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

fn newest(folder: &Folder) -> Result<Option<Sequence>> {
    Ok(folder.list()?.keys().max().copied())
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

fn list(arguments: &AnswerArguments) -> Result<Exit, Failure> {
    let world = real(Arc::new(Teller::default()));
    let (_, folder) = open(&world, &arguments.job)?;
    let mut text = match arguments.json {
        true => String::new(),
        false => "number  taken (UTC)          why              bytes  records\n".to_owned(),
    };
    for (sequence, skimmed) in folder.list()? {
        let read = match skimmed {
            Ok(skimmed) => folder.read(sequence)?.map(|read| (skimmed, read)),
            Err(invalid) => Err(invalid),
        };
        let line = match (read, arguments.json) {
            (Ok((skimmed, read)), true) => json!({
                "checkpoint": sequence,
                "bytes": skimmed.length,
                "spill_bytes": spill_bytes(&read.checkpoint.manifest),
                "trigger": read.checkpoint.manifest.trigger,
                "phase": read.checkpoint.manifest.phase,
                "taken_at_micros": read.checkpoint.manifest.taken_at_micros,
                "records_read": read.checkpoint.manifest.counters.records_read,
                "bytes_read": read.checkpoint.manifest.counters.bytes_read,
            })
            .to_string(),
            (Err(invalid), true) => {
                json!({ "checkpoint": sequence, "invalid": invalid.to_string() }).to_string()
            }
            (Ok((skimmed, read)), false) => {
                let manifest = &read.checkpoint.manifest;
                let mut time = Vec::new();
                crate::record::text::write_timestamp(&mut time, manifest.taken_at_micros);
                let beside = match spill_bytes(manifest) {
                    0 => String::new(),
                    spilled => format!("  ({} in spills)", bytes(spilled)),
                };
                format!(
                    "{sequence:>6}  {}  {:<10}  {:>10}  {}{beside}",
                    String::from_utf8_lossy(&time[..19]),
                    manifest.trigger.word(),
                    bytes(skimmed.length),
                    thousands(manifest.counters.records_read)
                )
            }
            (Err(invalid), false) => format!("{sequence:>6}  not usable: {invalid}"),
        };
        text += &line;
        text.push('\n');
    }
    messages::answer(&text)?;
    Ok(Exit::Finished)
}

/// Bytes of the files beside a checkpoint that it needs.
fn spill_bytes(manifest: &Manifest) -> u64 {
    manifest.spills.iter().map(|spill| spill.length).fold(0, u64::saturating_add)
}

/// The checkpoint that the user names, or the newest.
fn chosen(folder: &Folder, arguments: &OneCheckpointArguments) -> Result<Sequence> {
    match arguments.sequence {
        Some(number) => {
            let there = folder.list()?;
            if there.contains_key(&Sequence(number)) {
                return Ok(Sequence(number));
            }
            let numbers: Vec<String> = there.keys().map(Sequence::to_string).collect();
            Err(Error::usage(format!("there is no checkpoint {number}"))
                .with_hint(format!("there are: {}", numbers.join(", "))))
        }
        None => newest(folder)?.ok_or_else(|| Error::failed("there is no checkpoint")),
    }
}

fn show(arguments: &OneCheckpointArguments) -> Result<Exit, Failure> {
    let world = real(Arc::new(Teller::default()));
    let (_, folder) = open(&world, &arguments.job)?;
    let sequence = chosen(&folder, arguments)?;
    let read = folder.read(sequence)?;
    let checkpoint = read.map_err(|invalid| refused(sequence, &invalid.to_string()))?.checkpoint;
    let sections: Vec<_> = checkpoint
        .sections
        .iter()
        .map(|section| {
            json!({
                "name": section.name,
                "form": section.form,
                "version": section.version,
                "bytes": section.bytes.len(),
            })
        })
        .collect();
    let mut shown = json!({
        "checkpoint": sequence,
        "parent": checkpoint.parent,
        "manifest": checkpoint.manifest,
        "sections": sections,
    });
    if !arguments.json {
        shorten(&mut shown["manifest"], "outputs");
        shorten(&mut shown["manifest"], "earlier");
    }
    let text = if arguments.json {
        shown.to_string()
    } else {
        serde_json::to_string_pretty(&shown)
            .map_err(|cause| Failure::Error(Error::internal("JSON").with_cause(cause)))?
    };
    messages::answer(&format!("{text}\n"))?;
    Ok(Exit::Finished)
}

/// Leaves the first entries of a long list and says how many more there are. For people: `--json` gives all.
fn shorten(manifest: &mut Json, key: &str) {
    const SHOWN: usize = 8;
    if let Some(Json::Array(entries)) = manifest.get_mut(key)
        && entries.len() > SHOWN
    {
        let more = entries.len() - SHOWN;
        entries.truncate(SHOWN);
        entries.push(json!(format!("... and {more} more; `--json` shows all")));
    }
}

fn refused(sequence: Sequence, reason: &str) -> Failure {
    Failure::Error(Error::refused(format!("checkpoint {sequence} is not usable: {reason}")))
}

/// Verifies a checkpoint with all that it builds on, and, for the newest, that job, inputs and outputs fit it.
fn verify(arguments: &OneCheckpointArguments) -> Result<Exit, Failure> {
    let world = real(Arc::new(Teller::default()));
    let (job, folder) = open(&world, &arguments.job)?;
    let sequence = chosen(&folder, arguments)?;
    let verified = folder.verify(sequence)?;
    verified.map_err(|invalid| refused(sequence, &invalid.to_string()))?;
    let mut fits = "";
    if Some(sequence) == newest(&folder)? {
        let command = format!("onward run {}", arguments.job.job.display());
        let outlook = engine::outlook(&job, &command, &looking(), &world)?;
        if let Decision::Refuse(error) = outlook.decision {
            return Err(Failure::Error(error));
        }
        fits = "; job, inputs and outputs fit it";
    }
    let name = escape(&job.name);
    let text = if arguments.json {
        format!("{}\n", json!({ "job": job.name, "checkpoint": sequence, "valid": true }))
    } else {
        format!("{name}: checkpoint {sequence} is whole{fits}\n")
    };
    messages::answer(&text)?;
    Ok(Exit::Finished)
}
