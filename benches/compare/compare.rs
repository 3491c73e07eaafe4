//! Onward against its peers or its baseline: one table for each workload, and one of the fastest peers.

use crate::contestant::{Contestant, Run};
use crate::data;
use crate::options::Options;
use crate::peers::Peer;
use crate::race::Entry;
use crate::same;
use crate::table::{Table, number};
use crate::workload::Workload;

const MEGABYTE: f64 = 1e6;

/// Measures some workloads.
pub fn run(options: &Options, workloads: &[Workload]) -> Result<(), String> {
    let mut contestants = vec![Contestant::onward(&options.onward, "onward")];
    let mut missing = Vec::new();
    if let Some(baseline) = &options.baseline {
        contestants.push(Contestant::onward(baseline, "baseline"));
    }
    for peer in Peer::ALL.into_iter().filter(|peer| options.wants(peer.name())) {
        match peer.find(&options.python()) {
            Some(installed) => contestants.push(Contestant::Peer(installed)),
            None => missing.push(peer.name()),
        }
    }
    for workload in workloads {
        let input = data::file(&options.data, workload.input(), options.size)?;
        let bytes = data::warm(&input)?;
        let course = options.course(*workload, &input)?;
        let mut first = None;
        let mut inspect = |index: usize, output: &std::path::Path| {
            let seal = same::seal(output)?;
            match &first {
                None => first = Some(seal),
                Some(first) if *first != seal => return Err("differs".to_owned()),
                Some(_) => {}
            }
            let _ = index;
            Ok(())
        };
        let entries = course.race(&contestants, &mut inspect);
        println!(
            "{}: {} ({}, {:.0} MB)",
            workload.name(),
            workload.title(),
            input.display(),
            bytes as f64 / MEGABYTE
        );
        let mut table = Table::new(&[
            "",
            "MB/s",
            "seconds",
            "least",
            "cpu s",
            "peak MB",
            "ratio",
            "without start",
            "with sync",
            "",
        ]);
        for entry in &entries {
            table.push(row(entry, bytes));
        }
        for name in &missing {
            table.push(vec![(*name).to_owned(), "not installed".to_owned()]);
        }
        table.print();
    }
    Ok(())
}

fn row(entry: &Entry, bytes: u64) -> Vec<String> {
    let seconds = |run: &Run| run.usage.seconds;
    let median = entry.median(seconds);
    let speed = median.map(|seconds| bytes as f64 / MEGABYTE / seconds);
    let peak = entry.median(|run| run.usage.peak_bytes as f64 / MEGABYTE);
    vec![
        entry.label.clone(),
        number(speed, 0),
        number(median, 3),
        number(entry.least(seconds), 3),
        number(entry.median(|run| run.usage.processor_seconds), 2),
        number(peak, 0),
        number(entry.ratio(seconds, seconds), 3),
        number(entry.ratio(|run| run.working_seconds, seconds), 3),
        number(entry.ratio(|run| run.usage.seconds + run.sync_seconds, seconds), 3),
        entry.problem.clone().unwrap_or_default(),
    ]
}
