//! `onward prove`: kills a job again and again, and shows that what comes of it is the same each time.
//!
//! One run is left alone; each of the others is killed at a moment that the seed gives, gone on with, and compared. All
//! of them are processes of this program that write into a folder of their own, so that nothing which the job names is
//! touched but read. The folder is removed in the end; where something is different it stays. Whoever is killed cannot
//! remove it: the next proof of the job on the same host does, unless somebody is still in it or something in it was different.

mod digests;

mod rehearsal;

mod report;

use super::args::ProveArguments;
use super::exit::Exit;
use super::job_file::{self, Failure};
use super::messages::{self, escape};
use super::numbers;
use super::signals::Noted;
use super::table::terminal_width;
use super::world::{Teller, real};
use crate::engine::{self, Chunks, Inputs, World};
use crate::error::{Error, Result};
use crate::job::Job;
use crate::storage::clock::{Clock, SimulatedClock};
use crate::storage::{HeldFolder, OpenMode, ScratchFolder, leftovers};
use digests::{Digests, difference, digests};
use rehearsal::{Ended, Ending, Point, Rehearsal};
use report::{Kill, Report};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A job that is done sooner is killed at places of its input: moments could hardly be told apart.
const QUICK: Duration = Duration::from_millis(500);

/// With fewer checkpoints than this a kill says little: then more are taken.
const CHECKPOINTS_MIN: u64 = 8;

/// How many are taken then, and into how many pieces a short input is cut.
const PARTS: u64 = 16;
const CHUNKS: u64 = 64;

/// How a run ends that was stopped early, for want of room or the like: that says nothing of the job.
const STOPPED_EARLY: i32 = 75;

/// How often a run that was over before its moment is done again with an earlier one.
const MISSES_MAX: u32 = 5;

/// What was learnt from the run that was left alone.
struct Undisturbed {
    elapsed: Duration,
    bytes_total: u64,
    checkpoints: u64,
    code: Option<i32>,
    outputs: Digests,
}

/// Everything that trials need.
struct Proof<'a> {
    world: &'a World,
    job: &'a Job,
    scratch: &'a HeldFolder,
    rehearsal: Rehearsal,
    noted: Noted,
    /// Random numbers that the seed brings back.
    random: SimulatedClock,
}

/// Proves a job, prints the table, and says how the process ends.
///
/// # Errors
/// Where the job is wrong, a run fails, or something is different.
pub fn prove(arguments: &ProveArguments) -> Result<Exit, Failure> {
    let world = real(Arc::new(Teller::default()));
    let loaded = job_file::load(&world, &arguments.job)?;
    engine::bind(&loaded.job, &world).map_err(|error| loaded.explain(&arguments.job.job, error))?;
    let job = loaded.job;
    let seed = arguments.seed.unwrap_or_else(|| world.clock.random());
    let home = arguments.scratch.as_ref().unwrap_or(&job.folder);
    let prefix = prefix(&job.name, &world.holder.host);
    let home = std::path::absolute(home);
    let home = home.map_err(|cause| Failure::Error(Error::failed(NOWHERE).with_cause(cause)))?;
    let path = home.join(format!("{prefix}{:016x}", world.clock.random()));
    // Refused before anything is made.
    job.redirected(&path)?;
    let noted = Noted::start(world.clock.clone())?;
    // Before it is looked what the inputs are: patterns may find what is left.
    sweep(&home, &prefix);
    let before = seen(&job, &world)?;
    let scratch = HeldFolder::make(&path)
        .map_err(|cause| Error::usage(cannot_make(&path)).with_cause(cause).with_hint(NAME_ONE))?;
    let wall_micros = world.clock.wall_micros();
    let rehearsal = match Rehearsal::new(arguments, wall_micros, world.clock.clone(), &scratch) {
        Ok(rehearsal) => rehearsal,
        Err(error) => {
            remove(scratch, &path);
            return Err(error.into());
        }
    };
    let mut proof = Proof {
        world: &world,
        job: &job,
        scratch: &scratch,
        rehearsal,
        noted,
        random: SimulatedClock::new(seed),
    };
    let mut report = None;
    let ended = proof.all(arguments, seed, &before, &mut report);
    let differs = report.as_ref().is_some_and(|report| !report.different().is_empty());
    let is_removed = !differs && remove(scratch, &path);
    conclude(ended, report, differs, is_removed, arguments, &path)
}

