//! `onward run`: start a job or go on with it.

use super::args::{RehearsalArguments, RunArguments};
use super::exit::{Exit, Signal};
use super::job_file;
use super::messages;
use super::numbers::{counted, duration, thousands};
use super::progress::{Reporter, Style};
use super::signals::{Request, Watch};
use super::summary::{Resumed, Round, Stopped, Summary};
use super::world::{Teller, real, threads};
use crate::checkpoint::Manifest;
use crate::engine::{
    self, ChangeMode, Chunks, Outcome, RunOptions, StartMode, StopAfter, StopCause, World,
};
use crate::error::{Error, Kind};
use crate::job::Job;
use crate::storage::{self, clock::FixedDate};
use std::sync::Arc;
use std::time::Duration;

/// Runs a job, tells how it went, and says how the process ends.
///
/// # Errors
/// Where the run failed, refused, or was stopped by something else than the user.
pub fn run(arguments: &RunArguments) -> Result<Exit, job_file::Failure> {
    let teller = Arc::new(Teller::default());
    let mut world = real(teller.clone());
    let mut loaded = job_file::load(&world, &arguments.job)?;
    rehearse(&arguments.rehearsal, &mut world, &mut loaded.job)?;
    let options = options(arguments);
    let command = format!("onward run {}", arguments.job.job.display());

    let style = Style::choose(arguments.progress, arguments.rehearsal.progress_period);
    let reporter = Reporter::start(style, world.progress.clone(), world.clock.clone());
    let line_request = reporter.line_request();
    teller.show_through(reporter);
    let requests = world.requests.clone();
    let watch =
        Watch::start(
            arguments.shutdown_timeout,
            world.clock.clone(),
            move |request| match request {
                Request::Stop(signal) => requests.stop(signal.number()),
                Request::Checkpoint => requests.checkpoint(),
                Request::Progress => line_request.ask(),
            },
        )
        .map_err(going_on)?;

    let started = world.clock.monotonic();
    let outcome = engine::run(&loaded.job, &command, &options, &world);
    let elapsed = world.clock.monotonic().saturating_sub(started);
    drop(watch);
    teller.finish();
    match outcome {
        Ok(outcome) => Ok(report(&loaded.job, &world, outcome, options.start, elapsed)),
        // Whoever reads our output has read enough.
        Err(error) if is_broken_pipe(&error) && loaded.job.is_to_stdout() => Ok(Exit::Finished),
        Err(error) => Err(loaded.explain(&arguments.job.job, going_on(error))),
    }
}

/// Makes a run one that writes nothing of what the job names, as `onward prove` needs it.
fn rehearse(rehearsal: &RehearsalArguments, world: &mut World, job: &mut Job) -> Result<(), Error> {
    if let Some(folder) = &rehearsal.redirect {
        let redirected = job.redirected(folder)?;
        // Who asks for it makes them; a run that cannot write leaves nothing behind then.
        for path in job.redirected_folders(folder) {
            let found = world.storage.metadata(&path);
            found.map_err(|cause| Error::io("find", &path, cause))?;
        }
        *job = redirected;
    }
    if let Some(parent) = rehearsal.parent {
        end_with(parent)?;
    }
    if let Some(micros) = rehearsal.wall_micros {
        world.clock = Arc::new(FixedDate::new(world.clock.clone(), micros));
    }
    Ok(())
}

/// Has this process killed when the one that started it ends, however that ends.
fn end_with(parent: u32) -> Result<(), Error> {
    let failed = |cause: rustix::io::Errno| {
        let cause = std::io::Error::from(cause);
        Error::failed("cannot be made to end with its parent").with_cause(cause)
    };
    let signal = Some(rustix::process::Signal::KILL);
    rustix::process::set_parent_process_death_signal(signal).map_err(failed)?;
    // It may have ended before.
    let found = rustix::process::getppid().map(|found| found.as_raw_nonzero().get());
    if found.and_then(|found| u32::try_from(found).ok()) == Some(parent) {
        return Ok(());
    }
    Err(Error::failed("who asked for this rehearsal is gone"))
}

