//! At each barrier: is a checkpoint due, has one been saved, does the run stop here?

use super::ordered::Ordered;
use super::pipeline::Ending;
use super::saver::{Completed, SavedAs, Saver};
use super::summary::Summary;
use super::world::{RunOptions, StopAfter, World};
use crate::checkpoint::settings::CheckpointSettings;
use crate::checkpoint::trigger::{self, AfterFailure, Cost, Costs, Decision, Facts, Requests};
use crate::checkpoint::{CheckpointId, Phase, Trigger};
use crate::error::{Error, Kind, Result};
use crate::job::Job;
use crate::observe::Event;
use std::time::Duration;

/// What a barrier came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The run goes on.
    GoOn,
    /// The last checkpoint of this run was saved.
    Stop,
}

/// What has happened at a barrier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happened {
    /// Nothing special.
    Nothing,
    /// The job's checkpoint predicate held for the record before it.
    PredicateHeld,
    /// An input ended.
    FileEnded,
}

/// When checkpoints are taken, and the thread that saves them.
pub struct Schedule<'scope> {
    settings: CheckpointSettings,
    world: World,
    /// `None` where the run cannot be resumed.
    saver: Option<Saver<'scope>>,
    stop: StopAfter,
    /// When the run began, and what was counted before it.
    began: Duration,
    records_before: u64,
    /// What the next checkpoint may build on: the last one, once it is saved.
    parent: Option<CheckpointId>,
    barriers: u64,
    /// The counters at the last checkpoint taken.
    since: Mark,
    /// When the last one was saved or given up.
    finished_at: Duration,
    /// Until when the one in flight must be saved; `None` where the run waits for it anyway, or it was given up.
    deadline: Option<Duration>,
    /// How long the last barrier took.
    pause: Duration,
    costs: Costs,
    failed_in_a_row: u32,
    checkpoints: u64,
    sequence: Option<u64>,
    /// What ended the run before its input did.
    pub stopped_by: Option<StopCause>,
}

/// What ended a run before its input did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopCause {
    /// A signal.
    Signal(i32),
    /// The time given to the run is over.
    Time(Duration),
    /// So many records were read as the run was told to.
    Records(u64),
    /// The number of barriers given to the run.
    Barriers,
}

/// Counters at a checkpoint.
#[derive(Debug, Clone, Copy)]
struct Mark {
    at: Duration,
    records: u64,
    bytes: u64,
}

impl<'scope> Schedule<'scope> {
    /// The schedule of a run that began some time ago, and whose clock for checkpoints starts now.
    pub fn new(
        job: &Job,
        options: &RunOptions,
        world: &World,
        saver: Option<Saver<'scope>>,
        began: Duration,
        parent: Option<CheckpointId>,
    ) -> Self {
        let now = world.clock.monotonic();
        Schedule {
            settings: job.checkpoint.clone(),
            world: world.clone(),
            saver,
            stop: options.stop,
            began,
            records_before: 0,
            parent,
            barriers: 0,
            since: Mark { at: now, records: 0, bytes: 0 },
            finished_at: now,
            deadline: None,
            pause: Duration::ZERO,
            costs: Costs::default(),
            failed_in_a_row: 0,
            checkpoints: 0,
            sequence: None,
            stopped_by: None,
        }
    }

    /// Counts from the position that the run begins at. A new job saves its first checkpoint before its outputs
    /// are made, so that its `now()` and their staged names are known from here on.
    pub fn begin(&mut self, ordered: &mut Ordered<'_>) -> Result<()> {
        self.since = self.mark(ordered);
        self.records_before = self.since.records;
        if ordered.is_new && self.saver.is_some() {
            self.save_and_wait(ordered, Trigger::Start)?;
        }
        ordered.open_outputs()
    }

    fn mark(&self, ordered: &Ordered<'_>) -> Mark {
        let at = self.world.clock.monotonic();
        Mark { at, records: ordered.counters.records_read, bytes: ordered.bytes_done() }
    }

