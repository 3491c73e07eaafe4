//! Real power cuts: the file system of a running job is shut down without its log, taken away and mounted again. What was
//! announced is there, and the same command ends as if nothing had happened.
//!
//! Mistakes in the protocol that leave out a sync, or do it too late, are seen here, too. One is not: that the folder of a
//! new output is not synced, since both file systems write the name with what is synced of the file; the simulated disks
//! show that.
//!
//! `ONWARD_REAL_POWER_CUTS=2000` makes more of them on each file system, `ONWARD_SEED=n` begins with another one.

use crate::support::asked::number;
use crate::support::folder::{self, Files};
use crate::support::jobs::{Pace, Shape};
use crate::support::mounts::{Kind, Mount, tool};
use crate::support::program::{Ended, Running, mistakes, onward, path, spawn, start};
use crate::support::random::Random;
use crate::support::report::{count, skip};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Power cuts on each file system.
const CUTS: u64 = 20;

/// The first seed.
const SEED: u64 = 1;

/// How many checkpoints a run may take before it is cut.
const CHECKPOINTS_MAX: u64 = 4;

/// Mistakes with syncs, by the names of `storage/mutants.rs`.
const MISTAKES: [&str; 5] = [
    "CheckpointNotSynced",
    "CheckpointFolderNotSynced",
    "CheckpointNamedBeforeSync",
    "OutputNotSynced",
    "OutputSyncedAfterCheckpoint",
];

/// Within so many power cuts each must be seen.
const CUTS_OF_MISTAKE: &str = "300";

/// How long the neighbour waits between two writes: less often than a disk can, so that the job comes forward.
const PACE: Duration = Duration::from_millis(2);

/// How often a job is cut, before it may run to its end.
const CUTS_MAX: u64 = 3;

/// Ways to shut a file system down without flushing its log: the ioctl 0x8004587d with flag 2.
const SHUTDOWNS: [(&str, &[&str]); 3] = [
    ("xfs_io", &["-x", "-c", "shutdown"]),
    ("perl", &["-e", "open(F,'<',$ARGV[0])||exit 1;ioctl(F,0x8004587d,pack('L',2))||exit 2"]),
    (
        "python3",
        &[
            "-c",
            "import fcntl,os,struct,sys;\
             fcntl.ioctl(os.open(sys.argv[1],os.O_RDONLY),0x8004587d,struct.pack('I',2))",
        ],
    ),
];

/// Cuts the power of a file system; false where no tool can.
fn cut(tool_index: usize, path: &Path) -> bool {
    let (name, arguments) = SHUTDOWNS[tool_index];
    let mut arguments: Vec<&str> = arguments.to_vec();
    arguments.push(path.to_str().expect("a path"));
    tool(name, &arguments).is_ok_and(|ended| ended.status.success())
}

/// The tool that can do it, found on a file system that is started again then.
fn find_tool(mount: &Mount, kind: Kind) -> Option<usize> {
    for index in 0..SHUTDOWNS.len() {
        let probe = mount.path().join(format!("probe-{index}"));
        if cut(index, mount.path()) && fs::write(probe, "x").is_err() {
            mount.start_again(kind);
            return Some(index);
        }
    }
    skip(&format!("no tool can shut down {}", kind.name()));
    None
}

/// A job whose inputs are elsewhere, and what comes of it.
struct Job {
    shape: Shape,
    /// Its files but what it writes.
    files: Files,
    expected: Files,
    code: Option<i32>,
    time: Duration,
}

impl Job {
    fn new(shape: Shape, random: &mut Random) -> Job {
        let scratch = folder::scratch_in_memory();
        let records = 3000 + random.below(6000);
        shape.make(scratch.path(), Pace::Often, records, random);
        let files = folder::files(scratch.path());
        let started = Instant::now();
        let ended = onward(scratch.path(), &run(2));
        let time = started.elapsed();
        assert!(matches!(ended.code, Some(0 | 3)), "{shape:?}: {ended:?}");
        Job { shape, files, expected: folder::files(scratch.path()), code: ended.code, time }
    }
}

/// The program tells each checkpoint as soon as it is saved.
fn run(threads: u64) -> Vec<String> {
    let chunk = ["run", "job.toml", "--chunk-bytes", "512", "--progress", "json", "--threads"];
    chunk.into_iter().map(str::to_owned).chain([threads.to_string()]).collect()
}

