//! The whole program in one place: what a run does, from the job to its published outputs.
//!
//! ```text
//!  file -- chunk k: a worker claims it, reads it --> cut > decode > steps without state > encode
//!                                     | results, numbered k
//!                                     v
//!          the ordered stage: verify the cut > steps with state > append > triggers > barrier > checkpoint
//! ```

use super::ahead::Ahead;
use super::copies::Copies;
use super::ordered::Ordered;
use super::prepare::{Prepared, Ready, prepare};
use super::queue::{Processed, Queue, in_order};
use super::recheck::Recheck;
use super::saver::Saver;
use super::schedule::{Happened, Schedule, Verdict};
use super::summary::{Outcome, Summary};
use super::tracking::Tracking;
use super::worker::{Chunk, Worker};
use super::world::{RunOptions, World};
use crate::checkpoint::{Phase, Store, Trigger};
use crate::error::{Error, Result};
use crate::job::Job;
use crate::storage::mutants::{Mutant, is_on};
use crate::threads;
use crate::transform::Flow;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// How a stretch of work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// There is no more of it.
    Complete,
    /// A checkpoint was taken and the run stops here.
    Stopped,
}

/// Runs a job: starts it, goes on with it, or finds that nothing is left to do.
///
/// # Errors
/// Every failure leaves a folder from which the same command goes on, or says why not.
pub fn run(job: &Job, command: &str, options: &RunOptions, world: &World) -> Result<Outcome> {
    let began = world.clock.monotonic();
    let ready = match prepare(job, command, options, world)? {
        Prepared::Finished(finished) => return Ok(Outcome::AlreadyFinished(finished)),
        Prepared::Ready(ready) => ready,
    };
    let Ready { job, plan, inputs, beginning, known, store, copies, spills, resumed } = *ready;
    let job = &job;
    let copies = Arc::new(Copies::start(copies, job, options, world, &beginning));
    let tracking = Tracking::new(&inputs, &*world.storage, job.source.verify, known.clone())?;
    let mut ordered = Ordered::new(world, job, &plan, &inputs, tracking, spills, beginning);
    threads::scope(|scope| {
        let keep = job.checkpoint.keep;
        // Changes are told by the names of steps: where the job may be another, the first checkpoint holds everything.
        let is_same = resumed.as_ref().is_some_and(|resumed| !resumed.is_changed);
        let parent = store.as_ref().filter(|_| is_same).and_then(Store::parent_of_next);
        let start = |store| Saver::start(scope, world.clone(), store, keep, Arc::clone(&copies));
        let saver = store.map(start);
        let mut schedule = Schedule::new(job, options, world, saver, began, parent);
        let recheck = Recheck::start(scope, world, &inputs, known.as_deref());
        if ordered.phase == Phase::Publishing {
            // An earlier run wrote all, and the outputs have their names: only that is to be said.
            schedule.finish_done(&mut ordered)?;
        } else {
            let ended = work(&mut ordered, &mut schedule, options, world);
            if schedule.settle(&mut ordered, ended)? == Ending::Complete {
                let rechecked = recheck.finish();
                if !is_on(Mutant::FailedRecheckIgnored) {
                    rechecked?;
                }
                publish(&mut ordered, &mut schedule)?;
            }
        }
        copies.finish(world)?;
        let summary = Summary { resumed, ..schedule.summary(&ordered) };
        Ok(match schedule.stopped_by {
            Some(cause) => Outcome::Stopped(cause, summary),
            None => Outcome::Finished(summary),
        })
    })
}

/// Everything is written: the outputs get their final names.
fn publish(ordered: &mut Ordered<'_>, schedule: &mut Schedule<'_>) -> Result<()> {
    let states = ordered.begin_publishing();
    threads::scope(|scope| {
        // To give back the memory of large states takes a while, too.
        threads::spawn(scope, || drop(states));
        match is_on(Mutant::PublishingNotSaved) {
            true => ordered.sync_outputs()?,
            false => schedule.save_and_wait(ordered, Trigger::Final)?,
        }
        ordered.publish()?;
        schedule.finish_done(ordered)
    })
}