fn options(arguments: &RunArguments) -> RunOptions {
    RunOptions {
        threads: threads(arguments.threads),
        chunks: arguments.chunk_bytes.map_or_else(Chunks::default, Chunks::new),
        start: if arguments.fresh { StartMode::Fresh } else { StartMode::Resume },
        changes: if arguments.accept_changes { ChangeMode::Accept } else { ChangeMode::Refuse },
        overwrite: arguments.overwrite,
        unsafe_directory: arguments.unsafe_dir,
        stop: StopAfter {
            time: arguments.max_runtime,
            records: arguments.stop_after,
            barriers: arguments.stop_after_barriers,
        },
    }
}

fn is_broken_pipe(error: &Error) -> bool {
    cause_of(error).is_some_and(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
}

fn cause_of(error: &Error) -> Option<&std::io::Error> {
    error.cause.as_ref()?.downcast_ref()
}

/// A run that stopped for want of room or descriptors goes on with the same command.
fn going_on(error: Error) -> Error {
    if error.hint.is_some() {
        return error;
    }
    let is_out_of_descriptors = cause_of(&error).is_some_and(storage::is_out_of_descriptors);
    match error.kind {
        Kind::StoppedEarly => error.with_hint("make room, then run the same command to go on"),
        Kind::Failed if is_out_of_descriptors => error.with_hint(
            "allow more open files (`ulimit -n 1024`), then run the same command to go on",
        ),
        _ => error,
    }
}

fn report(job: &Job, world: &World, outcome: Outcome, start: StartMode, elapsed: Duration) -> Exit {
    match outcome {
        Outcome::AlreadyFinished(manifest) => finished_before(job, &manifest),
        Outcome::Finished(done) => {
            let summary = summary(job, world, &done, elapsed);
            messages::show(&summary.text());
            summary.exit()
        }
        Outcome::Stopped(cause, done) => {
            let stopped = Stopped {
                sequence: done.sequence,
                records: done.counters.records_read,
                bytes_done: done.bytes_done,
                bytes_total: done.bytes_total,
                start,
            };
            let early = |word: &str| {
                messages::show(&stopped.text(word));
                Exit::StoppedEarly
            };
            match cause {
                StopCause::Signal(number) => {
                    let signal = Signal::from_number(number).unwrap_or(Signal::Terminate);
                    messages::show(&stopped.interrupted(signal));
                    Exit::Interrupted(signal)
                }
                StopCause::Time(time) => early(&format!("stopped after {}", duration(time))),
                StopCause::Records(records) => {
                    early(&format!("stopped after {}", counted(records, "record")))
                }
                StopCause::Barriers => early("stopped early"),
            }
        }
    }
}

fn finished_before(job: &Job, manifest: &Manifest) -> Exit {
    if let Some(round) = &manifest.round {
        let (name, number) = (&job.name, round.number);
        messages::show(&messages::note(&format!(
            "nothing is new for `{name}` since round {number}"
        )));
        return Exit::Finished;
    }
    let written = thousands(manifest.counters.records_written);
    messages::show(&messages::note(&format!(
        "`{}` is finished already: {written} records are written; `--fresh` runs it again",
        job.name
    )));
    match manifest.counters.records_rejected {
        0 => Exit::Finished,
        _ => Exit::FinishedWithRejects,
    }
}

fn summary(job: &Job, world: &World, done: &engine::Summary, elapsed: Duration) -> Summary {
    let counters = done.counters;
    let written = |output: &engine::Written| (output.target.clone(), output.records);
    let outputs = done.outputs.iter().map(written).collect();
    let resumed = done
        .resumed
        .map(|resumed| Resumed { sequence: resumed.sequence, records: resumed.records });
    Summary {
        job: job.name.clone(),
        records_read: counters.records_read,
        records_written: counters.records_written,
        records_filtered: counters.records_filtered,
        records_rejected: counters.records_rejected,
        checkpoints: world.progress.read().checkpoints,
        elapsed,
        resumed,
        round: done.round.map(|number| Round { number, bytes: done.bytes_total }),
        remarks: done.remarks.clone(),
        outputs,
        rejects: job.of_round(done.round.unwrap_or(1)).rejects.path,
    }
}