/// What a run said of checkpoints: the number and the trigger of each that it saved or went on from.
fn checkpoints(ended: &Ended, member: &str) -> Vec<(u64, String)> {
    let lines = ended.stderr.lines().filter(|line| line.starts_with('{'));
    let parsed = lines.filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let found = parsed.filter_map(|line| {
        let told = line.get(member)?;
        let trigger = told.get("trigger").and_then(|trigger| trigger.as_str()).unwrap_or_default();
        Some((told.get("checkpoint")?.as_u64()?, trigger.to_owned()))
    });
    found.collect()
}

/// Whether a run knew of a checkpoint that was announced before: it went on from it or a later one, and began nothing anew.
fn knows(ended: &Ended, announced: Option<u64>) -> bool {
    let Some(announced) = announced else { return true };
    let resumed = checkpoints(ended, "resumed");
    let saved = checkpoints(ended, "saved");
    resumed.iter().all(|(number, _)| *number >= announced)
        && saved.iter().all(|(number, trigger)| *number > announced && trigger != "start")
}

/// Somebody else who writes to the same disk, and has its log written all the time: names that were not made durable may
/// come to the disk before the bytes that they stand for.
struct Neighbour {
    over: Sender<()>,
    thread: JoinHandle<()>,
}

impl Neighbour {
    fn start(folder: &Path) -> Neighbour {
        let path = folder.join("neighbour");
        let (over, is_over) = channel();
        let thread = std::thread::spawn(move || {
            let write = || -> std::io::Result<()> {
                let mut file = fs::File::create(&path)?;
                file.write_all(b"here")?;
                file.sync_all()
            };
            // It ends with the power, too.
            while write().is_ok() && is_over.recv_timeout(PACE) == Err(RecvTimeoutError::Timeout) {}
        });
        Neighbour { over, thread }
    }

    fn stop(self) {
        drop(self.over);
        self.thread.join().expect("the neighbour ends");
    }
}

#[derive(Debug, Default)]
struct Tally {
    cuts: u64,
    /// Cuts that met a running process.
    hits: u64,
    announced: u64,
    resumes: u64,
}

/// The number of a job's newest checkpoint, as far as that can be seen; 0 where there is none.
fn newest(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder.join(".onward/job")).into_iter().flatten();
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let numbers = names.filter_map(|name| {
        let digits = name.strip_prefix("ckpt-")?.strip_suffix(".onw")?;
        u64::from_str_radix(digits, 16).ok()
    });
    numbers.max().unwrap_or(0)
}

/// Starts a run to which each sync of a file or folder takes long: what is done in the wrong order is then seen for a while.
fn slowly(folder: &Path, arguments: &[String]) -> Running {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync"]);
    command.args(["-e", "inject=fsync:delay_enter=10000"]).arg(path()).args(arguments);
    start(command.current_dir(folder).env_clear().envs(mistakes()))
}

/// A file system whose power is cut, and how.
struct Site {
    mount: Mount,
    kind: Kind,
    tool_index: usize,
    has_strace: bool,
}

