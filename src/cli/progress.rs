//! Shows how far a run is: a bar on a terminal, plain lines or JSON lines elsewhere, nothing where that is wanted.
//!
//! A thread of its own polls the run's counters; the run never waits for it.

use super::args::ProgressChoice;
use super::messages;
use super::numbers::{bytes, duration, percent, short};
use crate::observe::{Event, Progress, ProgressReading};
use crate::storage::clock::Clock;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often the bar is drawn: often enough to look alive.
const BAR_PERIOD: Duration = Duration::from_millis(200);

/// How often a line is written that somebody asked for.
const LINE_PERIOD: Duration = Duration::from_secs(1);

/// How often a line is written into a log that nobody asked to have.
const LOG_PERIOD: Duration = Duration::from_secs(5);

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Not at all, except on request.
    Off,
    /// A bar that is drawn over and over.
    Bar,
    /// A plain line each period.
    Lines(Duration),
    /// A JSON object a line each period, for each checkpoint that was saved, and one at the end.
    Json(Duration),
}

impl Style {
    /// The style for a choice of the command line, with the terminal that standard error is or is not; `period` where
    /// JSON lines are to come in another one.
    pub fn choose(choice: ProgressChoice, period: Option<Duration>) -> Style {
        match (Style::of(choice, std::io::stderr().is_terminal()), period) {
            (Style::Json(_), Some(period)) => Style::Json(period),
            (style, _) => style,
        }
    }

    fn of(choice: ProgressChoice, is_terminal: bool) -> Style {
        match (choice, is_terminal) {
            (ProgressChoice::Never, _) => Style::Off,
            (ProgressChoice::Json, _) => Style::Json(LINE_PERIOD),
            (ProgressChoice::Auto | ProgressChoice::Always, true) => Style::Bar,
            (ProgressChoice::Auto, false) => Style::Lines(LOG_PERIOD),
            (ProgressChoice::Always, false) => Style::Lines(LINE_PERIOD),
        }
    }
}

/// Shows a run's progress until it is dropped.
#[derive(Debug)]
pub struct Reporter {
    bar: ProgressBar,
    display: Arc<Display>,
    asks: Sender<Ask>,
    thread: Option<JoinHandle<()>>,
}

/// Asks a [`Reporter`] for a line, from any thread.
#[derive(Debug, Clone)]
pub struct LineRequest(Sender<Ask>);

/// What the thread is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ask {
    /// A line now.
    Line,
    /// The end.
    End,
}

impl LineRequest {
    /// Has one progress line written, whatever the style.
    pub fn ask(&self) {
        // Fails only when the run is over, and its progress with it.
        let _is_over = self.0.send(Ask::Line);
    }
}

impl Reporter {
    /// Starts to show the counters; `clock` is the run's.
    pub fn start(style: Style, progress: Arc<Progress>, clock: Arc<dyn Clock>) -> Reporter {
        let bar = match style {
            Style::Bar => bar(),
            Style::Off | Style::Lines(_) | Style::Json(_) => ProgressBar::hidden(),
        };
        let (asks, asked) = channel();
        let started = clock.monotonic();
        let display = Arc::new(Display { style, bar: bar.clone(), started, progress, clock });
        let shared = Arc::clone(&display);
        let thread = std::thread::Builder::new()
            .name("progress".to_owned())
            .spawn(move || shared.run(&asked));
        Reporter {
            bar,
            display,
            asks,
            // Without a thread nothing is shown, which is no reason to fail.
            thread: thread.ok(),
        }
    }

    /// A handle by which a progress line can be asked for.
    pub fn line_request(&self) -> LineRequest {
        LineRequest(self.asks.clone())
    }

    /// Writes a line at once for an event that programs wait for: the counters, and what happened.
    pub fn event(&self, event: &Event) {
        if let Style::Json(_) = self.display.style
            && let Some((name, happened)) = happened(event)
        {
            let mut line = self.display.moment().json();
            line[name] = happened;
            messages::show(&format!("{line}\n"));
        }
    }