/// Removes what was made, or says why that cannot be.
fn remove(scratch: HeldFolder, path: &Path) -> bool {
    let removed = scratch.remove();
    if let Err(cause) = &removed {
        note(&format!("`{}` could not be removed: {cause}", path.display()));
    }
    removed.is_ok()
}

/// Says what a proof came to that is over, or was stopped.
fn conclude(
    ended: Result<Option<Exit>>,
    report: Option<Report>,
    differs: bool,
    is_removed: bool,
    arguments: &ProveArguments,
    path: &Path,
) -> Result<Exit, Failure> {
    match (ended, report) {
        (Ok(None), Some(report)) => tell(&report, arguments, path),
        // What was found counts, whatever came after it.
        (ended, Some(report)) if differs => {
            match ended {
                Err(error) => note(&format!("it could not go on: {error}")),
                Ok(_) => note("it was stopped before all kills were done"),
            }
            tell(&report, arguments, path)
        }
        (ended, _) => {
            let exit = ended?.unwrap_or(Exit::Failed);
            note(match is_removed {
                true => "it was stopped: nothing was proven, and what it had made is removed",
                false => "it was stopped: nothing was proven",
            });
            Ok(exit)
        }
    }
}

/// How the folders of a job's proofs on a host begin. On a file system that several hosts share nobody can tell whether
/// another host's folder is still held, so each host sweeps its own.
fn prefix(job: &str, host: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    let host: String = host.chars().map(plain).collect();
    format!(".onward-prove-{job}@{host}-")
}

/// Removes what proofs of the job have left on this host that were killed.
fn sweep(home: &Path, prefix: &str) {
    // A folder that cannot be listed is refused as soon as something is to be made in it.
    for leftover in leftovers(home, prefix).unwrap_or_default() {
        let path = leftover.path().display().to_string();
        match leftover.remove() {
            Ok(()) => note(&format!("removed `{path}`: a proof that was killed had left it")),
            Err(cause) => {
                note(&format!("`{path}`, left by a proof that was killed, stays: {cause}"));
            }
        }
    }
}

/// An input: its path, and its length, time of change, device and inode.
type Seen = (PathBuf, (u64, i64, u64, u64));

/// What the inputs are now.
fn seen(job: &Job, world: &World) -> Result<Vec<Seen>> {
    let paths = Inputs::discover(job, &*world.storage)?;
    let seen = paths.into_iter().map(|path| {
        let file = world.storage.open(&path, OpenMode::ReadInput);
        let is = file.and_then(|file| file.metadata());
        let is = is.map_err(|cause| Error::io("look at", &path, cause))?;
        Ok((path, (is.length, is.modified_ns, is.device, is.inode)))
    });
    seen.collect()
}

const NOWHERE: &str = "cannot tell which folder this is";

const NAME_ONE: &str = "name a folder that can be written: `--scratch DIR`";

fn cannot_make(path: &Path) -> String {
    format!("cannot make the folder `{}`", path.display())
}

fn tell(report: &Report, arguments: &ProveArguments, path: &Path) -> Result<Exit, Failure> {
    let text = match arguments.json {
        true => format!("{}\n", report.json()),
        false => report.text(terminal_width()),
    };
    messages::answer(&text)?;
    let different = report.different();
    if let Some((number, what)) = different.first() {
        let count = different.len();
        let verb = if count == 1 { "is" } else { "are" };
        let message = format!(
            "{} of {} {verb} not identical: after kill {number} {what}",
            count,
            numbers::counted(report.kills.len() as u64, "outcome")
        );
        let hint = format!("compare what is left in `{}`, then remove it", path.display());
        return Err(Error::failed(message).with_hint(hint).into());
    }
    if report.hits() == 0 {
        let message = "nothing is proven: each run was over before it could be killed";
        return Err(Error::failed(message).with_hint("take a job with more input").into());
    }
    Ok(Exit::Finished)
}

