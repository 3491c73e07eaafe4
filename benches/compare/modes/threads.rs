//! What a second worker brings: one beside two.

use crate::contestant::Contestant;
use crate::inputs;
use crate::options::Options;
use crate::table::{Table, megabytes, number};
use crate::workload::Workload;

/// Measures one worker beside two on some workloads.
pub fn run(options: &Options, workloads: &[Workload]) -> Result<(), String> {
    let mut table = Table::new(&["", "MB/s with 2", "with 1", "times", "of least", "of cpu", ""]);
    for workload in workloads {
        let input = inputs::file(&options.data, workload.input(), options.size)?;
        let bytes = megabytes(inputs::warm(&input)?);
        let course = options.course(*workload, &input)?;
        let with = |threads| Contestant::onward(&options.onward, "onward").with_threads(threads);
        let entries = course.race(&[with(2), with(1)], &mut |_| Ok(()));
        let [two, one] = &entries[..] else { unreachable!("as many as contestants") };
        let speed = |seconds: Option<f64>| number(seconds.map(|seconds| bytes / seconds), 0);
        let least = one.least(|run| run.usage.seconds).zip(two.least(|run| run.usage.seconds));
        let busy = one.ratio(|run| run.usage.processor_seconds, |run| run.usage.processor_seconds);
        table.push(vec![
            workload.name().to_owned(),
            speed(two.median(|run| run.usage.seconds)),
            speed(one.median(|run| run.usage.seconds)),
            number(one.ratio(|run| run.usage.seconds, |run| run.usage.seconds), 2),
            number(least.map(|(one, two)| one / two), 2),
            number(busy, 2),
            [one, two].iter().find_map(|entry| entry.problem.clone()).unwrap_or_default(),
        ]);
    }
    table.print();
    Ok(())
}
