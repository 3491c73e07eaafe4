//! The real world that commands run in.

use super::messages;
use super::progress::Reporter;
use crate::checkpoint::Holder;
use crate::engine::{ChangeMode, Chunks, Requests, RunOptions, StartMode, StopAfter, World};
use crate::observe::{Event, Observer, Progress};
use crate::storage::clock::{Clock, SystemClock};
use crate::storage::{LocalStorage, ReadOnly};
use std::io::stdout;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The operating system's files and clocks; events go to `observer`.
pub fn real(observer: Arc<dyn Observer>) -> World {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let holder = Holder { pid: std::process::id(), host, since_micros: clock.wall_micros() };
    World {
        storage: Arc::new(LocalStorage),
        clock,
        requests: Arc::new(Requests::default()),
        progress: Arc::new(Progress::default()),
        observer,
        pause,
        stdout: Arc::new(Mutex::new(stdout())),
        holder,
    }
}

/// The same without any way to change a file.
pub fn looked_at(observer: Arc<dyn Observer>) -> World {
    let world = real(observer);
    World { storage: Arc::new(ReadOnly(world.storage.clone())), ..world }
}

/// Options for looking at a job without running it.
pub fn looking() -> RunOptions {
    RunOptions {
        threads: 1,
        chunks: Chunks::default(),
        start: StartMode::Resume,
        changes: ChangeMode::Refuse,
        overwrite: false,
        // Looking writes nothing.
        unsafe_directory: true,
        stop: StopAfter::default(),
    }
}

/// Waits a while: the only sleep of the program, for whoever waits for another process.
#[expect(clippy::disallowed_methods, reason = "another process tells nobody when it is ready")]
pub fn pause(span: Duration) {
    std::thread::sleep(span);
}

/// One worker per processor, unless the user says otherwise.
pub fn threads(wanted: Option<NonZeroUsize>) -> usize {
    let processors = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    wanted.map_or_else(processors, NonZeroUsize::get)
}

/// Tells what happens on standard error; each note once.
#[derive(Default)]
pub struct Teller {
    reporter: Mutex<Option<Reporter>>,
    told: Mutex<Vec<String>>,
}

impl Teller {
    /// From now on messages go through the progress display, which knows how not to tear its bar.
    pub fn show_through(&self, reporter: Reporter) {
        *self.reporter.lock().unwrap_or_else(PoisonError::into_inner) = Some(reporter);
    }

    /// Ends the progress display.
    pub fn finish(&self) {
        *self.reporter.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn show(&self, text: &str) {
        match &*self.reporter.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(reporter) => reporter.show(text),
            None => messages::show(text),
        }
    }

    /// The text of an event; `None` for those that only the progress display shows.
    fn text(event: Event) -> Option<String> {
        Some(match event {
            Event::Note(note) => messages::note(&note),
            Event::Refused { file, reason } => messages::note(&format!(
                "checkpoint file `{}` is not usable: {reason}; kept as it is",
                file.display()
            )),
            Event::SaveFailed { reason } => {
                messages::note(&format!("a checkpoint could not be saved: {reason}"))
            }
            Event::Resumed { sequence, records, bytes, bytes_total } => {
                let done = super::numbers::percent(bytes, bytes_total);
                let records = super::numbers::thousands(records);
                messages::note(&format!(
                    "resuming from checkpoint {sequence} at record {records} ({done} %)"
                ))
            }
            Event::Saved { .. } => return None,
        })
    }
}

impl Observer for Teller {
    fn event(&self, event: Event) {
        if let Some(reporter) = &*self.reporter.lock().unwrap_or_else(PoisonError::into_inner) {
            reporter.event(&event);
        }
        let is_note = matches!(event, Event::Note(_));
        let Some(text) = Teller::text(event) else { return };
        if !is_note {
            return self.show(&text);
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if !told.contains(&text) {
            self.show(&text);
            told.push(text);
        }
    }
}