impl Proof<'_> {
    /// Does all of it, and reports each outcome as soon as it is known; gives the exit where somebody stopped us.
    fn all(
        &mut self,
        arguments: &ProveArguments,
        seed: u64,
        before: &[Seen],
        report: &mut Option<Report>,
    ) -> Result<Option<Exit>> {
        let undisturbed = self.undisturbed();
        if !matches!(undisturbed, Ok(Err(_))) {
            self.check_inputs(before)?;
        }
        let undisturbed = match undisturbed? {
            Ok(undisturbed) => undisturbed,
            Err(exit) => return Ok(Some(exit)),
        };
        let (job, outputs) = (self.job.name.clone(), undisturbed.outputs.clone());
        let elapsed = undisturbed.elapsed;
        let report =
            report.insert(Report { job, seed, undisturbed: elapsed, outputs, kills: Vec::new() });
        note(&report.undisturbed_text());
        self.adapt(&undisturbed);
        for number in 1..=arguments.kills {
            match self.kill(number, &undisturbed, before)? {
                Ok(kill) => {
                    if let Some(difference) = &kill.difference {
                        self.keep(number, difference);
                    }
                    report.kills.push(kill);
                }
                Err(exit) => return Ok(Some(exit)),
            }
        }
        Ok(None)
    }

    /// The run that is left alone; and how the others are to be run, as it shows.
    fn undisturbed(&mut self) -> Result<Result<Undisturbed, Exit>> {
        let folder = self.folder("undisturbed")?;
        let ended = self.rehearsal.run(folder.path(), Point::End, &self.noted)?;
        let Ended { elapsed, said, .. } = &ended;
        let code = match ended.ending {
            Ending::Code(code @ Some(0 | 3)) => code,
            Ending::Code(code) => return Err(self.failed("the undisturbed run", code, &ended)),
            Ending::Disturbed => return Err(disturbed("the undisturbed run")),
            Ending::Killed | Ending::Stopped => return Ok(Err(self.stopped())),
        };
        let Some(outputs) = self.outputs(folder.path())? else {
            return Ok(Err(self.stopped()));
        };
        let (checkpoints, bytes_total) = (said.checkpoints, said.bytes_total);
        Ok(Ok(Undisturbed { elapsed: *elapsed, bytes_total, checkpoints, code, outputs }))
    }

    /// Has the others take enough checkpoints, at enough places, and say often enough how far they are.
    fn adapt(&mut self, undisturbed: &Undisturbed) {
        let &Undisturbed { elapsed, bytes_total, checkpoints, .. } = undisturbed;
        if checkpoints < CHECKPOINTS_MIN {
            let every = (bytes_total / PARTS).max(1);
            let interval = (elapsed.as_millis() / u128::from(PARTS)).max(1);
            self.rehearsal.set("checkpoint.every_bytes", &every.to_string());
            self.rehearsal.set("checkpoint.interval", &format!("\"{interval}ms\""));
            self.rehearsal.set("checkpoint.min_pause", "\"0s\"");
            let taken = numbers::counted(checkpoints, "checkpoint");
            let every = numbers::bytes(every);
            note(&format!(
                "it took {taken}: runs to be killed take more, one each {every} of input"
            ));
        }
        let chunk = bytes_total / CHUNKS;
        if chunk < Chunks::default().size() {
            self.rehearsal.add(&format!("--chunk-bytes={}", chunk.max(1)));
        }
        if elapsed < QUICK {
            note("it is quick: it is killed at places of its input rather than at moments");
        }
        let period = if elapsed < QUICK { "1ms" } else { "20ms" };
        self.rehearsal.add(&format!("--progress-period={period}"));
    }

    /// What a job reads must not be what its runs write.
    fn check_inputs(&self, before: &[Seen]) -> Result<()> {
        let after = seen(self.job, self.world)?;
        if after == before {
            return Ok(());
        }
        let paths = |seen: &[Seen]| seen.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
        if paths(&after) == paths(before) {
            let message = "the inputs changed while the job ran: a file is not what it was";
            return Err(Error::failed(message).with_hint("do it while nobody writes to them"));
        }
        let message = "the inputs changed while the job ran: other files are found now";
        Err(Error::failed(message).with_hint(
            "do it while no files come; where a pattern finds what is written, use `--scratch DIR`",
        ))
    }

    /// One run that is killed, and one that goes on with it.
    fn kill(
        &self,
        number: u32,
        undisturbed: &Undisturbed,
        before: &[Seen],
    ) -> Result<Result<Kill, Exit>> {
        let mut missed = 0;
        loop {
            let folder = self.folder(&format!("kill-{number}"))?;
            // The later the draw, the nearer the start.
            let share = u64::from(missed) + 1;
            let killed =
                self.rehearsal.run(folder.path(), self.point(undisturbed, share), &self.noted)?;
            if killed.ending != Ending::Stopped {
                self.check_inputs(before)?;
            }
            let is_hit = match killed.ending {
                Ending::Killed => true,
                Ending::Code(code) if code == undisturbed.code => false,
                Ending::Code(code) => {
                    return Err(self.failed(&format!("run {number}"), code, &killed));
                }
                Ending::Disturbed => return Err(disturbed(&format!("run {number}"))),
                Ending::Stopped => return Ok(Err(self.stopped())),
            };
            if !is_hit && missed < MISSES_MAX {
                missed += 1;
                folder
                    .remove()
                    .map_err(|cause| Error::io("remove", self.scratch.folder().path(), cause))?;
                continue;
            }
            let resumed = self.rehearsal.run(folder.path(), Point::End, &self.noted)?;
            if resumed.ending != Ending::Stopped {
                self.check_inputs(before)?;
            }
            let Some(difference) = self.outcome(number, folder.path(), &resumed, undisturbed)?
            else {
                return Ok(Err(self.stopped()));
            };
            if difference.is_none() {
                folder
                    .remove()
                    .map_err(|cause| Error::io("remove", self.scratch.folder().path(), cause))?;
            }
            let together = killed.elapsed.saturating_add(resumed.elapsed);
            return Ok(Ok(Kill {
                after: killed.elapsed,
                missed,
                is_hit,
                records_read: killed.said.records_read,
                resumed: resumed.said.resumed,
                lost: together.saturating_sub(undisturbed.elapsed),
                difference,
            }));
        }
    }

    /// What is different after a run that went on to its end; `None` where somebody stopped us.
    fn outcome(
        &self,
        number: u32,
        folder: &Path,
        resumed: &Ended,
        undisturbed: &Undisturbed,
    ) -> Result<Option<Option<String>>> {
        let what = format!("the run after kill {number}");
        match resumed.ending {
            Ending::Code(code) if code == undisturbed.code => {
                let outputs = self.outputs(folder)?;
                Ok(outputs.map(|outputs| difference(&undisturbed.outputs, &outputs)))
            }
            Ending::Code(code @ Some(STOPPED_EARLY)) => Err(self.failed(&what, code, resumed)),
            Ending::Code(code) => Ok(Some(Some(how(code, resumed)))),
            Ending::Disturbed => Err(disturbed(&what)),
            Ending::Killed | Ending::Stopped => Ok(None),
        }
    }

    /// Where to kill, within the first `1 / share` of the run.
    fn point(&self, undisturbed: &Undisturbed, share: u64) -> Point {
        let drawn = self.random.random();
        if undisturbed.elapsed < QUICK {
            return Point::Bytes(drawn % (undisturbed.bytes_total / share).max(1));
        }
        let nanos = u64::try_from(undisturbed.elapsed.as_nanos()).unwrap_or(u64::MAX);
        Point::Time(Duration::from_nanos(drawn % (nanos / share).max(1)))
    }

    /// A folder for the runs of one outcome, with what must be there before they start.
    fn folder(&self, name: &str) -> Result<ScratchFolder> {
        let around = self.scratch.folder();
        let failed = |cause| Error::io("make the folder", &around.path().join(name), cause);
        let folder = around.make_below(name).map_err(failed)?;
        for path in self.job.redirected_folders(folder.path()) {
            ScratchFolder::make(&path).map_err(failed)?;
        }
        Ok(folder)
    }

    /// `None` where somebody stopped us meanwhile.
    fn outputs(&self, folder: &Path) -> Result<Option<Digests>> {
        let outputs = self.job.redirected_folders(folder).swap_remove(0);
        digests(&*self.world.storage, &outputs, &|| self.noted.stop().is_some())
    }

    /// From now on no later proof removes what this one has found, though this one be killed.
    fn keep(&self, number: u32, difference: &str) {
        if let Err(cause) = self.scratch.keep(&format!("after kill {number} {difference}")) {
            let path = self.scratch.folder().path().display();
            note(&format!("`{path}` could not be marked as worth keeping: {cause}"));
        }
    }

    fn failed(&self, what: &str, code: Option<i32>, ended: &Ended) -> Error {
        Error::failed(format!("{what} {}", how(code, ended)))
            .with_hint("nothing was proven; run the job to see what is wrong")
    }

    fn stopped(&self) -> Exit {
        self.noted.stop().map_or(Exit::Failed, Exit::Interrupted)
    }
}

fn how(code: Option<i32>, ended: &Ended) -> String {
    let ended_with = match code {
        Some(code) => format!("ended with exit code {code}"),
        None => "was ended by a signal".to_owned(),
    };
    match &ended.said.message {
        Some(message) => format!("{ended_with}: {message}"),
        None => ended_with,
    }
}

fn disturbed(what: &str) -> Error {
    Error::failed(format!("{what} was stopped or killed by somebody else"))
        .with_hint("nothing was proven; see to it that it is left alone and has enough memory")
}

fn note(text: &str) {
    messages::show(&messages::note(text));
}
