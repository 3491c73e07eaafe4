//! The threads of a run take turns as a seed says: the same seed gives the same operations in the same order.

use super::stories::stories;
use onward::storage::simulated::Operation;
use std::collections::BTreeSet;

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
