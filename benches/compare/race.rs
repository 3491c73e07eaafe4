//! Runs contestants in turn: the first one, another, the first one again, the next one, and so on. So whatever slows
//! the machine down for a while slows down both sides of each ratio.

use crate::child::Limits;
use crate::contestant::{Contestant, Run};
use crate::peers::Request;
use crate::workload::Workload;
use std::fs;
use std::path::{Path, PathBuf};

/// A contestant that takes longer than this runs only once.
const PATIENCE_SECONDS: f64 = 60.0;

/// Where and how often.
#[derive(Debug, Clone)]
pub struct Course {
    /// What is done.
    pub workload: Workload,
    /// With which file.
    pub input: PathBuf,
    /// In which folder.
    pub scratch: PathBuf,
    /// With how many threads.
    pub threads: usize,
    /// How often.
    pub runs: usize,
    /// Within which limits.
    pub limits: Limits,
}

/// What became of a contestant.
#[derive(Debug)]
pub struct Entry {
    /// Its name in tables.
    pub label: String,
    /// Its runs; empty where it cannot do the work.
    pub runs: Vec<Run>,
    /// For each of them, the run of the first contestant just before it.
    pub before: Vec<Run>,
    /// What is wrong with it.
    pub problem: Option<String>,
}

/// Looks at the output of a contestant's first run, that of the first contestant first, and says what is wrong with it.
pub type Inspect<'a> = dyn FnMut(&Path) -> Result<(), String> + 'a;

impl Course {
    /// Runs all contestants; the first result is that of the first one, with all its runs.
    pub fn race(&self, contestants: &[Contestant], inspect: &mut Inspect<'_>) -> Vec<Entry> {
        let entry = |contestant: &Contestant| Entry {
            label: contestant.label().to_owned(),
            runs: Vec::new(),
            before: Vec::new(),
            problem: None,
        };
        let mut entries: Vec<Entry> = contestants.iter().map(entry).collect();
        for _ in 0..self.runs {
            // Alone, the first one runs by itself.
            for index in contestants.len().min(2) - 1..contestants.len() {
                if entries[index].is_out() {
                    continue;
                }
                if index > 0 {
                    self.turn(&contestants[0], 0, &mut entries, inspect);
                }
                self.turn(&contestants[index], index, &mut entries, inspect);
                if let (1.., Some(before)) = (index, entries[0].runs.last().copied())
                    && entries[index].before.len() < entries[index].runs.len()
                {
                    entries[index].before.push(before);
                }
            }
        }
        entries
    }

    /// What is asked of a contestant.
    pub fn request<'a>(&'a self, output: &'a Path) -> Request<'a> {
        let (workload, input, threads) = (self.workload, &*self.input, self.threads);
        Request { workload, input, output, threads, limits: self.limits }
    }

    fn turn(
        &self,
        contestant: &Contestant,
        index: usize,
        entries: &mut [Entry],
        inspect: &mut Inspect<'_>,
    ) {
        let folder = self.scratch.join(format!("contestant-{index}"));
        let name = self.workload.name();
        let output = folder.join(name).with_extension(self.workload.extension());
        let entry = &mut entries[index];
        match contestant.run(&self.request(&output)) {
            None => entry.problem = Some("does not do this".to_owned()),
            Some(Err(problem)) => entry.problem = Some(problem),
            Some(Ok(run)) => {
                let is_first = entry.runs.is_empty();
                entry.runs.push(run);
                if is_first && let Err(problem) = inspect(&output) {
                    entry.problem = Some(problem);
                }
            }
        }
        // What is left behind is only in the way; where it cannot be removed the next run says so.
        fs::remove_dir_all(&folder).unwrap_or_default();
    }
}

impl Entry {
    /// Whether it does not run again: it cannot, or is too slow.
    fn is_out(&self) -> bool {
        let failed = self.problem.is_some() && self.runs.is_empty();
        failed || self.runs.iter().any(|run| run.usage.seconds > PATIENCE_SECONDS)
    }

    /// Its runs, and more of the same.
    pub fn and(mut self, more: Entry) -> Entry {
        self.runs.extend(more.runs);
        self.before.extend(more.before);
        self.problem = self.problem.or(more.problem);
        self
    }

    /// The middle of something over its runs; `None` where it has none.
    pub fn median(&self, of: impl Fn(&Run) -> f64) -> Option<f64> {
        median(self.runs.iter().map(of).collect())
    }

    /// The least of something over its runs.
    pub fn least(&self, of: impl Fn(&Run) -> f64) -> Option<f64> {
        self.runs.iter().map(of).reduce(f64::min)
    }

    /// The middle ratio of something to the same of the first contestant's run just before.
    pub fn ratio(&self, of: impl Fn(&Run) -> f64, to: impl Fn(&Run) -> f64) -> Option<f64> {
        let pairs = self.runs.iter().zip(&self.before);
        median(pairs.map(|(run, before)| of(run) / to(before)).collect())
    }
}

/// The middle of some numbers, the mean of two where their count is even.
pub fn median(mut numbers: Vec<f64>) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    let last = numbers.len().checked_sub(1)?;
    Some(f64::midpoint(numbers[last / 2], numbers[last.div_ceil(2)]))
}
