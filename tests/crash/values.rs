//! Aggregates that spill their values apart from their groups: the power fails at every operation.

use super::{Workload, check, cuts, fresh, run};
use crate::support::report;
use onward::storage::simulated::{Cut, Fault, Operation};

const WORKLOADS: [Workload; 2] = [
    Workload {
        name: "values of everything",
        job: r#"
            [source]
            path = "in.csv"
            [[transform]]
            aggregate = { select = ["count(DISTINCT name) AS names", "list(DISTINCT amount) AS amounts"] }
            [sink]
            path = "out.csv"
            [state]
            memory = "1KiB"
            [checkpoint]
            every_records = 10
        "#,
        inputs: &[("in.csv", few)],
        outputs: &["out.csv"],
    },
    Workload {
        name: "values of groups",
        job: r#"
            [source]
            path = "in.csv"
            [[transform]]
            aggregate = { by = ["name"], select = ["count(*) AS n", "string_agg(DISTINCT amount, '+') AS amounts", "mode(amount) AS most"], order = "key" }
            [sink]
            path = "out.csv"
            [state]
            memory = "1KiB"
            [checkpoint]
            every_records = 10
        "#,
        inputs: &[("in.csv", few)],
        outputs: &["out.csv"],
    },
];

fn few() -> String {
    let mut text = String::from("id,name,amount\n");
    for id in 0..25 {
        text += &format!("{id},\"name {}\",{}\n", id % 5, id % 7);
    }
    text
}

#[test]
fn values_in_spills_outlive_a_power_cut_at_any_operation() {
    let mut states = 0;
    for workload in &WORKLOADS {
        let undisturbed = fresh(workload);
        run(workload, &undisturbed, 1).2.expect("an undisturbed run");
        let operations = undisturbed.operations();
        let is_spill = |one: &&Operation| one.path.to_string_lossy().contains("/spill-");
        let spills = operations.iter().filter(is_spill).count();
        assert!(spills > 100, "{}: {spills} operations with spills", workload.name);
        // Behind one that only looks there is what was there before.
        let changing = operations.iter().enumerate().filter(|(_, one)| !one.call.only_looks());
        for (number, (at, _)) in changing.enumerate() {
            let disk = fresh(workload);
            disk.plan(&[Fault::power_loss(at)]);
            let (announced, _, _) = run(workload, &disk, 2);
            let cuts = cuts(&disk, at as u64);
            let cut: Cut = cuts[number % cuts.len()];
            let place = format!("cut at {at}, {cut:?}");
            check(workload, &disk.power_cut(cut), announced, &place);
            states += 1;
        }
    }
    report::count(&format!("{states} states after power cuts with values in spills"));
    assert!(states > 200, "{states} states");
}
