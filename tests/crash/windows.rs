//! Steps with more keys than fit into memory, on the simulated disk: the power fails at every operation, and spills fail.

use super::{Workload, check, cuts, fresh, orders, run};
use crate::support::report;
use onward::engine::Outcome;
use onward::storage::simulated::SimulatedStorage;
use onward::storage::simulated::{Cut, Effect, Errno, Fault, Lasting, Operation};
use std::collections::BTreeSet;

const WORKLOADS: [Workload; 4] = [
    Workload {
        name: "window with spills",
        job: r#"
            [source]
            path = "in.csv"
            types = { id = "bigint" }
            [[transform]]
            window = { by = ["name"], compute = ["sum(id) AS ids", "lag(amount, 2) AS before"] }
            [sink]
            path = "out.csv"
            [state]
            memory = "1KiB"
            [checkpoint]
            every_records = 15
            keep = 2
        "#,
        inputs: &[("in.csv", orders)],
        outputs: &["out.csv"],
    },
    Workload {
        name: "window with spills that looks ahead",
        job: r#"
            [source]
            path = "in.csv"
            types = { id = "bigint" }
            [[transform]]
            filter = "id < 40"
            [[transform]]
            window = { by = ["id // 3"], compute = ["lead(amount) AS next", "row_number() AS n"] }
            [sink]
            path = "out.jsonl"
            [state]
            memory = "1KiB"
            [checkpoint]
            every_records = 20
        "#,
        inputs: &[("in.csv", orders)],
        outputs: &["out.jsonl"],
    },
    Workload {
        name: "last records with spills",
        job: r#"
            [source]
            path = "in.csv"
            [[transform]]
            dedup = { key = ["name"], keep = "last" }
            [sink]
            path = "out.csv"
            [state]
            memory = "1KiB"
            [checkpoint]
            every_records = 15
            keep = 2
        "#,
        inputs: &[("in.csv", orders)],
        outputs: &["out.csv"],
    },
    Workload {
        name: "best records with spills",
        job: r#"
            [source]
            path = "in.csv"
            types = { id = "bigint" }
            [[transform]]
            top = { by = ["id % 7"], order = ["amount DESC"], n = 3 }
            [sink]
            path = "out.jsonl"
            [state]
            memory = "1KiB"
            [checkpoint]
            every_records = 20
        "#,
        inputs: &[("in.csv", orders)],
        outputs: &["out.jsonl"],
    },
];

fn is_of_spill(operation: &Operation) -> bool {
    operation.path.to_string_lossy().contains("/spill-")
}

/// The operations of a run that nothing disturbs, in which spills are made, merged and read.
fn undisturbed(workload: &Workload) -> Vec<Operation> {
    let disk = fresh(workload);
    let (_, _, outcome) = run(workload, &disk, 1);
    assert!(matches!(outcome, Ok(Outcome::Finished(_))), "{outcome:?}");
    disk.operations()
}

fn cut_at(workload: &Workload, at: usize) -> (SimulatedStorage, u64) {
    let disk = fresh(workload);
    disk.plan(&[Fault::power_loss(at)]);
    let (announced, _, _) = run(workload, &disk, 2);
    (disk, announced)
}

#[test]
fn after_a_power_cut_at_any_operation_what_was_spilled_ends_with_the_same_bytes() {
    let (mut states, mut made) = (0, 0);
    for (workload, step) in WORKLOADS.iter().zip(&[1, 4, 1, 2]) {
        let operations = undisturbed(workload);
        let spills = operations.iter().filter(|one| is_of_spill(one)).map(|one| &one.path);
        made += spills.collect::<BTreeSet<_>>().len();
        for at in (0..operations.len()).step_by(*step) {
            let (disk, announced) = cut_at(workload, at);
            for cut in cuts(&disk, at as u64) {
                check(workload, &disk.power_cut(cut), announced, &format!("cut at {at}, {cut:?}"));
                states += 1;
            }
            check(workload, &disk.after_kill(), announced, &format!("killed at {at}"));
            // And once more while it is mended.
            if at % 12 == 0 {
                for second in (0..60).step_by(11) {
                    let disk = disk.power_cut(Cut::Seeded((at * 31 + second) as u64));
                    disk.plan(&[Fault::power_loss(second)]);
                    let (again, _, _) = run(workload, &disk, 3);
                    let found = disk.power_cut(Cut::Seeded(second as u64));
                    let place = format!("cut at {at} and again at {second}");
                    check(workload, &found, announced.max(again), &place);
                    states += 1;
                }
            }
        }
    }
    report::count(&format!("spilled keys: {states} states of the disk after power cuts"));
    assert!(states > 1_000 && made > 12, "{states} states, {made} spills");
}

#[test]
fn a_spill_that_fails_ends_the_run_and_the_same_command_goes_on() {
    let (mut faults, mut stopped) = (0, 0);
    for workload in &WORKLOADS {
        let operations = undisturbed(workload);
        for (at, operation) in operations.iter().enumerate().filter(|(_, one)| is_of_spill(one)) {
            for effect in [
                Effect::Error(Errno::NOSPC),
                Effect::Error(Errno::IO),
                Effect::ErrorThoughDone(Errno::IO),
                Effect::SyncLost,
                Effect::Short(3),
            ] {
                let disk = fresh(workload);
                disk.plan(&[Fault { at, lasting: Lasting::Once, effect }]);
                let (announced, _, outcome) = run(workload, &disk, 1);
                stopped += usize::from(outcome.is_err());
                let place = format!("{effect:?} at {at}, {:?}", operation.call);
                check(workload, &disk.after_kill(), announced, &place);
                check(workload, &disk.power_cut(Cut::Prefix(0)), announced, &place);
                faults += 1;
            }
        }
    }
    report::count(&format!(
        "spilled keys: {faults} faults of spills, {stopped} of which ended the run"
    ));
    assert!(faults > 400 && stopped > 100, "{faults} faults, {stopped} ended the run");
}
