//! What checkpoints cost: the same job with them at some intervals, beside the same with none but the first and last.
//!
//! A run must be long beside the interval. So the input is read many times over, under a link for each time.

use crate::contestant::Contestant;
use crate::inputs;
use crate::options::Options;
use crate::race::Entry;
use crate::table::{Table, megabytes, number};
use crate::workload::Workload;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// About so many bytes are read.
const BYTES: u64 = 10_000_000_000;

/// Longer than any run.
const NEVER: &str = "1000h";

/// Measures what checkpoints cost on some workloads.
pub fn run(options: &Options, workloads: &[Workload]) -> Result<(), String> {
    let mut table = Table::new(&[
        "",
        "interval",
        "seconds",
        "checkpoints",
        "cost, percent",
        "of least",
        "of cpu",
        "peak MB",
        "",
    ]);
    for workload in workloads {
        let intervals: &[&str] = match workload {
            Workload::W4 | Workload::W5 => &["10s"],
            _ => &["30s", "1s"],
        };
        let input = inputs::file(&options.data, workload.input(), options.size)?;
        let times = BYTES.div_ceil(inputs::warm(&input)?);
        let mut course = options.course(*workload, &input)?;
        course.input = repeat(&course.input, times, &course.scratch.join("links"))?;
        let every = |interval: &&str| {
            let setting = format!("checkpoint.interval={interval}");
            Contestant::onward(&options.onward, interval).with(&["--set", &setting])
        };
        let contestants: Vec<Contestant> =
            [&[NEVER], intervals].concat().iter().map(every).collect();
        let entries = course.race(&contestants, &mut |_| Ok(()));
        entries.iter().for_each(|entry| table.push(row(*workload, entry, &entries[0])));
        // They are only in the way now.
        fs::remove_dir_all(course.scratch.join("links")).unwrap_or_default();
    }
    table.print();
    Ok(())
}

/// Links to a file under so many names; the pattern that matches them.
fn repeat(input: &Path, times: u64, folder: &Path) -> Result<PathBuf, String> {
    let extension = input.extension().unwrap_or_default().to_string_lossy();
    let name = |index: u64| format!("{index:04}.{extension}");
    let make = || {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)?;
        (0..times).try_for_each(|index| symlink(input, folder.join(name(index))))
    };
    make()
        .map_err(|cause: std::io::Error| format!("cannot link `{}`: {cause}", folder.display()))?;
    Ok(folder.join(format!("*.{extension}")))
}

fn row(workload: Workload, entry: &Entry, without: &Entry) -> Vec<String> {
    let percent = |ratio: Option<f64>| number(ratio.map(|ratio| (ratio - 1.0) * 100.0), 1);
    let of = |value: &dyn Fn(&Entry) -> Option<f64>| {
        let is_other = !entry.before.is_empty();
        percent(is_other.then(|| Some(value(entry)? / value(without)?)).flatten())
    };
    let paired = entry.ratio(|run| run.usage.seconds, |run| run.usage.seconds);
    vec![
        workload.name().to_owned(),
        if entry.before.is_empty() { "never".to_owned() } else { entry.label.clone() },
        number(entry.median(|run| run.usage.seconds), 3),
        number(entry.median(|run| run.checkpoints.unwrap_or(f64::NAN)), 0),
        percent(paired),
        of(&|entry| entry.least(|run| run.usage.seconds)),
        of(&|entry| entry.median(|run| run.usage.processor_seconds)),
        number(entry.median(|run| megabytes(run.usage.peak_bytes)), 0),
        entry.problem.clone().unwrap_or_default(),
    ]
}