/// Runs a job with power cuts, and then to its end.
fn check(seed: u64, site: &Site, tally: &mut Tally) {
    let Site { mount, kind, tool_index, has_strace } = site;
    let (kind, tool_index) = (*kind, *tool_index);
    let mut random = Random::new(seed);
    let shape = *random.pick(&Shape::ALL);
    let job = Job::new(shape, &mut random);
    let folder = mount.path().join("job");
    for (path, bytes) in &job.files {
        folder::write(&folder.join(path), bytes);
    }
    let synced = tool("sync", &["-f".as_ref(), folder.as_os_str()]).expect("sync");
    assert!(synced.status.success(), "{synced:?}");
    let mut announced = None;
    for _ in 0..1 + random.below(CUTS_MAX) {
        // So many checkpoints later, and a moment; or soon after the start.
        let wanted = newest(&folder) + random.below(CHECKPOINTS_MAX);
        let moment = random.duration_below(job.time / 8);
        let arguments = run(1 + random.below(3));
        let mut running = match random.below(3) {
            0 if *has_strace => slowly(&folder, &arguments),
            _ => spawn(&folder, &arguments),
        };
        let neighbour = Neighbour::start(mount.path());
        let is_over = !running.until(|| newest(&folder) >= wanted) || running.ends_within(moment);
        assert!(cut(tool_index, mount.path()), "seed {seed}: the power can be cut");
        let ended = running.end();
        neighbour.stop();
        mount.start_again(kind);
        tally.cuts += 1;
        tally.hits += u64::from(!is_over);
        assert!(knows(&ended, announced), "seed {seed}: {announced:?} {ended:?}");
        tally.resumes += checkpoints(&ended, "resumed").len() as u64;
        let saved = checkpoints(&ended, "saved").pop().map(|(number, _)| number);
        tally.announced += u64::from(saved.is_some());
        announced = saved.or(announced);
        let is_told = ended.stderr.contains("onward: error: ") || ended.code == job.code;
        assert!(is_told, "seed {seed}: {ended:?}");
    }
    let verified = onward(&folder, &["checkpoint", "verify", "job.toml"]);
    let is_nothing = announced.is_none() && verified.code == Some(1);
    assert!(verified.code == Some(0) || is_nothing, "seed {seed}: {verified:?}");
    let ended = onward(&folder, &run(2));
    assert_eq!(ended.code, job.code, "seed {seed}: {:?}: {ended:?}", job.shape);
    assert!(knows(&ended, announced), "seed {seed}: {announced:?} {ended:?}");
    tally.resumes += checkpoints(&ended, "resumed").len() as u64;
    let difference = folder::difference(&job.expected, &folder::files(&folder));
    assert!(difference.is_empty(), "seed {seed}: {:?}: {difference}{ended:?}", job.shape);
    fs::remove_dir_all(&folder).expect("removed");
}

fn check_all(kind: Kind) {
    let Some(mount) = Mount::disk(kind) else { return };
    let Some(tool_index) = find_tool(&mount, kind) else { return };
    let has_strace =
        tool("strace", &["-o", "/dev/null", "true"]).is_ok_and(|ended| ended.status.success());
    let site = Site { mount, kind, tool_index, has_strace };
    let cuts = number("ONWARD_REAL_POWER_CUTS", CUTS);
    let mut tally = Tally::default();
    let mut seed = number("ONWARD_SEED", SEED);
    while tally.cuts < cuts {
        check(seed, &site, &mut tally);
        seed += 1;
    }
    let Tally { cuts, hits, announced, resumes } = tally;
    count(&format!(
        "power: {}: {cuts} cuts, {hits} during a run, {announced} behind an announced checkpoint, \
         {resumes} runs went on",
        kind.name()
    ));
    assert!(hits * 3 > cuts && announced * 3 > cuts && resumes * 5 > cuts, "{tally:?}");
}

#[test]
fn after_a_real_power_cut_on_ext4_what_was_announced_is_there_and_nothing_is_different() {
    check_all(Kind::Ext4);
}

#[test]
fn after_a_real_power_cut_on_xfs_what_was_announced_is_there_and_nothing_is_different() {
    check_all(Kind::Xfs);
}

/// Each mistake is made by the program that another process of this test starts, with the job and cuts of the test above.
#[test]
fn mistakes_with_syncs_are_seen_on_a_real_xfs() {
    let test =
        "power::after_a_real_power_cut_on_xfs_what_was_announced_is_there_and_nothing_is_different";
    for mistake in MISTAKES {
        let mut command = Command::new(std::env::current_exe().expect("this test"));
        command.args([test, "--exact", "--nocapture"]).env("ONWARD_MUTANT", mistake);
        let ended = command.env("ONWARD_REAL_POWER_CUTS", CUTS_OF_MISTAKE).output();
        let ended = ended.expect("it runs");
        let told = [ended.stdout, ended.stderr].concat();
        let told = String::from_utf8_lossy(&told);
        if told.contains("SKIP ") {
            return skip("no XFS whose power could be cut");
        }
        assert!(told.contains("1 failed"), "{mistake} was not seen: {told}");
        assert!(told.contains("seed "), "{mistake} was not what failed: {told}");
    }
    count(&format!("power: {} mistakes with syncs seen on XFS", MISTAKES.len()));
}
