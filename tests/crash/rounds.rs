//! Incremental jobs on the simulated disk: the power fails at every operation of a later round.

use super::{FOLDER, Input, Workload, cuts, orders, outputs, run, staged};
use onward::engine::Outcome;
use onward::storage::simulated::{Call, Cut, Fault, Operation, SimulatedStorage};
use std::path::{Path, PathBuf};

/// A job, and what its inputs are in its second round.
pub struct Growing {
    pub workload: Workload,
    pub later: &'static [Input],
}

pub static GROWING: [Growing; 4] = [
    Growing {
        workload: Workload {
            name: "appended, with rejects",
            job: r#"
                [source]
                path = "in*.csv"
                types = { amount = "bigint" }
                mode = "incremental"
                [[transform]]
                dedup = { key = ["id"] }
                [[transform]]
                filter = "amount > 3"
                [sink]
                path = "out.csv"
                [rejects]
                path = "bad.jsonl"
                limit = 100
                [checkpoint]
                every_records = 12
            "#,
            inputs: &[("in.csv", orders)],
            outputs: &["out.csv", "bad.jsonl"],
        },
        later: &[("in.csv", more_orders), ("in-2.csv", other_orders)],
    },
    Growing {
        workload: Workload {
            name: "a part for each run",
            job: r#"
                [source]
                path = "in*.csv"
                mode = "incremental"
                [[sink]]
                name = "part"
                path = "part-{run}.jsonl"
                [[sink]]
                name = "names"
                path = "by/{run}/{amount}.csv"
                partition_by = ["amount"]
                [checkpoint]
                every_records = 20
                keep = 1
            "#,
            inputs: &[("in.csv", orders)],
            outputs: &[
                "part-000001.jsonl",
                "part-000002.jsonl",
                "by/000001/3.csv",
                "by/000002/3.csv",
            ],
        },
        later: &[("in.csv", more_orders)],
    },
    Growing {
        workload: Workload {
            name: "replaced",
            job: r#"
                [source]
                path = "in*.csv"
                types = { id = "bigint" }
                mode = "incremental"
                [[transform]]
                aggregate = { by = ["name"], select = ["count(*) AS n", "sum(id) AS ids"] }
                [[transform]]
                sort = { by = ["n DESC", "name"], memory = "1KiB" }
                [[transform]]
                limit = 5
                [sink]
                path = "out.csv"
                [checkpoint]
                every_records = 20
            "#,
            inputs: &[("in.csv", orders)],
            outputs: &["out.csv"],
        },
        later: &[("in.csv", more_orders), ("in-2.csv", other_orders)],
    },
    Growing {
        workload: Workload {
            name: "nothing for the output",
            job: r#"
                [source]
                path = "in*.csv"
                types = { id = "bigint" }
                mode = "incremental"
                [[transform]]
                filter = "id < 20"
                [sink]
                path = "out.csv"
                [checkpoint]
                every_records = 20
            "#,
            inputs: &[("in.csv", orders)],
            outputs: &["out.csv"],
        },
        later: &[("in.csv", more_orders)],
    },
];

fn numbered(from: u32, to: u32) -> String {
    (from..to).map(|id| format!("{id},\"name {}\",{}\n", id % 13, id % 5)).collect()
}

/// What there was, and more, the last record of it half written.
fn more_orders() -> String {
    orders() + &numbered(50, 90) + "90,\"na"
}

fn other_orders() -> String {
    "id,name,amount\n".to_owned() + &numbered(80, 110)
}

/// The operations from one on that change something, or may have made a file: before the others all is as it was.
fn struck(disk: &SimulatedStorage, from: usize) -> impl Iterator<Item = usize> {
    let operations = disk.operations().into_iter().enumerate().skip(from);
    let counts = |one: &Operation| !one.call.only_looks() || one.call == Call::Open;
    operations.filter(move |(_, one)| counts(one)).map(|(at, _)| at)
}

impl Growing {
    /// A disk with a finished first round, and inputs that have grown since.
    pub fn grown(&self) -> SimulatedStorage {
        let disk = super::fresh(&self.workload);
        run(&self.workload, &disk, 1).2.expect("a first round");
        for (name, text) in self.later {
            disk.put_file(Path::new(FOLDER).join(name), text().as_bytes());
        }
        disk
    }

