//! The power fails before every operation of every story, on three kinds of file system, and again while a run recovers.
//!
//! The short form looks at some hundred thousand states. `ONWARD_POWER_CUTS=10000000` asks for at least so many: more states
//! of each moment, then other schedules of the threads. Equal disks are gone on with once. `ONWARD_STORY=copies` looks at the
//! stories of that name alone, `ONWARD_SEED=2` begins with that schedule: what a failure says brings it back.

use super::invariants::{From, check_growth};
use super::rules::{Outputs, check_ended, check_operations};
use super::stories::{Ran, Story, is_quick, stories};
use crate::support::asked::number;
use onward::storage::simulated::{Effort, Moment, Profile, SimulatedStorage};
use std::collections::HashMap;
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

const SHORT: Effort = Effort { exhaustive_max: 6, pairs_max: 12, random: 12, torn: 3 };

const QUICK: Effort = Effort { exhaustive_max: 2, pairs_max: 0, random: 2, torn: 1 };

const LONG: Effort = Effort { exhaustive_max: 14, pairs_max: usize::MAX, random: 256, torn: 64 };

/// Of about so many different disks of a story, one is recovered with a second power cut: one whose digest says so, so
/// that it is the same ones each time.
const SECOND_CUTS: u128 = 1000;

/// What was looked at.
#[derive(Default)]
struct Counts {
    states: AtomicUsize,
    distinct: AtomicUsize,
    second: AtomicUsize,
    second_distinct: AtomicUsize,
    /// Steps from one whole checkpoint to the next, along which everything grew.
    steps: AtomicUsize,
}

/// A story whose run was watched.
struct Watched {
    story: Story,
    outputs: Outputs,
    /// Where something was changed: the disk, and the newest checkpoint that had been announced.
    moments: Vec<(Moment, u64)>,
    recovered: Recovered,
}

/// The digests of disks that were gone on with, and from which checkpoint.
#[derive(Default)]
pub struct Recovered(Mutex<HashMap<u128, u64>>);

impl Recovered {
    /// From which checkpoint a disk is gone on with; looks only where no equal one was looked at.
    pub fn or_recover(&self, disk: &SimulatedStorage, recover: impl FnOnce() -> u64) -> u64 {
        let digest = disk.digest();
        let known = self.lock().get(&digest).copied();
        known.unwrap_or_else(|| {
            let resumed = recover();
            self.lock().insert(digest, resumed);
            resumed
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u128, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The moments of a run between which something changed, each with the newest checkpoint announced until the next one.
fn changes(disk: &SimulatedStorage, ran: &Ran, known: u64) -> Vec<(Moment, u64)> {
    let mut changes: Vec<(Moment, u64)> = Vec::new();
    for (index, moment) in disk.moments().into_iter().enumerate() {
        let told = ran.announced.iter().filter(|(at, _)| *at <= index);
        let announced = told.map(|(_, sequence)| *sequence).fold(known, u64::max);
        match changes.last_mut() {
            Some((last, newest)) if last.is_same(&moment) => *newest = announced,
            _ => changes.push((moment, announced)),
        }
    }
    changes
}

impl Watched {
    fn new(story: Story, seed: u64) -> Watched {
        let disk = story.disk();
        disk.set_capacity(story.capacity);
        let outputs = Outputs::of(&story, &disk);
        disk.keep_moments();
        let ran = story.run(&disk, seed);
        let is_full = story.capacity != u64::MAX;
        assert_eq!(ran.outcome.is_err(), is_full, "{}: {:?}", story.name, ran.outcome);
        check_operations(&story, &ran, "undisturbed");
        let moments = changes(&disk, &ran, 0);
        Watched { story, outputs, moments, recovered: Recovered::default() }
    }

    /// All states of one moment.
    fn cut(&self, index: usize, effort: &Effort, seed: u64, counts: &Counts) {
        let (moment, announced) = &self.moments[index];
        let profiles = if is_quick() { &Profile::ALL[..1] } else { &Profile::ALL[..] };
        for profile in profiles.iter().copied() {
            let states = moment.states(profile, effort, seed ^ index as u64);
            counts.states.fetch_add(states.len(), Ordering::Relaxed);
            for state in states {
                let place = || format!("seed {seed}, moment {index}, {profile:?}, {state:?}");
                let made = || moment.cut(&state);
                let is_new = self.recover(&made, *announced, seed, counts, &place);
                if !is_new {
                    continue;
                }
                counts.distinct.fetch_add(1, Ordering::Relaxed);
                let disk = made();
                if disk.digest().is_multiple_of(SECOND_CUTS) && !is_quick() {
                    self.cut_again(&disk, *announced, seed, counts, &place);
                }
            }
        }
        let killed = || moment.after_kill();
        self.recover(&killed, *announced, seed, counts, &|| {
            format!("seed {seed}, killed at {index}")
        });
    }

    /// The run goes on and ends with the same bytes, and finds what was announced. False where an equal disk was looked at.
    fn recover(
        &self,
        made: &dyn Fn() -> SimulatedStorage,
        announced: u64,
        seed: u64,
        counts: &Counts,
        place: &dyn Fn() -> String,
    ) -> bool {
        let disk = made();
        disk.set_capacity(u64::MAX);
        let mut is_new = false;
        let resumed = self.recovered.or_recover(&disk, || {
            is_new = true;
            let steps = check_growth(&self.story, &disk, From::Newest, place);
            counts.steps.fetch_add(steps, Ordering::Relaxed);
            self.outputs.check_names(&self.story, &disk, &place());
            let ran = self.story.run_again(&disk, seed + 99);
            check_ended(&self.story, &self.outputs, &disk, &ran, &place())
        });
        let name = self.story.name;
        assert!(
            resumed >= announced,
            "{name}, {}: {announced} announced, {resumed} found",
            place()
        );
        is_new
    }

    /// The power fails while a run recovers.
    fn cut_again(
        &self,
        disk: &SimulatedStorage,
        announced: u64,
        seed: u64,
        counts: &Counts,
        place: &dyn Fn() -> String,
    ) {
        const FEW: Effort = Effort { exhaustive_max: 2, pairs_max: 2, random: 2, torn: 2 };
        disk.set_capacity(u64::MAX);
        disk.keep_moments();
        let ran = self.story.run_again(disk, seed + 98);
        for (index, (moment, announced)) in changes(disk, &ran, announced).iter().enumerate() {
            for state in moment.states(Profile::Strict, &FEW, seed + index as u64) {
                counts.second.fetch_add(1, Ordering::Relaxed);
                let place = || format!("{}, and again at {index}, {state:?}", place());
                let made = || moment.cut(&state);
                let is_new = self.recover(&made, *announced, seed, counts, &place);
                counts.second_distinct.fetch_add(usize::from(is_new), Ordering::Relaxed);
            }
        }
    }
}

/// Tells the others when its thread panics.
struct Failing<'a>(&'a AtomicBool);

impl Drop for Failing<'_> {
    fn drop(&mut self) {
        self.0.fetch_or(thread::panicking(), Ordering::Relaxed);
    }
}

/// Does something for each of so many indices, on all processors.
pub fn for_each(count: usize, work: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    let has_failed = AtomicBool::new(false);
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        for _ in 0..processors {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count || has_failed.load(Ordering::Relaxed) {
                        break;
                    }
                    let _tells = Failing(&has_failed);
                    work(index);
                }
            });
        }
    });
}

