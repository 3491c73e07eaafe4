//! Signals of a run: what the user asks for from outside.
//!
//! The first SIGINT, SIGTERM or SIGHUP asks for a last checkpoint and the end. A second one, 0.3 s later or more, ends
//! the process at once, and so does the deadline: the newest checkpoint is intact by construction. SIGUSR1 asks for a
//! checkpoint, SIGUSR2 for a progress line. What was ignored when we started stays ignored (`nohup`, background jobs).
//! A write to a closed pipe or over the file size limit is an error and no signal: the runtime ignores SIGPIPE, and
//! SIGXFSZ is handled here by doing nothing. The runtime also opens `/dev/null` in place of closed standard streams, so
//! that no file of ours ever gets their numbers.

use super::exit::Signal;
use super::messages;
use super::numbers;
use crate::error::{Error, Result};
use crate::storage::clock::Clock;
use signal_hook::consts::{SIGUSR1, SIGUSR2, SIGXFSZ};
use signal_hook::iterator::{Handle, Signals};
use signal_hook::{flag, low_level};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Stop signals that come closer together than this are one request.
const ONE_REQUEST: Duration = Duration::from_millis(300);

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// A last checkpoint and the end.
    Stop(Signal),
    /// A checkpoint.
    Checkpoint,
    /// A progress line.
    Progress,
}

/// For a command that has a job's lock and is no run: whoever takes it for one and asks it for a checkpoint must not end
/// it, nor a file that grows over its limit.
///
/// # Errors
/// Where a handler cannot be had.
pub fn pass_over_requests() -> Result<()> {
    for number in [SIGUSR1, SIGUSR2, SIGXFSZ] {
        // A flag that nobody reads.
        let registered = flag::register(number, Arc::new(AtomicBool::new(false)));
        registered.map_err(|cause| Error::failed("cannot watch for signals").with_cause(cause))?;
    }
    Ok(())
}

/// Notes the stop signals, for a command that looks from time to time whether one came; a second one ends it at once.
#[derive(Debug)]
pub struct Noted {
    flags: Vec<(Signal, Arc<AtomicBool>)>,
    /// For the second one. The flags are set by the handlers themselves, so that whoever sees a child end by the
    /// same signal finds them set.
    _watch: Watch,
}

impl Noted {
    /// Notes them from now on; those that were ignored when we started stay ignored.
    ///
    /// # Errors
    /// Where a handler cannot be had.
    pub fn start(clock: Arc<dyn Clock>) -> Result<Noted> {
        let status = own_status();
        let mut flags = Vec::new();
        for signal in Signal::ALL {
            if is_ignored(&status, signal.number()) {
                continue;
            }
            let flag = Arc::new(AtomicBool::new(false));
            let registered = flag::register(signal.number(), Arc::clone(&flag));
            registered
                .map_err(|cause| Error::failed("cannot watch for signals").with_cause(cause))?;
            flags.push((signal, flag));
        }
        let watch = Watch::start(Duration::MAX, clock, |_| {})?;
        Ok(Noted { flags, _watch: watch })
    }

    /// One that came.
    pub fn stop(&self) -> Option<Signal> {
        let came = self.flags.iter().find(|(_, flag)| flag.load(Ordering::Relaxed));
        came.map(|(signal, _)| *signal)
    }
}

/// Watches for signals until it is dropped.
#[derive(Debug)]
pub struct Watch {
    handle: Handle,
    armed: Option<Sender<Signal>>,
    threads: Vec<JoinHandle<()>>,
}

impl Watch {
    /// Takes over the signals. `act` is called for each request, in a thread of its own; when a stop takes longer than
    /// `shutdown_timeout`, the process ends.
    ///
    /// # Errors
    /// Where a handler or thread cannot be had.
    pub fn start(
        shutdown_timeout: Duration,
        clock: Arc<dyn Clock>,
        act: impl FnMut(Request) + Send + 'static,
    ) -> Result<Watch> {
        let failed = |cause: io::Error| Error::failed("cannot watch for signals").with_cause(cause);
        let mut signals = register().map_err(failed)?;
        let handle = signals.handle();
        let (armed, deadline) = channel();
        let watch_armed = armed.clone();
        let mut act = act;
        let watching = std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            let mut first_stop: Option<Duration> = None;
            for number in signals.forever() {
                let Some(request) = request(number) else {
                    continue;
                };
                if let Request::Stop(signal) = request {
                    let now = clock.monotonic();
                    match stop_step(first_stop, now) {
                        StopStep::First => first_stop = Some(now),
                        StopStep::Same => continue,
                        StopStep::AtOnce => low_level::exit(i32::from(signal.exit_code())),
                    }
                    // Fails only after the deadline thread is gone, when the run is over anyway.
                    let _is_over = watch_armed.send(signal);
                }
                act(request);
            }
        });
        let mut watch =
            Watch { handle, armed: Some(armed), threads: vec![watching.map_err(failed)?] };
        let waiting = std::thread::Builder::new()
            .name("deadline".to_owned())
            .spawn(move || wait_for_deadline(&deadline, shutdown_timeout));
        watch.threads.push(waiting.map_err(failed)?);
        Ok(watch)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.handle.close();
        self.armed = None;
        for thread in self.threads.drain(..) {
            // A panic there has been reported by its thread.
            let _panicked = thread.join();
        }
    }
}

