//! The threads of a run take turns as a seed says: the same seed gives the same operations in the same order.

use super::FOLDER;
use super::stories::stories;
use crate::support::machine::{self, How};
use onward::engine::{self, Outcome, Requests};
use onward::error::Error;
use onward::job::Job;
use onward::observe::{Event, Observer};
use onward::storage::simulated::{Effect, Errno, Fault, Lasting, Operation, SimulatedStorage};
use onward::threads::seeded;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

#[test]
fn a_seed_gives_the_same_operations_again_whatever_the_number_of_threads() {
    let (mut runs, mut traces) = (0, BTreeSet::new());
    for mut story in stories() {
        let before = story.disk();
        for threads in [1, 2, 4] {
            story.threads = threads;
            for seed in [7, 8] {
                let trace = || -> Vec<Operation> {
                    let disk = before.after_kill();
                    disk.set_capacity(story.capacity);
                    story.run(&disk, seed).operations
                };
                let (first, second) = (trace(), trace());
                let differs = first.iter().zip(&second).position(|(one, other)| one != other);
                let place = format!("{}, {threads} threads, seed {seed}", story.name);
                assert_eq!(differs, None, "{place}");
                assert_eq!(first.len(), second.len(), "{place}");
                runs += 1;
                // The names of temporary files depend on the seed anyway.
                let calls: Vec<String> =
                    first.iter().map(|operation| format!("{:?}", operation.call)).collect();
                traces.insert((story.name, threads, calls));
            }
        }
    }
    crate::support::report::count(&format!(
        "schedules: {runs} runs done twice, {} different orders of calls",
        traces.len()
    ));
    assert!(traces.len() > runs * 2 / 3, "{} of {runs} differ", traces.len());
}

/// Steps that put what they hold into spills, and give it at the end.
const SPILLING: [&str; 4] = [
    "aggregate = { by = [\"key\"], select = [\"count(*) AS n\", \"list(value) AS s\"] }",
    "dedup = { key = [\"key\"], keep = \"last\" }",
    "top = { by = [\"key\"], order = [\"value DESC\"], n = 3 }",
    "sort = { by = [\"value DESC\"] }",
];

/// A job with one of them over a disk with its input; `state` is what `[state]` says.
fn job(step: &str, checkpoint: &str, state: &str) -> Job {
    machine::load(&format!(
        "[source]\npath = \"in.csv\"\ntypes = {{ value = \"bigint\" }}\n[[transform]]\n{step}\n[sink]\npath = \"out.csv\"\n\
         [checkpoint]\n{checkpoint}\n[state]\n{state}\n"
    ))
}

fn disk() -> SimulatedStorage {
    let mut text = "key,value\n".to_owned();
    for row in 0..400 {
        writeln!(text, "k{},{row}", row % 130).expect("a string");
    }
    let disk = SimulatedStorage::new();
    disk.put_directory(FOLDER, 0o755);
    disk.put_file(Path::new(FOLDER).join("in.csv"), text.as_bytes());
    disk
}

fn output(disk: &SimulatedStorage) -> Vec<u8> {
    disk.file(Path::new(FOLDER).join("out.csv")).expect("the output")
}

/// What comes out of a step that has all the memory that it wants, and is not stopped.
fn undisturbed(step: &str) -> Vec<u8> {
    let disk = disk();
    let ended = machine::run(&job(step, "", ""), &disk, 0, How::PLAIN);
    assert!(ended.is_ok(), "{step}: {ended:?}");
    output(&disk)
}

#[test]
fn steps_that_spill_give_the_same_in_whatever_order_the_threads_go_on() {
    for step in SPILLING {
        let expected = undisturbed(step);
        let job = job(step, "every_records = 40\nevery_bytes = \"10B\"", "memory = \"1KiB\"");
        for seed in 0..20 {
            let disk = disk();
            // It is stopped again and again, and so most often while it gives what it holds.
            let run = |barriers| {
                let how = How { threads: 2, chunk_bytes: 2000, barriers };
                seeded(seed, || machine::run(&job, &disk, seed, how))
            };
            for barriers in 1..20 {
                let stopped = run(Some(1 + barriers % 3));
                assert!(stopped.is_ok(), "{step}, seed {seed}: {stopped:?}");
            }
            let ended = run(None);
            assert!(ended.is_ok(), "{step}, seed {seed}: {ended:?}");
            assert!(output(&disk) == expected, "{step}, seed {seed}: another output");
        }
    }
}

/// Asks for the next checkpoint as soon as one was saved.
struct Greedy(Arc<Requests>);

impl Observer for Greedy {
    fn event(&self, event: Event) {
        if matches!(event, Event::Saved { .. }) {
            self.0.checkpoint();
        }
    }
}

/// Runs a job to its end with a checkpoint at every barrier.
fn run_greedily(job: &Job, disk: &SimulatedStorage, seed: u64) -> Result<Outcome, Error> {
    let mut world = machine::world(disk, seed);
    world.observer = Arc::new(Greedy(Arc::clone(&world.requests)));
    let how = How { threads: 2, chunk_bytes: 2000, barriers: None };
    seeded(seed, || engine::run(job, "onward run job.toml", &how.options(), &world))
}

/// So many orders of the threads: with one in twenty-five of them a thread that works ahead makes a spill behind the freezing
/// of the states, and that was removed when it was counted among those made before the checkpoint.
const ORDERS: u64 = 300;

#[test]
fn what_is_spilled_while_a_checkpoint_is_made_is_not_removed_with_it() {
    for step in SPILLING {
        let expected = undisturbed(step);
        let job = job(step, "every_records = 40", "memory = \"1KiB\"");
        // Of the others hardly any makes spills while it gives what it holds.
        for seed in 0..if step.starts_with("top") { ORDERS } else { 5 } {
            let disk = disk();
            let ended = run_greedily(&job, &disk, seed);
            assert!(matches!(ended, Ok(Outcome::Finished(_))), "{step}, seed {seed}: {ended:?}");
            assert!(output(&disk) == expected, "{step}, seed {seed}: another output");
        }
    }
}

#[test]
fn a_state_that_failed_half_way_while_it_is_given_is_not_saved() {
    const SEED: u64 = 0;
    let mut failed = 0;
    for step in SPILLING {
        let expected = undisturbed(step);
        let job = job(step, "every_records = 400", "memory = \"1KiB\"");
        let undisturbed = disk();
        run_greedily(&job, &undisturbed, SEED).expect("nothing fails");
        let operations = undisturbed.operations();
        let makes_spills = |one: &Operation| {
            one.call.takes_room() && one.path.to_string_lossy().contains("/spill-")
        };
        let places = (0..operations.len()).filter(|at| makes_spills(&operations[*at]));
        // Some of all are enough to find what goes wrong.
        for at in places.step_by(3) {
            let disk = disk();
            let effect = Effect::Error(Errno::NOSPC);
            disk.plan(&[Fault { at, lasting: Lasting::Once, effect }]);
            failed += usize::from(run_greedily(&job, &disk, SEED).is_err());
            let place = format!("{step}, {at}: {:?}", operations[at]);
            let disk = disk.after_kill();
            let ended = run_greedily(&job, &disk, SEED);
            assert!(ended.is_ok(), "{place}: {ended:?}");
            assert!(output(&disk) == expected, "{place}: another output");
        }
    }
    crate::support::report::count(&format!("schedules: {failed} spills that failed"));
    assert!(failed > 80, "{failed}");
}