    /// Writes a message to standard error without tearing the bar.
    pub fn show(&self, text: &str) {
        self.bar.suspend(|| messages::show(text));
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        // Fails only where there is no thread.
        let _is_over = self.asks.send(Ask::End);
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by its thread.
            let _panicked = thread.join();
        }
        self.bar.finish_and_clear();
    }
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:10} {wide_msg}")
        .expect("the template is fixed")
        .progress_chars("=> ");
    let target = ProgressDrawTarget::stderr_with_hz(10);
    ProgressBar::with_draw_target(Some(0), target).with_style(style)
}

/// An event as a member of a JSON line; `None` for those that are told as text.
fn happened(event: &Event) -> Option<(&'static str, serde_json::Value)> {
    match event {
        Event::Saved { sequence, trigger, bytes } => {
            Some(("saved", json!({ "checkpoint": sequence, "trigger": trigger, "bytes": bytes })))
        }
        Event::Resumed { sequence, records, bytes, bytes_total } => Some((
            "resumed",
            json!({
                "checkpoint": sequence,
                "records": records,
                "bytes": bytes,
                "bytes_total": bytes_total,
            }),
        )),
        Event::Note(_) | Event::Refused { .. } | Event::SaveFailed { .. } => None,
    }
}

/// What the thread works with.
#[derive(Debug)]
struct Display {
    style: Style,
    bar: ProgressBar,
    started: Duration,
    progress: Arc<Progress>,
    clock: Arc<dyn Clock>,
}

