//! The threads of a run take turns as a seed says: the same seed gives the same operations in the same order.

use super::FOLDER;
use super::stories::stories;
use crate::support::machine::{self, How};
use onward::storage::simulated::{Operation, SimulatedStorage};
use onward::threads::seeded;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

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
    "sort = { by = [\"value DESC\"], memory = \"1KiB\" }",
];

#[test]
fn steps_that_spill_give_the_same_in_whatever_order_the_threads_go_on() {
    let mut text = "key,value\n".to_owned();
    for row in 0..400 {
        writeln!(text, "k{},{row}", row % 130).expect("a string");
    }
    for step in SPILLING {
        let job = format!(
            "[source]\npath = \"in.csv\"\ntypes = {{ value = \"bigint\" }}\n[[transform]]\n{step}\n[sink]\npath = \"out.csv\"\n\
             [checkpoint]\nevery_records = 40\nevery_bytes = \"10B\"\n[state]\nmemory = \"1KiB\"\n"
        );
        let job = machine::load(&job);
        let mut outputs = BTreeSet::new();
        for seed in 0..20 {
            let disk = SimulatedStorage::new();
            disk.put_directory(FOLDER, 0o755);
            disk.put_file(Path::new(FOLDER).join("in.csv"), text.as_bytes());
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
            outputs.insert(disk.file(Path::new(FOLDER).join("out.csv")));
        }
        assert_eq!(outputs.len(), 1, "{step}");
    }
}
