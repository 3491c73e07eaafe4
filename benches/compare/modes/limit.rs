//! How far from the limit: what reading and cutting alone take, on the same file with as many threads, as a share of
//! the time of the whole job.
//!
//! Each thread takes the next chunk, reads it as a worker does, and has the decoder of the job find its records, from a
//! guessed start. What it finds is dropped.

use crate::bound;
use crate::contestant::Contestant;
use crate::inputs;
use crate::options::Options;
use crate::race::{Course, median};
use crate::table::{Table, megabytes, number};
use crate::workload::Workload;
use onward::decode::{CutOutcome, Start};
use onward::engine::{Bound, Chunks};
use onward::record::ChunkNumber;
use onward::storage::{LocalStorage, OpenMode, Storage, read_full};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

/// Bytes read behind a chunk, for its last record.
const OVERLAP_BYTES: u64 = 16 * 1024;

/// Measures some workloads beside the limit.
pub fn run(options: &Options, workloads: &[Workload]) -> Result<(), String> {
    let header = ["", "MB/s", "read MB/s", "read and cut MB/s", "share of the time, percent", ""];
    let mut table = Table::new(&header);
    for workload in workloads {
        let input = inputs::file(&options.data, workload.input(), options.size)?;
        let bytes = inputs::warm(&input)?;
        let course = Course { runs: 1, ..options.course(*workload, &input)? };
        let (_, bound) = bound::bind(workload.job(), &course.input)?;
        let onward = [Contestant::onward(&options.onward, "onward")];
        let (mut whole, mut reads, mut cuts, mut shares) = (vec![], vec![], vec![], vec![]);
        let mut problem = String::new();
        for _ in 0..options.runs {
            let entry = course.race(&onward, &mut |_| Ok(())).remove(0);
            problem = entry.problem.clone().unwrap_or(problem);
            let seconds = entry.median(|run| run.usage.seconds).unwrap_or(f64::NAN);
            let (read, records) = pass(&course.input, options.threads, None)?;
            let (cut, cut_records) = pass(&course.input, options.threads, Some(&bound))?;
            assert!(records == 0 && cut_records > 0, "only cutting finds records");
            whole.push(seconds);
            reads.push(read);
            cuts.push(cut);
            shares.push(cut / seconds * 100.0);
        }
        let speed = |times| number(median(times).map(|seconds| megabytes(bytes) / seconds), 0);
        table.push(vec![
            workload.name().to_owned(),
            speed(whole),
            speed(reads),
            speed(cuts),
            number(median(shares), 0),
            problem,
        ]);
    }
    table.print();
    Ok(())
}

/// Reads a whole file, and cuts it where a job says how: seconds and records.
fn pass(path: &Path, threads: usize, bound: Option<&Bound>) -> Result<(f64, u64), String> {
    let next = AtomicU64::new(0);
    let start = Instant::now();
    let records = thread::scope(|scope| {
        let work = || scope.spawn(|| chunks(path, &next, bound));
        let workers: Vec<_> = (0..threads).map(|_| work()).collect();
        let counts = workers.into_iter().map(|worker| worker.join().expect("it does not panic"));
        counts.sum::<std::io::Result<u64>>()
    });
    let records = records.map_err(|cause| format!("cannot read `{}`: {cause}", path.display()))?;
    Ok((start.elapsed().as_secs_f64(), records))
}

/// Takes chunk after chunk; the records found.
fn chunks(path: &Path, next: &AtomicU64, bound: Option<&Bound>) -> std::io::Result<u64> {
    let file = LocalStorage.open(path, OpenMode::ReadInput)?;
    let size = file.metadata()?.length;
    let all = Chunks::default();
    let (mut buffer, mut records) = (Vec::new(), 0);
    loop {
        let nominal = all.range(ChunkNumber(next.fetch_add(1, Ordering::Relaxed)));
        if nominal.start >= size {
            return Ok(records);
        }
        // A guess needs to see the byte before the chunk.
        let base = nominal.start.saturating_sub(1);
        let end = (nominal.end + OVERLAP_BYTES).min(size);
        let length =
            |from: u64, to: u64| usize::try_from(to - from).expect("a chunk fits into memory");
        buffer.resize(length(base, end), 0);
        read_full(&*file, &mut buffer, base)?;
        let Some(bound) = bound else { continue };
        let window = Arc::new(std::mem::take(&mut buffer));
        let nominal_end = length(base, nominal.end.min(size));
        let start = match base {
            0 => Start::Exact(length(0, bound.inputs.files[0].from.offset)),
            _ => Start::AtOrAfter(1),
        };
        if let CutOutcome::Cut(cut) =
            bound.plan.decoder.cut(&window, start, nominal_end, end == size)
        {
            records += cut.batch.selection.len() as u64;
        }
        buffer = Arc::try_unwrap(window).unwrap_or_default();
    }
}
