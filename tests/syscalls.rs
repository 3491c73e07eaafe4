//! The real program's system calls, as `strace` sees them: they keep the rules of the protocol, and whatever one of them
//! answers, the same command goes on.
//!
//! `ONWARD_TRACES=12` holds twelve stories to the rules instead of three, `ONWARD_INJECTED=5000` has more calls fail, `ONWARD_SEED=n` begins
//! with another one.

mod rules;

mod scenes;

mod syncs;

mod trace;

use crate::support::asked::number;
use crate::support::folder::{self, Files};
use crate::support::jobs::{Pace, Shape};
use crate::support::program::{Ended, onward};
use crate::support::random::Random;
use crate::support::report::count;
use scenes::STORIES;
use std::collections::BTreeMap;
use std::path::Path;
use tempfile::TempDir;
use trace::{Call, traced};

/// Calls that matter, for traces that are not to take long.
const WATCHED: &str = "trace=open,openat,openat2,creat,write,pwrite64,writev,pwritev,pread64,read,\
                       fsync,fdatasync,sync,syncfs,sync_file_range,rename,renameat,renameat2,unlink,\
                       unlinkat,ftruncate,truncate,link,linkat,dup,dup2,dup3,pipe,pipe2,socketpair,mkdir";

/// A job and what comes of it.
struct Job {
    scratch: TempDir,
    expected: Files,
    code: Option<i32>,
}

impl Job {
    fn new(shape: Shape, records: u64) -> Job {
        let scratch = folder::scratch_in_memory();
        shape.make(scratch.path(), Pace::Often, records, &mut Random::new(21));
        let undisturbed = folder::scratch_in_memory();
        folder::copy(scratch.path(), undisturbed.path());
        let ended = onward(undisturbed.path(), &RUN);
        assert!(matches!(ended.code, Some(0 | 3)), "{shape:?}: {ended:?}");
        Job { scratch, expected: folder::files(undisturbed.path()), code: ended.code }
    }

    /// A folder to run it in.
    fn folder(&self) -> TempDir {
        let scratch = folder::scratch_in_memory();
        folder::copy(self.scratch.path(), scratch.path());
        scratch
    }

    fn is_done(&self, folder: &Path, ended: &Ended, what: &str) {
        assert_eq!(ended.code, self.code, "{what}: {ended:?}");
        let difference = folder::difference(&self.expected, &folder::files(folder));
        assert!(difference.is_empty(), "{what}: {difference}{ended:?}");
    }
}

const RUN: [&str; 10] = [
    "run",
    "job.toml",
    "--chunk-bytes",
    "512",
    "--threads",
    "2",
    "--progress",
    "json",
    // Whoever is traced is slow, and would take few.
    "--set",
    "checkpoint.min_pause=\"0s\"",
];

/// A run that stops in the middle.
fn stopping() -> Vec<&'static str> {
    [&RUN[..], &["--stop-after-barriers", "20"]].concat()
}

#[test]
fn runs_keep_the_rules_of_durable_writing() {
    let wanted = usize::try_from(number("ONWARD_TRACES", 3)).expect("a few");
    let mut counted = rules::Counted::default();
    let stories = STORIES.iter().take(wanted);
    for story in stories.clone() {
        let before = counted.clone();
        if story.told(&mut counted).is_none() {
            return;
        }
        let name = story.name;
        assert!(counted.checkpoints > before.checkpoints + 3, "{name}: {counted:?}");
        assert!(counted.opened > before.opened + 50, "{name}: {counted:?}");
        assert!(counted.announced > before.announced + 3, "{name}: {counted:?}");
        assert!(counted.published > before.published, "{name}: {counted:?}");
    }
    count(&format!("system calls: {} stories keep the rules: {counted:?}", stories.len()));
    assert!(counted.resumed > 0 && counted.deleted > 0, "{counted:?}");
}

#[test]
fn each_checkpoint_takes_a_sync_for_each_output_and_two_more() {
    for (shape, outputs) in [(Shape::Plain, 1), (Shape::Rejects, 2)] {
        // Long enough for many checkpoints, however slow the disk is: while one is saved, no other is begun.
        let job = Job::new(shape, 12_000);
        let scratch = job.folder();
        let Some((ended, calls)) = traced(scratch.path(), &["-e", WATCHED], &RUN) else { return };
        job.is_done(scratch.path(), &ended, &format!("{shape:?}"));
        let exactly = syncs::check_exactly(&calls, outputs);
        count(&format!("system calls: {exactly} checkpoints took {} syncs", outputs + 2));
        assert!(exactly > 5, "{shape:?}: {exactly}");
    }
}

#[test]
fn after_a_sync_that_failed_nothing_more_is_written() {
    let mut failed = 0;
    for shape in [Shape::Rejects, Shape::Sort] {
        let job = Job::new(shape, 1500);
        for (call, when) in
            [("fsync", 6), ("fsync", 9), ("fsync", 14), ("fdatasync", 1), ("fdatasync", 4)]
        {
            let what = format!("{shape:?}: {call} number {when}");
            let scratch = job.folder();
            let inject = format!("inject={call}:error=EIO:when={when}");
            let options = ["-e", WATCHED, "-e", &inject];
            let Some((ended, calls)) = traced(scratch.path(), &options, &RUN) else { return };
            if rules::check_poisoned(&calls, &what) {
                assert_eq!(ended.code, Some(1), "{what}: {ended:?}");
                assert!(ended.stderr.contains("onward: error: "), "{what}: {ended:?}");
                failed += 1;
            }
            job.is_done(scratch.path(), &onward(scratch.path(), &RUN), &what);
        }
    }
    count(&format!("system calls: nothing written after {failed} failed syncs"));
    assert!(failed >= 6, "{failed}");
}