    /// Called at every barrier with what has just happened there.
    pub fn at_barrier(&mut self, ordered: &mut Ordered<'_>, happened: Happened) -> Result<Verdict> {
        self.barriers += 1;
        if let Some(saver) = &mut self.saver
            && let Some(completed) = saver.completed()?
        {
            self.note(completed)?;
        }
        let now = self.mark(ordered);
        if self.deadline.is_some_and(|deadline| now.at >= deadline) {
            self.give_up();
        }
        let (signal, enough) = (self.world.requests.stop_signal(), self.enough(now));
        let requests = Requests {
            interrupted: signal.is_some(),
            enough: enough.is_some(),
            asked: self.world.requests.take_checkpoint(),
            predicate_held: happened == Happened::PredicateHeld,
            file_ended: happened == Happened::FileEnded,
        };
        let Decision::Take(trigger) = trigger::decide(&self.facts(now, requests), &self.settings)
        else {
            return Ok(Verdict::GoOn);
        };
        self.stopped_by = match trigger {
            Trigger::Interrupt => signal.map(StopCause::Signal),
            Trigger::StopEarly => enough,
            _ => None,
        };
        if self.stopped_by.is_some() {
            self.save_and_wait(ordered, trigger)?;
            return Ok(Verdict::Stop);
        }
        if self.saver.is_some() {
            self.wait()?;
            self.take(ordered, trigger)?;
            self.deadline = self.settings.timeout.map(|timeout| self.since.at + timeout);
        }
        Ok(Verdict::GoOn)
    }

    /// How many more records the run may read, where it was told to stop behind some.
    pub fn records_left(&self, ordered: &Ordered<'_>) -> Option<u64> {
        let read = ordered.counters.records_read - self.records_before;
        self.stop.records.map(|records| records.saturating_sub(read))
    }

    /// Why the run was to come no further than to here; `None` where it goes on.
    fn enough(&self, now: Mark) -> Option<StopCause> {
        let StopAfter { time, records, barriers } = self.stop;
        let (passed, read) = (now.at - self.began, now.records - self.records_before);
        let is_time = time.filter(|time| passed >= *time).map(StopCause::Time);
        let is_read = records.filter(|records| read >= *records).map(StopCause::Records);
        let is_last = barriers.filter(|barriers| self.barriers >= *barriers);
        is_time.or(is_read).or(is_last.map(|_| StopCause::Barriers))
    }

    fn facts(&self, now: Mark, requests: Requests) -> Facts {
        let is_busy = self.saver.as_ref().is_some_and(Saver::is_busy);
        Facts {
            now: now.at,
            last_taken: self.since.at,
            last_finished: (!is_busy).then_some(self.finished_at),
            records: now.records - self.since.records,
            bytes: now.bytes - self.since.bytes,
            requests,
            costs: self.costs,
        }
    }

    /// Hands the checkpoint of this barrier to the saver. None may be in flight.
    fn take(&mut self, ordered: &mut Ordered<'_>, trigger: Trigger) -> Result<()> {
        let started = self.world.clock.monotonic();
        // Whoever asked did so before this barrier.
        let names = match &self.saver {
            Some(saver) => saver.requested_savepoints(ordered.phase)?,
            None => Vec::new(),
        };
        // Should this fail, what changed since the last one is not known any more: none may build on that.
        let parent = self.parent.take();
        let Some((checkpoint, syncs)) = ordered.checkpoint(trigger, parent)? else {
            return Err(Error::internal("a checkpoint was due where there is no barrier"));
        };
        if let Some(saver) = &mut self.saver {
            saver.save(checkpoint, syncs, names)?;
        }
        self.since = self.mark(ordered);
        self.pause = self.since.at.saturating_sub(started);
        Ok(())
    }

    /// Saves the checkpoint of this barrier and waits until it is durable.
    pub fn save_and_wait(&mut self, ordered: &mut Ordered<'_>, trigger: Trigger) -> Result<()> {
        if self.saver.is_none() {
            return ordered.sync_outputs();
        }
        self.wait()?;
        self.take(ordered, trigger)?;
        self.wait()
    }