fn register() -> io::Result<Signals> {
    let status = own_status();
    let mut watched = vec![SIGUSR1, SIGUSR2];
    for signal in Signal::ALL {
        let number = signal.number();
        if is_ignored(&status, number) {
            continue;
        }
        watched.push(number);
    }
    flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
    Signals::new(watched)
}

fn request(number: i32) -> Option<Request> {
    match number {
        SIGUSR1 => Some(Request::Checkpoint),
        SIGUSR2 => Some(Request::Progress),
        _ => Signal::from_number(number).map(Request::Stop),
    }
}

/// What a stop signal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StopStep {
    /// A last checkpoint and the end.
    First,
    /// One key or one closed terminal may send two signals: they are one request.
    Same,
    /// The end at once.
    AtOnce,
}

fn stop_step(first: Option<Duration>, now: Duration) -> StopStep {
    match first {
        None => StopStep::First,
        Some(first) if now.saturating_sub(first) < ONE_REQUEST => StopStep::Same,
        Some(_) => StopStep::AtOnce,
    }
}

/// Ends the process when a stop takes too long; returns when the run is over.
fn wait_for_deadline(armed: &Receiver<Signal>, shutdown_timeout: Duration) {
    let Ok(signal) = armed.recv() else { return };
    // Both senders are dropped when the run is over; a second stop never comes here.
    match armed.recv_timeout(shutdown_timeout) {
        Err(RecvTimeoutError::Timeout) => {
            let waited = numbers::duration(shutdown_timeout);
            messages::show(&format!(
                "onward: stopped by a signal; the last checkpoint was not saved after {waited}, the one before counts\n   \
                 run the same command to go on\n"
            ));
            low_level::exit(i32::from(signal.exit_code()));
        }
        Err(RecvTimeoutError::Disconnected) | Ok(_) => {}
    }
}

/// What the kernel says of this process; empty where there is no such file.
#[expect(
    clippy::disallowed_methods,
    reason = "a question to the kernel about this process, not a file"
)]
fn own_status() -> String {
    std::fs::read_to_string("/proc/self/status").unwrap_or_default()
}

/// Whether a signal is ignored, by the kernel's mask `SigIgn`; not, where that is unknown.
fn is_ignored(status: &str, number: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let bit = u32::try_from(number - 1).ok();
    let bit = bit.and_then(|bit| 1_u64.checked_shl(bit));
    mask.unwrap_or(0) & bit.unwrap_or(0) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_kernel_s_mask() {
        let status = "Name:\tonward\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000002\n";
        assert!(is_ignored(status, 1));
        assert!(!is_ignored(status, 2));
        assert!(is_ignored(status, 13));
        assert!(!is_ignored("", 1));
    }

    #[test]
    fn a_second_stop_ends_at_once_unless_it_comes_in_the_same_breath() {
        let first = Duration::from_secs(5);
        let after = |millis| stop_step(Some(first), first + Duration::from_millis(millis));
        assert_eq!(stop_step(None, first), StopStep::First);
        assert_eq!(after(0), StopStep::Same);
        assert_eq!(after(299), StopStep::Same);
        assert_eq!(after(300), StopStep::AtOnce);
    }

    #[test]
    fn each_signal_asks_for_one_thing() {
        assert_eq!(request(SIGUSR1), Some(Request::Checkpoint));
        assert_eq!(request(SIGUSR2), Some(Request::Progress));
        let terminate = Signal::Terminate.number();
        assert_eq!(request(terminate), Some(Request::Stop(Signal::Terminate)));
        assert_eq!(request(SIGXFSZ), None);
    }

    #[test]
    fn a_watch_passes_requests_on_and_ends_when_dropped() {
        let (sent, requests) = channel();
        let clock = Arc::new(crate::storage::clock::SystemClock::new());
        let watch = Watch::start(Duration::from_secs(60), clock, move |request| {
            sent.send(request).expect("the test listens");
        })
        .expect("signals can be watched");
        low_level::raise(SIGUSR1).expect("a signal to ourselves");
        assert_eq!(requests.recv(), Ok(Request::Checkpoint));
        drop(watch);
        assert!(requests.recv().is_err());
    }
}