/// All stories with the schedule of one seed.
fn cut_everywhere(effort: &Effort, seed: u64, counts: &Counts) {
    let chosen = std::env::var("ONWARD_STORY").ok();
    let is_chosen = |story: &Story| chosen.as_ref().is_none_or(|name| story.name == name);
    let watched: Vec<Watched> =
        stories().into_iter().filter(is_chosen).map(|story| Watched::new(story, seed)).collect();
    assert!(!watched.is_empty(), "there is no such story");
    let places: Vec<(usize, usize)> = (0..watched.len())
        .flat_map(|story| (0..watched[story].moments.len()).map(move |moment| (story, moment)))
        .collect();
    for_each(places.len(), |index| {
        let (story, moment) = places[index];
        watched[story].cut(moment, effort, seed, counts);
    });
}

#[test]
fn after_any_power_cut_and_a_second_one_the_same_command_ends_with_the_same_bytes() {
    let wanted = std::env::var("ONWARD_POWER_CUTS").ok().and_then(|text| text.parse().ok());
    let effort = match wanted {
        Some(_) => LONG,
        None if is_quick() => QUICK,
        None => SHORT,
    };
    let counts = Counts::default();
    let read = |count: &AtomicUsize| count.load(Ordering::Relaxed);
    let first = number("ONWARD_SEED", 1);
    for seed in first.. {
        cut_everywhere(&effort, seed, &counts);
        let states = read(&counts.states) + read(&counts.second);
        crate::support::report::count(&format!(
            "power cuts: {} states ({} different) of {} stories with {seed} schedules, {} after a second cut ({} different); everything grew along {} steps between checkpoints",
            read(&counts.states),
            read(&counts.distinct),
            stories().len(),
            read(&counts.second),
            read(&counts.second_distinct),
            read(&counts.steps),
        ));
        if states >= wanted.unwrap_or(0) {
            break;
        }
    }
    if !is_quick() && std::env::var_os("ONWARD_STORY").is_none() {
        assert!(read(&counts.states) >= 100_000 && read(&counts.second) >= 10_000);
        assert!(read(&counts.steps) >= 10_000);
    }
}
