//! The threads of a run take turns as a seed says: the same seed gives the same operations in the same order.

use super::FOLDER;
use super::stories::stories;
use crate::support::machine::{self, How};
use onward::engine::Outcome;
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

/// Groups that go into spills, and a checkpoint wherever one may be.
const MANY_GROUPS: &str = r#"
[source]
path = "in.csv"
types = { value = "bigint" }
[[transform]]
aggregate = { by = ["key"], select = ["count(*) AS n", "sum(value) AS s"] }
[sink]
path = "out.csv"
[checkpoint]
interval = "1ms"
every_records = 40
[state]
memory = "1KiB"
"#;

#[test]
fn what_is_spilled_while_a_checkpoint_is_made_is_not_removed_with_it() {
    let mut text = "key,value\n".to_owned();
    for row in 0..400 {
        writeln!(text, "k{},{row}", row % 130).expect("a string");
    }
    let job = machine::load(MANY_GROUPS);
    let mut outputs = BTreeSet::new();
    for seed in 0..60 {
        let disk = SimulatedStorage::new();
        disk.put_directory(FOLDER, 0o755);
        disk.put_file(Path::new(FOLDER).join("in.csv"), text.as_bytes());
        let how = How { threads: 2, chunk_bytes: 200, barriers: None };
        let ended = seeded(seed, || machine::run(&job, &disk, seed, how));
        assert!(matches!(ended, Ok(Outcome::Finished(_))), "seed {seed}: {ended:?}");
        outputs.insert(disk.file(Path::new(FOLDER).join("out.csv")));
    }
    assert_eq!(outputs.len(), 1);
}