/// Reads all input, then lets the steps give what they hold.
fn work(
    ordered: &mut Ordered<'_>,
    schedule: &mut Schedule<'_>,
    options: &RunOptions,
    world: &World,
) -> Result<Ending> {
    schedule.begin(ordered)?;
    if ordered.phase == Phase::Reading {
        if read(ordered, schedule, options, world)? == Ending::Stopped {
            return Ok(Ending::Stopped);
        }
        ordered.phase = Phase::Draining;
    }
    ordered.check_rejects_at_end()?;
    drain(ordered, schedule)
}

/// Writes what the steps hold, while the next batches of it are worked out.
fn drain(ordered: &mut Ordered<'_>, schedule: &mut Schedule<'_>) -> Result<Ending> {
    threads::scope(|scope| {
        let mut ahead = Ahead::start(scope, ordered.plan, ordered.begin_draining());
        while ordered.drain(ahead.next())? {
            if schedule.at_barrier(ordered, Happened::Nothing)? == Verdict::Stop {
                return Ok(Ending::Stopped);
            }
        }
        Ok(Ending::Complete)
    })
}

/// Reads the input with all workers; returns behind the last record, at a stop, or when no more records are needed.
fn read(
    ordered: &mut Ordered<'_>,
    schedule: &mut Schedule<'_>,
    options: &RunOptions,
    world: &World,
) -> Result<Ending> {
    if ordered.is_full() && !ordered.job.is_incremental() {
        return Ok(Ending::Complete);
    }
    let (plan, inputs) = (ordered.plan, ordered.inputs);
    let window = 2 * options.threads as u64 + 2;
    let queue = Queue::new(inputs, ordered.position, options.chunks, window);
    let new_worker = || Worker::new(plan, inputs, &*world.storage, options.chunks);
    threads::scope(|scope| {
        let (sender, results) = sync_channel(options.threads);
        let mut workers = Vec::new();
        for _ in 0..options.threads {
            let (sender, queue, mut worker) = (sender.clone(), &queue, new_worker());
            workers.push(threads::spawn(scope, move || serve(queue, &mut worker, &sender)));
        }
        drop(sender);
        let _closer = queue.close_on_panic();
        let ending = apply_all(ordered, schedule, &queue, &results, &mut new_worker());
        queue.close();
        drop(results);
        for worker in workers {
            worker.join().map_err(|_| Error::internal("a worker panicked"))?;
        }
        ending
    })
}

/// A worker's thread. However it ends, the queue is closed behind a panic, so that nobody waits for it.
fn serve(queue: &Queue, worker: &mut Worker<'_>, results: &SyncSender<Processed>) {
    let _closer = queue.close_on_panic();
    while let Some(task) = queue.claim() {
        let processed = worker.process(task);
        if threads::send(results, (task, processed)).is_err() {
            return;
        }
    }
}

/// The ordered stage: applies the chunks in input order.
fn apply_all(
    ordered: &mut Ordered<'_>,
    schedule: &mut Schedule<'_>,
    queue: &Queue,
    results: &Receiver<Processed>,
    redo: &mut Worker<'_>,
) -> Result<Ending> {
    for (task, processed) in in_order(results) {
        while ordered.position.source < task.source {
            ordered.end_input()?;
        }
        // Where the guess was wrong, now the start is known.
        let (start, records_max) = (ordered.position.offset, schedule.records_left(ordered));
        let processed = processed?;
        let chunk = match ordered.is_input_open {
            true => Chunk::empty(start),
            false => redo.exactly(task, processed, start, records_max)?,
        };
        ordered.is_input_open |= chunk.is_open;
        for piece in chunk.pieces {
            let happened = piece.happened;
            if ordered.apply(piece)? != Flow::Open {
                return Ok(Ending::Complete);
            }
            if schedule.at_barrier(ordered, happened)? == Verdict::Stop {
                return Ok(Ending::Stopped);
            }
        }
        queue.applied();
        if task.is_last {
            ordered.end_input()?;
            if schedule.at_barrier(ordered, Happened::FileEnded)? == Verdict::Stop {
                return Ok(Ending::Stopped);
            }
        }
    }
    ordered.end_inputs()?;
    Ok(Ending::Complete)
}