impl Display {
    fn run(&self, asked: &Receiver<Ask>) {
        loop {
            match self.wait(asked) {
                Ok(Ask::Line) => {
                    let line = format!("onward: {}\n", self.moment().line());
                    self.bar.suspend(|| messages::show(&line));
                }
                Err(RecvTimeoutError::Timeout) => self.show(),
                Ok(Ask::End) | Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        if let Style::Json(_) = self.style {
            self.show();
        }
    }

    /// Waits for a request, no longer than the style's period.
    fn wait(&self, asked: &Receiver<Ask>) -> Result<Ask, RecvTimeoutError> {
        let period = match self.style {
            Style::Off => return asked.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Style::Bar => BAR_PERIOD,
            Style::Lines(period) | Style::Json(period) => period,
        };
        asked.recv_timeout(period)
    }

    fn show(&self) {
        let moment = self.moment();
        match self.style {
            Style::Off => {}
            Style::Bar => {
                self.bar.set_length(moment.reading.bytes_total);
                self.bar.set_position(moment.reading.bytes_done);
                self.bar.set_message(moment.line());
            }
            Style::Lines(_) => messages::show(&format!("onward: {}\n", moment.line())),
            Style::Json(_) => messages::show(&format!("{}\n", moment.json())),
        }
    }

    fn moment(&self) -> Moment {
        let now = self.clock.monotonic();
        Moment { reading: self.progress.read(), elapsed: now.saturating_sub(self.started), now }
    }
}

/// A run's counters and the time at which they were read.
#[derive(Debug, Clone, Copy)]
struct Moment {
    reading: ProgressReading,
    /// Since the run started.
    elapsed: Duration,
    /// By the run's clock.
    now: Duration,
}

impl Moment {
    /// `62 %, 1.2 GiB of 2.0 GiB, 1.2 M rec/s, 12.3 s left, ckpt 3.0 s ago`: with the bar it fits 80 columns.
    fn line(&self) -> String {
        let reading = &self.reading;
        if reading.bytes_total == 0 {
            return "preparing".to_owned();
        }
        let mut parts = vec![
            format!("{} %", percent(reading.bytes_done, reading.bytes_total)),
            format!("{} of {}", bytes(reading.bytes_done), bytes(reading.bytes_total)),
            format!("{} rec/s", short(self.records_per_second())),
        ];
        if let Some(left) = self.left() {
            parts.push(format!("{} left", duration(left)));
        }
        parts.push(match self.checkpoint_age() {
            Some(age) => format!("ckpt {} ago", duration(age)),
            None => "no checkpoint yet".to_owned(),
        });
        parts.join(", ")
    }

    fn json(&self) -> serde_json::Value {
        let reading = &self.reading;
        json!({
            "bytes_done": reading.bytes_done,
            "bytes_total": reading.bytes_total,
            "records_read": reading.records_read,
            "records_written": reading.records_written,
            "records_filtered": reading.records_filtered,
            "records_rejected": reading.records_rejected,
            "records_per_second": self.records_per_second(),
            "checkpoints": reading.checkpoints,
            "checkpoint_age_seconds": self.checkpoint_age().map(|age| age.as_secs()),
            "elapsed_seconds": self.elapsed.as_secs(),
            "left_seconds": self.left().map(|left| left.as_secs()),
        })
    }

    fn records_per_second(&self) -> u64 {
        let records = self.reading.records_read.saturating_sub(self.reading.records_resumed);
        let millis = self.elapsed.as_millis().max(1);
        u64::try_from(u128::from(records) * 1000 / millis).unwrap_or(u64::MAX)
    }

    /// The time for the rest at the run's speed so far; `None` while that says nothing.
    fn left(&self) -> Option<Duration> {
        let reading = &self.reading;
        let done = reading.bytes_done.checked_sub(reading.bytes_resumed)?;
        let rest = reading.bytes_total.checked_sub(reading.bytes_done)?;
        let millis = self.elapsed.as_millis().checked_mul(u128::from(rest))?;
        let millis = millis.checked_div(u128::from(done))?;
        u64::try_from(millis).ok().map(Duration::from_millis)
    }

    fn checkpoint_age(&self) -> Option<Duration> {
        let saved = Duration::from_micros(self.reading.last_checkpoint_micros);
        (self.reading.checkpoints > 0).then(|| self.now.saturating_sub(saved))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment() -> Moment {
        Moment {
            reading: ProgressReading {
                bytes_total: 4000,
                bytes_done: 2000,
                bytes_resumed: 1000,
                records_read: 20_000,
                records_resumed: 10_000,
                records_written: 5,
                records_filtered: 4,
                records_rejected: 3,
                checkpoints: 1,
                last_checkpoint_micros: 500_000,
            },
            elapsed: Duration::from_secs(10),
            now: Duration::from_millis(12_500),
        }
    }

    #[test]
    fn speed_counts_only_what_this_run_did() {
        assert_eq!(
            moment().line(),
            "50 %, 1.9 KiB of 3.9 KiB, 1.0 k rec/s, 20.0 s left, ckpt 12.0 s ago"
        );
    }

    #[test]
    fn a_run_that_just_started_promises_nothing() {
        let moment = Moment {
            reading: ProgressReading::default(),
            elapsed: Duration::ZERO,
            now: Duration::ZERO,
        };
        assert_eq!(moment.line(), "preparing");
    }

    #[test]
    fn a_json_line_holds_every_counter() {
        assert_eq!(
            moment().json().to_string(),
            "{\"bytes_done\":2000,\"bytes_total\":4000,\"checkpoint_age_seconds\":12,\
             \"checkpoints\":1,\"elapsed_seconds\":10,\"left_seconds\":20,\
             \"records_filtered\":4,\"records_per_second\":1000,\"records_read\":20000,\
             \"records_rejected\":3,\"records_written\":5}"
        );
    }

    #[test]
    fn a_bar_is_only_drawn_on_a_terminal() {
        let check = |choice, is_terminal, style| assert_eq!(Style::of(choice, is_terminal), style);
        check(ProgressChoice::Auto, true, Style::Bar);
        check(ProgressChoice::Auto, false, Style::Lines(LOG_PERIOD));
        check(ProgressChoice::Always, false, Style::Lines(LINE_PERIOD));
        check(ProgressChoice::Never, true, Style::Off);
        check(ProgressChoice::Json, true, Style::Json(LINE_PERIOD));
    }
}
