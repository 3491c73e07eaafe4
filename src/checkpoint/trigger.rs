//! When a checkpoint is taken: one pure function of what happened so far.
//!
//! Times are readings of the monotonic clock. What is decided never changes an output byte, only
//! how much work is done again after a stop.

use crate::checkpoint::manifest::Trigger;
use crate::checkpoint::settings::CheckpointSettings;
use std::time::Duration;

/// The interval where the job gives none.
pub const INTERVAL_DEFAULT: Duration = Duration::from_secs(30);

/// Without a given interval a checkpoint is taken at most every 50 times its cost: at most 2 % of
/// the run.
pub const COST_SHARE: u32 = 50;

/// What happened so far, at a barrier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Facts {
    /// Now.
    pub now: Duration,
    /// When the last checkpoint was taken, or the run started.
    pub last_taken: Duration,
    /// When the last checkpoint was saved or given up, or the run started; `None` while it is being
    /// saved.
    pub last_finished: Option<Duration>,
    /// Records since the last checkpoint.
    pub records: u64,
    /// Input bytes since the last checkpoint.
    pub bytes: u64,
    /// What was asked for or has just happened.
    pub requests: Requests,
    /// What the last checkpoints cost.
    pub costs: Costs,
}

/// What was asked for or has just happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Requests {
    /// A signal asks the run to stop.
    pub interrupted: bool,
    /// The run was to come no further than to here.
    pub enough: bool,
    /// Somebody asked for a checkpoint.
    pub asked: bool,
    /// The job's predicate held for the record before the barrier.
    pub predicate_held: bool,
    /// An input ended at the barrier.
    pub file_ended: bool,
}

/// What the last checkpoints cost, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Costs {
    recent: [Option<Cost>; 4],
}

/// What a checkpoint cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// How long the run was held up at the barrier and the thread in the background was at work: no less than the
    /// processor time that they took.
    pub busy: Duration,
    /// From the barrier until it was saved.
    pub total: Duration,
}

/// What to do at the barrier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Go on without a checkpoint.
    Continue,
    /// Take one, for this reason; wait for the one that is being saved, if any.
    Take(Trigger),
}

/// What to do when a checkpoint could not be saved and nothing was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterFailure {
    /// Go on; the next trigger tries again.
    GoOn,
    /// Stop with the failure.
    Stop,
}

impl Costs {
    /// With one more checkpoint.
    pub fn with(self, cost: Cost) -> Costs {
        let [first, second, third, _] = self.recent;
        Costs { recent: [Some(cost), first, second, third] }
    }

    /// What the last ones took on average.
    fn mean_busy(&self) -> Duration {
        let known: Vec<Duration> = self.recent.iter().flatten().map(|cost| cost.busy).collect();
        let count = u32::try_from(known.len().max(1)).expect("there are four places");
        known.iter().sum::<Duration>() / count
    }

    /// How long the run is left alone after a checkpoint: as long as it took, unless the job says how long.
    fn pause(&self, settings: &CheckpointSettings) -> Duration {
        let took = || self.recent[0].map_or(Duration::ZERO, |cost| cost.total);
        settings.min_pause.unwrap_or_else(took)
    }
}

/// Whether a checkpoint is taken at a barrier.
///
/// What somebody asked for comes first and never waits. The other triggers wait for the checkpoint
/// that is being saved and then for a pause, as long as it took or as `min_pause` says; the end of a
/// file that falls into that time is passed over.
pub fn decide(facts: &Facts, settings: &CheckpointSettings) -> Decision {
    let Requests { interrupted, enough, asked, predicate_held, file_ended } = facts.requests;
    let rested = facts
        .last_finished
        .is_some_and(|finished| facts.now >= finished.saturating_add(facts.costs.pause(settings)));
    let reached = |count: u64, every: Option<u64>| every.is_some_and(|every| count >= every);
    let passed = facts.now.saturating_sub(facts.last_taken);
    let reasons = [
        (interrupted, Trigger::Interrupt),
        (enough, Trigger::StopEarly),
        (asked, Trigger::Manual),
        (predicate_held, Trigger::Predicate),
        (rested && settings.at_file_end && file_ended, Trigger::FileEnd),
        (rested && reached(facts.records, settings.every_records), Trigger::Records),
        (rested && reached(facts.bytes, settings.every_bytes), Trigger::Bytes),
        (rested && passed >= interval(settings, &facts.costs), Trigger::Time),
    ];
    let first = reasons.into_iter().find(|(holds, _)| *holds);
    first.map_or(Decision::Continue, |(_, trigger)| Decision::Take(trigger))
}

/// The time between two checkpoints: the given one, or the default stretched by what checkpoints
/// cost.
pub fn interval(settings: &CheckpointSettings, costs: &Costs) -> Duration {
    let stretched = costs.mean_busy().saturating_mul(COST_SHARE);
    settings.interval.unwrap_or_else(|| INTERVAL_DEFAULT.max(stretched))
}

