//! Whether speed depends on the size of the input: all three sizes in turn.

use crate::contestant::Contestant;
use crate::inputs::{self, Size};
use crate::options::Options;
use crate::race::{Course, Entry};
use crate::table::{Table, megabytes, number};
use crate::workload::Workload;
use clap::ValueEnum;

/// Measures all sizes up to that of the options on some workloads.
pub fn run(options: &Options, workloads: &[Workload]) -> Result<(), String> {
    let mut table = Table::new(&["", "MB", "MB/s", "best", "peak MB", ""]);
    let onward = [Contestant::onward(&options.onward, "onward")];
    for workload in workloads {
        let sizes = Size::value_variants().iter().filter(|size| **size <= options.size);
        let mut courses: Vec<(f64, Course, Vec<Entry>)> = Vec::new();
        for size in sizes {
            let input = inputs::file(&options.data, workload.input(), *size)?;
            let bytes = megabytes(inputs::warm(&input)?);
            let course = Course { runs: 1, ..options.course(*workload, &input)? };
            courses.push((bytes, course, Vec::new()));
        }
        for _ in 0..options.runs {
            for (_, course, entries) in &mut courses {
                entries.extend(course.race(&onward, &mut |_| Ok(())));
            }
        }
        for (bytes, _, entries) in courses {
            let Some(entry) = entries.into_iter().reduce(Entry::and) else { continue };
            let speed = |seconds: Option<f64>| number(seconds.map(|seconds| bytes / seconds), 0);
            table.push(vec![
                workload.name().to_owned(),
                number(Some(bytes), 0),
                speed(entry.median(|run| run.usage.seconds)),
                speed(entry.least(|run| run.usage.seconds)),
                number(entry.median(|run| megabytes(run.usage.peak_bytes)), 0),
                entry.problem.unwrap_or_default(),
            ]);
        }
    }
    table.print();
    Ok(())
}