/// Calls that are made to fail, and how.
const FAILING: [(&str, &[&str]); 17] = [
    ("open", &["EIO", "ENOSPC", "EACCES", "EMFILE", "EINTR", "EROFS"]),
    ("openat", &["EIO", "EACCES", "EMFILE", "EINTR"]),
    ("write", &["EIO", "ENOSPC", "EINTR"]),
    ("pwrite64", &["EIO", "ENOSPC", "EDQUOT", "EFBIG", "EINTR", "EROFS"]),
    ("pread64", &["EIO", "EINTR"]),
    ("fsync", &["EIO", "ENOSPC", "EDQUOT", "EROFS"]),
    ("fdatasync", &["EIO", "ENOSPC", "EDQUOT"]),
    ("renameat2", &["EIO", "ENOSPC", "EROFS", "EACCES", "EINTR", "ENOSYS", "EINVAL"]),
    ("rename", &["EIO", "ENOSPC", "EROFS", "EACCES"]),
    ("unlink", &["EIO", "EROFS", "EACCES"]),
    ("ftruncate", &["EIO", "EROFS", "EINTR"]),
    ("fallocate", &["ENOSPC", "EDQUOT", "EIO", "EOPNOTSUPP", "EINTR"]),
    ("mkdir", &["EIO", "ENOSPC", "EROFS", "EACCES"]),
    ("flock", &["EIO", "EINTR", "ENOLCK"]),
    ("getdents64", &["EIO"]),
    ("statx", &["EIO", "EACCES"]),
    ("fadvise64", &["EIO", "EINVAL"]),
];

/// How often each thread makes each call, the most of any.
fn most(calls: &[Call]) -> BTreeMap<String, u64> {
    let mut of_threads: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for call in calls {
        *of_threads.entry((&call.name, &call.thread)).or_default() += 1;
    }
    let mut most: BTreeMap<String, u64> = BTreeMap::new();
    for ((name, _), count) in of_threads {
        let so_far = most.entry(name.to_owned()).or_default();
        *so_far = count.max(*so_far);
    }
    most
}

#[test]
fn whatever_call_fails_the_same_command_goes_on_as_if_nothing_had_happened() {
    let wanted = number("ONWARD_INJECTED", 60);
    let first = number("ONWARD_SEED", 1);
    let every = "trace=all";
    let shapes = [Shape::Rejects, Shape::Sort, Shape::Partitions, Shape::Aggregate];
    let mut jobs = Vec::new();
    for shape in shapes {
        let job = Job::new(shape, 700);
        let scratch = job.folder();
        let Some((_, begun)) = traced(scratch.path(), &["-e", every], &stopping()) else { return };
        let Some((ended, resumed)) = traced(scratch.path(), &["-e", every], &RUN) else { return };
        job.is_done(scratch.path(), &ended, "traced");
        jobs.push((shape, job, most(&begun), most(&resumed)));
    }
    let (mut struck, mut ended_well, mut codes) = (0, 0, BTreeMap::new());
    for seed in first..first + wanted {
        let mut random = Random::new(seed);
        let (shape, job, begun, resumed) = random.pick(&jobs);
        let is_resumed = random.below(2) == 0;
        let counts = if is_resumed { resumed } else { begun };
        let made: Vec<_> = FAILING.iter().filter(|(name, _)| counts.contains_key(*name)).collect();
        let (call, errors) = *random.pick(&made);
        let error = *random.pick(errors);
        let when = 1 + random.below(counts[*call]);
        // A call that is interrupted for ever is made for ever.
        let is_sticky = *error != *"EINTR" && random.below(4) == 0;
        let more = if is_sticky { "+" } else { "" };
        let what = format!(
            "ONWARD_SEED={seed}: {shape:?}: {call} number {when}{more} gives {error}, resumed {is_resumed}"
        );
        let scratch = job.folder();
        if is_resumed {
            onward(scratch.path(), &stopping());
        }
        let inject = format!("inject={call}:error={error}:when={when}{more}");
        let options = ["-e", "trace=none", "-e", &inject, "-e", &format!("trace={call}")];
        let arguments = if is_resumed { RUN.to_vec() } else { stopping() };
        let Some((ended, calls)) = traced(scratch.path(), &options, &arguments) else { return };
        struck += u64::from(calls.iter().any(|call| call.result.contains("INJECTED")));
        check_ended(&ended, call, error, &what);
        *codes.entry(ended.code).or_insert(0) += 1;
        if ended.code == job.code {
            job.is_done(scratch.path(), &ended, &what);
            ended_well += 1;
        }
        job.is_done(scratch.path(), &onward(scratch.path(), &RUN), &what);
    }
    count(&format!(
        "system calls: {struck} of {wanted} runs with a failing call, {ended_well} ended well; exit codes {codes:?}"
    ));
    assert!(struck * 2 > wanted, "{struck} of {wanted}");
}

/// That a run in which a call failed ended with a sentence and a code of ours, or did without the call.
fn check_ended(ended: &Ended, call: &str, error: &str, what: &str) {
    let is_loader = ended.code == Some(127);
    if is_loader && matches!(call, "openat" | "open" | "pread64") {
        return;
    }
    let is_known = matches!(ended.code, Some(0 | 1 | 2 | 3 | 5 | 6 | 75));
    assert!(is_known, "{what}: {ended:?}");
    let is_good = matches!(ended.code, Some(0 | 3 | 75));
    let is_said = ended.stderr.contains("onward: error: ") || call == "write";
    assert!(is_good || is_said, "{what}: {ended:?}");
    assert!(!ended.stderr.contains("internal error"), "{what}: {ended:?}");
    assert!(error != "EINTR" || is_good, "{what}: an interruption is no failure: {ended:?}");
}
