//! A job bound to its inputs, as a run binds it, without running it.

use onward::checkpoint::Holder;
use onward::engine::{self, Bound, Requests, World};
use onward::error::Error;
use onward::job::{self, Job};
use onward::observe::{Event, Observer, Progress};
use onward::storage::LocalStorage;
use onward::storage::clock::SystemClock;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// Binds a job file's text to an input.
pub fn bind(text: &str, input: &Path) -> Result<(Job, Bound), String> {
    let overrides = [("source.path".to_owned(), input.display().to_string())];
    let job = job::load(text, Path::new("job.toml"), &|_| None, &overrides);
    let job = job.map_err(|flawed| format!("the job is wrong: {:?}", flawed.problems))?;
    let bound = engine::bind(&job, &world());
    let bound = bound.map_err(|error: Error| format!("cannot bind the job: {error:?}"))?;
    Ok((job, bound))
}

/// The real files, and nobody who watches.
fn world() -> World {
    World {
        storage: Arc::new(LocalStorage),
        clock: Arc::new(SystemClock::new()),
        requests: Arc::new(Requests::default()),
        progress: Arc::new(Progress::default()),
        observer: Arc::new(Nobody),
        stdout: Arc::new(Mutex::new(Vec::new())),
        pause: |_| {},
        holder: Holder { pid: std::process::id(), host: String::new(), since_micros: 0 },
    }
}

struct Nobody;

impl Observer for Nobody {
    fn event(&self, _event: Event) {}
}
