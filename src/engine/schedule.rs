//! At each barrier: is a checkpoint due, has one been saved, does the run stop here?

use super::ordered::Ordered;
use super::pipeline::Ending;
use super::saver::{Completed, Saver};
use super::world::{RunOptions, World};
use crate::checkpoint::settings::CheckpointSettings;
use crate::checkpoint::trigger::{self, Costs, Decision, Since};
use crate::checkpoint::{Phase, Trigger};
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

/// When checkpoints are taken, and the thread that saves them.
pub struct Schedule<'scope> {
    settings: CheckpointSettings,
    world: World,
    /// `None` where the run cannot be resumed.
    saver: Option<Saver<'scope>>,
    stop_after_barriers: Option<u64>,
    barriers: u64,
    /// The counters at the last checkpoint taken.
    since: Mark,
    costs: Costs,
    failed_in_a_row: u32,
    /// The newest checkpoint that this run has saved.
    pub sequence: Option<u64>,
    /// What ended the run before its input did.
    pub stopped_by: Option<StopCause>,
}

/// What ended a run before its input did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopCause {
    /// A signal.
    Signal(i32),
    /// The time or the number of barriers given to the run.
    Early,
}

/// Counters at a checkpoint.
#[derive(Debug, Clone, Copy)]
struct Mark {
    at: Duration,
    records: u64,
    bytes: u64,
}

impl<'scope> Schedule<'scope> {
    /// A schedule whose clock starts now.
    pub fn new(
        job: &Job,
        options: &RunOptions,
        world: &World,
        saver: Option<Saver<'scope>>,
    ) -> Self {
        Schedule {
            settings: job.checkpoint.clone(),
            world: world.clone(),
            saver,
            stop_after_barriers: options.stop_after_barriers,
            barriers: 0,
            since: Mark { at: world.clock.monotonic(), records: 0, bytes: 0 },
            costs: Costs::default(),
            failed_in_a_row: 0,
            sequence: None,
            stopped_by: None,
        }
    }

    /// Counts from the position that the run begins at.
    pub fn begin(&mut self, ordered: &Ordered<'_>) {
        self.since = self.mark(ordered);
    }

    fn mark(&self, ordered: &Ordered<'_>) -> Mark {
        let at = self.world.clock.monotonic();
        Mark { at, records: ordered.counters.records_read, bytes: ordered.bytes_done() }
    }

    /// The trigger of a barrier at the end of an input.
    pub fn at_file_end(&self) -> Option<Trigger> {
        self.settings.at_file_end.then_some(Trigger::FileEnd)
    }

    /// Called at every barrier; `event` is a trigger that holds at just this one.
    pub fn at_barrier(&mut self, ordered: &mut Ordered<'_>, event: Option<Trigger>) -> Result<Verdict> {
        self.barriers += 1;
        if let Some(saver) = &mut self.saver
            && let Some(completed) = saver.completed()
        {
            self.note(completed)?;
        }
        if let Some(signal) = self.world.requests.stop_signal() {
            return self.stop(ordered, Trigger::Interrupt, StopCause::Signal(signal));
        }
        if self.stop_after_barriers.is_some_and(|barriers| self.barriers >= barriers) {
            return self.stop(ordered, Trigger::StopEarly, StopCause::Early);
        }
        self.take_if_due(ordered, event)?;
        Ok(Verdict::GoOn)
    }

    fn stop(
        &mut self,
        ordered: &mut Ordered<'_>,
        trigger: Trigger,
        cause: StopCause,
    ) -> Result<Verdict> {
        self.save_and_wait(ordered, trigger)?;
        self.stopped_by = Some(cause);
        Ok(Verdict::Stop)
    }

    fn take_if_due(&mut self, ordered: &mut Ordered<'_>, event: Option<Trigger>) -> Result<()> {
        let Some(saver) = &self.saver else { return Ok(()) };
        let is_busy = saver.is_busy();
        let event = event.or_else(|| self.world.requests.take_checkpoint().then_some(Trigger::Manual));
        let now = self.mark(ordered);
        let since = Since {
            time: now.at.saturating_sub(self.since.at),
            records: now.records - self.since.records,
            bytes: now.bytes - self.since.bytes,
        };
        match trigger::decide(&self.settings, since, event, &self.costs, is_busy) {
            Decision::Continue => Ok(()),
            Decision::Take(trigger) => {
                self.wait()?;
                self.take(ordered, trigger)
            }
        }
    }

    /// Hands the checkpoint of this barrier to the saver. None may be in flight.
    fn take(&mut self, ordered: &mut Ordered<'_>, trigger: Trigger) -> Result<()> {
        let started = self.world.clock.monotonic();
        let Some((checkpoint, syncs)) = ordered.checkpoint(trigger)? else {
            return Err(Error::internal("a checkpoint was due where there is no barrier"));
        };
        if let Some(saver) = &mut self.saver {
            saver.save(checkpoint, syncs);
        }
        self.since = self.mark(ordered);
        self.costs.note_pause(self.since.at.saturating_sub(started));
        Ok(())
    }

    /// Saves the checkpoint of this barrier and waits until it is durable.
    pub fn save_and_wait(&mut self, ordered: &mut Ordered<'_>, trigger: Trigger) -> Result<()> {
        if self.saver.is_none() {
            return Ok(());
        }
        self.wait()?;
        self.take(ordered, trigger)?;
        self.wait()
    }

    /// Waits for the checkpoint in flight.
    fn wait(&mut self) -> Result<()> {
        match self.saver.as_mut().and_then(Saver::wait) {
            Some(completed) => self.note(completed),
            None => Ok(()),
        }
    }

    fn note(&mut self, completed: Completed) -> Result<()> {
        let Completed { trigger, cost, outcome } = completed;
        self.costs.note_work(cost);
        match outcome {
            Ok(sequence) => {
                self.sequence = Some(sequence);
                self.failed_in_a_row = 0;
                Ok(())
            }
            Err(failure) => {
                self.failed_in_a_row += 1;
                if failure.ends_run(trigger, self.failed_in_a_row) {
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
            Kind::Failed | Kind::RejectLimit => true,
            Kind::Internal | Kind::Usage | Kind::Refused | Kind::Locked | Kind::StoppedEarly => false,
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
        if let Some(saver) = self.saver.take() {
            saver.finish()?.keep_only_newest();
        }
        Ok(())
    }
}