    /// The checkpoint in flight takes too long: it counts as failed unless it has its name already.
    fn give_up(&mut self) {
        self.deadline = None;
        if let Some(saver) = &self.saver {
            saver.give_up();
            let note = "saving a checkpoint takes longer than its `timeout`".to_owned();
            self.world.observer.event(Event::Note(note));
        }
    }

    /// Waits for the checkpoint in flight.
    fn wait(&mut self) -> Result<()> {
        if let (Some(saver), Some(deadline)) = (&mut self.saver, self.deadline) {
            let left = deadline.saturating_sub(self.world.clock.monotonic());
            if let Some(completed) = saver.wait_for(left)? {
                return self.note(completed);
            }
            self.give_up();
        }
        let Some(saver) = &mut self.saver else { return Ok(()) };
        match saver.wait()? {
            Some(completed) => self.note(completed),
            None => Ok(()),
        }
    }

    fn note(&mut self, completed: Completed) -> Result<()> {
        let Completed { trigger, busy, outcome } = completed;
        self.deadline = None;
        self.finished_at = self.world.clock.monotonic();
        let total = self.finished_at.saturating_sub(self.since.at) + self.pause;
        self.costs = self.costs.with(Cost { busy: busy + self.pause, total });
        match outcome {
            Ok(SavedAs { sequence, parent_of_next }) => {
                self.sequence = Some(sequence);
                self.parent = parent_of_next;
                self.checkpoints += 1;
                self.failed_in_a_row = 0;
                match self.saver.as_ref().and_then(Saver::copy_failure) {
                    Some(error) => Err(error),
                    None => Ok(()),
                }
            }
            Err(failure) => {
                self.failed_in_a_row += 1;
                let tolerated = self.settings.tolerated_failures;
                let after = trigger::after_failure(self.failed_in_a_row, trigger, tolerated);
                if !failure.may_go_on || after == AfterFailure::Stop {
                    self.saver = None;
                    return Err(failure.error);
                }
                let reason = failure.error.to_string();
                self.world.observer.event(Event::SaveFailed { reason });
                Ok(())
            }
        }
    }

    /// After the work: where it failed but is consistent, what was done so far is saved, so that the next run need not
    /// repeat it.
    pub fn settle(&mut self, ordered: &mut Ordered<'_>, ended: Result<Ending>) -> Result<Ending> {
        let error = match ended {
            Ok(ending) => return Ok(ending),
            Err(error) => error,
        };
        let is_worth_saving = match error.kind {
            Kind::Failed | Kind::RejectLimit | Kind::StateLimit => true,
            Kind::Internal
            | Kind::Usage
            | Kind::NoInput
            | Kind::Refused
            | Kind::Locked
            | Kind::StoppedEarly => false,
        };
        if is_worth_saving && ordered.is_consistent() && self.saver.is_some() {
            // The failure itself is what the user must read; a second one would only hide it.
            if let Err(second) = self.save_and_wait(ordered, Trigger::StopEarly) {
                self.world.observer.event(Event::SaveFailed { reason: second.to_string() });
            }
        }
        Err(error)
    }

    /// Saves that the outputs are published, with all else given up, and ends.
    pub fn finish_done(&mut self, ordered: &mut Ordered<'_>) -> Result<()> {
        ordered.phase = Phase::Done;
        self.save_and_wait(ordered, Trigger::Final)?;
        match self.saver.take() {
            Some(saver) => saver.finish().map(drop),
            None => Ok(()),
        }
    }

    /// What this run did about checkpoints, and how far it came.
    pub fn summary(&self, ordered: &Ordered<'_>) -> Summary {
        Summary {
            counters: ordered.counted(),
            round: ordered.round.as_ref().map(|round| round.number),
            sequence: self.sequence,
            checkpoints: self.checkpoints,
            resumed: None,
            outputs: ordered.written(),
            bytes_done: ordered.bytes_done(),
            bytes_total: ordered.inputs.bytes_total(),
            remarks: ordered.remarks(),
        }
    }
}
