//! Onward against its peers, or against another build of it: a table for each workload, and one with the fastest peers.

use crate::agree::{self, Contents};
use crate::contestant::{Contestant, Run};
use crate::inputs;
use crate::options::Options;
use crate::peers::Peer;
use crate::race::Entry;
use crate::same;
use crate::table::{Table, megabytes, number};
use crate::workload::Workload;
use std::fs;
use std::path::{Path, PathBuf};

/// What takes part and what does not.
struct Field {
    contestants: Vec<Contestant>,
    missing: Vec<&'static str>,
}

/// Measures some workloads.
pub fn run(options: &Options, workloads: &[Workload]) -> Result<(), String> {
    let field = Field::gather(options);
    let mut fastest = Table::new(&[
        "",
        "onward MB/s",
        "peak MB",
        "fastest peer",
        "MB/s",
        "peak MB",
        "onward is faster by",
        "without its start",
    ]);
    for workload in workloads {
        let input = inputs::file(&options.data, workload.input(), options.size)?;
        let bytes = inputs::warm(&input)?;
        let course = options.course(*workload, &input)?;
        let mut judge = Judge {
            workload: *workload,
            reference: course.scratch.join("reference"),
            expected: None,
            is_same_program: options.baseline.is_some(),
        };
        let entries = course.race(&field.contestants, &mut |output| judge.inspect(output));
        let (name, title, input) = (workload.name(), workload.title(), input.display());
        println!("{name}: {title} ({input}, {:.0} MB)", megabytes(bytes));
        let mut table = Table::new(&[
            "",
            "MB/s",
            "seconds",
            "least",
            "cpu s",
            "peak MB",
            "ratio",
            "of least",
            "of cpu",
            "without start",
            "with sync",
            "output",
        ]);
        entries.iter().for_each(|entry| table.push(row(entry, &entries[0], bytes)));
        for name in &field.missing {
            table.push(vec![(*name).to_owned(), "not installed".to_owned()]);
        }
        table.print();
        if let Some(row) = fastest_row(*workload, &entries, bytes) {
            fastest.push(row);
        }
        // Nothing depends on it any more.
        fs::remove_file(&judge.reference).unwrap_or_default();
    }
    if options.baseline.is_none() && field.contestants.len() > 1 {
        fastest.print();
    }
    Ok(())
}

impl Field {
    /// Onward first; then its baseline, or the peers that are wanted and there.
    fn gather(options: &Options) -> Field {
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
        Field { contestants, missing }
    }
}

/// Compares each output with the first one.
struct Judge {
    workload: Workload,
    /// Where the first one is kept.
    reference: PathBuf,
    expected: Option<Expected>,
    /// Whether outputs must be the same bytes, or only hold the same records.
    is_same_program: bool,
}

enum Expected {
    Bytes(same::Seal),
    Records(Contents),
}

impl Judge {
    /// Keeps the first output; says what is wrong with a later one.
    fn inspect(&mut self, output: &Path) -> Result<(), String> {
        match &self.expected {
            None => {
                self.expected = Some(if self.is_same_program {
                    Expected::Bytes(same::seal(output)?)
                } else {
                    Expected::Records(agree::read(output, self.workload)?)
                });
                fs::rename(output, &self.reference)
                    .map_err(|cause| format!("cannot keep `{}`: {cause}", output.display()))
            }
            Some(Expected::Bytes(seal)) if same::seal(output)? == *seal => Ok(()),
            Some(Expected::Bytes(_)) => Err("other bytes".to_owned()),
            Some(Expected::Records(expected)) => {
                let contents = agree::read(output, self.workload)?;
                let (found, wanted) = ((&contents, output), (expected, &*self.reference));
                agree::difference(self.workload, found, wanted)?.map_or(Ok(()), Err)
            }
        }
    }
}

fn seconds(run: &Run) -> f64 {
    run.usage.seconds
}

fn processor_seconds(run: &Run) -> f64 {
    run.usage.processor_seconds
}

fn speed(entry: &Entry, bytes: u64) -> Option<f64> {
    entry.median(seconds).map(|seconds| megabytes(bytes) / seconds)
}

fn peak(entry: &Entry) -> Option<f64> {
    entry.median(|run| megabytes(run.usage.peak_bytes))
}

/// The figures of a contestant; ratios are to `first`.
fn row(entry: &Entry, first: &Entry, bytes: u64) -> Vec<String> {
    let least = |entry: &Entry| entry.least(seconds);
    let processor = |entry: &Entry| entry.median(processor_seconds);
    let ratio = |of: &dyn Fn(&Entry) -> Option<f64>| {
        let is_other = !entry.before.is_empty();
        is_other.then(|| Some(of(entry)? / of(first)?)).flatten()
    };
    let output = match &entry.problem {
        Some(problem) => problem,
        None if entry.before.is_empty() => "",
        None => "agrees",
    };
    vec![
        entry.label.clone(),
        number(speed(entry, bytes), 0),
        number(entry.median(seconds), 3),
        number(least(entry), 3),
        number(processor(entry), 2),
        number(peak(entry), 0),
        number(entry.ratio(seconds, seconds), 2),
        number(ratio(&least), 2),
        number(ratio(&processor), 2),
        number(entry.ratio(|run| run.working_seconds, seconds), 2),
        number(entry.ratio(|run| run.usage.seconds + run.sync_seconds, seconds), 2),
        output.to_owned(),
    ]
}

/// Onward beside the fastest peer whose output agrees; `None` where there is none.
fn fastest_row(workload: Workload, entries: &[Entry], bytes: u64) -> Option<Vec<String>> {
    let (first, others) = entries.split_first()?;
    let sound = others.iter().filter(|entry| entry.problem.is_none());
    let timed = sound.filter_map(|entry| Some((entry.ratio(seconds, seconds)?, entry)));
    let (ratio, fastest) = timed.min_by(|(one, _), (other, _)| one.total_cmp(other))?;
    let without_start = fastest.ratio(|run| run.working_seconds, seconds);
    Some(vec![
        workload.name().to_owned(),
        number(speed(first, bytes), 0),
        number(peak(first), 0),
        fastest.label.clone(),
        number(speed(fastest, bytes), 0),
        number(peak(fastest), 0),
        number(Some(ratio), 2),
        number(without_start, 2),
    ])
}