    /// The job goes on after whatever happened, and its outputs are those of an undisturbed second round.
    fn check(
        &self,
        disk: &SimulatedStorage,
        announced: u64,
        expected: &[Option<Vec<u8>>],
        place: &str,
    ) {
        let name = self.workload.name;
        let (_, resumed, outcome) = run(&self.workload, disk, 99);
        match outcome {
            Ok(Outcome::AlreadyFinished(manifest)) => {
                assert_eq!(manifest.round.map(|round| round.number), Some(2), "{name}, {place}");
            }
            Ok(Outcome::Finished(summary)) => {
                assert!(resumed >= announced, "{name}, {place}: {announced}, {resumed} found");
                assert_eq!(summary.round, Some(2), "{name}, {place}");
            }
            other => panic!("{name}, {place}: {other:?}"),
        }
        assert_eq!(staged(disk, Path::new(FOLDER)), Vec::<PathBuf>::new(), "{name}, {place}");
        assert_eq!(outputs(&self.workload, disk), expected, "{name}, {place}");
        let again = run(&self.workload, disk, 100).2.expect("nothing to do");
        assert!(matches!(again, Outcome::AlreadyFinished(_)), "{name}, {place}: {again:?}");
    }
}

#[test]
fn after_a_power_cut_at_any_operation_of_a_round_the_same_command_ends_with_the_same_bytes() {
    let mut states = 0;
    for growing in &GROWING {
        let undisturbed = growing.grown();
        let before = undisturbed.operations().len();
        run(&growing.workload, &undisturbed, 1).2.expect("an undisturbed round");
        let expected = outputs(&growing.workload, &undisturbed);
        assert!(expected.iter().all(Option::is_some), "{}", growing.workload.name);
        for at in struck(&undisturbed, before) {
            let disk = growing.grown();
            disk.plan(&[Fault::power_loss(at)]);
            let (announced, _, _) = run(&growing.workload, &disk, 2);
            for cut in cuts(&disk, at as u64) {
                let found = disk.power_cut(cut);
                growing.check(&found, announced, &expected, &format!("cut at {at}, {cut:?}"));
                states += 1;
            }
            growing.check(&disk.after_kill(), announced, &expected, &format!("killed at {at}"));
        }
    }
    assert!(states > 1000, "{states} states");
}

#[test]
fn a_second_power_cut_during_the_recovery_of_a_round_does_no_harm() {
    for growing in &GROWING {
        let undisturbed = growing.grown();
        let before = undisturbed.operations().len();
        run(&growing.workload, &undisturbed, 1).2.expect("an undisturbed round");
        let expected = outputs(&growing.workload, &undisturbed);
        for at in struck(&undisturbed, before).step_by(5) {
            let disk = growing.grown();
            disk.plan(&[Fault::power_loss(at)]);
            let (announced, _, _) = run(&growing.workload, &disk, 2);
            for second in (0..80).step_by(7) {
                let disk = disk.power_cut(Cut::Seeded((at * 31 + second) as u64));
                disk.plan(&[Fault::power_loss(second)]);
                let (again, _, _) = run(&growing.workload, &disk, 3);
                let found = disk.power_cut(Cut::Seeded(second as u64));
                let place = format!("cut at {at} and again at {second}");
                growing.check(&found, announced.max(again), &expected, &place);
            }
        }
    }
}

#[test]
fn where_nothing_is_new_nothing_is_done() {
    for growing in &GROWING {
        let disk = super::fresh(&growing.workload);
        run(&growing.workload, &disk, 1).2.expect("a first round");
        let before = disk.operations().len();
        let outcome = run(&growing.workload, &disk, 2).2.expect("nothing to do");
        assert!(matches!(outcome, Outcome::AlreadyFinished(_)), "{outcome:?}");
        let changes = |one: &&Operation| !one.call.only_looks();
        let operations = disk.operations();
        let done: Vec<&Operation> = operations[before..].iter().filter(changes).collect();
        assert!(done.is_empty(), "{}: {done:?}", growing.workload.name);
    }
}
