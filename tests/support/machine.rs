//! Whole jobs on a simulated disk, in one process: `job.toml` and all that belongs to it stand in [`FOLDER`].

use onward::checkpoint::Holder;
use onward::engine::{
    self, ChangeMode, Chunks, Outcome, Requests, RunOptions, StartMode, StopAfter, World,
};
use onward::error::{Error, Kind};
use onward::job::{self, Job};
use onward::observe::{Event, Observer, Progress};
use onward::storage::clock::SimulatedClock;
use onward::storage::simulated::SimulatedStorage;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// Where a job stands.
pub const FOLDER: &str = "/job";

/// Hears nothing.
struct Deaf;

impl Observer for Deaf {
    fn event(&self, _: Event) {}
}

/// How a run is done.
#[derive(Debug, Clone, Copy)]
pub struct How {
    pub threads: usize,
    pub chunk_bytes: u64,
    /// After so many barriers it stops.
    pub barriers: Option<u64>,
}

impl How {
    /// From the start to the end, with one thread and small chunks.
    pub const PLAIN: How = How { threads: 1, chunk_bytes: 512, barriers: None };

    /// The same as the engine wants it.
    pub fn options(self) -> RunOptions {
        RunOptions {
            threads: self.threads,
            chunks: Chunks::new(self.chunk_bytes),
            start: StartMode::Resume,
            changes: ChangeMode::Refuse,
            overwrite: false,
            unsafe_directory: false,
            stop: StopAfter { barriers: self.barriers, ..StopAfter::default() },
        }
    }
}

/// Everything that a run touches.
pub fn world(disk: &SimulatedStorage, seed: u64) -> World {
    World {
        storage: Arc::new(disk.clone()),
        clock: Arc::new(SimulatedClock::new(seed)),
        requests: Arc::new(Requests::default()),
        progress: Arc::new(Progress::default()),
        observer: Arc::new(Deaf),
        stdout: Arc::new(Mutex::new(Vec::new())),
        pause: |_| (),
        holder: Holder { pid: 1, host: "here".to_owned(), since_micros: 0 },
    }
}

/// A sound job.
pub fn load(text: &str) -> Job {
    let file = Path::new(FOLDER).join("job.toml");
    job::load(text, &file, &|_| None, &[]).unwrap_or_else(|flawed| panic!("{flawed:?}\n{text}"))
}

/// Runs a job.
///
/// # Panics
/// Where a thread of the run did.
pub fn run(job: &Job, disk: &SimulatedStorage, seed: u64, how: How) -> Result<Outcome, Error> {
    let world = world(disk, seed);
    let outcome = engine::run(job, "onward run job.toml", &how.options(), &world);
    if let Err(error) = &outcome {
        let has_panicked = error.kind == Kind::Internal && error.to_string().contains("panicked");
        assert!(!has_panicked, "{error}");
    }
    outcome
}