/// What to do after `failures` failures in a row, the last of them for `trigger`: at the end of a run none is tolerated.
pub fn after_failure(failures: u32, trigger: Trigger, tolerated: u32) -> AfterFailure {
    let last_chance = matches!(trigger, Trigger::Final | Trigger::Interrupt | Trigger::StopEarly);
    let tolerated = if last_chance { 0 } else { tolerated };
    if failures > tolerated { AfterFailure::Stop } else { AfterFailure::GoOn }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::settings::RequireCopies;
    use std::path::PathBuf;

    fn settings() -> CheckpointSettings {
        CheckpointSettings {
            directory: PathBuf::new(),
            keep: 3,
            interval: None,
            every_records: Some(1000),
            every_bytes: Some(5000),
            at_file_end: true,
            when: None,
            min_pause: None,
            timeout: None,
            tolerated_failures: 2,
            copies: Vec::new(),
            require_copies: RequireCopies::No,
        }
    }

    /// A run that started at 0 and took no checkpoint yet.
    fn facts(seconds: u64) -> Facts {
        Facts {
            now: Duration::from_secs(seconds),
            last_finished: Some(Duration::ZERO),
            ..Facts::default()
        }
    }

    fn check(facts: &Facts, expected: Option<Trigger>) {
        let expected = expected.map_or(Decision::Continue, Decision::Take);
        assert_eq!(decide(facts, &settings()), expected, "{facts:?}");
    }

    fn costing(busy: u64, total: u64) -> Costs {
        let [busy, total] = [busy, total].map(Duration::from_secs);
        Costs::default().with(Cost { busy, total })
    }

    #[test]
    fn each_trigger_fires_when_its_time_has_come() {
        check(&facts(29), None);
        check(&facts(30), Some(Trigger::Time));
        check(&Facts { records: 999, bytes: 4999, ..facts(1) }, None);
        check(&Facts { records: 1000, ..facts(1) }, Some(Trigger::Records));
        check(&Facts { bytes: 5000, ..facts(1) }, Some(Trigger::Bytes));
        check(&Facts { last_taken: Duration::from_secs(5), ..facts(30) }, None);
    }

    #[test]
    fn requests_come_first_in_the_order_of_their_weight() {
        let all = Requests {
            interrupted: true,
            enough: true,
            asked: true,
            predicate_held: true,
            file_ended: true,
        };
        let cases = [
            (all, Trigger::Interrupt),
            (Requests { interrupted: false, ..all }, Trigger::StopEarly),
            (Requests { asked: true, file_ended: true, ..Requests::default() }, Trigger::Manual),
            (Requests { predicate_held: true, ..Requests::default() }, Trigger::Predicate),
            (Requests { file_ended: true, ..Requests::default() }, Trigger::FileEnd),
        ];
        for (requests, trigger) in cases {
            check(&Facts { requests, ..facts(100) }, Some(trigger));
        }
    }

    #[test]
    fn costly_checkpoints_stretch_the_default_interval_and_not_a_given_one() {
        let costs = costing(2, 2);
        check(&Facts { costs, ..facts(99) }, None);
        check(&Facts { costs, ..facts(100) }, Some(Trigger::Time));
        let given = CheckpointSettings { interval: Some(Duration::from_secs(10)), ..settings() };
        assert_eq!(interval(&given, &costs), Duration::from_secs(10));
        let falling = costing(6, 6).with(Cost::default()).with(Cost::default());
        assert_eq!(interval(&settings(), &falling), Duration::from_secs(100));
    }

    #[test]
    fn a_slow_checkpoint_is_followed_by_a_pause_that_only_requests_break() {
        let slow = Facts { costs: costing(0, 20), records: 1000, ..facts(19) };
        check(&slow, None);
        check(&Facts { now: Duration::from_secs(20), ..slow }, Some(Trigger::Records));
        let running = Facts { last_finished: None, records: 1000, bytes: 5000, ..facts(500) };
        check(&running, None);
        let requests = Requests { file_ended: true, ..Requests::default() };
        check(&Facts { requests, ..running }, None);
        let requests = Requests { predicate_held: true, ..Requests::default() };
        check(&Facts { requests, ..running }, Some(Trigger::Predicate));
    }

    #[test]
    fn a_given_pause_takes_the_place_of_the_time_that_a_checkpoint_took() {
        for (pause, expected) in
            [(60, None), (50, Some(Trigger::Records)), (0, Some(Trigger::Records))]
        {
            let min_pause = Some(Duration::from_secs(pause));
            let settings = CheckpointSettings { min_pause, ..settings() };
            let facts = Facts { costs: costing(0, 100), records: 1000, ..facts(50) };
            let expected = expected.map_or(Decision::Continue, Decision::Take);
            assert_eq!(decide(&facts, &settings), expected, "{pause}");
            let asked = Requests { asked: true, ..Requests::default() };
            let taken = decide(&Facts { requests: asked, ..facts }, &settings);
            assert_eq!(taken, Decision::Take(Trigger::Manual), "{pause}");
        }
    }

    #[test]
    fn so_many_failures_are_tolerated_but_none_at_the_end() {
        assert_eq!(after_failure(2, Trigger::Time, 2), AfterFailure::GoOn);
        assert_eq!(after_failure(3, Trigger::Time, 2), AfterFailure::Stop);
        assert_eq!(after_failure(1, Trigger::Time, 0), AfterFailure::Stop);
        assert_eq!(after_failure(1, Trigger::Final, 2), AfterFailure::Stop);
        assert_eq!(after_failure(1, Trigger::Interrupt, 2), AfterFailure::Stop);
    }
}
