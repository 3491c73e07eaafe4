//! How long the least job takes: until it is done with 1 KB, and until the first byte of its output is in a file.

use crate::contestant::Contestant;
use crate::inputs::{self, Size};
use crate::options::Options;
use crate::race::{Course, median};
use crate::table::{Table, number};
use crate::workload::Workload;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

/// Bytes of the least input and of a small one.
const BYTES: [usize; 2] = [1_000, 100_000];

/// Each is run so many times the runs of the options: it is short.
const TIMES: usize = 10;

/// Measures some workloads on the first bytes of their inputs.
pub fn run(options: &Options, workloads: &[Workload]) -> Result<(), String> {
    let mut table =
        Table::new(&["", "bytes", "ms until done", "least", "until the first byte", "least"]);
    for workload in workloads {
        let input = inputs::file(&options.data, workload.input(), Size::Small)?;
        for bytes in BYTES {
            let mut course = options.course(*workload, &input)?;
            course.input = course.scratch.join("small").with_extension(workload.extension());
            fs::write(&course.input, beginning(&input, bytes)?)
                .map_err(|cause| format!("cannot write the input: {cause}"))?;
            course.runs *= TIMES;
            let onward = Contestant::onward(&options.onward, "onward");
            let done = course.race(std::slice::from_ref(&onward), &mut |_| Ok(())).remove(0);
            if let Some(problem) = done.problem {
                return Err(problem);
            }
            let mut first: Vec<f64> = Vec::new();
            for _ in 0..course.runs {
                first.push(first_byte(&onward, &course)?);
            }
            // They are only in the way now.
            fs::remove_file(&course.input).unwrap_or_default();
            fs::remove_dir_all(course.scratch.join("first-byte")).unwrap_or_default();
            let milliseconds =
                |seconds: Option<f64>| number(seconds.map(|seconds| seconds * 1e3), 1);
            table.push(vec![
                workload.name().to_owned(),
                bytes.to_string(),
                milliseconds(done.median(|run| run.usage.seconds)),
                milliseconds(done.least(|run| run.usage.seconds)),
                milliseconds(median(first.clone())),
                milliseconds(first.into_iter().reduce(f64::min)),
            ]);
        }
    }
    table.print();
    Ok(())
}

/// The whole lines among the first bytes of a file.
fn beginning(path: &Path, bytes: usize) -> Result<Vec<u8>, String> {
    let mut start = vec![0; bytes];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.map_err(|cause| format!("cannot read `{}`: {cause}", path.display()))?;
    let end = start.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    start.truncate(end);
    Ok(start)
}

/// Seconds from before the start of a job until something is in its output, under whatever name.
fn first_byte(onward: &Contestant, course: &Course) -> Result<f64, String> {
    let folder = course.scratch.join("first-byte");
    let output = folder.join(course.workload.name()).with_extension(course.workload.extension());
    let mut command = onward.command(&course.request(&output)).expect("onward does all")?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let is_output = |name: &str| name.contains(course.workload.name()) && !name.ends_with(".toml");
    let has_bytes = || {
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        let mut outputs = entries.filter(|entry| is_output(&entry.file_name().to_string_lossy()));
        outputs.any(|entry| entry.metadata().is_ok_and(|found| found.is_file() && found.len() > 0))
    };
    let start = Instant::now();
    let mut child = command.spawn().map_err(|cause| format!("cannot start onward: {cause}"))?;
    let seconds = loop {
        if has_bytes() {
            break Ok(start.elapsed().as_secs_f64());
        }
        if child.try_wait().is_ok_and(|status| status.is_some()) && !has_bytes() {
            break Err("onward wrote nothing".to_owned());
        }
        std::thread::yield_now();
    };
    child.wait().map_err(|cause| format!("cannot wait for onward: {cause}"))?;
    seconds
}
